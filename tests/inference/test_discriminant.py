"""The start of a logistic regression is the linear discriminant function, and never worse than a constant."""

import numpy as np
import pytest

from bayescope.inference.discriminant import towards_discriminant
from bayescope.inference.point_problem import PointProblem
from bayescope.preparation import prepare, read_config

RNG = np.random.default_rng(11)
ROWS = 400
X = RNG.normal(size=(ROWS, 2))
Y = (RNG.random(ROWS) < 1 / (1 + np.exp(-(0.3 + X @ [1.5, -0.8])))).astype(float)


def problem(columns, *, prior=False, plain=False, **section):
    section = {"likelihood": "Bernoulli", "formula": "y ~ u + v", **section}
    config = read_config({"name": "made", "model": section, "inference": ["mle"]}, needs_data=False)
    return PointProblem(prepare(config, columns)[1], prior=prior, plain=plain)


def table(y=Y, x=X, **more):
    return {"y": y, "u": x[:, 0], "v": x[:, 1], **more}


def constant(y=Y):
    return np.array([np.log(y.mean() / (1 - y.mean())), 0.0, 0.0])


def discriminant(y=Y, x=X):
    """The slopes S^-1 (m1 - m0), S being the covariance within the outcomes, with N below."""
    groups = [x[y == k] for k in (0, 1)]
    scatter = sum((group - group.mean(axis=0)).T @ (group - group.mean(axis=0)) for group in groups)
    return np.linalg.solve(scatter / len(y), groups[1].mean(axis=0) - groups[0].mean(axis=0))


def test_the_slopes_are_those_of_the_discriminant_function():
    start = towards_discriminant(problem(table()), constant())
    np.testing.assert_allclose(start[1:], discriminant(), rtol=1e-10)


def test_trials_and_weights_count_as_rows():
    single = towards_discriminant(problem(table()), constant())
    twice = problem(table(w=np.full(ROWS, 2)), weights="w")
    np.testing.assert_allclose(towards_discriminant(twice, constant()), single, rtol=1e-10)
    trials = problem(table(y=3 * Y, n=np.full(ROWS, 3)), likelihood="Binomial", formula="y / n ~ u + v")
    np.testing.assert_allclose(towards_discriminant(trials, constant()), single, rtol=1e-10)


def test_it_is_nearer_than_the_step_that_newton_takes():
    one = problem(table())
    start = constant()
    _, gradient, hessian = one.objective.derivatives(start)
    newton = start - np.linalg.solve(hessian, gradient)
    assert one.objective.value(towards_discriminant(one, start)) < one.objective.value(newton)


@pytest.mark.parametrize(
    "asked",
    [
        {"link": "probit"},
        {"plain": True},
        {"prior": True, "priors": {"coefficients": "Uniform(-3, 3)", "Intercept": "Normal(0, 5)"}},
    ],
    ids=["another link", "plain", "bounds"],
)
def test_elsewhere_the_start_stays(asked):
    np.testing.assert_array_equal(towards_discriminant(problem(table(), **asked), constant()), constant())


def test_outcomes_that_are_all_but_separated_leave_the_start():
    y = (X[:, 0] > 0).astype(float)
    x = np.column_stack([np.where(y > 0, 5.0, -5.0) + 0.01 * X[:, 0], X[:, 1]])
    one = problem(table(y=y, x=x))
    np.testing.assert_array_equal(towards_discriminant(one, constant(y)), constant(y))
