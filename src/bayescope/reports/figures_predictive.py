"""Does the model reproduce the data? Observed counts against those of replicated data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from bayescope.config.counts import whole
from bayescope.diagnostics.records import PredictiveCheck
from bayescope.inference.fit import Floats
from bayescope.reports.formatting import plain, shorten, shorten_apart
from bayescope.reports.record import RunRecord
from bayescope.reports.style import INK, Picture, colour_of, legend_above, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHARACTERS = 60  # so many are as long as the axis, with room between the labels
_MOST_SLANTED, _MOST_UPRIGHT = 15, 32


def predictive_figure(record: RunRecord, check: PredictiveCheck, method: str) -> Picture:
    """Draw the observed counts with 89 % bands of replicated counts: bars for a few whole numbers.

    `method` is the method behind the recipe whose posterior was replicated from; it has its colour.
    """
    figure = new_figure(5.1, 2.8)
    axes = figure.add_subplot()
    _DRAWN[check.kind](axes, check, colour_of(method))
    what = plain(check.quantity or record.model.response)
    axes.set(xlabel=shorten(what, 60 if check.quantity else 40))
    legend_above(axes)
    alt = (
        f"Observed counts of {what} and 89 % bands of {whole(check.replicates)} "
        f"data sets replicated from the posterior of {check.method}; "
        f"{_outside(check)} of {len(check.observed)} bins lie outside."
    )
    return picture(figure, "predictive", "Posterior predictive check", alt)


def _outside(check: PredictiveCheck) -> int:
    triples = zip(check.observed, check.lower, check.upper, strict=True)
    return sum(not low <= seen <= high for seen, low, high in triples)


def _is_discrete(check: PredictiveCheck) -> bool:
    """Bins of width one around whole numbers hold one value each."""
    edges = np.asarray(check.edges)
    return len(edges) <= 16 and bool(np.allclose(np.diff(edges), 1) and np.allclose(edges % 1, 0.5))


def _bars(axes: Axes, check: PredictiveCheck, colour: str) -> None:
    centres = (np.asarray(check.edges[:-1]) + np.asarray(check.edges[1:])) / 2
    axes.bar(centres, check.observed, width=0.6, color="#c9d1d9", label="observed")
    median = np.asarray(check.median)
    spread = np.vstack([median - np.asarray(check.lower), np.asarray(check.upper) - median])
    axes.errorbar(
        centres,
        median,
        np.maximum(spread, 0),
        fmt="o",
        color=colour,
        capsize=4,
        markersize=4,
        label="replicated, 89 %",
    )
    axes.set_ylim(0, None)
    axes.set_ylabel("observations")
    _name_bins(axes, centres, [plain(label) for label in check.labels])
    axes.set_xlim(centres[0] - 0.8, centres[-1] + 0.8)


def _name_bins(axes: Axes, centres: Floats, labels: Sequence[str]) -> None:
    """Write labels side by side, at a slant where they are too long for that, and upright where too many."""
    names = shorten_apart(labels, 24) if labels else [f"{centre:.0f}" for centre in centres]
    if len(names) * max(map(len, names)) <= _CHARACTERS:
        axes.set_xticks(centres, names)
    elif len(names) <= _MOST_SLANTED:
        axes.set_xticks(centres, names, rotation=30, ha="right", rotation_mode="anchor")
    else:
        step = -(-len(names) // _MOST_UPRIGHT)
        axes.set_xticks(centres[::step], names[::step], rotation=90)


def _histogram(axes: Axes, check: PredictiveCheck, colour: str) -> None:
    edges = np.asarray(check.edges)
    axes.stairs(
        check.upper,
        edges,
        baseline=np.asarray(check.lower),
        fill=True,
        color=colour,
        alpha=0.22,
        label="replicated, 89 %",
    )
    axes.stairs(check.median, edges, color=colour, linewidth=1.1, baseline=None, label="replicated, median")
    axes.stairs(check.observed, edges, color=INK, linewidth=1.5, baseline=None, label="observed")
    axes.set_ylim(0, None)
    axes.set_ylabel("observations")


def _rootogram(axes: Axes, check: PredictiveCheck, colour: str) -> None:
    """Hang the root of each observed count from that of the replicated one: a good fit ends near 0.

    Roots make counts of any size equally uncertain (Kleiber and Zeileis 2016, American Statistician 70(3)).
    """
    axes.use_sticky_edges = False  # a bar begins at a point, which the top of the axes would cut
    edges = np.asarray(check.edges)
    centres, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    expected, seen = np.sqrt(check.median), np.sqrt(check.observed)
    axes.bar(centres, -seen, bottom=expected, width=0.8 * width, color="#c9d1d9", label="observed, hung")
    axes.plot(centres, expected, color=colour, marker="o", markersize=3, label="replicated, median")
    axes.fill_between(
        centres,
        expected - np.sqrt(check.upper),
        expected - np.sqrt(check.lower),
        color=colour,
        alpha=0.22,
        linewidth=0,
        label="ends of bars, 89 %",
    )
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set_ylabel("root of observations")


def _vectors(axes: Axes, check: PredictiveCheck, colour: str) -> None:
    (_bars if _is_discrete(check) else _histogram)(axes, check, colour)


_DRAWN: Mapping[str, Callable[[Axes, PredictiveCheck, str], None]] = MappingProxyType(
    {
        "amounts": _histogram,
        "counts": _rootogram,
        "binary": _bars,
        "categories": _bars,
        "vectors": _vectors,
    }
)
"""How the replicated data of each kind of response are drawn against the data."""
