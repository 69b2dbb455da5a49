"""CSV files, read by Arrow; what is wrong with one is a `DataError` that names its rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from bayescope.config.counts import counted
from bayescope.data.columns import MISSING_WORDS
from bayescope.errors import DataError, Finding

EMPTY = "this file is empty; it needs a line of column names and rows of values"
NO_ROWS = "there are column names but no rows"

_LISTED_AT_MOST = 5


def refuse(source: str, message: str) -> NoReturn:
    """Refuse a file as a whole. Raises DataError."""
    raise DataError([Finding(message)], source) from None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its kind if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def arrow_file(path: Path) -> Any:
    """Open a file for Arrow, whatever bytes its name has.

    Not a file of Python's: a thread of Arrow's may let go of it while the interpreter ends, which aborts.
    """
    import pyarrow as pa

    return pa.OSFile(os.fsencode(path))


def read_csv(path: Path, source: str) -> Any:
    """Read a CSV file as an Arrow table; `source` is what messages call it.

    Raises:
        DataError: it is no CSV file of names and rows.
        OSError: it cannot be read.
    """
    import pyarrow as pa

    try:
        table = _parse_csv(path, on_ragged=None)
        table = table.rename_columns([name.strip() for name in table.column_names])
    except UnicodeDecodeError:
        refuse(source, _NOT_UTF8.format(place="the line of column names"))
    except pa.ArrowInvalid as error:
        _explain_csv(path, source, error)
    _check_header(table.column_names, source)
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if pa.types.is_binary(kind):
            refuse_binary(table[table.column_names.index(name)], name, source)
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

    with arrow_file(path) as file:
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
            names = counted(row.expected_columns, "column name")
            message = f"{counted(row.actual_columns, 'value')} in a row, but {names}"
            widths.add(row.actual_columns)
            ragged.append(Finding(message, row=None if row.number is None else row.number - 1))
        return "skip"

    if _starts_as_utf16(path):
        refuse(source, _NOT_UTF8.format(place="the file"))
    _check_separator(_first_names(path), source)
    _check_lines(path, source)
    try:
        read = _parse_csv(path, on_ragged=note)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        refuse(source, f"this file cannot be read as CSV: {first_line(error)}")
    if len(ragged) > 1 and len(widths) == 1 and read.num_rows == 0:
        line, rows = ",".join(read.column_names)[:60], f"rows of {counted(max(widths), 'value')}"
        advice = "remove what stands above them"
        refuse(source, f"the first line ({line}) is not the column names of {rows}; {advice}")
    if len(ragged) > _LISTED_AT_MOST:
        ragged[_LISTED_AT_MOST:] = [Finding(f"... and {len(ragged) - _LISTED_AT_MOST:,} more such rows")]
    raise DataError(
        ragged or [Finding(f"this file cannot be read as CSV: {first_line(error)}")], source
    ) from None


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
        refuse(source, EMPTY)
    if len(first) == 1:
        _check_header(first[0].strip().split(","), source)
        refuse(source, NO_ROWS)


def _check_header(names: list[str], source: str) -> None:
    """Refuse a first line that is not column names: numbers, or names joined by another separator."""
    if all(_is_number(name) for name in names):
        line = ",".join(names)[:60]
        refuse(source, f"the first line ({line}) is values, not column names; add a line of names above it")
    _check_separator(names, source)


def _check_separator(names: list[str], source: str) -> None:
    """Refuse column names that another mark than a comma separates; values may have commas in them."""
    separators = {";": "semicolons", "\t": "tabs", "|": "bars"}
    found = next((word for mark, word in separators.items() if len(names) == 1 and mark in names[0]), None)
    if found:
        advice = "save it with commas between them and decimal points"
        refuse(source, f"the columns seem to be separated by {found}; {advice}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def refuse_binary(column: Any, name: str, source: str) -> NoReturn:
    """Refuse a column of bytes, at its first value that is not UTF-8. Raises DataError."""
    for row, value in enumerate(column.to_pylist(), start=1):
        try:
            (value or b"").decode("utf-8")
        except UnicodeDecodeError:
            raise DataError([Finding(_NOT_UTF8.format(place="this value"), name, row)], source) from None
    refuse(source, _NOT_UTF8.format(place=f"column '{name}'"))


def _check_quotes(path: Path, table: Any, source: str) -> None:
    """Refuse an opening quote that is never closed: it swallows the rest of the file into one value."""
    last = table.slice(max(table.num_rows - 1, 0)).to_pylist()
    swallowed = [name for row in last for name, value in row.items() if "\n" in str(value)]
    if swallowed and path.read_bytes().count(b'"') % 2:
        message = 'a quoted value starts here and is never closed; add the missing "'
        raise DataError([Finding(message, swallowed[-1], table.num_rows)], source)
