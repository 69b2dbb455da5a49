"""The grammar of hypotheses."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.config.hypotheses import (
    HEADS,
    HypothesisSpec,
    arguments_of,
    as_written,
    parse_hypothesis,
    parse_probability,
    signature,
)
from bayescope.config.load import load_mapping
from bayescope.errors import ConfigError
from bayescope.inference.registry import SETTINGS


def model(**keys):
    loaded = load_mapping(
        {
            "name": "x",
            "data": {"columns": {"y": [1]}},
            "model": {"response": "y", **keys},
            "inference": ["exact"],
        },
        methods=SETTINGS,
    )
    return loaded.config


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Bernoulli(0.95)", {"p": 0.95}),
        ("Bernoulli(p=19 / 20)", {"p": 0.95}),
        ("Binomial(10, 0.5)", {"n": 10.0, "p": 0.5}),
        ("Normal(80, sigma=2 * 5)", {"mu": 80.0, "sigma": 10.0}),
        ("Uniform(-1, 1)", {"lower": -1.0, "upper": 1.0}),
        ("Categorical([0.2, 0.8])", {"p": {"0": 0.2, "1": 0.8}}),
        ({"Categorical": {"offer": 0.8, "meeting": "1 / 5"}}, {"p": {"offer": 0.8, "meeting": 0.2}}),
    ],
)
def test_a_hypothesis_is_a_distribution_with_every_argument_known(written, expected):
    assert parse_hypothesis(written).arguments == expected


def test_certain_and_impossible_outcomes_are_hypotheses_too():
    assert parse_hypothesis("Bernoulli(1)").arguments == {"p": 1.0}
    assert parse_hypothesis("Bernoulli(0)").arguments == {"p": 0.0}


@pytest.mark.parametrize("likelihood", HEADS)
def test_every_likelihood_of_one_value_can_be_a_hypothesis(likelihood):
    assert signature(likelihood).startswith(f"{likelihood}(")
    assert arguments_of(likelihood)


@settings(max_examples=25)
@given(
    spec=st.builds(
        lambda mu, sigma: HypothesisSpec("Normal", {"mu": mu, "sigma": sigma}),
        st.floats(-1e6, 1e6),
        st.floats(1e-6, 1e6),
    )
    | st.lists(st.text("abc' :{}", min_size=1), min_size=2, max_size=5, unique=True).map(
        lambda names: HypothesisSpec("Categorical", {"p": {name: 1 / len(names) for name in names}})
    )
)
def test_what_a_configuration_holds_reads_back_the_same(spec):
    assert parse_hypothesis(as_written(spec)) == spec


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Bernoulli(1.5)", "Bernoulli: 'p' takes numbers from 0 to 1, not 1.5"),
        ("Binomial(2.5, 0.5)", "Binomial: 'n' takes whole numbers of at least 1, not 2.5"),
        ("Normal(0, 1, sigma=2)", "Normal: 'sigma' is given twice"),
        ("Normal(0, **x)", "Normal has no argument '**'; its arguments are: mu, sigma"),
        ("__import__('os')", "unknown distribution '__import__'; distributions of a response: "),
        ("x.y(1)", "'x.y' is not a distribution; write one such as Bernoulli(0.95)"),
        ("Normal(sigma=1)", "Normal lacks 'mu'; write Normal(mu, sigma)"),
        (
            {"Categorical": {"a": 0.5, "b": 1.5}},
            "Categorical: b: expected a probability, a number from 0 to 1",
        ),
        ({"Categorical": {}}, "expected a distribution such as Bernoulli(0.95)"),
        (None, "expected a distribution such as Bernoulli(0.95), not nothing"),
        (True, "expected a distribution such as Bernoulli(0.95), not true"),
    ],
)
def test_what_is_no_hypothesis_is_refused_with_advice(written, message):
    with pytest.raises(ConfigError) as refusal:
        parse_hypothesis(written)
    assert str(refusal.value).startswith(message)


def test_a_vector_of_responses_is_no_hypothesis():
    with pytest.raises(ConfigError, match="unknown distribution 'Multinomial'"):
        parse_hypothesis("Multinomial(5, [0.5, 0.5])")


def test_probabilities_may_be_arithmetic():
    assert parse_probability("1 / 3") == 1 / 3
    config = model(hypotheses={"a": "Poisson(1)", "b": "Poisson(2)"}, prior={"a": "1 / 3", "b": "2 / 3"})
    assert math.fsum(config.model.prior.values()) == 1.0


def test_the_resolved_configuration_is_itself_one():
    hypotheses = {"spam": {"Categorical": {"offer": 0.8, "meeting": 0.2}}, "ham": "Categorical([0.5, 0.5])"}
    config = model(hypotheses=hypotheses, prior={"spam": 0.1, "ham": 0.9})
    again = load_mapping(config.model_dump(mode="json", exclude_none=True), methods=SETTINGS)
    assert again.config == config


def test_counts_and_flips_may_compete_but_a_mass_and_a_density_may_not():
    assert model(hypotheses={"a": "Poisson(1)", "b": "Bernoulli(0.5)", "c": "Binomial(3, 0.5)"})
    assert model(hypotheses={"a": "Normal(0, 1)", "b": "Exponential(2)"})
    with pytest.raises(ConfigError, match="a probability and a density have different units"):
        model(hypotheses={"a": "Poisson(1)", "b": "Exponential(1)"})


def test_hypotheses_are_about_one_column():
    with pytest.raises(ConfigError, match="hypotheses are about one column"):
        model(hypotheses={"a": "Poisson(1)", "b": "Poisson(2)"}, response=["x", "y"])
