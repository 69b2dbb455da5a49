"""Heads of positive responses: Gamma by rate and by mean, Exponential by rate and by scale, LogNormal.

Formulas: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, 2nd ed., 1994-95; McCullagh and
Nelder, Generalized Linear Models, 2nd ed., 1989, chapter 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from bayescope.distributions.gamma_functions import stirling_excess
from bayescope.distributions.heads import Floats, Head, matrix, quiet, stacked
from bayescope.distributions.heads_real import NORMAL

_HALF_LOG_TWO_PI = 0.5 * np.log(2.0 * np.pi)


@quiet
def _gamma_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    alpha, beta = psi
    value = (
        alpha * np.log(beta)
        - scipy.special.gammaln(alpha)
        + scipy.special.xlogy(np.subtract(alpha, 1.0), y)
        - np.multiply(beta, y)
    )
    return np.where(np.greater(alpha, 0.0) & np.greater(beta, 0.0), value, -np.inf)


@quiet
def _gamma_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    alpha, beta = psi
    in_alpha = np.log(beta) - scipy.special.digamma(alpha) + np.log(y)
    own = -scipy.special.polygamma(1, alpha), -np.divide(alpha, np.square(beta))
    return matrix((in_alpha, np.divide(alpha, beta) - y), own, np.divide(1.0, beta))


GAMMA = Head(
    _gamma_log_density,
    _gamma_derivatives,
    lambda rng, _, psi: np.asarray(rng.gamma(psi[0], np.divide(1.0, psi[1]))),
)


# The same by its mean mu and shape alpha. With u = log(y / mu) and E the excess of Stirling's series,
#     log p = alpha (u - (exp(u) - 1)) + log(alpha / (2 pi)) / 2 - E(alpha) - log y
# in which nothing cancels as alpha grows


def _deviation(u: Any) -> Floats:
    return np.asarray(u - np.expm1(u))


def _by_mean(y: Any, log_mu: Any, alpha: Any) -> Floats:
    constant = 0.5 * np.log(alpha) - _HALF_LOG_TWO_PI - stirling_excess(alpha)[0]
    value = alpha * _deviation(np.log(y) - log_mu) + constant - np.log(y)
    return np.where(np.greater(alpha, 0.0), value, -np.inf)


def _shape_derivatives(u: Any, alpha: Any) -> tuple[Floats, Floats]:
    _, slope, curvature = stirling_excess(alpha)
    half = np.divide(0.5, alpha)
    return _deviation(u) + half - slope, -half / alpha - curvature


@quiet
def _mean_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    return np.where(np.greater(psi[0], 0.0), _by_mean(y, np.log(psi[0]), psi[1]), -np.inf)


@quiet
def _mean_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    mu, alpha = psi
    in_alpha, own_alpha = _shape_derivatives(np.log(y) - np.log(mu), alpha)
    excess = (y - mu) / np.square(mu)
    own_mu = -alpha * (excess + y / np.square(mu)) / mu
    return matrix((alpha * excess, in_alpha), (own_mu, own_alpha), excess)


@quiet
def _mean_log_density_on_log(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    return _by_mean(y, *psi)


@quiet
def _mean_derivatives_on_log(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    eta, alpha = psi
    u = np.log(y) - eta
    return matrix(
        (alpha * np.expm1(u), _shape_derivatives(u, alpha)[0]),
        (-alpha * np.exp(u), _shape_derivatives(u, alpha)[1]),
        np.expm1(u),
    )


GAMMA_MEAN = Head(
    _mean_log_density,
    _mean_derivatives,
    lambda rng, _, psi: np.asarray(rng.gamma(psi[1], np.divide(psi[0], psi[1]))),
)
GAMMA_MEAN_ON_LINK = {"log": (_mean_log_density_on_log, _mean_derivatives_on_log)}


@quiet
def _exponential_log_density(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    return np.where(np.greater(psi[0], 0.0), np.log(psi[0]) - np.multiply(psi[0], y), -np.inf)


@quiet
def _exponential_derivatives(y: Floats, _: None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    (lam,) = psi
    first, second = np.broadcast_arrays(np.divide(1.0, lam) - y, -np.divide(1.0, np.square(lam)))
    return stacked(first, second)


EXPONENTIAL = Head(
    _exponential_log_density,
    _exponential_derivatives,
    lambda rng, _, psi: np.asarray(rng.exponential(np.divide(1.0, psi[0]))),
)


@quiet
def _scale_log_density(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    (scale,) = psi
    return np.where(np.greater(scale, 0.0), -np.log(scale) - np.divide(y, scale), -np.inf)


@quiet
def _scale_derivatives(y: Floats, _: None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    (scale,) = psi
    excess = (y - scale) / np.square(scale)
    return stacked(excess, -(excess + y / np.square(scale)) / scale)


@quiet
def _relative(y: Floats, eta: Any) -> Floats:
    return np.where(np.equal(y, 0.0), 0.0, y * np.exp(np.negative(eta)))


def _scale_log_density_on_log(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    return np.asarray(np.negative(psi[0]) - _relative(y, psi[0]))


def _scale_derivatives_on_log(y: Floats, _: None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    relative = _relative(y, psi[0])
    return stacked(relative - 1.0, -relative)


EXPONENTIAL_SCALE = Head(
    _scale_log_density, _scale_derivatives, lambda rng, _, psi: np.asarray(rng.exponential(psi[0]))
)
EXPONENTIAL_SCALE_ON_LINK = {"log": (_scale_log_density_on_log, _scale_derivatives_on_log)}


LOG_NORMAL = Head(
    lambda y, _, psi: NORMAL.log_density(np.log(y), None, psi) - np.log(y),
    lambda y, _, psi: NORMAL.derivatives(np.log(y), None, psi),
    lambda rng, _, psi: np.asarray(rng.lognormal(*psi)),
)
