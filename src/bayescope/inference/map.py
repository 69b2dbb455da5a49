"""Maximum a posteriori: argmax over theta of log p(y | theta) + log p(theta), in the model's own parameters.

    Beta(a, b) prior on a coin:                 p = (h + a - 1) / (N + a + b - 2)
    Normal likelihood, sigma known, and
    coefficients Normal(m, s) or flat:          least squares of [X / sigma; 1 / s] on [y / sigma; m / s]
    else:                                       proximal Newton, see `newton`

No Jacobian enters, so the mode is that of the density as declared: Flat priors give the MLE, Normal
priors ridge regression, Laplace priors the lasso with its exact zeros (Tibshirani 1996, JRSS B 58).
The covariance is the inverse of the negative Hessian of the log posterior (Wald) on the coordinates
where the posterior is smooth; a zero of a Laplace prior and an active bound have none (nan).
Sources: Gelman et al. (2013), Bayesian Data Analysis (3rd ed.), sections 2.4, 4.1, 13.1 and 14.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.conjugate import successes_and_failures
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.map_refusals import refuse_improper, refuse_poles, refuse_unbounded
from bayescope.inference.method import Context, Method
from bayescope.inference.newton import Solution, kkt_residual
from bayescope.inference.normal_statistics import NormalStatistics
from bayescope.inference.point import is_coin, named, point_fit, refuse_unconverged, wald_covariance
from bayescope.inference.point_problem import PointProblem, PointSettings
from bayescope.inference.starts import plain_start, starts
from bayescope.models import density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


class MAPSettings(PointSettings):
    """Settings of maximum a posteriori."""


def fit_map(model: Model, settings: MAPSettings, context: Context) -> Fit:
    """Return the mode of the posterior, its KKT residual and a Wald covariance.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the posterior has no mode, or no single one; the message says why.
    """
    if not model.names:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    problem = PointProblem(model, prior=True)
    if is_coin(model) and density.element_priors(model)[0][0] in ("Beta", "Uniform"):
        return _coin(problem)
    refuse_improper(model)
    refuse_unbounded(problem)
    refuse_poles(problem, plain_start(problem))
    if problem.normal is not None and _is_gaussian(problem.normal, model):
        return _gaussian(problem, problem.normal)
    context.report_progress("maximising the posterior")
    return _newton(problem, settings)


def beta_mode(a: float, b: float) -> float:
    """Return the mode of Beta(a, b): (a - 1) / (a + b - 2) inside, else the end with the larger density.

    Raises:
        FitError: every p is a mode (a = b = 1), or both ends are (a < 1 and b < 1).
    """
    if a == b == 1:
        raise FitError(
            "the posterior Beta(1, 1) is flat: every p is a mode.", "Read the posterior mean instead."
        )
    if a < 1 and b < 1:
        raise FitError(
            f"the posterior Beta({a:g}, {b:g}) has no single mode: its density is infinite at both ends.",
            "Read the posterior mean or median (exact), or use a prior with arguments of at least 1.",
        )
    if a > 1 and b > 1:
        return (a - 1) / (a + b - 2)
    return 0.0 if a < b else 1.0


def _coin(problem: PointProblem) -> Fit:
    successes, failures = successes_and_failures(problem.model.response)
    name, arguments = density.element_priors(problem.model)[0]
    alpha, beta = (arguments["alpha"], arguments["beta"]) if name == "Beta" else (1.0, 1.0)
    a, b = successes + alpha, failures + beta
    objective = problem.objective
    p = float(np.clip(beta_mode(a, b), objective.lower[0], objective.upper[0]))
    inside = bool(objective.lower[0] < p < objective.upper[0])
    curvature = (a - 1) / p**2 + (b - 1) / (1 - p) ** 2 if inside else math.nan
    slope = (a - 1) / p - (b - 1) / (1 - p) if inside else 0.0
    residual = abs(slope) / math.sqrt(curvature) if inside else 0.0
    details = {"formula": "p = (h + a - 1) / (N + a + b - 2)", "kkt_residual": residual, "iterations": 0}
    return _fit(problem, np.array([p]), np.array([[1 / curvature]]), details, np.array([not inside]))


def _is_gaussian(normal: NormalStatistics, model: Model) -> bool:
    names = {name for name, _ in density.element_priors(model)}
    return normal.sigma_index is None and names <= {"Normal", "Flat"}


def _gaussian(problem: PointProblem, normal: NormalStatistics) -> Fit:
    """Solve the least-squares problem of data and prior by QR with column pivoting."""
    priors = [arguments for _, arguments in density.element_priors(problem.model)]
    centre = np.array([arguments.get("mu", 0.0) for arguments in priors])
    precision = np.array([1 / arguments["sigma"] if arguments else 0.0 for arguments in priors])
    place = np.argsort(normal.coefficients)
    factor = np.vstack([normal.data.factor[:, place] / normal.sigma, np.diag(precision)])
    target = np.concatenate([normal.data.projection / normal.sigma, precision * centre])
    scale = np.linalg.norm(factor, axis=0)
    Q, R = np.linalg.qr(factor / scale)
    theta = scipy.linalg.solve_triangular(R, Q.T @ target) / scale
    root = scipy.linalg.solve_triangular(R, np.eye(len(R))) / scale[:, np.newaxis]
    _, gradient, hessian = problem.objective.derivatives(theta)
    details = {
        "formula": "least squares of the data and the prior by QR",
        "kkt_residual": kkt_residual(problem.objective, theta, gradient, np.diag(hessian)),
        "iterations": 0,
    }
    return _fit(problem, theta, root @ root.T, details, np.zeros(len(theta), dtype=bool))


def _newton(problem: PointProblem, settings: MAPSettings) -> Fit:
    solutions = [problem.minimise(start, settings) for start in starts(problem)]
    converged = [solution for solution in solutions if solution.status == "converged"]
    best = min(converged or solutions, key=lambda solution: solution.value)
    refuse_unconverged(best, settings, "the posterior mode")
    _, _, hessian = problem.objective.derivatives(best.theta)
    covariance = wald_covariance(hessian, ~(best.at_bound | best.at_kink))
    if covariance is None:
        raise FitError(
            "the posterior has no strict mode where the solver ended: it is flat or a saddle there.",
            "Give every coefficient a proper prior, or rescale the predictors.",
        )
    details = {
        "formula": "proximal Newton",
        "kkt_residual": best.kkt_residual,
        "iterations": best.iterations,
        "starts": len(solutions),
        "modes": _distinct(converged),
    }
    return _fit(problem, best.theta, covariance, details, best.at_bound)


def _distinct(solutions: Sequence[Solution]) -> int:
    """Count the values that the solutions reached, equal up to rounding."""
    values = sorted(solution.value for solution in solutions)
    return 1 + sum(after - before > 1e-8 * (1 + abs(before)) for before, after in pairwise(values))


def _fit(
    problem: PointProblem, theta: Floats, covariance: Floats, details: dict[str, Any], at_bound: Flags
) -> Fit:
    names = problem.model.names
    boundary = named(names, at_bound)
    flag = Outcome(
        "flagged",
        f"{', '.join(boundary)}: the mode is on the boundary of the range, and has no standard error.",
        "Read the posterior mean and interval (exact or nuts), or widen the prior if it sets the bound.",
    )
    log_prior = density.log_prior(problem.model, theta)
    more = {
        "zeros": named(names, (problem.objective.weight > 0) & (theta == 0)),
        "boundary": boundary,
        "log_prior": _or_none(log_prior),
        "log_posterior": _or_none(problem.log_likelihood(theta) + log_prior),
    }
    return point_fit(problem, theta, covariance, {**details, **more}, flag if boundary else None)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


MAP = Method("map", "maximum a posteriori: mode of likelihood x prior", MAPSettings, fit_map, kind="point")
