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

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.conjugate import Conjugate, maximum, of_model
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.method import Context, Method
from bayescope.inference.newton import kkt_residual
from bayescope.inference.normal_statistics import NormalStatistics
from bayescope.inference.point import (
    dependent_columns,
    named,
    observed_design,
    point_fit,
    refuse_perfect_fit,
    refuse_unconverged,
    wald_covariance,
)
from bayescope.inference.point_problem import PointProblem, PointSettings
from bayescope.inference.separation import find_separation
from bayescope.inference.starts import plain_start
from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

_PRIOR_ADVICE = "Use MAP, exact or NUTS with a proper prior on these coefficients, or leave columns out."


class MLESettings(PointSettings):
    """Settings of maximum likelihood."""


def fit_mle(model: Model, settings: MLESettings, context: Context) -> Fit:
    """Return the maximum likelihood estimate with standard errors from the observed information.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the maximum does not exist or is not unique; the message says why.
    """
    if not model.names:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    problem = PointProblem(model, prior=False)
    flat = of_model(model)
    if isinstance(flat, Conjugate):
        return _conjugate(problem, flat)
    _refuse_dependent(model)
    if problem.normal is not None:
        return _normal(problem, problem.normal)
    if model.location.link == "logit":
        _refuse_separated(model)
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
            f"Use MAP, exact or NUTS with a proper prior on {name}.",
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
        "To learn how uncertain it is, use a proper prior and read the posterior (exact or nuts).",
    )
    return point_fit(
        problem, theta, covariance, {**details, "boundary": boundary}, flag if boundary else None
    )


def _refuse_dependent(model: Model) -> None:
    X, _, _ = observed_design(model)
    labels = [model.names[position] for position in model.location.index]
    if len(X) < X.shape[1]:
        raise FitError(
            f"the MLE is not unique: {len(X)} rows cannot tell {X.shape[1]} coefficients apart.",
            _PRIOR_ADVICE,
        )
    dependent = dependent_columns(X, labels)
    if dependent:
        raise FitError(
            f"the MLE is not unique: the columns {', '.join(dependent)} are linearly dependent.",
            _PRIOR_ADVICE,
        )


def _refuse_separated(model: Model) -> None:
    labels = [model.names[position] for position in model.location.index]
    found = find_separation(*observed_design(model), labels)
    if found is not None:
        raise NotApplicable(
            f"the MLE does not exist: {found}, so the likelihood still rises as coefficients go to infinity.",
            "Use MAP, or nuts, with a proper prior on these coefficients, such as Normal(0, 2.5) on a "
            "predictor scaled to sd 1.",
        )


def _normal(problem: PointProblem, normal: NormalStatistics) -> Fit:
    factor, index = normal.data.factor, normal.coefficients
    theta = np.zeros(len(problem.model.names))
    covariance = np.zeros((len(theta), len(theta)))
    inverse = scipy.linalg.solve_triangular(factor, np.eye(len(factor))) if len(factor) else factor
    theta[index] = scipy.linalg.solve_triangular(factor, normal.data.projection) if len(factor) else 0.0
    if normal.sigma_index is not None:
        if normal.data.residual == 0:
            refuse_perfect_fit("the MLE")
        theta[normal.sigma_index] = np.sqrt(normal.data.residual / normal.data.observations)
        sigma = normal.sigma_at(theta)
        covariance[normal.sigma_index, normal.sigma_index] = sigma**2 / (2 * normal.data.observations)
    covariance[np.ix_(index, index)] = normal.sigma_at(theta) ** 2 * (inverse @ inverse.T)
    formula = "beta by QR of X" + ("" if normal.sigma_index is None else ", sigma = sqrt(RSS / N)")
    details = {"formula": formula, "kkt_residual": _residual(problem, theta), "iterations": 0}
    return _fit(problem, theta, covariance, details, np.zeros(len(theta), dtype=bool))


def _residual(problem: PointProblem, theta: Floats) -> float:
    _, gradient, hessian = problem.objective.derivatives(theta)
    return kkt_residual(problem.objective, theta, gradient, np.diag(hessian))


def _newton(problem: PointProblem, settings: MLESettings) -> Fit:
    solution = problem.minimise(plain_start(problem), settings)
    refuse_unconverged(solution, settings, "the MLE")
    _, _, information = problem.objective.derivatives(solution.theta)
    covariance = wald_covariance(information, ~solution.at_bound)
    if covariance is None:
        raise FitError("the MLE is not unique: the observed information is singular.", _PRIOR_ADVICE)
    details = {
        "formula": "Newton's method",
        "kkt_residual": solution.kkt_residual,
        "iterations": solution.iterations,
    }
    return _fit(problem, solution.theta, covariance, details, solution.at_bound)


MLE = Method("mle", "maximum likelihood, with standard errors", MLESettings, fit_mle, kind="point")
