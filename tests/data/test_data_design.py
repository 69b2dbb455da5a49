"""Design matrices: equal to formulae's and patsy's, reproducible on new data, and named when they cannot be made."""

import json

import formulae
import numpy as np
import pandas as pd
import patsy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.data.checks import check_design
from bayescope.data.design import apply_design, apply_offset, build_design, evaluate_response
from bayescope.data.formula import parse
from bayescope.data.read import read_columns, read_counts
from bayescope.errors import DataError

RNG = np.random.default_rng(20261120)
N = 24
FRAME = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.normal(size=N),
        "z": RNG.uniform(1, 5, size=N),
        "w": RNG.integers(1, 4, size=N),
        "g": np.tile(["a", "b", "c"], N // 3),
        "h": np.repeat(["u", "v"], N // 2),
        "k": np.tile(np.repeat(["p", "q"], 3), N // 6),
        "flag": np.tile([True, False], N // 2),
    }
)
TABLE = read_columns({name: FRAME[name].tolist() for name in FRAME})


def table(**columns):
    return read_columns(columns)


def design(text, data=TABLE, **settings):
    return build_design(parse(text), data, **settings)


def sorted_columns(matrix):
    """Columns in an order of their own, so that two designs can be compared up to the order."""
    rounded = np.round(np.asarray(matrix, dtype=float), 9) + 0.0
    return rounded[:, np.lexsort(rounded)]


def assert_same_columns(ours, theirs):
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(sorted_columns(ours), sorted_columns(theirs), atol=1e-8)  # of the rounding


def findings(call, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        call(*args, **kwargs)
    return [str(finding) for finding in caught.value.findings]


factors = st.sampled_from(
    ["x", "z", "w", "g", "h", "k", "log(z)", "scale(x)", "center(z)", "I(x * z)", "C(w)"]
)
products = st.lists(factors, min_size=1, max_size=3, unique=True)


@st.composite
def right_sides(draw):
    """Draw a hierarchical right side: products by `*`, which contain all their margins.

    Factors are in one order throughout: formulae takes `a:b` and `b:a` for two terms.
    """
    terms = [" * ".join(sorted(term)) for term in draw(st.lists(products, min_size=1, max_size=3))]
    return draw(st.sampled_from(["", "", "0 + "])) + " + ".join(terms)


@settings(max_examples=60, deadline=None)
@given(right_sides())
def test_matrix_is_that_of_formulae_and_of_patsy_up_to_the_order_of_columns(right):
    ours = design("y ~ " + right).matrix
    right = right.replace("log(", "np.log(")
    by_patsy = np.asarray(patsy.dmatrix(right, FRAME))
    assert_same_columns(ours, by_patsy)
    by_formulae = np.asarray(formulae.design_matrices("y ~ " + right, FRAME).common)
    assert_same_columns(ours, by_formulae)


@settings(max_examples=60, deadline=None)
@given(st.lists(products, min_size=1, max_size=3), st.booleans())
def test_a_formula_without_its_margins_spans_what_patsy_spans(terms, intercept):
    right = ("" if intercept else "0 + ") + " + ".join(":".join(term) for term in terms)
    ours = design("y ~ " + right).matrix
    by_patsy = np.asarray(patsy.dmatrix(right.replace("log(", "np.log("), FRAME))
    assert_same_columns(ours, by_patsy)


@settings(max_examples=40, deadline=None)
@given(right_sides(), st.booleans())
def test_the_encoding_makes_the_same_matrix_again_after_json(right, standardize):
    built = design("y ~ " + right + " + poly(x, 2)*flag", standardize=standardize)
    encoding = json.loads(json.dumps(built.encoding))
    np.testing.assert_array_equal(
        apply_design(parse("y ~ " + right + " + poly(x, 2)*flag"), encoding, TABLE), built.matrix
    )


@settings(max_examples=30, deadline=None)
@given(right_sides(), st.lists(st.integers(0, N - 1), min_size=1, max_size=6))
def test_new_rows_get_the_values_they_had_in_the_data(right, rows):
    formula = parse("y ~ " + right)
    built = build_design(formula, TABLE, standardize=True)
    few = read_columns({name: FRAME[name].iloc[rows].tolist() for name in FRAME if name != "y"})
    np.testing.assert_allclose(apply_design(formula, built.encoding, few), built.matrix[rows], rtol=1e-12)


class TestLabels:
    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            ("y ~ x + g", ["Intercept", "x", "g[b]", "g[c]"]),
            ("y ~ 0 + g + h", ["g[a]", "g[b]", "g[c]", "h[v]"]),
            ("y ~ g*x", ["Intercept", "g[b]", "g[c]", "x", "g[b]:x", "g[c]:x"]),
            ("y ~ x:h", ["Intercept", "x:h[u]", "x:h[v]"]),
            ("y ~ flag", ["Intercept", "flag[True]"]),
            ("y ~ C(w)", ["Intercept", "C(w)[2]", "C(w)[3]"]),
            ("y ~ log(z) + z / 100", ["Intercept", "log(z)", "z / 100"]),
            ("y ~ poly(x, 2)", ["Intercept", "poly(x, 2)[1]", "poly(x, 2)[2]"]),
            ("y ~ bs(x, 3)", ["Intercept", *(f"bs(x, df=3)[{k}]" for k in (1, 2, 3))]),
            ("y ~ x + (1 | g)", ["Intercept", "x"]),
            ("y ~ h:k", ["Intercept", "k[q]", "h[v]:k[p]", "h[v]:k[q]"]),
        ],
    )
    def test_labels(self, text, labels):
        assert list(design(text).labels) == labels

    def test_terms_say_which_columns_are_theirs(self):
        terms = design("y ~ x + log(z):g").terms
        assert [(t.name, t.start, t.stop, t.numeric, t.columns) for t in terms] == [
            ("Intercept", 0, 1, False, ()),
            ("x", 1, 2, True, ("x",)),
            ("log(z):g", 2, 5, False, ("z", "g")),
        ]

    def test_names_that_are_not_words_keep_their_backticks(self):
        data = table(y=[1, 2], **{"my col": [3, 5], "a:b": [4, 4]})
        assert design("y ~ `my col` + `a:b`", data).labels == ("Intercept", "`my col`", "`a:b`")

    def test_dot_is_every_column_but_the_response(self):
        data = table(n=[5, 5], y=[1, 2], x=[3, 5], g=["u", "v"])
        assert design("y / n ~ .", data).labels == ("Intercept", "x", "g[v]")

    def test_new_data_may_have_more_columns_than_the_dot_stood_for(self):
        formula = parse("y ~ .")
        built = build_design(formula, table(y=[1, 2], x=[3, 5]))
        new = apply_design(formula, built.encoding, table(extra=[0], x=[7]))
        np.testing.assert_array_equal(new, [[1, 7]])

    def test_matrix_cannot_be_written(self):
        with pytest.raises(ValueError, match="read-only"):
            design("y ~ x").matrix[0, 0] = 2


class TestTransforms:
    X = (1.0, 2.0, 4.0, 9.0)

    def column(self, text, **settings):
        return design(text, table(y=[0, 0, 0, 0], x=self.X), **settings).matrix[:, 1]

    def test_arithmetic(self):
        x = np.array(self.X)
        np.testing.assert_allclose(self.column("y ~ x / 100"), x / 100)
        np.testing.assert_allclose(self.column("y ~ (x - 32) / 1.8"), (x - 32) / 1.8)
        np.testing.assert_allclose(self.column("y ~ I(-x**2 + 3*x)"), -(x**2) + 3 * x)
        np.testing.assert_allclose(self.column("y ~ log1p(sqrt(x) - 1)"), np.log(np.sqrt(x)))

    def test_scale_divides_by_the_sd_of_the_data(self):
        scaled = self.column("y ~ scale(x)")
        assert scaled.mean() == pytest.approx(0, abs=1e-15)
        assert scaled.std() == pytest.approx(1)
        assert self.column("y ~ center(x)").tolist() == [-3, -2, 0, 5]

    def test_poly_of_equally_spaced_values_is_the_textbook_table(self):
        matrix = design("y ~ poly(x, 2)", table(y=[0] * 5, x=[1, 2, 3, 4, 5])).matrix[:, 1:]
        np.testing.assert_allclose(matrix[:, 0], np.array([-2, -1, 0, 1, 2]) / np.sqrt(10), atol=1e-15)
        np.testing.assert_allclose(matrix[:, 1], np.array([2, -1, -2, -1, 2]) / np.sqrt(14), atol=1e-15)

    def test_poly_is_that_of_formulae(self):
        theirs = np.asarray(formulae.design_matrices("y ~ poly(z, 4)", FRAME).common)
        np.testing.assert_allclose(design("y ~ poly(z, 4)").matrix, theirs, atol=1e-12)

    def test_raw_poly_is_the_powers(self):
        matrix = design("y ~ poly(x, 3, raw=True)", table(y=[0] * 4, x=self.X)).matrix[:, 1:]
        np.testing.assert_array_equal(matrix, np.array(self.X)[:, np.newaxis] ** [1, 2, 3])

    def test_raw_poly_and_poly_span_the_same(self):
        raw, orthogonal = design("y ~ poly(z, 3, raw=True)").matrix, design("y ~ poly(z, 3)").matrix
        fitted = orthogonal @ np.linalg.lstsq(orthogonal, raw)[0]
        np.testing.assert_allclose(fitted, raw, rtol=1e-12)

    def test_a_power_beyond_numbers_is_refused_by_row(self):
        found = findings(design, "y ~ poly(x, 4, raw=True)", table(y=[0] * 5, x=[1, 2, 3, 4, 1e90]))
        assert found == ["column 'x', row 5: `poly(x, 4, raw=True)` is not a finite number where x = 1e+90"]

    def test_repeated_rows_count_as_often_as_they_occur(self):
        counted = design("~ scale(x) + poly(x, 2)", read_counts({"x": {1: 3, 4: 1, 6: 2}}), standardize=True)
        expanded = design("~ scale(x) + poly(x, 2)", table(x=[1, 1, 1, 4, 6, 6]), standardize=True)
        np.testing.assert_allclose(counted.matrix, expanded.matrix[[0, 3, 4]], atol=1e-14)


class TestOffset:
    def test_without_one_there_is_none(self):
        assert design("y ~ x").offset is None
        assert apply_offset(parse("y ~ x"), design("y ~ x").encoding, TABLE) is None

    def test_several_are_added_and_are_no_columns(self):
        built = design("y ~ x + offset(log(z)) + offset(w)")
        np.testing.assert_allclose(built.offset, np.log(FRAME.z) + FRAME.w, rtol=1e-15)
        assert built.labels == ("Intercept", "x")

    def test_it_is_not_standardised(self):
        np.testing.assert_array_equal(design("y ~ x + offset(z)", standardize=True).offset, FRAME.z)

    def test_new_data_have_their_own_by_the_constants_of_the_data(self):
        formula = parse("y ~ x + offset(center(z))")
        encoding = json.loads(json.dumps(build_design(formula, TABLE).encoding))
        new = apply_offset(formula, encoding, table(x=[1, 2], z=[3, 4]))
        np.testing.assert_allclose(new, np.array([3, 4]) - FRAME.z.mean(), rtol=1e-14)

    def test_one_that_cannot_be_computed_is_named_by_row(self):
        message = "column 'e', row 2: `log(e)` is not a finite number where e = 0"
        assert findings(design, "~ offset(log(e))", table(e=[1, 0])) == [message]
        encoding = design("~ offset(log(e))", table(e=[1, 2])).encoding
        formula = parse("~ offset(log(e))")
        assert findings(apply_offset, formula, encoding, table(e=[1, 0])) == [message]

    def test_text_is_refused(self):
        assert "holds text" in findings(design, "y ~ offset(g)")[0]


class TestRightSideAlone:
    """The formula of a parameter other than the location: `sigma: "~ x"`."""

    def test_it_is_built_as_that_of_the_response_is(self):
        np.testing.assert_array_equal(design("~ x*g").matrix, design("y ~ x*g").matrix)
        assert design("~ 1").labels == ("Intercept",)

    def test_it_has_the_levels_and_constants_that_the_response_has(self):
        location, scale = design("y ~ g + scale(x) + z"), design("~ scale(x):g")
        assert scale.encoding["levels"] == location.encoding["levels"]
        assert scale.encoding["states"] == location.encoding["states"]

    def test_it_names_no_response(self):
        formula = parse("~ x + (1 | g)")
        assert (formula.response, formula.columns) == (None, ("x", "g"))


class TestStandardize:
    def test_numeric_factors_are_standardised_before_products(self):
        built = design("y ~ x*z + g", standardize=True)
        by_label = dict(zip(built.labels, built.matrix.T, strict=True))
        x, z = ((FRAME[c] - FRAME[c].mean()) / FRAME[c].std(ddof=0) for c in "xz")
        np.testing.assert_allclose(by_label["x"], x)
        np.testing.assert_allclose(by_label["x:z"], x * z)
        assert set(by_label["g[b]"]) == {0.0, 1.0}

    def test_means_and_sds_are_reported(self):
        state = design("y ~ x + log(z)", standardize=True).encoding["standardize"]
        assert state["x"] == {
            "mean": [pytest.approx(FRAME.x.mean())],
            "sd": [pytest.approx(FRAME.x.std(ddof=0))],
        }
        assert state["log(z)"]["mean"] == [pytest.approx(np.log(FRAME.z).mean())]

    def test_a_constant_column_is_left_to_the_checks(self):
        built = design("y ~ x", table(y=[1, 2], x=[3, 3]), standardize=True)
        assert [finding.kind for finding in check_design(built)] == ["constant"]


class TestWhatCannotBeComputed:
    def test_each_value_is_named(self):
        data = table(y=[1, 2, 3, 4], x=[1, 0, -2, 5], z=[1, 1, 0, 1])
        assert findings(design, "y ~ log(x) + I(x / z) + sqrt(x)", data) == [
            "column 'x', row 2: `log(x)` is not a finite number where x = 0",
            "column 'x', row 3: `log(x)` is not a finite number where x = -2",
            "row 3: `x / z` is not a finite number where x = -2, z = 0",
            "column 'x', row 3: `sqrt(x)` is not a finite number where x = -2",
        ]

    def test_only_five_rows_of_many_are_listed(self):
        found = findings(design, "y ~ log(x)", table(y=[1] * 2000, x=[-1] * 2000))
        assert len(found) == 6
        assert found[-1] == "column 'x': ... and 1,995 more rows"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("y ~ exp(x)", "`exp(x)` is not a finite number where x = 1000"),
            ("y ~ x + big:huge", "`big:huge` is too large for a number"),
            ("y ~ scale(same)", "`scale(same)`: same is constant"),
            ("y ~ poly(x, 3)", "a polynomial of degree 3 needs more than 3 different values"),
            ("y ~ log(name)", "column 'name': holds text ('u', 'v'), but numbers are expected here"),
            ("y ~ gap", "column 'gap', row 2: is missing"),
            ("y ~ hole", "column 'hole', row 1: is missing"),
        ],
    )
    def test_messages(self, text, message):
        data = table(
            y=[1, 2], x=[1000, 3], same=[0.1, 0.1], name=["u", "v"], big=[1e200, 1], huge=[1e200, 2],
            gap=[1, None], hole=[None, "a"],
        )  # fmt: skip
        assert any(message in finding for finding in findings(design, text, data))

    def test_a_level_that_the_model_does_not_know(self):
        formula = parse("y ~ g + C(w)")
        built = build_design(formula, TABLE)
        new = table(g=["a", "d"], w=[9, 1])
        assert findings(apply_design, formula, built.encoding, new) == [
            "column 'g', row 2: d is not a level of the model (a, b, c)",
            "column 'w', row 1: 9 is not a level of the model (1, 2, 3)",
        ]

    def test_a_column_for_each_of_very_many_levels(self):
        data = table(y=[1] * 10_002, customer=[f"c{i}" for i in range(10_002)])
        assert "10,001 of them from `customer`" in findings(design, "y ~ customer", data)[0]


class TestResponse:
    def test_values(self):
        values, trials = evaluate_response(parse("log(z) ~ x"), TABLE)
        np.testing.assert_allclose(values, np.log(FRAME.z))
        assert trials is None

    def test_bools_are_0_and_1(self):
        assert evaluate_response(parse("flag ~ x"), TABLE)[0][:2].tolist() == [1.0, 0.0]

    def test_successes_and_trials(self):
        values, trials = evaluate_response(parse("a / b ~ 1"), table(a=[1, 2], b=[3, 4]))
        assert (values.tolist(), trials.tolist()) == ([1, 2], [3, 4])

    def test_text_is_handed_on_for_the_check_to_refuse(self):
        assert evaluate_response(parse("g ~ x"), TABLE)[0].dtype == object

    def test_logarithm_of_zero(self):
        assert findings(evaluate_response, parse("log(y) ~ 1"), table(y=[0, 1])) == [
            "column 'y', row 1: `log(y)` is not a finite number where y = 0"
        ]
