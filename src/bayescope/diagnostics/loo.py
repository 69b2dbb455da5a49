"""Leave-one-out cross-validation from posterior draws, with Pareto-smoothed importance weights (PSIS-LOO).

    p(y_i | y_-i) ~ sum_s W_is p(y_i | theta_s),     W_is ~ p(y_i | theta_s)^-min(w_i, 1), smoothed
    elpd = sum_i w_i log p(y_i | y_-i),     p_loo = sum_i w_i log p(y_i | y) - elpd

Each row is left out once (one of its repetitions, if its weight w_i is above 1; all that it counts, if below)
and predicted from the others.
Sources: Vehtari, Gelman and Gabry (2017), Statistics and Computing 27, 1413-1432; of a sample of rows, the
difference estimator of Magnusson, Vehtari, Jonasson and Andersen (2020), AISTATS 108.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bayescope.diagnostics.records import Record, finite
from bayescope.inference.fit import Fit
from bayescope.inference.log_densities import pointwise
from bayescope.models.density import pointwise_log_likelihood
from bayescope.models.model import Model
from bayescope.models.rows import take
from bayescope.sampling.importance import pareto_k_limit
from bayescope.sampling.pareto import smooth_tails

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp]
type Numbers = NDArray[np.int64]

FEWEST_DRAWS = 25
_CELLS = 400_000  # rows x draws at a time: a few arrays of 3 MB
_MOST_CELLS = 1_000_000  # rows x draws of a run; for more, draws are thinned evenly, but not to fewer than
_LEAST_DRAWS = 1000
_MOST_ROWS = 4000  # of a run; of more, a sample of so many
_MOST_NAMED = 5


class Influential(Record):
    """A row without which the posterior would be another: its number in the data, and its Pareto k."""

    row: int
    pareto_k: float


class Loo(Record):
    """How well a model predicts rows that it has not seen, nats; None where a density is 0 or undefined.

    Attributes:
        method: the recipe whose draws were used.
        draws: how many of them.
        observations: how many the data have, repetitions counted.
        rows: how many rows were left out in turn; a random sample where the data have more.
        elpd: the sum of log predictive densities of all observations, each predicted from the others.
        se: its standard error, by which it would vary between data sets.
        mcse: its Monte Carlo standard error, that of independent draws, and of the sample of rows.
        p_loo: the effective number of parameters.
        k_limit: the largest Pareto k that can be trusted with so many draws.
        largest_k: the largest that was found.
        influential: rows with a larger k, the largest first; five at most, of `beyond_limit`.
        row: numbers of the rows in the data; this and what follows are in loo.csv, not in run.json.
        weight: how often each occurs.
        log_density: log p(y_i | y_-i).
        pareto_k: of each row.
        plug_in: log p(y_i | posterior mean), which has seen y_i.
    """

    method: str
    draws: int
    observations: float
    rows: int
    sampled: bool
    elpd: float | None
    se: float | None
    mcse: float | None
    p_loo: float | None
    k_limit: float
    largest_k: float
    beyond_limit: int
    influential: tuple[Influential, ...]
    row: tuple[int, ...] = Field(default=(), exclude=True, repr=False)
    weight: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    log_density: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    pareto_k: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    plug_in: tuple[float, ...] = Field(default=(), exclude=True, repr=False)

    @property
    def log_score(self) -> float | None:
        """The mean log predictive density of an observation, nats."""
        return None if self.elpd is None else self.elpd / self.observations


class LeftOut(NamedTuple):
    """Some rows, each left out in turn: their model, log p(y_i | theta_s), and log W_is, shape (m, S)."""

    model: Model
    log_likelihood: Floats
    log_weights: Floats
    pareto_k: Floats


def loo(model: Model, fit: Fit, row_numbers: Numbers | None = None, *, whole: bool = False) -> Loo | None:
    """Predict each row from the others, by the draws of a posterior; None without 25 of them.

    Of more than a million rows times draws every k-th draw is used, but at least 1000 of them; of more than
    4000 rows a random sample, the same for all models of the same data. `whole` uses all rows and draws. A
    part of the rows is in memory at a time. `row_numbers` name the rows, shape (n,); else they count from 1.
    """
    if fit.draws is None or fit.draws[..., 0].size < FEWEST_DRAWS or model.hypotheses:
        return None
    size = len(model.response.values)
    places = np.arange(size) if whole else left_out_rows(model)
    thetas = _thinned(fit.draws, len(places), whole=whole)
    parts = [_pointwise(part) for part in left_out(model, thetas, places)]
    each = _Pointwise(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    weights = np.ones(size) if model.response.weights is None else np.asarray(model.response.weights, float)
    numbers = (np.arange(1, 1 + size) if row_numbers is None else row_numbers)[places]
    plug_in = _plug_in(model, fit)
    return Loo(
        method=fit.name,
        draws=len(thetas),
        observations=float(weights.sum()),
        rows=len(places),
        sampled=len(places) < size,
        **_totals(weights, plug_in, places, each),
        **_influence(weights[places], each.pareto_k, numbers, pareto_k_limit(len(thetas))),
        row=tuple(numbers.tolist()),
        weight=tuple(weights[places].tolist()),
        log_density=tuple(each.elpd.tolist()),
        pareto_k=tuple(each.pareto_k.tolist()),
        plug_in=tuple(plug_in[places].tolist()),
    )


class _Pointwise(NamedTuple):
    elpd: Floats
    lppd: Floats
    variance: Floats  # Monte Carlo, of elpd
    pareto_k: Floats


def left_out(model: Model, thetas: Floats, places: Positions) -> Iterator[LeftOut]:
    """Leave out the rows at `places`, a part at a time, given draws of shape (S, d)."""
    step, ends = max(1, _CELLS // len(thetas)), _sets_an_end(model)[places]
    for start in range(0, len(places), step):
        rows = slice(start, start + step)
        part = take(model, places[rows])
        log_likelihood = pointwise(part, thetas)
        log_weights, k = smooth_tails(-_share(part.response.weights, log_likelihood))
        yield LeftOut(part, log_likelihood, log_weights, np.where(ends[rows], np.inf, k))


def _sets_an_end(model: Model) -> NDArray[np.bool_]:
    """Mark the rows that keep an unknown from where it could be without them, and where there is no draw.

    Such are the largest and the smallest response of a Uniform, unless they occur twice.
    """
    y, weights = model.response.values, model.response.weights
    times, found = np.ones(len(y)) if weights is None else weights, np.zeros(len(y), dtype=bool)
    bounds = model.likelihood.bounds(model.response.occurring)
    for predictor in model.predictors:
        for end in bounds.get(predictor.parameter, ()) if len(predictor.index) else ():
            rows = (y == end) & (times > 0)
            if times[rows].sum() <= 1.0:
                found |= rows
    return found


def _share(weights: Floats | None, log_likelihood: Floats) -> Floats:
    """Return what a row left out had in the log posterior, shape (m, S): one of its repetitions at most."""
    if weights is None:
        return log_likelihood
    share = np.minimum(weights, 1.0)[:, np.newaxis]
    return np.multiply(share, log_likelihood, out=np.zeros_like(log_likelihood), where=share > 0)


def left_out_rows(model: Model) -> Positions:
    """Return the positions of the rows that a run leaves out, rising: all, or a sample of 4000.

    The sample depends on the number of rows alone: models of the same data are compared on the same rows.
    """
    rows = len(model.response.values)
    if rows <= _MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(rows).choice(rows, _MOST_ROWS, replace=False))


def _thinned(draws: Floats, rows: int, *, whole: bool) -> Floats:
    flat = draws.reshape(-1, draws.shape[-1])
    step = min(-(-rows * len(flat) // _MOST_CELLS), len(flat) // _LEAST_DRAWS)
    return flat if whole else flat[:: max(step, 1)]


def _pointwise(part: LeftOut) -> _Pointwise:
    with np.errstate(all="ignore"):
        elpd, terms = _log_sum(part.log_weights + part.log_likelihood)
        lppd = _log_sum(part.log_likelihood)[0] - np.log(part.log_likelihood.shape[1])
        variance = np.square(terms - np.exp(part.log_weights)).sum(axis=1)
    return _Pointwise(elpd, lppd, variance, part.pareto_k)


def _log_sum(values: Floats) -> tuple[Floats, Floats]:
    """Return log sum exp of each row, shape (m,), and the terms as shares of the sum, shape (m, S)."""
    largest = values.max(axis=1, keepdims=True)
    terms = np.exp(values - largest)
    total = terms.sum(axis=1, keepdims=True)
    return np.asarray(largest + np.log(total))[:, 0], terms / total


def _totals(weights: Floats, plug_in: Floats, places: Positions, each: _Pointwise) -> dict[str, float | None]:
    """Sum over all observations: of a sample of rows, what it says of the differences to `plug_in`."""
    own, total, size = weights[places], float(weights.sum()), len(weights)
    expansion = size / len(places)
    with np.errstate(all="ignore"):
        rest = np.where(own > 0, own * (each.elpd - plug_in[places]), 0.0)
        sampling = size**2 * (1.0 - 1.0 / expansion) * rest.var(ddof=min(1, len(rest) - 1)) / len(rest)
        deviations = each.elpd - _dot(own, each.elpd) / own.sum()
        variance = _dot(own, np.square(deviations)) / max(own.sum() - 1.0, 1.0)
        found = {
            "elpd": _dot(weights, plug_in) + expansion * rest.sum(),
            "se": np.sqrt(total * variance),
            "mcse": np.sqrt(expansion * _dot(np.square(own), each.variance) + sampling),
            "p_loo": expansion * _dot(own, each.lppd - each.elpd),
        }
    return {name: finite(float(value)) for name, value in found.items()}


def _influence(weights: Floats, pareto_k: Floats, numbers: Numbers, limit: float) -> dict[str, Any]:
    """Name the rows that carry the posterior by themselves, of those that occur."""
    k = np.where(weights > 0, pareto_k, -np.inf)
    beyond = [i for i in np.argsort(-k, kind="stable").tolist() if k[i] > limit]
    named = [Influential(row=int(numbers[i]), pareto_k=float(k[i])) for i in beyond[:_MOST_NAMED]]
    return {
        "k_limit": limit,
        "largest_k": float(k.max()),
        "beyond_limit": len(beyond),
        "influential": tuple(named),
    }


def _plug_in(model: Model, fit: Fit) -> Floats:
    """Return log p(y_i | posterior mean) of all rows, shape (n,); 0 where one of them is no number."""
    found = pointwise_log_likelihood(model, np.asarray(fit.estimate))
    return np.asarray(found if np.isfinite(found).all() else np.zeros(len(found)))


def _dot(weights: Floats, values: Floats) -> float:
    return float(np.sum(np.multiply(weights, values), where=weights > 0))  # 0 times -inf is nothing
