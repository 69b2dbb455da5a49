"""The families of distributions that are priors and posteriors at once.

A family is one entry: how its log density is normalised, the arguments at which it is flat, the
other priors of the table that belong to it, and its marginals. Arguments are those of the table of
distributions, as a tuple in its order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.gamma_functions import log_beta
from bayescope.inference.marginal_base import StoredMarginal
from bayescope.inference.marginals import Beta, Normal
from bayescope.inference.named_marginals import Gamma, InverseGamma, Pareto, number_text

type Floats = NDArray[np.float64]
type Arguments = tuple[Any, ...]


def _no_normaliser(_: Arguments) -> NoReturn:
    raise ValueError("the pairs of this family know their evidence as a whole")


@dataclass(frozen=True)
class Family:
    """One family; `arguments` stand for the tuple of its arguments.

    Attributes:
        name: its name in the table of distributions.
        wanted: how a message names the priors that belong to it.
        marginals: arguments -> the distribution of each unknown.
        log_normaliser: arguments -> log of the integral of the density without its constant, so that
            evidence is a difference of two; of no use where pairs have a `log_evidence`. Vectorised.
        flat: number d of unknowns -> the arguments at which the density is constant; proper or not.
        proper: arguments -> whether the integral is finite.
        draw: (generator, number S, arguments) -> independent draws, shape (S, d).
        covariance: arguments -> shape (d, d), where there is more than one unknown.
        synonyms: other distributions of the table -> the arguments that make this family equal to
            them, or None where there are none. Of several unknowns they take arrays, shape (d,).
        mode: arguments -> where the density of several unknowns is highest, shape (d,); nan for no
            single place.
        wald: (arguments, theta) -> the covariance of several unknowns by the curvature at the mode theta.
    """

    name: str
    wanted: str
    marginals: Callable[[Arguments], tuple[StoredMarginal, ...]]
    flat: Callable[[int], Arguments]
    proper: Callable[[Arguments], bool]
    draw: Callable[[np.random.Generator, int, Arguments], Floats]
    synonyms: Mapping[str, Callable[[Mapping[str, Any]], Arguments | None]]

    log_normaliser: Callable[[Arguments], Floats] = _no_normaliser
    covariance: Callable[[Arguments], Floats] | None = None
    mode: Callable[[Arguments], Floats] | None = None
    wald: Callable[[Arguments, Floats], Floats] | None = None

    def text(self, arguments: Arguments) -> str:
        """Write the distribution as the report does: `Gamma(12, 5)`, `Dirichlet([3, 4, 5])`."""
        return f"{self.name}({', '.join(map(_text, arguments))})"


def _text(value: Any) -> str:
    return number_text(float(value)) if np.ndim(value) == 0 else f"[{', '.join(map(_text, value))}]"


def _positive(arguments: Arguments) -> bool:
    return all(np.all(value > 0) for value in arguments)


def _dirichlet_covariance(arguments: Arguments) -> Floats:
    a = np.asarray(arguments[0])
    p = a / a.sum()
    return np.asarray((np.diag(p) - np.outer(p, p)) / (a.sum() + 1.0))


def _dirichlet_mode(arguments: Arguments) -> Floats:
    # (a - 1) / sum(a - 1) where no a is less than 1
    excess = arguments[0] - 1.0
    single = np.all(excess >= 0) and excess.sum() > 0
    return np.asarray(excess / excess.sum()) if single else np.full(len(excess), math.nan)


def _dirichlet_wald(arguments: Arguments, p: Floats) -> Floats:
    # that of the proportions of sum(a - 1) draws
    return np.asarray((np.diag(p) - np.outer(p, p)) / (arguments[0] - 1.0).sum())


def _mv_normal_draw(rng: np.random.Generator, size: int, arguments: Arguments) -> Floats:
    mu, cov = arguments
    return np.asarray(mu + rng.standard_normal((size, len(mu))) @ np.linalg.cholesky(cov).T)


def _uniform_on_unit(arguments: Mapping[str, float]) -> Arguments | None:
    return (1.0, 1.0) if (arguments["lower"], arguments["upper"]) == (0.0, 1.0) else None


_ENTRIES = (
    Family(
        "Beta",
        "Beta or Uniform(0, 1)",
        marginals=lambda arguments: (Beta(*arguments),),
        log_normaliser=lambda arguments: log_beta(*arguments),
        flat=lambda _: (1.0, 1.0),
        proper=_positive,
        draw=lambda rng, size, arguments: rng.beta(arguments[0], arguments[1], (size, 1)),
        synonyms={"Uniform": _uniform_on_unit},
    ),
    Family(
        "Dirichlet",
        "Dirichlet",
        marginals=lambda arguments: tuple(
            Beta(float(a), float(arguments[0].sum() - a)) for a in arguments[0]
        ),
        log_normaliser=lambda arguments: (
            scipy.special.gammaln(arguments[0]).sum(axis=0) - scipy.special.gammaln(arguments[0].sum(axis=0))
        ),
        flat=lambda size: (np.ones(size),),
        proper=_positive,
        draw=lambda rng, size, arguments: rng.dirichlet(arguments[0], size),
        synonyms={},
        covariance=_dirichlet_covariance,
        mode=_dirichlet_mode,
        wald=_dirichlet_wald,
    ),
    Family(
        "Gamma",
        "Gamma, Exponential or HalfFlat",
        marginals=lambda arguments: (Gamma(*arguments),),
        log_normaliser=lambda arguments: (
            scipy.special.gammaln(arguments[0]) - arguments[0] * np.log(arguments[1])
        ),
        flat=lambda _: (1.0, 0.0),
        proper=_positive,
        draw=lambda rng, size, arguments: rng.gamma(arguments[0], 1.0 / arguments[1], (size, 1)),
        synonyms={"Exponential": lambda prior: (1.0, prior["lam"]), "HalfFlat": lambda _: (1.0, 0.0)},
    ),
    Family(
        "InverseGamma",
        "InverseGamma or HalfFlat",
        marginals=lambda arguments: (InverseGamma(*arguments),),
        log_normaliser=lambda arguments: (
            scipy.special.gammaln(arguments[0]) - arguments[0] * np.log(arguments[1])
        ),
        flat=lambda _: (-1.0, 0.0),
        proper=_positive,
        draw=lambda rng, size, arguments: arguments[1] / rng.gamma(arguments[0], 1.0, (size, 1)),
        synonyms={"HalfFlat": lambda _: (-1.0, 0.0)},
    ),
    Family(
        "Normal",
        "Normal or Flat",
        marginals=lambda arguments: (Normal(*arguments),),
        flat=lambda _: (0.0, math.inf),
        proper=lambda arguments: math.isfinite(arguments[1]),
        draw=lambda rng, size, arguments: rng.normal(arguments[0], arguments[1], (size, 1)),
        synonyms={"Flat": lambda _: (0.0, math.inf)},
    ),
    Family(
        "MvNormal",
        "MvNormal, Normal or Flat",
        marginals=lambda arguments: tuple(
            Normal(float(mu), float(sd))
            for mu, sd in zip(arguments[0], np.sqrt(np.diag(arguments[1])), strict=True)
        ),
        flat=lambda size: (np.zeros(size), np.full((size, size), math.inf)),
        proper=lambda arguments: bool(np.isfinite(arguments[1]).all()),
        draw=_mv_normal_draw,
        synonyms={
            "Normal": lambda prior: (prior["mu"], np.diag(np.square(prior["sigma"]))),
            "Flat": lambda _: (0.0, math.inf),
        },
        covariance=lambda arguments: np.asarray(arguments[1]),
        mode=lambda arguments: np.asarray(arguments[0]),
        wald=lambda arguments, _: np.asarray(arguments[1]),
    ),
    Family(
        "Pareto",
        "Pareto or Flat",
        marginals=lambda arguments: (Pareto(*arguments),),
        log_normaliser=lambda arguments: -np.log(arguments[0]) - arguments[0] * np.log(arguments[1]),
        flat=lambda _: (-1.0, 0.0),
        proper=_positive,
        draw=lambda rng, size, arguments: arguments[1] * (1.0 + rng.pareto(arguments[0], (size, 1))),
        synonyms={"Flat": lambda _: (-1.0, 0.0), "HalfFlat": lambda _: (-1.0, 0.0)},
    ),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
