"""The picture of a calibration: how far the ranks of each unknown are from uniform, with their bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayescope.diagnostics.calibration import BAND, Calibration, outside
from bayescope.reports.formatting import listing, plain, shorten
from bayescope.reports.style import FAINT, INK, MUTED, Picture, colour_of, house_style, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS, _MOST = 4, 24


def sbc_figure(rows: Sequence[Calibration], method: str) -> Picture:
    """Draw a panel for each unknown, at most 24, those that leave their bands first."""
    own = sorted((row for row in rows if row.method == method), key=lambda row: row.inside)[:_MOST]
    lines = math.ceil(len(own) / _COLUMNS)
    with house_style():
        # a page stretches a picture to its width, and the type in it too
        figure = new_figure(10.4, 1.9 * lines + 0.5)
        panels = figure.subplots(lines, min(len(own), _COLUMNS), squeeze=False, sharex=True, sharey=True)
        for axes, row in zip(panels.flat, own, strict=False):
            _panel(axes, row)
        for axes in panels.flat[len(own) :]:
            axes.set_axis_off()
        for axes in panels[:, 0]:
            axes.set_ylabel("ECDF - uniform")
        for axes in panels[-1]:
            axes.set_xlabel("rank of the truth")
        return picture(figure, "ranks", f"Ranks by {plain(method)}", _alt(rows, method), wide=True)


def _panel(axes: Axes, row: Calibration) -> None:
    n, places = len(row.pit), row.bands.places
    x = np.concatenate([[0.0], places])
    lower, upper = (np.concatenate([[0.0], ends / n - places]) for ends in (row.bands.lower, row.bands.upper))
    colour = colour_of(row.method)
    axes.fill_between(x, lower, upper, color=FAINT, linewidth=0)
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.plot(x, np.concatenate([[0.0], row.difference]), color=colour, linewidth=1.3)
    title = shorten(plain(row.parameter), 24)
    axes.set_title(title if row.inside else f"{title}: outside", color=INK if row.inside else "#b00020")
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1])


def _alt(rows: Sequence[Calibration], method: str) -> str:
    left = [plain(name) for name in outside(rows, method)]
    where = f"leaves them for {listing(left, 8)}" if left else "stays inside for every unknown"
    return (
        f"Distribution function of the ranks of the truth by {plain(method)} minus that of uniform ranks, "
        f"with {100 * BAND:.0f} % simultaneous bands: it {where}."
    )
