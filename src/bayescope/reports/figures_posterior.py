"""What each method says of each unknown: densities above, points with 89 % intervals below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayescope.config.counts import whole
from bayescope.diagnostics.records import Estimate
from bayescope.distributions.choices import PRIORS
from bayescope.inference.fit import Fit, Floats
from bayescope.reports.formatting import plain, shorten, significant
from bayescope.reports.record import PriorSummary, RunRecord
from bayescope.reports.style import (
    FAINT,
    INK,
    MUTED,
    PRIOR,
    Picture,
    bare,
    colour_of,
    marker_of,
    new_figure,
    picture,
)
from bayescope.reports.tables import parameters

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 401
_MOST_PANELS = 36


def density_figure(record: RunRecord, fits: Sequence[Fit], name: str) -> Picture:
    """Draw one unknown: prior and posterior densities, and below them each method's answer."""
    answered = [fit for fit in fits if fit.answered]
    figure = new_figure(5.0, 2.1 + 0.17 * len(answered))
    grid = figure.add_gridspec(2, 1, height_ratios=[1.75, 0.17 * len(answered) + 0.05], hspace=0.02)
    top = figure.add_subplot(grid[0])
    bottom = figure.add_subplot(grid[1], sharex=top)
    _densities(top, record, answered, name)
    _marks(top, record, answered, name)
    top.set_title(shorten(plain(name), 40))
    top.tick_params(bottom=False, labelbottom=False)
    top.spines["bottom"].set_color(FAINT)
    _legend(top, _prior(record, name))
    _intervals(bottom, record, answered, name)
    return picture(figure, "posterior", f"Densities of {plain(name)}", _density_alt(record, answered, name))


def small_multiples(record: RunRecord, fits: Sequence[Fit], total: int) -> Picture:
    """Draw the densities of many of `total` unknowns as panels; of too many, those farthest from zero."""
    answered = [fit for fit in fits if fit.answered]
    names = _chosen(record)
    columns = 4
    rows = -(-len(names) // columns)
    figure = new_figure(10.4, 1.25 * rows + 0.4)
    for position, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, position + 1)
        _densities(axes, record, answered, name)
        _marks(axes, record, answered, name)
        axes.set_title(shorten(plain(name), 34), fontsize=8, fontweight="normal")
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(labelsize=7)
    _shared_legend(figure, answered)
    count = _count(len(names), total)
    alt = f"Prior and posterior densities of {count} unknowns; the table of estimates has the numbers."
    return picture(figure, "posterior", "Densities", alt, wide=True)


def forest_figure(record: RunRecord, fits: Sequence[Fit], total: int) -> Picture:
    """Draw the points and 89 % intervals of the unknowns of a record, of `total`, below each other."""
    answered = [fit for fit in fits if fit.answered]
    names = parameters(record)
    figure = new_figure(10.4, 0.9 + len(names) * max(0.2, 0.075 * len(answered) + 0.08))
    axes = figure.add_subplot()
    step = 0.8 / max(len(answered), 1)
    for k, fit in enumerate(answered):
        rows = [
            (j + (k - (len(answered) - 1) / 2) * step, _row(record, name, fit.name))
            for j, name in enumerate(names)
        ]
        _points(axes, rows, fit, size=3.2)
    axes.axvline(0, color=MUTED, linewidth=0.7, zorder=0)
    for j in range(0, len(names), 2):
        axes.axhspan(j - 0.5, j + 0.5, color="#f4f6f8", zorder=-1, linewidth=0)
    axes.set_yticks(range(len(names)), [shorten(plain(name), 34) for name in names], color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("estimate and 89 % interval")
    _shared_legend(figure, answered, densities=False)
    methods = ", ".join(fit.name for fit in answered)
    count = _count(len(names), total)
    alt = f"Forest plot: estimates and 89 % intervals of {count} unknowns by {methods}."
    title = "All unknowns" if len(names) == total else f"{count} unknowns"
    return picture(figure, "posterior", title, alt, wide=True)


def _count(shown: int, total: int) -> str:
    return whole(shown) if shown == total else f"{whole(shown)} of {whole(total)}"


def _chosen(record: RunRecord) -> list[str]:
    names = parameters(record)
    if len(names) <= _MOST_PANELS:
        return list(names)
    strength = {row.parameter: abs(row.estimate or 0) / row.sd for row in record.estimates if row.sd}
    kept = set(sorted(names, key=lambda name: -strength.get(name, 0.0))[:_MOST_PANELS])
    return [name for name in names if name in kept]


def _prior(record: RunRecord, name: str) -> PriorSummary:
    return next(prior for prior in record.model.priors if prior.parameter == name)


def _row(record: RunRecord, name: str, method: str) -> Estimate | None:
    return next((row for row in record.estimates if row.parameter == name and row.method == method), None)


def _densities(axes: Axes, record: RunRecord, fits: Sequence[Fit], name: str) -> None:
    prior = _prior(record, name)
    low, high = _span(record, fits, name, prior)
    x = np.linspace(low, high, _POINTS)
    heights = [1e-300]
    for fit in fits:
        if fit.marginals is None:
            continue
        y = _finite(fit.marginals[name].pdf(x))
        line = "-" if len(heights) == 1 else (0, (4, 1.5))
        heights.append(float(y.max()))
        axes.fill_between(x, y, color=colour_of(fit.method), alpha=0.10, linewidth=0)
        axes.plot(x, y, color=colour_of(fit.method), linestyle=line)
    density = prior_density(prior, x)
    if density is not None:
        ceiling = max(heights) * 1.3 if len(heights) > 1 else np.inf
        axes.plot(
            x, np.minimum(density, ceiling), color=PRIOR, linestyle=(0, (1.2, 1.2)), linewidth=1.4, zorder=1
        )
        heights.append(min(float(density.max()), ceiling) if len(heights) == 1 else 0.0)
    axes.set_ylim(0, max(heights) * 1.22)
    axes.set_xlim(low, high)
    bare(axes)


def prior_density(prior: PriorSummary, x: Floats) -> Floats | None:
    """Evaluate the density of a prior at `x`; None where it has none, or none that is known."""
    if not prior.has_density:
        return None
    distribution = PRIORS[prior.distribution]
    with np.errstate(all="ignore"):
        values = np.exp(np.asarray(distribution.log_density(x, *prior.arguments.values()), dtype=np.float64))
    return _finite(values)


def _finite(values: Floats) -> Floats:
    """Infinite or undefined heights (a density's pole, a point outside its support) are not drawn."""
    return np.where(np.isfinite(values), values, 0.0)


def _span(record: RunRecord, fits: Sequence[Fit], name: str, prior: PriorSummary) -> tuple[float, float]:
    """Show all of the posteriors, all of the answers, and the prior too unless it is far wider."""
    ends = [end for fit in fits for end in _ends(record, fit, name)]
    finite = [end for end in ends if end is not None and np.isfinite(end)]
    low, high = (min(finite), max(finite)) if finite else (-1.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        spread = abs(low) * 0.1 or 1.0
        low, high = low - spread, high + spread
    bounds = _prior_range(prior)
    if bounds is not None and bounds[1] - bounds[0] <= 3 * (high - low):
        low, high = min(low, bounds[0]), max(high, bounds[1])
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _ends(record: RunRecord, fit: Fit, name: str) -> list[float | None]:
    row = _row(record, name, fit.name)
    ends = [] if row is None else [row.estimate, row.lower, row.upper]
    if fit.marginals is not None:
        ends += [float(end) for end in fit.marginals[name].quantile(np.array([0.001, 0.999]))]
    return ends


def _prior_range(prior: PriorSummary) -> tuple[float, float] | None:
    distribution = PRIORS[prior.distribution]
    if not prior.has_density or prior.distribution == "Dirichlet":
        return None
    low, high = distribution.quantile(np.array([0.01, 0.99]), *prior.arguments.values())
    return float(low), float(high)


def _legend(axes: Axes, prior: PriorSummary) -> None:
    from matplotlib.lines import Line2D

    drawn = prior.has_density
    text = f"prior {prior.text}" if drawn else f"prior {prior.text}, no density"
    line = Line2D([], [], color=PRIOR if drawn else "none", linestyle=(0, (1.2, 1.2)), linewidth=1.4)
    axes.legend(
        [line], [text], loc="upper right", bbox_to_anchor=(1.0, 1.16), labelcolor=MUTED, handlelength=1.6
    )


def _intervals(axes: Axes, record: RunRecord, fits: Sequence[Fit], name: str) -> None:
    """One line a method: its point with its 89 % interval, labelled in its colour."""
    for k, fit in enumerate(fits):
        _points(axes, [(float(k), _row(record, name, fit.name))], fit, size=4.5)
    axes.set_yticks(range(len(fits)), [fit.name for fit in fits])
    for label, fit in zip(axes.get_yticklabels(), fits, strict=True):
        label.set_color(colour_of(fit.method))
    axes.set_ylim(len(fits) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _points(axes: Axes, rows: Sequence[tuple[float, Estimate | None]], fit: Fit, size: float) -> None:
    colour = colour_of(fit.method)
    for y, row in rows:
        if row is None or row.estimate is None:
            continue
        if row.lower is not None and row.upper is not None:
            axes.plot([row.lower, row.upper], [y, y], color=colour, linewidth=1.3, solid_capstyle="butt")
        axes.plot(
            [row.estimate], [y], marker=marker_of(fit.method), color=colour, markersize=size, linestyle="none"
        )


def _marks(axes: Axes, record: RunRecord, fits: Sequence[Fit], name: str) -> None:
    """Mark the points of mle and map with vertical lines."""
    for fit in fits:
        row = _row(record, name, fit.name)
        if fit.kind == "point" and row is not None and row.estimate is not None:
            axes.axvline(row.estimate, ymax=0.82, color=colour_of(fit.method), linewidth=1, zorder=3)


def _shared_legend(figure: object, fits: Sequence[Fit], *, densities: bool = True) -> None:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=colour_of(f.method), label=f.name, linewidth=1.6,
            marker="" if densities else marker_of(f.method), markersize=4,
        )
        for f in fits
    ]  # fmt: skip
    if densities:
        handles.append(Line2D([], [], color=PRIOR, linestyle=(0, (1.2, 1.2)), linewidth=1.4, label="prior"))
    if isinstance(figure, Figure):
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))


def _density_alt(record: RunRecord, fits: Sequence[Fit], name: str) -> str:
    answers = []
    for fit in fits:
        row = _row(record, name, fit.name)
        if row is not None:
            answers.append(f"{fit.name} {significant(row.estimate)} (sd {significant(row.sd)})")
    return f"Densities of {plain(name)}: prior {_prior(record, name).text}; {'; '.join(answers)}."
