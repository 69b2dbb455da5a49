"""From a checked configuration and a table to a `Model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import PriorSpec
from bayescope.config.schema import ModelConfig
from bayescope.data.checks import check_response
from bayescope.data.design import Design, build_design, evaluate_response
from bayescope.data.formula import Formula
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.likelihoods import LIKELIHOODS, HeadParameter, Likelihood
from bayescope.distributions.supports import REAL
from bayescope.errors import ConfigError, Finding, Problem
from bayescope.models.blocks import SHARED, Unknown, assemble
from bayescope.models.defaults import intercept_prior, parameter_prior, response_scale, slope_priors
from bayescope.models.density import prior_bounds
from bayescope.models.model import Block, Model, Predictor, Prior, Response
from bayescope.models.weak_columns import refuse, refuse_empty_terms, weak_columns

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Body:
    """The location's design matrix and its columns' labels; `design` is None for a `response:` model."""

    link: str
    matrix: Floats | None
    labels: tuple[str, ...]
    unknowns: tuple[Unknown, ...]
    design: Design | None = None


def build_model(spec: ModelConfig, formula: Formula | None, table: Table) -> Model:
    """Build the model that `spec` declares on the rows of `table`.

    Args:
        spec: the `model:` section; its names and priors were checked against the tables.
        formula: the parsed `formula:`, or None for a `response:` model.
        table: the columns that the model uses, numbers where numbers are needed.

    Raises:
        ConfigError: a prior names no unknown or does not fit its support.
        DataError: the response leaves the likelihood's support, or the rows cannot tell the unknowns apart.
    """
    likelihood = LIKELIHOODS[spec.likelihood]
    response = _response(spec, formula, table, likelihood)
    body = (
        _constant_body(likelihood, response)
        if formula is None
        else _regression_body(spec, formula, table, likelihood, response)
    )
    others = tuple(p for p in likelihood.parameters if p.name != likelihood.location)
    _refuse_clashes(body, [parameter.name for parameter in others])
    unknowns = body.unknowns + tuple(_constant(p, response, _spelling(p, spec)) for p in others)
    blocks, fixed = assemble(unknowns, spec.priors, () if formula is None else (INTERCEPT, SHARED))
    refuse(_beyond_fixed(likelihood, response, fixed), table)
    model = Model(
        likelihood=likelihood,
        response=response,
        predictors=tuple(
            _predictor(p, _spelling(p, spec), likelihood, body=body, blocks=blocks, fixed=fixed)
            for p in likelihood.parameters
        ),
        blocks=blocks,
        fixed=fixed,
        formula=spec.formula,
        notes=(
            *_standardised(body),
            *(() if body.design is None else weak_columns(body.design, blocks, fixed, table)),
            *_unused_lines(unknowns, spec.priors),
        ),
        columns=tuple(table.columns),
        encodings=None if body.design is None else body.design.encoding,
    )
    refuse(_without_room(model), table)
    return model


def _beyond_fixed(likelihood: Likelihood, response: Response, fixed: Mapping[str, float]) -> list[Finding]:
    """Data that a fixed parameter rules out: values below the known lower end of a Uniform."""
    return [
        Finding(
            f"reaches {low if value < low else high:.6g}, beyond {name} = {value:.6g}, which the model fixes",
            response.name,
        )
        for name, (low, high) in likelihood.bounds(response.occurring).items()
        if (value := fixed.get(name)) is not None and not low <= value <= high
    ]


def _without_room(model: Model) -> list[Finding]:
    """Unknowns of which the data and the prior leave no value possible."""
    lower, upper = prior_bounds(model)
    return [
        Finding(
            f"leaves no value of {name} possible: by the data it is "
            f"{'at least ' if low > high else ''}{low:.6g}, by its prior at most {high:.6g}",
            model.response.name,
        )
        for name, low, high in zip(model.names, lower, upper, strict=True)
        if low >= high
    ]


def _response(spec: ModelConfig, formula: Formula | None, table: Table, likelihood: Likelihood) -> Response:
    if formula is None:
        name, trials_name, values, trials = (
            spec.response or "",
            None,
            table.columns[spec.response or ""],
            None,
        )
    else:
        name, trials_name = formula.response_name, formula.trials_name
        values, trials = evaluate_response(formula, table)
    if likelihood.categorical:
        return _categories(name, values, table, spec)
    if spec.trials is not None:
        trials_name, trials = spec.trials, table.columns[spec.trials].astype(np.float64)
    refuse(
        check_response(
            values, likelihood.response, name, table.rows, trials, trials_name=trials_name or "trials"
        ),
        table,
    )
    return Response(name, values.astype(np.float64), trials, table.weights, trials_name)


def _categories(name: str, values: NDArray[Any], table: Table, spec: ModelConfig) -> Response:
    """Code a response of text, true and false, or whole numbers by its levels, in their order.

    Numbers below the length of the prior are positions in it, so that some may never occur.
    """
    levels = np.unique(values)
    if values.dtype == np.float64 and (values != np.rint(values)).any():
        row = int(np.argmax(values != np.rint(values)))
        message = f"{values[row]:.15g} is no category; categories are text or whole numbers"
        refuse([Finding(message, name, int(table.rows[row]))], table)
    line = next((line for line in spec.priors.values() if isinstance(line, PriorSpec)), None)
    size = len(np.ravel(line.arguments.get("a", ()))) if line else 0
    if values.dtype.kind in "if" and len(levels) < size and levels[0] >= 0 and levels[-1] < size:
        levels = np.arange(size)
    if len(levels) < 2:
        message = f"has one category only, {levels[0]!s}; probabilities need two or more"
        refuse([Finding(message, name)], table)
    labels = tuple(f"{level:.15g}" if levels.dtype.kind in "if" else str(level) for level in levels)
    return Response(
        name, np.searchsorted(levels, values).astype(np.float64), None, table.weights, levels=labels
    )


def _spelling(parameter: HeadParameter, spec: ModelConfig) -> str:
    """The name that the priors give a parameter: its own, unless they name it otherwise (`tau`)."""
    return next((name for name in parameter.spellings if name in spec.priors), parameter.name)


def _constant(parameter: HeadParameter, response: Response, name: str) -> Unknown:
    """A parameter that is the same in every row, under the name that the priors give it."""
    if parameter.support.simplex:
        labels = tuple(f"{parameter.name}[{level}]" for level in response.levels)
        flat = Prior("Dirichlet", {"a": (1.0,) * len(labels)})
        return Unknown(parameter.name, labels, parameter.support, lambda: [flat])
    location, scale = response_scale(response, "identity")
    size = parameter.scale(location, scale) or 1.0
    return Unknown(
        name,
        (name,),
        parameter.support,
        lambda: [parameter_prior(parameter.support, location, size)],
    )


def _constant_body(likelihood: Likelihood, response: Response) -> _Body:
    unknown = _constant(_parameter(likelihood, likelihood.location), response, likelihood.location)
    return _Body("identity", None, unknown.labels, (unknown,))


def _regression_body(
    spec: ModelConfig, formula: Formula, table: Table, likelihood: Likelihood, response: Response
) -> _Body:
    design = build_design(formula, table, standardize=spec.standardize)
    refuse_empty_terms(design, table)
    link = spec.link or _parameter(likelihood, likelihood.location).links[0]
    location, scale = response_scale(response, link)
    unknowns = []
    for term in design.terms:
        columns = slice(term.start, term.stop)
        is_intercept = design.intercept and term.start == 0
        if is_intercept:
            slopes = np.delete(design.matrix, term.start, axis=1)
            defaults = lambda slopes=slopes: [intercept_prior(slopes, table.weights, location, scale)]  # noqa: E731
        else:
            own = design.matrix[:, columns]
            defaults = lambda own=own: slope_priors(own, table.weights, scale)  # noqa: E731
        unknowns.append(Unknown(term.name, design.labels[columns], REAL, defaults, shared=not is_intercept))
    return _Body(link, design.matrix, design.labels, tuple(unknowns), design)


def _parameter(likelihood: Likelihood, name: str) -> HeadParameter:
    return next(parameter for parameter in likelihood.parameters if parameter.name == name)


def _predictor(
    parameter: HeadParameter,
    name: str,
    likelihood: Likelihood,
    *,
    body: _Body,
    blocks: Sequence[Block],
    fixed: Mapping[str, float],
) -> Predictor:
    """The linear predictor of `parameter`; columns with fixed coefficients go to its offset."""
    index = {label: block.start + i for block in blocks for i, label in enumerate(block.labels)}
    is_location = parameter.name == likelihood.location
    labels = body.labels if is_location else (name,)
    matrix = body.matrix if is_location else None
    free = [i for i, label in enumerate(labels) if label not in fixed]
    known = [i for i, label in enumerate(labels) if label in fixed]
    values = np.array([fixed[labels[i]] for i in known])
    offset = float(values.sum()) if matrix is None else (matrix[:, known] @ values if known else 0.0)
    return Predictor(
        parameter=parameter.name,
        link=body.link if is_location else parameter.spellings.get(name, "identity"),
        matrix=matrix if matrix is None or not known else np.ascontiguousarray(matrix[:, free]),
        index=np.array([index[labels[i]] for i in free], dtype=np.intp),
        columns=labels,
        offset=offset,
    )


def _refuse_clashes(body: _Body, parameters: Sequence[str]) -> None:
    """Refuse predictors whose coefficients would have the name of another unknown or of a line of priors."""
    if body.design is None:
        return
    predictors = body.design.terms[body.design.intercept :]
    taken = {INTERCEPT: "the constant term", SHARED: "the line of priors for all slopes"}
    taken |= dict.fromkeys(parameters, "a parameter of the likelihood")
    problems = [
        Problem(
            ("model", "formula"),
            f"'{term.name}' is also {taken[term.name]}: rename the column",
        )
        for term in predictors
        if term.name in taken
    ]
    if problems:
        raise ConfigError(problems)


def _unused_lines(unknowns: Sequence[Unknown], lines: Mapping[str, object]) -> tuple[str, ...]:
    """Note the general lines of priors, perhaps of a model of the library, that no unknown takes."""
    takers = {unknown.name if unknown.name in lines or not unknown.shared else SHARED for unknown in unknowns}
    return tuple(
        f"the prior of `{name}` is not used: no unknown of the model takes it"
        for name in (INTERCEPT, SHARED)
        if name in lines and name not in takers
    )


def _standardised(body: _Body) -> tuple[str, ...]:
    if body.design is None or not body.design.encoding["standardize"]:
        return ()
    return ("Numeric predictors are standardised: a slope is the change for one standard deviation.",)
