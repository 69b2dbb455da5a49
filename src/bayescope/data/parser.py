"""From the text of a formula to its expression tree, by recursive descent.

Precedence, loosest first: `~`, then `|` (in brackets), `+ -`, `* /`, `:`, `** ^`, then names, numbers,
calls and brackets. What an operator means (terms or arithmetic) is decided in `bayescope.data.formula`.
Text is only ever parsed, never evaluated as code.
"""

from __future__ import annotations

from bayescope.data.calls import canonical
from bayescope.data.syntax import (
    Binary,
    Call,
    Dot,
    Group,
    Keyword,
    Name,
    Node,
    Number,
    Sum,
    Value,
    children,
)
from bayescope.data.tokens import EQUALS, FormulaError, Token, tokens

MAX_DEPTH = 40
_GROUPS = "a group term stands in brackets: `(1 | county)`"
_TRUTH = {"True": True, "False": False, "TRUE": True, "FALSE": False}


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
        if self.at("|", "||", "="):
            raise FormulaError(EQUALS if self.at("=") else _GROUPS, self.next.position)
        if not self.at(operator):
            raise FormulaError(f"expected `{operator}`, found {_described(self.next)}", self.next.position)
        self.take()

    def sides(self) -> tuple[Node | None, Node]:
        left = None if self.at("~") else self.sum()
        if self.at("="):
            raise FormulaError(EQUALS, self.next.position)
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
            inner = self.group(inner, token) if self.at("|", "||") else inner
            self.expect(")")
            return inner
        if token.text == "=":
            raise FormulaError(EQUALS, token.position)
        raise FormulaError(f"expected a column, a number or `(`, found {_described(token)}", token.position)

    def name(self, token: Token) -> Node:
        if self.at("."):
            advice = "put a column name with a dot in `backticks`"
            raise FormulaError(
                f"dotted names such as `{token.text}.…` are not allowed; {advice}", token.position
            )
        return Name(token.text, token.position)

    def group(self, effects: Node, start: Token) -> Node:
        bar = self.take()
        return Group(effects, self.sum(), correlated=bar.text == "|", position=start.position)

    def call(self, token: Token) -> Node:
        """Read the arguments of a function: expressions, then keywords."""
        self.expect("(")
        arguments: list[Node] = []
        keywords: list[Keyword] = []
        while arguments or keywords or not self.at(")"):
            if self.next.kind == "name" and self.tokens[self.index + 1].text == "=":
                keywords.append(self.keyword(token, [keyword.name for keyword in keywords]))
            elif keywords:
                raise FormulaError("write arguments with a name after those without one", self.next.position)
            else:
                arguments.append(self.sum())
            if not self.at(","):
                break
            self.take()
        self.expect(")")
        return canonical(Call(token.text, tuple(arguments), tuple(keywords), token.position))

    def keyword(self, function: Token, before: list[str]) -> Keyword:
        token = self.take()
        if token.text in before:
            raise FormulaError(f"`{token.text}` is given twice to `{function.text}()`", token.position)
        self.take()
        if self.at("="):
            message = "comparisons such as `==` are not supported; make a column of true and false"
            raise FormulaError(message, self.next.position)
        return Keyword(token.text, self.value(), token.position)

    def value(self) -> Value:
        """Read what a keyword is set to: a number, a list of numbers, or True or False."""
        if self.next.text in _TRUTH:
            return _TRUTH[self.take().text]
        if not self.at("["):
            return self.number()
        self.take()
        numbers = [] if self.at("]") else [self.number()]
        while self.at(","):
            self.take()
            numbers.append(self.number())
        self.expect("]")
        return tuple(numbers)

    def number(self) -> float:
        sign = self.sign() if self.at("-") else 1
        token = self.take()
        if token.kind != "number":
            expected = "a number, a list such as [1, 2], or True or False"
            raise FormulaError(f"expected {expected}, found {_described(token)}", token.position)
        return sign * _number(token).value


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
    if token.text in ("=", "|", "||"):
        return EQUALS if token.text == "=" else _GROUPS
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
