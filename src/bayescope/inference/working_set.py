"""Proximal Newton for many kinks: solve for the few coordinates that matter, and prove it for all others.

With Laplace priors most coordinates end exactly at their kink. Those are left out, the rest is solved
by `newton`, and one pass over the design matrix tells whether any that was left out must come in:

    |d f / d theta_j| <= w_j    for every j that rests at its kink

The end is the minimum over all coordinates, whatever was left out on the way. Source: Tibshirani et
al. (2012), "Strong rules for discarding predictors in lasso-type problems", JRSS B 74(2).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.newton import Solution
from bayescope.inference.objective import Objective, kkt_residual

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

# With fewer kinks than this the whole problem is as fast.
MANY = 100
_FIRST = 50
_ROUNDS = 100


def minimise_working_set(
    objective: Objective,
    slopes: Callable[[Floats], tuple[Floats, Floats]],
    solve: Callable[[Flags, Floats], Solution],
    start: Floats,
    tolerance: float,
) -> Solution:
    """Minimise an objective with many kinks from `start`, shape (d,).

    Args:
        objective: its kinks and box are read, never its Hessian.
        slopes: theta -> the gradient of the smooth part and the diagonal of its Hessian, each (d,).
        solve: (free, theta) -> the solution over the free coordinates, the others as in theta; the
            vectors of that solution have one element for each free coordinate.
        start: coordinates at their kinks are left out at first.
        tolerance: of the KKT residual over all coordinates.
    """
    theta = np.clip(start, objective.lower, objective.upper)
    free = (objective.weight == 0.0) | (theta != objective.location)
    iterations = 0
    for _ in range(_ROUNDS):
        found = solve(free, theta)
        theta[free] = found.theta
        iterations += found.iterations
        gradient, diagonal = slopes(theta)
        missing = _violations(objective, free, gradient, diagonal, tolerance)
        if found.status != "converged" or not missing.any():
            break
        free |= _largest(missing, max(_FIRST, int(free.sum())))
    residual = kkt_residual(objective, theta, gradient, diagonal)
    return Solution(
        theta=theta,
        value=found.value,
        kkt_residual=residual,
        iterations=iterations,
        status="stalled" if found.status == "converged" and residual > tolerance else found.status,
        at_bound=(theta <= objective.lower) | (theta >= objective.upper),
        at_kink=(objective.weight > 0) & (theta == objective.location),
    )


def _violations(
    objective: Objective, free: Flags, gradient: Floats, diagonal: Floats, tolerance: float
) -> Floats:
    """Return by how much each coordinate that was left out violates its condition; 0: not at all."""
    scale = np.sqrt(np.abs(diagonal)) + objective.weight
    excess = (np.abs(gradient) - objective.weight) / scale
    return np.where(free | (excess <= tolerance / 2), 0.0, excess)


def _largest(values: Floats, count: int) -> Flags:
    """Flag the `count` largest of the values above 0."""
    if np.count_nonzero(values) <= count:
        return values > 0
    return np.asarray(values >= np.partition(values, -count)[-count])
