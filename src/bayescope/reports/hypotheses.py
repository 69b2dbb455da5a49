"""Finite hypotheses for reading: their table, what was learned, the loss, and a bar chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bayescope.config.counts import whole
from bayescope.diagnostics.hypotheses import HypothesesView, HypothesisRow
from bayescope.inference.fit import Fit
from bayescope.inference.hypotheses import weigh
from bayescope.models.model import Model
from bayescope.reports.formatting import DASH, compact, decimals_for, number, plain, shorten, significant
from bayescope.reports.record import LossView, Penalty, RunRecord, Step
from bayescope.reports.style import (
    INK,
    METHOD_COLOURS,
    METHOD_MARKERS,
    PRIOR,
    Picture,
    colour_of,
    new_figure,
    picture,
)
from bayescope.reports.tables import TextTable, text_table

HYPOTHESES_NOTE = (
    "The surprise of the data is -log2 of their probability (or density) under a hypothesis: one bit more "
    "halves it. The Bayes factor is the ratio of that probability to the best hypothesis's, and the odds are "
    "of a hypothesis against all the others together."
)
_MOST_BARS = 24
_LINES = tuple((colour, METHOD_MARKERS.get(method, "X")) for method, colour in METHOD_COLOURS.items())


def hypotheses_table(record: RunRecord) -> TextTable:
    """The hypotheses side by side; empty for a model without any."""
    view = record.hypotheses
    bits = () if view is None else [row.surprise_bits for row in view.rows]
    decimals = decimals_for(bits, ())
    rows = [] if view is None else [_row(row, decimals) for row in view.rows]
    numeric = "prior|surprise, bits|Bayes factor|posterior|posterior odds"
    return text_table(f"hypothesis|distribution|{numeric}", rows, numeric)


def _row(row: HypothesisRow, decimals: int | None) -> tuple[str, ...]:
    impossible = row.surprise_bits is None
    return (
        plain(row.name),
        shorten(plain(row.distribution), 60),
        compact(row.prior, 6),
        "impossible" if impossible else number(row.surprise_bits, decimals),
        "0" if impossible else significant(row.bayes_factor),
        _probability(row.posterior),
        _odds(row),
    )


def _probability(value: float | None) -> str:
    if value is None:
        return DASH
    return number(value, 6) if value == 0.0 or value >= 1e-4 else significant(value)


def _odds(row: HypothesisRow) -> str:
    if row.posterior is None:
        return DASH
    return "∞" if row.posterior_odds is None else significant(row.posterior_odds)


def learned_sentence(record: RunRecord) -> str:
    """Say how uncertain the choice was and is, and what the data taught; "" where that is not defined."""
    view = record.hypotheses
    if view is None or view.bits_learned is None or view.posterior_entropy_bits is None:
        return ""
    return (
        f"Which hypothesis is true had an entropy of {number(view.prior_entropy_bits, 4)} bits before the "
        f"data and has {number(view.posterior_entropy_bits, 4)} after them; the data taught "
        f"{number(view.bits_learned, 4)} bits, KL(posterior || prior)."
    )


def hypotheses_loss(model: Model, fits: Sequence[Fit]) -> LossView:
    """Describe a choice between hypotheses as a loss: the surprise of the data, and of the choice itself.

    Totals are in nats, at the choice of each point method: `nll` is -log p(y | h), `penalty` is -log p(h).
    """
    found = weigh(model)
    with np.errstate(divide="ignore"):
        penalties = 0.0 - np.log(found.prior)
    chosen = {fit.name: model.names.index(fit.details["choice"]) for fit in fits if "choice" in fit.details}
    return LossView(
        loss=model.likelihood.loss,
        formula=model.likelihood.loss_formula,
        penalties=tuple(
            Penalty(
                parameters=(plain(name),),
                prior=f"probability {compact(p, 6)}",
                name="surprise of the choice",
                formula=f"-log({compact(p, 6)}) = {significant(penalty) if p else '∞'}",
                value=None,
            )
            for name, p, penalty in zip(model.names, found.prior.tolist(), penalties.tolist(), strict=True)
        ),
        equivalents=(),
        totals={
            name: {
                "nll": (nll := 0.0 - float(found.log_likelihood[k])),
                "penalty": (penalty := float(penalties[k])),
                "total": nll + penalty,
            }
            for name, k in chosen.items()
        },
    )


def hypotheses_figure(view: HypothesesView) -> Picture:
    """Draw the prior and posterior probability of each hypothesis as bars, the most probable first."""
    rows = sorted(view.rows, key=lambda row: -(row.posterior if row.posterior is not None else row.prior))
    shown = rows[:_MOST_BARS]
    figure = new_figure(5.0, 0.9 + 0.42 * len(shown))
    axes = figure.add_subplot()
    places = np.arange(len(shown))
    axes.barh(places - 0.18, [row.prior for row in shown], height=0.3, color=PRIOR, label="prior")
    axes.barh(
        places + 0.18,
        [row.posterior or 0.0 for row in shown],
        height=0.3,
        color=colour_of("exact"),
        label="posterior",
    )
    axes.set_yticks(places, [shorten(plain(row.name), 30) for row in shown], color=INK)
    axes.set_ylim(len(shown) - 0.45, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability")
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    answers = "; ".join(
        f"{plain(row.name)} {compact(row.prior, 4)} before and {_probability(row.posterior)} after the data"
        for row in shown
    )
    more = f" The other {len(rows) - len(shown)} are not drawn." if len(rows) > len(shown) else ""
    alt = f"Probability of each hypothesis: {answers}.{more}"
    return picture(figure, "posterior", "Prior and posterior probabilities", alt)


def hypotheses_path_figure(view: HypothesesView, steps: Sequence[Step]) -> Picture:
    """Draw the probability of each hypothesis as the data arrived, from its prior on; of many, a few."""
    rows = sorted(view.rows, key=lambda row: -(row.posterior if row.posterior is not None else row.prior))
    shown = rows[: len(_LINES)]
    figure = new_figure(10.4, 2.7)
    axes = figure.add_subplot()
    places = np.arange(len(steps) + 1)
    for row, (colour, marker) in zip(shown, _LINES, strict=False):
        path = _path(row, steps)
        axes.plot(places, path, color=colour, marker=marker, markersize=4, linewidth=1.2)
        axes.annotate(
            shorten(plain(row.name), 24),
            (places[-1], path[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )
    ticks = sorted({round(place) for place in np.linspace(0, len(steps), min(len(steps) + 1, 12)).tolist()})
    totals = [0, *(step.total for step in steps)]
    axes.set_xticks(ticks, [whole(totals[k]) for k in ticks])
    axes.set_ylim(-0.03, 1.03)
    axes.set(xlabel="observations so far", ylabel="probability")
    answers = [
        f"{plain(row.name)} from {compact(row.prior, 4)} to {_probability(row.posterior)}" for row in shown
    ]
    alt = f"Probability of each hypothesis as the data arrived: {'; '.join(answers)}."
    return picture(figure, "updates", "The hypotheses as the data arrived", alt, wide=True)


def _path(row: HypothesisRow, steps: Sequence[Step]) -> list[float]:
    """The probability of a hypothesis before the data and after each step; nan where no method has it."""
    beliefs = [belief for step in steps for belief in step.beliefs if belief.parameter == row.name]
    return [row.prior, *(math.nan if belief.mean is None else belief.mean for belief in beliefs)]
