"""Files read in batches: any split says what the whole file does, and what is wrong is named by its row."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.data import batches, stream
from bayescope.data.read import read_file
from bayescope.data.table import make_table
from bayescope.errors import DataError
from bayescope.preparation import prepare, read_config

WRITERS = {
    ".parquet": pa.parquet.write_table,
    ".feather": pa.feather.write_feather,
    ".csv": pa.csv.write_csv,
}
ROWS = 3000


def columns_of(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    x, year = rng.normal(size=rows), 2000.0 + rng.integers(0, 30, rows)
    eta = 0.5 * x - 0.02 * (year - 2015)
    return {
        "y": np.round(3.0 + eta + rng.normal(size=rows), 6),
        "x": np.round(x, 6),
        "year": year,
        "hit": (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int),
        "count": rng.poisson(np.exp(eta)),
    }


def write(folder, columns, ending):
    path = folder / f"rows{ending}"
    WRITERS[ending](pa.table(columns), path)
    return str(path)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "ROWS", 700)
    monkeypatch.setattr(batches, "_BYTES", 20_000)


def config(path, memory, *methods, likelihood="Normal", formula="y ~ x + year", **data):
    model = {"likelihood": likelihood, "formula": formula}
    return {
        "name": "batches",
        "data": {"path": path, "memory": memory, **data},
        "model": model,
        "inference": list(methods or ["mle", "map", "exact"]),
    }


def both(path, *methods, **more):
    """The run in batches, and the one that reads the whole file."""
    return [bayescope.run(config(path, memory, *methods, **more)) for memory in ("1 kB", "1 GB")]


def assert_same_data(one, other):
    hashes = ("fingerprint", "response_fingerprint", "rows", "observations", "dropped", "source")
    assert [getattr(one, name) for name in hashes] == [getattr(other, name) for name in hashes]
    for column, expected in zip(one.columns, other.columns, strict=True):
        assert column.name == expected.name
        assert [column.mean, column.sd] == pytest.approx([expected.mean, expected.sd], rel=1e-12, abs=1e-12)
        assert (column.minimum, column.maximum) == (expected.minimum, expected.maximum)


def assert_same_answers(one, other):
    assert [prior.text for prior in one.record.model.priors] == [p.text for p in other.record.model.priors]
    for fit, expected in zip(one.fits, other.fits, strict=True):
        assert fit.outcome.status == expected.outcome.status
        np.testing.assert_allclose(fit.estimate, expected.estimate, rtol=1e-10, atol=1e-8 * expected.sd.max())
        assert fit.sd == pytest.approx(expected.sd, rel=1e-8)
        if expected.log_evidence is not None:
            assert fit.log_evidence == pytest.approx(expected.log_evidence, rel=1e-10)
        if "nll" in expected.details:
            assert fit.details["nll"] == pytest.approx(expected.details["nll"], rel=1e-10)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_linear_regression_needs_one_pass(tmp_path, ending, monkeypatch):
    path = write(tmp_path, columns_of(), ending)
    passes = []
    read = batches.tables
    monkeypatch.setattr(stream, "tables", lambda *given: passes.append(given) or read(*given))
    streamed, whole = both(path)
    assert len(passes) == 1
    assert any("3,000 rows, more than the memory" in note for note in streamed.record.model.notes)
    assert_same_data(streamed.record.data, whole.record.data)
    assert_same_answers(streamed, whole)
    assert streamed.record.predictive is not None
    assert streamed.model is None


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_whose_name_is_not_utf_8_is_read_in_batches_too(tmp_path, ending):
    renamed = tmp_path / os.fsdecode(b"caf\xe9" + ending.encode())
    Path(write(tmp_path, columns_of(), ending)).rename(renamed)
    streamed, whole = both(str(renamed))
    assert any("more than the memory" in note for note in streamed.record.model.notes)
    assert streamed.record.data.source.endswith(rf"caf\xe9{ending}")
    assert_same_answers(streamed, whole)


@pytest.mark.parametrize(
    ("likelihood", "formula"),
    [
        ("Bernoulli", "hit ~ x + scale(year)"),
        ("Poisson", "count ~ center(year) + x"),
        ("Normal", "y ~ scale(x) + year"),
        ("Normal", "y ~ 0 + x"),
    ],
)
def test_other_heads_read_their_rows_from_a_temporary_file(tmp_path, likelihood, formula):
    path = write(tmp_path, columns_of(), ".parquet")
    streamed, whole = both(path, "mle", "map", likelihood=likelihood, formula=formula)
    assert any("in batches" in note for note in streamed.record.model.notes)
    assert_same_data(streamed.record.data, whole.record.data)
    assert_same_answers(streamed, whole)


def test_missing_values_are_dropped_in_every_batch(tmp_path):
    columns = columns_of()
    columns["x"] = np.where(np.arange(ROWS) % 97 == 5, np.nan, columns["x"])
    columns["year"] = np.where(np.arange(ROWS) // 700 == 2, np.nan, columns["year"])  # a whole batch
    path = write(tmp_path, columns, ".parquet")
    streamed, whole = both(path, "mle", missing="drop")
    assert streamed.record.data.dropped > 700
    assert_same_data(streamed.record.data, whole.record.data)
    assert_same_answers(streamed, whole)


BAD = {
    "missing": ("x", np.nan, "is missing"),
    "infinite": ("x", np.inf, "is infinite"),
    "no response": ("hit", 2, r"2 is outside \{0, 1\}"),
}


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("fault", BAD)
def test_a_bad_value_in_the_third_batch_is_named_by_its_row(tmp_path, ending, fault):
    name, value, message = BAD[fault]
    columns = {key: values.copy() for key, values in columns_of().items()}
    columns[name][1678] = value
    path = write(tmp_path, columns, ending)
    with pytest.raises(DataError, match=rf"{name}.*1679.*{message}"):
        prepare(
            read_config(config(path, "1 kB", likelihood="Bernoulli", formula="hit ~ x + year")),
            in_batches=True,
        )


def test_text_among_numbers_is_named_as_in_a_file_read_whole(tmp_path):
    path = write(tmp_path, columns_of(), ".csv")
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    lines[1679] = "3.5,much,2001,1,2"
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"x.*1679.*'much' is text"):
        prepare(read_config(config(path, "1 kB")), in_batches=True)


def test_a_constant_and_a_collinear_column_are_refused(tmp_path):
    columns = columns_of()
    columns |= {"one": np.full(ROWS, 2.0), "double": 2.0 * columns["x"] - 1.0}
    path = write(tmp_path, columns, ".parquet")
    for name in ("one", "double"):
        messages = []
        for memory in ("1 kB", "1 GB"):
            with pytest.raises(DataError, match=f"`{name}` is") as found:
                prepare(read_config(config(path, memory, formula=f"y ~ x + {name}")), in_batches=True)
            messages.append(str(found.value))
        assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("likelihood", "formula"),
    [("Normal", "y ~ x:year"), ("Normal", "log(year) ~ x"), ("StudentT", "y ~ x"), ("Normal", "y ~ C(year)")],
)
def test_what_needs_the_rows_reads_the_file_whole(tmp_path, likelihood, formula):
    path = write(tmp_path, columns_of(), ".parquet")
    table, _ = prepare(
        read_config(config(path, "1 kB", likelihood=likelihood, formula=formula)), in_batches=True
    )
    assert table.whole is None
    assert len(table) == ROWS


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(1, 399), unique=True, max_size=6), seed=st.integers(0, 99))
def test_any_split_has_the_moments_of_the_whole(cuts, seed):
    columns = {name: values for name, values in columns_of(400, seed).items() if name in ("x", "year", "y")}
    ends = [0, *sorted(cuts), 400]

    def parts():
        for start, stop in pairwise(ends):
            part = {name: values[start:stop].copy() for name, values in columns.items()}
            yield make_table(part, "parts", rows=np.arange(start + 1, stop + 1))

    names = ("x", "year", "y")
    found = stream._collected(names, "parts", SimpleNamespace(likelihood="Normal"), parts)
    values = np.column_stack([columns[name] for name in names])
    rows = np.column_stack([found.columns[name] for name in names])
    assert found.observations == 400
    error = np.average(rows, axis=0, weights=found.weights) - values.mean(axis=0)
    assert np.all(np.abs(error) <= 1e-13 * np.abs(values).mean(axis=0))  # a mean may be next to nothing
    centred, own = rows - rows.mean(axis=0), values - values.mean(axis=0)
    scatter = own.T @ own
    scale = np.sqrt(np.outer(np.diag(scatter), np.diag(scatter)))
    # the rows hold 2000 +- 9: their last digits are 2000 eps from the truth
    assert np.all(np.abs((centred.T * found.weights) @ centred - scatter) <= 1e-11 * scale)
    assert found.fingerprint == make_table(columns, "parts").fingerprint


def test_the_sample_is_a_fixed_set_of_rows_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "SAMPLE", 100)
    path = write(tmp_path, columns_of(), ".csv")
    samples = [prepare(read_config(config(path, "1 kB")), in_batches=True)[0].whole.sample for _ in range(2)]
    whole = read_file(tmp_path / "rows.csv")
    assert len(samples[0]) == 100
    for sample in samples:
        for name in ("y", "x", "year"):
            np.testing.assert_array_equal(sample.columns[name], whole.columns[name][sample.rows - 1])
    assert samples[0].fingerprint == samples[1].fingerprint


def test_what_asks_for_rows_gets_them_all(tmp_path):
    path = write(tmp_path, columns_of(), ".csv")
    table, model = prepare(read_config(config(path, "1 kB")))
    assert table.whole is None
    assert len(model.response.values) == ROWS


def test_the_memory_is_a_size():
    assert read_config(config("rows.csv", "1.5 GB")).config.data.memory == 1_500_000_000
    with pytest.raises(bayescope.errors.ConfigError, match="expected a size such as 500 MB"):
        read_config(config("rows.csv", "much"))


@pytest.mark.parametrize(("ending", "name"), [(".csv", ""), (".parquet", "__index_level_0__")])
def test_the_index_of_a_data_frame_is_no_predictor(tmp_path, ending, name):
    columns = columns_of()
    path = write(tmp_path, {"y": columns["y"], name: np.arange(ROWS), "x": columns["x"]}, ending)
    streamed, whole = both(path, "mle", formula="y ~ .")
    assert streamed.model is None
    assert list(streamed["mle"].names) == ["Intercept", "x", "sigma"]
    assert_same_answers(streamed, whole)


@pytest.mark.parametrize("memory", ["1 kB", "1 GB"])
def test_whole_numbers_that_would_be_rounded_are_refused(tmp_path, memory):
    columns = columns_of()
    columns["year"] = columns["year"].astype(int)
    columns["year"][1500] = 2**53 + 1
    path = write(tmp_path, columns, ".csv")
    with pytest.raises(DataError, match=r"row 1501: is beyond 2\^53 and would be rounded"):
        bayescope.run(config(path, memory, "mle"))


@pytest.mark.parametrize("memory", ["1 kB", "1 GB"])
def test_what_to_do_about_missing_values_is_said(tmp_path, memory):
    columns = columns_of()
    columns["x"][7] = np.nan
    path = write(tmp_path, columns, ".parquet")
    with pytest.raises(DataError, match=r"row 8: is missing(?s:.*)write `missing: drop`"):
        bayescope.run(config(path, memory, "mle"))
