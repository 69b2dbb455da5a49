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

_MOST = 15  # orders of derivatives with a bound
_PROBABILITIES = np.linspace(0.0, 1.0, 2001)
_BETWEEN = 1.01  # a polynomial of degree 13 exceeds its values there by no more (Markov's inequality)


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


@cache
def _logistic_bounds() -> Floats:
    """The largest |c^(k) / c''| / k! over all eta, for k = 3, ...: the quotient is a polynomial in p."""
    quotients = (
        Polynomial(each).trim() // Polynomial([0.0, 1.0, -1.0]) for each in _logistic_polynomials(_MOST)
    )
    return np.array([_BETWEEN * np.abs(quotient(_PROBABILITIES)).max() for quotient in quotients])


def _logistic_left_out(largest: Floats, most: Integers) -> Floats:
    """Bound the next term by the supremum of its derivative; c''(eta + x) <= c''(eta) e^|x| (Lagrange)."""
    return np.asarray(_logistic_bounds()[np.asarray(most) - 2] * np.exp(largest) * largest ** (most - 1))


def _exponential_terms(eta: Floats, most: int) -> Floats:
    factorials = [math.factorial(k) for k in range(3, most + 1)]
    return -np.exp(eta) / np.array(factorials, dtype=np.float64)[:, np.newaxis]


def _exponential_left_out(largest: Floats, most: Integers) -> Floats:
    """Sum m^(k-2) / k! over k > K, by Lagrange's remainder."""
    return np.asarray(np.exp(largest) * largest ** (most - 1) / scipy.special.factorial(most + 1))


LOGISTIC = Expansion(_logistic_terms, _logistic_left_out)
EXPONENTIAL = Expansion(_exponential_terms, _exponential_left_out)
