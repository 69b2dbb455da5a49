"""Distributions of a response, vectorised over rows and components: SciPy's, and those it lacks.

`parameters` have components along the first axis and rows along the second, shapes (K, n), (K, 1) or
(1, n); `y` and `q` have shape (m, 1, n), and results (m, K, n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


class Component(Protocol):
    """One distribution for each component and row."""

    @property
    def discrete(self) -> bool:
        """Whether responses are whole numbers."""

    @property
    def mean(self) -> Floats:
        """Means, shape (K, n); inf or nan where they do not exist."""

    @property
    def sd(self) -> Floats:
        """Standard deviations, shape (K, n)."""

    def log_density(self, y: Floats) -> Floats:
        """Log density, or log probability."""

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf`."""


@dataclass(frozen=True, eq=False)
class Scipy:
    """A frozen distribution of SciPy."""

    frozen: Any
    discrete: bool

    @property
    def mean(self) -> Floats:
        """Means; SciPy's."""
        return np.asarray(self.frozen.mean())

    @property
    def sd(self) -> Floats:
        """Standard deviations; SciPy's."""
        return np.asarray(self.frozen.std())

    def log_density(self, y: Floats) -> Floats:
        """Log density, or log probability."""
        with np.errstate(all="ignore"):
            return np.asarray(self.frozen.logpmf(y) if self.discrete else self.frozen.logpdf(y))

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""
        return np.asarray(self.frozen.cdf(y))

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.frozen.ppf(q))


@dataclass(frozen=True, eq=False)
class Normals:
    """Normal components of mean and sd of shape (K, n); SciPy's are many times slower on large arrays."""

    mean: Floats
    sd: Floats
    discrete: bool = False

    def log_density(self, y: Floats) -> Floats:
        """Log density; inf at a point that has all of the mass."""
        return _log_density(_log_normal, y, self.mean, self.sd)

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""
        return np.asarray(scipy.special.ndtr(_standardised(y, self.mean, self.sd)))

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.mean + self.sd * scipy.special.ndtri(q))


@dataclass(frozen=True, eq=False)
class Moved:
    """location + scale Z for a symmetric distribution Z of SciPy, shapes (K, n); a scale may be 0."""

    standard: Any
    location: Floats
    scale: Floats
    discrete: bool = False

    @property
    def mean(self) -> Floats:
        """Means, by SciPy's of Z; nan where that is inf, for Z is symmetric."""
        middle = np.asarray(self.standard.mean())
        return np.asarray(self.location + self.scale * np.where(np.isfinite(middle), middle, np.nan))

    @property
    def sd(self) -> Floats:
        """Standard deviations, by SciPy's of Z."""
        return np.asarray(self.scale * self.standard.std())

    def log_density(self, y: Floats) -> Floats:
        """Log density; inf at a point that has all of the mass."""
        return _log_density(self.standard.logpdf, y, self.location, self.scale)

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""
        return np.asarray(self.standard.cdf(_standardised(y, self.location, self.scale)))

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf`."""
        return np.asarray(self.location + self.scale * self.standard.ppf(q))


class Centred(Moved):
    """The same, of a likelihood: its mean is its centre, which it has where tails leave no mean, too."""

    @property
    def mean(self) -> Floats:
        """The locations."""
        return self.location


def _standardised(y: Floats, center: Floats, scale: Floats) -> Floats:
    """Return (y - center) / scale; where the scale is 0 all mass is at the center: -inf below, else inf."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (y - center) / scale
    return z if np.all(scale > 0) else np.where((scale == 0) & (y >= center), np.inf, z)


def _log_density(standard: Callable[[Floats], Floats], y: Floats, center: Floats, scale: Floats) -> Floats:
    """Return the log density of center + scale Z by that of Z."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.asarray(standard(_standardised(y, center, scale)) - np.log(scale))
    return found if np.all(scale > 0) else np.where(scale > 0, found, np.where(y == center, np.inf, -np.inf))


def _log_normal(z: Floats) -> Floats:
    return np.asarray(-0.5 * np.square(z) - 0.5 * np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class Categories:
    """One of k categories 0, 1, ..., with probabilities `p` of shape (K, n, k) or (K, 1, k)."""

    p: Floats
    discrete: bool = True

    @property
    def mean(self) -> Floats:
        """No mean: categories have no distances."""
        return np.full(self.p.shape[:2], np.nan)

    @property
    def sd(self) -> Floats:
        """No standard deviation, either."""
        return np.full(self.p.shape[:2], np.nan)

    def log_density(self, y: Floats) -> Floats:
        """Log probability; -inf of what is no category."""
        known = (y >= 0) & (y < self.p.shape[-1]) & (y == np.rint(y))
        with np.errstate(divide="ignore"):
            own = np.log(self._at(self.p, np.where(known, y, 0)))
        return np.where(known, own, -np.inf)

    def cdf(self, y: Floats) -> Floats:
        """Probability of the categories up to y, in their order."""
        k = self.p.shape[-1]
        totals = np.concatenate([np.zeros((*self.p.shape[:2], 1)), np.cumsum(self.p, axis=-1)], axis=-1)
        codes = np.clip(np.floor(y) + 1, 0, k)
        return np.where(codes == k, 1.0, self._at(totals, codes))

    def quantile(self, q: Floats) -> Floats:
        """The first category, in their order, at which the probability reaches q."""
        totals = np.cumsum(self.p, axis=-1)[..., :-1]
        return np.asarray((totals < q[..., None]).sum(axis=-1), dtype=np.float64)

    @staticmethod
    def _at(values: Floats, codes: Floats) -> Floats:
        """Pick one of each row of `values`, shape (K, n, k), by `codes`, shape (m, 1, n)."""
        index = codes[..., np.newaxis].astype(np.int64)
        return np.take_along_axis(values[np.newaxis], index, axis=-1)[..., 0]


@dataclass(frozen=True, eq=False)
class Counted:
    """A distribution of whole numbers with a log probability and a cdf; quantiles by bisection.

    Attributes:
        log_probability: y -> log p(y), of whole numbers in the support.
        probability_up_to: y -> P(at most y), of whole numbers in the support.
        mean: shape (K, n).
        sd: shape (K, n).
        lowest: the least value.
        highest: the largest value, inf or shape (1, n).
    """

    log_probability: Callable[[Floats], Floats]
    probability_up_to: Callable[[Floats], Floats]
    mean: Floats
    sd: Floats
    lowest: float
    highest: Floats
    discrete: bool = True

    def log_density(self, y: Floats) -> Floats:
        """Log probability; -inf outside of the support."""
        inside = (y >= self.lowest) & (y <= self.highest) & (y == np.rint(y))
        with np.errstate(all="ignore"):
            return np.where(inside, self.log_probability(np.where(inside, y, self.lowest)), -np.inf)

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""
        inside = (y >= self.lowest) & (y < self.highest)
        found = self.probability_up_to(np.where(inside, np.floor(y), self.lowest))
        return np.where(inside, found, np.where(y < self.lowest, 0.0, 1.0))

    def quantile(self, q: Floats) -> Floats:
        """The least value at which the cdf reaches q, but for rounding of the cdf."""
        q, highest = np.broadcast_arrays(q, self.highest)
        target = q * (1.0 - 8 * np.finfo(np.float64).eps)
        below, reaches = np.full(q.shape, self.lowest - 1.0), np.full(q.shape, self.lowest)
        for _ in range(1024):  # the last doubling is the largest float
            short = (self.cdf(reaches) < target) & (reaches < highest)
            if not short.any():
                break
            below = np.where(short, reaches, below)
            reaches = np.where(short, np.minimum(2 * reaches + 1, highest), reaches)
        while np.any((reaches - below > 1) & (reaches < 2.0**53)):
            middle = np.floor(0.5 * (below + reaches))
            enough = self.cdf(middle) >= target
            below, reaches = np.where(enough, below, middle), np.where(enough, middle, reaches)
        return np.where(q < 1.0, reaches, highest).astype(np.float64)


@dataclass(frozen=True, eq=False)
class UniformPareto:
    """Uniform(0, upper) with upper ~ Pareto(a, m): flat up to m with probability a / (a + 1), then a tail."""

    a: float
    m: float
    mean: Floats
    sd: Floats
    discrete: bool = False

    def log_density(self, y: Floats) -> Floats:
        """Log density: log of a / ((a + 1) m) (m / max(y, m))^(a + 1)."""
        tail = (self.a + 1.0) * np.log(np.maximum(y, self.m) / self.m)
        return np.where(y < 0, -np.inf, np.log(self.a / ((self.a + 1.0) * self.m)) - tail)

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""
        flat = self.a / (self.a + 1.0) * np.clip(y, 0.0, self.m) / self.m
        tail = (self.m / np.maximum(y, self.m)) ** self.a / (self.a + 1.0)
        return np.where(y <= self.m, flat, 1.0 - tail)

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf`."""
        share = self.a / (self.a + 1.0)
        with np.errstate(divide="ignore"):
            tail = self.m * ((self.a + 1.0) * (1.0 - q)) ** (-1.0 / self.a)
        return np.where(q <= share, q / share * self.m, tail)


def student_t(degrees: Floats | float, location: Floats, scale: Floats) -> Moved:
    """Student-t components: degrees of freedom, locations and scales of shape (K, n)."""
    return Moved(scipy.stats.t(degrees), location, scale)
