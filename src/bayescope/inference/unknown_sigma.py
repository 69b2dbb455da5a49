"""The Normal linear model with an unknown sigma: sigma is integrated out by quadrature.

    p(sigma | y) is proportional to p(y | sigma) p(sigma),   beta | sigma, y is Normal

so every moment and every marginal of the coefficients is a one-dimensional integral over sigma
(Gelman et al., Bayesian Data Analysis, 3rd ed., sec. 3.2 and 14.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.linear_gaussian import LinearGaussian, reference_scale
from bayescope.inference.marginals import NormalMixture
from bayescope.inference.quadrature import (
    LogDensity,
    Quadrature,
    finite_moments,
    integrable_at_zero,
    integrate,
    modes,
    scan_grid,
)
from bayescope.inference.tabulated import Tabulated

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SigmaPrior:
    """The prior of sigma: its log-density on [lower, upper], and how messages call it."""

    log_density: Callable[[Floats], Floats]
    lower: float
    upper: float
    text: str


@dataclass(frozen=True, eq=False)
class RegressionPosterior:
    """The joint posterior of coefficients and sigma.

    Attributes:
        model: the coefficients given sigma, seen from a sigma near the mode.
        quadrature: the posterior of tau = log(sigma / model.origin).
        sigma: the marginal of sigma.
        coefficients: the marginal of each coefficient.
        mean: of the coefficients and, last, sigma; shape (d + 1,).
        covariance: shape (d + 1, d + 1); inf and nan where moments do not exist.
        log_evidence: log p(y), flat priors counted as density 1.
        relative_error: largest difference that a smaller quadrature rule makes to a mean (in sds)
            or an sd (relative).
        moments: number of finite moments of sigma, at most 2.
    """

    model: LinearGaussian
    quadrature: Quadrature
    sigma: Tabulated
    coefficients: tuple[NormalMixture, ...]
    mean: Floats
    covariance: Floats
    log_evidence: float
    relative_error: float
    moments: int

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws of the coefficients and sigma, shape (size, d + 1)."""
        sigma = self.sigma.quantile(rng.uniform(size=size))
        given = self.model.given(np.log(sigma / self.model.origin))
        v = given.mean + np.sqrt(given.variance) * rng.standard_normal(given.mean.shape)
        return np.column_stack([(given.center[:, None] + given.basis @ v).T, sigma])


def integrate_sigma(
    at: Callable[[float], LinearGaussian], prior: SigmaPrior, tolerance: float
) -> RegressionPosterior:
    """Posterior of coefficients and sigma, to a relative error of `tolerance` in means and sds.

    Raises FitError when the posterior is improper or the tolerance cannot be reached.
    """
    model = _at_the_mode(at, prior)
    log_density, bounds = _log_posterior(model, prior), _log_bounds(model, prior)
    moments = _require_proper(model, prior, log_density, bounds)
    quadrature = _quadrature(log_density, bounds, moments, tolerance)
    found = _moments(model, quadrature.nodes, quadrature.weights, moments)
    coarse = _moments(model, quadrature.coarse_nodes, quadrature.coarse_weights, moments)
    error = max(quadrature.error, _difference(model, found, coarse))
    _require_accuracy(error, tolerance)
    mean, covariance = _joint_moments(model, found)
    return RegressionPosterior(
        model=model,
        quadrature=quadrature,
        sigma=Tabulated(
            model.origin, quadrature.edges, quadrature.density, prior.lower, prior.upper, moments
        ),
        coefficients=_mixtures(model, quadrature, moments),
        mean=mean,
        covariance=covariance,
        log_evidence=_log_posterior_at_origin(model, prior) + quadrature.log_total,
        relative_error=error,
        moments=moments,
    )


def _quadrature(
    log_density: LogDensity, bounds: tuple[float, float], moments: int, tolerance: float
) -> Quadrature:
    quadrature = integrate(log_density, *bounds, moments, tolerance)
    if quadrature is None:
        raise FitError(
            "The tails of the posterior of sigma are too heavy to integrate.",
            "Give sigma a prior with lighter tails, or sample with nuts.",
        )
    return quadrature


def _require_accuracy(error: float, tolerance: float) -> None:
    if not error <= tolerance:
        raise FitError(
            f"The quadrature over sigma reached a relative error of {error:.2g}, not {tolerance:.2g}.",
            "Raise `tolerance` of the method exact, or sample with nuts.",
        )


def _at_the_mode(at: Callable[[float], LinearGaussian], prior: SigmaPrior) -> LinearGaussian:
    """The model seen from the mode of log sigma, where differences lose fewest digits."""
    start = reference_scale(at(1.0).compressed)
    rough = at(float(np.clip(start, prior.lower, prior.upper)))
    log_density, bounds = _log_posterior(rough, prior), _log_bounds(rough, prior)
    _require_proper(rough, prior, log_density, bounds)
    grid = scan_grid(*bounds)
    mode = modes(log_density, grid, log_density(grid))[0]
    return at(float(np.clip(rough.origin * math.exp(mode), prior.lower, prior.upper)))


def _log_bounds(model: LinearGaussian, prior: SigmaPrior) -> tuple[float, float]:
    lower = math.log(prior.lower / model.origin) if prior.lower > 0 else -math.inf
    upper = math.log(prior.upper / model.origin) if math.isfinite(prior.upper) else math.inf
    return lower, upper


def _log_posterior(model: LinearGaussian, prior: SigmaPrior) -> LogDensity:
    """Return log p(tau | y) up to a constant; 0 at tau = 0 where the prior is positive there."""
    start = float(prior.log_density(np.array([model.origin]))[0])
    constant = start if math.isfinite(start) else 0.0

    def log_density(tau: Floats) -> Floats:
        sigma = np.clip(model.origin * np.exp(tau), prior.lower, prior.upper)  # rounding must not leave it
        with np.errstate(over="ignore", under="ignore"):
            return model.log_ratio(tau) + tau + (prior.log_density(sigma) - constant)

    return log_density


def _log_posterior_at_origin(model: LinearGaussian, prior: SigmaPrior) -> float:
    """Return log of p(y, tau) at tau = 0; d sigma = origin d tau there."""
    return model.log_density + float(prior.log_density(np.array([model.origin]))[0]) + math.log(model.origin)


def _require_proper(
    model: LinearGaussian, prior: SigmaPrior, log_density: LogDensity, bounds: tuple[float, float]
) -> int:
    """Return the number of finite moments of sigma; an improper posterior is refused by name."""
    _require_finite(prior)
    if not integrable_at_zero(log_density, bounds[0]):
        raise FitError(
            f"The regression fits the data perfectly, and the prior {prior.text} does not keep sigma"
            " away from 0: the posterior is improper.",
            "Fix sigma, or give it a prior that vanishes at 0, such as InverseGamma or LogNormal.",
        )
    moments = finite_moments(log_density, bounds[1])
    if moments < 0:
        rows, size = model.compressed.observations, len(model.center)
        flat = "a flat sigma" if prior.text.startswith("HalfFlat") else f"sigma ~ {prior.text}"
        raise FitError(
            f"{rows:.0f} row{'s'[: rows != 1]}, {size} coefficient{'s'[: size != 1]} and {flat}:"
            " the posterior is improper.",
            "Give sigma or the coefficients proper priors, or use more rows.",
        )
    return moments


def _require_finite(prior: SigmaPrior) -> None:
    """Refuse a prior whose density is infinite at the upper end of its support (Beta(2, 0.5))."""
    if math.isfinite(prior.upper) and float(prior.log_density(np.array([prior.upper]))[0]) == math.inf:
        raise FitError(
            f"The density of {prior.text}, the prior of sigma, is infinite at {prior.upper:g}:"
            " the quadrature cannot end there.",
            "Give sigma a prior with a finite density, or sample with nuts.",
        )


class _Moments(NamedTuple):
    """Moments of the components v and of sigma / origin - 1 (`growth`)."""

    mean: Floats
    variance: Floats  # of v given sigma, averaged
    spread: Floats  # covariance of E[v | sigma], shape (d, d)
    growth: float
    growth_variance: float
    with_growth: Floats  # covariance of v and growth
    finite: int  # how many moments of sigma are finite

    @property
    def sd(self) -> Floats:
        return np.sqrt(self.variance + np.diag(self.spread))


def _moments(model: LinearGaussian, tau: Floats, weights: Floats, finite: int) -> _Moments:
    """Law of total covariance over the nodes of sigma."""
    given = model.given(tau)
    mean = given.mean @ weights
    deviation = given.mean - mean[:, None]
    growth = np.expm1(tau)
    average = float(weights @ growth)
    return _Moments(
        mean=mean,
        variance=given.variance @ weights,
        spread=(deviation * weights) @ deviation.T,
        growth=average,
        growth_variance=float(weights @ (growth - average) ** 2),
        with_growth=deviation @ (weights * (growth - average)),
        finite=finite,
    )


def _difference(model: LinearGaussian, fine: _Moments, coarse: _Moments) -> float:
    """Largest change of a finite mean (in sds) or sd (relative) between the two rules."""
    known = slice(0 if fine.finite == 2 else model.flat, None)
    changes = [*(np.abs(fine.mean - coarse.mean) / fine.sd)[known], *np.abs(coarse.sd / fine.sd - 1)[known]]
    scale = math.sqrt(fine.growth_variance) if fine.finite == 2 else 1 + fine.growth
    if fine.finite >= 1:
        changes.append(abs(fine.growth - coarse.growth) / scale)
    if fine.finite == 2:
        changes.append(abs(math.sqrt(coarse.growth_variance) / scale - 1))
    return float(max(changes, default=0.0))


def _joint_moments(model: LinearGaussian, found: _Moments) -> tuple[Floats, Floats]:
    """Mean and covariance of (coefficients, sigma)."""
    size = len(model.center)
    mean = np.append(model.center + model.basis @ found.mean, model.origin * (1 + found.growth))
    covariance = np.empty((size + 1, size + 1))
    inner = (model.basis * found.variance) @ model.basis.T + model.basis @ found.spread @ model.basis.T
    covariance[:size, :size] = 0.5 * (inner + inner.T)
    covariance[:size, size] = covariance[size, :size] = model.origin * (model.basis @ found.with_growth)
    covariance[size, size] = model.origin**2 * found.growth_variance
    heavy = np.append(np.isinf(model.prior.sd), True)
    if found.finite < 2:
        covariance[heavy, :] = covariance[:, heavy] = math.nan
        covariance[heavy, heavy] = math.inf
    if found.finite < 1:
        mean[heavy] = math.nan
        mean[size] = math.inf
    return mean, covariance


def _mixtures(model: LinearGaussian, quadrature: Quadrature, moments: int) -> tuple[NormalMixture, ...]:
    given = model.given(quadrature.nodes)
    means = given.center[:, None] + given.basis @ given.mean
    sds = np.sqrt(given.basis**2 @ given.variance)
    finite = np.where(np.isinf(model.prior.sd), moments, 2)
    return tuple(
        NormalMixture(quadrature.weights, means[j], sds[j], int(finite[j])) for j in range(len(model.center))
    )
