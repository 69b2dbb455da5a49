"""The Normal likelihood with one sigma for all rows, as a function of a few numbers instead of the data.

    log p(y | beta, sigma) = -n/2 log(2 pi) - n log(sigma) - (rss + |z - R beta|^2) / (2 sigma^2)

with [X, y - offset] = Q [R, z; 0, sqrt(rss)]: after one QR pass a value costs O(d^2), whatever the
number of rows. Source: Golub & Van Loan, Matrix Computations (4th ed.), section 5.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    """

    data: Compressed
    coefficients: NDArray[np.intp]
    sigma_index: int | None
    sigma: float
    how: str

    def sigma_at(self, theta: Floats) -> float:
        """Return sigma, known or at `theta`, shape (d,)."""
        return self.sigma if self.sigma_index is None else float(theta[self.sigma_index])

    def log_likelihood(self, theta: Floats) -> float:
        """Return log p(y | theta) in nats; -inf where sigma is not positive."""
        sigma = self.sigma_at(theta)
        if not sigma > 0:
            return -math.inf
        misfit = self.data.projection - self.data.factor @ theta[self.coefficients]
        squares = (self.data.residual + float(misfit @ misfit)) / sigma / sigma
        return -self.data.observations * (0.5 * math.log(2 * math.pi) + math.log(sigma)) - 0.5 * squares

    def derivatives(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Return log p(y | theta), its gradient, shape (d,), and its Hessian, shape (d, d)."""
        n, sigma, index = self.data.observations, self.sigma_at(theta), self.coefficients
        misfit = (self.data.projection - self.data.factor @ theta[index]) / sigma
        scaled = self.data.factor / sigma
        gradient, hessian = np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
        gradient[index] = scaled.T @ misfit
        hessian[np.ix_(index, index)] = -scaled.T @ scaled
        if self.sigma_index is not None:
            s = self.sigma_index
            squares = self.data.residual / sigma / sigma + float(misfit @ misfit)
            gradient[s] = (squares - n) / sigma
            hessian[s, s] = (n - 3 * squares) / sigma**2
            hessian[s, index] = hessian[index, s] = -2 * gradient[index] / sigma
        return self.log_likelihood(theta), gradient, hessian


def normal_statistics(model: Model) -> NormalStatistics | None:
    """Compress the data of `model`; None when it is not Normal, linear, with identity links and one sigma."""
    if model.likelihood.name != "Normal":
        return None
    mean = model.location
    deviation = next(p for p in model.predictors if p.parameter == "sigma")
    constant = deviation.matrix is None and np.ptp(deviation.offset) == 0
    if mean.network is not None or not constant or mean.link != "identity" or deviation.link != "identity":
        return None
    response = model.response
    triangle, how = triangulate(design_matrix(model, mean), response.values, response.weights, mean.offset)
    count = float(len(response.values) if response.weights is None else response.weights.sum())
    data = compressed(count, triangle)
    if len(deviation.index):
        return NormalStatistics(data, mean.index, int(deviation.index[0]), math.nan, how)
    return NormalStatistics(data, mean.index, None, float(np.ravel(deviation.offset)[0]), how)


def design_matrix(model: Model, predictor: Predictor) -> Floats:
    """Return the columns of the unknown coefficients of `predictor`, shape (n, k)."""
    if predictor.matrix is not None:
        return predictor.matrix
    return np.ones((len(model.response.values), len(predictor.index)))
