"""`grid`: the posterior of up to three unknowns by brute force, on a product grid that finds its own bounds.

    p(y) = integral of p(y | theta) p(theta) d theta,   E g = integral of g p(y, theta) d theta / p(y)

Any likelihood and any prior: nothing is assumed but that the density is smooth where the table of
distributions says so. Every answer comes with an error estimate from two resolutions and
from d orders of integration. Source of the rules: Trefethen & Weideman (2014), SIAM Review 56.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.fit import Fit
from bayescope.inference.grid_draws import draw
from bayescope.inference.grid_lattice import Frame
from bayescope.inference.grid_marginal import Gridded
from bayescope.inference.grid_refine import Goal, Settled, finite_moments, first_axes, marginal, settle
from bayescope.inference.grid_surface import surface
from bayescope.inference.grid_target import Target, locate
from bayescope.inference.heavy_tails import heavy_tails
from bayescope.inference.improper import refuse_improper_spread
from bayescope.inference.map_refusals import refuse_improper
from bayescope.inference.method import Context, Method
from bayescope.inference.network_refusals import refuse_network
from bayescope.inference.no_evidence import evidence_note
from bayescope.inference.rounding import rounding
from bayescope.inference.settings import GridSettings
from bayescope.models.model import Model
from bayescope.models.prior_density import kinks

type Floats = NDArray[np.float64]

MOST_UNKNOWNS = 3
_PILOT_TOLERANCE = 1e-3
_EPSILON = float(np.finfo(np.float64).eps)


def fit(model: Model, settings: GridSettings, context: Context) -> Fit:
    """Integrate the posterior; shape (d,) mean and (d, d) covariance, with independent draws.

    Raises:
        NotApplicable: more than three unknowns, none, or a vector on the simplex.
        FitError: the posterior is improper, or the tolerance is out of reach.
    """
    refuse(model)
    target = Target(model)
    refuse_improper(model)
    refuse_improper_spread(target.problem)
    context.report_progress("integrating the posterior on a grid")
    settled, finite = _integrate(target, settings)
    mean, covariance, error = _combine(target, settled, finite)
    tables = [marginal(target, found, count) for found, count in zip(settled, finite, strict=True)]
    marginals = dict(zip(model.names, tables, strict=True))
    error = max(error, *(table.unresolved for table in tables))
    _require_accuracy(error, settings.tolerance)
    size = settings.chains * settings.draws
    draws, cut = draw(target, settled[0].lattice, np.random.default_rng(context.seed), size)
    noted = evidence_note(model)
    return Fit(
        name="grid",
        method="grid",
        kind="posterior",
        names=model.names,
        outcome=heavy_tails(model.names, mean, covariance.diagonal()),
        estimate=mean,
        covariance=covariance,
        marginals=marginals,
        draws=draws.reshape(settings.chains, settings.draws, -1),
        log_evidence=None if noted else float(np.mean([found.lattice.log_total for found in settled])),
        details={
            "relative_error": error,
            "points": [found.lattice.height.size for found in settled],
            "axes": [list(found.lattice.height.shape) for found in settled],
            "draws_cut_short": cut,
            **noted,
            **({"surface": surface(target, marginals)} if len(model.names) == 2 else {}),
        },
    )


def refuse(model: Model) -> None:
    """Refuse models that no grid is for. Raises NotApplicable."""
    refuse_network(model, "grid")
    kinks(model)
    size = len(model.names)
    if not size:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    if size > MOST_UNKNOWNS:
        raise NotApplicable(
            f"The model has {size} unknowns, and a grid of 40 points along each of them 40^{size} points: "
            f"grid is for at most {MOST_UNKNOWNS} unknowns.",
            nuts="for the posterior of this model",
            exact="",
        )
    if any(block.support.simplex for block in model.blocks):
        raise NotApplicable(
            "The unknowns are on a simplex, which is no product of intervals.",
            exact="",
            nuts="for the posterior of this model",
        )


def _integrate(target: Target, settings: GridSettings) -> tuple[list[Settled], tuple[int, ...]]:
    """Settle the mass of each order roughly, see which moments exist, then settle those too.

    A tail may turn flatter only where the moments have led: then fewer of them exist, and are settled anew.
    """
    centre, covariance, modes = locate(target)
    size = len(centre)
    orders = [(j, *(k for k in range(size) if k != j)) for j in range(size)]
    frames = [Frame.along(order, centre, covariance) for order in orders]
    _refuse_rounding(target, frames[0], settings)
    pilot = Goal((0,) * size, max(_PILOT_TOLERANCE, settings.tolerance), settings.max_points)
    rough = [settle(target, frame, first_axes(frame, modes), pilot) for frame in frames]
    for name, found in zip(target.model.names, rough, strict=True):
        _require_resolved(marginal(target, found, 2), name, settings.tolerance)
    finite = _finite(target, rough, (2,) * size)
    while True:
        goal = Goal(finite, settings.tolerance, settings.max_points)
        settled = [settle(target, found.lattice.frame, found.lattice.axes, goal) for found in rough]
        fewer = _finite(target, settled, finite)
        if fewer == finite:
            return settled, finite
        finite = fewer


def _finite(target: Target, grids: Sequence[Settled], most: tuple[int, ...]) -> tuple[int, ...]:
    """How many moments of each unknown are finite, as the grid that has it outermost shows."""
    return tuple(min(have, finite_moments(target, grid)) for have, grid in zip(most, grids, strict=True))


def _refuse_rounding(target: Target, frame: Frame, settings: GridSettings) -> None:
    """Refuse a tolerance that the average of the rounding errors of all points would not reach."""
    size = len(frame.centre)
    lost = rounding(partial(frame.log_density, target), np.zeros(size), np.eye(size))
    error = lost / math.sqrt(settings.max_points)
    if error > settings.tolerance:
        raise FitError(
            f"Rounding moves the log density by {lost:.2g} nats, so large are its terms, and the means over "
            f"{settings.max_points:,} points (max_points) by {error:.2g}, not {settings.tolerance:.2g}.",
            f"Raise `tolerance` of grid to {10 * error:.1g}.",
            exact="",
            importance="",
        )


def _combine(
    target: Target, settled: Sequence[Settled], finite: tuple[int, ...]
) -> tuple[Floats, Floats, float]:
    """Average the orders; the error is the largest of theirs, or by how much an order is off the average.

    Means and covariances that do not exist are inf or nan.
    """
    means = np.array([found.mean for found in settled])
    covariances = np.array([found.covariance for found in settled])
    mean, covariance = means.mean(axis=0), covariances.mean(axis=0)
    logs = np.array([found.lattice.log_total for found in settled])
    sd = np.sqrt(np.diag(covariance))
    known, square = np.array(finite) >= 1, np.array(finite) == 2
    pairs = np.outer(square, square)
    off = [
        np.abs(logs - logs.mean()).max(),
        (np.abs(means - mean) / sd)[:, known].max(initial=0.0),
        (np.abs(covariances - covariance) / np.outer(sd, sd))[:, pairs].max(initial=0.0),
    ]
    off.append(_EPSILON * abs(logs[0]))  # what rounding leaves of a log density
    error = max(*(found.error for found in settled), *(float(value) for value in off))
    return (*_with_infinite(mean, covariance, target, np.array(finite)), error)


def _with_infinite(
    mean: Floats, covariance: Floats, target: Target, finite: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Put inf or nan where the integral of a moment diverges."""
    heavy = finite < 2
    covariance = np.where(heavy | heavy[:, None], np.nan, covariance)
    covariance[heavy, heavy] = np.inf
    one_sided = np.isfinite(np.broadcast_to(target.transform.lower, mean.shape))
    return np.where(finite >= 1, mean, np.where(one_sided, np.inf, np.nan)), covariance


def _require_resolved(table: Gridded, name: str, tolerance: float) -> None:
    if table.unresolved > tolerance:
        raise FitError(
            f"The posterior of {name} has {table.unresolved:.2g} of its mass closer to an end of its range "
            "than double precision can tell from the end itself.",
            "Give a prior whose density is less steep there.",
            exact="",
        )


def _require_accuracy(error: float, tolerance: float) -> None:
    if not error <= tolerance:
        raise FitError(
            f"The grid reached a relative error of {error:.2g}, not {tolerance:.2g}.",
            "Raise `tolerance` of the method grid, or use nuts.",
        )


GRID = Method(
    name="grid",
    summary="the posterior of up to three unknowns on a grid, by brute force",
    settings=GridSettings,
    fit=fit,
    refuse=refuse,
)
