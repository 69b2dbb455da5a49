"""One solver for every point estimate: proximal Newton over a box, certified by its KKT residual.

    minimise  F(theta) = f(theta) + sum_j w_j |theta_j - m_j|   subject to   l <= theta <= u

f is smooth and may be non-convex. Each iteration minimises a convex quadratic model of f plus the
kinks over the box: coordinate descent finds which coordinates sit at a kink or a bound, one linear
solve makes the others exact. An Armijo line search on F follows. Without kinks and active bounds
this is Newton's method by Cholesky. Source: Lee, Sun & Saunders (2014), "Proximal Newton-type
methods for minimizing composite functions", SIAM J. Optim. 24(3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]
type Derivatives = tuple[float, Floats, Floats]
type Slopes = Callable[[Floats], tuple[float, Floats]]
type Status = Literal["converged", "stalled", "out of iterations", "unbounded"]

_EPSILON = float(np.finfo(np.float64).eps)
_DAMPINGS = (0.0, 1e-6, 1e-3, 1.0, 1e3, 1e6)
_ROUNDS = 500
_SETTLED = 1e-6
_HALVINGS = 50


@dataclass(frozen=True)
class Objective:
    """f and its derivatives, the kinks and the box; all vectors have shape (d,).

    `value(theta)` is f, inf or nan outside its domain; `derivatives(theta)` is f, its gradient and
    its Hessian. A `weight` of 0 means no kink. `slopes(theta)`, f and its gradient alone, is there where all
    three together cost little more than f does: a step is then tried with its derivatives at once.
    """

    value: Callable[[Floats], float]
    derivatives: Callable[[Floats], Derivatives]
    lower: Floats
    upper: Floats
    location: Floats
    weight: Floats
    slopes: Slopes | None = None

    @cached_property
    def smooth(self) -> bool:
        """Whether there is neither a kink nor a bound."""
        return not (self.weight.any() or np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @cached_property
    def kink(self) -> Floats:
        """The location of each kink, shape (d,); nan where there is none."""
        return np.where(self.weight > 0, self.location, np.nan)

    def penalty(self, theta: Floats) -> float:
        """Return the sum of the kinks at `theta`."""
        return float(self.weight @ np.abs(theta - self.location))


@dataclass(frozen=True)
class Solution:
    """Where the solver ended.

    Attributes:
        theta: shape (d,); a coordinate at a kink or a bound equals it exactly.
        value: F(theta).
        kkt_residual: see `kkt_residual`.
        iterations: Newton steps taken.
        status: "converged" certifies kkt_residual <= tolerance.
        at_bound: coordinates on a bound of the box, shape (d,).
        at_kink: coordinates exactly at the location of their kink, shape (d,).
        hessian: of f, shape (d, d), at `theta` or so near that its relative error is below 1e-6.
    """

    theta: Floats
    value: float
    kkt_residual: float
    iterations: int
    status: Status
    at_bound: Flags
    at_kink: Flags
    hessian: Floats | None = None


@dataclass(frozen=True)
class _Iterate:
    """A point; `step` is the length in sds of the step that led to it, 0 for a start.

    The Hessian of one that is not `fresh` is that of the point before.
    """

    theta: Floats
    total: float
    gradient: Floats
    hessian: Floats
    residual: float
    step: float = 0.0
    fresh: bool = True


def minimise(
    objective: Objective,
    start: Floats,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 200,
    curvature: Floats | None = None,
    enough: float = 0.0,
) -> Solution:
    """Minimise `objective` from `start`, shape (d,).

    Iterations go on below `tolerance`, down to `enough`, as long as each at least halves the KKT residual.
    `start` must have a finite value; it is projected on the box. `curvature`, shape (d, d), is a Hessian near
    enough for the first step.
    """
    with np.errstate(all="ignore"):
        current = _first(objective, np.clip(start, objective.lower, objective.upper), curvature)
        for iteration in range(max_iterations):
            if current.residual <= enough:
                return _solution(objective, current, iteration, tolerance, "stalled")
            if not current.fresh and iteration:
                current = _evaluate(objective, current.theta)
            following = _descend(objective, current)
            if following is None or (
                current.residual <= tolerance and not following.residual < current.residual / 2
            ):
                return _solution(objective, current, iteration, tolerance, "stalled")
            current = following
            if current.total == -np.inf:
                return _solution(objective, current, iteration + 1, tolerance, "unbounded")
        return _solution(objective, current, max_iterations, tolerance, "out of iterations")


def kkt_residual(objective: Objective, theta: Floats, gradient: Floats, curvature: Floats) -> float:
    """Return how far `theta` is from satisfying the first-order conditions, free of units.

    The largest |minimal-norm subgradient of F on the box|_j / (sqrt|H_jj| + w_j), where `gradient`
    and `curvature` (the diagonal of H) are those of f, shape (d,). For a log density and a
    coordinate without a kink it is the Newton step of that coordinate in its conditional sds.
    """
    scale = np.sqrt(np.abs(curvature)) + objective.weight
    violation = np.abs(_subgradient(objective, theta, gradient))
    return float((violation / np.where(scale > 0, scale, 1.0)).max(initial=0.0))


def _subgradient(objective: Objective, theta: Floats, gradient: Floats) -> Floats:
    """Minimal-norm subgradient of F, without the parts that a bound of the box takes up."""
    if objective.smooth:
        return gradient
    weight, side = objective.weight, np.sign(theta - objective.location)
    slope, either = gradient + weight * side, weight * (side == 0)
    rising = np.where(theta > objective.lower, np.maximum(slope - either, 0.0), 0.0)
    return rising + np.where(theta < objective.upper, np.minimum(slope + either, 0.0), 0.0)


def _first(objective: Objective, start: Floats, curvature: Floats | None) -> _Iterate:
    if curvature is None or objective.slopes is None:
        return _evaluate(objective, start)
    return _by_slopes(objective.slopes, objective, start, curvature, 0.0)


def _by_slopes(slopes: Slopes, objective: Objective, theta: Floats, hessian: Floats, step: float) -> _Iterate:
    smooth, gradient = slopes(theta)
    residual = kkt_residual(objective, theta, gradient, hessian.diagonal())
    return _Iterate(theta, smooth + objective.penalty(theta), gradient, hessian, residual, step, fresh=False)


def _evaluate(objective: Objective, theta: Floats, step: float = 0.0) -> _Iterate:
    smooth, gradient, hessian = objective.derivatives(theta)
    residual = kkt_residual(objective, theta, gradient, hessian.diagonal())
    return _Iterate(theta, smooth + objective.penalty(theta), gradient, hessian, residual, step)


def _solution(
    objective: Objective, end: _Iterate, iterations: int, tolerance: float, otherwise: Status
) -> Solution:
    certified = end.residual <= tolerance and end.total > -np.inf
    status: Status = "converged" if certified else otherwise
    theta = end.theta
    at_bound = (theta <= objective.lower) | (theta >= objective.upper)
    at_kink = theta == objective.kink
    return Solution(theta, end.total, end.residual, iterations, status, at_bound, at_kink, end.hessian)


def _descend(objective: Objective, current: _Iterate) -> _Iterate | None:
    """One accepted step, damped (Levenberg) as far as it takes; None when no step descends."""
    for damping in _DAMPINGS:
        target = _model_minimum(objective, current, damping)
        following = None if target is None else _line_search(objective, current, target)
        if following is not None:
            return following
        if current.residual <= _EPSILON:
            return None
    return None


def _line_search(objective: Objective, current: _Iterate, target: Floats) -> _Iterate | None:
    """Backtrack from `target` until F falls enough; at rounding level until the residual falls."""
    move = target - current.theta
    predicted = float(current.gradient @ move)
    predicted += objective.penalty(target) - objective.penalty(current.theta)
    noise = 4096 * _EPSILON * (1.0 + abs(current.total))
    if abs(predicted) <= noise:
        following = _follow(objective, current, target)
        same = following.total <= current.total + noise
        return following if same and following.residual < current.residual else None
    if not predicted < 0:
        return None
    if objective.slopes is not None:
        following = _follow(objective, current, target)
        if following.total <= current.total + 1e-4 * predicted and np.isfinite(following.residual):
            return following
    for halving in range(0 if objective.slopes is None else 1, _HALVINGS):
        step = 0.5**halving
        trial = target if halving == 0 else current.theta + step * move
        if objective.value(trial) + objective.penalty(trial) <= current.total + 1e-4 * step * predicted:
            following = _evaluate(objective, trial)
            if np.isfinite(following.residual) or following.total == -np.inf:
                return following
    return None


def _follow(objective: Objective, current: _Iterate, target: Floats) -> _Iterate:
    """Evaluate F at `target`; by its slopes alone where the Hessian is known well enough.

    Newton steps of lengths s and t, in sds, end where the next has length t (t / s)^2, and H has changed by
    2 (t / s)^2 of itself, for both errors are those of the quadratic model.
    """
    move = target - current.theta
    step = math.sqrt(max(float(move @ current.hessian @ move), 0.0))
    if objective.slopes is not None and current.fresh and 2 * step**2 <= _SETTLED * current.step**2:
        return _by_slopes(objective.slopes, objective, target, current.hessian, step)
    return _evaluate(objective, target, step)


def _model_minimum(objective: Objective, current: _Iterate, damping: float) -> Floats | None:
    """Minimise the damped quadratic model of f at `current` plus the kinks, over the box."""
    square = np.abs(current.hessian.diagonal())
    square = np.where(square > 0, square, 1.0)
    curvature = current.hessian
    if damping:
        curvature = curvature + np.diag(damping * square)
    if (curvature.diagonal() > 0).all():
        target = _solve_model(objective, current, curvature)
        if target is not None:
            return target
    scales = np.outer(np.sqrt(square), np.sqrt(square))
    return _solve_model(objective, current, _positive_definite(curvature / scales) * scales)


def _positive_definite(matrix: Floats) -> Floats:
    """Return |matrix| (eigenvalues by absolute value) with eigenvalues of at least 1e-8.

    A direction of negative curvature is then followed downhill with a step of its own scale.
    Source: Nocedal & Wright (2006), Numerical Optimization, section 3.4.
    """
    if not np.isfinite(matrix).all():
        return np.eye(len(matrix))
    eigenvalues, vectors = scipy.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(np.abs(eigenvalues), 1e-8)) @ vectors.T)


def _solve_model(objective: Objective, current: _Iterate, curvature: Floats) -> Floats | None:
    """Alternate the exact solve on the free coordinates with coordinate descent until they agree.

    None: the curvature is not positive definite on the free coordinates.
    """
    target = max(1e-3 * current.residual, 1e-13)
    diagonal = curvature.diagonal()
    theta: Floats = current.theta.copy()
    for _ in range(_ROUNDS):
        solved = _solve_free(objective, current, curvature, theta)
        if solved is None:
            return None
        theta = solved
        gradient = current.gradient + curvature @ (theta - current.theta)
        if kkt_residual(objective, theta, gradient, diagonal) <= target:
            break
        if not _sweep(objective, curvature, theta, gradient):
            break
    return theta


def _sweep(objective: Objective, curvature: Floats, theta: Floats, gradient: Floats) -> bool:
    """Coordinate descent by soft threshold and projection, in place; tell whether a coordinate moved.

    Only of those farthest from their condition: of all that violate it, most would be put back.
    """
    diagonal = curvature.diagonal()
    violation = np.abs(_subgradient(objective, theta, gradient)) / (np.sqrt(diagonal) + objective.weight)
    moved = False
    for j in np.flatnonzero(violation > violation.max(initial=0.0) / 2):
        centre, threshold = objective.location[j], objective.weight[j] / diagonal[j]
        free = theta[j] - gradient[j] / diagonal[j]
        if threshold > 0:
            excess = abs(free - centre) - threshold
            free = centre + np.sign(free - centre) * excess if excess > 0 else centre
        change = min(max(free, objective.lower[j]), objective.upper[j]) - theta[j]
        if change != 0.0:
            theta[j] = min(max(free, objective.lower[j]), objective.upper[j])
            gradient += curvature[j] * change
            moved = True
    return moved


def _solve_free(objective: Objective, current: _Iterate, curvature: Floats, theta: Floats) -> Floats | None:
    """Minimise the model exactly over the coordinates off their kinks and bounds, signs kept.

    A coordinate that would cross its kink or bound stops there and is no longer free.
    """
    theta = theta.copy()
    for _ in range(len(theta) + 1):
        free = (theta != objective.kink) & (theta > objective.lower) & (theta < objective.upper)
        if not free.any():
            return theta
        gradient = current.gradient + curvature @ (theta - current.theta)
        slope = (gradient + objective.weight * np.sign(theta - objective.location))[free]
        direction = np.zeros_like(theta)
        _, solved, failed = scipy.linalg.lapack.dposv(curvature[free][:, free], slope)
        if failed or not np.isfinite(solved).all():
            return None
        direction[free] = -solved
        if objective.smooth:
            return theta + direction
        fraction, stop, place = _first_stop(objective, theta, direction)
        theta = theta + fraction * direction
        if stop < 0:
            return theta
        theta[stop] = place
    return theta


def _first_stop(objective: Objective, theta: Floats, direction: Floats) -> tuple[float, int, float]:
    """Return the fraction of `direction` up to the first kink or bound, its index and its place.

    The index is -1 when the whole of `direction` is free.
    """
    bound = np.where(direction > 0, objective.upper, objective.lower)
    places = np.concatenate([bound, objective.kink])
    fractions = ((places.reshape(2, -1) - theta) / direction).ravel()  # not a number where nothing moves
    fractions = np.where(fractions > 0, fractions, np.inf)
    first = int(fractions.argmin())
    if not fractions[first] <= 1.0:
        return 1.0, -1, np.nan
    return float(fractions[first]), first % len(theta), float(places[first])
