import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescope.config.arithmetic import MAX_DEPTH, GrammarError, evaluate, multiple, syntax_tree


def value(text):
    return evaluate(syntax_tree(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2), ("-2.5", -2.5), ("+.5", 0.5), ("1e-3", 0.001), ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9),
        ("2 ** 10", 1024), ("-2 ** 2", -4), ("1 / 4", 0.25), ("2 ** -1", 0.5), (" 1 ", 1),
    ],
)  # fmt: skip
def test_arithmetic_means_what_it_says(text, expected):
    assert value(text) == expected
    assert type(value(text)) is float


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("9 ** 9 ** 9 ** 9", "too large"),
        ("1e400", "too large"),
        ("1" * 400, "too large"),
        ("1e300 * 1e300", "too large"),
        ("(-8) ** (1 / 3)", "fractional power"),
        ("1j", "is not a number"),
        ("True", "is not a number"),
        ("7 // 2", "is not a number"),
        ("7 % 2", "is not a number"),
        ("~1", "is not a number"),
        ("1 if 1 else 2", "is not a number"),
        ("nan", "is not a number"),
        ("abs(1)", "is not a number"),
        ("(1).real", "is not a number"),
        ("f'{1}'", "is not a number"),
        ("[1]", "is not a number"),
        ("(x := 1)", "is not a number"),
        ("1 +", "is not a prior"),
        ("1if 1else 2", "is not a number"),
        ("", "is not a prior"),
        ("\0", "is not a prior"),
        ("-" * (MAX_DEPTH + 1) + "1", "nested deeper"),
        ("(" * 900, "is not a prior"),
        ("1" + "+1" * 400, "nested deeper"),
        ("." * 10**6, "longer than 1000 characters"),
    ],
)
def test_everything_else_is_refused(text, message):
    with pytest.raises(GrammarError, match=message):
        value(text)


@pytest.mark.parametrize("step", [" * 1", " / 1"])
def test_a_multiple_of_a_parameter_may_be_as_deep_as_arithmetic(step):
    assert multiple(syntax_tree("sigma" + step * MAX_DEPTH)) == (1.0, "sigma")
    with pytest.raises(GrammarError, match="nested deeper"):
        multiple(syntax_tree("sigma" + step * (MAX_DEPTH + 1)))


numbers = st.floats(min_value=1e-6, max_value=1e6).map(repr)


@given(
    st.recursive(
        numbers,
        lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map("({0[0]}){0[1]}({0[2]})".format),
        max_leaves=8,
    )
)
def test_agrees_with_python(text):
    try:
        expected = eval(compile(ast.parse(text, mode="eval"), "", "eval"), {"__builtins__": {}})  # noqa: S307
    except ZeroDivisionError:
        expected = math.nan
    if math.isfinite(expected) and len(text) <= 1000:
        assert value(text) == expected
