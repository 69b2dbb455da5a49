"""Rules of a model whose response is one of several levels: what `levels` and `reference` go with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bayescope.distributions.likelihood import Likelihood
from bayescope.errors import Problem


def level_rules(model: Mapping[Any, Any], likelihood: Likelihood) -> Iterator[Problem]:
    """Yield what is wrong with `levels` and `reference`, and with ordered levels that have no formula.

    `likelihood` is the form that a formula has.
    """
    regression = likelihood.by_level and model.get("formula") is not None
    if likelihood.ordered and model.get("response") is not None:
        message = f"{likelihood.name} needs `formula: response ~ predictors`; with none, use Categorical"
        yield Problem(("model", "response"), message)
        return
    if model.get("levels") is not None and not regression:
        message = "goes with OrderedLogistic, OrderedProbit, and Categorical with a formula"
        yield Problem(("model", "levels"), message)
    if model.get("reference") is not None and not (regression and likelihood.one_design):
        yield Problem(("model", "reference"), "goes with Categorical and a formula")
