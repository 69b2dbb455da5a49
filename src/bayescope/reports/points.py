"""What a point estimate hides, as tables and a sentence."""

from __future__ import annotations

from bayescope.config.counts import whole
from bayescope.diagnostics.points import Hidden
from bayescope.reports.formatting import number, plain, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, text_table


def points_table(record: RunRecord) -> TextTable:
    """Where each point stands in the posterior, in sds from the mean, and the interval that it leaves out."""
    rows = record.points.rows if record.points else ()
    names = list(dict.fromkeys(name for row in rows for name in row.positions))
    numeric = "|".join(["mean", *(f"{name}, sd from the mean" for name in names), "from", "to", "width"])
    cells = [
        (plain(row.parameter), significant(row.mean), *_places(row, names), *_interval(row)) for row in rows
    ]
    return text_table(f"parameter|{numeric}", cells, numeric)


def _places(row: Hidden, names: list[str]) -> list[str]:
    return [number(row.positions.get(name), 2) for name in names]


def _interval(row: Hidden) -> list[str]:
    return [significant(value, 3) for value in (row.lower, row.upper, row.width)]


def losses_table(record: RunRecord) -> TextTable:
    """What predicting by each point loses against the posterior, on rows held out."""
    numeric = "loss, nats an observation|in all|its se"
    cells = [
        (
            loss.method,
            significant(loss.per_observation, 2),
            significant(loss.total, 2),
            significant(loss.se, 2),
        )
        for loss in (record.points.held_out.losses if record.points else ())
    ]
    return text_table(f"method|{numeric}", cells, numeric)


def points_note(record: RunRecord) -> str:
    """Say what the tables are, and why there is no loss where there is none; empty without points."""
    view = record.points
    if view is None:
        return ""
    held = view.held_out
    how = (
        f"The log score that predicting by a point loses, on {whole(held.folds)} parts of the data held out "
        f"in turn; the posterior is fitted again by {held.refit}."
        if held.losses
        else f"No rows were held out. {plain(held.note)}"
    )
    return (
        f"Where the points stand in the posterior of {plain(view.method)}, and the 89 % interval, in the "
        f"unknown's own unit, that a point does not show. {how}"
    )
