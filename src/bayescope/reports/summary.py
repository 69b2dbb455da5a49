"""The model and the data as plain records, for run.json and the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.config.counts import counted
from bayescope.data.formula import parse
from bayescope.data.table import Table, Whole, fingerprint, fingerprint_of, fractional_sum
from bayescope.models.blueprint import blueprint
from bayescope.models.marginal_priors import MarginalPrior, marginal_priors
from bayescope.models.model import Block, Model, Response
from bayescope.models.scales import scaled_of, source_of
from bayescope.reports.formatting import compact
from bayescope.reports.notation import element_texts, model_notation
from bayescope.reports.notation_levels import one_for_all
from bayescope.reports.record import ColumnSummary, DataSummary, ModelSummary, PriorSummary

_MOST_LEVELS = 12


def model_summary(model: Model) -> ModelSummary:
    """Describe a model for reading; one `PriorSummary` for each element of theta."""
    location = model.location
    return ModelSummary(
        likelihood=model.likelihood.name,
        link=location.link,
        location="eta" if model.likelihood.by_level else location.parameter,
        response=model.response.name,
        predictors=_predictors(model),
        formula=_formulas(model),
        notation=model_notation(model),
        priors=_priors(model),
        fixed={name: float(value) for name, value in model.fixed.items()},
        notes=tuple(model.notes),
        effects=_effects(model),
        blueprint=blueprint(model),
    )


def _predictors(model: Model) -> tuple[str, ...]:
    """Name the columns of the location's body, the constant one and the effects of groups left out."""
    location = model.location
    if location.network is not None:
        return location.network.inputs
    if location.matrix is None:
        return ()
    columns = one_for_all(model)[0].columns if model.likelihood.one_design else location.columns
    return tuple(name for name in columns if name not in {"Intercept", *_effects(model)})


def _formulas(model: Model) -> str | None:
    """The formula of the location and those of the other parameters: "y ~ x, sigma ~ x"."""
    others = (f"{name} {text}" for name, text in model.formulas.items())
    return None if model.formula is None else ", ".join([model.formula, *others])


def _effects(model: Model) -> tuple[str, ...]:
    names = {name for group in model.groups for name in group.effects}
    return tuple(label for block in model.blocks if block.name in names for label in block.labels)


def _priors(model: Model) -> tuple[PriorSummary, ...]:
    elements = [(block, i) for block in model.blocks for i in range(len(block.labels))]
    return tuple(
        _prior(model, block, i, marginal)
        for (block, i), marginal in zip(elements, marginal_priors(model), strict=True)
    )


def _prior(model: Model, block: Block, i: int, marginal: MarginalPrior | None) -> PriorSummary:
    """Summarise the prior of one element; its text is the declared one where that names another unknown."""
    scaled = scaled_of(block.prior.arguments)
    distribution, arguments = marginal or (block.prior.distribution, {})
    numbers = {key: float(value) for key, value in arguments.items()}
    text = f"{distribution}({', '.join(compact(value, 6) for value in numbers.values())})"
    return PriorSummary(
        parameter=block.labels[i],
        distribution=distribution,
        arguments=numbers,
        text=text if scaled is None and marginal is not None else element_texts(block)[i],
        origin=block.origin,
        scale=None if scaled is None else model.names[source_of(model, scaled).position],
    )


def data_of(table: Table, model: Model) -> DataSummary:
    """Describe the data of a model, the numbers that only name groups as groups."""
    return data_summary(table, model.columns, model.response, _only_grouping(model))


def _only_grouping(model: Model) -> frozenset[str]:
    if model.formula is None or not model.groups:
        return frozenset()
    others = {name: parse(text) for name, text in model.formulas.items()}
    return replace(parse(model.formula), parameters=others).only_grouping


def data_summary(
    table: Table,
    used_columns: Iterable[str],
    response: Response | None = None,
    groups: Collection[str] = (),
) -> DataSummary:
    """Describe the columns that the model uses; repeated rows count as often as they occur.

    `groups` are the columns whose numbers are names.
    """
    if table.whole is not None:
        return _whole_summary(table, table.whole)
    return DataSummary(
        source=table.source,
        rows=len(table),
        observations=table.observations,
        weight=fractional_sum(table.weights),
        dropped=table.dropped,
        fingerprint=table.fingerprint,
        response_fingerprint="" if response is None else _response_fingerprint(response),
        columns=tuple(
            _column(name, table.columns[name], table.weights, is_group=name in groups)
            for name in used_columns
        ),
    )


def size_of(data: DataSummary) -> str:
    """Say how many observations there are; weights that are no whole numbers count none."""
    if data.weight is None:
        return counted(data.observations, "observation")
    return f"{counted(data.rows, 'row')} whose weights sum to {compact(data.weight)}"


def rows_of(data: DataSummary) -> str:
    """Say how many rows there are, and how many observations, where that is another number."""
    if data.weight is not None:
        return size_of(data)
    also = f", {size_of(data)}" if data.observations != data.rows else ""
    return f"{counted(data.rows, 'row')}{also}"


def _whole_summary(table: Table, whole: Whole) -> DataSummary:
    """Describe a file that was read in batches."""
    return DataSummary(
        source=table.source,
        rows=whole.rows,
        observations=whole.rows,
        dropped=table.dropped,
        fingerprint=table.fingerprint,
        response_fingerprint=fingerprint_of({"response": whole.digests[whole.response]}),
        columns=tuple(
            ColumnSummary(name=name, kind="number", **found._asdict())
            for name, found in whole.columns.items()
        ),
    )


def _response_fingerprint(response: Response) -> str:
    """Hash what was observed: models of one response can be compared, whatever their predictors."""
    trials = {} if response.trials is None else {"trials": response.trials}
    return fingerprint({"response": response.values} | trials, response.weights)


def _column(
    name: str, values: NDArray[Any], weights: NDArray[np.float64] | None, *, is_group: bool
) -> ColumnSummary:
    kind = _kind(values, is_group=is_group)
    if kind != "number":
        counts = _levels(values, weights)
        return ColumnSummary(name=name, kind=kind, levels=_shortened(counts), distinct=len(counts))
    return _numbers(name, np.asarray(values, dtype=np.float64), weights)


def _kind(values: NDArray[Any], *, is_group: bool) -> Literal["number", "text", "boolean", "group"]:
    if values.dtype.kind in "OUS":
        return "text"
    return "boolean" if values.dtype.kind == "b" else "group" if is_group else "number"


def _numbers(name: str, values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> ColumnSummary:
    present = np.isfinite(values)
    if not present.any():
        return ColumnSummary(name=name, kind="number")
    counts = (np.ones(len(values)) if weights is None else weights)[present]
    kept = values[present]
    total = counts.sum()
    mean = float(counts @ kept / total)
    sd = float(np.sqrt(counts @ (kept - mean) ** 2 / (total - 1))) if total > 1 else None
    return ColumnSummary(
        name=name, kind="number", mean=mean, sd=sd, minimum=float(kept.min()), maximum=float(kept.max())
    )


def _levels(values: NDArray[Any], weights: NDArray[np.float64] | None) -> dict[str, int]:
    """Levels with their counts, the most frequent first."""
    counts: defaultdict[str, float] = defaultdict(float)
    for value, weight in zip(values, np.ones(len(values)) if weights is None else weights, strict=True):
        counts[_level(value)] += float(weight)
    ordered = sorted(counts, key=lambda level: -counts[level])
    return {level: round(counts[level]) for level in ordered}


def _level(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.15g}"
    return "(missing)" if value is None else str(value)


def _shortened(counts: Mapping[str, int]) -> dict[str, int]:
    """Make the tail of a long list one entry."""
    ordered = list(counts.items())
    if len(ordered) <= _MOST_LEVELS:
        return dict(ordered)
    rest = ordered[_MOST_LEVELS - 1 :]
    return {
        **dict(ordered[: _MOST_LEVELS - 1]),
        f"({len(rest)} other levels)": sum(count for _, count in rest),
    }


def told_apart(models: Mapping[str, ModelSummary]) -> dict[str, str]:
    """Say in a line what each of several is: likelihood and formula, and priors where others share both.

    A model without a formula, such as hypotheses, is short enough to be written out.
    """
    lines = {
        name: f"{model.likelihood} · {model.formula}"
        if model.formula
        else "; ".join(line.split("    ")[0] for line in model.notation)  # without the range of i
        for name, model in models.items()
    }
    return {
        name: line
        if list(lines.values()).count(line) == 1 or not models[name].formula
        else "; ".join([line, *dict.fromkeys(f"{p.parameter} ~ {p.text}" for p in models[name].priors)])
        for name, line in lines.items()
    }
