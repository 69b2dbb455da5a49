"""`Tabulated`: a positive parameter whose density is known on the panels of a quadrature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import override

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.marginal_base import StoredMarginal, invert, peak
from bayescope.inference.quadrature import legendre_coefficients, panel_nodes, rule

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Tabulated(StoredMarginal):
    """A positive parameter with its density known at Gauss-Legendre nodes of panels in its logarithm.

    Attributes:
        origin: value where tau = log(x / origin) is 0.
        edges: ends of the P panels in tau, shape (P + 1,).
        density: density of tau at the nodes of each panel, shape (P, ORDER).
        lower, upper: ends of the support.
        finite_moments: how many moments of x are finite, at most 2; the others are inf.
    """

    origin: float
    edges: Floats
    density: Floats
    lower: float
    upper: float
    finite_moments: int = 2

    @override
    def __str__(self) -> str:
        return f"a density by quadrature (mean {self.mean:.6g}, sd {self.sd:.6g})"

    @property
    @override
    def mean(self) -> float:
        return self.origin * (1 + self._growth[0]) if self.finite_moments >= 1 else math.inf

    @property
    @override
    def sd(self) -> float:
        return self.origin * math.sqrt(self._growth[1]) if self.finite_moments == 2 else math.inf

    @cached_property
    @override
    def mode(self) -> float:
        points = self.origin * np.exp(np.unique(np.linspace(self.edges[:-1], self.edges[1:], 9)))
        heights = self.pdf(points)
        if heights[0] >= (1 - 1e-9) * heights.max():  # as high at the lower end as anywhere
            return self.lower
        return peak(self.pdf, points)

    @cached_property
    def _growth(self) -> tuple[float, float]:
        """Mean and variance of x / origin - 1, which keeps the digits of a narrow density."""
        growth = np.expm1(panel_nodes(self.edges[:-1], self.edges[1:], self.density.shape[1]))
        weights = 0.5 * np.diff(self.edges)[:, None] * self.density * rule(self.density.shape[1])[1]
        mean = float(np.sum(weights * growth))
        return mean, float(np.sum(weights * (growth - mean) ** 2))

    @override
    def log_pdf(self, x: Floats) -> Floats:
        x = np.asarray(x, dtype=float)
        inside = (x > 0) & (x >= self.lower) & (x <= self.upper) & (x < np.inf)
        safe = np.where(inside, x, self.origin)
        tau = np.log(safe / self.origin)
        # the table ends where 1e-20 of the density is left: from there on the log density falls on as a line
        table = np.clip(tau, self.edges[0], self.edges[-1])
        slopes = np.where(tau < table, *self._end_slopes)
        log_density = self._evaluate(table, self._log_coefficients) + slopes * (tau - table)
        return np.where(inside, log_density - np.log(safe), -np.inf)

    @override
    def cdf(self, x: Floats) -> Floats:
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore"):
            tau = np.log(np.maximum(x, 0.0) / self.origin)
        return self._cdf(np.clip(tau, self.edges[0], self.edges[-1]))

    @override
    def quantile(self, q: Floats) -> Floats:
        q = np.asarray(q, dtype=float)
        panel = np.searchsorted(self._mass[1:-1], q, side="right")
        tau = invert(self._cdf, self._pdf, q, self.edges[panel], self.edges[panel + 1])
        x = self.origin * np.exp(tau)
        return np.where(q <= 0, self.lower, np.where(q >= 1, self.upper, x))

    def _cdf(self, tau: Floats) -> Floats:
        panel = self._panel(tau)
        return np.clip(self._mass[panel] + self._evaluate(tau, self._integrals), 0.0, 1.0)

    def _pdf(self, tau: Floats) -> Floats:
        return np.exp(self._evaluate(tau, self._log_coefficients))

    def _panel(self, tau: Floats) -> NDArray[np.intp]:
        return np.asarray(np.searchsorted(self.edges[1:-1], tau, side="right"))

    def _evaluate(self, tau: Floats, coefficients: Floats) -> Floats:
        """Value at `tau` of the Legendre series of the panel that holds it."""
        panel = self._panel(tau)
        width = np.diff(self.edges)[panel]
        local = 2 * (tau - self.edges[panel]) / width - 1
        series = np.moveaxis(coefficients[panel], -1, 0)
        return np.asarray(np.polynomial.legendre.legval(local, series, tensor=False))

    @cached_property
    def _coefficients(self) -> Floats:
        return legendre_coefficients(self.density)

    @cached_property
    def _log_coefficients(self) -> Floats:
        """Of the log-density, which keeps the relative accuracy of small densities."""
        return legendre_coefficients(np.log(np.maximum(self.density, np.finfo(np.float64).tiny)))

    @cached_property
    def _end_slopes(self) -> tuple[float, float]:
        """Slopes of the log-density at the two ends of the table; it falls outwards."""
        first, last = self._log_coefficients[[0, -1]]
        half = 0.5 * np.diff(self.edges)[[0, -1]]
        left, right = (
            float(np.polynomial.legendre.legval(end, np.polynomial.legendre.legder(series)))
            for end, series in ((-1.0, first), (1.0, last))
        )
        return max(left / half[0], 0.0), min(right / half[1], 0.0)

    @cached_property
    def _integrals(self) -> Floats:
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.asarray(np.polynomial.legendre.legint(self._coefficients, lbnd=-1, axis=1)) * half

    @cached_property
    def _mass(self) -> Floats:
        """Cumulative probability at the edges, shape (P + 1,)."""
        masses = self._coefficients[:, 0] * np.diff(self.edges)
        return np.concatenate([[0.0], np.cumsum(masses)])
