"""Networks as linear predictors: derivatives, labels, priors, errors, the graph, and other rows."""

import json

import numpy as np
import pytest
from pymc.model.transform.conditioning import remove_value_transforms

from bayescope.data.new_rows import read_rows
from bayescope.errors import ConfigError
from bayescope.models import density, prior_density
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split
from bayescope.models.network_bodies import network_names
from bayescope.models.networks import (
    ACTIVATIONS,
    MOST_WEIGHTS,
    Network,
    curvature,
    forward,
    jacobian,
    layer_labels,
)
from bayescope.pipeline import prepare, read_config

ROWS = 12


def model_of(body=None, **more):
    rng = np.random.default_rng(5)
    x = rng.normal(size=ROWS)
    columns = {
        "x": x,
        "kind": np.array(["a", "b", "c"] * (ROWS // 3)),
        "y": 3 + np.sin(x) + 0.2 * rng.normal(size=ROWS),
        "seen": rng.poisson(3, ROWS),
    }
    section = {
        "likelihood": "Normal",
        "formula": "y ~ x",
        "body": {"mlp": {"hidden": [3]}} if body is None else body,
        **more,
    }
    config = {"name": "n", "data": {"columns": columns}, "model": section, "inference": ["map"]}
    return prepare(read_config(config))[1]


def network_and_point(activation, hidden):
    rng = np.random.default_rng(len(hidden))
    network = Network(("a", "b"), hidden, activation)
    return network, rng.normal(size=(7, 2)), rng.normal(size=network.size), rng.normal(size=7)


SHAPES = pytest.mark.parametrize("hidden", [(3,), (3, 2), (2, 3, 2)], ids=str)
EACH = pytest.mark.parametrize("activation", ACTIVATIONS)


def differences(function, theta, step=1e-5):
    """Central differences along each element, the error being of the order of step^2 = 1e-10."""
    moves = step * np.eye(len(theta))
    return np.array([(function(theta + move) - function(theta - move)) / (2 * step) for move in moves])


@EACH
@SHAPES
def test_the_jacobian_is_the_change_of_the_output(activation, hidden):
    network, matrix, theta, _ = network_and_point(activation, hidden)
    found = differences(lambda point: forward(network, matrix, point), theta).T
    assert np.allclose(jacobian(network, matrix, theta), found, rtol=1e-7, atol=1e-8)


@EACH
@SHAPES
def test_the_curvature_is_the_change_of_the_weighted_jacobian(activation, hidden):
    network, matrix, theta, weights = network_and_point(activation, hidden)
    found = differences(lambda point: weights @ jacobian(network, matrix, point), theta)
    assert np.allclose(curvature(network, matrix, theta, weights), found, rtol=1e-6, atol=1e-7)


def test_the_curvature_of_a_network_too_large_for_one_row_at_a_time_is_the_same(monkeypatch):
    network, matrix, theta, weights = network_and_point("tanh", (3, 2))
    expected = curvature(network, matrix, theta, weights)
    monkeypatch.setattr("bayescope.models.networks._ELEMENTS", 1)
    assert np.allclose(curvature(network, matrix, theta, weights), expected, rtol=1e-12)


def test_one_hidden_layer_by_hand():
    network = Network(("x",), (2,), "tanh")
    theta = np.array([1.0, -2.0, 0.5, 0.25, 3.0, 4.0, -1.0])  # W1, b1, w, b
    x = np.array([[0.3]])
    expected = -1.0 + 3.0 * np.tanh(0.3 + 0.5) + 4.0 * np.tanh(-0.6 + 0.25)
    assert forward(network, x, theta) == pytest.approx(expected, abs=1e-15)


def test_many_coefficients_at_once_are_each_by_itself():
    network, matrix, theta, _ = network_and_point("softplus", (3, 2))
    many = theta + np.arange(6).reshape(2, 3, 1)
    found = forward(network, matrix, many)
    assert found.shape == (2, 3, 7)
    assert np.allclose(found[1, 2], forward(network, matrix, many[1, 2]), rtol=1e-14)


def test_labels_are_unique_and_as_many_as_coefficients():
    network = Network(("x", "kind[b]"), (3, 2), "tanh")
    (first, biases), _, (output, last) = layer_labels(network)
    assert first == (
        *("layer1[x, h1]", "layer1[x, h2]", "layer1[x, h3]"),
        *("layer1[kind[b], h1]", "layer1[kind[b], h2]", "layer1[kind[b], h3]"),
    )
    assert biases == ("layer1.bias[h1]", "layer1.bias[h2]", "layer1.bias[h3]")
    assert (output, last) == (("output[h1]", "output[h2]"), ("output.bias",))
    labels = [label for pair in layer_labels(network) for part in pair for label in part]
    assert len(set(labels)) == len(labels) == network.size


CASES = {
    "normal": {},
    "two layers": {"body": {"mlp": {"hidden": [3, 2], "activation": "logistic"}}},
    "noise": {
        "formula": {"mu": "y ~ x", "sigma": "~ kind"},
        "body": {"mu": {"mlp": {"hidden": [2]}}, "sigma": {"mlp": {"hidden": [2], "activation": "softplus"}}},
    },
    "noise with a linear mean": {
        "formula": {"mu": "y ~ x", "sigma": "~ x"},
        "body": {"sigma": {"mlp": {"hidden": [2]}}},
    },
    "counts": {"likelihood": "Poisson", "formula": "seen ~ x + kind", "offset": "x"},
    "relu": {"body": {"mlp": {"hidden": [3], "activation": "relu"}}},
}


@pytest.mark.parametrize("case", CASES)
def test_derivatives_of_the_log_likelihood(case):
    model = model_of(**CASES[case])
    theta = 0.5 * np.random.default_rng(3).normal(size=len(model.names)) + 0.6
    _, gradient, hessian = density.likelihood_derivatives(model, theta)
    slopes = differences(lambda point: density.log_likelihood(model, point), theta)
    bends = differences(lambda point: density.likelihood_derivatives(model, point)[1], theta)
    assert np.allclose(gradient, slopes, rtol=1e-6, atol=1e-7 * np.abs(gradient).max())
    assert np.allclose(hessian, bends, rtol=1e-6, atol=1e-7 * np.abs(hessian).max())
    first = density.evaluate(model, theta, order=1)
    np.testing.assert_array_equal(first.gradient, gradient)
    assert not first.hessian.any()  # not asked for


@pytest.mark.parametrize("case", CASES)
def test_the_tangent_touches_the_network(case):
    model = model_of(**CASES[case])
    theta = 0.5 * np.random.default_rng(3).normal(size=len(model.names)) + 0.6
    tangent = density.tangent(model, theta)
    assert not any(predictor.network for predictor in tangent.predictors)
    value, gradient, _ = density.likelihood_derivatives(tangent, theta)
    expected, slopes, _ = density.likelihood_derivatives(model, theta)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.allclose(gradient, slopes, rtol=1e-9, atol=1e-12 * np.abs(slopes).max())


@pytest.mark.parametrize("case", CASES)
def test_the_graph_has_the_same_density(case):
    model = model_of(**CASES[case])
    theta = 0.5 * np.random.default_rng(4).normal(size=len(model.names)) + 0.6
    graph = remove_value_transforms(compile_graph(model))
    logp = graph.compile_fn(graph.logp(jacobian=False), mode="FAST_COMPILE")(split(model, theta))
    assert logp == pytest.approx(
        density.log_likelihood(model, theta) + prior_density.log_prior(model, theta), rel=1e-10
    )


def test_a_network_may_have_as_many_weights_as_are_possible():
    # 1 input and u units have 3 u + 1 weights and biases
    assert MOST_WEIGHTS == 1000
    model = model_of({"mlp": {"hidden": [333]}})
    assert len(model.names) == MOST_WEIGHTS + 1  # and sigma
    with pytest.raises(ConfigError, match="1,003 weights and biases; at most 1,000"):
        model_of({"mlp": {"hidden": [334]}})


def test_weights_share_a_line_and_a_layer_may_have_its_own():
    priors = {"weights": "Normal(0, 2)", "output.bias": "Normal(3, 1)", "sigma": "HalfNormal(1)"}
    model = model_of(priors=priors)
    assert [block.name for block in model.blocks] == ["weights", "biases", "output.bias", "sigma"]
    assert len(model.blocks[0].labels) == 6
    assert model.blocks[0].prior.arguments == {"mu": 0.0, "sigma": 2.0}


def test_default_priors_fall_with_the_root_of_the_inputs():
    model = model_of({"mlp": {"hidden": [4, 9]}}, standardize=True)
    weights, biases = model.blocks[0], model.blocks[1]
    places = dict(zip(biases.labels, biases.prior.arguments["mu"], strict=True))
    last = places.pop("output.bias")
    assert last == pytest.approx(np.mean(model.response.values), rel=1e-3)
    assert set(places.values()) == {0.0}
    scales = dict(zip(weights.labels, weights.prior.arguments["sigma"], strict=True))
    sd = float(np.std(model.response.values))
    assert scales["layer1[x, h1]"] == pytest.approx(2.5)
    assert scales["layer2[h1, h1]"] == pytest.approx(1 / 2)
    assert scales["output[h1]"] == pytest.approx(2.5 * sd / 3, rel=1e-3)  # four digits are kept


def test_a_dot_is_the_inputs_and_an_offset_is_added_to_the_output():
    model, alone = model_of(formula="y ~ . + offset(seen)"), model_of(formula="y ~ x + kind")
    assert model.location.network == alone.location.network
    theta = np.linspace(-1, 1, len(model.names))
    seen = np.random.default_rng(5)
    seen.normal(size=2 * ROWS)  # what is drawn before it
    counts = seen.poisson(3, ROWS)
    assert density.eta(model, theta)[0] - density.eta(alone, theta)[0] == pytest.approx(counts, abs=1e-12)
    stored = json.loads(json.dumps(blueprint(model)))
    rows = {"x": [0.1, 0.2], "kind": ["c", "a"], "seen": [4, 7]}
    again = rebuild(stored, read_rows(stored, rows, response=False), response=False)
    assert again.location.offset.tolist() == [4.0, 7.0]


def test_a_layer_may_have_one_unit():
    assert model_of({"mlp": {"hidden": [1]}}).location.network.hidden == (1,)


def test_what_goes_in_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        model_of().location.matrix[0, 0] = 1.0


def test_the_constant_column_is_no_input():
    assert model_of(formula="y ~ x + kind").location.network.inputs == ("x", "kind[b]", "kind[c]")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"body": {"mu": {"mlp": {"hidden": [3]}}, "sigma": 3}}, "unknown body"),
        ({"body": {}}, "expected {mlp: {hidden: [16], activation: tanh}}"),
        ({"body": 3}, "expected {mlp: {hidden: [16], activation: tanh}}"),
        ({"body": {"mlp": {"hidden": [0]}}}, "`hidden` has whole numbers of at least 1"),
        ({"body": {"mlp": {"hidden": [2, 2, 2, 2]}}}, "1 to 3 hidden layers"),
        ({"body": {"mlp": {"hidden": [3], "activation": "tanhh"}}}, "unknown activation 'tanhh'"),
        ({"body": {"mlp": {"hiden": [3]}}}, "unknown key 'hiden'"),
        ({"body": {"mpl": {"hidden": [3]}}}, "unknown body 'mpl'"),
        ({"body": {"mlp": {"hidden": [3]}, "zzz": 1}}, "unknown body 'zzz'"),
        ({"body": {"mlp": {"hidden": [3]}, "aaa": 1}}, "unknown body 'aaa'"),
        ({"formula": "y ~ 1"}, "model.body: the formula has no predictor"),
        (
            {"formula": {"mu": "y ~ 1"}, "body": {"mu": {"mlp": {"hidden": [3]}}}},
            "model.body.mu: the formula has no",
        ),
        ({"body": {"mlp": {"hidden": [600]}}}, "1,801 weights and biases; at most 1,000"),
        ({"body": {"sigma": {"mlp": {"hidden": [3]}}}}, "'sigma' has no formula"),
        ({"formula": "y ~ 1"}, "no predictor that the network could take"),
        ({"formula": "y ~ x + (1 | kind)"}, "no effects of groups"),
        ({"priors": {"weights": 0.5}}, "is a vector, which no number fixes"),
        ({"priors": {"weighs": "Normal(0, 1)"}}, "did you mean 'weights'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(more, message):
    with pytest.raises(ConfigError) as caught:
        model_of(**more)
    assert message in str(caught.value)


def test_the_blueprint_makes_the_same_network_of_other_rows():
    model = model_of(formula="y ~ x + kind", standardize=True)
    stored = json.loads(json.dumps(blueprint(model)))
    rows = {"x": [0.1, 0.2], "kind": ["c", "a"]}
    again = rebuild(stored, read_rows(stored, rows, response=False), response=False)
    assert again.location.network == model.location.network
    assert (again.names, again.blocks) == (model.names, model.blocks)
    assert again.location.matrix[:, 1:].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    x = np.random.default_rng(5).normal(size=ROWS)
    standard = (np.array([0.1, 0.2]) - x.mean()) / x.std()
    assert again.location.matrix[:, 0] == pytest.approx(standard, rel=1e-12)


def test_the_names_of_weights_and_biases_are_those_of_the_networks_alone():
    made = blueprint(model_of(formula={"mu": "y ~ x", "sigma": "~ x"}))
    found = network_names(made)
    assert {"layer1[x, h1]", "output.bias"} <= found
    assert found.isdisjoint({"Intercept", "sigma", "sigma.Intercept", "sigma.x"})
    assert network_names({}) == frozenset()
