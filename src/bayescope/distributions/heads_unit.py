"""Heads of a probability or a proportion: Bernoulli and Binomial on three links, Geometric, Beta.

Formulas: Johnson, Kemp and Kotz, Univariate Discrete Distributions, 3rd ed., 2005; McCullagh and Nelder,
Generalized Linear Models, 2nd ed., 1989, section 4.3; for Beta, Ferrari and Cribari-Neto, Beta Regression
for Modelling Rates and Proportions, J. Appl. Stat. 31(7), 2004.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy

from bayescope.distributions.densities import ratio
from bayescope.distributions.gamma_functions import log_beta
from bayescope.distributions.heads import Floats, Head, matrix, quiet, stacked, weighed
from bayescope.distributions.likelihood import Together

_LARGEST_ODDS = 1e9  # against an outcome that occurred: 32 of them multiply to no more than a double holds


@quiet
def outcomes(successes: Any, failures: Any, p: Any) -> Floats:
    """Compute s log p + f log(1 - p); -inf where p is no probability."""
    value = scipy.special.xlogy(successes, p) + scipy.special.xlog1py(failures, np.negative(p))
    return np.where((np.asarray(p) >= 0.0) & (np.asarray(p) <= 1.0), value, -np.inf)


def outcome_slope(successes: Any, failures: Any, p: Any) -> Floats:
    """Compute the first derivative of `outcomes` in p."""
    return ratio(successes, p) - ratio(failures, np.subtract(1.0, p))


def outcome_curvature(successes: Any, failures: Any, p: Any) -> Floats:
    """Compute the second derivative of `outcomes` in p."""
    return -ratio(successes, np.square(p)) - ratio(failures, np.square(np.subtract(1.0, p)))


def _trials(trials: Floats | None) -> Floats:
    # a Bernoulli response is a Binomial one of a single trial
    return np.ones(()) if trials is None else np.asarray(trials)


def log_choose(trials: Floats, y: Floats) -> Floats:
    """Compute log of trials choose y by the beta function: three log factorials would cancel."""
    return np.asarray(-log_beta(trials - y + 1.0, y + 1.0) - np.log1p(trials))


def _log_ways(y: Floats, trials: Floats | None) -> Floats:
    return np.zeros(()) if trials is None else log_choose(trials, y)


def _binomial_log_density(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    return outcomes(y, _trials(trials) - y, psi[0]) + _log_ways(y, trials)


def _binomial_derivatives(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    counts = y, _trials(trials) - y, np.asarray(psi[0])
    return stacked(outcome_slope(*counts), outcome_curvature(*counts))


@quiet
def _log_density_on_logit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    """Compute y log p + (n - y) log(1 - p) from eta = logit p.

    log p = min(eta, 0) - s, log(1 - p) = -max(eta, 0) - s, s = log(1 + exp(-|eta|)): one logarithm,
    and nothing cancels however large eta is.
    """
    eta, n = np.asarray(psi[0]), _trials(trials)
    linear = y * np.minimum(eta, 0.0) - (n - y) * np.maximum(eta, 0.0)
    return np.asarray(linear - n * np.log1p(np.exp(-np.abs(eta))) + _log_ways(y, trials))


def _derivatives_on_logit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives in eta: y - n p, written as y (1 - p) - (n - y) p to keep digits as p -> 1."""
    eta, n = np.broadcast_to(psi[0], np.broadcast_shapes(np.shape(psi[0]), np.shape(y))), _trials(trials)
    p, q = scipy.special.expit(eta), scipy.special.expit(-eta)
    return stacked(y * q - (n - y) * p, -n * p * q)


@quiet
def _log_density_on_probit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    """Compute y log p + (n - y) log(1 - p) from eta, p = Phi(eta)."""
    eta, n = np.asarray(psi[0]), _trials(trials)
    value = _times(y, scipy.special.log_ndtr(eta)) + _times(n - y, scipy.special.log_ndtr(-eta))
    return value + _log_ways(y, trials)


def _times(count: Any, logarithm: Any) -> Floats:
    # an outcome that did not occur says nothing, however impossible it is
    return np.where(np.equal(count, 0.0), 0.0, np.multiply(count, logarithm))


def _derivatives_on_probit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    eta, failures = np.asarray(psi[0]), _trials(trials) - y
    up, down = _log_ndtr_derivatives(eta), _log_ndtr_derivatives(-eta)
    return stacked(y * up[0] - failures * down[0], y * up[1] + failures * down[1])


@quiet
def _log_ndtr_derivatives(eta: Floats) -> tuple[Floats, Floats]:
    """Compute m = phi / Phi and its slope -m (m + eta), by the tail's series where m + eta cancels."""
    mills = np.sqrt(2.0 / np.pi) / scipy.special.erfcx(-eta / np.sqrt(2.0))
    far = eta < -300.0
    square = np.square(np.where(far, eta, 300.0))
    near = mills * (mills + np.where(far, 0.0, eta))
    # m + eta is 0 times inf far up, where m underflows
    slope = np.where(far, 1.0 - 1.0 / square + 6.0 / np.square(square), np.where(mills > 0.0, near, 0.0))
    return mills, -slope


@quiet
def _log_density_on_cloglog(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    """Compute y log p + (n - y) log(1 - p) from eta, p = 1 - exp(-exp(eta))."""
    eta, n = np.asarray(psi[0]), _trials(trials)
    mu = np.exp(eta)
    log_p = np.where(mu < 1e-9, eta - 0.5 * mu, np.log(-np.expm1(-mu)))
    return _times(y, log_p) - _times(n - y, mu) + _log_ways(y, trials)


@quiet
def _derivatives_on_cloglog(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives in eta, with mu = exp(eta) and r = mu / (exp(mu) - 1).

    d log p / d eta = r,  d2 log p / d eta2 = r (1 - mu - r), by its series where mu is small.
    """
    mu, failures = np.exp(psi[0]), _trials(trials) - y
    safe = np.clip(mu, 1e-300, 700.0)
    r = np.where(mu < 700.0, safe / np.expm1(safe), 0.0)
    series = -0.5 * mu - np.square(mu) / 12.0 + np.square(np.square(mu)) / 720.0
    rest = np.where(mu < 1e-2, series, 1.0 - safe - r)
    lost = _times(failures, mu)
    return stacked(y * r - lost, y * r * rest - lost)


@quiet
def _together_on_logit(y: Floats, trials: Floats | None, weights: Floats | None, eta: Floats) -> Together:
    """Compute everything from e = exp(-|eta|) alone: p and 1 - p are 1 / (1 + e) and e / (1 + e)."""
    quick = _flips_on_logit(y, weights, eta) if trials is None else None
    if quick is not None:
        return quick
    e = np.exp(-np.abs(eta))
    larger = np.reciprocal(1.0 + e)
    smaller = e * larger
    positive = eta > 0.0
    p, q = np.where(positive, larger, smaller), np.where(positive, smaller, larger)
    n = _trials(trials)
    failures = n - y
    linear = y * np.minimum(eta, 0.0) - failures * np.maximum(eta, 0.0)
    log_density = linear - n * np.log1p(e) + _log_ways(y, trials)
    return weighed(log_density, y * q - failures * p, -n * (smaller * larger), weights, n)


def _flips_on_logit(y: Floats, weights: Floats | None, eta: Floats) -> Together | None:
    """Of single trials, by the margin m: eta with the sign of the outcome, whose probability is that of m.

    log p = -log(1 + e),   e = exp(-m);   None where e is so large that products of it overflow.
    """
    sign = 2.0 * y
    sign -= 1.0
    e = sign * eta
    np.negative(e, out=e)
    np.exp(e, out=e)
    if not e.max(initial=0.0) <= _LARGEST_ODDS:
        return None
    whole = 1.0 + e
    p = np.reciprocal(whole)
    first = e * p
    second = first * p
    first *= sign
    least = float(second.min(initial=np.inf))
    np.negative(second, out=second)
    if weights is not None:
        return weighed(-np.log1p(e), first, second, weights)
    return Together(-_sum_log1p(e, whole), first, second, least)


def _sum_log1p(e: Floats, whole: Floats) -> float:
    """Sum log(1 + e) for e <= 1e9 by the logarithms of products of 32; each row is right to eps.

    `whole` is 1 + e. Where the sum is so small that this loses digits, by log1p.
    """
    rows = len(e) // 32 * 32
    products = np.multiply.reduce(whole[:rows].reshape(32, -1), axis=0)
    total = float(np.log(products).sum()) + math.log(np.multiply.reduce(whole[rows:]))
    return total if total > 1e-3 * len(e) else float(np.log1p(e).sum())


def _binomial_sample(rng: np.random.Generator, trials: Floats | None, psi: tuple[Any]) -> Floats:
    return np.asarray(rng.binomial(_trials(trials).astype(np.int64), psi[0]), dtype=np.float64)


BINOMIAL = Head(_binomial_log_density, _binomial_derivatives, _binomial_sample)
BINOMIAL_ON_LINK = {
    "logit": (_log_density_on_logit, _derivatives_on_logit),
    "probit": (_log_density_on_probit, _derivatives_on_probit),
    "cloglog": (_log_density_on_cloglog, _derivatives_on_cloglog),
}

BINOMIAL_TOGETHER = {"logit": _together_on_logit}

GEOMETRIC = Head(
    lambda y, _, psi: outcomes(1.0, y - 1.0, psi[0]),
    lambda y, _, psi: stacked(outcome_slope(1.0, y - 1.0, psi[0]), outcome_curvature(1.0, y - 1.0, psi[0])),
    lambda rng, _, psi: np.asarray(rng.geometric(psi[0]), dtype=np.float64),
)


@quiet
def _beta_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, nu = psi
    a, b = np.multiply(mu, nu), np.multiply(np.subtract(1.0, mu), nu)
    value = scipy.special.xlogy(a - 1.0, y) + scipy.special.xlog1py(b - 1.0, -y) - log_beta(a, b)
    return np.where(np.greater(a, 0.0) & np.greater(b, 0.0), value, -np.inf)


def _trigamma(x: Any) -> Floats:
    return np.asarray(scipy.special.polygamma(1, x))


@quiet
def _beta_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    mu, nu = psi
    rest = np.subtract(1.0, mu)
    a, b = np.multiply(mu, nu), rest * nu
    digamma = scipy.special.digamma
    up, down = np.log(y) - digamma(a), np.log1p(-y) - digamma(b)
    in_nu = digamma(nu) + mu * up + rest * down
    own_mu = -np.square(nu) * (_trigamma(a) + _trigamma(b))
    own_nu = _trigamma(nu) - np.square(mu) * _trigamma(a) - np.square(rest) * _trigamma(b)
    mixed = up - down - nu * (mu * _trigamma(a) - rest * _trigamma(b))
    return matrix((nu * (up - down), in_nu), (own_mu, own_nu), mixed)


def _beta_sample(rng: np.random.Generator, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, nu = psi
    draws = rng.beta(np.multiply(mu, nu), np.multiply(np.subtract(1.0, mu), nu))
    # a draw that rounds to an end of the open interval is the number next to it
    return np.asarray(np.clip(draws, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0)))


BETA = Head(_beta_log_density, _beta_derivatives, _beta_sample)
