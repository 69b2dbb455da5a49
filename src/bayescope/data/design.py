"""Design matrices: from a formula and a table to the columns that coefficients multiply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.data.coding import Level, codes_of, dummies, levels_of, subterms
from bayescope.data.evaluate import (
    Floats,
    Scope,
    State,
    capped,
    column,
    evaluate,
    is_constant_sd,
)
from bayescope.data.formula import Formula, expand_terms
from bayescope.data.syntax import Call, Name, Node, names
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT, Terms
from bayescope.errors import DataError, Finding

MAX_COLUMNS = 10_000
MAX_BYTES = 8 * 10**9


@dataclass(frozen=True)
class Term:
    """The columns `start:stop` of a design matrix that one term of the formula made.

    Attributes:
        name: the term's canonical text: "mom_hs", "origin", "origin:mom_iq", "log(x)".
        start: its first column.
        stop: one past its last column.
        numeric: whether no factor of it is categorical (False for the intercept).
        columns: the columns of the table it is computed from.
    """

    name: str
    start: int
    stop: int
    numeric: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """A design matrix.

    Attributes:
        matrix: shape (n, d), float64, read-only; the intercept, if any, is the first column.
        labels: names of the d columns: "Intercept", "mom_hs", "origin[Japan]", "origin[Japan]:mom_iq".
        terms: the terms in the order of their columns, the intercept included.
        encoding: JSON-able constants that `apply_design` needs: levels, centres, scales.
    """

    matrix: Floats
    labels: tuple[str, ...]
    terms: tuple[Term, ...]
    encoding: dict[str, Any]

    @property
    def intercept(self) -> bool:
        """Tell whether the first column is the intercept."""
        return bool(self.labels) and self.labels[0] == INTERCEPT and self.terms[0].columns == ()


class _Factor(NamedTuple):
    """The values of a factor: columns of numbers (n, k), or codes of levels; with their labels."""

    text: str
    labels: tuple[str, ...]
    numbers: Floats | None = None
    codes: NDArray[np.intp] | None = None


# The columns of a term that share a coding: for each factor its text and whether all levels are coded.
type _Part = tuple[tuple[str, bool], ...]


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
        The design; rows are those of the table.

    Raises:
        DataError: a value is missing, not a number where one is needed, or not finite once
            transformed; each finding names its column and row.
    """
    terms = expand_terms(formula, table.columns)
    encoding: dict[str, Any] = {
        "others": [name for name in table.columns if name not in formula.left_columns]
        if formula.has_dot
        else [],
        "levels": {},
        "states": {},
        "standardize": {} if standardize else None,
    }
    scope = Scope(table, encoding["states"], fitting=True)
    _learn_levels(terms, table, encoding["levels"])
    return _assemble(terms, scope, encoding)


def apply_design(formula: Formula, encoding: dict[str, Any], table: Table) -> Floats:
    """Make the design matrix of new data by the levels and constants of the data fitted to, shape (n, d).

    Args:
        formula: the formula that the design was built from.
        encoding: the `encoding` of that design (it may have been through JSON).
        table: the new data, with the columns of the right side.

    Raises:
        DataError: as `build_design`; also a level that the model does not know.
    """
    terms = expand_terms(formula, encoding["others"])
    scope = Scope(table, encoding["states"], fitting=False)
    return _assemble(terms, scope, encoding).matrix


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
    _raise(scope)
    return values, trials


def _raise(scope: Scope) -> None:
    if scope.findings:
        raise DataError(dict.fromkeys(scope.findings), scope.table.source)


def _categorical(node: Node) -> str | None:
    """Return the column of a factor that is a column or `C(column)`."""
    match node:
        case Name(name) | Call("C", (Name(name),)):
            return name
        case _:
            return None


def _learn_levels(terms: Terms, table: Table, levels: dict[str, list[Level]]) -> None:
    for text, node in terms.factors.items():
        name = _categorical(node)
        if name is not None and (isinstance(node, Call) or table.columns[name].dtype in (object, np.bool_)):
            levels[text] = levels_of(table.columns[name])


def _assemble(terms: Terms, scope: Scope, encoding: dict[str, Any]) -> Design:
    """Evaluate the factors that the terms use and lay their products side by side."""
    levels = encoding["levels"]
    parts = _parts(terms, levels)
    used = dict.fromkeys(text for term in terms.terms for text in term)
    factors = {text: _factor(text, terms.factors[text], levels, scope) for text in used}
    _raise(scope)
    factors = {
        text: _standardized(factor, scope, encoding["standardize"]) for text, factor in factors.items()
    }
    _check_size(terms, parts, factors, len(scope.table), scope.table.source)
    return _joined(terms, parts, factors, scope, encoding)


def _parts(terms: Terms, levels: dict[str, list[Level]]) -> list[list[_Part]]:
    """Choose the coding of every term; terms with the same numeric factors share what is spanned."""
    used: dict[frozenset[str], set[frozenset[str]]] = {}
    if terms.intercept:
        used[frozenset()] = {frozenset()}
    chosen = []
    for term in terms.terms:
        categorical = tuple(text for text in term if text in levels)
        spanned = used.setdefault(frozenset(term) - frozenset(categorical), set())
        codings = subterms(categorical, spanned)
        chosen.append(
            [tuple((t, c.get(t, True)) for t in term if t in c or t not in levels) for c in codings]
        )
    return chosen


def _factor(text: str, node: Node, levels: dict[str, list[Level]], scope: Scope) -> _Factor:
    name = _categorical(node)
    if text in levels and name is not None:
        labels = tuple(f"{text}[{level}]" for level in levels[text])
        return _Factor(text, labels, codes=codes_of(name, levels[text], scope))
    values = column(name, scope) if name is not None else evaluate(node, scope)
    if values.ndim == 1:
        return _Factor(text, (text,), numbers=values[:, np.newaxis])
    return _Factor(text, tuple(f"{text}[{k + 1}]" for k in range(values.shape[1])), numbers=values)


def _standardized(factor: _Factor, scope: Scope, states: dict[str, State] | None) -> _Factor:
    if states is None or factor.numbers is None:
        return factor
    if scope.fitting:
        columns = factor.numbers.T
        sds = [(scope.sd(values), values) for values in columns]
        states[factor.text] = {
            "mean": [scope.mean(values) for values in columns],
            "sd": [1.0 if is_constant_sd(sd, values) else sd for sd, values in sds],
        }
    state = states[factor.text]
    return factor._replace(numbers=(factor.numbers - np.array(state["mean"])) / np.array(state["sd"]))


def _width(part: _Part, factors: dict[str, _Factor]) -> int:
    return int(np.prod([len(factors[t].labels) - (0 if full else 1) for t, full in part], dtype=float))


def _check_size(
    terms: Terms, parts: list[list[_Part]], factors: dict[str, _Factor], rows: int, source: str
) -> None:
    """Refuse a design that cannot be meant, such as one column for each customer number."""
    widths = {
        term: sum(_width(p, factors) for p in chosen) for term, chosen in zip(terms.terms, parts, strict=True)
    }
    total = sum(widths.values())
    if total > MAX_COLUMNS or 8 * rows * total > MAX_BYTES:
        widest = max(widths, key=lambda term: widths[term])
        message = f"the design has {total:,} columns, {widths[widest]:,} of them from `{':'.join(widest)}`"
        raise DataError([Finding(f"{message}; leave that term out or give it fewer levels")], source)


def _product(part: _Part, factors: dict[str, _Factor], rows: int) -> tuple[list[str], Floats]:
    """Multiply the columns of a part's factors, the last factor's varying fastest."""
    labels, matrix = [""], np.ones((rows, 1))
    for text, full in part:
        factor = factors[text]
        own = factor.labels if full else factor.labels[1:]
        numbers = factor.numbers
        if factor.codes is not None:
            numbers = dummies(factor.codes, len(factor.labels), full=full)
        if numbers is None:
            raise TypeError(f"{text} has no values")
        labels = [f"{left}:{right}" if left else right for left in labels for right in own]
        matrix = (matrix[:, :, np.newaxis] * numbers[:, np.newaxis, :]).reshape(rows, -1)
    return labels, matrix


def _joined(
    terms: Terms,
    parts: list[list[_Part]],
    factors: dict[str, _Factor],
    scope: Scope,
    encoding: dict[str, Any],
) -> Design:
    rows = len(scope.table)
    labels: list[str] = [INTERCEPT] if terms.intercept else []
    matrices: list[Floats] = [np.ones((rows, 1))] if terms.intercept else []
    found = [Term(INTERCEPT, 0, 1, numeric=False, columns=())] if terms.intercept else []
    for term, chosen in zip(terms.terms, parts, strict=True):
        start = len(labels)
        for part in chosen:
            with np.errstate(over="ignore"):  # reported by row
                own, matrix = _product(part, factors, rows)
            labels += own
            matrices.append(matrix)
        used = tuple(dict.fromkeys(name.name for text in term for name in names(terms.factors[text])))
        numeric = not any(text in encoding["levels"] for text in term)
        found.append(Term(":".join(term), start, len(labels), numeric, used))
    matrix = np.concatenate(matrices, axis=1) if matrices else np.empty((rows, 0))
    _check_finite(matrix, labels, scope)
    matrix.setflags(write=False)
    return Design(matrix, tuple(labels), tuple(found), encoding)


def _check_finite(matrix: Floats, labels: list[str], scope: Scope) -> None:
    if np.isfinite(matrix).all():
        return
    for label, values in zip(labels, matrix.T, strict=True):
        bad = np.flatnonzero(~np.isfinite(values))
        rows = scope.table.rows[bad[:5]]
        found = [Finding(f"`{label}` is too large for a number in this row", row=int(row)) for row in rows]
        scope.findings.extend(capped(found, len(bad), None))
    _raise(scope)
