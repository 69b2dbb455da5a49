"""Transforms and the push-forward of a Normal: against derivatives, quadrature, SciPy and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from bayescope.inference.pushforward import Pushforward, covariance, mean, mean_slope
from bayescope.inference.transforms import Transform, unconstrained

INF = math.inf
ENDS = {"real": (-INF, INF), "above": (1.5, INF), "below": (-INF, 2.0), "between": (-1.0, 3.0)}
Z = np.array([-30.0, -2.0, 0.0, 0.7, 30.0])


@pytest.mark.parametrize("kind", ENDS)
def test_apply_and_inverse_are_inverse(kind):
    transform = Transform(*ENDS[kind])
    theta = transform.inverse(Z[1:4])
    np.testing.assert_allclose(transform.apply(theta), Z[1:4], rtol=1e-12, atol=1e-12)
    lower, upper = ENDS[kind]
    assert np.all((theta > lower) & (theta < upper))


@pytest.mark.parametrize("kind", ENDS)
def test_derivatives_are_those_of_the_transform(kind):
    transform, step = Transform(*ENDS[kind]), 1e-6
    z = Z[1:4]
    slope, curvature = transform.derivatives(z)

    def quotient(function):
        return (function(z + step) - function(z - step)) / (2 * step)

    np.testing.assert_allclose(slope, quotient(transform.inverse), rtol=1e-7)
    np.testing.assert_allclose(
        curvature, quotient(lambda t: transform.derivatives(t)[0]), rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(transform.log_jacobian(z), np.log(np.abs(slope)), rtol=1e-12, atol=1e-15)
    first, second = transform.log_jacobian_derivatives(z)
    np.testing.assert_allclose(first, quotient(transform.log_jacobian), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        second, quotient(lambda t: transform.log_jacobian_derivatives(t)[0]), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("kind", ["above", "below", "between"])
def test_extreme_z_stay_inside_of_the_support(kind):
    lower, upper = ENDS[kind]
    theta = Transform(lower, upper).inverse(np.array([-800.0, -50.0, 50.0, 800.0]))
    assert np.all((theta > lower) & (theta < upper) & np.isfinite(theta))


def test_one_transform_serves_unknowns_of_every_kind():
    lower, upper = np.array(list(ENDS.values())).T
    transform = Transform(lower, upper)
    assert transform.names == ["identity", "log", "log", "logit"]
    for j, ends in enumerate(ENDS.values()):
        np.testing.assert_array_equal(
            transform.inverse(np.full((2, 4), 0.3))[:, j], Transform(*ends).inverse([0.3, 0.3])
        )


def test_the_chain_rule_of_a_density():
    # a Normal log density of theta with correlation, seen from z
    lower, upper = np.array(list(ENDS.values())).T
    transform = Transform(lower, upper)
    precision = np.eye(4) + 0.3

    def derivatives(theta):
        return 0.5 * theta @ precision @ theta, precision @ theta, precision

    def value(z):
        theta = transform.inverse(z)
        return 0.5 * theta @ precision @ theta - transform.log_jacobian(z).sum()

    z, step = np.array([0.3, -0.2, 0.5, 0.1]), 1e-4
    found, gradient, hessian = unconstrained(derivatives, transform, z)
    assert found == pytest.approx(value(z), rel=1e-14)
    for i, left in enumerate(step * np.eye(4)):
        assert gradient[i] == pytest.approx((value(z + left) - value(z - left)) / (2 * step), rel=1e-6)
        for j, right in enumerate(step * np.eye(4)):
            corners = (
                value(z + left + right)
                - value(z + left - right)
                - value(z - left + right)
                + value(z - left - right)
            )
            assert hessian[i, j] == pytest.approx(corners / (4 * step**2), rel=1e-5, abs=1e-5)


def test_the_log_normal_is_scipys():
    ours, theirs = Pushforward(0.3, 0.5, 0.0, INF), scipy.stats.lognorm(0.5, scale=math.exp(0.3))
    q = np.array([1e-8, 0.1, 0.5, 0.99])
    x = theirs.ppf(q)
    np.testing.assert_allclose(ours.quantile(q), x, rtol=1e-12)
    np.testing.assert_allclose(ours.cdf(x), q, rtol=1e-9)
    np.testing.assert_allclose(ours.pdf(x), theirs.pdf(x), rtol=1e-9)
    assert (ours.mean, ours.sd) == pytest.approx((theirs.mean(), theirs.std()), rel=1e-13)
    assert ours.mode == pytest.approx(math.exp(0.3 - 0.25), rel=1e-14)
    assert str(ours) == "exp Normal(0.3, 0.5)"


def test_above_and_below_mirror_each_other():
    above, below = Pushforward(0.3, 0.5, 1.0, INF), Pushforward(0.3, 0.5, -INF, -1.0)
    q, x = np.array([0.0, 0.2, 0.9, 1.0]), np.array([1.2, 2.0, 5.0])
    np.testing.assert_allclose(below.quantile(1 - q), -above.quantile(q), rtol=1e-12)
    np.testing.assert_allclose(below.cdf(-x), 1 - above.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(below.pdf(-x), above.pdf(x), rtol=1e-12)
    assert (below.mean, below.sd, below.mode) == (-above.mean, above.sd, -above.mode)


@pytest.mark.parametrize(("mu", "sigma"), [(0.3, 0.5), (-2.0, 3.0), (8.0, 1e-7), (40.0, 2.0), (0.1, 60.0)])
def test_moments_on_an_interval_are_integrals(mu, sigma):
    marginal = Pushforward(mu, sigma, 0.0, 1.0)
    t, step = np.linspace(-10, 10, 2_000_001, retstep=True)
    weights = scipy.stats.norm.pdf(t) * step
    # as 1 - p where p is near 1, which keeps the digits of a narrow distribution there
    rest = scipy.special.expit(-(mu + sigma * t))
    average = weights @ rest
    assert marginal.mean == pytest.approx(1 - average, rel=1e-14)
    assert marginal.sd == pytest.approx(math.sqrt(weights @ (rest - average) ** 2), rel=1e-7)


@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 1.0), (0.7, 0.3), (-0.7, 2.5), (1e-3, 3.0), (5.0, 1.0)])
def test_the_mode_on_an_interval_is_the_highest_point(mu, sigma):
    marginal = Pushforward(mu, sigma, 0.0, 1.0)
    x = scipy.special.expit(np.linspace(-20, 20, 400_001))
    assert marginal.pdf(np.array(marginal.mode)) >= marginal.pdf(x).max() * (1 - 1e-12)


def test_two_equal_peaks_have_no_mode():
    assert math.isnan(Pushforward(0.0, 1.5, 0.0, 1.0).mode)
    assert Pushforward(0.0, 1.4, 0.0, 1.0).mode == 0.5


@pytest.mark.parametrize("kind", ["above", "below", "between"])
def test_there_is_nothing_at_and_beyond_the_ends(kind):
    lower, upper = ENDS[kind]
    marginal = Pushforward(0.2, 0.7, lower, upper)
    ends = np.array([max(lower, -9.0), min(upper, 9.0)])
    outside = ends + np.array([-1.0, 1.0])
    finite = np.isfinite([lower, upper])
    np.testing.assert_array_equal(marginal.pdf(outside)[finite], 0.0)
    np.testing.assert_array_equal(marginal.pdf(ends)[finite], 0.0)
    np.testing.assert_array_equal(marginal.cdf(outside)[finite], np.array([0.0, 1.0])[finite])
    np.testing.assert_array_equal(marginal.quantile(np.array([0.0, 1.0])), [lower, upper])


@pytest.mark.parametrize("kind", ENDS)
def test_the_slope_of_the_mean(kind):
    mu = np.array([0.4 - 1e-5, 0.4 + 1e-5])
    low, high = mean(mu, 0.8, *ENDS[kind])
    assert mean_slope(0.4, 0.8, *ENDS[kind]) == pytest.approx((high - low) / 2e-5, rel=1e-8)


def test_the_covariance_of_unknowns_of_every_kind():
    lower, upper = np.array([*ENDS.values(), (0.0, 1.0)]).T
    mu = np.array([0.5, 0.2, -0.4, 1.0, 0.3])
    half = np.random.default_rng(0).normal(size=(5, 5)) * 0.4
    of_z = half @ half.T
    found = covariance(mu, of_z, lower, upper)
    np.testing.assert_array_equal(found, found.T)

    # every pair by a product of Gauss-Hermite rules
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    for i in range(5):
        for j in range(5):
            pair = of_z[np.ix_([i, j], [i, j])] + (i == j) * 1e-13 * np.eye(2)
            factor = np.linalg.cholesky(pair)
            first = mu[i] + factor[0, 0] * nodes[:, None] + 0 * nodes
            second = mu[j] + factor[1, 0] * nodes[:, None] + factor[1, 1] * nodes
            left = Transform(lower[i], upper[i]).inverse(first)
            right = Transform(lower[j], upper[j]).inverse(second)
            both = np.outer(weights, weights)
            expected = np.sum(both * left * right) - np.sum(both * left) * np.sum(both * right)
            assert found[i, j] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_independent_unknowns_stay_so():
    found = covariance(
        np.array([0.1, 0.2, 0.3]), np.eye(3), np.array([0.0, 0.0, -INF]), np.array([INF, 1.0, INF])
    )
    np.testing.assert_allclose(found[~np.eye(3, dtype=bool)], 0.0, atol=1e-15)
