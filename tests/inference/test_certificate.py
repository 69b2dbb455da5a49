"""The proof that a maximum exists: never given where outcomes are separated, given where they overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.inference.certificate import has_maximum
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE, fit_mle
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.separation import separation_of
from bayescope.inference.settings import MLESettings, PointSettings
from bayescope.inference.starts import searches, starts
from bayescope.models import density


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(3, 40),
    size=st.integers(1, 3),
    likelihood=st.sampled_from(["Bernoulli", "Binomial"]),
    steps=st.integers(0, 60),
)
def test_what_it_proves_is_what_linear_programming_finds(regression, seed, rows, size, likelihood, steps):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(rows), rng.normal(size=(rows, size)).round(1)])
    trials = rng.integers(0, 3, rows).astype(float) if likelihood == "Binomial" else None
    eta = X @ rng.normal(size=size + 1) * 3
    y = rng.binomial(1 if trials is None else trials.astype(int), 1 / (1 + np.exp(-eta))).astype(float)
    if np.linalg.matrix_rank(X if trials is None else X[trials > 0]) <= size:
        return
    model = regression(X, y, likelihood=likelihood, trials=trials)
    problem = PointProblem(model, prior=False)
    problem.minimise(np.zeros(size + 1), PointSettings(max_iterations=max(steps, 1)))
    if problem.has_maximum():  # at whatever point the solver was
        assert separation_of(model) is None
    elif steps > 30:  # converged, unless there is no maximum; then some p is 0 or 1 by now
        assert problem.evaluated.least < 1e-3


def test_it_is_the_statement_of_its_formula(regression):
    """x = 1 in four rows, three successes: g = 4 p - 3, H = 4 w, so the proof needs g^2 / (4 w) < w / 100."""
    model = regression(np.ones((4, 1)), [1, 1, 1, 0], likelihood="Bernoulli")
    for eta in np.linspace(-3, 5, 81):
        p = 1 / (1 + np.exp(-eta))
        w = p * (1 - p)
        found = density.evaluate(model, np.array([eta]), order=2)
        assert found.least == pytest.approx(w)
        assert has_maximum(found, np.array([0])) == ((4 * p - 3) ** 2 / (4 * w) < w / 100)


def test_dependent_columns_are_not_certain(regression):
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    X = np.column_stack([np.ones(60), x, 2 * x])
    found = density.evaluate(
        regression(X, rng.integers(0, 2, 60), likelihood="Bernoulli"), np.zeros(3), order=2
    )
    assert not has_maximum(found, np.arange(3))


def test_no_program_is_solved_where_the_solver_proves_the_maximum(regression, monkeypatch):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(200), rng.normal(size=(200, 2))])
    model = regression(X, rng.integers(0, 2, 200), likelihood="Bernoulli")
    expected = fit_mle(model, MLESettings(), Context(seed=0))
    monkeypatch.setattr(
        "bayescope.inference.mle.separation_of", lambda _model: pytest.fail("solved a program")
    )
    found = MLE.fit(model, MLESettings(), Context(seed=0))
    np.testing.assert_array_equal(found.estimate, expected.estimate)


def test_many_rows_start_near_the_mode_of_all(regression):
    rng = np.random.default_rng(3)
    n = 40_000
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    y = rng.binomial(1, 1 / (1 + np.exp(-X @ [0.3, 1.0, -1.0, 0.0])))
    model = regression(X, y, likelihood="Bernoulli", priors=("Laplace", 0, 0.01))
    problem = PointProblem(model, prior=True)
    (start,) = starts(problem)
    from_start, from_zero = (problem.minimise(at, PointSettings()) for at in (start, np.zeros(4)))
    assert from_start.iterations < from_zero.iterations
    assert from_start.value == pytest.approx(from_zero.value, abs=1e-8)
    np.testing.assert_array_equal(from_start.at_kink, from_zero.at_kink)
    # the covariance of the coefficients off their kinks, from the last Newton step, is that at the mode
    exact = problem.objective.derivatives(from_start.theta)[2]
    np.testing.assert_allclose(from_start.hessian, exact, rtol=1e-6, atol=1e-6 * np.abs(exact).max())


def test_a_search_from_few_rows_makes_one_hessian_of_all(regression, monkeypatch):
    """And that one is within a few 5e-5 of the one at the mode, which is where a search from zero ends."""
    rng = np.random.default_rng(3)
    n = 40_000
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    y = rng.binomial(1, 1 / (1 + np.exp(-X @ [0.3, 1.0, -1.0, 0.0])))
    problem = PointProblem(regression(X, y, likelihood="Bernoulli"), prior=True)
    made, evaluate = [], problem._evaluate
    monkeypatch.setattr(
        problem, "_evaluate", lambda theta, order: made.append(order) or evaluate(theta, order)
    )
    (found,) = searches(problem, PointSettings())
    assert made.count(2) == 1
    assert found.status == "converged"
    from_zero = problem.minimise(np.zeros(4), PointSettings())
    assert found.value == pytest.approx(from_zero.value, abs=1e-8)
    np.testing.assert_allclose(found.theta, from_zero.theta, atol=1e-9)
    np.testing.assert_allclose(found.hessian, from_zero.hessian, atol=2e-4 * np.abs(from_zero.hessian).max())
