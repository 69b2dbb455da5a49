"""Rules of a model with a formula for each parameter: which may have one, and what stands on the left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bayescope.config.suggest import quoted, suggest
from bayescope.distributions.likelihood import Likelihood
from bayescope.distributions.links import LINKS
from bayescope.errors import Problem


def formula_rules(model: Mapping[Any, Any], likelihood: Likelihood) -> Iterator[Problem]:
    """Yield what is wrong with `formula` and `link` where they are mappings from parameters."""
    formula, link = model.get("formula"), model.get("link")
    if isinstance(formula, Mapping):
        yield from _formulas(formula, likelihood)
    if isinstance(link, Mapping):
        given = formula if isinstance(formula, Mapping) else {likelihood.location: formula}
        yield from _links(link, given, likelihood)


def sides(text: str) -> list[str]:
    """Split a formula at each ~ that is no part of a name in backticks; such names become `q`."""
    return re.sub("`[^`]*`", "q", text).split("~")


def _formulas(formula: Mapping[Any, Any], likelihood: Likelihood) -> Iterator[Problem]:
    location = likelihood.location
    modelled = {parameter.name for parameter in likelihood.parameters if parameter.links}
    if modelled and location not in formula:
        message = f"lacks the formula of {location}, which has the response: `{location}: y ~ x`"
        yield Problem(("model", "formula"), message)
    for name, text in formula.items():
        path = ("model", "formula", str(name))
        left, *others = sides(text) if isinstance(text, str) else ("", "")
        if name not in modelled and modelled:
            ending = suggest(str(name), modelled, f"parameters of {likelihood.name} that take one")
            yield Problem(path, f"{quoted(name)} takes no formula{ending}")
        elif len(others) != 1:
            wanted = "response ~ predictors" if name == location else "~ predictors"
            yield Problem(path, f"expected `{wanted}`")
        elif name == location and not left.strip():
            yield Problem(path, "the left side is empty; write the response before ~")
        elif name != location and left.strip():
            message = f"expected `~ predictors`: the response stands in the formula of {location} alone"
            yield Problem(path, message)


def _links(link: Mapping[Any, Any], formula: Mapping[Any, Any], likelihood: Likelihood) -> Iterator[Problem]:
    links = {parameter.name: parameter.links for parameter in likelihood.parameters if parameter.links}
    for name, chosen in link.items():
        path = ("model", "link", str(name))
        if name not in formula:
            ending = suggest(str(name), [*map(str, formula)], "parameters with a formula")
            yield Problem(path, f"{quoted(name)} has no formula, and a link is a part of one{ending}")
        elif name in links and chosen in LINKS and chosen not in links[name]:
            ending = suggest(str(chosen), links[name], f"links of its {name}")
            yield Problem(path, f"{likelihood.name} has no link '{chosen}'{ending}")
