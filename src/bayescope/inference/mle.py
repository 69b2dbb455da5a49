"""Maximum likelihood: argmax over theta of log p(y | theta), by formula where there is one.

    one unknown of a conjugate pair:  the mode of the posterior under a flat prior (p = h / N),
                                   variance from the curvature there (p (1 - p) / N)
    Normal(X beta, sigma):         X = QR,  beta = R^-1 Q'y,  sigma^2 = RSS / N,
                                   covariance sigma^2 (R'R)^-1,  var(sigma) = sigma^2 / (2 N)
    else:                          Newton's method; covariance = inverse observed information

Sources: Casella & Berger (2002), Statistical Inference, sections 7.2 and 10.1; Golub & Van Loan (2013),
Matrix Computations, section 5.3. In `sigma` the divisor is N, not N - k: this is the MLE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.absolute_error import LeastAbsolute, least_absolute
from bayescope.inference.conjugate import Conjugate, maximum, of_model
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.group_refusals import refuse_group_mle
from bayescope.inference.hypotheses import choose
from bayescope.inference.level_refusals import refuse_absent_level, refuse_all_classes
from bayescope.inference.method import Context, Method
from bayescope.inference.network_refusals import refuse_network_mode, search_details
from bayescope.inference.normal_statistics import NormalStatistics, design_matrix
from bayescope.inference.objective import kkt_residual
from bayescope.inference.point import (
    degenerate,
    dependent_columns,
    dependent_in,
    expected_information,
    limits_reached,
    named,
    observed_design,
    observed_rows,
    point_fit,
    refuse_perfect_fit,
    refuse_unconverged,
    wald_covariance,
)
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.separation import separation_of
from bayescope.inference.settings import MLESettings
from bayescope.inference.starts import searches, starts
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


def fit_mle(model: Model, settings: MLESettings, context: Context) -> Fit:
    """Return the maximum likelihood estimate with standard errors from the observed information.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the maximum does not exist or is not unique; the message says why.
    """
    if not model.names:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    if model.hypotheses:
        return choose(model, "mle")
    refuse_group_mle(model)
    refuse_absent_level(model, "the MLE")
    problem = PointProblem(model, prior=False, plain=context.plain)
    if networks(model):
        refuse_network_mode(model, prior=False)
        context.report_progress("maximising the likelihood of the network from several starts")
        return _network(problem, settings)
    flat = of_model(model)
    if isinstance(flat, Conjugate):
        return _conjugate(problem, flat)
    if not problem.provable:
        _refuse_dependent(problem)
    if problem.normal is not None:
        return _normal(problem, problem.normal)
    if not problem.provable:
        _refuse_separated(model)
    if problem.model.likelihood.degenerate and _spread_unknown(model) and degenerate(model):
        refuse_perfect_fit(model, "the MLE does not exist", model.likelihood.degenerate)
    if model.likelihood.kinked:
        return _least_absolute(problem)
    context.report_progress("maximising the likelihood")
    return _newton(problem, settings)


def _conjugate(problem: PointProblem, flat: Conjugate) -> Fit:
    if not problem.model.response.observations > 0:
        raise FitError("the MLE does not exist: there are no observations.", "Give data, or use a prior.")
    objective = problem.objective
    likelihood = flat.observe(flat.statistics(problem.model.response))
    found = maximum(likelihood, objective.lower, objective.upper)
    if not np.isfinite(found.theta).all():
        name = flat.pair.parameter
        raise FitError(
            f"the MLE does not exist: the likelihood of {name} rises without end, for {flat.pair.maximum}.",
            map="",
            exact="",
            nuts=f"with a proper prior on {name}",
        )
    details = {"formula": flat.pair.maximum, "kkt_residual": found.residual, "iterations": 0}
    return _fit(problem, found.theta, found.covariance, details, found.at_bound)


def _fit(
    problem: PointProblem, theta: Floats, covariance: Floats, details: dict[str, Any], at_bound: Flags
) -> Fit:
    boundary = named(problem.model.names, at_bound)
    flag = Outcome(
        "flagged",
        f"{', '.join(boundary)}: the estimate is exact, on the boundary, and has no standard error.",
        "To learn how uncertain it is, use a proper prior and read the posterior.",
    )
    limit = limits_reached(problem, theta)
    outcome = limit or (flag if boundary else None)
    return point_fit(problem, theta, covariance, {**details, "boundary": boundary}, outcome)


def _not_unique(why: str) -> FitError:
    return FitError(
        f"the MLE is not unique: {why}.",
        "Leave columns out.",
        map="",
        exact="",
        nuts="with a proper prior on these coefficients",
    )


def _refuse_dependent(problem: PointProblem) -> None:
    model = problem.model
    labels = [model.names[position] for position in model.location.index]
    rows = int(np.count_nonzero(observed_rows(model)))
    if rows < len(labels):
        raise _not_unique(f"{rows} rows cannot tell {len(labels)} coefficients apart")
    dependent = _dependent(problem, labels)
    if dependent:
        raise _not_unique(f"the columns {', '.join(dependent)} are linearly dependent")


def _dependent(problem: PointProblem, labels: Sequence[str]) -> tuple[str, ...]:
    model = problem.model
    if problem.normal is not None:
        return dependent_in(problem.normal.data.factor, labels)
    X, _, _ = observed_design(model)
    if model.likelihood.ordered:  # the cutpoints are a constant column
        X, labels = np.column_stack([np.ones(len(X)), X]), [CUTPOINTS, *labels]
    refuse_all_classes(model)
    return dependent_columns(X, labels)


def _refuse_separated(model: Model) -> None:
    found = separation_of(model)
    if found is not None:
        raise NotApplicable(
            f"the MLE does not exist: {found}, so the likelihood still rises as coefficients go to infinity.",
            map="",
            nuts="with proper priors, such as Normal(0, 2.5) of a predictor scaled to sd 1",
        )


def _normal(problem: PointProblem, normal: NormalStatistics) -> Fit:
    factor, index = normal.data.factor, normal.coefficients
    theta = np.zeros(len(problem.model.names))
    covariance = np.zeros((len(theta), len(theta)))
    inverse = scipy.linalg.solve_triangular(factor, np.eye(len(factor))) if len(factor) else factor
    theta[index] = scipy.linalg.solve_triangular(factor, normal.data.projection) if len(factor) else 0.0
    if normal.sigma_index is not None:
        if normal.data.residual == 0:
            refuse_perfect_fit(problem.model, "the MLE does not exist")
        theta[normal.sigma_index] = np.sqrt(normal.data.residual / normal.data.observations)
        sigma = normal.sigma_at(theta)
        covariance[normal.sigma_index, normal.sigma_index] = sigma**2 / (2 * normal.data.observations)
    covariance[np.ix_(index, index)] = normal.sigma_at(theta) ** 2 * (inverse @ inverse.T)
    formula = f"beta by {normal.how} of X" + ("" if normal.sigma_index is None else ", sigma = sqrt(RSS / N)")
    details = {"formula": formula, "kkt_residual": _residual(problem, theta), "iterations": 0}
    return _fit(problem, theta, covariance, details, np.zeros(len(theta), dtype=bool))


def _residual(problem: PointProblem, theta: Floats) -> float:
    _, gradient, hessian = problem.objective.derivatives(theta)
    return kkt_residual(problem.objective, theta, gradient, np.diag(hessian))


def _spread_unknown(model: Model) -> bool:
    """Tell whether the parameter is unknown at whose end a perfect fit has infinite density."""
    name = model.likelihood.degenerate.split(" -> ")[0]
    return any(predictor.parameter == name and len(predictor.index) for predictor in model.predictors)


def _least_absolute(problem: PointProblem) -> Fit:
    """Fit Laplace noise: beta by linear programming, b = mean absolute residual, expected information."""
    model, location = problem.model, problem.model.location
    spread = next(p for p in model.predictors if p is not location)
    if spread.matrix is not None:
        raise NotApplicable(
            "b varies with the rows, and no linear program gives that MLE.", map="", nuts="with priors"
        )
    rows = observed_rows(model)
    X, y = design_matrix(model, location)[rows], (model.response.values - location.offset)[rows]
    weights = np.ones(len(y)) if model.response.weights is None else model.response.weights[rows]
    found = least_absolute(X, y, weights)
    theta = np.zeros(len(model.names))
    theta[location.index] = found.beta
    theta[spread.index] = np.average(np.abs(y - X @ found.beta), weights=weights)
    free = np.ones(len(theta), dtype=bool)
    covariance = wald_covariance(expected_information(model, theta), free)
    if covariance is None:
        raise _not_unique("the expected information is singular")
    details = {
        "formula": "least absolute deviations by linear programming"
        + (", b = mean |residual|" if len(spread.index) else ""),
        "kkt_residual": found.kkt_residual,
        "iterations": 0,
    }
    fit = _fit(problem, theta, covariance, details, ~free)
    several = _several(found, [model.names[j] for j in location.index])
    return replace(fit, outcome=several) if several else fit


def _several(found: LeastAbsolute, labels: Sequence[str]) -> Outcome | None:
    """Flag coefficients that have a range of values with the same, least, absolute error."""
    ranges = [
        f"{label} from {low:.6g} to {high:.6g}"
        for label, low, high in zip(labels, found.lower, found.upper, strict=True)
        if high - low > 1e-9 * (abs(low) + abs(high))
    ]
    if not ranges:
        return None
    return Outcome(
        "flagged",
        f"the absolute error is as small for {', '.join(ranges)}; this is a point in the middle.",
        "As for the median of an even number of values, any of them will do.",
    )


def _newton(problem: PointProblem, settings: MLESettings) -> Fit:
    solutions = searches(problem, settings)
    if problem.provable and not problem.has_maximum():
        _refuse_dependent(problem)
        _refuse_separated(problem.model)
    converged = [solution for solution in solutions if solution.status == "converged"]
    solution = min(converged or solutions, key=lambda solution: solution.value)
    refuse_unconverged(solution, settings, "the MLE")
    information = problem.curvature(solution)
    covariance = wald_covariance(information, ~solution.at_bound)
    if covariance is None:
        raise _not_unique(
            "the observed information is singular, or so nearly that rounding hides its inverse"
        )
    details = {
        "formula": "Newton's method",
        "kkt_residual": solution.kkt_residual,
        "iterations": solution.iterations,
    }
    return _fit(problem, solution.theta, covariance, details, solution.at_bound)


def _network(problem: PointProblem, settings: MLESettings) -> Fit:
    """Return the best of several searches, without standard errors: weights are not identified."""
    solutions = [problem.minimise(start, settings) for start in starts(problem)]
    converged = [solution for solution in solutions if solution.status == "converged"]
    solution = min(converged or solutions, key=lambda solution: solution.value)
    if solution.status != "converged":
        raise FitError(
            f"the MLE was not found: none of {len(solutions)} starts ended at a maximum; without a prior, "
            "weights may grow without end.",
            "Use map: Normal priors of the weights are weight decay.",
        )
    details = {
        "formula": "Newton's method from several starts",
        "kkt_residual": solution.kkt_residual,
        "iterations": solution.iterations,
        "starts": len(solutions),
        **search_details(problem.model, solutions),
    }
    size = len(solution.theta)
    fit = _fit(problem, solution.theta, np.full((size, size), np.nan), details, solution.at_bound)
    flag = Outcome(
        "flagged",
        "the weights of a network have no single maximum of the likelihood, and no standard errors; without "
        "a prior it follows the noise of the rows, too.",
        "Use map: Normal priors of the weights are weight decay.",
    )
    return replace(fit, outcome=flag)


MLE = Method(
    "mle", "maximum likelihood, with standard errors", MLESettings, fit_mle, kind="point", chooses=True
)
