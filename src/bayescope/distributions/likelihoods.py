"""The table of likelihoods (heads): everything the product knows of one, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions import heads
from bayescope.distributions.supports import BINARY, COUNT, POSITIVE, REAL, SIMPLEX, UNIT, Support

type Floats = NDArray[np.float64]
type Bounds = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class HeadParameter:
    """A parameter of a likelihood by PyMC's name, where it may live, and the links a formula may give it.

    `links` has the canonical link first; without links the parameter takes no formula. `scale`
    makes the size that a positive parameter is likely to have from the mean and sd of the response:
    its default prior has that mean. `spellings` are other names that a prior may give it, each with the
    link that makes the parameter of it: a Normal's precision `tau` for `sigma`, as in PyMC.
    """

    name: str
    support: Support
    links: tuple[str, ...] = ()
    scale: Callable[[float, float], float] = lambda _mean, sd: sd
    spellings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


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

    `loss` names the negative log-likelihood and `loss_formula` writes it, N being the number of
    observations; `loss_formula_given` writes it for a parameter that is fixed, whose value takes
    the place of `{name}`. `bounds(y)` says where the response itself leaves room for the
    parameters, where it does: the ends of a Uniform are not inside the data.

    A parameter on the simplex (the p of Categorical) is a vector, along the last axis of its element
    of psi; the response is then the position in it of one of the categories.
    """

    name: str
    parameters: tuple[HeadParameter, ...]
    location: str
    response: Support
    loss: str
    loss_formula: str
    log_density: Callable[..., Floats]
    derivatives: Callable[..., tuple[Floats, Floats]]
    sample: Callable[..., Floats]
    on_link: Mapping[str, tuple[Callable[..., Floats], Callable[..., tuple[Floats, Floats]]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    needs_trials: bool = False
    loss_formula_given: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bounds: Callable[[Floats], Bounds] = lambda _y: {}

    @property
    def categorical(self) -> bool:
        """Whether a response is one of several categories, each with a probability of its own."""
        return any(parameter.support.simplex for parameter in self.parameters)


def _mean(mean: float, _sd: float) -> float:
    return mean


def _rate(mean: float, _sd: float) -> float:
    return 1.0 / mean if mean else 1.0


def _one(_mean: float, _sd: float) -> float:
    return 1.0


_SPREAD = MappingProxyType({"tau": "precision", "variance": "variance"})
_P = (HeadParameter("p", UNIT, ("logit",)),)
_ON_LOGIT = MappingProxyType(
    {"logit": (heads.binomial_log_density_on_logit, heads.binomial_derivatives_on_logit)}
)

_ENTRIES = (
    Likelihood(
        "Bernoulli",
        _P,
        "p",
        BINARY,
        "binary cross-entropy",
        "-sum(y * log(p) + (1 - y) * log(1 - p))",
        *heads.BINOMIAL,
        on_link=_ON_LOGIT,
    ),
    Likelihood(
        "Binomial",
        _P,
        "p",
        COUNT,
        "binomial cross-entropy",
        "-sum(y * log(p) + (n - y) * log(1 - p)) + constant",
        *heads.BINOMIAL,
        on_link=_ON_LOGIT,
        needs_trials=True,
    ),
    Likelihood(
        "Geometric",
        (HeadParameter("p", UNIT),),
        "p",
        Support(lower=1.0, integer=True),
        "geometric negative log-likelihood",
        "-sum((y - 1) * log(1 - p)) - N * log(p)",
        *heads.GEOMETRIC,
    ),
    Likelihood(
        "NegativeBinomial",
        (HeadParameter("n", POSITIVE, scale=_mean), HeadParameter("p", UNIT)),
        "p",
        COUNT,
        "negative-binomial negative log-likelihood",
        "-sum(y * log(1 - p) + n * log(p) + log(Gamma(y + n) / Gamma(n))) + constant",
        *heads.NEGATIVE_BINOMIAL,
        loss_formula_given=MappingProxyType({"n": "-sum(y * log(1 - p) + {n} * log(p)) + constant"}),
    ),
    Likelihood(
        "Categorical",
        (HeadParameter("p", SIMPLEX),),
        "p",
        COUNT,
        "cross-entropy",
        "-sum(log(p[y]))",
        *heads.CATEGORICAL,
    ),
    Likelihood(
        "Poisson",
        (HeadParameter("mu", POSITIVE, scale=_mean),),
        "mu",
        COUNT,
        "Poisson deviance, halved",
        "sum(mu - y * log(mu)) + constant",
        *heads.POISSON,
    ),
    Likelihood(
        "Exponential",
        (HeadParameter("lam", POSITIVE, scale=_rate),),
        "lam",
        Support(lower=0.0),
        "exponential negative log-likelihood",
        "sum(lam * y) - N * log(lam)",
        *heads.EXPONENTIAL,
    ),
    Likelihood(
        "Gamma",
        (HeadParameter("alpha", POSITIVE, scale=_one), HeadParameter("beta", POSITIVE, scale=_rate)),
        "beta",
        POSITIVE,
        "gamma negative log-likelihood",
        "sum(beta * y - (alpha - 1) * log(y)) - N * (alpha * log(beta) - log(Gamma(alpha)))",
        *heads.GAMMA,
        loss_formula_given=MappingProxyType({"alpha": "sum(beta * y) - N * {alpha} * log(beta) + constant"}),
    ),
    Likelihood(
        "Normal",
        (
            HeadParameter("mu", REAL, ("identity",)),
            HeadParameter("sigma", POSITIVE, ("log",), spellings=_SPREAD),
        ),
        "mu",
        REAL,
        "squared error",
        "sum((y - mu)^2) / (2 * sigma^2) + N * log(sigma) + constant",
        *heads.NORMAL,
        loss_formula_given=MappingProxyType({"sigma": "sum((y - mu)^2) / (2 * {sigma}^2) + constant"}),
    ),
    Likelihood(
        "Uniform",
        (HeadParameter("lower", REAL), HeadParameter("upper", REAL)),
        "upper",
        REAL,
        "range",
        "N * log(upper - lower), infinite where an end is inside the data",
        *heads.UNIFORM,
        loss_formula_given=MappingProxyType(
            {"lower": "N * log(upper - {lower}), infinite where upper is below the largest y"}
        ),
        bounds=heads.uniform_bounds,
    ),
)

LIKELIHOODS: Mapping[str, Likelihood] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
