"""Coding of categorical factors: levels, dummies, and which of them a full-rank design needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.data.columns import as_number
from bayescope.data.evaluate import REPORTED_AT_MOST, Scope, capped
from bayescope.data.table import is_missing
from bayescope.errors import Finding

type Level = str | bool | int | float
type Subterm = Mapping[str, bool]  # factor -> whether all its levels are coded, or all but the first


def levels_of(values: NDArray[Any]) -> list[Level]:
    """List the levels of a column, sorted; missing values are none."""
    if values.dtype == object:
        return sorted({value for value in values if value is not None})
    levels: list[Any] = np.unique(values[~is_missing(values)]).tolist()
    return [int(level) if isinstance(level, float) and level.is_integer() else level for level in levels]


def positions(values: NDArray[Any], levels: list[Level]) -> NDArray[np.intp]:
    """Number the values of a column by level, shape (n,); -1 for what is not a level, or missing."""
    position = {level: i for i, level in enumerate(levels)}
    if values.dtype == object:
        return np.fromiter((position.get(value, -1) for value in values), dtype=np.intp, count=len(values))
    distinct, inverse = np.unique(values, return_inverse=True)
    return np.array([position.get(v, -1) for v in distinct.tolist()], dtype=np.intp)[inverse.ravel()]


def codes_of(name: str, levels: list[Level], scope: Scope) -> NDArray[np.intp]:
    """Number the rows by level, shape (n,); missing values and unknown levels are findings."""
    values, rows = scope.table.columns[name], scope.table.rows
    gone = rows[is_missing(values)]
    found = [Finding("is missing", name, int(row)) for row in gone[:REPORTED_AT_MOST]]
    scope.findings.extend(capped(found, len(gone), name))
    scope.findings.extend(strangers(name, values, levels, rows))
    return positions(values, levels)


def strangers(name: str, values: NDArray[Any], levels: list[Level], rows: NDArray[np.int64]) -> list[Finding]:
    """Find the values that are no level; `rows` are their numbers in the source, shape (n,)."""
    bad = np.flatnonzero((positions(values, levels) < 0) & ~is_missing(values))
    first: list[Level] = values[bad[:REPORTED_AT_MOST]].tolist()
    alike = not {*map(str, first)}.isdisjoint(map(str, levels))  # but for their types: 1 and '1'
    write = repr if alike else str
    shown = ", ".join(map(write, levels[:8])) + (", ..." if len(levels) > 8 else "")
    found = [
        Finding(f"{write(value)} is not a level of the model ({shown})", name, int(row))
        for value, row in zip(first, rows[bad], strict=False)
    ]
    return capped(found, len(bad), name)


def mostly_numbers(values: NDArray[Any]) -> bool:
    """Tell whether an object column is numbers but for fewer than half of its values."""
    counts = Counter(values.tolist())
    present = len(values) - counts.pop(None, 0)
    numbers = sum(count for value, count in counts.items() if as_number(value) is not None)
    return numbers < present <= 2 * numbers


def dummies(codes: NDArray[np.intp], count: int, *, full: bool) -> NDArray[np.float64]:
    """Code levels as 0/1 columns, shape (n, count), or without the first level, shape (n, count - 1)."""
    first = 0 if full else 1
    matrix = np.zeros((len(codes), max(count - first, 0)))
    coded = codes >= first
    matrix[np.flatnonzero(coded), codes[coded] - first] = 1.0
    return matrix


def subterms(categorical: tuple[str, ...], used: set[frozenset[str]]) -> list[Subterm]:
    """Choose the coding of a term, given the interactions that earlier terms span; extends `used`.

    A term's columns span the interactions of all subsets of its factors; those not spanned yet are
    coded, and a pair that differs by one factor is merged by coding that factor with all its
    levels. This is patsy's algorithm ("Redundancy and categorical factors" in its manual), the
    rule of R applied without its exceptions.

    Args:
        categorical: the term's categorical factors.
        used: the subsets spanned by earlier terms with the same numeric factors.
    """
    subsets = [frozenset(s) for size in range(len(categorical) + 1) for s in combinations(categorical, size)]
    chosen: list[Subterm] = [dict.fromkeys(subset, False) for subset in subsets if subset not in used]
    used.update(subsets)
    while _merge_one(chosen):
        pass
    return [{name: term[name] for name in categorical if name in term} for term in chosen]


def _merge_one(chosen: list[Subterm]) -> bool:
    """Merge the first pair where a longer subterm is a shorter one times a factor without its first level."""
    for i, short in enumerate(chosen):
        for j in range(i + 1, len(chosen)):
            extra = chosen[j].items() - short.items()
            if len(chosen[j]) == len(short) + 1 and len(extra) == 1 and not next(iter(extra))[1]:
                chosen[j] = {**chosen[j], next(iter(extra))[0]: True}
                del chosen[i]
                return True
    return False
