"""Predictions written out, a block at a time: CSV, JSON, Parquet and Feather, or a DataFrame."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayescope.data.as_written import as_written
from bayescope.errors import ConfigError, Problem
from bayescope.inference.predictions import Columns, Predictions
from bayescope.reports.writer import csv_cell

if TYPE_CHECKING:
    import pandas as pd


def to_frame(found: Predictions, given: Any = None) -> pd.DataFrame:
    """Put the columns of a prediction beside the rows it is of; rows of a DataFrame keep their index."""
    import pandas as pd

    frame = given if isinstance(given, pd.DataFrame) else pd.DataFrame(_given(found, slice(None)))
    parts = list(found.blocks)
    places = np.concatenate([part for part, _ in parts])
    added = {name: np.concatenate([columns[name] for _, columns in parts]) for name in found.names}
    rows = frame.iloc[places] if len(frame.columns) else pd.DataFrame(index=range(len(places)))
    return pd.concat([rows, pd.DataFrame(added, index=rows.index)], axis=1)


def write_file(found: Predictions, path: Path) -> None:
    """Write predictions to a `.csv`, `.json`, `.parquet` or `.feather` file, whole or not at all.

    Raises:
        ConfigError: the ending is another.
        OSError: the file cannot be written.
    """
    write = file_format(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(found, stream)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def file_format(path: Path) -> Callable[[Predictions, IO[bytes]], None]:
    """Return what writes a file of this ending.

    Raises:
        ConfigError: none does, or its folder is not there.
    """
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigError([Problem(("out",), f"'{path}' ends in none of {known}")])
    if not path.parent.is_dir():
        raise ConfigError([Problem(("out",), f"the folder '{path.parent}' does not exist")])
    return FORMATS[path.suffix.lower()]


def write_csv(found: Predictions, stream: IO[bytes]) -> None:
    """Write CSV: numbers in full, empty where undefined, texts safe in a spreadsheet (`csv_cell`).

    Rows that were read from a CSV file come back as they are written there.
    """
    written = _written(found)
    cell_of = dict.fromkeys(written, _written_cell)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    for number, columns in enumerate(_tables(found, written)):
        if number == 0:
            writer.writerow([csv_cell(name) for name in columns])
        cells = [[*map(cell_of.get(name, csv_cell), values.tolist())] for name, values in columns.items()]
        writer.writerows(zip(*cells, strict=True))
    text.detach()


def _written(found: Predictions) -> Columns:
    if found.csv is None or found.table is None:
        return {}
    return as_written(found.csv, tuple(found.table.columns), len(found.table))


_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def _written_cell(text: str) -> str:
    """Leave numbers as they are; what else begins as a formula does is made safe."""
    return text if _NUMBER.fullmatch(text) else csv_cell(text)


def write_json(found: Predictions, stream: IO[bytes]) -> None:
    """Write a JSON list with an object for each row; what is not finite is null."""
    start = b"[\n"
    for columns in _tables(found):
        for values in zip(*(_plain(values) for values in columns.values()), strict=True):
            row = json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False, allow_nan=False)
            stream.write(start + row.encode())
            start = b",\n"
    stream.write(b"\n]\n")


def _plain(values: NDArray[Any]) -> list[Any]:
    plain: list[Any] = values.tolist()
    return [value if math.isfinite(value) else None for value in plain] if values.dtype.kind == "f" else plain


def _write_parquet(found: Predictions, stream: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    _write_arrow(found, lambda schema: pq.ParquetWriter(stream, schema))


def _write_feather(found: Predictions, stream: IO[bytes]) -> None:
    import pyarrow as pa

    _write_arrow(found, lambda schema: pa.ipc.new_file(stream, schema))


def _write_arrow(found: Predictions, open_with: Callable[[Any], Any]) -> None:
    import pyarrow as pa

    types = {name: pa.array(values.tolist()).type for name, values in _given(found, slice(None)).items()}
    writer = None
    for columns in _tables(found):
        arrays = {name: pa.array(values, type=types.get(name)) for name, values in columns.items()}
        table = pa.table(arrays)
        writer = writer or open_with(table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


FORMATS: Final[Mapping[str, Callable[[Predictions, IO[bytes]], None]]] = MappingProxyType(
    {".csv": write_csv, ".json": write_json, ".parquet": _write_parquet, ".feather": _write_feather}
)


def _tables(found: Predictions, written: Columns | None = None) -> Iterator[Columns]:
    """The given columns, those `written` in their place, and those added, of one block after the other."""
    for places, columns in found.blocks:
        texts = {name: values[places] for name, values in (written or {}).items()}
        yield {**_given(found, places), **texts, **columns}


def _given(found: Predictions, places: NDArray[np.intp] | slice) -> Columns:
    return {} if found.table is None else {name: v[places] for name, v in found.table.columns.items()}
