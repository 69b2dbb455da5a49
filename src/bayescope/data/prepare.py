"""From the configuration to the checked columns that the model uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bayescope.config.schema import ModelConfig, RunConfig
from bayescope.config.suggest import suggest
from bayescope.data.checks import check_columns
from bayescope.data.formula import Formula, FormulaError, as_trials, expand_terms, parse, unknown_columns
from bayescope.data.read import read_table
from bayescope.data.table import Table
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import ConfigError, Problem


def read_data(config: RunConfig, base_dir: Path, dataframe: Any = None) -> tuple[Formula | None, Table]:
    """Read the data, and check the columns that the model uses.

    Args:
        config: the whole configuration.
        base_dir: its folder; messages name files relative to it.
        dataframe: a pandas DataFrame, or a mapping of columns, instead of `data:`.

    Returns:
        The parsed formula (None for a `response:` model), and the used columns, checked.

    Raises:
        ConfigError: the formula cannot be read, or a column is not in the data.
        DataError: the data cannot be read, or are refused; all findings are listed.
    """
    spec = config.model
    formula = _formula(spec)
    _settle_trials(spec, formula)
    named = _named(spec, formula)
    needed = None if formula is not None and formula.has_dot else named
    table = read_table(config.data, base_dir, needed, dataframe)
    _refuse_unknown(spec, formula, table)
    used = tuple(table.columns) if needed is None else tuple(dict.fromkeys(named))
    numeric = {
        *(() if formula is None else formula.numeric),
        *(() if spec.trials is None else (spec.trials,)),
    }
    checked = check_columns(
        table,
        numeric,
        used,
        missing="refuse" if config.data is None else config.data.missing,
        categorical=() if formula is None else formula.categorical,
    )
    return formula, replace(checked, columns=MappingProxyType({name: checked.columns[name] for name in used}))


def _formula(spec: ModelConfig) -> Formula | None:
    if spec.formula is None:
        return None
    try:
        formula = parse(spec.formula)
    except FormulaError as error:
        raise ConfigError([Problem(("model", "formula"), str(error))]) from None
    if formula.response is None:
        raise ConfigError(
            [Problem(("model", "formula"), "the left side is empty; write the response before ~")]
        )
    return as_trials(formula) if LIKELIHOODS[spec.likelihood].needs_trials else formula


def _settle_trials(spec: ModelConfig, formula: Formula | None) -> None:
    """Refuse a Binomial response without trials, and trials for a likelihood that has none."""
    key = ("model", "response") if formula is None else ("model", "formula")
    given = spec.trials is not None or (formula is not None and formula.trials is not None)
    if LIKELIHOODS[spec.likelihood].needs_trials and not given:
        advice = "write `successes / trials ~ ...`, or name the column with `trials:`"
        raise ConfigError([Problem(key, f"{spec.likelihood} needs the number of trials; {advice}")])
    if given and not LIKELIHOODS[spec.likelihood].needs_trials:
        message = f"{spec.likelihood} has no trials; use likelihood: Binomial, or leave them out"
        raise ConfigError([Problem(key if spec.trials is None else ("model", "trials"), message)])


def _named(spec: ModelConfig, formula: Formula | None) -> tuple[str, ...]:
    columns = formula.columns if formula is not None else (spec.response or "",)
    return columns if spec.trials is None else (*columns, spec.trials)


def _refuse_unknown(spec: ModelConfig, formula: Formula | None, table: Table) -> None:
    known = tuple(table.columns)
    problems = [
        Problem(("model", key), f"the data have no column '{name}'{suggest(name, known, 'the columns are')}")
        for key, name in (("response", spec.response), ("trials", spec.trials))
        if name is not None and name not in known
    ]
    if formula is not None:
        problems += [
            Problem(("model", "formula"), f"the data have no column '{name}'{suggestion}")
            for name, suggestion in unknown_columns(formula, table)
        ]
    if problems:
        raise ConfigError(problems)
    if formula is not None and formula.has_dot:
        try:
            expand_terms(formula, known)
        except FormulaError as error:
            raise ConfigError([Problem(("model", "formula"), str(error))]) from None
