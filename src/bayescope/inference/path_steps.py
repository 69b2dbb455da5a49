"""The steps of a regularisation path: from which strength of the prior to which, and the mode at each."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import NotApplicable
from bayescope.inference.level_refusals import refuse_absent_level
from bayescope.inference.newton import Solution
from bayescope.inference.point import refuse_unconverged
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import PointSettings
from bayescope.inference.starts import plain_start, starts
from bayescope.inference.sufficient import Condensed, sufficient
from bayescope.models import density
from bayescope.models.model import Block, Model, Prior

type Floats = NDArray[np.float64]

SETTINGS = PointSettings(max_iterations=500)
SCALES = MappingProxyType({"Normal": "sigma", "Laplace": "b"})
"""The argument that a path varies, by the distribution of the prior."""
MOST_WITH_EVIDENCE = 500
"""Unknowns up to which a Hessian is decomposed."""


def condensed(model: Model) -> Condensed:
    """Return the model on few rows that say the same, where its likelihood has sufficient statistics."""
    known = sufficient(model) if model.location.matrix is not None else None
    if known is None or len(model.response.values) <= len(model.names):
        return Condensed(model, 0.0)
    return known.condense(known.statistics)


def power_of(block: Block) -> int:
    """Return q of the penalty lambda |theta - m|^q."""
    return 1 if block.prior.distribution == "Laplace" else 2


def scale_of(block: Block) -> float:
    """Return the scale that the block's prior has."""
    return float(block.prior.arguments[SCALES[block.prior.distribution]])  # type: ignore[arg-type]


def center_of(block: Block) -> Floats:
    """Return m of the block's prior, a number or one for each member."""
    return np.asarray(block.prior.arguments["mu"], dtype=np.float64)


def scales(block: Block, strength: Floats) -> Floats:
    """Return the scales of the prior for each lambda: 1 / b, or 1 / (2 tau^2)."""
    return 1 / strength if power_of(block) == 1 else np.sqrt(0.5 / strength)


def with_strength(model: Model, block: Block, strength: float) -> Model:
    """Return the model with the scale of the block's prior that makes `strength` its lambda."""
    scale = float(scales(block, np.array(strength)))
    arguments = {**block.prior.arguments, SCALES[block.prior.distribution]: scale}
    changed = replace(block, prior=Prior(block.prior.distribution, arguments))
    return replace(model, blocks=tuple(changed if b.name == block.name else b for b in model.blocks))


def null_mode(problem: PointProblem, block: Block) -> Floats:
    """Find the mode with every coefficient of the block at the centre of its prior, shape (d,)."""
    refuse_absent_level(problem.model, "the mode")
    theta = plain_start(problem)
    theta[block.start : block.stop] = center_of(block)
    free = np.ones(len(theta), dtype=bool)
    free[block.start : block.stop] = False
    if free.any():
        found = problem.given(free, theta).minimise(theta[free], SETTINGS)
        refuse_unconverged(found, SETTINGS, "the mode without these coefficients")
        theta[free] = found.theta
    return theta


def strengths(model: Model, block: Block, null: Floats, grid: int) -> Floats:
    """Choose lambdas from where nothing moves to where the prior no longer matters, shape (grid,).

    Laplace: down from the largest slope of the log-likelihood at the null, below which the first coefficient
    moves, to 1e-4 of it (1e-2 with fewer rows than coefficients; both as in glmnet). Normal: from a hundred
    times the largest curvature of the log-likelihood to a hundredth of the smallest. Raises NotApplicable
    where the likelihood is flat in the block.
    """
    part = slice(block.start, block.stop)
    gradient, diagonal = density.likelihood_slopes(model, null)
    if power_of(block) == 1:
        largest = float(np.abs(gradient[part]).max())
        ends = (
            largest * (1 + 1e-9),
            largest * (1e-4 if len(model.names) < model.response.observations else 1e-2),
        )
    else:
        curvature = -diagonal[part]
        if len(block.labels) <= MOST_WITH_EVIDENCE:
            curvature = -np.linalg.eigvalsh(density.likelihood_derivatives(model, null)[2][part, part])
        largest = float(curvature.max())
        seen = curvature[curvature > 1e-10 * largest]
        ends = 100 * largest / 2, float(seen.min()) / 100 / 2 if len(seen) else 0.0
    if not largest > 0:
        raise NotApplicable(f"the likelihood does not depend on {block.name}.", "Look at the predictors.")
    return np.geomspace(*ends, grid)


def _step(whole: PointProblem, block: Block, strength: float) -> PointProblem:
    """The problem of one strength; what does not depend on it is kept."""
    if power_of(block) == 1 and not whole.sparse:
        weight = whole.objective.weight.copy()
        weight[block.start : block.stop] = strength
        return whole.with_kinks(weight)
    return whole.with_priors_of(with_strength(whole.model, block, strength))


def follow(
    whole: PointProblem, block: Block, strength: Floats, start: Floats
) -> tuple[list[Solution], tuple[str, ...]]:
    """Solve for each strength from the solution before; the path ends where a mode is not found.

    Returns the solutions, fewer than strengths if it ends, and notes that say so. Raises FitError where there
    is no first mode.
    """
    found: list[Solution] = []
    for value in strength:
        problem = _step(whole, block, float(value))
        solution = problem.minimise(found[-1].theta if found else start, SETTINGS)
        if solution.status != "converged":
            solution = min(
                (problem.minimise(other, SETTINGS) for other in starts(problem)),
                key=lambda solution: (solution.status != "converged", solution.value),
            )
        if solution.status != "converged":
            if not found:
                refuse_unconverged(solution, SETTINGS, "the first mode of the path")
            return found, (f"the path ends at lambda = {value:.4g}, where no mode was found",)
        found.append(solution)
    return found, ()
