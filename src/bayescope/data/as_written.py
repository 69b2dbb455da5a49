"""The columns of a CSV file as they are written in it: 0001, 1234567890123456789 and NA are text."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bayescope.config.paths import path_text
from bayescope.data.csv_files import arrow_file
from bayescope.data.files import CHANGED
from bayescope.errors import DataError, Finding


def as_written(path: Path, names: Collection[str], rows: int) -> dict[str, NDArray[Any]]:
    """Read columns of a CSV file that `bayescope.data.files` has read before, once more, as text.

    Args:
        path: the file.
        names: the columns, by their names without the blanks around them.
        rows: how many rows it had.

    Returns:
        Object arrays of str, shape (rows,); a cell without anything in it is "".

    Raises:
        DataError: the file has changed since.
        OSError: the file cannot be read any more.
    """
    import pyarrow as pa

    try:
        table = _parse(path)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        _refuse_changed(path)
    places = {name.strip(): place for place, name in enumerate(table.column_names)}
    if table.num_rows != rows or not places.keys() >= set(names):
        _refuse_changed(path)
    return {name: np.array(table.column(places[name]).to_pylist(), dtype=object) for name in names}


def _refuse_changed(path: Path) -> NoReturn:
    raise DataError([Finding(CHANGED)], path_text(path)) from None


def _parse(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.csv

    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with arrow_file(path) as file, pyarrow.csv.open_csv(file, parse_options=parsing) as reader:
        names = reader.schema.names
    parsing.ignore_empty_lines = len(names) > 1  # of a single column they are missing values
    with arrow_file(path) as file:
        return pyarrow.csv.read_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(block_size=1 << 24),
            parse_options=parsing,
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
