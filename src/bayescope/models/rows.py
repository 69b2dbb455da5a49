"""A model on some of its rows: the same unknowns, priors and encodings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.models.model import Grouping, Model, Predictor, Response

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp] | NDArray[np.bool_] | slice


def take(model: Model, rows: Positions) -> Model:
    """Return the model on the `rows`: positions of shape (m,), flags or a slice; nothing is scaled anew."""
    size = len(model.response.values)
    return replace(
        model,
        response=_response(model.response, rows),
        predictors=tuple(_predictor(predictor, rows, size) for predictor in model.predictors),
        groups=tuple(_grouping(group, rows) for group in model.groups),
    )


def _response(response: Response, rows: Positions) -> Response:
    return replace(
        response,
        values=response.values[rows],
        trials=None if response.trials is None else response.trials[rows],
        weights=None if response.weights is None else response.weights[rows],
    )


def _predictor(predictor: Predictor, rows: Positions, size: int) -> Predictor:
    # the offset of a parameter that is the same in every row may be a matrix: it has no rows of data
    by_row = predictor.matrix is not None and np.shape(predictor.offset) == (size,)
    return replace(
        predictor,
        matrix=None if predictor.matrix is None else predictor.matrix[rows],
        offset=np.asarray(predictor.offset)[rows] if by_row else predictor.offset,
    )


def _grouping(group: Grouping, rows: Positions) -> Grouping:
    return replace(group, codes=group.codes[rows], matrix=group.matrix[rows])
