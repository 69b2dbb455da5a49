"""Separation in logistic regression, against known cases and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.inference.separation import find_separation


def with_intercept(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns]).astype(float)


def separation(X, y, trials=None, labels=None, lower=None):
    labels = labels or ["Intercept", *(f"x{j}" for j in range(1, X.shape[1]))]
    return find_separation(X, np.asarray(y, float), trials, labels, lower)


def test_overlap_is_no_separation():
    assert separation(with_intercept([1, 2, 3, 4]), [0, 1, 0, 1]) is None


def test_a_threshold_separates_completely():
    found = separation(with_intercept([1, 2, 3, 4]), [0, 0, 1, 1])
    assert found.kind == "complete"
    assert found.columns == ("x1",)


def test_a_tie_at_the_threshold_separates_quasi_completely():
    found = separation(with_intercept([1, 2, 2, 3]), [0, 0, 1, 1])
    assert found.kind == "quasi-complete"
    assert found.columns == ("x1",)


def test_a_group_with_one_outcome_only_is_named_and_the_overlapping_column_is_not():
    x = np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 3)
    group = np.repeat([1.0, 0.0, 0.0], 5)
    y = np.where(group == 1, 1.0, np.tile([0, 1, 1, 0, 1], 3))
    found = separation(with_intercept(x, group), y, labels=["Intercept", "dose", "treated"])
    assert found.kind == "quasi-complete"
    assert found.columns == ("treated",)


def test_every_group_that_separates_is_named():
    one, two = np.repeat([1.0, 0, 0], 6), np.repeat([0, 1.0, 0], 6)
    y = np.where(one == 1, 1.0, np.where(two == 1, 0.0, np.tile([0, 1], 9)))
    assert separation(with_intercept(one, two), y).columns == ("x1", "x2")


def test_irrelevant_columns_are_not_named():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 3)) * [1, 1e3, 1e-3]
    x = rng.normal(size=60)
    found = separation(with_intercept(noise[:, 0], x, *noise[:, 1:].T), x > 0.2)
    assert found.kind == "complete"
    assert found.columns == ("x2",)


def test_only_two_columns_together_separate():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 200))
    assert separation(with_intercept(a, b), a > b).columns == ("x1", "x2")


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_equal_outcomes_are_separated_by_the_intercept(outcome):
    found = separation(np.ones((4, 1)), np.full(4, outcome), labels=["Intercept"])
    assert found.kind == "complete"
    assert found.columns == ("Intercept",)


def test_a_year_far_from_zero_separates():
    assert separation(with_intercept(2.0e9 + np.arange(6.0)), [0, 0, 0, 1, 1, 1]).columns == ("x1",)


def test_a_year_far_from_zero_overlaps():
    assert separation(with_intercept(2.0e9 + np.arange(6.0)), [0, 0, 1, 0, 1, 1]) is None


def test_a_binomial_row_with_both_outcomes_is_on_both_sides():
    X = with_intercept([0.0, 0.0, 1.0, 1.0])
    trials = np.full(4, 5.0)
    assert separation(X, [2, 3, 1, 4], trials) is None
    found = separation(X, [2, 3, 5, 5], trials)
    assert found.kind == "quasi-complete"
    assert found.columns == ("x1",)


def test_no_columns_separate_nothing():
    assert separation(np.zeros((3, 0)), [0, 1, 1], labels=[]) is None


def test_a_coefficient_that_cannot_be_negative_separates_in_one_direction_only():
    X, y = np.array([[-1.0], [-2.0], [1.0]]), np.array([1.0, 1.0, 0.0])
    assert separation(X, y, labels=["x"]).columns == ("x",)
    assert separation(X, y, labels=["x"], lower=np.zeros(1)) is None


def test_many_rows_are_decided_by_few():
    rng = np.random.default_rng(2)
    x = np.sort(rng.normal(size=20_000))
    y = (x > 0).astype(float)
    assert separation(with_intercept(x), y).kind == "complete"
    y[np.searchsorted(x, 0.0) - 2] = 1.0  # one row on the wrong side is enough
    assert separation(with_intercept(x), y) is None


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 14))
def test_the_verdict_agrees_with_all_thresholds_of_one_predictor(seed, rows):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, rows).astype(float), rng.integers(0, 2, rows).astype(float)
    if np.ptp(x) == 0:
        x[0] += 1
    found = separation(with_intercept(x), y)
    ones, zeros = x[y == 1], x[y == 0]
    if not len(ones) or not len(zeros) or ones.min() > zeros.max() or zeros.min() > ones.max():
        expected = "complete"
    elif ones.min() >= zeros.max() or zeros.min() >= ones.max():
        expected = "quasi-complete"
    else:
        expected = None
    assert (found.kind if found else None) == expected


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(8, 40))
def test_the_verdict_agrees_with_whether_the_likelihood_has_a_maximum(seed, size, rows):
    rng = np.random.default_rng(seed)
    X = with_intercept(*rng.normal(size=(size, rows)))
    y = (rng.uniform(size=rows) < scipy.special.expit(2 * X.sum(axis=1))).astype(float)
    sign = 2 * y - 1

    def loss(b):
        margin = sign * (X @ b)
        gradient = -(X.T @ (sign * scipy.special.expit(-margin)))
        return np.logaddexp(0, -margin).sum() + 1e-9 * b @ b, gradient + 2e-9 * b

    b = scipy.optimize.minimize(loss, np.zeros(size + 1), jac=True, method="BFGS", options={"gtol": 1e-10}).x
    # an almost flat penalty keeps the estimate finite: beyond any overlap of so few rows when separated
    margins = sign * (X @ b)
    assert (separation(X, y) is not None) == bool(margins.min() > 0)
