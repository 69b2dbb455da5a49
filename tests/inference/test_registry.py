"""What a method that has no answer advises: methods that have one, and by their own word."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.method import Context
from bayescope.inference.registry import METHODS, advised, applies, run_method
from bayescope.pipeline import prepare, read_config

RNG = np.random.default_rng(20261129)
COLUMNS = {
    "x": RNG.normal(size=24).tolist(),
    "y": RNG.normal(size=24).tolist(),
    "flip": [0, 1, 1] * 8,
    "kind": ["a", "b", "c"] * 8,
    "step": [1, 2, 3, 2] * 6,
    "g": [*"uvw"] * 8,
}


def network(hidden, activation):
    return {
        "likelihood": "Normal",
        "formula": "y ~ x",
        "body": {"mlp": {"hidden": [hidden], "activation": activation}},
    }


MODELS = {
    "groups": {"likelihood": "Normal", "formula": "y ~ x + (1 | g)"},
    "groups of a known sd": {
        "likelihood": "Normal",
        "formula": "y ~ x + (1 | g)",
        "priors": {"g.sd": 1.0},
    },
    "correlated effects": {"likelihood": "Normal", "formula": "y ~ x + (x | g)"},
    "flips in groups": {"likelihood": "Bernoulli", "formula": "flip ~ x + (1 | g)"},
    "a kink that moves": {
        "likelihood": "Normal",
        "formula": "y ~ x",
        "priors": {"coefficients": "Laplace(0, 2 * sigma)"},
    },
    "an open prior": {"use": "linear-horseshoe", "formula": "y ~ x"},
    "kinked noise": {"likelihood": "Laplace", "formula": "y ~ x"},
    "logistic": {"likelihood": "Bernoulli", "formula": "flip ~ x"},
    "probabilities": {"likelihood": "Categorical", "response": "kind"},
    "classes": {"likelihood": "Categorical", "formula": "kind ~ x"},
    "ordered levels": {"likelihood": "OrderedLogistic", "formula": "step ~ x"},
    "hypotheses": {"hypotheses": {"fair": "Bernoulli(0.5)", "odd": "Bernoulli(0.9)"}, "response": "flip"},
    "a network": network(4, "tanh"),
    "a network of kinks": network(4, "relu"),
    "a large network": network(80, "tanh") | {"priors": {"sigma": 0.5}},
    "a network that can pass through every row": network(80, "tanh"),
    "a large network of kinks": network(80, "relu"),
    "no unknowns": {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": 0.5}},
}


def build(name):
    config = {"name": "m", "data": {"columns": COLUMNS}, "model": MODELS[name], "inference": ["mle"]}
    return prepare(read_config(config))[1]


def refusal(method, model):
    """What a method says of a model before it computes anything; None where it has an answer."""
    try:
        METHODS[method].refuse(model)
    except FitError as reason:
        return reason
    return None


def named(advice):
    return re.findall(rf"\b({'|'.join(METHODS)})\b", advice)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_a_refusal_names_methods_that_do_not_refuse_the_model(method, model):
    built = build(model)
    reason = refusal(method, built)
    if reason is not None:
        assert all(applies(name, built) for name in named(advised(reason, built)))


@pytest.mark.parametrize(
    ("method", "model", "advice"),
    [
        ("exact", "logistic", "Use nuts for the posterior of this model or map for its mode."),
        ("exact", "groups", "Use nuts for the posterior of this model."),
        ("exact", "flips in groups", "Use nuts for the posterior of this model."),
        ("exact", "an open prior", "Use nuts for the posterior of this model."),
        ("exact", "a kink that moves", "Use nuts for the posterior of this model."),
        ("map", "groups", "Use nuts to average over them; or fix g.sd at a number (g.sd: 0.5)."),
        ("mle", "groups", "Use nuts; or make the groups a predictor, for no pooling."),
        (
            "mle",
            "groups of a known sd",
            "Use nuts, map or exact; or make the groups a predictor, for no pooling.",
        ),
        ("grid", "flips in groups", "Use nuts for the posterior of this model."),
        ("grid", "probabilities", "Use exact or nuts for the posterior of this model."),
        ("laplace", "kinked noise", "Use nuts for the posterior of this model or grid."),
        (
            "exact",
            "a network",
            "Use map for the best network, laplace for a Normal around it or nuts for the posterior of this model.",
        ),
        ("exact", "a large network", "Use map for the best network or laplace for a Normal around it."),
        (
            "exact",
            "a network that can pass through every row",
            "Write a simpler model: no other method has an answer for this one, either.",
        ),
        ("exact", "a network of kinks", "Use nuts for the posterior of this model."),
        ("map", "a large network of kinks", "Write softplus or tanh."),
        (
            "exact",
            "a large network of kinks",
            "Write a simpler model: no other method has an answer for this one, either.",
        ),
        ("nuts", "a large network of kinks", "Write fewer hidden units."),
    ],
)
def test_the_advice_is_that_for_the_model(method, model, advice):
    built = build(model)
    fit = run_method(method, METHODS[method], METHODS[method].settings(), built, Context(seed=1))
    assert fit.outcome.status == "not applicable"
    assert fit.outcome.advice == advice


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", ["map", "exact", "laplace", "grid", "importance", "nuts"])
def test_a_fit_begins_with_the_refusal(method, model):
    built = build(model)
    reason = refusal(method, built)
    if reason is not None:
        with pytest.raises(type(reason), match=re.escape(reason.message)):
            METHODS[method].fit(built, METHODS[method].settings(), Context(seed=1))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143)])
@pytest.mark.parametrize("how", ["from it", "during it"])
def test_an_interrupt_that_compiled_code_turned_into_an_error_still_interrupts(interrupt, how):
    error = SystemError("<built-in function> returned a result with an exception set")
    error.__cause__ = interrupt
    if how == "during it":
        error.__cause__, error.__context__ = None, interrupt

    def fit(_model, _settings, _context):
        raise ValueError("and so did what called it") from error

    method = replace(METHODS["mle"], fit=fit)
    with pytest.raises(type(interrupt)):
        run_method("mle", method, method.settings(), build("logistic"), Context(seed=1))


def test_hypotheses_are_for_the_methods_that_choose():
    assert [name for name in METHODS if applies(name, build("hypotheses"))] == ["mle", "map", "exact", "auto"]


def test_a_failure_without_other_methods_keeps_its_advice():
    model = build("logistic")
    assert advised(NotApplicable("No.", "Do this."), model) == "Do this."
    assert advised(NotApplicable("No."), model) == ""
    assert (
        advised(FitError("No.", "Do this.", exact="", map="at once"), model) == "Use map at once; or do this."
    )
