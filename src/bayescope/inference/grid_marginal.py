"""`Gridded`: the posterior of one parameter as its density on Chebyshev points, and the grid's coordinate t.

    x = theta(z),   z = centre + scale u,   u = 3 sinh(t / 3)

z is the unconstrained value of `transforms`. u is t near the centre and grows exponentially beyond three
sds, so that a few hundred points reach a billion sds (after Takahasi & Mori 1974, Publ. RIMS 9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import override

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.inference.marginal_base import StoredMarginal, invert, peak
from bayescope.inference.transforms import Transform

type Floats = NDArray[np.float64]

_BEND = 3.0  # sds, where the stretch turns from linear to exponential


def stretch(t: ArrayLike) -> Floats:
    """Return u(t) = 3 sinh(t / 3)."""
    return np.asarray(_BEND * np.sinh(np.divide(t, _BEND)))


def unstretch(u: ArrayLike) -> Floats:
    """Return t(u), the inverse of `stretch`."""
    return np.asarray(_BEND * np.arcsinh(np.divide(u, _BEND)))


def log_stretch_slope(t: ArrayLike) -> Floats:
    """Return log du/dt."""
    return np.asarray(np.log(np.cosh(np.divide(t, _BEND))))


@cache
def clenshaw_curtis(cells: int) -> tuple[Floats, Floats]:
    """Return nodes (ascending, ends included) and weights on [-1, 1] of the rule of `cells` + 1 points.

    `cells` is even. Every other node makes the rule of half as many cells. Source: Trefethen (2008), Is
    Gauss quadrature better than Clenshaw-Curtis?, SIAM Review 50.
    """
    angle = np.pi * np.arange(cells + 1) / cells
    moments = np.zeros(cells + 1)
    even = np.arange(0, cells + 1, 2)
    moments[even] = 2 / (1 - even.astype(np.float64) ** 2)  # of the Chebyshev polynomials
    weights = scipy.fft.dct(moments, type=1) / cells
    weights[[0, -1]] /= 2
    return -np.cos(angle), weights


@dataclass(frozen=True, eq=False, repr=False)
class Gridded(StoredMarginal):
    """A parameter on (lower, upper) with its density known at Chebyshev points of panels in t.

    Attributes:
        edges: ends of the P panels in t, shape (P + 1,).
        density: density of t at the points of each panel, ascending, shape (P, cells + 1).
        centre, scale: from u to z.
        lower, upper: ends of the support of x; at most one of them finite, or both.
        finite_moments: how many moments of x are finite, at most 2.
    """

    edges: Floats
    density: Floats
    centre: float
    scale: float
    lower: float
    upper: float
    finite_moments: int = 2

    @override
    def __str__(self) -> str:
        return f"a density on a grid (mean {self.mean:.6g}, sd {self.sd:.6g})"

    @property
    @override
    def mean(self) -> float:
        if self.finite_moments >= 1:
            return self._moments[0]
        return math.nan if self.lower == -math.inf else math.inf

    @property
    @override
    def sd(self) -> float:
        return self._moments[1] if self.finite_moments == 2 else math.inf

    @cached_property
    def _moments(self) -> tuple[float, float]:
        nodes, weights = clenshaw_curtis(self.density.shape[1] - 1)
        half = 0.5 * np.diff(self.edges)[:, None]
        x = self.value(0.5 * (self.edges[1:] + self.edges[:-1])[:, None] + half * nodes)
        mass = half * weights * self.density
        origin = float(self.value(0.0))  # sums of differences keep the digits of a narrow density
        mean = float(np.sum(mass * (x - origin)))
        return origin + mean, math.sqrt(float(np.sum(mass * (x - origin - mean) ** 2)))

    @cached_property
    @override
    def mode(self) -> float:
        points = np.sort(self.value(np.unique(np.linspace(self.edges[:-1], self.edges[1:], 201))))
        heights = self.pdf(points)
        inside = (1 - 1e-6) * float(heights[1:-1].max())  # flat up to the end, but for rounding
        low, high = bool(heights[0] >= inside), bool(heights[-1] >= inside)
        if low or high:
            return math.nan if low and high else self.lower if low else self.upper
        return peak(self.pdf, points)

    @override
    def log_pdf(self, x: Floats) -> Floats:
        t, inside = self._coordinate(x)
        table = np.clip(t, self.edges[0], self.edges[-1])
        # beyond the panels next to nothing is left: the log density falls on as a line in t
        slopes = np.where(t < table, *self._end_slopes)
        log_density = self._evaluate(table, self._log_coefficients) + slopes * (t - table)
        z = self.centre + self.scale * stretch(t)
        jacobian = math.log(self.scale) + log_stretch_slope(t) + self._transform.log_jacobian(z)
        return np.where(inside, log_density - jacobian, -np.inf)

    @override
    def cdf(self, x: Floats) -> Floats:
        x = np.clip(np.asarray(x, dtype=np.float64), self.lower, self.upper)
        share = self._cdf(np.clip(self._coordinate(x)[0], self.edges[0], self.edges[-1]))
        below = share if self._rises else 1.0 - share
        return np.where(x <= self.lower, 0.0, np.where(x >= self.upper, 1.0, below))

    @override
    def quantile(self, q: Floats) -> Floats:
        q = np.asarray(q, dtype=np.float64)
        share = np.clip(q if self._rises else 1.0 - q, 0.0, 1.0)
        panel = np.clip(np.searchsorted(self._mass, share.ravel(), side="right") - 1, 0, len(self.edges) - 2)
        panel = panel.reshape(q.shape)
        t = invert(self._cdf, self._pdf, share, self.edges[panel], self.edges[panel + 1])
        return np.where(q <= 0, self.lower, np.where(q >= 1, self.upper, self.value(t)))

    @cached_property
    def unresolved(self) -> float:
        """Probability (at most) so close to a finite end that doubles do not tell it from the end.

        It is more than rounding error only where the density is infinite at the end.
        """
        return sum(self._next_to(end, step) for end, step in ((self.lower, 1.0), (self.upper, -1.0)))

    def _next_to(self, end: float, step: float) -> float:
        if math.isinf(end):
            return 0.0
        z = self._transform.apply(end + step * 4 * np.spacing(abs(end)))
        # there the density of z is exp(rate |z|) with rate < 1 where that of x is infinite
        t = unstretch((z + np.array([0.0, 3.0, 6.0]) * np.sign(-z) - self.centre) / self.scale)
        if not (self.edges[0] < t[0] < self.edges[-1]):
            return 0.0
        log_density = self._evaluate(t, self._log_coefficients) - log_stretch_slope(t)
        rate = float(log_density[2] - log_density[1]) / 3
        beyond = float(self._cdf(t[:1])[0]) if t[0] < t[1] else 1.0 - float(self._cdf(t[:1])[0])
        return beyond * max(1.0, 1 / rate) if rate > 0 else 1.0

    def value(self, t: ArrayLike) -> Floats:
        """Return x at t."""
        return self._transform.inverse(self.centre + self.scale * stretch(t))

    def _coordinate(self, x: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Find t of x, and whether x is inside the support; at an end, t is the last of the panels."""
        with np.errstate(all="ignore"):
            t = unstretch((self._transform.apply(x) - self.centre) / self.scale)
        inside = np.isfinite(t)
        return np.where(inside, t, np.where(t > 0, self.edges[-1], self.edges[0])), inside

    @property
    def _transform(self) -> Transform:
        return Transform(self.lower, self.upper)

    @property
    def _rises(self) -> bool:
        return math.isfinite(self.lower) or math.isinf(self.upper)

    def _cdf(self, t: Floats) -> Floats:
        return np.clip(self._mass[self._panel(t)] + self._evaluate(t, self._integrals), 0.0, 1.0)

    def _pdf(self, t: Floats) -> Floats:
        return np.exp(self._evaluate(t, self._log_coefficients))

    def _panel(self, t: Floats) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.edges) - 2)

    def _evaluate(self, t: Floats, coefficients: Floats) -> Floats:
        """Value at `t` of the Chebyshev series of the panel that holds it."""
        panel = self._panel(t)
        local = 2 * (t - self.edges[panel]) / np.diff(self.edges)[panel] - 1
        series = np.moveaxis(coefficients[panel], -1, 0)
        return np.asarray(np.polynomial.chebyshev.chebval(local, series, tensor=False))

    def _series(self, values: Floats) -> Floats:
        """Chebyshev coefficients of each panel from its values at the nodes."""
        coefficients = scipy.fft.dct(values[:, ::-1], type=1) / (values.shape[1] - 1)
        coefficients[:, [0, -1]] /= 2
        return np.asarray(coefficients)

    @cached_property
    def _log_coefficients(self) -> Floats:
        """Of the log density, which keeps the relative accuracy of small densities."""
        return self._series(np.log(np.maximum(self.density, np.finfo(np.float64).tiny)))

    @cached_property
    def _end_slopes(self) -> tuple[float, float]:
        """Slopes of the log density at the two ends of the panels; it falls outwards."""
        first, last = self._log_coefficients[[0, -1]]
        half = 0.5 * np.diff(self.edges)[[0, -1]]
        left, right = (
            float(np.polynomial.chebyshev.chebval(end, np.polynomial.chebyshev.chebder(series)))
            for end, series in ((-1.0, first), (1.0, last))
        )
        return max(left / half[0], 0.0), min(right / half[1], 0.0)

    @cached_property
    def _integrals(self) -> Floats:
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.polynomial.chebyshev.chebint(self._series(self.density), lbnd=-1, axis=1) * half

    @cached_property
    def _mass(self) -> Floats:
        """Cumulative probability at the edges, shape (P + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self._integrals.sum(axis=1))])
