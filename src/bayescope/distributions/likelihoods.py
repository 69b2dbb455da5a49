"""The table of likelihoods (heads): everything the product knows of one, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.densities import ratio
from bayescope.distributions.supports import BINARY, COUNT, POSITIVE, REAL, UNIT, Support

type Floats = NDArray[np.float64]

_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@dataclass(frozen=True)
class HeadParameter:
    """A parameter of a likelihood by PyMC's name, where it may live, and the links a formula may give it."""

    name: str
    support: Support
    links: tuple[str, ...]  # the canonical link first


@dataclass(frozen=True)
class Likelihood:
    """One head p(y | psi).

    `log_density(y, trials, psi)` returns shape (n,), -inf where psi is outside of its support;
    `derivatives(y, trials, psi)` returns the first derivatives, shape (k, n), and the second,
    shape (k, k, n), in the k parameters `psi` (tuple of arrays or numbers in the order of
    `parameters`). None of them warns. `on_link[link]` holds the pair
    (log_density, derivatives) with the *location* parameter given by its linear predictor eta
    instead: exact where the detour over the parameter would lose digits (p -> 1).
    `trials` is None but for Binomial. `sample(rng, trials, psi)` draws a response of the shape
    to which `trials` and `psi` broadcast.
    """

    name: str
    parameters: tuple[HeadParameter, ...]
    location: str
    response: Support
    loss: str
    log_density: Callable[..., Floats]
    derivatives: Callable[..., tuple[Floats, Floats]]
    sample: Callable[..., Floats]
    on_link: Mapping[str, tuple[Callable[..., Floats], Callable[..., tuple[Floats, Floats]]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    needs_trials: bool = False


def _trials(trials: Floats | None) -> Floats:
    # a Bernoulli response is a Binomial one of a single trial
    return np.ones(()) if trials is None else np.asarray(trials)


def _log_ways(y: Floats, trials: Floats | None) -> Floats:
    # log of trials choose y, by the beta function: the difference of three log factorials cancels
    if trials is None:
        return np.zeros(())
    return np.asarray(-scipy.special.betaln(trials - y + 1.0, y + 1.0) - np.log1p(trials))


@_quiet
def _binomial_log_density(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    p = np.asarray(psi[0])
    failures = _trials(trials) - y
    value = scipy.special.xlogy(y, p) + scipy.special.xlog1py(failures, -p) + _log_ways(y, trials)
    return np.where((p >= 0.0) & (p <= 1.0), value, -np.inf)


def _binomial_derivatives(y: Floats, trials: Floats | None, psi: tuple[Any]) -> tuple[Floats, Floats]:
    p = np.asarray(psi[0])
    failures = _trials(trials) - y
    first = ratio(y, p) - ratio(failures, 1.0 - p)
    second = -ratio(y, p**2) - ratio(failures, (1.0 - p) ** 2)
    return first[np.newaxis], second[np.newaxis, np.newaxis]


@_quiet
def _binomial_log_density_on_logit(y: Floats, trials: Floats | None, psi: tuple[Any]) -> Floats:
    # y log p + (n - y) log(1 - p) with log p = min(eta, 0) - s, log(1 - p) = -max(eta, 0) - s,
    # s = log(1 + exp(-|eta|)): one logarithm, and nothing cancels however large eta is
    eta, n = np.asarray(psi[0]), _trials(trials)
    linear = y * np.minimum(eta, 0.0) - (n - y) * np.maximum(eta, 0.0)
    return np.asarray(linear - n * np.log1p(np.exp(-np.abs(eta))) + _log_ways(y, trials))


def _binomial_derivatives_on_logit(
    y: Floats, trials: Floats | None, psi: tuple[Any]
) -> tuple[Floats, Floats]:
    # y - n p, written as y (1 - p) - (n - y) p to keep the digits of 1 - p as p -> 1
    eta, n = np.broadcast_to(psi[0], np.broadcast_shapes(np.shape(psi[0]), np.shape(y))), _trials(trials)
    p, q = scipy.special.expit(eta), scipy.special.expit(-eta)
    return (y * q - (n - y) * p)[np.newaxis], (-n * p * q)[np.newaxis, np.newaxis]


def _binomial_sample(rng: np.random.Generator, trials: Floats | None, psi: tuple[Any]) -> Floats:
    return np.asarray(rng.binomial(_trials(trials).astype(np.int64), psi[0]), dtype=np.float64)


@_quiet
def _normal_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, sigma = psi
    value = -0.5 * np.square((y - mu) / sigma) - np.log(sigma) - _LOG_ROOT_TWO_PI
    return np.where(np.greater(sigma, 0.0), value, -np.inf)


@_quiet
def _normal_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    mu, sigma = psi
    z = (y - mu) / sigma
    first = np.stack([z, np.square(z) - 1.0])
    second = np.stack([[-np.ones(np.shape(z)), -2.0 * z], [-2.0 * z, 1.0 - 3.0 * np.square(z)]])
    return first / sigma, second / np.square(sigma)


def _normal_sample(rng: np.random.Generator, _: None, psi: tuple[Any, Any]) -> Floats:
    return np.asarray(rng.normal(*psi))


_P = (HeadParameter("p", UNIT, ("logit",)),)
_ON_LINK = MappingProxyType({"logit": (_binomial_log_density_on_logit, _binomial_derivatives_on_logit)})

_ENTRIES = (
    Likelihood(
        name="Bernoulli",
        parameters=_P,
        location="p",
        response=BINARY,
        loss="binary cross-entropy",
        log_density=_binomial_log_density,
        derivatives=_binomial_derivatives,
        sample=_binomial_sample,
        on_link=_ON_LINK,
    ),
    Likelihood(
        name="Binomial",
        parameters=_P,
        location="p",
        response=COUNT,
        loss="binomial cross-entropy",
        log_density=_binomial_log_density,
        derivatives=_binomial_derivatives,
        sample=_binomial_sample,
        on_link=_ON_LINK,
        needs_trials=True,
    ),
    Likelihood(
        name="Normal",
        parameters=(HeadParameter("mu", REAL, ("identity",)), HeadParameter("sigma", POSITIVE, ("log",))),
        location="mu",
        response=REAL,
        loss="squared error",
        log_density=_normal_log_density,
        derivatives=_normal_derivatives,
        sample=_normal_sample,
    ),
)

LIKELIHOODS: Mapping[str, Likelihood] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
