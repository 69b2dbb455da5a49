"""Separation of levels: whether a direction of the unknowns predicts every level, by linear programming.

Along a direction of theta the likelihood of a row never falls if and only if

    classes (softmax):   eta_y - eta_k does not fall, for every class k but its own, y
    ordered levels:      c_y - eta does not fall, and c_{y-1} - eta does not rise

and the MLE is finite if and only if no direction does so for every row and moves any of them (Albert and
Anderson 1984, Biometrika 71, for classes; for ordered levels it follows as theirs does, log p being concave).
Each condition is one row of a linear program, as those of two outcomes are in `separation`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.normal_statistics import design_matrix
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_FEW_NUMBERS, _MOST_NUMBERS = 1_000_000, 100_000_000


def parts_of_rows(model: Model, kept: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Yield ever larger even parts of the rows that occur, the last being all of them.

    Overlap of a part is overlap of all. Where the conditions of all rows would not fit into the memory the
    parts end before, and whether the levels are separated stays open.
    """
    rows = np.flatnonzero(kept)
    numbers = len(rows) * len(model.predictors) * len(model.names)
    most = _FEW_NUMBERS
    while most < min(numbers, _MOST_NUMBERS):
        yield rows[:: -(-numbers // most)]
        most *= 10
    if numbers <= _MOST_NUMBERS:
        yield rows


def level_rows(model: Model, rows: NDArray[np.intp]) -> Floats:
    """Return the conditions of `rows` on theta, shape (m, d): each at least 0 along a separating direction.

    Columns of the design are scaled to at most 1 and centred.
    """
    levels = model.response.values[rows].astype(np.intp)
    effects = _effects(model, rows)
    by_kind = _of_classes if model.likelihood.one_design else _of_ordered
    return by_kind(model, effects, levels)


def _effects(model: Model, rows: NDArray[np.intp]) -> list[Floats]:
    """What theta does to each predictor, shape (n, d): its design in the columns of its unknowns."""
    found = []
    for predictor in model.predictors:
        X = _scaled(design_matrix(model, predictor)[rows])
        effect = np.zeros((len(rows), len(model.names)))
        effect[:, predictor.index] = X
        found.append(effect)
    return found


def _scaled(X: Floats) -> Floats:
    """Centre the columns that vary, where a constant can take the difference up, and scale all to 1."""
    if not X.size:
        return X
    constant = np.ptp(X, axis=0) == 0
    centred = np.where(constant, X, X - X.mean(axis=0)) if constant.any() else X
    largest = np.abs(centred).max(axis=0)
    return np.asarray(centred / np.where(largest > 0, largest, 1.0))


def _of_classes(model: Model, effects: list[Floats], levels: NDArray[np.intp]) -> Floats:
    place = [
        next((k for k, p in enumerate(model.predictors) if p.parameter == f"eta[{level}]"), None)
        for level in model.response.levels
    ]
    nothing = np.zeros_like(effects[0])
    etas = [nothing if k is None else effects[k] for k in place]
    own = np.select([levels[:, np.newaxis] == k for k in range(len(etas))], etas)
    return np.concatenate([(own - eta)[levels != k] for k, eta in enumerate(etas)])


def _of_ordered(_: Model, effects: list[Floats], levels: NDArray[np.intp]) -> Floats:
    eta, *cuts = effects
    above = [(cut - eta)[levels == k] for k, cut in enumerate(cuts)]
    below = [(eta - cut)[levels == k + 1] for k, cut in enumerate(cuts)]
    return np.concatenate([*above, *below])
