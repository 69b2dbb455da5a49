"""Integrals over the scores t of a distribution's own quantiles x = Q(Phi(t)), t standard Normal.

    E_p f(x) = integral of phi(t) f(Q(Phi(t))) dt

On this scale any smooth unimodal density is a standard Normal, and the trapezoidal rule converges
faster than any power of its step (Trefethen and Weideman, SIAM Review 56, 2014): a few hundred
evaluations are enough where those of a posterior are dear. What the rule cannot do, heavy tails or a density
with jumps, shows in its error, and is left to `quadrature`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.information.estimate import Estimate

type Floats = NDArray[np.float64]
type Quantile = Callable[[Floats], Floats]

_REACH, _STEP = 7.5, 1.0 / 32.0
_T = np.arange(-_REACH, _REACH + _STEP / 2.0, _STEP)
_DENSITY = np.exp(-0.5 * _T**2) / math.sqrt(2.0 * math.pi)
_UNIT = round(1.0 / _STEP)
_CELL = np.array([-1.0, 13.0, 13.0, -1.0]) / 24.0  # integral over [0, 1] of the cubic through -1, 0, 1, 2
_TOLERANCE = 1e-4
_ENOUGH = 1e-2  # where densities are so dear and rough, adaptive quadrature takes seconds for two more digits
_NEGLIGIBLE = 1e-9
_HOW = "quadrature"

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@_quiet
def expectation(quantile: Quantile, function: Quantile) -> Estimate | None:
    """Return E f(x), x having the quantile function given; None where the rule is not good for it.

    The error joins the difference to twice the step, the rounding of the terms, and what the tails
    beyond |t| = 7.5 hold if they go on falling as they do there.
    """
    terms = _DENSITY * function(_at_scores(quantile))
    value, error = _trapezoid(terms)
    settled = math.isfinite(value) and error <= _ENOUGH * max(1.0, abs(value))
    return Estimate(value, error, _HOW) if settled else None


@_quiet
def wasserstein(quantile_p: Quantile, quantile_q: Quantile) -> Estimate | None:
    """Return the integral of |Q_p(Phi(t)) - Q_q(Phi(t))| phi(t) dt; None where the rule is not good for it.

    By a cubic in each cell of the grid, whose integral on either side of its root is known.
    """
    terms = _DENSITY * (_at_scores(quantile_p) - _at_scores(quantile_q))
    if not np.all(np.isfinite(terms)):
        return None
    value, coarse = (_absolute(terms[::step], step * _STEP) for step in (1, 2))
    scale = float(np.ptp(quantile_p(scipy.special.ndtr(np.array([-1.0, 1.0])))))
    tails = sum(_tail(np.abs(terms), side, _NEGLIGIBLE * scale) for side in (1, -1))
    error = abs(value - coarse) + tails
    settled = math.isfinite(value) and error <= _TOLERANCE * max(scale, value)
    return Estimate(value, error, _HOW) if settled else None


@_quiet
def tabulated(quantile: Quantile, q: Floats) -> Floats:
    """Read a quantile function off a table of it, linear in the score: right to 1e-4 sds."""
    score = np.clip(scipy.special.ndtri(q), -_REACH, _REACH)
    return np.asarray(np.interp(score, _T, _at_scores(quantile)))


@lru_cache(maxsize=128)  # a reference is compared with every method, and what it has learned is asked
def _at_scores(quantile: Quantile) -> Floats:
    found = np.asarray(quantile(scipy.special.ndtr(_T)))
    found.setflags(write=False)
    return found


def _trapezoid(terms: Floats) -> tuple[float, float]:
    value, coarse = (float(terms[::step].sum()) * step * _STEP for step in (1, 2))
    rounding = 4.0 * np.finfo(np.float64).eps * float(np.abs(terms).sum()) * _STEP
    tails = sum(_tail(np.abs(terms), side, _NEGLIGIBLE) for side in (1, -1))
    return value, abs(value - coarse) + rounding + tails


def _tail(terms: Floats, side: int, negligible: float) -> float:
    """What lies beyond one end; inf where the terms do not fall towards it, unless they are but rounding."""
    end, inside = float(terms[::-side][0]), float(terms[::-side][_UNIT])
    if end <= negligible:
        return end
    slope = math.log(inside / end) if inside > 0.0 and math.isfinite(end) else 0.0
    return end / slope if slope > 1.0 else math.inf


def _absolute(terms: Floats, step: float) -> float:
    """Integrate |f|: in each cell that of the cubic through its four nearest terms, cut where it is 0."""
    cell = np.lib.stride_tricks.sliding_window_view(np.pad(terms, 1, mode="edge"), 4)
    left, right = cell[:, 1], cell[:, 2]
    whole = cell @ _CELL
    # the cubic is all but linear in a cell, and f is 0 at the cut: what the cut is off matters squared
    cut = np.where(left * right < 0.0, left / np.where(left == right, 1.0, left - right), 1.0)
    middle, end = (_cubic(cell, share * cut) for share in (0.5, 1.0))
    first = cut / 6.0 * (left + 4.0 * middle + end)  # Simpson's rule, exact for cubics
    return step * float((np.abs(first) + np.abs(whole - first)).sum())


def _cubic(cell: Floats, t: Floats) -> Floats:
    """Lagrange's cubic through the terms at -1, 0, 1, 2, shape (n, 4), at one t in [0, 1] for each."""
    weights = (
        -t * (t - 1.0) * (t - 2.0) / 6.0,
        (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0,
        -(t + 1.0) * t * (t - 2.0) / 2.0,
        (t + 1.0) * t * (t - 1.0) / 6.0,
    )
    return np.asarray((cell * np.stack(weights, axis=1)).sum(axis=1))
