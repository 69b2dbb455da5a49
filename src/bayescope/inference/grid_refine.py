"""Refinement of the grid until its mass, means and covariances have settled, and what it then says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.grid_lattice import Axis, Frame, Lattice, build
from bayescope.inference.grid_marginal import Gridded, stretch
from bayescope.inference.grid_target import Target

type Floats = NDArray[np.float64]

MOST_T = 66.0  # five billion sds
START = 4.7  # t: 6.9 sds
_CELLS = 20
_LEAK = 0.02  # of the tolerance, for each end of each axis
_LEAST_LEAK = 1e-15
_FAR = 1000.0  # sds
_MUCH = 1e-4  # of the mass
_ADVICE = "Use nuts for the posterior of this model, or give its parameters priors with lighter tails."


@dataclass(frozen=True, eq=False)
class Goal:
    """What has to settle: how many moments of each unknown (0 to 2), to which error, on how many points."""

    finite: tuple[int, ...]
    tolerance: float
    most_points: int


@dataclass(frozen=True, eq=False)
class Settled:
    """A grid that meets its goal.

    Attributes:
        lattice: the density on it.
        mean, covariance: in the order of the model; only the moments of the goal mean anything.
        error: the difference that the coarser rules make and what leaves by the ends, relative to the
            integral and to the posterior sds.
    """

    lattice: Lattice
    mean: Floats
    covariance: Floats
    error: float


def first_axes(frame: Frame, modes: Floats) -> tuple[Axis, ...]:
    """Start with seven sds around the centre, and around every mode."""
    t = frame.coordinates(modes)
    return tuple(
        Axis(min(low, 0.0) - START, max(high, 0.0) + START, _CELLS)
        for low, high in zip(t.min(axis=0), t.max(axis=0), strict=True)
    )


def settle(target: Target, frame: Frame, axes: tuple[Axis, ...], goal: Goal) -> Settled:
    """Extend and refine the axes until the errors are within the tolerance.

    Raises FitError when that takes too many points, or more sds than the stretch reaches.
    """
    lattice: Lattice | None = None
    while True:
        if _points(axes, target, frame) > goal.most_points:
            raise _exhausted(target, lattice, goal)
        lattice = build(target, frame, axes)
        errors, leaks = assess(lattice, goal)
        following = _improve(axes, errors, leaks[:, :, 0], goal.tolerance)
        if following == axes:
            return Settled(lattice, *moments(lattice), float(errors.sum() + leaks[:, :, 0].sum()))
        if any(max(-axis.lower, axis.upper) > MOST_T for axis in following):
            raise _exhausted(target, lattice, goal)
        axes = following


def _points(axes: tuple[Axis, ...], target: Target, frame: Frame) -> int:
    count = 1
    for k, axis in enumerate(axes):
        panels = k == 0 or not np.isnan(target.kinks[frame.order[k]])
        count *= 2 * (axis.cells + 1) if panels else axis.cells + 1
    return count


def assess(lattice: Lattice, goal: Goal) -> tuple[Floats, Floats]:
    """Return the errors of the axes, shape (d,), and the leaks of their ends, shape (d, 2, 2).

    The last dimension of the leaks is: of all that must settle, and of the mass alone.
    """
    functions = _functions(lattice, goal.finite, *moments(lattice))
    size = range(len(lattice.axes))
    errors = np.array([_axis_error(lattice, functions, k) for k in size])
    return errors, np.array([_leaks(lattice, functions, k) for k in size])


def moments(lattice: Lattice) -> tuple[Floats, Floats]:
    """Return mean, shape (d,), and covariance, shape (d, d), in the order of the model."""
    mass, theta = lattice.mass.ravel(), lattice.theta.reshape(len(lattice.theta), -1)
    origin = theta[:, int(np.argmax(mass))]  # sums of differences keep the digits of a narrow posterior
    with np.errstate(all="ignore"):
        deviation = np.where(mass > 0, theta - origin[:, None], 0.0)
        mean = deviation @ mass
        deviation -= mean[:, None]
        return origin + mean, (deviation * mass) @ deviation.T


def _functions(
    lattice: Lattice, finite: tuple[int, ...], mean: Floats, covariance: Floats
) -> list[Floats | float]:
    """1, the unknowns in sds from their means, and their products: all that must have settled."""
    with np.errstate(all="ignore"):
        scaled = {
            j: np.where(lattice.height > 0, (lattice.theta[j] - mean[j]) / np.sqrt(covariance[j, j]), 0.0)
            for j in range(len(mean))
            if finite[j] >= 1
        }
        square = [j for j in scaled if finite[j] == 2]
        products = [scaled[j] * scaled[k] for j in square for k in square if k <= j]
    return [1.0, *scaled.values(), *products]


@np.errstate(all="ignore")  # what is no number is told apart
def _axis_error(lattice: Lattice, functions: list[Floats | float], k: int) -> float:
    """Largest change of an expectation when every other point of axis k is left out."""
    others = tuple(axis for axis in range(lattice.height.ndim) if axis != k)
    profiles = [(lattice.mass * function).sum(axis=others) for function in functions]
    coarse = np.array([profile @ lattice.ratios[k] for profile in profiles])
    fine = np.array([profile.sum() for profile in profiles])
    if not (coarse[0] > 0 and np.isfinite([coarse, fine]).all()):
        return 1.0
    changes = np.abs(coarse / coarse[0] - fine)
    return float(max(abs(coarse[0] - 1), changes.max()))


def _leaks(lattice: Lattice, functions: list[Floats | float], k: int) -> Floats:
    """What the density at either end of axis k adds over one more unit of t: of all functions, and of 1."""
    ends = lattice.slice(k, [0, -1])
    shape = lattice.height.shape
    others = tuple(axis for axis in range(len(shape)) if axis != k)
    found = [
        np.abs((ends * np.take(np.broadcast_to(function, shape), [0, -1], axis=k)).sum(axis=others))
        for function in functions
    ]
    return np.stack([np.max(found, axis=0), found[0]], axis=1)


def _improve(axes: tuple[Axis, ...], errors: Floats, leaks: Floats, tolerance: float) -> tuple[Axis, ...]:
    """Extend ends that leak, add cells where the coarser rule differs."""
    allowed = max(_LEAK * tolerance, _LEAST_LEAK)
    result = []
    for axis, error, (below, above) in zip(axes, errors, leaks, strict=True):
        lower = axis.lower - (max(1.0, -axis.lower / 4) if below > allowed else 0.0)
        upper = axis.upper + (max(1.0, axis.upper / 4) if above > allowed else 0.0)
        cells = axis.cells * (upper - lower) / (axis.upper - axis.lower)
        if error > tolerance / len(axes):
            cells = max(1.5 * axis.cells, cells)
        result.append(Axis(lower, upper, 2 * int(np.ceil(cells / 2 - 1e-9))))
    return tuple(result)


def _exhausted(target: Target, lattice: Lattice | None, goal: Goal) -> FitError:
    """Say what did not settle: mass that keeps leaving by an end, or the rule itself."""
    most = f"{goal.most_points:,} points (max_points)"
    if lattice is None:
        return FitError(f"The grid would need more than {most}.", _ADVICE)
    errors, leaks = assess(lattice, goal)
    mass = leaks[:, :, 1]
    axis, end = np.unravel_index(int(np.argmax(mass)), mass.shape)
    span, name = lattice.axes[int(axis)], target.model.names[lattice.frame.order[int(axis)]]
    reach = float(stretch(span.upper if end else -span.lower))
    leaves = f"towards {'large' if end else 'small'} values of {name} there is still some"
    if mass.max() > _LEAK * goal.tolerance and reach > _FAR:
        return FitError(
            f"The mass of the posterior does not converge: {leaves} {reach:.2g} sds from the centre. "
            "It is improper, or nearly so.",
            "Give every parameter a proper prior, or use more rows.",
        )
    outermost = lattice.frame.order[0]
    if finite_moments(target, Settled(lattice, *moments(lattice), np.nan)) < goal.finite[outermost]:
        heavy = target.model.names[outermost]
        return FitError(
            f"The sd of {heavy} does not settle: its tail is so heavy that it may have none.",
            f"Give {heavy} a prior with lighter tails, or read medians and intervals of nuts.",
        )
    reached = float(errors.sum() + leaks[:, :, 0].sum())
    growing = f"; {leaves} of the mass" if mass.max() > _MUCH else ""
    return FitError(
        f"A grid of at most {most} reached an error of {reached:.2g}, not {goal.tolerance:.2g}{growing}.",
        "Check that the priors are proper, raise `max_points` or `tolerance` of grid, or use nuts.",
    )


def marginal(target: Target, settled: Settled, finite: int) -> Gridded:
    """Tabulate the density of the outermost unknown."""
    lattice = settled.lattice
    frame, axis = lattice.frame, lattice.axes[0]
    j = frame.order[0]
    others = tuple(range(1, lattice.height.ndim))
    profile = lattice.slice(0, slice(None)).sum(axis=others).reshape(2, axis.cells + 1)
    nodes = lattice.nodes[0].ravel()
    return Gridded(
        edges=np.array([axis.lower, nodes[axis.cells], axis.upper]),
        density=profile,
        centre=float(frame.centre[0]),
        scale=float(frame.factor[0, 0]),
        lower=float(np.asarray(target.transform.lower)[j]),
        upper=float(np.asarray(target.transform.upper)[j]),
        finite_moments=finite,
    )


def finite_moments(target: Target, settled: Settled) -> int:
    """How many moments of the outermost unknown are finite: 2, 1 or 0.

    Moment k of |x| needs its density per log |x| to fall more steeply than |x|^-k towards an infinite end.
    """
    found, j = marginal(target, settled, 2), settled.lattice.frame.order[0]
    # sums that are no doubles: the ends went on and on for a moment that is not there
    summed = 2 if np.isfinite(settled.covariance[j, j]) else int(np.isfinite(settled.mean[j]))
    return min(summed, *(_tail(found, end) for end in (found.edges[0], found.edges[-1])))


_NO_TAIL = 1e-30  # probability per log |x|, under which the slope is one of rounding errors


def _tail(found: Gridded, end: float) -> int:
    """Moments that the tail at `end` leaves finite, by its slope as far out as there is probability."""
    t = end - np.copysign(np.arange(max(np.floor(abs(end)), 2.0)), end)
    x, centre = found.value(t), found.value(0.0)
    if not np.isfinite(found.upper if x[0] > centre else found.lower):  # x falls with t below an upper end
        with np.errstate(all="ignore"):
            distance = np.abs(x - centre)
            mass = found.pdf(x) * distance
            slopes = np.diff(np.log(mass)) / np.diff(np.log(distance))
        known = np.flatnonzero((mass[:-1] > _NO_TAIL) & np.isfinite(slopes))
        if len(known):
            return int(np.clip(np.ceil(-slopes[known[0]] - 1e-3) - 1, 0, 2))
    return 2
