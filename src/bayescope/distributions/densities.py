"""Densities of the continuous distributions: log densities with their derivatives, cdfs and quantiles.

Most come in two families, so only the standard member of each is written down: a location and
scale family takes z = (x - mu) / sigma to its standard density, and a half family folds that
density at 0. Every function is vectorised and broadcasts; outside the support the log density
is -inf, its derivatives are nan, and no warning is raised. At an end of the support where the
density is infinite (`Beta(0.5, 0.5)` at 0) the log density is inf.

Formulas: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, 2nd ed., 1994-95.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.gamma_functions import log_beta

type Floats = NDArray[np.float64]
type Function = Callable[..., Floats]

_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


class Density(NamedTuple):
    """The functions of one distribution; each takes x (or q, a probability) and then the arguments."""

    log_density: Function
    slope: Function
    curvature: Function
    cdf: Function
    quantile: Function


@_quiet
def ratio(numerator: Any, denominator: Any) -> Floats:
    """Divide, with 0 / 0 = 0 and no warnings: a term whose factor is zero is absent."""
    return np.where(np.equal(numerator, 0.0), 0.0, np.divide(numerator, denominator))


def bounded(density: Density, lower: float, upper: float = math.inf) -> Density:
    """Restrict formulas that hold on [lower, upper] to that interval; `inspect.unwrap` frees them."""

    def inside(formula: Function, outside: float) -> Function:
        @_quiet
        @wraps(formula)
        def restricted(x: Any, *arguments: Any) -> Any:
            member = (x >= lower) & (x <= upper)
            # nan travels through any formula without a warning
            value = formula(np.where(member, x, np.nan), *arguments)
            return np.where(member & ~np.isnan(value), value, outside)

        return restricted

    @_quiet
    def cdf(x: Any, *arguments: Any) -> Any:
        return density.cdf(np.clip(x, lower, upper), *arguments)

    return Density(
        inside(density.log_density, -math.inf),
        inside(density.slope, math.nan),
        inside(density.curvature, math.nan),
        cdf,
        _quiet(density.quantile),
    )


def location_scale(standard: Density) -> Density:
    """Make the family of (x - mu) / sigma ~ standard; its arguments are the shapes, mu and sigma.

    p(x) = standard((x - mu) / sigma) / sigma
    """

    def unpack(x: Any, arguments: tuple[Any, ...]) -> tuple[Any, Any, tuple[Any, ...]]:
        *shapes, location, scale = arguments
        return np.divide(np.subtract(x, location), scale), scale, tuple(shapes)

    @_quiet
    def log_density(x: Any, *arguments: Any) -> Any:
        z, scale, shapes = unpack(x, arguments)
        return standard.log_density(z, *shapes) - np.log(scale)

    @_quiet
    def slope(x: Any, *arguments: Any) -> Any:
        z, scale, shapes = unpack(x, arguments)
        return standard.slope(z, *shapes) / scale

    @_quiet
    def curvature(x: Any, *arguments: Any) -> Any:
        z, scale, shapes = unpack(x, arguments)
        return standard.curvature(z, *shapes) / np.square(scale)

    @_quiet
    def cdf(x: Any, *arguments: Any) -> Any:
        z, _, shapes = unpack(x, arguments)
        return standard.cdf(z, *shapes)

    @_quiet
    def quantile(q: Any, *arguments: Any) -> Any:
        *shapes, location, scale = arguments
        return location + scale * standard.quantile(q, *shapes)

    return Density(log_density, slope, curvature, cdf, quantile)


def half(standard: Density) -> Density:
    """Fold a symmetric standard density at 0 and scale it; its arguments are the shapes and sigma.

    p(x) = 2 standard(x / sigma) / sigma for x >= 0
    """
    whole = location_scale(standard)

    def centred(function: Function) -> Function:
        return lambda x, *arguments: function(x, *arguments[:-1], 0.0, arguments[-1])

    def log_density(x: Any, *arguments: Any) -> Any:
        return math.log(2.0) + centred(whole.log_density)(x, *arguments)

    def cdf(x: Any, *arguments: Any) -> Any:
        return 1.0 - 2.0 * centred(whole.cdf)(np.negative(x), *arguments)

    def quantile(q: Any, *arguments: Any) -> Any:
        # from the lower tail, where the probability (1 - q) / 2 keeps its digits
        return np.abs(centred(whole.quantile)(np.divide(np.subtract(1.0, q), 2.0), *arguments))

    return bounded(
        Density(log_density, centred(whole.slope), centred(whole.curvature), cdf, quantile), lower=0.0
    )


def flat(lower: float) -> Density:
    """Make the improper density that is 1 from `lower` on; it has no cdf and no quantiles."""

    def zero(x: Any) -> Any:
        return np.zeros(np.shape(x))

    def refuse(_: Any) -> NoReturn:
        raise ValueError("a flat prior is improper: it has no cdf and no quantiles")

    return bounded(Density(zero, zero, zero, refuse, refuse), lower)._replace(cdf=refuse, quantile=refuse)


NORMAL = Density(
    lambda z: -0.5 * np.square(z) - _LOG_ROOT_TWO_PI,
    np.negative,
    lambda z: np.full(np.shape(z), -1.0),
    # not `scipy.special.ndtr` itself: that would load scipy.special with the table
    lambda z: scipy.special.ndtr(z),  # noqa: PLW0108
    lambda q: scipy.special.ndtri(q),  # noqa: PLW0108
)


def _cauchy_quantile(q: Any) -> Any:
    # from the nearer tail, so that it keeps its digits in both
    tail = -1.0 / np.tan(math.pi * np.minimum(q, np.subtract(1.0, q)))
    return np.where(np.less(q, 0.5), tail, -tail)


CAUCHY = Density(
    lambda z: -math.log(math.pi) - np.log1p(np.square(z)),
    lambda z: -2.0 * z / (1.0 + np.square(z)),
    lambda z: 2.0 * (np.square(z) - 1.0) / np.square(1.0 + np.square(z)),
    # atan2(1, -z) is the angle 1/2 + atan(z) / pi in units of pi, exact in the lower tail
    lambda z: np.arctan2(1.0, np.negative(z)) / math.pi,
    _cauchy_quantile,
)

LAPLACE = Density(
    lambda z: -math.log(2.0) - np.abs(z),
    lambda z: -np.sign(z),
    lambda z: np.zeros(np.shape(z)),
    lambda z: np.where(z < 0.0, 0.5 * np.exp(-np.abs(z)), 1.0 - 0.5 * np.exp(-np.abs(z))),
    lambda q: np.where(np.less(q, 0.5), np.log(np.multiply(2.0, q)), -np.log(2.0 * np.subtract(1.0, q))),
)


def _student_log_density(z: Any, nu: Any) -> Any:
    # the normalising constant by the beta function: no cancellation for large nu
    constant = -0.5 * np.log(nu) - scipy.special.betaln(0.5, np.multiply(0.5, nu))
    return constant - 0.5 * np.add(nu, 1.0) * np.log1p(np.square(z) / nu)


def _student_quantile(q: Any, nu: Any) -> Any:
    # P(|T| > t) = I(nu / (nu + t^2); nu / 2, 1 / 2); SciPy's stdtrit has 12 digits, and +inf for q = 0
    tails = 2.0 * np.minimum(q, np.subtract(1.0, q))
    share = scipy.special.betaincinv(np.multiply(0.5, nu), 0.5, tails)
    rest = scipy.special.betainccinv(0.5, np.multiply(0.5, nu), tails)
    return np.sign(np.subtract(q, 0.5)) * np.sqrt(nu * rest / share)


STUDENT_T = Density(
    _student_log_density,
    lambda z, nu: -(nu + 1.0) * z / (nu + np.square(z)),
    lambda z, nu: (nu + 1.0) * (np.square(z) - nu) / np.square(nu + np.square(z)),
    lambda z, nu: scipy.special.stdtr(nu, z),
    _student_quantile,
)


def _beta_quantile(q: Any, a: Any, b: Any) -> Floats:
    """Invert the cdf of Beta(a, b): a Newton step mends what SciPy may miss in the eighth digit."""
    x = np.asarray(scipy.special.betaincinv(a, b, q))
    log_density = (
        scipy.special.xlogy(np.subtract(a, 1.0), x)
        + scipy.special.xlog1py(np.subtract(b, 1.0), -x)
        - log_beta(a, b)
    )
    better = x - (scipy.special.betainc(a, b, x) - q) * np.exp(-log_density)
    return np.where((better > 0.0) & (better < 1.0) & (np.abs(better - x) < 1e-6), better, x)


BETA = bounded(
    Density(
        lambda x, a, b: (
            scipy.special.xlogy(np.subtract(a, 1.0), x)
            + scipy.special.xlog1py(np.subtract(b, 1.0), -x)
            - log_beta(a, b)
        ),
        lambda x, a, b: ratio(np.subtract(a, 1.0), x) - ratio(np.subtract(b, 1.0), 1.0 - x),
        lambda x, a, b: -ratio(np.subtract(a, 1.0), x**2) - ratio(np.subtract(b, 1.0), (1.0 - x) ** 2),
        lambda x, a, b: scipy.special.betainc(a, b, x),
        _beta_quantile,
    ),
    lower=0.0,
    upper=1.0,
)


def _gamma_constant(a: Any, b: Any) -> Any:
    return a * np.log(b) - scipy.special.gammaln(a)


GAMMA = bounded(
    Density(
        lambda x, a, b: _gamma_constant(a, b) + scipy.special.xlogy(np.subtract(a, 1.0), x) - b * x,
        lambda x, a, b: ratio(np.subtract(a, 1.0), x) - b,
        lambda x, a, b: -ratio(np.subtract(a, 1.0), x**2) + np.multiply(b, 0.0),
        lambda x, a, b: scipy.special.gammainc(a, b * x),
        lambda q, a, b: scipy.special.gammaincinv(a, q) / b,
    ),
    lower=0.0,
)

INVERSE_GAMMA = bounded(
    Density(
        lambda x, a, b: np.where(
            x == 0.0,
            -math.inf,
            _gamma_constant(a, b) - np.add(a, 1.0) * np.log(x) - b / x,
        ),
        lambda x, a, b: np.where(x == 0.0, math.inf, (b / x - a - 1.0) / x),
        lambda x, a, b: np.where(x == 0.0, -math.inf, (np.add(a, 1.0) - 2.0 * b / x) / x**2),
        lambda x, a, b: scipy.special.gammaincc(a, b / x),
        lambda q, a, b: b / scipy.special.gammainccinv(a, q),
    ),
    lower=0.0,
)

EXPONENTIAL = bounded(
    Density(
        lambda x, lam: np.log(lam) - lam * x,
        lambda x, lam: -lam + 0.0 * x,
        lambda x, lam: 0.0 * x * lam,
        lambda x, lam: -np.expm1(np.multiply(np.negative(lam), x)),
        lambda q, lam: -np.log1p(np.negative(q)) / lam,
    ),
    lower=0.0,
)


def _log_normal_z(x: Any, mu: Any, sigma: Any) -> Any:
    return (np.log(x) - mu) / sigma


LOG_NORMAL = bounded(
    Density(
        lambda x, mu, sigma: np.where(
            x == 0.0,
            -math.inf,
            -0.5 * _log_normal_z(x, mu, sigma) ** 2 - _LOG_ROOT_TWO_PI - np.log(sigma) - np.log(x),
        ),
        lambda x, mu, sigma: -(1.0 + _log_normal_z(x, mu, sigma) / sigma) / x,
        lambda x, mu, sigma: (1.0 + (_log_normal_z(x, mu, sigma) - 1.0 / sigma) / sigma) / x**2,
        lambda x, mu, sigma: scipy.special.ndtr(_log_normal_z(x, mu, sigma)),
        lambda q, mu, sigma: np.exp(mu + sigma * scipy.special.ndtri(q)),
    ),
    lower=0.0,
)


def _uniform_inside(x: Any, lower: Any, upper: Any, value: Any, outside: float) -> Any:
    return np.where((x >= lower) & (x <= upper), value, outside)


UNIFORM = Density(
    lambda x, lower, upper: _uniform_inside(x, lower, upper, -np.log(np.subtract(upper, lower)), -math.inf),
    lambda x, lower, upper: _uniform_inside(x, lower, upper, 0.0, math.nan),
    lambda x, lower, upper: _uniform_inside(x, lower, upper, 0.0, math.nan),
    lambda x, lower, upper: np.clip(np.subtract(x, lower) / np.subtract(upper, lower), 0.0, 1.0),
    lambda q, lower, upper: lower + np.multiply(q, np.subtract(upper, lower)),
)

PARETO = Density(
    _quiet(
        lambda x, a, m: np.where(
            x >= m, np.log(a) - np.log(m) - np.add(a, 1.0) * np.log(np.divide(x, m)), -math.inf
        )
    ),
    _quiet(lambda x, a, m: np.where(x >= m, -np.add(a, 1.0) / x, math.nan)),
    _quiet(lambda x, a, m: np.where(x >= m, np.add(a, 1.0) / np.square(x), math.nan)),
    _quiet(lambda x, a, m: -np.expm1(-a * np.log(np.maximum(np.divide(x, m), 1.0)))),
    _quiet(lambda q, a, m: m * np.exp(-np.log1p(np.negative(q)) / a)),
)


def _dirichlet_log_density(x: Any, a: Any) -> Any:
    inside = np.all(np.greater_equal(x, 0.0), axis=-1) & (np.abs(np.sum(x, axis=-1) - 1.0) <= 1e-8)
    safe = np.where(np.expand_dims(inside, -1), x, 1.0)
    constant = scipy.special.gammaln(np.sum(a, axis=-1)) - np.sum(scipy.special.gammaln(a), axis=-1)
    value = constant + np.sum(scipy.special.xlogy(np.subtract(a, 1.0), safe), axis=-1)
    return np.where(inside, value, -math.inf)


def _refuse_vector(*_: Any) -> NoReturn:
    raise ValueError("Dirichlet is a distribution of vectors: it has no scalar derivatives, cdf or quantiles")


DIRICHLET = Density(_dirichlet_log_density, *(_refuse_vector,) * 4)
