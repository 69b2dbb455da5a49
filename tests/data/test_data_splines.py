"""Spline bases: equal to patsy's and to R's, the same on new data, and refused where the values cannot tell them apart."""

import json

import numpy as np
import patsy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.data.design import apply_design, build_design
from bayescope.data.formula import parse
from bayescope.data.read import read_columns, read_counts
from bayescope.data.splines import quantiles
from bayescope.errors import DataError

RNG = np.random.default_rng(20261121)
X = RNG.gamma(2.0, size=40)
NEW = np.linspace(X.min(), X.max(), 17)
BEYOND = np.array([X.min() - 2.0, X.min() - 1.0, X.max() + 1.0, X.max() + 3.0])


def table(x, **columns):
    return read_columns({"x": list(map(float, x)), **columns})


def built(text, x=X, **settings):
    return build_design(parse(f"~ {text}"), table(x), **settings)


def basis(text, x=X):
    return built(text, x).matrix[:, 1:]


def on(text, new, x=X):
    """The columns of the spline learnt from x, at new values, after its constants went through JSON."""
    encoding = json.loads(json.dumps(built(text, x).encoding))
    return apply_design(parse(f"~ {text}"), encoding, table(new))[:, 1:]


def of_patsy(text, x=X, new=None):
    text = text.replace(")", ", constraints='center')") if text.startswith("cr") else text
    info = patsy.dmatrix(f"{text} - 1", {"x": x}).design_info
    return np.asarray(patsy.build_design_matrices([info], {"x": x if new is None else new})[0])


def finding(text, x):
    with pytest.raises(DataError) as caught:
        built(text, x)
    [found] = caught.value.findings
    return str(found)


samples = st.lists(st.integers(0, 400), min_size=15, max_size=40, unique=True).map(
    lambda numbers: np.array(numbers) / 7.0
)


@settings(max_examples=40, deadline=None)
@given(samples, st.integers(1, 4), st.integers(0, 4))
def test_bs_is_that_of_patsy(x, degree, inner):
    text = f"bs(x, df={degree + inner}, degree={degree})"
    np.testing.assert_allclose(basis(text, x), of_patsy(text, x), rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(samples, st.integers(2, 7))
def test_cr_is_the_centred_one_of_patsy(x, df):
    np.testing.assert_allclose(
        basis(f"cr(x, df={df})", x), of_patsy(f"cr(x, df={df})", x), rtol=0, atol=1e-12
    )


GIVEN = [
    "bs(x, knots=[1, 2, 3.5])",
    "bs(x, df=6)",
    "bs(x, df=4, degree=2, lower_bound=0, upper_bound=20)",
    "cr(x, knots=[1, 2.5])",
    "cr(x, df=5)",
]


@pytest.mark.parametrize("text", GIVEN)
def test_new_values_are_on_the_basis_of_the_data_as_in_patsy(text):
    np.testing.assert_allclose(on(text, NEW), of_patsy(text, new=NEW), rtol=0, atol=1e-12)


def test_cr_goes_on_in_straight_lines_as_in_patsy():
    np.testing.assert_allclose(
        on("cr(x, df=5)", BEYOND), of_patsy("cr(x, df=5)", new=BEYOND), rtol=0, atol=1e-11
    )


def test_ns_prints_what_r_prints_for_the_heights_of_women():
    """The first rows of `ns(women$height, df = 5)`, the example of R's help page, to the digits printed."""
    printed = [
        [0.000000e00, 0.000000e00, 0.00000000, 0.000000e00, 0.0000000000],
        [7.592323e-03, 0.000000e00, -8.670223e-02, 2.601067e-01, -1.734045e-01],
        [6.073858e-02, 0.000000e00, -1.503044e-01, 4.509132e-01, -3.006088e-01],
        [2.047498e-01, 6.073858e-05, -1.677834e-01, 5.033503e-01, -3.355669e-01],
    ]
    np.testing.assert_allclose(basis("ns(x, df=5)", np.arange(58, 73))[:4], printed, atol=5e-8)


@pytest.mark.parametrize("knots", ["[1.5]", "[1, 2, 3]"])
def test_ns_and_cr_span_the_same_functions(knots):
    def projection(text):
        columns = np.column_stack([np.ones(len(X)), basis(text)])
        orthonormal = np.linalg.qr(columns)[0]
        return orthonormal @ orthonormal.T

    ns, cr = projection(f"ns(x, knots={knots})"), projection(f"cr(x, knots={knots})")
    np.testing.assert_allclose(ns, cr, atol=1e-12)


@pytest.mark.parametrize("text", ["ns(x, df=4)", "cr(x, df=4)"])
def test_natural_splines_have_no_curvature_beyond_their_bounds(text):
    left, right = on(text, X.min() - np.array([0, 1, 2])), on(text, X.max() + np.array([0, 1, 2]))
    for ends in (left, right):
        np.testing.assert_allclose(ends[2] - ends[1], ends[1] - ends[0], atol=1e-12)


@pytest.mark.parametrize("text", ["ns(x, df=4)", "cr(x, df=4)", "bs(x, df=6)"])
def test_a_straight_line_is_among_their_functions(text):
    columns = np.column_stack([np.ones(len(X)), basis(text)])
    residual = X - columns @ np.linalg.lstsq(columns, X)[0]
    assert np.abs(residual).max() < 1e-12 * np.abs(X).max() * len(X)


def test_cr_has_mean_zero_over_the_data():
    np.testing.assert_allclose(basis("cr(x, df=5)").mean(axis=0), 0, atol=1e-14)


COUNTS = {0.5: 3, 1.0: 1, 2.0: 7, 3.0: 2, 4.5: 5, 6.0: 1, 7.0: 4, 9.0: 2}


@pytest.mark.parametrize("text", ["bs(x, df=5)", "ns(x, df=3)", "cr(x, df=3)"])
def test_repeated_rows_count_as_often_as_they_occur(text):
    counted = build_design(parse(f"~ {text}"), read_counts({"x": COUNTS}))
    expanded = np.repeat(list(COUNTS), list(COUNTS.values()))
    first = np.unique(expanded, return_index=True)[1]
    np.testing.assert_allclose(counted.matrix[:, 1:], basis(text, expanded)[first], atol=1e-12)


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), min_size=1, max_size=12),
    st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4),
)
def test_quantiles_of_counts_are_those_of_the_values_repeated(pairs, shares):
    values, counts = np.array(pairs, dtype=float).T
    repeated = np.repeat(values, counts.astype(int))
    ours = quantiles(values, counts, np.array(shares))
    np.testing.assert_allclose(ours, np.quantile(repeated, shares), rtol=0, atol=1e-11)


@pytest.mark.parametrize("weight", [1 / 30, 0.35, 1.0])
def test_equal_weights_of_at_most_1_have_the_quantiles_of_no_weights(weight):
    values, shares = np.random.default_rng(4).normal(size=30), np.array([0.1, 0.25, 0.5, 0.9])
    ours = quantiles(values, np.full(30, weight), shares)
    np.testing.assert_allclose(ours, np.quantile(values, shares), rtol=1e-12)


def test_quantiles_of_parts_of_rows_rise_from_the_least_value_to_the_greatest():
    rng = np.random.default_rng(5)
    values, weights = rng.normal(size=30), rng.uniform(0.001, 0.03, 30)
    ours = quantiles(values, weights, np.linspace(0, 1, 200))
    assert (ours[0], ours[-1]) == (values.min(), values.max())
    assert (np.diff(ours) >= 0).all()


def test_cr_of_one_column_is_the_straight_line():
    column = basis("cr(x, df=1)")[:, 0]
    np.testing.assert_allclose(np.abs(np.corrcoef(column, X)[0, 1]), 1, rtol=1e-14)


def test_labels_and_products_with_levels():
    data = table(X, g=["u", "v"] * 20)
    design = build_design(parse("~ g:ns(x, 2)"), data)
    assert design.labels == (
        "Intercept", "g[u]:ns(x, df=2)[1]", "g[u]:ns(x, df=2)[2]", "g[v]:ns(x, df=2)[1]", "g[v]:ns(x, df=2)[2]",
    )  # fmt: skip
    assert [term.name for term in design.terms] == ["Intercept", "g:ns(x, df=2)"]


def test_standardised_columns_are_standardised_by_the_data_on_new_rows_too():
    formula = parse("~ bs(x, df=5)")
    fitted = build_design(formula, table(X), standardize=True)
    np.testing.assert_allclose(fitted.matrix[:, 1:].std(axis=0), 1)
    new = apply_design(formula, fitted.encoding, table(X[:3]))
    np.testing.assert_allclose(new, fitted.matrix[:3], rtol=1e-12)


def test_no_rows_give_no_rows():
    formula = parse("~ bs(x, df=5) + ns(x, 3) + cr(x, 3)")
    encoding = build_design(formula, table(X)).encoding
    few = read_columns({"x": [1.0]})
    assert apply_design(formula, encoding, few).shape == (1, 12)


class TestBeyondTheBounds:
    def test_bs_has_no_value_there_and_names_the_rows(self):
        formula = parse("~ bs(x, df=5)")
        encoding = build_design(formula, table(range(11))).encoding
        with pytest.raises(DataError) as caught:
            apply_design(formula, encoding, table([3, -1, 10, 12.5]))
        advice = "not defined beyond its bounds, 0 and 10 (`ns` and `cr` go on in straight lines),"
        assert [str(found) for found in caught.value.findings] == [
            f"column 'x', row 2: `bs(x, df=5)` is {advice} where x = -1.0",
            f"column 'x', row 4: `bs(x, df=5)` is {advice} where x = 12.5",
        ]

    def test_wider_bounds_make_room(self):
        assert np.isfinite(on("bs(x, df=5, lower_bound=-5, upper_bound=30)", [-5, 0, 30])).all()

    def test_narrower_bounds_are_refused_by_the_data_of_bs(self):
        assert "not defined beyond its bounds, 0 and 3" in finding(
            "bs(x, df=3, lower_bound=0, upper_bound=3)", [0, 1, 1.5, 2, 3, 4]
        )

    def test_narrower_bounds_are_where_the_lines_of_ns_begin(self):
        columns = basis("ns(x, df=2, lower_bound=1, upper_bound=3)", np.array([0, 1, 1.5, 2, 2.5, 3, 4, 5]))
        np.testing.assert_allclose(columns[7] - columns[6], columns[6] - columns[5], atol=1e-12)


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        ("bs(x, df=6)", [1, 2, 3, 4, 5, 6], "a spline of 6 columns needs more than 6 different values, here are 6"),
        ("cr(x, df=4)", [1, 2, 3, 3], "a spline of 4 columns needs more than 4 different values, here are 3"),
        ("ns(x, df=2)", [5, 5, 5], "a spline needs a range of values, and here is 5 to 5"),
        ("bs(x, df=7)", [0, *range(20), 0, 0, 0, 0, 0, 0, 0, 0, 0], "two knots fall on 0"),
        ("bs(x, df=7)", [3] * 20 + list(range(9)), "two knots fall on 3, the value of so many rows; use a lower df"),
        ("bs(x, knots=[30])", range(10), "the knots lie between 0 and 9, the bounds"),
        ("ns(x, knots=[4, 4.1, 4.2, 4.3, 4.4])", range(10), "too few different values (0) between 4.1 and 4.2"),
        ("bs(x, knots=[4, 4.1, 4.2, 4.3, 4.4, 4.5])", range(12), "too few different values (0) between 4.1 and 4.2"),
    ],
)  # fmt: skip
def test_values_that_cannot_tell_the_columns_apart(text, x, message):
    found = finding(text, x)
    assert message in found
    assert found.startswith(f"`{text}`: ")
