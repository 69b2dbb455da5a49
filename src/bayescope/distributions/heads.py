"""Log densities of responses with their derivatives in the parameters, and how to draw from them.

A head has three functions. `log_density(y, trials, psi)` is -inf where psi is outside of its
support; `derivatives(y, trials, psi)` returns the first derivatives in the k parameters, shape
(k, n), and the second, shape (k, k, n); `sample(rng, trials, psi)` draws a response. psi is a
tuple of arrays or numbers; everything broadcasts, and nothing warns.

Formulas: Johnson, Kemp and Kotz, Univariate Discrete Distributions, 3rd ed., 2005; Johnson, Kotz
and Balakrishnan, Continuous Univariate Distributions, 2nd ed., 1994-95.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.densities import ratio
from bayescope.distributions.supports import SIMPLEX

type Floats = NDArray[np.float64]
type LogDensity = Callable[..., Floats]
type Derivatives = Callable[..., tuple[Floats, Floats]]

_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


class Head(NamedTuple):
    """The functions of one likelihood."""

    log_density: LogDensity
    derivatives: Derivatives
    sample: Callable[..., Floats]


def _stacked(first: Any, second: Any) -> tuple[Floats, Floats]:
    """Give derivatives in one parameter the shapes (1, n) and (1, 1, n)."""
    return np.asarray(first)[np.newaxis], np.asarray(second)[np.newaxis, np.newaxis]


def _matrix(first: tuple[Any, Any], own: tuple[Any, Any], mixed: Any) -> tuple[Floats, Floats]:
    """Give derivatives in two parameters the shapes (2, n) and (2, 2, n)."""
    a, b, aa, bb, ab = np.broadcast_arrays(*first, *own, mixed)
    return np.stack([a, b]), np.stack([np.stack([aa, ab]), np.stack([ab, bb])])


# Successes and failures of probability p: s log p + f log(1 - p)


@_quiet
def _outcomes(successes: Any, failures: Any, p: Any) -> Floats:
    value = scipy.special.xlogy(successes, p) + scipy.special.xlog1py(failures, np.negative(p))
    return np.where((np.asarray(p) >= 0.0) & (np.asarray(p) <= 1.0), value, -np.inf)


def _outcome_slope(successes: Any, failures: Any, p: Any) -> Floats:
    return ratio(successes, p) - ratio(failures, np.subtract(1.0, p))


def _outcome_curvature(successes: Any, failures: Any, p: Any) -> Floats:
    return -ratio(successes, np.square(p)) - ratio(failures, np.square(np.subtract(1.0, p)))


def _trials(trials: Floats | None) -> Floats:
    # a Bernoulli response is a Binomial one of a single trial
    return np.ones(()) if trials is None else np.asarray(trials)


def log_choose(trials: Floats, y: Floats) -> Floats:
    """Compute log of trials choose y by the beta function: three log factorials would cancel."""
    return np.asarray(-scipy.special.betaln(trials - y + 1.0, y + 1.0) - np.log1p(trials))


def _log_ways(y: Floats, trials: Floats | None) -> Floats:
    return np.zeros(()) if trials is None else log_choose(trials, y)


def _binomial_log_density(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    return _outcomes(y, _trials(trials) - y, psi[0]) + _log_ways(y, trials)


def _binomial_derivatives(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    outcomes = y, _trials(trials) - y, np.asarray(psi[0])
    return _stacked(_outcome_slope(*outcomes), _outcome_curvature(*outcomes))


@_quiet
def binomial_log_density_on_logit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    """Compute the log density of Bernoulli and Binomial from eta = logit p.

    y log p + (n - y) log(1 - p) with log p = min(eta, 0) - s, log(1 - p) = -max(eta, 0) - s,
    s = log(1 + exp(-|eta|)): one logarithm, and nothing cancels however large eta is.
    """
    eta, n = np.asarray(psi[0]), _trials(trials)
    linear = y * np.minimum(eta, 0.0) - (n - y) * np.maximum(eta, 0.0)
    return np.asarray(linear - n * np.log1p(np.exp(-np.abs(eta))) + _log_ways(y, trials))


def binomial_derivatives_on_logit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives in eta: y - n p, written as y (1 - p) - (n - y) p to keep digits as p -> 1."""
    eta, n = np.broadcast_to(psi[0], np.broadcast_shapes(np.shape(psi[0]), np.shape(y))), _trials(trials)
    p, q = scipy.special.expit(eta), scipy.special.expit(-eta)
    return _stacked(y * q - (n - y) * p, -n * p * q)


def _binomial_sample(rng: np.random.Generator, trials: Floats | None, psi: tuple[Any]) -> Floats:
    return np.asarray(rng.binomial(_trials(trials).astype(np.int64), psi[0]), dtype=np.float64)


BINOMIAL = Head(_binomial_log_density, _binomial_derivatives, _binomial_sample)

GEOMETRIC = Head(
    lambda y, _, psi: _outcomes(1.0, y - 1.0, psi[0]),
    lambda y, _, psi: _stacked(
        _outcome_slope(1.0, y - 1.0, psi[0]), _outcome_curvature(1.0, y - 1.0, psi[0])
    ),
    lambda rng, _, psi: np.asarray(rng.geometric(psi[0]), dtype=np.float64),
)


def log_failures_choose(y: Any, n: Any) -> Floats:
    """Compute log of Gamma(y + n) / (Gamma(n) y!): the orders of y failures before the n-th success."""
    return np.asarray(-scipy.special.betaln(n, np.add(y, 1.0)) - np.log(np.add(y, n)))


@_quiet
def _negative_binomial_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    n, p = psi
    return np.where(np.greater(n, 0.0), _outcomes(n, y, p) + log_failures_choose(y, n), -np.inf)


@_quiet
def _negative_binomial_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    n, p = psi
    in_n = scipy.special.digamma(np.add(y, n)) - scipy.special.digamma(n) + np.log(p)
    in_n_twice = scipy.special.polygamma(1, np.add(y, n)) - scipy.special.polygamma(1, n)
    return _matrix(
        (in_n, _outcome_slope(n, y, p)), (in_n_twice, _outcome_curvature(n, y, p)), np.divide(1.0, p)
    )


NEGATIVE_BINOMIAL = Head(
    _negative_binomial_log_density,
    _negative_binomial_derivatives,
    lambda rng, _, psi: np.asarray(rng.negative_binomial(*psi), dtype=np.float64),
)


# Counts and times of a rate


@_quiet
def _poisson_log_density(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    (mu,) = psi
    value = scipy.special.xlogy(y, mu) - mu - scipy.special.gammaln(y + 1.0)
    return np.where(np.greater_equal(mu, 0.0), value, -np.inf)


POISSON = Head(
    _poisson_log_density,
    lambda y, _, psi: _stacked(ratio(y, psi[0]) - 1.0, -ratio(y, np.square(psi[0]))),
    lambda rng, _, psi: np.asarray(rng.poisson(psi[0]), dtype=np.float64),
)


@_quiet
def _gamma_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    alpha, beta = psi
    value = (
        alpha * np.log(beta)
        - scipy.special.gammaln(alpha)
        + scipy.special.xlogy(np.subtract(alpha, 1.0), y)
        - np.multiply(beta, y)
    )
    return np.where(np.greater(alpha, 0.0) & np.greater(beta, 0.0), value, -np.inf)


@_quiet
def _gamma_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    alpha, beta = psi
    in_alpha = np.log(beta) - scipy.special.digamma(alpha) + np.log(y)
    own = -scipy.special.polygamma(1, alpha), -np.divide(alpha, np.square(beta))
    return _matrix((in_alpha, np.divide(alpha, beta) - y), own, np.divide(1.0, beta))


GAMMA = Head(
    _gamma_log_density,
    _gamma_derivatives,
    lambda rng, _, psi: np.asarray(rng.gamma(psi[0], np.divide(1.0, psi[1]))),
)


@_quiet
def _exponential_log_density(y: Floats, _: None, psi: tuple[Any]) -> Floats:
    return np.where(np.greater(psi[0], 0.0), np.log(psi[0]) - np.multiply(psi[0], y), -np.inf)


@_quiet
def _exponential_derivatives(y: Floats, _: None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    (lam,) = psi
    first, second = np.broadcast_arrays(np.divide(1.0, lam) - y, -np.divide(1.0, np.square(lam)))
    return _stacked(first, second)


EXPONENTIAL = Head(
    _exponential_log_density,
    _exponential_derivatives,
    lambda rng, _, psi: np.asarray(rng.exponential(np.divide(1.0, psi[0]))),
)


# One of several categories, coded 0, 1, ...; the probabilities run along the last axis of p


@_quiet
def _categorical_log_density(y: Floats, _: None, psi: tuple[Floats]) -> Floats:
    p, codes = np.asarray(psi[0]), np.asarray(y, dtype=np.int64)
    own = p[codes] if p.ndim == 1 else np.take_along_axis(p, codes[..., np.newaxis], axis=-1)[..., 0]
    return np.where(SIMPLEX.violations(p), -np.inf, np.log(own))


def _categorical_derivatives(*_: Any) -> NoReturn:
    raise ValueError("the probabilities of a Categorical sum to 1: they have no derivatives one by one")


def _categorical_sample(rng: np.random.Generator, _: None, psi: tuple[Floats]) -> Floats:
    ends = np.cumsum(psi[0], axis=-1)
    u = rng.uniform(size=(*ends.shape[:-1], 1)) * ends[..., -1:]
    return np.asarray(np.sum(u >= ends, axis=-1), dtype=np.float64)


CATEGORICAL = Head(_categorical_log_density, _categorical_derivatives, _categorical_sample)


# Locations and ends


@_quiet
def _normal_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, sigma = psi
    value = -0.5 * np.square((y - mu) / sigma) - np.log(sigma) - _LOG_ROOT_TWO_PI
    return np.where(np.greater(sigma, 0.0), value, -np.inf)


@_quiet
def _normal_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    mu, sigma = psi
    z = (y - mu) / sigma
    first, second = _matrix((z, np.square(z) - 1.0), (-np.ones_like(z), 1.0 - 3.0 * np.square(z)), -2.0 * z)
    return first / sigma, second / np.square(sigma)


NORMAL = Head(_normal_log_density, _normal_derivatives, lambda rng, _, psi: np.asarray(rng.normal(*psi)))


@_quiet
def _uniform_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    lower, upper = psi
    inside = np.less_equal(lower, y) & np.less_equal(y, upper)
    return np.where(inside, -np.log(np.subtract(upper, lower)), -np.inf)


@_quiet
def _uniform_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    lower, upper = psi
    first = np.divide(1.0, np.subtract(upper, lower)) + np.zeros(np.shape(y))
    second = np.square(first)
    return _matrix((first, -first), (second, second), -second)


UNIFORM = Head(_uniform_log_density, _uniform_derivatives, lambda rng, _, psi: np.asarray(rng.uniform(*psi)))


def uniform_bounds(y: Floats) -> dict[str, tuple[float, float]]:
    """Tell where the ends of a Uniform may be that gave `y`: no end is inside the data."""
    return {"lower": (-np.inf, float(y.min())), "upper": (float(y.max()), np.inf)}
