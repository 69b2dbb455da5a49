"""Where draws diverged: Kolmogorov's distance as SciPy has it, and nothing said of few or of chance."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from bayescope.diagnostics.divergences import FEWEST, correlation, divergent, places, ranks
from bayescope.diagnostics.sampler_checks import check_sampler
from bayescope.sampling.convergence import convergence


def at_small(values, count):
    """Mark the `count` smallest of all values."""
    return ranks(values) < count


def test_distances_are_those_of_scipy(sampled, white_draws):
    flags = at_small(white_draws[:, :, 0] + white_draws[:, :, 1] / 2, 80)
    for place in places(sampled(white_draws, diverging=flags)):
        values = white_draws[:, :, place.position]
        expected = scipy.stats.ks_2samp(values[flags], values[~flags]).statistic
        assert place.distance == pytest.approx(expected, rel=1e-12)
        assert place.divergent == pytest.approx(np.median(values[flags]))
        assert place.others == pytest.approx(np.median(values[~flags]))


def test_the_unknown_that_divergences_depend_on_comes_first(sampled, white_draws):
    first, second = places(sampled(white_draws, diverging=at_small(white_draws[:, :, 1], 40)))
    assert (first.position, first.is_apart) == (1, True)
    assert (second.position, second.is_apart) == (0, False)


def test_the_critical_distance_is_that_of_one_in_a_thousand(sampled, white_draws):
    """Smirnov's limit: P(D > c sqrt(1/n + 1/m)) = 2 sum (-1)^(k-1) exp(-2 k^2 c^2), by SciPy's kstwobign."""
    (place, _) = places(sampled(white_draws, diverging=at_small(white_draws[:, :, 1], 40)))
    assert scipy.stats.kstwobign.sf(place.critical / np.sqrt(1 / 40 + 1 / 3960)) == pytest.approx(
        1e-3, rel=0.01
    )


@pytest.mark.parametrize("count", [0, FEWEST - 1, 4000])
def test_of_too_few_draws_of_a_kind_nothing_is_said(sampled, white_draws, count):
    fit = sampled(white_draws, diverging=at_small(white_draws[:, :, 0], count))
    assert divergent(fit) is None
    assert places(fit) == ()


def test_the_check_says_where_draws_diverged(sampled, white_draws):
    fit = sampled(white_draws, diverging=at_small(white_draws[:, :, 1], 40))
    found = {check.name: check for check in check_sampler(fit, convergence(fit.draws))}["divergences"]
    assert found.message.startswith(
        "40 of 4000 draws diverged. They differ from the other draws in b (median -2."
    )
    assert " a (" not in found.message


def test_correlation_is_that_of_numpy_and_zero_where_undefined(white_draws):
    a, b = white_draws[:, :, 0], white_draws[:, :, 1]
    assert correlation(a, a + b) == pytest.approx(np.corrcoef(a.ravel(), (a + b).ravel())[0, 1], rel=1e-12)
    assert correlation(a, np.ones_like(a)) == 0.0
    assert correlation(a, np.full_like(a, -np.inf)) == 0.0
