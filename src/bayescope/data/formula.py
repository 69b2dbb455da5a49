"""Formulas: what `y ~ x + log(z) * origin` says, as data.

The rules are written out in docs/formulas.md. Wilkinson notation as in R and formulae, with two
differences that remove traps: an operator with a number on one side is arithmetic (`x / 100`),
and what R would read in a way that surprises (`x ** 2`, `x / z`) is refused with advice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bayescope.config.suggest import suggest
from bayescope.data.parser import parse_sides
from bayescope.data.special import GroupTerm, expand_effects, split
from bayescope.data.syntax import (
    Binary,
    Call,
    Dot,
    Name,
    Node,
    Number,
    children,
    names,
    to_text,
    walk,
)
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT, Terms, check_arithmetic, expand, is_constant
from bayescope.data.tokens import FormulaError

__all__ = [
    "Formula",
    "FormulaError",
    "GroupTerm",
    "Terms",
    "as_trials",
    "dot_columns",
    "expand_terms",
    "known_terms",
    "parse",
    "position_of",
    "right_columns",
    "unknown_columns",
    "used_columns",
]


@dataclass(frozen=True)
class Formula:
    """A parsed formula.

    Attributes:
        text: the formula as it was written.
        response: the left side (of `successes / trials`, the successes); None when it is empty.
        trials: the number of trials of a Binomial response, or None.
        body: the right side, without offsets and group terms.
        offsets: the arguments of `offset()`, which are added to the linear predictor.
        groups: the group terms, `(1 + x | county)`.
        parameters: the formulas of the likelihood's other parameters, which have no left side, by name.
        apart: columns that other keys than the formula name, and that `.` does not stand for.
    """

    text: str
    response: Node | None
    trials: Node | None
    body: Node
    offsets: tuple[Node, ...] = ()
    groups: tuple[GroupTerm, ...] = ()
    parameters: Mapping[str, Formula] = field(default_factory=lambda: MappingProxyType({}))
    apart: frozenset[str] = frozenset()

    @property
    def parts(self) -> tuple[Formula, ...]:
        """This formula, and those of the other parameters."""
        return (self, *self.parameters.values())

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
        return _unique(self.right)

    @property
    def beyond_dot(self) -> frozenset[str]:
        """Columns that `.` does not stand for: of the left side, of offsets, making groups, and `apart`."""
        return self.apart.union(self.left_columns, _unique(self.offsets), self.grouping)

    @property
    def right(self) -> tuple[Node, ...]:
        """The expressions of the right sides: the bodies, the offsets, the parts of the group terms."""
        own = (self.body, *self.offsets, *(node for group in self.groups for node in group.nodes))
        return (*own, *(node for formula in self.parameters.values() for node in formula.right))

    @property
    def grouping(self) -> tuple[str, ...]:
        """The columns that make groups."""
        return tuple(name for part in self.parts for group in part.groups for name in group.columns)

    @property
    def only_grouping(self) -> frozenset[str]:
        """The columns that make groups and are used for nothing else: numbers in them are names."""
        nodes = [node for part in self.parts for node in (part.body, *part.offsets)]
        effects = [group.effects for part in self.parts for group in part.groups]
        return frozenset(self.grouping).difference(self.left_columns, _unique((*nodes, *effects)))

    @property
    def has_dot(self) -> bool:
        """Tell whether `.` stands on the right side: the columns then depend on the table."""
        return any(isinstance(node, Dot) for node in walk(self.body))

    @property
    def numeric(self) -> frozenset[str]:
        """Columns that must be numbers, because arithmetic or a function is done with them."""
        left = [node for node in (self.response, self.trials) if not isinstance(node, Name | None)]
        nodes = [node for side in self.right for node in walk(side)]
        inner = [child for node in nodes if _is_arithmetic(node) for child in children(node)]
        return frozenset(_unique((*left, *inner, *(node for part in self.parts for node in part.offsets))))

    @property
    def categorical(self) -> frozenset[str]:
        """Columns that `C()` makes categorical, and those that make groups."""
        nodes = [node for side in self.right for node in walk(side)]
        declared = _unique(node for node in nodes if isinstance(node, Call) and node.function == "C")
        return frozenset((*declared, *self.grouping))

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
    left, right = parse_sides(text)
    response, trials = _left(left)
    body, offsets, groups = split(right)
    formula = Formula(text, response, trials, body, offsets, groups)
    if left is None and formula.has_dot:
        position = next(node.position for node in walk(formula.body) if isinstance(node, Dot))
        message = "`.` stands for every column but the response, and the left side is empty; name the columns"
        raise FormulaError(message, position)
    terms = expand(formula.body, (), lenient=formula.has_dot)
    if not (terms.intercept or terms.terms or formula.has_dot or formula.groups):
        raise FormulaError(
            "there is nothing on the right side to estimate; add a predictor or `1`", right.position
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
    """Expand the right side into terms; `.` stands for those of the `columns` that are not `beyond_dot`.

    Raises:
        FormulaError: a term means nothing, or there are too many.
    """
    apart = formula.beyond_dot if formula.has_dot else frozenset()
    return expand(formula.body, _others(formula, columns), apart=apart)


def known_terms(formula: Formula, others: Collection[str]) -> Terms:
    """Expand the right side of a formula that was checked, where `.` stands for just the columns `others`."""
    return expand(formula.body, others, lenient=True)


def dot_columns(formula: Formula, columns: Iterable[str]) -> tuple[str, ...]:
    """List the columns that `.` stands for, those left out that no term has in the end: `y ~ . - id`."""
    if not formula.has_dot:
        return ()
    others = _others(formula, columns)
    terms = known_terms(formula, others)
    had = _unique(terms.factors.values())
    kept = tuple(name for name in others if name in had)
    return kept if known_terms(formula, kept).terms == terms.terms else others  # it differs of `x - .`


def used_columns(formula: Formula, columns: Iterable[str]) -> tuple[str, ...]:
    """List the columns of both sides that the model is computed from, those of `.` included."""
    others = dot_columns(formula, columns)
    right = [name for part in formula.parts for name in right_columns(part, others)]
    return tuple(dict.fromkeys((*formula.left_columns, *others, *right)))


def right_columns(formula: Formula, others: Collection[str]) -> tuple[str, ...]:
    """List the columns of terms, offsets and groups, where `.` stands for `others`."""
    effects = [node for group in formula.groups for node in expand_effects(group).factors.values()]
    factors = [name for group in formula.groups for name in group.factor]
    return _unique((*known_terms(formula, others).factors.values(), *formula.offsets, *effects, *factors))


def _others(formula: Formula, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(column for column in columns if column not in formula.beyond_dot)


def unknown_columns(formula: Formula, table: Table) -> tuple[tuple[str, str], ...]:
    """List the columns that the table does not have, each with a suggestion: "; did you mean 'x'?"."""
    known = tuple(table.columns)
    return tuple(
        (name, suggest(name, known, "the columns are")) for name in formula.columns if name not in known
    )


def position_of(formula: Formula, column: str) -> int:
    """Return the offset in the formula of the first mention of a column (0 if there is none)."""
    left = (node for node in (formula.response, formula.trials) if node is not None)
    sides = (*left, *formula.right)
    return min((name.position for side in sides for name in names(side) if name.name == column), default=0)


def _unique(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.name for node in nodes for name in names(node)))


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
                (n for n in walk(node) if isinstance(n, Call) and n.function in ("scale", "center")), None
            )
            if stateful is not None:
                message = f"`{stateful.function}` is for predictors; leave the response in its own units"
                raise FormulaError(message, stateful.position)
            return node, None


def _check_predictors(formula: Formula) -> None:
    response = () if formula.response is None else _unique((formula.response,))
    for name in sorted((n for side in formula.right for n in names(side)), key=lambda n: n.position):
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
