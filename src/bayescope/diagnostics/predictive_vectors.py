"""Test statistics of data sets whose responses are vectors: by column, and of the columns together."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.vector_densities import whiten
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_MOST_COLUMNS_IN_PAIRS = 6
_MOST_BINS = 40


class Reduction(NamedTuple):
    """How a data set of vectors, shape (n, k), is reduced.

    Attributes:
        statistics: names of the test statistics.
        edges: ends of the b bins.
        reduce: data -> (test statistics; counts in the bins, shape (b,)).
        quantity: what is counted, where that is not the response itself.
    """

    statistics: tuple[str, ...]
    edges: Floats
    reduce: Callable[[Floats], tuple[Floats, Floats]]
    quantity: str


def reduction(model: Model, times: Floats) -> Reduction:
    """Choose the statistics for counts of categories, or for numbers with a known covariance.

    `times` says how much each row counts, shape (n,).

    Counts: the share of each category; dispersion, Pearson's sum (y - n p)^2 / (n p) about the data set's own
    shares over its degrees of freedom, near 1 where rows differ by chance alone (McCullagh and Nelder,
    Generalized Linear Models, 1989, section 5.5). Numbers: mean and sd of each column and, up to six columns,
    the correlation of each pair; the bins count the rows by their squared Mahalanobis distance from the mean.
    """
    return _counts(model, times) if model.likelihood.response.integer else _numbers(model, times)


def mean_and_sd(values: Floats, times: Floats) -> tuple[Any, Any]:
    """Return mean and sd of rows, shape (n, ...), that count so many `times`, shape (n,)."""
    total = times.sum()
    mean = np.average(values, axis=0, weights=times)
    variance = np.average(np.square(values - mean), axis=0, weights=times)
    return mean, np.sqrt(variance * (total / (total - 1.0) if total > 1.0 else 1.0))


def _counts(model: Model, times: Floats) -> Reduction:
    levels = model.response.levels

    def reduce(values: Floats) -> tuple[Floats, Floats]:
        totals = times @ values
        shares = totals / (totals.sum() or 1.0)
        return np.append(shares, _dispersion(values, times, shares)), totals

    names = (*(f"share of {level}" for level in levels), "dispersion")
    return Reduction(names, np.arange(-0.5, len(levels)), reduce, "")


def _dispersion(values: Floats, times: Floats, shares: Floats) -> float:
    occurs = values.sum(axis=1) > 0
    rows, used, times = values[occurs][:, shares > 0], shares[shares > 0], times[occurs]
    freedom = (times.sum() - 1.0) * (len(used) - 1)
    if not freedom > 0.0:
        return 0.0
    expected = rows.sum(axis=1, keepdims=True) * used
    return float(times @ (np.square(rows - expected) / expected).sum(axis=1) / freedom)


def _numbers(model: Model, times: Floats) -> Reduction:
    levels, values = model.response.levels, model.response.values
    cov = np.asarray(next(p.offset for p in model.predictors if np.ndim(p.offset) > 1))
    count = len(levels)
    pairs = list(combinations(range(count), 2)) if count <= _MOST_COLUMNS_IN_PAIRS else []

    def distances(data: Floats) -> Floats:
        return np.asarray(np.square(whiten(data - mean_and_sd(data, times)[0], cov)).sum(axis=1))

    largest = 1.25 * float(distances(values).max()) or 1.0
    bins = int(np.clip(np.ceil(2.5 * len(values) ** (1 / 3)), 5, _MOST_BINS))
    edges = np.linspace(0.0, largest, bins + 1)

    def reduce(data: Floats) -> tuple[Floats, Floats]:
        means, sds = mean_and_sd(data, times)
        together = [_correlation(data[:, i], data[:, j], times) for i, j in pairs]
        histogram = np.histogram(distances(data), edges, weights=times)[0]
        return np.array([*means, *sds, *together]), histogram

    names = (
        *(f"mean of {level}" for level in levels),
        *(f"sd of {level}" for level in levels),
        *(f"correlation of {levels[i]} and {levels[j]}" for i, j in pairs),
    )
    return Reduction(names, edges, reduce, f"squared Mahalanobis distance of {model.response.name}")


def _correlation(x: Floats, y: Floats, times: Floats) -> float:
    x, y = x - np.average(x, weights=times), y - np.average(y, weights=times)
    length = float(np.sqrt((times @ np.square(x)) * (times @ np.square(y))))
    return float((times * x) @ y) / length if length > 0 else 0.0
