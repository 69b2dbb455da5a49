"""Reading: every source that `data:` can name, to a `Table`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bayescope.data.columns import Column, from_arrow, from_values
from bayescope.data.files import from_columns, read_file
from bayescope.data.table import LARGEST_EXACT, Table, make_table
from bayescope.errors import DataError, Finding

__all__ = [
    "from_dataframe",
    "read_columns",
    "read_counts",
    "read_file",
    "read_table",
]


def read_table(
    config: Any, base_dir: Path, needed: Collection[str] | None = None, dataframe: Any = None
) -> Table:
    """Read the data that a configuration names.

    Args:
        config: the `data:` section: the one of `path`, `columns`, `counts` and `sql` (with
            `url_env`) that is not None says where the data are. Not read when `dataframe` is given.
        base_dir: the folder of the configuration; messages name files relative to it.
        needed: the columns that the model uses; the fingerprint covers these. None: all.
        dataframe: a pandas DataFrame, a mapping of columns, or a table, that stands in for `config`.

    Raises:
        DataError: the data cannot be read; the findings name columns and rows.
    """
    if isinstance(dataframe, Table):
        return dataframe
    if dataframe is not None:
        return from_dataframe(dataframe, needed)
    for source, reader in _SOURCES.items():
        if getattr(config, source, None) is not None:
            return reader(config, base_dir, needed)
    raise DataError([Finding("there are no data; give `data:` in the configuration or pass a DataFrame")])


def _read_path(config: Any, base_dir: Path, needed: Collection[str] | None) -> Table:
    path = base_dir / config.path
    shown = path.relative_to(base_dir).as_posix() if path.is_relative_to(base_dir) else str(path)
    return read_file(path, needed, source=shown)


def _read_database(config: Any, _base_dir: Path, needed: Collection[str] | None) -> Table:
    from bayescope.data.sql import read_sql

    return read_sql(config.sql, config.url_env or "", needed)


_SOURCES: Mapping[str, Callable[[Any, Path, Collection[str] | None], Table]] = {
    "path": _read_path,
    "columns": lambda config, _, needed: read_columns(config.columns, needed),
    "counts": lambda config, _, needed: read_counts(config.counts, needed),
    "sql": _read_database,
}


def read_columns(
    mapping: Mapping[str, Sequence[Any]],
    needed: Collection[str] | None = None,
    source: str = "inline columns",
) -> Table:
    """Read columns given as lists or arrays of numbers, bools or text; None is a missing value.

    Raises:
        DataError: a column is not a list, or their lengths differ, or there are no rows.
    """
    lists = {str(name): _as_list(values) for name, values in mapping.items()}
    findings = [
        Finding("several columns have this name; names must differ", column=name)
        for name, count in Counter(map(str, mapping)).items()
        if count > 1
    ]
    findings += [
        Finding("expected a list of values, one for each row", column=name)
        for name, values in lists.items()
        if values is None
    ]
    lengths = {name: len(values) for name, values in lists.items() if values is not None}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"'{name}' {length:,}" for name, length in lengths.items())
        findings.append(Finding(f"the columns differ in length: {shown} values"))
    if not findings and not any(lengths.values()):
        findings.append(Finding("there are no rows" if lengths else "there are no columns"))
    if findings:
        raise DataError(findings, source)
    return from_columns({k: from_values(v) for k, v in lists.items() if v is not None}, source, needed)


def _as_list(values: object) -> Sequence[Any] | None:
    if isinstance(values, np.ndarray):
        return values.tolist() if values.ndim == 1 else None
    return values if isinstance(values, Sequence) and not isinstance(values, str | bytes) else None


def read_counts(mapping: Mapping[str, Mapping[Any, int]], needed: Collection[str] | None = None) -> Table:
    """Read a table of repeated rows: {column: {value: how often it occurs}}, never expanded.

    Values that occur zero times are left out; `rows` numbers the values as they are written.

    Raises:
        DataError: not one column, a count that is not a whole number >= 0, or nothing counted.
    """
    source = "inline counts"
    if len(mapping) != 1:
        message = (
            f"counts are of one column, here there are {len(mapping)}; use `columns:` or a file for more"
        )
        raise DataError([Finding(message)], source)
    ((name, counts),) = mapping.items()
    findings = [
        Finding(f"the count of {value!r} is {count!r}; counts are whole numbers >= 0", column=name, row=row)
        for row, (value, count) in enumerate(counts.items(), start=1)
        if not _is_count(count)
    ]
    total = 0 if findings else sum(int(count) for count in counts.values())
    if not findings and total == 0:
        findings.append(Finding("the counts are all zero: there are no rows", column=name))
    if total > LARGEST_EXACT:
        message = f"the counts add up to {total:,}; at most 2^53 can be counted exactly"
        findings.append(Finding(message, column=name))
    if findings:
        raise DataError(findings, source)
    return _weighted(name, counts, source, needed)


def _is_count(count: object) -> bool:
    if isinstance(count, bool) or not isinstance(count, int | float | np.integer | np.floating):
        return False
    return bool(math.isfinite(count) and count >= 0 and count == int(count))


def _weighted(name: str, counts: Mapping[Any, int], source: str, needed: Collection[str] | None) -> Table:
    occurring = [
        (row, value, count) for row, (value, count) in enumerate(counts.items(), start=1) if count > 0
    ]
    column = from_values([value for _, value, _ in occurring])
    return make_table(
        {name: column.values},
        source,
        rows=np.array([row for row, _, _ in occurring], dtype=np.int64),
        weights=np.array([count for _, _, count in occurring], dtype=np.float64),
        unusable={name: column.unusable} if column.unusable else None,
        fingerprinted=needed,
    )


def from_dataframe(dataframe: Any, needed: Collection[str] | None = None) -> Table:
    """Read a pandas DataFrame (its index is left out), or a mapping of columns.

    Raises:
        DataError: it is neither, its column names repeat, or there are no rows.
    """
    source = "DataFrame"
    if isinstance(dataframe, Mapping):
        return read_columns(dataframe, needed, source="columns")
    if not (hasattr(dataframe, "columns") and hasattr(dataframe, "iloc")):
        kind = type(dataframe).__name__
        raise DataError([Finding(f"expected a pandas DataFrame or a mapping of columns, not {kind}")])
    names = [str(name) for name in dataframe.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        findings = [
            Finding("several columns have this name; names must differ", column=name) for name in repeated
        ]
        raise DataError(findings, source)
    if len(dataframe) == 0 or not names:
        raise DataError([Finding("there are no rows" if names else "there are no columns")], source)
    return from_columns({n: _from_series(dataframe.iloc[:, i]) for i, n in enumerate(names)}, source, needed)


def _from_series(series: Any) -> Column:
    """Convert by way of Arrow, which knows every pandas type; mixtures that it refuses, value by value."""
    import pyarrow as pa

    if hasattr(series, "cat") and series.cat.categories.dtype.name.startswith("interval"):
        series = series.cat.rename_categories(str)  # the levels that pd.cut and pd.qcut make
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError):  # beyond 64 bits, and an infinite Decimal
        return from_values(series.tolist())
    column = from_arrow(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))
    return column._replace(values=column.values.copy())  # Arrow may share the DataFrame's memory
