"""A model on some of its rows: the same unknowns, priors and encodings."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.models.model import Grouping, Model, Predictor, Response

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp] | NDArray[np.bool_] | slice

_PARTS_KEPT = 64  # of a design in a file, at most so many parts stay in memory
_NUMBERS = 2**18  # of a design matrix that stays in the cache, with all that is made of it


def take(model: Model, rows: Positions) -> Model:
    """Return the model on the `rows`: positions of shape (m,), flags or a slice; nothing is scaled anew."""
    size = len(model.response.values)
    return replace(
        model,
        response=_response(model.response, rows),
        predictors=tuple(_predictor(predictor, rows, size) for predictor in model.predictors),
        groups=tuple(_grouping(group, rows) for group in model.groups),
    )


def parts(model: Model) -> Iterator[Model]:
    """Yield the model on consecutive rows, so few at a time that what is made of them stays in the cache.

    The log-likelihood of the model is the sum of those of its parts, and so are its derivatives. Nothing is
    copied: the design may be a file that does not fit into memory.
    """
    size = len(model.response.values)
    step = rows_at_once(sum(p.matrix.shape[1] for p in model.predictors if p.matrix is not None))
    if size <= step or model.likelihood.multivariate:
        yield model
        return
    for start in range(0, size, step):
        rows = slice(start, start + step)
        yield replace(
            model,
            response=_response(model.response, rows),
            predictors=tuple(_predictor(predictor, rows, size) for predictor in model.predictors),
        )
        if start // step % _PARTS_KEPT == 0:
            _give_back(model)
    _give_back(model)


def _give_back(model: Model) -> None:
    """Let go of the memory that the pages of a design in a file take; they are read again when needed."""
    for predictor in model.predictors:
        mapped: object = None if predictor.matrix is None else predictor.matrix.base
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def laid_out(matrix: Floats) -> Floats:
    """Lay a design matrix, shape (n, k), out column by column if all rows stay in the cache; else it is kept.

    Its columns are then scaled and added up in one go each, which numbers beside each other are not.
    """
    return np.asfortranarray(matrix) if len(matrix) <= rows_at_once(matrix.shape[1]) else matrix


def rows_at_once(columns: int) -> int:
    """Return how many rows of so many numbers stay in the cache."""
    return min(max(_NUMBERS // max(columns, 1), 512), 8192)


def thinned(model: Model, step: int) -> Model:
    """Return the model on every `step`-th row, each counted `step` times; nothing is copied."""
    size, rows = len(model.response.values), slice(None, None, step)
    response = _response(model.response, rows)
    times = np.full(len(response.values), float(step))
    return replace(
        model,
        response=replace(response, weights=times if response.weights is None else times * response.weights),
        predictors=tuple(_predictor(predictor, rows, size) for predictor in model.predictors),
    )


def _response(response: Response, rows: Positions | slice) -> Response:
    return replace(
        response,
        values=response.values[rows],
        trials=None if response.trials is None else response.trials[rows],
        weights=None if response.weights is None else response.weights[rows],
    )


def _predictor(predictor: Predictor, rows: Positions | slice, size: int) -> Predictor:
    # the offset of a parameter that is the same in every row may be a matrix: it has no rows of data
    by_row = predictor.matrix is not None and np.shape(predictor.offset) == (size,)
    return replace(
        predictor,
        matrix=None if predictor.matrix is None else predictor.matrix[rows],
        offset=np.asarray(predictor.offset)[rows] if by_row else predictor.offset,
    )


def _grouping(group: Grouping, rows: Positions) -> Grouping:
    return replace(group, codes=group.codes[rows], matrix=group.matrix[rows])
