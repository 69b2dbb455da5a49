"""Are predictions calibrated? Transforms of the responses, and of 0 and 1 the frequencies of events."""

from __future__ import annotations

import numpy as np

from bayescope.config.counts import whole
from bayescope.diagnostics.event_calibration import EventCalibration
from bayescope.diagnostics.pit import Pit
from bayescope.reports.style import FAINT, INK, MUTED, Picture, colour_of, legend_above, new_figure, picture


def pit_figure(found: Pit, method: str) -> Picture:
    """Draw the empirical cdf of the transforms less the uniform one, with the 99 % band of whole curves."""
    figure = new_figure(5.1, 2.8)
    axes, colour = figure.add_subplot(), colour_of(method)
    axes.fill_between(
        found.places, found.lower, found.upper, color=FAINT, linewidth=0, label="99 %, everywhere"
    )
    axes.plot(found.places, found.difference, color=colour, label="rows left out")
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.set(xlabel="probability predicted below the response", ylabel="seen - expected")
    axes.set_xlim(0, 1)
    legend_above(axes)
    pairs = zip(found.difference, found.lower, found.upper, strict=True)
    outside = sum(not low <= value <= high for value, low, high in pairs)
    alt = (
        f"Empirical distribution of the probability integral transforms of {whole(found.rows)} rows, each "
        f"left out, less the uniform one; {outside} of {len(found.places)} places lie outside of the band "
        f"(p = {found.p:.2g})."
    )
    return picture(figure, "predictive", "Calibration of predictive distributions", alt)


def calibration_figure(found: EventCalibration, method: str) -> Picture:
    """Draw isotonic frequencies of events against predicted probabilities, with the band of right ones."""
    figure = new_figure(5.1, 2.8)
    axes, colour = figure.add_subplot(), colour_of(method)
    axes.fill_between(
        found.places, found.lower, found.upper, color=FAINT, linewidth=0, label="89 %, were they right"
    )
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8)
    axes.step(found.places, found.events, color=colour, where="mid", label="isotonic frequencies")
    axes.set(xlabel="predicted probability", ylabel="frequency of events")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    legend_above(axes)
    alt = (
        f"Frequencies of events against leave-one-out probabilities: Brier score {found.brier:.4g}, of which "
        f"{found.miscalibration:.2g} is miscalibration (p = {found.p:.2g})."
    )
    return picture(figure, "predictive", "Calibration curve", alt)


def separation_figure(found: EventCalibration, method: str) -> Picture:
    """Draw rows in the order of their predicted probability, dark where the event happened.

    Source: Greenhill, Ward and Sacks (2011), American Journal of Political Science 55(4).
    """
    figure = new_figure(5.1, 2.0)
    axes = figure.add_subplot()
    places = np.arange(len(found.predicted))
    shades = np.asarray(found.happened)[np.newaxis]
    extent = (-0.5, len(places) - 0.5, 0.0, 1.0)
    axes.imshow(shades, aspect="auto", cmap="Greys", vmin=0, vmax=1.6, extent=extent, interpolation="nearest")
    axes.step(places, found.predicted, color=colour_of(method), where="mid", label="predicted")
    axes.plot([], [], color=INK, linewidth=4, alpha=0.6, label="events")
    axes.set(xlabel="rows, by predicted probability", ylabel="probability", ylim=(0, 1))
    axes.set_xticks([])
    legend_above(axes)
    alt = (
        "Rows in the order of their leave-one-out probability, dark where the event happened; a row with the "
        f"event has the larger probability of two in {100 * found.auc:.1f} % of pairs."
    )
    return picture(figure, "predictive", "Separation plot", alt)
