"""Heads of real responses: Normal, Laplace (absolute error), StudentT (robust) and Uniform.

Formulas: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, 2nd ed., 1994-95; Lange, Little
and Taylor, Robust Statistical Modeling Using the t Distribution, J. Amer. Stat. Assoc. 84, 1989.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.gamma_functions import student_constant
from bayescope.distributions.heads import Floats, Head, matrix, quiet

_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)


@quiet
def _normal_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, sigma = psi
    value = -0.5 * np.square((y - mu) / sigma) - np.log(sigma) - _LOG_ROOT_TWO_PI
    return np.where(np.greater(sigma, 0.0), value, -np.inf)


@quiet
def _normal_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    mu, sigma = psi
    z = (y - mu) / sigma
    first, second = matrix((z, np.square(z) - 1.0), (-np.ones_like(z), 1.0 - 3.0 * np.square(z)), -2.0 * z)
    return first / sigma, second / np.square(sigma)


NORMAL = Head(_normal_log_density, _normal_derivatives, lambda rng, _, psi: np.asarray(rng.normal(*psi)))


@quiet
def _laplace_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    mu, b = psi
    value = -np.abs(y - mu) / b - np.log(2.0 * np.asarray(b))
    return np.where(np.greater(b, 0.0), value, -np.inf)


@quiet
def _laplace_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives; at the kink, y = mu, those in mu are 0."""
    mu, b = psi
    z = (y - mu) / b
    size, sign = np.abs(z), np.sign(z)
    first, second = matrix((sign, size - 1.0), (np.zeros_like(z), 1.0 - 2.0 * size), -sign)
    return first / b, second / np.square(b)


LAPLACE = Head(_laplace_log_density, _laplace_derivatives, lambda rng, _, psi: np.asarray(rng.laplace(*psi)))


# Residuals beyond this have squares that overflow
_LARGEST = 1e150


@quiet
def _student_log_density(y: Floats, _: None, psi: tuple[Any, Any, Any]) -> Floats:
    nu, mu, sigma = psi
    z = np.clip((y - mu) / sigma, -_LARGEST, _LARGEST)
    tail = 0.5 * np.add(nu, 1.0) * np.log1p(np.square(z) / nu)
    value = student_constant(nu)[0] - tail - np.log(sigma)
    return np.where(np.greater(nu, 0.0) & np.greater(sigma, 0.0), value, -np.inf)


@quiet
def _student_derivatives(y: Floats, _: None, psi: tuple[Any, Any, Any]) -> tuple[Floats, Floats]:
    """Compute the derivatives in nu, mu and sigma by those of g(z, nu) = -(nu + 1) / 2 log(1 + z^2 / nu)."""
    nu, mu, sigma = psi
    z = np.clip((y - mu) / sigma, -_LARGEST, _LARGEST)
    square, weight = np.square(z), np.add(nu, np.square(z))
    up = np.add(nu, 1.0)
    slope, curvature = -up * z / weight, -up * (nu - square) / weight / weight
    constant, constant_twice = student_constant(nu)[1:]
    in_nu = constant - 0.5 * np.log1p(square / nu) + up * square / weight / nu / 2.0
    twice = nu * weight - up * (weight + nu)
    own_nu = constant_twice + square / weight / nu / 2.0 + square / weight / weight * twice / nu / nu / 2.0
    mixed = z * (1.0 - square) / weight / weight
    rows = [
        [own_nu, -mixed / sigma, -z * mixed / sigma],
        [-mixed / sigma, curvature / sigma / sigma, (slope + z * curvature) / sigma / sigma],
        [
            -z * mixed / sigma,
            (slope + z * curvature) / sigma / sigma,
            (1.0 + 2.0 * z * slope + square * curvature) / sigma / sigma,
        ],
    ]
    first = np.broadcast_arrays(in_nu, -slope / sigma, -(1.0 + z * slope) / sigma)
    return np.stack(first), np.stack([np.stack(np.broadcast_arrays(*row)) for row in rows])


STUDENT_T = Head(
    _student_log_density,
    _student_derivatives,
    lambda rng, _, psi: np.asarray(
        psi[1] + psi[2] * rng.standard_t(psi[0], size=np.broadcast_shapes(*map(np.shape, psi)))
    ),
)


@quiet
def _uniform_log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
    lower, upper = psi
    inside = np.less_equal(lower, y) & np.less_equal(y, upper)
    return np.where(inside, -np.log(np.subtract(upper, lower)), -np.inf)


@quiet
def _uniform_derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
    lower, upper = psi
    first = np.divide(1.0, np.subtract(upper, lower)) + np.zeros(np.shape(y))
    second = np.square(first)
    return matrix((first, -first), (second, second), -second)


@quiet
def _uniform_sample(rng: np.random.Generator, _: None, psi: tuple[Any, Any]) -> Floats:
    """Draw numbers between the ends: infinite where an end is, nan where the lower is not below the upper."""
    lower, upper = np.broadcast_arrays(*psi)
    drawn = lower + (upper - lower) * rng.random(lower.shape)
    return np.where(lower < upper, drawn, np.nan)


UNIFORM = Head(_uniform_log_density, _uniform_derivatives, _uniform_sample)


def uniform_bounds(y: Floats) -> dict[str, tuple[float, float]]:
    """Tell where the ends of a Uniform may be that gave `y`: no end is inside the data."""
    return {"lower": (-np.inf, float(y.min())), "upper": (float(y.max()), np.inf)}


def uniform_exists(psi: Sequence[Floats]) -> NDArray[np.bool_]:
    """Tell where the lower end is below the upper."""
    return np.asarray(np.less(*psi))
