"""Ratios of Gamma functions keep their digits at large arguments, where differences of logarithms lose them."""

import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.distributions.gamma_functions import (
    log_beta,
    log_factorial,
    poisson_peak,
    rising,
    stirling_excess,
    student_constant,
)

shapes = st.floats(1e-3, 1e10)


@pytest.mark.parametrize("counts", [[0, 1, 2, 255], [3, 256], [10**6], []])
def test_factorials_are_those_of_log_gamma(counts):
    expected = [math.lgamma(count + 1) for count in counts]
    np.testing.assert_allclose(log_factorial(np.array(counts, dtype=float)), expected, rtol=1e-15, atol=1e-15)


@settings(deadline=None)
@given(a=st.floats(1e-2, 1e4))
def test_the_excess_completes_log_gamma(a):
    value, first, second = stirling_excess(a)
    # rounding of a log a, of log a, and of 1 / a
    size = 1e-15 * (1 + abs(a * math.log(a)))
    assert (a - 0.5) * math.log(a) - a + 0.5 * math.log(2 * math.pi) + value == pytest.approx(
        math.lgamma(a), rel=1e-14, abs=size
    )
    digamma, trigamma = scipy.special.digamma(a), scipy.special.polygamma(1, a)
    assert math.log(a) - 0.5 / a + first == pytest.approx(digamma, rel=1e-12, abs=1e-14)
    assert 1 / a + 0.5 / a**2 + second == pytest.approx(trigamma, rel=1e-12)


@pytest.mark.parametrize("a", [99.999, 100.001])
def test_series_and_difference_meet(a):
    here, there = stirling_excess(a), stirling_excess(100.0)
    slopes = [there[1], there[2], -0.5e-8]
    for value, end, slope in zip(here, there, slopes, strict=True):
        # lgamma(100) = 359 has an error of 6e-14
        assert value == pytest.approx(end + (a - 100.0) * slope, abs=1e-12)


@settings(deadline=None)
@given(y=st.integers(0, 60), a=shapes)
def test_rising_is_a_sum_for_whole_numbers(y, a):
    terms = range(y)
    value, first, second = rising(float(y), a)
    size = 1e-15 * (1 + y / a) * (1 + y)
    # below 100 they are differences of log Gamma, of size a log a, and of its derivatives
    end = a + y + 1
    lost = [1e-15 * each if a < 100 else 0.0 for each in (end * math.log(end), math.log(end), 1 / a)]
    expected = math.fsum(math.log1p(j / a) for j in terms)
    assert value == pytest.approx(expected, rel=1e-10, abs=8 * (size + lost[0]))
    expected = math.fsum(-j / (a * (a + j)) for j in terms)
    assert first == pytest.approx(expected, rel=1e-9, abs=8 * (size / a + lost[1]))
    expected = math.fsum(1 / a**2 - 1 / (a + j) ** 2 for j in terms)
    assert second == pytest.approx(expected, rel=1e-9, abs=8 * (size / a**2 + lost[2]))


@settings(deadline=None)
@given(nu=st.floats(0.1, 1e12))
def test_the_constant_of_student_tends_to_that_of_a_normal(nu):
    value, first, second = student_constant(nu)
    if nu < 1e5:  # SciPy's is a difference of logarithms of Gamma, which at 1e6 is off by 1e-9
        beta = -0.5 * math.log(nu) - scipy.special.betaln(0.5, 0.5 * nu)
        assert value == pytest.approx(beta, rel=1e-9)
    else:
        assert value == pytest.approx(-0.5 * math.log(2 * math.pi) - 0.25 / nu, rel=1e-14)
        # 1 / (4 nu^2) as the difference of numbers of size 1 / nu
        assert first == pytest.approx(0.25 / nu**2, abs=1e-15 / nu)
        assert second == pytest.approx(-0.5 / nu**3, abs=1e-15 / nu**2)


def test_they_broadcast():
    shape = np.ones((3, 1))
    assert all(part.shape == (3, 4) for part in rising(np.arange(4.0), shape))


@pytest.mark.parametrize(("a", "b"), [(1, 1), (3, 99), (99, 101), (100, 100), (101, 5000), (20_000, 150)])
@pytest.mark.parametrize("swapped", [False, True])
def test_log_beta_of_whole_numbers_is_that_of_binomial_coefficients(a, b, swapped):
    expected = -math.log((a + b - 1) * math.comb(a + b - 2, a - 1))
    # log Gamma of the sum, where it is a difference of those
    rounding = 4e-16 * (math.lgamma(a + b) if min(a, b) < 100 else abs(expected)) + 1e-15
    assert log_beta(*((b, a) if swapped else (a, b))) == pytest.approx(expected, rel=0, abs=8 * rounding)


@pytest.mark.parametrize("m", [1e9, 1e12, 1e15])
def test_log_beta_of_huge_numbers_keeps_all_its_digits(m):
    # m C(2m, m) B(m, m) = 2, and C(2m, m) = 4^m / sqrt(pi m) exp(-1 / (8 m) + ...)
    expected = math.log(2) - 2 * m * math.log(2) + 0.5 * math.log(math.pi / m) + 1 / (8 * m)
    assert log_beta(m, m) == pytest.approx(expected, rel=4e-16)


@pytest.mark.parametrize("y", [0, 1, 2, 50, 99, 100, 101, 3000])
def test_a_count_under_its_own_mean(y):
    expected = y * math.log(y or 1) - y - math.fsum(math.log(j) for j in range(1, y + 1))
    assert poisson_peak(float(y)) == pytest.approx(expected, rel=0, abs=1e-15 * (1 + y * math.log(y + 1)))
