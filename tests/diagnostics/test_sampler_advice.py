"""Advice looks at the model: its groups, whether they are centred, its priors, how close its columns are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayescope.diagnostics.sampler_advice import ADVICE, advice, pooling_factor, tail_reach
from bayescope.inference.gates import GATES, Measured, failed_gates
from bayescope.pipeline import prepare, read_config

GROUPS, SIZE = 6, 5


def model_of(formula, **more):
    rng = np.random.default_rng(5)
    columns = {
        "y": rng.normal(size=GROUPS * SIZE).tolist(),
        "x": rng.normal(size=GROUPS * SIZE).tolist(),
        "county": np.repeat([f"c{g}" for g in range(GROUPS)], SIZE).tolist(),
        "state": np.tile(["s", "t"], GROUPS * SIZE // 2).tolist(),
    }
    specification = {"likelihood": "Normal", "formula": formula, **more}
    config = {"name": "m", "data": {"columns": columns}, "model": specification, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def fit_of(sampled, model, **columns):
    """Independent standard Normal draws of the unknowns (their absolute values for scales), but for `columns`."""
    draws = np.random.default_rng(8).normal(size=(4, 1000, len(model.names)))
    for i, name in enumerate(model.names):
        draws[:, :, i] = columns.get(name, np.abs(draws[:, :, i]) if "s" in name[-5:] else draws[:, :, i])
    statistics = {name: columns.get(name) for name in ("diverging", "energy") if name in columns}
    fit = sampled(np.zeros((4, 1000, 1)), **statistics)
    return replace(fit, names=model.names, draws=draws)


def funnel(names, own=0.0):
    """Effects of groups at a wide range of sds, and divergences in the neck; `own`: what each group adds."""
    rng = np.random.default_rng(9)
    sd = rng.lognormal(-1, 1, size=(4, 1000))
    effects = {name: sd * rng.normal(size=sd.shape) + own * k for k, name in enumerate(names)}
    return {"county.sd": sd, "diverging": sd < np.quantile(sd, 0.01), **effects}


EFFECTS = [f"county[c{g}]" for g in range(GROUPS)]
DIVERGED = Measured(40, count=40, of=4000)


def test_a_funnel_of_centred_effects_asks_for_the_other_parametrisation(sampled):
    model = model_of("y ~ 1 + (1 | county)", centered=True)
    text = advice("divergences", fit_of(sampled, model, **funnel(EFFECTS)), DIVERGED, model)
    assert "a funnel between county.sd and county[c" in text
    assert text.endswith("Set `centered: false`.")


def test_other_centred_groups_stay_centred(sampled):
    model = model_of("y ~ 1 + (1 | county) + (1 | state)", centered=True)
    text = advice("divergences", fit_of(sampled, model, **funnel(EFFECTS)), DIVERGED, model)
    assert text.endswith("Set `centered: [state]`.")


def test_divergences_elsewhere_are_no_funnel(sampled):
    model = model_of("y ~ 1 + (1 | county)", centered=True)
    columns = funnel(EFFECTS, own=30.0) | {"diverging": np.random.default_rng(3).random((4, 1000)) < 0.01}
    text = advice("divergences", fit_of(sampled, model, **columns), DIVERGED, model)
    assert "`target_accept: 0.99`" in text


STRONG = {name: 10.0 * k + np.random.default_rng(k).normal(size=(4, 1000)) for k, name in enumerate(EFFECTS)}
"""Effects with a posterior sd of 1 that lie far apart: their own rows determine them."""


@pytest.mark.parametrize("gate", ["r_hat", "ess_bulk", "ess_tail", "divergences", "tree_depth"])
def test_strong_data_in_every_group_ask_for_centred_effects(sampled, gate):
    model = model_of("y ~ 1 + (1 | county)")
    text = advice(gate, fit_of(sampled, model, **STRONG), Measured(1.05, "county.sd"), model)
    assert text.endswith("Set `centered: [county]`.")
    assert "pooling factor 0.0" in text


@pytest.mark.parametrize("gate", ["r_hat", "ess_bulk", "e_bfmi"])
def test_weak_data_in_every_group_ask_for_the_default(sampled, gate):
    model = model_of("y ~ 1 + (1 | county)", centered=["county"])
    text = advice(
        gate, fit_of(sampled, model), Measured(1.05, "county[c1]" if gate != "e_bfmi" else "chain 1"), model
    )
    assert text.endswith("Set `centered: false`.")


def test_groups_are_not_to_blame_for_another_parameter(sampled):
    model = model_of("y ~ 1 + (1 | county)")
    text = advice("ess_bulk", fit_of(sampled, model, **STRONG), Measured(200.0, "sigma"), model)
    assert text.startswith("Set `draws` to at least 2000 a chain")


def test_our_own_sampler_has_no_use_for_centred_effects(sampled):
    model = model_of("y ~ 1 + (1 | county)")
    fit = fit_of(sampled, model, **STRONG)
    white = replace(fit, details={"sampler": "bayescope"})
    measured = Measured(120.0, "county.sd")
    assert "centered" in advice("ess_bulk", fit, measured, model)
    assert "centered" not in advice("ess_bulk", white, measured, model)


def test_the_pooling_factor_is_the_share_of_the_variance_that_is_not_between_means():
    """Effects a_j + e, e standard Normal, and V(a) = 3: 1 - 3 / (3 + 1) = 1/4, to the error of 1e5 draws."""
    a = np.array([-1.5, -1.5, 1.5, 1.5])
    draws = a + np.random.default_rng(2).normal(size=(100_000, 4))
    assert pooling_factor(draws) == pytest.approx(1 / 4, abs=0.01)


def close(model, a, b):
    """Draws in which two unknowns differ by a hundredth of their sd."""
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(4, 1000))
    return {a: shared, b: 3 * shared + 0.03 * rng.normal(size=shared.shape)}


@pytest.mark.parametrize("gate", ["r_hat", "ess_bulk", "ess_tail", "tree_depth"])
def test_coefficients_that_are_hardly_told_apart_ask_for_standardised_predictors(sampled, gate):
    model = model_of("y ~ x")
    text = advice(gate, fit_of(sampled, model, **close(model, "Intercept", "x")), Measured(1.05, "x"), model)
    assert text.startswith(
        "x and Intercept have a correlation of 1.00 in the posterior. Set `standardize: true`"
    )


def test_standardised_predictors_are_not_asked_for_twice(sampled):
    model = model_of("y ~ x", standardize=True)
    text = advice(
        "r_hat", fit_of(sampled, model, **close(model, "Intercept", "x")), Measured(1.05, "x"), model
    )
    assert "standardize" not in text
    assert "leave one of them out" in text.lower()


HEAVY = {
    "Cauchy(0, 2)": "Normal(0, 2)",
    "StudentT(3, 0, 2)": "Normal(0, 2)",
    "Flat()": "leave its line out for the default",
}


@pytest.mark.parametrize("prior", HEAVY)
def test_a_long_tail_names_the_prior_that_lets_it(sampled, prior):
    model = model_of("y ~ x", priors={"x": prior})
    long = np.random.default_rng(6).standard_cauchy(size=(4, 1000))
    text = advice("ess_tail", fit_of(sampled, model, x=long), Measured(100.0, "x"), model)
    assert f"as has its prior {model.blocks[1].prior}. Give `x` a tighter one: " in text
    assert HEAVY[prior] in text


def test_a_heavy_prior_in_units_of_another_unknown_has_a_tighter_one_in_the_same_units(sampled):
    model = model_of("y ~ x", priors={"coefficients": "Cauchy(0, 2 * sigma)"})
    long = np.random.default_rng(6).standard_cauchy(size=(4, 1000))
    text = advice("ess_tail", fit_of(sampled, model, x=long), Measured(100.0, "x"), model)
    assert text.endswith("Give `coefficients` a tighter one: Normal(0, 2 * sigma).")


def test_a_low_e_bfmi_names_the_unknown_that_goes_with_the_energy(sampled):
    model = model_of("y ~ x", priors={"sigma": "HalfCauchy(2.5)"})
    long = np.abs(np.random.default_rng(6).standard_cauchy(size=(4, 1000)))
    fit = fit_of(sampled, model, sigma=long, energy=long)
    text = advice("e_bfmi", fit, Measured(0.1, "chain 2"), model)
    assert text.startswith("sigma has a long tail")
    assert text.endswith("Give `sigma` a tighter one: HalfNormal(2.5).")


def test_a_heavy_prior_that_the_data_overrule_is_not_to_blame(sampled):
    model = model_of("y ~ x", priors={"sigma": "HalfCauchy(2.5)"})
    text = advice("ess_tail", fit_of(sampled, model), Measured(200.0, "sigma"), model)
    assert "prior" not in text


def test_the_reach_of_a_tail_is_that_of_the_distribution():
    """Normal quantiles: 2.326 / 0.674 = 3.45; exponential: (4.605 - 0.693) / (1.386 - 0.693) = 5.64."""
    p = (np.arange(100_000) + 0.5) / 100_000
    assert tail_reach(-np.log1p(-p)) == pytest.approx(5.64, abs=0.01)
    assert tail_reach(np.ones(100)) == 0.0


def test_chains_at_different_modes_are_told_apart_from_chains_that_need_longer(sampled):
    model = model_of("y ~ x")
    apart = np.random.default_rng(1).normal(size=(4, 1000)) + 9.0 * (np.arange(4) == 2)[:, None]
    text = advice("r_hat", fit_of(sampled, model, x=apart), Measured(2.0, "x"), model)
    assert text.startswith("The chains do not overlap in x")
    assert "chain 3" in text


@pytest.mark.parametrize(
    ("target", "advised"), [(0.9, "set `target_accept: 0.99`"), (0.99, "is at 0.99 already")]
)
def test_smaller_steps_are_advised_where_they_can_be_smaller(sampled, white_draws, target, advised):
    fit = replace(sampled(white_draws), settings={"target_accept": target})
    assert advised in advice("divergences", fit, DIVERGED, None)


def test_every_gate_has_advice_without_a_model(sampled, sticky_draws):
    assert set(ADVICE) == {gate.name for gate in GATES}
    fit = sampled(
        sticky_draws,
        diverging=np.ones((4, 1000)),
        reached_max_treedepth=np.ones((4, 1000)),
        energy=np.ones((4, 1000)),
    )
    failed = failed_gates(fit)
    assert {gate.name for gate, _ in failed} == set(ADVICE)
    assert all(advice(gate.name, fit, measured, None) for gate, measured in failed)
