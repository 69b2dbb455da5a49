"""Are predicted probabilities the frequencies that are seen? Calibration of a response of 0 and 1.

Events are regressed on their leave-one-out probabilities by an isotonic curve (pool adjacent violators); the
Brier score splits into

    mean (p - y)^2 = miscalibration - discrimination + uncertainty

by the scores of the recalibrated probabilities and of the overall rate (CORP: Dimitriadis, Gneiting and
Jordan 2021, PNAS 118(8)). Bands and the p-value are of events simulated from the probabilities themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.estimates import INTERVAL
from bayescope.diagnostics.loo import Loo, left_out_rows
from bayescope.diagnostics.records import Check, Record, make_check
from bayescope.distributions.supports import BINARY
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

EXTREME_P = 0.005

_SIMULATIONS = 400
_PLACES = 60
_STRIPS = 200
_MOST = 20_000


class EventCalibration(Record):
    """Predicted probabilities against events, each row left out.

    Attributes:
        method: the recipe whose posterior predicts.
        brier: the mean squared error of the probabilities, and its parts.
        auc: the probability that a row with the event has the larger prediction of two.
        p: the probability of as large a miscalibration, were the probabilities right.
        places: predicted probabilities, rising; `events`, the isotonic frequencies there, and the ends of an
            89 % band for them, were the probabilities right.
        predicted: probabilities of up to 200 groups of rows of about equal size, rising, and `happened`, the
            share of events in each: a separation plot.
    """

    method: str
    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    auc: float
    p: float
    places: tuple[float, ...]
    events: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    predicted: tuple[float, ...]
    happened: tuple[float, ...]


def event_calibration(model: Model, found: Loo | None, seed: int) -> EventCalibration | None:
    """Compare leave-one-out probabilities with events; None for other responses, and without predictors."""
    if found is None or found.elpd is None or model.likelihood.response != BINARY or not _varies(model):
        return None
    p, y = _predictions(model, found)
    rate = float(y.mean()) if len(y) else 0.0
    if not 0.0 < rate < 1.0:
        return None
    curve = isotonic(y)
    brier, recalibrated = _score(p, y), _score(curve, y)
    null, excess = _simulate(p, np.random.default_rng([seed, 5]))
    strips = np.array_split(np.arange(len(p)), min(_STRIPS, len(p)))
    places = np.unique(np.linspace(0, len(p) - 1, _PLACES).astype(np.intp))
    lower, upper = np.quantile(null[:, places], INTERVAL, axis=0)
    return EventCalibration(
        method=found.method,
        brier=brier,
        miscalibration=brier - recalibrated,
        discrimination=rate * (1.0 - rate) - recalibrated,
        uncertainty=rate * (1.0 - rate),
        auc=_auc(p, y),
        p=float((1 + np.sum(excess >= brier - recalibrated)) / (1 + len(excess))),
        places=tuple(p[places].tolist()),
        events=tuple(curve[places].tolist()),
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
        predicted=tuple(float(p[part].mean()) for part in strips),
        happened=tuple(float(y[part].mean()) for part in strips),
    )


def _varies(model: Model) -> bool:
    """Tell whether rows differ in what is predicted: else leaving an event out lowers its own prediction."""
    matrix = model.location.matrix
    return matrix is not None and bool((np.ptp(matrix, axis=0) > 0).any())


def _predictions(model: Model, found: Loo) -> tuple[Floats, Floats]:
    """Return probabilities of a 1, rising, and the events, of the observations of the rows left out.

    Of more than 20,000 observations of repeated rows there are none.
    """
    counts = np.rint(found.weight).astype(np.int64)
    if counts.sum() > _MOST:
        return np.empty(0), np.empty(0)
    y, density = model.response.values[left_out_rows(model)], np.minimum(np.exp(found.log_density), 1.0)
    p = np.repeat(np.where(y == 1, density, 1.0 - density), counts)
    order = np.argsort(p, kind="stable")
    return p[order], np.repeat(y, counts)[order]


def isotonic(y: Floats) -> Floats:
    """Return the rising sequence nearest to y in squares, shape (n,), by pooling adjacent violators."""
    import scipy.optimize

    return np.asarray(scipy.optimize.isotonic_regression(y).x)


def _score(p: Floats, y: Floats) -> float:
    return float(np.mean(np.square(p - y)))


def _simulate(p: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Simulate events from the probabilities: isotonic curves (M, n), and their miscalibrations (M,)."""
    events = (rng.uniform(size=(_SIMULATIONS, len(p))) < p).astype(np.float64)
    curves = np.array([isotonic(each) for each in events])
    pairs = zip(events, curves, strict=True)
    return curves, np.array([_score(p, each) - _score(curve, each) for each, curve in pairs])


def _auc(p: Floats, y: Floats) -> float:
    """Return P(prediction of an event > that of none) + P(equal) / 2."""
    _, group = np.unique(p, return_inverse=True)
    events, others = np.bincount(group, y), np.bincount(group, 1.0 - y)
    below = np.cumsum(others) - others
    return float(events @ (below + others / 2.0) / (events.sum() * others.sum()))


def check_calibration(found: EventCalibration | None) -> tuple[Check, ...]:
    """Note predicted probabilities that are not the frequencies of the events."""
    if found is None:
        return ()
    wrong = found.p < EXTREME_P
    return (
        make_check(
            found.method,
            "calibration",
            "note" if wrong else "pass",
            value=found.p,
            threshold=EXTREME_P,
            message=(
                f"Predicted probabilities are not the frequencies of events: {found.miscalibration:.2g} of "
                f"the Brier score of {found.brier:.3g} (p = {found.p:.2g})."
                if wrong
                else ""
            ),
            advice="The calibration curve shows where: a term that bends (a spline), or another link.",
        ),
    )
