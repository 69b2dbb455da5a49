"""A model whose rows are in a temporary file rather than in memory: methods read its design in blocks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.data.table import Table
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.model import Model

type Floats = NDArray[np.float64]


def on_disk(model: Model, batches: Callable[[], Iterator[Table]]) -> Model:
    """Return the model on all rows, its design matrix of shape (n, d) a memory map, read in one pass.

    Priors, levels and constants are those of `model`. The file has no name: the operating system takes it
    back when the matrix is no longer used.
    """
    made, location = blueprint(model), model.location
    responses, offsets = list[Floats](), list[Floats]()
    with tempfile.TemporaryFile() as file:
        for table in batches():
            if not len(table):
                continue
            part = rebuild(made, table)
            file.write(np.ascontiguousarray(part.location.matrix, dtype=np.float64))
            responses.append(part.response.values)
            offsets.append(np.broadcast_to(part.location.offset, len(table)))
        file.flush()
        values = np.concatenate(responses)
        matrix = np.memmap(file, dtype=np.float64, mode="r", shape=(len(values), len(location.index)))
    offset = np.concatenate(offsets) if np.ndim(location.offset) else location.offset
    predictors = tuple(
        replace(predictor, matrix=matrix, offset=offset) if predictor is location else predictor
        for predictor in model.predictors
    )
    response = replace(model.response, values=values, weights=None)
    return replace(model, predictors=predictors, response=response)
