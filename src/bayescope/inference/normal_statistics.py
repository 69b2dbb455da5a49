"""The Normal likelihood with one sigma for all rows, as a function of a few numbers instead of the data.

    log p(y | beta, sigma) = -n/2 log(2 pi) - n log(sigma) - (rss + |z - R beta|^2) / (2 sigma^2)

with [X, y - offset] = Q [R, z; 0, sqrt(rss)]: after one QR pass a value costs O(d^2), whatever the
number of rows. Source: Golub & Van Loan, Matrix Computations (4th ed.), section 5.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.linear_gaussian import Compressed, compressed, triangulate
from bayescope.models.model import Model, Predictor

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NormalStatistics:
    """What a Normal likelihood with one sigma needs to know of the data.

    Attributes:
        data: the compressed least-squares problem.
        coefficients: positions in theta of the k coefficients of the mean.
        sigma_index: position in theta of sigma; None when sigma is known.
        sigma: the known sigma, else nan.
        how: the rows were compressed by their "Gram" matrix or by "QR".
        size: d, the number of unknowns.
    """

    data: Compressed
    coefficients: NDArray[np.intp]
    sigma_index: int | None
    sigma: float
    how: str
    size: int

    @cached_property
    def information(self) -> Floats:
        """R'R in the places of the coefficients in theta, shape (d, d)."""
        square = np.zeros((self.size, self.size))
        square[np.ix_(self.coefficients, self.coefficients)] = self.data.factor.T @ self.data.factor
        return square

    def sigma_at(self, theta: Floats) -> float:
        """Return sigma, known or at `theta`, shape (d,)."""
        return self.sigma if self.sigma_index is None else float(theta[self.sigma_index])

    def log_likelihood(self, theta: Floats) -> float:
        """Return log p(y | theta) in nats; -inf where sigma is not positive."""
        sigma = self.sigma_at(theta)
        if not sigma > 0:
            return -math.inf
        return self._value(sigma, self._misfit(sigma, theta)[1])

    def _misfit(self, sigma: float, theta: Floats) -> tuple[Floats, float]:
        """(z - R beta) / sigma, shape (k,), and the sum of squares of the rows' (y - mu) / sigma."""
        with np.errstate(over="ignore"):
            misfit = (self.data.projection - self.data.factor @ theta[self.coefficients]) / sigma
            return misfit, self.data.residual / sigma / sigma + float(misfit @ misfit)

    def _value(self, sigma: float, squares: float) -> float:
        return -self.data.observations * (0.5 * math.log(2 * math.pi) + math.log(sigma)) - 0.5 * squares

    def derivatives(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Return log p(y | theta), its gradient, shape (d,), and its Hessian, shape (d, d).

        Where sigma is not positive these are -inf and nan.
        """
        n, sigma, index = self.data.observations, self.sigma_at(theta), self.coefficients
        if not sigma > 0:
            return -math.inf, np.full(self.size, np.nan), np.full((self.size, self.size), np.nan)
        misfit, squares = self._misfit(sigma, theta)
        gradient, hessian = np.zeros(self.size), -self.information / sigma / sigma
        gradient[index] = misfit @ self.data.factor / sigma
        if self.sigma_index is not None:
            s = self.sigma_index
            gradient[s] = (squares - n) / sigma
            hessian[s, s] = (n - 3 * squares) / sigma / sigma
            hessian[s, index] = hessian[index, s] = -2 * gradient[index] / sigma
        return self._value(sigma, squares), gradient, hessian


def normal_statistics(model: Model, *, gram: bool = True) -> NormalStatistics | None:
    """Compress the data of `model`; None when it is not Normal, linear, with identity links and one sigma.

    Without `gram` they are compressed by QR, however well the Gram matrix would do.
    """
    if model.likelihood.name != "Normal":
        return None
    mean = model.location
    deviation = next(p for p in model.predictors if p.parameter == "sigma")
    constant = deviation.matrix is None and np.ptp(deviation.offset) == 0
    if mean.network is not None or not constant or mean.link != "identity" or deviation.link != "identity":
        return None
    response = model.response
    X = design_matrix(model, mean)
    triangle, how = triangulate(X, response.values, response.weights, mean.offset, gram=gram)
    count = float(len(response.values) if response.weights is None else response.weights.sum())
    data, size = compressed(count, triangle), len(model.names)
    if len(deviation.index):
        return NormalStatistics(data, mean.index, int(deviation.index.item()), math.nan, how, size)
    return NormalStatistics(data, mean.index, None, float(np.ravel(deviation.offset)[0]), how, size)


def design_matrix(model: Model, predictor: Predictor) -> Floats:
    """Return the columns of the unknown coefficients of `predictor`, shape (n, k)."""
    if predictor.matrix is not None:
        return predictor.matrix
    return np.ones((len(model.response.values), len(predictor.index)))
