"""`auto`: who answers, why, and what is said of those that were passed over."""

from dataclasses import replace

import numpy as np
import pytest

import bayescope
from bayescope.diagnostics.checks import check_fit
from bayescope.errors import ConfigError, FitError, NotApplicable
from bayescope.inference.auto import AUTO, automatic
from bayescope.inference.exact import EXACT
from bayescope.inference.fit import Fit
from bayescope.inference.importance import IMPORTANCE
from bayescope.inference.method import Context
from bayescope.inference.nuts import NUTS
from bayescope.pipeline import read_config
from bayescope.reports.tables import answers_in_words
from bayescope.reports.terminal import render

METHODS = {"exact": EXACT, "importance": IMPORTANCE, "nuts": NUTS}


def answering(model, settings, context):
    """What nuts returns here, without a sampler: nothing is asked of its draws."""
    draws = np.random.default_rng(context.seed).normal(size=(settings.chains, 5, len(model.names)))
    return Fit("nuts", "nuts", "posterior", model.names, estimate=draws.mean(axis=(0, 1)), draws=draws)


def failing(_model, _settings, _context):
    raise FitError("The sampler could not go on.", "Rescale.")


def ask(model, nuts=answering, **chosen):
    method = automatic({**METHODS, "nuts": replace(NUTS, fit=nuts)})
    return method.fit(model, AUTO.settings(**chosen), Context(seed=5))


def logistic(regression, **more):
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(60), rng.normal(size=60)])
    y = rng.random(60) < 1 / (1 + np.exp(-X[:, 1]))
    return regression(X, y, likelihood="Bernoulli", priors=("Normal", 0, 2.0), **more)


def test_a_closed_form_answers_first(coin):
    model = coin(6, 4)
    found = ask(model, exact={"draws": 7})
    expected = EXACT.fit(model, EXACT.settings(draws=7), Context(seed=5))
    np.testing.assert_array_equal(found.draws, expected.draws)
    assert found.method == "exact"
    assert found.details["chosen"] == {"method": "exact", "because": "Beta-Bernoulli", "passed_over": {}}
    assert found.settings["draws"] == 7


def test_weights_answer_where_there_is_no_closed_form(regression):
    model = logistic(regression)
    found = ask(model)
    np.testing.assert_array_equal(
        found.estimate, IMPORTANCE.fit(model, IMPORTANCE.settings(), Context(seed=5)).estimate
    )
    assert found.method == "importance"
    assert "Pareto k" in found.details["chosen"]["because"] or "no tail" in found.details["chosen"]["because"]
    assert list(found.details["chosen"]["passed_over"]) == ["exact"]
    assert "pareto_k" in {check.name for check in check_fit(found)}


def test_nuts_answers_where_a_few_draws_carry_the_weights(regression):
    vague = regression(np.ones((1, 1)), [0.0], priors=("Cauchy", 0, 1.0), sigma=100.0)
    found = ask(vague, importance={"degrees_of_freedom": 100.0})
    assert found.method == "nuts"
    assert "above 0.70" in found.details["chosen"]["passed_over"]["importance"]


def test_nuts_answers_where_the_weighted_draws_are_worth_too_few(regression, monkeypatch):
    poor = IMPORTANCE.fit(logistic(regression), IMPORTANCE.settings(), Context(seed=5))
    poor = replace(poor, details={**poor.details, "ess": 39.0})
    methods = {
        "exact": EXACT,
        "importance": replace(IMPORTANCE, fit=lambda *_: poor),
        "nuts": replace(NUTS, fit=answering),
    }
    found = automatic(methods).fit(logistic(regression), AUTO.settings(), Context(seed=5))
    assert found.method == "nuts"
    assert found.details["chosen"]["passed_over"]["importance"] == "The draws are worth 39, fewer than 400."


def test_where_no_method_answers_each_says_why(regression):
    vague = regression(np.ones((1, 1)), [0.0], priors=("Cauchy", 0, 1.0), sigma=100.0)
    with pytest.raises(
        FitError, match=r"exact: .* importance: Pareto k .* nuts: The sampler could not go on"
    ):
        ask(vague, nuts=failing, importance={"degrees_of_freedom": 100.0})


def test_a_model_without_unknowns_is_for_no_method(regression):
    with pytest.raises(NotApplicable):
        ask(regression(np.zeros((3, 0)), [0.0, 1.0, 2.0], sigma=1.0), nuts=NUTS.fit)


COINS = {
    "name": "coin",
    "data": {"counts": {"flip": {1: 6, 0: 4}}},
    "model": {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
    "inference": "auto",
}


def test_a_run_says_who_answered_and_runs_its_checks():
    run = bayescope.run(COINS)
    assert run["auto"].method == "exact"
    assert answers_in_words(run.fits)[0] == "auto: exact answered: Beta-Bernoulli."
    assert "auto: exact answered: Beta-Bernoulli." in render(run.record, run.fits)
    assert run.record.verdict.status == "pass"


def test_hypotheses_are_answered_too():
    spec = {
        "hypotheses": {"fair": "Bernoulli(0.5)", "bent": "Bernoulli(0.8)"},
        "response": "flip",
    }
    run = bayescope.run({**COINS, "model": spec})
    assert run["auto"].method == "exact"


def test_new_rows_update_its_answer():
    before = bayescope.run(COINS)
    after = before.update({"counts": {"flip": {1: 2, 0: 1}}})
    assert after["auto"].method == "exact"
    assert after["auto"].estimate == pytest.approx([(2 + 8) / (4 + 13)])


def test_settings_of_the_methods_are_checked_in_their_place():
    with pytest.raises(ConfigError) as caught:
        read_config({**COINS, "inference": [{"auto": {"nuts": {"drws": 10}, "exact": {"draws": 0}}}]})
    texts = [str(problem) for problem in caught.value.problems]
    assert any("inference.0.auto.nuts.drws" in text and "'draws'" in text for text in texts), texts
    assert any("inference.0.auto.exact.draws" in text for text in texts), texts
