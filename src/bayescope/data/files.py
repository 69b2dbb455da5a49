"""Tables from files: CSV, Parquet and Feather, read by Arrow; what is wrong with one is a `DataError`."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

from bayescope.config.paths import path_text
from bayescope.config.suggest import closest, suggest
from bayescope.data.columns import Column, from_arrow
from bayescope.data.csv_files import EMPTY, NO_ROWS, arrow_file, first_line, read_csv, refuse, refuse_binary
from bayescope.data.table import Table, make_table
from bayescope.errors import DataError, Finding

CHANGED = "this file changed while it was read; run again when it is written"

_INDEX = re.compile(r"__index_level_\d+__|")


def read_file(path: Path, needed: Collection[str] | None = None, source: str | None = None) -> Table:
    """Read a `.csv`, `.parquet` or `.feather` file.

    CSV is UTF-8 with commas, a line of column names and one row a line; an empty cell, NA, NaN,
    N/A or NULL is a missing value. A column without a name is left out.

    Args:
        path: the file.
        needed: the columns to keep, which the fingerprint covers. When one of them is not in the
            file all are kept, so that the caller can say what there is.
        source: what messages call the file; by default its path.

    Raises:
        DataError: the file cannot be read; the findings name the rows.
    """
    source = path_text(source or path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        kind = f"the ending '{path.suffix}'" if path.suffix else "a name without an ending"
        refuse(source, f"{kind} is not known; use one of {known}")
    _check_exists(path, source)
    before = path.stat()
    try:
        arrow = reader(path, source)
    except PermissionError:
        refuse(source, "this file may not be read; check its permissions")
    except OSError as error:
        refuse(source, f"this file cannot be read as {path.suffix[1:].capitalize()}: {first_line(error)}")
    after = path.stat()
    if (after.st_ino, after.st_size, after.st_mtime_ns) != (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    ):
        refuse(source, CHANGED)
    return _to_table(arrow, needed, source)


def is_index(name: str) -> bool:
    """Tell whether a column has the name that pandas gives its index, or none, as in a CSV file."""
    return _INDEX.fullmatch(name.strip()) is not None


def _check_exists(path: Path, source: str) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last of a name that no file can have
        _refuse_absent(path, source)
    except OSError as error:
        refuse(source, f"this file cannot be read: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        refuse(source, "this is a folder, not a file")
    if status.st_size == 0:
        refuse(source, EMPTY)


def _refuse_absent(path: Path, source: str) -> NoReturn:
    if path.is_symlink():
        refuse(source, f"this is a link to '{path_text(path.readlink())}', which does not exist")
    if not path.parent.is_dir():
        refuse(source, "this file does not exist; nor does its folder")
    try:
        siblings = sorted(other.name for other in path.parent.iterdir())
    except OSError as error:
        refuse(source, f"this file cannot be read: {error.strerror}")
    files = [name for name in siblings if Path(name).suffix.lower() in _READERS]
    refuse(source, f"this file does not exist{_alike(path.name, files)}")


def _alike(name: str, files: list[str]) -> str:
    """Suggest a file whose name without its ending is alike: endings are alike anyway."""
    stems = {Path(file).stem: file for file in files}
    match = closest(Path(name).stem, stems)
    return f"; did you mean '{stems[match]}'?" if match else suggest("", files, "files there")


def _to_table(arrow: Any, needed: Collection[str] | None, source: str) -> Table:
    """Check the names and convert the columns that are needed."""
    _check_names(arrow.column_names, source)
    if arrow.num_rows == 0:
        refuse(source, NO_ROWS)
    named = [name for name in arrow.column_names if not is_index(name)]
    kept = named if needed is None or not set(needed) <= set(named) else [n for n in named if n in needed]
    columns = {name: _converted(arrow[name], name, source) for name in kept}
    return from_columns(columns, source, needed)


def _converted(column: Any, name: str, source: str) -> Column:
    import pyarrow as pa

    try:
        return from_arrow(column)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        refuse_binary(column.cast(pa.binary()), name, source)


def from_columns(columns: Mapping[str, Column], source: str, needed: Collection[str] | None) -> Table:
    """Make a table of converted columns; the fingerprint covers those that are needed."""
    unusable = {name: column.unusable for name, column in columns.items() if column.unusable}
    arrays = {name: column.values for name, column in columns.items()}
    return make_table(arrays, source, unusable=unusable, fingerprinted=needed)


def _check_names(names: list[str], source: str) -> None:
    findings = [
        Finding(f"{count} columns have this name; names must differ", column=name)
        for name, count in Counter(names).items()
        if count > 1 and not is_index(name)
    ]
    if findings:
        raise DataError(findings, source)


def _read_parquet(path: Path, source: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with arrow_file(path) as file:
            return pyarrow.parquet.ParquetFile(file).read()
    except pa.ArrowException as error:
        refuse(source, f"this file cannot be read as Parquet: {first_line(error)}")


def _read_feather(path: Path, source: str) -> Any:
    import pyarrow as pa
    import pyarrow.feather

    try:
        with arrow_file(path) as file:
            return pyarrow.feather.read_table(file)
    except pa.ArrowException as error:
        refuse(source, f"this file cannot be read as Feather: {first_line(error)}")


_READERS: Mapping[str, Callable[[Path, str], Any]] = {
    ".csv": read_csv,
    ".parquet": _read_parquet,
    ".feather": _read_feather,
}
