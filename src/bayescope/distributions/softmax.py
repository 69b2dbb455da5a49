"""Softmax: one of K classes, with a linear predictor for each class (multinomial logistic regression).

    p_k = exp(eta_k) / sum_j exp(eta_j),      log p_y = -log sum_j exp(eta_j - eta_y)
    d log p_y / d eta_k = [y = k] - p_k,      d2 log p_y / d eta_j d eta_k = p_j p_k - [j = k] p_k

A constant that is added to all eta changes nothing, so one class, the reference, has eta = 0; with proper
priors all K may vary. Source: McCullagh and Nelder, Generalized Linear Models, 2nd ed., 1989, section 5.2;
Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed., 2009, section 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.heads import CATEGORICAL, quiet
from bayescope.distributions.likelihood import HeadParameter, Likelihood
from bayescope.distributions.supports import COUNT, REAL

type Floats = NDArray[np.float64]


def parameter_of(level: str) -> str:
    """Name the linear predictor of a class."""
    return f"eta[{level}]"


@lru_cache(maxsize=32)
def softmax(levels: tuple[str, ...], reference: str | None) -> Likelihood:
    """Make the likelihood of a response of these K levels, coded 0, ..., K - 1.

    Its parameters are the linear predictors of all levels but `reference`, K - 1 of them; with None, of
    all K. Functions take them as a tuple of arrays that broadcast with the response.
    """
    place = None if reference is None else levels.index(reference)
    modelled = [k for k in range(len(levels)) if k != place]

    def predictors(psi: Sequence[Any]) -> list[Any]:
        found = list(psi)
        return found if place is None else [*found[:place], 0.0, *found[place:]]

    def derivatives(y: Floats, _: None, psi: tuple[Any, ...]) -> tuple[Floats, Floats]:
        return _derivatives(y, predictors(psi), modelled)

    return Likelihood(
        name="Categorical",
        parameters=tuple(HeadParameter(parameter_of(levels[k]), REAL, ("identity",)) for k in modelled),
        location=parameter_of(levels[modelled[0]]),
        response=COUNT,
        loss="cross-entropy",
        loss_formula="-sum(log(p[y])),  p = softmax(eta)",
        log_density=lambda y, _, psi: _log_density(y, predictors(psi)),
        derivatives=derivatives,
        sample=lambda rng, _, psi: CATEGORICAL.sample(rng, None, (probabilities(predictors(psi)),)),
        concave=("identity",),
        separation="classes",
        pymc=lambda arguments: _graph_arguments(arguments, place),
        for_levels=softmax,
        probabilities=lambda psi: probabilities(predictors(psi)),
        one_design=True,
    )


@quiet
def _log_density(y: Floats, etas: Sequence[Any]) -> Floats:
    """Compute -log sum_j exp(eta_j - eta_y), by log1p where the class that occurred is the likeliest."""
    own = sum(np.where(np.equal(y, k), eta, 0.0) for k, eta in enumerate(etas))
    excess = [np.where(np.equal(y, k), -np.inf, eta - own) for k, eta in enumerate(etas)]
    highest = np.maximum(np.max(np.stack(np.broadcast_arrays(*excess)), axis=0), 0.0)
    others = sum(np.exp(each - highest) for each in excess)
    loss = np.where(highest > 0.0, highest + np.log(others + np.exp(-highest)), np.log1p(others))
    return np.asarray(np.negative(loss))


@quiet
def probabilities(etas: Sequence[Any]) -> Floats:
    """Compute the softmax of predictors that broadcast, the classes along the last axis."""
    stacked = np.stack(np.broadcast_arrays(*etas), axis=-1)
    raised = np.exp(stacked - stacked.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


@quiet
def _derivatives(y: Floats, etas: Sequence[Any], modelled: Sequence[int]) -> tuple[Floats, Floats]:
    """Compute truth minus prediction, and the second derivatives, in the predictors of `modelled` classes."""
    *etas, y = np.broadcast_arrays(*etas, y)
    p = np.moveaxis(probabilities(etas), -1, 0)
    nothing = np.zeros_like(p[:1])
    # 1 - p_k as a sum: it keeps its digits as p_k -> 1
    below = np.concatenate([nothing, np.cumsum(p, axis=0)[:-1]])
    above = np.concatenate([np.cumsum(p[::-1], axis=0)[::-1][1:], nothing])
    rest = (below + above)[modelled]
    p = p[modelled]
    first = np.stack([np.where(y == k, rest[j], -p[j]) for j, k in enumerate(modelled)])
    second = p[:, np.newaxis] * p[np.newaxis]
    diagonal = np.arange(len(modelled))
    second[diagonal, diagonal] = -p * rest
    return first, second


def _graph_arguments(arguments: Mapping[str, Any], place: int | None) -> dict[str, Any]:
    """Stack the predictors of the classes: `logit_p` of PyMC's Categorical, which it normalises itself."""
    import pytensor.tensor as pt

    etas = list(arguments.values())
    if place is not None:
        etas.insert(place, pt.zeros_like(etas[0]))
    return {"logit_p": pt.stack(etas, axis=-1)}
