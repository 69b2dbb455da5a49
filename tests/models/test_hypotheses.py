"""A model of finite hypotheses: one unknown choice, as an indicator vector."""

import json

import numpy as np
import pytest
from scipy import stats

from bayescope.config.hypotheses import parse_hypothesis
from bayescope.config.schema import ModelConfig
from bayescope.data.read import read_columns, read_counts
from bayescope.distributions.supports import BINARY, COUNT, ONE_HOT, REAL
from bayescope.errors import DataError
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.build import build_model
from bayescope.models.density import log_likelihood
from bayescope.models.hypotheses import hypotheses_head, log_likelihoods, prior_probabilities
from bayescope.models.prior_density import log_prior
from bayescope.preparation import prepare, read_config


def build(hypotheses, y, prior=None, counts=False):
    spec = ModelConfig(hypotheses=hypotheses, prior=prior, response="y")
    return build_model(spec, None, read_counts({"y": y}) if counts else read_columns({"y": y}))


def heads(**hypotheses):
    return hypotheses_head({name: parse_hypothesis(written) for name, written in hypotheses.items()})


COURSES = {"a": "Normal(80, 10)", "b": "Normal(70, 10)", "c": "Normal(90, 5)"}


def test_the_unknown_is_one_choice_named_by_the_hypotheses():
    model = build(COURSES, [82])
    assert model.names == ("a", "b", "c")
    [block] = model.blocks
    assert (block.support, block.scalar) == (ONE_HOT, False)
    assert block.origin == "default"
    assert block.prior.arguments["p"] == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_the_density_at_an_indicator_is_that_of_the_hypothesis():
    model = build(COURSES, [82.0, 75.0], {"a": 0.5, "b": 0.3, "c": 0.2})
    expected = [stats.norm(m, s).logpdf([82, 75]).sum() for m, s in ((80, 10), (70, 10), (90, 5))]
    assert log_likelihoods(model) == pytest.approx(expected, rel=1e-14)
    for k, theta in enumerate(np.eye(3)):
        assert log_likelihood(model, theta) == pytest.approx(expected[k], rel=1e-14)
        assert log_prior(model, theta) == pytest.approx(np.log([0.5, 0.3, 0.2][k]), rel=1e-14)
    assert log_prior(model, np.array([0.5, 0.5, 0.0])) == -np.inf


def test_a_row_that_never_occurs_rules_nothing_out():
    spec = {"hypotheses": {"a": "Bernoulli(0)", "b": "Bernoulli(0.5)"}, "response": "y", "weights": "times"}
    data = {"columns": {"y": [0, 1], "times": [3, 0]}}
    model = prepare(read_config({"name": "m", "data": data, "model": spec, "inference": ["exact"]}))[1]
    assert model.response.values.tolist() == [0]
    assert log_likelihoods(model) == pytest.approx([0.0, 3 * np.log(0.5)], rel=1e-14)


def test_at_probabilities_the_head_is_the_mixture():
    head = heads(a="Bernoulli(0.9)", b="Bernoulli(0.2)")
    density = head.log_density(np.array([1.0, 0.0]), None, (np.array([0.25, 0.75]),))
    assert np.exp(density) == pytest.approx([0.25 * 0.9 + 0.75 * 0.2, 0.25 * 0.1 + 0.75 * 0.8], rel=1e-14)


@pytest.mark.parametrize(
    ("written", "y", "expected"),
    [
        ("Bernoulli(0.3)", 2.0, -np.inf),
        ("Bernoulli(0)", 1.0, -np.inf),
        ("Bernoulli(0)", 0.0, 0.0),
        ("Binomial(3, 0.5)", 2.0, np.log(3 / 8)),
        ("Binomial(3, 0.5)", 4.0, -np.inf),
        ("Geometric(0.5)", 0.0, -np.inf),
        ("Poisson(2)", 1.5, -np.inf),
        ("Exponential(2)", -1.0, -np.inf),
        ("Gamma(2, 1)", 0.0, -np.inf),
        ("Uniform(0, 1)", 1.5, -np.inf),
    ],
)
def test_what_a_distribution_cannot_produce_has_probability_zero(written, y, expected):
    head = heads(it=written, other=written)
    density = head.log_density(np.array([y]), None, (np.array([1.0, 0.0]),))
    assert density == pytest.approx(np.array([expected]), rel=1e-14)


@pytest.mark.parametrize(
    ("hypotheses", "support"),
    [
        (("Bernoulli(0.1)", "Bernoulli(0.2)"), BINARY),
        (("Bernoulli(0.1)", "Poisson(2)"), COUNT),
        (("Exponential(1)", "Normal(0, 1)"), REAL),
    ],
)
def test_the_response_may_be_whatever_some_hypothesis_can_produce(hypotheses, support):
    assert heads(a=hypotheses[0], b=hypotheses[1]).response == support


def test_draws_follow_the_chosen_hypothesis():
    head = heads(low="Normal(-5, 1)", high="Normal(5, 1)", word="Normal(0, 1)")
    rng = np.random.default_rng(1)
    drawn = head.sample(rng, None, (np.tile([0.0, 1.0, 0.0], (1000, 1)),))
    assert abs(drawn.mean() - 5) <= 4 / np.sqrt(1000)
    mixed = head.sample(rng, None, (np.tile([0.5, 0.5, 0.0], (1000, 1)),))
    assert abs((mixed > 0).mean() - 0.5) <= 4 * 0.5 / np.sqrt(1000)


def test_counted_rows_enter_by_their_weight():
    coins = {"fair": "Bernoulli(0.5)", "trick": "Bernoulli(0.9)"}
    counted = build(coins, {1: 3, 0: 1}, counts=True)
    written_out = build(coins, [1, 1, 1, 0])
    assert log_likelihoods(counted) == pytest.approx(log_likelihoods(written_out), rel=1e-14)


def test_words_are_coded_by_all_the_categories_that_a_hypothesis_names():
    model = build(
        {
            "spam": {"Categorical": {"offer": 0.8, "meeting": 0.2}},
            "ham": {"Categorical": {"meeting": 0.9, "offer": 0.0, "lunch": 0.1}},
        },
        ["offer", "meeting"],
    )
    assert model.response.levels == ("offer", "meeting", "lunch")
    assert model.response.values.tolist() == [0, 1]
    assert log_likelihoods(model).tolist() == [pytest.approx(np.log(0.8 * 0.2)), -np.inf]


def test_a_word_that_a_hypothesis_does_not_know_is_refused_with_its_row():
    hypotheses = {
        "spam": {"Categorical": {"offer": 0.8, "meeting": 0.2}},
        "ham": {"Categorical": {"meeting": 0.9, "lunch": 0.1}},
    }
    with pytest.raises(DataError) as refusal:
        build(hypotheses, ["meeting", "offer", "lunch"])
    advice = "give it a probability there (0 if {0} cannot produce it)"
    assert [str(finding) for finding in refusal.value.findings] == [
        f"column 'y', row 3: 'lunch' is no category of hypothesis spam; {advice.format('spam')}",
        f"column 'y', row 2: 'offer' is no category of hypothesis ham; {advice.format('ham')}",
    ]


def test_numbers_and_truths_name_categories_too():
    numbers = build({"a": "Categorical([0.2, 0.8])", "b": "Categorical([0.5, 0.5])"}, [1, 0, 1])
    assert numbers.response.values.tolist() == [1, 0, 1]
    truths = {"a": {"Categorical": {True: 0.2, False: 0.8}}, "b": {"Categorical": {True: 0.5, False: 0.5}}}
    assert log_likelihoods(build(truths, [True, False]))[0] == pytest.approx(np.log(0.2 * 0.8))


def test_a_value_that_no_hypothesis_is_about_is_refused():
    with pytest.raises(DataError, match=r"column 'y', row 2: 2 is outside \{0, 1\}"):
        build({"a": "Bernoulli(0.5)", "b": "Bernoulli(0.6)"}, [1, 2])


def test_prior_probabilities_sum_to_1_to_the_last_digit():
    hypotheses = dict.fromkeys("abc", "Bernoulli(0.5)")
    model = build(hypotheses, [1], dict.fromkeys("abc", 0.333333333))
    assert prior_probabilities(model) == pytest.approx([1 / 3] * 3, rel=1e-15)


def test_only_prior_probabilities_that_nobody_gave_are_noted_and_called_default():
    hypotheses = {"a": "Bernoulli(0.5)", "b": "Bernoulli(0.6)"}
    given, equal = build(hypotheses, [1], {"a": 0.1, "b": 0.9}), build(hypotheses, [1])
    assert (given.blocks[0].origin, given.notes) == ("given", ())
    assert equal.blocks[0].origin == "default"
    assert equal.notes == ("The hypotheses have equal prior probabilities, for none are given.",)


@pytest.mark.parametrize("prior", [{"spam": 0.1, "ham": 0.9}, None])
def test_a_blueprint_makes_the_same_model_on_other_rows(prior):
    hypotheses = {
        "spam": {"Categorical": {"offer": 0.8, "meeting": 0.2}},
        "ham": {"Categorical": {"offer": 0.3, "meeting": 0.7}},
    }
    model = build(hypotheses, ["offer"], prior)
    plan = json.loads(json.dumps(blueprint(model)))
    other = rebuild(plan, read_columns({"y": ["meeting", "meeting"]}))
    assert other.blocks == model.blocks
    assert other.hypotheses == model.hypotheses
    assert other.notes == model.notes
    assert log_likelihoods(other) == pytest.approx(2 * np.log([0.2, 0.7]), rel=1e-14)
    unseen = rebuild(plan, read_columns({"z": [1, 2, 3]}), response=False)
    assert np.isnan(unseen.response.values).all()


def test_draws_of_counts_have_the_trials_of_their_hypothesis():
    head = heads(few="Binomial(10, 0.5)", many="Binomial(1000, 0.5)")
    drawn = head.sample(np.random.default_rng(1), None, (np.tile([0.0, 1.0], (500, 1)),))
    assert abs(drawn.mean() - 500) <= 4 * np.sqrt(250 / 500)
