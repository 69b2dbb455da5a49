"""Tables from files: CSV, Parquet and Feather, read by Arrow; what is wrong with one is a `DataError`."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from bayescope.config.paths import path_text
from bayescope.config.suggest import closest, suggest
from bayescope.data.columns import MISSING_WORDS, Column, from_arrow
from bayescope.data.table import Table, make_table
from bayescope.errors import DataError, Finding

CHANGED = "this file changed while it was read; run again when it is written"

_EMPTY = "this file is empty; it needs a line of column names and rows of values"
_NO_ROWS = "there are column names but no rows"
_LISTED_AT_MOST = 5
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
        _refuse(source, f"{kind} is not known; use one of {known}")
    _check_exists(path, source)
    before = path.stat()
    try:
        arrow = reader(path, source)
    except PermissionError:
        _refuse(source, "this file may not be read; check its permissions")
    except OSError as error:
        _refuse(source, f"this file cannot be read as {path.suffix[1:].capitalize()}: {_first_line(error)}")
    after = path.stat()
    if (after.st_ino, after.st_size, after.st_mtime_ns) != (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    ):
        _refuse(source, CHANGED)
    return _to_table(arrow, needed, source)


def is_index(name: str) -> bool:
    """Tell whether a column has the name that pandas gives its index, or none, as in a CSV file."""
    return _INDEX.fullmatch(name.strip()) is not None


def _refuse(source: str, message: str) -> NoReturn:
    raise DataError([Finding(message)], source) from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _check_exists(path: Path, source: str) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last of a name that no file can have
        _refuse_absent(path, source)
    except OSError as error:
        _refuse(source, f"this file cannot be read: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        _refuse(source, "this is a folder, not a file")
    if status.st_size == 0:
        _refuse(source, _EMPTY)


def _refuse_absent(path: Path, source: str) -> NoReturn:
    if path.is_symlink():
        _refuse(source, f"this is a link to '{path_text(path.readlink())}', which does not exist")
    if not path.parent.is_dir():
        _refuse(source, "this file does not exist; nor does its folder")
    try:
        siblings = sorted(other.name for other in path.parent.iterdir())
    except OSError as error:
        _refuse(source, f"this file cannot be read: {error.strerror}")
    files = [name for name in siblings if Path(name).suffix.lower() in _READERS]
    _refuse(source, f"this file does not exist{_alike(path.name, files)}")


def _alike(name: str, files: list[str]) -> str:
    """Suggest a file whose name without its ending is alike: endings are alike anyway."""
    stems = {Path(file).stem: file for file in files}
    match = closest(Path(name).stem, stems)
    return f"; did you mean '{stems[match]}'?" if match else suggest("", files, "files there")


def _to_table(arrow: Any, needed: Collection[str] | None, source: str) -> Table:
    """Check the names and convert the columns that are needed."""
    _check_names(arrow.column_names, source)
    if arrow.num_rows == 0:
        _refuse(source, _NO_ROWS)
    named = [name for name in arrow.column_names if not is_index(name)]
    kept = named if needed is None or not set(needed) <= set(named) else [n for n in named if n in needed]
    columns = {name: _converted(arrow[name], name, source) for name in kept}
    return from_columns(columns, source, needed)


def _converted(column: Any, name: str, source: str) -> Column:
    import pyarrow as pa

    try:
        return from_arrow(column)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        _refuse_binary(column.cast(pa.binary()), name, source)


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


def _read_csv(path: Path, source: str) -> Any:
    import pyarrow as pa

    try:
        table = _parse_csv(path, on_ragged=None)
        table = table.rename_columns([name.strip() for name in table.column_names])
    except UnicodeDecodeError:
        _refuse(source, _NOT_UTF8.format(place="the line of column names"))
    except pa.ArrowInvalid as error:
        _explain_csv(path, source, error)
    _check_header(table.column_names, source)
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if pa.types.is_binary(kind):
            _refuse_binary(table[table.column_names.index(name)], name, source)
    _check_quotes(path, table, source)
    trimmed = [_trimmed(column) for column in table.columns]
    return pa.table(trimmed, names=table.column_names)


def _trimmed(column: Any) -> Any:
    """Take the text of a file without the blanks around it; if that leaves numbers alone, as numbers."""
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return column
    import pyarrow.compute as pc  # 30 ms that a file of numbers need not wait for

    trimmed = pc.utf8_trim_whitespace(column)
    if trimmed.equals(column):
        return column
    words = pa.array(MISSING_WORDS, type=trimmed.type)
    trimmed = pc.if_else(pc.is_in(trimmed, value_set=words), pa.scalar(None, trimmed.type), trimmed)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        return trimmed


_NOT_UTF8 = "{place} is not UTF-8 text; save the file as UTF-8 (in Excel: 'CSV UTF-8')"


def _parse_csv(path: Path, on_ragged: Callable[[Any], str] | None, *, blank_rows: bool = False) -> Any:
    """Parse with Arrow; a handler of ragged rows costs the threads but is told the row numbers."""
    import pyarrow.csv

    with path.open("rb") as file:  # Arrow itself opens no path that is not UTF-8
        table = pyarrow.csv.read_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(use_threads=on_ragged is None, block_size=1 << 24),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=on_ragged, ignore_empty_lines=not blank_rows
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=list(MISSING_WORDS), strings_can_be_null=True, auto_dict_encode=False
            ),
        )
    if table.num_columns == 1 and not blank_rows and on_ragged is None:
        return _parse_csv(path, None, blank_rows=True)  # blank lines of a single column are missing values
    return table


def _explain_csv(path: Path, source: str, error: Exception) -> NoReturn:
    """Name the ragged rows of a file that Arrow refused; else give Arrow's own reason."""
    import pyarrow as pa

    ragged: list[Finding] = []
    widths: set[int] = set()

    def note(row: Any) -> str:
        if row.actual_columns != row.expected_columns:
            names = _counted(row.expected_columns, "column name")
            message = f"{_counted(row.actual_columns, 'value')} in a row, but {names}"
            widths.add(row.actual_columns)
            ragged.append(Finding(message, row=None if row.number is None else row.number - 1))
        return "skip"

    if _starts_as_utf16(path):
        _refuse(source, _NOT_UTF8.format(place="the file"))
    _check_separator(_first_names(path), source)
    _check_lines(path, source)
    try:
        read = _parse_csv(path, on_ragged=note)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        _refuse(source, f"this file cannot be read as CSV: {_first_line(error)}")
    if len(ragged) > 1 and len(widths) == 1 and read.num_rows == 0:
        line, rows = ",".join(read.column_names)[:60], f"rows of {_counted(max(widths), 'value')}"
        advice = "remove what stands above them"
        _refuse(source, f"the first line ({line}) is not the column names of {rows}; {advice}")
    if len(ragged) > _LISTED_AT_MOST:
        ragged[_LISTED_AT_MOST:] = [Finding(f"... and {len(ragged) - _LISTED_AT_MOST:,} more such rows")]
    raise DataError(
        ragged or [Finding(f"this file cannot be read as CSV: {_first_line(error)}")], source
    ) from None


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _starts_as_utf16(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"\xff\xfe", b"\xfe\xff")


def _first_names(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline(1 << 16).split(",")


def _check_lines(path: Path, source: str) -> None:
    """Refuse a file of blank lines, or of names that no line break ends: Arrow finds no columns in it."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        parts = iter(partial(file.readline, 1 << 16), "")
        first = list(islice((part for part in parts if part.strip()), 2))
    if not first:
        _refuse(source, _EMPTY)
    if len(first) == 1:
        _check_header(first[0].strip().split(","), source)
        _refuse(source, _NO_ROWS)


def _check_header(names: list[str], source: str) -> None:
    """Refuse a first line that is not column names: numbers, or names joined by another separator."""
    if all(_is_number(name) for name in names):
        line = ",".join(names)[:60]
        _refuse(source, f"the first line ({line}) is values, not column names; add a line of names above it")
    _check_separator(names, source)


def _check_separator(names: list[str], source: str) -> None:
    """Refuse column names that another mark than a comma separates; values may have commas in them."""
    separators = {";": "semicolons", "\t": "tabs", "|": "bars"}
    found = next((word for mark, word in separators.items() if len(names) == 1 and mark in names[0]), None)
    if found:
        advice = "save it with commas between them and decimal points"
        _refuse(source, f"the columns seem to be separated by {found}; {advice}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_binary(column: Any, name: str, source: str) -> NoReturn:
    for row, value in enumerate(column.to_pylist(), start=1):
        try:
            (value or b"").decode("utf-8")
        except UnicodeDecodeError:
            raise DataError([Finding(_NOT_UTF8.format(place="this value"), name, row)], source) from None
    _refuse(source, _NOT_UTF8.format(place=f"column '{name}'"))


def _check_quotes(path: Path, table: Any, source: str) -> None:
    """Refuse an opening quote that is never closed: it swallows the rest of the file into one value."""
    last = table.slice(max(table.num_rows - 1, 0)).to_pylist()
    swallowed = [name for row in last for name, value in row.items() if "\n" in str(value)]
    if swallowed and path.read_bytes().count(b'"') % 2:
        message = 'a quoted value starts here and is never closed; add the missing "'
        raise DataError([Finding(message, swallowed[-1], table.num_rows)], source)


def _read_parquet(path: Path, source: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with path.open("rb") as file:
            return pyarrow.parquet.ParquetFile(file).read()
    except pa.ArrowException as error:
        _refuse(source, f"this file cannot be read as Parquet: {_first_line(error)}")


def _read_feather(path: Path, source: str) -> Any:
    import pyarrow as pa
    import pyarrow.feather

    try:
        with path.open("rb") as file:
            return pyarrow.feather.read_table(file)
    except pa.ArrowException as error:
        _refuse(source, f"this file cannot be read as Feather: {_first_line(error)}")


_READERS: Mapping[str, Callable[[Path, str], Any]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".feather": _read_feather,
}
