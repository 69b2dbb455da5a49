"""Least squares by the Gram matrix, where its rounding errors are bounded; several times faster than QR.

With Z = [X, y - offset], rows weighted, the triangle R of Z = QR has R'R = Z'Z. Z'Z is summed over blocks of
rows that stay in the cache. Each element of the sum is off by at most u |z_i| |z_j|; with the columns scaled
to length 1 and lambda the least eigenvalue of the scaled Gram matrix,

    |b'(R'R - Z'Z) b| <= k u / lambda * b'Z'Z b       for every b; k columns, u = eps sqrt(additions)

which holds for the residual sum of squares, too: it is one such b. u is the probabilistic bound of Higham
and Mary (2019, SIAM J. Sci. Comput. 41(5)). Where k u / lambda is too large, a second pass over Z R^-1 makes
the columns orthogonal first (CholeskyQR2: Yamamoto, Nakatsukasa, Yanagisawa and Fukaya 2015, ETNA 44). Where
not even that is sure (a condition number above 1e5 or so, or a line through every row) there is no answer.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.models.rows import rows_at_once

type Floats = NDArray[np.float64]

_LANES = 16  # of a block's sum; each is a chain of additions
_LARGEST_ERROR = 1e-9
_SURE_ENOUGH = 1e-2  # of a first triangle, whose errors a second pass removes
_EPSILON = float(np.finfo(np.float64).eps)
_SMALLEST_SQUARE = float(np.finfo(np.float64).tiny) / _EPSILON**2


@np.errstate(over="ignore", invalid="ignore")
def gram_triangle(
    matrix: Floats, response: Floats, weights: Floats | None, offset: Floats | float
) -> tuple[Floats, str] | None:
    """Return R of [X, y - offset] = QR, shape (d + 1, d + 1), and how it was found; None: it takes a QR.

    `matrix` has shape (n, d), the others shape (n,); nothing of their size is made.
    """
    first = _cholesky(_gram(matrix, response, weights, offset, None), len(matrix))
    if first is None or first[1] > _SURE_ENOUGH:
        return None
    if first[1] <= _LARGEST_ERROR:
        return first[0], "Gram"
    inverse = scipy.linalg.solve_triangular(first[0], np.eye(len(first[0])))
    second = _cholesky(_gram(matrix, response, weights, offset, inverse), len(matrix))
    if second is None or second[1] > _LARGEST_ERROR:
        return None
    return np.triu(second[0] @ first[0]), "Gram, twice"


def _gram(
    matrix: Floats, response: Floats, weights: Floats | None, offset: Floats | float, inverse: Floats | None
) -> Floats:
    """Sum Z'Z over blocks of rows, or that of Z R^-1 for an `inverse` R^-1, shape (d + 1, d + 1)."""
    size = matrix.shape[1]
    total = np.zeros((size + 1, size + 1))
    step = rows_at_once(size)
    for start in range(0, len(matrix), step):
        part = slice(start, start + step)
        known = offset[part] if isinstance(offset, np.ndarray) and offset.ndim else offset
        X, target = np.asarray(matrix[part]), response[part] - known
        if weights is not None:
            root = np.sqrt(weights[part])
            X, target = X * root[:, np.newaxis], target * root
        if inverse is not None:
            target = X @ inverse[:size, size] + target * inverse[size, size]
            X = X @ inverse[:size, :size]
        total[:size, :size] += X.T @ X
        total[size, :size] += target @ X
        total[size, size] += target @ target
    total[:size, size] = total[size, :size]
    return total


def _cholesky(gram: Floats, rows: int) -> tuple[Floats, float] | None:
    """Return the triangle of a Gram matrix and its relative error; None: it is not positive definite."""
    square = gram.diagonal()
    if not (np.isfinite(square).all() and square.min() > _SMALLEST_SQUARE):
        return None
    length = np.sqrt(square)
    scaled = gram / np.outer(length, length)
    smallest = float(np.linalg.eigvalsh(scaled)[0])
    block = rows_at_once(len(gram))
    unit = _EPSILON * math.sqrt(block / _LANES + rows / block)
    if not smallest > len(gram) * unit:
        return None
    return scipy.linalg.cholesky(scaled, check_finite=False) * length, len(gram) * unit / smallest
