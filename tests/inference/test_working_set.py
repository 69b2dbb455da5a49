"""Sparse modes: the zeros and coefficients of scikit-learn's solvers, and a certificate over all coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

import bayescope
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import PointSettings
from bayescope.inference.working_set import minimise_working_set

TIGHT = {"tol": 1e-14, "max_iter": 1_000_000}


def simulated(rows, columns, seed=0, relevant=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    beta = np.zeros(columns)
    beta[:relevant] = rng.normal(size=relevant)
    return X, X @ beta, rng


def fit(X, y, likelihood, priors, **model):
    data = {f"x{j}": column for j, column in enumerate(X.T)} | {"y": y}
    config = {
        "name": "sparse",
        "data": {"columns": {name: values.tolist() for name, values in data.items()}},
        "model": {"likelihood": likelihood, "formula": "y ~ .", "priors": priors, **model},
        "inference": ["map"],
    }
    return bayescope.run(config)


@pytest.mark.parametrize(("rows", "columns", "b"), [(60, 150, 0.05), (60, 400, 0.2), (200, 150, 0.5)])
def test_a_lasso_is_that_of_scikit_learn(rows, columns, b):
    X, mean, rng = simulated(rows, columns)
    y = mean + rng.normal(size=rows)
    found = fit(X, y, "Normal", {"Intercept": "Flat()", "coefficients": f"Laplace(0, {b})", "sigma": 1.0})[
        "map"
    ]
    expected = Lasso(alpha=1 / (b * rows), **TIGHT).fit(X, y)
    assert found.estimate[1:] == pytest.approx(expected.coef_, rel=1e-6, abs=1e-9)
    assert np.array_equal(found.estimate[1:] == 0, expected.coef_ == 0)
    assert found.details["kkt_residual"] <= 1e-8


def test_a_logistic_lasso_wider_than_long_is_that_of_scikit_learn():
    X, mean, rng = simulated(80, 200, seed=1)
    y = (rng.random(80) < 1 / (1 + np.exp(-2 * mean))).astype(float)
    found = fit(X, y, "Bernoulli", {"Intercept": 0.0, "coefficients": "Laplace(0, 0.3)"})["map"]
    reference = LogisticRegression(
        C=0.3, l1_ratio=1, solver="saga", fit_intercept=False, tol=1e-14, max_iter=1_000_000
    )
    expected = reference.fit(X, y).coef_[0]
    assert found.estimate == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert np.array_equal(found.estimate == 0, expected == 0)


HEADS = {
    "Normal": ({"sigma": "Exponential(1)"}, lambda mean, rng: mean + rng.normal(size=len(mean))),
    "StudentT": (
        {"sigma": "Exponential(1)", "nu": 4.0},
        lambda mean, rng: mean + rng.standard_t(4, len(mean)),
    ),
    "Poisson": ({}, lambda mean, rng: rng.poisson(np.exp(np.clip(mean, -2, 2))).astype(float)),
    "NegativeBinomial": (
        {"alpha": "Exponential(1)"},
        lambda mean, rng: rng.negative_binomial(3, 3 / (3 + np.exp(np.clip(mean, -2, 2)))).astype(float),
    ),
    "Gamma": ({"alpha": "Exponential(1)"}, lambda mean, rng: rng.gamma(2, np.exp(mean / 4) / 2)),
}


@pytest.mark.parametrize("head", HEADS)
def test_the_mode_of_every_head_satisfies_its_conditions_in_every_coordinate(head):
    # the certificate anew, from derivatives of all coordinates at once
    priors, draw = HEADS[head]
    X, mean, rng = simulated(160, 120, seed=2)
    run = fit(
        X, draw(mean, rng), head, {"Intercept": "Normal(0, 5)", "coefficients": "Laplace(0, 0.03)", **priors}
    )
    found, problem = run["map"], PointProblem(run.model, prior=True)
    _, gradient, hessian = problem.objective.derivatives(found.estimate)
    weight = problem.objective.weight
    zero = found.estimate == problem.objective.location
    kinked = weight > 0
    scale = np.sqrt(np.abs(np.diag(hessian))) + weight
    outside = np.maximum(np.abs(gradient) - weight, 0.0)
    violation = np.where(kinked & zero, outside, np.abs(gradient + weight * np.sign(found.estimate)))
    assert np.max(violation / scale) <= 1e-8
    assert 0 < np.count_nonzero(kinked & zero) < 120


def test_working_sets_end_where_the_whole_problem_does():
    X, mean, rng = simulated(150, 110, seed=3)
    y = mean + rng.normal(size=150)
    run = fit(
        X, y, "Normal", {"Intercept": "Flat()", "coefficients": "Laplace(0, 0.1)", "sigma": "HalfNormal(2)"}
    )
    problem = PointProblem(run.model, prior=True)
    assert problem.sparse
    start = np.append(np.zeros(111), 1.0)
    whole = problem.minimise_all(start, PointSettings())
    assert run["map"].estimate == pytest.approx(whole.theta, rel=1e-8, abs=1e-10)


def test_many_coefficients_of_far_more_rows_are_solved_at_once_from_their_gram_matrix():
    X, mean, rng = simulated(3600, 110, seed=3)
    y = mean + rng.normal(size=3600)
    run = fit(X, y, "Normal", {"Intercept": "Flat()", "coefficients": "Laplace(0, 0.02)", "sigma": 1.0})
    problem = PointProblem(run.model, prior=True)
    assert not problem.sparse
    in_sets = minimise_working_set(
        problem.objective,
        problem.slopes,
        lambda free, theta: problem.given(free, theta).minimise_all(theta[free], PointSettings()),
        np.zeros(111),
        1e-8,
    )
    assert run["map"].estimate == pytest.approx(in_sets.theta, rel=1e-8, abs=1e-10)


def test_only_the_coefficients_with_a_laplace_prior_become_zero():
    X, mean, rng = simulated(100, 130, seed=4)
    y = mean + rng.normal(size=100)
    priors = {
        "Intercept": "Flat()",
        "coefficients": "Laplace(0, 0.05)",
        "x0": "Flat()",
        "x100": "Normal(0, 1)",
    }
    found = fit(X, y, "Normal", {**priors, "sigma": 1.0})["map"]
    values = dict(zip(found.names, found.estimate, strict=True))
    assert values["x100"] != 0
    # with the others' part of the response known, x0 is least squares and x100 a ridge of one column
    rest = (
        y - sum(values[name] * X[:, int(name[1:])] for name in values if name[0] == "x") - values["Intercept"]
    )
    assert X[:, 0] @ rest == pytest.approx(0.0, abs=1e-7)
    assert X[:, 100] @ rest == pytest.approx(values["x100"], abs=1e-7)


def test_a_perfect_fit_with_an_unknown_sigma_is_refused_by_name():
    X, mean, rng = simulated(40, 120)
    priors = {"Intercept": "Flat()", "coefficients": "Laplace(0, 1)"}
    run = fit(X, mean + rng.normal(size=40), "Normal", {**priors, "sigma": "Exponential(1)"})
    assert run["map"].outcome.status == "failed"
    assert "unbounded as sigma -> 0" in run["map"].outcome.message


def test_of_many_unknowns_the_standard_errors_are_kept_and_stored(tmp_path):
    X, mean, rng = simulated(60, 1100)
    priors = {"Intercept": "Flat()", "coefficients": "Laplace(0, 0.1)", "sigma": 1.0}
    run = fit(X, mean + rng.normal(size=60), "Normal", priors)
    found = run["map"]
    assert found.covariance is None
    assert np.array_equal(np.isnan(found.sd), found.estimate == 0)
    loaded = bayescope.load(run.save(tmp_path))["map"]
    assert np.array_equal(loaded.sd, found.sd, equal_nan=True)
    # the standard error of the free ones: the inverse of their own information
    free = np.flatnonzero(found.estimate != 0)
    design = np.column_stack([np.ones(60), X])[:, free]
    assert found.sd[free] == pytest.approx(np.sqrt(np.diag(np.linalg.inv(design.T @ design))), rel=1e-8)
