"""Densities of vectors along the last axis: the multivariate Normal, and what makes a matrix a covariance.

Formulas: Kotz, Balakrishnan and Johnson, Continuous Multivariate Distributions, vol. 1, 2nd ed., 2000,
chapter 45; Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section A.4, for the
Cholesky factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.densities import Density

type Floats = NDArray[np.float64]

_LOG_TWO_PI = math.log(2.0 * math.pi)
_ASYMMETRY = 1e-10


def whiten(deviation: Floats, cov: Floats) -> Floats:
    """Return L^-1 deviation with LL' = cov: shape (..., k) like `deviation`, cov of shape (k, k)."""
    return _solve(np.linalg.cholesky(cov), deviation)


def _solve(matrix: Any, vectors: Floats) -> Floats:
    # one factorisation for all vectors: a stack of them would be factorised one by one
    flat = vectors.reshape(-1, vectors.shape[-1])
    return np.asarray(np.linalg.solve(matrix, flat.T).T.reshape(vectors.shape))


def mv_normal_log_density(x: Any, mu: Any, cov: Any) -> Floats:
    """Compute -(k log 2 pi + log |cov| + (x - mu)' cov^-1 (x - mu)) / 2, nats.

    x and mu have shape (..., k), `cov` (k, k); the result has the broadcast shape without the last axis.
    """
    factor = np.linalg.cholesky(cov)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(whiten(np.subtract(x, mu), np.asarray(cov))).sum(axis=-1)
    constant = len(factor) * _LOG_TWO_PI + 2.0 * np.log(np.diag(factor)).sum()
    return np.asarray(np.where(np.isnan(squares), -np.inf, -0.5 * (constant + squares)))


def mv_normal_slope(x: Any, mu: Any, cov: Any) -> Floats:
    """Compute the gradient -cov^-1 (x - mu), shape (..., k)."""
    return -_solve(cov, np.subtract(x, mu))


def mv_normal_curvature(_x: Any, _mu: Any, cov: Any) -> Floats:
    """Compute the Hessian -cov^-1, shape (k, k): it is the same everywhere."""
    inverse = np.linalg.inv(cov)
    return np.asarray(-(inverse + inverse.T) / 2.0)


def _refuse(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any) -> NoReturn:
        raise ValueError(f"MvNormal is a distribution of vectors: it has no {what}")

    return refuse


MV_NORMAL = Density(
    mv_normal_log_density,
    mv_normal_slope,
    mv_normal_curvature,
    _refuse("cdf of one number"),
    _refuse("quantiles"),
)


def covariance_fault(rows: Sequence[Sequence[float]]) -> str:
    """Say why a matrix, given by its rows, is no covariance; "" for one that is.

    A covariance is square, symmetric up to 1e-10 of the entry, and positive definite: the smallest
    eigenvalue of its correlation matrix exceeds the rounding error of k rows.

    >>> covariance_fault([[1.0, 2.0], [2.0, 1.0]])
    'is not positive definite: its smallest eigenvalue is -1'
    >>> covariance_fault([[1.0, 0.5], [0.4, 1.0]])
    'is not symmetric: row 1, column 2 is 0.5, and row 2, column 1 is 0.4'
    """
    size = len(rows)
    for i, row in enumerate(rows):
        if len(row) != size:
            return f"is not square: it has {size} rows, and row {i + 1} has {len(row)} elements"
    matrix = np.array(rows, dtype=np.float64)
    apart = np.abs(matrix - matrix.T) > _ASYMMETRY * np.maximum(np.abs(matrix), np.abs(matrix.T))
    if apart.any():
        i, j = (int(place[0]) for place in np.nonzero(apart))
        ends = f"row {i + 1}, column {j + 1} is {matrix[i, j]:.10g}"
        return f"is not symmetric: {ends}, and row {j + 1}, column {i + 1} is {matrix[j, i]:.10g}"
    low = np.flatnonzero(np.diag(matrix) <= 0.0)
    if len(low):
        i = int(low[0])
        element = f"row {i + 1}, column {i + 1} is {matrix[i, i]:.10g}"
        return f"is not positive definite: {element}, and no variance"
    scale = np.sqrt(np.diag(matrix))
    if np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0] <= size * np.finfo(np.float64).eps:
        return f"is not positive definite: its smallest eigenvalue is {np.linalg.eigvalsh(matrix)[0]:.6g}"
    return ""
