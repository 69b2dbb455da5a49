"""A model part by part: all its rows, and as few at a time as memory should hold."""

import numpy as np
import pytest

from bayescope.models import rows
from bayescope.preparation import prepare, read_config

FEW = {"y": [1.0, 2.5, -0.5, 4.0, 3.0, 0.0], "x": [0.5, -1.0, 2.0, 0.3, 1.0, 3.0]}


def build(columns, **model):
    spec = {"likelihood": "Normal", "formula": "y ~ x", **model}
    config = {"name": "m", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


@pytest.fixture
def model(monkeypatch):
    """A model of 150 parts, the last of a single row."""
    monkeypatch.setattr(rows, "rows_at_once", lambda _: 10)
    return rows.take(build(FEW), np.arange(1491) % 6)


def test_the_parts_are_all_rows_in_their_order(model):
    found = list(rows.parts(model))
    assert [len(part.response.values) for part in found] == [10] * 149 + [1]
    values, matrices = zip(*((part.response.values, part.location.matrix) for part in found), strict=True)
    np.testing.assert_array_equal(np.concatenate(values), model.response.values)
    np.testing.assert_array_equal(np.concatenate(matrices), model.location.matrix)


def test_the_memory_of_a_design_in_a_file_is_given_back_after_64_parts_and_at_the_end(model, monkeypatch):
    kept = [0]
    monkeypatch.setattr(rows, "_give_back", lambda _: kept.append(0))
    for _ in rows.parts(model):
        kept[-1] += 1
    assert sum(kept) == 150
    assert max(kept) <= 64
    assert kept[-1] == 0


@pytest.mark.parametrize(("weights", "counted"), [({}, [5, 5]), ({"weights": "w"}, [10, 35])])
def test_each_of_every_fifth_row_counts_five_times(weights, counted):
    few = rows.thinned(build(FEW | {"w": [2, 1, 1, 3, 1, 7]}, **weights), 5)
    assert few.response.values.tolist() == [1.0, 0.0]
    assert few.location.matrix[:, 1].tolist() == [0.5, 3.0]
    assert few.response.weights.tolist() == counted


@pytest.mark.parametrize(("size", "by_column"), [(8192, True), (8193, False)])
def test_a_design_that_stays_in_the_cache_has_its_columns_side_by_side(size, by_column):
    matrix = np.arange(2.0 * size).reshape(size, 2)
    found = rows.laid_out(matrix)
    assert found.flags.f_contiguous == by_column
    np.testing.assert_array_equal(found, matrix)


@pytest.mark.parametrize(("columns", "size"), [(0, 8192), (32, 8192), (64, 4096), (512, 512), (9000, 512)])
def test_a_block_has_a_quarter_of_a_million_numbers_but_not_too_few_rows_nor_too_many(columns, size):
    assert rows.rows_at_once(columns) == size
