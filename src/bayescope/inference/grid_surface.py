"""Likelihood, prior and posterior of two unknowns on a small grid, for the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.errors import BayescopeError
from bayescope.inference.fit import Marginal
from bayescope.inference.grid_target import Target, fits_perfectly
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.point import wald_covariance
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import PointSettings
from bayescope.inference.starts import plain_start
from bayescope.models import prior_density
from bayescope.models.marginal_priors import marginal_priors

type Floats = NDArray[np.float64]

_POINTS = 72
_FLOOR = -200.0  # nats below the highest: nothing to see
_TAILS = np.array([0.0005, 0.9995])
_MOST_WIDTH = 3.0  # times the posterior's


def surface(target: Target, marginals: Mapping[str, Marginal]) -> dict[str, Any]:
    """Return x and y of the grid, and log-likelihood and log-prior on it (rows along y), JSON-able.

    Nats below the highest value of each, at most 200; the posterior is their sum. The window holds
    99.9 % of the posterior, and the bulk of the likelihood and of the prior where these are not far wider.
    """
    windows = [_window(target, j, marginals[name]) for j, name in enumerate(target.model.names)]
    x, y = (_midpoints(*window) for window in windows)
    theta = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    values = {
        "log_likelihood": log_likelihoods(target.problem, theta),
        "log_prior": log_priors(target.model, theta),
    }
    names = dict(zip(("x_name", "y_name"), target.model.names, strict=True))
    return {**names, "x": x.tolist(), "y": y.tolist(), **{name: _rows(v) for name, v in values.items()}}


def _midpoints(lower: float, upper: float) -> Floats:
    step = (upper - lower) / _POINTS
    return np.asarray(lower + step * (np.arange(_POINTS) + 0.5))


def _rows(values: Floats) -> list[list[float]]:
    below = np.maximum(np.nan_to_num(values - values.max(), nan=_FLOOR), _FLOOR)
    rows: list[list[float]] = np.round(below, 4).reshape(_POINTS, _POINTS).tolist()
    return rows


def _window(target: Target, j: int, marginal: Marginal) -> tuple[float, float]:
    """Widen the posterior's range by those of likelihood and prior, unless that makes it far wider."""
    low, high = (float(end) for end in marginal.quantile(_TAILS))
    most = _MOST_WIDTH * (high - low)
    for other in (_likelihood_range(target, j), _prior_range(target, j)):
        if other is not None and max(high, other[1]) - min(low, other[0]) <= most:
            low, high = min(low, other[0]), max(high, other[1])
    margin = 0.03 * (high - low)
    lower, upper = (float(bound[j]) for bound in prior_density.prior_bounds(target.model))
    return max(low - margin, lower), min(high + margin, upper)


def _likelihood_range(target: Target, j: int) -> tuple[float, float] | None:
    """Three standard errors around the maximum likelihood, if there is one."""
    if fits_perfectly(target.problem):
        return None
    problem = PointProblem(target.model, prior=False)
    try:
        found = problem.minimise(plain_start(problem), PointSettings())
        spread = wald_covariance(problem.objective.derivatives(found.theta)[2], ~found.at_bound)
    except (BayescopeError, ArithmeticError, np.linalg.LinAlgError):
        return None
    if found.status != "converged" or spread is None or not spread[j, j] > 0:
        return None
    reach = 3 * float(np.sqrt(spread[j, j]))
    return float(found.theta[j]) - reach, float(found.theta[j]) + reach


def _prior_range(target: Target, j: int) -> tuple[float, float] | None:
    prior = marginal_priors(target.model)[j]
    if prior is None or not DISTRIBUTIONS[prior[0]].proper:
        return None
    distribution, arguments = DISTRIBUTIONS[prior[0]], prior[1]
    values = [arguments[argument.name] for argument in distribution.arguments]
    low, high = distribution.quantile(np.array([0.02, 0.98]), *values)
    return float(low), float(high)
