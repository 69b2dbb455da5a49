"""Where the solver starts: deterministic points from the data, the likelihood and the prior."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.links import LINKS
from bayescope.distributions.supports import REAL, UNIT
from bayescope.inference.absolute_error import least_absolute
from bayescope.inference.conjugate import Conjugate, mode, of_model
from bayescope.inference.discriminant import towards_discriminant
from bayescope.inference.network_starts import network_starts
from bayescope.inference.newton import Solution
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.objective import Known
from bayescope.inference.point import dependent_columns
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import PointSettings
from bayescope.models import prior_density
from bayescope.models.model import Model, Predictor
from bayescope.models.network_bodies import networks
from bayescope.models.order import ordered_positions
from bayescope.models.rows import thinned

type Floats = NDArray[np.float64]

_FEW_STEPS = PointSettings(max_iterations=20)
_NEARLY = PointSettings.model_construct(tolerance=0.5, max_iterations=20)  # sds; users may not be so lax
_MANY_ROWS = 2**14
_THIN = 16
_LOG_CONCAVE = {"Normal", "Laplace", "Flat", "HalfFlat", "HalfNormal", "Exponential", "Uniform"}
"""Priors whose density is log-concave whatever their arguments, of those that need no look."""


def plain_start(problem: PointProblem) -> Floats:
    """Return a start from the data alone: slopes 0, constants at the response, sigma at its sd.

    A single unknown whose maximum of the likelihood has a formula starts there.
    """
    model, response = problem.model, problem.model.response
    flat = of_model(model)
    if isinstance(flat, Conjugate) and response.observations:
        found = mode(flat.observe(flat.statistics(response)))
        if np.isfinite(found).all():
            return inside_box(found, problem.objective.lower, problem.objective.upper)
    mean, sd = _mean_and_sd(model)
    theta = np.zeros(len(model.names))
    location = model.location
    with np.errstate(all="ignore"):
        eta = float(LINKS[location.link].apply(mean)) - float(np.asarray(location.offset).mean())
    theta[_constant_column(model, location)] = eta if math.isfinite(eta) else 0.0
    for predictor in model.predictors:
        if predictor is not location and predictor.matrix is None and len(predictor.index) == 1:
            theta[predictor.index] = _constant(model, predictor, mean, sd)
        elif predictor is not location and predictor.matrix is not None:
            theta[_intercept(model, predictor)] = _on_link(model, predictor, mean, sd)
    return inside_box(theta, problem.objective.lower, problem.objective.upper)


def _constant_column(model: Model, location: Predictor) -> NDArray[np.intp]:
    """The position of the location's constant, if it has an unknown one: of a network, its last bias."""
    if location.network is not None:
        return location.index[-1:]
    wanted = ("Intercept", location.parameter)
    X = design_matrix(model, location)
    named = [j for j, position in enumerate(location.index.tolist()) if model.names[position] in wanted]
    return np.asarray(location.index[[j for j in named if np.ptp(X[:, j]) == 0]])


def _constant(model: Model, predictor: Predictor, mean: float, sd: float) -> float:
    """Start a parameter that is the same in every row at the size that its entry of the table expects."""
    parameter = model.likelihood.parameter(predictor.parameter)
    if parameter.name in model.likelihood.ordered:
        return parameter.scale(mean, sd)
    if parameter.support in (REAL, UNIT) and parameter.prior is None:
        return 0.0  # the middle of a box, or inside of its nearer end
    with np.errstate(all="ignore"):
        size = float(LINKS[predictor.link].apply(parameter.scale(mean, sd)))
    return size if math.isfinite(size) and size > 0 else 1.0


def _intercept(model: Model, predictor: Predictor) -> NDArray[np.intp]:
    """The position of the intercept of a parameter with a formula, if it has an unknown one."""
    if predictor.network is not None:
        return predictor.index[-1:]
    name = f"{predictor.parameter}.Intercept"
    chosen = [position for position in predictor.index.tolist() if model.names[position] == name]
    return np.array(chosen, dtype=np.intp)


def _on_link(model: Model, predictor: Predictor, mean: float, sd: float) -> float:
    """The size that the table expects of a parameter, on the scale of its linear predictor."""
    parameter = model.likelihood.parameter(predictor.parameter)
    with np.errstate(all="ignore"):
        eta = float(LINKS[predictor.link].apply(parameter.scale(mean, sd))) - float(np.mean(predictor.offset))
    return eta if math.isfinite(eta) else 0.0


def _mean_and_sd(model: Model) -> tuple[float, float]:
    """Mean and sd of the response on the scale of its location; a share is kept off 0 and 1."""
    response = model.response
    y = model.likelihood.seen(response.values)
    weight = np.ones(y.shape) if response.weights is None else response.weights
    if response.trials is not None:
        return float((weight @ y + 0.5) / (weight @ response.trials + 1)), 1.0
    if (y * y == y).all():  # 0 and 1
        return float((weight @ y + 0.5) / (weight.sum() + 1)), 1.0
    centre = float(np.average(y, weights=weight))
    spread = math.sqrt(float(np.average((y - centre) ** 2, weights=weight)))
    return centre, spread if spread > 0 else 1.0


def inside_box(theta: Floats, lower: Floats, upper: Floats) -> Floats:
    """Move elements on or beyond a bound to its inside (1 % of the range, or of the bound, or of 1)."""
    within = (theta > lower) & (theta < upper)
    if within.all():
        return theta
    only = np.abs(np.where(np.isfinite(lower), lower, upper))  # of an open range
    size = np.where((only > 0) & np.isfinite(only), only, 1.0)
    width = np.where(np.isfinite(upper - lower), upper - lower, size)
    nearest = np.clip(theta, lower + 0.01 * width, upper - 0.01 * width)
    return np.where(within, theta, nearest)


def prior_medians(model: Model, theta: Floats) -> Floats:
    """Return the median of each element's prior, shape (d,); 0 where the prior is improper.

    A scale that depends on another unknown is taken at `theta`, shape (d,).
    """
    medians = []
    for name, arguments in prior_density.element_priors(model, theta):
        distribution = DISTRIBUTIONS[name]
        values = [arguments[argument.name] for argument in distribution.arguments]
        medians.append(float(distribution.quantile(0.5, *values)) if distribution.proper else 0.0)
    return np.array(medians)


class Start(NamedTuple):
    """Where a search begins, shape (d,), and a curvature near enough for the first steps, if it is known."""

    theta: Floats
    curvature: Known | None = None


def searches(problem: PointProblem, settings: PointSettings) -> list[Solution]:
    """Minimise from each of the `starts`; where the problem is convex, from one near the mode."""
    if networks(problem.model) or not _is_convex(problem):
        return [problem.minimise(start, settings) for start in starts(problem)]
    if problem.normal is not None:  # one step leads to the mode from anywhere
        middle = np.zeros(len(problem.model.names))
        return [
            problem.minimise(inside_box(middle, problem.objective.lower, problem.objective.upper), settings)
        ]
    plain = plain_start(problem)
    start = _near(problem, plain)
    found = problem.minimise(start.theta, settings, start.curvature)
    if found.status != "converged" and start.curvature is not None:  # few rows may lack the one that matters
        found = problem.minimise(plain, settings)
    return [found]


def starts(problem: PointProblem) -> list[Floats]:
    """Return the deterministic starts: one where the problem is convex, else from data, likelihood and prior.

    The likelihood's own start is where a few Newton steps without the prior lead; the prior's is
    at its medians, with parameters such as sigma as the data have them. A head of heavy tails starts at
    the least absolute deviations, too, which outliers do not move.
    """
    plain = plain_start(problem)
    if networks(problem.model):
        return network_starts(problem, plain)
    if _is_convex(problem):
        return [_near(problem, plain).theta]
    box = problem.objective.lower, problem.objective.upper
    found = [plain, *(inside_box(start, *box) for start in _robust(problem, plain))]
    if not problem.prior:
        return found
    if problem.sparse:
        return [*found, _close_fit(problem, plain)]
    likelihood = PointProblem(problem.model, prior=False, plain=problem.plain)
    towards = likelihood.minimise(
        inside_box(plain, likelihood.objective.lower, likelihood.objective.upper), _FEW_STEPS
    ).theta
    centre = np.where(problem.positive, plain, prior_medians(problem.model, plain))
    centre[ordered_positions(problem.model)] = plain[ordered_positions(problem.model)]
    return [*found, *(inside_box(start, *box) for start in (towards, centre) if np.isfinite(start).all())]


def _near(problem: PointProblem, start: Floats) -> Start:
    """A start near the mode of a convex problem: by few of its rows, or by the discriminant function."""
    found = _from_few_rows(problem, start)
    return found if found.curvature is not None else Start(towards_discriminant(problem, start))


def _from_few_rows(problem: PointProblem, start: Floats) -> Start:
    """The mode for every sixteenth row, each counted sixteen times: four sds or so from that of all rows.

    Found from fewer rows in turn; `start` where there are few, or where they have none.
    """
    rows = len(problem.model.response.values)
    if problem.plain or problem.normal is not None or rows < _MANY_ROWS or rows < 40 * _THIN * len(start):
        return Start(start)
    few = PointProblem(thinned(problem.model, _THIN), prior=problem.prior)
    inner = _from_few_rows(few, start)
    found = few.minimise(inner.theta, _NEARLY, inner.curvature)
    if found.status != "converged":
        return Start(start)
    return Start(found.theta, Known(few.curvature(found), found.bend))


def _close_fit(problem: PointProblem, plain: Floats) -> Floats:
    """The mode for a fifth of the spread that the response has: where many unknowns are off their kinks."""
    free = ~problem.positive
    start = np.where(free, plain, plain / 5)
    start[free] = problem.given(free, start).minimise(start[free], _FEW_STEPS).theta
    return start


def _robust(problem: PointProblem, plain: Floats) -> list[Floats]:
    """The line of least absolute deviations, with sigma at 1.48 median deviations, for heavy tails.

    None where the rows do not tell all coefficients apart: there is no one such line.
    """
    model, location = problem.model, problem.model.location
    heavy = location.link == "identity" and not model.likelihood.concave and location.matrix is not None
    X = design_matrix(model, location)
    if not heavy or model.likelihood.parameter(location.parameter).support != REAL or not len(location.index):
        return []
    weights = np.ones(len(X)) if model.response.weights is None else model.response.weights
    kept = weights > 0
    labels = [model.names[position] for position in location.index]
    if kept.sum() < X.shape[1] or dependent_columns(X[kept], labels):
        return []
    y = model.response.values - location.offset
    beta = least_absolute(X[kept], y[kept], weights[kept]).beta
    start = plain.copy()
    start[location.index] = beta
    deviation = 1.48 * float(np.median(np.abs(y - X @ beta)))
    for predictor in model.predictors:
        if predictor.parameter == "sigma" and predictor.matrix is None and deviation > 0:
            start[predictor.index] = deviation
    return [start]


def _is_convex(problem: PointProblem) -> bool:
    """Tell whether the likelihood (one without a sigma, say) and the priors, if any, are log-concave."""
    location = problem.model.location
    concave = location.link in problem.model.likelihood.concave
    alone = len(location.index) == len(problem.model.names) or problem.model.likelihood.by_level
    if not (concave and alone):
        return False
    if {block.prior.distribution for block in problem.model.blocks} <= _LOG_CONCAVE:
        return True
    grid = np.logspace(-3, 4, 15)
    size = len(problem.model.names)
    for value in np.concatenate([-grid, [0.0], grid]):
        with np.errstate(all="ignore"):
            _, curvature = prior_density.smooth_prior_slopes(problem.model, np.full(size, value))
        if np.any(curvature > 0):
            return False
    return True
