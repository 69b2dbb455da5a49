"""The fitted curve: what each method predicts along a single numeric predictor, against the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayescope.diagnostics.curve import Curve, CurveView
from bayescope.reports.formatting import plain, shorten
from bayescope.reports.style import MUTED, Picture, colour_of, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DASHES = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))


def curve_figure(view: CurveView, methods: Mapping[str, str]) -> Picture:
    """Draw the predicted mean of each method as a line, the bands of posteriors, and the data as points.

    `methods` are the methods behind the recipes, by name: they give the colours.
    """
    figure = new_figure(6.2, 3.4)
    axes = figure.add_subplot()
    axes.scatter(view.x, view.y, s=9, color=MUTED, alpha=0.45, linewidths=0, label="observed", zorder=1)
    for number, curve in enumerate(view.curves):
        _draw(
            axes,
            view,
            curve,
            colour_of(methods.get(curve.method, curve.method)),
            _DASHES[number % len(_DASHES)],
        )
    _limit(axes, view)
    axes.set(xlabel=shorten(plain(view.predictor), 60), ylabel=shorten(plain(view.response), 40))
    axes.legend(loc="best")
    return picture(figure, "prediction", "Prediction", _alt(view))


def curve_note(view: CurveView) -> str:
    """Say what the lines and bands are."""
    along = f"{plain(view.response)} that each method predicts along {plain(view.predictor)}"
    lines = f"Lines are the mean of {along}"
    if not any(curve.lower for curve in view.curves):
        return f"{lines}."
    band = f"bands hold {view.band} with a probability of 89 %"
    return f"{lines}; {band}, the parameters averaged over the posterior."


def _draw(axes: Axes, view: CurveView, curve: Curve, colour: str, dashes: object) -> None:
    label = shorten(plain(curve.method), 24)
    if curve.lower:
        axes.fill_between(
            view.places, curve.lower, curve.upper, color=colour, alpha=0.13, linewidth=0, zorder=0
        )
        label += ", mean and 89 %"
    axes.plot(view.places, curve.mean, color=colour, linestyle=dashes, linewidth=1.4, label=label, zorder=2)


def _limit(axes: Axes, view: CurveView) -> None:
    """Keep the data readable where a band runs far out of them."""
    low, high = min(view.y), max(view.y)
    room = (high - low) or max(abs(low), 1.0)
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low - room), min(top, high + room))


def _alt(view: CurveView) -> str:
    banded = [curve for curve in view.curves if curve.lower]
    names = ", ".join(plain(curve.method) for curve in view.curves)
    text = f"The mean of {plain(view.response)} along {plain(view.predictor)} by {names}, with the data"
    if not banded:
        return f"{text}."
    y = np.interp(view.x, view.places, banded[-1].lower), np.interp(view.x, view.places, banded[-1].upper)
    inside = int(np.sum((np.asarray(view.y) >= y[0]) & (np.asarray(view.y) <= y[1])))
    if view.band == "the probability":
        return f"{text}; bands hold the probability of 1 with a probability of 89 %."
    band = f"the 89 % band of {plain(banded[-1].method)}"
    return f"{text}; {band} holds {inside} of the {len(view.x)} points shown."
