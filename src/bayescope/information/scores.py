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
_TOLERANCE = 1e-4
_NEGLIGIBLE = 1e-9
_HOW = "quadrature"

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@_quiet
def expectation(quantile: Quantile, function: Quantile) -> Estimate | None:
    """Return E f(x), x having the quantile function given; None where the rule is not good for it.

    The error joins the difference to twice the step, the rounding of the terms, and what the tails
    beyond |t| = 7.5 hold if they go on falling as they do there.
    """
    terms = _DENSITY * function(quantile(scipy.special.ndtr(_T)))
    value, error = _trapezoid(terms)
    settled = math.isfinite(value) and error <= _TOLERANCE * max(1.0, abs(value))
    return Estimate(value, error, _HOW) if settled else None


@_quiet
def wasserstein(quantile_p: Quantile, quantile_q: Quantile) -> Estimate | None:
    """Return the integral of |Q_p(Phi(t)) - Q_q(Phi(t))| phi(t) dt; None where the rule is not good for it.

    By a cubic spline, whose integrals between its roots are known.
    """
    u = scipy.special.ndtr(_T)
    terms = _DENSITY * (quantile_p(u) - quantile_q(u))
    if not np.all(np.isfinite(terms)):
        return None
    value, coarse = (_absolute(terms[::step], _T[::step]) for step in (1, 2))
    scale = float(np.ptp(quantile_p(scipy.special.ndtr(np.array([-1.0, 1.0])))))
    tails = sum(_tail(np.abs(terms), side, _NEGLIGIBLE * scale) for side in (1, -1))
    error = abs(value - coarse) + tails
    settled = math.isfinite(value) and error <= _TOLERANCE * max(scale, value)
    return Estimate(value, error, _HOW) if settled else None


@_quiet
def tabulated(quantile: Quantile, q: Floats) -> Floats:
    """Read a quantile function off a table of it, linear in the score: right to 1e-4 sds."""
    score = np.clip(scipy.special.ndtri(q), -_REACH, _REACH)
    return np.asarray(np.interp(score, _T, quantile(scipy.special.ndtr(_T))))


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


def _absolute(terms: Floats, t: Floats) -> float:
    """Integrate the absolute value of a cubic spline through the terms, between its roots."""
    spline = scipy.interpolate.CubicSpline(t, terms)
    roots = spline.roots(extrapolate=False)
    cuts = np.concatenate([t[:1], np.sort(roots[np.isfinite(roots)]), t[-1:]])
    return float(np.abs(np.diff(spline.antiderivative()(cuts))).sum())
