"""`Table`: the data of a run, as frozen columns of equal length."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGEST_EXACT = 2**53  # whole numbers up to here are exact in float64


class Digest(NamedTuple):
    """The kind of a column and the sha256 (hex) of its values."""

    kind: str
    sha256: str


@dataclass(frozen=True)
class Table:
    """Checked columns of equal length.

    Attributes:
        columns: read-only arrays of shape (n,) by column name: float64, int64, bool, or object
            holding str (missing values in an object column are None, in a float column nan; a
            bool column with missing values is an object column of True, False and None).
        source: what messages call the data ("data/kidiq.csv", "inline columns").
        fingerprint: sha256 (hex) of names, types and values; equal data have equal fingerprints.
        weights: how often each row occurs, float64 of shape (n,), for `counts:` data; else None.
        rows: 1-based numbers of the rows in the source (rows dropped as missing, or of weight 0, leave gaps).
        dropped: how many rows went because a value was missing.
        unusable: for columns that no model can use (dates, lists), what they hold.
        whole: the file that the rows stand for, when it was read in batches (`bayescope.data.stream`):
            its mean and scatter are those of these rows.
    """

    columns: Mapping[str, NDArray[Any]]
    source: str
    fingerprint: str
    rows: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None
    dropped: int = 0
    unusable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    whole: Whole | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @property
    def observations(self) -> int:
        """Number of observations to show: rows counted as often as their weights say, rounded."""
        return len(self) if self.weights is None else round(float(self.weights.sum()))


def fractional_sum(weights: NDArray[np.float64] | None) -> float | None:
    """Add up weights of which one is no whole number, so that they count no observations; else None."""
    if weights is None or np.array_equal(weights, np.rint(weights)):
        return None
    return float(weights.sum())


@dataclass(frozen=True, eq=False)
class Whole:
    """A file that was read in batches of rows.

    Attributes:
        rows: how many it has, those dropped left out.
        columns: what is in each column that is used.
        response: the name of the response.
        digests: of the columns.
        sample: some of the rows, at random.
        batches: reads all rows again, in batches.
    """

    rows: int
    columns: Mapping[str, Moments]
    response: str
    digests: Mapping[str, Digest]
    sample: Table
    batches: Callable[[], Iterator[Table]]


class Moments(NamedTuple):
    """Mean, standard deviation (divisor n - 1) and range of a column."""

    mean: float
    sd: float
    minimum: float
    maximum: float


def make_table(
    columns: Mapping[str, NDArray[Any]],
    source: str,
    *,
    rows: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
    dropped: int = 0,
    unusable: Mapping[str, str] | None = None,
    fingerprinted: Collection[str] | None = None,
) -> Table:
    """Freeze columns of equal length into a table, with its fingerprint.

    Args:
        columns: arrays of shape (n,) by name, of the types that `Table` allows.
        source: what messages call the data.
        rows: 1-based row numbers in the source; by default 1..n.
        weights: how often each row occurs, shape (n,).
        dropped: how many rows of the source are not here.
        unusable: what the columns hold that no model can use.
        fingerprinted: the columns that the fingerprint covers; by default all.
    """
    if rows is None:
        rows = np.arange(1, 1 + len(next(iter(columns.values()), ())))
    for array in (*columns.values(), rows, *(() if weights is None else (weights,))):
        array.setflags(write=False)
    covered = columns if fingerprinted is None else {k: v for k, v in columns.items() if k in fingerprinted}
    return Table(
        columns=MappingProxyType(dict(columns)),
        source=source,
        fingerprint=fingerprint(covered, weights),
        rows=rows,
        weights=weights,
        dropped=dropped,
        unusable=MappingProxyType(dict(unusable or {})),
    )


def fingerprint(columns: Mapping[str, NDArray[Any]], weights: NDArray[np.float64] | None = None) -> str:
    """Hash the data: sha256 (hex) over names, kinds, values and weights, in the order of the names.

    Numbers are hashed as float64 (so 1 and 1.0 are equal, and so are 0.0 and -0.0), which makes
    the same values in a CSV file, a Parquet file and a configuration equal. The order of rows
    matters, the order of columns does not.
    """
    digests = {name: _digest(values) for name, values in columns.items()}
    return fingerprint_of(digests, None if weights is None else _digest(weights))


def fingerprint_of(digests: Mapping[str, Digest], weights: Digest | None = None) -> str:
    """Hash the data whose columns have these kinds and hashes; see `fingerprint`."""
    columns = [[name, *digests[name]] for name in sorted(digests)]
    return hashlib.sha256(json.dumps([columns, weights]).encode()).hexdigest()


def _digest(values: NDArray[Any]) -> Digest:
    kind, content = _canonical(values)
    return Digest(kind, hashlib.sha256(content).hexdigest())


def _canonical(values: NDArray[Any]) -> tuple[str, bytes]:
    """Return the kind and the bytes of a column, the same on every machine."""
    if values.dtype == object:
        kind = "bool" if any(isinstance(value, bool) for value in values) else "text"
        return kind, json.dumps(values.tolist()).encode()
    if values.dtype == bool:
        return "bool", json.dumps(values.tolist()).encode()
    if values.dtype == np.int64 and len(values) and not is_exact(values):
        return "integer", values.astype("<i8").tobytes()
    floats = values.astype("<f8") + 0.0
    floats[np.isnan(floats)] = np.nan
    return "number", floats.tobytes()


def is_exact(values: NDArray[np.int64]) -> bool:
    """Tell whether float64 holds every one of these whole numbers exactly."""
    return bool(values.min() >= -LARGEST_EXACT and values.max() <= LARGEST_EXACT)


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the missing values of a column, shape (n,)."""
    if values.dtype == object:
        return np.fromiter((value is None for value in values), dtype=np.bool_, count=len(values))
    return np.isnan(values) if values.dtype == np.float64 else np.zeros(len(values), dtype=np.bool_)
