"""What the marginals share: storage as plain arrays, peaks by search, quantiles by root finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from typing import Literal

import numpy as np
import scipy
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

    def ppf(self, q: Floats) -> Floats:
        """The inverse of `cdf`, under SciPy's name."""
        return self.quantile(q)

    def interval(
        self, probability: float = 0.89, kind: Literal["central", "highest density"] = "central"
    ) -> tuple[float, float]:
        """An interval that holds `probability` of the posterior.

        The central one leaves as much on either side; the one of highest density is the shortest.
        """
        tail = 1.0 - probability
        left = 0.5 * tail if kind == "central" else tail * self._shortest(probability)
        lower, upper = self.quantile(np.array([left, left + probability]))
        return float(lower), float(upper)

    def _shortest(self, probability: float) -> float:
        """Share of the tail that the shortest interval leaves on its left."""
        shares = np.linspace(0.0, 1.0, 41)
        for _ in range(6):
            left = (1.0 - probability) * shares
            widths = self.quantile(left + probability) - self.quantile(left)
            best = int(np.argmin(widths))
            shares = np.linspace(shares[max(best - 1, 0)], shares[min(best + 1, 40)], 41)
        return float(shares[20]) if 0 < best < 40 else float(shares[0 if best == 0 else 40])

    def entropy(self) -> float:
        """Differential entropy in nats: -E log p(X), with X = Q(Phi(t)) by the trapezoidal rule in t."""
        t = np.linspace(-7.5, 7.5, 1201)
        density = self.pdf(self.quantile(scipy.special.ndtr(t)))
        weights = np.exp(-0.5 * t**2) / np.sqrt(2.0 * np.pi)
        seen = density > 0
        return float(-np.sum(weights[seen] * np.log(density[seen])) * (t[1] - t[0]))

    def sample(self, size: int, seed: int | np.random.Generator) -> Floats:
        """Draw `size` independent values: Q(U) with U uniform."""
        return self.quantile(np.random.default_rng(seed).uniform(size=size))

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
