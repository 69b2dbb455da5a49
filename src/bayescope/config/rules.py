"""Rules that hold between keys: what must be there, what excludes what, what needs what.

They read plain data of any shape, so that they can be checked beside the schema rather than after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from bayescope.config.bodies import body_rules
from bayescope.config.formula_rules import formula_rules, sides
from bayescope.config.hypothesis_rules import hypothesis_rules
from bayescope.config.level_rules import level_rules
from bayescope.config.matrices import is_matrix
from bayescope.config.schema import SECTIONS
from bayescope.config.suggest import closest
from bayescope.distributions.likelihoods import LIKELIHOODS, Likelihood, parametrised
from bayescope.distributions.links import LINKS
from bayescope.errors import Problem

type Section = Mapping[Any, Any]

_REQUIRED = MappingProxyType(
    {
        "name": "the run's name, such as `name: kidiq`",
        "data": "the data, such as `data: data/kidiq.csv`",
        "model": "the model, such as `model: {use: linear, formula: y ~ x}`",
        "inference": "the recipes to run, such as `inference: [mle, map, nuts]`",
    }
)
_SOURCES = ("path", "columns", "counts", "sql")


def broken_rules(config: Section, *, needs_data: bool, whole_model: bool) -> Iterator[Problem]:
    """Yield what is wrong between the keys of a configuration.

    Args:
        config: the configuration as plain data, with `model.use` filled in.
        needs_data: whether `data` must be there.
        whole_model: whether `model.use` could be filled in, so that absent keys are missing indeed.
    """
    for key, wanted in _REQUIRED.items():
        if not _meant(config, (), key) and (needs_data or key != "data"):
            yield Problem((key,), f"this key is missing: {wanted}")
    if isinstance(data := config.get("data"), dict):
        yield from _data_rules(_given(data))
    if isinstance(model := config.get("model"), dict):
        model = _given(model)
        if whole_model:
            yield from _incomplete_model(model)
        yield from _head_rules(model)
        yield from hypothesis_rules(model)
        likelihood = model.get("likelihood")
        if isinstance(likelihood, str) and likelihood in LIKELIHOODS:
            yield from _column_rules(model, LIKELIHOODS[likelihood])
            yield from _matrix_rules(model, LIKELIHOODS[likelihood], whole_model=whole_model)
            yield from _link_rules(model, parametrised(likelihood, formula=True))
            yield from formula_rules(model, parametrised(likelihood, formula=True))
            yield from level_rules(model, parametrised(likelihood, formula=True))
            yield from body_rules(model, parametrised(likelihood, formula=True))
            yield from _trials_rules(model, LIKELIHOODS[likelihood])


def _given(section: Section) -> Section:
    """Leave out the keys with nothing after the colon: `response:` is no response."""
    return {key: value for key, value in section.items() if value is not None}


def _meant(section: Section, path: tuple[str, ...], *keys: str) -> bool:
    """Tell whether one of `keys` is given, or stands there misspelt: that is reported on its own."""
    fields = SECTIONS[path].model_fields
    return any(
        name in keys or (name not in fields and closest(str(name), fields) in keys) for name in section
    )


def _data_rules(data: Section) -> Iterator[Problem]:
    given = [key for key in _SOURCES if data.get(key) is not None]
    if len(given) > 1:
        yield Problem(("data", given[1]), f"give one source of data, not {' and '.join(given)}")
    if not _meant(data, ("data",), *_SOURCES):
        yield Problem(("data",), f"no source of data; give one of {', '.join(_SOURCES)}")
    if "sql" in given and not _meant(data, ("data",), "url_env"):
        wanted = "the environment variable that holds the database's URL"
        yield Problem(("data", "sql"), f"needs `url_env`, {wanted}")
    if data.get("url_env") is not None and not _meant(data, ("data",), "sql"):
        yield Problem(("data", "url_env"), "goes with `sql`, which is not given")


def _incomplete_model(model: Section) -> Iterator[Problem]:
    if not _meant(model, ("model",), "likelihood", "hypotheses"):
        known = ", ".join(LIKELIHOODS)
        message = f"this key is missing: one of {known}, or start from a model by `use`"
        yield Problem(("model", "likelihood"), message)
    if not _meant(model, ("model",), "formula", "response"):
        message = "needs `formula: response ~ predictors` or, with no predictors, `response: column`"
        if model.get("hypotheses") is not None:
            message = "needs `response: column`"
        yield Problem(("model",), message)


def _head_rules(model: Section) -> Iterator[Problem]:
    formula, response = model.get("formula"), model.get("response")
    if formula is not None and response is not None:
        yield Problem(("model", "response"), "give either a formula or a response, not both")
    if isinstance(formula, str) and len(sides(formula)) != 2:
        message = "expected `response ~ predictors`; with no predictors write `response: column`"
        yield Problem(("model", "formula"), message)
    for key in ("link", "standardize", "offset", "body", "centered"):
        if model.get(key) and response is not None and formula is None:
            message = "goes with `formula`; a model with `response` has no predictors"
            yield Problem(("model", key), message)


def _column_rules(model: Section, likelihood: Likelihood) -> Iterator[Problem]:
    response, name = model.get("response"), likelihood.name
    if likelihood.multivariate and isinstance(response, str):
        message = f"{name} has a response of several columns; write `response: [{response}, ...]`"
        yield Problem(("model", "response"), message)
    if isinstance(response, list | tuple) and not likelihood.multivariate:
        several = " and ".join(entry.name for entry in LIKELIHOODS.values() if entry.multivariate)
        message = f"{name} has a response of one column; a list of columns is for {several}"
        yield Problem(("model", "response"), message)


def _matrix_rules(model: Section, likelihood: Likelihood, *, whole_model: bool) -> Iterator[Problem]:
    """Yield what is wrong with matrices: they are known, and only some parameters are one."""
    given = model.get("priors")
    lines = given if isinstance(given, Mapping) else {}
    matrices = {parameter.name for parameter in likelihood.parameters if parameter.dimensions == 2}
    for key, line in lines.items():
        if is_matrix(line) and key not in matrices:
            message = f"expected a prior or a number; {likelihood.name} has no '{key}' that is a matrix"
            yield Problem(("model", "priors", key), message)
    for name in sorted(matrices):
        path = ("model", "priors", name) if name in lines else ("model",)
        if not is_matrix(lines.get(name)) and (name in lines or whole_model):
            wanted = "under priors: a matrix such as [[4, 1], [1, 9]]"
            yield Problem(path, f"{likelihood.name} needs a known `{name}` {wanted}")


def _link_rules(model: Section, likelihood: Likelihood) -> Iterator[Problem]:
    link = model.get("link")
    links = next(p.links for p in likelihood.parameters if p.name == likelihood.location)
    if not links and model.get("formula") is not None:
        wanted = f"`response: {'[column, column]' if likelihood.multivariate else 'column'}`"
        message = f"{likelihood.name} takes no formula; write {wanted}: its parameters are unknown"
        yield Problem(("model", "formula"), message)
        return
    if isinstance(link, str) and link in LINKS and link not in links and model.get("response") is None:
        known = f"links of its {likelihood.location}: {', '.join(links)}"
        yield Problem(("model", "link"), f"{likelihood.name} has no link '{link}'; {known}")


def _trials_rules(model: Section, likelihood: Likelihood) -> Iterator[Problem]:
    trials = model.get("trials")
    formula = model.get("formula")
    formula = formula.get(likelihood.location) if isinstance(formula, Mapping) else formula
    head = sides(str(formula or model.get("response") or ""))[0]
    if trials is not None and not likelihood.needs_trials:
        yield Problem(("model", "trials"), f"goes with Binomial; {likelihood.name} has no trials")
    elif trials is not None and "/" in head:
        message = "give the trials once: here, or in the formula as `successes / trials`"
        yield Problem(("model", "trials"), message)
    elif likelihood.needs_trials and head and "/" not in head and not _meant(model, ("model",), "trials"):
        message = f"{likelihood.name} needs `trials: column`, or `formula: successes / trials ~ ...`"
        yield Problem(("model",), message)
