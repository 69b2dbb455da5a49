"""What a point estimate hides: where it stands in the posterior, and how much of that it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayescope.data.terms import INTERCEPT
from bayescope.diagnostics.estimates import INTERVAL, quantiles
from bayescope.diagnostics.held_out import HeldOut, held_out
from bayescope.diagnostics.records import Record, finite
from bayescope.inference.fit import Fit
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

FAR = 0.5
"""A point farther from the posterior mean, in posterior sds, is not its middle."""

_MOST = 30


class Hidden(Record):
    """One unknown: its posterior, and where the points stand in it.

    Attributes:
        parameter: its name.
        mean, sd: of the posterior.
        lower, upper: ends of the central 89 % interval, which a point leaves out.
        positions: (point - mean) / sd by name: each point method's, and "median".
    """

    parameter: str
    mean: float
    sd: float
    lower: float
    upper: float
    positions: dict[str, float]

    @property
    def width(self) -> float:
        """The width of the 89 % interval, in the unknown's own unit."""
        return self.upper - self.lower

    @property
    def relative_width(self) -> float:
        """The width as a share of the mean's size; inf where that is 0."""
        return self.width / abs(self.mean) if self.mean else float("inf")


class PointView(Record):
    """The points of a run against its reference posterior, and one sentence of advice."""

    method: str
    rows: tuple[Hidden, ...]
    held_out: HeldOut
    advice: str


def point_view(model: Model, fits: Sequence[Fit], reference: Fit, seed: int) -> PointView | None:
    """Compare mle and map with the reference posterior; None without either, or for hypotheses."""
    points = [fit for fit in fits if fit.kind == "point" and fit.answered and fit.method in {"mle", "map"}]
    if not points or model.hypotheses or networks(model):
        return None
    rows = _rows(model, points, reference)
    losses = held_out(model, points, reference, seed)
    return PointView(method=reference.name, rows=rows, held_out=losses, advice=_advice(rows, losses))


def _rows(model: Model, points: Sequence[Fit], reference: Fit) -> tuple[Hidden, ...]:
    """Lay the points beside the posterior, the effects of groups left out."""
    effects = {name for group in model.groups for name in group.effects}
    shown = [i for block in model.blocks if block.name not in effects for i in range(block.start, block.stop)]
    mean, sd = np.asarray(reference.estimate), reference.sd
    if sd is None:
        return ()
    ends = quantiles(reference, np.array([INTERVAL[0], 0.5, INTERVAL[1]]))
    known = [i for i in shown if np.isfinite([mean[i], sd[i], *ends[i]]).all() and sd[i] > 0]
    return tuple(
        Hidden(
            parameter=model.names[i],
            mean=float(mean[i]),
            sd=float(sd[i]),
            lower=float(ends[i][0]),
            upper=float(ends[i][2]),
            positions={
                name: float((value - mean[i]) / sd[i])
                for name, value in (
                    *((fit.name, np.asarray(fit.estimate)[i]) for fit in points),
                    ("median", ends[i][1]),
                )
                if finite(float(value)) is not None
            },
        )
        for i in known[:_MOST]
    )


def _advice(rows: Sequence[Hidden], losses: HeldOut) -> str:
    """Say in one sentence whether the points are enough: to predict with, and to state what is known."""
    parts = [part for part in (_of_prediction(losses), _of_position(rows), _of_width(rows)) if part]
    if not parts:
        return ""
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _of_prediction(losses: HeldOut) -> str:
    impossible = [loss.method for loss in losses.losses if loss.total is None]
    if impossible:
        return f"predict by the posterior: {impossible[0]} calls a row impossible that was held out"
    lost = [loss for loss in losses.losses if (loss.total or 0.0) > 2.0 * (loss.se or 0.0)]
    if lost:
        worst = max(lost, key=lambda loss: loss.total or 0.0)
        lost_nats = f"{_written(worst.total or 0.0)} ± {_written(worst.se or 0.0)} nats of log score"
        return f"predict by the posterior: {worst.method} loses {lost_nats}"
    return "to predict with, a point is as good as the posterior here" if losses.losses else ""


def _of_position(rows: Sequence[Hidden]) -> str:
    places = [(abs(z), name, row) for row in rows for name, z in row.positions.items() if name != "median"]
    if not places:
        return ""
    distance, name, row = max(places, key=lambda place: place[0])
    if distance < FAR:
        return ""
    return f"{name} of {row.parameter} stands {_written(distance)} posterior sd from the mean"


def _of_width(rows: Sequence[Hidden]) -> str:
    named = [row for row in rows if not row.parameter.startswith(INTERCEPT)] or rows
    if not named:
        return ""
    widest = max(named, key=lambda row: row.relative_width)
    return (
        f"a point hides most of {widest.parameter}, which is from {_written(widest.lower, 3)} to "
        f"{_written(widest.upper, 3)} with 89 % probability"
    )


def _written(value: float, digits: int = 2) -> str:
    """Write a number to so many digits, but a large one whole: 172 and not 1.7e+02."""
    return f"{value:.0f}" if 10**digits - 0.5 <= abs(value) < 1e7 else f"{value:.{digits}g}"
