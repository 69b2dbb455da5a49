"""Is the predictive distribution of each row right? Probability integral transforms, each row left out.

    u_i = P(y_new < y_i | y_-i) + v_i P(y_new = y_i | y_-i),     v_i ~ Uniform(0, 1)

are uniform if the model predicts as it should (Czado, Gneiting and Held 2009, Biometrics 65(4), for the
randomised form). Their empirical cdf is compared with bands that hold everywhere at once, with probability
99 %, found by simulation (Saeilynoja, Buerkner and Vehtari 2022, Statistics and Computing 32, 32).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.diagnostics.loo import FEWEST_DRAWS, left_out
from bayescope.diagnostics.records import Check, Record, make_check
from bayescope.inference.fit import Fit
from bayescope.inference.predictive_draws import psi_at
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

LEVEL = 0.99
"""Probability that the whole curve stays inside the band, of a model that predicts as it should."""

_PLACES = 50
_SIMULATIONS = 2000
_MOST_ROWS = 1000
_LARGEST_COUNT = 10**9  # of what NumPy draws from without replacement
_MOST_DRAWS = 500
_TOLD, _WIDTH_TOLD = 0.03, 0.1  # a tenth of the sd of a uniform number, and of a Normal's


class Pit(Record):
    """The empirical cdf of the transforms less that of the uniform, at `places`, with its band.

    `p` is the probability of a curve that leaves the pointwise bands as far, `mean` and `sd` are those of the
    transforms: 1/2 and 0.289 where all is well. `width` is the sd of what a Normal makes of them, 1 then.
    """

    method: str
    rows: int
    places: tuple[float, ...]
    difference: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    p: float
    mean: float
    sd: float
    width: float | None = None


def loo_pit(model: Model, fit: Fit, seed: int) -> Pit | None:
    """Transform up to 1000 observations, each left out, by responses drawn at up to 500 posterior draws.

    None for responses of several columns, or too few draws or rows.
    """
    if fit.draws is None or fit.draws[..., 0].size < FEWEST_DRAWS:
        return None
    rng = np.random.default_rng([seed, 4])
    flat = fit.draws.reshape(-1, fit.draws.shape[-1])
    thetas = flat[:: max(1, len(flat) // _MOST_DRAWS)]
    places = _observations(model, rng)
    parts = []
    for part in left_out(model, thetas, places):
        drawn = _responses(part.model, rng, thetas)
        y, weights = part.model.response.values[:, np.newaxis], np.exp(part.log_weights)
        below, equal = (np.sum(weights * event, axis=1) for event in (drawn < y, drawn == y))
        parts.append(below + rng.uniform(size=len(below)) * equal)
    return _pit(fit.name, np.clip(np.concatenate(parts), 0.0, 1.0), len(thetas))


def _observations(model: Model, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose rows as often as they occur, at most 1000: of more a sample without replacement."""
    size, weights = len(model.response.values), model.response.weights
    if weights is None:
        return np.arange(size) if size <= _MOST_ROWS else np.sort(rng.choice(size, _MOST_ROWS, replace=False))
    if np.array_equal(weights, np.round(weights)) and weights.sum() < _LARGEST_COUNT:
        counts = weights.astype(np.int64)
        if counts.sum() > _MOST_ROWS:
            counts = rng.multivariate_hypergeometric(counts, _MOST_ROWS, method="marginals")
        return np.repeat(np.arange(size), counts)
    count = max(1, min(_MOST_ROWS, round(float(weights.sum()))))
    places = (np.arange(count) + rng.random()) / count  # systematic: a row's number is off by less than one
    cumulative = np.cumsum(weights)
    return np.minimum(np.searchsorted(cumulative / cumulative[-1], places, side="right"), size - 1)


def _responses(model: Model, rng: np.random.Generator, thetas: Floats) -> Floats:
    """Draw a response of every row at every draw, shape (n, S)."""
    shape = (len(thetas), len(model.response.values))
    vectors = (1,) if model.likelihood.categorical else ()
    psi = tuple(
        np.broadcast_to(
            values[:, np.newaxis] if vectors else values, (*shape, *values.shape[1:]) if vectors else shape
        )
        for values in psi_at(model, thetas)
    )
    return model.likelihood.sample(rng, model.response.trials, psi).T


def _pit(method: str, u: Floats, draws: int = _MOST_DRAWS) -> Pit:
    grid = np.arange(1, _PLACES) / _PLACES
    counts = (u[:, np.newaxis] <= grid).sum(axis=0)
    least = _null_minima(len(u))
    lowest = float(np.quantile(least, 1.0 - LEVEL))
    lower, upper = _band(len(u), lowest)
    return Pit(
        method=method,
        rows=len(u),
        places=tuple(grid.tolist()),
        difference=tuple((counts / len(u) - grid).tolist()),
        lower=tuple((lower / len(u) - grid).tolist()),
        upper=tuple((upper / len(u) - grid).tolist()),
        p=float(np.mean(least <= _least_p(counts, len(u)))),
        mean=float(u.mean()),
        sd=float(u.std()),
        width=_width(u, 0.5 / draws),
    )


def _width(u: Floats, least: float) -> float | None:
    """Return the sd of the transforms on the scale of a Normal, where a shift leaves it; 1 where all is well.

    None where most are nearer to one end than draws can tell.
    """
    if max(np.mean(u <= least), np.mean(u >= 1.0 - least)) > 0.5:
        return None
    return float(scipy.special.ndtri(np.clip(u, least, 1.0 - least)).std())


def _least_p(counts: NDArray[np.int64], size: int) -> Floats:
    """Return the least two-sided binomial p-value along the curve, of counts up to each place, (..., K)."""
    grid = np.arange(1, _PLACES) / _PLACES
    at_most = scipy.special.bdtr(counts, size, grid)
    at_least = np.where(counts > 0, scipy.special.bdtrc(counts - 1.0, size, grid), 1.0)
    return np.asarray(2.0 * np.minimum(at_most, at_least).min(axis=-1))


@lru_cache(maxsize=16)
def _null_minima(size: int) -> Floats:
    """Simulate the least p-value along the curve of `size` uniform numbers."""
    rng = np.random.default_rng(size)
    counts = np.cumsum(rng.multinomial(size, np.full(_PLACES, 1.0 / _PLACES), _SIMULATIONS), axis=1)[:, :-1]
    return _least_p(counts, size)


def _band(size: int, lowest: float) -> tuple[Floats, Floats]:
    """Return the least and largest counts whose p-value is above `lowest`, at each place."""
    grid = np.arange(1, _PLACES) / _PLACES
    every = np.arange(size + 1)[:, np.newaxis]
    inside = (
        2.0
        * np.minimum(
            scipy.special.bdtr(every, size, grid),
            np.where(every > 0, scipy.special.bdtrc(every - 1.0, size, grid), 1.0),
        )
        > lowest
    )
    return inside.argmax(axis=0), size - inside[::-1].argmax(axis=0)


def check_pit(found: Pit | None) -> tuple[Check, ...]:
    """Note predictive distributions that are not calibrated, and how they are wrong."""
    if found is None:
        return ()
    wrong = found.p < 1.0 - LEVEL
    return (
        make_check(
            found.method,
            "predictive_pit",
            "note" if wrong else "pass",
            value=found.p,
            threshold=1.0 - LEVEL,
            message=f"{in_words(found)} (p = {found.p:.2g})." if wrong else "",
            advice="Intervals of predictions are not to be trusted: reconsider the likelihood.",
        ),
    )


def in_words(found: Pit) -> str:
    """Say how the predictive distributions are wrong: their place, their width, or both."""
    shift, width = found.mean - 0.5, 1.0 if found.width is None else found.width
    words = ["too low" if shift > 0 else "too high"] if abs(shift) > _TOLD else []
    words += ["too narrow" if width > 1.0 else "too wide"] if abs(width - 1.0) > _WIDTH_TOLD else []
    return f"Predictive distributions are {' and '.join(words) or 'of another shape than the data'}"
