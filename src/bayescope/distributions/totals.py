"""Sums over rows of log p(y_i | eta_is), nats, for many draws s at once, in place.

Each takes the response and the trials, shape (n,), row weights or None, and eta of shape (n, S), which it
overwrites; it returns shape (S,). They are the log densities on the link of `heads_unit` and
`heads_counts`, with a block of rows small enough to stay in the cache made in a few passes over it.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads_unit import log_choose

type Floats = NDArray[np.float64]

_LOG2_E = math.log2(math.e)
_EXPONENT = 1023.0  # of the largest number
_LARGEST = 60.0  # with more, products are of so few rows that they save nothing


def binomial_on_logit(y: Floats, trials: Floats | None, weights: Floats | None, eta: Floats) -> Floats:
    """Sum y log p + (n - y) log(1 - p) over the rows, with eta = logit p and as the head computes it."""
    n = np.ones(len(y)) if trials is None else trials
    w = np.ones(len(y)) if weights is None else weights
    if np.all(n == 1.0) and np.all(w == 1.0):
        return _single_trials(y, eta)
    total = (w * y) @ np.minimum(eta, 0.0) - (w * (n - y)) @ np.maximum(eta, 0.0)
    np.abs(eta, out=eta)
    np.multiply(eta, -_LOG2_E, out=eta)
    np.exp2(eta, out=eta)
    ways = 0.0 if trials is None else float(w @ log_choose(n, y))
    return np.asarray(total - (w * n) @ np.log1p(eta, out=eta) + ways)


def _single_trials(y: Floats, eta: Floats) -> Floats:
    """Sum -log(1 + exp(-s eta)), s = 2y - 1, with one logarithm for as many rows as have a product.

    Powers of 2 are twice as fast as powers of e without AVX-512.
    """
    np.multiply(eta, ((1.0 - 2.0 * y) * _LOG2_E)[:, np.newaxis], out=eta)
    largest = eta.max(initial=0.0)
    if not largest < _LARGEST:
        return np.asarray(-np.logaddexp2(0.0, eta, out=eta).sum(axis=0) / _LOG2_E)
    np.exp2(eta, out=eta)
    eta += 1.0
    rows = int(_EXPONENT / (1.0 + largest))
    parts = [np.multiply.reduce(eta[at : at + rows], axis=0) for at in range(0, len(y), rows)]
    return np.asarray(-np.log(parts).sum(axis=0))


def poisson_on_log(y: Floats, _: Floats | None, weights: Floats | None, eta: Floats) -> Floats:
    """Sum y eta - exp(eta) - log y! over the rows; a count of 0 says nothing of eta = -inf but exp(eta)."""
    w = np.ones(len(y)) if weights is None else weights
    seen = y > 0.0
    total = (w * y)[seen] @ eta[seen]
    np.multiply(eta, _LOG2_E, out=eta)
    np.exp2(eta, out=eta)
    return np.asarray(total - w @ eta - float(w @ scipy.special.gammaln(y + 1.0)))
