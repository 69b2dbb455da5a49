"""The real line for probabilities that sum to 1, K of them on K - 1 coordinates.

    p = softmax(z_1, ..., z_(K-1), 0),    |dp / dz| = p_1 p_2 ... p_K
    log p(z | y) = sum_k alpha_k log p_k + constant,    alpha_k = a_k + the number of rows in category k

for p ~ Dirichlet(a). The mode is log(alpha_k / alpha_K), and the inverse of the curvature there is
diag(1 / alpha_k) + 1 / alpha_K. Source: Aitchison (1986), The Statistical Analysis of Compositional Data,
chapter 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.conjugate import of_model, prior_of
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.point_problem import PointProblem
from bayescope.models.model import Model

type Floats = NDArray[np.float64]


class SimplexTransform:
    """The way from z, shape (..., K - 1), to p, shape (..., K)."""

    def inverse(self, z: Floats) -> Floats:
        """Return p."""
        return np.asarray(np.exp(log_probabilities(z)))


def log_probabilities(z: Floats) -> Floats:
    """Return log p, shape (..., K), at z of shape (..., K - 1)."""
    return np.asarray(scipy.special.log_softmax(np.append(z, np.zeros((*z.shape[:-1], 1)), axis=-1), axis=-1))


class Simplex(NamedTuple):
    """The posterior of z: its mode, shape (K - 1,), a factor L of the covariance L L' there, its density."""

    mode: Floats
    factor: Floats
    alpha: Floats
    constant: float

    def gradients(self, z: Floats) -> tuple[Floats, Floats]:
        """Return log p(y, z), nats, at z of shape (c, K - 1), and its gradient."""
        log_p = log_probabilities(z)
        return log_p @ self.alpha + self.constant, (self.alpha - self.alpha.sum() * np.exp(log_p))[:, :-1]


def simplex_coordinates(model: Model) -> Simplex | None:
    """Find the posterior of probabilities that sum to 1; None of a model that has other unknowns.

    Raises:
        LinAlgError: the last alpha is so small that the covariance is singular to rounding.
    """
    flat = of_model(model)
    prior = None if isinstance(flat, str) or flat.pair.family != "Dirichlet" else prior_of(model, flat)
    if prior is None:
        return None
    alpha = np.asarray(prior.observe(prior.statistics(model.response)).arguments[0])
    factor = np.linalg.cholesky(np.diag(1.0 / alpha[:-1]) + 1.0 / alpha[-1])
    p = (alpha / alpha.sum())[np.newaxis]
    at_mode = log_likelihoods(PointProblem(model, prior=True), p) + log_priors(model, p)
    constant = (at_mode + np.log(p) @ (1.0 - alpha)).item()
    return Simplex(np.log(alpha[:-1] / alpha[-1]), factor, alpha, constant)
