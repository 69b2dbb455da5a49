"""Responses of several columns, from the configuration to the graph: reading, refusals, densities."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import compress

import numpy as np
import pytest
import scipy.stats

from bayescope.data.read import read_table
from bayescope.errors import ConfigError, DataError
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.point_problem import PointProblem
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.density import likelihood_derivatives, log_likelihood, pointwise_log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split, variables
from bayescope.models.prior_density import element_priors, log_prior, smooth_prior_derivatives
from bayescope.pipeline import prepare, read_config

XY = {"x": [1.0, 2.5, 4.0, 3.0], "y": [2.0, -1.0, 5.0, 3.0]}
COLOURS = {"red": [1, 0, 4, 0], "green": [2, 1, 5, 0], "blue": [0, 3, 1, 0]}
COV = [[4.0, 1.0], [1.0, 9.0]]
JOINT = "MvNormal([1, 0], [[1, 0.2], [0.2, 2]])"


def model_of(likelihood, columns, priors=None, **changes):
    spec = {"likelihood": likelihood, "response": list(columns), "priors": priors or {}} | changes
    config = {"name": "m", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def refused(error, *arguments, **changes):
    with pytest.raises(error) as caught:
        model_of(*arguments, **changes)
    return str(caught.value)


def weighted(likelihood, columns, priors):
    """The same with weights: a row twice, one not at all."""
    spec = {"likelihood": likelihood, "response": list(columns), "priors": priors, "weights": "w"}
    data = {"columns": {**columns, "w": [2, 1, 0, 3]}}
    return prepare(read_config({"name": "m", "data": data, "model": spec, "inference": ["mle"]}))[1]


MODELS = {
    "Multinomial": model_of("Multinomial", COLOURS, {"p": "Dirichlet([1, 2, 3])"}),
    "MvNormal": model_of("MvNormal", XY, {"mu": JOINT, "cov": COV}),
    "weighted counts": weighted("Multinomial", COLOURS, {"p": "Dirichlet([1, 2, 3])"}),
    "weighted": weighted("MvNormal", XY, {"mu": JOINT, "cov": COV}),
    "independent": model_of("MvNormal", XY, {"mu": "StudentT(3, 0, 2)", "cov": COV}),
}
THETAS = {
    name: [0.2, 0.5, 0.3] if model.likelihood.name == "Multinomial" else [0.4, 1.1]
    for name, model in MODELS.items()
}
every_model = pytest.mark.parametrize("name", MODELS)


# Reading


def test_counts_have_their_sums_as_trials_and_an_element_for_each_column():
    model = MODELS["Multinomial"]
    assert model.response.values.shape == (4, 3)
    assert model.response.trials.tolist() == [3, 4, 10, 0]
    assert model.response.name == "red, green, blue"
    assert model.response.levels == ("red", "green", "blue")
    assert model.names == ("p[red]", "p[green]", "p[blue]")


def test_measured_columns_have_no_trials():
    assert MODELS["MvNormal"].response.trials is None
    assert MODELS["MvNormal"].response.values.tolist() == np.column_stack(list(XY.values())).tolist()


def test_a_known_matrix_is_fixed_element_by_element():
    model = MODELS["MvNormal"]
    assert model.names == ("mu[x]", "mu[y]")
    assert model.fixed == {"cov[x, x]": 4, "cov[x, y]": 1, "cov[y, x]": 1, "cov[y, y]": 9}
    assert model.predictors[1].offset.tolist() == COV


def test_defaults_have_the_location_and_the_scale_of_each_column():
    prior = model_of("MvNormal", XY, {"cov": COV}).blocks[0].prior
    assert prior.distribution == "Normal"
    assert prior.arguments["mu"] == pytest.approx(np.mean([*XY.values()], axis=1), rel=1e-3)
    assert prior.arguments["sigma"] == pytest.approx(2.5 * np.std([*XY.values()], axis=1), rel=1e-3)
    assert model_of("Multinomial", COLOURS).blocks[0].prior.arguments == {"a": (1.0, 1.0, 1.0)}


def test_every_column_is_checked():
    bad = {"red": [1, -1], "green": [0.5, 2], "blue": ["many", 3]}
    message = refused(DataError, "Multinomial", bad)
    assert "blue" in message
    del bad["blue"]
    message = refused(DataError, "Multinomial", bad)
    assert "-1 is outside whole numbers of at least 0" in message
    assert "0.5 is outside whole numbers of at least 0" in message
    assert "is missing" in refused(DataError, "MvNormal", {**XY, "x": [1.0, None, 2, 3]}, {"cov": COV})


# Refusals of the configuration


@pytest.mark.parametrize(
    ("likelihood", "columns", "priors", "message"),
    [
        ("MvNormal", XY, {}, "MvNormal needs a known `cov` under priors: a matrix such as [[4, 1], [1, 9]]"),
        ("MvNormal", XY, {"cov": "Normal(0, 1)"}, "model.priors.cov: MvNormal needs a known `cov`"),
        (
            "MvNormal",
            XY,
            {"cov": [[1, 2], [2, 1]]},
            "model.priors.cov: the covariance matrix is not positive",
        ),
        ("MvNormal", XY, {"cov": [[1, 0], [0, "a"]]}, "row 2, column 2 must be a number, not 'a'"),
        ("MvNormal", XY, {"cov": np.eye(3)}, "cov has 3 rows, and the response has 2 columns: x, y"),
        ("MvNormal", XY, {"cov": [1, 2]}, "model.priors.cov: MvNormal needs a known `cov`"),
        ("MvNormal", XY, {"cov": COV, "mu": 3}, "'mu' is a vector, which no number fixes: give it a prior"),
        ("MvNormal", XY, {"cov": COV, "mu": "Dirichlet([1, 1])"}, "does not fit 'mu'"),
        (
            "MvNormal",
            XY,
            {"cov": COV, "mu": "MvNormal([0, 0, 0], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])"},
            "has 3 elements, and there are 2: mu[x], mu[y]",
        ),
        ("MvNormal", XY, {"cov": COV, "mu": "MvNormal([0, 0], [[1, 0], [1, 1]])"}, "'cov' is not symmetric"),
        (
            "MvNormal",
            XY,
            {"cov": COV, "mu": "MvNormal([0, 0, 0], [[1, 0], [0, 1]])"},
            "'mu' has 3 and 'cov' has 2",
        ),
        ("Multinomial", COLOURS, {"p": "Dirichlet([1, 1])"}, "has 2 elements, and there are 3: p[red]"),
        (
            "Multinomial",
            COLOURS,
            {"p": COV},
            "expected a prior or a number; Multinomial has no 'p' that is a matrix",
        ),
        ("Normal", XY, {}, "model.response: Normal has a response of one column; a list of columns is for"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(likelihood, columns, priors, message):
    assert message in refused(ConfigError, likelihood, columns, priors)


def test_the_number_of_columns_is_that_of_the_likelihood():
    message = refused(ConfigError, "Multinomial", COLOURS, response="red")
    assert "Multinomial has a response of several columns; write `response: [red, ...]`" in message
    for columns in (["red"], ["red", "red"]):
        message = refused(ConfigError, "Multinomial", COLOURS, response=columns)
        assert "expected the names of two or more different columns" in message
    assert "no column 'pink'" in refused(ConfigError, "Multinomial", COLOURS, response=["red", "pink"])
    message = refused(ConfigError, "Multinomial", COLOURS, response=None, formula="red ~ green")
    assert "Multinomial takes no formula; write `response: [column, column]`" in message


def test_a_joint_prior_is_for_a_vector_only():
    data = {"columns": {"x": [1.0, 2, 4], "y": [1.0, 3, 2]}}
    for spec in (
        {"likelihood": "Normal", "response": "x", "priors": {"mu": JOINT}},
        {"likelihood": "Normal", "formula": "y ~ x", "priors": {"coefficients": JOINT}},
    ):
        config = {"name": "m", "data": data, "model": spec, "inference": ["mle"]}
        with pytest.raises(ConfigError, match="does not fit"):
            prepare(read_config(config))


def test_a_problem_of_a_file_has_its_place(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "name: m\ndata: {columns: {x: [1, 2], y: [3, 4]}}\n"
        "model:\n  likelihood: Normal\n  response: [x, y]\n  priors:\n    mu: Normal(0, 1)\n"
        "    sigma: [[1, 0], [0, 1]]\ninference: [mle]\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert "run.yaml:5:3" in str(caught.value)
    assert "run.yaml:8:5" in str(caught.value)


def test_the_configuration_written_out_reads_back_the_same():
    spec = {"likelihood": "MvNormal", "response": ["x", "y"], "priors": {"mu": JOINT, "cov": COV}}
    config = {"name": "m", "data": {"columns": XY}, "model": spec, "inference": ["mle"]}
    first = read_config(config).config
    again = read_config(json.loads(json.dumps(first.model_dump(mode="json", exclude_none=True)))).config
    assert again.model == first.model


# The density


def test_the_log_likelihood_and_the_log_prior_are_those_of_scipy():
    model, theta = MODELS["MvNormal"], np.array(THETAS["MvNormal"])
    rows = np.column_stack([XY["x"], XY["y"]])
    expected = scipy.stats.multivariate_normal(theta, COV).logpdf(rows)
    np.testing.assert_allclose(pointwise_log_likelihood(model, theta), expected, rtol=1e-13)
    prior = scipy.stats.multivariate_normal([1, 0], [[1, 0.2], [0.2, 2]]).logpdf(theta)
    assert log_prior(model, theta) == pytest.approx(prior, rel=1e-13)
    normal = [("Normal", {"mu": 1.0, "sigma": 1.0}), ("Normal", {"mu": 0.0, "sigma": 2**0.5})]
    assert [*element_priors(model)] == normal


@pytest.mark.parametrize("name", ["MvNormal", "independent", "weighted"])
def test_derivatives_are_finite_differences(name):
    model, theta, step = MODELS[name], np.array(THETAS[name]), 1e-5
    for function in (likelihood_derivatives, smooth_prior_derivatives):
        value, gradient, hessian = function(model, theta)
        assert value == pytest.approx(
            {likelihood_derivatives: log_likelihood}.get(function, log_prior)(model, theta)
        )
        ends = [[function(model, theta + s * step * e) for s in (1, -1)] for e in np.eye(2)]
        # truncation step^2 times third and fourth derivatives of at most 1, and rounding 1e-15 * 50 / step
        np.testing.assert_allclose(gradient, [(a[0] - b[0]) / (2 * step) for a, b in ends], rtol=0, atol=1e-8)
        np.testing.assert_allclose(hessian, [(a[1] - b[1]) / (2 * step) for a, b in ends], rtol=0, atol=1e-8)


@every_model
def test_the_graph_has_the_density_of_the_model(name):
    model, theta = MODELS[name], np.array(THETAS[name])
    graph = compile_graph(model)
    [variable] = variables(model).values()
    assert graph.named_vars_to_dims[variable.name] == (variable.dim,)
    [observed] = graph.observed_RVs
    assert graph.named_vars_to_dims[observed.name] == ("row", "response")
    assert graph.coords["response"] == model.response.levels
    from pymc.model.transform.conditioning import remove_value_transforms

    plain = remove_value_transforms(graph)
    value = plain.compile_fn(plain.logp(jacobian=False), mode="FAST_COMPILE")(split(model, theta))
    assert value == pytest.approx(log_likelihood(model, theta) + log_prior(model, theta), rel=1e-12)


def test_weights_are_repeated_rows_to_all_that_is_computed():
    times = [2, 1, 0, 3]
    repeated = model_of(
        "MvNormal",
        {name: np.repeat(values, times).tolist() for name, values in XY.items()},
        {"mu": JOINT, "cov": COV},
    )
    theta = np.array(THETAS["weighted"])
    assert log_likelihood(MODELS["weighted"], theta) == pytest.approx(log_likelihood(repeated, theta))
    found = log_likelihoods(PointProblem(MODELS["weighted"], prior=True), np.array([theta, theta + 1]))
    assert found == pytest.approx([log_likelihood(repeated, theta), log_likelihood(repeated, theta + 1)])


def test_many_draws_have_the_densities_of_each():
    thetas = np.array([[0.4, 1.1], [2.0, -1.0], [0.0, 0.0]])
    for name in ("MvNormal", "independent"):
        model = MODELS[name]
        found = log_likelihoods(PointProblem(model, prior=True), thetas)
        assert found == pytest.approx([log_likelihood(model, theta) for theta in thetas], rel=1e-13)
        found = log_priors(model, thetas)
        assert found == pytest.approx([log_prior(model, theta) for theta in thetas], rel=1e-13)


# Blueprints


@every_model
def test_a_blueprint_makes_the_same_model_on_the_same_rows(name):
    model, theta = MODELS[name], np.array(THETAS[name])
    columns = COLOURS if model.likelihood.name == "Multinomial" else XY
    kept = [True, True, model.response.weights is None, True]  # the third row has the weight 0
    columns = {name: list(compress(values, kept)) for name, values in columns.items()}
    table = replace(read_table(None, None, None, columns), weights=model.response.weights)
    again = rebuild(json.loads(json.dumps(blueprint(model))), table)
    assert again.names == model.names
    assert again.fixed == model.fixed
    for function in (log_likelihood, log_prior):
        assert function(again, theta) == function(model, theta)
    unseen = rebuild(blueprint(model), table, response=False)
    assert np.isnan(unseen.response.values).all()
    assert unseen.response.values.shape == model.response.values.shape
