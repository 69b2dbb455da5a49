"""The functions of formulas: their arguments, how these are written canonically, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from bayescope.config.suggest import suggest
from bayescope.data.syntax import Call, Keyword, Name, Number, Value
from bayescope.data.tokens import FormulaError

MAX_DEGREE = 20
MAX_DF = 200
SCALAR_FUNCTIONS = ("I", "log", "log1p", "exp", "sqrt", "abs", "scale", "center")
SPLINES = ("bs", "ns", "cr")
TERM_FUNCTIONS = ("poly", "C", *SPLINES)  # of several columns each, so no numbers for arithmetic
FUNCTIONS = (*SCALAR_FUNCTIONS, *TERM_FUNCTIONS, "offset")


class _Option(NamedTuple):
    """What an argument with a name may be set to, in words and as a test."""

    expected: str
    accepts: Callable[[Value], bool]


def _whole(low: int, high: int) -> _Option:
    def accepts(value: Value) -> bool:
        return isinstance(value, float) and value in range(low, high + 1)

    return _Option(f"a whole number from {low} to {high}", accepts)


def _increasing(value: Value) -> bool:
    return isinstance(value, tuple) and 0 < len(value) <= MAX_DF and all(a < b for a, b in pairwise(value))


_EXPECTED = {"poly": "a column and a degree", **dict.fromkeys(SPLINES, "a column and `df=` or `knots=`")}
_ANY_NUMBER = _Option("a number", lambda value: isinstance(value, float))
_NATURAL: Mapping[str, _Option] = {
    "df": _whole(1, MAX_DF),
    "knots": _Option(f"a list of 1 to {MAX_DF} increasing numbers, such as [1, 2.5]", _increasing),
    "lower_bound": _ANY_NUMBER,
    "upper_bound": _ANY_NUMBER,
}
_OPTIONS: Mapping[str, Mapping[str, _Option]] = {
    "poly": {"raw": _Option("True or False", lambda value: isinstance(value, bool))},
    "bs": {**_NATURAL, "degree": _whole(1, 10)},
    "ns": _NATURAL,
    "cr": _NATURAL,
}


def canonical(call: Call) -> Call:
    """Write a call the one way: `poly(x, 2)`, `bs(x, df=6)`; keywords in the order of the function's own."""
    first, *rest = call.arguments or (None,)
    options = list(call.keywords)
    if call.function in SPLINES and len(rest) == 1 and isinstance(rest[0], Number):
        options.append(Keyword("df", rest[0].value, rest[0].position))
        rest = []
    if call.function == "poly" and not rest:
        rest = [Number(k.value, k.position) for k in options if _is_degree(k) and isinstance(k.value, float)]
        options = [keyword for keyword in options if not (rest and _is_degree(keyword))]
    order = tuple(_OPTIONS.get(call.function, ()))
    options.sort(key=lambda keyword: order.index(keyword.name) if keyword.name in order else len(order))
    arguments = () if first is None else (first, *rest)
    return replace(call, arguments=arguments, keywords=tuple(options))


def _is_degree(keyword: Keyword) -> bool:
    return keyword.name == "degree"


def check_call(call: Call) -> None:
    """Check the name and the arguments of a function.

    Raises:
        FormulaError: no such function, or its arguments are wrong.
    """
    if call.function not in FUNCTIONS:
        ending = suggest(call.function, FUNCTIONS, "the functions are")
        raise FormulaError(f"there is no function `{call.function}`{ending}", call.position)
    if call.function == "offset":
        message = "`offset()` stands by itself in the sum of terms: `y ~ x + offset(log(exposure))`"
        raise FormulaError(message, call.position)
    check_arguments(call)


def check_arguments(call: Call) -> None:
    """Check the arguments of a function that there is.

    Raises:
        FormulaError: they are too many or too few, or of the wrong kind.
    """
    _check_keywords(call)
    if len(call.arguments) != (2 if call.function == "poly" else 1):
        expected = _EXPECTED.get(call.function, "one argument")
        raise FormulaError(
            f"`{call.function}()` takes {expected}, here are {len(call.arguments)}", call.position
        )
    if call.function == "C" and not isinstance(call.arguments[0], Name):
        raise FormulaError("`C()` takes the name of a column", call.arguments[0].position)
    if call.function == "poly" and poly_degree(call) is None:
        message = f"the degree of `poly()` is a whole number from 1 to {MAX_DEGREE}"
        raise FormulaError(message, call.arguments[1].position)
    if call.function in SPLINES:
        _check_spline(call)


def _check_keywords(call: Call) -> None:
    known = _OPTIONS.get(call.function, {})
    for keyword in call.keywords:
        if keyword.name not in known:
            ending = suggest(keyword.name, tuple(known), "it has") if known else ""
            message = f"`{call.function}()` has no argument `{keyword.name}`{ending}"
            raise FormulaError(message, keyword.position)
        if not known[keyword.name].accepts(keyword.value):
            message = f"`{keyword.name}` of `{call.function}()` is {known[keyword.name].expected}"
            raise FormulaError(message, keyword.position)


def _check_spline(call: Call) -> None:
    options = call.options
    names = [keyword.name for keyword in call.keywords]
    if len(names) != len(options) or ("df" in options) == ("knots" in options):
        message = f"`{call.function}()` takes either `df=` (the number of its columns) or `knots=`"
        raise FormulaError(message, call.position)
    df, degree = options.get("df"), options.get("degree", 3.0)
    if call.function == "bs" and isinstance(df, float) and isinstance(degree, float) and df < degree:
        message = f"`bs()` of degree {degree:g} has {degree:g} columns or more; here df is {df:g}"
        raise FormulaError(message, call.position)
    knots = options.get("knots", ())
    ends = (options.get("lower_bound", float("-inf")), options.get("upper_bound", float("inf")))
    inner = knots if isinstance(knots, tuple) else ()
    if not _increasing((ends[0], *inner, ends[1])):  # type: ignore[arg-type]
        raise FormulaError("knots lie between `lower_bound` and `upper_bound`", call.position)


def poly_degree(call: Call) -> int | None:
    """Return the degree of `poly(x, degree)`, or None when it is not a whole number in range."""
    degree = call.arguments[1]
    if isinstance(degree, Number) and degree.value in range(1, MAX_DEGREE + 1):
        return int(degree.value)
    return None
