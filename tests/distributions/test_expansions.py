"""Power series of log densities: their terms by Cauchy's integrals, and the bound on what is left out."""

import math

import numpy as np
import pytest

from bayescope.distributions.expansions import EXPONENTIAL, LOGISTIC
from bayescope.distributions.likelihoods import LIKELIHOODS

CURVATURES = {
    "logistic": (LOGISTIC, lambda z: 0.25 / np.cosh(0.5 * z) ** 2),
    "exponential": (EXPONENTIAL, np.exp),
}
ETA = np.array([-30.0, -4.0, -0.7, 0.0, 0.3, 2.0, 8.0, 30.0])


def coefficients(curvature, most, radius=2.5, points=512):
    """c^(k) / k! over c'' for k = 2, ..., K by integrals of c'' over a circle around eta; shape (K - 1, n)."""
    circle = radius * np.exp(2j * np.pi * np.arange(points) / points)
    values = curvature(ETA[:, np.newaxis] + circle) / curvature(ETA)[:, np.newaxis]
    powers = np.fft.fft(values, axis=1).real[:, : most - 1].T / points
    k = np.arange(2, most + 1)[:, np.newaxis]
    return powers / radius ** (k - 2.0) / (k * (k - 1.0))


def test_every_expansion_comes_with_what_it_is_used_with():
    found = {one for likelihood in LIKELIHOODS.values() for one in likelihood.expansion.values()}
    assert found == {LOGISTIC, EXPONENTIAL}
    for likelihood in LIKELIHOODS.values():
        assert set(likelihood.expansion) <= set(likelihood.together) & set(likelihood.totals)


@pytest.mark.parametrize("name", CURVATURES)
def test_the_terms_are_derivatives_by_factorials(name):
    expansion, curvature = CURVATURES[name]
    found = expansion.terms(ETA, 14) / curvature(ETA)
    np.testing.assert_allclose(found, -coefficients(curvature, 14)[1:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CURVATURES)
@pytest.mark.parametrize("most", [2, 3, 6, 10, 14])
def test_what_is_left_out_is_less_than_the_bound_says(name, most):
    expansion, curvature = CURVATURES[name]
    every = coefficients(curvature, 100)
    for largest in (0.01, 0.3, 1.0, 2.0):
        bound = float(expansion.left_out(largest, most))
        for d in (largest, -largest, largest / 3):
            powers = d ** np.arange(most - 1, 99.0)[:, np.newaxis]
            rest = np.abs((every[most - 1 :] * powers).sum(axis=0))
            assert rest.max() <= bound + 1e-14  # the rounding of `coefficients`


def test_a_few_terms_do_near_the_centre():
    assert LOGISTIC.left_out(0.2, 8) < 1e-9
    assert EXPONENTIAL.left_out(0.2, 8) < 1e-10


@pytest.mark.parametrize("k", [3, 4, 5])
def test_the_bound_is_the_next_term_where_it_is_largest_which_is_far_out(k):
    """There all derivatives are c'' or -c''."""
    d = 1e-9
    assert LOGISTIC.left_out(d, k - 1) / d ** (k - 2) == pytest.approx(1 / math.factorial(k), rel=0.02)


def test_bounds_are_of_the_shape_of_what_they_bound():
    assert LOGISTIC.left_out(0.2, np.arange(2, 9)).shape == (7,)
    assert EXPONENTIAL.left_out(np.array([0.2, 0.3]), 4).shape == (2,)
    with np.errstate(all="ignore"):
        assert LOGISTIC.left_out(math.inf, 8) == EXPONENTIAL.left_out(math.inf, 8) == math.inf
