"""Formulas: what `y ~ x + log(z) * origin` says, as data.

The rules are written out in docs/formulas.md. Wilkinson notation as in R and formulae, with two
differences that remove traps: an operator with a number on one side is arithmetic (`x / 100`),
and what R would read in a way that surprises (`x ** 2`, `x / z`) is refused with advice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bayescope.config.suggest import suggest
from bayescope.data.syntax import (
    Binary,
    Call,
    Dot,
    Name,
    Node,
    Number,
    children,
    names,
    parse_sides,
    to_text,
)
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT, Terms, check_arithmetic, expand, is_constant
from bayescope.data.tokens import FormulaError

__all__ = [
    "Formula",
    "FormulaError",
    "Terms",
    "as_trials",
    "expand_terms",
    "parse",
    "position_of",
    "unknown_columns",
]


@dataclass(frozen=True)
class Formula:
    """A parsed formula.

    Attributes:
        text: the formula as it was written.
        response: the left side (of `successes / trials`, the successes); None when it is empty.
        trials: the number of trials of a Binomial response, or None.
        body: the right side.
    """

    text: str
    response: Node | None
    trials: Node | None
    body: Node

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns named on either side (those that `.` stands for not included)."""
        return tuple(dict.fromkeys((*self.left_columns, *self.predictors)))

    @property
    def left_columns(self) -> tuple[str, ...]:
        """Columns named on the left side."""
        return _unique(node for node in (self.response, self.trials) if node is not None)

    @property
    def predictors(self) -> tuple[str, ...]:
        """Columns named on the right side."""
        return _unique((self.body,))

    @property
    def has_dot(self) -> bool:
        """Tell whether `.` stands on the right side: the columns then depend on the table."""
        return any(isinstance(node, Dot) for node in _walk(self.body))

    @property
    def numeric(self) -> frozenset[str]:
        """Columns that must be numbers, because arithmetic or a function is done with them."""
        left = [node for node in (self.response, self.trials) if not isinstance(node, Name | None)]
        inner = [child for node in _walk(self.body) if _is_arithmetic(node) for child in children(node)]
        return frozenset(_unique((*left, *inner)))

    @property
    def categorical(self) -> frozenset[str]:
        """Columns that `C()` makes categorical."""
        return frozenset(_unique(n for n in _walk(self.body) if isinstance(n, Call) and n.function == "C"))

    @property
    def response_name(self) -> str:
        """What results call the response."""
        return "" if self.response is None else to_text(self.response)

    @property
    def trials_name(self) -> str | None:
        """What results call the number of trials."""
        return None if self.trials is None else to_text(self.trials)


def parse(text: str) -> Formula:
    """Read a formula; nothing in it is evaluated as code.

    Raises:
        FormulaError: it is not a formula of the language in docs/formulas.md; the position is
            the offset of the offending text.
    """
    left, body = parse_sides(text)
    formula = Formula(text, *_left(left), body)
    terms = expand(body, (), lenient=formula.has_dot)
    if not (terms.intercept or terms.terms or formula.has_dot):
        raise FormulaError(
            "there is nothing on the right side to estimate; add a predictor or `1`", body.position
        )
    _check_predictors(formula)
    return formula


def as_trials(formula: Formula) -> Formula:
    """Read a left side `successes / 10` as successes out of ten trials, as a Binomial response means it.

    `successes / trials` with two columns is read so by `parse` already.
    """
    match formula.response:
        case Binary("/", successes, Number() as number) if formula.trials is None:
            return replace(formula, response=successes, trials=number)
        case _:
            return formula


def expand_terms(formula: Formula, columns: Iterable[str]) -> Terms:
    """Expand the right side into terms; `.` stands for the `columns` that are not on the left side.

    Raises:
        FormulaError: a term means nothing, or there are too many.
    """
    others = tuple(column for column in columns if column not in formula.left_columns)
    return expand(formula.body, others)


def unknown_columns(formula: Formula, table: Table) -> tuple[tuple[str, str], ...]:
    """List the columns that the table does not have, each with a suggestion: "; did you mean 'x'?"."""
    known = tuple(table.columns)
    return tuple(
        (name, suggest(name, known, "the columns are")) for name in formula.columns if name not in known
    )


def position_of(formula: Formula, column: str) -> int:
    """Return the offset in the formula of the first mention of a column (0 if there is none)."""
    sides = [node for node in (formula.response, formula.trials, formula.body) if node is not None]
    return next((name.position for side in sides for name in names(side) if name.name == column), 0)


def _unique(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.name for node in nodes for name in names(node)))


def _walk(node: Node) -> Iterable[Node]:
    yield node
    for child in children(node):
        yield from _walk(child)


def _left(node: Node | None) -> tuple[Node | None, Node | None]:
    """Split the left side into the response and, for `successes / trials`, the trials."""
    match node:
        case None:
            return None, None
        case Name():
            return node, None
        case Binary("/", Name() as successes, Name() as trials):
            return successes, trials
        case Number() | Dot():
            raise FormulaError("the left side of `~` must be a column", node.position)
        case _:
            check_arithmetic(node)
            if not names(node):
                raise FormulaError("the left side of `~` has no column in it", node.position)
            stateful = next(
                (n for n in _walk(node) if isinstance(n, Call) and n.function in ("scale", "center")), None
            )
            if stateful is not None:
                message = f"`{stateful.function}` is for predictors; leave the response in its own units"
                raise FormulaError(message, stateful.position)
            return node, None


def _check_predictors(formula: Formula) -> None:
    response = () if formula.response is None else _unique((formula.response,))
    for name in names(formula.body):
        if name.name == INTERCEPT:
            message = "`Intercept` is the name of the constant term: write `1`, or rename the column"
            raise FormulaError(message, name.position)
        if name.name in response:
            message = f"{to_text(name)} is the response; it cannot be among its own predictors"
            raise FormulaError(message, name.position)


def _is_arithmetic(node: Node) -> bool:
    """Tell whether a node of the right side computes with its parts rather than naming terms."""
    if isinstance(node, Call):
        return node.function != "C"
    return isinstance(node, Binary) and node.operator in "*/" and any(map(is_constant, children(node)))
