"""The product grid: coordinates along the posterior's own axes, rules that hold a coarser one, refinement.

For each order of the unknowns, with the first one outermost,

    z = centre + L u,   L the Cholesky factor of the covariance of z,   u_k = 3 sinh(t_k / 3)

so that planes t_1 = const are planes of the first unknown, whose marginal density is the sum over the
rest. Along each axis the rule is the trapezoidal one, which converges geometrically for a smooth
density that vanishes at both ends (Trefethen & Weideman 2014, SIAM Review 56), or two
Clenshaw-Curtis panels that meet at the kink of a Laplace prior. Every other point of either is a rule by
itself: the difference is the error estimate, axis by axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.grid_marginal import clenshaw_curtis, log_stretch_slope, stretch, unstretch
from bayescope.inference.grid_target import Target

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One axis: from `lower` to `upper` in t, in so many cells (or cells a panel, where it has panels)."""

    lower: float
    upper: float
    cells: int


@dataclass(frozen=True, eq=False)
class Frame:
    """An order of the unknowns, outermost first, and the axes' directions: z[order] = centre + factor u.

    `centre` has shape (d,) and `factor` (d, d), both in this order.
    """

    order: tuple[int, ...]
    centre: Floats
    factor: Floats

    @classmethod
    def along(cls, order: Sequence[int], centre: Floats, covariance: Floats) -> Frame:
        """Lay the axes along the Cholesky factor of the covariance, shape (d, d), of z."""
        chosen = list(order)
        return cls(tuple(order), centre[chosen], np.linalg.cholesky(covariance[np.ix_(chosen, chosen)]))

    def points(self, t: Floats) -> Floats:
        """Return z, in the order of the model, at t; both of shape (S, d)."""
        z = np.empty_like(t)
        z[:, list(self.order)] = self.centre + stretch(t) @ self.factor.T
        return z

    def coordinates(self, z: Floats) -> Floats:
        """Return t at z, the inverse of `points`."""
        return unstretch(np.linalg.solve(self.factor, (z[:, list(self.order)] - self.centre).T).T)

    def log_density(self, target: Target, t: Floats) -> Floats:
        """Return log p(y, t), nats, up to log |det factor|; t of shape (S, d)."""
        return np.asarray(target.log_density(self.points(t)) + log_stretch_slope(t).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Lattice:
    """The density at every point of the grid, and the rule.

    Attributes:
        frame: the coordinates.
        axes: one for each level.
        theta: the unknowns in the order of the model at every point, shape (d, N_1, ..., N_d).
        nodes: t of each level, broadcastable to (N_1, ..., N_d).
        height: density of t over its peak, shape (N_1, ..., N_d).
        weights: of each level, broadcastable to (N_1, ..., N_d).
        ratios: coarse weight over weight along each axis, shapes (N_k,).
        log_peak: logarithm of the peak, with log |det factor|.
    """

    frame: Frame
    axes: tuple[Axis, ...]
    theta: Floats
    nodes: tuple[Floats, ...]
    height: Floats
    weights: tuple[Floats, ...]
    ratios: tuple[Floats, ...]
    log_peak: float

    @cached_property
    def total(self) -> float:
        """Integral of `height`."""
        return float(np.sum(self.height * math.prod(self.weights)))

    @cached_property
    def mass(self) -> Floats:
        """Probability of each point, shape (N_1, ..., N_d), summing to 1."""
        return np.asarray(self.height * (math.prod(self.weights) / self.total))

    def slice(self, axis: int, index: list[int] | slice) -> Floats:
        """Density of t along `axis` times the probability weights of the others, at some of its points."""
        selector = tuple(index if k == axis else slice(None) for k in range(self.height.ndim))
        shape = self.height.shape
        others = [np.broadcast_to(w, shape)[selector] for k, w in enumerate(self.weights) if k != axis]
        return np.asarray(self.height[selector] * math.prod(others) / self.total)

    @property
    def log_total(self) -> float:
        """Logarithm of the integral of p(y, z)."""
        return self.log_peak + math.log(self.total)


def build(target: Target, frame: Frame, axes: tuple[Axis, ...], *, panels: bool = True) -> Lattice:
    """Evaluate the density on the grid.

    With `panels`, the outermost axis has panels (so that its profile can be interpolated to the last
    digits), and so has every axis with a kink; without, every axis is equispaced.
    """
    levels: list[_Level] = []
    for k, axis in enumerate(axes):
        outer = [stretch(_trail(level.nodes, k)) for level in levels]
        split = _split(target, frame, axis, outer) if panels else None
        levels.append(_trapezoid(axis, k) if split is None else _panels(axis, split))
    size = len(axes)
    nodes = [_trail(level.nodes, size) for level in levels]
    shape = np.broadcast_shapes(*[values.shape for values in nodes])
    t = np.stack([np.broadcast_to(values, shape).ravel() for values in nodes], axis=1)
    log_height = frame.log_density(target, t).reshape(shape)
    peak = float(log_height.max())
    return Lattice(
        frame=frame,
        axes=axes,
        theta=np.moveaxis(target.transform.inverse(frame.points(t)), 1, 0).reshape(size, *shape),
        nodes=tuple(nodes),
        height=np.exp(log_height - peak),
        weights=tuple(_trail(level.weights, size) for level in levels),
        ratios=tuple(level.ratio for level in levels),
        log_peak=peak + float(np.sum(np.log(np.diag(frame.factor)))),
    )


class _Level(NamedTuple):
    """Nodes and weights of one axis, along the last of k + 1 dimensions, and coarse weight over weight."""

    nodes: Floats
    weights: Floats
    ratio: Floats


def _trail(values: Floats, size: int) -> Floats:
    """Append dimensions of length 1."""
    return values.reshape(values.shape + (1,) * (size - values.ndim))


def _trapezoid(axis: Axis, k: int) -> _Level:
    step = (axis.upper - axis.lower) / axis.cells
    weights = np.full(axis.cells + 1, step)
    weights[[0, -1]] /= 2
    ratio = np.where(np.arange(axis.cells + 1) % 2 == 0, 2.0, 0.0)
    lead = (1,) * k
    nodes = np.linspace(axis.lower, axis.upper, axis.cells + 1)
    return _Level(nodes.reshape(*lead, -1), weights.reshape(*lead, -1), ratio)


def _panels(axis: Axis, split: Floats) -> _Level:
    """Two panels that meet at `split`, one for each line of the outer axes."""
    x, weights = clenshaw_curtis(axis.cells)
    coarse = np.zeros(axis.cells + 1)
    coarse[::2] = clenshaw_curtis(axis.cells // 2)[1]
    left, right = 0.5 * (split[..., None] - axis.lower), 0.5 * (axis.upper - split[..., None])
    nodes = np.concatenate([axis.lower + left * (1 + x), axis.upper - right * (1 - x)], axis=-1)
    return _Level(
        nodes, np.concatenate([left * weights, right * weights], axis=-1), np.tile(coarse / weights, 2)
    )


def _split(target: Target, frame: Frame, axis: Axis, outer: Sequence[Floats]) -> Floats | None:
    """Where the panels of the next axis meet, given u of the outer ones; None: the density is smooth."""
    k = len(outer)
    kink = target.kinks[frame.order[k]]
    if np.isnan(kink):
        return None if k else np.array(_inside(0.0, axis))
    before = sum((frame.factor[k, j] * u for j, u in enumerate(outer)), start=np.zeros(()))
    t = unstretch((kink - frame.centre[k] - before) / frame.factor[k, k])
    return np.clip(t, axis.lower, axis.upper) if k else np.array(_inside(float(t), axis))


def _inside(t: float, axis: Axis) -> float:
    return t if axis.lower < t < axis.upper else 0.5 * (axis.lower + axis.upper)
