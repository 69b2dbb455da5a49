"""The model and the data as plain records, for run.json and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.data.table import Table, fingerprint
from bayescope.models.density import marginal_priors
from bayescope.models.model import Model, Response
from bayescope.reports.formatting import compact
from bayescope.reports.notation import model_notation
from bayescope.reports.record import ColumnSummary, DataSummary, ModelSummary, PriorSummary

_MOST_LEVELS = 12


def model_summary(model: Model) -> ModelSummary:
    """Describe a model for reading; one `PriorSummary` for each element of theta."""
    location = model.location
    return ModelSummary(
        likelihood=model.likelihood.name,
        link=location.link,
        location=location.parameter,
        response=model.response.name,
        predictors=tuple(name for name in location.columns if name != "Intercept")
        if location.matrix is not None
        else (),
        formula=model.formula,
        notation=model_notation(model),
        priors=_priors(model),
        fixed={name: float(value) for name, value in model.fixed.items()},
        notes=tuple(model.notes),
    )


def _priors(model: Model) -> tuple[PriorSummary, ...]:
    origins = [block.origin for block in model.blocks for _ in block.labels]
    return tuple(
        PriorSummary(
            parameter=name,
            distribution=distribution,
            arguments={key: float(value) for key, value in arguments.items()},
            text=f"{distribution}({', '.join(compact(float(value), 6) for value in arguments.values())})",
            origin=origin,
        )
        for name, origin, (distribution, arguments) in zip(
            model.names, origins, marginal_priors(model), strict=True
        )
    )


def data_summary(table: Table, used_columns: Iterable[str], response: Response | None = None) -> DataSummary:
    """Describe the columns that the model uses; repeated rows count as often as they occur."""
    return DataSummary(
        source=table.source,
        rows=len(table),
        observations=table.observations,
        dropped=table.dropped,
        fingerprint=table.fingerprint,
        response_fingerprint="" if response is None else _response_fingerprint(response),
        columns=tuple(_column(name, table.columns[name], table.weights) for name in used_columns),
    )


def _response_fingerprint(response: Response) -> str:
    """Hash what was observed: models of one response can be compared, whatever their predictors."""
    trials = {} if response.trials is None else {"trials": response.trials}
    return fingerprint({"response": response.values} | trials, response.weights)


def _column(name: str, values: NDArray[Any], weights: NDArray[np.float64] | None) -> ColumnSummary:
    if values.dtype.kind in "OUS":
        return ColumnSummary(name=name, kind="text", levels=_levels(values, weights))
    if values.dtype.kind == "b":
        return ColumnSummary(name=name, kind="boolean", levels=_levels(values, weights))
    return _numbers(name, np.asarray(values, dtype=np.float64), weights)


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
    """Levels with their counts, the most frequent first; the tail of a long list is one entry."""
    counts: Counter[str] = Counter()
    for value, weight in zip(values, np.ones(len(values)) if weights is None else weights, strict=True):
        counts["(missing)" if value is None else str(value)] += int(weight)
    ordered = counts.most_common()
    if len(ordered) <= _MOST_LEVELS:
        return dict(ordered)
    rest = ordered[_MOST_LEVELS - 1 :]
    return {
        **dict(ordered[: _MOST_LEVELS - 1]),
        f"({len(rest)} other levels)": sum(count for _, count in rest),
    }
