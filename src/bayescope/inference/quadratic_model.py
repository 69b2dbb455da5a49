"""The quadratic model of a Newton step with kinks, minimised over a box.

Coordinate descent finds which coordinates sit at a kink or a bound, one linear solve makes the others exact.
"""

from __future__ import annotations

import numpy as np
import scipy

from bayescope.inference.objective import Floats, Iterate, Objective, units, violations

_ROUNDS = 500


def model_minimum(objective: Objective, current: Iterate, damping: float) -> Floats | None:
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


def _solve_model(objective: Objective, current: Iterate, curvature: Floats) -> Floats | None:
    """Alternate the exact solve on the free coordinates with coordinate descent until they agree.

    None: the curvature is not positive definite on the free coordinates.
    """
    target = max(1e-3 * current.residual, 1e-13)
    unit = units(objective, curvature.diagonal())
    theta: Floats = current.theta.copy()
    for _ in range(_ROUNDS):
        solved = _solve_free(objective, current, curvature, theta)
        if solved is None or objective.smooth:  # without kinks and bounds it is the minimum
            return solved
        theta = solved
        gradient = current.gradient + curvature @ (theta - current.theta)
        violation = violations(objective, theta, gradient, unit)
        if violation.max() <= target or not _sweep(objective, curvature, theta, gradient, violation):
            break
    return theta


def _sweep(
    objective: Objective, curvature: Floats, theta: Floats, gradient: Floats, violation: Floats
) -> bool:
    """Coordinate descent by soft threshold and projection, in place; tell whether a coordinate moved.

    Only of those farthest from their condition: of all that violate it, most would be put back.
    """
    diagonal, moved = curvature.diagonal(), False
    for j in np.flatnonzero(violation > violation.max() / 2):
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


def _solve_free(objective: Objective, current: Iterate, curvature: Floats, theta: Floats) -> Floats | None:
    """Minimise the model exactly over the coordinates off their kinks and bounds, signs kept.

    A coordinate that would cross its kink or bound stops there and is no longer free.
    """
    theta = theta.copy()
    for _ in range(len(theta) + 1):
        free = theta != objective.kink
        if objective.bounded:
            free = free & (theta > objective.lower) & (theta < objective.upper)
        if not free.any():
            return theta
        gradient = current.gradient + curvature @ (theta - current.theta)
        slope = (gradient + objective.weight * np.sign(theta - objective.location))[free]
        direction = np.zeros(len(theta))
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
    places = objective.kink
    if objective.bounded:
        places = np.stack([places, np.where(direction > 0, objective.upper, objective.lower)])
    fractions = ((places - theta) / direction).ravel()  # not a number where nothing moves
    fractions[~(fractions > 0)] = np.inf
    first = int(fractions.argmin())
    if not fractions[first] <= 1.0:
        return 1.0, -1, np.nan
    return float(fractions[first]), first % len(theta), float(places.ravel()[first])
