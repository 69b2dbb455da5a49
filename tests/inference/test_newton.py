"""The solver, on functions whose minima are known or can be certified from outside."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.inference.newton import minimise
from bayescope.inference.objective import Objective


def smooth(value, derivatives, size):
    return Objective(
        value, derivatives, np.full(size, -np.inf), np.full(size, np.inf), np.zeros(size), np.zeros(size)
    )


def quadratic(A, b, *, weight=0.0, location=0.0, lower=-np.inf, upper=np.inf):
    """0.5 t'At - b't with kinks and bounds."""
    vectors = [np.broadcast_to(np.asarray(v, dtype=float), b.shape) for v in (lower, upper, location, weight)]
    return Objective(
        lambda t: float(0.5 * t @ A @ t - b @ t),
        lambda t: (float(0.5 * t @ A @ t - b @ t), A @ t - b, A),
        *vectors,
    )


def total(objective, theta):
    return objective.value(theta) + objective.penalty(theta)


def rosenbrock(t):
    return float((1 - t[0]) ** 2 + 100 * (t[1] - t[0] ** 2) ** 2)


def rosenbrock_derivatives(t):
    x, y = t
    gradient = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
    return rosenbrock(t), gradient, np.array([[2 - 400 * (y - 3 * x * x), -400 * x], [-400 * x, 200.0]])


def test_the_minimum_of_a_non_convex_valley_is_found_to_the_last_digit():
    solution = minimise(smooth(rosenbrock, rosenbrock_derivatives, 2), np.array([-1.2, 1.0]))
    assert solution.status == "converged"
    np.testing.assert_allclose(solution.theta, [1.0, 1.0], rtol=1e-14)


def test_a_quadratic_takes_one_newton_step():
    A, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -2.0])
    solution = minimise(quadratic(A, b), np.array([50.0, -70.0]))
    assert solution.iterations <= 2  # the second only removes rounding
    np.testing.assert_allclose(solution.theta, np.linalg.solve(A, b), rtol=1e-14)


def test_a_kink_gives_an_exact_zero_and_a_soft_threshold_elsewhere():
    solution = minimise(quadratic(np.eye(3), np.array([0.5, 3.0, -3.0]), weight=1.0), np.ones(3))
    np.testing.assert_array_equal(solution.theta, [0.0, 2.0, -2.0])
    assert solution.at_kink.tolist() == [True, False, False]


def test_a_kink_away_from_zero_is_hit_exactly():
    location = np.array([0.1, 1 / 3])
    solution = minimise(quadratic(np.eye(2), location + 0.01, weight=1.0, location=location), np.zeros(2))
    np.testing.assert_array_equal(solution.theta, location)


def test_an_active_bound_is_hit_exactly_and_reported():
    A = np.array([[2.0, 1.0], [1.0, 2.0]])
    solution = minimise(quadratic(A, np.array([3.0, 0.0]), lower=0.0, upper=1.3), np.array([0.5, 0.5]))
    np.testing.assert_array_equal(solution.theta, [1.3, 0.0])
    assert solution.at_bound.all()
    assert solution.kkt_residual == 0.0


def test_bounded_least_squares_agree_with_scipy():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 8)), rng.normal(size=40)
    expected = scipy.optimize.lsq_linear(X, y, (-0.05, 0.1), method="bvls", tol=1e-14)
    solution = minimise(quadratic(X.T @ X, X.T @ y, lower=-0.05, upper=0.1), np.zeros(8))
    np.testing.assert_allclose(solution.theta, expected.x, atol=1e-13)


def test_a_barrier_is_never_crossed():
    # -log(t) + t on t > 0, nan beyond: full Newton steps from 5 would leave the domain
    objective = smooth(
        lambda t: float(t[0] - np.log(t[0])),
        lambda t: (float(t[0] - np.log(t[0])), 1 - 1 / t, np.diag(1 / t**2)),
        1,
    )
    assert minimise(objective, np.array([5.0])).theta[0] == pytest.approx(1.0, rel=1e-14)


def test_a_function_without_a_lower_bound_is_not_certified():
    objective = smooth(lambda t: float(-t[0]), lambda t: (float(-t[0]), -np.ones(1), np.zeros((1, 1))), 1)
    solution = minimise(objective, np.zeros(1), max_iterations=20)
    assert solution.status == "out of iterations"


def test_an_infinite_density_is_reported_as_unbounded():
    def log(t):
        return float(np.log(t[0])) if t[0] > 0 else -math.inf

    objective = Objective(
        log,
        lambda t: (log(t), 1 / t, -np.diag(1 / t**2)),
        np.zeros(1),
        np.full(1, np.inf),
        np.zeros(1),
        np.zeros(1),
    )
    assert minimise(objective, np.array([1.0])).status == "unbounded"


def test_units_do_not_matter():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(60, 9)), rng.normal(size=60)
    scale = 10.0 ** np.linspace(-3, 5, 9)
    here = minimise(quadratic(X.T @ X, X.T @ y, weight=4.0), np.zeros(9))
    Z = X * scale
    there = minimise(quadratic(Z.T @ Z, Z.T @ y, weight=4.0 * scale), np.zeros(9))
    assert here.at_kink.any()
    np.testing.assert_array_equal(here.at_kink, there.at_kink)
    np.testing.assert_allclose(there.theta * scale, here.theta, rtol=1e-11)


def test_more_coefficients_than_rows_with_kinks():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(30, 120)), rng.normal(size=30)
    solution = minimise(quadratic(X.T @ X, X.T @ y, weight=3.0), np.zeros(120))
    assert solution.status == "converged"
    assert np.sum(~solution.at_kink) <= 30  # a lasso solution has at most n nonzeros (Tibshirani 2013)


def test_two_almost_equal_columns():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(50, 1))
    X = np.hstack([x, x + 1e-6 * rng.normal(size=(50, 1)), rng.normal(size=(50, 2))])
    solution = minimise(quadratic(X.T @ X, X.T @ (X @ [1, 1, 0, 2.0]), weight=0.5), np.zeros(4))
    assert solution.status == "converged"
    assert solution.kkt_residual <= 1e-10


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.booleans(), st.booleans())
def test_no_perturbation_improves_the_solution(seed, size, boxed, kinked):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size + 2, size)) * 10.0 ** rng.uniform(-3, 5, size)
    A, b = root.T @ root, root.T @ rng.normal(size=size + 2)
    unit = np.sqrt(np.diag(A))
    objective = quadratic(
        A,
        b,
        weight=rng.uniform(0, 2, size) * unit if kinked else 0.0,
        location=rng.normal(size=size) / unit,
        lower=-0.5 / unit if boxed else -np.inf,
        upper=0.7 / unit if boxed else np.inf,
    )
    solution = minimise(objective, np.zeros(size))
    assert solution.status == "converged"
    for step in (1e-6, 1e-3, 1.0):
        moved = solution.theta + step * rng.normal(size=(20, size)) / unit
        moved = np.clip(moved, objective.lower, objective.upper)
        noise = 1e-12 * (1 + abs(solution.value))
        assert min(total(objective, theta) for theta in moved) >= solution.value - noise
