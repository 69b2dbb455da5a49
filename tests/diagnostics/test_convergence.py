"""Convergence statistics agree with ArviZ where defined, and are nan (never an error) elsewhere."""

from __future__ import annotations

import arviz_stats
import numpy as np
import pytest

from bayescope.diagnostics.convergence import is_sampled
from bayescope.sampling.convergence import SUMMARY, convergence, e_bfmi


def test_statistics_are_those_of_arviz(sampled, sticky_draws):
    posterior = sampled(sticky_draws).tree["posterior"].dataset
    found = convergence(sticky_draws)
    expected = {
        "r_hat": arviz_stats.rhat(posterior),
        "ess_bulk": arviz_stats.ess(posterior, method="bulk"),
        "ess_tail": arviz_stats.ess(posterior, method="tail", prob=(0.05, 0.95)),
        "mcse_mean": arviz_stats.mcse(posterior, method="mean"),
        "mcse_sd": arviz_stats.mcse(posterior, method="sd"),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), [values["a"], values["b"]], rtol=1e-12)
    for k, prob in enumerate(SUMMARY):
        errors = arviz_stats.mcse(posterior, method="quantile", prob=prob)
        np.testing.assert_allclose(found.mcse_quantiles[:, k], [errors["a"], errors["b"]], rtol=1e-12)


@pytest.mark.parametrize("exponent", [-330, 330])
def test_statistics_do_not_depend_on_the_unit(white_draws, exponent):
    """Of draws near 1e-99 or 1e99; powers of two change no digit."""
    found, scaled = convergence(white_draws), convergence(np.ldexp(white_draws, exponent))
    for name in ("r_hat", "ess_bulk", "ess_tail"):
        np.testing.assert_array_equal(getattr(scaled, name), getattr(found, name))
    for name in ("mcse_mean", "mcse_sd", "mcse_quantiles"):
        np.testing.assert_array_equal(getattr(scaled, name), np.ldexp(getattr(found, name), exponent))


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_a_broken_parameter_is_undefined_and_leaves_the_others_alone(white_draws, value):
    broken = white_draws.copy()
    broken[:, :, 0] = value
    found, intact = convergence(broken), convergence(white_draws)
    for name in ("r_hat", "ess_bulk", "ess_tail", "mcse_mean", "mcse_sd", "mcse_quantiles"):
        assert np.isnan(getattr(found, name)[0]).all()
        np.testing.assert_array_equal(getattr(found, name)[1], getattr(intact, name)[1])


@pytest.mark.parametrize("shape", [(4, 3, 1), (4, 0, 1), (0, 0, 1)])
def test_too_few_draws_are_undefined(shape):
    found = convergence(np.random.default_rng(0).normal(size=shape))
    assert np.isnan(found.r_hat).all()
    assert np.isnan(found.ess_bulk).all()


def test_one_chain_has_an_effective_sample_size_but_no_r_hat(white_draws):
    found = convergence(white_draws[:1])
    assert np.isnan(found.r_hat).all()
    assert (found.ess_bulk > 400).all()


def test_e_bfmi_is_that_of_arviz(sampled, white_draws):
    energy = np.random.default_rng(3).normal(size=(4, 1000)).cumsum(axis=1)
    expected = arviz_stats.bfmi(sampled(white_draws, energy=energy).tree)["energy"].values
    np.testing.assert_allclose(e_bfmi(energy), expected, rtol=1e-12)


@pytest.mark.parametrize("energy", [np.ones((2, 10)), np.ones((2, 1)), np.ones((2, 0))])
def test_e_bfmi_of_a_constant_or_empty_energy_is_undefined(energy):
    assert np.isnan(e_bfmi(energy)).all()


def test_only_markov_chain_draws_count_as_sampled(sampled, exact, point, unanswered, white_draws):
    assert is_sampled(sampled(white_draws))
    assert not any(map(is_sampled, (exact([0], [1]), point([0]), unanswered("failed"))))
