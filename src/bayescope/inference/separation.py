"""Separation: whether the likelihood of a logistic regression has no maximum, by linear programming.

With a row x_i for each outcome "1" and -x_i for each outcome "0" (a Binomial row with both
outcomes gives both), the MLE is finite if and only if no direction b != 0 has x_i' b >= 0 for
every such row (Albert & Anderson 1984, Biometrika 71). The direction is sought by

    maximise sum_i x_i' b   subject to   x_i' b >= 0,  -1 <= b <= 1

(Konis 2007, "Linear programming algorithms for detecting separated data in binary logistic
regression models", DPhil thesis, Oxford). A maximum of 0 means overlap. Only a few rows can bind,
so the program starts with some and adds violated ones; overlap of some rows is overlap of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.data.terms import INTERCEPT
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.errors import FitError
from bayescope.inference.level_separation import level_rows, parts_of_rows
from bayescope.inference.point import observed_design, observed_rows
from bayescope.models import prior_density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_FEASIBLE = 1e-9
_POSITIVE = 1e-6


@dataclass(frozen=True)
class Separation:
    """`complete`: some direction predicts every outcome; `quasi-complete`: every outcome off a hyperplane."""

    kind: Literal["complete", "quasi-complete"]
    columns: tuple[str, ...]

    def __str__(self) -> str:
        """Name kind and columns; of more than ten columns, the first nine and how many more."""
        names = ", ".join(self.columns if len(self.columns) <= 10 else self.columns[:9])
        more = f" and {len(self.columns) - 9} more columns" if len(self.columns) > 10 else ""
        return f"{self.kind} separation of the response by {names}{more}"


def find_separation(
    X: Floats,
    y: Floats,
    trials: Floats | None,
    labels: Sequence[str],
    lower: Floats | None = None,
) -> Separation | None:
    """Find out whether columns of `X` separate the outcomes.

    `X` has shape (n, k) and full column rank; `y` and `trials` (None: 1 each) have shape (n,).
    Rows of no weight must have been left out. `lower`, shape (k,), is 0 for a coefficient that
    cannot be negative, else -1. A constant column is named only where no other separates.
    """
    signed, movable = _signed_rows(_standardised(X, lower), y, trials), np.ptp(X, axis=0) > 0
    below = -np.ones(X.shape[1]) if lower is None else lower
    return _along(signed, movable, labels, below)


def _along(
    signed: Floats, movable: NDArray[np.bool_], labels: Sequence[str], below: Floats
) -> Separation | None:
    """Find a direction with every margin of `signed`, shape (m, k), at least 0, and name its columns."""
    if not signed.size:
        return None
    mean = signed.mean(axis=0)
    direction = _solve(-mean, signed, 0.0, np.column_stack([below, np.ones_like(below)]))
    margins = signed @ direction if direction is not None else np.zeros(1)
    if direction is None or not margins.max() > _POSITIVE * max(1.0, float(np.abs(direction).max())):
        return None
    sparse = _sparse_complete(signed, below)
    kind: Literal["complete", "quasi-complete"] = "quasi-complete" if sparse is None else "complete"
    involved = np.abs(direction if sparse is None else sparse)
    named = involved > 1e-7 * involved.max()
    named = named & movable if (named & movable).any() else named
    return Separation(kind, tuple(label for label, is_in in zip(labels, named, strict=True) if is_in))


def separation_of(model: Model, chosen: NDArray[np.bool_] | None = None) -> Separation | None:
    """Find out whether a direction exists along which the likelihood of `model` rises without end.

    Outcomes without overlap let a probability go to 0 or 1; zeros that a direction tells from the
    positive rows, which it leaves alone, let the mean of theirs go to 0 (Correia, Guimaraes and Zylkin
    2019, arXiv:1903.01633). `chosen`, shape (k,), restricts it to some coefficients, within the bounds
    of their priors.
    """
    index, kind = model.location.index, model.likelihood.separation
    if model.likelihood.by_level:
        return _separation_of_levels(model, flat_only=chosen is not None)
    if not kind or model.location.matrix is None:
        return None
    lower = None
    if chosen is None:
        chosen = np.ones(len(index), dtype=bool)
    else:
        lower = np.where(prior_density.prior_bounds(model)[0][index[chosen]] == 0, 0.0, -1.0)
    if not chosen.any():
        return None
    X, y, trials = observed_design(model)
    if kind == "zeros":
        # a positive row speaks against a move either way, a zero against one upwards
        y, trials = np.minimum(np.ceil(y), 1.0), np.full(len(y), 2.0)
    labels = [model.names[position] for position in index[chosen]]
    return find_separation(X[:, chosen], y, trials, labels, lower)


def _separation_of_levels(model: Model, *, flat_only: bool) -> Separation | None:
    """Find out whether a direction of the unknowns (of those with flat priors) tells the levels apart."""
    flat = prior_density.flat_elements(model)
    chosen = flat if flat_only else np.ones_like(flat)
    own = [position for predictor in model.predictors for position in predictor.index]
    chosen &= np.isin(np.arange(len(flat)), own)
    if not chosen.any():
        return None
    labels = [label for label, is_in in zip(model.names, chosen, strict=True) if is_in]
    constant = [label.startswith((INTERCEPT, CUTPOINTS)) for label in labels]
    below, found, rows = -np.ones(len(labels)), None, np.zeros(0, dtype=np.intp)
    kept = observed_rows(model)
    for rows in parts_of_rows(model, kept):
        found = _along(level_rows(model, rows)[:, chosen], ~np.array(constant), labels, below)
        if found is None:
            return None
    return found if len(rows) == kept.sum() else None


def _standardised(X: Floats, lower: Floats | None) -> Floats:
    """Scale columns to at most 1; centre them when a free constant column can take the difference up."""
    constant = (np.ptp(X, axis=0) == 0) & (X[0] != 0) if len(X) else np.zeros(X.shape[1], dtype=bool)
    free = constant if lower is None else constant & (lower < 0)
    centred = np.where(constant, X, X - X.mean(axis=0)) if free.any() else X
    scale = np.abs(centred).max(axis=0, initial=0.0)
    return np.asarray(centred / np.where(scale > 0, scale, 1.0))


def _signed_rows(X: Floats, y: Floats, trials: Floats | None) -> Floats:
    """Return x for each row with a success and -x for each row with a failure."""
    count = np.ones_like(y) if trials is None else trials
    return np.concatenate([X[y > 0], -X[y < count]])


def _sparse_complete(signed: Floats, below: Floats) -> Floats | None:
    """Return a direction with every margin at least 1 in which no column is idle, or None.

    From the direction of least sum of |b|, columns are dropped one by one, the least used first,
    as long as the others still separate.
    """
    direction = _least_direction(signed, below, np.ones(signed.shape[1], dtype=bool))
    if direction is None:
        return None
    kept = np.abs(direction) > 1e-7 * np.abs(direction).max()
    for j in np.argsort(np.abs(direction), kind="stable"):
        fewer = kept & (np.arange(len(kept)) != j)
        found = _least_direction(signed, below, fewer) if kept[j] and fewer.any() else None
        if found is not None:
            kept, direction = fewer, found
    return np.where(kept, direction, 0.0)


def _least_direction(signed: Floats, below: Floats, kept: NDArray[np.bool_]) -> Floats | None:
    """Return the direction over the `kept` columns with margins of at least 1 and least sum of |b|."""
    size = signed.shape[1]
    split = np.concatenate([signed, -signed], axis=1)
    upper = np.where(np.concatenate([kept, kept & (below < 0)]), np.inf, 0.0)
    found = _solve(np.ones(2 * size), split, 1.0, np.column_stack([np.zeros(2 * size), upper]))
    return None if found is None else found[:size] - found[size:]


def _solve(cost: Floats, rows: Floats, margin: float, bounds: Floats) -> Floats | None:
    """Minimise cost' b subject to rows @ b >= margin by adding violated rows; None: infeasible."""
    batch = 200 + 5 * rows.shape[1]
    active = np.unique(np.linspace(0, len(rows) - 1, min(batch, len(rows))).astype(np.intp))
    tight = {"primal_feasibility_tolerance": _FEASIBLE, "dual_feasibility_tolerance": _FEASIBLE}
    for _ in range(len(rows)):
        result = scipy.optimize.linprog(
            cost, A_ub=-rows[active], b_ub=np.full(len(active), -margin), bounds=bounds, options=tight
        )
        if result.status == 2:  # infeasible
            return None
        if result.x is None:
            raise FitError(
                f"the linear program that looks for separation failed: {result.message}",
                "Rescale the predictors (scale(x) in the formula), or use MAP with proper priors.",
            )
        slack = rows @ result.x - margin
        violated = np.setdiff1d(np.flatnonzero(slack < -10 * _FEASIBLE), active)
        if not len(violated):
            return np.asarray(result.x)
        worst = violated[np.argsort(slack[violated], kind="stable")[:batch]]
        active = np.union1d(active, worst)
    return None
