"""What the solver of point estimates minimises, and how far a point is from a minimum of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Derivatives = tuple[float, Floats, Floats]
type Slopes = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Objective:
    """f and its derivatives, the kinks and the box; all vectors have shape (d,).

    `value(theta)` is f, inf or nan outside its domain; `derivatives(theta)` is f, its gradient and
    its Hessian. A `weight` of 0 means no kink. `slopes(theta)`, f and its gradient alone, is there where all
    three together cost little more than f does: a step is then tried with its derivatives at once. `slack` is
    how much of itself a Hessian may be off that is kept instead of a new one.
    """

    value: Callable[[Floats], float]
    derivatives: Callable[[Floats], Derivatives]
    lower: Floats
    upper: Floats
    location: Floats
    weight: Floats
    slopes: Slopes | None = None
    slack: float = 1e-6

    @cached_property
    def bounded(self) -> bool:
        """Whether the box has a side."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @cached_property
    def smooth(self) -> bool:
        """Whether there is neither a kink nor a bound."""
        return not (self.weight.any() or self.bounded)

    @cached_property
    def kink(self) -> Floats:
        """The location of each kink, shape (d,); nan where there is none."""
        return np.where(self.weight > 0, self.location, np.nan)

    def penalty(self, theta: Floats) -> float:
        """Return the sum of the kinks at `theta`."""
        return 0.0 if self.smooth else float(self.weight @ np.abs(theta - self.location))


class Known(NamedTuple):
    """A Hessian from elsewhere, shape (d, d), and how much of itself it changes in a step of one sd."""

    hessian: Floats
    bend: float = np.nan


@dataclass(frozen=True)
class Iterate:
    """A point; `step` is the length in sds of the step that led to it, not a number for a start.

    `unit` is what `units` gives. The Hessian of one that is not `fresh` was found before; if it is `settled`,
    so near that it can stay. `bend` is how much of itself it changes in a step of one sd, if that is known.
    """

    theta: Floats
    total: float
    gradient: Floats
    hessian: Floats
    unit: Floats
    residual: float
    step: float = np.nan
    bend: float = np.nan
    fresh: bool = True
    settled: bool = True


def kkt_residual(objective: Objective, theta: Floats, gradient: Floats, curvature: Floats) -> float:
    """Return how far `theta` is from satisfying the first-order conditions, free of units.

    The largest |minimal-norm subgradient of F on the box|_j / (sqrt|H_jj| + w_j), where `gradient`
    and `curvature` (the diagonal of H) are those of f, shape (d,). For a log density and a
    coordinate without a kink it is the Newton step of that coordinate in its conditional sds.
    """
    return largest_violation(objective, theta, gradient, units(objective, curvature))


def largest_violation(objective: Objective, theta: Floats, gradient: Floats, unit: Floats) -> float:
    """Return `kkt_residual` where the `units` are known, shape (d,)."""
    return float(violations(objective, theta, gradient, unit).max(initial=0.0))


def units(objective: Objective, curvature: Floats) -> Floats:
    """Return sqrt|H_jj| + w_j, the unit of each violation, shape (d,); 1 where that is 0."""
    scale = np.sqrt(np.abs(curvature)) + objective.weight
    return np.where(scale > 0, scale, 1.0)


def violations(objective: Objective, theta: Floats, gradient: Floats, unit: Floats) -> Floats:
    """Return what `kkt_residual` is the largest of, shape (d,)."""
    if objective.bounded or objective.smooth:
        return np.asarray(np.abs(subgradient(objective, theta, gradient)) / unit)
    side = np.sign(theta - objective.location)
    excess = np.abs(gradient + objective.weight * side) - objective.weight * (side == 0)
    return np.asarray(np.maximum(excess, 0.0) / unit)


def subgradient(objective: Objective, theta: Floats, gradient: Floats) -> Floats:
    """Return the minimal-norm subgradient of F, without the parts that a bound of the box takes up."""
    if objective.smooth:
        return gradient
    weight, side = objective.weight, np.sign(theta - objective.location)
    slope, either = gradient + weight * side, weight * (side == 0)
    rising, falling = np.maximum(slope - either, 0.0), np.minimum(slope + either, 0.0)
    if objective.bounded:
        rising = np.where(theta > objective.lower, rising, 0.0)
        falling = np.where(theta < objective.upper, falling, 0.0)
    return np.asarray(rising + falling)
