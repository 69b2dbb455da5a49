"""As the data arrived: the posterior of each step over the last, and the path of mean, MAP and MLE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayescope.config.counts import whole
from bayescope.inference.fit import Fit
from bayescope.reports.figures_posterior import prior_density
from bayescope.reports.formatting import DASH, plain, shorten, significant
from bayescope.reports.record import Belief, RunRecord, Step
from bayescope.reports.style import (
    INK,
    PRIOR,
    Picture,
    bare,
    colour_of,
    marker_of,
    new_figure,
    picture,
)
from bayescope.reports.tables import TextTable, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_DENSITIES = 8
_MOST_ROWS = 12
_MOST_TICKS = 12
_MOST_MARKERS = 40
_POINTS = 301


def update_figure(record: RunRecord, steps: Sequence[Step], fits: Sequence[Fit], name: str) -> Picture:
    """Draw one unknown: the posteriors of up to eight steps over each other, and the path of the points."""
    beliefs = [next(b for b in step.beliefs if b.parameter == name) for step in steps]
    figure = new_figure(10.4, 2.7)
    left, right = figure.subplots(1, 2, width_ratios=[1.0, 1.15])
    _densities(left, record, beliefs, steps, name)
    _path(right, steps, beliefs, {fit.name: fit.method for fit in fits})
    left.set_title(shorten(plain(name), 40))
    return picture(
        figure, "updates", f"{plain(name)} as the data arrived", _alt(name, steps, beliefs), wide=True
    )


def steps_with(steps: Sequence[Step], name: str) -> list[Step]:
    """Return the steps after which something was known of an unknown."""
    return [
        step
        for step in steps
        for belief in step.beliefs
        if belief.parameter == name and {*_points(belief)} != {None}
    ]


def _points(belief: Belief) -> tuple[float | None, ...]:
    return belief.mean, belief.map, belief.mle


def updates_table(record: RunRecord) -> TextTable:
    """What was known after each step: the first, and the last twelve."""
    steps = () if record.lineage is None else record.lineage.steps
    shown = steps if len(steps) <= _MOST_ROWS + 1 else (steps[0], *steps[-_MOST_ROWS:])
    return text_table(
        "observations|data|parameter|posterior|mean|MAP|MLE",
        [_row(step, belief) for step in shown for belief in step.beliefs],
        numeric="mean|MAP|MLE",
    )


def _row(step: Step, belief: Belief) -> tuple[str, ...]:
    return (
        whole(step.total),
        shorten(plain(step.source), 40),
        plain(belief.parameter),
        shorten(plain(belief.posterior), 40),
        *(DASH if point is None else significant(point) for point in _points(belief)),
    )


def _densities(
    axes: Axes, record: RunRecord, beliefs: Sequence[Belief], steps: Sequence[Step], name: str
) -> None:
    """Draw the posteriors over each other, the later the darker, and the prior."""
    import matplotlib as mpl

    drawn = [k for k, belief in enumerate(beliefs) if belief.density]
    if not drawn:
        axes.set_axis_off()
        return
    chosen = [drawn[i] for i in _spread(len(drawn), _MOST_DENSITIES)]
    colours = mpl.colormaps["Blues"](np.linspace(0.35, 0.95, len(chosen)))
    for colour, k in zip(colours, chosen, strict=True):
        axes.plot(beliefs[k].x, beliefs[k].density, color=colour, label=f"n = {whole(steps[k].total)}")
    height = max(max(beliefs[k].density) for k in chosen)
    low, high = min(beliefs[k].x[0] for k in chosen), max(beliefs[k].x[-1] for k in chosen)
    x = np.linspace(low, high, _POINTS)
    density = prior_density(next(p for p in record.model.priors if p.parameter == name), x)
    if density is not None:
        kept = np.minimum(density, 1.1 * height)
        axes.plot(x, kept, color=PRIOR, linestyle=(0, (1.2, 1.2)), linewidth=1.4, zorder=1, label="prior")
    axes.set_ylim(0, 1.15 * height)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.4)
    bare(axes)


def _path(axes: Axes, steps: Sequence[Step], beliefs: Sequence[Belief], methods: dict[str, str]) -> None:
    """Draw mean, MAP and MLE against the steps, each in the colour of its method."""
    reference = methods.get(steps[-1].method, "exact")
    places = np.arange(len(steps))
    marked = len(steps) <= _MOST_MARKERS
    for field, method, label in (
        ("mean", reference, "posterior mean"),
        ("map", "map", "MAP"),
        ("mle", "mle", "MLE"),
    ):
        values = [getattr(belief, field) for belief in beliefs]
        if any(value is not None for value in values):
            heights = np.array([np.nan if value is None else value for value in values])
            axes.plot(
                places,
                heights,
                color=colour_of(method),
                marker=marker_of(method) if marked else "",
                markersize=4,
                linewidth=1.2,
                label=label,
            )
    ticks = _spread(len(steps), _MOST_TICKS)
    axes.set_xticks(ticks, [whole(steps[k].total) for k in ticks])
    axes.set_xlabel("observations so far", color=INK)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _spread(count: int, most: int) -> list[int]:
    """Choose at most so many of `count` positions, evenly, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _alt(name: str, steps: Sequence[Step], beliefs: Sequence[Belief]) -> str:
    path = [
        f"n = {whole(step.total)}, mean {significant(belief.mean)}"
        for step, belief in zip(steps, beliefs, strict=True)
    ]
    shown = path if len(path) <= _MOST_ROWS else [path[0], "...", *path[-3:]]
    return f"{plain(name)} as the data arrived: {'; '.join(shown)}."
