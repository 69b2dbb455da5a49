"""The quadratic model of a Newton step with kinks, minimised over a box.

Coordinate descent finds which coordinates sit at a kink or a bound, one linear solve makes the others exact.
"""

from __future__ import annotations

import numpy as np
import scipy

from bayescope.inference.objective import Floats, Iterate, Objective, violations

_ROUNDS = 500


def model_minimum(objective: Objective, current: Iterate, damping: float) -> Floats | None:
    """Minimise the damped quadratic model of f at `current` plus the kinks, over the box."""
    curvature = current.hessian
    if damping:
        curvature = curvature + np.diag(damping * _squares(current.hessian))
    if (curvature.diagonal() > 0).all():
        target = _solve_model(objective, current, curvature)
        if target is not None:
            return target
    size = np.sqrt(_squares(current.hessian))
    scales = np.outer(size, size)
    return _solve_model(objective, current, _positive_definite(curvature / scales) * scales)


def _squares(hessian: Floats) -> Floats:
    square = np.abs(hessian.diagonal())
    return np.where(square > 0, square, 1.0)


def _positive_definite(matrix: Floats) -> Floats:
    """Return |matrix| (eigenvalues by absolute value) with eigenvalues of at least 1e-8.

    A direction of negative curvature is then followed downhill with a step of its own scale.
    Source: Nocedal & Wright (2006), Numerical Optimization, section 3.4.
    """
    if not np.isfinite(matrix).all():
        return np.eye(len(matrix))
    eigenvalues, vectors = scipy.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(np.abs(eigenvalues), 1e-8)) @ vectors.T)


def _solve_model(objective: Objective, current: Iterate, curvature: Floats) -> Floats | None:
    """Alternate the exact solve on the free coordinates with coordinate descent until they agree.

    None: the curvature is not positive definite on the free coordinates.
    """
    if objective.smooth:
        move = _solved(curvature, current.gradient)
        return None if move is None else current.theta - move
    target = max(1e-3 * current.residual, 1e-13)
    theta, gradient = current.theta, current.gradient
    for _ in range(_ROUNDS):
        solved = _solve_free(objective, curvature, theta, gradient)
        if solved is None:
            return None
        theta = solved
        gradient = current.gradient + curvature @ (theta - current.theta)
        violation = violations(objective, theta, gradient, current.unit)
        if violation.max() <= target or not _sweep(objective, curvature, theta, gradient, violation):
            break
    return theta


def _solved(curvature: Floats, slope: Floats) -> Floats | None:
    """Solve curvature x = slope; None where the curvature is not positive definite."""
    _, solved, failed = scipy.linalg.lapack.dposv(curvature, slope)
    return None if failed or not np.isfinite(solved).all() else solved


def _sweep(
    objective: Objective, curvature: Floats, theta: Floats, gradient: Floats, violation: Floats
) -> bool:
    """Coordinate descent by soft threshold and projection, in place; tell whether a coordinate moved.

    Only of those farthest from their condition: of all that violate it, most would be put back.
    """
    diagonal, moved = curvature.diagonal(), False
    for j in (violation > violation.max() / 2).nonzero()[0]:
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


def _solve_free(objective: Objective, curvature: Floats, theta: Floats, gradient: Floats) -> Floats | None:
    """Minimise the model exactly over the coordinates off their kinks and bounds, signs kept.

    `gradient` is that of the model at `theta`, without the kinks. A coordinate that would cross its kink or
    bound stops there and is no longer free.
    """
    theta = theta.copy()
    for _ in range(len(theta) + 1):
        free = theta != objective.kink
        if objective.bounded:
            free = free & (theta > objective.lower) & (theta < objective.upper)
        if not free.any():
            return theta
        slope = gradient + objective.weight * np.sign(theta - objective.location)
        solved = _solved(curvature[free][:, free], slope[free])
        if solved is None:
            return None
        direction = np.zeros(len(theta))
        direction[free] = -solved
        fraction, stop, place = _first_stop(objective, theta, direction)
        if stop < 0:
            theta += direction
            return theta
        before = theta.copy()
        theta += fraction * direction
        theta[stop] = place
        gradient = gradient + curvature @ (theta - before)
    return theta


def _first_stop(objective: Objective, theta: Floats, direction: Floats) -> tuple[float, int, float]:
    """Return the fraction of `direction` up to the first kink or bound, its index and its place.

    The index is -1 when the whole of `direction` is free.
    """
    places = objective.kink
    if objective.bounded:
        places = np.stack([places, np.where(direction > 0, objective.upper, objective.lower)])
    fractions = ((places - theta) / direction).ravel()  # not a number where nothing moves
    fractions[~(fractions > 0)] = np.inf
    first = int(fractions.argmin())
    if not fractions[first] <= 1.0:
        return 1.0, -1, np.nan
    return float(fractions[first]), first % len(theta), float(places.ravel()[first])
