"""Ranks and their bands: uniform ranks stay inside with the probability wanted, others do not."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from bayescope.diagnostics.calibration import BAND, calibrate, outside, pit_of, simultaneous_bands


@pytest.mark.parametrize("simulations", [20, 150])
def test_uniform_ranks_stay_inside_with_the_probability_wanted(simulations):
    bands = simultaneous_bands(simulations)
    u = np.random.default_rng(3).random((4000, simulations))
    counts = np.stack([(u <= place).sum(axis=1) for place in bands.places], axis=1)
    inside = np.mean(np.all((counts >= bands.lower) & (counts <= bands.upper), axis=1))
    assert abs(inside - BAND) < 0.003 + 4 * np.sqrt(BAND * (1 - BAND) / 4000)  # counts are whole: a step more


def test_the_bands_of_two_simulations_by_hand():
    # places 1/2 and 1: of two uniform numbers none, one or two are below 1/2; no band can leave one of them out
    bands = simultaneous_bands(2)
    assert bands.places.tolist() == [0.5, 1.0]
    assert (bands.lower.tolist(), bands.upper.tolist()) == ([0, 2], [2, 2])


def test_the_bands_are_binomial_quantiles_of_one_probability():
    bands = simultaneous_bands(200)
    tails = scipy.stats.binom.cdf(bands.lower[40:60] - 1, 200, bands.places[40:60])
    assert np.all(tails < (1 - BAND) / 2)  # wider than the bands of one place
    assert all(later >= earlier for earlier, later in pairwise(bands.lower))


def test_the_rank_of_an_exchangeable_truth_is_uniform():
    rng = np.random.default_rng(5)
    found = [pit_of(rng.normal(size=1), rng.normal(size=(9, 1)), rng)[0] for _ in range(3000)]
    assert scipy.stats.kstest(found, "uniform").pvalue > 1e-4
    ties = [pit_of(np.zeros(1), np.zeros((9, 1)), rng)[0] for _ in range(3000)]
    assert scipy.stats.kstest(ties, "uniform").pvalue > 1e-4


@pytest.mark.parametrize(("shift", "stretch"), [(0.5, 1.0), (0.0, 2.0), (0.0, 0.5)])
def test_draws_that_are_shifted_too_narrow_or_too_wide_leave_the_bands(shift, stretch):
    z = np.random.default_rng(7).normal(size=200)
    good = calibrate("nuts", "a", scipy.stats.norm.cdf(z))
    bad = calibrate("nuts", "b", scipy.stats.norm.cdf(stretch * z + shift))
    assert good.inside
    assert not bad.inside
    assert outside([good, bad], "nuts") == ("b",)


def test_coverage_counts_the_central_intervals_that_hold_the_truth():
    row = calibrate("exact", "p", np.array([0.5, 0.76, 0.24, 0.04, 0.96, 0.99]))
    assert row.coverage == (1 / 6, 3 / 6, 5 / 6)
    assert calibrate("exact", "p", np.array([0.03, 0.06])).coverage == (0.0, 0.5, 1.0)
