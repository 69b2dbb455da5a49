"""Rows that occur several times, once each and weighted by how often: the likelihood is the same product.

prod_i p(y_i | x_i)^w_i     over the distinct rows (x, y), w_i being how often each occurs
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.models.model import Model
from bayescope.models.rows import take

type Floats = NDArray[np.float64]

_SAMPLE = 4096
_BLOCK = 1 << 16
_MIX = np.uint64(0x9E3779B97F4A7C15)


def merge_repeated(model: Model) -> Model | None:
    """Return the model on its distinct rows; None unless they are half as many as the rows, or fewer.

    Equal means equal in every number that the likelihood reads: the columns of all predictors, offsets,
    groups, trials and the response. A sample of the rows tells when looking is not worth it.
    """
    parts, rows = _parts(model), len(model.response.values)
    if rows < 2 or not parts or not _seems_repeated(parts, rows):
        return None
    hashes = np.concatenate(
        [_hashes(parts, slice(start, start + _BLOCK)) for start in range(0, rows, _BLOCK)]
    )
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    # fewer rows than coefficients would change what a method has to say of the rows
    if not len(model.names) < len(first) <= rows / 2 or not _same(parts, first[inverse]):
        return None
    times = np.bincount(inverse, weights=model.response.weights).astype(np.float64)
    return _weighted(model, first, times)


def _parts(model: Model) -> list[NDArray[Any]]:
    """Every array with one entry a row that the likelihood reads, each once."""
    response, rows = model.response, len(model.response.values)
    arrays: list[Any] = [response.values, response.trials]
    for predictor in model.predictors:
        arrays += [predictor.matrix, predictor.offset if np.shape(predictor.offset) == (rows,) else None]
    for group in model.groups:
        arrays += [group.codes, group.matrix]
    return list({id(array): array for array in arrays if array is not None}.values())


def _seems_repeated(parts: list[NDArray[Any]], rows: int) -> bool:
    """Estimate the number of distinct rows from the repetitions among some of them (the birthday problem)."""
    if rows <= 2 * _SAMPLE:
        return True
    some = np.unique(np.random.default_rng(0).integers(rows, size=_SAMPLE))
    repeated = len(some) - len(np.unique(_hashes(parts, some)))
    return bool(repeated >= len(some) ** 2 / (2 * rows))


def _hashes(parts: list[NDArray[Any]], rows: slice | NDArray[np.intp]) -> NDArray[np.uint64]:
    """Hash some rows to 64 bits each; -0.0 counts as 0.0."""
    found, factor = np.uint64(0), _MIX
    with np.errstate(over="ignore"):
        for part in parts:
            block = part[rows].reshape(len(part[rows]), -1).astype(np.float64) + 0.0
            bits = block.view(np.uint64)
            bits = (bits ^ (bits >> np.uint64(32))) * _MIX
            bits ^= bits >> np.uint64(29)
            for column in bits.T:
                found = found + column * factor
                factor = factor * _MIX + np.uint64(2)
    return np.asarray(found)


def _same(parts: list[NDArray[Any]], representative: NDArray[np.intp]) -> bool:
    """Make sure that rows of one hash are equal, so that a hash never decides an answer."""
    return all(
        np.array_equal(part[start : start + _BLOCK], part[representative[start : start + _BLOCK]])
        for part in parts
        for start in range(0, len(representative), _BLOCK)
    )


def _weighted(model: Model, first: NDArray[np.intp], times: Floats) -> Model:
    """Put the model on the rows at `first`, in the order in which they come, with these weights."""
    order = np.argsort(first)
    order = order[times[order] > 0]
    distinct = take(model, first[order])
    return replace(distinct, response=replace(distinct.response, weights=times[order]))
