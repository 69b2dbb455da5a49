"""Heads of counts: Poisson, NegativeBinomial by its chance and by its mean, ZeroInflatedPoisson.

Formulas: Johnson, Kemp and Kotz, Univariate Discrete Distributions, 3rd ed., 2005; Cameron and Trivedi,
Regression Analysis of Count Data, 2nd ed., 2013, sections 3.3 (NB2) and 4.4 (zero inflation).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from bayescope.distributions.densities import ratio
from bayescope.distributions.gamma_functions import log_beta, log_factorial, poisson_peak, rising
from bayescope.distributions.heads import Floats, Head, matrix, quiet, stacked, weighed
from bayescope.distributions.heads_unit import outcome_curvature, outcome_slope, outcomes
from bayescope.distributions.likelihood import Together

_COUNTED = 1e15  # a mean beyond which counts are drawn from a Normal: NumPy's end at 2^63


def _poisson(rng: np.random.Generator, mu: Any) -> Floats:
    """Draw counts of mean `mu`; the skewness that a Normal leaves out, 1 / sqrt(mu), is below 1e-7."""
    counts = np.asarray(rng.poisson(np.minimum(mu, _COUNTED)), dtype=np.float64)
    far = np.greater(mu, _COUNTED)
    if not far.any():
        return counts
    normal = rng.standard_normal(counts.shape) * np.sqrt(np.where(np.isinf(mu), 0.0, mu))
    return np.where(far, np.rint(mu + normal), counts)


def log_failures_choose(y: Any, n: Any) -> Floats:
    """Compute log of Gamma(y + n) / (Gamma(n) y!): the orders of y failures before the n-th success."""
    return np.asarray(-log_beta(n, np.add(y, 1.0)) - np.log(np.add(y, n)))


@quiet
def _negative_binomial_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    n, p = psi
    return np.where(np.greater(n, 0.0), outcomes(n, y, p) + log_failures_choose(y, n), -np.inf)


@quiet
def _negative_binomial_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    n, p = psi
    in_n = scipy.special.digamma(np.add(y, n)) - scipy.special.digamma(n) + np.log(p)
    in_n_twice = scipy.special.polygamma(1, np.add(y, n)) - scipy.special.polygamma(1, n)
    return matrix((in_n, outcome_slope(n, y, p)), (in_n_twice, outcome_curvature(n, y, p)), np.divide(1.0, p))


NEGATIVE_BINOMIAL = Head(
    _negative_binomial_log_density,
    _negative_binomial_derivatives,
    lambda rng, _, psi: np.asarray(rng.negative_binomial(*psi), dtype=np.float64),
)


# The same by its mean mu and shape alpha: variance mu + mu^2 / alpha


def _overdispersed(y: Any, log_mu: Any, alpha: Any) -> Floats:
    """Compute log p = y log mu - (alpha + y) log(1 + mu / alpha) + rising(y, alpha) - log y!."""
    softplus = np.logaddexp(0.0, log_mu - np.log(alpha))
    linear = np.where(np.equal(y, 0.0), 0.0, y * log_mu)
    value = linear - (alpha + y) * softplus + rising(y, alpha)[0] - scipy.special.gammaln(y + 1.0)
    return np.where(np.greater(alpha, 0.0), value, -np.inf)


@quiet
def _mean_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, alpha = psi
    return np.where(np.greater_equal(mu, 0.0), _overdispersed(y, np.log(mu), alpha), -np.inf)


@quiet
def _mean_log_density_on_log(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    return _overdispersed(y, *psi)


def _alpha_derivatives(y: Any, share: Any, softplus: Any, alpha: Any) -> tuple[Floats, Floats]:
    """Compute the two derivatives in alpha, `share` being mu / (alpha + mu)."""
    _, slope, curvature = rising(y, alpha)
    relative = share / alpha
    first = slope - softplus + (alpha + y) * relative
    second = curvature + 2.0 * relative - (alpha + y) * relative * (2.0 - share) / alpha
    return first, second


@quiet
def _mean_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    mu, alpha = psi
    total = np.add(alpha, mu)
    in_alpha, own_alpha = _alpha_derivatives(y, mu / total, np.log1p(np.divide(mu, alpha)), alpha)
    in_mu = ratio(y, mu) - (alpha + y) / total
    own_mu = (alpha + y) / np.square(total) - ratio(y, np.square(mu))
    return matrix((in_mu, in_alpha), (own_mu, own_alpha), (y - mu) / np.square(total))


@quiet
def _mean_derivatives_on_log(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    eta, alpha = psi
    odds = eta - np.log(alpha)
    share, rest = scipy.special.expit(odds), scipy.special.expit(-odds)
    in_alpha, own_alpha = _alpha_derivatives(y, share, np.logaddexp(0.0, odds), alpha)
    in_eta = y * rest - alpha * share
    return matrix((in_eta, in_alpha), (-(alpha + y) * share * rest, own_alpha), share * in_eta / alpha)


def _mean_sample(rng: np.random.Generator, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, alpha = psi
    return _poisson(rng, rng.gamma(alpha, np.divide(mu, alpha)))


NEGATIVE_BINOMIAL_MEAN = Head(_mean_log_density, _mean_derivatives, _mean_sample)
NEGATIVE_BINOMIAL_MEAN_ON_LINK = {"log": (_mean_log_density_on_log, _mean_derivatives_on_log)}


@quiet
def _poisson_log_density(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    """Compute log p = log p(y | y) - y (r - log(1 + r)), r = mu / y - 1, whose terms do not cancel.

    Source: Loader, Fast and Accurate Computation of Binomial Probabilities, 2000.
    """
    (mu,) = psi
    r = np.divide(np.subtract(mu, y), y)
    logarithm = np.where(r > -0.5, np.log1p(r), np.log(np.divide(mu, y)))
    value = poisson_peak(y) - np.where(np.greater(y, 0.0), y * (r - logarithm), mu)
    return np.where(np.greater_equal(mu, 0.0), value, -np.inf)


@quiet
def _poisson_log_density_on_log(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    (eta,) = psi
    linear = np.where(np.equal(y, 0.0), 0.0, y * eta)
    return np.asarray(linear - np.exp(eta) - scipy.special.gammaln(y + 1.0))


@quiet
def _poisson_derivatives_on_log(y: Floats, _: None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    mu = np.broadcast_to(np.exp(psi[0]), np.broadcast_shapes(np.shape(psi[0]), np.shape(y)))
    return stacked(y - mu, -mu)


POISSON = Head(
    _poisson_log_density,
    lambda y, _, psi: stacked(ratio(y, psi[0]) - 1.0, -ratio(y, np.square(psi[0]))),
    lambda rng, _, psi: _poisson(rng, psi[0]),
)
POISSON_ON_LINK = {"log": (_poisson_log_density_on_log, _poisson_derivatives_on_log)}


@quiet
def _poisson_together_on_log(y: Floats, _: None, weights: Floats | None, eta: Floats) -> Together:
    mu = np.exp(eta)
    linear = np.where(y == 0.0, 0.0, y * eta)
    return weighed(linear - mu - log_factorial(y), y - mu, -mu, weights)


POISSON_TOGETHER = {"log": _poisson_together_on_log}


# A Poisson count with probability psi, else 0


@quiet
def _inflated_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    share, mu = psi
    zero = np.logaddexp(np.log1p(np.negative(share)), np.log(share) - mu)
    positive = np.log(share) + _poisson_log_density(y, None, (mu,))
    known = np.greater_equal(share, 0.0) & np.less_equal(share, 1.0) & np.greater_equal(mu, 0.0)
    return np.where(known, np.where(np.equal(y, 0.0), zero, positive), -np.inf)


@quiet
def _inflated_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives, with the probability of a zero P = 1 - psi + psi exp(-mu)."""
    share, mu = psi
    none = np.exp(np.negative(mu))
    probability = 1.0 + np.multiply(share, np.expm1(np.negative(mu)))
    tilt, counted = np.expm1(np.negative(mu)) / probability, share * none / probability
    zero = np.equal(y, 0.0)
    one_over = np.divide(1.0, share)
    return matrix(
        (np.where(zero, tilt, one_over), np.where(zero, -counted, ratio(y, mu) - 1.0)),
        (
            -np.square(np.where(zero, tilt, one_over)),
            np.where(zero, counted * (1.0 - counted), -ratio(y, np.square(mu))),
        ),
        np.where(zero, -none / np.square(probability), 0.0),
    )


def _inflated_sample(rng: np.random.Generator, _: None, psi: tuple[Any, Any]) -> Floats:
    share, mu = psi
    counts = _poisson(rng, np.broadcast_to(mu, np.broadcast_shapes(np.shape(share), np.shape(mu))))
    return np.asarray(np.where(rng.uniform(size=np.shape(counts)) < share, counts, 0), dtype=np.float64)


ZERO_INFLATED_POISSON = Head(_inflated_log_density, _inflated_derivatives, _inflated_sample)
