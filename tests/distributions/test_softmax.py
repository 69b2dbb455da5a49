"""The softmax head: the worked examples, its derivatives, and what far predictors must not break."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.distributions.softmax import softmax

LEVELS = ("a", "b", "c", "d")
etas = st.lists(st.floats(-30, 30), min_size=3, max_size=3)


def at(values):
    return tuple(np.array([value], dtype=float) for value in values)


@pytest.mark.parametrize(
    ("logits", "true", "nll", "gradient"),
    [
        ([2.0, 1.0, 0.1], 0, 0.417030, [-0.340999, 0.242433, 0.098566]),
        ([1, 2, 0], 1, 0.407606, [0.244728, -0.334759, 0.090031]),
    ],
)
def test_loss_and_gradient_of_the_worked_examples(logits, true, nll, gradient):
    head, y = softmax(("x", "y", "z"), None), np.array([float(true)])
    assert -head.log_density(y, None, at(logits))[0] == pytest.approx(nll, abs=5e-7)
    assert -head.derivatives(y, None, at(logits))[0][:, 0] == pytest.approx(gradient, abs=5e-7)


@given(etas, st.integers(0, 3), st.sampled_from(["a", "c", None]))
@settings(max_examples=50, deadline=None)
def test_the_derivatives_are_those_of_finite_differences(values, true, reference):
    head, y = softmax(LEVELS, reference), np.array([float(true)])
    values = values if reference else [*values, 0.5]
    first, second = head.derivatives(y, None, at(values))
    step = 1e-5
    for k in range(len(values)):
        up, down = (
            at([value + sign * step * (j == k) for j, value in enumerate(values)]) for sign in (1, -1)
        )
        change = head.log_density(y, None, up) - head.log_density(y, None, down)
        assert first[k] == pytest.approx(change / (2 * step), abs=1e-7)
        bend = head.derivatives(y, None, up)[0] - head.derivatives(y, None, down)[0]
        assert second[k] == pytest.approx(bend / (2 * step), abs=1e-7)


@given(etas, st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_the_gradient_is_truth_minus_prediction_and_sums_to_0(values, true):
    head = softmax(LEVELS, None)
    psi = at([*values, 0.0])
    first = head.derivatives(np.array([float(true)]), None, psi)[0][:, 0]
    assert first == pytest.approx(np.eye(4)[true] - head.probabilities(psi)[0], abs=1e-14)
    assert first.sum() == pytest.approx(0, abs=1e-14)


def test_a_reference_is_a_class_whose_predictor_is_0():
    y, psi = np.arange(4.0), (0.3, -0.2, 1.1)
    for place, level in enumerate(LEVELS):
        whole = [*psi[:place], 0.0, *psi[place:]]
        expected = softmax(LEVELS, None).log_density(y, None, tuple(whole))
        assert softmax(LEVELS, level).log_density(y, None, psi) == pytest.approx(expected, rel=1e-15)


def test_far_predictors_neither_overflow_nor_underflow():
    head, y = softmax(("a", "b"), "a"), np.array([0.0, 1.0])
    assert head.log_density(y, None, (1e300,)).tolist() == [-1e300, 0.0]
    # of the likelier class log p = -log1p(exp(-eta)), which 1 - p would round to 0
    assert head.log_density(y, None, (40.0,))[1] == pytest.approx(-np.exp(-40.0), rel=1e-14)
    first, second = head.derivatives(y, None, (40.0,))
    assert first[0, 1] == pytest.approx(np.exp(-40.0), rel=1e-14)
    assert second[0, 0] == pytest.approx(-np.exp(-40.0), rel=1e-14)


def test_classes_are_drawn_as_often_as_their_probabilities_say():
    head, n = softmax(("a", "b", "c"), "b"), 100_000
    psi = (np.full(n, 0.5), np.full(n, -1.0))
    drawn = head.sample(np.random.default_rng(1), None, psi)
    p = head.probabilities((0.5, -1.0))
    shares = np.bincount(drawn.astype(int)) / n
    assert np.all(np.abs(shares - p) <= 4 * np.sqrt(p * (1 - p) / n))
