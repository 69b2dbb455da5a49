"""The parts of a right side that are not terms: `offset(x)`, and groups such as `(1 + x | county)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayescope.data.calls import check_arguments
from bayescope.data.syntax import Binary, Call, Dot, Group, Name, Node, Number, Sum, names, to_text, walk
from bayescope.data.terms import Terms, check_arithmetic, expand
from bayescope.data.tokens import FormulaError


@dataclass(frozen=True)
class GroupTerm:
    """`(effects | a:b)`: coefficients that differ between groups, drawn from one population.

    Attributes:
        text: the term, written canonically.
        name: the grouping factor: "county", "county:year".
        effects: what is multiplied by the coefficients, such as `1 + floor`.
        factor: the columns whose values together make a group.
        correlated: whether the effects of one group may be correlated (`|`), or are independent (`||`).
        position: where it starts in the formula.
    """

    text: str
    name: str
    effects: Node
    factor: tuple[Name, ...]
    correlated: bool
    position: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that make the groups."""
        return tuple(name.name for name in self.factor)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its expressions: the effects, and each column that makes the groups."""
        return (self.effects, *self.factor)


def expand_effects(group: GroupTerm) -> Terms:
    """Expand the effects of a group term into terms, an intercept of their own included."""
    return expand(group.effects, ())


def split(right: Node) -> tuple[Node, tuple[Node, ...], tuple[GroupTerm, ...]]:
    """Take the offsets and the group terms out of a right side.

    Returns:
        The terms that stay (`1` if none does), the arguments of the offsets, and the group terms.

    Raises:
        FormulaError: an offset or a group term is subtracted, or means nothing.
    """
    items = right.items if isinstance(right, Sum) else ((1, right),)
    stays = tuple(item for item in items if not _is_special(item[1]))
    for sign, item in items:
        if sign < 0 and _is_special(item):
            advice = "leave it out" if isinstance(item, Group) else "put the minus into it: `offset(-x)`"
            raise FormulaError(f"`{to_text(item)}` is not a term to remove; {advice}", item.position)
    offsets = tuple(_offset(item) for _, item in items if isinstance(item, Call) and _is_special(item))
    groups = tuple(group for _, item in items if isinstance(item, Group) for group in _groups(item))
    _refuse_repeats(groups)
    return _rest(stays, right), offsets, groups


def _is_special(node: Node) -> bool:
    return isinstance(node, Group) or (isinstance(node, Call) and node.function == "offset")


def _rest(items: Sequence[tuple[int, Node]], right: Node) -> Node:
    if not items:
        return Number(1.0, right.position)
    return items[0][1] if len(items) == 1 and items[0][0] == 1 else Sum(tuple(items), right.position)


def _offset(call: Call) -> Node:
    check_arguments(call)
    [argument] = call.arguments
    check_arithmetic(argument)
    if not names(argument):
        raise FormulaError(f"there is no column in `{to_text(call)}`", call.position)
    return argument


def _groups(group: Group) -> list[GroupTerm]:
    dot = next((node for node in walk(group) if isinstance(node, Dot)), None)
    if dot is not None:
        raise FormulaError("`.` cannot be used in a group term; name the columns", dot.position)
    terms = expand(group.effects, ())
    if not (terms.intercept or terms.terms):
        message = f"`{to_text(group)}` has no effect to estimate; write `(1 | {to_text(group.factor)})`"
        raise FormulaError(message, group.position)
    return [_group_term(group, factor) for factor in _factors(group.factor)]


def _group_term(group: Group, factor: tuple[Name, ...]) -> GroupTerm:
    name = ":".join(map(to_text, factor))
    text = f"({to_text(group.effects)} {'|' if group.correlated else '||'} {name})"
    return GroupTerm(text, name, group.effects, factor, group.correlated, group.position)


def _factors(node: Node) -> list[tuple[Name, ...]]:
    """Read what groups are made of: `a`, `a:b` (each pair), or `a / b` (a, and b within a)."""
    match node:
        case Name():
            return [(node,)]
        case Binary(":" | "/" as operator, left, right):
            outer, inner = _factors(left), _factors(right)
            if len(inner) == 1 and (operator == "/" or len(outer) == 1):
                joined = tuple({name.name: name for name in (*outer[-1], *inner[0])}.values())
                return [*outer, joined] if operator == "/" else [joined]
    message = "groups are made by a column, `a:b` for each pair of two, or `a / b` for b nested in a"
    raise FormulaError(f"{message}; here is `{to_text(node)}`", node.position)


def _refuse_repeats(groups: Sequence[GroupTerm]) -> None:
    seen: set[frozenset[str]] = set()
    for group in groups:
        if frozenset(group.columns) in seen:
            advice = f"put its effects into one term: `(1 + x | {group.name})`, or `||` for uncorrelated ones"
            raise FormulaError(f"there are two group terms of `{group.name}`; {advice}", group.position)
        seen.add(frozenset(group.columns))
