"""log p(y | eta + d) as a power series in d beyond its second order.

For a canonical link y enters log p in a linear term alone: what curves is the cumulant function c(eta), and

    log p(y | eta + d) = log p(y | eta) + (y - c') d - c'' d^2 / 2 - sum over k > 2 of c^(k) d^k / k!

The series comes with a bound of what is left out of it, in units of c'' d^2.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import scipy
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from bayescope.distributions.likelihood import Expansion

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64] | int

_RADIUS = 2.0  # of a circle around eta; the poles of the logistic function are farther, at i pi
_GROWTH = math.exp(_RADIUS) / math.cos(_RADIUS / 2.0) ** 2  # of c'' on it, in units of c''(eta)


@cache
def _logistic_polynomials(most: int) -> Floats:
    """With c = log(1 + exp(eta)), c'' = p - p^2; derivatives of polynomials in p are such: p' = p - p^2.

    Coefficients of -c^(k) / k! for k = 3, ..., K, shape (K - 2, K + 1), those of low powers first.
    """
    slope = Polynomial([0.0, 1.0, -1.0])
    derivative, found = slope, np.zeros((most - 2, most + 1))
    for k in range(3, most + 1):
        derivative = derivative.deriv() * slope
        found[k - 3, : k + 1] = np.asarray(derivative.coef, dtype=np.float64) / -float(math.factorial(k))
    return found


def _logistic_terms(eta: Floats, most: int) -> Floats:
    """At -|eta|, for c'' is even, and where p is small its powers do not cancel."""
    powers = scipy.special.expit(-np.abs(eta)) ** np.arange(most + 1)[:, np.newaxis]
    found = _logistic_polynomials(most) @ powers
    found[::2] *= np.where(eta > 0.0, -1.0, 1.0)  # odd derivatives: k = 3, 5, ...
    return np.asarray(found)


def _logistic_left_out(largest: Floats, most: Integers) -> Floats:
    """Bound c^(k) / k!, on a circle of radius r (Cauchy): e^r / cos(r / 2)^2 / (r^(k-2) k (k-1)) of c''.

    |c''(x + iy)| <= c''(x) / cos(y / 2)^2, and c''(eta + x) <= c''(eta) e^|x|.
    """
    ratio = largest / _RADIUS
    bound = _GROWTH * ratio ** (most - 1) / (most * (most + 1) * (1.0 - ratio))
    return np.where(ratio < 1.0, bound, np.inf)


def _exponential_terms(eta: Floats, most: int) -> Floats:
    factorials = [math.factorial(k) for k in range(3, most + 1)]
    return -np.exp(eta) / np.array(factorials, dtype=np.float64)[:, np.newaxis]


def _exponential_left_out(largest: Floats, most: Integers) -> Floats:
    """Sum m^(k-2) / k! over k > K, by Lagrange's remainder."""
    return np.asarray(np.exp(largest) * largest ** (most - 1) / scipy.special.factorial(most + 1))


LOGISTIC = Expansion(_logistic_terms, _logistic_left_out)
EXPONENTIAL = Expansion(_exponential_terms, _exponential_left_out)
