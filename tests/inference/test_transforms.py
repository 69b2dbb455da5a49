"""The real line: a density with its gradient, taken there unknown by unknown."""

import numpy as np
import pytest

from bayescope.inference.transforms import Transform, on_real_line

ENDS = Transform(np.array([-np.inf, 1.0, -np.inf, -2.0, 0.0]), np.array([np.inf, np.inf, 3.0, 5.0, np.inf]))


def quadratic(theta):
    return -0.5 * np.square(theta - 0.5).sum(axis=1), 0.5 - theta


def test_density_on_the_line_is_that_of_theta_times_the_jacobian():
    z = np.random.default_rng(1).normal(size=(4, 5))
    values, slopes = on_real_line(quadratic, ENDS)(z)
    theta, first = ENDS.inverse(z), ENDS.derivatives(z)[0]
    density, gradient = quadratic(theta)
    np.testing.assert_allclose(values, density + ENDS.log_jacobian(z).sum(axis=1), rtol=1e-14)
    expected = gradient * first + ENDS.log_jacobian_derivatives(z)[0]
    np.testing.assert_allclose(slopes, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("far", [-800.0, 800.0])
def test_theta_stays_inside_of_its_support_where_rounding_would_leave_it(far):
    def inside(theta):
        assert (theta > ENDS.lower).all()
        assert (theta < ENDS.upper).all()
        return quadratic(theta)

    with np.errstate(all="ignore"):
        on_real_line(inside, ENDS)(np.full((1, 5), far))


def test_unknowns_of_the_whole_line_are_passed_through():
    z = np.random.default_rng(2).normal(size=(3, 2))
    for found, expected in zip(
        on_real_line(quadratic, Transform(-np.inf, np.full(2, np.inf)))(z), quadratic(z), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
