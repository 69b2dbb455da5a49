"""The positive unknowns of a search by their logarithms, and back: a scale has no bound and no unit then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.newton import Solution
from bayescope.inference.objective import Objective

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


def in_logs(objective: Objective, positive: Flags) -> Objective:
    """Return `objective` as a function of log theta_j for the `positive` elements, without a Jacobian.

    With theta = exp(phi): df/dphi = theta f', d2f/dphi2 = theta^2 f'' + theta f'.
    """
    if not positive.any():
        return objective

    def value(phi: Floats) -> float:
        return objective.value(_exp(phi, positive, objective))

    def derivatives(phi: Floats) -> tuple[float, Floats, Floats]:
        theta = _exp(phi, positive, objective)
        smooth, gradient, hessian = objective.derivatives(theta)
        stretch = np.where(positive, theta, 1.0)
        diagonal = np.diag(np.where(positive, gradient * theta, 0.0))
        return smooth, gradient * stretch, hessian * np.outer(stretch, stretch) + diagonal

    def slopes(phi: Floats) -> tuple[float, Floats]:
        theta = _exp(phi, positive, objective)
        smooth, gradient = objective.slopes(theta)  # type: ignore[misc]
        return smooth, gradient * np.where(positive, theta, 1.0)

    def log(bound: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.where(positive, np.log(np.where(positive, bound, 1.0)), bound)

    return Objective(
        value,
        derivatives,
        log(objective.lower),
        log(objective.upper),
        objective.location,
        objective.weight,
        None if objective.slopes is None else slopes,
        objective.slack,
    )


def out_of_logs(found: Solution, objective: Objective, positive: Flags) -> Solution:
    """Return a solution of `in_logs` in theta; what falls towards a mode at 0 for ever is put there."""
    if not positive.any():
        return found
    theta = _exp(found.theta, positive, objective)
    zero = positive & _falls_to_zero(objective, theta)
    there = np.where(zero, 0.0, theta)
    if not -np.inf < objective.value(there) + objective.penalty(there) <= found.value:
        there = theta  # the density has a limit at 0, but no value
    return replace(found, theta=there, at_bound=found.at_bound | zero, hessian=None)


def _falls_to_zero(objective: Objective, theta: Floats) -> Flags:
    """Mark where f rises from 0 on: where its slope and curvature at theta lead to 0 or below."""
    with np.errstate(all="ignore"):
        _, gradient, hessian = objective.derivatives(theta)
        rises = (gradient > 0) & (hessian.diagonal() * theta < 1.001 * gradient)
    return np.asarray((objective.lower == 0) & rises)


def _exp(phi: Floats, positive: Flags, objective: Objective) -> Floats:
    with np.errstate(over="ignore"):
        theta = np.where(positive, np.exp(np.where(positive, phi, 0.0)), phi)
    # exp(log(bound)) may miss the bound by a rounding error
    return np.clip(theta, objective.lower, objective.upper)
