"""The unconstrained space: every unknown on the whole real line, as PyMC's and Stan's samplers see it.

    theta on the real line     theta = z
    theta above a              theta = a + exp(z)
    theta below b              theta = b - exp(z)
    theta between a and b      theta = a + (b - a) / (1 + exp(-z))

A density of theta becomes one of z by p(z) = p(theta(z)) |d theta / d z|, the factor being the Jacobian.
Source: Stan Reference Manual, "Constraint Transforms".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]
type Gradients = Callable[[Floats], tuple[Floats, Floats]]
"""From points, shape (c, d), to log densities, nats, shape (c,), and their gradients, shape (c, d)."""

_LARGEST = np.finfo(np.float64).max
_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@dataclass(frozen=True, eq=False)
class Transform:
    """The way between z and theta for unknowns on (lower, upper), infinite ends included.

    `lower` and `upper` have shape (d,) or are numbers; z and theta have any shape that broadcasts
    with them.
    """

    lower: Floats | float
    upper: Floats | float

    @_quiet
    def apply(self, theta: ArrayLike) -> Floats:
        """Return z; -inf or inf at the ends of the support, nan outside."""
        theta = np.asarray(theta, dtype=np.float64)
        above, below = np.subtract(theta, self.lower), np.subtract(self.upper, theta)
        return self._choose(theta, np.log(above), np.log(below), np.log(above) - np.log(below))

    @_quiet
    def inverse(self, z: ArrayLike) -> Floats:
        """Return theta, inside of its support even where rounding would put it on an end."""
        z = np.asarray(z, dtype=np.float64)
        width = np.subtract(self.upper, self.lower)
        theta = self._choose(
            z, self.lower + np.exp(z), self.upper - np.exp(z), self.lower + width * scipy.special.expit(z)
        )
        least, most = np.nextafter(self.lower, np.inf), np.nextafter(self.upper, -np.inf)
        return np.asarray(np.clip(theta, least, most))

    @_quiet
    def derivatives(self, z: Floats) -> tuple[Floats, Floats]:
        """Return d theta / dz and d2 theta / dz2."""
        p, q, e = scipy.special.expit(z), scipy.special.expit(-z), np.exp(z)
        slope = np.subtract(self.upper, self.lower) * p * q
        return self._choose(np.ones_like(z), e, -e, slope), self._choose(
            np.zeros_like(z), e, -e, slope * (q - p)
        )

    @_quiet
    def log_jacobian(self, z: Floats) -> Floats:
        """Return log |d theta / dz|, element by element."""
        width = np.subtract(self.upper, self.lower)
        both = np.log(width) - np.abs(z) - 2 * np.log1p(np.exp(-np.abs(z)))
        return self._choose(np.zeros_like(z), z, z, both)

    def log_jacobian_derivatives(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the first and second derivatives of `log_jacobian` in z."""
        nothing, one, slope = np.zeros_like(z), np.ones_like(z), -np.tanh(z / 2)
        return self._choose(nothing, one, one, slope), self._choose(
            nothing, nothing, nothing, (np.square(slope) - 1) / 2
        )

    @property
    def is_identity(self) -> bool:
        """Whether every unknown is on the whole line already."""
        return not (np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @property
    def names(self) -> list[str]:
        """What each unknown is seen by, for reports: "identity", "log" or "logit"."""
        lower = np.atleast_1d(self.lower)
        kinds = self._choose(*(np.full(lower.shape, float(kind)) for kind in range(4)))
        return [("identity", "log", "log", "logit")[int(kind)] for kind in kinds]

    def _choose(self, real: ArrayLike, above: ArrayLike, below: ArrayLike, between: ArrayLike) -> Floats:
        """Pick by which ends are finite."""
        has_lower, has_upper = np.isfinite(self.lower), np.isfinite(self.upper)
        return np.where(has_lower, np.where(has_upper, between, above), np.where(has_upper, below, real))


def unconstrained(
    derivatives: Callable[[Floats], tuple[float, Floats, Floats]], transform: Transform, z: Floats
) -> tuple[float, Floats, Floats]:
    """Return -log p(z), its gradient and its Hessian, from those of -log p(theta) at theta(z).

    g_z = theta' g - J',    H_z = theta' H theta' + diag(theta'' g - J''),    J = log |theta'|
    """
    value, gradient, hessian = derivatives(transform.inverse(z))
    slope, curvature = transform.derivatives(z)
    first, second = transform.log_jacobian_derivatives(z)
    return (
        value - float(np.sum(transform.log_jacobian(z))),
        slope * gradient - first,
        hessian * np.outer(slope, slope) + np.diag(curvature * gradient - second),
    )


def on_real_line(gradients: Gradients, transform: Transform) -> Gradients:
    """Return log p(z) and its gradient at z of shape (c, d), from those of theta, as `gradients` gives them.

    Only the unknowns that are not on the whole line already cost anything.
    """
    lower, upper = np.broadcast_arrays(transform.lower, transform.upper)
    kinds = np.isfinite(lower) + 2 * np.isfinite(upper)
    places = [np.flatnonzero(kinds == kind) for kind in (1, 2, 3)]
    bends = [
        (as_slice(index), bend(lower[index], upper[index]))
        for index, bend in zip(places, (_above, _below, _between), strict=True)
        if len(index)
    ]

    def on_line(z: Floats) -> tuple[Floats, Floats]:
        bent = [(index, bend(z[:, index])) for index, bend in bends]
        theta = z.copy()
        for index, (inside, *_) in bent:
            theta[:, index] = inside
        values, slopes = gradients(theta)
        for index, (_, log_jacobian, slope, rise) in bent:
            values = values + log_jacobian.sum(axis=1)
            slopes[:, index] = slopes[:, index] * slope + rise
        return values, slopes

    return on_line


def as_slice(index: NDArray[np.intp]) -> Any:
    """The same positions as a slice, where they are one: numpy is faster with it."""
    start, size = int(index[0]) if len(index) else 0, len(index)
    return slice(start, start + size) if np.array_equal(index, np.arange(start, start + size)) else index


# From z to theta, log |theta'|, theta' and the slope of log |theta'|

type _Bend = Callable[[Floats], tuple[Floats, Floats, Floats, Floats | float]]


def _above(lower: Floats, _: Floats) -> _Bend:
    least = np.nextafter(lower, np.inf)

    def bend(z: Floats) -> tuple[Floats, Floats, Floats, float]:
        e = np.exp(z)
        return np.minimum(np.maximum(lower + e, least), _LARGEST), z, e, 1.0

    return bend


def _below(_: Floats, upper: Floats) -> _Bend:
    most = np.nextafter(upper, -np.inf)

    def bend(z: Floats) -> tuple[Floats, Floats, Floats, float]:
        e = np.exp(z)
        return np.maximum(np.minimum(upper - e, most), -_LARGEST), z, -e, 1.0

    return bend


def _between(lower: Floats, upper: Floats) -> _Bend:
    curve = Transform(lower, upper)

    def bend(z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        rise = curve.log_jacobian_derivatives(z)[0]
        return curve.inverse(z), curve.log_jacobian(z), curve.derivatives(z)[0], rise

    return bend
