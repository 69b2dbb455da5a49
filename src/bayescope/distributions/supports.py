"""Supports: the sets in which parameters and responses live."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIMPLEX_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Support:
    """An interval of the real line, closed at both ends for the purpose of containment.

    `integer` restricts it to whole numbers; `simplex` makes it the probability simplex (each
    element in [0, 1], summing to 1). `open_ends` says that the ends themselves are no values: a
    scale may be as near to 0 as one likes, but not 0.
    """

    lower: float = -math.inf
    upper: float = math.inf
    integer: bool = False
    simplex: bool = False
    open_ends: bool = False

    def contains(self, other: Support) -> bool:
        """Tell whether every value of `other`, but perhaps its ends, is a value of this support."""
        return (
            self.lower <= other.lower
            and other.upper <= self.upper
            and (other.integer or not self.integer)
            and self.simplex == other.simplex
        )

    def violations(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Tell which values are outside; nan and the infinities are outside of every support.

        The result has the shape of `values`; for a simplex, whose values are vectors along the
        last axis, it has one dimension less. Vectors may miss a sum of 1 by 1e-8.
        """
        array = np.asarray(values, dtype=np.float64)
        outside = ~np.isfinite(array) | (array < self.lower) | (array > self.upper)
        if self.open_ends:
            outside |= (array == self.lower) | (array == self.upper)
        if self.integer:
            outside |= array != np.rint(array)
        if self.simplex:
            total = np.where(outside, np.nan, array).sum(axis=-1)
            return np.asarray(~(np.abs(total - 1.0) <= SIMPLEX_TOLERANCE))
        return np.asarray(outside)

    def __str__(self) -> str:
        """Say it in words, as messages do: "positive numbers", "0 or 1"."""
        if self.simplex:
            return "one 1 among zeros" if self.integer else "non-negative numbers that sum to 1"
        if self.integer and (self.lower, self.upper) == (0.0, 1.0):
            return "0 or 1"
        return self._describe("whole numbers" if self.integer else "numbers")

    def _describe(self, kind: str) -> str:
        if math.isinf(self.lower) and math.isinf(self.upper):
            return f"all {kind}"
        if math.isinf(self.upper):
            if self.open_ends:
                return f"{kind} above {self.lower:g}" if self.lower else f"positive {kind}"
            return f"{kind} of at least {self.lower:g}"
        if math.isinf(self.lower):
            return f"{kind} {'below' if self.open_ends else 'of at most'} {self.upper:g}"
        if self.open_ends:
            return f"{kind} between {self.lower:g} and {self.upper:g}, neither included"
        return f"{kind} from {self.lower:g} to {self.upper:g}"


REAL = Support()
POSITIVE = Support(lower=0.0, open_ends=True)
UNIT = Support(lower=0.0, upper=1.0)
SIMPLEX = Support(lower=0.0, upper=1.0, simplex=True)
ONE_HOT = Support(lower=0.0, upper=1.0, integer=True, simplex=True)
BINARY = Support(lower=0.0, upper=1.0, integer=True)
COUNT = Support(lower=0.0, integer=True)
