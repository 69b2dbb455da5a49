"""Every head with a formula, on every link: the graph has the density and gradient of the model."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pymc.model.transform.conditioning import remove_value_transforms
from pytensor.compile.mode import Mode

from bayescope.distributions.likelihoods import LIKELIHOODS, parametrised
from bayescope.models.density import likelihood_derivatives, log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split, variables
from bayescope.models.prior_density import log_prior, smooth_prior_derivatives
from bayescope.pipeline import prepare, read_config

ROWS = 12
RNG = np.random.default_rng(20261120)
X = RNG.normal(size=ROWS)
COLUMNS = {
    "x": X,
    "Bernoulli": (RNG.random(ROWS) < 0.4).astype(int),
    "Binomial": RNG.binomial(5, 0.4, ROWS),
    "Poisson": RNG.poisson(2.0, ROWS),
    "NegativeBinomial": RNG.poisson(3.0, ROWS),
    "ZeroInflatedPoisson": RNG.poisson(3.0, ROWS) * (RNG.random(ROWS) < 0.6),
    "Exponential": RNG.exponential(2.0, ROWS),
    "Gamma": RNG.gamma(2.0, 1.0, ROWS),
    "LogNormal": RNG.lognormal(0.5, 1.0, ROWS),
    "Beta": RNG.beta(2.0, 3.0, ROWS),
    "Normal": 3.0 + RNG.normal(size=ROWS),
    "Laplace": RNG.normal(size=ROWS),
    "StudentT": RNG.normal(size=ROWS),
    "known": RNG.uniform(-0.5, 0.5, ROWS),
    "often": RNG.integers(0, 4, ROWS),
    "five": np.full(ROWS, 5),
}
TABLE = {name: values.tolist() for name, values in COLUMNS.items()}
WITH_FORMULA = {
    name: form
    for name in LIKELIHOODS
    if (form := parametrised(name, formula=True)).parameter(form.location).links
    and not form.by_level  # these have tests of their own
}
CASES = [
    pytest.param(name, link, id=f"{name}-{link}")
    for name, form in WITH_FORMULA.items()
    for link in form.parameter(form.location).links
]


def build(name, **model):
    spec = {"likelihood": name, **({"trials": "five"} if name == "Binomial" else {}), **model}
    config = {"name": "x", "data": {"columns": TABLE}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def density_and_gradient(model, theta, mode="FAST_COMPILE"):
    whole = compile_graph(model)
    graph = remove_value_transforms(whole)
    unknowns = [graph[variable.name] for variable in variables(model).values()]
    outputs = [graph.logp(jacobian=False), graph.dlogp(unknowns, jacobian=False)]
    with warnings.catch_warnings():
        # numpy complains of 0 * log(0) in branches that `switch` drops
        warnings.simplefilter("ignore", RuntimeWarning)
        return graph.compile_fn(outputs, mode=mode, on_unused_input="ignore")(split(model, theta))


def check(model):
    theta = np.random.default_rng(1).uniform(0.2, 0.8, size=len(model.names))
    value, gradient = density_and_gradient(model, theta)
    # PyMC takes the log(2) of a HalfCauchy in single precision
    rounding = 2e-9 * sum(block.prior.distribution == "HalfCauchy" for block in model.blocks)
    total = log_likelihood(model, theta) + log_prior(model, theta)
    assert value == pytest.approx(total, rel=1e-10, abs=rounding)
    expected = likelihood_derivatives(model, theta)[1] + smooth_prior_derivatives(model, theta)[1]
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-10)


def test_every_likelihood_with_a_formula_has_a_response_here():
    assert set(WITH_FORMULA) <= set(TABLE)


@pytest.mark.parametrize(("name", "link"), CASES)
def test_the_graph_has_the_density_and_the_gradient_of_the_model(name, link):
    check(build(name, formula=f"{name} ~ x", link=link, offset="known", weights="often"))


@pytest.mark.parametrize(
    ("name", "priors"),
    [
        ("NegativeBinomial", {"mu": "Gamma(2, 1)", "alpha": "Exponential(1)"}),
        ("Gamma", {"mu": "Gamma(2, 1)", "alpha": "Exponential(1)"}),
        ("Exponential", {"scale": "Gamma(2, 1)"}),
        ("StudentT", {}),
        ("Laplace", {}),
        ("Beta", {}),
        ("LogNormal", {}),
        ("ZeroInflatedPoisson", {}),
    ],
)
def test_so_it_has_without_a_formula(name, priors):
    check(build(name, response=name, priors=priors))


@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_a_probability_keeps_its_digits_where_it_rounds_to_0_or_1(link):
    model = build("Bernoulli", formula="Bernoulli ~ x", link=link, priors={"x": 0.0, "Intercept": "Flat()"})
    for eta in (-20.0, 3.0):
        value, gradient = density_and_gradient(
            model, np.array([eta]), Mode(linker="py", optimizer="fast_run")
        )
        expected, slope, _ = likelihood_derivatives(model, np.array([eta]))
        assert value == pytest.approx(expected, rel=1e-10)
        assert gradient == pytest.approx(slope, rel=1e-9)
