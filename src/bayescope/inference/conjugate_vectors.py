"""The rules of the conjugate pairs whose responses are vectors, one column of the data for each element.

One generalised eigendecomposition makes known covariance and prior diagonal together,

    cov = A A',   prior covariance = A diag(w) A'

so that along the columns of A there are k independent Normal means with a known sd of 1, whatever the
number of observations (Golub and Van Loan, Matrix Computations, 4th ed., 2013, section 8.7).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.vector_heads import log_arrangements
from bayescope.inference.conjugate_families import Arguments
from bayescope.inference.conjugate_rules import Known, Summary
from bayescope.inference.named_marginals import number_text

type Floats = NDArray[np.float64]

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore")


def vector_text(values: Floats) -> str:
    """Write a vector or a matrix: `[1, 0.5]`, `[[2, 1], [1, 3]]`."""
    inner = map(vector_text, values) if np.ndim(values) > 1 else map(number_text, values)
    return f"[{', '.join(inner)}]"


# Counts of each category


def multinomial_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    """Take each row's counts; the last statistic is log (n! / (y_1! ... y_k!))."""
    return np.vstack([y.T, log_arrangements(y)])


def multinomial_update(prior: Arguments, statistics: Floats, _: Known) -> Arguments:
    """Add the counts to the arguments of a Dirichlet."""
    return (prior[0].reshape(-1, *(1,) * (statistics.ndim - 1)) + statistics[:-1],)


def multinomial_predictive(arguments: Arguments, _: Known, trials: float) -> Summary:
    """Describe the counts of the next `trials` draws."""
    text = f"DirichletMultinomial({number_text(trials)}, {vector_text(arguments[0])})"
    return Summary(text, math.nan, math.nan)


# Vectors of a known covariance


def mv_normal_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    """Take each row as its own mean, with no scatter about it."""
    n, k = y.shape
    return np.vstack([np.ones(n), y.T, np.zeros((k * (k + 1) // 2, n))])


def pool_vector_moments(parts: Floats, times: Floats) -> Floats:
    """Pool (number, means, scatter about the means): Chan, Golub and LeVeque (1983), Am. Stat. 37.

    The scatter sum (y - mean)(y - mean)' is kept by its upper triangle, row by row.
    """
    k = _columns(parts)
    numbers = times * parts[0]
    number = numbers.sum()
    mean = parts[1 : k + 1] @ numbers / number if number > 0 else np.zeros(k)
    apart = parts[1 : k + 1] - mean[:, np.newaxis]
    between = (apart * numbers) @ apart.T
    return np.concatenate([[number], mean, parts[k + 1 :] @ times + between[np.triu_indices(k)]])


def _columns(statistics: Floats) -> int:
    # 1 + k + k (k + 1) / 2 statistics
    return (math.isqrt(8 * len(statistics) + 1) - 3) // 2


def _axes(prior: Arguments, known: Known) -> tuple[Floats, Floats]:
    """Return A, shape (k, k), and w, shape (k,): inf for a flat prior."""
    factor = np.linalg.cholesky(known["cov"])
    if not np.isfinite(prior[1]).all():
        return factor, np.full(len(factor), math.inf)
    half = np.linalg.solve(factor, prior[1])
    whitened = np.linalg.solve(factor, half.T)
    shares, rotation = np.linalg.eigh((whitened + whitened.T) / 2.0)
    return factor @ rotation, np.maximum(shares, 0.0)


@_quiet
def mv_normal_update(prior: Arguments, statistics: Floats, known: Known) -> Arguments:
    """Weigh the prior and the data by their precisions along each axis; statistics of shape (s,) only."""
    axes, shares = _axes(prior, known)
    number, mean = statistics[0], statistics[1 : len(axes) + 1]
    precision = 1.0 / shares + number
    weight = number / precision if number > 0 else np.zeros(len(axes))
    moved = prior[0] + axes @ (weight * np.linalg.solve(axes, mean - prior[0]))
    cov = (axes / precision) @ axes.T
    return moved, (cov + cov.T) / 2.0


@_quiet
def mv_normal_log_evidence(prior: Arguments, statistics: Floats, known: Known) -> Floats:
    """Compute the density of n vectors whose means vary together: covariance I x cov + 11' x prior."""
    axes, shares = _axes(prior, known)
    k = len(axes)
    number, means = statistics[0], statistics[1 : k + 1].reshape(k, -1)
    inverse = np.linalg.inv(known["cov"])
    twice = np.where(np.eye(k, dtype=bool), 1.0, 2.0) * inverse
    within = twice[np.triu_indices(k)] @ statistics[k + 1 :].reshape(k * (k + 1) // 2, -1)
    apart = np.linalg.solve(axes, means - np.reshape(prior[0], (-1, 1)))
    spread = number.reshape(1, -1) * shares[:, np.newaxis]
    between = number.reshape(-1) * (np.square(apart) / (1.0 + spread)).sum(axis=0)
    constant = number.reshape(-1) * (k * math.log(2.0 * math.pi) + np.linalg.slogdet(known["cov"])[1])
    total = -0.5 * (constant + np.log1p(spread).sum(axis=0) + within + between)
    return np.asarray(total.reshape(number.shape))


def mv_normal_predictive(arguments: Arguments, known: Known, _: float) -> Summary:
    """Describe the next vector: the known covariance and that of the mean add up."""
    mu, cov = arguments
    return Summary(f"MvNormal({vector_text(mu)}, {vector_text(cov + known['cov'])})", math.nan, math.nan)
