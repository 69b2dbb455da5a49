"""Sums over rows in place: those of the heads' own log densities, row by row."""

import numpy as np
import pytest

from bayescope.distributions.likelihoods import LIKELIHOODS

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


@pytest.mark.parametrize("largest", [0.0, 8.0, 41.0, 42.0, 800.0])
def test_products_of_thousands_of_rows_do_not_overflow(largest):
    y = np.random.default_rng(8).integers(0, 2, 5000).astype(float)
    eta = np.random.default_rng(9).uniform(-largest, largest, (len(y), 3))
    expected = by_row("Bernoulli", "logit", y, None, None, eta)
    found = LIKELIHOODS["Bernoulli"].totals["logit"](y, None, None, eta.copy())
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_sure_prediction_that_fails_has_no_likelihood():
    total = LIKELIHOODS["Bernoulli"].totals["logit"]
    eta = np.array([[np.inf, -np.inf, np.nan, 0.0], [0.0, 0.0, 0.0, 0.0]])
    with np.errstate(invalid="ignore"):
        found = total(np.array([1.0, 0.0]), None, None, eta.copy())
    np.testing.assert_allclose(found, [-np.log(2), -np.inf, np.nan, -2 * np.log(2)], rtol=1e-15)


def test_weights_that_undo_the_trials_make_no_single_trials():
    total = LIKELIHOODS["Binomial"].totals["logit"]
    y, trials, weights = np.array([0.0, 1.0, 2.0]), np.full(3, 2.0), np.full(3, 0.5)
    eta = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
    expected = by_row("Binomial", "logit", y, trials, weights, eta)
    np.testing.assert_allclose(total(y, trials, weights, eta.copy()), expected, rtol=1e-14)
