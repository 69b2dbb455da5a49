"""Sums over rows of log p(y_i | eta_ci), nats, and their first derivatives, at several points c at once.

Each takes the response, the trials or None and row weights or None, shape (n,), and returns a function of
eta, shape (c, n), which that overwrites: it gives the sums, shape (c,), and the derivatives in eta, times
the weights, shape (c, n). They are the log densities on the link of `heads_unit` and `heads_counts`
without the second derivatives, in a few passes over rows that are few enough to stay in the cache; an error
of rounding is one of |eta| or of a count, not of what is left where these nearly cancel.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads_unit import log_choose
from bayescope.distributions.likelihood import Slopes

type Floats = NDArray[np.float64]

_FACTORS = 512  # each from 1 to 2, so that their product is finite
_LOG2_E = math.log2(math.e)


def binomial_on_logit(y: Floats, trials: Floats | None, weights: Floats | None) -> Slopes:
    """Sum y eta - n log(1 + exp(eta)); the slopes are y - n p, with eta = logit p.

    log(1 + exp(eta)) = (eta + |eta|) / 2 + log(1 + e) with e = exp(-|eta|), and p - 1/2 is 1 / (1 + e) - 1/2
    with the sign of eta. Where each row is a single trial, the logarithms are taken of products.
    """
    w = np.ones(len(y)) if weights is None else weights
    n = w if trials is None else w * trials
    half, excess = 0.5 * n, w * y - 0.5 * n
    ways = 0.0 if trials is None else float(w @ log_choose(trials, y))
    single, starts = bool(np.all(n == 1.0)), np.arange(0, len(y), _FACTORS)

    def slopes(eta: Floats) -> tuple[Floats, Floats]:
        e = np.abs(eta)
        values = eta @ excess - e @ half + ways
        e *= -_LOG2_E
        np.exp2(e, out=e)
        e += 1.0
        if single:
            values -= np.log(np.multiply.reduceat(e, starts, axis=1)).sum(axis=1)
        else:
            values -= np.log(e) @ n
        np.reciprocal(e, out=e)
        e -= 0.5
        np.copysign(e, eta, out=e)
        if not single:
            e *= n
        return values, np.subtract(excess, e, out=e)

    return slopes


def poisson_on_log(y: Floats, _: Floats | None, weights: Floats | None) -> Slopes:
    """Sum y eta - exp(eta) - log y!; the slopes are y - exp(eta)."""
    w = np.ones(len(y)) if weights is None else weights
    counts, constant = w * y, float(w @ scipy.special.gammaln(y + 1.0))

    def slopes(eta: Floats) -> tuple[Floats, Floats]:
        values = eta @ counts - constant
        eta *= _LOG2_E
        np.exp2(eta, out=eta)
        if weights is not None:
            eta *= w
        return values - eta.sum(axis=1), np.subtract(counts, eta, out=eta)

    return slopes
