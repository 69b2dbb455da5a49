"""Rows of estimates.csv against NumPy, ArviZ and the Normal distribution."""

from __future__ import annotations

from dataclasses import replace

import arviz_stats
import numpy as np
import pytest

from bayescope.diagnostics.estimates import summarise

Z_89 = 1.5981931399228169  # the 94.5 % quantile of the standard Normal


def test_sampler_rows_are_those_of_numpy_and_arviz(sampled, sticky_draws):
    fit = sampled(sticky_draws)
    first, second = summarise(fit)
    flat = sticky_draws[:, :, 1].ravel()
    posterior = fit.tree["posterior"].dataset
    assert (first.parameter, second.parameter, second.method) == ("a", "b", "nuts")
    assert second.estimate == pytest.approx(flat.mean())
    assert second.sd == pytest.approx(flat.std(ddof=1))
    assert (second.lower, second.median, second.upper) == pytest.approx(
        np.quantile(flat, [0.055, 0.5, 0.945])
    )
    assert second.r_hat == pytest.approx(float(arviz_stats.rhat(posterior)["b"]))
    assert second.ess_bulk == pytest.approx(float(arviz_stats.ess(posterior)["b"]))
    assert second.mcse_mean == pytest.approx(float(arviz_stats.mcse(posterior)["b"]))


def test_exact_rows_come_from_the_marginals_and_have_nothing_to_converge(exact):
    (row,) = summarise(exact([2.0], [0.5]))
    assert (row.estimate, row.sd, row.median, row.mode) == pytest.approx((2.0, 0.5, 2.0, 2.0))
    assert (row.lower, row.upper) == pytest.approx((2 - Z_89 / 2, 2 + Z_89 / 2))
    assert (row.r_hat, row.ess_bulk, row.ess_tail, row.mcse_mean) == (None, None, None, None)


def test_point_rows_have_the_wald_interval(point):
    (row,) = summarise(point([1.0], [0.25]))
    assert (row.lower, row.upper) == pytest.approx((1 - Z_89 / 4, 1 + Z_89 / 4), rel=1e-12)
    assert (row.median, row.mode, row.r_hat) == (None, None, None)


@pytest.mark.parametrize("sd", [None, [np.nan]])
def test_a_point_without_a_standard_error_has_no_interval(point, sd):
    (row,) = summarise(point([1.0], sd))
    assert row.estimate == 1.0
    assert (row.sd, row.lower, row.upper) == (None, None, None)


def test_an_undefined_mean_is_none_and_never_nan(exact):
    (row,) = summarise(
        replace(exact([0.0], [1.0]), estimate=np.array([np.nan]), covariance=np.array([[np.inf]]))
    )
    assert (row.estimate, row.sd) == (None, None)
    assert row.median == pytest.approx(0.0)


def test_constant_draws_are_summarised_without_convergence(sampled):
    (row,) = summarise(sampled(np.ones((4, 1000, 1))))
    assert (row.estimate, row.sd, row.r_hat, row.ess_bulk) == (1.0, 0.0, None, None)


def test_a_method_without_an_answer_has_no_rows(unanswered):
    assert summarise(unanswered("failed")) == ()
