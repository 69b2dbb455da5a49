"""What an update adds to a run's record: the steps in which the data arrived, and a summary of all data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.comparison import choose_reference
from bayescope.diagnostics.records import finite
from bayescope.inference.choice_marginal import Bernoulli
from bayescope.inference.fit import Fit, Marginal
from bayescope.reports.record import Belief, ColumnSummary, DataSummary, RunRecord, Step

type Floats = NDArray[np.float64]

_POINTS = 101
_TAIL = 1e-4
_DIGITS = 6
NAMELESS = ("DataFrame", "columns")
"""What the source of rows is called that came through the Python API and can be read nowhere again."""


def steps_of(record: RunRecord, fits: Sequence[Fit]) -> tuple[Step, ...]:
    """List the steps so far of a run; one that is no update is the first step of its updates."""
    if record.lineage is not None:
        return record.lineage.steps
    return (with_beliefs(root_step(record), record.data.observations, fits),)


def root_step(record: RunRecord) -> Step:
    """Describe the data of a run that is no update."""
    data = record.data
    return Step(
        source=data.source,
        rows=data.rows,
        observations=data.observations,
        total=data.observations,
        fingerprint=data.fingerprint,
        data=None if data.source in NAMELESS else record.config.get("data"),
        directory=record.directory,
    )


def with_beliefs(step: Step, total: int, fits: Sequence[Fit]) -> Step:
    """Add to a step what is known after it, and the number of observations so far."""
    posterior = _posterior(fits)
    method = "" if posterior is None else posterior.name
    return step.model_copy(update={"total": total, "method": method, "beliefs": beliefs(fits)})


def beliefs(fits: Sequence[Fit]) -> tuple[Belief, ...]:
    """Say what the fits know of each unknown: mean, MAP, MLE, and the posterior by name and as a curve."""
    posterior = _posterior(fits)
    points = {fit.method: fit for fit in fits if fit.kind == "point" and fit.answered}
    names = next((fit.names for fit in fits), ())
    return tuple(
        Belief(
            parameter=name,
            mean=_value(posterior, j),
            map=_value(points.get("map"), j),
            mle=_value(points.get("mle"), j),
            posterior="" if posterior is None else str(posterior.details.get("posterior", {}).get(name, "")),
            **_curve(posterior, name),
        )
        for j, name in enumerate(names)
    )


def _posterior(fits: Sequence[Fit]) -> Fit | None:
    """Choose the posterior that the others are measured against, else any."""
    others = (fit for fit in fits if fit.answered and fit.kind == "posterior")
    return choose_reference(fits) or next(others, None)


def _value(fit: Fit | None, position: int) -> float | None:
    return None if fit is None or fit.estimate is None else finite(float(fit.estimate[position]))


def _curve(fit: Fit | None, name: str) -> dict[str, tuple[float, ...]]:
    if fit is None or fit.marginals is None:
        return {}
    marginal: Marginal = fit.marginals[name]
    if isinstance(marginal, Bernoulli):
        return {}  # two masses, at 0 and 1: nothing that a curve would show
    low, high = (float(end) for end in marginal.quantile(np.array([_TAIL, 1.0 - _TAIL])))
    x = np.linspace(low, high, _POINTS)
    density = marginal.pdf(x)
    kept = np.isfinite(x) & np.isfinite(density)
    return {"x": _rounded(x[kept]), "density": _rounded(density[kept])} if kept.any() else {}


def _rounded(values: Floats) -> tuple[float, ...]:
    """Keep digits for drawing only; those of `x` are relative to its range, which may be narrow."""
    scale = float(np.ptp(values)) or float(np.abs(values).max()) or 1.0
    decimals = _DIGITS - 1 - math.floor(math.log10(scale))
    return tuple(np.round(values, decimals).tolist())


def chained(before: str, after: str) -> str:
    """Fingerprint data that arrived in two parts, by the fingerprints of the parts; the order matters."""
    return hashlib.sha256(f"{before}+{after}".encode()).hexdigest()


def pool_data(old: DataSummary, new: DataSummary, updates: int) -> DataSummary:
    """Summarise old and new rows together, from the summaries of each; `updates` counts those so far.

    Means and sds pool by Chan, Golub and LeVeque (1983), The American Statistician 37(3), 242-247. Levels
    that one of the summaries has counted together are left out.
    """
    times = "" if updates == 1 else f" {updates} times"
    return DataSummary(
        source=f"{old.source.partition(', updated')[0]}, updated{times}",
        rows=old.rows + new.rows,
        observations=old.observations + new.observations,
        dropped=old.dropped + new.dropped,
        fingerprint=chained(old.fingerprint, new.fingerprint),
        response_fingerprint=chained(old.response_fingerprint, new.response_fingerprint),
        columns=tuple(
            _pool_column(one, other, old.observations, new.observations)
            for one, other in zip(old.columns, new.columns, strict=True)
        ),
    )


def _pool_column(old: ColumnSummary, new: ColumnSummary, n: int, m: int) -> ColumnSummary:
    if old.kind != new.kind:
        return ColumnSummary(name=old.name, kind=old.kind)
    if old.kind != "number":
        levels = _pool_levels(old.levels, new.levels)
        return ColumnSummary(name=old.name, kind=old.kind, levels=levels, distinct=levels and len(levels))
    if old.mean is None or new.mean is None or n + m < 2:
        return ColumnSummary(name=old.name, kind="number")
    ends = [end for column in (old, new) for end in (column.minimum, column.maximum) if end is not None]
    shift = new.mean - old.mean
    squares = sum(max(k - 1, 0) * (column.sd or 0.0) ** 2 for k, column in ((n, old), (m, new)))
    return ColumnSummary(
        name=old.name,
        kind="number",
        mean=old.mean + shift * m / (n + m),
        sd=math.sqrt((squares + shift**2 * n * m / (n + m)) / (n + m - 1)),
        minimum=min(ends, default=None),
        maximum=max(ends, default=None),
    )


def _pool_levels(old: dict[str, int] | None, new: dict[str, int] | None) -> dict[str, int] | None:
    if old is None or new is None or any(key.endswith("other levels)") for key in (*old, *new)):
        return None
    pooled = {level: old.get(level, 0) + new.get(level, 0) for level in (*old, *new)}
    return dict(sorted(pooled.items(), key=lambda item: -item[1]))
