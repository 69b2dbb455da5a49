"""Priors as penalties: the negative log density of each distribution, without its constant.

A prior adds -log p(theta) to the loss. Up to a constant, Normal(0, tau) adds lambda theta^2 with
lambda = 1 / (2 tau^2), the ridge penalty of Hoerl & Kennard (1970), and Laplace(0, b) adds
lambda |theta| with lambda = 1 / b, the lasso of Tibshirani (1996). A scale that is a number times another
unknown, s = k sigma, is no constant: log(s), of the density's 1 / s, then belongs to the penalty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.distributions.choices import PRIORS
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.vector_densities import whiten
from bayescope.models.scales import scaled_of
from bayescope.reports.formatting import compact, fixed
from bayescope.reports.notation import number_text

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """What the negative log density of a distribution amounts to as a penalty.

    `formula` and `strength` take the arguments in PyMC's order; `penalty(x, *arguments)` evaluates
    the formula at `x`, elementwise. `strength` is lambda where the penalty has one, else None. A `formula`
    also takes a text for a scale: `10 * sigma`.
    """

    name: str
    formula: Callable[..., str]
    penalty: Callable[..., Floats]
    strength: Callable[..., float | None] = lambda *_arguments: None


def _n(value: float | str) -> str:
    return f"({value})" if isinstance(value, str) else compact(value, 6)


def _minus(center: float, variable: str = "theta") -> str:
    """Write `theta - center` for use inside a power or a norm."""
    if center == 0:
        return variable
    return f"({variable} {'-' if center > 0 else '+'} {_n(abs(center))})"


def _zero(x: Floats, *_arguments: float) -> Floats:
    return np.zeros_like(np.asarray(x, dtype=np.float64))


def _sum(*terms: tuple[float, str]) -> str:
    """Write a weighted sum without zero terms: `2 * theta - 0.5 * log(theta)`."""
    text = "".join(
        f" {'-' if weight < 0 else '+'} {'' if abs(weight) == 1 else f'{_n(abs(weight))} * '}{factor}"
        for weight, factor in terms
        if weight
    )
    return f"-{text[3:]}" if text.startswith(" -") else text[3:] or "0"


def _power_of_scaled(center: float, scale: float | str) -> str:
    return f"({_minus(center)} / {_n(scale)})^2"


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "Flat": Shape("none", lambda: "0", _zero, lambda: 0.0),
        "HalfFlat": Shape("none on theta > 0", lambda: "0", _zero, lambda: 0.0),
        "Uniform": Shape(
            "none inside the bounds",
            lambda low, high: f"0 for {_n(low)} <= theta <= {_n(high)}",
            _zero,
            lambda *_: 0.0,
        ),
        "Normal": Shape(
            "L2 (ridge)",
            lambda mu, tau: f"lambda * {_minus(mu)}^2, lambda = 1 / (2 * {_n(tau)}^2)",
            lambda x, mu, tau: ((x - mu) / tau) ** 2 / 2,
            lambda _mu, tau: 0.5 / tau / tau,  # of Python, a square out of range is an error
        ),
        "HalfNormal": Shape(
            "L2 (ridge) on theta > 0",
            lambda tau: f"lambda * theta^2, lambda = 1 / (2 * {_n(tau)}^2)",
            lambda x, tau: (x / tau) ** 2 / 2,
            lambda tau: 0.5 / tau / tau,
        ),
        "Laplace": Shape(
            "L1 (lasso)",
            lambda mu, b: f"lambda * |{_minus(mu).strip('()')}|, lambda = 1 / {_n(b)}",
            lambda x, mu, b: np.abs(x - mu) / b,
            lambda _mu, b: 1 / b,
        ),
        "RegularizedHorseshoe": Shape(
            "none in closed form (a spike at 0 with tails of StudentT)",
            lambda tau, *slab: f"tau ~ HalfCauchy({_n(tau)}), slab {', '.join(map(_n, slab))}",
            lambda x, *_arguments: np.full(np.shape(x), np.nan),
        ),
        "Exponential": Shape(
            "L1 (lasso) on theta > 0",
            lambda rate: f"lambda * theta, lambda = {_n(rate)}",
            lambda x, rate: rate * x,
            lambda rate: rate,
        ),
        "Cauchy": Shape(
            "log-quadratic (heavy tails)",
            lambda center, scale: f"log(1 + {_power_of_scaled(center, scale)})",
            lambda x, center, scale: np.log1p(((x - center) / scale) ** 2),
        ),
        "HalfCauchy": Shape(
            "log-quadratic (heavy tails) on theta > 0",
            lambda scale: f"log(1 + {_power_of_scaled(0, scale)})",
            lambda x, scale: np.log1p((x / scale) ** 2),
        ),
        "StudentT": Shape(
            "log-quadratic (heavy tails)",
            lambda nu, mu, sigma: f"{_n((nu + 1) / 2)} * log(1 + {_power_of_scaled(mu, sigma)} / {_n(nu)})",
            lambda x, nu, mu, sigma: (nu + 1) / 2 * np.log1p(((x - mu) / sigma) ** 2 / nu),
        ),
        "HalfStudentT": Shape(
            "log-quadratic (heavy tails) on theta > 0",
            lambda nu, sigma: f"{_n((nu + 1) / 2)} * log(1 + {_power_of_scaled(0, sigma)} / {_n(nu)})",
            lambda x, nu, sigma: (nu + 1) / 2 * np.log1p((x / sigma) ** 2 / nu),
        ),
        "Beta": Shape(
            "log barrier (pseudo-counts)",
            lambda a, b: _sum((1 - a, "log(theta)"), (1 - b, "log(1 - theta)")),
            lambda x, a, b: -_x_log_y(a - 1, x) - _x_log_y(b - 1, 1 - x),
        ),
        "LKJ": Shape(
            "log barrier at -1 and 1",
            lambda eta: _sum((1 - eta, "log(1 - theta^2)")),
            lambda x, eta: -_x_log_y(eta - 1, 1 - x**2),
        ),
        "Dirichlet": Shape(
            "log barrier (pseudo-counts)",
            lambda a: _sum((1 - a, "log(theta)")),
            lambda x, a: -_x_log_y(a - 1, x),
        ),
        "Gamma": Shape(
            "linear and log barrier",
            lambda a, b: _sum((b, "theta"), (1 - a, "log(theta)")),
            lambda x, a, b: b * x - _x_log_y(a - 1, x),
        ),
        "InverseGamma": Shape(
            "inverse and log barrier",
            lambda a, b: f"{_n(a + 1)} * log(theta) + {_n(b)} / theta",
            lambda x, a, b: (a + 1) * np.log(x) + b / x,
        ),
        "Pareto": Shape(
            "logarithmic, from the lower end on",
            lambda a, m: f"{_n(a + 1)} * log(theta) for theta >= {_n(m)}",
            lambda x, a, _m: (a + 1) * np.log(x),
        ),
        "MvNormal": Shape(
            "L2 (ridge) of the whole vector",
            lambda _mu, _cov: "(theta - mu)' cov^-1 (theta - mu) / 2",
            lambda x, mu, cov: np.square(whiten(x - np.asarray(mu), np.asarray(cov))).sum(axis=-1) / 2,
        ),
        "LogNormal": Shape(
            "L2 (ridge) of log(theta)",
            lambda mu, s: f"log(theta) + {_minus(mu, 'log(theta)')}^2 / (2 * {_n(s)}^2)",
            lambda x, mu, s: np.log(x) + (np.log(x) - mu) ** 2 / (2 * s**2),
        ),
    }
)


def _x_log_y(weight: float, value: Floats) -> Floats:
    """`weight * log(value)` that is 0 for weight 0 even on the boundary."""
    return np.zeros_like(value) if weight == 0 else weight * np.log(value)


def formula_of(distribution: str, arguments: Mapping[str, Any]) -> str:
    """Write the penalty of one unknown; with a scale that is a multiple of another unknown, with its log."""
    values = {name: str_of(value) for name, value in arguments.items()}
    formula, scaled = SHAPES[distribution].formula(*values.values()), scaled_of(arguments)
    if scaled is None:
        return formula
    body, *strength = formula.split(", lambda")
    weight = _log_scale_weight(distribution, arguments)
    logarithm = f"log({str_of(scaled)})"
    times = "" if abs(weight) == 1 else f"{_n(abs(weight))} * "
    return ", lambda".join([f"{body} {'-' if weight < 0 else '+'} {times}{logarithm}", *strength])


def str_of(value: float | Scaled) -> float | str:
    """Write a scale that is a multiple of another unknown, and leave numbers."""
    return number_text(value) if isinstance(value, Scaled) else value


def _log_scale_weight(distribution: str, arguments: Mapping[str, Any]) -> float:
    """The factor of log(s) in the negative log density as written: of InverseGamma(a, s) it is -a."""
    return -float(arguments["alpha"]) if distribution == "InverseGamma" else 1.0


def log_scale_term(distribution: str, declared: Mapping[str, Any], arguments: Mapping[str, Any]) -> float:
    """Evaluate what a scale that is a multiple of another unknown adds to the penalty, in nats.

    `declared` are the arguments as declared, `arguments` their numbers; 0 where the scale is a number.
    """
    if scaled_of(declared) is None:
        return 0.0
    scale = float(arguments[DISTRIBUTIONS[distribution].scale or ""])
    return _log_scale_weight(distribution, arguments) * math.log(scale)


def penalty_of(distribution: str, arguments: Mapping[str, Any], x: float | Floats) -> float:
    """Evaluate the penalty of one unknown, or vector, at `x`, in nats; zero for a prior without a penalty.

    It is infinite where the prior has no density: a MLE may be there.
    """
    shape, support = SHAPES[distribution], PRIORS[distribution].support(arguments)
    if not np.all((support.lower <= np.asarray(x)) & (np.asarray(x) <= support.upper)):
        return math.inf
    with np.errstate(divide="ignore", over="ignore"):
        return float(shape.penalty(np.asarray(x, dtype=np.float64), *arguments.values()))


def center_of(distribution: str, arguments: Mapping[str, Any]) -> float:
    """Where a symmetric penalty is smallest; 0 for the others."""
    return float(arguments.get("mu", arguments.get("alpha", 0.0))) if distribution in _CENTERED else 0.0


_CENTERED = frozenset({"Normal", "Laplace", "StudentT", "Cauchy"})


def center_text(distribution: str, arguments: Mapping[str, Any]) -> str:
    """Say where the penalty shrinks to, when that is not zero."""
    center = center_of(distribution, arguments)
    return f", shrinking towards {fixed(center, 6).rstrip('0').rstrip('.')}" if center else ""
