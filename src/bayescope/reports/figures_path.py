"""The picture of a regularisation path: coefficients over log lambda, and below them what is best.

In the manner of glmnet: lambda grows to the right on a logarithmic axis, with the number of non-zero
coefficients above it; the prior scale that lambda stands for is on a second axis below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescope.config.counts import whole
from bayescope.inference.path import Path
from bayescope.reports.formatting import compact, plain, shorten
from bayescope.reports.style import (
    INK,
    METHOD_COLOURS,
    MUTED,
    Picture,
    house_style,
    new_figure,
    picture,
    plain_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

_MOST_NAMED = 12
_COLOURS = (*METHOD_COLOURS.values(), "#5b3fa0", "#2b8a8a", "#a8201a", "#4c6b1f")


def path_figure(path: Path) -> Picture:
    """Draw the coefficients along the path, and the scores that say where to stop."""
    scored = path.best_score is not None or path.best_evidence is not None
    with house_style():
        figure = new_figure(9.6, 6.6 if scored else 4.6)
        grid = figure.add_gridspec(2 if scored else 1, 1, height_ratios=[2.2, 1.0] if scored else [1.0])
        top = figure.add_subplot(grid[0])
        _coefficients(top, path)
        _counts(top, path)
        bottom = top
        if scored:
            bottom = figure.add_subplot(grid[1], sharex=top)
            top.tick_params(labelbottom=False)
            _scores(bottom, path)
        _lines(top, path, labelled=True)
        if scored:
            _lines(bottom, path, labelled=False)
        _scale_axis(bottom, path, -0.36 if scored else -0.16)
        return picture(figure, "path", f"Path of {plain(path.prior)}", _alt(path), wide=True)


def _coefficients(axes: Axes, path: Path) -> None:
    members = [path.names.index(name) for name in path.members]
    values = path.theta[:, members]
    size = np.abs(values).max(axis=0)
    moving = np.flatnonzero(size > 0)
    named = set(moving[np.argsort(-size[moving])[:_MOST_NAMED]].tolist())
    for position, k in enumerate(moving):
        colour = _COLOURS[position % len(_COLOURS)]
        axes.plot(path.strength, values[:, k], color=colour, linewidth=1.3 if k in named else 0.6)
    _names(
        axes,
        path,
        {k: values[-1, k] for k in sorted(named)},
        dict(zip(moving.tolist(), range(len(moving)), strict=True)),
    )
    axes.axhline(0, color=MUTED, linewidth=0.7, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(path.strength[-1], path.strength[0])
    axes.set_ylabel("coefficient")


def _names(axes: Axes, path: Path, ends: dict[int, float], places: dict[int, int]) -> None:
    """Name lines at their left ends, where the prior is widest, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) / 24
    at = -np.inf
    for k in sorted(ends, key=lambda k: ends[k]):
        at = max(ends[k], at + gap)
        axes.annotate(
            shorten(plain(path.members[k]), 18),
            (path.strength[-1], at),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7.5,
            color=_COLOURS[places[k] % len(_COLOURS)],
            annotation_clip=False,
        )
    axes.tick_params(axis="y", left=False, labelleft=False, right=True, labelright=True)
    axes.yaxis.set_label_position("right")
    axes.spines["left"].set_visible(False)
    axes.spines["right"].set_visible(True)


def _counts(axes: Axes, path: Path) -> None:
    """Number the non-zero coefficients along the top."""
    steps = np.unique(np.linspace(0, len(path.strength) - 1, 11).round().astype(int))
    top = axes.secondary_xaxis("top")
    top.set_xticks(path.strength[steps], [whole(path.nonzero[i]) for i in steps], minor=False)
    top.xaxis.set_minor_locator(_no_ticks())
    top.set_xlabel("coefficients that are not 0")
    top.spines["top"].set_visible(False)


def _no_ticks() -> Locator:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _scores(axes: Axes, path: Path) -> None:
    if path.best_score is not None:
        axes.errorbar(
            path.strength, path.score, yerr=path.score_error, color=METHOD_COLOURS["nuts"], fmt=".",
            markersize=3, elinewidth=0.5, capsize=1.2, label="cross-validated log score",
        )  # fmt: skip
        best = path.score[path.best_score]
        floor = best - 6 * max(float(path.score_error[path.best_score]), 1e-3 * abs(best))
        low = float(np.nanmin(np.where(path.score >= floor, path.score, np.nan)))
        axes.set_ylim(low - 0.35 * (best - low), best + 0.5 * (best - low) + 1e-9)
        axes.set_ylabel("log score\n(nats, an observation)")
    if path.best_evidence is not None:
        other = axes.twinx() if path.best_score is not None else axes
        other.plot(path.strength, path.log_evidence, color=METHOD_COLOURS["exact"], linewidth=1.2)
        highest = path.log_evidence[path.best_evidence]
        other.set_ylim(highest - 40, highest + 4)
        other.set_ylabel("log evidence (nats)", color=METHOD_COLOURS["exact"])
        other.spines["right"].set_visible(True)


def _lines(axes: Axes, path: Path, *, labelled: bool) -> None:
    """Mark the steps that are best, and the scale of the configuration."""
    for name, step, colour, style in (
        ("best score", path.best_score, METHOD_COLOURS["nuts"], "--"),
        ("within 1 se", path.one_error, METHOD_COLOURS["nuts"], ":"),
        ("best evidence", path.best_evidence, METHOD_COLOURS["exact"], "--"),
    ):
        if step is not None:
            label = f"{name}: {path.nonzero[step]} not 0" if labelled else None
            axes.axvline(path.strength[step], color=colour, linestyle=style, linewidth=1, label=label)
    given = configured_strength(path)
    if path.strength[-1] <= given <= path.strength[0]:
        label = "configuration" if labelled else None
        axes.axvline(given, color=INK, linestyle="-", linewidth=0.8, label=label)
    if labelled:
        axes.legend(loc="best")


def configured_strength(path: Path) -> float:
    """Lambda of the configuration's prior."""
    return 1 / path.configured if path.distribution == "Laplace" else 0.5 / path.configured**2


def _scale_axis(axes: Axes, path: Path, depth: float) -> None:
    """Put the prior scale below lambda: b = 1 / lambda, or tau = sqrt(1 / (2 lambda))."""

    def scale(strength: Any) -> Any:
        positive = np.maximum(strength, 1e-300)
        return 1 / positive if path.distribution == "Laplace" else np.sqrt(0.5 / positive)

    def strength(scale: Any) -> Any:
        positive = np.maximum(scale, 1e-150)
        return 1 / positive if path.distribution == "Laplace" else 0.5 / positive**2

    name, formula = ("b", "1 / b") if path.distribution == "Laplace" else ("tau", "1 / (2 tau^2)")
    axes.set_xlabel(f"lambda = {formula}")
    plain_ticks(axes.xaxis)
    below = axes.secondary_xaxis(depth, functions=(scale, strength))
    plain_ticks(below.xaxis)
    below.set_xlabel(f"prior scale {name} of {path.distribution}(0, {name})")


def _alt(path: Path) -> str:
    ends = f"{compact(path.strength[-1], 3)} to {compact(path.strength[0], 3)}"
    parts = [f"Paths of {len(path.members)} coefficients over lambda from {ends}"]
    if path.best_score is not None:
        parts.append(
            f"the cross-validated score is best at lambda {compact(path.strength[path.best_score], 3)}"
        )
    if path.best_evidence is not None:
        parts.append(f"the evidence at {compact(path.strength[path.best_evidence], 3)}")
    return "; ".join(parts) + "."
