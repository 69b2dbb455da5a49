"""`Pushforward`: a Normal on the unconstrained scale, mapped to the support of the parameter.

    z ~ Normal(mu, sigma),   x = a + exp(z),  b - exp(z)  or  a + (b - a) / (1 + exp(-z))

The first is the (shifted) log-normal, the last the logit-normal distribution. Source: Johnson, Kotz &
Balakrishnan (1994), Continuous Univariate Distributions, vol. 1, chapters 12 and 14.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import override

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.inference.marginal_base import StoredMarginal
from bayescope.inference.transforms import Transform

type Floats = NDArray[np.float64]

_REACH = 9.0  # sds; the tails beyond have probability 2e-19
_MOST_NODES = 1_000_001


@dataclass(frozen=True, repr=False)
class Pushforward(StoredMarginal):
    """The distribution of x in (lower, upper) whose unconstrained z is Normal(mu, sigma).

    At least one end is finite. Where both are, mean and sd are by quadrature to rounding error;
    the mode is nan where the density has two equally high peaks.
    """

    mu: float
    sigma: float
    lower: float
    upper: float

    @override
    def __str__(self) -> str:
        inner = f"Normal({self.mu:.6g}, {self.sigma:.6g})"
        if math.isinf(self.upper):
            return f"exp {inner}" if self.lower == 0 else f"{self.lower:.6g} + exp {inner}"
        if math.isinf(self.lower):
            return f"{self.upper:.6g} - exp {inner}"
        ends = "" if (self.lower, self.upper) == (0, 1) else f" on ({self.lower:.6g}, {self.upper:.6g})"
        return f"logit^-1 {inner}{ends}"

    @property
    @override
    def mean(self) -> float:
        return float(mean(self.mu, self.sigma, self.lower, self.upper))

    @cached_property
    @override
    def sd(self) -> float:
        if not self._bounded:
            with np.errstate(over="ignore"):
                return float(np.exp(self.mu + 0.5 * self.sigma**2) * np.sqrt(np.expm1(self.sigma**2)))
        t, weights = _rule(self.sigma)
        rise = _expit_rise(np.asarray(self.mu), self.sigma * t)
        return (self.upper - self.lower) * math.sqrt(float(weights @ (rise - weights @ rise) ** 2))

    @cached_property
    @override
    def mode(self) -> float:
        if not self._bounded:
            return float(self._transform.inverse(self.mu - self.sigma**2))
        size, variance = abs(self.mu), self.sigma**2
        if size == 0:
            return 0.5 * (self.lower + self.upper) if variance <= 2 else math.nan
        # log p(x(z)) has slope (mu - z) / sigma^2 + tanh(z / 2); for mu > 0 its one root above 0 is the peak

        def fall(z: float) -> float:
            return z - size - variance * math.tanh(z / 2)

        z = scipy.optimize.brentq(fall, 0.0, size + variance, xtol=1e-300, rtol=1e-15)
        return float(self._transform.inverse(math.copysign(z, self.mu)))

    @override
    def log_pdf(self, x: Floats) -> Floats:
        z = self._transform.apply(x)
        inside = np.isfinite(z)
        z = np.where(inside, z, self.mu)
        score = (z - self.mu) / self.sigma
        log_density = -0.5 * score**2 - math.log(self.sigma * math.sqrt(2 * math.pi))
        return np.where(inside, log_density - self._transform.log_jacobian(z), -np.inf)

    @override
    def cdf(self, x: Floats) -> Floats:
        x = np.clip(np.asarray(x, dtype=np.float64), self.lower, self.upper)
        score = (self._transform.apply(x) - self.mu) / self.sigma
        return np.asarray(scipy.special.ndtr(-score if math.isinf(self.lower) else score))

    @override
    def quantile(self, q: Floats) -> Floats:
        q = np.asarray(q, dtype=np.float64)
        score = scipy.special.ndtri(q)
        x = self._transform.inverse(self.mu + self.sigma * (-score if math.isinf(self.lower) else score))
        return np.where(q <= 0, self.lower, np.where(q >= 1, self.upper, x))

    @property
    def _bounded(self) -> bool:
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    @property
    def _transform(self) -> Transform:
        return Transform(self.lower, self.upper)


def mean(mu: ArrayLike, sigma: float, lower: float, upper: float) -> Floats:
    """Return E x for every `mu`, of its shape; infinite ends as in `Pushforward`, both allowed."""
    mu = np.asarray(mu, dtype=np.float64)
    if math.isinf(lower) or math.isinf(upper):
        with np.errstate(over="ignore"):
            growth = np.exp(mu + 0.5 * sigma**2)
        return np.asarray(mu if lower == -upper else upper - growth if math.isinf(lower) else lower + growth)
    t, weights = _rule(sigma)
    share = scipy.special.expit(mu) + _expit_rise(mu[..., np.newaxis], sigma * t) @ weights
    return np.asarray(lower + (upper - lower) * share)


def mean_slope(mu: float, sigma: float, lower: float, upper: float) -> float:
    """Return E d x / d z, which is also d E x / d mu."""
    if math.isinf(lower) or math.isinf(upper):
        sign = -1.0 if math.isinf(lower) else 1.0
        with np.errstate(over="ignore"):
            return 1.0 if lower == -upper else sign * float(np.exp(mu + 0.5 * sigma**2))
    t, weights = _rule(sigma)
    return float(weights @ Transform(lower, upper).derivatives(mu + sigma * t)[0])


def covariance(mu: Floats, covariance: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the covariance matrix of x, shape (d, d), for z ~ Normal(mu, covariance).

    With C the covariance of z, g(z) = x and E, V the moments under its Normal distribution:

        z_i real            Cov = C_ij E g_j'                                (Stein 1981, Ann. Statist. 9)
        z_i = log           Cov = E[exp z_i] (E g_j(z_j + C_ij) - E g_j)     (exponential tilting)
        both logit          the expectation given z_i, integrated over z_i
    """
    sds, size = np.sqrt(np.diag(covariance)), len(mu)
    result = np.array(covariance, dtype=np.float64)
    ends = list(zip(lower, upper, strict=True))
    curved = [j for j in range(size) if np.isfinite(ends[j]).any()]
    for j in curved:
        result[:, j] = result[j, :] = covariance[:, j] * mean_slope(mu[j], sds[j], *ends[j])
    for j in curved:
        result[j, j] = Pushforward(mu[j], sds[j], *ends[j]).sd ** 2
        for i in curved:
            if i < j:
                pair = [i, j] if np.isinf(ends[i]).any() else [j, i]
                result[i, j] = result[j, i] = _pair(
                    mu[pair], covariance[np.ix_(pair, pair)], [ends[pair[0]], ends[pair[1]]]
                )
    return result


def _pair(mu: Floats, covariance: Floats, ends: list[tuple[float, float]]) -> float:
    """Return Cov(x_0, x_1) of two bounded unknowns; the first is a log one if either is."""
    sds, shared = np.sqrt(np.diag(covariance)), float(covariance[0, 1])
    if np.isinf(ends[0]).any():
        rise = mean(mu[1] + np.array([shared, 0.0]), float(sds[1]), *ends[1])
        return mean_slope(mu[0], float(sds[0]), *ends[0]) * float(rise[0] - rise[1])
    t, weights = _rule(float(sds[0]))
    left = Transform(*ends[0]).inverse(mu[0] + sds[0] * t)
    rest = math.sqrt(max(float(covariance[1, 1]) - (shared / sds[0]) ** 2, 0.0))
    right = mean(mu[1] + shared / sds[0] * t, rest, *ends[1])
    return float(weights @ ((left - weights @ left) * (right - weights @ right)))


def _rule(sigma: float) -> tuple[Floats, Floats]:
    """Trapezoidal rule for the standard Normal, fine enough for functions of expit(mu + sigma t).

    The error is exp(-2 pi c / step), where c = pi / sigma is the distance to the nearest pole
    (Trefethen & Weideman 2014, SIAM Review 56).
    """
    step = min(0.1, 2 * math.pi * math.pi / (40 * max(sigma, 1e-300)))
    nodes = min(2 * math.ceil(_REACH / step) + 1, _MOST_NODES)
    t = np.linspace(-_REACH, _REACH, nodes)
    weights = np.exp(-0.5 * t**2)
    return t, weights / weights.sum()


def _expit_rise(z: Floats, rise: Floats) -> Floats:
    """Return expit(z + rise) - expit(z) without cancellation."""
    low, high = np.minimum(z, z + rise), np.maximum(z, z + rise)
    size = scipy.special.expit(high) * scipy.special.expit(-low) * -np.expm1(-np.abs(rise))
    return np.asarray(np.copysign(size, rise))
