"""The syntax of formulas: from tokens to an expression tree, and back to canonical text.

Precedence, loosest first: `~`, then `+ -`, `* /`, `:`, `** ^`, then names, numbers, calls and
brackets. What an operator means (terms or arithmetic) is decided in `bayescope.data.formula`.
Text is only ever parsed, never evaluated as code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bayescope.data.tokens import FormulaError, Token, tokens

MAX_DEPTH = 40


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


@dataclass(frozen=True)
class Call:
    """A function of its arguments."""

    function: str
    arguments: tuple[Node, ...]
    position: int = field(default=0, compare=False)


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


type Node = Number | Name | Dot | Call | Sum | Binary


class _Parser:
    """Recursive descent over the tokens of one formula; the depth of brackets is bounded."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.index = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        self.index += 1
        return self.tokens[self.index - 1]

    def at(self, *operators: str) -> bool:
        return self.next.kind == "operator" and self.next.text in operators

    def expect(self, operator: str) -> None:
        if not self.at(operator):
            raise FormulaError(f"expected `{operator}`, found {_described(self.next)}", self.next.position)
        self.take()

    def sides(self) -> tuple[Node | None, Node]:
        left = None if self.at("~") else self.sum()
        if not self.at("~"):
            hint = "" if self.next.kind == "end" else f", found {_described(self.next)}"
            raise FormulaError(
                f"expected `~` between the response and the predictors{hint}", self.next.position
            )
        self.take()
        right = self.sum()
        if self.next.kind != "end":
            raise FormulaError(_misplaced(self.next, self.tokens[self.index - 1]), self.next.position)
        return left, right

    def sum(self) -> Node:
        start = self.next.position
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(f"brackets are nested deeper than {MAX_DEPTH}", start)
        items = [(self.sign() if self.at("+", "-") else 1, self.chain("*", "/"))]
        while self.at("+", "-"):
            items.append((self.sign(), self.chain("*", "/")))
        self.depth -= 1
        return items[0][1] if len(items) == 1 and items[0][0] == 1 else Sum(tuple(items), start)

    def sign(self) -> int:
        return 1 if self.take().text == "+" else -1

    def chain(self, *operators: str) -> Node:
        """Read a left-associative chain: of products, whose operands are chains of interactions."""
        operand = self.power if ":" in operators else lambda: self.chain(":")
        node = operand()
        length = 0
        while self.at(*operators):
            sign = self.take()
            length += 1
            if length > MAX_DEPTH:
                raise FormulaError(f"more than {MAX_DEPTH} `{sign.text}` in a row", sign.position)
            node = Binary(sign.text, node, operand(), sign.position)
        return node

    def power(self) -> Node:
        base = self.unary()
        if not self.at("**", "^"):
            return base
        position = self.take().position
        exponent = self.unary()
        if self.at("**", "^"):
            raise FormulaError("put a power of a power in brackets", self.next.position)
        return Binary("**", base, exponent, position)

    def unary(self) -> Node:
        if not self.at("-"):
            return self.atom()
        position = self.take().position
        return Sum(((-1, self.atom()),), position)

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return _number(token)
        if token.kind == "quoted":
            return Name(token.text, token.position)
        if token.kind == "name":
            return self.call(token) if self.at("(") else self.name(token)
        if token.text == "." and token.kind == "operator":
            return Dot(token.position)
        if token.text == "(":
            inner = self.sum()
            self.expect(")")
            return inner
        raise FormulaError(f"expected a column, a number or `(`, found {_described(token)}", token.position)

    def name(self, token: Token) -> Node:
        if self.at("."):
            advice = "put a column name with a dot in `backticks`"
            raise FormulaError(
                f"dotted names such as `{token.text}.…` are not allowed; {advice}", token.position
            )
        return Name(token.text, token.position)

    def call(self, token: Token) -> Node:
        self.expect("(")
        arguments = [] if self.at(")") else [self.sum()]
        while self.at(","):
            self.take()
            arguments.append(self.sum())
        self.expect(")")
        return Call(token.text, tuple(arguments), token.position)


def _number(token: Token) -> Number:
    value = float(token.text)
    if value == float("inf"):
        raise FormulaError(f"the number {token.text} is too large", token.position)
    return Number(value, token.position)


def _described(token: Token) -> str:
    return "the end of the formula" if token.kind == "end" else f"`{token.text}`"


def _misplaced(token: Token, previous: Token) -> str:
    if token.text == "~":
        return "a formula has only one `~`"
    if token.text == ")":
        return "this `)` closes nothing"
    if token.kind in ("name", "quoted", "number") and previous.kind in ("name", "quoted", "number"):
        return (
            f"no operator between `{previous.text}` and `{token.text}`; "
            "put a column name with spaces or dots in `backticks`"
        )
    return f"expected an operator, found {_described(token)}"


def parse_sides(text: str) -> tuple[Node | None, Node]:
    """Parse `left ~ right` into two expression trees; the left one is None when it is empty.

    Raises:
        FormulaError: the text is not a formula.
    """
    left, right = _Parser(text).sides()
    for side in (left, right):
        _check_depth(side)
    return left, right


def _check_depth(root: Node | None) -> None:
    """Refuse a tree so deep that recursion over it could exhaust the stack (brackets times chains)."""
    level = [] if root is None else [root]
    for _ in range(2 * MAX_DEPTH):
        level = [child for node in level for child in children(node)]
    if level:
        raise FormulaError("the formula is nested too deeply", level[0].position)


def children(node: Node) -> tuple[Node, ...]:
    """List the direct parts of an expression."""
    match node:
        case Call(_, arguments):
            return arguments
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
            return repr(value).removesuffix(".0")
        case Name(name):
            return name if re.fullmatch(r"[^\W\d]\w*", name) else f"`{name}`"
        case Dot():
            return "."
        case Call(function, arguments):
            return f"{function}({', '.join(to_text(argument) for argument in arguments)})"
        case Sum(items):
            (sign, first), *rest = items
            head = ("-" if sign < 0 else "") + _inner(first, 2)
            return head + "".join(f" {'-' if s < 0 else '+'} {_inner(item, 2)}" for s, item in rest)
        case Binary(operator, left, right):
            level = _LEVEL[operator]
            space = "" if operator == ":" else " "
            strict = level if operator == "**" else level - 1
            return f"{_inner(left, strict + 1)}{space}{operator}{space}{_inner(right, level + 1)}"


def _inner(node: Node, level: int) -> str:
    """Write an operand, in brackets unless it binds at least as tightly as `level`."""
    own = 1 if isinstance(node, Sum) else _LEVEL[node.operator] if isinstance(node, Binary) else 5
    return to_text(node) if own >= level else f"({to_text(node)})"


def names(node: Node) -> tuple[Name, ...]:
    """List the columns named in an expression, in order of appearance (repeats included)."""
    if isinstance(node, Name):
        return (node,)
    return tuple(name for child in children(node) for name in names(child))
