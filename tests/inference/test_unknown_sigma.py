"""Sigma integrated out: every prior of sigma in the table against independent numerical integration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.errors import FitError
from bayescope.inference.linear_gaussian import CoefficientPrior, compress, linear_gaussian
from bayescope.inference.unknown_sigma import SigmaPrior, _difference, _Moments, integrate_sigma

POSITIVE = st.floats(0.2, 5.0)
# how to draw the arguments of each prior that a positive parameter may have
ARGUMENTS = {
    "HalfFlat": (),
    "HalfNormal": (POSITIVE,),
    "HalfCauchy": (POSITIVE,),
    "HalfStudentT": (st.floats(1.0, 10.0), POSITIVE),
    "Gamma": (POSITIVE, POSITIVE),
    "InverseGamma": (POSITIVE, POSITIVE),
    "Exponential": (POSITIVE,),
    "LogNormal": (st.floats(-2, 2), st.floats(0.05, 2)),
    "Pareto": (st.floats(1.0, 5.0), st.floats(0.1, 1.0)),
    "Uniform": (st.sampled_from([0.0, 0.3, 2.0]), st.floats(2.5, 6)),
    "Beta": (st.floats(1.0, 5.0), st.sampled_from([1.0, 2.0, 3.0])),
}
SIGMA_PRIORS = st.sampled_from(sorted(ARGUMENTS)).flatmap(
    lambda name: st.tuples(st.just(name), *ARGUMENTS[name])
)


def sigma_prior(name, *arguments):
    distribution = DISTRIBUTIONS[name]
    support = distribution.support(
        dict(zip([a.name for a in distribution.arguments], arguments, strict=True))
    )
    return SigmaPrior(
        lambda sigma: distribution.log_density(sigma, *arguments),
        support.lower,
        support.upper,
        f"{name}{arguments}",
    )


def solve(X, y, mean, sd, prior, tolerance=1e-10):
    at = linear_gaussian(compress(X, y), CoefficientPrior(np.array(mean), np.array(sd)))
    return integrate_sigma(at, prior, tolerance)


def dense(X, y, mean, sd, prior):
    """Means, sds and log evidence by brute force: direct linear algebra on a grid of log sigma, taken twice."""
    low = max(-12.0, math.log(prior.lower)) if prior.lower > 0 else -12.0
    edges = np.linspace(low, min(25.0, math.log(prior.upper)), 10_001)
    log = on_edges(X, y, mean, sd, prior, edges)[0].reshape(-1, 4).max(axis=1)
    held = np.flatnonzero(log > log.max() - 60)
    edges = np.linspace(edges[max(held[0] - 1, 0)], edges[min(held[-1] + 2, 10_000)], 5_001)
    log, weights, sigma, b, variances = on_edges(X, y, mean, sd, prior, edges)
    p = np.exp(log - log.max()) * weights
    evidence = log.max() + math.log(p.sum())
    p /= p.sum()
    inner = p @ variances + p @ (b - p @ b) ** 2
    return np.append(p @ b, p @ sigma), np.sqrt(np.append(inner, p @ (sigma - p @ sigma) ** 2)), evidence


def on_edges(X, y, mean, sd, prior, edges):
    """log p(y, log sigma), quadrature weights, sigma, and the coefficients' means and variances given it."""
    mean, precision = np.array(mean), np.array(sd) ** -2.0
    nodes, weights = np.polynomial.legendre.leggauss(4)
    half = 0.5 * np.diff(edges)[:, None]
    sigma = np.exp((0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes).ravel())
    A = X.T @ X / sigma[:, None, None] ** 2 + np.diag(precision)
    b = np.linalg.solve(A, (X.T @ y / sigma[:, None] ** 2 + precision * mean)[..., None])[..., 0]
    squares = ((y - b @ X.T) ** 2).sum(axis=1) / sigma**2 + (precision * (b - mean) ** 2).sum(axis=1)
    proper = precision[precision > 0]
    log = -0.5 * (len(y) - len(mean) + len(proper)) * math.log(2 * math.pi) - (len(y) - 1) * np.log(sigma)
    log += (
        0.5 * np.log(proper).sum() - 0.5 * np.linalg.slogdet(A)[1] - 0.5 * squares + prior.log_density(sigma)
    )
    return log, (half * weights).ravel(), sigma, b, np.einsum("kii->ki", np.linalg.inv(A))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), prior=SIGMA_PRIORS, slope_sd=st.sampled_from([0.1, 3.0, np.inf]))
@example(seed=1, prior=("Uniform", 0.0, 0.5), slope_sd=3.0)  # piles up at the upper end
@example(seed=1, prior=("LogNormal", 0.0, 0.001), slope_sd=3.0)  # a prior far narrower than the likelihood
def test_every_prior_of_sigma_agrees_with_brute_force(seed, prior, slope_sd):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=12)
    X, y = np.column_stack([np.ones(12), x]), 1.0 + 2.0 * x + 0.7 * rng.normal(size=12)
    mean, sd = [0.5, -0.2 if np.isfinite(slope_sd) else 0.0], [np.inf, slope_sd]
    found = solve(X, y, mean, sd, sigma_prior(*prior))
    means, sds, evidence = dense(X, y, mean, sd, sigma_prior(*prior))
    assert found.relative_error < 1e-10
    np.testing.assert_allclose((found.mean - means) / sds, 0, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), sds, rtol=1e-8)
    assert found.log_evidence == pytest.approx(evidence, abs=1e-8)


def test_every_prior_of_a_positive_parameter_is_tried():
    scalar = {name for name, entry in DISTRIBUTIONS.items() if not any(a.vector for a in entry.arguments)}
    real = {"Flat", "Normal", "StudentT", "Laplace", "Cauchy"}
    assert set(ARGUMENTS) == scalar - real


def test_one_coefficient_agrees_with_two_dimensional_quadrature():
    y = np.array([0.3, 1.9, 2.2, 0.8, 1.1])
    prior = sigma_prior("HalfCauchy", 1.0)
    found = solve(np.ones((5, 1)), y, [0.5], [0.6], prior)

    # the trapezoidal rule converges geometrically for smooth densities that vanish at both ends
    b, tau = np.linspace(-4, 6, 801)[:, None], np.linspace(-4, 14, 1201)
    sigma = np.exp(tau)
    log = sum(scipy.stats.norm.logpdf(value, b, sigma) for value in y) + scipy.stats.norm.logpdf(b, 0.5, 0.6)
    joint = np.exp(log + scipy.stats.halfcauchy.logpdf(sigma) + tau) * (10 / 800) * (18 / 1200)
    evidence = joint.sum()
    joint /= evidence
    mean = np.sum(joint * b)
    assert found.log_evidence == pytest.approx(math.log(evidence), abs=1e-10)
    assert found.mean == pytest.approx([mean, np.sum(joint * sigma)], abs=1e-9)
    assert found.covariance[0, 0] == pytest.approx(np.sum(joint * (b - mean) ** 2), rel=1e-9)
    assert found.covariance[0, 1] == pytest.approx(np.sum(joint * (b - mean) * sigma), rel=1e-8)


def test_inverse_gamma_on_the_variance_is_the_normal_inverse_gamma():
    # sigma^2 ~ InverseGamma(a, b): coefficients are Student's t with 2 a + n - d degrees of freedom under flat priors
    rng = np.random.default_rng(5)
    X, a, b = rng.normal(size=(9, 2)), 1.7, 0.9
    y = X @ [1.0, -2.0] + rng.normal(size=9)
    variance = scipy.stats.invgamma(a, scale=b)
    prior = SigmaPrior(lambda sigma: variance.logpdf(sigma**2) + np.log(2 * sigma), 0.0, math.inf, "IG")
    found = solve(X, y, [0.0, 0.0], [np.inf, np.inf], prior)
    least_squares, rss = np.linalg.lstsq(X, y)[:2]
    nu = 2 * a + 9 - 2
    scale = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (2 * b + rss[0]) / nu)
    for j, marginal in enumerate(found.coefficients):
        exact = scipy.stats.t(nu, least_squares[j], scale[j])
        points = exact.ppf([1e-4, 0.055, 0.3, 0.9])
        np.testing.assert_allclose(marginal.cdf(points), [1e-4, 0.055, 0.3, 0.9], rtol=1e-9)
        assert marginal.sd == pytest.approx(exact.std(), rel=1e-9)
    evidence = (
        -7 / 2 * math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(X.T @ X)[1] + a * math.log(b) - math.lgamma(a)
        + math.lgamma(nu / 2) - nu / 2 * math.log(b + rss[0] / 2)
    )  # fmt: skip
    assert found.log_evidence == pytest.approx(evidence, abs=1e-10)


@pytest.mark.parametrize("power", [2, -2])
def test_the_variance_and_the_precision_have_the_distribution_that_sigma_gives_them(power):
    rng = np.random.default_rng(8)
    X = np.column_stack([np.ones(12), rng.normal(size=12)])
    y = X @ [1.0, 2.0] + 3.0 * rng.normal(size=12)
    prior = sigma_prior("Gamma", 3.0, 1.0)
    of_sigma = solve(X, y, [0.0, 0.0], [2.0, np.inf], prior)
    found = solve(X, y, [0.0, 0.0], [2.0, np.inf], replace(prior, power=power))
    sigma = of_sigma.spread.quantile(np.array([1e-6, 0.05, 0.5, 0.95, 1 - 1e-6]))
    x, stretch = sigma**power, abs(power) * sigma ** (power - 1)
    below = of_sigma.spread.cdf(sigma)
    np.testing.assert_allclose(found.spread.cdf(x), below if power > 0 else 1 - below, rtol=1e-8)
    np.testing.assert_allclose(found.spread.pdf(x), of_sigma.spread.pdf(sigma) / stretch, rtol=1e-8)

    def moment(of):
        return scipy.integrate.quad(
            lambda s: of(s) * float(of_sigma.spread.pdf(np.array(s))),
            1e-3,
            200,
            points=[1, 3, 5, 9],
            limit=400,
        )[0]

    mean = moment(lambda s: s**power)
    assert found.mean == pytest.approx([*of_sigma.mean[:2], mean], rel=1e-7)
    assert found.spread.mean == pytest.approx(mean, rel=1e-7)
    variance = moment(lambda s: (s**power - mean) ** 2)
    assert found.covariance[2, 2] == pytest.approx(variance, rel=1e-6)
    assert found.spread.sd == pytest.approx(math.sqrt(variance), rel=1e-6)
    np.testing.assert_allclose(found.covariance[:2, :2], of_sigma.covariance[:2, :2], rtol=1e-8)
    # the prior draws the coefficient to 0 the more, the larger sigma is
    assert found.covariance[0, 2] * power * of_sigma.covariance[0, 2] > 0
    draws = found.draw(np.random.default_rng(9), 20_000)
    errors = (draws.mean(axis=0) - found.mean) / np.sqrt(np.diag(found.covariance) / 20_000)
    assert np.abs(errors).max() < 4.5
    together = np.cov(draws.T)[0, 2] / np.sqrt(found.covariance[0, 0] * found.covariance[2, 2])
    expected = found.covariance[0, 2] / np.sqrt(found.covariance[0, 0] * found.covariance[2, 2])
    assert together == pytest.approx(expected, abs=0.05)


def test_the_precision_of_a_bounded_sigma_is_bounded_on_the_other_side():
    y = np.array([1.0, 2.5, 4.0, 3.0])
    prior = replace(sigma_prior("Uniform", 0.5, 4.0), power=-2)
    spread = solve(np.ones((4, 1)), y, [0.0], [np.inf], prior).spread
    assert (spread.lower, spread.upper) == (1 / 16, 4.0)
    assert spread.quantile(np.array([0.0, 1.0])).tolist() == [1 / 16, 4.0]


def test_prior_and_data_in_conflict_have_two_modes_and_both_count():
    # either sigma is small and the slope far from its prior, or the slope obeys its prior and sigma is large
    rng = np.random.default_rng(7)
    X = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])
    y = 3.0 * X[:, 1] + 0.05 * rng.normal(size=12)
    prior = sigma_prior("HalfFlat")
    found = solve(X, y, [0.0, 0.0], [0.35, 0.35], prior)
    means, sds, _ = dense(X, y, [0.0, 0.0], [0.35, 0.35], prior)
    density = found.spread.pdf(np.geomspace(0.03, 5, 400))
    rising = np.diff(density) > 0
    assert np.count_nonzero(rising[:-1] & ~rising[1:]) == 2
    np.testing.assert_allclose(found.mean, means, rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), sds, rtol=1e-8)


def test_a_billion_observations_keep_their_digits():
    weights = np.array([3e8, 5e8, 2e8])
    at = linear_gaussian(
        compress(np.ones((3, 1)), np.array([1.0, 2.0, 4.0]), weights),
        CoefficientPrior(np.zeros(1), np.full(1, np.inf)),
    )
    found = integrate_sigma(at, sigma_prior("HalfFlat"), 1e-10)
    # the variance of the weighted rows is 1.09; nu = n - 2
    assert found.mean[0] == pytest.approx(2.1, rel=1e-14)
    assert math.sqrt(found.covariance[0, 0]) == pytest.approx(math.sqrt(1.09 / 1e9), rel=1e-8)
    assert math.sqrt(found.covariance[1, 1]) == pytest.approx(math.sqrt(1.09 / 2e9), rel=1e-8)


def moments_like(finite, finite_spread, **changed):
    """Moments of two independent components and sigma, some of them changed."""
    given = {
        "mean": np.array([1.0, 2.0]),
        "variance": np.array([4.0, 9.0]),
        "spread": np.zeros((2, 2)),
        "growth": 0.5,
        "growth_variance": 0.25,
        "with_growth": np.zeros(2),
    }
    return _Moments(**(given | changed), finite=finite, finite_spread=finite_spread)


@pytest.mark.parametrize(
    ("changed", "finite", "error"),
    [
        # the first component is that of a flat coefficient, whose moments may be missing
        ({"mean": np.array([1.0, 2.3])}, (2, 2), 0.1),
        ({"mean": np.array([1.2, 2.0])}, (2, 2), 0.1),
        ({"mean": np.array([1.2, 2.0])}, (1, 1), 0.0),
        ({"mean": np.array([1.0, 2.3])}, (1, 1), 0.1),
        ({"variance": np.array([4.0, 9.0 * 1.21])}, (2, 2), 0.1),
        ({"variance": np.array([4.0 * 0.81, 9.0])}, (2, 2), 0.1),
        ({"variance": np.array([4.0 * 0.81, 9.0])}, (0, 0), 0.0),
        # of sigma: in its sds, or where there is none in means
        ({"growth": 0.55}, (2, 2), 0.1),
        ({"growth": 0.65}, (2, 1), 0.1),
        ({"growth": 0.65}, (2, 0), 0.0),
        ({"growth_variance": 0.25 * 1.21}, (2, 2), 0.1),
        ({"growth_variance": 0.25 * 1.21}, (2, 1), 0.0),
    ],
)
def test_the_error_is_the_largest_change_of_a_moment_that_exists(changed, finite, error):
    at = linear_gaussian(
        compress(np.eye(3)[:, :2], np.ones(3)), CoefficientPrior(np.zeros(2), np.array([np.inf, 1.0]))
    )
    fine, coarse = moments_like(*finite), moments_like(*finite, **changed)
    assert _difference(at(1.0), fine, coarse) == pytest.approx(error, rel=1e-12)


def test_a_prior_with_an_infinite_end_is_refused():
    with pytest.raises(FitError, match=r"infinite at 1"):
        solve(np.ones((3, 1)), np.array([0.1, 0.4, 0.2]), [0.0], [1.0], sigma_prior("Beta", 2.0, 0.5))


def test_an_accuracy_out_of_reach_is_an_error():
    with pytest.raises(FitError, match="relative error"):
        solve(
            np.ones((3, 1)), np.array([0.1, 0.4, 0.2]), [0.0], [1.0], sigma_prior("HalfFlat"), tolerance=1e-20
        )


def test_a_density_that_rounding_hides_is_refused():
    # y - x / 2 is 5e89 in one row, and sigma ~ Exponential(1): the log density is -1e59 at its mode
    columns = {"y": [0.0] * 8, "x": [0.0] * 7 + [1e90]}
    model = {"likelihood": "Normal", "formula": "y ~ x", "priors": {"coefficients": 0.5}}
    config = {"name": "far", "data": {"columns": columns}, "model": model, "inference": ["exact"]}
    (found,) = bayescope.run(config).fits
    assert found.outcome.status == "failed"
    assert "rounding hides its shape" in found.outcome.message
