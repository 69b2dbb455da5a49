"""The values of expressions: arithmetic, functions, and transforms that remember what they learnt.

`scale`, `center`, `poly` and the splines learn constants from the data that a model is fitted to; the
constants are kept as JSON-able numbers under the expression's text, and used again on new data.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.counts import counted
from bayescope.data.calls import SPLINES
from bayescope.data.columns import as_number
from bayescope.data.disguised import disguised, examples
from bayescope.data.splines import learn_spline, spline_basis
from bayescope.data.syntax import Binary, Call, Name, Node, Number, Sum, names, to_text
from bayescope.data.table import Table, is_missing
from bayescope.errors import Finding

type Floats = NDArray[np.float64]
type State = dict[str, Any]

REPORTED_AT_MOST = 5

_FUNCTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "I": lambda x: x,
    "log": np.log,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "/": np.true_divide,
    "**": np.power,
}


@dataclass(frozen=True)
class Scope:
    """What expressions are evaluated in.

    Attributes:
        table: the data.
        states: the constants of transforms, by the expression's text.
        fitting: whether constants that are not in `states` may be learnt from the table.
        findings: what was found wrong, collected.
    """

    table: Table
    states: dict[str, State]
    fitting: bool
    findings: list[Finding] = field(default_factory=list)

    def mean(self, values: Floats) -> float:
        """Mean over the observations (rows weighted by how often they occur)."""
        return float(np.average(values, weights=self.table.weights))

    def sd(self, values: Floats) -> float:
        """Standard deviation over the observations, with divisor N (not N - 1)."""
        return float(np.sqrt(self.mean((values - self.mean(values)) ** 2)))


def capped(findings: list[Finding], total: int, column: str | None) -> list[Finding]:
    """Keep the first findings of a column and say how many more rows there are."""
    kept = findings[:REPORTED_AT_MOST]
    more = total - len(kept)
    return [*kept, Finding(f"... and {counted(more, 'more row')}", column)] if more > 0 else kept


def evaluate(node: Node, scope: Scope) -> Floats:
    """Evaluate an expression on every row, shape (n,), or (n, k) for `poly` and splines.

    Values that are not finite are added to the scope's findings by column and row, and replaced
    by 1 so that one mistake is reported once.
    """
    n = len(scope.table)
    match node:
        case Number(value):
            return np.full(n, value)
        case Name(name):
            return column(name, scope)
        case Sum(items):
            total = np.zeros(n)
            for sign, item in items:
                total = total + sign * evaluate(item, scope)
            return _finite(total, node, scope)
        case Binary(symbol, left, right):
            with np.errstate(all="ignore"):  # what goes wrong is reported by row
                values = _OPERATORS[symbol](evaluate(left, scope), evaluate(right, scope))
            return _finite(values, node, scope)
        case Call(function, arguments):
            values = evaluate(arguments[0], scope)
            if function in _TRANSFORMS:
                return _transformed(node, values, scope)
            with np.errstate(all="ignore"):
                return _finite(_FUNCTIONS[function](values), node, scope)
        case _:  # the parser lets neither `.` nor `:` come here
            raise TypeError(f"{to_text(node)} has no value")


def column(name: str, scope: Scope) -> Floats:
    """Take a column as numbers, shape (n,); text and missing values are findings."""
    values = scope.table.columns[name]
    if values.dtype != object and (values.dtype != np.float64 or np.isfinite(values).all()):
        return values.astype(np.float64)
    if values.dtype == object:
        scope.findings.extend(not_numbers(name, values, scope.table.rows))
        return np.ones(len(values))
    bad = np.flatnonzero(~np.isfinite(values))
    words = ["is missing" if np.isnan(values[i]) else "is infinite" for i in bad[:REPORTED_AT_MOST]]
    found = [Finding(text, name, int(scope.table.rows[i])) for text, i in zip(words, bad, strict=False)]
    scope.findings.extend(capped(found, len(bad), name))
    return np.where(np.isfinite(values), values, 1.0)


def not_numbers(name: str, values: NDArray[Any], rows: NDArray[np.int64]) -> list[Finding]:
    """Find what keeps an object column from being numbers: the cells, or that all of it is text."""
    present = ~is_missing(values)
    bad = np.array([i for i in np.flatnonzero(present) if as_number(values[i]) is None], dtype=np.intp)
    if not len(bad):
        return [Finding("holds numbers written as text; write them without quotes", name)]
    if 2 * len(bad) > present.sum():
        plain = "; write plain numbers, such as 1200 or 0.5" if disguised(values) == "numbers" else ""
        return [Finding(f"holds text ({examples(values[bad])}), but numbers are expected here{plain}", name)]
    found = [
        Finding(f"{values[i]!r} is text, but a number is expected", name, int(rows[i]))
        for i in bad[:REPORTED_AT_MOST]
    ]
    return capped(found, len(bad), name)


def _finite(values: Floats, node: Node, scope: Scope, problem: str = "not a finite number") -> Floats:
    finite = np.isfinite(values)
    if finite.all():
        return values
    bad = np.flatnonzero(~finite.reshape(len(values), -1).all(axis=1))
    used = tuple(dict.fromkeys(name.name for name in names(node)))
    owner = used[0] if len(used) == 1 else None
    found = [
        Finding(f"`{to_text(node)}` is {problem} where {_row_text(used, scope.table, i)}", owner, row)
        for i, row in ((i, int(scope.table.rows[i])) for i in bad[:REPORTED_AT_MOST])
    ]
    scope.findings.extend(capped(found, len(bad), owner))
    return np.where(finite, values, 1.0)


def _row_text(used: tuple[str, ...], table: Table, index: np.intp) -> str:
    return ", ".join(f"{name} = {table.columns[name][index]}" for name in used)


def _transformed(call: Call, values: Floats, scope: Scope) -> Floats:
    """Apply a transform by the constants kept for it, learning them first when fitting."""
    learn, apply = _TRANSFORMS[call.function]
    text = to_text(call)
    if text not in scope.states:
        if not scope.fitting:
            raise KeyError(text)
        state = learn(call, values, scope)
        if isinstance(state, str):
            scope.findings.append(Finding(f"`{text}`: {state}"))
            return np.ones(len(values))
        scope.states[text] = state
    state = scope.states[text]
    with np.errstate(all="ignore"):  # what goes wrong is reported by row
        return _finite(apply(state, values), call, scope, _problem(call, state))


def _problem(call: Call, state: State) -> str:
    """Say what a value that is not finite means: a B-spline has none beyond its boundary knots."""
    if call.function != "bs":
        return "not a finite number"
    low, high = state["bounds"]
    return f"not defined beyond its bounds, {low:.6g} and {high:.6g} (`ns` and `cr` go on in straight lines),"


def _learn_center(call: Call, values: Floats, scope: Scope) -> State | str:
    del call
    return {"mean": scope.mean(values)}


def _learn_scale(call: Call, values: Floats, scope: Scope) -> State | str:
    mean, sd = scope.mean(values), scope.sd(values)
    if is_constant_sd(sd, values):
        return f"{to_text(call.arguments[0])} is constant, so it cannot be divided by its standard deviation"
    return {"mean": mean, "sd": sd}


def is_constant_sd(sd: float, values: Floats) -> bool:
    """Tell whether a standard deviation is zero but for rounding."""
    return not sd > 4 * np.finfo(np.float64).eps * float(np.abs(values).max(initial=0.0))


def _learn_poly(call: Call, values: Floats, scope: Scope) -> State | str:
    """Learn the recurrence of the polynomials orthogonal over the observations.

    P_0 = 1, P_k+1 = (x - a_k) P_k - (s_k / s_k-1) P_k-1 with s_k = sum P_k^2, a_k = sum x P_k^2 / s_k
    (Forsythe 1957; the same columns as R's `poly`). With `raw=True` they are the powers of x.
    """
    degree = call.arguments[1]
    steps = int(degree.value) if isinstance(degree, Number) else 1
    if len(np.unique(values)) <= steps:
        return f"a polynomial of degree {steps} needs more than {steps} different values"
    if call.options.get("raw"):
        return {"powers": steps}
    weights = np.ones(len(values)) if scope.table.weights is None else scope.table.weights
    alpha: list[float] = []
    norms: list[float] = []
    before, now = np.zeros(len(values)), np.ones(len(values))
    for k in range(steps + 1):
        norms.append(float(np.sum(weights * now**2)))
        if k == steps:
            break
        alpha.append(float(np.sum(weights * values * now**2)) / norms[k])
        ratio = norms[k] / norms[k - 1] if k else 0.0
        before, now = now, (values - alpha[k]) * now - ratio * before
    return {"alpha": alpha, "norms": norms}


def _apply_poly(state: State, values: Floats) -> Floats:
    if "powers" in state:
        return values[:, np.newaxis] ** np.arange(1, state["powers"] + 1)
    alpha, norms = state["alpha"], state["norms"]
    before, now = np.zeros(len(values)), np.ones(len(values))
    columns = np.empty((len(values), len(alpha)))
    for k, shift in enumerate(alpha):
        ratio = norms[k] / norms[k - 1] if k else 0.0
        before, now = now, (values - shift) * now - ratio * before
        columns[:, k] = now / np.sqrt(norms[k + 1])
    return columns


def _learn_spline(call: Call, values: Floats, scope: Scope) -> State | str:
    return learn_spline(call.function, call.options, values, scope.table.weights)


_TRANSFORMS: Mapping[
    str, tuple[Callable[[Call, Floats, Scope], State | str], Callable[[State, Floats], Floats]]
] = {
    "center": (_learn_center, lambda state, x: x - state["mean"]),
    "scale": (_learn_scale, lambda state, x: (x - state["mean"]) / state["sd"]),
    "poly": (_learn_poly, _apply_poly),
    **{kind: (_learn_spline, partial(spline_basis, kind)) for kind in SPLINES},
}
