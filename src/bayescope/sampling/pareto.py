"""Pareto smoothing of many sets of importance weights at once, one set a row.

The M largest weights of a row are replaced by the expected order statistics of a generalised Pareto
distribution fitted to their excesses over the next smaller one,

    F(x) = 1 - (1 + k x / sigma)^(-1/k),     M = floor(min(S / 5, 3 sqrt(S))) of S weights

whose shape k tells whether averages by these weights can be trusted. Sources: Vehtari, Simpson, Gelman,
Yao & Gabry (2024), Pareto Smoothed Importance Sampling, JMLR 25(72); the fit is that of Zhang & Stephens
(2009), Technometrics 51(3), shrunk towards k = 1/2 as by ten further draws.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

ROUNDING = 1e-9
"""Log weights that differ by less are equal: a tail of rounding errors has no shape."""

_PRIOR_DRAWS = 10.0
_PRIOR_SCALES = 3.0

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


def tail_size(draws: int, r_eff: float = 1.0) -> int:
    """Return how many of so many weights are smoothed, of which the share `r_eff` is independent.

    >>> tail_size(100), tail_size(4000)
    (20, 189)
    """
    return int(3 * math.sqrt(draws / r_eff)) if draws * r_eff > 225 else draws // 5


@_quiet
def smooth_tails(log_ratios: Floats, r_eff: float = 1.0) -> tuple[Floats, Floats]:
    """Smooth and normalise the weights exp(log_ratios) of each row, shape (n, S), S of at least 25.

    `r_eff` is the share of the draws that are independent of each other. Returns the log weights, shape
    (n, S), whose exponentials sum to 1 in each row, and k, shape (n,): -inf where the largest weights are
    equal, and need no smoothing; inf where no tail could be fitted to them (too few are above zero, or a
    ratio is no number), and they are as they were.
    """
    log_weights = log_ratios - log_ratios.max(axis=1, keepdims=True)
    tails = _tails(log_weights, r_eff)
    np.put_along_axis(log_weights, tails.places, tails.smoothed, axis=1)
    log_weights -= np.log(np.exp(log_weights).sum(axis=1, keepdims=True))
    return log_weights, tails.k


@_quiet
def tail_shapes(log_ratios: Floats, r_eff: float = 1.0) -> Floats:
    """Return the k of `smooth_tails`, shape (n,), without smoothing anything."""
    return _tails(log_ratios - log_ratios.max(axis=1, keepdims=True), r_eff).k


class _Tails(NamedTuple):
    places: NDArray[np.intp]  # of the largest weights of each row, rising, shape (n, M)
    smoothed: Floats  # their logarithms, as they are where they need no smoothing, or have no fit
    k: Floats


def _tails(log_weights: Floats, r_eff: float) -> _Tails:
    size = tail_size(log_weights.shape[1], r_eff)
    places = np.argpartition(log_weights, -size - 1, axis=1)[:, -size - 1 :]
    tail = np.take_along_axis(log_weights, places, axis=1)
    order = np.argsort(tail, axis=1)
    places, tail = np.take_along_axis(places, order, axis=1), np.take_along_axis(tail, order, axis=1)
    cutoff = np.exp(tail[:, :1])
    k, sigma = fit_tails(np.exp(tail[:, 1:]) - cutoff)
    smoothed = np.minimum(np.log(_quantiles(size, k, sigma, cutoff)), 0.0)
    flat = tail[:, -1] - tail[:, 1] <= ROUNDING
    unfitted = ~flat & ~(np.isfinite(k) & np.isfinite(smoothed).all(axis=1) & (cutoff[:, 0] > 0.0))
    kept = np.where((flat | unfitted)[:, np.newaxis], tail[:, 1:], smoothed)
    return _Tails(places[:, 1:], kept, np.where(flat, -np.inf, np.where(unfitted, np.inf, k)))


@_quiet
def fit_tails(excesses: Floats) -> tuple[Floats, Floats]:
    """Fit a generalised Pareto distribution to each row, rising, shape (n, M): k and sigma, shape (n,)."""
    size = excesses.shape[1]
    quartile, largest = excesses[:, int(size / 4 + 0.5) - 1, np.newaxis], excesses[:, -1:]
    count = 30 + int(math.sqrt(size))
    steps = 1.0 - np.sqrt(count / (np.arange(count) + 0.5))
    candidates = steps / (_PRIOR_SCALES * quartile) + 1.0 / largest
    shapes = np.stack([np.log1p(-candidates[:, [j]] * excesses).mean(axis=1) for j in range(count)], axis=1)
    profile = size * (np.log(-candidates / shapes) - shapes - 1.0)
    weights = np.exp(profile - profile.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    rate = np.sum(candidates * weights, axis=1)
    k = np.log1p(-rate[:, np.newaxis] * excesses).mean(axis=1)
    # the first quartile of a Pareto tail is above its least value
    k = np.where(quartile[:, 0] > excesses[:, 0], k, np.nan)
    return (size * k + 0.5 * _PRIOR_DRAWS) / (size + _PRIOR_DRAWS), -k / rate


def _quantiles(size: int, k: Floats, sigma: Floats, cutoff: Floats) -> Floats:
    """Compute the expected order statistics of the tail of each row, shape (n, M)."""
    log_beyond = np.log1p(-(np.arange(size) + 0.5) / size)
    k, sigma = k[:, np.newaxis], sigma[:, np.newaxis]
    return np.asarray(cutoff + sigma * np.where(k == 0, -log_beyond, np.expm1(-k * log_beyond) / k))
