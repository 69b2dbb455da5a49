"""Sums over rows with first derivatives: those of the heads' own log densities, row by row."""

import numpy as np
import pytest

from bayescope.distributions.likelihoods import LIKELIHOODS

CASES = [(name, link) for name, likelihood in LIKELIHOODS.items() for link in likelihood.slopes]


def rows(name, size=1100):
    """More rows than one product of single trials takes, and not a multiple of them."""
    rng = np.random.default_rng(8)
    trials = rng.integers(1, 9, size).astype(float) if LIKELIHOODS[name].needs_trials else None
    most = {"Bernoulli": np.ones(size), "Binomial": trials, "Poisson": np.full(size, 12.0)}[name]
    return rng.binomial(most.astype(int), 0.4).astype(float), trials, rng.integers(1, 4, size).astype(float)


@pytest.mark.parametrize(("name", "link"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_sums_and_slopes_are_those_of_the_density(name, link, weighted, scale):
    y, trials, weights = rows(name)
    eta = scale * np.random.default_rng(9).normal(size=(3, len(y)))
    log_density, derivatives = LIKELIHOODS[name].on_link[link]
    w = weights if weighted else np.ones(len(y))
    values, first = LIKELIHOODS[name].slopes[link](y, trials, weights if weighted else None)(eta.copy())
    np.testing.assert_allclose(values, log_density(y, trials, (eta,)) @ w, rtol=1e-12)
    np.testing.assert_allclose(first, w * derivatives(y, trials, (eta,))[0][0], rtol=1e-12, atol=1e-12)


def test_products_of_many_factors_do_not_overflow():
    slopes = LIKELIHOODS["Bernoulli"].slopes["logit"](np.ones(5000), None, None)
    values, first = slopes(np.zeros((1, 5000)))
    assert values[0] == pytest.approx(-5000 * np.log(2), rel=1e-12)
    assert (first == 0.5).all()


@pytest.mark.parametrize("eta", [-800.0, 800.0])
def test_impossible_outcomes_are_finite_where_their_log_is(eta):
    """log p of the outcome that eta excludes is -|eta|, and its slope 1 away from it."""
    values, first = LIKELIHOODS["Bernoulli"].slopes["logit"](np.array([float(eta < 0)]), None, None)(
        np.array([[eta]])
    )
    assert (values[0], first[0, 0]) == (-800.0, -np.sign(eta))
