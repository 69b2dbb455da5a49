"""Maximum a posteriori: argmax over theta of log p(y | theta) + log p(theta), in the model's own parameters.

    one unknown of a conjugate pair:            the mode of the posterior, by its formula
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
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.absolute_error import rounded_models
from bayescope.inference.conjugate import Conjugate, maximum, of_model, prior_of
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.hypotheses import choose
from bayescope.inference.map_refusals import (
    refuse_improper,
    refuse_no_mode,
    refuse_poles,
    refuse_unbounded,
)
from bayescope.inference.method import Context, Method
from bayescope.inference.network_refusals import search_details
from bayescope.inference.newton import Solution
from bayescope.inference.normal_statistics import NormalStatistics
from bayescope.inference.objective import kkt_residual
from bayescope.inference.point import (
    FLAT_ADVICE,
    expected_information,
    limits_reached,
    named,
    point_fit,
    refuse_unconverged,
    scattered,
    wald_covariance,
)
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import MAPSettings
from bayescope.inference.starts import plain_start, searches
from bayescope.models import prior_density
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


def fit_map(model: Model, settings: MAPSettings, context: Context) -> Fit:
    """Return the mode of the posterior, its KKT residual and a Wald covariance.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the posterior has no mode, or no single one; the message says why.
    """
    refuse(model)
    if model.hypotheses:
        return choose(model, "map")
    problem = PointProblem(model, prior=True, plain=context.plain)
    if networks(model):
        refuse_poles(problem)
        context.report_progress("maximising the posterior of the network from several starts")
        return _newton(problem, settings)
    prior = _conjugate_prior(model)
    if prior is not None:
        return _conjugate(problem, prior)
    if not problem.provable:
        refuse_improper(model, None if problem.normal is None else problem.normal.data.factor)
    refuse_unbounded(problem)
    refuse_poles(problem)
    if not problem.sparse and problem.normal is not None and _is_gaussian(problem.normal, model):
        return _gaussian(problem, problem.normal)
    context.report_progress("maximising the posterior")
    return _newton(problem, settings)


def refuse(model: Model) -> None:
    """Refuse models whose posterior has no mode, whatever the data. Raises NotApplicable, or FitError."""
    if not model.names:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    if not model.hypotheses:
        refuse_no_mode(model, "the posterior mode")


def _conjugate_prior(model: Model) -> Conjugate | None:
    """Return the model's prior in the family of its likelihood; a Uniform cuts that family's flat density.

    None where it cuts that of several unknowns: the mode inside of the box is not the nearest point of it.
    """
    flat = of_model(model)
    if isinstance(flat, str):
        return None
    if prior_density.element_priors(model)[0][0] != "Uniform":
        return prior_of(model, flat)
    return flat if len(model.names) == 1 else None


def _conjugate(problem: PointProblem, prior: Conjugate) -> Fit:
    objective = problem.objective
    posterior = prior.observe(prior.statistics(problem.model.response))
    found = maximum(posterior, objective.lower, objective.upper)
    text = posterior.family.text(posterior.arguments)
    if not np.isfinite(found.theta).all():
        raise FitError(
            f"the posterior {text} has no single mode: it is flat, or its density is infinite at both ends "
            "or rises for ever.",
            "Read the posterior mean or median (exact), or use a prior with larger arguments.",
        )
    details = {"formula": f"the mode of {text}", "kkt_residual": found.residual, "iterations": 0}
    return _fit(problem, found.theta, found.covariance, details, found.at_bound)


def _is_gaussian(normal: NormalStatistics, model: Model) -> bool:
    names = {block.prior.distribution for block in model.blocks}
    return normal.sigma_index is None and names <= {"Normal", "Flat"}


def _gaussian(problem: PointProblem, normal: NormalStatistics) -> Fit:
    """Solve the least-squares problem of data and prior by QR with column pivoting."""
    priors = [arguments for _, arguments in prior_density.element_priors(problem.model)]
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
        "formula": f"least squares of the data (by {normal.how}) and the prior (by QR)",
        "kkt_residual": kkt_residual(problem.objective, theta, gradient, np.diag(hessian)),
        "iterations": 0,
    }
    return _fit(problem, theta, root @ root.T, details, np.zeros(len(theta), dtype=bool))


def _newton(problem: PointProblem, settings: MAPSettings) -> Fit:
    kinked = problem.model.likelihood.kinked
    solutions = [_rounded_off(problem, settings)] if kinked else searches(problem, settings)
    if problem.provable and not problem.has_maximum():
        refuse_improper(problem.model)
    converged = [solution for solution in solutions if solution.status == "converged"]
    best = min(converged or solutions, key=lambda solution: solution.value)
    refuse_unconverged(best, settings, "the posterior mode")
    free = ~(best.at_bound | best.at_kink)
    covariance = _spread(problem, best, free)
    if covariance is None:
        raise FitError(
            "the posterior has no strict mode where the solver ended: it is flat or a saddle there, or so "
            "nearly flat that rounding hides it.",
            FLAT_ADVICE,
        )
    details = {
        "formula": "proximal Newton"
        + (", kinks of the noise rounded off at 1e-9 sd" if kinked else "")
        + (f" on the least squares of the data (by {problem.normal.how})" if problem.normal else ""),
        "kkt_residual": best.kkt_residual,
        "iterations": best.iterations,
        "starts": len(solutions),
        "modes": _distinct(converged),
        **search_details(problem.model, solutions),
    }
    return _fit(problem, best.theta, covariance, details, best.at_bound)


def _rounded_off(problem: PointProblem, settings: MAPSettings) -> Solution:
    """Follow the mode as the kinks of Laplace noise get sharper."""
    theta = plain_start(problem)
    for model in rounded_models(problem.model):
        solution = PointProblem(model, prior=True).minimise(theta, settings)
        theta = solution.theta
    return solution


def _curvature(problem: PointProblem, end: Solution) -> Floats:
    """The Hessian of the negative log posterior; of Laplace noise, the expected information."""
    model, theta = problem.model, end.theta
    if not model.likelihood.kinked:
        return problem.curvature(end)
    return expected_information(model, theta) - prior_density.smooth_prior_derivatives(model, theta)[2]


def _spread(problem: PointProblem, end: Solution, free: Flags) -> Floats | None:
    """The Wald covariance, shape (d, d), nan for what is not free; of many unknowns their standard errors.

    None: the point is no strict mode.
    """
    if not problem.sparse:
        return wald_covariance(_curvature(problem, end), free)
    part = problem.given(free, end.theta)
    inner = replace(end, theta=end.theta[free], hessian=None)
    found = wald_covariance(_curvature(part, inner), np.ones(int(free.sum()), dtype=bool))
    return found if found is None else scattered(found, free)


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
    log_prior = prior_density.log_prior(problem.model, theta)
    log_likelihood = problem.log_likelihood(theta)
    more = {
        "zeros": named(names, (problem.objective.weight > 0) & (theta == 0)),
        "boundary": boundary,
        "log_prior": _or_none(log_prior),
        "log_posterior": _or_none(log_likelihood + log_prior),
    }
    outcome = limits_reached(problem, theta) or (flag if boundary else None)
    return point_fit(problem, theta, covariance, {**details, **more}, outcome)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


MAP = Method(
    "map",
    "maximum a posteriori: mode of likelihood x prior",
    MAPSettings,
    fit_map,
    kind="point",
    chooses=True,
    refuse=refuse,
)
