"""The table of distributions that a parameter may have as its prior, under PyMC's names and conventions.

A distribution is one entry: its arguments (names, order and defaults as in PyMC), the support
that follows from them, and its density. Nothing else in the product lists distributions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions import densities, vector_densities
from bayescope.distributions.supports import POSITIVE, REAL, SIMPLEX, UNIT, Support

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Argument:
    """An argument of a distribution: where it may live, and its default (None: it must be given).

    `vector` marks one that takes a vector for one variable (Dirichlet's `a`), or a covariance matrix
    where `matrix` is set too; any other argument may still be given element by element for a vector
    of variables.
    """

    name: str
    support: Support
    default: float | None = None
    vector: bool = False
    matrix: bool = False


@dataclass(frozen=True)
class Distribution:
    """One distribution; every function takes x and then the arguments in the order of `arguments`.

    Attributes:
        name: PyMC's name.
        arguments: PyMC's arguments, in its order.
        support: the support, from the arguments by name.
        log_density: log p(x), nats; -inf outside the support. Flat: 0 on its support.
        slope: d log p / dx; nan outside the support.
        curvature: d2 log p / dx2; nan outside the support.
        cdf: P(X <= x). Raises ValueError where `proper` is false.
        quantile: the inverse of `cdf`, on [0, 1]. Raises ValueError where `proper` is false.
        proper: whether it integrates to 1.
        closed: whether its density has a closed form; else the functions raise ValueError.
        kink: (location, weight) from the arguments, where -log p(x) = weight |x - location| + constant.
        scale: the argument s, if there is one, for which p(x) = g((x - location) / s) / s with a fixed g.
        location: the argument that x is measured from; None: x is measured from 0.
        marginal: (i, *arguments) -> element i of the vector on its own, by name and arguments.
    """

    name: str
    arguments: tuple[Argument, ...]
    support: Callable[[Mapping[str, Any]], Support]
    log_density: Callable[..., Floats]
    slope: Callable[..., Floats]
    curvature: Callable[..., Floats]
    cdf: Callable[..., Floats]
    quantile: Callable[..., Floats]
    proper: bool = True
    closed: bool = True
    kink: Callable[..., tuple[float, float]] | None = None
    scale: str | None = None
    location: str | None = None
    marginal: Callable[..., tuple[str, dict[str, float]]] | None = None

    @property
    def joint(self) -> bool:
        """Whether it is the distribution of a whole vector: its derivatives are a gradient and a Hessian."""
        return any(argument.vector for argument in self.arguments)


def _always(support: Support) -> Callable[[Mapping[str, float]], Support]:
    return lambda _: support


def _between(arguments: Mapping[str, float]) -> Support:
    return Support(lower=arguments["lower"], upper=arguments["upper"])


def _from_m(arguments: Mapping[str, float]) -> Support:
    return Support(lower=arguments["m"])


def _laplace_kink(mu: float, b: float) -> tuple[float, float]:
    return mu, 1.0 / b


def _normal_of(i: int, mu: Sequence[float], cov: Sequence[Sequence[float]]) -> tuple[str, dict[str, float]]:
    return "Normal", {"mu": mu[i], "sigma": math.sqrt(cov[i][i])}


_REAL, _POSITIVE, _UNIT, _SIMPLEX = (_always(support) for support in (REAL, POSITIVE, UNIT, SIMPLEX))
_MU, _SIGMA = Argument("mu", REAL, 0.0), Argument("sigma", POSITIVE, 1.0)
_NU = Argument("nu", POSITIVE)
_ALPHA, _BETA = Argument("alpha", POSITIVE), Argument("beta", POSITIVE)
_ENDS = Argument("lower", REAL, 0.0), Argument("upper", REAL, 1.0)

_ENTRIES = (
    Distribution("Flat", (), _REAL, *densities.flat(-np.inf), proper=False),
    Distribution("HalfFlat", (), _POSITIVE, *densities.flat(0.0), proper=False),
    Distribution(
        "Normal",
        (_MU, _SIGMA),
        _REAL,
        *densities.location_scale(densities.NORMAL),
        scale="sigma",
        location="mu",
    ),
    Distribution("HalfNormal", (_SIGMA,), _POSITIVE, *densities.half(densities.NORMAL), scale="sigma"),
    Distribution("HalfCauchy", (_BETA,), _POSITIVE, *densities.half(densities.CAUCHY), scale="beta"),
    Distribution(
        "StudentT",
        (_NU, _MU, _SIGMA),
        _REAL,
        *densities.location_scale(densities.STUDENT_T),
        scale="sigma",
        location="mu",
    ),
    Distribution(
        "HalfStudentT", (_NU, _SIGMA), _POSITIVE, *densities.half(densities.STUDENT_T), scale="sigma"
    ),
    Distribution("Beta", (_ALPHA, _BETA), _UNIT, *densities.BETA),
    Distribution("Gamma", (_ALPHA, _BETA), _POSITIVE, *densities.GAMMA),
    Distribution(
        "InverseGamma",
        (_ALPHA, Argument("beta", POSITIVE, 1.0)),
        _POSITIVE,
        *densities.INVERSE_GAMMA,
        scale="beta",
    ),
    Distribution("Dirichlet", (Argument("a", POSITIVE, vector=True),), _SIMPLEX, *densities.DIRICHLET),
    Distribution("Exponential", (Argument("lam", POSITIVE, 1.0),), _POSITIVE, *densities.EXPONENTIAL),
    Distribution(
        "Laplace",
        (Argument("mu", REAL), Argument("b", POSITIVE)),
        _REAL,
        *densities.location_scale(densities.LAPLACE),
        kink=_laplace_kink,
        scale="b",
        location="mu",
    ),
    Distribution(
        "Cauchy",
        (Argument("alpha", REAL), _BETA),
        _REAL,
        *densities.location_scale(densities.CAUCHY),
        scale="beta",
        location="alpha",
    ),
    Distribution("Uniform", _ENDS, _between, *densities.UNIFORM),
    Distribution("LogNormal", (_MU, _SIGMA), _POSITIVE, *densities.LOG_NORMAL),
    Distribution("Pareto", (_ALPHA, Argument("m", POSITIVE)), _from_m, *densities.PARETO),
    Distribution(
        "MvNormal",
        (Argument("mu", REAL, vector=True), Argument("cov", REAL, vector=True, matrix=True)),
        _REAL,
        *vector_densities.MV_NORMAL,
        marginal=_normal_of,
    ),
)

DISTRIBUTIONS: Mapping[str, Distribution] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
