"""Sufficient statistics: what a likelihood needs to know of the rows, and a few rows that say the same.

    p(y | theta) = e^shift p(y' | theta)     for every theta

with y' a handful of weighted rows made from the statistics of y (Fisher 1922, Phil. Trans. R. Soc. A 222,
309-368). So every method, a sampler too, can be asked about data whose rows are no longer there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.inference import conjugate, exact, hypotheses, regression
from bayescope.inference.conjugate import Conjugate
from bayescope.inference.exact_posterior import Statistics
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context, Method, Settings
from bayescope.models.model import Model, Response

type Floats = NDArray[np.float64]

# The triangle of more coefficients is no smaller than the rows of most data, and it is stored as text.
_MOST_COEFFICIENTS = 500


class Condensed(NamedTuple):
    """A model on a few weighted rows: its log-likelihood plus `shift` is that of all rows, in nats."""

    model: Model
    shift: float


@dataclass(frozen=True, eq=False)
class Sufficient:
    """A model whose rows can be replaced by statistics of a fixed size.

    Attributes:
        statistics: of the model's rows, JSON-able.
        pool: from the statistics of parts of some data to those of all of them.
        condense: from statistics to the model on rows that have them.
    """

    statistics: Statistics
    pool: Callable[[Sequence[Statistics]], Statistics]
    condense: Callable[[Statistics], Condensed]


def sufficient(model: Model) -> Sufficient | None:
    """Return the sufficient statistics of the model's rows; None: its likelihood has none of a fixed size."""
    if model.hypotheses:
        choice = exact.recognise(model)
        return Sufficient(
            choice.statistics, choice.pool, lambda found: Condensed(hypotheses.condense(model, found), 0.0)
        )
    flat = conjugate.of_model(model)
    # the variance of a pair may have a prior that is none of the family, but that a regression has
    if isinstance(flat, Conjugate) and (conjugate.prior_of(model, flat) or not _is_linear(model)):
        return Sufficient(
            conjugate.statistics_of(flat, model.response),
            partial(conjugate.pool, flat),
            partial(_pair_rows, model, flat),
        )
    if not _is_linear(model):
        return None
    statistics = regression.statistics_of(model, model.location)
    return Sufficient(statistics, regression.pool, partial(_linear_rows, model))


def _is_linear(model: Model) -> bool:
    """Tell whether the likelihood is Normal with a linear mean and one sigma."""
    if model.likelihood.name != "Normal" or model.location.link != "identity" or model.groups:
        return False
    if model.location.network is not None or len(model.location.index) > _MOST_COEFFICIENTS:
        return False
    return not regression.sigma_reasons(next(p for p in model.predictors if p.parameter == "sigma"))


def shifted(fit: Fit, shift: float) -> Fit:
    """Return the fit to condensed rows with the log densities that it states as those of all rows."""
    signs = {"log_likelihood": 1.0, "log_posterior": 1.0, "elbo": 1.0, "nll": -1.0}
    details = {
        name: value + signs[name] * shift if name in signs and value is not None else value
        for name, value in fit.details.items()
    }
    evidence = None if fit.log_evidence is None else fit.log_evidence + shift
    return replace(fit, details=details, log_evidence=evidence)


def after(method: Method, shift: float) -> Method:
    """Return `method` of a model after all data, asked about condensed rows: updating; see `shifted`.

    The one method that needs no rows at all has `exact.after`.
    """

    def fit_condensed(model: Model, settings: Settings, context: Context) -> Fit:
        return shifted(method.fit(model, settings, context), shift)

    return replace(method, fit=fit_condensed)


# Rows of conjugate pairs


class _Rows(NamedTuple):
    """Responses with how often each occurs, and trials where the likelihood has them."""

    values: Sequence[float] | Floats
    times: Sequence[float] | Floats
    trials: Sequence[float] | None = None


def _whole(total: float, number: float) -> _Rows:
    """Make `number` whole numbers that add up to `total`: those next to their mean."""
    low, larger = divmod(total, number)
    return _Rows([low, low + 1], [number - larger, larger])


def _around(mean: Floats, scatter: Floats, number: float) -> _Rows:
    """Make vectors, `number` of them in all, with this mean, shape (k,), and scatter about it, shape (k, k).

    With the square roots of how often each of k + 1 points occurs in a vector, and Q orthonormal and
    orthogonal to it, the rows of Q L' divided by these roots have mean 0 and scatter LL'.
    """
    times = _shares(number, len(mean) + 1)
    root = np.sqrt(times)
    apart = np.linalg.qr(np.column_stack([root, np.eye(len(times))]))[0][:, 1:]
    squares, axes = np.linalg.eigh(scatter)
    factor = axes * np.sqrt(np.maximum(squares, 0.0))
    return _Rows(mean + apart @ factor.T / root[:, np.newaxis], times)


def _shares(number: float, rows: int) -> Floats:
    """Share `number` observations out to so many rows, in whole numbers where that can be."""
    if number < rows or number != int(number):
        return np.full(rows, number / rows)
    return number // rows + (np.arange(rows) < number % rows).astype(np.float64)


def _values_around(mean: float, squares: float, number: float) -> _Rows:
    found = _around(np.array([mean]), np.array([[squares]]), number)
    return found._replace(values=np.ravel(found.values))


def _vectors(statistics: Floats, _: Mapping[str, float]) -> _Rows:
    """Make the rows of a multivariate Normal of its statistics: number, means, triangle of the scatter."""
    k = (math.isqrt(8 * len(statistics) + 1) - 3) // 2
    upper = np.zeros((k, k))
    upper[np.triu_indices(k)] = statistics[k + 1 :]
    scatter = upper + np.triu(upper, 1).T
    return _around(statistics[1 : k + 1], scatter, float(statistics[0]))


def _deviating(statistics: Floats, mean: float) -> _Rows:
    return _Rows([mean + math.sqrt(statistics[1] / statistics[0])], [statistics[0]])


_ROWS: Mapping[tuple[str, str], Callable[[Floats, Mapping[str, float]], _Rows]] = MappingProxyType(
    {
        ("Bernoulli", "p"): lambda s, _: _Rows([1, 0], [s[1], s[2]]),
        ("Binomial", "p"): lambda s, _: _Rows([1, 0], [s[1], s[2]], [1, 1]),
        ("Geometric", "p"): lambda s, _: _whole(s[0] + s[2], s[0]),
        ("NegativeBinomial", "p"): lambda s, _: _whole(s[2], s[0]),
        ("Categorical", "p"): lambda s, _: _Rows(np.arange(float(len(s))), s),
        ("Poisson", "mu"): lambda s, _: _whole(s[1], s[0]),
        ("Exponential", "lam"): lambda s, _: _Rows([s[1] / s[0]], [s[0]]),
        ("Gamma", "beta"): lambda s, _: _Rows([s[1] / s[0]], [s[0]]),
        ("Normal", "mu"): lambda s, _: _values_around(s[1], s[2], s[0]),
        ("Normal", "tau"): lambda s, known: _deviating(s, known["mu"]),
        ("Normal", "variance"): lambda s, known: _deviating(s, known["mu"]),
        ("Uniform", "upper"): lambda s, _: _Rows([s[1]], [s[0]]),
        ("Multinomial", "p"): lambda s, _: _Rows(np.eye(len(s) - 1), s[:-1], [1.0] * (len(s) - 1)),
        ("MvNormal", "mu"): _vectors,
    }
)


def _pair_rows(model: Model, flat: Conjugate, stored: Statistics) -> Condensed:
    statistics = np.array(stored["values"])
    make = _ROWS[flat.pair.likelihood, flat.pair.parameter]
    response = _response(model.response, make(statistics, flat.known))
    base = flat.pair.log_base(statistics, flat.known) - flat.pair.log_base(
        flat.statistics(response), flat.known
    )
    return Condensed(_on_rows(model, response, model.location.matrix), float(base))


def _response(response: Response, rows: _Rows) -> Response:
    times = np.asarray(rows.times, dtype=np.float64)
    values = np.asarray(rows.values, dtype=np.float64)[times > 0]
    trials = None if rows.trials is None else np.asarray(rows.trials, dtype=np.float64)[times > 0]
    return replace(response, values=values, trials=trials, weights=times[times > 0])


# Rows of a linear regression


def _linear_rows(model: Model, stored: Statistics) -> Condensed:
    """Make rows of the triangle, each worth several observations: |w (y - x b)^2| is that of its row."""
    size, number = len(model.location.index), float(stored["observations"])
    triangle = np.array(stored["triangle"]).reshape(-1, size + 1)
    if model.location.matrix is None:
        return Condensed(_on_rows(model, _constant_rows(model, triangle, number), None), 0.0)
    times = _shares(number, len(triangle))
    rows = triangle / np.sqrt(times)[:, np.newaxis]
    response = replace(model.response, values=rows[:, -1], trials=None, weights=times)
    return Condensed(_on_rows(model, response, rows[:, :-1]), 0.0)


def _constant_rows(model: Model, triangle: Floats, number: float) -> Response:
    """Make two values of the mean and the sum of squares that the triangle of a constant has."""
    offset = float(np.ravel(model.location.offset)[0])
    if not len(model.location.index):
        spread = math.sqrt(float(np.sum(triangle[:, -1] ** 2)) / number)
        return _response(model.response, _Rows([offset + spread], [number]))
    mean = offset + triangle[0, 1] / triangle[0, 0]
    squares = float(triangle[1, 1] ** 2) if len(triangle) > 1 else 0.0
    return _response(model.response, _values_around(mean, squares, number))


def _on_rows(model: Model, response: Response, matrix: Floats | None) -> Model:
    """Put the model on these rows, the offset of the location being part of the response."""
    predictors = tuple(
        replace(predictor, offset=_constant(predictor.offset))
        if predictor.matrix is None
        else replace(predictor, matrix=matrix, offset=0.0)
        for predictor in model.predictors
    )
    return replace(model, response=response, predictors=predictors)


def _constant(offset: Floats | float) -> Floats | float:
    """Take what is the same for every row once."""
    return float(offset[0]) if isinstance(offset, np.ndarray) and offset.ndim == 1 else offset
