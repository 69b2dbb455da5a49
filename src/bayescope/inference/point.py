"""What MLE and MAP share beside the solver: checks of the design, Wald covariance, refusals, the Fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.newton import Solution
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.point_problem import PointProblem, PointSettings
from bayescope.models import density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

_RANK_TOLERANCE = 1e-12


def dependent_columns(X: Floats, labels: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of `X`, shape (n, k), that take part in a linear dependence; none: full rank.

    Columns are scaled to length 1; a singular value below 1e-12 of the largest counts as zero.
    """
    if not X.shape[1]:
        return ()
    length = np.linalg.norm(X, axis=0)
    triangle = np.linalg.qr(X / np.where(length > 0, length, 1.0), mode="r")
    _, singular, rotation = np.linalg.svd(triangle, full_matrices=True)
    rank = int(np.sum(singular > _RANK_TOLERANCE * singular[0]))
    involved = np.abs(rotation[rank:]).max(axis=0, initial=0.0) > 1e-6
    return tuple(label for label, is_in in zip(labels, involved, strict=True) if is_in)


def observed_design(model: Model) -> tuple[Floats, Floats, Floats | None]:
    """Return design matrix, response and trials of the rows that occur (weight above 0, trials above 0)."""
    response = model.response
    kept = np.ones(len(response.values), dtype=bool)
    if response.weights is not None:
        kept &= response.weights > 0
    if response.trials is not None:
        kept &= response.trials > 0
    trials = None if response.trials is None else response.trials[kept]
    return design_matrix(model, model.location)[kept], response.values[kept], trials


def wald_covariance(hessian: Floats, free: Flags) -> Floats | None:
    """Invert `hessian`, shape (d, d), on the `free` coordinates; nan elsewhere.

    None: it is not positive definite there, so the point is no strict minimum.
    """
    covariance = np.full(hessian.shape, np.nan)
    block = hessian[np.ix_(free, free)]
    diagonal = block.diagonal()
    if not np.all(diagonal > 0):
        return None
    scale = np.sqrt(diagonal)
    try:
        factor = scipy.linalg.cho_factor(block / np.outer(scale, scale))
    except (np.linalg.LinAlgError, ValueError):
        return None
    inverse = scipy.linalg.cho_solve(factor, np.eye(len(block))) / np.outer(scale, scale)
    covariance[np.ix_(free, free)] = (inverse + inverse.T) / 2
    return covariance


def refuse_unconverged(solution: Solution, settings: PointSettings, what: str) -> None:
    """Raise FitError unless the KKT residual certifies the solution."""
    if solution.status == "converged":
        return
    raise FitError(
        f"{what} was not found: {solution.status} after {solution.iterations} iterations, "
        f"KKT residual {solution.kkt_residual:.2g} (wanted: at most {settings.tolerance:.2g}).",
        "Raise max_iterations, rescale the predictors, or give weak directions a proper prior.",
    )


def refuse_perfect_fit(what: str) -> NoReturn:
    """Raise the FitError of a residual sum of squares of zero with sigma unknown."""
    raise FitError(
        f"{what} does not exist: the mean fits every row exactly, so the density is unbounded as sigma -> 0.",
        "Fix sigma (sigma: 1.0), leave predictors out, or give sigma a prior that vanishes at 0, "
        "such as InverseGamma(3, 1).",
    )


def point_fit(
    problem: PointProblem,
    theta: Floats,
    covariance: Floats,
    details: Mapping[str, Any],
    boundary: Outcome | None = None,
) -> Fit:
    """Assemble the Fit of a point method; `boundary` is the outcome if `details["boundary"]` names any."""
    method = "map" if problem.prior else "mle"
    log_likelihood = density.log_likelihood(problem.model, theta)
    return Fit(
        name=method,
        method=method,
        kind="point",
        names=problem.model.names,
        outcome=boundary or Outcome(),
        estimate=theta,
        covariance=covariance,
        details={**details, "log_likelihood": log_likelihood, "nll": 0.0 - log_likelihood},
    )


def named(names: Sequence[str], chosen: Flags) -> list[str]:
    """Return the names whose flag is set."""
    return [name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen]
