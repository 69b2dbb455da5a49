"""The formula language: what it accepts, what it means, and how it refuses the rest."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescope.data.formula import FormulaError, as_trials, expand_terms, parse, position_of, unknown_columns
from bayescope.data.read import read_columns
from bayescope.data.syntax import parse_sides, to_text

TABLE_COLUMNS = ("y", "a", "b", "c")


def terms(text):
    expanded = expand_terms(parse(text), TABLE_COLUMNS)
    return expanded.intercept, [":".join(term) for term in expanded.terms]


def offset_of_error(text):
    try:
        expand_terms(parse(text), TABLE_COLUMNS)
    except FormulaError as error:
        return error.position
    return 0


def refusal(text):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ a", (True, ["a"])),
        ("y ~ 1", (True, [])),
        ("y ~ 1 + a", (True, ["a"])),
        ("~ a", (True, ["a"])),
        ("y ~ 0 + a", (False, ["a"])),
        ("y ~ a + 0", (False, ["a"])),
        ("y ~ a - 1", (False, ["a"])),
        ("y ~ -1 + a", (False, ["a"])),
        ("y ~ a + -1", (False, ["a"])),
        ("y ~ 0 + a + 1", (True, ["a"])),
        ("y ~ a:b", (True, ["a:b"])),
        ("y ~ a*b", (True, ["a", "b", "a:b"])),
        ("y ~ a:b + b:a", (True, ["a:b"])),
        ("y ~ a:b + a", (True, ["a", "a:b"])),
        ("y ~ a*b*c", (True, ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"])),
        ("y ~ a*b*c - a:b:c", (True, ["a", "b", "c", "a:b", "a:c", "b:c"])),
        ("y ~ (a + b + c)**2", (True, ["a", "b", "c", "a:b", "a:c", "b:c"])),
        ("y ~ (a + b)^2", (True, ["a", "b", "a:b"])),
        ("y ~ (a + b):c", (True, ["a:c", "b:c"])),
        ("y ~ (1 + a):c", (True, ["c", "a:c"])),
        ("y ~ (a + b - a)*c", (True, ["b", "c", "b:c"])),
        ("y ~ a:a", (True, ["a"])),
        ("y ~ .", (True, ["a", "b", "c"])),
        ("y ~ . - b", (True, ["a", "c"])),
        ("y ~ .:b", (True, ["b", "a:b", "c:b"])),
        ("log(y) ~ .", (True, ["a", "b", "c"])),
        ("y / a ~ .", (True, ["b", "c"])),
        ("y ~ a / 100", (True, ["a / 100"])),
        ("y ~ 2*a", (True, ["2 * a"])),
        ("y ~ a * -2", (True, ["a * (-2)"])),
        ("y ~ (a - 32) / 1.8", (True, ["(a - 32) / 1.8"])),
        ("y ~ (a + b) / 2", (True, ["(a + b) / 2"])),
        ("y ~ a / 100 * b", (True, ["a / 100", "b", "a / 100:b"])),
        ("y ~ log( a )", (True, ["log(a)"])),
        ("y ~ log(a)*b", (True, ["log(a)", "b", "log(a):b"])),
        ("y ~ I(a^2)", (True, ["I(a ** 2)"])),
        ("y ~ I(a / b)", (True, ["I(a / b)"])),
        ("y ~ I(-a)", (True, ["I(-a)"])),
        ("y ~ poly(a, 3)", (True, ["poly(a, 3)"])),
        ("y ~ scale(log(a))", (True, ["scale(log(a))"])),
        ("y ~ C(a):b", (True, ["C(a):b"])),
        ("y ~ `a`", (True, ["a"])),
        ("y ~ `my col`:a", (True, ["`my col`:a"])),
    ],
)
def test_terms(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("", "expected a column", 0),
        ("y", "expected `~`", 1),
        ("y ~", "expected a column, a number or `(`, found the end", 3),
        ("y ~ 0", "nothing on the right side", 4),
        ("y ~ a ~ b", "only one `~`", 6),
        ("y ~ a b", "no operator between `a` and `b`", 6),
        ("y ~ a +", "expected a column", 7),
        ("y ~ (a", "expected `)`, found the end", 6),
        ("y ~ a)", "this `)` closes nothing", 5),
        ("y ~ a + 32", "`+ 32` is not a term", 8),
        ("y ~ a - 0", "`- 0` is not a term", 8),
        ("y ~ a - b", "no term `b` to remove", 8),
        ("y ~ -a", "no term `a` to remove", 5),
        ("y ~ a ** 2", "write `I(a ** 2)`", 6),
        ("y ~ log(a) ** 2", "write `I(log(a) ** 2)`", 11),
        ("y ~ (a + b)**2.5", "a whole number from 1 to 8", 13),
        ("y ~ (a + b)**c", "a whole number from 1 to 8", 13),
        ("y ~ a / b", "`I(a / b)` for the ratio, or `a + a:b`", 6),
        ("y ~ a:2", "a number is not a term", 6),
        ("y ~ 2 * 3", "no column in `2 * 3`", 6),
        ("y ~ log(2)", "no column in `log(2)`", 4),
        ("y ~ (0 + a) + b", "a number inside brackets", 5),
        ("y ~ lgo(a)", "no function `lgo`; did you mean 'log'?", 4),
        ("y ~ a + bs(b)", "no function `bs`", 8),
        ("y ~ log(a, 2)", "`log()` takes one argument, here are 2", 4),
        ("y ~ poly(a)", "takes a column and a degree, here are 1", 4),
        ("y ~ poly(a, 0)", "degree of `poly()`", 12),
        ("y ~ poly(a, b)", "degree of `poly()`", 12),
        ("y ~ poly(a, 99)", "degree of `poly()`", 12),
        ("y ~ C(a + b)", "`C()` takes the name of a column", 6),
        ("y ~ log(C(a))", "`C()` is a term by itself", 8),
        ("y ~ log(a:b)", "inside arithmetic write `*`", 9),
        ("y ~ log(.)", "`.` stands for whole columns", 8),
        ("y ~ (a | b)", "group effects are not supported yet", 7),
        ("y ~ a.b", "dotted names such as `a.…`", 4),
        ("y ~ np.log(a)", "dotted names", 4),
        ("y ~ __import__('os').system('x')", "text in quotes", 15),
        ("y ~ a['b']", "brackets for indexing", 5),
        ("y = a", "`=` has no meaning", 2),
        ("y ~ a; b", "unexpected character ';'", 5),
        ("y ~ `a", "backtick is not closed", 4),
        ("y ~ y + a", "y is the response", 4),
        ("log(y) ~ a + sqrt(y)", "y is the response", 18),
        ("y ~ Intercept + a", "`Intercept` is the name of the constant", 4),
        ("1 ~ a", "left side of `~` must be a column", 0),
        ("log(2) ~ a", "left side of `~` has no column", 0),
        ("scale(y) ~ a", "leave the response in its own units", 0),
        ("poly(y, 2) ~ a", "a term by itself", 0),
        ("C(y) ~ a", "a term by itself", 0),
        ("y:b ~ a", "inside arithmetic write `*`", 1),
        ("y ~ 1e999 * a", "too large", 4),
        ("y ~ a:b:c:d:e:f:g:h:i", "8 factors at most", 19),
    ],
)
def test_refused(text, message, position):
    error = refusal(text)
    assert message in error.message
    assert error.position == position
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "y ~ " + "(" * 500 + "a" + ")" * 500,
        "y ~ " + "log(" * 500 + "a" + ")" * 500,
        "y ~ " + "-" * 500 + "a",
        "y ~ " + " * ".join(f"x{i}" for i in range(300)),
        "y ~ " + ("(" * 39 + "a" + " * 2" * 39 + ") * 2 * 2" * 39),
        "y ~ " + "+".join(f"x{i}" for i in range(2500)),
        "y ~ (" + "+".join(f"x{i}" for i in range(300)) + ")**8",
        "y ~ " + "a" * 2_000_000,
    ],
    ids=["brackets", "calls", "minus", "product", "brackets of products", "sum", "power", "2 MB"],
)
def test_large_formulas_end_in_an_error_and_nothing_else(text):
    refusal(text)


def test_many_columns_are_fine():
    assert len(expand_terms(parse("y ~ " + "+".join(f"x{i}" for i in range(1500))), ()).terms) == 1500


@given(st.text(alphabet="yab01 ~+-*/:^().,`|2log", max_size=40))
def test_any_text_is_a_formula_or_a_named_error(text):
    assert 0 <= offset_of_error("y ~ " + text) <= len(text) + 4


def expressions():
    leaves = st.sampled_from(["a", "b", "`odd name`", "2", "0.5", "1e-05"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", ":"]), inner),
            st.builds("({}) ** ({})".format, inner, inner),
            st.builds("log({})".format, inner),
            st.builds("(-{})".format, st.sampled_from(["a", "2"])),
        ),
        max_leaves=8,
    )


@given(expressions())
def test_canonical_text_parses_back_to_the_same_tree(text):
    _, tree = parse_sides("~ " + text)
    assert parse_sides("~ " + to_text(tree))[1] == tree


class TestLeftSide:
    def test_column(self):
        formula = parse("y ~ a")
        assert (formula.response_name, formula.trials_name) == ("y", None)

    def test_successes_and_trials(self):
        formula = parse("won / played ~ a")
        assert (formula.response_name, formula.trials_name) == ("won", "played")
        assert formula.columns == ("won", "played", "a")

    def test_a_number_of_trials_is_arithmetic_until_a_binomial_asks(self):
        formula = parse("won / 10 ~ a")
        assert (formula.response_name, formula.trials_name) == ("won / 10", None)
        binomial = as_trials(formula)
        assert (binomial.response_name, binomial.trials_name) == ("won", "10")
        assert as_trials(parse("y ~ a")) == parse("y ~ a")

    def test_ratio_in_i_is_one_response(self):
        assert parse("I(won / played) ~ a").trials is None

    def test_nothing(self):
        assert parse("~ a").response is None
        assert parse("~ a").response_name == ""


class TestColumns:
    def test_each_once_in_order_without_the_dot(self):
        formula = parse("log(y) ~ b + a*b + poly(c, 2) + `odd name`")
        assert formula.columns == ("y", "b", "a", "c", "odd name")
        assert formula.predictors == ("b", "a", "c", "odd name")
        assert not formula.has_dot
        assert parse("y ~ . - a").has_dot

    def test_those_that_must_be_numbers(self):
        formula = parse("log(y) ~ a + b / 2 + log(c):d + C(e)")
        assert formula.numeric == {"y", "b", "c"}
        assert formula.categorical == {"e"}

    def test_unknown_ones_come_with_a_suggestion(self):
        table = read_columns({"mom_iq": [1], "kid_score": [2]})
        formula = parse("kid_score ~ mom_qi")
        assert unknown_columns(formula, table) == (("mom_qi", "; did you mean 'mom_iq'?"),)
        assert position_of(formula, "mom_qi") == 12
        assert unknown_columns(parse("kid_score ~ mom_iq"), table) == ()


def test_a_formula_is_frozen():
    formula = parse("y ~ a")
    with pytest.raises(AttributeError):
        formula.text = "y ~ b"
    assert isinstance(read_columns({"a": [1]}).columns, MappingProxyType)
