"""The table of distributions that a parameter may have as its prior, under PyMC's names and conventions.

A distribution is one entry: its arguments (names, order and defaults as in PyMC), the support
that follows from them, and its density. Nothing else in the product lists distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions import densities
from bayescope.distributions.supports import POSITIVE, REAL, SIMPLEX, UNIT, Support

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Argument:
    """An argument of a distribution: where it may live, and its default (None: it must be given).

    `vector` marks one that takes a vector for one variable (Dirichlet's `a`); any other argument
    may still be given element by element for a vector of variables.
    """

    name: str
    support: Support
    default: float | None = None
    vector: bool = False


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
        kink: (location, weight) from the arguments, where -log p(x) = weight |x - location| + constant.
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
    kink: Callable[..., tuple[float, float]] | None = None


def _always(support: Support) -> Callable[[Mapping[str, float]], Support]:
    return lambda _: support


def _between(arguments: Mapping[str, float]) -> Support:
    return Support(lower=arguments["lower"], upper=arguments["upper"])


def _from_m(arguments: Mapping[str, float]) -> Support:
    return Support(lower=arguments["m"])


def _laplace_kink(mu: float, b: float) -> tuple[float, float]:
    return mu, 1.0 / b


_REAL, _POSITIVE, _UNIT, _SIMPLEX = (_always(support) for support in (REAL, POSITIVE, UNIT, SIMPLEX))
_MU, _SIGMA = Argument("mu", REAL, 0.0), Argument("sigma", POSITIVE, 1.0)
_NU = Argument("nu", POSITIVE)
_ALPHA, _BETA = Argument("alpha", POSITIVE), Argument("beta", POSITIVE)
_ENDS = Argument("lower", REAL, 0.0), Argument("upper", REAL, 1.0)

_ENTRIES = (
    Distribution("Flat", (), _REAL, *densities.flat(-np.inf), proper=False),
    Distribution("HalfFlat", (), _POSITIVE, *densities.flat(0.0), proper=False),
    Distribution("Normal", (_MU, _SIGMA), _REAL, *densities.location_scale(densities.NORMAL)),
    Distribution("HalfNormal", (_SIGMA,), _POSITIVE, *densities.half(densities.NORMAL)),
    Distribution("HalfCauchy", (_BETA,), _POSITIVE, *densities.half(densities.CAUCHY)),
    Distribution("StudentT", (_NU, _MU, _SIGMA), _REAL, *densities.location_scale(densities.STUDENT_T)),
    Distribution("HalfStudentT", (_NU, _SIGMA), _POSITIVE, *densities.half(densities.STUDENT_T)),
    Distribution("Beta", (_ALPHA, _BETA), _UNIT, *densities.BETA),
    Distribution("Gamma", (_ALPHA, _BETA), _POSITIVE, *densities.GAMMA),
    Distribution(
        "InverseGamma", (_ALPHA, Argument("beta", POSITIVE, 1.0)), _POSITIVE, *densities.INVERSE_GAMMA
    ),
    Distribution("Dirichlet", (Argument("a", POSITIVE, vector=True),), _SIMPLEX, *densities.DIRICHLET),
    Distribution("Exponential", (Argument("lam", POSITIVE, 1.0),), _POSITIVE, *densities.EXPONENTIAL),
    Distribution(
        "Laplace",
        (Argument("mu", REAL), Argument("b", POSITIVE)),
        _REAL,
        *densities.location_scale(densities.LAPLACE),
        kink=_laplace_kink,
    ),
    Distribution(
        "Cauchy", (Argument("alpha", REAL), _BETA), _REAL, *densities.location_scale(densities.CAUCHY)
    ),
    Distribution("Uniform", _ENDS, _between, *densities.UNIFORM),
    Distribution("LogNormal", (_MU, _SIGMA), _POSITIVE, *densities.LOG_NORMAL),
    Distribution("Pareto", (_ALPHA, Argument("m", POSITIVE)), _from_m, *densities.PARETO),
)

DISTRIBUTIONS: Mapping[str, Distribution] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
