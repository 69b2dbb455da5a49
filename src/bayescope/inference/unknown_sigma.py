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
    value_at,
)
from bayescope.inference.tabulated import Tabulated

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SigmaPrior:
    """The prior of sigma: its log-density on [lower, upper], and how messages call it.

    The unknown whose posterior is wanted is sigma^power: the variance is 2, the precision -2.
    """

    log_density: Callable[[Floats], Floats]
    lower: float
    upper: float
    text: str
    power: int = 1


@dataclass(frozen=True, eq=False)
class RegressionPosterior:
    """The joint posterior of coefficients and of x = sigma^power.

    Attributes:
        model: the coefficients given sigma, seen from a sigma near the mode.
        quadrature: the posterior of tau = log(sigma / model.origin).
        power: of sigma in x.
        spread: the marginal of x.
        coefficients: the marginal of each coefficient.
        mean: of the coefficients and, last, x; shape (d + 1,).
        covariance: shape (d + 1, d + 1); inf and nan where moments do not exist.
        log_evidence: log p(y), flat priors counted as density 1.
        relative_error: largest difference that a smaller quadrature rule makes to a mean (in sds)
            or an sd (relative).
        moments: number of finite moments of sigma, at most 2.
    """

    model: LinearGaussian
    quadrature: Quadrature
    power: int
    spread: Tabulated
    coefficients: tuple[NormalMixture, ...]
    mean: Floats
    covariance: Floats
    log_evidence: float
    relative_error: float
    moments: int

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws of the coefficients and x, shape (size, d + 1)."""
        spread = self.spread.quantile(rng.uniform(size=size))
        given = self.model.given(np.log(spread / self.spread.origin) / self.power)
        v = given.mean + np.sqrt(given.variance) * rng.standard_normal(given.mean.shape)
        return np.column_stack([(given.center[:, None] + given.basis @ v).T, spread])


def integrate_sigma(
    at: Callable[[float], LinearGaussian], prior: SigmaPrior, tolerance: float
) -> RegressionPosterior:
    """Posterior of coefficients and sigma^power, to a relative error of `tolerance` in means and sds.

    Raises FitError when the posterior is improper or the tolerance cannot be reached.
    """
    model = _at_the_mode(at, prior)
    log_density, bounds = _log_posterior(model, prior), _log_bounds(model, prior)
    moments = _require_proper(prior, log_density, bounds)
    finite = moments, finite_moments(log_density, bounds[prior.power > 0], prior.power)
    quadrature = _quadrature(log_density, bounds, _powers(prior.power, *finite), tolerance)
    found = _moments(model, quadrature.nodes, quadrature.weights, prior.power, finite)
    coarse = _moments(model, quadrature.coarse_nodes, quadrature.coarse_weights, prior.power, finite)
    error = max(quadrature.error, _difference(model, found, coarse))
    _require_accuracy(error, tolerance)
    mean, covariance = _joint_moments(model, found, prior.power)
    return RegressionPosterior(
        model=model,
        quadrature=quadrature,
        power=prior.power,
        spread=_tabulated(model, quadrature, prior, finite[1]),
        coefficients=_mixtures(model, quadrature, moments),
        mean=mean,
        covariance=covariance,
        log_evidence=_log_posterior_at_origin(model, prior) + quadrature.log_total,
        relative_error=error,
        moments=moments,
    )


def _powers(power: int, of_sigma: int, of_spread: int) -> list[int]:
    """List the powers of sigma whose integrals are wanted: its own, for the coefficients, and those of x."""
    return sorted({*range(1, of_sigma + 1), *(power * k for k in range(1, of_spread + 1))})


def _tabulated(model: LinearGaussian, quadrature: Quadrature, prior: SigmaPrior, moments: int) -> Tabulated:
    """The marginal of x = sigma^power, whose logarithm is `power` times that of sigma."""
    power, turn = prior.power, slice(None, None, 1 if prior.power > 0 else -1)
    with np.errstate(divide="ignore"):
        ends = np.sort(np.array([prior.lower, prior.upper]) ** float(power))
    return Tabulated(
        model.origin**power,
        power * quadrature.edges[turn],
        quadrature.density[turn, turn] / abs(power),
        float(ends[0]),
        float(ends[1]),
        moments,
    )


def _quadrature(
    log_density: LogDensity, bounds: tuple[float, float], powers: list[int], tolerance: float
) -> Quadrature:
    quadrature = integrate(log_density, *bounds, powers, tolerance)
    if quadrature is None:
        raise _no_integral()
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
    _require_proper(prior, log_density, bounds)
    grid = scan_grid(*bounds)
    found = modes(log_density, grid, log_density(grid))
    if not found:
        raise _no_integral()
    return at(float(np.clip(rough.origin * math.exp(found[0]), prior.lower, prior.upper)))


def _no_integral() -> FitError:
    return FitError(
        "The posterior of sigma cannot be integrated: its tails are too heavy, or the terms of its log "
        "density so large that rounding hides its shape.",
        "Give sigma a prior with lighter tails that allows what the data show, or the data in other units.",
    )


def _log_bounds(model: LinearGaussian, prior: SigmaPrior) -> tuple[float, float]:
    lower = math.log(prior.lower / model.origin) if prior.lower > 0 else -math.inf
    upper = math.log(prior.upper / model.origin) if math.isfinite(prior.upper) else math.inf
    return lower, upper


def _log_posterior(model: LinearGaussian, prior: SigmaPrior) -> LogDensity:
    """Return log p(tau | y) up to a constant; 0 at tau = 0 where the prior is positive there."""
    start = value_at(prior.log_density, model.origin)
    constant = start if math.isfinite(start) else 0.0

    def log_density(tau: Floats) -> Floats:
        sigma = np.clip(model.origin * np.exp(tau), prior.lower, prior.upper)  # rounding must not leave it
        with np.errstate(over="ignore", under="ignore"):
            return model.log_ratio(tau) + tau + (prior.log_density(sigma) - constant)

    return log_density


def _log_posterior_at_origin(model: LinearGaussian, prior: SigmaPrior) -> float:
    """Return log of p(y, tau) at tau = 0; d sigma = origin d tau there."""
    return model.log_density + value_at(prior.log_density, model.origin) + math.log(model.origin)


def _require_proper(prior: SigmaPrior, log_density: LogDensity, bounds: tuple[float, float]) -> int:
    """Return the number of finite moments of sigma; an improper posterior is refused by name."""
    _require_finite(prior)
    if not integrable_at_zero(log_density, bounds[0]):
        raise FitError(
            f"The mean fits the data perfectly, and the prior {prior.text} does not keep sigma"
            " away from 0: the posterior is improper.",
            "Fix sigma, or give it a prior that vanishes at 0, such as InverseGamma or LogNormal.",
        )
    moments = finite_moments(log_density, bounds[1])
    if moments < 0:
        raise FitError(
            f"The tail of sigma is too heavy under its prior {prior.text}: the posterior is improper.",
            "Give sigma or the coefficients proper priors, or use more rows.",
        )
    return moments


def _require_finite(prior: SigmaPrior) -> None:
    """Refuse a prior whose density is infinite at the upper end of its support (Beta(2, 0.5))."""
    if math.isfinite(prior.upper) and value_at(prior.log_density, prior.upper) == math.inf:
        raise FitError(
            f"The density of {prior.text}, the prior of sigma, is infinite at {prior.upper:g}:"
            " the quadrature cannot end there.",
            "Give sigma a prior with a finite density, or sample with nuts.",
        )


class _Moments(NamedTuple):
    """Moments of the components v and of (sigma / origin)^power - 1 (`growth`)."""

    mean: Floats
    variance: Floats  # of v given sigma, averaged
    spread: Floats  # covariance of E[v | sigma], shape (d, d)
    growth: float
    growth_variance: float
    with_growth: Floats  # covariance of v and growth
    finite: int  # how many moments of sigma are finite
    finite_spread: int  # and of sigma^power

    @property
    def sd(self) -> Floats:
        return np.sqrt(self.variance + np.diag(self.spread))


def _moments(
    model: LinearGaussian, tau: Floats, weights: Floats, power: int, finite: tuple[int, int]
) -> _Moments:
    """Law of total covariance over the nodes of sigma."""
    given = model.given(tau)
    mean = given.mean @ weights
    deviation = given.mean - mean[:, None]
    growth = np.expm1(power * tau)
    average = float(weights @ growth)
    return _Moments(
        mean=mean,
        variance=given.variance @ weights,
        spread=(deviation * weights) @ deviation.T,
        growth=average,
        growth_variance=float(weights @ (growth - average) ** 2),
        with_growth=deviation @ (weights * (growth - average)),
        finite=finite[0],
        finite_spread=finite[1],
    )


def _difference(model: LinearGaussian, fine: _Moments, coarse: _Moments) -> float:
    """Largest change of a finite mean (in sds) or sd (relative) between the two rules."""
    known = slice(0 if fine.finite == 2 else model.flat, None)
    changes = [*(np.abs(fine.mean - coarse.mean) / fine.sd)[known], *np.abs(coarse.sd / fine.sd - 1)[known]]
    scale = math.sqrt(fine.growth_variance) if fine.finite_spread == 2 else 1 + fine.growth
    if fine.finite_spread >= 1:
        changes.append(abs(fine.growth - coarse.growth) / scale)
    if fine.finite_spread == 2:
        changes.append(abs(math.sqrt(coarse.growth_variance) / scale - 1))
    return float(max(changes, default=0.0))


def _joint_moments(model: LinearGaussian, found: _Moments, power: int) -> tuple[Floats, Floats]:
    """Mean and covariance of (coefficients, sigma^power)."""
    size, origin = len(model.center), model.origin**power
    mean = np.append(model.center + model.basis @ found.mean, origin * (1 + found.growth))
    covariance = np.empty((size + 1, size + 1))
    inner = (model.basis * found.variance) @ model.basis.T + model.basis @ found.spread @ model.basis.T
    covariance[:size, :size] = 0.5 * (inner + inner.T)
    covariance[:size, size] = covariance[size, :size] = origin * (model.basis @ found.with_growth)
    covariance[size, size] = origin**2 * found.growth_variance
    flat, finite = np.isinf(model.prior.sd), np.full(size, found.finite)
    finite = np.append(np.where(flat, finite, 2), found.finite_spread)
    heavy = finite < 2
    covariance[heavy, :] = covariance[:, heavy] = math.nan
    covariance[heavy, heavy] = math.inf
    mean = np.where(finite < 1, np.append(np.full(size, math.nan), math.inf), mean)
    return mean, covariance


def _mixtures(model: LinearGaussian, quadrature: Quadrature, moments: int) -> tuple[NormalMixture, ...]:
    given = model.given(quadrature.nodes)
    means = given.center[:, None] + given.basis @ given.mean
    sds = np.sqrt(given.basis**2 @ given.variance)
    finite = np.where(np.isinf(model.prior.sd), moments, 2)
    return tuple(
        NormalMixture(quadrature.weights, means[j], sds[j], int(finite[j])) for j in range(len(model.center))
    )
