"""Responses that are one of several levels: reading them, and the bodies of the likelihood made for them.

A softmax has a linear predictor for every class but the reference, all with the design of the one formula;
its coefficients are `x[class]`. Ordered levels have one linear predictor without an intercept, whose place
the cutpoints take: the coefficient of the column of ones is fixed at 0. The cutpoints are K - 1 independent
draws from their prior, sorted: a density of (K - 1)! times the product where they rise, and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import PriorSpec
from bayescope.config.schema import ModelConfig
from bayescope.config.suggest import suggest
from bayescope.data.evaluate import REPORTED_AT_MOST, capped
from bayescope.data.formula import Formula
from bayescope.data.syntax import Name
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.choices import WRITTEN
from bayescope.distributions.likelihoods import Likelihood
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.distributions.softmax import parameter_of
from bayescope.distributions.supports import REAL
from bayescope.errors import ConfigError, DataError, Finding, Problem
from bayescope.models.blocks import Unknown
from bayescope.models.bodies import Body, regression_body
from bayescope.models.defaults import intercept_prior
from bayescope.models.model import Prior, Response

type Floats = NDArray[np.float64]

MOST_LEVELS = 100
_LOGISTIC_WIDTH = 2.0


def level_names(levels: NDArray[Any]) -> tuple[str, ...]:
    """Name categories, shape (k,), as results do."""
    return tuple(f"{level:.15g}" if levels.dtype.kind in "if" else str(level) for level in levels)


def read_levels(spec: ModelConfig, formula: Formula, table: Table, likelihood: Likelihood) -> Response:
    """Code the response by its levels: those of `levels:` in their order, else those of the data, sorted.

    Raises:
        ConfigError: the left side is no column, or text has an order that nothing tells.
        DataError: a row has no level of the list, a level has no row, or there are too few or too many.
    """
    if not isinstance(formula.response, Name):
        message = f"the response of {likelihood.name} is a column of levels: write its name alone before ~"
        raise ConfigError([Problem(("model", "formula"), message)])
    name = formula.response.name
    values = table.columns[name]
    distinct, codes = np.unique(values, return_inverse=True)
    found = level_names(distinct)
    declared = tuple(_level_name(level) for level in spec.levels or ())
    if likelihood.ordered and not declared and values.dtype == object:
        shown = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "")
        message = f"text has no order of its own: write `levels: [lowest, ..., highest]` of {name} ({shown})"
        raise ConfigError([Problem(("model", "formula"), message)])
    levels = declared or found
    place = {level: float(k) for k, level in enumerate(levels)}
    positions = np.array([place.get(level, np.nan) for level in found])[codes.ravel()]
    findings = _strangers(name, values, positions, table) or _unfit(name, levels, positions, table)
    if findings:
        raise DataError(findings, table.source)
    return Response(name, positions, None, table.weights, levels=levels, weights_name=spec.weights)


def _level_name(level: object) -> str:
    return f"{level:.15g}" if isinstance(level, int | float) and not isinstance(level, bool) else str(level)


def _strangers(name: str, values: NDArray[Any], positions: Floats, table: Table) -> list[Finding]:
    strange = np.flatnonzero(np.isnan(positions))
    rows = [
        Finding(f"{values[i]} is not among the `levels`", name, int(table.rows[i]))
        for i in strange[:REPORTED_AT_MOST]
    ]
    return capped(rows, len(strange), name) if rows else []


def _unfit(name: str, levels: Sequence[str], positions: Floats, table: Table) -> list[Finding]:
    """Levels without a row, and too few or too many of them."""
    counts = np.bincount(positions.astype(np.intp), weights=table.weights, minlength=len(levels))
    absent = [level for level, count in zip(levels, counts, strict=True) if not count > 0]
    if absent:
        message = f"no row has the level {' or '.join(absent[:8])}: leave it out of the levels"
        return [Finding(message, name)]
    if len(levels) < 2:
        return [Finding(f"has one level only, {levels[0]}; two or more are needed", name)]
    if len(levels) > MOST_LEVELS:
        message = f"has {len(levels):,} different values, and at most {MOST_LEVELS} levels are modelled"
        return [Finding(f"{message}; is it a number, or a name?", name)]
    return []


def rare_levels(response: Response) -> tuple[str, ...]:
    """Note levels that a single row has: all that tells their coefficients from the prior is that row."""
    counts = np.bincount(response.values.astype(np.intp), weights=response.weights)
    rare = [level for level, count in zip(response.levels, counts, strict=True) if count == 1]
    return tuple(f"{response.name} = {level} occurs in one row only" for level in rare)


def likelihood_for(likelihood: Likelihood, spec: ModelConfig, response: Response) -> Likelihood:
    """Make the likelihood for the levels of the response, with the reference class that is declared.

    Raises:
        ConfigError: the reference is none of the levels.
    """
    if likelihood.for_levels is None:
        return likelihood
    if spec.reference is False:
        return likelihood.for_levels(response.levels, None)
    reference = response.levels[0] if spec.reference is None else _level_name(spec.reference)
    if reference not in response.levels:
        ending = suggest(reference, response.levels, "the levels are")
        message = f"'{reference}' is no level of {response.name}{ending}"
        raise ConfigError([Problem(("model", "reference"), message)])
    return likelihood.for_levels(response.levels, reference)


def same_likelihood(likelihood: Likelihood, levels: Sequence[str], parameters: Iterable[str]) -> Likelihood:
    """Make the likelihood for levels again, from the names of its parameters."""
    if likelihood.for_levels is None:
        return likelihood
    known = set(parameters)
    reference = next((level for level in levels if parameter_of(level) not in known), None)
    return likelihood.for_levels(tuple(levels), reference)


def level_bodies(
    spec: ModelConfig, formula: Formula, table: Table, likelihood: Likelihood, response: Response
) -> tuple[Body, ...]:
    """Make the body of each parameter of a likelihood made for levels, in its order.

    Raises:
        ConfigError: the formula or a prior has what the likelihood has no place for.
        DataError: as `bodies_of`.
    """
    problems = _no_place_in_classes(formula, likelihood) if likelihood.one_design else _cutpoint_lines(spec)
    if problems:
        raise ConfigError(problems)
    parameter = likelihood.parameter(likelihood.location)
    body = regression_body(spec, formula, table, likelihood, parameter, response=response)
    if likelihood.one_design:
        return _by_class(body, likelihood)
    if body.design is None or not body.design.intercept:
        message = (
            "the cutpoints take the place of the Intercept: write the formula without `0 +` or `- 1`, which "
            "would code a factor by all its levels"
        )
        raise ConfigError([Problem(("model", "formula"), message)])
    return _with_cutpoints(body, likelihood, response)


def _no_place_in_classes(formula: Formula, likelihood: Likelihood) -> list[Problem]:
    path = ("model", "formula")
    found = []
    if formula.offsets:
        message = (
            f"{likelihood.name} has a predictor for each class, and an offset says not whose: leave it out"
        )
        found.append(Problem(path, message))
    if formula.groups:
        message = f"group terms are not available for {likelihood.name}; write the factor without (1 | ...)"
        found.append(Problem(path, message))
    return found


def _cutpoint_lines(spec: ModelConfig) -> list[Problem]:
    found = []
    if INTERCEPT in spec.priors:
        message = f"the model has no Intercept: its place is taken by the {CUTPOINTS}; give these a prior"
        found.append(Problem(("model", "priors", INTERCEPT), message))
    line = spec.priors.get(CUTPOINTS)
    if isinstance(line, PriorSpec):
        distribution = WRITTEN[line.distribution]
        if distribution.joint or not distribution.support(line.arguments).contains(REAL):
            message = (
                f"{line} does not fit the {CUTPOINTS}, which take one prior over all numbers: Normal(0, 5)"
            )
            found.append(Problem(("model", "priors", CUTPOINTS), message))
    return found


def _by_class(body: Body, likelihood: Likelihood) -> tuple[Body, ...]:
    """One body for each class, with the one design; the unknowns are those of a term for all classes."""
    classes = [parameter.name.removeprefix("eta") for parameter in likelihood.parameters]
    unknowns = tuple(
        replace(
            unknown,
            labels=tuple(label + suffix for label in unknown.labels for suffix in classes),
            defaults=partial(_for_each, unknown, len(classes)),
        )
        for unknown in body.unknowns
    )
    return tuple(
        replace(
            body,
            parameter=parameter.name,
            labels=tuple(label + suffix for label in body.labels),
            unknowns=() if k else unknowns,
            design=None if k else body.design,
        )
        for k, (parameter, suffix) in enumerate(zip(likelihood.parameters, classes, strict=True))
    )


def _for_each(unknown: Unknown, classes: int) -> list[Prior]:
    return [prior for prior in unknown.defaults() for _ in range(classes)]


def _with_cutpoints(body: Body, likelihood: Likelihood, response: Response) -> tuple[Body, ...]:
    slopes = tuple(unknown for unknown in body.unknowns if unknown.name != INTERCEPT)
    design = body.design.matrix[:, 1:] if body.design is not None else np.zeros((len(response.values), 0))
    # five sds hold the cutpoints of any shares of levels; more where the predictors are far from 0
    default = intercept_prior(design, response.weights, 0.0, _LOGISTIC_WIDTH)
    labels = likelihood.ordered
    cutpoints = Unknown(CUTPOINTS, labels, REAL, lambda: [default] * len(labels), vector=True)
    return (
        replace(body, unknowns=slopes),
        *(
            Body(label, "identity", "", (label,), None, () if k else (cutpoints,))
            for k, label in enumerate(labels)
        ),
    )


def held_at_zero(likelihood: Likelihood) -> dict[str, float]:
    """Return the coefficients that others take the place of: the Intercept of ordered levels."""
    return {INTERCEPT: 0.0} if likelihood.ordered else {}
