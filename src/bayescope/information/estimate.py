"""What every measure answers: a value, how far it may be off, and how it was found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CLOSED_FORM = "closed form"
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Estimate:
    """A number with its error and its origin.

    Attributes:
        value: the measure; inf where it diverges, never nan.
        error: rounding error of a closed form, error of a quadrature, standard error (with the
            difference between two resolutions) of an estimate from draws; in the units of `value`.
        how: "closed form", "sum", "quadrature", "k nearest neighbours (k=5)", ...
    """

    value: float
    error: float
    how: str

    def __float__(self) -> float:
        """Return the value."""
        return self.value

    def __str__(self) -> str:
        """Write value, error and origin: 0.818147 +- 1e-15 (closed form)."""
        return f"{self.value:.6g} +- {self.error:.1g} ({self.how})"


def summed(terms: Iterable[ArrayLike], how: str = CLOSED_FORM) -> Estimate:
    """Add the terms of a formula; each is taken to be right to a few units in its last place.

    >>> summed([1.0, [0.25, 0.25]]).value
    1.5
    """
    flat = np.concatenate([np.ravel(np.asarray(term, dtype=np.float64)) for term in terms])
    if not np.all(np.isfinite(flat)):
        return Estimate(float(np.sum(flat)), 0.0, how)
    return Estimate(math.fsum(flat), 4.0 * _EPSILON * float(np.abs(flat).sum()), how)


def non_negative(estimate: Estimate) -> Estimate:
    """Take away the rounding error that makes a divergence of nearly equal things negative."""
    return Estimate(max(estimate.value, 0.0), estimate.error, estimate.how)


def in_base(estimate: Estimate, base: float) -> Estimate:
    """Turn nats into the unit of the logarithm to `base`: 2 for bits, e for nats, 10 for bans."""
    unit = nats(base)
    return Estimate(estimate.value / unit, estimate.error / unit, estimate.how)


def nats(base: float) -> float:
    """How many nats the unit of the logarithm to `base` has: log(base).

    Raises:
        ValueError: `base` is not above 1.
    """
    if not base > 1.0:
        raise ValueError(f"the base of the logarithm must be above 1 (2: bits, e: nats), not {base:g}")
    return math.log(base)
