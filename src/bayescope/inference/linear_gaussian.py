"""The Normal linear model with Normal or flat coefficients, given sigma and as a function of sigma.

    y ~ Normal(offset + X beta, sigma),   beta_j ~ Normal(m_j, s_j) or flat

The data enter through a triangular factor only. One generalised singular value decomposition of
data and prior makes the coefficients independent for *every* sigma at once, so a value of sigma
costs O(d). Sources: Gelman et al., Bayesian Data Analysis (3rd ed.), ch. 14; Bishop, Pattern
Recognition and Machine Learning, sec. 3.3; Golub and Van Loan, Matrix Computations, sec. 6.1.6 and 8.7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.gram import gram_triangle

type Floats = NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)
_LOG_2PI = math.log(2 * math.pi)
_BLOCK = 16384
_MANY = 2**14  # numbers, with fewer of which a QR is as fast


class Compressed(NamedTuple):
    """Sufficient statistics of y given X: |y - offset - X b|^2 = |projection - factor b|^2 + residual.

    Attributes:
        observations: number of observations n, repeated rows counted as often as they occur.
        factor: upper triangular R, shape (d, d).
        projection: Q'(y - offset), shape (d,).
        residual: least sum of squares; exactly 0 when it is rounding error.
    """

    observations: float
    factor: Floats
    projection: Floats
    residual: float


class Triangle(NamedTuple):
    """R of [X, y - offset] = QR, at most d + 1 rows, and `how` it was found: by "Gram" or "QR"."""

    values: Floats
    how: str


def compress(
    matrix: Floats, response: Floats, weights: Floats | None = None, offset: Floats | float = 0.0
) -> Compressed:
    """Compress a least-squares problem by one pass; see `triangulate`."""
    count = float(len(matrix) if weights is None else weights.sum())
    return compressed(count, triangle_of(matrix, response, weights, offset))


def triangle_of(
    matrix: Floats, response: Floats, weights: Floats | None = None, offset: Floats | float = 0.0
) -> Floats:
    """Compress rows [X, y - offset] to a triangle, at most d + 1 rows; see `triangulate`."""
    return triangulate(matrix, response, weights, offset).values


def triangulate(
    matrix: Floats,
    response: Floats,
    weights: Floats | None = None,
    offset: Floats | float = 0.0,
    *,
    gram: bool = True,
) -> Triangle:
    """Compress rows [X, y - offset] to a triangle by their Gram matrix, or by QR where that is not sure.

    `matrix` has shape (n, d), `response`, `weights` and `offset` shape (n,); a weight is how often
    its row occurs. Without `gram` it is by QR in any case. The memory needed beside the data is O(d^2).
    """
    many = gram and matrix.size >= _MANY and len(matrix) > 4 * matrix.shape[1]
    found = gram_triangle(matrix, response, weights, offset) if many else None
    return Triangle(*found) if found else Triangle(_qr_triangle(matrix, response, weights, offset), "QR")


def _qr_triangle(matrix: Floats, response: Floats, weights: Floats | None, offset: Floats | float) -> Floats:
    """Merge the triangles of blocks of rows one by one (Golub and Van Loan, sec. 6.5.3)."""
    rows, size = matrix.shape
    triangle = np.zeros((0, size + 1))
    step = max(_BLOCK, 4 * size)
    for start in range(0, rows, step):
        part = slice(start, start + step)
        known = offset[part] if isinstance(offset, np.ndarray) and offset.ndim else offset
        block = np.column_stack([matrix[part], response[part] - known])
        if weights is not None:
            block *= np.sqrt(weights[part])[:, None]
        triangle = np.linalg.qr(np.vstack([triangle, block]), mode="r")
    return triangle


def pool_triangles(triangles: Sequence[Floats]) -> Floats:
    """Compress several triangles, each of shape (at most d + 1, d + 1), to that of all their rows."""
    stacked = np.vstack(triangles)
    return stacked if len(stacked) <= 1 else np.linalg.qr(stacked, mode="r")


def compressed(count: float, triangle: Floats) -> Compressed:
    """Read the sufficient statistics of `count` observations off their triangle."""
    size = triangle.shape[1] - 1
    triangle = np.vstack([triangle, np.zeros((size + 1 - len(triangle), size + 1))])
    column = triangle[:, size]
    length = float(scipy.linalg.norm(column, check_finite=False))  # that of NumPy overflows from 1e154 on
    left = abs(float(column[size]))
    residual = 0.0 if left <= 32 * EPSILON * length else left * left
    return Compressed(count, triangle[:size, :size], column[:size], residual)


def with_rows(data: Compressed, rows: Floats, targets: Floats) -> Compressed:
    """Add observations to a compressed problem: `rows` of shape (c, d), `targets` of shape (c,)."""
    if not len(rows):
        return data
    last = np.append(np.zeros(rows.shape[1]), math.sqrt(data.residual))
    triangles = [
        np.column_stack([data.factor, data.projection]),
        last[None],
        np.column_stack([rows, targets]),
    ]
    return compressed(data.observations + len(rows), pool_triangles(triangles))


class CoefficientPrior(NamedTuple):
    """Independent priors: Normal(mean, sd), or flat where sd is inf (mean 0 there); shapes (d,)."""

    mean: Floats
    sd: Floats


class Conditional(NamedTuple):
    """Coefficients given sigma: center + basis v, with independent v_i ~ Normal(mean_i, variance_i).

    `mean` and `variance` have shape (d, k) for k values of sigma.
    """

    center: Floats
    basis: Floats
    mean: Floats
    variance: Floats


@dataclass(frozen=True)
class LinearGaussian:
    """Data and prior, diagonal at once, seen from a reference value of sigma, `origin`.

    With tau = log(sigma / origin), component i of v = H beta has precision
    (data_share_i exp(-2 tau) + prior_share_i) / unit_i^2. Everything is expressed as a
    difference from tau = 0, which keeps digits where n is large and the posterior narrow.

    Attributes:
        compressed: the data.
        prior: the prior of the coefficients.
        origin: the reference value of sigma.
        center: E[beta | sigma = origin], shape (d,).
        basis: H^-1, shape (d, d).
        shift: E[v | sigma = origin] relative to the prior mean, shape (d,).
        unit: sd of v given sigma = origin, shape (d,).
        data_share, prior_share: parts of the precision at the origin, summing to 1; shape (d,).
        tension: what the prior adds to the quadratic form at the origin, by component, shape (d,).
        residual: sum of squares that no coefficient explains.
        log_density: log p(y | sigma = origin), flat priors counted as density 1.
        flat: number of flat coefficients; they come first among the components.
    """

    compressed: Compressed
    prior: CoefficientPrior
    origin: float
    center: Floats
    basis: Floats
    shift: Floats
    unit: Floats
    data_share: Floats
    prior_share: Floats
    tension: Floats
    residual: float
    log_density: float
    flat: int

    def log_ratio(self, tau: Floats) -> Floats:
        """Return log p(y | sigma = origin exp(tau)) - log p(y | sigma = origin), shape of `tau`."""
        inner = slice(self.flat, None)
        with np.errstate(over="ignore"):
            growth = np.expm1(2 * tau)[:, None]
            shares = self.data_share[inner] + self.prior_share[inner] * np.exp(2 * tau)[:, None]
            tension = (self.tension[inner] * self.prior_share[inner] * growth / shares).sum(axis=1)
            residual = -self.residual / self.origin**2 * np.expm1(-2 * tau)
            power = (self.flat - self.compressed.observations) * tau
            return power - 0.5 * self._log_precision_ratio(tau) + 0.5 * (residual + tension)

    def _log_precision_ratio(self, tau: Floats) -> Floats:
        """Sum over the proper components of log(data_share exp(-2 tau) + prior_share)."""
        data, prior = self.data_share[self.flat :], self.prior_share[self.flat :]
        far = np.log(np.maximum(prior + data * np.exp(-2 * tau)[:, None], np.finfo(np.float64).tiny))
        small = np.clip(tau, -0.25, 0.25)[:, None]
        near = np.log1p(data * np.expm1(-2 * small))
        return np.asarray(np.where(np.abs(tau)[:, None] < 0.25, near, far).sum(axis=1))

    def given(self, tau: Floats) -> Conditional:
        """Coefficients given each sigma = origin exp(tau); `tau` has shape (k,)."""
        with np.errstate(over="ignore"):
            shares = self.data_share[:, None] + self.prior_share[:, None] * np.exp(2 * tau)
            mean = -self.shift[:, None] * self.prior_share[:, None] * np.expm1(2 * tau) / shares
            variance = self.unit[:, None] ** 2 * np.exp(2 * tau) / shares
        return Conditional(self.center, self.basis, mean, variance)


@dataclass(frozen=True, eq=False)
class _Decomposition:
    """Data and prior, diagonal at once: precision_i = (scale cosine_i / sigma)^2 + sine_i^2 in v = H beta."""

    compressed: Compressed
    prior: CoefficientPrior
    scale: float
    cosine: Floats
    sine: Floats
    projection: Floats
    center: Floats
    basis: Floats
    residual: float
    log_constant: float

    def at(self, origin: float) -> LinearGaussian:
        """The model seen from sigma = `origin`."""
        data, prior = (self.scale * self.cosine) ** 2, (origin * self.sine) ** 2
        total = data + prior
        shift = self.scale * self.cosine * self.projection / total
        tension = (self.projection * self.sine) ** 2 / total
        log_precision = float(np.sum(np.log(total))) - 2 * len(total) * math.log(origin)
        squares = self.residual / origin**2 + float(tension.sum())
        log_likelihood = -self.compressed.observations * math.log(origin) - 0.5 * (log_precision + squares)
        return LinearGaussian(
            compressed=self.compressed,
            prior=self.prior,
            origin=origin,
            center=self.center + self.basis @ shift,
            basis=self.basis,
            shift=shift,
            unit=origin / np.sqrt(total),
            data_share=data / total,
            prior_share=prior / total,
            tension=tension,
            residual=self.residual,
            log_density=self.log_constant + log_likelihood,
            flat=int(np.count_nonzero(np.isinf(self.prior.sd))),
        )


def linear_gaussian(compressed: Compressed, prior: CoefficientPrior) -> Callable[[float], LinearGaussian]:
    """Diagonalise data and prior; returns the model as a function of the origin of sigma.

    Raises FitError when data and proper priors together leave a direction undetermined.
    """
    proper = np.flatnonzero(np.isfinite(prior.sd))
    scale, flat = reference_scale(compressed), len(prior.sd) - len(proper)
    center = np.where(np.isfinite(prior.sd), prior.mean, 0.0)
    target = compressed.projection - compressed.factor @ center
    stacked = np.vstack([compressed.factor / scale, np.diag(1 / prior.sd)[proper]])
    orthogonal, triangle = np.linalg.qr(stacked)
    require_rank(triangle)
    blocks = np.split(orthogonal, [len(prior.sd)])
    cosine, sine, rotation, projection = _shares(blocks[0], blocks[1], target)
    residual, projection = _unexplained(compressed.residual, target, projection, cosine == 0)
    basis = scipy.linalg.solve_triangular(triangle, rotation)
    basis[proper, :flat] = 0.0  # flat directions leave proper coefficients alone
    log_volume = float(np.sum(np.log(np.abs(np.diag(triangle)))) + np.sum(np.log(prior.sd[proper])))
    log_constant = -0.5 * (compressed.observations - flat) * _LOG_2PI - log_volume
    return _Decomposition(
        compressed, prior, scale, cosine, sine, projection, center, basis, residual, log_constant
    ).at


def _unexplained(
    residual: float, target: Floats, projection: Floats, hidden: NDArray[np.bool_]
) -> tuple[float, Floats]:
    """Move what lies in directions hidden from the data to the residual; rounding error is dropped."""
    floor = (32 * EPSILON) ** 2 * (residual + float(target @ target))
    lost = float(np.sum(projection[hidden] ** 2))
    return residual + (lost if lost > floor else 0.0), np.where(hidden, 0.0, projection)


def reference_scale(compressed: Compressed) -> float:
    """A sigma of the right order, for balancing data against prior."""
    n, d = compressed.observations, len(compressed.projection)
    total = compressed.residual + float(compressed.projection @ compressed.projection)
    square = compressed.residual / max(n - d, 1.0) or total / max(n, 1.0)
    return math.sqrt(square) or 1.0


def require_rank(triangle: Floats) -> None:
    """Refuse directions that neither data nor prior determine, judged with columns scaled to length 1.

    Raises:
        FitError: the triangle, shape (d, d), of data and prior is singular to rounding error.
    """
    if not len(triangle):
        return
    lengths = np.linalg.norm(triangle, axis=0)
    values = np.linalg.svd(triangle / np.where(lengths > 0, lengths, 1.0), compute_uv=False)
    if lengths.min() == 0 or values[-1] <= 8 * EPSILON * len(triangle) * values[0]:
        raise FitError(
            "The data do not determine all coefficients: columns of the design matrix are collinear, or rows"
            " are too few, and no proper prior tells the coefficients apart. The posterior is improper.",
            "Drop a column, or give its coefficient a Normal prior.",
        )


def _shares(data: Floats, prior: Floats, target: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """CS decomposition data = U diag(cosine) V', prior = W diag(sine) V'.

    Returns cosine, sine, V and U' target. The sines come from the SVD of the prior's block, so
    that flat directions are exact; U comes from a QR factorisation, so that it is orthogonal
    even where the data say next to nothing.
    """
    size = data.shape[1]
    values, rotation = np.linalg.svd(prior, full_matrices=True)[1:]
    sine = np.concatenate([np.zeros(size - len(values)), np.minimum(values[::-1], 1.0)])
    rotation = rotation[::-1].T
    left, triangle = np.linalg.qr(data @ rotation)
    signed = np.diag(triangle)
    cosine = np.where(np.abs(signed) > 8 * EPSILON * max(size, 1), np.abs(signed), 0.0)
    return cosine, sine, rotation, np.where(signed < 0, -1.0, 1.0) * (left.T @ target)
