"""New rows for a model that was built on others: the columns that it reads, checked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from bayescope.config.schema import DataConfig, ModelConfig
from bayescope.config.suggest import suggest
from bayescope.data.checks import check_columns
from bayescope.data.coding import Level
from bayescope.data.columns import from_levels
from bayescope.data.formula import Formula, Terms, known_terms, right_columns
from bayescope.data.prepare import read_formula, weighted
from bayescope.data.read import read_table
from bayescope.data.special import expand_effects
from bayescope.data.syntax import Node, names
from bayescope.data.table import Table
from bayescope.distributions.likelihoods import LIKELIHOODS, parametrised
from bayescope.errors import DataError, Finding


def read_rows(
    blueprint: Mapping[str, Any], source: Any, base_dir: Path = Path(), *, response: bool = True
) -> Table:
    """Read new rows for a model that was built on others: the columns that it needs, checked.

    Args:
        blueprint: what `bayescope.models.blueprint.blueprint` made of the model.
        source: a `data:` section, the path of a file, a pandas DataFrame, a mapping of columns, or a
            table that was read already.
        base_dir: the folder that a relative path starts from.
        response: whether the rows must have the response; to predict it they need not.

    Raises:
        DataError: the data cannot be read, or are refused: a column is missing, a value is missing,
            not a number where the model has numbers, or no level of the model. All findings are listed.
    """
    spec = declared(blueprint)
    formula, (levels, groups) = read_formula(spec), _levels(blueprint)
    known = levels | groups
    config = DataConfig(path=Path(source)) if isinstance(source, str | Path) else source
    dataframe = None if isinstance(config, DataConfig) else config
    named = _needed(spec, formula, blueprint, response=response)
    counted = spec.weights if response else None
    used = named if counted is None else tuple(dict.fromkeys((*named, counted)))
    table = read_table(config, base_dir, used or None, dataframe)
    _refuse_absent(used, table)
    table = replace(table, columns=_as_in_the_model(table, known))
    several = spec.likelihood is not None and LIKELIHOODS[spec.likelihood].multivariate
    one = () if several else spec.columns
    numeric = {name for name in used if name not in known and name not in one}
    if formula is not None:
        numeric = {name for name in numeric if name not in formula.left_columns} | formula.numeric
    missing = config.missing if isinstance(config, DataConfig) else "refuse"
    left = spec.columns if formula is None else formula.left_columns
    checked = check_columns(table, numeric, used, missing, categorical=known, response=left, levels=levels)
    checked = weighted(checked, counted)
    return replace(checked, columns=MappingProxyType({name: checked.columns[name] for name in named}))


def declared(blueprint: Mapping[str, Any]) -> ModelConfig:
    """Write the part of a blueprint that says how rows are read as the `model:` section that it came from."""
    formula, response = _formulas(blueprint), blueprint["response"]
    if blueprint.get("hypotheses"):
        [block] = blueprint["blocks"]
        prior = dict(zip(block["labels"], block["prior"]["arguments"]["p"], strict=True))
        return ModelConfig(
            response=response["name"],
            weights=response.get("weights"),
            hypotheses=blueprint["hypotheses"],
            prior=prior,
        )
    several = LIKELIHOODS[blueprint["likelihood"]].multivariate
    spec = ModelConfig(
        likelihood=blueprint["likelihood"],
        formula=formula,
        response=None if formula is not None else response["levels"] if several else response["name"],
    )
    parsed = read_formula(spec)
    own = parsed is not None and parsed.trials is not None
    trials = {} if own else {"trials": response["trials"]}
    return spec.model_copy(update={**trials, "weights": response.get("weights")})


def predictors_of(blueprint: Mapping[str, Any]) -> tuple[str, ...]:
    """List the columns that a prediction needs of new rows: predictors, offsets, groups and trials."""
    spec = declared(blueprint)
    return _needed(spec, read_formula(spec), blueprint, response=False)


def _needed(
    spec: ModelConfig, formula: Formula | None, blueprint: Mapping[str, Any], *, response: bool
) -> tuple[str, ...]:
    """List the columns that the model reads from new rows; trials are needed to predict, too."""
    trials = () if spec.trials is None else (spec.trials,)
    if formula is None:
        return (*(spec.columns if response else ()), *trials)
    left = formula.left_columns if response else _names(formula.trials)
    right = [
        name
        for part, encoding in _parts(formula, blueprint)
        for name in right_columns(part, encoding["others"])
    ]
    return tuple(dict.fromkeys((*left, *trials, *right)))


def _formulas(blueprint: Mapping[str, Any]) -> str | dict[str, str] | None:
    """Return the formula, or one for each parameter, as the configuration has them."""
    formula, others = blueprint["formula"], blueprint.get("formulas")
    if not others:
        return formula  # type: ignore[no-any-return]
    location = parametrised(blueprint["likelihood"], formula=True).location
    return {location: formula, **others}


def encoding_of(encodings: Mapping[str, Any], parameter: str) -> dict[str, Any]:
    """Return how the design of a parameter was made: "" for the location."""
    return dict(encodings["parameters"][parameter] if parameter else encodings)


def _parts(formula: Formula, blueprint: Mapping[str, Any]) -> list[tuple[Formula, dict[str, Any]]]:
    """Pair the formula of each parameter with how its design was made."""
    named = {"": formula, **formula.parameters}
    return [(part, encoding_of(blueprint["encodings"], name)) for name, part in named.items()]


def _names(node: Node | None) -> tuple[str, ...]:
    return () if node is None else tuple(name.name for name in names(node))


def _refuse_absent(used: tuple[str, ...], table: Table) -> None:
    known = tuple(table.columns)
    absent = [name for name in used if name not in known]
    findings = [
        Finding(f"the model needs the column '{name}'{suggest(name, known, 'the columns are')}")
        for name in absent
    ]
    if findings:
        raise DataError(findings, table.source)


type _Levels = dict[str, list[Level]]


def _levels(blueprint: Mapping[str, Any]) -> tuple[_Levels, _Levels]:
    """Return the levels of each categorical column, and those of each column that makes groups."""
    formula, encodings = read_formula(declared(blueprint)), blueprint["encodings"]
    levels: _Levels = {}
    groups: _Levels = {}
    if formula is None or encodings is None:
        return levels, groups
    for part, encoding in _parts(formula, blueprint):
        levels |= _coded(known_terms(part, encoding["others"]), encoding["levels"])
        for group, own in zip(part.groups, encoding.get("groups", ()), strict=True):
            levels |= _coded(expand_effects(group), own["effects"]["levels"])
            groups |= dict(zip(group.columns, own["levels"], strict=True))
    return levels, groups


def _coded(terms: Terms, levels: Mapping[str, list[Level]]) -> _Levels:
    return {_names(node)[0]: levels[text] for text, node in terms.factors.items() if text in levels}


def _as_in_the_model(table: Table, known: _Levels) -> Mapping[str, NDArray[Any]]:
    """Write the values of categorical columns as the levels that they stand for, whatever their type.

    All codes of a file may happen to be numbers where those of the model are text, and one misprint makes
    text of numbers.
    """
    return MappingProxyType(
        {
            name: _as_levels(values, known[name]) if name in known else values
            for name, values in table.columns.items()
        }
    )


def _as_levels(values: NDArray[Any], levels: list[Level]) -> NDArray[Any]:
    """Take 1 for the level "1" and "1" for the level 1, unless several levels are that number."""
    named: dict[Level, list[Level]] = {}
    for level in levels:
        named.setdefault(_meaning(level), []).append(level)
    given = values.tolist()
    meant = {value: named.get(_meaning(value), []) for value in {*given} - {*levels, None}}
    stands_for = {value: found[0] for value, found in meant.items() if len(found) == 1}
    return from_levels([stands_for.get(value, value) for value in given]) if stands_for else values


def _meaning(value: Level) -> Level:
    """Return what a value says without its type: a number for the text of one, "true" for True."""
    text = str(value)
    if text.lower() in {"true", "false"}:
        return text.lower()
    for number in (int, float) if "_" not in text else ():  # Python reads "1_0" as 10
        with suppress(ValueError):
            return number(text)
    return value
