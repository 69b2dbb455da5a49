"""Log densities of responses that are vectors, one column of the data for each element.

The functions are those of `heads`, with the response y of shape (..., k). A parameter that is a
vector runs along the last axis of its element of psi, a matrix along the last two.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads import Head
from bayescope.distributions.heads_unit import log_choose
from bayescope.distributions.supports import SIMPLEX
from bayescope.distributions.vector_densities import mv_normal_log_density

type Floats = NDArray[np.float64]


def log_arrangements(y: Floats) -> Floats:
    """Compute log of n! / (y_1! ... y_k!) along the last axis, n = sum(y).

    A product of binomial coefficients, one a category: the difference of log factorials would cancel.
    """
    totals = np.cumsum(y, axis=-1)
    return np.asarray(log_choose(totals[..., 1:], y[..., 1:]).sum(axis=-1))


def _multinomial_log_density(y: Floats, _: Floats | None, psi: tuple[Any]) -> Floats:
    p = np.asarray(psi[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        value = log_arrangements(np.asarray(y)) + scipy.special.xlogy(y, p).sum(axis=-1)
    return np.where(SIMPLEX.violations(p), -np.inf, value)


def _multinomial_derivatives(*_: Any) -> NoReturn:
    raise ValueError("the probabilities of a Multinomial sum to 1: they have no derivatives one by one")


def _multinomial_sample(rng: np.random.Generator, trials: Floats, psi: tuple[Floats]) -> Floats:
    p = np.asarray(psi[0])
    # a sum of 1 + 1e-16 is no probability to NumPy
    shares = p / p.sum(axis=-1, keepdims=True)
    return np.asarray(rng.multinomial(trials.astype(np.int64), shares), dtype=np.float64)


MULTINOMIAL = Head(_multinomial_log_density, _multinomial_derivatives, _multinomial_sample)


def _mv_normal_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives in the elements of mu: cov^-1 (y - mu), shape (k, n), and -cov^-1."""
    mu, cov = psi
    inverse = np.linalg.inv(cov)
    first = np.linalg.solve(cov, np.subtract(y, mu).T)
    second = -(inverse + inverse.T) / 2.0
    return first, np.broadcast_to(second[..., np.newaxis], (*second.shape, len(y)))


def _mv_normal_sample(rng: np.random.Generator, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, cov = psi
    return np.asarray(mu + rng.standard_normal(np.shape(mu)) @ np.linalg.cholesky(cov).T)


MV_NORMAL = Head(lambda y, _, psi: mv_normal_log_density(y, *psi), _mv_normal_derivatives, _mv_normal_sample)
