"""What a plug-in prediction loses: points and posterior fitted again without a fold, and scored on it.

    loss = mean over rows of  log p(y_i | y_-fold) - log p(y_i | point of y_-fold)

the posterior predictive density averages over what is not known; a point does not (Gelman et al., Bayesian
Data Analysis, 3rd ed., 2013, section 7.1; K folds as in Hastie, Tibshirani and Friedman, 2009, section 7.10).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.records import Record
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.exact import recognise
from bayescope.inference.fit import Fit
from bayescope.inference.log_densities import pointwise
from bayescope.inference.method import Context
from bayescope.inference.predictive import Predictive
from bayescope.inference.registry import METHODS
from bayescope.models.density import pointwise_log_likelihood
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks
from bayescope.models.rows import take

type Floats = NDArray[np.float64]

FOLDS = 5
_MOST_CELLS = 200_000  # rows x unknowns; fitting more than that ten times over takes seconds
_MOST_UNKNOWNS = 50
_TOLERANCE = 1e-6  # relative, of the quadrature of an exact refit
_DRAWS = 1000  # of a Laplace refit


class PlugInLoss(Record):
    """What predicting by one point loses against the posterior, nats; None where it calls a row impossible.

    `per_observation` is the mean over the observations, `total` their sum with its standard error `se`.
    """

    method: str
    per_observation: float | None
    total: float | None
    se: float | None


class HeldOut(Record):
    """The losses of the points, how the posterior was fitted again; `note` says why there are none."""

    folds: int = FOLDS
    refit: str = ""
    losses: tuple[PlugInLoss, ...] = ()
    note: str = ""


class _Scores(NamedTuple):
    """Log densities of the rows held out in one fold, shape (m,), and how often they occur."""

    weights: Floats
    posterior: Floats
    points: list[Floats]


def held_out(model: Model, points: Sequence[Fit], reference: Fit, seed: int) -> HeldOut:
    """Score points and posterior on five folds, each predicted from the other four.

    The posterior is fitted again by `exact` where the reference is exact, else by `laplace`; none is, with a
    reason, where fitting is expensive or a fold has no answer.
    """
    reason = _too_much(model)
    if reason:
        return HeldOut(note=reason)
    exact = reference.method == "exact"
    context = Context(seed=seed)
    try:
        parts = [_scores(*fold, points, context, exact=exact) for fold in _folds(model, seed)]
    except (NotApplicable, FitError) as failure:
        return HeldOut(note=f"Without a fifth of the rows there is no answer: {failure.message}")
    weights, posterior = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    with np.errstate(invalid="ignore"):  # both may be -inf
        losses = [
            _loss(fit.name, weights, posterior - np.concatenate([part.points[k] for part in parts]))
            for k, fit in enumerate(points)
        ]
    return HeldOut(refit="exact" if exact else "laplace", losses=tuple(losses))


def _too_much(model: Model) -> str:
    unknowns, rows = len(model.names), len(model.response.values)
    if model.likelihood.multivariate or model.hypotheses or networks(model):
        return "Rows of this model are not predicted one by one, with the others known."
    if unknowns > _MOST_UNKNOWNS or rows * unknowns > _MOST_CELLS:
        return f"Fitting {rows:,} rows with {unknowns:,} unknowns five times again would take too long."
    if model.response.observations < 2 * FOLDS:
        return f"There are fewer than {2 * FOLDS} observations."
    return ""


def _folds(model: Model, seed: int) -> Iterator[tuple[Model, Model]]:
    """Yield (rows to fit, rows held out) of each fold; repetitions of a row are divided among the folds."""
    rng, size = np.random.default_rng([seed, 3]), len(model.response.values)
    weights = np.ones(size) if model.response.weights is None else model.response.weights
    if np.any(weights != np.rint(weights)):
        held = weights * (rng.permutation(size) % FOLDS == np.arange(FOLDS)[:, np.newaxis])
    else:
        each, left = np.divmod(weights.astype(np.int64), FOLDS)
        order = rng.permutation(np.repeat(np.arange(size), left))
        held = np.stack([each + np.bincount(order[k::FOLDS], minlength=size) for k in range(FOLDS)])
    for part in held:
        yield _weighted(model, weights - part), _weighted(model, part)


def _weighted(model: Model, weights: Floats) -> Model:
    rows = np.flatnonzero(weights > 0)
    kept = take(model, rows)
    counts = None if model.response.weights is None else np.asarray(weights[rows], dtype=np.float64)
    return replace(kept, response=replace(kept.response, weights=counts))


def _scores(train: Model, test: Model, points: Sequence[Fit], context: Context, *, exact: bool) -> _Scores:
    weights = test.response.weights
    return _Scores(
        np.ones(len(test.response.values)) if weights is None else weights,
        _exact_density(train, test) if exact else _laplace_density(train, test, context),
        [pointwise_log_likelihood(test, _refitted(fit, train, context)) for fit in points],
    )


def _refitted(fit: Fit, train: Model, context: Context) -> Floats:
    method = METHODS[fit.method]
    return np.asarray(method.fit(train, method.settings(**fit.settings), context).estimate)


def _exact_density(train: Model, test: Model) -> Floats:
    solvable = recognise(train)
    found = solvable.solve(solvable.statistics, _TOLERANCE).predict(test)
    if not isinstance(found, Predictive):
        raise NotApplicable("the predictive distribution has no closed form.", "")
    return found.log_density(test.response.values)


def _laplace_density(train: Model, test: Model, context: Context) -> Floats:
    method = METHODS["laplace"]
    fit = method.fit(train, method.settings.model_validate({"draws": _DRAWS, "chains": 1}), context)
    values = pointwise(test, np.asarray(fit.draws)[0])
    return np.asarray(np.logaddexp.reduce(values, axis=1) - np.log(values.shape[1]))


def _loss(name: str, weights: Floats, differences: Floats) -> PlugInLoss:
    total, count = float(weights @ differences), float(weights.sum())
    if not np.isfinite(total):
        return PlugInLoss(method=name, per_observation=None, total=None, se=None)
    variance = float(weights @ np.square(differences - total / count)) / max(count - 1.0, 1.0)
    return PlugInLoss(
        method=name, per_observation=total / count, total=total, se=float(np.sqrt(count * variance))
    )
