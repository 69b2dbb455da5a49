"""Quadrature on the logarithm of a positive parameter, against integrals known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from bayescope.inference import quadrature as q


def gamma(shape, rate):
    """log-density of tau = log x for x ~ Gamma(shape, rate), without its constant."""
    return lambda tau: shape * tau - rate * np.exp(tau)


@settings(deadline=None)
@given(shape=st.floats(0.5, 1e8), log_rate=st.floats(-10, 10))
def test_the_gamma_function_is_integrated(shape, log_rate):
    log_density = gamma(shape, math.exp(log_rate))
    peak = math.log(shape) - log_rate
    centred = lambda tau: shape * (tau - np.expm1(tau))  # log_density(tau + peak) - log_density(peak)  # noqa: E731
    answer = q.integrate(centred, -math.inf, math.inf, (1, 2), 1e-10)
    log_total = answer.log_total + float(log_density(np.array(peak)))
    # gammaln itself loses digits in proportion to its size
    assert log_total == pytest.approx(
        gammaln(shape) - shape * log_rate, abs=1e-11 + 1e-14 * shape * (10 + math.log(shape))
    )
    assert answer.error < 1e-10
    assert answer.weights.sum() == pytest.approx(1, rel=1e-13)
    assert answer.weights @ np.exp(answer.nodes) == pytest.approx(1.0, rel=1e-11)  # mean / peak
    # and so by the smaller rule
    assert answer.coarse_nodes.size < answer.nodes.size
    assert answer.coarse_weights @ np.exp(answer.coarse_nodes) == pytest.approx(1.0, rel=1e-9)


def test_two_far_peaks_of_different_width_are_both_found():
    def log_density(tau):
        return np.logaddexp(-0.5 * ((tau + 40) / 0.01) ** 2, -0.5 * ((tau - 30) / 2) ** 2)

    answer = q.integrate(log_density, -math.inf, math.inf, (), 1e-10)
    assert answer.log_total == pytest.approx(math.log((0.01 + 2) * math.sqrt(2 * math.pi)), rel=1e-12)


def test_a_peak_next_to_another_has_no_panels_of_its_own():
    def log_density(tau):
        return np.logaddexp(-0.5 * ((tau + 40) / 0.01) ** 2, -0.5 * ((tau - 30) / 0.02) ** 2)

    two = q._breakpoints(log_density, [-40.0, 30.0], -41.0, 31.0)
    assert {-40.0, 30.0} <= {*two}
    three = q._breakpoints(log_density, [-40.0, -40.001, 30.0], -41.0, 31.0)
    np.testing.assert_array_equal(three, two)


def test_a_truncated_density_is_integrated_up_to_its_end():
    answer = q.integrate(lambda tau: 5000 * (tau - math.log(3.0)), -math.inf, math.log(3.0), (1, 2), 1e-10)
    assert answer.log_total == pytest.approx(-math.log(5000), rel=1e-12)
    assert answer.edges[-1] == math.log(3.0)


def test_a_square_root_at_the_end_of_the_support_is_resolved():
    # integral of sqrt(1 - x) x dtau = integral of sqrt(1 - x) dx = 2/3
    def log_density(tau):
        with np.errstate(divide="ignore"):
            return tau + 0.5 * np.log(-np.expm1(tau))

    answer = q.integrate(log_density, -math.inf, 0.0, (), 1e-10)
    assert answer.log_total == pytest.approx(math.log(2 / 3), abs=1e-10)


@pytest.mark.parametrize("width", [1e-6, 1e-3, 1.0, 30.0])
def test_between_the_nodes_a_density_is_a_polynomial_whatever_its_width(width):
    def log_density(tau):
        return -0.5 * (tau / width) ** 2 + 0.5 * np.sin(9 * tau / width)

    answer = q.integrate(log_density, -math.inf, math.inf, (), 1e-10)
    places = np.linspace(-1, 1, 201)
    found = np.polynomial.legendre.legval(places, q.legendre_coefficients(answer.density).T)
    middle, half = (answer.edges[1:] + answer.edges[:-1]) / 2, np.diff(answer.edges) / 2
    expected = np.exp(log_density(middle[:, None] + half[:, None] * places) - answer.log_total)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * expected.max())


@pytest.mark.parametrize("width", [1e-6, 1e-3, 1.0, 30.0])
def test_a_bell_takes_a_few_panels_that_double_away_from_its_peak(width):
    answer = q.integrate(lambda tau: -0.5 * (tau / width) ** 2, -math.inf, math.inf, (), 1e-10)
    assert len(answer.edges) <= 10
    for side in (1, -1):
        away = np.unique(np.maximum(side * answer.edges, 0.0).round(12))[1:]
        np.testing.assert_allclose(away[1:-1], 2 * away[:-2], rtol=1e-5)
        # the first panel is as wide as the logarithm takes to fall by one, but for a factor of two
        assert 0.5 < (away[0] / width) ** 2 < 2
    # 1e-20 of the height is left out on either side
    np.testing.assert_allclose(-0.5 * (answer.edges[[0, -1]] / width) ** 2, math.log(1e-20), rtol=2e-3)


@pytest.mark.parametrize("shape", [0.5, 3.0, 1e3, 1e6])
def test_a_density_and_its_moments_share_their_panels(shape):
    seen = []

    def log_density(tau):
        seen.append(tau.size)
        return shape * (tau - np.expm1(tau))

    answer = q.integrate(log_density, -math.inf, math.inf, (1, 2), 1e-10)
    assert len(answer.edges) <= 12
    assert sum(seen) < 20_000


@pytest.mark.parametrize(
    ("fall", "moments"), [(-2.0, -1), (0.0, -1), (0.5, 0), (1.0, 0), (1.5, 1), (2.0, 1), (2.5, 2), (40.0, 2)]
)
def test_moments_exist_when_the_tail_falls_fast_enough(fall, moments):
    log_density = lambda tau: -fall * np.logaddexp(0.0, tau) + tau  # noqa: E731  slope 1 on the left, 1 - fall on the right
    assert q.finite_moments(lambda tau: log_density(tau) - tau, math.inf) == moments
    assert q.finite_moments(log_density, 1.0) == 2


@pytest.mark.parametrize(
    ("rise", "moments"), [(-2.0, -1), (0.0, -1), (1.0, 0), (2.0, 0), (3.0, 1), (4.0, 1), (5.0, 2), (80.0, 2)]
)
def test_moments_of_a_precision_exist_when_the_density_rises_fast_enough_from_zero(rise, moments):
    # moment k of exp(-2 tau) takes a slope of more than 2 k, at the very end
    log_density = lambda tau: -rise * np.logaddexp(0.0, -tau - 270.0)  # noqa: E731
    assert q.finite_moments(log_density, -math.inf, -2) == moments
    assert q.finite_moments(log_density, -1.0, -2) == 2


def test_a_tail_that_underflows_has_every_moment_and_is_integrable():
    with np.errstate(over="ignore"):
        assert q.finite_moments(lambda tau: -np.exp(4 * tau), math.inf) == 2
        assert q.finite_moments(lambda tau: -np.exp(-4 * tau), -math.inf, -2) == 2
        assert q.integrable_at_zero(lambda tau: -np.exp(-4 * tau), -math.inf)


@pytest.mark.parametrize(("slope", "integrable"), [(1.0, True), (0.1, True), (0.0, False), (-1.0, False)])
def test_the_integral_at_zero_needs_a_rising_density(slope, integrable):
    assert q.integrable_at_zero(lambda tau: slope * tau, -math.inf) is integrable
    assert q.integrable_at_zero(lambda tau: slope * tau, -1.0)


@pytest.mark.parametrize(("left", "right"), [(0.05, 0.05), (0.05, 2.0), (2.0, 0.05)])
def test_a_tail_beyond_the_reach_of_doubles_gives_no_answer(left, right):
    def log_density(tau):
        return np.where(tau < 0, left, -right) * tau

    assert q.integrate(log_density, -math.inf, math.inf, (), 1e-10) is None
    # an end within reach is none
    ends = (-9.0 if left < 1 else -math.inf, 9.0 if right < 1 else math.inf)
    answer = q.integrate(log_density, *ends, (), 1e-10)
    mass = [
        -math.expm1(-slope * min(abs(end), 900)) / slope
        for slope, end in zip((left, right), ends, strict=True)
    ]
    assert answer.log_total == pytest.approx(math.log(sum(mass)), abs=1e-10)


def test_modes_come_highest_first_and_ends_count():
    def log_density(tau):
        return np.logaddexp(-((tau - 1.25) ** 2) * 50, np.log(3) - (tau + 7) ** 2 * 50)

    grid = q.scan_grid(-math.inf, math.inf)
    assert q.modes(log_density, grid, log_density(grid))[:2] == pytest.approx([-7, 1.25], abs=1e-7)
    edge = q.scan_grid(-3.0, 2.0)
    assert q.modes(lambda tau: tau, edge, edge) == [2.0]


def test_legendre_coefficients_reproduce_a_polynomial():
    nodes = q.panel_nodes(np.array([-1.0]), np.array([1.0]), q.ORDER)
    series = np.polynomial.legendre.Legendre([1.0, -2.0, 0.0, 0.5])
    expected = np.zeros((1, q.ORDER))
    expected[0, :4] = [1.0, -2.0, 0.0, 0.5]
    np.testing.assert_allclose(q.legendre_coefficients(series(nodes)), expected, atol=1e-12)
