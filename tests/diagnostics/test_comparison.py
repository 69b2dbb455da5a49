"""Rows of comparison.csv against closed forms for Normals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

import bayescope
from bayescope import information
from bayescope.diagnostics.comparison import choose_reference, compare
from bayescope.inference.fit import Fit
from bayescope.inference.marginals import Gamma, Pushforward

means = st.floats(-5, 5)
sds = st.floats(0.05, 20)


def folded_mean(mean: float, sd: float) -> float:
    """E|X| for X ~ Normal(mean, sd): the 1-Wasserstein distance of N(m1, s1) and N(m2, s2) for their differences."""
    sd = abs(sd)
    if sd == 0:
        return abs(mean)
    z = mean / sd
    return sd * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) + mean * (1 - 2 * scipy.special.ndtr(-z))


def test_the_reference_is_exact_else_the_first_sampler(exact, sampled, point, unanswered, white_draws):
    nuts, longer = sampled(white_draws), sampled(white_draws, name="nuts-long")
    solved = exact([0.0, 0.0], [1.0, 1.0])
    assert choose_reference([point([0.0]), nuts, solved]) is solved
    assert choose_reference([unanswered("not applicable", "exact"), nuts, longer]) is nuts
    assert choose_reference([point([0.0])]) is None
    assert compare([point([0.0])]) == ()


def test_every_other_answer_has_a_row_a_parameter(exact, sampled, point, unanswered, white_draws):
    fits = [point([0, 0]), unanswered("failed", "map"), exact([0, 0], [1, 1]), sampled(white_draws)]
    rows = [(row.method, row.parameter, row.reference) for row in compare(fits)]
    assert rows == [(m, p, "exact") for m in ("mle", "nuts") for p in "ab"]


@given(mean=means, sd=sds, mean0=means, sd0=sds)
def test_normal_against_normal_has_the_closed_form_distances(exact, point, mean, sd, mean0, sd0):
    (row,) = compare([point([mean], [sd]), exact([mean0], [sd0])])
    shift, ratio = (mean - mean0) / sd0, sd / sd0
    assert row.mean_shift_in_sd == pytest.approx(shift)
    assert row.sd_ratio == pytest.approx(ratio)
    # a cubic spline of phi(t) (shift + (ratio - 1) t), step h = 1/32: h^4 / 384 of its fourth derivative, at most 15
    tolerance = 4e-8 * (abs(1 - ratio) + abs(shift)) + 1e-12
    assert row.wasserstein_1_in_sd == pytest.approx(folded_mean(shift, ratio - 1), abs=tolerance)
    assert row.kl_nats == pytest.approx(
        np.log(sd0 / sd) + (sd**2 + (mean - mean0) ** 2) / (2 * sd0**2) - 0.5, abs=1e-9
    )
    assert row.kl_nats >= -1e-9
    assert (row.z, row.z_sd) == (None, None)


def test_wasserstein_of_draws_is_that_of_scipy(exact, sampled):
    rng = np.random.default_rng(5)
    draws = rng.gamma(3.0, size=(4, 1000, 1))
    other = rng.normal(3, 2, size=(4, 1000, 1))
    rows = compare([sampled(draws), sampled(other, name="other")])
    expected = scipy.stats.wasserstein_distance(draws.ravel(), other.ravel()) / draws.std(ddof=1)
    # the quantile functions of 4000 draws are read at 257 nodes and taken as linear in between
    assert rows[0].wasserstein_1_in_sd == pytest.approx(expected, rel=0.01)


def test_equal_answers_have_no_distance(exact):
    (row,) = compare([exact([1.5], [0.3]), exact([1.5], [0.3], name="again")])
    assert (row.mean_shift_in_sd, row.sd_ratio, row.wasserstein_1_in_sd, row.kl_nats) == (0.0, 1.0, 0.0, 0.0)
    assert row.z is None


def test_a_point_without_an_sd_claims_no_distribution(exact, point):
    (row,) = compare([point([1.0]), exact([0.0], [2.0])])
    assert row.mean_shift_in_sd == 0.5
    assert (row.sd_ratio, row.wasserstein_1_in_sd, row.kl_nats) == (None, None, None)


def test_z_is_the_difference_in_monte_carlo_errors(exact, sampled, white_draws):
    _, row = compare([exact([0.0, 0.0], [1.0, 1.0]), sampled(white_draws)])
    flat = white_draws[:, :, 1].ravel()
    # independent Normal draws: the standard errors are 1 / sqrt(N) and 1 / sqrt(2 N), known here to 10 %
    assert row.z == pytest.approx(flat.mean() * np.sqrt(4000), rel=0.1)
    assert row.z_sd == pytest.approx((flat.std(ddof=1) - 1) * np.sqrt(8000), rel=0.1)


def test_two_samplers_combine_their_monte_carlo_errors(exact, sampled, white_draws):
    other = np.random.default_rng(8).normal(0.05, 1, size=white_draws.shape)
    row = compare([sampled(white_draws), sampled(other, name="other")])[0]
    shift = other[:, :, 0].mean() - white_draws[:, :, 0].mean()
    assert row.z == pytest.approx(shift / np.sqrt(2 / 4000), rel=0.1)


def test_without_an_sd_of_the_reference_there_is_still_a_divergence(exact, point):
    heavy = replace(exact([0.0], [1.0]), covariance=np.array([[np.inf]]))
    (row,) = compare([point([1.0], [1.0]), heavy])
    assert (row.sd_ratio, row.wasserstein_1_in_sd) == (0.0, None)
    assert row.kl_nats == pytest.approx(0.5)  # of Normal(1, 1) from Normal(0, 1)


def posterior(marginal, name, method):
    return Fit(
        name=name,
        method=method,
        kind="posterior",
        names=("a",),
        estimate=np.array([marginal.mean]),
        covariance=np.array([[marginal.sd**2]]),
        marginals={"a": marginal},
    )


def test_the_divergence_is_that_of_the_marginals_not_of_normals():
    own, reference = Gamma(9.0, 3.0), Gamma(8.0, 2.5)
    (row,) = compare([posterior(own, "laplace", "laplace"), posterior(reference, "exact", "exact")])
    truth = information.kl(information.gamma(9, 3), information.gamma(8, 2.5))
    assert (row.kl_nats, row.kl_method) == (truth.value, "closed form")
    (row,) = compare(
        [posterior(own, "laplace", "laplace"), posterior(Pushforward(1.1, 0.3, 0.0, np.inf), "grid", "grid")]
    )
    assert row.kl_method == "quadrature"
    x = np.linspace(1e-6, 30, 200_001)
    log_ratio = scipy.stats.gamma(9, scale=1 / 3).logpdf(x) - scipy.stats.lognorm(
        0.3, scale=np.exp(1.1)
    ).logpdf(x)
    by_hand = np.trapezoid(scipy.stats.gamma(9, scale=1 / 3).pdf(x) * log_ratio, x)
    assert row.kl_nats == pytest.approx(by_hand, abs=1e-9)
    assert row.kl_error < 1e-9


def test_draws_are_measured_by_their_nearest_neighbours_with_an_error(exact, sampled, white_draws):
    (row, _) = compare([sampled(white_draws + 0.5), exact([0.0, 0.0], [1.0, 1.0])])
    assert row.kl_method.startswith("k nearest neighbours")
    assert abs(row.kl_nats - 0.125) <= 4 * row.kl_error < 0.2


def test_too_few_draws_to_measure_have_moments_alone(exact, sampled, white_draws):
    rows = compare([exact([0.0, 0.0], [1.0, 1.0]), sampled(white_draws[:1, :19])])
    assert [(row.wasserstein_1_in_sd, row.kl_nats) for row in rows] == [(None, None)] * 2
    assert rows[0].sd_ratio == pytest.approx(white_draws[0, :19, 0].std(ddof=1))


def test_a_normal_that_reaches_beyond_the_posterior_has_no_finite_divergence(point):
    (row,) = compare([point([3.0], [1.0]), posterior(Gamma(9.0, 3.0), "exact", "exact")])
    assert (row.kl_nats, row.kl_error, row.kl_method) == (None, None, "")
    assert 0.0 < row.wasserstein_1_in_sd < 0.2


def test_a_posterior_without_a_mean_has_no_distance_to_it():
    # four rows that count as 0.4: no quadrature of its quantiles would come to an end
    model = {"likelihood": "Normal", "response": "y", "weights": "w"}
    model["priors"] = {"mu": "Flat()", "sigma": "HalfCauchy(1)"}
    data = {"columns": {"y": [1, 2, 4, 3], "w": [0.1] * 4}}
    run = bayescope.run({"name": "flat", "data": data, "model": model, "inference": ["mle", "exact"]})
    assert "no mean and sd of mu, sigma" in run["exact"].outcome.message
    assert {row.wasserstein_1_in_sd for row in run.record.comparison} == {None}
