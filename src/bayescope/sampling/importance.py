"""Self-normalised importance sampling with Pareto-smoothed weights.

    w_i = p(x_i) / q(x_i) for draws x_i ~ q,     E_p f ~ sum_i W_i f(x_i),  W_i = w_i / sum_j w_j
    effective sample size = 1 / sum_i W_i^2,     log Z ~ log(1/S sum_i w_i)

p need not integrate to 1; Z is its integral. The largest weights are replaced by the expected order
statistics of a generalised Pareto distribution fitted to them; its shape k tells whether to trust the
result. Sources: Vehtari, Simpson, Gelman, Yao & Gabry (2024), Pareto Smoothed Importance Sampling,
JMLR 25(72); Owen (2013), Monte Carlo Theory, Methods and Examples, chapter 9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescope.sampling.monte_carlo import Estimate
from bayescope.sampling.pareto import ROUNDING, smooth_tails, tail_size

type Floats = NDArray[np.float64]
type Integers = NDArray[np.intp]
type Seed = int | np.random.Generator

FEWEST = 25  # the tail is a fifth of the draws, and five are needed to fit it


@dataclass(frozen=True, eq=False)
class ImportanceWeights:
    """Normalised, smoothed weights and what they are worth.

    Attributes:
        log_weights: log W_i, shape (S,); exp of them sums to 1.
        ess: effective sample size, 1 / sum W_i^2: independent draws from the target that are worth as much.
        pareto_k: shape of the tail; -inf: the largest weights are equal, inf: too few are above zero to tell.
        log_constant: log Z.
        log_constant_error: Monte Carlo standard error of log Z, the relative error of Z.
    """

    log_weights: Floats
    ess: float
    pareto_k: float
    log_constant: float
    log_constant_error: float

    @property
    def weights(self) -> Floats:
        """W_i, shape (S,)."""
        return np.asarray(np.exp(self.log_weights))

    @property
    def reliable(self) -> bool:
        """Whether k is at most `pareto_k_limit(S)`."""
        return self.pareto_k <= pareto_k_limit(len(self.log_weights))


def pareto_k_limit(draws: int) -> float:
    """Return the largest k for which `draws` give a reliable answer: min(1 - 1 / log10(S), 0.7).

    >>> pareto_k_limit(100), pareto_k_limit(10_000)
    (0.5, 0.7)
    """
    return min(1 - 1 / math.log10(draws), 0.7)


def importance_weights(log_ratios: ArrayLike, *, r_eff: float = 1.0) -> ImportanceWeights:
    """Smooth and normalise the weights w_i = exp(log_ratios_i), log_ratios = log p - log q, shape (S,).

    A draw where p is zero has log ratio -inf. `r_eff` is the share of the draws that are independent of
    each other, 1/2 where they come in mirrored pairs: the fewer, the longer the tail that is fitted.

    Raises:
        ValueError: there are fewer than 25 draws, a ratio is nan or inf, or all are -inf.
    """
    log_ratios = np.array(log_ratios, dtype=np.float64)
    _check(log_ratios)
    log_weights, pareto_k, log_total = _smooth(log_ratios, r_eff)
    size, ess = len(log_weights), 1 / float(np.sum(np.exp(2 * log_weights)))
    return ImportanceWeights(
        log_weights=log_weights,
        ess=ess,
        pareto_k=pareto_k,
        log_constant=log_total - math.log(size),
        log_constant_error=math.sqrt(max(size / ess - 1, 0.0) / (size - 1)),
    )


def importance_expectation(values: ArrayLike, weights: ImportanceWeights) -> Estimate:
    """Return sum_i W_i f_i and its standard error, for values f_i along the first axis, shape (S, ...).

    The standard error is sqrt(sum_i W_i^2 (f_i - mean)^2) (Owen 2013, equation 9.9).

    Raises:
        ValueError: the number of values is not that of the weights.
    """
    f, W = np.asarray(values, dtype=np.float64), weights.weights
    if f.ndim == 0 or len(f) != len(W):
        raise ValueError(f"there must be one value for each of the {len(W)} weights.")
    mean = np.tensordot(W, f, axes=1)
    variance = np.tensordot(np.square(W), np.square(f - mean), axes=1)
    return Estimate(np.asarray(mean), np.sqrt(variance), len(W))


def resample(weights: ImportanceWeights, size: int, seed: Seed) -> Integers:
    """Return the positions of `size` draws of equal weight, in random order (systematic resampling).

    Draw i occurs floor(size W_i) or ceil(size W_i) times. Source: Kitagawa (1996), J. Comput. Graph.
    Statist. 5(1).
    """
    rng = np.random.default_rng(seed)
    places = (np.arange(size) + rng.random()) / size
    cumulative = np.cumsum(weights.weights)
    positions = np.searchsorted(cumulative / cumulative[-1], places, side="right")
    return np.asarray(rng.permutation(np.minimum(positions, len(cumulative) - 1)))


def _smooth(log_ratios: Floats, r_eff: float) -> tuple[Floats, float, float]:
    """Return normalised smoothed log weights, k, and the log of what they were divided by."""
    smoothed, (pareto_k,) = smooth_tails(log_ratios[np.newaxis], r_eff)
    # a weight below the tail is only divided by the total: the largest, of which fewest digits are lost
    size = tail_size(len(log_ratios), r_eff)
    known = int(np.argpartition(log_ratios, -size - 1)[-size - 1])
    if np.exp(log_ratios[known] - log_ratios.max()) == 0.0:  # no tail could be fitted: none is changed
        known = int(np.argmax(log_ratios))
    total = float(log_ratios[known] - smoothed[0, known])
    return _equal_where_equal(smoothed[0], log_ratios), float(pareto_k), total


def _equal_where_equal(log_weights: Floats, log_ratios: Floats) -> Floats:
    """Give draws of equal ratios, as of a pair mirrored at the centre, the mean of their smoothed weights.

    Order statistics tell them apart by rounding errors, which may go with the side they are on.
    """
    order = np.argsort(log_ratios)
    with np.errstate(invalid="ignore"):  # -inf - -inf: as different as can be, their weights being 0
        steps = ~(np.diff(log_ratios[order]) <= ROUNDING)
    group = np.empty(len(order), dtype=np.intp)
    group[order] = np.concatenate([[0], np.cumsum(steps)])
    means = np.bincount(group, np.exp(log_weights)) / np.bincount(group)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(means)[group])


def _check(log_ratios: Floats) -> None:
    if log_ratios.ndim != 1 or len(log_ratios) < FEWEST:
        raise ValueError(f"importance weights need at least {FEWEST} draws, in one dimension.")
    if np.isnan(log_ratios).any() or np.isposinf(log_ratios).any():
        raise ValueError(
            "a log ratio is nan or inf: the proposal must have a positive density wherever it draws."
        )
    if np.isneginf(log_ratios).all():
        raise ValueError("no draw lies where the target has a positive density: use another proposal.")
