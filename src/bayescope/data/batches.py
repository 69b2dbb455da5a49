"""Files in batches of rows: only the columns that are needed, checked as a whole table would be.

Columns are numbers here; a file whose columns are not, or that Arrow refuses on the way, is left to
`bayescope.data.files`, which reads it whole and says what is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bayescope.data.checks import check_columns, drop_missing
from bayescope.data.columns import MISSING_WORDS, from_arrow
from bayescope.data.csv_files import arrow_file
from bayescope.data.files import is_index
from bayescope.data.table import LARGEST_EXACT, Table, make_table

ROWS = 1 << 16
_BYTES = 1 << 21  # of CSV; larger blocks take more memory and no less time
_COPIES = 3  # Arrow's columns, the table's, and the design matrix


class NotInBatches(Exception):  # noqa: N818  no error: the file is read whole instead
    """The file cannot be read in batches of numbers."""


def size_in_memory(path: Path, columns: int) -> int:
    """Estimate the bytes that a file takes when it is read whole; text of numbers is as long as they are."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet

        with arrow_file(path) as file:
            return int(_COPIES * 8 * columns * pyarrow.parquet.ParquetFile(file).metadata.num_rows)
    return _COPIES * path.stat().st_size


def numeric_columns(path: Path) -> dict[str, bool]:
    """Name the columns of a file in their order, and tell which hold numbers; of CSV, in its first rows.

    Raises:
        NotInBatches: the file cannot be read.
    """
    import pyarrow as pa

    is_a = pa.types
    try:
        schema = _SCHEMAS[path.suffix.lower()](path)
    except (KeyError, OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise NotInBatches from error
    fields = [field for field in schema if not is_index(field.name)]
    kinds = {field.name: is_a.is_integer(field.type) or is_a.is_floating(field.type) for field in fields}
    csv = path.suffix.lower() == ".csv"
    # a blank line of a single column is a missing value; an open quote in a column of text swallows rows
    unsafe = csv and (len(kinds) == 1 or (not all(kinds.values()) and _odd_quotes(path)))
    if len(kinds) < len(fields) or unsafe:
        raise NotInBatches
    return kinds


def _odd_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return sum(block.count(b'"') for block in iter(partial(file.read, _BYTES), b"")) % 2 == 1


def tables(
    path: Path, columns: Sequence[str], source: str, missing: Literal["refuse", "drop"] = "refuse"
) -> Iterator[Table]:
    """Yield the rows of a file in batches, checked; `rows` of each number them in the file.

    Raises:
        NotInBatches: a value is no number.
        DataError: a batch is refused: the findings are those of the first bad batch.
    """
    import pyarrow as pa

    start = 1
    try:
        for batch in _READERS[path.suffix.lower()](path, columns):
            arrow = pa.Table.from_batches([batch])
            arrays = {name: from_arrow(arrow[name]).values for name in columns}
            rows = np.arange(start, start + batch.num_rows, dtype=np.int64)
            start += batch.num_rows
            table = make_table(arrays, source, rows=rows, fingerprinted=())
            table = drop_missing(table, columns) if missing == "drop" else table
            yield check_columns(table, columns, columns) if len(table) else table
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise NotInBatches from error


def _csv(path: Path, types: Mapping[str, Any] | None = None) -> Any:
    import pyarrow as pa
    import pyarrow.csv

    return pyarrow.csv.open_csv(
        arrow_file(path),
        read_options=pyarrow.csv.ReadOptions(block_size=_BYTES),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            null_values=list(MISSING_WORDS),
            strings_can_be_null=True,
            auto_dict_encode=False,
            column_types=types,
            include_columns=None if types is None else list(types),
        ),
        memory_pool=pa.system_memory_pool(),  # it gives back what a batch took
    )


def _csv_batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    whole = [field.name for field in _csv(path).schema if pa.types.is_integer(field.type)]
    with _csv(path, dict.fromkeys(columns, pa.float64())) as reader:
        for batch in reader:
            if any(_rounded(batch[name]) for name in columns if name in whole):
                raise NotInBatches
            yield batch


def _rounded(column: Any) -> bool:
    """Tell whether whole numbers that were read as float64 may have lost digits."""
    import pyarrow.compute as pc

    ends = pc.min_max(column).as_py().values()
    return any(end is not None and abs(end) >= LARGEST_EXACT for end in ends)


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow.parquet

    with arrow_file(path) as opened:
        file = pyarrow.parquet.ParquetFile(opened, pre_buffer=False, buffer_size=1 << 20)
        yield from file.iter_batches(ROWS, columns=list(columns), use_threads=False)


def _feather_batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(os.fsencode(path)) as mapped, pa.ipc.open_file(mapped) as file:
        for i in range(file.num_record_batches):
            yield file.get_batch(i).select(list(columns))


def _feather_schema(path: Path) -> Any:
    import pyarrow as pa

    with pa.memory_map(os.fsencode(path)) as mapped, pa.ipc.open_file(mapped) as file:
        return file.schema


def _parquet_schema(path: Path) -> Any:
    import pyarrow.parquet

    with arrow_file(path) as file:
        return pyarrow.parquet.read_schema(file)


_SCHEMAS: Mapping[str, Callable[[Path], Any]] = {
    ".csv": lambda path: _csv(path).schema,
    ".parquet": _parquet_schema,
    ".feather": _feather_schema,
}
_READERS: Mapping[str, Callable[[Path, Sequence[str]], Iterator[Any]]] = {
    ".csv": _csv_batches,
    ".parquet": _parquet_batches,
    ".feather": _feather_batches,
}
