"""The compressed Normal likelihood and its change of variables, against the density on the rows."""

from __future__ import annotations

import numpy as np
import pytest

from bayescope.inference.log_coordinates import in_logs
from bayescope.inference.normal_statistics import normal_statistics
from bayescope.inference.point_problem import PointProblem
from bayescope.models import density


def data(rows, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(rows), rng.normal(size=(rows, 3))])
    return X, X.sum(axis=1) + rng.normal(size=rows), rng


@pytest.mark.parametrize("sigma", [("HalfFlat",), 1.7])
@pytest.mark.parametrize("rows", [2, 4, 50])
def test_value_and_derivatives_are_those_of_the_rows(regression, sigma, rows):
    X, y, rng = data(rows)
    model = regression(
        X, y, sigma=sigma, weights=rng.integers(0, 3, rows).astype(float), offset=rng.normal(size=rows)
    )
    theta = np.array([0.5, -1.0, 2.0, 0.3, 0.8])[: len(model.names)]
    statistics = normal_statistics(model)
    assert statistics.log_likelihood(theta) == pytest.approx(density.log_likelihood(model, theta), rel=1e-12)
    for ours, rows_ in zip(
        statistics.derivatives(theta), density.likelihood_derivatives(model, theta), strict=True
    ):
        np.testing.assert_allclose(ours, rows_, rtol=1e-11, atol=1e-11)


def test_a_sigma_that_is_not_positive_has_no_density(regression):
    X, y, _ = data(10)
    assert normal_statistics(regression(X, y)).log_likelihood(np.zeros(5)) == -np.inf


def test_other_likelihoods_are_not_compressed(regression):
    X, y, _ = data(10)
    assert normal_statistics(regression(X, (y > 0).astype(float), likelihood="Bernoulli")) is None


def test_derivatives_in_log_sigma_are_those_of_the_same_function(regression):
    X, y, _ = data(30)
    problem = PointProblem(regression(X, y, priors=("Cauchy", 0, 1), sigma=("HalfCauchy", 2)), prior=True)
    inner = in_logs(problem.objective, problem.positive)
    phi = np.array([0.5, 1.0, 0.8, 1.2, np.log(1.3)])
    _, gradient, hessian = inner.derivatives(phi)
    step = 1e-5 * np.eye(5)
    # central differences: error of order step^2 and eps / step
    slopes = [(inner.value(phi + h) - inner.value(phi - h)) / 2e-5 for h in step]
    curves = [(inner.derivatives(phi + h)[1] - inner.derivatives(phi - h)[1]) / 2e-5 for h in step]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(hessian, curves, rtol=1e-6, atol=1e-6)
    assert inner.value(phi) == problem.objective.value(np.array([*phi[:4], 1.3]))


def test_residuals_whose_squares_are_no_numbers_have_no_likelihood(regression):
    model = regression(np.ones((2, 1)), [1e100, -1e100], sigma=1e-100)
    assert normal_statistics(model).log_likelihood(np.zeros(1)) == -np.inf
