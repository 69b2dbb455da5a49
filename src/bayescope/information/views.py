"""What a measure needs of a distribution: its log mass on counts, its log density on the line or in space."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.information.densities import (
    Distribution,
    Draws,
    LogDensity,
    Marginal,
    Mixture,
    Named,
    Value,
    probabilities,
)

type Floats = NDArray[np.float64]
type View = Counts | Line | Space | Draws

_LOG_TWO_PI = math.log(2.0 * math.pi)
_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@dataclass(frozen=True)
class Counts:
    """Masses on the whole numbers `points`; elsewhere is nothing (`finite`), or less than 1e-15."""

    log_mass: Callable[[Floats], Floats]
    points: Floats
    finite: bool


@dataclass(frozen=True)
class Line:
    """A density on (`lower`, `upper`).

    `centres` are points amid the mass (medians, modes), `ends` the points where the density may
    jump or be infinite. `cdf` and `quantile` are None where only the log density is known. `dear`
    says that an evaluation costs so much that few should do.
    """

    log_density: LogDensity
    lower: float
    upper: float
    centres: tuple[float, ...]
    ends: tuple[float, ...]
    cdf: LogDensity | None = None
    quantile: LogDensity | None = None
    dear: bool = False


@dataclass(frozen=True)
class Space:
    """A density of vectors; `log_density` takes shape (n, d), `sample` a generator and n."""

    log_density: LogDensity
    sample: Callable[[np.random.Generator, int], Floats]
    dimension: int


def view(given: Distribution | LogDensity) -> View:
    """Look at anything that can be measured as counts, a line, a space or draws.

    Raises:
        ValueError: an array that holds no probabilities, or a distribution that is not in the table.
        TypeError: a text, which the grammar of priors must read first.
    """
    if isinstance(given, Draws):
        return given
    if isinstance(given, Mixture):
        return _mixture(given)
    if isinstance(given, Named):
        seen = _named(given.distribution, tuple(given.arguments.values()))
        return _marginal(given) if isinstance(seen, Line) and isinstance(given, Marginal) else seen
    if isinstance(given, Marginal):
        return _marginal(given)
    if callable(given):
        return scanned(given)
    return _table(given)


def _table(given: ArrayLike) -> Counts:
    if isinstance(given, str):
        raise TypeError(f"'{given}' is a text; give what bayescope.config.priors.parse_prior makes of it")
    return _masses(np.ravel(probabilities(given)))


def _masses(p: Floats) -> Counts:
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.append(np.log(p), -np.inf)

    def log_mass(x: Floats) -> Floats:
        known = (x >= 0) & (x < len(p)) & (x == np.rint(x))
        return np.asarray(log_p[np.where(known, x, len(p)).astype(np.intp)])

    return Counts(log_mass, np.arange(len(p) + 0.0), finite=True)


def _poisson(mu: float) -> Counts:
    def log_mass(x: Floats) -> Floats:
        known = (x >= 0) & (x == np.rint(x))
        value = scipy.special.xlogy(x, mu) - scipy.special.gammaln(np.where(known, x, 0.0) + 1.0) - mu
        return np.where(known, value, -np.inf)

    # Bennett's inequality: less than 1e-15 lies farther than this from the mean
    reach = 9.0 * math.sqrt(mu) + 40.0
    return Counts(log_mass, np.arange(max(math.floor(mu - reach), 0.0), math.ceil(mu + reach)), finite=False)


def _mvnormal(mu: Any, cov: Any) -> Space:
    centre, factor = np.asarray(mu), np.linalg.cholesky(cov)
    constant = -0.5 * len(centre) * _LOG_TWO_PI - float(np.log(np.diag(factor)).sum())

    def log_density(x: Floats) -> Floats:
        z = scipy.linalg.solve_triangular(factor, (x - centre).T, lower=True)
        return np.asarray(constant - 0.5 * np.sum(z**2, axis=0))

    def sample(rng: np.random.Generator, n: int) -> Floats:
        return np.asarray(centre + rng.standard_normal((n, len(centre))) @ factor.T)

    return Space(log_density, sample, len(centre))


def _dirichlet(a: Any) -> Space:
    log_density = DISTRIBUTIONS["Dirichlet"].log_density
    return Space(lambda x: log_density(x, np.asarray(a)), lambda rng, n: rng.dirichlet(a, n), len(a))


_VIEWS: Mapping[str, Callable[..., View]] = MappingProxyType(
    {
        "Bernoulli": lambda p: _masses(np.array([1.0 - p, p])),
        "Categorical": lambda p: _masses(probabilities(p)),
        "Poisson": _poisson,
        "MvNormal": _mvnormal,
        "Dirichlet": _dirichlet,
    }
)


def _named(name: str, values: tuple[Value, ...]) -> View:
    if name in _VIEWS:
        return _VIEWS[name](*values)
    entry = DISTRIBUTIONS.get(name)
    if entry is None or not entry.proper:
        raise ValueError(f"{name} cannot be measured: it is no proper distribution of the table")
    names = (argument.name for argument in entry.arguments)
    support = entry.support(dict(zip(names, values, strict=True)))

    def quantile(q: Floats) -> Floats:
        # SciPy's inverse of a Beta is nan for probabilities under 1e-100
        x = np.asarray(entry.quantile(q, *values))
        return np.where(np.isnan(x), np.where(q < 0.5, support.lower, support.upper), x)

    return Line(
        lambda x: np.asarray(entry.log_density(x, *values)),
        support.lower,
        support.upper,
        centres=(float(entry.quantile(0.5, *values)),),
        ends=_finite(support.lower, support.upper),
        cdf=lambda x: np.asarray(entry.cdf(x, *values)),
        quantile=quantile,
    )


def _finite(*points: float) -> tuple[float, ...]:
    return tuple(point for point in points if math.isfinite(point))


def _marginal(given: Marginal) -> Line:
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, centre, upper = (float(point) for point in given.quantile(np.array([0.0, 0.5, 1.0])))
    return Line(
        given.log_pdf,
        lower,
        upper,
        centres=(centre,),
        ends=_finite(lower, upper),
        cdf=given.cdf,
        quantile=given.quantile,
        dear=True,
    )


def _mixture(given: Mixture) -> Line:
    lines = [line(view(component), "a component of a mixture") for component in given.components]
    weights = np.array(given.weights)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_weights = np.log(weights)

    @_quiet
    def log_density(x: Floats) -> Floats:
        logs = np.array([part.log_density(np.ravel(x)) for part in lines]) + log_weights
        return np.asarray(np.logaddexp.reduce(logs, axis=0)).reshape(np.shape(x))

    def cdf(x: Floats) -> Floats:
        values = np.array([part.cdf(np.ravel(x)) for part in lines if part.cdf])
        return np.asarray(np.sum(weights * values, axis=0)).reshape(np.shape(x))

    def quantile(q: Floats) -> Floats:
        bounds = np.array([part.quantile(q) for part in lines if part.quantile])
        return _inverse(cdf, q, bounds.min(axis=0), bounds.max(axis=0))

    known = all(part.quantile is not None for part in lines)
    return Line(
        log_density,
        min(part.lower for part in lines),
        max(part.upper for part in lines),
        tuple(point for part in lines for point in part.centres),
        tuple(point for part in lines for point in part.ends),
        cdf=cdf if known else None,
        quantile=quantile if known else None,
    )


def _inverse(cdf: LogDensity, q: Floats, lower: Floats, upper: Floats) -> Floats:
    """Bisect cdf(x) = q to 1e-18 of the bracket."""
    for _ in range(60):
        middle = 0.5 * (lower + upper)
        below = cdf(middle) < q
        lower, upper = np.where(below, middle, lower), np.where(below, upper, middle)
    return np.asarray(upper)


def line(seen: View, role: str) -> Line:
    """Insist on a line.

    Raises:
        ValueError: it is something else; `role` says what it was given as.
    """
    if isinstance(seen, Line):
        return seen
    raise ValueError(f"{role} must be a distribution on the line, not {type(seen).__name__.lower()}")


def scanned(log_density: LogDensity) -> Line:
    """Find the modes and the support of a log density on the line, which need not be normalised.

    The scan goes from -1e13 to 1e13, ever finer towards 0 (steps of 0.015): a mode shows when the log density
    rises towards it over one step.

    Raises:
        ValueError: it is nowhere finite.
    """
    grid = np.sinh(np.linspace(-30.0, 30.0, 4001))
    values = np.asarray(log_density(grid), dtype=np.float64)
    inside = np.isfinite(values)
    if not inside.any():
        raise ValueError("the log density is finite nowhere between -1e13 and 1e13")
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero(inside & (padded[1:-1] >= padded[:-2]) & (padded[1:-1] > padded[2:]))
    modes = tuple(_mode(log_density, grid[max(i - 1, 0)], grid[min(i + 1, 4000)]) for i in peaks.tolist())
    jumps = np.flatnonzero(inside[1:] != inside[:-1])
    ends = tuple(_jump(log_density, grid[i], grid[i + 1]) for i in jumps.tolist())
    lower, upper = -math.inf if inside[0] else ends[0], math.inf if inside[-1] else ends[-1]
    return Line(lambda x: np.asarray(log_density(x)), lower, upper, modes or ends, ends)


def _mode(log_density: LogDensity, lower: float, upper: float) -> float:
    options = {"xatol": 1e-12 * (abs(lower) + abs(upper))}
    found = scipy.optimize.minimize_scalar(
        lambda x: -float(log_density(np.array([x]))[0]),
        bounds=(lower, upper),
        method="bounded",
        options=options,
    )
    return float(found.x)


def _jump(log_density: LogDensity, left: float, right: float) -> float:
    """Where a log density begins or ends to be finite: the point of the finite side next to it."""
    ends = np.array([left, right])
    first = bool(np.isfinite(log_density(ends))[0])
    for _ in range(100):
        middle = 0.5 * (left + right)
        if bool(np.isfinite(log_density(np.array([middle])))[0]) == first:
            left = middle
        else:
            right = middle
    # a point that rounds to the end is the end: Uniform(0, 1) ends at 0, not at 1e-31
    nearest = 0.0 if max(abs(left), abs(right)) < 1e-20 else left if first else right
    return float(nearest)
