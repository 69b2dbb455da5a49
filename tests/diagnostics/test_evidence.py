"""Bayes factors: from exact evidence only, between models of the same responses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayescope
from bayescope.diagnostics.evidence import compare_evidence
from bayescope.errors import BayescopeError
from bayescope.runs import compare_models

LOG_EVIDENCE = st.dictionaries(st.text(min_size=1), st.floats(-1e6, 1e3), min_size=1, max_size=6)


@given(LOG_EVIDENCE)
def test_probabilities_sum_to_one_and_follow_the_evidence(log_evidence):
    rows = compare_evidence(log_evidence)
    assert math.fsum(row.probability for row in rows) == pytest.approx(1)
    assert [row.log_evidence for row in rows] == sorted(log_evidence.values(), reverse=True)
    assert rows[0].log_bayes_factor == 0


def coin(tmp_path, name, prior, heads=7):
    run = bayescope.run(
        {
            "name": name,
            "data": {"counts": {"flip": {1: heads, 0: 3}}},
            "model": {"use": "coin", "response": "flip", "priors": {"p": prior}},
            "inference": ["exact"],
        }
    )
    return run.save(tmp_path)


def test_a_bayes_factor_is_the_ratio_of_beta_functions(tmp_path):
    fair, open_minded = coin(tmp_path, "fair", "Beta(1000, 1000)"), coin(tmp_path, "open", "Beta(1, 1)")
    rows = sorted(compare_models([fair, open_minded]), key=lambda row: -row.log_evidence)
    best, other = rows
    log_beta = lambda a, b: math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)  # noqa: E731
    expected = log_beta(1007, 1003) - log_beta(1000, 1000) - log_beta(8, 4) + log_beta(1, 1)
    assert best.run == fair.name
    assert best.elpd == pytest.approx(10 * math.log(0.5), abs=0.01)  # a fair coin, whatever is left out
    assert best.model.endswith("p ~ Beta(1000, 1000)")
    # five log-gammas of size 1e4 leave about 1e-11 of them
    assert other.log_bayes_factor == pytest.approx(expected, abs=1e-10)
    assert best.probability == pytest.approx(1 / (1 + math.exp(-expected)))


def test_different_data_are_refused(tmp_path):
    with pytest.raises(BayescopeError, match="different data"):
        compare_models([coin(tmp_path, "one", "Beta(1, 1)"), coin(tmp_path, "two", "Beta(1, 1)", heads=8)])


def test_runs_with_neither_scores_nor_evidence_in_common_are_named(tmp_path):
    config = {
        "name": "point",
        "data": {"counts": {"flip": {1: 7, 0: 3}}},
        "model": {"use": "coin", "response": "flip"},
        "inference": ["mle"],
    }
    point = bayescope.run(config).save(tmp_path)
    with pytest.raises(
        BayescopeError, match=f"(?s){point.name}: no leave-one-out.*{point.name}: no exact ev"
    ):
        compare_models([point, coin(tmp_path, "one", "Beta(1, 1)")])


def advised(tmp_path, likelihood, inference):
    model = {"likelihood": likelihood, "formula": "y ~ x"}
    columns = {"x": [0, 1, 2, 3, 4, 5], "y": [0.1, 1.2, 1.9, 3.3, 3.9, 5.2]}
    config = {"name": likelihood, "data": {"columns": columns}, "model": model, "inference": inference}
    point = bayescope.run(config).save(tmp_path)
    with pytest.raises(BayescopeError) as refused:
        compare_models([point, point])
    return str(refused.value).replace(point.name, "run").splitlines()


def test_what_is_advised_is_not_there_already(tmp_path):
    needs, proper = "run: no leave-one-out scores, which need a posterior with draws; add", "a proper prior"
    scores, evidence = advised(tmp_path, "Normal", ["mle"])
    assert scores == f"{needs} `nuts` or `exact` to `inference:`"
    assert "add `exact`" in evidence
    assert proper in evidence
    scores, evidence = advised(tmp_path, "Laplace", ["mle", "exact"])
    assert scores == f"{needs} `nuts` to `inference:`"
    assert evidence == "run: no exact evidence, and `exact` has no answer for this model"
