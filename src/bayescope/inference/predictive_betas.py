"""Numbers of successes and failures whose chance has a Beta distribution: what Beta posteriors predict."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.gamma_functions import log_beta
from bayescope.distributions.heads_counts import log_failures_choose
from bayescope.distributions.heads_unit import log_choose
from bayescope.inference.predictive_heads import Counted

type Floats = NDArray[np.float64]


def beta_binomial(trials: Floats, a: float, b: float) -> Counted:
    """Successes in `trials` trials, shape (1, n), of probability p ~ Beta(a, b).

    P(Y <= k) = P(p < X) with X ~ Beta(k + 1, trials - k), for a Binomial cdf is one of a Beta.
    """
    p = a / (a + b)
    variance = trials * p * (1 - p) * ((a + b + trials) / (a + b + 1))
    return Counted(
        lambda y: log_choose(trials, y) + log_beta(a + y, b + trials - y) - log_beta(a, b),
        lambda y: 1.0 - beta_below(y + 1.0, np.maximum(trials - y, 1.0), a, b),
        mean=trials * p,
        sd=np.sqrt(variance),
        lowest=0.0,
        highest=trials,
    )


def beta_negative_binomial(n: float, a: float, b: float, mean: float, sd: float) -> Counted:
    """Failures before success number n, of probability p ~ Beta(a, b).

    P(Y <= k) = P(X < p) with X ~ Beta(n, k + 1).
    """
    return Counted(
        lambda y: log_failures_choose(y, n) + log_beta(a + n, b + y) - log_beta(a, b),
        lambda y: beta_below(np.full_like(y, n), y + 1.0, a, b),
        mean=np.array([[mean]]),
        sd=np.array([[sd]]),
        lowest=0.0,
        highest=np.array([[np.inf]]),
    )


def beta_geometric(a: float, b: float, mean: float, sd: float) -> Counted:
    """Trials until the first success, of probability p ~ Beta(a, b): P(Y > k) = B(a, b + k) / B(a, b)."""
    constant = log_beta(a, b)
    return Counted(
        lambda y: log_beta(a + 1.0, b + y - 1.0) - constant,
        lambda y: -np.expm1(np.minimum(log_beta(a, b + y) - constant, 0.0)),
        mean=np.array([[mean]]),
        sd=np.array([[sd]]),
        lowest=1.0,
        highest=np.array([[np.inf]]),
    )


_LEVELS = np.array([1e-18, 1e-12, 1e-7, 1e-3, 0.1, 0.5])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def beta_below(a1: Floats, b1: Floats, a2: float, b2: float) -> Floats:
    """Compute P(X < Y) of independent X ~ Beta(a1, b1) and Y ~ Beta(a2, b2), by Gauss-Legendre panels.

    The integral of P(X < y) over the density of Y, in t = logit y, where both are smooth; the panels
    end at quantiles of either.
    """
    ends = np.sort(
        np.concatenate([_logits(a1, b1), _logits(np.full_like(a1, a2), np.full_like(b1, b2))]), axis=0
    )
    half = 0.5 * np.diff(ends, axis=0)
    t = (ends[:-1] + half) + _NODES.reshape(-1, *(1,) * half.ndim) * half
    log_y, log_rest = -np.logaddexp(0.0, -t), -np.logaddexp(0.0, t)
    with np.errstate(all="ignore"):
        density = np.exp(a2 * log_y + b2 * log_rest - log_beta(a2, b2))
    below = np.where(
        t < 0,
        scipy.special.betainc(a1, b1, np.exp(log_y)),
        scipy.special.betaincc(b1, a1, np.exp(log_rest)),  # 1 - y keeps its digits near y = 1
    )
    inner = np.tensordot(_WEIGHTS, below * density, axes=1)
    beyond = scipy.special.betainc(b2, a2, scipy.special.expit(-ends[-1]))  # X is below all of that
    return np.asarray(np.clip((inner * half).sum(axis=0) + beyond, 0.0, 1.0))


def _logits(a: Floats, b: Floats) -> Floats:
    """Quantiles of Beta(a, b), as logits, along a new first axis; the upper ones by their complements."""
    with np.errstate(all="ignore"):
        low, high = _low_quantiles(a, b), _low_quantiles(b, a)
        logits = np.concatenate([np.log(low) - np.log1p(-low), np.log1p(-high) - np.log(high)])
    return np.asarray(np.clip(logits, -700.0, 700.0))


def _low_quantiles(a: Floats, b: Floats) -> Floats:
    levels = _LEVELS.reshape(-1, *(1,) * a.ndim)
    found = scipy.special.betaincinv(a, b, levels)
    # SciPy's inverse is nan at some of the smallest levels, where P(X < x) is x^a / (a B(a, b))
    limit = np.exp((np.log(levels) + np.log(a) + log_beta(a, b)) / a)
    return np.asarray(np.where(np.isnan(found), np.minimum(limit, 0.5), found))
