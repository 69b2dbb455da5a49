"""Rules between `hypotheses`, `prior` and the other keys of a `model` section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bayescope.config.arithmetic import GrammarError
from bayescope.config.hypotheses import parse_hypothesis, parse_probability, wrong_sum
from bayescope.config.suggest import suggest
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import ConfigError, Problem

_ONE_OR_THE_OTHER = MappingProxyType(
    {
        "likelihood": "each hypothesis is a distribution of its own",
        "formula": "hypotheses have no predictors; name the column with `response`",
        "priors": "the parameters of a hypothesis are known; its own probability goes under `prior`",
        "link": "hypotheses have no predictors",
        "offset": "hypotheses have no predictors",
        "standardize": "hypotheses have no predictors",
        "levels": "the categories of a response are those that the hypotheses name",
        "reference": "hypotheses have no coefficients",
        "trials": "write the number of trials in each hypothesis, Binomial(n, p)",
    }
)


def hypothesis_rules(model: Mapping[Any, Any]) -> Iterator[Problem]:
    """Yield what is wrong between `hypotheses`, `prior` and the other keys of a `model` section."""
    hypotheses, prior = model.get("hypotheses"), model.get("prior")
    if hypotheses is None:
        if prior is not None:
            message = "is no key of a model without `hypotheses`; did you mean 'priors'?"
            yield Problem(("model", "prior"), message)
        return
    for key, reason in _ONE_OR_THE_OTHER.items():
        if model.get(key) or (key == "reference" and key in model):  # of which false says something too
            yield Problem(("model", key), f"does not go with `hypotheses`: {reason}")
    if isinstance(model.get("response"), list | tuple):
        yield Problem(("model", "response"), "hypotheses are about one column; name that alone")
    if isinstance(hypotheses, Mapping):
        yield from _mixtures(hypotheses)
        if isinstance(prior, Mapping):
            yield from _prior_rules([str(name) for name in hypotheses], prior)


def _prior_rules(names: Sequence[str], prior: Mapping[Any, Any]) -> Iterator[Problem]:
    strangers = [str(name) for name in prior if str(name) not in names]
    for name in strangers:
        ending = suggest(name, names, "the hypotheses are")
        yield Problem(("model", "prior", name), f"there is no such hypothesis{ending}")
    if strangers:
        return
    absent = [name for name in names if name not in {str(key) for key in prior}]
    if absent:
        message = f"no probability for {', '.join(absent)}; give all, or leave `prior` out: equal ones"
        yield Problem(("model", "prior"), message)
        return
    try:
        values = [parse_probability(value) for value in prior.values()]
    except GrammarError:
        return  # the schema says what is wrong with it
    for message in wrong_sum("the probabilities", values):
        yield Problem(("model", "prior"), message)


def _mixtures(hypotheses: Mapping[Any, Any]) -> Iterator[Problem]:
    """Refuse hypotheses on responses of different kinds: a probability and a density cannot be compared."""
    first: dict[str, str] = {}
    for name, written in hypotheses.items():
        try:
            first.setdefault(response_kind(parse_hypothesis(written).likelihood), str(name))
        except ConfigError:
            continue  # the schema says what is wrong with it
    (kind, name), *others = first.items() or [("", "")]
    for other_kind, other in others:
        reason = "their likelihoods cannot be compared, for a probability and a density have different units"
        if "categories" in {kind, other_kind}:
            reason = "no response is both"
        message = f"{name} is about {kind} and {other} about {other_kind}: {reason}"
        yield Problem(("model", "hypotheses", other), message)


def response_kind(likelihood: str) -> str:
    """Say what a response is: "categories", "whole numbers" (it has a mass) or "numbers" (a density)."""
    if LIKELIHOODS[likelihood].categorical:
        return "categories"
    return "whole numbers" if LIKELIHOODS[likelihood].response.integer else "numbers"
