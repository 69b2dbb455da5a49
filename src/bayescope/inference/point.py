"""What MLE and MAP share beside the solver: checks of the design, Wald covariance, refusals, the Fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.data.terms import INTERCEPT
from bayescope.distributions.links import LINKS
from bayescope.errors import FitError
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.linear_gaussian import compress, triangle_of
from bayescope.inference.newton import Solution
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import PointSettings
from bayescope.models import density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

LARGEST_COVARIANCE = 1000
NEAR_MODE = 1e-5  # sds
FLAT_ADVICE = (
    "Give every parameter a proper prior, leave out predictors that others nearly add up to, or rescale the "
    "predictors."
)
_RANK_TOLERANCE = 1e-12
_LARGEST_INVERSE = 1e13  # of a matrix with diagonal 1, whose rounding errors are 1e-16 and more


def dependent_columns(X: Floats, labels: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of `X`, shape (n, k), that take part in a linear dependence; none: full rank.

    Columns are scaled to length 1; a singular value below 1e-12 of the largest counts as zero. The rows are
    read in one pass, and nothing of their size is copied.
    """
    return dependent_in(triangle_of(X[:, :-1], X[:, -1]), labels) if X.shape[1] else ()


def dependent_in(triangle: Floats, labels: Sequence[str]) -> tuple[str, ...]:
    """Do what `dependent_columns` does, given R of X = QR instead of X, or some columns of R."""
    if not triangle.shape[1]:
        return ()
    length = np.linalg.norm(triangle, axis=0)  # that of the columns of X
    _, singular, rotation = np.linalg.svd(triangle / np.where(length > 0, length, 1.0), full_matrices=True)
    rank = int(np.sum(singular > _RANK_TOLERANCE * singular[0]))
    involved = np.abs(rotation[rank:]).max(axis=0, initial=0.0) > 1e-6
    return tuple(label for label, is_in in zip(labels, involved, strict=True) if is_in)


def observed_design(model: Model) -> tuple[Floats, Floats, Floats | None]:
    """Return design matrix, response and trials of the rows that occur (weight above 0, trials above 0)."""
    response, kept = model.response, observed_rows(model)
    X = design_matrix(model, model.location)
    if kept.all():  # no copy
        return X, response.values, response.trials
    trials = None if response.trials is None else response.trials[kept]
    return X[kept], response.values[kept], trials


def observed_rows(model: Model) -> Flags:
    """Mark the rows that occur: those of weight and trials above 0, shape (n,)."""
    response = model.response
    kept = np.ones(len(response.values), dtype=bool)
    if response.weights is not None:
        kept &= response.weights > 0
    if response.trials is not None:
        kept &= response.trials > 0
    return kept


def wald_covariance(hessian: Floats, free: Flags) -> Floats | None:
    """Invert `hessian`, shape (d, d), on the `free` coordinates; nan elsewhere.

    None: it is not positive definite there, so the point is no strict minimum; or it is so nearly singular
    that rounding decides what its inverse is.
    """
    covariance = np.full(hessian.shape, np.nan)
    if not free.any():
        return covariance
    index = free.nonzero()[0]
    place = index[:, np.newaxis], index
    block = hessian[place]
    diagonal = block.diagonal()
    if not (diagonal > 0).all():
        return None
    scale = np.sqrt(diagonal)
    scales = scale * scale[:, np.newaxis]
    _, inverse, failed = scipy.linalg.lapack.dposv(block / scales, np.eye(len(block)))
    if failed or not np.abs(inverse).max() <= _LARGEST_INVERSE:
        return None
    inverse = inverse / scales
    covariance[place] = (inverse + inverse.T) / 2
    return covariance


def scattered(covariance: Floats, free: Flags) -> Floats:
    """Put the covariance of the free unknowns among all d: shape (d, d), nan elsewhere.

    Of more than a thousand unknowns only the standard errors, shape (d,): the rest fills the memory.
    """
    if len(free) > LARGEST_COVARIANCE:
        spread = np.full(len(free), np.nan)
        spread[free] = np.sqrt(covariance.diagonal())
    else:
        spread = np.full((len(free), len(free)), np.nan)
        spread[np.ix_(free, free)] = covariance
    return spread


def expected_information(model: Model, theta: Floats) -> Floats:
    """Compute the expected information of Laplace noise in mu and b, shape (d, d).

    X' diag(w / b^2) X for both (Norton 1984, Amer. Stat. 38(2)): the observed information says nothing
    of the coefficients, for the density is piecewise linear in them.
    """
    location, rows = model.location, observed_rows(model)
    spread = next(predictor for predictor in model.predictors if predictor is not location)
    b = np.broadcast_to(density.psi(model, theta)[model.predictors.index(spread)], rows.shape)[rows]
    weights = np.ones(len(b)) if model.response.weights is None else model.response.weights[rows]
    information = np.zeros((len(theta), len(theta)))
    for predictor in (location, spread):
        X = design_matrix(model, predictor)[rows]
        slope = LINKS[predictor.link].slope(density.eta(model, theta)[model.predictors.index(predictor)])
        scaled = X * np.broadcast_to(slope, len(rows))[rows, np.newaxis] / b[:, np.newaxis]
        information[np.ix_(predictor.index, predictor.index)] = (scaled.T * weights) @ scaled
    return information


def refuse_unconverged(solution: Solution, settings: PointSettings, what: str) -> None:
    """Raise FitError unless the KKT residual certifies the solution."""
    if solution.status == "converged":
        return
    held = solution.status == "stalled"
    raise FitError(
        f"{what} was not found: {solution.status} after {solution.iterations} iterations, "
        f"KKT residual {solution.kkt_residual:.2g} (wanted: at most {settings.tolerance:.2g}).",
        _ROUNDING_ADVICE if held and solution.kkt_residual <= NEAR_MODE else _SEARCH_ADVICE,
    )


_SEARCH_ADVICE = "Raise max_iterations, rescale the predictors, or give weak directions a proper prior."
_ROUNDING_ADVICE = (
    f"The density is so large that rounding hides the rest. Allow tolerance: {NEAR_MODE:g}, which is in sds, "
    "or give the response in larger units."
)


def refuse_perfect_fit(model: Model, what: str, where: str = "sigma -> 0") -> NoReturn:
    """Raise the FitError of a line through every row with the spread unknown; `where` the density grows."""
    name, end = where.split(" -> ")
    columns = () if model.location.matrix is None else model.location.columns
    fewer = "leave predictors out" if {*columns} - {INTERCEPT} else "use rows that are not all the same"
    prior = "that vanishes at 0, such as InverseGamma(3, 1)" if end == "0" else "such as Exponential(0.1)"
    raise FitError(
        f"{what}: the mean fits every row exactly, so the density is unbounded as {where}.",
        f"Fix {name} ({name}: 1.0), {fewer}, or give {name} a prior {prior}.",
    )


def point_fit(
    problem: PointProblem,
    theta: Floats,
    spread: Floats,
    details: Mapping[str, Any],
    boundary: Outcome | None = None,
) -> Fit:
    """Assemble the Fit of a point method; `boundary` is the outcome if `details["boundary"]` names any.

    `spread` is the covariance, shape (d, d), or the standard errors alone, shape (d,).
    """
    method = "map" if problem.prior else "mle"
    log_likelihood = problem.log_likelihood(theta)
    return Fit(
        name=method,
        method=method,
        kind="point",
        names=problem.model.names,
        outcome=boundary or Outcome(),
        estimate=theta,
        covariance=spread if spread.ndim == 2 else None,
        standard_errors=None if spread.ndim == 2 else spread,
        details={**details, "log_likelihood": log_likelihood, "nll": 0.0 - log_likelihood},
    )


def limits_reached(problem: PointProblem, theta: Floats) -> Outcome | None:
    """Flag parameters whose estimate grew to the end of what a solver tries, saying what that means."""
    model, messages = problem.model, []
    for predictor in model.predictors:
        limit = model.likelihood.parameter(predictor.parameter).limit
        reached = [position for position in predictor.index if theta[position] >= problem.limits[position]]
        if limit is not None:
            messages += [
                f"{model.names[position]} grows without end: {limit.meaning}" for position in reached
            ]
    return Outcome("flagged", f"{'; '.join(messages)}.", _LIMIT_ADVICE) if messages else None


_LIMIT_ADVICE = "The other estimates are those of the simpler likelihood, to six digits or more."


def degenerate(model: Model) -> bool:
    """Tell whether the location can pass through every row, where the density then grows without bound.

    The response, seen on the scale of the linear predictor, is in the span of the design's columns; the
    residual of its least squares is then rounding error.
    """
    location, likelihood = model.location, model.likelihood
    X, y, _ = observed_design(model)
    with np.errstate(all="ignore"):
        target = LINKS[location.link].apply(likelihood.seen(y))
    if not likelihood.degenerate or not np.isfinite(target).all():
        return False
    offset = np.broadcast_to(location.offset, len(model.response.values))[observed_rows(model)]
    return compress(X, target, None, offset).residual == 0


def named(names: Sequence[str], chosen: Flags) -> list[str]:
    """Return the names whose flag is set."""
    return [name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen]
