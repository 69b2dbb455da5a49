"""From the values of a source to the arrays of a `Table`: numbers, bools and text; the rest is named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MISSING_WORDS = (
    "", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "<NA>",
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN",
)  # fmt: skip

_PANDAS_MISSING = ("NAType", "NaTType")


class Column(NamedTuple):
    """The values of a column, and what it holds when no model can use it (else "")."""

    values: NDArray[Any]
    unusable: str = ""


def from_values(values: Sequence[Any]) -> Column:
    """Turn Python values into a column.

    Whole numbers become int64; numbers with a missing value (None, NaN, pandas' NA and NaT) or a fraction,
    float64, and are unusable if that rounds whole numbers; bools, bool; text, and any mixture of text,
    numbers and bools, text. Where all text of a mixture is a number, or says that there is none, nobody knows
    which is meant: it is unusable.
    """
    if any(issubclass(kind, np.generic) for kind in {*map(type, values)}):
        values = [_of_python(value) if isinstance(value, np.generic) else value for value in values]
    kinds = {*map(type, values)}
    if not kinds <= {type(None), int, bool, str}:
        fractions = kinds - {type(None)} <= {int, float, Decimal}
        values = [None if _is_missing(value) else value for value in values]
        kinds = {*map(type, values)} | ({float} if fractions else set())
    kinds -= {type(None)}
    missing = any(value is None for value in values)
    if kinds <= {int, float, Decimal}:
        whole = kinds == {int} and not missing
        return Column(_numbers(values, whole=whole), "" if whole else _rounded(values))
    if kinds == {bool}:
        return Column(_objects(values) if missing else np.array(values, dtype=np.bool_))
    strange = sorted(kind.__name__ for kind in kinds - {int, float, Decimal, bool, str})
    if strange:
        return Column(
            _objects([None if value is None else str(value) for value in values]), _plural(strange[0])
        )
    texts = [value for value in values if isinstance(value, str)]
    doubtful = texts and kinds & {int, float, Decimal} and all(map(_stands_for_number, texts))
    return Column(
        _objects([None if value is None else _as_text(value) for value in values]),
        f"numbers beside text that is a number or stands for none ({texts[0]!r})" if doubtful else "",
    )


def as_number(value: Any) -> float | None:
    """Return the number that a value of an object column stands for, or None; 1_000 is one in Python only."""
    if isinstance(value, str) and "_" in value:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _stands_for_number(text: str) -> bool:
    return text.strip() in MISSING_WORDS or as_number(text) is not None


def _is_missing(value: object) -> bool:
    match value:
        case float():
            return math.isnan(value)
        case Decimal():
            return value.is_nan()
        case _:
            return type(value).__name__ in _PANDAS_MISSING


def _of_python(value: np.generic) -> Any:
    # of the long numbers `item` returns what it is given
    return float(value) if isinstance(value, np.longdouble) else value.item()


def from_levels(values: Sequence[Any]) -> NDArray[Any]:
    """Turn levels, and values that are none of them, into an array: numbers beside text stay numbers."""
    if len({isinstance(value, str) for value in values if value is not None}) == 1:
        return from_values(values).values
    return _objects([None if _is_missing(value) else value for value in values])


def _numbers(values: Sequence[Any], *, whole: bool) -> NDArray[Any]:
    if whole:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            pass  # beyond 64 bits: float64, as CSV readers do
    return np.array([np.nan if value is None else _as_float(value) for value in values], dtype=np.float64)


def _rounded(values: Sequence[Any]) -> str:
    """Say that whole numbers beside missing values or fractions are no longer what they were, if so."""
    whole = (value for value in values if isinstance(value, int))
    rounded = any(abs(value) < 2**63 and int(float(value)) != value for value in whole)
    return (
        "whole numbers beyond 2^53 beside missing values or fractions (which rounds them)" if rounded else ""
    )


def _as_float(value: float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _as_text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


_PLURALS = {
    "date": "dates",
    "datetime": "dates and times",
    "time": "times",
    "timedelta": "durations",
    "list": "lists",
    "dict": "mappings",
}


def _plural(kind: str) -> str:
    return _PLURALS.get(kind, f"values of the type {kind}")


def from_arrow(column: Any) -> Column:
    """Turn a `pyarrow.ChunkedArray` into a column, by the same rules."""
    import pyarrow as pa

    kind, is_a = column.type, pa.types
    if is_a.is_dictionary(kind):
        decoded = [chunk.dictionary_decode() for chunk in column.chunks]  # which Arrow has for every type
        values = pa.chunked_array(decoded, kind.value_type)
        if is_a.is_integer(kind.value_type) or is_a.is_floating(kind.value_type):
            values = values.cast(pa.string())  # whoever made categories of them meant no numbers
        return from_arrow(values)
    if is_a.is_string(kind) or is_a.is_large_string(kind) or is_a.is_string_view(kind):
        return Column(_objects(column.to_pylist()))
    if is_a.is_null(kind) or is_a.is_floating(kind):
        numbers = column if kind == pa.float64() else column.cast(pa.float64())  # which imports its functions
        return Column(numbers.to_numpy() if column.null_count else _buffer(numbers))
    if is_a.is_boolean(kind) or is_a.is_integer(kind) or is_a.is_decimal(kind):
        plain = not column.null_count and not is_a.is_decimal(kind) and kind != pa.uint64()
        return Column(_plain_numbers(column)) if plain else from_values(column.to_pylist())
    return Column(_objects([None if v is None else str(v) for v in column.to_pylist()]), _arrow_plural(kind))


def _plain_numbers(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        return _buffer(column.cast(pa.uint8())).astype(np.bool_)
    return _buffer(column).astype(np.int64, copy=False)


def _buffer(column: Any) -> NDArray[Any]:
    # `to_numpy` imports pandas (0.3 s), so it is left to columns with missing values
    return np.from_dlpack(column.combine_chunks())


def _arrow_plural(kind: Any) -> str:
    import pyarrow as pa

    names = {
        "dates": pa.types.is_date,
        "dates and times": pa.types.is_timestamp,
        "times": pa.types.is_time,
        "durations": pa.types.is_duration,
    }
    return next((name for name, is_it in names.items() if is_it(kind)), f"values of the type {kind}")
