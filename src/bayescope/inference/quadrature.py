"""One-dimensional quadrature of a density on the logarithm of a positive parameter.

The unknown is tau = log(sigma / origin). The log-density (with the Jacobian of the logarithm) is
scanned for its modes, cut where nothing is left of it or of its first two moments in sigma, and
integrated by Gauss-Legendre panels that are halved until they agree with a smaller rule.
Gauss-Legendre converges geometrically on a smooth panel (Trefethen, Approximation Theory and
Approximation Practice, ch. 19).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type LogDensity = Callable[[Floats], Floats]

REACH = 300.0  # exp(2 * REACH) is a double with room for the units of the data
CUT = 46.0  # exp(-46) = 1e-20: what is left out of each tail
ORDER, COARSE_ORDER = 24, 16
_SCAN = 4001
_SLOPE_STEP = 10.0
_SLOPE_SLACK = 1e-6
_MOST_PANELS = 512
_INTERPOLATION_ERROR = 1e-11


@dataclass(frozen=True)
class Quadrature:
    """A normalised density in tau, on panels.

    Attributes:
        edges: ends of the P panels, shape (P + 1,).
        density: normalised density of tau at the Gauss-Legendre nodes of each panel, shape (P, ORDER).
        nodes, weights: all nodes and their probabilities, shape (P * ORDER,).
        coarse_nodes, coarse_weights: the same for the smaller rule, which gives the error estimate.
        log_total: logarithm of the integral before normalisation.
        error: relative difference of the integral by the two rules.
    """

    edges: Floats
    density: Floats
    nodes: Floats
    weights: Floats
    coarse_nodes: Floats
    coarse_weights: Floats
    log_total: float
    error: float


@cache
def rule(order: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1], shape (order,) each."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return nodes, weights


def panel_nodes(edges_lower: Floats, edges_upper: Floats, order: int) -> Floats:
    """Nodes of the rule on each panel, shape (P, order)."""
    half = 0.5 * (edges_upper - edges_lower)[:, None]
    return 0.5 * (edges_upper + edges_lower)[:, None] + half * rule(order)[0]


def legendre_coefficients(values: Floats) -> Floats:
    """Legendre coefficients, shape (P, ORDER), of the polynomial through `values` at the nodes of each panel.

    c_k = (2k + 1) / 2 sum_i w_i f(x_i) P_k(x_i): discrete orthogonality of the Gauss-Legendre rule.
    """
    order = values.shape[1]
    nodes, weights = rule(order)
    basis = np.polynomial.legendre.legvander(nodes, order - 1)
    return (values * weights) @ basis * (np.arange(order) + 0.5)


def value_at(log_density: LogDensity, tau: float) -> float:
    """Value of a log-density at one point."""
    return float(log_density(np.array([tau])).item())


def scan_grid(lower: float, upper: float) -> Floats:
    """Points from end to end of the support, as far as doubles reach."""
    return np.linspace(max(lower, -REACH), min(upper, REACH), _SCAN)


def modes(log_density: LogDensity, grid: Floats, values: Floats) -> list[float]:
    """Local maxima of a log-density, the highest first; the ends of the grid count when they are maxima.

    `values` are the log-density on `grid`. Each peak is refined to rounding error by narrowing its bracket.
    """
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero((padded[1:-1] >= padded[:-2]) & (padded[1:-1] > padded[2:]))
    highest = peaks[np.argsort(-values[peaks])][:20].tolist()
    last = len(grid) - 1
    refined = [
        _narrow(log_density, float(grid[max(i - 1, 0)]), float(grid[min(i + 1, last)])) for i in highest
    ]
    heights = log_density(np.array(refined))
    return [refined[i] for i in np.argsort(-heights).tolist()]


def _narrow(log_density: LogDensity, lower: float, upper: float) -> float:
    points = np.linspace(lower, upper, 41)
    for _ in range(10):
        best = int(np.argmax(log_density(points)))
        points = np.linspace(points[max(best - 1, 0)], points[min(best + 1, 40)], 41)
    return float(points[int(np.argmax(log_density(points)))])


def integrable_at_zero(log_density: LogDensity, lower: float) -> bool:
    """Tell whether the integral is finite at sigma = 0: the log-density must rise with tau there."""
    return math.isfinite(lower) or _slope(log_density, -REACH, -REACH + _SLOPE_STEP) > _SLOPE_SLACK


def finite_moments(log_density: LogDensity, end: float, power: int = 1) -> int:
    """How many moments of exp(power tau) are finite: 2, 1, 0, or -1 when not even the integral is.

    Moment k needs the log-density to fall more steeply than k |power tau| towards `end`, the end of the
    range at which exp(power tau) is largest, if that is infinite.
    """
    if math.isfinite(end):
        return 2
    if power > 0:
        fall = -_slope(log_density, REACH - _SLOPE_STEP, REACH)
    else:
        fall = _slope(log_density, -REACH, -REACH + _SLOPE_STEP)
    if not math.isfinite(fall):
        return 2
    return int(np.clip(math.ceil(fall / abs(power) - _SLOPE_SLACK) - 1, -1, 2))


def _slope(log_density: LogDensity, start: float, stop: float) -> float:
    """Slope between two far points; an underflowed density falls away from its peak infinitely fast."""
    first, second = log_density(np.array([start, stop]))
    if not (np.isfinite(first) and np.isfinite(second)):
        return math.inf if start < 0 else -math.inf
    return float(second - first) / (stop - start)


def integrate(
    log_density: LogDensity, lower: float, upper: float, powers: Sequence[int], tolerance: float
) -> Quadrature | None:
    """Integrate exp(log_density) and its products with exp(k tau), k in `powers`, over (lower, upper).

    `log_density` must be near 0 at its peak, so that its exponential is a double. Returns None when
    a tail is so heavy that it does not end within reach of doubles, or rounding errors hide the peak.
    """
    grid = scan_grid(lower, upper)
    values = log_density(grid)
    peaks: list[float] = []
    bounds: list[tuple[float, float]] = []
    powers = (0, *powers)
    for power in powers:
        tilted = _tilt(log_density, power)
        found = modes(tilted, grid, values + power * grid)
        found = [mode for mode in found if value_at(tilted, mode) > value_at(tilted, found[0]) - CUT]
        reached = found and _cut(tilted, grid, found, (math.isinf(lower), math.isinf(upper)))
        if not reached:
            return None
        bounds.append(reached)
        peaks += found
    edges = _breakpoints(log_density, peaks, min(low for low, _ in bounds), max(high for _, high in bounds))
    return _refine(log_density, edges, powers, tolerance)


def _tilt(log_density: LogDensity, power: int) -> LogDensity:
    return lambda tau: log_density(tau) + power * tau


def _cut(
    log_density: LogDensity, grid: Floats, peaks: list[float], infinite: tuple[bool, bool]
) -> tuple[float, float] | None:
    """The outermost points where the log-density is within CUT of its peak."""
    points = np.unique(np.concatenate([grid, peaks]))
    floor = value_at(log_density, peaks[0]) - CUT
    above = np.flatnonzero(log_density(points) > floor)
    first, last = above[0], above[-1]
    end = len(points) - 1
    if (first == 0 and infinite[0]) or (last == end and infinite[1]):
        return None
    low = points[0] if first == 0 else _cross(log_density, floor, points[first - 1], points[first])
    high = points[end] if last == end else _cross(log_density, floor, points[last + 1], points[last])
    return float(low), float(high)


def _cross(log_density: LogDensity, floor: float, outside: float, inside: float) -> float:
    """Where the log-density crosses `floor`; the outer side of the last bracket."""
    for _ in range(60):
        middle = 0.5 * (outside + inside)
        if value_at(log_density, middle) > floor:
            inside = middle
        else:
            outside = middle
    return outside


def _breakpoints(log_density: LogDensity, peaks: list[float], lower: float, upper: float) -> Floats:
    """Panel edges that double in length away from each peak, starting at the peak's own width."""
    edges = [lower, upper]
    taken: list[tuple[float, float]] = []
    for peak in peaks:
        width = _width(log_density, peak, lower, upper)
        if any(abs(peak - other) < 2 * size for other, size in taken):
            continue
        taken.append((peak, width))
        steps = width * 2.0 ** np.arange(math.ceil(math.log2((upper - lower) / width)) + 1)
        edges += [peak, *(peak - steps), *(peak + steps)]
    return np.unique(np.clip(edges, lower, upper))


def _width(log_density: LogDensity, peak: float, lower: float, upper: float) -> float:
    """The largest power-of-two fraction of the range over which the log-density falls by less than one."""
    steps = (upper - lower) * 0.5 ** np.arange(50)
    height = value_at(log_density, peak)
    sides = [log_density(np.clip(peak + sign * steps, lower, upper)) for sign in (-1.0, 1.0)]
    at_end = [peak <= lower, peak >= upper]
    fall = height - np.maximum.reduce([side for side, end in zip(sides, at_end, strict=True) if not end])
    near = np.flatnonzero(fall < 1.0)
    return float(steps[near[0]] if len(near) else steps[-1])


def _refine(log_density: LogDensity, edges: Floats, powers: Sequence[int], tolerance: float) -> Quadrature:
    """Halve the panels until two rules agree on every moment and the density is a polynomial on each."""
    lower, upper = edges[:-1], edges[1:]
    done: list[tuple[Floats, Floats]] = []
    settled = np.zeros(len(powers))
    while True:
        fine = _moments(log_density, lower, upper, ORDER, powers)
        coarse = _moments(log_density, lower, upper, COARSE_ORDER, powers)
        total = settled + fine.sum(axis=0)
        rough = np.any(np.abs(fine - coarse) > 0.01 * tolerance * total, axis=1)
        rough |= _interpolation_error(log_density, lower, upper) > _INTERPOLATION_ERROR * total[0]
        if len(lower) + sum(len(part[0]) for part in done) > _MOST_PANELS:
            rough[:] = False
        done.append((lower[~rough], upper[~rough]))
        settled += fine[~rough].sum(axis=0)
        if not rough.any():
            break
        middle = 0.5 * (lower[rough] + upper[rough])
        lower, upper = np.concatenate([lower[rough], middle]), np.concatenate([middle, upper[rough]])
    starts = np.sort(np.concatenate([part[0] for part in done]))
    return _assemble(log_density, np.append(starts, edges[-1]))


def _moments(
    log_density: LogDensity, lower: Floats, upper: Floats, order: int, powers: Sequence[int]
) -> Floats:
    """Integrals of exp(log_density + k tau) on each panel, k in `powers`; shape (P, len(powers))."""
    nodes = panel_nodes(lower, upper, order)
    values = log_density(nodes.ravel()).reshape(nodes.shape)
    half = 0.5 * (upper - lower)
    return np.stack([half * (np.exp(values + power * nodes) @ rule(order)[1]) for power in powers], axis=1)


def _interpolation_error(log_density: LogDensity, lower: Floats, upper: Floats) -> Floats:
    nodes = panel_nodes(lower, upper, ORDER)
    values = np.exp(log_density(nodes.ravel()).reshape(nodes.shape))
    return np.asarray((upper - lower) * np.abs(legendre_coefficients(values)[:, -2:]).max(axis=1))


def _assemble(log_density: LogDensity, edges: Floats) -> Quadrature:
    half = 0.5 * np.diff(edges)[:, None]
    nodes = [panel_nodes(edges[:-1], edges[1:], order) for order in (ORDER, COARSE_ORDER)]
    values = [np.exp(log_density(points.ravel()).reshape(points.shape)) for points in nodes]
    masses = [half * value * rule(value.shape[1])[1] for value in values]
    total, coarse_total = (float(mass.sum()) for mass in masses)
    return Quadrature(
        edges=edges,
        density=values[0] / total,
        nodes=nodes[0].ravel(),
        weights=masses[0].ravel() / total,
        coarse_nodes=nodes[1].ravel(),
        coarse_weights=masses[1].ravel() / coarse_total,
        log_total=math.log(total),
        error=abs(coarse_total / total - 1),
    )
