"""Arithmetic of numbers in a text, read as data: `2.5 * 10 ** -1` is 0.25, and a call is refused.

A number times one name, `2.5 * sigma / 3`, is read too, where the grammar of priors asks for it.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

from bayescope.config.suggest import quoted

MAX_CHARACTERS = 1000
MAX_DEPTH = 50


class GrammarError(Exception):
    """One thing wrong with an expression; its text is the message."""


def syntax_tree(text: str) -> ast.expr:
    """Return the syntax of an expression of at most 1000 characters, or raise `GrammarError`."""
    if len(text) > MAX_CHARACTERS:
        raise GrammarError(f"longer than {MAX_CHARACTERS} characters; write a prior such as Normal(0, 10)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about text such as `1if`, which is refused below
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # the commonest cause: a comma inside { } ends a YAML value, so the prior arrives cut short
        cut = "; inside { } put it in quotes" if text.count("(") > text.count(")") else ""
        raise GrammarError(f"{quoted(text)} is not a prior; write one such as Normal(0, 10){cut}") from None


_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
    }
)


def evaluate(node: ast.expr, depth: int = 0) -> float:
    """Return the value of an arithmetic expression of numbers, always finite."""
    if depth > MAX_DEPTH:
        raise GrammarError(f"nested deeper than {MAX_DEPTH} levels")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _finite(lambda: float(number))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = evaluate(operand, depth + 1)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _BINARY:
            first, second = evaluate(left, depth + 1), evaluate(right, depth + 1)
            return _finite(lambda: _BINARY[type(kind)](first, second))
    raise GrammarError(f"{source(node)} is not a number")


_ARITHMETIC = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp),
    *(ast.operator, ast.unaryop, ast.expr_context),
)


def names_in(node: ast.expr) -> tuple[str, ...]:
    """Return the names in an arithmetic expression, as often as they occur; empty if it is anything else."""
    parts = tuple(ast.walk(node))
    if not all(isinstance(part, _ARITHMETIC) for part in parts):
        return ()
    return tuple(part.id for part in parts if isinstance(part, ast.Name))


def multiple(node: ast.expr, depth: int = 0) -> tuple[float, str]:
    """Return (10.0, "sigma") of `10 * sigma`: one name, times and over numbers."""
    if depth > MAX_DEPTH:
        raise GrammarError(f"nested deeper than {MAX_DEPTH} levels")
    match node:
        case ast.Name(id=name):
            return 1.0, name
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            factor, name = multiple(operand, depth + 1)
            return (-factor if isinstance(sign, ast.USub) else factor), name
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            if names_in(left) and names_in(right):
                raise GrammarError(f"{source(node)} is a product of two parameters; write a number times one")
            scaled, number = (left, right) if names_in(left) else (right, left)
            factor, name = multiple(scaled, depth + 1)
            times = evaluate(number, depth + 1)
            return _finite(lambda: factor * times), name
        case ast.BinOp(left=left, op=ast.Div(), right=right) if not names_in(right):
            factor, name = multiple(left, depth + 1)
            over = evaluate(right, depth + 1)
            return _finite(lambda: factor / over), name
    raise GrammarError(f"{source(node)} is not a number times one parameter, such as 10 * sigma")


def _finite(compute: Callable[[], float]) -> float:
    try:
        value = compute()
    except ZeroDivisionError:
        raise GrammarError("division by zero") from None
    except OverflowError:
        raise GrammarError("a number is too large") from None
    if isinstance(value, complex):
        raise GrammarError("a fractional power of a negative number is not a number")
    if not math.isfinite(value):
        raise GrammarError("a number is too large")
    return value


def source(node: ast.expr) -> str:
    """Return the text of a part of an expression, in quotes, for messages."""
    try:
        return quoted(ast.unparse(node))
    except RecursionError:
        return "that"
