"""The PyMC graph has the density of models/density.py and prior_density.py, and names that every library can live with."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pymc.model.transform.conditioning import remove_value_transforms
from pytensor.compile.mode import Mode

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import POSITIVE, REAL, SIMPLEX
from bayescope.errors import NotApplicable
from bayescope.models.density import likelihood_derivatives, log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split, variables
from bayescope.models.graph_priors import shared
from bayescope.models.model import Block, Model, Predictor, Prior, Response
from bayescope.models.prior_density import kinks, log_prior, smooth_prior_derivatives
from bayescope.preparation import prepare, read_config

REAL_PRIORS = {
    "Flat": {},
    "Normal": {"mu": 0.5, "sigma": 2.0},
    "StudentT": {"nu": 3.0, "mu": 0.1, "sigma": 1.5},
    "Laplace": {"mu": 0.2, "b": 0.7},
    "Cauchy": {"alpha": 0.1, "beta": 2.0},
    "Uniform": {"lower": -3.0, "upper": 3.0},
}
POSITIVE_PRIORS = {
    "HalfFlat": {},
    "HalfNormal": {"sigma": 2.0},
    "HalfCauchy": {"beta": 2.5},
    "HalfStudentT": {"nu": 4.0, "sigma": 1.5},
    "Gamma": {"alpha": 2.0, "beta": 0.5},
    "InverseGamma": {"alpha": 3.0, "beta": 2.0},
    "Exponential": {"lam": 1.5},
    "LogNormal": {"mu": 0.1, "sigma": 0.8},
    "Uniform": {"lower": 0.1, "upper": 9.0},
}
UNIT_PRIORS = {"Beta": {"alpha": 2.0, "beta": 3.0}, "Uniform": {"lower": 0.0, "upper": 1.0}}

RNG = np.random.default_rng(20261120)
ROWS = 7
X = np.column_stack([np.ones(ROWS), RNG.normal(size=(ROWS, 2))])
WEIGHTS = np.array([1.0, 3.0, 0.0, 2.0, 1.0, 5.0, 1.0])
TRIALS = np.array([1.0, 5.0, 3.0, 8.0, 2.0, 4.0, 6.0])
RESPONSES = {
    "Bernoulli": np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
    "Binomial": np.array([0.0, 2.0, 3.0, 1.0, 2.0, 0.0, 5.0]),
    "Normal": RNG.normal(size=ROWS),
    "Geometric": np.array([1.0, 2.0, 7.0, 1.0, 3.0, 1.0, 2.0]),
    "NegativeBinomial": np.array([0.0, 2.0, 7.0, 1.0, 3.0, 1.0, 2.0]),
    "Poisson": np.array([0.0, 2.0, 7.0, 1.0, 3.0, 1.0, 2.0]),
    "Exponential": RNG.exponential(size=ROWS),
    "Gamma": RNG.gamma(2.0, size=ROWS),
    "Uniform": RNG.uniform(0.6, 0.7, size=ROWS),
}
FORMULA_HEADS = ("Bernoulli", "Binomial", "Normal")
# Likelihoods without a formula: the prior of each parameter.
POSITIVE_PRIOR, UNIT_PRIOR = (
    Prior("Gamma", {"alpha": 2.0, "beta": 0.5}),
    Prior("Beta", {"alpha": 2.0, "beta": 3.0}),
)
PLAIN_HEADS = {
    "Geometric": (UNIT_PRIOR,),
    "NegativeBinomial": (POSITIVE_PRIOR, UNIT_PRIOR),
    "Poisson": (POSITIVE_PRIOR,),
    "Exponential": (POSITIVE_PRIOR,),
    "Gamma": (POSITIVE_PRIOR, POSITIVE_PRIOR),
    "Uniform": (Prior("Normal", {"mu": 0.0, "sigma": 3.0}), Prior("Pareto", {"alpha": 2.0, "m": 0.1})),
}


def prior(name, table):
    return Prior(name, table[name])


def scalar(name, prior, start, support):
    return Block(name, (name,), True, prior, start, support, "given")


def response(likelihood, weights):
    trials = TRIALS if likelihood == "Binomial" else None
    return Response("y", RESPONSES[likelihood], trials, weights)


def plain_model(likelihood, prior_of_first, prior_of_second=None, weights=None):
    """`response:` model: each parameter of the likelihood is an unknown."""
    parameters = LIKELIHOODS[likelihood].parameters
    priors = (prior_of_first, prior_of_second)
    return Model(
        likelihood=LIKELIHOODS[likelihood],
        response=response(likelihood, weights),
        predictors=tuple(
            Predictor(p.name, "identity", None, np.array([i]), (p.name,)) for i, p in enumerate(parameters)
        ),
        blocks=tuple(scalar(p.name, priors[i], i, p.support) for i, p in enumerate(parameters)),
        fixed={},
        formula=None,
    )


def regression(likelihood, slope_prior, sigma_prior=None, weights=None, offset=0.0):
    """Intercept, then a vector of two coefficients; sigma first in theta, so that nothing rests on its place."""
    normal = likelihood == "Normal"
    first = int(normal)
    blocks = [
        scalar("Intercept", Prior("Normal", {"mu": 0.0, "sigma": 10.0}), first, REAL),
        Block("coefficients", ("a", "b"), False, slope_prior, first + 1, REAL, "given"),
    ]
    link = "identity" if normal else "logit"
    index = np.arange(first, first + 3)
    predictors = [
        Predictor(LIKELIHOODS[likelihood].location, link, X, index, ("Intercept", "a", "b"), offset)
    ]
    if normal:
        blocks.insert(0, scalar("sigma", sigma_prior, 0, POSITIVE))
        predictors.append(Predictor("sigma", "identity", None, np.array([0]), ("sigma",)))
    return Model(
        likelihood=LIKELIHOODS[likelihood],
        response=response(likelihood, weights),
        predictors=tuple(predictors),
        blocks=tuple(blocks),
        fixed={},
        formula="y ~ a + b",
    )


def structures():
    half_normal = prior("HalfNormal", POSITIVE_PRIORS)
    for likelihood in FORMULA_HEADS:
        for name in REAL_PRIORS:
            yield (
                f"{likelihood}-formula-{name}",
                regression,
                (likelihood, prior(name, REAL_PRIORS), half_normal),
            )
    for likelihood, priors in PLAIN_HEADS.items():
        yield f"{likelihood}-response", plain_model, (likelihood, *priors, *[None] * (2 - len(priors)))
    for likelihood in ("Bernoulli", "Binomial"):
        for name in UNIT_PRIORS:
            yield f"{likelihood}-response-{name}", plain_model, (likelihood, prior(name, UNIT_PRIORS), None)
    for name in REAL_PRIORS:
        yield f"Normal-response-{name}", plain_model, ("Normal", prior(name, REAL_PRIORS), half_normal)
    for name in POSITIVE_PRIORS:
        yield f"Normal-sigma-{name}", plain_model, ("Normal", Prior("Flat", {}), prior(name, POSITIVE_PRIORS))


def cases():
    """Every likelihood with every prior; weights in turn, so that each likelihood and each prior meets them."""
    for i, (name, build, arguments) in enumerate(structures()):
        for weighted in (False, True) if name.startswith("Normal-formula") else (bool(i % 2),):
            model = build(*arguments, WEIGHTS if weighted else None)
            yield pytest.param(model, id=f"{name}-{'weighted' if weighted else 'rows'}")
    yield pytest.param(
        regression("Binomial", Prior("Flat", {}), offset=np.linspace(-1, 1, ROWS)), id="offset"
    )
    vector = Prior("Normal", {"mu": (0.0, 1.0), "sigma": (1.0, 3.0)})
    model = regression("Normal", vector, prior("HalfNormal", POSITIVE_PRIORS))
    yield pytest.param(model, id="a prior for each coefficient")


def density_and_gradient(model, theta, mode="FAST_COMPILE"):
    """log p(y, theta) and its gradient in theta by PyMC, without transforms; this mode compiles fast."""
    whole = compile_graph(model, shared)  # as samplers get it
    # a start inside narrowed bounds, which this PyMC function cannot carry over
    whole.rvs_to_initial_values.update(dict.fromkeys(whole.rvs_to_initial_values))
    graph = remove_value_transforms(whole)
    unknowns = [graph[variable.name] for variable in variables(model).values()]
    outputs = [graph.logp(jacobian=False), graph.dlogp(unknowns, jacobian=False)]
    with warnings.catch_warnings():
        # numpy complains of 0 * log(0) in branches that `switch` drops
        warnings.simplefilter("ignore", RuntimeWarning)
        return graph.compile_fn(outputs, mode=mode, on_unused_input="ignore")(split(model, theta))


IN_TEST_GRAPH_HEADS = {"ZeroInflatedPoisson", "LogNormal", "Beta", "Laplace", "StudentT"}


def test_every_likelihood_has_a_case_here():
    # those of vectors have theirs in test_vectors
    vectors = {name for name, entry in LIKELIHOODS.items() if entry.multivariate}
    ordered = {"OrderedLogistic", "OrderedProbit"}  # in test_levels
    assert {*FORMULA_HEADS, *PLAIN_HEADS, "Categorical"} | vectors | ordered == set(
        LIKELIHOODS
    ) - IN_TEST_GRAPH_HEADS


@pytest.mark.parametrize("spelling", ["precision", "variance"])
def test_a_parameter_under_another_name_is_the_parameter(spelling):
    base = plain_model("Normal", Prior("Flat", {}), Prior("Gamma", {"alpha": 2.0, "beta": 1.0}), WEIGHTS)
    block = scalar("tau", base.blocks[1].prior, 1, POSITIVE)
    spread = Predictor("sigma", spelling, None, np.array([1]), ("tau",))
    model = Model(
        base.likelihood, base.response, (base.predictors[0], spread), (base.blocks[0], block), {}, None
    )
    theta = np.array([0.3, 0.7])
    value, gradient = density_and_gradient(model, theta)
    assert value == pytest.approx(log_likelihood(model, theta) + log_prior(model, theta), rel=1e-12)
    expected = likelihood_derivatives(model, theta)[1] + smooth_prior_derivatives(model, theta)[1]
    np.testing.assert_allclose(gradient, expected, rtol=1e-10)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_vector_of_probabilities_is_one_variable(weights):
    labels = ("p[a]", "p[b]", "p[c]")
    block = Block("p", labels, False, Prior("Dirichlet", {"a": (1.5, 2.0, 3.0)}), 0, SIMPLEX, "given")
    predictor = Predictor("p", "identity", None, np.arange(3), labels)
    observed = Response("y", np.array([0.0, 2, 1, 1, 0, 2, 2]), weights=weights, levels=("a", "b", "c"))
    model = Model(LIKELIHOODS["Categorical"], observed, (predictor,), (block,), {}, None)
    graph = compile_graph(model)
    assert graph.named_vars_to_dims["p"] == ("p_dim",)
    assert graph.coords["p_dim"] == labels
    theta = np.array([0.2, 0.5, 0.3])
    value, _ = density_and_gradient(model, theta)
    assert value == pytest.approx(log_likelihood(model, theta) + log_prior(model, theta), rel=1e-12)
    for derivatives in (likelihood_derivatives, smooth_prior_derivatives):
        with pytest.raises(NotApplicable, match="sum to 1"):
            derivatives(model, theta)


@pytest.mark.parametrize("model", list(cases()))
def test_graph_has_the_density_and_the_gradient_of_the_model(model):
    theta = np.random.default_rng(1).uniform(0.2, 0.8, size=len(model.names))
    value, gradient = density_and_gradient(model, theta)
    locations, weights = kinks(model)
    expected = (
        likelihood_derivatives(model, theta)[1]
        + smooth_prior_derivatives(model, theta)[1]
        - weights * np.sign(theta - locations)
    )
    # PyMC takes the log(2) of these two in single precision: a constant, of no consequence to the posterior
    rounding = 2e-9 * sum(b.prior.distribution in {"HalfCauchy", "HalfStudentT"} for b in model.blocks)
    total = log_likelihood(model, theta) + log_prior(model, theta)
    assert value == pytest.approx(total, rel=1e-10, abs=rounding)
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("likelihood", ["Bernoulli", "Binomial"])
def test_logit_link_keeps_its_digits_where_p_rounds_to_one(likelihood):
    model = regression(likelihood, Prior("Flat", {}))
    theta = np.array([800.0, 0.0, 0.0])
    value, _ = density_and_gradient(model, theta, Mode(linker="py", optimizer="fast_run"))
    assert value == pytest.approx(log_likelihood(model, theta) + log_prior(model, theta), rel=1e-12)
    assert value < -800.0


def test_graph_has_named_dimensions_with_the_labels_as_coordinates():
    graph = compile_graph(regression("Normal", Prior("Flat", {}), Prior("HalfFlat", {}), WEIGHTS))
    assert graph.named_vars_to_dims["coefficients"] == ("coefficient",)
    assert graph.coords["coefficient"] == ("a", "b")
    assert graph.named_vars_to_dims["X"] == ("row", "column")
    assert graph.coords["column"] == ("Intercept", "a", "b")
    assert graph.named_vars_to_dims["y"] == ("row",)
    assert [rv.name for rv in graph.free_RVs] == ["sigma", "Intercept", "coefficients"]
    assert [potential.name for potential in graph.potentials] == ["repeated_rows"]
    assert {data.name for data in graph.data_vars} == {"X", "y_data", "weights"}


def test_categorical_term_has_a_dimension_of_its_own():
    block = Block("origin", ("origin[b]", "origin[c]"), False, Prior("Flat", {}), 0, REAL, "given")
    predictor = Predictor("p", "logit", X[:, 1:], np.array([0, 1]), block.labels)
    model = Model(
        LIKELIHOODS["Bernoulli"], response("Bernoulli", None), (predictor,), (block,), {}, "y ~ 0 + origin"
    )
    graph = compile_graph(model)
    assert graph.named_vars_to_dims["origin"] == ("origin_dim",)
    assert graph.coords["origin_dim"] == ("origin[b]", "origin[c]")


def test_fixed_parameter_is_data():
    base = plain_model("Normal", Prior("Flat", {}), Prior("HalfFlat", {}))
    known = Predictor("sigma", "identity", None, np.array([], dtype=int), ("sigma",), 2.5)
    model = Model(
        base.likelihood, base.response, (base.predictors[0], known), base.blocks[:1], {"sigma": 2.5}, None
    )
    graph = compile_graph(model)
    assert graph["sigma"].get_value() == 2.5
    value, _ = density_and_gradient(model, np.array([0.3]))
    assert value == pytest.approx(log_likelihood(model, np.array([0.3])), rel=1e-12)


AWKWARD = (
    "draw",
    "chain",
    "y",
    "X",
    "row",
    "column",
    "x / 100",
    "C(x, 3)",
    "a:b",
    "log(x)",
    "größe",
    "x_log__",
    "weights",
)


def awkward_model():
    """One slope for each name that means something to PyMC, xarray or netCDF, or to the graph itself."""
    matrix = np.random.default_rng(2).normal(size=(ROWS, len(AWKWARD)))
    blocks = tuple(
        scalar(name, Prior("Normal", {"mu": 0.0, "sigma": 1.0}), i, REAL) for i, name in enumerate(AWKWARD)
    )
    predictor = Predictor("p", "logit", matrix, np.arange(len(AWKWARD)), AWKWARD)
    return Model(
        LIKELIHOODS["Bernoulli"], response("Bernoulli", WEIGHTS), (predictor,), blocks, {}, "y ~ ..."
    )


def test_names_with_a_meaning_elsewhere_are_changed_and_stay_distinct():
    model = awkward_model()
    graph = compile_graph(model)
    named = [variable.name for variable in variables(model).values()]
    assert [rv.name for rv in graph.free_RVs] == named
    assert len(set(named)) == len(AWKWARD)
    assert not {"chain", "draw"} & set(named)
    assert not [name for name in named if "/" in name or name.endswith("__")]
    assert [named[i] for i in (2, 8, 9, 10)] == ["y", "a:b", "log(x)", "größe"]
    assert [rv.name for rv in graph.observed_RVs] == ["y_observed"]


def test_split_cuts_theta_into_variables_whatever_the_leading_shape():
    model = regression("Normal", Prior("Flat", {}), Prior("HalfFlat", {}))
    draws = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    parts = split(model, draws)
    assert {name: part.shape for name, part in parts.items()} == {
        "sigma": (2, 3),
        "Intercept": (2, 3),
        "coefficients": (2, 3, 2),
    }
    np.testing.assert_array_equal(parts["coefficients"], draws[..., 2:])


@pytest.mark.parametrize("upper", ["Uniform(0, 100)", "HalfNormal(50)", "Uniform(10, 95)"])
@pytest.mark.parametrize("lower", ["Uniform(0, 40)", "Normal(0, 10)", "Uniform(0, 30)"])
def test_a_sampler_starts_where_the_data_are_possible(lower, upper):
    priors = {"lower": lower, "upper": upper}
    section = {"likelihood": "Uniform", "response": "y", "priors": priors}
    data = {"columns": {"y": [31.0, 60.0, 90.0]}}
    config = {"name": "m", "data": data, "model": section, "inference": ["mle"]}
    graph = compile_graph(prepare(read_config(config))[1])
    assert np.isfinite(graph.compile_logp(mode="FAST_COMPILE")(graph.initial_point()))
