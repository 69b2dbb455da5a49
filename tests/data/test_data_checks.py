"""Checks before any fit: each finding names its column and row, and what is fine raises no alarm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.data.checks import check_columns, check_design, check_response
from bayescope.data.design import build_design
from bayescope.data.formula import parse
from bayescope.data.read import read_columns, read_counts
from bayescope.distributions.supports import BINARY, COUNT, POSITIVE, REAL
from bayescope.errors import DataError


def checked(formula, missing="refuse", **columns):
    parsed = parse(formula)
    table = read_columns(columns)
    return check_columns(
        table,
        parsed.numeric,
        parsed.columns,
        missing,
        categorical=parsed.categorical,
        response=parsed.left_columns,
    )


USE_LEVELS = "; correct it, leave the cell empty if it is missing, or write C(x) for categories"
UNUSABLE = ", which a model cannot use; make it numbers (such as years, or days since a start) or text"

ROUNDED = (
    "whole numbers beyond 2^53 beside missing values or fractions (which rounds them), which a model cannot use; "
    "make it numbers (such as years, or days since a start) or text"
)
MERGED = (
    "is a level beyond 2^53, where different numbers are read as one (whole numbers with missing values beside "
    "them are, too); make the column text"
)

BAD_TABLES = {
    "missing number": ("y ~ x", {"y": [1, 2], "x": [1.5, None]}, ["column 'x', row 2: is missing"]),
    "missing text": ("y ~ g", {"y": [1, 2], "g": [None, "a"]}, ["column 'g', row 1: is missing"]),
    "missing bool": ("y ~ g", {"y": [1, 2], "g": [None, True]}, ["column 'g', row 1: is missing"]),
    "missing response": ("y ~ x", {"y": [None, 2], "x": [1, 2]}, ["column 'y', row 1: is missing"]),
    "infinite": (
        "y ~ x",
        {"y": [1.0, -np.inf], "x": [np.inf, 2.0]},
        ["column 'y', row 2: is infinite", "column 'x', row 1: is infinite"],
    ),
    "a word among numbers": (
        "y ~ x",
        {"y": [1, 2, 3], "x": [1, "low", 3]},
        ["column 'x', row 2: 'low' is text, but a number is expected" + USE_LEVELS],
    ),
    "a word among numbers in arithmetic": (
        "y ~ log(x)",
        {"y": [1, 2, 3], "x": [1, "low", 3]},
        ["column 'x', row 2: 'low' is text, but a number is expected"],
    ),
    "text in arithmetic": (
        "y ~ log(x)",
        {"y": [1, 2], "x": ["a", "b"]},
        ["column 'x': holds text ('a', 'b'), but numbers are expected here"],
    ),
    "quoted numbers in arithmetic": (
        "y ~ log(x)",
        {"y": [1, 2], "x": ["1", "2"]},
        ["column 'x': holds numbers written as text; write them without quotes"],
    ),
    "numbers with separators": (
        "y ~ x",
        {"y": ["1,200", "950", "2,300"], "x": ["1 200,5", "3", "-7 000"]},
        [
            (
                "column 'x': holds numbers written as text ('1 200,5', '3', '-7 000'); write plain numbers, such as "
                "1200 or 0.5, or C(x) for categories"
            )
        ],
    ),
    "a number as Python writes it": (
        "y ~ x",
        {"y": [1, 2, 3, 4], "x": ["0.5", "991.25", "1_000", "-10"]},
        [
            (
                "column 'x': holds numbers written as text ('0.5', '991.25', '1_000', ...); write plain numbers, such as "
                "1200 or 0.5, or C(x) for categories"
            )
        ],
    ),
    "numbers as Python writes them": (
        "y ~ x",
        {"y": [1, 2], "x": ["1_000", "2_000"]},
        [
            (
                "column 'x': holds numbers written as text ('1_000', '2_000'); write plain numbers, such as 1200 or 0.5, "
                "or C(x) for categories"
            )
        ],
    ),
    "numbers with signs": (
        "y ~ x + z",
        {"y": [1, 2], "x": ["10%", "20 %"], "z": ["$1.50", "$2,000"]},
        [
            f"column '{name}': holds numbers written as text ({shown}); write plain numbers, such as 1200 or 0.5, "
            f"or C({name}) for categories"
            for name, shown in (("x", "'10%', '20 %'"), ("z", "'$1.50', '$2,000'"))
        ],
    ),
    "advice on a name that is not a word": (
        "y ~ `Unit Price` + `Margin %`",
        {"y": [1, 2, 3], "Unit Price": ["1,200", "1,300", "2,100"], "Margin %": [1, "low", 3]},
        [
            (
                "column 'Unit Price': holds numbers written as text ('1,200', '1,300', '2,100'); write plain numbers, "
                "such as 1200 or 0.5, or C(`Unit Price`) for categories"
            ),
            "column 'Margin %', row 2: 'low' is text, but a number is expected"
            + USE_LEVELS.replace("C(x)", "C(`Margin %`)"),
        ],
    ),
    "numbers with separators in arithmetic": (
        "y ~ log(x)",
        {"y": [1, 2], "x": ["1,200", "2,300"]},
        [
            (
                "column 'x': holds text ('1,200', '2,300'), but numbers are expected here; write plain numbers, such as "
                "1200 or 0.5"
            )
        ],
    ),
    "dates as text": (
        "y ~ x",
        {"y": [1, 2], "x": ["01/02/2024", "3/2/2024"]},
        [
            (
                "column 'x': holds dates written as text ('01/02/2024', '3/2/2024'); make them numbers (such as days "
                "since a start), or write C(x) for categories"
            )
        ],
    ),
    "timestamps as text": (
        "y ~ x + z + t",
        {
            "y": [1, 2],
            "x": ["2024-01-01 00:00:00.000000", "2024-01-02 00:00:00.000000"],
            "z": ["2024-01-01T00:00:00Z", "2024-01-02T10:30:00+02:00"],
            "t": ["1:30", "2:45:10.5"],
        },
        [
            f"column '{name}': holds {what} written as text ({shown}); make them numbers (such as {unit}), or write "
            f"C({name}) for categories"
            for name, what, shown, unit in (
                (
                    "x",
                    "dates",
                    "'2024-01-01 00:00:00.000000', '2024-01-02 00:00:00.000000'",
                    "days since a start",
                ),
                ("z", "dates", "'2024-01-01T00:00:00Z', '2024-01-02T10:30:00+02:00'", "days since a start"),
                ("t", "times", "'1:30', '2:45:10.5'", "minutes"),
            )
        ],
    ),
    "a dash among numbers with decimal commas": (
        "y ~ x",
        {"y": [1, 2, 3], "x": ["-1,23", "0,87", "-"]},
        [
            (
                "column 'x': holds numbers written as text ('-1,23', '0,87', '-'); write plain numbers, such as 1200 or "
                "0.5, or C(x) for categories"
            )
        ],
    ),
    "numbers in two writings": (
        "y ~ x + C(z)",
        {"y": [1, 2, 3], "x": [1, 2.5, "NaN"], "z": [1, "1", 1.0]},
        [
            f"column '{name}': holds numbers beside text that is a number or stands for none ({text!r}), which a model "
            "cannot use; make it numbers (such as years, or days since a start) or text"
            for name, text in (("x", "NaN"), ("z", "1"))
        ],
    ),
    "bools among numbers": (
        "y ~ x",
        {"y": [1, 2, 3], "x": [1, True, 3]},
        ["column 'x', row 2: 'True' is text, but a number is expected" + USE_LEVELS],
    ),
    "levels beyond 2^53 beside a missing value": (
        "y ~ C(x)",
        {"y": [1, 2, 3], "x": [2**60 + 1, None, 2**60]},
        [f"column 'x': holds {ROUNDED}"],
    ),
    "numbers beyond 2^53 beside a missing value": (
        "y ~ center(x)",
        {"y": [1, 2, 3], "x": [2**60 + 1, float("nan"), 2**60]},
        [f"column 'x': holds {ROUNDED}"],
    ),
    "numbers beyond 2^53 beside a fraction": (
        "y ~ x",
        {"y": [1, 2, 3], "x": [2**60 + 1, 0.5, 2**60]},
        [f"column 'x': holds {ROUNDED}"],
    ),
    "groups beyond 2^64": (
        "y ~ (1 | x)",
        {"y": [1, 2], "x": [10**20 + 1, 1]},
        [f"column 'x', row 1: {MERGED}"],
    ),
    "beyond 2^53": (
        "y ~ x",
        {"y": [1, 2], "x": [2**53 + 1, 2**53]},
        ["column 'x', row 1: is beyond 2^53 and would be rounded; subtract a constant first"],
    ),
    "dates": (
        "y ~ x",
        {"y": [1], "x": [np.datetime64("2020-01-02").item()]},
        ["column 'x': holds dates" + UNUSABLE],
    ),
    "lists": ("y ~ x", {"y": [1], "x": [[1, 2]]}, ["column 'x': holds lists" + UNUSABLE]),
    "several columns": (
        "y ~ x + z",
        {"y": [1.0, 2.0], "x": [None, 1], "z": [float("inf"), None]},
        [
            "column 'x', row 1: is missing",
            "column 'z', row 2: is missing",
            "column 'z', row 1: is infinite",
        ],
    ),
}


@pytest.mark.parametrize(("formula", "columns", "expected"), BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_bad_tables(formula, columns, expected):
    with pytest.raises(DataError) as caught:
        checked(formula, **columns)
    assert [str(finding) for finding in caught.value.findings] == expected
    assert caught.value.exit_code == 3


class TestWhatIsFine:
    def test_columns_that_are_not_used_are_not_checked(self):
        assert len(checked("y ~ x", y=[1, 2], x=[1, 2], note=[None, "low"], bad=[float("inf"), None])) == 2

    def test_text_and_bools_as_categories(self):
        checked(
            "y ~ g + flag + C(code)",
            y=[1, 2, 3],
            g=["a", "b", "7"],
            flag=[True, False, True],
            code=["1", "2", "x"],
        )

    def test_ranges_codes_and_what_is_declared_categories(self):
        checked(
            "y ~ age + zip + C(dose) + (1 | day)",
            y=[1, 2],
            age=["18-24", "25-34"],
            zip=["01234", "99501"],
            dose=["10%", "20%"],
            day=["01/02/2024", "02/02/2024"],
        )

    def test_the_text_of_a_response_is_left_to_its_likelihood(self):
        checked("y ~ 1", y=["10%", "20%"])
        checked("y ~ 1", y=["1", "2", "other"])

    def test_large_whole_numbers_as_categories(self):
        checked("y ~ C(card)", y=[1, 2], card=[2**60, 2**60 + 1])


class TestMissing:
    def test_only_five_rows_of_many_are_listed(self):
        with pytest.raises(DataError) as caught:
            checked("y ~ 1", y=[1.0] + [None] * 1208)
        lines = str(caught.value).splitlines()
        assert len(lines) == 6
        assert lines[-1] == "inline columns: column 'y': ... and 1,203 more rows"

    def test_drop_keeps_the_numbers_of_the_rows(self):
        table = checked(
            "y ~ x + g",
            "drop",
            y=[1, 2, 3, None],
            x=[None, 5, 6, 7],
            g=["a", None, "b", "c"],
            other=[None] * 4,
        )
        assert table.rows.tolist() == [3]
        assert table.dropped == 3
        assert table.columns["x"].tolist() == [6]

    def test_dropped_rows_are_checked_no_further(self):
        assert len(checked("y ~ x", "drop", y=[None, 2.0], x=[float("inf"), 1.0])) == 1

    def test_rows_that_stay_keep_their_numbers_in_findings(self):
        with pytest.raises(DataError, match="column 'x', row 3: is infinite"):
            checked("y ~ x", "drop", y=[None, 2.0, 3.0], x=[1.0, 1.0, float("inf")])

    def test_a_bool_column_is_one_again(self):
        assert checked("y ~ f", "drop", y=[1, 2], f=[None, True]).columns["f"].dtype == np.bool_

    def test_what_stays_has_the_fingerprint_of_the_same_data_without_the_gaps(self):
        dropped = checked("y ~ x", "drop", y=[1, 2, 3], x=[1, None, 3])
        assert dropped.fingerprint == read_columns({"y": [1, 3], "x": [1, 3]}).fingerprint

    def test_nothing_to_drop(self):
        table = checked("y ~ x", "drop", y=[1, 2], x=[1, 2])
        assert table.dropped == 0

    def test_no_row_stays(self):
        with pytest.raises(DataError, match="every one of the 2 rows has a missing value"):
            checked("y ~ x", "drop", y=[1, None], x=[None, 2])


def response(values, support, trials=None):
    array = np.array(values, dtype=object) if isinstance(values[0], str) else np.array(values)
    rows = np.arange(1, len(values) + 1)
    counts = None if trials is None else np.array(trials, dtype=float)
    return [str(found) for found in check_response(array, support, "y", rows, counts, trials_name="n")]


class TestResponse:
    def test_outside_the_support(self):
        assert response([0, 3, 1, 0.5], BINARY) == [
            "column 'y', row 2: 3 is outside {0, 1}",
            "column 'y', row 4: 0.5 is outside {0, 1}",
        ]
        assert response([0, 2.5], COUNT) == ["column 'y', row 2: 2.5 is outside whole numbers of at least 0"]
        assert response([-1.0], POSITIVE) == ["column 'y', row 1: -1 is outside positive numbers"]

    @pytest.mark.parametrize(
        ("values", "support"),
        [([0, 1], BINARY), ([True, False], BINARY), ([-1e300, 2.5], REAL), ([0, 7], COUNT)],
    )
    def test_inside(self, values, support):
        assert response(values, support) == []

    def test_not_finite(self):
        assert response([np.nan, np.inf], REAL) == [
            "column 'y', row 1: nan is outside all numbers",
            "column 'y', row 2: inf is outside all numbers",
        ]

    def test_many(self):
        found = response([2] * 100, BINARY)
        assert len(found) == 6
        assert found[-1] == "column 'y': ... and 95 more rows"

    def test_two_words_are_not_coded_silently(self):
        (found,) = response(["yes", "no", "yes"], BINARY)
        assert "holds text ('no', 'yes'); recode it as 0 and 1" in found

    def test_a_column_in_backticks_is_named_without_them(self):
        rows = np.array([1])
        for name, called in (("`Unit Price`", "Unit Price"), ("log(`a b`)", "log(`a b`)"), ("y", "y")):
            (found,) = check_response(np.array([-1]), COUNT, name, rows)
            assert found.column == called

    def test_text(self):
        assert "numbers are expected here" in response(["a", "b", "c"], REAL)[0]
        assert response(["1", "2", "low"], REAL) == [
            "column 'y', row 3: 'low' is text, but a number is expected"
        ]

    def test_binomial(self):
        assert response([2, 7, -1, 1.5, 0], COUNT, [2, 5, 5, 5, 0]) == [
            "column 'y', row 3: -1 is outside whole numbers of at least 0",
            "column 'y', row 4: 1.5 is outside whole numbers of at least 0",
            "column 'n', row 5: 0 is not a whole number of at least 1",
            "column 'y', row 2: 7 successes in 5 trials",
        ]


def design_findings(formula, **columns):
    return check_design(build_design(parse(formula), read_columns(columns)))


RNG = np.random.default_rng(7)
X, Z = RNG.normal(size=(2, 40))
Y = [0.0] * 40


class TestConstantColumns:
    def test_beside_the_intercept(self):
        (found,) = design_findings("y ~ x + c", y=Y, x=X, c=[5] * 40)
        assert (found.kind, found.label, found.involved) == ("constant", "c", ("Intercept",))
        assert "`c` is constant (5 in every row)" in found.message

    def test_a_minus_zero_is_written_as_zero(self):
        for column in ([-0.0] * 40, [0.0, -0.0] * 20):
            (found,) = design_findings("y ~ x + c", y=Y, x=X, c=column)
            assert "`c` is constant (0 in every row)" in found.message

    def test_without_an_intercept_it_is_one(self):
        assert design_findings("y ~ 0 + x + c", y=Y, x=X, c=[5] * 40) == ()

    def test_zero_without_an_intercept(self):
        (found,) = design_findings("y ~ 0 + x + c", y=Y, x=X, c=[0] * 40)
        assert found.message == "`c` is zero in every row"

    def test_a_single_level(self):
        (found,) = design_findings("y ~ g", y=Y, g=["a"] * 40)
        assert (found.kind, found.label) == ("constant", "g")

    def test_empty_cells_of_an_interaction(self):
        found = design_findings("y ~ g*h", y=[1, 2, 3, 4], g=["a", "a", "b", "b"], h=["u", "v", "u", "u"])
        assert [finding.label for finding in found] == ["g[b]:h[v]"]


class TestColumnsFarFromZero:
    """Newton's matrices square the distance: 1e9 sds away, slopes came out as 0, with a standard error."""

    @pytest.mark.parametrize("distance", [3e6, -1e9, 1e12])
    def test_too_far(self, distance):
        (found,) = design_findings("y ~ x + z", y=Y, x=X + distance, z=Z)
        assert (found.kind, found.label, found.involved) == ("distant", "x", ("Intercept",))
        assert f"(mean {distance:.6g}, sd" in found.message

    def test_what_the_advice_says_helps(self):
        assert design_findings("y ~ center(x) + z", y=Y, x=X + 1e9, z=Z) == ()
        assert design_findings("y ~ 0 + x + z", y=Y, x=X + 1e9, z=Z) == ()


class TestCollinearColumns:
    def test_the_relation_is_told(self):
        (found,) = design_findings("y ~ x + z + w", y=Y, x=X, z=Z, w=2 * X - Z + 5)
        assert (found.kind, found.label, found.involved) == ("collinear", "w", ("Intercept", "x", "z"))
        assert found.message.endswith("w = 2 x - z + 5")

    def test_a_copy(self):
        (found,) = design_findings("y ~ x + z + w", y=Y, x=X, z=Z, w=X)
        assert found.involved == ("x",)
        assert found.message.endswith("w = x")

    def test_dummies_that_sum_to_one(self):
        g = np.arange(40) % 2
        (found,) = design_findings("y ~ a + b", y=Y, a=g, b=1 - g)
        assert found.message.endswith("b = -a + 1")
        assert design_findings("y ~ 0 + a + b", y=Y, a=g, b=1 - g) == ()

    def test_several(self):
        found = design_findings("y ~ a + b + c + d", y=Y, a=X, b=3 * X, c=Z, d=Z - X)
        assert [finding.label for finding in found] == ["b", "d"]

    def test_fewer_rows_than_coefficients(self):
        (found,) = design_findings("y ~ x + z", y=[1, 2], x=[1, 2], z=[4, 5])
        assert found.kind == "rows"
        assert "2 rows for 3 coefficients" in found.message

    @given(st.integers(-12, 12), st.integers(-12, 12), st.floats(-1e3, 1e3))
    @settings(deadline=None)
    def test_found_at_any_scale(self, scale, other_scale, shift):
        x, z = X * 10.0**scale, Z * 10.0**other_scale
        w = 2 * x - 3 * z + shift * 10.0**scale
        (found,) = design_findings("y ~ x + z + w", y=Y, x=x, z=z, w=w)
        assert found.label == "w"

    @pytest.mark.parametrize(
        "columns",
        [
            {"x": 1e8 * X, "z": 1e-8 * Z},
            {"x": X + 5e5, "z": Z},
            {"x": X * 1e-140, "z": Z * 1e140},
            {"x": np.arange(1952, 1992), "z": X},
            {"x": np.arange(1952, 1992), "z": np.arange(1952, 1992) ** 2},
            {"x": np.arange(1952.0, 1992.0), "z": np.arange(1952.0, 1992.0) ** 3},
            {"x": X, "z": X + 1e-6 * Z},
            {"x": X, "z": np.eye(40)[3]},
        ],
        ids=["scales", "far mean", "extreme scales", "years", "squares", "cubes", "nearly equal", "one row"],
    )
    def test_no_false_alarm(self, columns):
        assert design_findings("y ~ x + z", y=Y, **columns) == ()

    @pytest.mark.parametrize("distance", [1e-1, 1.1e-3, 0.9e-3, 1e-5, 3e-9, 3e-10, 0.0])
    def test_a_distance_from_the_span_is_seen_however_it_is_computed(self, distance):
        x, z = np.random.default_rng(3).normal(size=(2, 40_000))  # several blocks
        found = design_findings("y ~ x + z + w", y=[0.0] * len(x), x=x, z=z, w=x + 0.5 * z + distance * x**2)
        assert [each.label for each in found] == ([] if distance > 1e-9 else ["w"])

    def test_columns_of_many_rows_have_the_lengths_and_means_of_all(self):
        x, z = np.random.default_rng(4).normal([[2e6], [0.0]], size=(2, 40_000))
        (found,) = design_findings("y ~ x + z", y=[0.0] * len(x), x=x, z=z)
        assert found.message.endswith(f"(mean {x.mean():.6g}, sd {x.std():.3g})")


def test_counts_have_nothing_but_an_intercept():
    design = build_design(parse("x ~ 1"), read_counts({"x": {0: 3, 1: 4}}))
    assert check_design(design) == ()
