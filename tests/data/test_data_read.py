"""Reading: the same values give the same table from every source, and bad sources are named errors."""

import datetime as dt
import errno
import os
import sqlite3
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from bayescope.config.load import load_mapping
from bayescope.data.prepare import read_data
from bayescope.data.read import from_dataframe, read_columns, read_counts, read_file, read_table
from bayescope.data.sql import read_sql
from bayescope.errors import DataError
from bayescope.inference.registry import SETTINGS

COLUMNS = {
    "score": [65, 98, 85],
    "iq": [121.5, None, 115.25],
    "origin": ["Japan", None, "USA, west"],
    "smoker": [True, False, True],
}
CSV = 'score,iq,origin,smoker\n65,121.5,Japan,true\n98,NA,,false\n85,115.25,"USA, west",true\n'


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def arrow() -> pa.Table:
    return pa.table(COLUMNS)


def refusal(call, *args) -> DataError:
    with pytest.raises(DataError) as caught:
        call(*args)
    return caught.value


def assert_same(table, other):
    assert list(table.columns) == list(other.columns)
    for name, values in table.columns.items():
        assert values.dtype == other.columns[name].dtype, name
        np.testing.assert_array_equal(values, other.columns[name])
    assert table.fingerprint == other.fingerprint


class TestSourcesAgree:
    def test_columns_have_the_types_of_their_values(self):
        table = read_columns(COLUMNS)
        kinds = {name: values.dtype for name, values in table.columns.items()}
        assert kinds == {"score": np.int64, "iq": np.float64, "origin": object, "smoker": np.bool_}
        assert np.isnan(table.columns["iq"][1])
        assert table.columns["origin"][1] is None
        assert table.rows.tolist() == [1, 2, 3]

    def test_csv(self, tmp_path):
        assert_same(read_file(write(tmp_path, CSV)), read_columns(COLUMNS))

    @pytest.mark.parametrize(
        "text",
        ["\ufeff" + CSV, CSV.replace("\n", "\r\n"), CSV.replace("NA", "nan"), CSV.replace(",iq", ", iq ")],
    )
    def test_csv_written_otherwise(self, tmp_path, text):
        assert_same(read_file(write(tmp_path, text)), read_columns(COLUMNS))

    def test_parquet(self, tmp_path):
        pa.parquet.write_table(arrow(), tmp_path / "data.parquet")
        assert_same(read_file(tmp_path / "data.parquet"), read_columns(COLUMNS))

    def test_feather(self, tmp_path):
        pa.feather.write_feather(arrow(), str(tmp_path / "data.feather"))
        assert_same(read_file(tmp_path / "data.feather"), read_columns(COLUMNS))

    @pytest.mark.skipif(sys.platform == "darwin", reason="all names of files are UTF-8 there")
    @pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
    def test_a_name_that_is_not_utf8(self, tmp_path, ending):
        path, plain = tmp_path / os.fsdecode(b"caf\xe9." + ending.encode()), tmp_path / f"plain.{ending}"
        save = {
            "csv": pa.csv.write_csv,
            "parquet": pa.parquet.write_table,
            "feather": pa.feather.write_feather,
        }
        save[ending](arrow(), str(plain))
        plain.rename(path)
        assert_same(read_file(path), read_columns(COLUMNS))
        assert read_file(path).source.endswith(rf"caf\xe9.{ending}")

    def test_dataframe(self):
        assert_same(from_dataframe(pd.DataFrame(COLUMNS)), read_columns(COLUMNS))

    def test_dataframe_written_by_pandas_leaves_its_index_behind(self, tmp_path):
        frame = pd.DataFrame(COLUMNS, index=[3, 7, 9])
        frame.to_parquet(tmp_path / "data.parquet")
        assert_same(read_file(tmp_path / "data.parquet"), read_columns(COLUMNS))

    def test_unnamed_index_column_of_a_csv_file_is_left_out(self, tmp_path):
        assert list(read_file(write(tmp_path, ",x\n0,5\n1,6\n")).columns) == ["x"]

    def test_mapping_for_a_dataframe(self):
        assert_same(from_dataframe(COLUMNS), read_columns(COLUMNS))

    def test_sqlite(self, tmp_path, monkeypatch):
        with sqlite3.connect(tmp_path / "kids.db") as database:
            database.execute("create table kids (score integer, iq real, origin text)")
            rows = zip(COLUMNS["score"], COLUMNS["iq"], COLUMNS["origin"], strict=True)
            database.executemany("insert into kids values (?, ?, ?)", rows)
        database.close()
        monkeypatch.setenv("KIDS_URL", f"sqlite:///{tmp_path / 'kids.db'}")
        table = read_sql("select * from kids", "KIDS_URL")
        assert_same(table, read_columns({k: v for k, v in COLUMNS.items() if k != "smoker"}))

    def test_categories_and_small_types_of_parquet(self, tmp_path):
        table = pa.table(
            {
                "g": pa.array(["b", "a", "b"]).dictionary_encode(),
                "i": pa.array([1, 2, 3], pa.int8()),
                "u": pa.array([1, 2, 2**64 - 1], pa.uint64()),
                "d": pa.array([Decimal("1.5"), None, Decimal("2.25")]),
                "f": pa.array([1.5, 2.5, None], pa.float32()),
            }
        )
        pa.parquet.write_table(table, tmp_path / "data.parquet")
        columns = read_file(tmp_path / "data.parquet").columns
        assert columns["g"].tolist() == ["b", "a", "b"]
        assert columns["i"].dtype == np.int64
        assert columns["u"][2] == 2.0**64
        np.testing.assert_array_equal(columns["d"], [1.5, np.nan, 2.25])
        np.testing.assert_array_equal(columns["f"], [1.5, 2.5, np.nan])

    def test_bools_with_a_missing_value_stay_bools(self):
        assert read_columns({"x": [True, None]}).columns["x"].tolist() == [True, None]
        assert from_dataframe(pd.DataFrame({"x": [True, None]})).columns["x"].tolist() == [True, None]

    def test_blanks_around_numbers_and_text_do_not_count(self, tmp_path):
        table = read_file(write(tmp_path, "x, y\n1, 2.5\n2, NA\n3, 4\n"))
        np.testing.assert_array_equal(table.columns["y"], [2.5, np.nan, 4.0])
        assert read_file(write(tmp_path, "x,y\n1, a\n2,b \n")).columns["y"].tolist() == ["a", "b"]

    @pytest.mark.parametrize("last", ["3", "3 ", "NA "])
    def test_text_that_no_csv_file_is_read_from_stays_as_it_is(self, tmp_path, last):
        values = ["1", "02", last]
        table = pa.table({"x": values})
        pa.parquet.write_table(table, tmp_path / "d.parquet")
        pa.feather.write_feather(table, tmp_path / "d.feather")
        found = [
            read_columns({"x": values}),
            from_dataframe(pd.DataFrame({"x": values})),
            read_file(tmp_path / "d.parquet"),
            read_file(tmp_path / "d.feather"),
        ]
        assert [each.columns["x"].tolist() for each in found] == [values] * 4

    def test_views_of_text_are_text(self, tmp_path):
        pa.feather.write_feather(
            pa.table({"s": pa.array(["a", "b "], pa.string_view())}), tmp_path / "d.feather"
        )
        assert read_file(tmp_path / "d.feather").columns["s"].tolist() == ["a", "b "]

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, Decimal("NaN"), Decimal("sNaN")])
    @pytest.mark.parametrize(("value", "kind"), [("a", object), (True, object), (1, np.float64)])
    def test_what_is_missing_is_so_beside_text_bools_and_numbers(self, missing, value, kind):
        for column in ([value, missing], np.array([value, missing], dtype=object)):
            values = read_columns({"x": column}).columns["x"]
            assert values.dtype == kind
            assert values.tolist()[0] == value
            assert pd.isna(values.tolist()[1])

    def test_blank_lines_of_a_single_column_are_missing_values(self, tmp_path):
        np.testing.assert_array_equal(read_file(write(tmp_path, "x\n1\n\n3\n")).columns["x"], [1, np.nan, 3])

    def test_a_stray_word_makes_a_column_text(self, tmp_path):
        assert read_file(write(tmp_path, "x,y\n1,1\nlow,2\n")).columns["x"].tolist() == ["1", "low"]

    def test_quoted_values_may_have_line_breaks(self, tmp_path):
        assert read_file(write(tmp_path, 'x,y\n1,"a\nb"\n')).columns["y"].tolist() == ["a\nb"]


class TestTable:
    def test_arrays_cannot_be_written(self):
        table = read_columns(COLUMNS)
        with pytest.raises(ValueError, match="read-only"):
            table.columns["score"][0] = 1
        with pytest.raises(TypeError):
            table.columns["new"] = np.zeros(3)

    def test_a_later_change_of_the_dataframe_does_not_change_the_table(self):
        frame = pd.DataFrame({"x": [1.0, 2.0]})
        table = from_dataframe(frame)
        frame.loc[0, "x"] = 9.0
        assert table.columns["x"].tolist() == [1.0, 2.0]


class TestFingerprint:
    def of(self, **columns):
        return read_columns(columns).fingerprint

    def test_order_of_columns_does_not_matter(self):
        assert self.of(a=[1, 2], b=[3, 4]) == self.of(b=[3, 4], a=[1, 2])

    def test_whole_numbers_are_numbers(self):
        assert self.of(a=[0, 2]) == self.of(a=[-0.0, 2.0])

    @pytest.mark.parametrize(
        "other",
        [
            {"a": [2, 1], "b": ["u", "v"]},
            {"a": [1, 2.5], "b": ["u", "v"]},
            {"a": [1, 2], "b": ["u", "v "]},
            {"a": [1, 2], "c": ["u", "v"]},
            {"a": [1, None], "b": ["u", "v"]},
            {"a": [True, False], "b": ["u", "v"]},
            {"a": ["1", "2"], "b": ["u", "v"]},
            {"a": [1, 2, 3], "b": ["u", "v", "w"]},
        ],
    )
    def test_names_kinds_values_and_their_order_matter(self, other):
        assert self.of(a=[1, 2], b=["u", "v"]) != self.of(**other)

    def test_whole_numbers_beyond_float64_are_told_apart(self):
        assert self.of(a=[2**53]) != self.of(a=[2**53 + 1])

    def test_weights_matter(self):
        assert read_counts({"x": {0: 1, 1: 2}}).fingerprint != read_counts({"x": {0: 2, 1: 1}}).fingerprint

    def test_only_the_needed_columns_count(self):
        one = read_columns({"a": [1, 2], "b": [3, 4]}, needed=("a",))
        assert one.fingerprint == self.of(a=[1, 2])

    def test_is_the_same_on_every_machine(self):
        assert (
            read_columns(COLUMNS).fingerprint
            == "94cf33c24a21ebdc2a836a59a37d535a3454f045e0b2ec0a97ac6b38c7489495"
        )


class TestNeeded:
    def test_only_the_needed_columns_of_a_file_are_kept(self, tmp_path):
        assert list(read_file(write(tmp_path, CSV), ("iq", "score")).columns) == ["score", "iq"]

    def test_all_are_kept_when_one_is_not_there(self, tmp_path):
        assert list(read_file(write(tmp_path, CSV), ("iq", "scor")).columns) == list(COLUMNS)


class TestCounts:
    def test_one_row_for_each_value_that_occurs(self):
        table = read_counts({"flip": {1: 700, 2: 0, 0: 300}})
        assert table.columns["flip"].tolist() == [1, 0]
        assert table.weights.tolist() == [700.0, 300.0]
        assert table.rows.tolist() == [1, 3]
        assert (len(table), table.observations) == (2, 1000)

    def test_huge_counts_are_never_expanded(self):
        assert read_counts({"flip": {1: 10**9, 0: 10**15}}).observations == 10**15 + 10**9

    @pytest.mark.parametrize(
        ("counts", "message"),
        [
            ({"flip": {1: -7, 0: 3}}, "column 'flip', row 1: the count of 1 is -7"),
            ({"flip": {1: 7, 0: 2.5}}, "column 'flip', row 2: the count of 0 is 2.5"),
            ({"flip": {1: True}}, "the count of 1 is True"),
            ({"flip": {1: "7"}}, "the count of 1 is '7'"),
            ({"flip": {1: float("inf")}}, "the count of 1 is inf"),
            ({"flip": {1: 0, 0: 0}}, "all zero"),
            ({"flip": {}}, "there are no rows"),
            ({"flip": {1: 2**53, 0: 1}}, "2^53"),
            ({"a": {1: 1}, "b": {1: 1}}, "counts are of one column, here there are 2"),
        ],
    )
    def test_refused(self, counts, message):
        assert message in str(refusal(read_counts, counts))


class TestInlineColumns:
    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"a": [1, 2], "b": [1]}, "differ in length: 'a' 2, 'b' 1 values"),
            ({"a": 3}, "column 'a': expected a list of values"),
            ({"a": "text"}, "column 'a': expected a list of values"),
            ({"a": np.zeros((2, 2))}, "column 'a': expected a list of values"),
            ({"a": []}, "there are no rows"),
            ({}, "there are no columns"),
        ],
    )
    def test_refused(self, columns, message):
        assert message in str(refusal(read_columns, columns))

    @pytest.mark.parametrize(
        ("value", "kind"),
        [(dt.date(2020, 1, 2), "dates"), ([1], "lists"), (1j, "values of the type complex")],
    )
    def test_values_that_no_model_can_use_are_noted(self, value, kind):
        assert read_columns({"a": [value, None]}).unusable == {"a": kind}

    def test_arrays_and_numpy_scalars_are_values(self):
        table = read_columns({"a": np.array([1.5, 2.0]), "b": [np.int64(1), np.int64(2)]})
        assert table.columns["a"].tolist() == [1.5, 2.0]
        assert table.columns["b"].dtype == np.int64

    def test_whole_numbers_beyond_64_bits_become_float64(self):
        assert read_columns({"a": [10**30, 1]}).columns["a"].tolist() == [1e30, 1.0]
        frame = pd.DataFrame({"a": [2**70, 1, None], "b": [2**70, "low", 1]}, dtype=object)
        assert from_dataframe(frame[:2]).columns["a"].tolist() == [2.0**70, 1.0]
        assert from_dataframe(frame).columns["b"].tolist() == [str(2**70), "low", "1"]

    def test_long_numbers_become_float64(self):
        values = np.array([0.5, 1e300], dtype=np.longdouble)
        for table in (read_columns({"a": values}), from_dataframe(pd.DataFrame({"a": values}))):
            assert table.columns["a"].dtype == np.float64
            assert table.columns["a"].tolist() == [0.5, 1e300]
        assert read_columns({"a": [np.clongdouble(1j)]}).unusable == {"a": "values of the type clongdouble"}


BAD_FILES = {
    "empty": (b"", "data.csv: this file is empty"),
    "a blank line": (b"\n", "data.csv: this file is empty"),
    "only blank lines": (b"\n\n", "data.csv: this file is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "data.csv: this file is empty"),
    "a byte order mark and a line": (b"\xef\xbb\xbf\r\n", "data.csv: this file is empty"),
    "no rows": (b"a,b\n", "there are column names but no rows"),
    "no rows, no line break": (b"a,b", "there are column names but no rows"),
    "no rows, no line break, one name": (b"\xef\xbb\xbfa", "there are column names but no rows"),
    "no header": (b"1,2\n3,4\n", "the first line (1,2) is values, not column names"),
    "no header, no line break": (b"1,2", "the first line (1,2) is values, not column names"),
    "short row": (b"a,b\n1,2\n3\n", "row 2: 1 value in a row, but 2 column names"),
    "long rows": (b"a,b\n1,2,3\n" * 9, "... and"),
    "repeated name": (b"a,b,a\n1,2,3\n", "column 'a': 2 columns have this name"),
    "repeated name but for blanks": (b"a, a\n1,2\n", "column 'a': 2 columns have this name"),
    "latin-1 value": (b"a,b\n1,x\n2,caf\xe9\n", "column 'b', row 2: this value is not UTF-8 text"),
    "latin-1 name": (b"caf\xe9,b\n1,2\n", "the line of column names is not UTF-8 text"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "the file is not UTF-8 text"),
    "semicolons": (b"a;b\n1;2\n", "separated by semicolons"),
    "tabs": (b"a\tb\n1\t2\n", "separated by tabs"),
    "open quote": (b'a,b\n1,"2\n3,4\n', "column 'b', row 1: a quoted value starts here and is never closed"),
    "zip": (b"PK\x03\x04\x00\x00\xff\xfe\x00", "data.csv: "),
}


MODEL = {"use": "linear", "formula": "y ~ x"}


class TestBadFiles:
    @pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
    def test_csv(self, tmp_path, content, message):
        assert message in str(refusal(read_file, write(tmp_path, content), None, "data.csv"))

    def test_all_ragged_rows_are_named(self, tmp_path):
        text = str(refusal(read_file, write(tmp_path, b"a,b\n1\n1,2\n" + b"1,2,3\n" * 8)))
        assert text.count("3 values in a row") == 4
        assert "row 1: 1 value in a row, but 2 column names" in text
        assert "... and 4 more such rows" in text

    def test_ragged_rows_under_one_name_are_counted_once(self, tmp_path):
        text = str(refusal(read_file, write(tmp_path, b"a\n" + b"1,2\n" * 7 + b"3\n")))
        assert text.count("2 values in a row, but 1 column name\n") == 5
        assert "... and 2 more such rows" in text

    def test_a_title_above_the_names(self, tmp_path):
        text = str(
            refusal(read_file, write(tmp_path, b"# fruit, 2024\na,b,c\n1,2,3\n4,5,6\n"), None, "data.csv")
        )
        line = "the first line (# fruit, 2024) is not the column names of rows of 3 values"
        assert text == f"data.csv: {line}; remove what stands above them"

    @pytest.mark.parametrize("ending", ["parquet", "feather"])
    @pytest.mark.parametrize("content", [b"PAR1 this is not PAR1", b"\x00", b"a,b\n1,2\n"])
    def test_not_what_the_ending_says(self, tmp_path, ending, content):
        path = write(tmp_path, content, f"data.{ending}")
        assert f"cannot be read as {ending.capitalize()}" in str(refusal(read_file, path))

    def test_truncated_parquet(self, tmp_path):
        path = tmp_path / "data.parquet"
        pa.parquet.write_table(arrow(), path)
        write(tmp_path, path.read_bytes()[:-20], "data.parquet")
        assert "cannot be read as Parquet" in str(refusal(read_file, path))

    def test_repeated_names_in_parquet(self, tmp_path):
        pa.parquet.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "data.parquet")
        assert "2 columns have this name" in str(refusal(read_file, tmp_path / "data.parquet"))

    def test_missing_file_suggests_its_neighbour(self, tmp_path):
        write(tmp_path, CSV, "kidiq.csv")
        error = refusal(read_file, tmp_path / "kidqi.csv")
        assert "does not exist; did you mean 'kidiq.csv'?" in str(error)
        assert error.exit_code == 3

    def test_endings_that_are_alike_make_no_neighbour(self, tmp_path):
        write(tmp_path, CSV, "quote.csv")
        assert "does not exist; files there: quote.csv" in str(refusal(read_file, tmp_path / "nothere.csv"))

    def test_missing_folder(self, tmp_path):
        assert "nor does its folder" in str(refusal(read_file, tmp_path / "no" / "data.csv"))

    def test_a_link_that_leads_nowhere(self, tmp_path):
        (tmp_path / "data.csv").symlink_to("gone.csv")
        error = refusal(read_file, tmp_path / "data.csv", None, "data.csv")
        assert str(error) == "data.csv: this is a link to 'gone.csv', which does not exist"

    def test_links_in_a_circle(self, tmp_path):
        (tmp_path / "data.csv").symlink_to("data.csv")
        error = refusal(read_file, tmp_path / "data.csv", None, "data.csv")
        assert str(error) == f"data.csv: this file cannot be read: {os.strerror(errno.ELOOP)}"

    @pytest.mark.parametrize("in_batches", [True, False])
    def test_a_name_longer_than_any_file_has(self, tmp_path, in_batches):
        config = load_mapping(
            {"name": "a", "data": {"path": "a" * 5000 + ".csv"}, "model": MODEL, "inference": ["mle"]},
            methods=SETTINGS,
        ).config
        error = refusal(partial(read_data, in_batches=in_batches), config, tmp_path)
        assert str(error).endswith(f".csv: this file cannot be read: {os.strerror(errno.ENAMETOOLONG)}")

    def test_folder(self, tmp_path):
        (tmp_path / "data.csv").mkdir()
        assert "is a folder" in str(refusal(read_file, tmp_path / "data.csv"))

    @pytest.mark.parametrize(("name", "kind"), [("data.xlsx", "'.xlsx'"), ("data", "without an ending")])
    def test_unknown_ending(self, tmp_path, name, kind):
        text = str(refusal(read_file, write(tmp_path, b"x", name)))
        assert kind in text
        assert ".csv, .parquet, .feather" in text

    def test_dates_are_noted_as_unusable(self, tmp_path):
        text = "x,day,at,time\n1,2020-01-02,2020-01-02 10:00,10:00\n"
        kinds = {"day": "dates", "at": "dates and times", "time": "times"}
        assert read_file(write(tmp_path, text)).unusable == kinds


class TestDataFrames:
    def test_refused(self):
        frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
        assert "column 'a': several columns have this name" in str(refusal(from_dataframe, frame))
        assert "there are no rows" in str(refusal(from_dataframe, pd.DataFrame({"a": []})))
        assert "expected a pandas DataFrame" in str(refusal(from_dataframe, [1, 2]))

    def test_mixtures_become_text_and_categories_their_values(self):
        frame = pd.DataFrame({"m": [1, "low", None], "c": pd.Categorical(["b", "a", "b"]), 3: [1, 2, 3]})
        table = from_dataframe(frame)
        assert table.columns["m"].tolist() == ["1", "low", None]
        assert table.columns["c"].tolist() == ["b", "a", "b"]
        assert "3" in table.columns

    @pytest.mark.parametrize("numbers", [[10, 20, 10], [1.5, 2.0, 1.5]])
    def test_categories_of_numbers_are_no_numbers(self, numbers, tmp_path):
        frame = pd.DataFrame({"c": pd.Categorical(numbers)})
        frame.to_feather(tmp_path / "c.feather")  # Parquet forgets that they are categories
        for table in (from_dataframe(frame), read_file(tmp_path / "c.feather")):
            assert table.columns["c"].tolist() == [f"{number:g}" for number in numbers]

    def test_intervals_that_pandas_cuts_are_levels(self):
        cut = pd.cut(pd.Series([0.5, 1.5, np.nan, 1.9]), [0, 1, 2, 3])
        assert from_dataframe(pd.DataFrame({"c": cut})).columns["c"].tolist() == [
            "(0, 1]",
            "(1, 2]",
            None,
            "(1, 2]",
        ]

    def test_categories_of_what_no_model_can_use_are_noted(self):
        pairs = pd.Categorical.from_codes([0, 1], pd.Index([(1, 2), (3, 4)], tupleize_cols=False))
        assert from_dataframe(pd.DataFrame({"c": pairs})).unusable == {
            "c": "values of the type list<item: int64>"
        }


@pytest.fixture
def database(tmp_path, monkeypatch):
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (x real, y text)")
        connection.execute("insert into t values (1.5, 'a'), (2.5, 'b')")
    connection.close()
    monkeypatch.setenv("DATA_URL", f"sqlite:///{path}")
    return path


class TestSql:
    @pytest.mark.parametrize(
        "query",
        ["select x, y from t", "  SELECT x, y FROM t ; ", "-- a; b\nwith u as (select * from t) select x, y from u",
         "/* ; */ select x, y from t", "select x, y from t where y <> ';' and y not like '%:z'"],
    )  # fmt: skip
    @pytest.mark.usefixtures("database")
    def test_one_select(self, query):
        assert read_sql(query, "DATA_URL").columns["x"].tolist() == [1.5, 2.5]

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("delete from t", "must be a SELECT, this one starts with 'DELETE'"),
            ("", "the query is empty"),
            ("select 1; drop table t", "must be one statement"),
            ("select * from no_table", "no such table: no_table"),
            ("select x from t where x > 9", "returned no rows"),
            ("select x, x from t", "column 'x': several columns"),
            ("with u as (select 1) insert into t select 1, 'c'", "answers"),
            ("select load_extension('x')", "answers"),
        ],
    )
    def test_refused(self, database, query, message):
        before = database.read_bytes()
        assert message in str(refusal(read_sql, query, "DATA_URL"))
        assert database.read_bytes() == before

    def test_a_missing_sqlite_file_is_not_made(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DATA_URL", f"sqlite:///{tmp_path / 'none.db'}")
        assert "unable to open database file" in str(refusal(read_sql, "select 1", "DATA_URL"))
        assert not (tmp_path / "none.db").exists()

    def test_the_variable_is_named_when_it_is_not_set(self, monkeypatch):
        monkeypatch.delenv("DATA_URL", raising=False)
        assert "the environment variable DATA_URL is not set" in str(
            refusal(read_sql, "select 1", "DATA_URL")
        )

    @pytest.mark.parametrize(
        "url",
        [
            "nonsense hunter2",
            "nosuchdb://bob:hunter2@localhost/db",
            "sqlite+nodriver://bob:hunter2@localhost/db",
            "postgresql://bob:hunter2@localhost:1/db",
            "sqlite:///file:hunter2?mode=rw",
            "postgresql://bob:hunter2@localhost:port/db",
        ],
    )
    def test_credentials_are_never_shown(self, monkeypatch, url):
        monkeypatch.setenv("DATA_URL", url)
        error = refusal(read_sql, "select 1", "DATA_URL")
        assert "hunter2" not in str(error)
        assert "DATA_URL" in str(error)
        assert error.__suppress_context__ or error.__context__ is None


class TestReadTable:
    def config(self, **source):
        return SimpleNamespace(
            **{"path": None, "columns": None, "counts": None, "sql": None, "url_env": None, **source}
        )

    def test_a_file_is_named_relative_to_the_configuration(self, tmp_path):
        (tmp_path / "data").mkdir()
        write(tmp_path / "data", CSV)
        table = read_table(self.config(path=tmp_path / "data" / "data.csv"), tmp_path)
        assert table.source == "data/data.csv"

    @pytest.mark.usefixtures("database")
    def test_every_source(self, tmp_path):
        assert len(read_table(self.config(columns=COLUMNS), tmp_path)) == 3
        assert len(read_table(self.config(counts={"x": {1: 5}}), tmp_path)) == 1
        assert len(read_table(self.config(sql="select * from t", url_env="DATA_URL"), tmp_path)) == 2

    def test_a_dataframe_stands_in(self, tmp_path):
        assert (
            len(
                read_table(self.config(path=tmp_path / "none.csv"), tmp_path, dataframe=pd.DataFrame(COLUMNS))
            )
            == 3
        )

    def test_no_data(self, tmp_path):
        assert "there are no data" in str(refusal(read_table, None, tmp_path))


def test_text_that_is_no_utf8_is_named_by_its_row(tmp_path):
    buffers = pa.array([b"b", b"a\xff"]).buffers()
    column = pa.Array.from_buffers(pa.string(), 2, buffers)
    pa.feather.write_feather(pa.table({"s": column}), tmp_path / "d.feather")
    error = refusal(read_file, tmp_path / "d.feather")
    assert "column 's', row 2: this value is not UTF-8 text" in str(error)


def test_an_infinite_decimal_is_a_number():
    frame = pd.DataFrame({"x": [Decimal("Infinity"), Decimal(2)]})
    assert from_dataframe(frame).columns["x"].tolist() == [np.inf, 2.0]


def test_names_that_are_the_same_as_text_are_refused():
    assert "column '1': several columns have this name" in str(refusal(read_columns, {1: [1], "1": [2]}))
