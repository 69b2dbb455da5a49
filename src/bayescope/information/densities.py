"""The distributions that can be measured: named ones, mixtures, curves on the line, and draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS, Argument
from bayescope.distributions.supports import SIMPLEX, UNIT, Support

type Floats = NDArray[np.float64]
type Value = float | tuple[float, ...] | tuple[tuple[float, ...], ...]

FEWEST_DRAWS = 20
"""Of fewer draws nothing is measured."""

# The distributions of the grammar of priors, and those of responses, which it lacks.
ARGUMENTS: Mapping[str, tuple[Argument, ...]] = MappingProxyType(
    {name: entry.arguments for name, entry in DISTRIBUTIONS.items() if entry.proper}
    | {
        "Bernoulli": (Argument("p", UNIT),),
        "Categorical": (Argument("p", SIMPLEX, vector=True),),
        "Poisson": (Argument("mu", Support(lower=0.0)),),
    }
)


@runtime_checkable
class Named(Protocol):
    """A distribution of the table, by name and arguments: a `Density`, or a prior as it was parsed."""

    @property
    def distribution(self) -> str:
        """PyMC's name."""

    @property
    def arguments(self) -> Mapping[str, Value]:
        """Every argument by PyMC's name, in PyMC's order."""


@runtime_checkable
class Marginal(Protocol):
    """A distribution on the line by its functions, as the exact posterior of a parameter has them."""

    def log_pdf(self, x: Floats, /) -> Floats:
        """Log density at `x`."""

    def cdf(self, x: Floats, /) -> Floats:
        """Probability of at most `x`."""

    def quantile(self, q: Floats, /) -> Floats:
        """The inverse of `cdf` on [0, 1]."""


@dataclass(frozen=True)
class Density:
    """A distribution by PyMC's name and arguments; `density` and the functions below it make one."""

    distribution: str
    arguments: Mapping[str, Value]

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.distribution, tuple(self.arguments.items())))

    def __str__(self) -> str:
        """Write it as a configuration does: Normal(1, 0.5)."""
        return f"{self.distribution}({', '.join(map(_text, self.arguments.values()))})"


@dataclass(frozen=True)
class Mixture:
    """A mixture sum_k weights[k] components[k] of distributions on the line."""

    weights: tuple[float, ...]
    components: tuple[Named, ...]


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws from an unknown density, shape (n,) or (n, d), chains one after the other."""

    values: Floats


type LogDensity = Callable[[Floats], Floats]
type Distribution = Named | Marginal | Mixture | Draws | ArrayLike


def density(name: str, *arguments: ArrayLike) -> Density:
    """Return the distribution `name` with its arguments in PyMC's order.

    >>> print(density("StudentT", 3, 0, 10))
    StudentT(3, 0, 10)

    Raises:
        ValueError: the name is unknown, or the arguments are not what it takes; all that is wrong.
    """
    if name not in ARGUMENTS:
        raise ValueError(f"unknown distribution '{name}'; known: {', '.join(sorted(ARGUMENTS))}")
    wanted = ARGUMENTS[name]
    if len(wanted) != len(arguments):
        names = ", ".join(argument.name for argument in wanted)
        raise ValueError(f"{name} takes {len(wanted)} arguments ({names}), not {len(arguments)}")
    arrays = [np.asarray(value, dtype=np.float64) for value in arguments]
    problems = [text for pair in zip(wanted, arrays, strict=True) for text in _problems(*pair)]
    if not problems:
        problems = _joint_problems(name, arrays)
    if problems:
        raise ValueError("; ".join(f"{name}: {problem}" for problem in problems))
    values = {argument.name: _plain(array) for argument, array in zip(wanted, arrays, strict=True)}
    return Density(name, MappingProxyType(values))


def bernoulli(p: float) -> Density:
    """Return Bernoulli(p) on {0, 1}."""
    return density("Bernoulli", p)


def categorical(p: ArrayLike) -> Density:
    """Return Categorical(p) on {0, ..., K - 1}."""
    return density("Categorical", p)


def normal(mu: float = 0.0, sigma: float = 1.0) -> Density:
    """Return Normal(mu, sigma); sigma is the standard deviation."""
    return density("Normal", mu, sigma)


def mvnormal(mu: ArrayLike, cov: ArrayLike) -> Density:
    """Return MvNormal(mu, cov) of a vector; mu has shape (d,), cov shape (d, d)."""
    return density("MvNormal", mu, cov)


def laplace(mu: float, b: float) -> Density:
    """Return Laplace(mu, b) with density exp(-|x - mu| / b) / (2 b)."""
    return density("Laplace", mu, b)


def beta(alpha: float, beta: float) -> Density:
    """Return Beta(alpha, beta) on [0, 1]."""
    return density("Beta", alpha, beta)


def dirichlet(a: ArrayLike) -> Density:
    """Return Dirichlet(a) on the simplex of K probabilities."""
    return density("Dirichlet", a)


def gamma(alpha: float, beta: float) -> Density:
    """Return Gamma(alpha, beta) with shape alpha and rate beta."""
    return density("Gamma", alpha, beta)


def exponential(lam: float) -> Density:
    """Return Exponential(lam) with rate lam."""
    return density("Exponential", lam)


def poisson(mu: float) -> Density:
    """Return Poisson(mu) with mean mu."""
    return density("Poisson", mu)


def mixture(components: Sequence[Named], weights: ArrayLike | None = None) -> Mixture:
    """Return the mixture of `components`, in equal parts without `weights`.

    >>> mixture([normal(-2, 1), normal(2, 1)]).weights
    (0.5, 0.5)

    Raises:
        ValueError: there is not one weight for each component, or the weights are no probabilities.
    """
    count = len(components)
    p = np.full(count, 1.0 / max(count, 1)) if weights is None else probabilities(weights)
    if p.shape != (count,) or not count:
        raise ValueError(f"{p.size} weights for {count} components: each component takes one weight")
    return Mixture(tuple(p.tolist()), tuple(components))


def draws(values: ArrayLike) -> Draws:
    """Return draws, shape (n,) or (n, d), as something to measure.

    Raises:
        ValueError: fewer than `FEWEST_DRAWS` draws, or values that are not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in {1, 2} or len(array) < FEWEST_DRAWS or not np.all(np.isfinite(array)):
        raise ValueError(
            f"draws must be {FEWEST_DRAWS} or more finite numbers or rows; these have shape {array.shape}"
        )
    return Draws(array)


def probabilities(values: ArrayLike) -> Floats:
    """Return an array of probabilities, any shape, scaled to sum to 1 exactly.

    Raises:
        ValueError: a value is negative or not finite, or their sum differs from 1 by more than 1e-8.
    """
    p = np.asarray(values, dtype=np.float64)
    if p.size == 0 or not np.all(np.isfinite(p)) or np.any(p < 0.0):
        raise ValueError("probabilities must be finite and not negative, and there must be some")
    total = float(p.sum())
    if not abs(total - 1.0) <= 1e-8:
        raise ValueError(f"the probabilities sum to {total:.10g}, not 1; divide counts by their sum")
    return np.asarray(p / total)


def _problems(argument: Argument, value: Floats) -> list[str]:
    if (value.ndim > 0) != argument.vector:
        return [f"'{argument.name}' must be {'a vector' if argument.vector else 'a single number'}"]
    outside = np.any(argument.support.violations(value))
    return [f"'{argument.name}' must be {argument.support}, not {value.tolist()}"] if outside else []


def _joint_problems(name: str, arrays: Sequence[Floats]) -> list[str]:
    if name == "Uniform" and not arrays[0] < arrays[1]:
        return ["'lower' must be less than 'upper'"]
    if name != "MvNormal":
        return []
    mu, cov = arrays
    if mu.ndim != 1 or cov.shape != (len(mu), len(mu)):
        return [f"'cov' must have shape ({len(mu)}, {len(mu)}) for this 'mu', not {cov.shape}"]
    symmetric = np.allclose(cov, cov.T, rtol=1e-10, atol=0.0)
    return [] if symmetric and np.linalg.eigvalsh(cov).min() > 0.0 else ["'cov' must be positive definite"]


def _plain(array: Floats) -> Value:
    if array.ndim == 0:
        return float(array)
    return tuple(_plain(row) for row in array)  # type: ignore[return-value]


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return repr(value).removesuffix(".0")
