"""A column that the formula takes out of `.` plays no part: not in the checks, the fingerprint or new rows."""

import numpy as np
import pandas as pd
import pytest

import bayescope
from bayescope.data.design import apply_design, build_design
from bayescope.data.formula import dot_columns, expand_terms, parse, used_columns
from bayescope.data.read import read_columns
from bayescope.errors import ConfigError

COLUMNS = {
    "y": [1.0, 2.0, 2.5, 4.0, 5.5, 5.0],
    "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    "z": [1.0, 0.0, 1.0, 1.0, 0.0, 0.0],
    "id": ["a1", "a2", "a3", "a4", "a5", "a6"],
}


def run(formula="y ~ . - id", **data):
    config = {"columns": COLUMNS | data.pop("columns", {}), **data}
    model = {"likelihood": "Normal", "formula": formula}
    return bayescope.run({"name": "n", "data": config, "model": model, "inference": ["map"]})


def test_it_may_hold_what_no_model_can_use():
    frame = pd.DataFrame(COLUMNS | {"id": pd.date_range("2020-01-01", periods=6)})
    config = {"name": "n", "model": {"likelihood": "Normal", "formula": "y ~ . - id"}, "inference": ["map"]}
    np.testing.assert_array_equal(
        bayescope.run(config, frame)["map"].estimate, run("y ~ x + z")["map"].estimate
    )


@pytest.mark.parametrize("missing", ["refuse", "drop"])
def test_its_values_may_be_missing(missing):
    data = run(columns={"id": ["a1", None, "a3", "a4", "a5", None]}, missing=missing).record.data
    assert (data.rows, data.dropped) == (6, 0)
    assert [column.name for column in data.columns] == ["y", "x", "z"]
    assert data.fingerprint == run("y ~ x + z").record.data.fingerprint


@pytest.mark.parametrize("row", [{"x": [1.0], "z": [0.0]}, {"x": [1.0], "z": [0.0], "id": ["new"]}])
def test_new_rows_need_not_have_it(row):
    expected = run("y ~ x + z").predict(row)["mean"]
    np.testing.assert_array_equal(run().predict(row)["mean"], expected)


def test_a_run_is_updated_without_it():
    rows = {"y": [6.0], "x": [6.0], "z": [1.0]}
    np.testing.assert_allclose(
        run().update(rows).estimates["estimate"], run("y ~ x + z").update(rows).estimates["estimate"]
    )


def test_a_file_read_in_batches_says_the_same(tmp_path):
    rng = np.random.default_rng(3)
    lines = [f"{x + e:.6f},{x:.6f},r{i}" for i, (x, e) in enumerate(rng.normal(size=(3000, 2)))]
    (tmp_path / "rows.csv").write_text("\n".join(["y,x,id", *lines]))
    config = {
        "name": "n",
        "model": {"likelihood": "Normal", "formula": "y ~ . - id"},
        "inference": ["map"],
        "data": {"path": str(tmp_path / "rows.csv")},
    }
    small, large = (bayescope.run(config, overrides=[f"data.memory={m}"]) for m in ("20 kB", "1 GB"))
    assert small.model is None  # its rows were never in memory
    np.testing.assert_allclose(small["map"].estimate, large["map"].estimate, rtol=1e-10)
    assert small.record.data.fingerprint == large.record.data.fingerprint
    np.testing.assert_allclose(small.predict({"x": [1.0]})["mean"], large.predict({"x": [1.0]})["mean"])


def test_a_term_that_is_not_there_is_still_refused():
    with pytest.raises(ConfigError, match="the data have no column 'idd'"):
        run("y ~ . - idd")
    with pytest.raises(ConfigError, match="there is no term `x:z` to remove"):
        run("y ~ . - x:z")


@pytest.mark.parametrize(
    ("text", "kept", "used"),
    [
        ("y ~ . - id", ("x", "z"), ("y", "x", "z")),
        ("y ~ .**2 - id - id:x - id:z", ("x", "z"), ("y", "x", "z")),
        ("y ~ .**2 - id", ("x", "z", "id"), ("y", "x", "z", "id")),
        ("y ~ . - z - id + (1 + z | id)", ("x",), ("y", "x", "z", "id")),
        ("y ~ x * z + id - .", ("x", "z", "id"), ("y", "x", "z", "id")),  # a shorter `.` would spare id
        ("y ~ x + z - z", (), ("y", "x")),
    ],
)
def test_the_columns_that_are_left_make_the_same_design(text, kept, used):
    formula, table = parse(text), read_columns(COLUMNS)
    assert dot_columns(formula, COLUMNS) == kept
    assert used_columns(formula, COLUMNS) == used
    design = build_design(formula, table)
    assert [term.name for term in design.terms[1:]] == [
        ":".join(t) for t in expand_terms(formula, COLUMNS).terms
    ]
    new = read_columns({name: COLUMNS[name] for name in used})
    np.testing.assert_array_equal(apply_design(formula, design.encoding, new), design.matrix)
