"""White coordinates: the same posterior, in coordinates where it is near to a standard Normal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayescope.errors import FitError
from bayescope.inference import gradients, nuts
from bayescope.inference.method import Context
from bayescope.inference.nuts import NUTS
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import NutsSettings
from bayescope.inference.whitening import whiten
from bayescope.models import density, prior_density
from bayescope.models.graph import compile_graph
from bayescope.pipeline import prepare, read_config

CONTEXT = Context(seed=1)


VECTORS = {
    "likelihood": "MvNormal",
    "response": ["y0", "y1"],
    "priors": {"mu": "Normal(0, 2)", "cov": [[1, 0.5], [0.5, 2]]},
}


def declared(columns, section):
    config = {"name": "declared", "data": {"columns": columns}, "model": section, "inference": ["nuts"]}
    return prepare(read_config(config))[1]


def counts(n=60, seed=5):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    X[:, 2] = X[:, 1] + 0.01 * X[:, 2]
    return X, (rng.random(n) < 1 / (1 + np.exp(-X @ [0.5, 1.0, -0.5]))).astype(float)


@pytest.fixture(scope="module")
def models(regression, line):
    """Models of every kind of term: sufficient statistics, heads by rows or at once, weights, kinks."""
    X, y = counts()
    weights = np.arange(60.0) % 3
    logistic = regression(X, y, likelihood="Bernoulli", priors=("Normal", 0, 2))
    return {
        "normal": line,
        "logistic": logistic,
        "probit": replace(logistic, predictors=(replace(logistic.location, link="probit"),)),
        "weighted": regression(X, y, likelihood="Bernoulli", priors=("StudentT", 4, 0, 2), weights=weights),
        "lasso": regression(X, y, priors=("Laplace", 0, 0.1), sigma=("HalfCauchy", 1)),
        "median": declared(
            {"y": X[:, 2] + 0.1 * X[:, 1] ** 2, "x": X[:, 1]}, {"use": "median", "formula": "y ~ x"}
        ),
        "vectors": declared({"y0": X[:9, 1], "y1": X[:9, 2]}, VECTORS),
    }


def in_unconstrained_space(model, whitened, x):
    """log p(y, z) by the plain density of the model, and the theta it is at."""
    theta = whitened.theta(x)
    jacobian = whitened.transform.log_jacobian(whitened.unconstrained(x)).sum()
    return density.log_likelihood(model, theta) + prior_density.log_prior(model, theta) + jacobian


@pytest.mark.parametrize("name", ["normal", "logistic", "probit", "weighted", "lasso", "vectors", "median"])
def test_density_is_that_of_the_model(models, name):
    model = models[name]
    whitened = whiten(model, CONTEXT)
    x = np.random.default_rng(2).normal(size=(3, len(model.names)))
    values, _ = whitened.gradients(x)
    expected = [in_unconstrained_space(model, whitened, one) for one in x]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-10)


def test_density_is_that_of_the_graph_on_the_real_line(models):
    """PyMC transforms as we do, so the densities are equal, constants included."""
    model = models["lasso"]
    whitened, graph = whiten(model, CONTEXT), compile_graph(model)
    log_density, names = graph.compile_logp(), [variable.name for variable in graph.value_vars]
    for x in np.random.default_rng(3).normal(size=(3, len(model.names))):
        point = dict(zip(names, whitened.unconstrained(x), strict=True))
        assert whitened.gradients(x[np.newaxis])[0][0] == pytest.approx(float(log_density(point)), rel=1e-10)


@pytest.mark.parametrize("name", ["normal", "logistic", "probit", "weighted", "lasso", "vectors", "median"])
def test_gradient_is_the_slope_of_the_density(models, name):
    """Central differences: truncated at h^2 of third derivatives, rounded at 1e-16 |value| / h."""
    model, h = models[name], 1e-5
    whitened, size = whiten(model, CONTEXT), len(model.names)
    x = np.random.default_rng(4).normal(size=(3, size))
    steps = h * np.eye(size)
    differences = [whitened.gradients(x + step)[0] - whitened.gradients(x - step)[0] for step in steps]
    np.testing.assert_allclose(
        whitened.gradients(x)[1], np.array(differences).T / (2 * h), rtol=1e-6, atol=1e-6
    )


def test_rows_in_blocks_are_the_same_rows(models, monkeypatch):
    """Sums of 60 terms in another order: rounding errors of 60 eps."""
    x = np.random.default_rng(6).normal(size=(3, 3))
    whole = whiten(models["weighted"], CONTEXT).gradients(x)
    monkeypatch.setattr(gradients, "_ROWS_AT_ONCE", 16)
    for found, expected in zip(whiten(models["weighted"], CONTEXT).gradients(x), whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_dear_gradients_are_left_to_a_compiler(models):
    assert gradients.is_cheap(PointProblem(models["probit"], prior=True))
    long = replace(
        models["probit"],
        response=replace(models["probit"].response, values=np.tile([0.0, 1.0], 1800)),
        predictors=(replace(models["probit"].location, matrix=np.tile(np.eye(3), (1200, 1))),),
    )
    assert not gradients.is_cheap(PointProblem(long, prior=True))
    assert whiten(long, CONTEXT) is None


def test_posterior_is_a_standard_normal_at_the_mode(models):
    """The gradient of a standard Normal is -x; predictors with a correlation of 0.9999 make no difference."""
    whitened = whiten(models["logistic"], CONTEXT)
    x = 1e-4 * np.random.default_rng(5).normal(size=(3, 3))
    np.testing.assert_allclose(whitened.gradients(x)[1], -x, rtol=1e-3, atol=1e-7)


def test_correlated_predictors_cost_no_more_steps(models):
    """Without white coordinates a trajectory needs as many steps as the condition number, about 100."""
    fit = NUTS.fit(models["logistic"], NutsSettings(draws=200, tune=200, chains=2), CONTEXT)
    assert fit.tree["sample_stats"]["n_steps"].values.mean() < 5
    assert not fit.tree["sample_stats"]["diverging"].values.any()


def test_plain_runs_and_posteriors_far_from_a_normal_are_sampled_from_the_graph(line, monkeypatch):
    def asked(*_):
        raise FitError("asked", "")

    monkeypatch.setattr(nuts, "SAMPLERS", {"nutpie": asked})
    horseshoe = declared(
        {"y": [1.0, 2.0, 4.0], "x": [0.0, 1.0, 2.0]}, {"use": "linear-horseshoe", "formula": "y ~ x"}
    )
    for model, context in ((line, replace(CONTEXT, plain=True)), (horseshoe, CONTEXT)):
        with pytest.raises(FitError, match="asked"):
            NUTS.fit(model, NutsSettings(), context)
