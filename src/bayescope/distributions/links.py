"""The table of links: how a linear predictor becomes a parameter of the likelihood.

A link g maps the parameter mu to its linear predictor eta = g(mu) (McCullagh and Nelder,
Generalized Linear Models, 1989, section 2.2). The density and its derivatives need the inverse,
mu = g^-1(eta), and the first two derivatives of that in eta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@dataclass(frozen=True)
class Link:
    """One link: `apply(mu)` = eta, `inverse(eta)` = mu, `slope` = d mu / d eta, `curvature` = d2 mu / d eta2.

    `positive` links take positive predictors only: they stand for a parameter under another name, as
    the precision tau of a Normal stands for its sigma, and no formula takes them.

    All four are vectorised. A predictor too large for its exponential gives inf, never a warning.
    """

    name: str
    apply: Callable[[ArrayLike], Floats]
    inverse: Callable[[ArrayLike], Floats]
    slope: Callable[[ArrayLike], Floats]
    curvature: Callable[[ArrayLike], Floats]
    positive: bool = False


def _same(value: ArrayLike) -> Floats:
    return np.asarray(value, dtype=np.float64)


def _zero(value: ArrayLike) -> Floats:
    return np.zeros(np.shape(value))


def _one(value: ArrayLike) -> Floats:
    return np.ones(np.shape(value))


def _logit(p: ArrayLike) -> Floats:
    return np.asarray(scipy.special.logit(p))


def _expit(eta: ArrayLike) -> Floats:
    return np.asarray(scipy.special.expit(eta))


def _expit_slope(eta: ArrayLike) -> Floats:
    # p (1 - p), with 1 - p = expit(-eta) so that it keeps its digits as p -> 1
    return _expit(eta) * _expit(np.negative(eta))


def _expit_curvature(eta: ArrayLike) -> Floats:
    # p (1 - p) (1 - 2 p), with 1 - 2 p = -tanh(eta / 2)
    return -_expit_slope(eta) * np.tanh(np.multiply(eta, 0.5))


@_quiet
def _log(mu: ArrayLike) -> Floats:
    return np.asarray(np.log(mu))


@_quiet
def _exp(eta: ArrayLike) -> Floats:
    return np.asarray(np.exp(eta))


def _ndtr(eta: ArrayLike) -> Floats:
    return np.asarray(scipy.special.ndtr(eta))


def _ndtri(p: ArrayLike) -> Floats:
    return np.asarray(scipy.special.ndtri(p))


@_quiet
def _normal_density(eta: ArrayLike) -> Floats:
    return np.asarray(np.exp(-0.5 * np.square(eta)) / np.sqrt(2.0 * np.pi))


@_quiet
def _normal_density_slope(eta: ArrayLike) -> Floats:
    # a predictor of 1e300 has a density of 0, and so has its slope
    return np.where(np.abs(eta) > 40.0, 0.0, -np.asarray(eta) * _normal_density(eta))


@_quiet
def _cloglog(p: ArrayLike) -> Floats:
    return np.asarray(np.log(-np.log1p(np.negative(p))))


@_quiet
def _cloglog_inverse(eta: ArrayLike) -> Floats:
    return np.asarray(-np.expm1(-np.exp(eta)))


@_quiet
def _cloglog_slope(eta: ArrayLike) -> Floats:
    return np.asarray(np.exp(eta - np.exp(eta)))


@_quiet
def _cloglog_curvature(eta: ArrayLike) -> Floats:
    # from here on the slope is 0 in double precision
    return np.where(np.asarray(eta) > 7.0, 0.0, _cloglog_slope(eta) * (1.0 - np.exp(eta)))


@_quiet
def _power(value: ArrayLike, exponent: float) -> Floats:
    return np.asarray(np.power(np.asarray(value, dtype=np.float64), exponent))


LINKS: Mapping[str, Link] = MappingProxyType(
    {
        link.name: link
        for link in (
            Link("identity", apply=_same, inverse=_same, slope=_one, curvature=_zero),
            Link("logit", apply=_logit, inverse=_expit, slope=_expit_slope, curvature=_expit_curvature),
            Link(
                "precision",
                apply=lambda sigma: np.power(sigma, -2.0),
                inverse=lambda tau: _power(tau, -0.5),
                slope=lambda tau: -0.5 * _power(tau, -1.5),
                curvature=lambda tau: 0.75 * _power(tau, -2.5),
                positive=True,
            ),
            Link(
                "variance",
                apply=np.square,
                inverse=lambda variance: _power(variance, 0.5),
                slope=lambda variance: 0.5 * _power(variance, -0.5),
                curvature=lambda variance: -0.25 * _power(variance, -1.5),
                positive=True,
            ),
            Link("log", apply=_log, inverse=_exp, slope=_exp, curvature=_exp),
            Link(
                "probit", apply=_ndtri, inverse=_ndtr, slope=_normal_density, curvature=_normal_density_slope
            ),
            Link(
                "cloglog",
                apply=_cloglog,
                inverse=_cloglog_inverse,
                slope=_cloglog_slope,
                curvature=_cloglog_curvature,
            ),
            Link(
                "inverse",
                apply=lambda mu: _power(mu, -1.0),
                inverse=lambda eta: _power(eta, -1.0),
                slope=lambda eta: -_power(eta, -2.0),
                curvature=lambda eta: 2.0 * _power(eta, -3.0),
            ),
        )
    }
)
