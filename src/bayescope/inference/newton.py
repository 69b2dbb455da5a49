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
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.objective import Floats, Iterate, Known, Objective, Slopes, largest_violation, units
from bayescope.inference.quadratic_model import model_minimum

type Flags = NDArray[np.bool_]
type Status = Literal["converged", "stalled", "out of iterations", "unbounded"]

_EPSILON = float(np.finfo(np.float64).eps)
_DAMPINGS = (0.0, 1e-6, 1e-3, 1.0, 1e3, 1e6)
_LEFT, _ROOM = 0.2, 2.0
_SHARE, _NEXT_TO_NOTHING = 100.0, 1e-9
_HALVINGS = 50
_NEAR = 1e-4  # nats that a step promises: one of 0.014 sds
_ROUNDED = 1e-2  # nats: more is no rounding error, but of more than 1e13 trials


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
        hessian: of f, shape (d, d), at `theta` or so near that its relative error is that of `slack` or so.
        bend: how much of itself the Hessian changes in a step of one sd; not a number where that is unknown.
    """

    theta: Floats
    value: float
    kkt_residual: float
    iterations: int
    status: Status
    at_bound: Flags
    at_kink: Flags
    hessian: Floats | None = None
    bend: float = np.nan


def minimise(
    objective: Objective,
    start: Floats,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 200,
    curvature: Known | None = None,
    enough: float = 0.0,
) -> Solution:
    """Minimise `objective` from `start`, shape (d,).

    Iterations go on below `tolerance`, down to `enough`, as long as each at least halves the KKT residual.
    `start` must have a finite value; it is projected on the box. `curvature` is that of a place near enough
    for the first steps.
    """
    with np.errstate(all="ignore"):
        within = np.minimum(np.maximum(start, objective.lower), objective.upper)
        current = _first(objective, within, curvature)
        for iteration in range(max_iterations):
            if current.residual <= enough:
                return _solution(objective, current, iteration, tolerance, "stalled")
            following = _descend(objective, current)
            better = following is not None and following.residual < current.residual / 2
            if not better and not current.fresh and current.residual > tolerance:
                following = _descend(objective, iterate_at(objective, current.theta))
            if following is None or (current.residual <= tolerance and not better):
                return _solution(objective, current, iteration, tolerance, "stalled")
            current = following
            if current.total == -np.inf:
                return _solution(objective, current, iteration + 1, tolerance, "unbounded")
        return _solution(objective, current, max_iterations, tolerance, "out of iterations")


def _first(objective: Objective, start: Floats, curvature: Known | None) -> Iterate:
    if curvature is None or objective.slopes is None:
        return iterate_at(objective, start)
    found = _by_slopes(objective.slopes, objective, start, curvature.hessian)
    return replace(found, bend=curvature.bend, settled=False)


def _by_slopes(slopes: Slopes, objective: Objective, theta: Floats, hessian: Floats) -> Iterate:
    smooth, gradient = slopes(theta)
    unit = units(objective, hessian.diagonal())
    residual = largest_violation(objective, theta, gradient, unit)
    return Iterate(theta, smooth + objective.penalty(theta), gradient, hessian, unit, residual, fresh=False)


def iterate_at(objective: Objective, theta: Floats, step: float = np.nan, bend: float = np.nan) -> Iterate:
    """Evaluate F at `theta`, shape (d,), with all derivatives; `step` and `bend` as of `Iterate`."""
    smooth, gradient, hessian = objective.derivatives(theta)
    unit = units(objective, hessian.diagonal())
    residual = largest_violation(objective, theta, gradient, unit)
    return Iterate(theta, smooth + objective.penalty(theta), gradient, hessian, unit, residual, step, bend)


def _solution(
    objective: Objective, end: Iterate, iterations: int, tolerance: float, otherwise: Status
) -> Solution:
    certified = end.residual <= tolerance and end.total > -np.inf
    status: Status = "converged" if certified else otherwise
    theta = end.theta
    at_bound = (theta <= objective.lower) | (theta >= objective.upper)
    at_kink = theta == objective.kink
    hessian = end.hessian if end.settled else None
    return Solution(theta, end.total, end.residual, iterations, status, at_bound, at_kink, hessian, end.bend)


def _descend(objective: Objective, current: Iterate) -> Iterate | None:
    """One accepted step, damped (Levenberg) as far as it takes; None when no step descends."""
    for damping in _DAMPINGS:
        target = model_minimum(objective, current, damping)
        following = None if target is None else _line_search(objective, current, target)
        if following is not None:
            return following
        if current.residual <= _EPSILON:
            return None
    return None


def _line_search(objective: Objective, current: Iterate, target: Floats) -> Iterate | None:
    """Backtrack from `target` until F falls enough; at the end, until the residual does."""
    move = target - current.theta
    predicted = float(current.gradient @ move)
    predicted += objective.penalty(target) - objective.penalty(current.theta)
    noise = 4096 * _EPSILON * (1.0 + abs(current.total))
    if not predicted <= noise:
        return None
    whole = objective.slopes is not None or abs(predicted) <= max(_NEAR, noise)
    if whole:
        following = _follow(objective, current, target)
        if _falls(current, following, predicted, noise):
            return following
        if abs(predicted) <= noise:
            return None
    for halving in range(1 if whole else 0, _HALVINGS):
        step = 0.5**halving
        trial = target if halving == 0 else current.theta + step * move
        if objective.value(trial) + objective.penalty(trial) <= current.total + 1e-4 * step * predicted:
            following = iterate_at(objective, trial)
            if np.isfinite(following.residual) or following.total == -np.inf:
                return following
    return None


def _falls(current: Iterate, following: Iterate, predicted: float, noise: float) -> bool:
    """Tell whether a whole step is good: F falls as promised, or is so near its minimum that it cannot tell.

    F is rounded as its largest terms are, which may be far larger than F; its gradient is right for longer.
    """
    rise = following.total - current.total
    if abs(predicted) <= _NEAR and following.residual <= current.residual / 2:
        return rise <= _ROUNDED
    if abs(predicted) <= noise:
        return rise <= noise and following.residual < current.residual
    return rise <= 1e-4 * predicted and bool(np.isfinite(following.residual))


def _follow(objective: Objective, current: Iterate, target: Floats) -> Iterate:
    """Evaluate F at `target`; by its slopes alone where the Hessian that is known is good enough.

    A Newton step of length s is followed by one of length t = c s^2, and H changes by 2 c of itself in a
    step of length 1, for both are errors of the quadratic model: this gives c.
    """
    move = target - current.theta
    step = math.sqrt(max(float(move @ current.hessian @ move), 0.0))
    bend = 2 * step / current.step**2 if current.fresh and current.step**2 > 0 else current.bend
    settled = current.settled and (not current.fresh or bend * step <= objective.slack)
    if objective.slopes is None or not (settled or _goes_on(objective, current, step, bend)):
        return iterate_at(objective, target, step if current.fresh else np.nan, bend)
    found = _by_slopes(objective.slopes, objective, target, current.hessian)
    if settled and found.residual > max(_SHARE * objective.slack * current.residual, _NEXT_TO_NOTHING):
        settled, bend = False, np.nan  # a Hessian that is off by a share leaves that share: the law failed
    hessian = found.hessian if settled else _secant(found.hessian, move, found.gradient - current.gradient)
    return replace(found, hessian=hessian, step=step, bend=bend, settled=settled)


def _goes_on(objective: Objective, current: Iterate, step: float, bend: float) -> bool:
    """Tell whether an older Hessian does once more: its steps are good, and a new one could not stay yet."""
    if current.fresh:
        return False
    left = step / current.step if current.step else 0.0
    return not (left > _LEFT or bend * left * step <= objective.slack / _ROOM)


def _secant(hessian: Floats, move: Floats, rise: Floats) -> Floats:
    """Update a Hessian by the change of the gradient over `move`, so that H move = rise (BFGS).

    Source: Nocedal & Wright (2006), Numerical Optimization, section 6.1.
    """
    along, bent = float(rise @ move), hessian @ move
    if not along > 0:
        return hessian
    return hessian + np.outer(rise, rise) / along - np.outer(bent, bent) / float(bent @ move)
