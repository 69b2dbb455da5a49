"""Probabilities of statements about parameters: `fit.probability("mom_iq > 0 and mom_hs > 0")`.

    statement  = comparison | not statement | statement and statement | statement or statement
    comparison = expression < expression, also > <= >= and chains such as 0 < p < 1
    expression = numbers, names of parameters, + - * / **, parentheses

A name that is not a word stands in backticks: `` `dist / 100` > 0 ``. Read as data, never evaluated
as code. A comparison of one parameter with a number is answered by the posterior's cdf, exactly
where the posterior is exact; everything else by the draws, with its Monte Carlo error.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.suggest import suggest
from bayescope.errors import BayescopeError
from bayescope.inference.fit import Fit

type Floats = NDArray[np.float64]

MAX_CHARACTERS = 1000
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


class StatementError(BayescopeError):
    """The text is not a statement about the parameters."""

    exit_code = 2


@dataclass(frozen=True)
class Probability:
    """A probability with its Monte Carlo standard error (0 where it is computed exactly)."""

    value: float
    error: float

    def __float__(self) -> float:
        """Return the probability."""
        return self.value

    def __str__(self) -> str:
        """Write the probability, and its error where it has one."""
        return f"{self.value:.4g}" + (f" +/- {self.error:.1g}" if self.error else "")


def probability(fit: Fit, statement: str) -> Probability:
    """Compute the posterior probability of a statement.

    The Monte Carlo error is sqrt(q (1 - q) / ESS) with the effective sample size of the statement's
    indicator (Vehtari et al. 2021); exact draws are independent. A statement that holds in all draws, or
    in none, has the error 1 / ESS.

    Raises:
        StatementError: the text cannot be read, or names no parameter.
        BayescopeError: the method has no posterior.
    """
    names = {name: f"_{index}" for index, name in enumerate(fit.names)}
    tree = _parse(statement, names)
    draws = _draws(fit)
    single = _single(tree)
    if single is not None and not _is_monte_carlo(fit):
        column, kind, bound = single
        return _by_cdf(fit, column, bound, kind)
    columns = {alias: draws[:, :, index] for index, alias in enumerate(names.values())}
    return _monte_carlo(
        fit, np.broadcast_to(np.asarray(_truth(tree, columns), dtype=np.float64), draws.shape[:2])
    )


def probability_positive(fit: Fit, name: str) -> Probability:
    """Compute P(`name` > 0), as `probability` does; any label is a name here.

    Raises:
        BayescopeError: the method has no posterior.
    """
    column, draws = fit.names.index(name), _draws(fit)
    if not _is_monte_carlo(fit):
        return _by_cdf(fit, column, 0.0, ast.Gt)
    return _monte_carlo(fit, np.asarray(draws[:, :, column] > 0, dtype=np.float64))


def _draws(fit: Fit) -> Floats:
    if fit.draws is None:
        raise BayescopeError(
            f"{fit.name} has no posterior; ask exact or nuts for the probability of a statement"
        )
    return fit.draws


def _is_monte_carlo(fit: Fit) -> bool:
    return fit.tree is not None or "ess" in fit.details


def _by_cdf(fit: Fit, column: int, bound: float, kind: type[ast.cmpop]) -> Probability:
    """Compute P(parameter < bound), or by another comparison."""
    marginal = fit.posterior[fit.names[column]]
    cdf = marginal.cdf_below if issubclass(kind, ast.Lt | ast.GtE) else marginal.cdf
    share = float(cdf(np.array(bound)))
    return Probability(share if issubclass(kind, ast.Lt | ast.LtE) else 1.0 - share, 0.0)


def _monte_carlo(fit: Fit, held: Floats) -> Probability:
    """Average an indicator, shape (chain, draw), with its error: by its own ESS, or that of the weights."""
    share = float(held.mean())
    if share in {0.0, 1.0}:
        return Probability(share, 1.0 / held.size)
    size = float(fit.details.get("ess", held.size))
    if fit.tree is not None:
        from arviz_stats.base import array_stats

        size = float(array_stats.ess(held, chain_axis=0, draw_axis=1, method="mean"))
    return Probability(share, float(np.sqrt(share * (1.0 - share) / size)))


def _parse(statement: str, names: Mapping[str, str]) -> ast.expr:
    """Read a statement; every name in the tree is one of the aliases `_0`, `_1`, ..."""
    if len(statement) > MAX_CHARACTERS:
        raise StatementError(f"the statement is longer than {MAX_CHARACTERS} characters")
    try:
        tree = ast.parse(_aliased(statement, names), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise StatementError(
            f"cannot read the statement {statement!r}; write one such as 'p > 0.5'"
        ) from None
    _check(tree, truth=True)
    return tree


def _aliased(statement: str, names: Mapping[str, str]) -> str:
    def alias(match: re.Match[str]) -> str:
        if match["word"] in {"and", "or", "not"}:
            return match["word"]
        name = match["word"] or (match["quoted"] if match["quoted"] in names else f"`{match['quoted']}`")
        if name not in names:
            raise StatementError(
                f"there is no parameter '{name}'{suggest(name, tuple(names), 'the parameters are')}"
            )
        return names[name]

    pattern = (
        r"`(?P<quoted>[^`]*)`|(?<![\w.])(?P<word>[^\W\d][\w.]*(?:\[[^\]]*\])?(?::[^\W\d]\w*(?:\[[^\]]*\])?)*)"
    )
    return re.sub(pattern, alias, statement.strip())


def _check(node: ast.expr, *, truth: bool) -> None:
    """Refuse whatever is not in the grammar; `truth` tells a statement from an expression."""
    match node:
        case ast.BoolOp(values=parts) if truth:
            for part in parts:
                _check(part, truth=True)
        case ast.UnaryOp(op=ast.Not(), operand=part) if truth:
            _check(part, truth=True)
        case ast.Compare(left=left, ops=ops, comparators=others) if truth and all(
            type(o) in _COMPARISONS for o in ops
        ):
            for part in (left, *others):
                _check(part, truth=False)
        case ast.BinOp(left=left, op=op, right=right) if not truth and type(op) in _ARITHMETIC:
            _check(left, truth=False)
            _check(right, truth=False)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=part) if not truth:
            _check(part, truth=False)
        case ast.Name() if not truth:
            pass
        case ast.Constant(value=float() | int()) if not truth and not isinstance(node.value, bool):
            pass
        case _:
            raise StatementError("a statement compares numbers and parameters, such as 'p > 0.5 and p < 0.9'")


def _single(node: ast.expr) -> tuple[int, type[ast.cmpop], float] | None:
    """(index of the parameter, the comparison, bound) of `parameter < number`, or of it turned round."""
    match node:
        case ast.Compare(left=ast.Name(id=alias), ops=[op], comparators=[bound]) if not _names(bound):
            return int(alias[1:]), type(op), float(_value(bound, {}))
        case ast.Compare(left=bound, ops=[op], comparators=[ast.Name(id=alias)]) if not _names(bound):
            return int(alias[1:]), _TURNED[type(op)], float(_value(bound, {}))
        case _:
            return None


def _names(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) for part in ast.walk(node))


def _truth(node: ast.expr, draws: Mapping[str, Floats]) -> Any:
    match node:
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return combine.reduce([_truth(part, draws) for part in parts])
        case ast.UnaryOp(operand=part):
            return np.logical_not(_truth(part, draws))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(part, draws) for part in (left, *others)]
            pairs = zip(ops, values, values[1:], strict=False)
            return np.logical_and.reduce([_COMPARISONS[type(op)](a, b) for op, a, b in pairs])
    raise StatementError("not a statement")  # pragma: no cover  _check let nothing else through


def _value(node: ast.expr, draws: Mapping[str, Floats]) -> Any:
    match node:
        case ast.Name(id=alias):
            return draws[alias]
        case ast.Constant(value=number):
            return np.float64(number)  # type: ignore[arg-type]
        case ast.UnaryOp(op=op, operand=part):
            value = _value(part, draws)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            with np.errstate(all="ignore"):
                return _ARITHMETIC[type(op)](_value(left, draws), _value(right, draws))
    raise StatementError("not an expression")  # pragma: no cover  _check let nothing else through
