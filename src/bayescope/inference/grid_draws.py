"""Independent draws from a density on a grid: by its multilinear interpolant, then rejection."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.grid_lattice import Axis, Lattice, build
from bayescope.inference.grid_target import Target

type Floats = NDArray[np.float64]

_MOST_RATIO = 5.0


def draw(target: Target, settled: Lattice, rng: np.random.Generator, size: int) -> tuple[Floats, float]:
    """Draw theta, shape (size, d), and return with it the share of draws whose density was cut short.

    A point of an equispaced grid, chosen by its mass, with triangular noise of one cell along each axis
    is a draw of the multilinear interpolant g. It is kept with probability f / (M g), f the
    density itself, so that the draws are those of f; where f > 5 g it would take M above 5, and f is cut.
    """
    frame = settled.frame
    lattice = build(target, frame, _equispaced(settled.axes), panels=False)
    batch = int(1.3 * size) + 100
    t, ratio = _propose(target, lattice, rng, batch)
    most = min(float(ratio.max()), _MOST_RATIO)
    kept: list[Floats] = []
    cut, proposed = 0, 0
    while sum(len(part) for part in kept) < size:
        kept.append(t[rng.uniform(size=batch) * most < ratio])
        cut, proposed = cut + int(np.sum(ratio > most)), proposed + batch
        t, ratio = _propose(target, lattice, rng, batch)
    z = frame.points(np.concatenate(kept)[:size])
    return target.transform.inverse(z), cut / proposed


def _equispaced(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The same ends; where there were panels of `cells`, two panels' cells."""
    return tuple(Axis(axis.lower, axis.upper, axis.cells * (1 if k else 2)) for k, axis in enumerate(axes))


def _propose(target: Target, lattice: Lattice, rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
    """Draw t, shape (size, d), from the interpolant, and evaluate f / g there, shape (size,)."""
    shape = lattice.height.shape
    cumulative = np.cumsum(lattice.height.ravel())
    chosen = np.searchsorted(cumulative, rng.uniform(high=cumulative[-1], size=size), side="right")
    chosen = np.minimum(chosen, cumulative.size - 1)
    place = np.stack(np.unravel_index(chosen, shape), axis=1).astype(np.float64)
    place += rng.uniform(size=place.shape) - rng.uniform(size=place.shape)
    lower = np.array([axis.lower for axis in lattice.axes])
    step = np.array([(axis.upper - axis.lower) / axis.cells for axis in lattice.axes])
    interpolant = scipy.ndimage.map_coordinates(
        lattice.height, place.T, order=1, mode="grid-constant", cval=0.0
    )
    t: Floats = lower + step * place
    log_peak = lattice.log_peak - float(np.sum(np.log(np.diag(lattice.frame.factor))))
    with np.errstate(all="ignore"):
        ratio = np.exp(lattice.frame.log_density(target, t) - log_peak) / interpolant
    return t, np.where(np.isfinite(ratio), ratio, 0.0)
