"""What the marginals share: storage as plain arrays, peaks by search, quantiles by root finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Literal, override

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

    @abstractmethod
    def __str__(self) -> str:
        """Write the distribution for reading: `Beta(8, 6)`."""

    @override
    def __repr__(self) -> str:
        return str(self)

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
    def log_pdf(self, x: Floats) -> Floats:
        """Log density at `x`, also where the density itself underflows; -inf outside the support."""

    def pdf(self, x: Floats) -> Floats:
        """Density at `x`."""
        return np.asarray(np.exp(self.log_pdf(x)))

    @abstractmethod
    def cdf(self, x: Floats) -> Floats:
        """Probability of at most `x`."""

    def cdf_below(self, x: Floats) -> Floats:
        """Probability of less than `x`: the same, unless single points have a probability."""
        return self.cdf(x)

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
        log_density = self.log_pdf(self.quantile(scipy.special.ndtr(t)))
        weights = np.exp(-0.5 * t**2) / np.sqrt(2.0 * np.pi)
        seen = np.isfinite(log_density)  # a density may be infinite at an end
        return float(-np.sum(weights[seen] * log_density[seen]) * (t[1] - t[0]))

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


class NamedMarginal(StoredMarginal):
    """A marginal that is a distribution of the table: named as the class, its arguments the fields."""

    @property
    def distribution(self) -> str:
        """PyMC's name."""
        return self.kind

    @property
    def arguments(self) -> Mapping[str, float]:
        """Every argument by PyMC's name, in PyMC's order."""
        return {name: float(value) for name, value in self.to_arrays().items()}


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
    *,
    start: Floats | None = None,
) -> Floats:
    """Solve cdf(x) = q for brackets `lower` <= x <= `upper`, by Newton's method kept inside the bracket.

    It starts at `start`, or amid the bracket. `cdf` and `pdf` work element by element; only what is
    not settled yet is evaluated again.
    """
    shape = np.broadcast_shapes(np.shape(q), np.shape(lower), np.shape(upper))
    q, lower, upper = (
        np.array(np.broadcast_to(each, shape), dtype=float).ravel() for each in (q, lower, upper)
    )
    tolerance = 1e-15 * (upper - lower)
    x = 0.5 * (lower + upper)
    if start is not None:
        x = np.clip(np.broadcast_to(start, shape).ravel(), lower, upper)
    left = np.arange(x.size)
    for _ in range(200):
        now = x[left]
        excess = cdf(now) - q[left]
        lower[left], upper[left] = (
            np.where(excess < 0, now, lower[left]),
            np.where(excess < 0, upper[left], now),
        )
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = excess / pdf(now)
        still = np.abs(step) <= np.minimum(tolerance[left], EPSILON * np.abs(now))
        settled = still | (np.abs(excess) <= 4 * EPSILON * q[left])  # as far as a sum is known
        inside = (now - step > lower[left]) & (now - step < upper[left])
        x[left] = np.where(settled, now, np.where(inside, now - step, 0.5 * (lower + upper)[left]))
        left = left[~settled & (upper - lower > EPSILON * np.abs(x))[left]]
        if not left.size:
            break
    return x.reshape(shape)
