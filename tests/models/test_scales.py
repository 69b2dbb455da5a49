"""Scales that are a number times a parameter: what they may name, their density, derivatives and graph."""

from __future__ import annotations

import numpy as np
import pytest
from pymc.model.transform.conditioning import remove_value_transforms

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.errors import ConfigError, NotApplicable
from bayescope.inference.log_densities import log_priors
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.density import log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split
from bayescope.models.marginal_priors import marginal_priors, variance_prior
from bayescope.models.model import Model
from bayescope.models.prior_density import element_priors, kinks, log_prior, smooth_prior_derivatives
from bayescope.pipeline import prepare, read_config

COLUMNS = {
    "y": [1.2, 0.4, 2.7, 3.1, 0.9, 2.2],
    "x": [0.5, -1.0, 2.0, 0.3, 1.0, 3.0],
    "z": [1.0, 0.0, 1.0, 1.0, 0.0, 0.0],
}
# every distribution with a scale, with a multiple of sigma for it, and where it may live
SCALED = {
    "Normal": "Normal(0.5, 10 * sigma)",
    "StudentT": "StudentT(4, 0.5, 2 * sigma)",
    "Cauchy": "Cauchy(0.5, 2 * sigma)",
    "Laplace": "Laplace(0.5, 2 * sigma)",
}
POSITIVE = {
    "HalfNormal": "HalfNormal(2 * beta)",
    "HalfCauchy": "HalfCauchy(2 * beta)",
    "HalfStudentT": "HalfStudentT(4, 2 * beta)",
    "InverseGamma": "InverseGamma(3, 2 * beta)",
}
SPREADS = {"sigma": "HalfNormal(2)", "variance": "InverseGamma(3, 2)", "tau": "Gamma(2, 1)"}


def build(priors, *, likelihood="Normal", **model) -> Model:
    spec = {"likelihood": likelihood, **(model or {"formula": "y ~ x + z"}), "priors": priors}
    config = {"name": "x", "data": {"columns": COLUMNS}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def refusals(priors, **model):
    with pytest.raises(ConfigError) as caught:
        build(priors, **model)
    return [str(problem) for problem in caught.value.problems]


def models():
    for name, text in SCALED.items():
        yield pytest.param(build({"coefficients": text, "sigma": "HalfNormal(2)"}), id=name)
    for name, text in POSITIVE.items():
        gamma = {"likelihood": "Gamma", "response": "y"}
        yield pytest.param(build({"alpha": text, "beta": "HalfNormal(2)"}, **gamma), id=name)
    for name, text in SPREADS.items():
        priors = {"x": "Normal(1, sigma)", "z": "Normal(0, 3 * sigma)", name: text}
        yield pytest.param(build(priors), id=f"with {name}")


MODELS = list(models())


def test_every_distribution_with_a_scale_is_tested_here():
    assert {*SCALED, *POSITIVE} == {name for name, entry in DISTRIBUTIONS.items() if entry.scale}


@pytest.mark.parametrize("model", MODELS)
def test_the_scale_is_the_number_times_the_parameter(model):
    theta = np.random.default_rng(2).uniform(0.3, 1.5, size=len(model.names))
    spread = theta[
        list(model.names).index(next(n for n in ("sigma", "variance", "tau", "beta") if n in model.names))
    ]
    value = {"variance": spread**0.5, "tau": spread**-0.5}.get(model.names[-1], spread)
    total = 0.0
    for x, (name, declared), (_, arguments) in zip(
        theta, element_priors(model), element_priors(model, theta), strict=True
    ):
        for key, given in declared.items():
            factor = getattr(given, "factor", None)
            assert arguments[key] == (given if factor is None else pytest.approx(factor * value, rel=1e-15))
        total += float(DISTRIBUTIONS[name].log_density(x, *arguments.values()))
    assert log_prior(model, theta) == pytest.approx(total, rel=1e-14)
    np.testing.assert_allclose(log_priors(model, np.stack([theta, theta / 2]))[0], total, rtol=1e-14)


@pytest.mark.parametrize("model", MODELS)
def test_the_graph_has_the_density_of_the_model(model):
    theta = np.random.default_rng(1).uniform(0.3, 1.5, size=len(model.names))
    graph = remove_value_transforms(compile_graph(model))
    value = graph.compile_logp(jacobian=False, mode="FAST_COMPILE")(split(model, theta))
    # PyMC takes the log(2) of these two in single precision
    rounding = 2e-9 * sum(b.prior.distribution in {"HalfCauchy", "HalfStudentT"} for b in model.blocks)
    total = log_likelihood(model, theta) + log_prior(model, theta)
    assert float(value) == pytest.approx(total, rel=1e-10, abs=rounding)


def difference(function, theta, step=1e-6):
    steps = step * np.eye(len(theta))
    return np.array([(function(theta + h) - function(theta - h)) / (2 * step) for h in steps])


@pytest.mark.parametrize("model", [m for m in MODELS if "Laplace" not in m.id])
def test_gradient_and_hessian_are_derivatives_cross_terms_included(model):
    theta = np.random.default_rng(3).uniform(0.3, 1.5, size=len(model.names))
    value, gradient, hessian = smooth_prior_derivatives(model, theta)
    assert value == pytest.approx(log_prior(model, theta), rel=1e-13)
    slopes = difference(lambda at: smooth_prior_derivatives(model, at)[0], theta)
    curvatures = difference(lambda at: smooth_prior_derivatives(model, at)[1], theta)
    # central differences of step h: h^2 / 6 of a third derivative, and eps / h of rounding
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(hessian, curvatures, rtol=1e-7, atol=1e-7)
    assert np.count_nonzero(hessian - np.diag(np.diag(hessian))) > 0


def test_the_kink_of_a_laplace_prior_must_not_move():
    model = build({"coefficients": "Laplace(0, 2 * sigma)"})
    with pytest.raises(
        NotApplicable, match=r"the prior of coefficients is Laplace\(0, 2 \* sigma\): how sharp"
    ):
        kinks(model)
    fixed = build({"coefficients": "Laplace(0, 2 * sigma)", "sigma": 3.0})
    np.testing.assert_allclose(kinks(fixed)[1][1:], 1 / 6)


@pytest.mark.parametrize("spelling", [{"sigma": 2.0}, {"variance": 4.0}, {"tau": 0.25}])
def test_a_fixed_parameter_makes_the_scale_a_number(spelling):
    model = build({"coefficients": "Normal(0, 10 * sigma)", **spelling})
    assert str(model.blocks[1].prior) == "Normal(0, 20)"


def test_the_default_prior_of_the_parameter_will_do():
    model = build({"coefficients": "Normal(0, 10 * sigma)"})
    assert str(model.blocks[1].prior) == "Normal(0, 10 * sigma)"
    assert model.blocks[2].origin == "default"


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"x": "Normal(0, 2 * sigm)"}, "'sigm' is no parameter of the likelihood; did you mean 'sigma'?"),
        ({"x": "Normal(0, 2 * z)"}, "'z' is no parameter of the likelihood; parameters of Normal: mu, sigma"),
        ({"x": "Normal(0, 2 * mu)"}, "mu has a formula and differs between rows: it cannot scale a prior"),
        ({"sigma": "HalfNormal(2 * sigma)"}, "the prior of sigma cannot be scaled by sigma itself"),
        ({"tau": "HalfNormal(2 * sigma)"}, "the prior of tau cannot be scaled by sigma itself"),
        (
            {"x": "Normal(0, 2 * variance)", "variance": "InverseGamma(3, 2)"},
            "a scale is a number times sigma itself: write 10 * sigma, whatever prior variance has",
        ),
        ({"x": "Normal(0, 1e200 * sigma)"}, "1e+200 is too large to compute with"),
    ],
)
def test_what_a_scale_cannot_name_is_refused_by_name(priors, message):
    [line] = refusals(priors)
    assert line.startswith(f"model.priors.{next(iter(priors))}: {message}")


def test_a_location_that_may_be_negative_is_no_scale():
    [line] = refusals({"sigma": "HalfNormal(2 * mu)"}, response="y")
    assert line == "model.priors.sigma: mu takes all numbers, and a scale must be positive"


def test_scales_of_each_other_are_refused():
    priors = {"alpha": "HalfNormal(2 * beta)", "beta": "HalfNormal(2 * alpha)"}
    lines = refusals(priors, likelihood="Gamma", response="y")
    assert lines == [
        "model.priors.alpha: the priors of alpha and beta cannot be scaled by each other",
        "model.priors.beta: the priors of beta and alpha cannot be scaled by each other",
    ]


def test_all_problems_come_at_once():
    assert (
        len(refusals({"x": "Normal(0, 2 * sigm)", "sigma": "Normal(0, 1)", "nothing": "Normal(0, 1)"})) == 3
    )


def test_the_marginal_prior_under_an_inverse_gamma_variance_is_student():
    model = build({"x": "Normal(1, 3 * sigma)", "z": "Normal(0, 1)", "variance": "InverseGamma(2, 8)"})
    priors = dict(zip(model.names, marginal_priors(model), strict=True))
    assert priors["x"] == ("StudentT", {"nu": 4.0, "mu": 1.0, "sigma": 6.0})
    assert priors["z"] == ("Normal", {"mu": 0.0, "sigma": 1.0})
    variance = 1 / np.random.default_rng(1).gamma(2.0, 1 / 8.0, size=200_000)
    draws = 1 + 3 * np.sqrt(variance) * np.random.default_rng(2).normal(size=len(variance))
    q = np.array([0.05, 0.5, 0.8])
    x = DISTRIBUTIONS["StudentT"].quantile(q, 4.0, 1.0, 6.0)
    shares = (draws[:, None] <= x).mean(axis=0)
    assert np.all(np.abs(shares - q) < 4 * np.sqrt(q * (1 - q) / len(draws)))


def test_a_marginal_prior_that_has_no_name_is_none():
    priors = marginal_priors(build({"coefficients": "Normal(0, 10 * sigma)", "sigma": "HalfCauchy(1)"}))
    assert [prior is None for prior in priors] == [False, True, True, False]


@pytest.mark.parametrize(
    ("priors", "expected"),
    [
        ({"variance": "InverseGamma(2, 3)"}, (2.0, 3.0)),
        ({"tau": "Gamma(2, 3)"}, (2.0, 3.0)),
        ({"tau": "Exponential(3)"}, (1.0, 3.0)),
        ({"sigma": "HalfFlat()"}, (-0.5, 0.0)),
        ({"variance": "HalfFlat()"}, (-1.0, 0.0)),
        ({"tau": "HalfFlat()"}, (1.0, 0.0)),
        ({"sigma": "InverseGamma(2, 3)"}, None),
        ({"variance": "Gamma(2, 3)"}, None),
        ({"sigma": 2.0}, None),
    ],
)
def test_the_priors_of_the_variance_that_are_inverse_gamma(priors, expected):
    assert variance_prior(build(priors), "sigma") == expected


def test_a_model_made_again_from_its_blueprint_has_the_same_scale():
    config = {
        "name": "x",
        "data": {"columns": COLUMNS},
        "model": {"likelihood": "Normal", "formula": "y ~ x", "priors": {"x": "Normal(0, 2.5 * sigma / 3)"}},
        "inference": ["mle"],
    }
    table, model = prepare(read_config(config))[:2]
    again = rebuild(blueprint(model), table)
    assert again.blocks == model.blocks
