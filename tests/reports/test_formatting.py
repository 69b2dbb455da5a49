from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescope.reports.formatting import (
    FIGURE_SPACE,
    POINT_SPACE,
    aligned,
    compact,
    decimals_for,
    fixed,
    plain,
    shorten,
    significant,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (25.794114, "25.79"),
        (0.0604655, "0.06047"),
        (-1884.32, "-1884"),
        (9.99996, "10.00"),
        (1.2e-9, "1.200e-09"),
        (3.0e8, "3.000e+08"),
        (0.0, "0"),
        (-0.0, "0"),
        (None, "—"),
        (math.nan, "—"),
        (math.inf, "—"),
    ],
)
def test_four_significant_digits(value, text):
    assert significant(value) == text


@given(st.floats(-1e300, 1e300))
def test_significant_is_the_number_to_four_digits(value):
    assert float(significant(value)) == pytest.approx(value, rel=6e-4, abs=0)


@given(st.floats(-1e6, 1e6), st.integers(0, 8))
def test_a_number_that_rounds_to_zero_has_no_sign(value, decimals):
    text = fixed(value, decimals)
    assert not (text.startswith("-") and float(text) == 0)


def test_compact_has_no_trailing_zeros():
    assert [compact(value) for value in (0.5, 100.0, 1.25)] == ["0.5", "100", "1.25"]


@pytest.mark.parametrize(
    ("estimates", "sds", "decimals"),
    [
        ([25.79], [5.86], 2),  # four digits of the estimate are as many as three of the sd
        ([5.99], [2.22], 2),  # no more than three digits of the sd
        ([0.563], [0.0605], 4),
        ([18.14], [0.619], 2),
        ([1234.5], [0.05], 3),  # no fewer than two digits of the sd
        ([0.0], [None], 0),
        ([0.25], [None], 4),
        ([1700000003.0], [0.089], 3),  # a time whose first digits say nothing
        ([5e12], [1.0], 1),
        ([5e12], [1e11], None),
        ([5e15], [1.0], None),
        ([1e-12], [1e-13], None),
    ],
)
def test_decimals_of_a_row(estimates, sds, decimals):
    assert decimals_for(estimates, sds) == decimals


def test_points_meet_in_a_right_aligned_column():
    cells = aligned(["1.25", "10", "3.5", "—", "1e-05"])
    assert cells == ["1.25", "10" + POINT_SPACE + FIGURE_SPACE * 2, "3.5" + FIGURE_SPACE, "—", "1e-05"]


@given(st.text())
def test_plain_text_is_one_printable_line(text):
    assert plain(text).splitlines() in ([], [plain(text)])
    assert all(
        character.isprintable() or unicodedata.category(character) == "Zs" for character in plain(text)
    )
    assert len(plain(text)) == len(text)


@given(st.text(), st.integers(5, 40))
def test_shortened_text_fits(text, width):
    assert len(shorten(text, width)) <= width
