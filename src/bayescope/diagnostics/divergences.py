"""Where trajectories diverged: the unknowns in which divergent draws differ most from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Fit
from bayescope.inference.gates import statistic

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

FEWEST = 5
"""Divergent draws under which nothing is said of where they are."""


@dataclass(frozen=True)
class Place:
    """One unknown at divergent and at other draws: medians, and how far apart the distributions are.

    `distance` is the largest difference of the two empirical distribution functions (Kolmogorov's), which
    sees a shift as well as a squeeze; `critical` is what it exceeds by chance in 1 of 1,000 samples.
    """

    position: int
    divergent: float
    others: float
    distance: float
    critical: float

    @property
    def is_apart(self) -> bool:
        """Whether the difference is more than chance."""
        return self.distance > self.critical


def divergent(fit: Fit) -> Flags | None:
    """Mark the divergent draws of a fit, shape (chain, draw); None where too few of either kind were seen."""
    diverging = statistic(fit, "diverging")
    if diverging is None or fit.draws is None:
        return None
    flags = diverging > 0
    count = int(flags.sum())
    return flags if FEWEST <= count <= flags.size - FEWEST else None


def places(fit: Fit) -> tuple[Place, ...]:
    """Compare divergent draws with the others, one `Place` an unknown, the most different first.

    Chance is judged by Smirnov's c(0.001) = 1.949 times sqrt(1/n + 1/m).
    """
    flags = divergent(fit)
    if flags is None:
        return ()
    draws = np.asarray(fit.draws)
    inside, outside = draws[flags], draws[~flags]
    critical = 1.949 * np.sqrt(1 / len(inside) + 1 / len(outside))
    found = [
        Place(
            position=i,
            divergent=float(np.median(inside[:, i])),
            others=float(np.median(outside[:, i])),
            distance=_distance(inside[:, i], outside[:, i]),
            critical=float(critical),
        )
        for i in range(draws.shape[2])
    ]
    return tuple(sorted(found, key=lambda place: -place.distance))


def _distance(a: Floats, b: Floats) -> float:
    """Kolmogorov's distance of two samples: the largest difference of their distribution functions."""
    points = np.concatenate([a, b])
    below_a = np.searchsorted(np.sort(a), points, side="right") / len(a)
    below_b = np.searchsorted(np.sort(b), points, side="right") / len(b)
    return float(np.abs(below_a - below_b).max())


def correlation(a: Floats, b: Floats) -> float:
    """Compute the correlation of two samples of equal shape; 0 where one is constant or not finite."""
    with np.errstate(all="ignore"):
        a, b = (values.ravel() - values.mean() for values in (a, b))
        found = float((a @ b) / np.sqrt((a @ a) * (b @ b)))
    return found if np.isfinite(found) else 0.0


def ranks(values: Floats) -> Floats:
    """Rank all values from 0, in their shape; ties in the order of the array."""
    order = np.argsort(np.argsort(values, axis=None, kind="stable"), kind="stable")
    return np.asarray(order.reshape(values.shape), dtype=np.float64)
