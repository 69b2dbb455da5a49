"""Rows of comparison.csv against closed forms for Normals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from bayescope.diagnostics.comparison import choose_reference, compare, kl_of_normals

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
    # the tails beyond |t| = 6 hold 2 phi(6) = 1.22e-8 of |1 - ratio| and 2 Phi(-6) = 2e-9 of |shift|
    tolerance = 1.3e-8 * (abs(1 - ratio) + abs(shift)) + 1e-9
    assert row.wasserstein_1_in_sd == pytest.approx(folded_mean(shift, ratio - 1), abs=tolerance)
    assert row.kl_nats == pytest.approx(
        np.log(sd0 / sd) + (sd**2 + (mean - mean0) ** 2) / (2 * sd0**2) - 0.5, abs=1e-9
    )
    assert row.kl_nats >= -1e-9
    assert (row.z, row.z_sd) == (None, None)


@pytest.mark.parametrize(("mean", "expected"), [(1.0, 0.818147), (2.0, 2.318147)])
def test_kl_has_the_textbook_values(mean, expected):
    assert kl_of_normals(np.array(mean), np.array(0.5)) == pytest.approx(expected, abs=5e-7)


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


def test_an_undefined_reference_leaves_cells_empty(exact, point):
    heavy = replace(exact([0.0], [1.0]), covariance=np.array([[np.inf]]))
    (row,) = compare([point([1.0], [1.0]), heavy])
    assert (row.sd_ratio, row.kl_nats) == (0.0, None)
