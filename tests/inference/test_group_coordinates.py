"""Coordinates of effects of groups: the density is the model's, and near to a Normal at every spread."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from bayescope.inference.group_coordinates import spread_coordinates
from bayescope.inference.method import Context
from bayescope.inference.nuts import NUTS
from bayescope.inference.settings import NutsSettings
from bayescope.inference.whitening import whiten
from bayescope.models.density import log_likelihood
from bayescope.models.prior_density import log_prior
from bayescope.pipeline import prepare, read_config, silent

CONTEXT = Context(seed=1, report_progress=silent)
GROUPS, SIZE = 8, 6
SIGMA = 0.5


def model_of(likelihood="Normal", formula="y ~ x + (1 | g)", **more):
    rng = np.random.default_rng(4)
    n = GROUPS * SIZE
    x, g, h = rng.normal(size=n), np.repeat(np.arange(GROUPS), SIZE), np.tile(np.arange(4), n // 4)
    eta = 0.3 + 0.5 * x + 0.7 * rng.normal(size=GROUPS)[g] + 0.3 * rng.normal(size=4)[h]
    y = {
        "Normal": lambda: eta + SIGMA * rng.normal(size=n),
        "Bernoulli": lambda: rng.binomial(1, scipy.special.expit(eta)),
        "Poisson": lambda: rng.poisson(np.exp(eta)),
    }[likelihood]()
    columns = {"y": y.tolist(), "x": x.tolist(), "g": [f"g{i}" for i in g], "h": [f"h{i}" for i in h]}
    declared = {"likelihood": likelihood, "formula": formula, **more}
    config = {"name": "m", "data": {"columns": columns}, "model": declared, "inference": ["nuts"]}
    return prepare(read_config(config))[1]


MODELS = {
    "one term": {},
    "two terms": {"formula": "y ~ x + (1 | g) + (1 | h)"},
    "intercepts and slopes": {"formula": "y ~ x + (1 + x || g)"},
    "logistic": {"likelihood": "Bernoulli"},
    "poisson, crossed": {"likelihood": "Poisson", "formula": "y ~ (1 | g) + (1 | h)"},
    "one spread known": {"formula": "y ~ x + (1 | g) + (1 | h)", "priors": {"h.sd": 0.4}},
}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    model = model_of(**MODELS[request.param])
    return model, whiten(model, CONTEXT), np.random.default_rng(7).normal(size=(3, len(model.names)))


def jacobian(function, at, h=1e-6):
    steps = h * np.eye(len(at))
    return np.stack([(function(at + step) - function(at - step)) / (2 * h) for step in steps], axis=-1)


def test_the_density_is_that_of_the_model_with_the_jacobian(case):
    """The Jacobian's determinant is that of differences, good to 1e-6."""
    model, whitened, x = case
    values, _ = whitened.gradients(x)
    for value, one in zip(values, x, strict=True):
        theta = whitened.theta(one)
        bend = np.linalg.slogdet(jacobian(whitened.transform.inverse, whitened.unconstrained(one)))[1]
        assert value == pytest.approx(log_likelihood(model, theta) + log_prior(model, theta) + bend, abs=1e-5)


def test_the_gradient_is_that_of_differences(case):
    _, whitened, x = case
    for one, slope in zip(x, whitened.gradients(x)[1], strict=True):
        differences = jacobian(lambda at: whitened.gradients(at[np.newaxis])[0][0], one)
        np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-5)


def test_the_way_to_theta_leads_back(case):
    _, whitened, x = case
    transform = whitened.transform
    for one in whitened.unconstrained(x):
        line = transform.bounds.apply(transform.inverse(one))
        np.testing.assert_allclose(transform.apply(line), one, rtol=1e-9, atol=1e-9)


def test_given_the_spread_a_normal_model_is_exactly_white():
    """With sigma known all else is Normal given l, of the same covariance in z whatever l is."""
    model = model_of(priors={"sigma": SIGMA})
    near, whitened = spread_coordinates(model, CONTEXT), whiten(model, CONTEXT)
    spread = model.names.index("g.sd")
    others = np.delete(np.arange(len(model.names)), spread)
    for shift in (-2.0, 0.0, 2.0):
        z = near.mean.copy()
        z[spread] += shift
        curvature = jacobian(lambda at: whitened.posterior(at[np.newaxis])[1][0], z)[np.ix_(others, others)]
        inverse = np.linalg.inv(near.factor @ near.factor.T)[np.ix_(others, others)]
        np.testing.assert_allclose(curvature, -inverse, rtol=1e-4, atol=1e-3)


def test_draws_are_of_the_posterior():
    """With the effects integrated out, y ~ Normal(X b, sigma^2 I + s^2 Z Z'), and the rest is a grid over s."""
    model = model_of(
        formula="y ~ 1 + (1 | g)", priors={"sigma": SIGMA, "Intercept": 0.3, "g.sd": "HalfNormal(1)"}
    )
    fit = NUTS.fit(model, NutsSettings(draws=2000), CONTEXT)
    y, same = model.response.values, np.kron(np.eye(GROUPS), np.ones((SIZE, SIZE)))
    s = np.linspace(0.005, 5, 1000)
    log_p = [
        scipy.stats.multivariate_normal.logpdf(y - 0.3, cov=SIGMA**2 * np.eye(len(y)) + one**2 * same)
        - one**2 / 2
        for one in s
    ]
    weights = np.exp(np.array(log_p) - max(log_p))
    weights /= weights.sum()
    mean = weights @ s
    sd = np.sqrt(weights @ (s - mean) ** 2)
    drawn = fit.draws[:, :, model.names.index("g.sd")]
    assert fit.details["sampler"] == "bayescope"
    assert drawn.mean() == pytest.approx(mean, abs=5 * sd / np.sqrt(1000))
    assert drawn.std() == pytest.approx(sd, rel=0.15)


SPECIAL = {
    "correlated effects": {"formula": "y ~ x + (1 + x | g)"},
    "effects that are to stay centred": {"centered": True},
    "a spread with an end": {"priors": {"g.sd": "Uniform(0, 2)"}},
    "a spread in units of sigma": {"priors": {"g.sd": "HalfNormal(2 * sigma)"}},
}


@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_too_special_is_left_to_the_graph(name):
    assert whiten(model_of(**SPECIAL[name]), CONTEXT) is None


def test_groups_that_hardly_differ_have_coordinates_too():
    """The density of l then falls only as e^l to the left."""
    model = model_of(formula="y ~ x + (1 | h)", priors={"h.sd": "HalfNormal(0.1)"})
    assert whiten(model, CONTEXT) is not None
