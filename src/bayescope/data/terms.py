"""The terms of a formula: what `+ - * : **` and calls make of the right side.

A term is the set of its factors; a factor is an expression computed from columns, known by its
canonical text. The empty set is the intercept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bayescope.data.calls import TERM_FUNCTIONS, check_call
from bayescope.data.syntax import (
    Binary,
    Call,
    Dot,
    Group,
    Name,
    Node,
    Number,
    Sum,
    children,
    names,
    to_text,
)
from bayescope.data.tokens import FormulaError

MAX_TERMS = 10_000
MAX_FACTORS = 8
INTERCEPT = "Intercept"

GROUP_ALONE = (
    "a group term is added by itself: `y ~ x + (1 | g)`; for a slope of x in each group, `(1 + x | g)`"
)

type TermSet = dict[frozenset[str], tuple[str, ...]]
_ONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Terms:
    """The right side, expanded: each term is the texts of its factors, whose trees are in `factors`."""

    intercept: bool
    terms: tuple[tuple[str, ...], ...]
    factors: dict[str, Node]


def expand(
    body: Node, others: Collection[str], *, apart: Collection[str] = (), lenient: bool = False
) -> Terms:
    """Expand the right side into terms, ordered by the number of their factors, then as written.

    Args:
        body: the right side.
        others: the columns that `.` stands for.
        apart: columns that `.` would stand for if they had no other part: to remove them changes nothing.
        lenient: whether `.` may stand for more than `others`, so that a term to remove may be among that.

    Raises:
        FormulaError: a term means nothing, or there are too many.
    """
    nodes: dict[str, Node] = {to_text(Name(name)): Name(name) for name in others}
    absent = frozenset(to_text(Name(name)) for name in apart)
    expansion = _Expansion(nodes, tuple(others), absent, lenient)
    found = expansion.right_side(body)
    intercept = found.pop(_ONE, None) is not None
    used = {text for term in found.values() for text in term}
    factors = {text: node for text, node in expansion.factors.items() if text in used}
    return Terms(intercept, tuple(sorted(found.values(), key=len)), factors)


def _signed(item: tuple[int, Node]) -> tuple[int, Node]:
    """Read `+ -x` as `- x`."""
    sign, node = item
    if isinstance(node, Sum) and len(node.items) == 1:
        return sign * node.items[0][0], node.items[0][1]
    return sign, node


def _union(*sets: TermSet) -> TermSet:
    """Join sets of terms; a term that is in several keeps the order of factors it was first written in."""
    joined: TermSet = {}
    for terms in sets:
        for key, term in terms.items():
            joined.setdefault(key, term)
    return joined


@dataclass(frozen=True)
class _Expansion:
    """Expands one right side; `factors` collects the trees of the factors it meets."""

    factors: dict[str, Node]
    others: tuple[str, ...]
    apart: frozenset[str]
    lenient: bool  # what `.` stands for is not known, so nothing is known to be missing

    def right_side(self, body: Node) -> TermSet:
        items = body.items if isinstance(body, Sum) else ((1, body),)
        found: TermSet = {_ONE: ()}
        for sign, item in map(_signed, items):
            if isinstance(item, Number):
                self.intercept(sign, item, found)
            elif sign > 0:
                found = _union(found, self.terms(item))
            else:
                self.remove(item, found)
            self.check_size(found, item)
        return found

    def intercept(self, sign: int, item: Number, found: TermSet) -> None:
        if item.value not in (0, 1) or (sign < 0 and item.value == 0):
            text = f"{'-' if sign < 0 else '+'} {to_text(item)}"
            advice = "write `0 +` or `- 1` for no intercept, and arithmetic of a column in `I()`: `I(x + 2)`"
            raise FormulaError(f"`{text}` is not a term; {advice}", item.position)
        if sign > 0 and item.value == 1:
            found[_ONE] = ()
        else:
            found.pop(_ONE, None)

    def remove(self, item: Node, found: TermSet) -> None:
        for key, term in self.terms(item).items():
            if key not in found and not self.lenient and not key <= self.apart:
                message = (
                    f"there is no term `{':'.join(term)}` to remove; a minus sign of a value goes into `I()`"
                )
                raise FormulaError(message, item.position)
            found.pop(key, None)

    def terms(self, node: Node) -> TermSet:
        match node:
            case Dot():
                return {frozenset((text,)): (text,) for text in map(to_text, map(Name, self.others))}
            case Number():
                raise FormulaError("a number is not a term here", node.position)
            case Name() | Call():
                return self.factor(node)
            case Sum():
                return self.sum(node)
            case Binary():
                return self.binary(node)
            case Group():
                raise FormulaError(GROUP_ALONE, node.position)

    def sum(self, node: Sum) -> TermSet:
        found: TermSet = {}
        for sign, item in node.items:
            if isinstance(item, Number) and not (sign > 0 and item.value == 1):
                message = "a number inside brackets is not a term; put arithmetic into `I()`"
                raise FormulaError(message, item.position)
            if isinstance(item, Number):
                found[_ONE] = ()
            elif sign > 0:
                found = _union(found, self.terms(item))
            else:
                self.remove(item, found)
        return found

    def factor(self, node: Node) -> TermSet:
        """Make a term of one expression that is computed from columns."""
        if isinstance(node, Call):
            check_call(node)
            for argument in node.arguments:
                check_arithmetic(argument)
        else:
            check_arithmetic(node)
        text = to_text(node)
        if not names(node):
            raise FormulaError(f"there is no column in `{text}`", node.position)
        self.factors[text] = node
        return {frozenset((text,)): (text,)}

    def binary(self, node: Binary) -> TermSet:
        if node.operator == "**":
            return self.power(node)
        if node.operator != ":" and any(map(is_constant, children(node))):
            return self.factor(node)
        if node.operator == "/":
            left, right = to_text(node.left), to_text(node.right)
            nested = f"`{left} + {left}:{right}` for {right} nested in {left}"
            message = f"`/` between columns: write `I({left} / {right})` for the ratio, or {nested}"
            raise FormulaError(message, node.position)
        left_terms, right_terms = self.terms(node.left), self.terms(node.right)
        crossed = self.cross(left_terms, right_terms, node)
        return crossed if node.operator == ":" else _union(left_terms, right_terms, crossed)

    def power(self, node: Binary) -> TermSet:
        if not isinstance(node.left, Sum | Dot):
            message = f"write `I({to_text(node)})` for the power of a value, or `poly()` for a polynomial"
            raise FormulaError(message, node.position)
        if not (isinstance(node.right, Number) and node.right.value in range(1, MAX_FACTORS + 1)):
            message = f"a sum of terms can be raised to a whole number from 1 to {MAX_FACTORS}"
            raise FormulaError(message, node.right.position)
        base_terms = self.terms(node.left)
        found = base_terms
        for _ in range(int(node.right.value) - 1):
            found = _union(found, self.cross(found, base_terms, node))
        return found

    def cross(self, left: TermSet, right: TermSet, node: Node) -> TermSet:
        if len(left) * len(right) > 2 * MAX_TERMS:
            raise FormulaError(f"this makes more than {MAX_TERMS:,} terms", node.position)
        found: TermSet = {}
        for one in left.values():
            for other in right.values():
                term = tuple(dict.fromkeys(one + other))
                if len(term) > MAX_FACTORS:
                    raise FormulaError(
                        f"an interaction may have {MAX_FACTORS} factors at most", node.position
                    )
                found.setdefault(frozenset(term), term)
        self.check_size(found, node)
        return found

    def check_size(self, found: TermSet, node: Node) -> None:
        if len(found) - (_ONE in found) > MAX_TERMS:
            raise FormulaError(f"this makes more than {MAX_TERMS:,} terms", node.position)


def is_constant(node: Node) -> bool:
    """Tell whether an expression is made of numbers only."""
    return isinstance(node, Number) or (bool(children(node)) and all(map(is_constant, children(node))))


def check_arithmetic(node: Node) -> None:
    """Refuse what has no meaning inside arithmetic and functions."""
    match node:
        case Dot():
            raise FormulaError("`.` stands for whole columns; it cannot be used in arithmetic", node.position)
        case Group():
            raise FormulaError(GROUP_ALONE, node.position)
        case Binary(":", _, _):
            raise FormulaError("`:` is for interactions; inside arithmetic write `*`", node.position)
        case Call(function, position=position):
            check_call(node)
            if function in TERM_FUNCTIONS:
                raise FormulaError(
                    f"`{function}()` is a term by itself, not a number for arithmetic", position
                )
    for child in children(node):
        check_arithmetic(child)
