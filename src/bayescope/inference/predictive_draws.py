"""From draws of theta to the likelihood's parameters of every row, and to draws of responses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.links import LINKS
from bayescope.models.groups import unseen_effects
from bayescope.models.model import Model, Predictor
from bayescope.models.networks import forward

type Floats = NDArray[np.float64]
type Draw = Callable[[np.random.Generator, int], Floats]

# Not a run's seed: `thetas` may have been drawn from that stream, and effects must not follow them.
_OWN_STREAM = (0, 6)


def responses(model: Model, draw: Draw) -> Draw:
    """Draw responses of the rows of a model, shape (size, n, ...): theta, then all rows given it."""

    def sample(rng: np.random.Generator, size: int) -> Floats:
        rows = len(model.response.values)
        parameters = zip(model.likelihood.parameters, psi_at(model, draw(rng, size), rng), strict=True)
        psi = tuple(
            _of_rows(values, parameter.dimensions or int(parameter.support.simplex), size, rows)
            for parameter, values in parameters
        )
        return model.likelihood.sample(rng, model.response.trials, psi)

    return sample


def _of_rows(values: Floats, dimensions: int, size: int, rows: int) -> Floats:
    """Give a parameter one element, or one vector, for each draw and row; a known matrix is one for all."""
    if dimensions == 1:
        return np.broadcast_to(values[:, None, :], (size, rows, values.shape[-1]))
    return values if dimensions > 1 else np.broadcast_to(values, (size, rows))


def psi_at(model: Model, thetas: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, ...]:
    """Compute the likelihood's parameters at several theta, shape (S, d).

    One is of shape (S, n), (S, 1) where it is the same in every row, (S, k) where it is a vector, or
    (k, k) where it is a known matrix. Rows of a group that the model does not know have effects of their
    own, drawn from the distribution of groups: by `rng`, or the same ones in every call.
    """
    unseen = unseen_effects(model, thetas, np.random.default_rng(_OWN_STREAM) if rng is None else rng)
    with np.errstate(over="ignore", under="ignore"):
        return tuple(
            _parameter(predictor, thetas[:, predictor.index], unseen.get(predictor.parameter, 0.0))
            for predictor in model.predictors
        )


def _parameter(predictor: Predictor, coefficients: Floats, unseen: Floats | float) -> Floats:
    if np.ndim(predictor.offset) > 1:
        return np.asarray(predictor.offset)
    if predictor.network is not None and predictor.matrix is not None:
        eta = predictor.offset + forward(predictor.network, predictor.matrix, coefficients)
    elif predictor.matrix is not None:
        eta = predictor.offset + coefficients @ predictor.matrix.T + unseen
    elif coefficients.shape[1] > 1:
        eta = coefficients
    else:
        eta = predictor.offset + coefficients.sum(axis=1, keepdims=True)
    return np.asarray(LINKS[predictor.link].inverse(eta))
