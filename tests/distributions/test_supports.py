"""Supports: membership, containment, and how messages say them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bayescope.distributions.supports import BINARY, COUNT, POSITIVE, REAL, SIMPLEX, UNIT, Support


@pytest.mark.parametrize(
    ("support", "text"),
    [
        (REAL, "all numbers"),
        (POSITIVE, "positive numbers"),
        (UNIT, "numbers from 0 to 1"),
        (BINARY, "0 or 1"),
        (COUNT, "whole numbers of at least 0"),
        (SIMPLEX, "non-negative numbers that sum to 1"),
        (Support(lower=0.0), "numbers of at least 0"),
        (Support(upper=2.5), "numbers of at most 2.5"),
        (Support(-1.0, 3.0), "numbers from -1 to 3"),
        (Support(0.0, 5.0, integer=True), "whole numbers from 0 to 5"),
        (Support(0.0, 1.0, open_ends=True), "numbers between 0 and 1, neither included"),
        (Support(lower=2.0, open_ends=True), "numbers above 2"),
        (Support(upper=2.0, open_ends=True), "numbers below 2"),
    ],
)
def test_a_support_is_said_in_words(support: Support, text: str) -> None:
    assert str(support) == text


@pytest.mark.parametrize(
    ("support", "members", "others"),
    [
        (REAL, [-1e300, 0.0, 2.5], [math.nan, math.inf, -math.inf]),
        (POSITIVE, [1e-300, 1.0], [0.0, -1e-300, math.inf, math.nan]),
        (UNIT, [0.0, 0.5, 1.0], [-1e-12, 1.0 + 1e-12, math.nan]),
        (BINARY, [0.0, 1.0], [0.5, 2.0, -1.0, math.nan]),
        (COUNT, [0.0, 7.0, 1e15], [-1.0, 0.5, math.inf]),
    ],
)
def test_violations_are_the_values_outside(
    support: Support, members: list[float], others: list[float]
) -> None:
    assert support.violations(members + others).tolist() == [False] * len(members) + [True] * len(others)


def test_violations_take_a_single_number_and_integers() -> None:
    assert not POSITIVE.violations(2)
    assert POSITIVE.violations(0)
    assert BINARY.violations(np.array([[0, 3], [1, 1]])).tolist() == [[False, True], [False, False]]


def test_violations_of_a_simplex_are_told_for_each_vector() -> None:
    vectors = [[0.2, 0.3, 0.5], [0.2, 0.3, 0.6], [-0.1, 0.6, 0.5], [math.nan, 0.5, 0.5]]
    assert SIMPLEX.violations(vectors).tolist() == [False, True, True, True]
    assert not SIMPLEX.violations([0.25] * 4)


@pytest.mark.parametrize(
    ("outer", "inner", "contained"),
    [
        (REAL, POSITIVE, True),
        (POSITIVE, UNIT, True),
        (POSITIVE, Support(lower=0.0), True),
        (POSITIVE, REAL, False),
        (UNIT, POSITIVE, False),
        (UNIT, Support(0.2, 0.8), True),
        (UNIT, SIMPLEX, False),
        (SIMPLEX, SIMPLEX, True),
        (UNIT, BINARY, True),
        (BINARY, UNIT, False),
    ],
)
def test_containment_ignores_whether_the_ends_belong(outer: Support, inner: Support, contained: bool) -> None:
    assert outer.contains(inner) is contained
