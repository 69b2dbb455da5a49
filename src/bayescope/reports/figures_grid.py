"""Likelihood, prior and posterior of two unknowns as surfaces, with every method's answer on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from bayescope.inference.fit import Fit, Floats
from bayescope.reports.formatting import plain, shorten
from bayescope.reports.style import (
    FAINT,
    INK,
    MUTED,
    PRIOR,
    Picture,
    colour_of,
    marker_of,
    new_figure,
    picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FINE = 288
_REGIONS = (0.99, 0.89, 0.5)
_SHADES = 256
_MOST_DRAWS = 400
_PANELS = (
    ("likelihood", "Likelihood", colour_of("mle")),
    ("prior", "\u00d7 Prior", PRIOR),
    ("posterior", "= Posterior", colour_of("grid")),
)
_SIZES = {"map": 10.5, "grid": 7.0}  # where they coincide, both are seen


def surface_figure(fits: Sequence[Fit]) -> Picture | None:
    """Draw the three surfaces; None where no fit has `details["surface"]` (a grid over two unknowns).

    Each is shaded by its density over its own highest value. Lines bound the smallest regions that hold
    50, 89 and 99 % of the posterior; those of likelihood and prior hold the same shares of what the
    window shows.
    """
    fit = next((fit for fit in fits if fit.answered and "surface" in fit.details), None)
    if fit is None:
        return None
    surface = fit.details["surface"]
    x, y = np.asarray(surface["x"]), np.asarray(surface["y"])
    logs = {name: np.asarray(surface[f"log_{name}"]) for name in ("likelihood", "prior")}
    logs["posterior"] = logs["likelihood"] + logs["prior"]
    figure = new_figure(10.4, 4.1)
    for position, (name, title, colour) in enumerate(_PANELS):
        axes = figure.add_subplot(1, 3, position + 1)
        _shade(axes, *_finer(x, y, logs[name]), colour)
        _frame(axes, title, surface, first=position == 0)
        if name == "posterior":
            _draws(axes, fits, fit)
        _answers(axes, fits, fit, name)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
    _legend(figure, fits, fit)
    names = f"{plain(surface['x_name'])} and {plain(surface['y_name'])}"
    alt = f"Surfaces of likelihood, prior and posterior over {names}, with the answers of {_methods(fits)}."
    return picture(figure, "posterior", f"Likelihood x prior = posterior: {names}", alt, wide=True)


def _methods(fits: Sequence[Fit]) -> str:
    return ", ".join(fit.name for fit in fits if fit.answered)


def _finer(x: Floats, y: Floats, log: Floats) -> tuple[Floats, Floats, Floats]:
    """Interpolate a log density by bicubic splines: exact for a Normal one, whose ellipses stay smooth."""
    fine_x, fine_y = np.linspace(x[0], x[-1], _FINE), np.linspace(y[0], y[-1], _FINE)
    spline = scipy.interpolate.RectBivariateSpline(y, x, log)
    values = spline(fine_y, fine_x)
    return fine_x, fine_y, np.exp(np.minimum(values - values.max(), 0.0))


def _shade(axes: Axes, x: Floats, y: Floats, height: Floats, colour: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("shades", ["#ffffff", colour], N=_SHADES)
    # a light ceiling leaves the markers on top readable; the square root shows the tails
    axes.imshow(
        np.sqrt(height),
        origin="lower",
        extent=(x[0], x[-1], y[0], y[-1]),
        aspect="auto",
        cmap=shades,
        vmin=0.0,
        vmax=1.6,
        interpolation="bilinear",
        zorder=0,
    )
    levels = np.unique(_levels(height))
    levels = levels[(levels > height.min() * 1.02) & (levels < 1.0)]
    if len(levels):
        lines = axes.contour(x, y, height, levels=levels, colors=[colour], linewidths=0.9, zorder=2)
        lines.set_alpha(0.9)


def _levels(height: Floats) -> Floats:
    """Heights whose contours bound the smallest regions with 99, 89 and 50 % of the mass shown."""
    ordered = np.sort(height, axis=None)[::-1]
    share = np.cumsum(ordered) / ordered.sum()
    places = [min(int(np.searchsorted(share, region)), ordered.size - 1) for region in _REGIONS]
    return ordered[places]


def _frame(axes: Axes, title: str, surface: dict[str, Any], *, first: bool) -> None:
    axes.set_title(title)
    axes.set_xlabel(shorten(plain(surface["x_name"]), 34), color=INK)
    if first:
        axes.set_ylabel(shorten(plain(surface["y_name"]), 34), color=INK)
    else:
        axes.tick_params(labelleft=False)
    axes.locator_params(nbins=5)
    for side in axes.spines.values():
        side.set(visible=True, color=FAINT)


def _draws(axes: Axes, fits: Sequence[Fit], grid: Fit) -> None:
    """Scatter some draws of the sampler, or of the grid where none was run."""
    sampled = _sampled(fits, grid)
    if sampled.draws is None:
        return
    flat = sampled.draws.reshape(-1, sampled.draws.shape[2])
    thinned = flat[:: max(1, -(-len(flat) // _MOST_DRAWS))]
    axes.scatter(
        thinned[:, 0],
        thinned[:, 1],
        s=3.5,
        color=colour_of(sampled.method),
        alpha=0.55,
        linewidths=0,
        zorder=3,
    )


def _sampled(fits: Sequence[Fit], grid: Fit) -> Fit:
    return next((fit for fit in fits if fit.method == "nuts" and fit.draws is not None), grid)


def _answers(axes: Axes, fits: Sequence[Fit], grid: Fit, panel: str) -> None:
    """Mark the MLE on the likelihood, and MLE, MAP and posterior mean on the posterior."""
    for fit in fits:
        if fit.estimate is None:
            continue
        shown = {"likelihood": ("mle",), "prior": (), "posterior": ("mle", "map")}[panel]
        if fit.method in shown or (fit is grid and panel == "posterior"):
            axes.plot(
                *fit.estimate,
                marker=marker_of(fit.method),
                markersize=_SIZES.get(fit.method, 8.0),
                color=colour_of(fit.method),
                markeredgecolor="white",
                markeredgewidth=1.2,
                linestyle="none",
                zorder=6 if fit is grid else 5,
            )


def _legend(figure: Figure, fits: Sequence[Fit], grid: Fit) -> None:
    from matplotlib.lines import Line2D

    def point(fit: Fit, label: str, marker: str) -> Line2D:
        colour = colour_of(fit.method)
        return Line2D([], [], linestyle="none", marker=marker, color=colour, label=label)

    points = [fit for method in ("mle", "map") for fit in fits if fit.method == method and fit.answered]
    sampled = _sampled(fits, grid)
    handles = [
        *(point(fit, plain(fit.name).upper(), marker_of(fit.method)) for fit in points),
        point(grid, "posterior mean", marker_of(grid.method)),
        point(sampled, f"draws of {plain(sampled.name)}", "."),
        Line2D([], [], color=MUTED, linewidth=0.9, label="50, 89 and 99 % regions"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
