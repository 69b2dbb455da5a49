"""Design matrices: from a formula and a table to the columns that coefficients multiply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.data.assemble import Design, Term, assemble, new_encoding, raise_findings
from bayescope.data.evaluate import Floats, Scope, evaluate
from bayescope.data.formula import Formula, dot_columns, known_terms
from bayescope.data.syntax import Name
from bayescope.data.table import Table

__all__ = [
    "Design",
    "Term",
    "apply_design",
    "apply_offset",
    "build_design",
    "evaluate_response",
]


def build_design(formula: Formula, table: Table, *, standardize: bool = False) -> Design:
    """Make the design matrix of a formula's right side.

    Text and bool columns, and `C(x)`, are categorical: 0/1 columns for all levels but the first
    (in sorted order), or for all of them where the design would else not span the term.

    Args:
        formula: the parsed formula; its columns must be in the table.
        table: the data, checked.
        standardize: centre every numeric factor and divide it by its standard deviation (divisor
            N) before products are taken; the encoding has the means and sds under "standardize".

    Returns:
        The design, with the sum of the offsets; rows are those of the table. Group terms are not in
        it: they are made by `bayescope.data.groups.build_groups`.

    Raises:
        DataError: a value is missing, not a number where one is needed, or not finite once
            transformed; each finding names its column and row.
    """
    others = dot_columns(formula, table.columns)
    terms = known_terms(formula, others)
    encoding = {"others": list(others), **new_encoding(terms, table, standardize=standardize)}
    scope = Scope(table, encoding["states"], fitting=True)
    offset = _offset(formula, scope)
    return replace(assemble(terms, scope, encoding), offset=offset)


def apply_design(formula: Formula, encoding: dict[str, Any], table: Table) -> Floats:
    """Make the design matrix of new data by the levels and constants of the data fitted to, shape (n, d).

    Args:
        formula: the formula that the design was built from.
        encoding: the `encoding` of that design (it may have been through JSON).
        table: the new data, with the columns of the right side.

    Raises:
        DataError: as `build_design`; also a level that the model does not know.
    """
    terms = known_terms(formula, encoding["others"])
    scope = Scope(table, encoding["states"], fitting=False)
    return assemble(terms, scope, encoding).matrix


def apply_offset(formula: Formula, encoding: dict[str, Any], table: Table) -> Floats | None:
    """Return the sum of the formula's offsets on new data, shape (n,); None when it has none.

    Raises:
        DataError: as `build_design`.
    """
    scope = Scope(table, encoding["states"], fitting=False)
    offset = _offset(formula, scope)
    raise_findings(scope)
    return offset


def _offset(formula: Formula, scope: Scope) -> Floats | None:
    if not formula.offsets:
        return None
    offset: Floats = sum(
        (evaluate(node, scope) for node in formula.offsets), start=np.zeros(len(scope.table))
    )
    offset.setflags(write=False)
    return offset


def evaluate_response(formula: Formula, table: Table) -> tuple[NDArray[Any], Floats | None]:
    """Evaluate the left side: the response and, for `successes / trials`, the trials, each shape (n,).

    A response that is a text column is returned as it is, for `check_response` to refuse.

    Raises:
        DataError: a value is missing or not finite once transformed.
    """
    if formula.response is None:
        raise ValueError("the formula has no response")
    scope = Scope(table, {}, fitting=True)
    values: NDArray[Any]
    if isinstance(formula.response, Name) and table.columns[formula.response.name].dtype == object:
        values = table.columns[formula.response.name]
    else:
        values = evaluate(formula.response, scope)
    trials = None if formula.trials is None else evaluate(formula.trials, scope)
    raise_findings(scope)
    return values, trials
