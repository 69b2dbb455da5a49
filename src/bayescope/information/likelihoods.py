"""Likelihoods in logarithms, which never underflow."""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.information.densities import Distribution
from bayescope.information.evaluate import log_density
from bayescope.information.views import view

type Floats = NDArray[np.float64]


def log_sum_exp(values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return log sum_i w_i exp(v_i) without leaving the range of doubles; -inf for nothing at all.

    >>> round(log_sum_exp([-1000, -1000]), 6)
    -999.306853
    """
    return float(scipy.special.logsumexp(np.asarray(values, dtype=np.float64), b=weights))


def log_mean_exp(values: ArrayLike) -> float:
    """Return log((1 / n) sum_i exp(v_i)): the log of a mean likelihood, such as an evidence from prior draws.

    >>> log_mean_exp([-1000, -1000])
    -1000.0
    """
    return log_sum_exp(values) - math.log(np.size(values))


def log_likelihood(model: Distribution, data: ArrayLike, counts: ArrayLike | None = None) -> float:
    """Return sum_i counts_i log p(data_i) in nats: finite where the product of densities underflows.

    `data` has shape (n,), or (n, d) for a distribution of vectors; `counts` (n,) says how often each occurs.
    An impossible observation gives -inf.

    >>> from bayescope.information import bernoulli
    >>> round(log_likelihood(bernoulli(0.5), [0, 1], counts=[400, 600]), 6)
    -693.147181
    """
    values = log_density(view(model))(np.asarray(data, dtype=np.float64))
    times = np.ones(values.shape) if counts is None else np.asarray(counts, dtype=np.float64)
    # what was never seen costs nothing, however impossible
    return float(np.multiply(times, values, where=times != 0.0, out=np.zeros(values.shape)).sum())
