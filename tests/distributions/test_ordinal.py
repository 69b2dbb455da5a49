"""Ordered levels: densities against SciPy's cdfs, derivatives, concavity, and the far tails."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayescope.distributions.ordinal import ordered_logistic, ordered_probit

LEVELS = ("low", "mid", "high", "top")
HEADS = [
    pytest.param(ordered_logistic, stats.logistic, id="logistic"),
    pytest.param(ordered_probit, stats.norm, id="probit"),
]
points = st.tuples(
    st.floats(-4, 4), st.floats(-3, 3), st.floats(0.05, 3), st.floats(0.05, 3), st.integers(0, 3)
)


def psi_of(point):
    eta, first, *gaps = point[:4]
    return eta, first, first + gaps[0], first + gaps[0] + gaps[1]


@pytest.mark.parametrize(("made", "law"), HEADS)
@given(points)
@settings(max_examples=40, deadline=None)
def test_a_level_has_the_probability_between_its_cutpoints(made, law, point):
    eta, *cuts = psi_of(point)
    expected = np.diff([0.0, *law.cdf(np.array(cuts) - eta), 1.0])
    head = made(LEVELS)
    assert head.probabilities((eta, *cuts)) == pytest.approx(expected, abs=1e-14)
    y = np.array([float(point[4])])
    assert np.exp(head.log_density(y, None, (eta, *cuts)))[0] == pytest.approx(expected[point[4]], abs=1e-14)


@pytest.mark.parametrize(("made", "law"), HEADS)
@given(points)
@settings(max_examples=40, deadline=None)
def test_the_derivatives_are_those_of_finite_differences_and_log_p_is_concave(made, law, point):
    head, y, psi = made(LEVELS), np.array([float(point[4])]), np.array(psi_of(point))
    first, second = head.derivatives(y, None, tuple(psi))
    step = 1e-6
    for k, unit in enumerate(np.eye(4) * step):
        up, down = tuple(psi + unit), tuple(psi - unit)
        change = head.log_density(y, None, up) - head.log_density(y, None, down)
        # the error of central differences: step^2 f''' / 6, f''' ~ 1 / gap^3, and rounding / step
        assert first[k] == pytest.approx(change / (2 * step), rel=1e-6, abs=1e-7)
        bend = head.derivatives(y, None, up)[0] - head.derivatives(y, None, down)[0]
        assert second[k] == pytest.approx(bend / (2 * step), rel=1e-5, abs=1e-6)
    scale = 1 + np.abs(second[:, :, 0]).max()
    assert np.linalg.eigvalsh(second[:, :, 0]).max() <= 1e-12 * scale


@pytest.mark.parametrize(("made", "law"), HEADS)
def test_cutpoints_out_of_order_have_no_density_in_any_row(made, law):
    values = made(LEVELS).log_density(np.arange(4.0), None, (0.0, 0.3, 0.2, 1.5))
    assert values.tolist() == [-np.inf] * 4


def test_levels_in_the_far_tails_keep_their_digits():
    cuts = (-1.0, 0.2, 1.5)
    head = ordered_logistic(LEVELS)
    with localcontext(prec=60):
        upper, lower = (1 / (1 + (50 - Decimal(cut)).exp()) for cut in (0.2, -1.0))
        expected = float((upper - lower).ln())
    normal = math.log(7.619853024160525e-24 - 1.9106595744986566e-28)  # Phi(-10) - Phi(-11)
    assert head.log_density(np.array([1.0]), None, (50.0, *cuts))[0] == pytest.approx(expected, rel=1e-14)
    mirrored = ordered_probit(("a", "b", "c"))
    for eta, low, high in ((0.0, 10.0, 11.0), (0.0, -11.0, -10.0)):
        found = mirrored.log_density(np.array([1.0]), None, (eta, low, high))[0]
        assert found == pytest.approx(normal, rel=1e-13)


def test_two_levels_are_a_logistic_regression():
    head, eta = ordered_logistic(("no", "yes")), np.linspace(-3, 3, 7)
    found = head.log_density(np.ones(7), None, (eta, 0.4))
    assert found == pytest.approx(-np.log1p(np.exp(-(eta - 0.4))), rel=1e-14)
