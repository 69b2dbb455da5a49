"""Values that look nearly right: each is refused in the words that say what is expected."""

import numpy as np
import pytest

from bayescope.config.bodies import MLP, Body, parse_body
from bayescope.config.hypotheses import parse_hypothesis, parse_probability
from bayescope.config.load import load_mapping
from bayescope.config.overrides import apply_overrides
from bayescope.config.paths import shell_line
from bayescope.config.priors import GrammarError, parse_prior
from bayescope.errors import ConfigError
from bayescope.inference.registry import SETTINGS


def loaded(model=(), **keys):
    section = {"likelihood": "Normal", "formula": "y ~ x + (1 | g)", **dict(model)}
    columns = {"y": [1.0, 2.0], "x": [0.0, 1.0], "g": ["a", "b"]}
    config = {"name": "run", "data": {"columns": columns}, "model": section, "inference": ["nuts"], **keys}
    return load_mapping(config, methods=SETTINGS).config


@pytest.mark.parametrize("centered", [True, False, ["g"]])
def test_centered_is_yes_no_or_names(centered):
    found = loaded({"centered": centered}).model.centered
    assert found == (tuple(centered) if isinstance(centered, list) else centered)


@pytest.mark.parametrize("centered", ["g", [], ["g", 1], [True], 1, {"g": True}])
def test_other_values_of_centered_are_refused(centered):
    with pytest.raises(ConfigError, match="expected true, false, or a list of grouping factors"):
        loaded({"centered": centered})


@pytest.mark.parametrize("hidden", [[1], [16], [4, 3, 2]])
def test_a_network_has_one_to_three_hidden_layers(hidden):
    assert parse_body({"mlp": {"hidden": hidden}})[""].mlp.hidden == tuple(hidden)


@pytest.mark.parametrize("hidden", [[], [0], [4, 0], [-1], [1, 2, 3, 4], 16])
def test_other_layers_are_refused(hidden):
    with pytest.raises(ConfigError, match="hidden"):
        parse_body({"mlp": {"hidden": hidden}})


@pytest.mark.parametrize("body", [{"mlp": {"hidden": [2], "depth": 1}}, {"mlp": {"hidden": [2]}, "cnn": 1}])
def test_keys_that_a_body_has_not_are_refused(body):
    with pytest.raises(ConfigError, match=r"depth|cnn"):
        parse_body(body)


def test_bodies_are_frozen():
    body = Body(mlp=MLP(hidden=(2,)))
    with pytest.raises(ValueError, match="frozen"):
        body.mlp = MLP(hidden=(3,))
    with pytest.raises(ValueError, match="frozen"):
        body.mlp.hidden = (3,)


@pytest.mark.parametrize("written", [True, False, None, [0.5], 1.5, -0.1, np.nan])
def test_what_is_no_probability(written):
    with pytest.raises(GrammarError, match="expected a probability"):
        parse_probability(written)


@pytest.mark.parametrize(
    "written", [{"Bernoulli": {"a": 1}}, {"Normal": {"a": 1}}, {"Categorical": {}}, {"Categorical": 1}, {}]
)
def test_only_a_categorical_is_written_as_a_mapping(written):
    with pytest.raises(ConfigError, match="expected a distribution such as"):
        parse_hypothesis(written)


@pytest.mark.parametrize("matrix", ["[[1]]", "[]", "[1, 0]", "[[1, 0], 1]", "3"])
def test_a_covariance_is_a_list_of_two_rows_or_more(matrix):
    with pytest.raises(ConfigError, match="'cov' must be a list of rows"):
        parse_prior(f"MvNormal([0, 0], {matrix})")


def test_an_override_names_the_element_that_is_not_there():
    _, _, problems = apply_overrides({"data": {"columns": {"y": [1, 2]}}}, {}, "data.columns.y.7.z=1")
    assert [problem.message for problem in problems] == [
        "'data.columns.y' has elements 0 to 1; '7' is none of them"
    ]


def test_a_line_for_a_shell_quotes_what_has_to_be():
    assert shell_line(["run", "a b", "it's", "caf\udce9's"]) == r"""run 'a b' 'it'"'"'s' $'caf\xe9\'s'"""
