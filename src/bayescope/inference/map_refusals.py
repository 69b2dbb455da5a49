"""Posteriors without a mode, recognised before a solver chases it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.errors import FitError
from bayescope.inference.point import dependent_columns, observed_design, refuse_perfect_fit
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.separation import find_separation
from bayescope.models import density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_ADVICE = "Give these coefficients a proper prior, such as Normal(0, 2.5) on a predictor scaled to sd 1."


def refuse_improper(model: Model) -> None:
    """Refuse flat priors on coefficients that the likelihood leaves undetermined or sends to infinity.

    The likelihood is constant along a null direction of the design matrix and rises along a
    separating one; only flat priors let the posterior follow. Raises FitError.
    """
    flat = [name in ("Flat", "HalfFlat") for name, _ in density.element_priors(model)]
    index = model.location.index
    chosen = np.array([flat[position] for position in index], dtype=bool)
    if not chosen.any():
        return
    X, y, trials = observed_design(model)
    X, labels = X[:, chosen], [model.names[position] for position in index[chosen]]
    dependent = dependent_columns(X, labels)
    if dependent:
        raise FitError(
            f"the posterior has no single mode: {', '.join(dependent)} are linearly dependent in the data "
            "and have flat priors.",
            _ADVICE,
        )
    if model.location.link == "logit":
        lower = np.where(density.prior_bounds(model)[0][index[chosen]] == 0, 0.0, -1.0)
        separation = find_separation(X, y, trials, labels, lower)
        if separation is not None:
            raise FitError(
                f"the posterior has no mode: {separation}, whose priors are flat.",
                _ADVICE,
            )


def refuse_unbounded(problem: PointProblem) -> None:
    """Refuse an unknown sigma whose posterior density is infinite at 0.

    Where some coefficients fit every row exactly, the density grows like p(sigma) sigma^-n.
    Raises FitError.
    """
    normal = problem.normal
    if normal is None or normal.sigma_index is None or normal.data.residual > 0:
        return
    name, arguments = density.element_priors(problem.model)[normal.sigma_index]
    distribution = DISTRIBUTIONS[name]
    if distribution.support(arguments).lower > 0:
        return
    values = [arguments[argument.name] for argument in distribution.arguments]
    small = np.array([1e-50, 1e-100])
    density_near_zero = distribution.log_density(small, *values) - normal.data.observations * np.log(small)
    if density_near_zero[1] > density_near_zero[0]:
        refuse_perfect_fit("the posterior mode")


def refuse_poles(problem: PointProblem, start: Floats) -> None:
    """Refuse a posterior whose density is infinite at an end of a prior's support. Raises FitError."""
    objective = problem.objective
    for bounds in (objective.lower, objective.upper):
        for j in np.flatnonzero(np.isfinite(bounds)):
            place = start.copy()
            place[j] = bounds[j]
            with np.errstate(all="ignore"):
                infinite = objective.value(place) == -np.inf
            if infinite:
                raise FitError(
                    f"the posterior has no mode: its density is infinite at {problem.model.names[j]} = "
                    f"{bounds[j]:g}, where the prior's is.",
                    "Read the posterior mean and interval (nuts), or use a prior of finite density.",
                )
