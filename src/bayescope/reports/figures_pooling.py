"""Partial pooling as a table and a picture: small groups are pulled to the population, large ones stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayescope.diagnostics.records import PooledGroup, Pooling
from bayescope.reports.formatting import DASH, compact, plain, shorten, shorten_apart, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.style import INK, MUTED, PRIOR, Picture, colour_of, legend_above, new_figure, picture
from bayescope.reports.tables import TextTable, filled, text_table

_MOST_NAMED = 60

POOLING_NOTE = (
    "No pooling estimates every group from its own rows (maximum likelihood); complete pooling takes all "
    "groups for one. Partial pooling is the posterior: the fewer rows a group has, the nearer it is to the "
    "population."
)


def pooling_title(view: Pooling) -> str:
    """Name one effect of one group term: "county: Intercept"."""
    return f"{plain(view.name)}: {plain(view.coefficient)}"


def pooling_tables(record: RunRecord) -> dict[str, TextTable]:
    """One table for each effect of each group term, the groups by size."""
    return {pooling_title(view): _table(view) for view in record.pooling}


def _table(view: Pooling) -> TextTable:
    rows = [
        (
            plain(row.group),
            compact(row.rows or 0.0),
            _number(row.unpooled),
            _number(row.partial),
            _number(row.sd),
            f"{_number(row.lower)} to {_number(row.upper)}",
            _number(view.complete),
        )
        for row in _by_size(view.groups)
    ]
    numeric = "rows|no pooling|partial pooling|sd|complete pooling"
    headings = "group|rows|no pooling|partial pooling|sd|89 % interval|complete pooling"
    return filled(text_table(headings, rows, numeric), 2)


def _number(value: float | None) -> str:
    return DASH if value is None else significant(value, 3)


def _by_size(groups: Sequence[PooledGroup]) -> list[PooledGroup]:
    return sorted(groups, key=lambda row: -(row.rows or 0.0))


def pooling_figure(view: Pooling) -> Picture:
    """Draw the three estimates of each group, the groups by size; the line is complete pooling."""
    rows = _by_size(view.groups)
    places = np.arange(len(rows))
    figure = new_figure(10.4, 4.2 if len(rows) <= _MOST_NAMED else 3.6)
    axes = figure.subplots()
    values = {
        name: np.array([np.nan if (v := getattr(row, name)) is None else v for row in rows], dtype=np.float64)
        for name in ("unpooled", "partial", "lower", "upper")
    }
    colour = colour_of("nuts")
    if view.complete is not None:
        axes.axhline(view.complete, color=MUTED, linewidth=1.0, linestyle="--", label="complete pooling")
    if _has_unpooled(view):
        axes.plot(places, values["unpooled"], "o", mfc="none", mec=PRIOR, ms=4.5, label="no pooling")
    axes.vlines(places, values["lower"], values["upper"], color=colour, linewidth=1.0, alpha=0.6)
    axes.plot(places, values["partial"], "o", color=colour, ms=3.6, label="partial pooling, 89 % interval")
    if len(rows) <= _MOST_NAMED:
        names = shorten_apart([plain(row.group) for row in rows], 18)
        sizes = [f"{name} ({compact(row.rows or 0.0)})" for name, row in zip(names, rows, strict=True)]
        axes.set_xticks(places, sizes, rotation=90, color=INK)
    else:
        ticks = np.unique(np.linspace(0, len(rows) - 1, 12).astype(int))
        axes.set_xticks(ticks, [compact(rows[i].rows or 0.0) for i in ticks])
        axes.set_xlabel("rows of the group")
    axes.set_xlim(-0.8, len(rows) - 0.2)
    axes.set_ylabel(shorten(plain(view.coefficient), 40))
    axes.set_title(shorten(pooling_title(view), 50))
    legend_above(axes, "right")
    return picture(figure, "pooling", pooling_title(view), _alt(view), wide=True)


def _has_unpooled(view: Pooling) -> bool:
    return any(row.unpooled is not None for row in view.groups)


def _alt(view: Pooling) -> str:
    drawn = [
        *(["estimates without pooling"] if _has_unpooled(view) else []),
        f"posterior means with 89 % intervals by {view.method}",
        *(["the estimate of complete pooling as a line"] if view.complete is not None else []),
    ]
    return (
        f"Partial pooling of {plain(view.coefficient)} over {len(view.groups)} groups of "
        f"{plain(view.name)}, by their size: {', '.join(drawn)}."
    )
