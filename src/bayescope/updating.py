"""Updating: the rows that arrived, and the models to fit after each step of them.

    p(theta | old, new)  =  p(new | theta) p(theta | old) / p(new | old)

Where the likelihood has sufficient statistics, those of the old rows are in run.json and the new rows
are all that is read. Where it has none, the old rows are read again, and must be what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.counts import whole
from bayescope.config.load import load_data
from bayescope.config.schema import DataConfig
from bayescope.data.evaluate import REPORTED_AT_MOST, capped
from bayescope.data.new_rows import read_rows
from bayescope.data.table import Table
from bayescope.errors import BayescopeError, ConfigError, DataError, Finding, Problem
from bayescope.inference import exact
from bayescope.inference.exact_posterior import Statistics
from bayescope.inference.method import Method
from bayescope.inference.sufficient import Sufficient, after, sufficient
from bayescope.models.blueprint import rebuild
from bayescope.models.model import Model
from bayescope.models.stack import stack
from bayescope.old_rows import old_rows, row_of
from bayescope.reports.lineage import root_step
from bayescope.reports.record import DataSummary, RunRecord, Step
from bayescope.reports.summary import data_of

if TYPE_CHECKING:
    import pandas as pd

type Source = str | Path | Mapping[str, Any] | pd.DataFrame

MOST_STEPS = 200
"""How many rows `by_row` takes one at a time."""


@dataclass(frozen=True)
class Arrival:
    """One set of new rows, and where they can be read again."""

    table: Table
    step: Step


@dataclass(frozen=True)
class Pending:
    """What to fit after one step.

    Attributes:
        step: the rows that arrived.
        rows: their summary.
        model: has the likelihood of all rows so far, up to a factor.
        shift: the logarithm of that factor.
        statistics: sufficient ones of all rows so far, where there are any.
        has_rows: whether the rows of `model` are those that arrived.
        methods: the methods that may be asked, by name; their answers are about all rows.
    """

    step: Step
    rows: DataSummary
    model: Model
    shift: float
    statistics: Statistics | None
    has_rows: bool
    methods: Mapping[str, Method]


def read_arrivals(record: RunRecord, sources: Sequence[Source], *, by_row: bool) -> list[Arrival]:
    """Read and check new rows for the model of a run; `by_row` makes a step of each row.

    Raises:
        DataError: the rows are refused; all findings are listed.
        ConfigError: more steps than a report can show, or counts that are none.
        BayescopeError: the run was made by a version that could not be updated.
    """
    if not record.model.blueprint:
        raise BayescopeError(
            f"{record.name}: the run does not hold its model, so it cannot be updated; run it again"
        )
    arrivals = [_read(record, source) for source in sources]
    if not by_row:
        return arrivals
    rows = sum(len(arrival.table) for arrival in arrivals)
    if rows > MOST_STEPS:
        message = (
            f"--by-row takes at most {MOST_STEPS} rows one at a time, here are {whole(rows)}; leave it out"
        )
        raise ConfigError([Problem((), message)])
    return [_one_row(arrival, row) for arrival in arrivals for row in range(len(arrival.table))]


def _read(record: RunRecord, source: Source) -> Arrival:
    data = _section(source)
    table = read_rows(record.model.blueprint, source if data is None else data, Path.cwd())
    again = None if data is None else data.model_dump(mode="json", exclude_none=True)
    return Arrival(table, _step(table, again, str(Path.cwd())))


def _section(source: Source) -> DataConfig | None:
    """Write the source as a `data:` section; None for rows that can be read nowhere again."""
    if isinstance(source, str | Path):
        return DataConfig(path=Path(source))
    if isinstance(source, Mapping) and isinstance(source.get("counts"), Mapping):
        return load_data(source)
    return None


def _step(table: Table, data: dict[str, Any] | None, directory: str, row: int | None = None) -> Step:
    return Step(
        source=table.source,
        rows=len(table),
        observations=table.observations,
        total=0,
        fingerprint=table.fingerprint,
        data=data,
        directory=directory,
        row=row,
    )


def _one_row(arrival: Arrival, row: int) -> Arrival:
    table = row_of(arrival.table, row)
    return Arrival(table, _step(table, arrival.step.data, arrival.step.directory, row))


def plan(
    record: RunRecord, model: Model | None, arrivals: Sequence[Arrival], methods: Mapping[str, Method]
) -> tuple[list[Pending], tuple[str, ...]]:
    """Say what to fit after each arrival, and in sentences for the report how the old rows enter.

    Args:
        record: the run that is updated.
        model: its model with all its rows, if they are in memory.
        arrivals: the new rows, in their order.
        methods: the registry.

    Raises:
        DataError: the old rows are needed and are not at hand, or are not what they were.
    """
    parts = [rebuild(record.model.blueprint, arrival.table) for arrival in arrivals]
    _refuse_new_groups(arrivals, parts)
    arrived = [
        (arrival.step, data_of(arrival.table, part)) for arrival, part in zip(arrivals, parts, strict=True)
    ]
    old, new = record.data.observations, sum(rows.observations for _, rows in arrived)
    known = [sufficient(part) for part in parts]
    if record.statistics is None or None in known:
        pending = _with_rows(old_rows(record) if model is None else model, arrived, parts, methods)
        return pending, (_refitted(record, old, new), *_repeated(record, pending))
    pending = _with_statistics(record.statistics, arrived, [each for each in known if each], methods)
    return pending, (*_from_statistics(old, new), *_repeated(record, pending))


def _refuse_new_groups(arrivals: Sequence[Arrival], parts: Sequence[Model]) -> None:
    """Refuse rows of groups without rows in the run: their effects are no unknowns of its model."""
    for arrival, part in zip(arrivals, parts, strict=True):
        table = arrival.table
        findings = [
            finding
            for group in part.groups
            for finding in _new_groups(group.name, np.flatnonzero(group.codes < 0), table)
        ]
        if findings:
            raise DataError(findings, table.source)


def _new_groups(name: str, rows: NDArray[np.intp], table: Table) -> list[Finding]:
    advice = "put all rows into one file and run the configuration on it"
    found = [
        Finding(f"a group that has no row in the run; {advice}", name, int(table.rows[row]))
        for row in rows[:REPORTED_AT_MOST]
    ]
    return capped(found, len(rows), name)


type _Arrived = Sequence[tuple[Step, DataSummary]]


def _with_statistics(
    old: Statistics, arrived: _Arrived, known: Sequence[Sufficient], methods: Mapping[str, Method]
) -> list[Pending]:
    """Pool the statistics of the old rows with those of each part in turn, and fit what has them."""
    from bayescope.inference.auto import automatic  # with the modules of the methods that it asks

    pooled = accumulate(known, lambda so_far, each: each.pool([so_far, each.statistics]), initial=old)
    pending = []
    for (step, rows), each, statistics in zip(arrived, known, list(pooled)[1:], strict=True):
        made = each.condense(statistics)
        asked = {name: after(method, made.shift) for name, method in methods.items()}
        asked["exact"] = exact.after(statistics)
        asked["auto"] = automatic(asked)
        pending.append(Pending(step, rows, made.model, made.shift, statistics, False, asked))
    return pending


def _with_rows(
    before: Model, arrived: _Arrived, parts: Sequence[Model], methods: Mapping[str, Method]
) -> list[Pending]:
    """Fit all rows so far again."""
    so_far = list(accumulate(parts, lambda above, part: stack([above, part]), initial=before))[1:]
    return [
        Pending(step, rows, model, 0.0, None, True, methods)
        for (step, rows), model in zip(arrived, so_far, strict=True)
    ]


def _from_statistics(old: int, new: int) -> tuple[str, str]:
    counts = f"{whole(old)} + {whole(new)} observations"
    why = (
        "The likelihood needs no more of the rows than their statistics, so that every method answers as if "
        "it had them all. What needs the rows themselves, the posterior predictive check, is left out."
    )
    return f"Updated from the sufficient statistics of {counts}; no old row was read.", why


def _repeated(record: RunRecord, pending: Sequence[Pending]) -> tuple[str, ...]:
    """Warn of rows that have arrived before, which now count twice; of single rows that is no surprise."""
    past = [root_step(record)] if record.lineage is None else list(record.lineage.steps)
    steps = [*past, *(stage.step for stage in pending)]
    return tuple(
        f"The rows of {step.source} are the same as those of {earlier.source}: they count twice."
        for k, step in enumerate(steps[len(past) :], start=len(past))
        for earlier in steps[:k]
        if step.fingerprint == earlier.fingerprint and step.rows > 1
    )


def _refitted(record: RunRecord, old: int, new: int) -> str:
    return (
        f"Refitted on all {whole(old)} + {whole(new)} observations: the rows of this "
        f"{record.model.likelihood} model cannot be replaced by statistics of a fixed size, so the old ones "
        "were used again."
    )
