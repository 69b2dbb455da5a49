"""Probabilities of statements: exact where the posterior is, else with their Monte Carlo error."""

import numpy as np
import pytest
import scipy.stats

import bayescope
from bayescope.errors import BayescopeError
from bayescope.inference.statements import StatementError


@pytest.fixture(scope="module")
def coin():
    return bayescope.run(
        {
            "name": "coin",
            "data": {"counts": {"flip": {1: 6, 0: 4}}},
            "model": {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
            "inference": ["map", "exact"],
        }
    )


@pytest.fixture(scope="module")
def line():
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(2, 50))
    return bayescope.run(
        {
            "name": "line",
            "data": {"columns": {"x": x, "z": z, "y": 0.2 * x - 0.1 * z + rng.normal(size=50)}},
            "model": {"use": "linear", "formula": "y ~ x / 2 + z"},
            "inference": [{"exact": {"draws": 5000}}],
        }
    )["exact"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("p > 0.5", scipy.stats.beta(8, 6).sf(0.5)),
        ("p <= 1 / 2", scipy.stats.beta(8, 6).cdf(0.5)),
        ("0.5 < p", scipy.stats.beta(8, 6).sf(0.5)),
        ("-1 >= p", 0.0),
    ],
)
def test_a_bound_on_one_parameter_is_exact_under_an_exact_posterior(coin, statement, expected):
    answer = coin["exact"].probability(statement)
    assert answer.value == pytest.approx(expected, rel=1e-12)
    assert answer.error == 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ill >= 1", "yes"), ("ill > 1", "no"), ("ill < 1", "not"), ("ill <= 1", "all"), ("1 <= ill", "yes"), ("1 > ill", "not"),
        ("ill > 0", "yes"), ("ill >= 0", "all"), ("ill <= 0", "not"), ("ill < 0", "no"), ("0 < ill", "yes"), ("0 >= ill", "not"),
        ("ill > 0.5", "yes"), ("ill <= 0.5", "not"),
    ],
)  # fmt: skip
def test_a_comparison_with_the_value_of_a_hypothesis_has_its_mass_where_it_says(statement, expected):
    run = bayescope.run(
        {
            "name": "test",
            "data": {"columns": {"positive": [1]}},
            "model": {
                "hypotheses": {"ill": "Bernoulli(0.95)", "well": "Bernoulli(0.05)"},
                "prior": {"ill": 0.01, "well": 0.99},
                "response": "positive",
            },
            "inference": ["exact"],
        }
    )
    ill = 0.95 * 0.01 / (0.95 * 0.01 + 0.05 * 0.99)
    answer = run["exact"].probability(statement)
    expected_value = {"yes": ill, "not": 1 - ill, "all": 1.0, "no": 0.0}[expected]
    assert answer.value == pytest.approx(expected_value, abs=1e-15)
    assert answer.error == 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("0.4 < p < 0.6", scipy.stats.beta(8, 6).cdf(0.6) - scipy.stats.beta(8, 6).cdf(0.4)),
        ("not (p > 0.4 and p < 0.6)", 1 - scipy.stats.beta(8, 6).cdf(0.6) + scipy.stats.beta(8, 6).cdf(0.4)),
        ("p / (1 - p) > 1", scipy.stats.beta(8, 6).sf(0.5)),
    ],
)
def test_other_statements_come_from_the_draws_with_their_error(coin, statement, expected):
    answer = coin["exact"].probability(statement)
    assert 0 < answer.error < 0.01
    assert abs(answer.value - expected) <= 4 * answer.error


def test_names_that_are_no_words_stand_in_backticks(line):
    both = line.probability("`x / 2` > 0 and z < 0")
    assert 0 < both.value <= line.probability("`x / 2` > 0").value


def test_parameters_compare_with_each_other(line):
    difference = line.draws[:, :, 1] - line.draws[:, :, 2]
    assert line.probability("`x / 2` > z").value == pytest.approx((difference > 0).mean())


@pytest.mark.parametrize(
    "statement",
    ["", "p", "p >", "p + 1", "q > 0", "p == 1", "(p > 0) + 1", "__import__('os') > 1", "p > 'a'", "p > True",
     "p[0] > 1", "p.real > 0", "lambda: p", "p > 0; p", "(" * 500 + "p", "p > 0" * 400],
)  # fmt: skip
def test_anything_else_is_refused(coin, statement):
    with pytest.raises(StatementError):
        coin["exact"].probability(statement)


def test_a_misspelt_parameter_is_named(coin):
    with pytest.raises(StatementError, match="there is no parameter 'q'"):
        coin["exact"].probability("q > 0")


def test_a_point_has_no_probabilities(coin):
    with pytest.raises(BayescopeError, match="map has no posterior"):
        coin["map"].probability("p > 0.5")
