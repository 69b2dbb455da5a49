"""Designs of group terms: equal to formulae's, and on new data by the groups of the data fitted to."""

import json
from dataclasses import replace

import formulae
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.data.coding import dummies
from bayescope.data.formula import parse
from bayescope.data.groups import apply_groups, build_groups
from bayescope.data.read import read_columns, read_counts
from bayescope.errors import DataError

RNG = np.random.default_rng(20261122)
N = 36
FRAME = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.normal(size=N),
        "z": RNG.uniform(1, 5, size=N),
        "g": np.tile(["a", "b", "c"], N // 3),
        "h": np.repeat(["u", "v"], N // 2),
        "k": np.tile(np.repeat(["p", "q"], 3), N // 6),
    }
)
TABLE = read_columns({name: FRAME[name].tolist() for name in FRAME})


def groups(text, data=TABLE, **settings):
    return build_groups(parse(f"y ~ {text}"), data, **settings)


def group(text, **columns):
    [found] = groups(text, read_columns(columns) if columns else TABLE)
    return found


def expanded(design):
    """The columns that the effects of all groups are multiplied by, shape (n, groups * effects)."""
    membership = dummies(design.codes, len(design.levels), full=True)
    return (membership[:, :, np.newaxis] * design.matrix[:, np.newaxis, :]).reshape(len(membership), -1)


def sorted_columns(matrix):
    rounded = np.round(np.asarray(matrix, dtype=float), 9) + 0.0
    return rounded[:, np.lexsort(rounded)]


effects = st.lists(
    st.sampled_from(["x", "z", "log(z)", "h", "x*h", "scale(z)"]), max_size=3, unique=True
).map(lambda terms: " + ".join(["1", *terms]))


@settings(max_examples=40, deadline=None)
@given(effects, st.sampled_from(["g", "k", "g:k"]))
def test_columns_are_those_of_formulae(inner, factor):
    ours = expanded(group(f"({inner} | {factor})"))
    text = f"y ~ 1 + ({inner} | {factor})".replace("log(", "np.log(")
    theirs = np.asarray(formulae.design_matrices(text, FRAME).group)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(sorted_columns(ours), sorted_columns(theirs), atol=1e-8)  # of the rounding


@settings(max_examples=30, deadline=None)
@given(effects, st.sampled_from(["g", "g:k"]), st.lists(st.integers(0, N - 1), min_size=1, max_size=5))
def test_new_rows_get_the_values_they_had_in_the_data(inner, factor, rows):
    formula = parse(f"y ~ ({inner} | {factor}) + (bs(x, df=4) | h)")
    built = build_groups(formula, TABLE, standardize=True)
    encodings = json.loads(json.dumps([design.encoding for design in built]))
    few = read_columns({name: FRAME[name].iloc[rows].tolist() for name in FRAME if name != "y"})
    for old, new in zip(built, apply_groups(formula, encodings, few), strict=True):
        assert (new.name, new.levels, new.labels, new.correlated) == (
            old.name, old.levels, old.labels, old.correlated,
        )  # fmt: skip
        np.testing.assert_array_equal(new.codes, old.codes[rows])
        np.testing.assert_allclose(new.matrix, old.matrix[rows], rtol=1e-12)


class TestOneGroupTerm:
    def test_levels_are_sorted_and_rows_numbered_by_them(self):
        found = group("(1 | county)", county=["RAMSEY", "AITKIN", "RAMSEY", "ANOKA"])
        assert (found.name, found.levels) == ("county", ("AITKIN", "ANOKA", "RAMSEY"))
        assert found.codes.tolist() == [2, 0, 2, 1]
        assert (found.labels, found.matrix.tolist()) == (("Intercept",), [[1.0]] * 4)

    def test_numbers_name_groups(self):
        found = group("(1 | id)", id=[10, 2, 10])
        assert (found.levels, found.codes.tolist()) == (("2", "10"), [1, 0, 1])

    def test_effects(self):
        columns = {"g": ["a", "b", "a"], "floor": [0, 1, 1], "soil": ["clay", "sand", "silt"]}
        assert group("(1 + floor | g)", **columns).labels == ("Intercept", "floor")
        assert group("(floor | g)", **columns).labels == ("Intercept", "floor")
        assert group("(0 + floor | g)", **columns).labels == ("floor",)
        assert group("(soil | g)", **columns).labels == ("Intercept", "soil[sand]", "soil[silt]")
        assert group("(0 + soil | g)", **columns).labels == ("soil[clay]", "soil[sand]", "soil[silt]")

    def test_correlated_needs_two_effects_and_one_bar(self):
        correlated = {text: group(text).correlated for text in ("(x | g)", "(x || g)", "(1 | g)")}
        assert correlated == {"(x | g)": True, "(x || g)": False, "(1 | g)": False}

    def test_interaction_has_the_pairs_that_occur(self):
        found = group("(1 | g:t)", g=["b", "a", "b", "b"], t=[1, 2, 10, 2])
        assert (found.name, found.levels) == ("g:t", ("a:2", "b:1", "b:2", "b:10"))
        assert found.codes.tolist() == [1, 0, 3, 2]

    def test_codes_and_matrix_cannot_be_written(self):
        found = group("(1 | g)")
        with pytest.raises(ValueError, match="read-only"):
            found.codes[0] = 1
        with pytest.raises(ValueError, match="read-only"):
            found.matrix[0, 0] = 2


def test_nested_groups_are_two_terms():
    assert [found.name for found in groups("(1 | g / h)")] == ["g", "g:h"]


def test_a_formula_without_groups_has_none():
    assert groups("x") == ()


class TestNewData:
    FORMULA = parse("y ~ (1 + x | g:h)")
    ENCODINGS = tuple(
        found.encoding for found in build_groups(FORMULA, read_columns({"x": [1, 2, 3], "g": ["a", "b", "b"], "h": [1, 1, 2]}))
    )  # fmt: skip

    def test_each_group_that_the_model_does_not_know_has_a_negative_code_of_its_own(self):
        columns = {"x": [5, 6, 7, 8, 9], "g": ["b", "c", "a", "a", "c"], "h": [2, 1, 2, 1, 1]}
        new = read_columns(columns)
        [found] = apply_groups(self.FORMULA, self.ENCODINGS, new)
        assert found.levels == ("a:1", "b:1", "b:2")
        assert found.codes.tolist() == [2, -1, -2, 0, -1]
        assert found.matrix.tolist() == [[1, 5], [1, 6], [1, 7], [1, 8], [1, 9]]
        assert found.notes == ()

    def test_a_group_that_is_missing_is_refused_by_row(self):
        new = read_columns({"x": [5, 6], "g": ["b", None], "h": [2, 1]})
        with pytest.raises(DataError, match="column 'g', row 2: is missing"):
            apply_groups(self.FORMULA, self.ENCODINGS, new)

    def test_a_level_of_an_effect_that_the_model_does_not_know_is_refused(self):
        formula = parse("y ~ (h | g)")
        encodings = [found.encoding for found in build_groups(formula, TABLE)]
        with pytest.raises(DataError, match="w is not a level of the model"):
            apply_groups(formula, encodings, read_columns({"g": ["a"], "h": ["w"]}))


class TestWhatCannotBeLearnt:
    def test_one_group(self):
        [note] = group("(1 | g)", g=["a", "a"]).notes
        assert note == "`g` has one group, a: the data say nothing of the spread between groups"

    def test_as_many_groups_as_rows(self):
        [note] = group("(1 | g:h)", g=["a", "b", "a"], h=["u", "u", "v"]).notes
        assert note == "every group of `g:h` is a single row: its effects look like noise of the rows"

    def test_a_row_that_occurs_twice_is_two(self):
        [found] = groups("(1 | g)", read_counts({"g": {"a": 2, "b": 1}}))
        assert found.notes == ()

    def test_rows_that_count_as_parts_are_rows(self):
        table = replace(read_columns({"g": ["a", "a", "b"]}), weights=np.full(3, 0.1))
        [found] = groups("(1 | g)", table)
        assert found.notes == ()

    def test_groups_of_the_same_name(self):
        with pytest.raises(DataError, match="two groups of `g:h` would both be named a:b:c; rename a level"):
            group("(1 | g:h)", g=["a:b", "a"], h=["c", "b:c"])

    def test_effects_that_cannot_be_computed_are_named_by_row(self):
        with pytest.raises(DataError, match=r"column 'x', row 2: `log\(x\)` is not a finite number"):
            group("(log(x) | g)", g=["a", "b"], x=[1, 0])
