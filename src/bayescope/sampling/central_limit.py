"""The central limit theorem at work: sums of independent terms against the Normal distribution.

    S = X_1 + ... + X_n  has mean n mu and variance n sigma^2
    (S - n mu) / (sigma sqrt(n))  ->  Normal(0, 1)

Source: Casella & Berger (2002), Statistical Inference (2nd ed.), section 5.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Seed = int | np.random.Generator


@dataclass(frozen=True, eq=False)
class CentralLimit:
    """Sums of `terms` independent terms, next to the Normal distribution that they approach.

    Attributes:
        terms: n, the terms in each sum.
        mean: n mu, the mean of a sum.
        variance: n sigma^2, the variance of a sum.
        sums: drawn sums, shape (S,).
    """

    terms: int
    mean: float
    variance: float
    sums: Floats

    @property
    def standardised(self) -> Floats:
        """The sums less their mean, over their sd, shape (S,)."""
        return np.asarray((self.sums - self.mean) / math.sqrt(self.variance))

    @property
    def distance(self) -> float:
        """Kolmogorov distance sup_z |F(z) - Phi(z)| of the standardised sums from Normal(0, 1).

        S sums that are Normal have a distance of 0.87 / sqrt(S) on average, from chance alone.
        """
        z = np.sort(self.standardised)
        steps = np.arange(len(z) + 1) / len(z)
        phi = scipy.special.ndtr(z)
        return float(max(np.max(steps[1:] - phi), np.max(phi - steps[:-1])))


def central_limit(
    draw: Callable[[np.random.Generator, int], Floats],
    terms: int,
    size: int,
    seed: Seed,
    *,
    mean: float,
    variance: float,
) -> CentralLimit:
    """Draw `size` sums of `terms` terms each; `draw(rng, N)` gives N terms of known `mean` and `variance`.

    Raises:
        ValueError: a number is not positive, or the variance is not finite (no central limit then).

    >>> twelve = central_limit(lambda rng, n: rng.random(n), 12, 1000, seed=1, mean=1 / 2, variance=1 / 12)
    >>> twelve.mean, twelve.variance
    (6.0, 1.0)
    """
    if terms < 1 or size < 1:
        raise ValueError(f"terms and size must be at least 1, not {terms} and {size}.")
    if not (0 < variance < math.inf and math.isfinite(mean)):
        raise ValueError(
            f"the theorem needs a finite mean and a positive, finite variance; got {mean!r} and {variance!r}."
        )
    rng = np.random.default_rng(seed)
    sums = np.zeros(size)
    for _ in range(terms):  # memory for one term at a time
        sums += draw(rng, size)
    return CentralLimit(terms, terms * mean, terms * variance, sums)
