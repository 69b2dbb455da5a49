"""What the marginals share: storage as plain arrays, peaks by search, quantiles by root finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Arrays = dict[str, int | float | Floats]

EPSILON = float(np.finfo(np.float64).eps)


class StoredMarginal(ABC):
    """The posterior of one scalar parameter, as a dataclass of numbers and arrays.

    `x` and `q` are arrays of any shape, and so are the results.
    """

    @property
    @abstractmethod
    def mean(self) -> float:
        """Posterior mean: inf where it diverges, nan where it does not exist."""

    @property
    @abstractmethod
    def sd(self) -> float:
        """Posterior standard deviation; inf where it diverges."""

    @property
    @abstractmethod
    def mode(self) -> float:
        """Where the density is highest; nan where no single value is."""

    @abstractmethod
    def pdf(self, x: Floats) -> Floats:
        """Density at `x`."""

    @abstractmethod
    def cdf(self, x: Floats) -> Floats:
        """Probability of at most `x`."""

    @abstractmethod
    def quantile(self, q: Floats) -> Floats:
        """The inverse of `cdf` on [0, 1]."""

    @property
    def kind(self) -> str:
        """Name of the class, for `marginal_from_arrays`."""
        return type(self).__name__

    def to_arrays(self) -> Arrays:
        """Content by field name, as numbers and arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


def peak(density: Callable[[Floats], Floats], points: Floats) -> float:
    """Where a density is largest: the best of `points` (sorted), then ever closer around it."""
    for _ in range(12):
        best = int(np.argmax(density(points)))
        last = len(points) - 1
        points = np.linspace(points[max(best - 1, 0)], points[min(best + 1, last)], 21)
    return float(points[10])


def invert(
    cdf: Callable[[Floats], Floats],
    pdf: Callable[[Floats], Floats],
    q: Floats,
    lower: Floats,
    upper: Floats,
) -> Floats:
    """Solve cdf(x) = q for brackets `lower` <= x <= `upper`, by Newton's method kept inside the bracket."""
    lower, upper = np.array(lower, dtype=float), np.array(upper, dtype=float)
    tolerance = 1e-15 * (upper - lower)
    x = 0.5 * (lower + upper)
    for _ in range(200):
        excess = cdf(x) - q
        lower, upper = np.where(excess < 0, x, lower), np.where(excess < 0, upper, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = excess / pdf(x)
        still = np.abs(step) <= np.minimum(tolerance, EPSILON * np.abs(x))
        settled = still | (np.abs(excess) <= EPSILON * q)
        inside = (x - step > lower) & (x - step < upper)
        x = np.where(settled, x, np.where(inside, x - step, 0.5 * (lower + upper)))
        if np.all(settled | (upper - lower <= EPSILON * np.abs(x))):
            break
    return x
