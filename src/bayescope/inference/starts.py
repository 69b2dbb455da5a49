"""Where the solver starts: deterministic points from the data, the likelihood and the prior."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.links import LINKS
from bayescope.inference.conjugate import Conjugate, mode, of_model
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.point_problem import PointProblem, PointSettings
from bayescope.models import density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_FEW_STEPS = PointSettings(max_iterations=20)


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
    centre, spread = _centre_and_spread(response.values, response.trials, response.weights)
    theta = np.zeros(len(model.names))
    location = model.location
    constant = np.ptp(design_matrix(model, location), axis=0) == 0
    eta = float(LINKS[location.link].apply(centre)) - float(np.mean(location.offset))
    for position, is_constant in zip(location.index, constant, strict=True):
        if is_constant and model.names[position] in ("Intercept", location.parameter):
            theta[position] = eta
    theta[problem.positive] = spread
    return inside_box(theta, problem.objective.lower, problem.objective.upper)


def _centre_and_spread(y: Floats, trials: Floats | None, weights: Floats | None) -> tuple[float, float]:
    weight = np.ones_like(y) if weights is None else weights
    if trials is not None:
        return float((weight @ y + 0.5) / (weight @ trials + 1)), 1.0
    if np.all((y == 0) | (y == 1)):
        return float((weight @ y + 0.5) / (weight.sum() + 1)), 1.0
    centre = float(np.average(y, weights=weight))
    spread = math.sqrt(float(np.average((y - centre) ** 2, weights=weight)))
    return centre, spread if spread > 0 else 1.0


def inside_box(theta: Floats, lower: Floats, upper: Floats) -> Floats:
    """Move elements that are on or beyond a bound to its inside (1 % of the range, or of 1)."""
    width = np.where(np.isfinite(upper - lower), upper - lower, 1.0)
    nearest = np.clip(theta, lower + 0.01 * width, upper - 0.01 * width)
    return np.where((theta > lower) & (theta < upper), theta, nearest)


def prior_medians(model: Model) -> Floats:
    """Return the median of each element's prior, shape (d,); 0 where the prior is improper."""
    medians = []
    for name, arguments in density.element_priors(model):
        distribution = DISTRIBUTIONS[name]
        values = [arguments[argument.name] for argument in distribution.arguments]
        medians.append(float(distribution.quantile(0.5, *values)) if distribution.proper else 0.0)
    return np.array(medians)


def starts(problem: PointProblem) -> list[Floats]:
    """Return the deterministic starts: one where the problem is convex, else from data, likelihood and prior.

    The likelihood's own start is where a few Newton steps without the prior lead; the prior's is
    at its medians, with sigma as the data have it.
    """
    plain = plain_start(problem)
    if _is_convex(problem):
        return [plain]
    likelihood = PointProblem(problem.model, prior=False)
    towards = likelihood.minimise(
        inside_box(plain, likelihood.objective.lower, likelihood.objective.upper), _FEW_STEPS
    ).theta
    centre = np.where(problem.positive, plain, prior_medians(problem.model))
    box = problem.objective.lower, problem.objective.upper
    return [plain, *(inside_box(start, *box) for start in (towards, centre) if np.isfinite(start).all())]


def _is_convex(problem: PointProblem) -> bool:
    """Tell whether the priors are log-concave and so is the likelihood (one without sigma)."""
    if problem.positive.any():
        return False
    grid = np.logspace(-3, 4, 15)
    size = len(problem.model.names)
    for value in np.concatenate([-grid, [0.0], grid]):
        with np.errstate(all="ignore"):
            _, _, diagonal = density.smooth_prior_derivatives(problem.model, np.full(size, value))
        if np.any(diagonal > 0):
            return False
    return True
