"""Blueprints: everything of a model that is not rows, as plain data, and the same model on other rows.

A blueprint is JSON: it is stored with a run, so that a run read back from its folder can predict,
and be updated, with the priors, levels and centring constants of the rows that it was fitted to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.config.hypotheses import as_written
from bayescope.config.priors import Scaled
from bayescope.config.schema import ModelConfig
from bayescope.data.checks import check_response
from bayescope.data.design import apply_design, apply_offset, evaluate_response
from bayescope.data.evaluate import REPORTED_AT_MOST, capped
from bayescope.data.formula import Formula
from bayescope.data.groups import apply_groups
from bayescope.data.new_rows import declared, encoding_of
from bayescope.data.prepare import read_formula
from bayescope.data.table import Table
from bayescope.distributions.choices import CORRELATION
from bayescope.distributions.likelihoods import LIKELIHOODS, Likelihood, parametrised
from bayescope.distributions.supports import POSITIVE, REAL, Support
from bayescope.errors import DataError, Finding
from bayescope.models.bodies import design_with_groups, formulas_of, prefix_of
from bayescope.models.build import beyond_fixed, linear_predictor, read_response
from bayescope.models.groups import grouping_of
from bayescope.models.hypotheses import rebuild_hypotheses
from bayescope.models.levels import level_names, same_likelihood
from bayescope.models.model import Block, Grouping, Model, Predictor, Prior, Response
from bayescope.models.network_bodies import network_matrix
from bayescope.models.networks import Network, as_data, from_data
from bayescope.models.vectors import unseen_vectors
from bayescope.models.weak_columns import refuse

type Floats = NDArray[np.float64]
type Blueprint = Mapping[str, Any]


def blueprint(model: Model) -> dict[str, Any]:
    """Describe a model without its rows, as JSON-able data from which `rebuild` makes it again.

    Priors have every argument in full precision, defaults included; nothing is rounded.
    """
    response = model.response
    return {
        "likelihood": model.likelihood.name,
        "formula": model.formula,
        "formulas": dict(model.formulas),
        "centered": list(model.centered),
        "response": {
            "name": response.name,
            "trials": response.trials_name,
            "levels": list(response.levels),
            "weights": response.weights_name,
        },
        "predictors": [_predictor_data(predictor) for predictor in model.predictors],
        "blocks": [_block_data(block) for block in model.blocks],
        "fixed": {name: float(value) for name, value in model.fixed.items()},
        "hypotheses": {name: as_written(spec) for name, spec in model.hypotheses.items()},
        "columns": list(model.columns),
        "encodings": None if model.encodings is None else dict(model.encodings),
        "notes": list(model.notes),
    }


def _predictor_data(predictor: Predictor) -> dict[str, Any]:
    return {
        "parameter": predictor.parameter,
        "link": predictor.link,
        "columns": list(predictor.columns),
        "regression": predictor.matrix is not None,
        "network": None if predictor.network is None else as_data(predictor.network),
    }


def _block_data(block: Block) -> dict[str, Any]:
    return {
        "name": block.name,
        "labels": list(block.labels),
        "scalar": block.scalar,
        "prior": {
            "distribution": block.prior.distribution,
            "arguments": {name: _argument_data(value) for name, value in block.prior.arguments.items()},
        },
        "origin": block.origin,
    }


def _argument_data(value: Any) -> Any:
    """Write an argument of a prior as JSON: a number, lists of them, or `10 * sigma` as a mapping."""
    if isinstance(value, Scaled):
        return asdict(value)
    return [_argument_data(element) for element in value] if isinstance(value, tuple) else float(value)


def _argument(data: Any) -> Any:
    """Read what `_argument_data` wrote."""
    if isinstance(data, Mapping):
        return Scaled(**data)
    return tuple(map(_argument, data)) if isinstance(data, list) else data


def rebuild(blueprint: Blueprint, table: Table, *, response: bool = True) -> Model:
    """Make the model of a blueprint on other rows: the same unknowns, priors, levels and constants.

    Args:
        blueprint: what `blueprint` returned; it may have been through JSON.
        table: the rows, from `bayescope.data.new_rows.read_rows`.
        response: whether to read the response. Without it (to predict) its values are nan.

    Raises:
        DataError: a level that the model does not know, or a response that its likelihood cannot
            produce; every finding names its column and row.
    """
    spec = declared(blueprint)
    if spec.hypotheses is not None:
        made = rebuild_hypotheses(spec, table, response=response)
        block = replace(made.blocks[0], origin=blueprint["blocks"][0]["origin"])
        return replace(made, blocks=(block,), notes=tuple(blueprint["notes"]))
    formula = read_formula(spec)
    parameters = [data["parameter"] for data in blueprint["predictors"]]
    likelihood = parametrised(blueprint["likelihood"], parameters, formula=formula is not None)
    likelihood = same_likelihood(likelihood, blueprint["response"]["levels"], parameters)
    blocks, fixed = _blocks(blueprint, likelihood), dict(blueprint["fixed"])
    regressions = _regressions(blueprint, formula, likelihood, table)
    observed = _response(blueprint, spec, formula, table) if response else _unseen(blueprint, formula, table)
    if response:
        refuse(beyond_fixed(likelihood, observed, fixed), table)
    return Model(
        likelihood=likelihood,
        response=observed,
        predictors=tuple(
            linear_predictor(
                data["parameter"],
                data["link"],
                tuple(data["columns"]),
                regressions[data["parameter"]].matrix if data["regression"] else None,
                blocks=blocks,
                fixed=fixed,
                added=regressions[data["parameter"]].added if data["regression"] else None,
                network=_network(data),
            )
            for data in blueprint["predictors"]
        ),
        blocks=blocks,
        fixed=fixed,
        formula=blueprint["formula"],
        notes=tuple(blueprint["notes"]),
        columns=tuple(blueprint["columns"]),
        encodings=blueprint["encodings"],
        formulas=blueprint.get("formulas", {}),
        groups=tuple(group for found in regressions.values() for group in found.groups),
        centered=tuple(blueprint.get("centered", ())),
    )


def _network(data: Mapping[str, Any]) -> Network | None:
    """Make the network of a predictor; runs of before there were any do not say that they have none."""
    return None if data.get("network") is None else from_data(data["network"])


class _Regression(NamedTuple):
    """The design of one parameter on the rows of a table."""

    matrix: Floats
    added: Floats | None
    groups: tuple[Grouping, ...]


def _regressions(
    blueprint: Blueprint, formula: Formula | None, likelihood: Likelihood, table: Table
) -> dict[str, _Regression]:
    """Make the designs of the parameters with a formula, in the order of the likelihood's parameters."""
    formulas = formulas_of(formula, likelihood)
    networks = {data["parameter"]: _network(data) for data in blueprint["predictors"]}
    found = {
        parameter.name: _regression(
            formulas[parameter.name],
            encoding_of(
                blueprint["encodings"], "" if parameter.name == likelihood.location else parameter.name
            ),
            (parameter.name, prefix_of(parameter.name, likelihood)),
            table,
            networks[parameter.name],
        )
        for parameter in likelihood.parameters
        if parameter.name in formulas
    }
    if likelihood.one_design:
        return {parameter.name: found[likelihood.location] for parameter in likelihood.parameters}
    return found


def _regression(
    formula: Formula,
    encoding: dict[str, Any],
    names: tuple[str, str],
    table: Table,
    network: Network | None,
) -> _Regression:
    if network is not None:
        inputs = network_matrix(apply_design(formula, encoding, table), network)
        return _Regression(inputs, apply_offset(formula, encoding, table), ())
    groups = apply_groups(formula, encoding.get("groups", []), table)
    return _Regression(
        design_with_groups(apply_design(formula, encoding, table), groups),
        apply_offset(formula, encoding, table),
        tuple(grouping_of(group, *names) for group in groups),
    )


def _blocks(blueprint: Blueprint, likelihood: Likelihood) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for data in blueprint["blocks"]:
        arguments = {name: _argument(value) for name, value in data["prior"]["arguments"].items()}
        blocks.append(
            Block(
                name=data["name"],
                labels=tuple(data["labels"]),
                scalar=data["scalar"],
                prior=Prior(data["prior"]["distribution"], arguments),
                start=blocks[-1].stop if blocks else 0,
                support=_support(blueprint, data, likelihood),
                origin=data["origin"],
            )
        )
    return tuple(blocks)


def _support(blueprint: Blueprint, block: Mapping[str, Any], likelihood: Likelihood) -> Support:
    """Where an unknown may live: a coefficient anywhere, a parameter in the support of the parameter.

    What is part of no predictor is a standard deviation or a correlation of the effects of groups.
    """
    label = block["labels"][0]
    owner = next((data for data in blueprint["predictors"] if label in data["columns"]), None)
    if owner is None:
        return CORRELATION if block["prior"]["distribution"] == "LKJ" else POSITIVE
    if owner["regression"]:
        return REAL
    return next(p.support for p in likelihood.parameters if p.name == owner["parameter"])


def _response(blueprint: Blueprint, spec: ModelConfig, formula: Formula | None, table: Table) -> Response:
    levels = tuple(blueprint["response"]["levels"])
    likelihood = LIKELIHOODS[blueprint["likelihood"]]
    if not levels or likelihood.multivariate:
        return read_response(spec, formula, table, likelihood)
    name = blueprint["response"]["name"]
    return Response(
        name,
        _positions(table.columns[name], levels, name, table),
        None,
        table.weights,
        levels=levels,
        weights_name=spec.weights,
    )


def _positions(values: NDArray[Any], levels: tuple[str, ...], name: str, table: Table) -> Floats:
    """Number the categories of a response by the model's levels."""
    position = {level: i for i, level in enumerate(levels)}
    found = [position.get(level, -1) for level in level_names(values)]
    bad = [i for i, code in enumerate(found) if code < 0]
    known = ", ".join(levels[:8]) + (", ..." if len(levels) > 8 else "")
    findings = [
        Finding(f"{values[i]} is not a category of the model ({known})", name, int(table.rows[i]))
        for i in bad[:REPORTED_AT_MOST]
    ]
    if findings:
        raise DataError(capped(findings, len(bad), name), table.source)
    return np.array(found, dtype=np.float64)


def _unseen(blueprint: Blueprint, formula: Formula | None, table: Table) -> Response:
    """A response that is still to come: nan in every row, with its trials."""
    name, trials_name = blueprint["response"]["name"], blueprint["response"]["trials"] or "trials"
    levels, likelihood = tuple(blueprint["response"]["levels"]), LIKELIHOODS[blueprint["likelihood"]]
    if likelihood.multivariate:
        return unseen_vectors(name, levels, table, likelihood)
    trials = None
    if formula is not None and formula.trials is not None:
        # the trials stand alone on the left side where there is no response to read
        trials = evaluate_response(replace(formula, response=formula.trials, trials=None), table)[0]
    elif trials_name in table.columns:
        trials = table.columns[trials_name]
    if trials is not None:
        trials = trials.astype(np.float64)
        # no success at all is possible in any number of trials, so that only the trials are checked
        nothing, support = np.zeros(len(table)), likelihood.response
        refuse(check_response(nothing, support, name, table.rows, trials, trials_name=trials_name), table)
    return Response(
        name,
        np.full(len(table), np.nan),
        trials,
        table.weights,
        blueprint["response"]["trials"],
        levels=levels,
        weights_name=blueprint["response"].get("weights"),
    )
