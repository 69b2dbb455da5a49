"""Posteriors without a mode, recognised before a solver chases it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.group_refusals import refuse_free_spread
from bayescope.inference.improper import least_squares, unbounded_near_zero, unknown_sigma
from bayescope.inference.level_refusals import refuse_absent_level, refuse_flat_classes
from bayescope.inference.network_refusals import refuse_network_mode
from bayescope.inference.perfect_fit import refuse_unbounded_fit
from bayescope.inference.point import (
    dependent_columns,
    dependent_in,
    observed_design,
    refuse_perfect_fit,
)
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.separation import separation_of
from bayescope.inference.starts import plain_start
from bayescope.models import prior_density
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]

_ADVICE = "Give these coefficients a proper prior, such as Normal(0, 2.5) on a predictor scaled to sd 1."


def refuse_no_mode(model: Model, what: str) -> None:
    """Refuse models that have no mode that could be searched for. Raises NotApplicable, or FitError."""
    refuse_free_spread(model, what)
    refuse_absent_level(model, what)
    prior_density.refuse_moving_kinks(model)
    if networks(model):
        refuse_network_mode(model, prior=True)


def refuse_improper(model: Model, triangle: Floats | None = None) -> None:
    """Refuse flat priors on coefficients that the likelihood leaves undetermined or sends to infinity.

    The likelihood is constant along a null direction of the design matrix and rises along a
    separating one; only flat priors let the posterior follow. `triangle` is R of the design X = QR, shape
    (k, k), where it is known. Raises FitError.
    """
    index = model.location.index
    chosen = prior_density.flat_elements(model)[index]
    if not chosen.any() or model.likelihood.multivariate:  # a row determines all elements of a mean vector
        return
    refuse_flat_classes(model)
    labels = [model.names[position] for position in index[chosen]]
    if triangle is None:
        dependent = dependent_columns(observed_design(model)[0][:, chosen], labels)
    else:
        dependent = dependent_in(triangle[:, chosen], labels)
    if dependent:
        raise FitError(
            f"the posterior has no single mode: {', '.join(dependent)} are linearly dependent in the data "
            "and have flat priors.",
            _ADVICE,
        )
    separation = separation_of(model, chosen)
    if separation is not None:
        raise FitError(
            f"the posterior has no mode: {separation}, whose priors are flat.",
            _ADVICE,
        )


def refuse_unbounded(problem: PointProblem, *, logarithm: bool = False) -> None:
    """Refuse an unknown spread whose posterior density is infinite, or that of its `logarithm` is.

    Where some coefficients fit every row exactly, the density grows like p(sigma) sigma^-n, a prior
    Normal(m, k sigma) counting as one more row. Raises FitError.
    """
    sigma = unknown_sigma(problem.model)
    if sigma is None:
        refuse_unbounded_fit(problem.model, logarithm=logarithm)
        return
    data = least_squares(problem)
    if not data.residual > 0 and unbounded_near_zero(problem.model, sigma, data.observations, integral=False):
        refuse_perfect_fit(problem.model, "the posterior mode does not exist")


def refuse_poles(problem: PointProblem) -> None:
    """Refuse a posterior whose density is infinite at an end of a prior's support. Raises FitError."""
    objective = problem.objective
    if not np.isfinite([objective.lower, objective.upper]).any():
        return
    start = plain_start(problem)
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
