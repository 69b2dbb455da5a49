"""The distribution of new responses of several columns: counts of categories, or vectors of numbers.

A Dirichlet posterior predicts counts by the Dirichlet-Multinomial, a Normal one of the mean predicts a
vector by the sum of its own covariance and the known one (Gelman et al., Bayesian Data Analysis, 3rd ed.,
2013, sections 3.4 and 3.5); draws and points predict by the likelihood averaged over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.inference.predictive_draws import psi_at, responses
from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Draw = Callable[[np.random.Generator, int], Floats]


@dataclass(frozen=True, eq=False)
class VectorPredictive:
    """The distribution of n new responses of k columns, each row on its own.

    Attributes:
        text: what each row's distribution is called, n texts.
        mean: shape (n, k).
        sd: of each column on its own, shape (n, k).
        log_density_of: y of shape (n, k) -> log density of each row, shape (n,).
        draw: (generator, size) -> responses of all rows under one theta each, shape (size, n, k).
        discrete: whether responses are counts, so that `pdf` is a probability.
    """

    text: tuple[str, ...]
    mean: Floats
    sd: Floats
    log_density_of: Callable[[Floats], Floats]
    draw: Draw
    discrete: bool

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.text)

    def __str__(self) -> str:
        """Write the distribution of each row, one a line."""
        return "\n".join(self.text)

    __repr__ = __str__

    def log_density(self, y: ArrayLike) -> Floats:
        """Compute log p(y_new | y), nats, of y of shape (n, k); the result has shape (n,)."""
        rows = np.broadcast_to(np.asarray(y, dtype=np.float64), self.mean.shape)
        return self.log_density_of(rows)

    def pdf(self, y: ArrayLike) -> Floats:
        """Compute the density at `y`, shape (n, k), or for counts their probability; shape (n,)."""
        return np.exp(self.log_density(y))

    def sample(self, size: int, seed: int | np.random.Generator) -> Floats:
        """Draw responses, shape (size, n, k); the rows of one draw share one theta."""
        return self.draw(np.random.default_rng(seed), size)


def _of_trials(model: Model) -> Floats:
    trials = model.response.trials
    return np.ones((len(model.response.values), 1)) if trials is None else trials[:, None]


def _dirichlet_multinomial(
    model: Model, arguments: tuple[Any, ...], _: Mapping[str, Any]
) -> tuple[Floats, Floats]:
    trials, total = _of_trials(model), arguments[0].sum()
    p = arguments[0] / total
    return trials * p, np.sqrt(trials * p * (1 - p) * ((total + trials) / (total + 1)))


def _normal_sum(model: Model, arguments: tuple[Any, ...], known: Mapping[str, Any]) -> tuple[Floats, Floats]:
    shape = model.response.values.shape
    variances = np.diag(np.asarray(arguments[1]) + known["cov"])
    return np.broadcast_to(arguments[0], shape), np.broadcast_to(np.sqrt(variances), shape)


_CLOSED: Mapping[str, Callable[..., tuple[Floats, Floats]]] = MappingProxyType(
    {"Multinomial": _dirichlet_multinomial, "MvNormal": _normal_sum}
)


def conjugate_vectors(
    model: Model,
    arguments: tuple[Any, ...],
    known: Mapping[str, Any],
    *,
    describe: Callable[[float], Any],
    log_density: Callable[[Floats, Floats | None], Floats],
    draw: Draw,
) -> VectorPredictive:
    """Predict the rows of `model` by a conjugate posterior.

    Args:
        model: the rows to predict.
        arguments: of the posterior.
        known: the likelihood's other parameters.
        describe: number of trials -> what one response's distribution is called.
        log_density: (y, trials) -> the log evidence of each row under the posterior, shape (n,).
        draw: draws of theta, shape (S, d).
    """
    mean, sd = _CLOSED[model.likelihood.name](model, arguments, known)
    response = model.response
    return VectorPredictive(
        text=tuple(describe(number).text for number in _of_trials(model)[:, 0].tolist()),
        mean=mean,
        sd=sd,
        log_density_of=lambda y: log_density(_counted(model, y), response.trials),
        draw=responses(model, draw),
        discrete=model.likelihood.response.integer,
    )


def _counted(model: Model, y: Floats) -> Floats:
    """Refuse counts that are not those of the row's number of trials."""
    trials = model.response.trials
    if trials is not None and np.any(y.sum(axis=1) != trials):
        raise ValueError(f"each row of counts must sum to its number of trials, {trials.tolist()}")
    return y


def averaged_vectors(model: Model, thetas: Floats, text: str) -> VectorPredictive:
    """Predict the rows of `model` by the likelihood averaged over theta of shape (S, d)."""
    head, trials = model.likelihood, model.response.trials
    first, *rest = psi_at(model, thetas)
    centers, spreads = _given(model, first, rest)
    mean = centers.mean(axis=0)

    def log_density(y: Floats) -> Floats:
        each = [head.log_density(_counted(model, y), trials, (psi, *rest)) for psi in first]
        return np.asarray(scipy.special.logsumexp(each, axis=0) - np.log(len(each)))

    return VectorPredictive(
        text=(text,) * len(mean),
        mean=mean,
        sd=np.sqrt(np.mean(np.square(spreads) + np.square(centers - mean), axis=0)),
        log_density_of=log_density,
        draw=responses(model, lambda rng, size: thetas[rng.integers(len(thetas), size=size)]),
        discrete=head.response.integer,
    )


def _given(model: Model, first: Floats, rest: list[Floats]) -> tuple[Floats, Floats]:
    """Means and sds given each theta, shapes (S, n, k)."""
    shape = (len(first), *model.response.values.shape)
    if model.likelihood.response.integer:
        trials, p = _of_trials(model), first[:, None, :]
        return np.broadcast_to(trials * p, shape), np.broadcast_to(np.sqrt(trials * p * (1 - p)), shape)
    return np.broadcast_to(first[:, None, :], shape), np.broadcast_to(np.sqrt(np.diag(rest[0])), shape)
