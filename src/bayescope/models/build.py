"""From a checked configuration and a table to a `Model`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import PriorSpec
from bayescope.config.schema import ModelConfig
from bayescope.config.suggest import suggest
from bayescope.data.checks import check_response
from bayescope.data.design import evaluate_response
from bayescope.data.formula import Formula
from bayescope.data.syntax import column_of
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.likelihoods import Likelihood, parametrised
from bayescope.errors import Finding, Problem
from bayescope.models.blocks import SHARED, Unknown, assemble
from bayescope.models.bodies import Body, bodies_of, formulas_of
from bayescope.models.groups import effect_names, grouping_of, refuse_effect_lines, with_known_spreads
from bayescope.models.hypotheses import build_hypotheses
from bayescope.models.levels import (
    held_at_zero,
    level_bodies,
    level_names,
    likelihood_for,
    rare_levels,
    read_levels,
)
from bayescope.models.model import Block, Model, Predictor, Response
from bayescope.models.network_bodies import NOTE
from bayescope.models.networks import Network
from bayescope.models.prior_density import prior_bounds
from bayescope.models.rows import laid_out
from bayescope.models.scales import resolve_scales
from bayescope.models.vectors import known_matrices, numbers_and_priors, read_vectors
from bayescope.models.weak_columns import refuse, weak_columns

type Floats = NDArray[np.float64]

_IDLE = (INTERCEPT, SHARED)  # lines of priors that may stand in a model of the library without an unknown


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
    if spec.likelihood is None:
        return build_hypotheses(spec, table)
    likelihood = parametrised(spec.likelihood, spec.priors, formula=formula is not None)
    response = read_response(spec, formula, table, likelihood)
    likelihood = likelihood_for(likelihood, spec, response)
    bodies = (
        level_bodies(spec, formula, table, likelihood, response)
        if formula is not None and likelihood.by_level
        else bodies_of(spec, formula, table, likelihood, response)
    )
    unknowns = tuple(unknown for body in _location_first(bodies, likelihood) for unknown in body.unknowns)
    formulas = formulas_of(formula, likelihood)
    lines, problems = resolve_scales(numbers_and_priors(spec.priors), likelihood, formulas)
    effects = [name for body in bodies for group in body.groups for name in effect_names(group, body.prefix)]
    problems += refuse_effect_lines(effects, lines) + _unknown_centred(spec, bodies)
    blocks, fixed = assemble(unknowns, lines, () if formula is None else _IDLE, problems)
    blocks = with_known_spreads(blocks, fixed)
    fixed |= known_matrices(likelihood, spec.priors, response) | held_at_zero(likelihood)
    refuse(beyond_fixed(likelihood, response, fixed), table)
    model = Model(
        likelihood=likelihood,
        response=response,
        predictors=tuple(
            linear_predictor(
                body.parameter,
                body.link,
                body.labels,
                body.matrix,
                blocks=blocks,
                fixed=fixed,
                added=body.added,
                network=body.network,
            )
            for body in bodies
        ),
        blocks=blocks,
        fixed=fixed,
        formula=None if formula is None else formula.text,
        notes=(
            *_standardised(bodies),
            *(note for body in bodies for note in _weak(body, response, blocks, fixed, table)),
            *(note for body in bodies for group in body.groups for note in group.notes),
            *_unused_lines(unknowns, spec.priors),
            *(rare_levels(response) if likelihood.by_level else ()),
            *((NOTE,) if any(body.network is not None for body in bodies) else ()),
        ),
        columns=tuple(table.columns),
        encodings=_encodings(bodies, likelihood),
        formulas={} if formula is None else {name: part.text for name, part in formula.parameters.items()},
        groups=tuple(
            grouping_of(group, body.parameter, body.prefix) for body in bodies for group in body.groups
        ),
        centered=_centred(spec, bodies),
    )
    refuse(_without_room(model), table)
    return model


def beyond_fixed(likelihood: Likelihood, response: Response, fixed: Mapping[str, float]) -> list[Finding]:
    """Data that a fixed parameter rules out: values below the known lower end of a Uniform."""
    return [
        Finding(
            f"reaches {low if value < low else high:.6g}, beyond {name} = {value:.6g}, which the model fixes",
            column_of(response.name),
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
            column_of(model.response.name),
        )
        for name, low, high in zip(model.names, lower, upper, strict=True)
        if low >= high
    ]


def read_response(
    spec: ModelConfig, formula: Formula | None, table: Table, likelihood: Likelihood
) -> Response:
    """Read and check the response, its trials and weights.

    Raises:
        DataError: a value leaves the likelihood's support.
    """
    if likelihood.multivariate:
        return replace(read_vectors(spec.columns, table, likelihood), weights_name=spec.weights)
    if formula is not None and likelihood.by_level:
        return read_levels(spec, formula, table, likelihood)
    if formula is None:
        [name] = spec.columns
        trials_name, values, trials = None, table.columns[name], None
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
    return Response(
        name, values.astype(np.float64), trials, table.weights, trials_name, weights_name=spec.weights
    )


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
    a = line.arguments.get("a") if line else None
    size = len(a) if isinstance(a, tuple) else 0
    if values.dtype.kind in "if" and len(levels) < size and levels[0] >= 0 and levels[-1] < size:
        levels = np.arange(size)
    if len(levels) < 2:
        message = f"has one category only, {levels[0]!s}; probabilities need two or more"
        refuse([Finding(message, name)], table)
    return Response(
        name,
        np.searchsorted(levels, values).astype(np.float64),
        None,
        table.weights,
        levels=level_names(levels),
        weights_name=spec.weights,
    )


def _location_first(bodies: Sequence[Body], likelihood: Likelihood) -> list[Body]:
    """Order bodies as their unknowns stand in theta: those of the location first."""
    return sorted(bodies, key=lambda body: body.parameter != likelihood.location)


def _weak(
    body: Body, response: Response, blocks: Sequence[Block], fixed: Mapping[str, float], table: Table
) -> tuple[str, ...]:
    if body.design is None or body.network is not None:
        return ()
    labels = body.labels[: len(body.design.labels)]
    size = float(np.abs(response.values).max(initial=0.0)) if body.link == "identity" else 0.0
    return weak_columns(replace(body.design, labels=labels), blocks, fixed, table, size or 1.0)


def _encodings(bodies: Sequence[Body], likelihood: Likelihood) -> dict[str, Any] | None:
    """How the designs were made: that of the location, with those of its groups and of other parameters."""
    found = {
        body.parameter: {**body.design.encoding, "groups": [group.encoding for group in body.groups]}
        for body in bodies
        if body.design is not None
    }
    if not found:
        return None
    return {**found.pop(likelihood.location), "parameters": found}


def _centred(spec: ModelConfig, bodies: Sequence[Body]) -> tuple[str, ...]:
    """Name the groupings that are centred: all, or those of the factors that are listed."""
    return tuple(
        body.prefix + group.name
        for body in bodies
        for group in body.groups
        if spec.centered is True
        or (isinstance(spec.centered, tuple) and {group.name, body.prefix + group.name} & {*spec.centered})
    )


def _unknown_centred(spec: ModelConfig, bodies: Sequence[Body]) -> list[Problem]:
    pairs = [(group.name, body.prefix + group.name) for body in bodies for group in body.groups]
    known = list(dict.fromkeys(name for pair in pairs for name in pair))
    path = ("model", "centered")
    if not known and spec.centered:
        return [Problem(path, "the formula has no group term, such as (1 | county)")]
    listed = spec.centered if isinstance(spec.centered, tuple) else ()
    return [
        Problem(path, f"the formula has no groups of '{name}'{suggest(name, known, 'grouping factors')}")
        for name in listed
        if name not in known
    ]


def linear_predictor(
    parameter: str,
    link: str,
    labels: tuple[str, ...],
    matrix: Floats | None,
    *,
    blocks: Sequence[Block],
    fixed: Mapping[str, float],
    added: Floats | None = None,
    network: Network | None = None,
) -> Predictor:
    """Make the linear predictor of `parameter`; columns with fixed coefficients go to its offset.

    `labels` name all d coefficients, fixed ones included; `matrix` has shape (n, d), or is None for
    a parameter that is the same in every row; `added`, shape (n,), goes to the offset. Of a `network`,
    none of whose coefficients is fixed, the matrix has its inputs.
    Where all of several are fixed then, they are a known matrix, row by row.
    """
    index = {label: block.start + i for block in blocks for i, label in enumerate(block.labels)}
    free = [i for i, label in enumerate(labels) if label not in fixed]
    known = [i for i, label in enumerate(labels) if label in fixed]
    values = np.array([fixed[labels[i]] for i in known])
    if matrix is not None:
        offset = matrix[:, known] @ values if values.any() else 0.0
        offset = offset if added is None else offset + added
    elif len(known) > 1:
        size = math.isqrt(len(known))
        offset = values.reshape(size, size)
    else:
        offset = float(values.sum())
    return Predictor(
        parameter=parameter,
        link=link,
        matrix=None if matrix is None else laid_out(matrix[:, free] if known else matrix),
        index=np.array([index[labels[i]] for i in free], dtype=np.intp),
        columns=labels,
        offset=offset,
        network=network,
    )


def _unused_lines(unknowns: Sequence[Unknown], lines: Mapping[str, object]) -> tuple[str, ...]:
    """Note the general lines of priors, perhaps of a model of the library, that no unknown takes."""
    takers = {
        unknown.name if unknown.name in lines or not unknown.shared else unknown.shared
        for unknown in unknowns
    }
    return tuple(
        f"the prior of `{name}` is not used: no unknown of the model takes it"
        for name in _IDLE
        if name in lines and name not in takers
    )


def _standardised(bodies: Sequence[Body]) -> tuple[str, ...]:
    if not any(body.design is not None and body.design.encoding["standardize"] for body in bodies):
        return ()
    return ("Numeric predictors are standardised: a slope is the change for one standard deviation.",)
