"""Designs of group terms: which group each row is in, and what its group's effects are multiplied by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.data.assemble import assemble, new_encoding, raise_findings
from bayescope.data.coding import Level, levels_of, positions
from bayescope.data.evaluate import REPORTED_AT_MOST, Floats, Scope, capped
from bayescope.data.formula import Formula, GroupTerm
from bayescope.data.table import Table, is_missing
from bayescope.data.terms import expand
from bayescope.errors import Finding

type Codes = NDArray[np.intp]


@dataclass(frozen=True)
class GroupDesign:
    """One group term on the rows of a table.

    The term adds sum_k matrix[i, k] * effect[codes[i], k] to row i of the linear predictor.

    Attributes:
        name: the grouping factor: "county", "county:year".
        levels: names of the groups, sorted; of `county:year`, the pairs that occur: "AITKIN:1999".
        codes: the group of each row, shape (n,); -1, -2, ... for groups that the data fitted to did not have.
        matrix: what the effects are multiplied by, shape (n, k), read-only.
        labels: names of the k effects: "Intercept", "floor".
        correlated: whether the effects of a group may be correlated; False for a single one.
        encoding: JSON-able constants that `apply_groups` needs.
        notes: what makes the spread between groups hard to learn from these data, for the user.
    """

    name: str
    levels: tuple[str, ...]
    codes: Codes
    matrix: Floats
    labels: tuple[str, ...]
    correlated: bool
    encoding: dict[str, Any]
    notes: tuple[str, ...] = ()


def build_groups(formula: Formula, table: Table, *, standardize: bool = False) -> tuple[GroupDesign, ...]:
    """Make the designs of a formula's group terms, in their order.

    The effects are coded like a right side of their own: `(origin | g)` has an intercept and all
    levels of `origin` but the first, `(0 + origin | g)` has all levels.

    Args:
        formula: the parsed formula; its columns must be in the table.
        table: the data, checked.
        standardize: centre and scale the numeric effects, as `build_design` does.

    Raises:
        DataError: a group is missing, or an effect cannot be computed; each finding names its
            column and row.
    """
    encodings = [_learn(group, table, standardize=standardize) for group in formula.groups]
    return _designs(formula, encodings, table, fitting=True)


def apply_groups(
    formula: Formula, encodings: Sequence[dict[str, Any]], table: Table
) -> tuple[GroupDesign, ...]:
    """Make the designs of new data by the groups and constants of the data fitted to.

    Args:
        formula: the formula that the designs were built from.
        encodings: the `encoding` of each of these (they may have been through JSON).
        table: the new data, with the columns of the group terms.

    Returns:
        The designs; groups that the model does not know have the codes -1, -2, ...

    Raises:
        DataError: as `build_groups`; also a level of a categorical effect that the model does not know.
    """
    return _designs(formula, encodings, table, fitting=False)


def _learn(group: GroupTerm, table: Table, *, standardize: bool) -> dict[str, Any]:
    """Learn the groups: levels of each column, and which of their combinations occur, in sorted order."""
    levels = [levels_of(table.columns[name]) for name in group.columns]
    codes = _column_codes(group, levels, table)
    combinations = np.unique(codes[(codes >= 0).all(axis=1)], axis=0)
    effects = new_encoding(expand(group.effects, ()), table, standardize=standardize)
    return {"levels": levels, "combinations": combinations.tolist(), "effects": effects}


def _column_codes(group: GroupTerm, levels: Sequence[list[Level]], table: Table) -> Codes:
    """Number the rows by the levels of each grouping column, shape (n, columns)."""
    columns = [table.columns[name] for name in group.columns]
    return np.column_stack([positions(c, own) for c, own in zip(columns, levels, strict=True)])


def _designs(
    formula: Formula, encodings: Sequence[dict[str, Any]], table: Table, *, fitting: bool
) -> tuple[GroupDesign, ...]:
    scope = Scope(table, {}, fitting=fitting)
    pairs = list(zip(formula.groups, encodings, strict=True))
    for name in dict.fromkeys(name for group in formula.groups for name in group.columns):
        scope.findings.extend(_missing(name, table))
    for group, encoding in pairs:
        scope.findings.extend(_ambiguous(group, encoding))
    raise_findings(scope)
    return tuple(_design(group, encoding, table, fitting=fitting) for group, encoding in pairs)


def _design(group: GroupTerm, encoding: dict[str, Any], table: Table, *, fitting: bool) -> GroupDesign:
    effects = encoding["effects"]
    scope = Scope(table, effects["states"], fitting=fitting)
    design = assemble(expand(group.effects, ()), scope, effects)
    codes = _codes(group, encoding, table)
    levels = _level_names(encoding)
    return GroupDesign(
        name=group.name,
        levels=levels,
        codes=codes,
        matrix=design.matrix,
        labels=design.labels,
        correlated=group.correlated and len(design.labels) > 1,
        encoding=encoding,
        notes=_notes(group.name, levels, codes, table) if fitting else (),
    )


def _codes(group: GroupTerm, encoding: dict[str, Any], table: Table) -> Codes:
    place = {tuple(combination): i for i, combination in enumerate(encoding["combinations"])}
    found = _column_codes(group, encoding["levels"], table)
    distinct, inverse = np.unique(found, axis=0, return_inverse=True)
    known = np.array([place.get(tuple(row), -1) for row in distinct.tolist()], dtype=np.intp)
    codes = known[inverse.ravel()]
    strangers = np.flatnonzero(codes < 0)
    codes[strangers] = _new_codes([table.columns[name][strangers] for name in group.columns])
    codes.setflags(write=False)
    return codes


def _new_codes(columns: Sequence[NDArray[Any]]) -> list[int]:
    """Number groups that the model does not know by their labels: -1, -2, ... as they come."""
    numbers: dict[tuple[Any, ...], int] = {}
    labels = zip(*(column.tolist() for column in columns), strict=True)
    return [numbers.setdefault(label, -1 - len(numbers)) for label in labels]


def _level_names(encoding: dict[str, Any]) -> tuple[str, ...]:
    levels = encoding["levels"]
    return tuple(
        ":".join(str(own[i]) for own, i in zip(levels, combination, strict=True))
        for combination in encoding["combinations"]
    )


def _missing(name: str, table: Table) -> list[Finding]:
    bad = np.flatnonzero(is_missing(table.columns[name]))
    found = [Finding("is missing", name, int(table.rows[i])) for i in bad[:REPORTED_AT_MOST]]
    return capped(found, len(bad), name)


def _ambiguous(group: GroupTerm, encoding: dict[str, Any]) -> list[Finding]:
    """Find groups that would have the same name: of the texts "a:b" and "c", and of "a" and "b:c"."""
    names = _level_names(encoding)
    if len(set(names)) == len(names):
        return []
    twice = next(name for name in names if names.count(name) > 1)
    return [Finding(f"two groups of `{group.name}` would both be named {twice}; rename a level")]


def _notes(name: str, levels: tuple[str, ...], codes: Codes, table: Table) -> tuple[str, ...]:
    # a row that counts as a part of one is one
    repeats = None if table.weights is None else np.maximum(table.weights, 1.0)
    rows = np.bincount(codes, repeats, minlength=len(levels))
    if len(levels) == 1:
        return (f"`{name}` has one group, {levels[0]}: the data say nothing of the spread between groups",)
    if rows.max() <= 1:
        return (f"every group of `{name}` is a single row: its effects look like noise of the rows",)
    return ()
