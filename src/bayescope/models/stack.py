"""The rows of several models of one blueprint, below each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.models.model import Model, Predictor, Response

type Floats = NDArray[np.float64]


def stack(models: Sequence[Model]) -> Model:
    """Put the rows of several models of one blueprint below each other."""
    predictors = tuple(
        _stacked_predictor(group, models) for group in zip(*(m.predictors for m in models), strict=True)
    )
    response = _stacked_response([model.response for model in models])
    groups = tuple(
        replace(
            group[0],
            codes=np.concatenate([part.codes for part in group]),
            matrix=np.concatenate([part.matrix for part in group]),
        )
        for group in zip(*(m.groups for m in models), strict=True)
    )
    return replace(models[0], response=response, predictors=predictors, groups=groups)


def _stacked_response(parts: Sequence[Response]) -> Response:
    first = parts[0]
    weighted = any(part.weights is not None for part in parts)
    weights = [np.ones(len(part.values)) if part.weights is None else part.weights for part in parts]
    return replace(
        first,
        values=np.concatenate([part.values for part in parts]),
        trials=_joined([part.trials for part in parts]),
        weights=np.concatenate(weights) if weighted else None,
    )


def _joined(arrays: Sequence[Floats | None]) -> Floats | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if known else None


def _stacked_predictor(parts: Sequence[Predictor], models: Sequence[Model]) -> Predictor:
    offset: Floats | float = parts[0].offset
    if any(np.ndim(part.offset) == 1 for part in parts):
        lengths = [len(model.response.values) for model in models]
        offset = np.concatenate(
            [np.broadcast_to(part.offset, n) for part, n in zip(parts, lengths, strict=True)]
        )
    return replace(parts[0], matrix=_joined([part.matrix for part in parts]), offset=offset)
