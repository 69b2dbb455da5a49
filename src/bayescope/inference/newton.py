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
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.objective import Floats, Iterate, Objective, Slopes, kkt_residual
from bayescope.inference.quadratic_model import model_minimum

type Flags = NDArray[np.bool_]
type Status = Literal["converged", "stalled", "out of iterations", "unbounded"]

_EPSILON = float(np.finfo(np.float64).eps)
_DAMPINGS = (0.0, 1e-6, 1e-3, 1.0, 1e3, 1e6)
_SETTLED = 1e-6
_HALVINGS = 50


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


def _first(objective: Objective, start: Floats, curvature: Floats | None) -> Iterate:
    if curvature is None or objective.slopes is None:
        return _evaluate(objective, start)
    return _by_slopes(objective.slopes, objective, start, curvature, 0.0)


def _by_slopes(slopes: Slopes, objective: Objective, theta: Floats, hessian: Floats, step: float) -> Iterate:
    smooth, gradient = slopes(theta)
    residual = kkt_residual(objective, theta, gradient, hessian.diagonal())
    return Iterate(theta, smooth + objective.penalty(theta), gradient, hessian, residual, step, fresh=False)


def _evaluate(objective: Objective, theta: Floats, step: float = 0.0) -> Iterate:
    smooth, gradient, hessian = objective.derivatives(theta)
    residual = kkt_residual(objective, theta, gradient, hessian.diagonal())
    return Iterate(theta, smooth + objective.penalty(theta), gradient, hessian, residual, step)


def _solution(
    objective: Objective, end: Iterate, iterations: int, tolerance: float, otherwise: Status
) -> Solution:
    certified = end.residual <= tolerance and end.total > -np.inf
    status: Status = "converged" if certified else otherwise
    theta = end.theta
    at_bound = (theta <= objective.lower) | (theta >= objective.upper)
    at_kink = theta == objective.kink
    return Solution(theta, end.total, end.residual, iterations, status, at_bound, at_kink, end.hessian)


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


def _follow(objective: Objective, current: Iterate, target: Floats) -> Iterate:
    """Evaluate F at `target`; by its slopes alone where the Hessian is known well enough.

    Newton steps of lengths s and t, in sds, end where the next has length t (t / s)^2, and H has changed by
    2 (t / s)^2 of itself, for both errors are those of the quadratic model.
    """
    move = target - current.theta
    step = math.sqrt(max(float(move @ current.hessian @ move), 0.0))
    if objective.slopes is not None and current.fresh and 2 * step**2 <= _SETTLED * current.step**2:
        return _by_slopes(objective.slopes, objective, target, current.hessian, step)
    return _evaluate(objective, target, step)
