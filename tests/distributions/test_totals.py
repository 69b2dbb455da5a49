"""Sums over rows in place: those of the heads' own log densities, row by row."""

import numpy as np
import pytest

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.totals import MOST_ROWS

CASES = [(name, link) for name, likelihood in LIKELIHOODS.items() for link in likelihood.totals]


def rows(name, size=60):
    rng = np.random.default_rng(8)
    trials = rng.integers(1, 9, size).astype(float) if LIKELIHOODS[name].needs_trials else None
    most = {"Bernoulli": np.ones(size), "Binomial": trials, "Poisson": np.full(size, 12.0)}[name]
    return rng.binomial(most.astype(int), 0.4).astype(float), trials, rng.integers(1, 4, size).astype(float)


def by_row(name, link, y, trials, weights, eta):
    columns = y[:, np.newaxis], None if trials is None else trials[:, np.newaxis]
    values = LIKELIHOODS[name].on_link[link][0](*columns, (eta,))
    return values.sum(axis=0) if weights is None else weights @ values


@pytest.mark.parametrize(("name", "link"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_total_is_the_sum_of_the_log_densities(name, link, weighted, scale):
    y, trials, weights = rows(name)
    eta = scale * np.random.default_rng(9).normal(size=(len(y), 5))
    weights = weights if weighted else None
    expected = by_row(name, link, y, trials, weights, eta)
    found = LIKELIHOODS[name].totals[link](y, trials, weights, eta.copy())
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_product_of_a_whole_block_does_not_overflow():
    total = LIKELIHOODS["Bernoulli"].totals["logit"]
    even = total(np.ones(MOST_ROWS), None, None, np.zeros((MOST_ROWS, 1)))
    assert even == pytest.approx(-MOST_ROWS * np.log(2), rel=1e-12)
