"""The expression tree of a formula, and its canonical text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Number:
    """A number as written in the formula."""

    value: float
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Name:
    """A column of the table."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Dot:
    """`.`: every column of the table that is not on the left side."""

    position: int = field(default=0, compare=False)


type Value = float | bool | tuple[float, ...]


@dataclass(frozen=True)
class Keyword:
    """An argument with a name: `df=6`, `knots=[1, 2]`, `raw=True`."""

    name: str
    value: Value
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of its arguments."""

    function: str
    arguments: tuple[Node, ...]
    keywords: tuple[Keyword, ...] = ()
    position: int = field(default=0, compare=False)

    @property
    def options(self) -> dict[str, Value]:
        """The values of the keywords by their names."""
        return {keyword.name: keyword.value for keyword in self.keywords}


@dataclass(frozen=True)
class Sum:
    """Items added (sign 1) or subtracted (sign -1)."""

    items: tuple[tuple[int, Node], ...]
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """`left operator right`, the operator one of `*`, `/`, `:` and `**`."""

    operator: str
    left: Node
    right: Node
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Group:
    """`(effects | factor)`: effects that differ between the levels of a factor; `||` uncorrelated."""

    effects: Node
    factor: Node
    correlated: bool = True
    position: int = field(default=0, compare=False)


type Node = Number | Name | Dot | Call | Sum | Binary | Group


def children(node: Node) -> tuple[Node, ...]:
    """List the direct parts of an expression."""
    match node:
        case Call(_, arguments):
            return arguments
        case Group(effects, factor):
            return (effects, factor)
        case Sum(items):
            return tuple(item for _, item in items)
        case Binary(_, left, right):
            return (left, right)
        case _:
            return ()


_LEVEL = {"*": 2, "/": 2, ":": 3, "**": 4}


def to_text(node: Node) -> str:
    """Write an expression canonically: equal expressions have equal texts, and the text parses back."""
    match node:
        case Number(value):
            return _number_text(value)
        case Name(name):
            return name if re.fullmatch(r"[^\W\d]\w*", name) else f"`{name}`"
        case Dot():
            return "."
        case Call() | Group():
            return _bracketed(node)
        case Sum(items):
            (sign, first), *rest = items
            head = ("-" if sign < 0 else "") + _inner(first, 2)
            return head + "".join(f" {'-' if s < 0 else '+'} {_inner(item, 2)}" for s, item in rest)
        case Binary(operator, left, right):
            level = _LEVEL[operator]
            space = "" if operator == ":" else " "
            strict = level if operator == "**" else level - 1
            return f"{_inner(left, strict + 1)}{space}{operator}{space}{_inner(right, level + 1)}"


def column_of(text: str) -> str:
    """Return the name of the column that the text of an expression is; other expressions stay as they are.

    >>> column_of("`Unit Price`"), column_of("log(`Unit Price`)")
    ('Unit Price', 'log(`Unit Price`)')
    """
    return text[1:-1] if re.fullmatch("`[^`]+`", text) else text


def _bracketed(node: Call | Group) -> str:
    if isinstance(node, Group):
        return f"({to_text(node.effects)} {'|' if node.correlated else '||'} {to_text(node.factor)})"
    options = (f"{keyword.name}={_value_text(keyword.value)}" for keyword in node.keywords)
    return f"{node.function}({', '.join((*map(to_text, node.arguments), *options))})"


def _number_text(value: float) -> str:
    return repr(value).removesuffix(".0")


def _value_text(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_number_text, value))}]"
    return str(value) if isinstance(value, bool) else _number_text(value)


def _inner(node: Node, level: int) -> str:
    """Write an operand, in brackets unless it binds at least as tightly as `level`."""
    own = 1 if isinstance(node, Sum) else _LEVEL[node.operator] if isinstance(node, Binary) else 5
    return to_text(node) if own >= level else f"({to_text(node)})"


def names(node: Node) -> tuple[Name, ...]:
    """List the columns named in an expression, in order of appearance (repeats included)."""
    if isinstance(node, Name):
        return (node,)
    return tuple(name for child in children(node) for name in names(child))


def walk(node: Node) -> Iterator[Node]:
    """List an expression and all its parts, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)
