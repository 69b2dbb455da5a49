"""The formula language: what it accepts, what it means, and how it refuses the rest."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescope.data.formula import FormulaError, as_trials, expand_terms, parse, position_of, unknown_columns
from bayescope.data.parser import parse_sides
from bayescope.data.read import read_columns
from bayescope.data.syntax import to_text

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
        ("y ~ poly(a, degree=3)", (True, ["poly(a, 3)"])),
        ("y ~ poly(a, 3, raw=TRUE)", (True, ["poly(a, 3, raw=True)"])),
        ("y ~ bs(a, df = 6)", (True, ["bs(a, df=6)"])),
        ("y ~ bs(a, 6)", (True, ["bs(a, df=6)"])),
        ("y ~ bs(a, degree=2, knots=[-1, 2.50])", (True, ["bs(a, knots=[-1, 2.5], degree=2)"])),
        ("y ~ ns(log(a), 4):b", (True, ["ns(log(a), df=4):b"])),
        ("y ~ cr(a, df=4, lower_bound=0)", (True, ["cr(a, df=4, lower_bound=0)"])),
        ("y ~ a + (1 | b)", (True, ["a"])),
        ("y ~ (1 | b)", (True, [])),
        ("y ~ 0 + (1 | b)", (False, [])),
        ("y ~ a + offset(log(b))", (True, ["a"])),
        ("y ~ offset(a) + 0 + b", (False, ["b"])),
        ("y ~ . + (1 | b)", (True, ["a", "c"])),
        ("y ~ . + (1 + a | b)", (True, ["a", "c"])),
        ("y ~ . + offset(log(c))", (True, ["a", "b"])),
        ("y ~ scale(log(a))", (True, ["scale(log(a))"])),
        ("y ~ C(a):b", (True, ["C(a):b"])),
        ("y ~ `a`", (True, ["a"])),
        ("y ~ `my col`:a", (True, ["`my col`:a"])),
        ("y ~ `[` + `|`:`=`", (True, ["`[`", "`|`:`=`"])),
        ("y ~ bs(`=`, df=4)", (True, ["bs(`=`, df=4)"])),
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
        ("y ~ a + bz(b)", "no function `bz`", 8),
        ("y ~ log(a, 2)", "`log()` takes one argument, here are 2", 4),
        ("y ~ poly(a)", "takes a column and a degree, here are 1", 4),
        ("y ~ poly(a, 0)", "degree of `poly()`", 12),
        ("y ~ poly(a, b)", "degree of `poly()`", 12),
        ("y ~ poly(a, 99)", "degree of `poly()`", 12),
        ("y ~ C(a + b)", "`C()` takes the name of a column", 6),
        ("y ~ log(C(a))", "`C()` is a term by itself", 8),
        ("y ~ log(a:b)", "inside arithmetic write `*`", 9),
        ("y ~ log(.)", "`.` stands for whole columns", 8),
        ("y ~ bs(a)", "either `df=` (the number of its columns) or `knots=`", 4),
        ("y ~ bs(a, df=4, knots=[1])", "either `df=` (the number of its columns) or `knots=`", 4),
        ("y ~ bs(a, 4, df=5)", "either `df=`", 4),
        ("y ~ bs(a, df=2)", "`bs()` of degree 3 has 3 columns or more", 4),
        ("y ~ bs(a, df=4.5)", "`df` of `bs()` is a whole number from 1 to 200", 10),
        ("y ~ bs(a, df=1e9)", "`df` of `bs()` is a whole number", 10),
        ("y ~ bs(a, df=True)", "`df` of `bs()` is a whole number", 10),
        ("y ~ bs(a, df=b)", "expected a number, a list such as [1, 2], or True or False, found `b`", 13),
        ("y ~ bs(a, df=)", "expected a number", 13),
        ("y ~ bs(a, df=4, df=5)", "`df` is given twice", 16),
        ("y ~ bs(a, df=4, include_intercept=True)", "no argument `include_intercept`", 16),
        ("y ~ ns(a, df=4, degree=2)", "no argument `degree`", 16),
        ("y ~ bs(df=4, a)", "with a name after those without", 13),
        ("y ~ bs(df=4)", "takes a column and `df=` or `knots=`, here are 0", 4),
        ("y ~ bs(a, 4, 5)", "takes a column and `df=` or `knots=`, here are 3", 4),
        ("y ~ bs(a, knots=[])", "a list of 1 to 200 increasing numbers", 10),
        ("y ~ bs(a, knots=[2, 1])", "increasing numbers", 10),
        ("y ~ bs(a, knots=[2, 2])", "increasing numbers", 10),
        ("y ~ bs(a, knots=[[1]])", "found `[`", 17),
        ("y ~ bs(a, knots=[1", "expected `]`, found the end", 18),
        ("y ~ bs(a, knots=[1e999])", "too large", 17),
        ("y ~ bs(a, knots=[5], upper_bound=4)", "between `lower_bound` and `upper_bound`", 4),
        ("y ~ bs(a, df=4, lower_bound=1, upper_bound=1)", "between `lower_bound`", 4),
        ("y ~ bs(bs(a, 4), 4)", "`bs()` is a term by itself", 7),
        ("y ~ log(ns(a, 4))", "`ns()` is a term by itself", 8),
        ("y ~ 2 * cr(a, 4)", "`cr()` is a term by itself", 8),
        ("bs(y, 4) ~ a", "a term by itself", 0),
        ("y ~ bs(y, 4)", "y is the response", 7),
        ("y ~ poly(a, 2, raw=1)", "`raw` of `poly()` is True or False", 15),
        ("y ~ log(a, base=2)", "`log()` has no argument `base`", 11),
        ("y ~ log(a,)", "found `)`", 10),
        ("y ~ I(a == 1)", "comparisons such as `==`", 9),
        ("y ~ (a == 1)", "`=` has no meaning", 7),
        ("y ~ [a]", "brackets for indexing", 4),
        ("y ~ log([1])", "found `[`", 8),
        ("y ~ 1 | a", "a group term stands in brackets: `(1 | county)`", 6),
        ("y ~ log(a | b)", "a group term stands in brackets", 10),
        ("y ~ (1 | a | b)", "a group term stands in brackets", 11),
        ("y ~ a * (1 | b)", "for a slope of x in each group, `(1 + x | g)`", 8),
        ("y ~ a:(1 | b)", "a group term is added by itself", 6),
        ("y ~ log((1 | b))", "a group term is added by itself", 8),
        ("y ~ (1 | b) / 2", "a group term is added by itself", 4),
        ("y ~ ((1 | b) + a)**2", "a group term is added by itself", 5),
        ("(1 | b) ~ a", "a group term is added by itself", 0),
        ("y ~ a - (1 | b)", "`(1 | b)` is not a term to remove", 8),
        ("y ~ (0 | b)", "has no effect to estimate; write `(1 | b)`", 4),
        ("y ~ (. | b)", "`.` cannot be used in a group term", 5),
        ("y ~ (1 | .)", "`.` cannot be used in a group term", 9),
        ("y ~ (1 | C(b))", "groups are made by a column, `a:b`", 9),
        ("y ~ (1 | a + b)", "here is `a + b`", 9),
        ("y ~ (1 | a * b)", "groups are made by a column", 11),
        ("y ~ (1 | 2)", "here is `2`", 9),
        ("y ~ (1 | (1 | a))", "groups are made by a column", 9),
        ("y ~ ((1 | a) | b)", "a group term is added by itself", 5),
        ("y ~ (32 | b)", "`+ 32` is not a term", 5),
        ("y ~ (1 | b) + (a | b)", "two group terms of `b`", 14),
        ("y ~ (1 | a:b) + (1 | b:a)", "two group terms of `b:a`", 16),
        ("y ~ (1 | y)", "y is the response", 9),
        ("y ~ (y | b)", "y is the response", 5),
        ("y ~ (1 |", "found the end", 8),
        ("y ~ a * offset(b)", "`offset()` stands by itself", 8),
        ("y ~ log(offset(a))", "`offset()` stands by itself", 8),
        ("offset(y) ~ a", "`offset()` stands by itself", 0),
        ("y ~ a - offset(b)", "put the minus into it: `offset(-x)`", 8),
        ("y ~ offset(2)", "no column in `offset(2)`", 4),
        ("y ~ offset(a, b)", "takes one argument, here are 2", 4),
        ("y ~ offset()", "takes one argument, here are 0", 4),
        ("y ~ offset(.)", "`.` stands for whole columns", 11),
        ("y ~ offset(C(a))", "`C()` is a term by itself", 11),
        ("y ~ offset(y)", "y is the response", 11),
        ("y ~ 0 + offset(a)", "nothing on the right side", 4),
        ("~ .", "the left side is empty; name the columns", 2),
        ("~ a + log(b):.", "the left side is empty", 13),
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
        "y ~ " + "(1 | " * 500 + "a" + ")" * 500,
        "y ~ bs(a, knots=[" + ",".join(map(str, range(2000))) + "])",
        "y ~ " + "+".join(f"x{i}" for i in range(2500)),
        "y ~ (" + "+".join(f"x{i}" for i in range(300)) + ")**8",
        "y ~ " + "a" * 2_000_000,
    ],
    ids=[
        "brackets",
        "calls",
        "minus",
        "product",
        "brackets of products",
        "groups",
        "knots",
        "sum",
        "power",
        "2 MB",
    ],
)
def test_large_formulas_end_in_an_error_and_nothing_else(text):
    refusal(text)


def test_many_columns_are_fine():
    assert len(expand_terms(parse("y ~ " + "+".join(f"x{i}" for i in range(1500))), ()).terms) == 1500


PIECES = [*"yab01 ~+-*/:^().,`|2[]=", "log(", "bs(a, ", "df=", "knots=[", "offset(", "(1 | ", "||", "True"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
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
            st.builds("bs({}, df={}, knots=[{}, -1])".format, inner, st.just("6"), st.just("2.5")),
            st.builds("poly({}, 2, raw={})".format, inner, st.sampled_from(["True", "FALSE"])),
            st.builds("({} {} {})".format, inner, st.sampled_from(["|", "||"]), inner),
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


class TestGroupsAndOffsets:
    def test_a_group_term_has_effects_and_a_factor(self):
        [group] = parse("y ~ a + (1+a|county)").groups
        assert (group.text, group.name, group.columns) == ("(1 + a | county)", "county", ("county",))
        assert (to_text(group.effects), group.correlated, group.position) == ("1 + a", True, 8)

    def test_two_bars_mean_uncorrelated(self):
        assert not parse("y ~ (a || county)").groups[0].correlated

    @pytest.mark.parametrize(
        ("factor", "names"),
        [
            ("g", ["g"]),
            ("g:h", ["g:h"]),
            ("h:g:k", ["h:g:k"]),
            ("g / h", ["g", "g:h"]),
            ("g / h / k", ["g", "g:h", "g:h:k"]),
            ("(g:h) / k", ["g:h", "g:h:k"]),
            ("g:g", ["g"]),
            ("`my group`", ["`my group`"]),
        ],
    )
    def test_what_groups_are_made_of(self, factor, names):
        assert [group.name for group in parse(f"y ~ (1 | {factor})").groups] == names

    def test_several_in_their_order_with_offsets_between(self):
        formula = parse("y ~ (1 | g) + offset(log(e)) + a + (a | h) + offset(d)")
        assert [group.name for group in formula.groups] == ["g", "h"]
        assert list(map(to_text, formula.offsets)) == ["log(e)", "d"]
        assert to_text(formula.body) == "a"

    def test_their_columns_are_columns_of_the_formula(self):
        formula = parse("y ~ a + (log(b) | g:h) + offset(e) + (C(c) | k)")
        assert formula.predictors == ("a", "e", "b", "g", "h", "c", "k")
        assert formula.numeric == {"b", "e"}
        assert formula.categorical == {"c", "g", "h", "k"}
        assert formula.beyond_dot == {"y", "e", "g", "h", "k"}
        assert position_of(formula, "h") == 20

    def test_binomial_trials_and_groups_together(self):
        assert as_trials(parse("won / 10 ~ (1 | g)")).groups[0].name == "g"


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
