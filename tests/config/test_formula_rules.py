"""Which formulas and links may be mappings from parameters."""

import pytest

from bayescope.config.formula_rules import formula_rules
from bayescope.config.load import load_mapping
from bayescope.distributions.likelihoods import LIKELIHOODS, parametrised

NORMAL = parametrised("Normal", formula=True)


def messages(**model):
    return [(".".join(problem.path), problem.message) for problem in formula_rules(model, NORMAL)]


@pytest.mark.parametrize(
    "model",
    [
        {"formula": "y ~ x"},
        {"formula": "y ~ x", "link": {"mu": "identity"}},
        {"formula": {"mu": "y ~ x", "sigma": "~ x"}},
        {"formula": {"mu": "`a~b` ~ `c ~ d`", "sigma": "~ `a~b`"}},
        {"formula": {"mu": "y ~ x", "sigma": "~ x"}, "link": {"sigma": "log", "mu": "log"}},
    ],
)
def test_nothing_is_said_of_what_is_right(model):
    assert messages(**model) == []


@pytest.mark.parametrize(
    ("model", "path", "part"),
    [
        ({"formula": {"sigma": "~ x"}}, "model.formula", "lacks the formula of mu"),
        ({"formula": {"mu": "y ~ x", "sigm": "~ x"}}, "model.formula.sigm", "did you mean 'sigma'?"),
        ({"formula": {"mu": "~ x"}}, "model.formula.mu", "the left side is empty"),
        ({"formula": {"mu": "x"}}, "model.formula.mu", "expected `response ~ predictors`"),
        ({"formula": {"mu": "y ~ x", "sigma": "y ~ x"}}, "model.formula.sigma", "expected `~ predictors`"),
        ({"formula": {"mu": "y ~ x", "sigma": "x"}}, "model.formula.sigma", "expected `~ predictors`"),
        ({"formula": "y ~ x", "link": {"sigma": "log"}}, "model.link.sigma", "has no formula"),
        ({"formula": "y ~ x", "link": {"mu": "logit"}}, "model.link.mu", "Normal has no link 'logit'"),
    ],
)
def test_what_is_wrong_is_said_at_its_key(model, path, part):
    [(where, message)] = messages(**model)
    assert where == path
    assert part in message


LINKED = [
    name for name in LIKELIHOODS if (form := parametrised(name, formula=True)).parameter(form.location).links
]


@pytest.mark.parametrize("name", LINKED)
def test_a_formula_and_a_body_may_go_by_the_name_of_the_location(name, methods):
    location = parametrised(name, formula=True).location
    left = "y / n" if LIKELIHOODS[name].needs_trials else "y"
    model = {"likelihood": name, "formula": {location: f"{left} ~ x"}}
    columns = {"y": [1, 2, 1], "n": [2, 2, 2], "x": [1, 3, 2]}
    config = {"name": "m", "data": {"columns": columns}, "inference": [{"a": {"method": "mle"}}]}
    for body in ({}, {"body": {location: {"mlp": {"hidden": [2]}}}}):
        for formula in (model["formula"], model["formula"][location]):
            loaded = load_mapping(config | {"model": model | body | {"formula": formula}}, methods=methods)
            assert loaded.config.model.formula == formula
