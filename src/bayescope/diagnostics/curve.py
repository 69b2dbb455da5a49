"""The response against a single numeric predictor: what each method predicts along it, with the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope.data.new_rows import predictors_of
from bayescope.data.table import Table
from bayescope.diagnostics.records import Record
from bayescope.errors import DataError
from bayescope.inference.fit import Fit
from bayescope.inference.predictive import Predictive
from bayescope.models.blueprint import blueprint
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

PLACES = 60
MOST_POINTS = 500
_BAND = 0.89


class Curve(Record):
    """What one method predicts: the mean of a new response at each place, and a band if a posterior."""

    method: str
    mean: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()


class CurveView(Record):
    """The places along the predictor, the curves there, and the data (some 500 where there are more).

    `band` says what has a probability of 89 %: "a new observation", or for a response of 0 and 1
    "the probability".
    """

    predictor: str
    response: str
    places: tuple[float, ...]
    curves: tuple[Curve, ...]
    band: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def curve_view(model: Model, fits: Sequence[Fit], table: Table) -> CurveView | None:
    """Predict along the only predictor of a model; None where it is not one number, or no method answered.

    Bands are central 89 % intervals of the posterior predictive distribution; of a response of 0 and 1,
    of the posterior of its probability.
    """
    name = _only_predictor(model, table)
    answered = [fit for fit in fits if fit.answered and fit.blueprint]
    if name is None or not answered:
        return None
    x = table.columns[name].astype(np.float64)
    places = np.linspace(x.min(), x.max(), PLACES)
    binary = model.likelihood.name == "Bernoulli"
    try:
        curves = tuple(_curve(fit, name, places, binary=binary) for fit in answered)
    except (
        DataError
    ):  # the formula is not defined between the data: 1 / x across 0, or a column of categories
        return None
    shown = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(np.intp))
    return CurveView(
        predictor=name,
        response=model.response.name,
        places=tuple(places.tolist()),
        curves=curves,
        band="the probability" if binary else "a new observation",
        x=tuple(x[shown].tolist()),
        y=tuple(model.response.values[shown].tolist()),
    )


def _only_predictor(model: Model, table: Table) -> str | None:
    """Name the only column that predictions need, where it is numeric and the response is a number."""
    head = model.likelihood
    if model.encodings is None or model.groups or head.multivariate or head.categorical or head.needs_trials:
        return None
    names = predictors_of(blueprint(model))
    if (
        len(names) != 1
        or table.columns[names[0]].dtype.kind not in "if"
        or np.ptp(table.columns[names[0]]) == 0
    ):
        return None
    return names[0]


def _curve(fit: Fit, name: str, places: Floats, *, binary: bool) -> Curve:
    found = fit.predictive({name: places.tolist()})
    mean = tuple(np.asarray(found.mean).tolist())
    if fit.kind == "point" or not isinstance(found, Predictive):
        return Curve(method=fit.name, mean=mean)
    tail = 0.5 * (1.0 - _BAND)
    ends = np.quantile(found.component.mean, [tail, 1.0 - tail], axis=0) if binary else found.interval(_BAND)
    lower, upper = (tuple(np.broadcast_to(end, len(places)).tolist()) for end in ends)
    return Curve(method=fit.name, mean=mean, lower=lower, upper=upper)
