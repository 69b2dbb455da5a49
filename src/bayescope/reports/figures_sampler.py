"""How the sampler moved: ranks and traces, effective sample size as draws accrue, energies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayescope.diagnostics.divergences import places
from bayescope.inference.fit import Fit, Floats
from bayescope.inference.gates import statistic
from bayescope.reports.formatting import plain, shorten, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.style import (
    CHAIN_COLOURS,
    FAINT,
    INK,
    MUTED,
    Picture,
    bare,
    colour_of,
    new_figure,
    picture,
    plain_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PARAMETERS = 6
_BINS = 20
_ESS_THRESHOLD = 400
_MOST_TRACE_POINTS = 1000
_MOST_POINTS = 4000


def rank_trace_figure(record: RunRecord, fit: Fit) -> Picture:
    """Draw ranks and traces of the unknowns with the worst convergence (all, up to six)."""
    names = worst(record, fit)
    draws = _draws(fit)
    figure = new_figure(10.4, 1.15 * len(names) + 0.55)
    grid = figure.add_gridspec(len(names), 2, width_ratios=[1, 1.9])
    for k, name in enumerate(names):
        values = draws[:, :, fit.names.index(name)]
        ranks, trace = figure.add_subplot(grid[k, 0]), figure.add_subplot(grid[k, 1])
        _ranks(ranks, values)
        _trace(trace, values)
        ranks.set_ylabel(shorten(plain(name), 16), color=INK)
        if k < len(names) - 1:
            ranks.tick_params(labelbottom=False)
            trace.tick_params(labelbottom=False)
        else:
            ranks.set_xlabel("rank among all draws")
            trace.set_xlabel("draw")
    shown = (
        "all unknowns"
        if len(names) == len(fit.names)
        else f"the {len(names)} unknowns with the largest R-hat"
    )
    listed = ", ".join(map(plain, names))
    alt = f"Rank histograms and traces of {draws.shape[0]} chains of {fit.name}, {shown}: {listed}."
    title = f"Ranks and traces: {fit.name}"
    return picture(figure, "sampler", f"{title}, {shown}", alt, wide=True)


def worst(record: RunRecord, fit: Fit) -> list[str]:
    """Name the unknowns to show, in the order of the model: the largest R-hat first when not all fit in."""
    r_hat = {row.parameter: row.r_hat or 0.0 for row in record.estimates if row.method == fit.name}
    kept = set(sorted(fit.names, key=lambda name: -r_hat.get(name, 0.0))[:_MOST_PARAMETERS])
    return [name for name in fit.names if name in kept]


def _draws(fit: Fit) -> Floats:
    return np.empty((0, 0, len(fit.names))) if fit.draws is None else np.asarray(fit.draws)


def _ranks(axes: Axes, values: Floats) -> None:
    """Draw one rank histogram a chain; the band holds 3 sd of a bin's count of independent draws."""
    chains, draws = values.shape
    ranks = np.argsort(np.argsort(values, axis=None, kind="stable"), kind="stable").reshape(values.shape)
    edges = np.linspace(0, values.size, _BINS + 1)
    expected = draws / _BINS
    band = 3 * np.sqrt(expected * (1 - 1 / _BINS) * (1 - 1 / chains)) if chains > 1 else 0.0
    axes.axhspan(max(expected - band, 0), expected + band, color=FAINT, alpha=0.6, linewidth=0)
    axes.axhline(expected, color=MUTED, linewidth=0.7)
    for chain in range(chains):
        counts, _ = np.histogram(ranks[chain], bins=edges)
        axes.stairs(counts, edges, baseline=None, color=_chain_colour(chain), linewidth=1.1)
    axes.set_ylim(0, max(expected * 2, expected + 1.5 * band))
    axes.set_xlim(0, values.size)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)


def _trace(axes: Axes, values: Floats) -> None:
    thin = max(1, values.shape[1] // _MOST_TRACE_POINTS)
    positions = np.arange(0, values.shape[1], thin)
    for chain in range(values.shape[0]):
        axes.plot(
            positions,
            values[chain, ::thin],
            color=_chain_colour(chain),
            linewidth=0.45,
            alpha=0.85,
            rasterized=True,
        )
    axes.set_xlim(0, values.shape[1])
    axes.locator_params(axis="y", nbins=4)


def _chain_colour(chain: int) -> str:
    return CHAIN_COLOURS[chain % len(CHAIN_COLOURS)]


def ess_figure(record: RunRecord, fit: Fit) -> Picture:
    """Draw bulk and tail effective sample size against the number of draws."""
    names = worst(record, fit)
    figure = new_figure(5.1, 2.7)
    axes = figure.add_subplot()
    draws = _draws(fit)
    counts = _counts(draws.shape[1])
    for kind, line in (("bulk", "-"), ("tail", (0, (4, 1.5)))):
        for name in names:
            values = draws[:, :, fit.names.index(name)]
            ess = [_ess(values[:, :count], kind) for count in counts]
            axes.plot(
                counts * draws.shape[0],
                ess,
                color=colour_of(fit.method),
                linestyle=line,
                linewidth=1,
                alpha=0.8,
            )
    axes.axhline(_ESS_THRESHOLD, color=MUTED, linewidth=0.9, linestyle=(0, (1.2, 1.2)))
    axes.text(
        counts[-1] * draws.shape[0], _ESS_THRESHOLD, "400 ", ha="right", va="bottom", color=MUTED, fontsize=8
    )
    axes.set(xlabel="draws of all chains", xlim=(0, None), ylim=(0, None))
    axes.set_title(f"Effective sample size: {fit.name}")
    _line_legend(axes, colour_of(fit.method), (("bulk", "-"), ("tail", (0, (4, 1.5)))))
    alt = f"Effective sample size of {len(names)} unknowns grows with the draws of {fit.name}; 400 is needed."
    return picture(figure, "sampler", f"Effective sample size: {fit.name}", alt)


def divergence_figure(fit: Fit) -> Picture | None:
    """Draw where trajectories diverged, in the two unknowns that differ most there; None where none did.

    Unknowns whose draws are all positive have logarithmic axes, on which the neck of a funnel is seen.
    """
    flags = statistic(fit, "diverging")
    if flags is None or not flags.any() or len(fit.names) < 2:
        return None
    first, second = _pair(fit)
    figure = new_figure(5.1, 3.6)
    axes = figure.add_subplot()
    draws, diverged = _draws(fit), flags > 0
    _pair_points(axes, draws[~diverged][:, (second, first)], MUTED, 4)
    _pair_points(axes, draws[diverged][:, (second, first)], colour_of(fit.method), 14)
    if (draws[:, :, second] > 0).all():
        axes.set_xscale("log")
        plain_ticks(axes.xaxis, (1, 2, 5))
    if (draws[:, :, first] > 0).all():
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, (1, 2, 5))
    names = [shorten(plain(fit.names[position]), 24) for position in (first, second)]
    axes.set(xlabel=names[1], ylabel=names[0])
    count = int(diverged.sum())
    title = f"Divergences: {fit.name}"
    axes.set_title(title)
    alt = f"{count} divergent draws of {fit.name} among the others, {names[0]} against {names[1]}."
    return picture(figure, "sampler", title, alt)


def _pair(fit: Fit) -> tuple[int, int]:
    """Positions of the two unknowns that differ most at divergences; the first two where these are few."""
    found = [place.position for place in places(fit)[:2]]
    return (found[0], found[1]) if len(found) == 2 else (0, 1)


def _pair_points(axes: Axes, points: Floats, colour: str, size: float) -> None:
    kept = points[:: max(1, len(points) // _MOST_POINTS)]
    axes.scatter(kept[:, 0], kept[:, 1], s=size, c=colour, alpha=0.5, linewidths=0, rasterized=True)


def _counts(draws: int) -> Floats:
    """Ten prefixes of the chains, each long enough for an estimate."""
    return np.unique(np.linspace(max(draws // 10, min(20, draws)), draws, 10).astype(int))


def _ess(values: Floats, kind: str) -> float:
    from arviz_stats.base import array_stats

    prob = {"bulk": None, "tail": 0.9}[kind]  # tail: the smaller ESS of the 5 % and 95 % quantiles
    with np.errstate(all="ignore"):
        return float(array_stats.ess(values, chain_axis=0, draw_axis=1, method=kind, prob=prob))


def energy_figure(fit: Fit) -> Picture | None:
    """Draw the marginal energy against the energy transitions; None if the sampler has no energies.

    E-BFMI is the ratio of their variances; transitions much narrower than the marginal mean that the
    sampler crosses the tails slowly (Betancourt, 2016, arXiv:1604.00695).
    """
    energy = _energy(fit)
    if energy is None:
        return None
    figure = new_figure(5.1, 2.7)
    axes = figure.add_subplot()
    centred, steps = energy - energy.mean(), np.diff(energy, axis=1)
    for values, colour, line in ((centred, INK, "-"), (steps, colour_of(fit.method), (0, (4, 1.5)))):
        x, density = _kde(values.ravel())
        axes.fill_between(x, density, color=colour, alpha=0.1, linewidth=0)
        axes.plot(x, density, color=colour, linestyle=line)
    axes.set_ylim(0, None)
    bare(axes)
    axes.set_xlabel("energy, nats from its mean")
    axes.set_title(f"Energy: {fit.name}")
    lowest = float(((steps**2).mean(axis=1) / energy.var(axis=1)).min())
    _energy_legend(axes, fit, lowest)
    alt = (
        f"Densities of energies and of their transitions, {fit.name}; lowest E-BFMI {significant(lowest, 3)}."
    )
    return picture(figure, "sampler", f"Energy: {fit.name}", alt)


def _energy(fit: Fit) -> Floats | None:
    if fit.tree is None or "sample_stats" not in fit.tree.children:
        return None
    statistics = fit.tree["sample_stats"].dataset
    if "energy" not in statistics:
        return None
    energy = np.asarray(statistics["energy"].transpose("chain", "draw").values, dtype=np.float64)
    usable = energy.shape[1] > 2 and np.isfinite(energy).all() and bool((energy.var(axis=1) > 0).all())
    return energy if usable else None


def _kde(values: Floats) -> tuple[Floats, Floats]:
    from arviz_stats.base import array_stats

    x, density, _ = array_stats.kde(values)
    return np.asarray(x), np.asarray(density)


def _energy_legend(axes: Axes, fit: Fit, lowest: float) -> None:
    from matplotlib.lines import Line2D

    axes.legend(
        handles=[
            Line2D([], [], color=INK, label="energy"),
            Line2D([], [], color=colour_of(fit.method), linestyle=(0, (4, 1.5)), label="transitions"),
            Line2D([], [], color="none", label=f"E-BFMI ≥ {significant(lowest, 3)}"),
        ],
        loc="upper right",
    )


def _line_legend(axes: Axes, colour: str, lines: Sequence[tuple[str, object]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, linestyle=line, label=label) for label, line in lines]  # type: ignore[arg-type]
    axes.legend(handles=handles, loc="upper left")
