"""Checks of the data before any fit; every finding names its column and row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.data.coding import Level, mostly_numbers, strangers
from bayescope.data.collinear import DesignFinding, check_design
from bayescope.data.columns import as_number
from bayescope.data.disguised import disguised, examples
from bayescope.data.evaluate import REPORTED_AT_MOST, capped, not_numbers
from bayescope.data.syntax import Call, Name, column_of, to_text
from bayescope.data.table import LARGEST_EXACT, Table, is_exact, is_missing, make_table
from bayescope.distributions.supports import BINARY, Support
from bayescope.errors import DataError, Finding

__all__ = ["DesignFinding", "check_columns", "check_design", "check_response"]

MISSING = "is missing"
LARGEST = 1e100  # squares of 1e-100 to 1e100 are safe numbers; a sign for "missing" (1.8e308) is beyond
_USE_LEVELS = "; correct it, leave the cell empty if it is missing, or write {levels} for categories"
_CATEGORIES = "for categories use `likelihood: Categorical`"
_DISGUISED = {
    "numbers": "; write plain numbers, such as 1200 or 0.5, or {levels} for categories",
    "dates": "; make them numbers (such as days since a start), or write {levels} for categories",
    "times": "; make them numbers (such as minutes), or write {levels} for categories",
}
_MERGED = (
    "is a level beyond 2^53, where different numbers are read as one (whole numbers with missing values "
    "beside them are, too); make the column text"
)
_UNUSABLE = (
    "holds {kind}, which a model cannot use; make it numbers (such as years, or days since a start) or text"
)


def check_columns(
    table: Table,
    numeric: Collection[str],
    used: Collection[str],
    missing: Literal["refuse", "drop"] = "refuse",
    *,
    categorical: Collection[str] = (),
    response: Collection[str] = (),
    levels: Mapping[str, list[Level]] = MappingProxyType({}),
) -> Table:
    """Check the columns that a model uses and settle what happens to missing values.

    Args:
        table: the data as read.
        numeric: the used columns that must be numbers.
        used: every column that the model uses.
        missing: refuse missing values, or drop the rows that have one in a used column.
        categorical: used columns declared categorical by `C()`, where a mixture of numbers and
            text is meant.
        response: used columns whose text is left to `check_response`.
        levels: the values that a column may have, where the model knows them.

    Returns:
        The table, without the dropped rows (`dropped` says how many went, `rows` which stayed).

    Raises:
        DataError: with every finding; of a kind of finding in a column, five rows and how many more.
    """
    present = [name for name in table.columns if name in used]
    findings = [
        Finding(_UNUSABLE.format(kind=table.unusable[name]), name)
        for name in present
        if name in table.unusable
    ]
    present = [name for name in present if name not in table.unusable]
    checked = drop_missing(table, used) if missing == "drop" else table
    if len(checked) == 0:
        findings.append(Finding(f"every one of the {len(table):,} rows has a missing value in a used column"))
    for name in present if len(checked) else ():
        if checked.columns[name].dtype == object:
            words = name in categorical or name in response
            findings += _check_objects(checked, name, numeric=name in numeric, words=words)
        else:
            findings += _check_numbers(checked, name, categorical=name in categorical)
        if name in levels:
            findings += strangers(name, checked.columns[name], levels[name], checked.rows)
    if findings:
        raise DataError(findings, table.source)
    return checked


def drop_missing(table: Table, used: Collection[str]) -> Table:
    """Drop rows with a missing value in a used column; the fingerprint is then of what stays of these."""
    gone = np.zeros(len(table), dtype=np.bool_)
    for name in table.columns:
        if name in used and name not in table.unusable:
            gone |= is_missing(table.columns[name])
    if not gone.any():
        return table
    stays = ~gone
    return make_table(
        {name: _typed(values[stays]) for name, values in table.columns.items()},
        table.source,
        rows=table.rows[stays],
        weights=None if table.weights is None else table.weights[stays],
        dropped=table.dropped + int(gone.sum()),
        unusable=table.unusable,
        fingerprinted=used,
    )


def _typed(values: NDArray[Any]) -> NDArray[Any]:
    """Make a column of bools that had missing values an ordinary bool column."""
    if values.dtype == object and len(values) and all(isinstance(value, bool) for value in values):
        return values.astype(np.bool_)
    return values


def _check_objects(table: Table, name: str, *, numeric: bool, words: bool) -> list[Finding]:
    """Check a column of text, or of bools with missing values; `words`: any text is right."""
    values, rows = table.columns[name], table.rows
    findings = _at(is_missing(values), MISSING, name, rows)
    if numeric and any(isinstance(value, str) for value in values):
        return findings + not_numbers(name, values, rows)
    if numeric or words:
        return findings
    levels = to_text(Call("C", (Name(name),)))
    if kind := disguised(values):
        message = f"holds {kind} written as text ({examples(values)}){_DISGUISED[kind].format(levels=levels)}"
        findings.append(Finding(message, name))
    elif mostly_numbers(values):
        advice = _USE_LEVELS.format(levels=levels)
        findings += [_advised(found, advice) for found in not_numbers(name, values, rows)]
    return findings


def _check_numbers(table: Table, name: str, *, categorical: bool) -> list[Finding]:
    values, rows = table.columns[name], table.rows
    findings = _at(is_missing(values), MISSING, name, rows)
    if values.dtype == np.float64:
        findings += _at(np.isinf(values), "is infinite", name, rows)
        huge = (np.abs(values) > LARGEST) & np.isfinite(values)
        findings += _at(huge, "is beyond 1e100; check that it is a value, or rescale the column", name, rows)
        if categorical:
            merged = (np.abs(values) > LARGEST_EXACT) & (np.abs(values) <= LARGEST)
            findings += _at(merged, _MERGED, name, rows)
        if 0 < np.nanmax(np.abs(values), initial=0.0) < 1 / LARGEST:
            findings.append(Finding("is nowhere as large as 1e-100; rescale the column", name))
    elif values.dtype == np.int64 and not categorical and len(values) and not is_exact(values):
        large = (values > LARGEST_EXACT) | (values < -LARGEST_EXACT)
        findings += _at(large, "is beyond 2^53 and would be rounded; subtract a constant first", name, rows)
    return findings


def _advised(finding: Finding, advice: str) -> Finding:
    return finding if finding.row is None else replace(finding, message=finding.message + advice)


def _at(bad: NDArray[np.bool_], message: str, name: str, rows: NDArray[np.int64]) -> list[Finding]:
    where = rows[bad]
    return capped([Finding(message, name, int(row)) for row in where[:REPORTED_AT_MOST]], len(where), name)


def check_response(
    values: NDArray[Any],
    support: Support,
    name: str,
    rows: NDArray[np.int64],
    trials: NDArray[np.float64] | None = None,
    *,
    trials_name: str = "trials",
) -> list[Finding]:
    """Find the values of a response that its likelihood cannot produce.

    Args:
        values: the response, shape (n,); text is refused, never coded silently; bools are 0 and 1.
        support: the values that the likelihood can produce.
        name: what results call the response; messages leave out the backticks of a column.
        rows: row numbers in the source, shape (n,).
        trials: for Binomial, the number of trials, shape (n,).
        trials_name: what messages call the trials.
    """
    name, trials_name = column_of(name), column_of(trials_name)
    if values.dtype == object:
        return _text_response(values, support, name, rows)
    numbers = values.astype(np.float64)
    outside = support.violations(numbers)
    expected = "{0, 1}" if support == BINARY else str(support)
    findings = _values_at(outside, numbers, f"is outside {expected}", name, rows)
    if trials is None:
        return findings
    bad = ~((trials >= 1) & (trials == np.floor(trials)) & np.isfinite(trials))
    findings += _values_at(bad, trials, "is not a whole number of at least 1", trials_name, rows)
    more = (numbers > trials) & ~bad & ~outside
    pairs = (
        [(float(y), float(n), int(row)) for y, n, row in zip(numbers, trials, rows, strict=True)]
        if more.any()
        else []
    )
    found = [
        Finding(f"{y:.15g} successes in {n:.15g} trials", name, row)
        for (y, n, row), is_more in zip(pairs, more, strict=False)
        if is_more
    ]
    return findings + capped(found, len(found), name)


def _values_at(
    bad: NDArray[np.bool_], values: NDArray[np.float64], message: str, name: str, rows: NDArray[np.int64]
) -> list[Finding]:
    where = np.flatnonzero(bad)
    found = [Finding(f"{values[i]:.15g} {message}", name, int(rows[i])) for i in where[:REPORTED_AT_MOST]]
    return capped(found, len(where), name)


def _text_response(
    values: NDArray[Any], support: Support, name: str, rows: NDArray[np.int64]
) -> list[Finding]:
    levels = sorted({str(value) for value in values if value is not None})
    if support == BINARY and len(levels) == 2 and not mostly_numbers(values):
        first, second = levels
        advice = f"recode it as 0 and 1, so that it is plain which of them is 1 (such as {second!r} = 1)"
        return [Finding(f"holds text ({first!r}, {second!r}); {advice}", name)]
    findings = not_numbers(name, values, rows)
    if disguised(values) or any(as_number(level) is not None for level in levels):
        return findings
    return [replace(found, message=f"{found.message}; {_CATEGORIES}") for found in findings]
