"""From the configuration to the checked columns that the model uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.schema import ModelConfig, RunConfig
from bayescope.config.suggest import suggest
from bayescope.data.checks import MISSING, check_columns
from bayescope.data.evaluate import REPORTED_AT_MOST, capped
from bayescope.data.formula import (
    Formula,
    FormulaError,
    as_trials,
    expand_terms,
    parse,
    unknown_columns,
    used_columns,
)
from bayescope.data.read import read_table
from bayescope.data.stream import stream
from bayescope.data.syntax import Name, names, to_text
from bayescope.data.table import Table, fingerprint
from bayescope.distributions.likelihoods import LIKELIHOODS, parametrised
from bayescope.errors import ConfigError, DataError, Finding, Problem

_LEAVE_OUT = "fill in what is missing, or write `missing: drop` under `data:` to leave such rows out"


def read_data(
    config: RunConfig, base_dir: Path, dataframe: Any = None, *, in_batches: bool = False
) -> tuple[Formula | None, Table]:
    """Read the data, and check the columns that the model uses.

    Args:
        config: the whole configuration.
        base_dir: its folder; messages name files relative to it.
        dataframe: a pandas DataFrame, or a mapping of columns, instead of `data:`.
        in_batches: whether a large file may be a table of its moments; see `bayescope.data.stream`.

    Returns:
        The parsed formula (None for a `response:` model), and the used columns, checked.

    Raises:
        ConfigError: the formula cannot be read, or a column is not in the data.
        DataError: the data cannot be read, or are refused; all findings are listed.
    """
    spec = config.model
    formula = read_formula(spec)
    _settle_trials(spec, formula)
    named = _named(spec, formula)
    large = _read_large(config, base_dir, formula) if in_batches and dataframe is None else None
    if large is not None:
        return formula, large
    needed = None if formula is not None and formula.has_dot else named
    table = read_table(config.data, base_dir, needed, dataframe)
    _refuse_unknown(spec, formula, table)
    modelled = _modelled(spec, formula, table)
    used = modelled if spec.weights is None else tuple(dict.fromkeys((*modelled, spec.weights)))
    table = _fingerprinted(table, used) if needed is None else table
    numeric = {
        *(spec.columns if _multivariate(spec) else ()),
        *(() if formula is None else formula.numeric),
        *(name for name in (spec.trials, spec.weights) if name is not None),
    }
    with _advising(config):
        checked = check_columns(
            table,
            numeric,
            used,
            missing="refuse" if config.data is None else config.data.missing,
            categorical=() if formula is None else formula.categorical,
            response=spec.columns if formula is None else formula.left_columns,
        )
    counted = weighted(checked, spec.weights)
    kept = {name: counted.columns[name] for name in modelled}
    return formula, replace(counted, columns=MappingProxyType(kept))


@contextmanager
def _advising(config: RunConfig) -> Iterator[None]:
    """Say how to leave out rows, where values are missing that `data:` can say it of."""
    try:
        yield
    except DataError as error:
        if config.data is None or all(finding.message != MISSING for finding in error.findings):
            raise
        raise DataError([*error.findings, Finding(_LEAVE_OUT)], error.source) from None


def _modelled(spec: ModelConfig, formula: Formula | None, table: Table) -> tuple[str, ...]:
    """List the columns that the model is computed from; that of weights is among them if it is more, too."""
    columns = spec.columns if formula is None else used_columns(formula, table.columns)
    return columns if spec.trials is None else tuple(dict.fromkeys((*columns, spec.trials)))


def _fingerprinted(table: Table, used: tuple[str, ...]) -> Table:
    """Let the fingerprint cover the used columns only."""
    if len(used) == len(table.columns):
        return table
    covered = {name: table.columns[name] for name in used}
    return replace(table, fingerprint=fingerprint(covered, table.weights))


def weighted(table: Table, name: str | None) -> Table:
    """Let each row count as often as a column says, on top of how often it occurs; one of 0 times is no row.

    Raises:
        DataError: a weight is negative, or none is positive.
    """
    if name is None:
        return table
    weights = table.columns[name].astype(np.float64)
    bad = np.flatnonzero(weights < 0)
    findings = [
        Finding(
            f"{weights[i]:.15g} is negative; a weight says how often a row counts", name, int(table.rows[i])
        )
        for i in bad[:REPORTED_AT_MOST]
    ]
    if not len(bad) and not weights.any():
        findings = [Finding("every weight is 0: no row counts", name)]
    if findings:
        raise DataError(capped(findings, max(len(bad), 1), name), table.source)
    return _occurring(table, weights if table.weights is None else weights * table.weights)


def _occurring(table: Table, weights: NDArray[np.float64]) -> Table:
    """Keep the rows of weights above 0, shape (n,), which they get; the fingerprint stays that of all."""
    occurs = weights > 0
    columns = {name: values[occurs] for name, values in table.columns.items()}
    rows, weights = table.rows[occurs], weights[occurs]
    for array in (*columns.values(), rows, weights):
        array.setflags(write=False)
    return replace(table, columns=MappingProxyType(columns), rows=rows, weights=weights)


def _read_large(config: RunConfig, base_dir: Path, formula: Formula | None) -> Table | None:
    """Read a file in batches; None where it is to be read whole, also for what is wrong with its path."""
    try:
        with _advising(config):
            return stream(config.data, base_dir, config.model, formula)
    except OSError:
        return None


def read_formula(spec: ModelConfig) -> Formula | None:
    """Parse the formula, as the likelihood reads it; None for a `response:` model.

    Raises:
        ConfigError: it is none, or has no response.
    """
    if spec.formula is None:
        return None
    formula = _parsed(spec)
    if formula.response is None:
        raise ConfigError(
            [Problem(("model", "formula"), "the left side is empty; write the response before ~")]
        )
    if spec.offset is not None:
        column = Name(spec.offset)
        text = f"{formula.text} + offset({to_text(column)})"
        formula = replace(formula, text=text, offsets=(*formula.offsets, column))
    apart = frozenset(name for name in (spec.trials, spec.weights) if name is not None)
    formula = replace(formula, apart=apart)
    return as_trials(formula) if _needs_trials(spec) else formula


def _parsed(spec: ModelConfig) -> Formula:
    """Parse the formula of the location, with those of the other parameters in it."""
    found: dict[str, Formula] = {}
    problems = []
    for name, text in spec.formulas.items():
        try:
            found[name] = parse(text)
        except FormulaError as error:
            problems.append(Problem(("model", "formula", *([name] if name else [])), str(error)))
    if problems:
        raise ConfigError(problems)
    location = "" if "" in found else location_of(spec)
    formula = found.pop(location)
    others = {name: _without_response(name, other, formula) for name, other in found.items()}
    return replace(formula, parameters=MappingProxyType(others))


def location_of(spec: ModelConfig) -> str:
    """Return the parameter of the likelihood whose formula has the response."""
    return "" if spec.likelihood is None else parametrised(spec.likelihood, formula=True).location


def _without_response(name: str, formula: Formula, location: Formula) -> Formula:
    """Refuse the response among the predictors of another parameter, or on its left side."""
    response = () if location.response is None else tuple(node.name for node in names(location.response))
    both = [column for column in formula.columns if column in response]
    if formula.response is None and not both:
        return formula
    message = (
        f"{both[0]} is the response; it cannot be among the predictors of {name}"
        if both and formula.response is None
        else f"expected `~ predictors`: the left side of {name} stays empty"
    )
    raise ConfigError([Problem(("model", "formula", name), message)])


def _multivariate(spec: ModelConfig) -> bool:
    return spec.likelihood is not None and LIKELIHOODS[spec.likelihood].multivariate


def _needs_trials(spec: ModelConfig) -> bool:
    return spec.likelihood is not None and LIKELIHOODS[spec.likelihood].needs_trials


def _settle_trials(spec: ModelConfig, formula: Formula | None) -> None:
    """Refuse a Binomial response without trials, and trials for a likelihood that has none."""
    key = ("model", "response") if formula is None else ("model", "formula")
    given = spec.trials is not None or (formula is not None and formula.trials is not None)
    if _needs_trials(spec) and not given:
        advice = "write `successes / trials ~ ...`, or name the column with `trials:`"
        raise ConfigError([Problem(key, f"{spec.likelihood} needs the number of trials; {advice}")])
    if given and not _needs_trials(spec):
        message = f"{spec.likelihood} has no trials; use likelihood: Binomial, or leave them out"
        raise ConfigError([Problem(key if spec.trials is None else ("model", "trials"), message)])


def _named(spec: ModelConfig, formula: Formula | None) -> tuple[str, ...]:
    columns = formula.columns if formula is not None else spec.columns
    keys = [name for name in (spec.trials, spec.weights) if name is not None]
    return tuple(dict.fromkeys((*columns, *keys)))


def _refuse_unknown(spec: ModelConfig, formula: Formula | None, table: Table) -> None:
    known = tuple(table.columns)
    problems = [
        Problem(("model", key), f"the data have no column '{name}'{suggest(name, known, 'the columns are')}")
        for key, name in (
            *(("response", name) for name in spec.columns),
            ("trials", spec.trials),
            ("offset", spec.offset),
            ("weights", spec.weights),
        )
        if name is not None and name not in known
    ]
    if formula is not None:
        problems += [
            Problem(("model", "formula"), f"the data have no column '{name}'{suggestion}")
            for name, suggestion in unknown_columns(formula, table)
            if name != spec.offset
        ]
    if problems:
        raise ConfigError(problems)
    if formula is not None and formula.has_dot:
        try:
            expand_terms(formula, known)
        except FormulaError as error:
            raise ConfigError([Problem(("model", "formula"), str(error))]) from None
