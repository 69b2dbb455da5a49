"""The columns of a design matrix: factors evaluated, coded, multiplied and laid side by side."""

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
        encoding: JSON-able constants that `apply_design` needs: levels, centres, scales, knots.
        offset: the sum of the formula's offsets, shape (n,); None when it has none.
    """

    matrix: Floats
    labels: tuple[str, ...]
    terms: tuple[Term, ...]
    encoding: dict[str, Any]
    offset: Floats | None = None

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


def new_encoding(terms: Terms, table: Table, *, standardize: bool) -> dict[str, Any]:
    """Start an encoding: the levels are learnt, the other constants when the terms are evaluated."""
    levels: dict[str, list[Level]] = {}
    _learn_levels(terms, table, levels)
    return {"levels": levels, "states": {}, "standardize": {} if standardize else None}


def raise_findings(scope: Scope) -> None:
    """Raise what was found, if anything was.

    Raises:
        DataError: so it is.
    """
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


def assemble(terms: Terms, scope: Scope, encoding: dict[str, Any]) -> Design:
    """Evaluate the factors that the terms use and lay their products side by side."""
    levels = encoding["levels"]
    parts = _parts(terms, levels)
    used = dict.fromkeys(text for term in terms.terms for text in term)
    factors = {text: _factor(text, terms.factors[text], levels, scope) for text in used}
    raise_findings(scope)
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
    raise_findings(scope)
