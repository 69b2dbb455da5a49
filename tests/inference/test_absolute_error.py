"""Lines of least absolute deviations are exact: no better line, all of them found, weights are repetitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.inference.absolute_error import least_absolute

values = st.floats(-100, 100).map(lambda x: round(x, 3))


def error(X, y, weights, beta):
    return float(weights @ np.abs(y - X @ beta))


@settings(deadline=None)
@given(st.lists(values, min_size=1, max_size=12))
def test_of_a_constant_it_is_the_median(y):
    y = np.array(y)
    found = least_absolute(np.ones((len(y), 1)), y, np.ones(len(y)))
    ordered = np.sort(y)
    # every value from the lower to the upper middle one is a median
    size = 1e-9 * (1 + np.abs(y).max())
    assert found.beta[0] == pytest.approx(np.median(y), abs=size)
    assert found.lower[0] == pytest.approx(ordered[(len(y) - 1) // 2], abs=size)
    assert found.upper[0] == pytest.approx(ordered[len(y) // 2], abs=size)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(6, 40))
def test_no_line_through_as_many_rows_as_coefficients_is_better(seed, k, n):
    rng = np.random.default_rng(seed)
    X, y, weights = rng.normal(size=(n, k)), rng.standard_t(2, size=n), rng.uniform(0.1, 3, n)
    found = least_absolute(X, y, weights)
    assert found.kkt_residual <= 1e-9
    best = error(X, y, weights, found.beta)
    # some minimum is such a line (Koenker 2005, theorem 2.1)
    for _ in range(100):
        rows = rng.choice(n, k, replace=False)
        other = np.linalg.solve(X[rows], y[rows])
        assert error(X, y, weights, other) >= best * (1 - 1e-12)
    assert (np.abs(y - X @ found.beta) <= 1e-9 * np.abs(y).max()).sum() >= k


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    X, y, times = rng.normal(size=(15, 2)), rng.normal(size=15), rng.integers(1, 5, 15)
    weighted = least_absolute(X, y, times.astype(float))
    repeated = least_absolute(np.repeat(X, times, axis=0), np.repeat(y, times), np.ones(times.sum()))
    np.testing.assert_allclose(weighted.beta, repeated.beta, rtol=1e-9)


def test_all_lines_of_least_error_are_found():
    # two groups of an even number of rows: a median of each is any value between the middle ones
    X = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    y = np.array([1.0, 2, 4, 7, 1, 3, 8, 10])
    found = least_absolute(X, y, np.ones(8))
    np.testing.assert_allclose(found.lower, [2.0, 3.0 - 4.0], atol=1e-9)
    np.testing.assert_allclose(found.upper, [4.0, 8.0 - 2.0], atol=1e-9)
    assert error(X, y, np.ones(8), found.beta) == pytest.approx(8 + 14, rel=1e-12)


@pytest.mark.parametrize("unit", [1e-90, 1e-6, 1e6, 1e90])
def test_units_do_not_matter(unit):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    here, there = (least_absolute(X, scale * y, np.ones(30)).beta for scale in (1.0, unit))
    np.testing.assert_allclose(there, unit * here, rtol=1e-9)
    np.testing.assert_allclose(least_absolute(unit * X, y, np.ones(30)).beta, here / unit, rtol=1e-9)
