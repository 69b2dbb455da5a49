"""A model whose design is a file, from batches: what it says of the data is what the model in memory says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bayescope.models.density import log_likelihood
from bayescope.models.on_disk import on_disk
from bayescope.preparation import prepare, read_config

RNG = np.random.default_rng(1)
COLUMNS = {
    "y": RNG.normal(size=9).tolist(),
    "x": RNG.normal(size=9).tolist(),
    "t": RNG.normal(size=9).tolist(),
}


def part_of(table, rows):
    columns = {name: values[rows] for name, values in table.columns.items()}
    return replace(table, columns=columns, rows=table.rows[rows])


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + offset(t)"])
@pytest.mark.parametrize("ends", [(0, 9), (0, 4, 9), (0, 0, 4, 4, 9, 9)])
def test_batches_of_any_size_are_all_the_rows(formula, ends):
    spec = {"likelihood": "Normal", "formula": formula}
    config = {"name": "m", "data": {"columns": COLUMNS}, "model": spec, "inference": ["mle"]}
    table, model = prepare(read_config(config))
    batches = [part_of(table, slice(start, end)) for start, end in itertools.pairwise(ends)]
    far = on_disk(model, lambda: iter(batches))
    assert far.location.matrix.tolist() == model.location.matrix.tolist()
    assert far.response.values.tolist() == COLUMNS["y"]
    assert (
        np.broadcast_to(far.location.offset, 9).tolist() == np.broadcast_to(model.location.offset, 9).tolist()
    )
    theta = np.array([0.3, -0.2, 1.1])
    assert log_likelihood(far, theta) == log_likelihood(model, theta)
