"""Simulation-based calibration: are the ranks of simulated truths among posterior draws uniform?

    theta ~ p(theta),  y ~ p(y | theta),  draws ~ p(. | y):   the rank of theta_j among the draws is uniform

for a method that draws from the posterior (Talts et al. 2018, arXiv:1804.06788). The distribution function of
the ranks of N simulations lies inside of simultaneous bands with the probability that they are made for
(Saeilynoja, Buerkner and Vehtari 2022, Statistics and Computing 32(32)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Integers = NDArray[np.intp]

LEVELS = (0.5, 0.89, 0.95)
"""Probabilities of the central intervals whose coverage is counted."""

BAND = 0.99
"""Probability that ranks which are uniform stay inside of the bands, at all places at once."""

MOST_PLACES = 100


@dataclass(frozen=True, eq=False)
class Bands:
    """Counts of ranks up to each of K places that are inside of the bands; all of shape (K,)."""

    places: Floats
    lower: Integers
    upper: Integers


@dataclass(frozen=True, eq=False)
class Calibration:
    """One unknown by one method over all simulations that it answered.

    Attributes:
        method: the recipe.
        parameter: the unknown.
        pit: the rank of the truth as a number from 0 to 1, shape (n,).
        counts: of `pit` up to each place of the bands, shape (K,).
        bands: what uniform ranks would stay inside of.
        coverage: how often the central interval of each of `LEVELS` holds the truth.
    """

    method: str
    parameter: str
    pit: Floats
    counts: Integers
    bands: Bands
    coverage: tuple[float, ...]

    @property
    def inside(self) -> bool:
        """Whether the ranks stay inside of the bands everywhere."""
        return bool(np.all((self.counts >= self.bands.lower) & (self.counts <= self.bands.upper)))

    @property
    def difference(self) -> Floats:
        """Distribution function of the ranks minus that of uniform ones, shape (K,)."""
        return np.asarray(self.counts / len(self.pit) - self.bands.places)


def calibrate(method: str, parameter: str, pit: Floats) -> Calibration:
    """Judge the ranks of one unknown, numbers from 0 to 1 of shape (n,), n at least 2."""
    bands = simultaneous_bands(len(pit))
    counts = np.searchsorted(np.sort(pit), bands.places, side="right")
    coverage = tuple(float(np.mean(np.abs(pit - 0.5) <= level / 2)) for level in LEVELS)
    return Calibration(method, parameter, pit, np.asarray(counts), bands, coverage)


def pit_of(truth: Floats, draws: Floats, rng: np.random.Generator) -> Floats:
    """Return the ranks of the truth, shape (d,), among S draws, (S, d), as numbers from 0 to 1, shape (d,).

    (rank + u) / (S + 1) with u uniform is uniform where the S draws and the truth are exchangeable; the place
    among draws that are equal to the truth is drawn too.
    """
    below, equal = (draws < truth).sum(axis=0), (draws == truth).sum(axis=0)
    rank = below + rng.integers(0, equal, endpoint=True)
    return np.asarray((rank + rng.random(len(truth))) / (len(draws) + 1))


@cache
def simultaneous_bands(simulations: int, probability: float = BAND) -> Bands:
    """Return bands that uniform ranks stay inside of, at all places at once, with at least `probability`.

    At each place z the count is Binomial(n, z), and the bands are its quantiles gamma / 2 and
    1 - gamma / 2, with the same gamma everywhere: the largest for which the path of counts, which is a Markov
    chain, stays inside with the probability wanted (Saeilynoja et al. 2022, section 2 and algorithm 2).
    """
    from scipy.stats import binom

    places = np.arange(1, min(simulations, MOST_PLACES) + 1) / min(simulations, MOST_PLACES)
    low, high = math.log(1e-9), math.log(1 - probability)
    for _ in range(24):
        middle = (low + high) / 2
        inside = _stays_inside(simulations, places, *_ends(binom, simulations, places, math.exp(middle)))
        low, high = (middle, high) if inside >= probability else (low, middle)
    return Bands(places, *_ends(binom, simulations, places, math.exp(low)))


def _ends(binom: object, n: int, places: Floats, gamma: float) -> tuple[Integers, Integers]:
    lower, upper = (binom.ppf(q, n, places).astype(np.intp) for q in (gamma / 2, 1 - gamma / 2))  # type: ignore[attr-defined]
    return lower, upper


def _stays_inside(n: int, places: Floats, lower: Integers, upper: Integers) -> float:
    """Compute the probability that the counts of n uniform numbers up to each place are inside of the ends.

    From one place to the next, Binomial(n - count, share) are added, `share` being that of what is left.
    """
    from scipy.stats import binom

    counts, chances, before = np.array([0]), np.array([1.0]), 0.0
    for place, low, high in zip(places, lower, upper, strict=True):
        following = np.arange(low, high + 1)
        share = min((place - before) / (1 - before), 1.0)
        steps = binom.pmf(following[:, np.newaxis] - counts, n - counts, share)
        counts, chances, before = following, steps @ chances, place
    return float(chances.sum())


def outside(rows: Sequence[Calibration], method: str) -> tuple[str, ...]:
    """Name the unknowns whose ranks by this method leave the bands."""
    return tuple(row.parameter for row in rows if row.method == method and not row.inside)
