"""Integrals over the line that do not need to know where the mass is on which scale.

The line is cut at the medians (or modes) and the ends of the supports, and every piece is integrated over
t = log |x - cut|: whatever its scale, a density is smooth in t, its tails and its infinite ends fall off
exponentially, and an integral that diverges is seen as one that does not fall off. Gauss-Legendre
panels in t are halved until two rounds agree (Davis and Rabinowitz, Methods of Numerical Integration,
2nd ed., 1984, chapter 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Integrand = Callable[[Floats, Floats], Floats]

_EPSILON = float(np.finfo(np.float64).eps)
_NEAREST, _FARTHEST = -650.0, 300.0
_ORDER = 16
_WIDTHS = (1.0, 0.5, 0.25, 0.125)
_TOLERANCE = 1e-13
_NEGLIGIBLE = 1e-30
_SLOPE_STEPS = np.array([5.0, 7.5])  # two, for the function may have a zero at one of them
_FLATTEST = 1e-3

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@dataclass(frozen=True)
class Piece:
    """The points x = anchor + sign exp(t), t from `near` to `far`; `open_far` when it goes on to infinity."""

    anchor: float
    sign: float
    near: float
    far: float
    open_far: bool

    def x(self, t: Floats) -> Floats:
        """Take log distances to points."""
        return np.asarray(self.anchor + self.sign * np.exp(t))


def pieces(lower: float, upper: float, centres: Sequence[float], ends: Sequence[float]) -> tuple[Piece, ...]:
    """Cut (lower, upper) at the centres and ends, and halfway between any two of them."""
    known = {point for point in (lower, upper, *ends) if math.isfinite(point)}
    cuts = sorted({point for point in (*known, *centres) if lower <= point <= upper and math.isfinite(point)})
    # nearer to an end than a few units in the last place, the density there is that of the end itself
    near = {
        cut: math.log(4.0 * _EPSILON * abs(cut)) if cut in known and cut != 0.0 else _NEAREST for cut in cuts
    }
    found = [Piece(cuts[0], -1.0, near[cuts[0]], _FARTHEST, open_far=True)] if math.isinf(lower) else []
    for left, right in pairwise(cuts):
        far = math.log(right - left) - math.log(2.0)  # not the log of half the gap, which may underflow
        found += [Piece(left, 1.0, near[left], far, open_far=False)]
        found += [Piece(right, -1.0, near[right], far, open_far=False)]
    if math.isinf(upper):
        found.append(Piece(cuts[-1], 1.0, near[cuts[-1]], _FARTHEST, open_far=True))
    return tuple(piece for piece in found if piece.near < piece.far)


@cache
def _rule() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    return nodes, weights


def _grid(piece: Piece, width: float, kinks: Floats) -> tuple[Floats, Floats]:
    """Nodes in t and weights, shape (N,) each; no panel has a kink inside."""
    count = max(1, math.ceil((piece.far - piece.near) / width))
    edges = np.union1d(np.linspace(piece.near, piece.far, count + 1), kinks)
    half, (nodes, weights) = 0.5 * np.diff(edges)[:, None], _rule()
    t = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes
    return t.ravel(), (half * weights).ravel()


def points(cuts: Sequence[Piece], width: float = 0.5) -> tuple[Floats, Floats, Floats]:
    """Nodes x, their log distances t, and weights (without the Jacobian exp(t)) over all pieces."""
    grids = [(piece, *_grid(piece, width, np.empty(0))) for piece in cuts]
    x, t, weights = zip(*((piece.x(t), t, weights) for piece, t, weights in grids), strict=True)
    return np.concatenate(x), np.concatenate(t), np.concatenate(weights)


@_quiet
def integrate(
    cuts: Sequence[Piece], integrand: Integrand, difference: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """Integrate several functions over all pieces; returns integrals and errors, shape (k,) each.

    `integrand(x, t)` returns the functions times exp(t), shape (k, N), so that it can take the Jacobian
    into its exponentials; `difference(x)` changes its sign where they have kinks. An integral
    that diverges, or a function that is infinite on a set of points, gives inf.
    """
    kinks = [_sign_changes(piece, difference) for piece in cuts]
    previous = np.full(1, np.nan)
    for width in _WIDTHS:
        grids = [(piece, *_grid(piece, width, kink)) for piece, kink in zip(cuts, kinks, strict=True)]
        total = np.sum([integrand(piece.x(t), t) @ weights for piece, t, weights in grids], axis=0)
        error = np.abs(total - previous)
        previous = total
        if not np.all(np.isfinite(total)) or np.all(error <= _TOLERANCE * np.maximum(np.abs(total), 1.0)):
            break
    tails = np.sum([_tails(piece, integrand, np.abs(total)) for piece in cuts], axis=0)
    rounding = 8.0 * _EPSILON * np.abs(total)
    return np.where(np.isinf(tails), np.inf, total), np.where(
        np.isinf(total + tails), 0.0, error + rounding + tails
    )


def _sign_changes(piece: Piece, difference: Callable[[Floats], Floats]) -> Floats:
    nodes, _ = _grid(piece, 1.0, np.empty(0))
    t = np.concatenate([[piece.near], nodes, [piece.far]])  # none of the nodes is at an end
    signs = np.sign(difference(piece.x(t)))
    at = np.flatnonzero(signs[1:] * signs[:-1] < 0.0)
    left, right, start = t[at], t[at + 1], signs[at]
    for _ in range(60):
        middle = 0.5 * (left + right)
        same = np.sign(difference(piece.x(middle))) == start
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return np.asarray(right)


def _tails(piece: Piece, integrand: Integrand, total: Floats) -> Floats:
    """What lies beyond the ends of a piece if it goes on falling as it does there; inf if it does not."""
    sides = [(piece.near, 1.0)] + [(piece.far, -1.0)] * piece.open_far
    left_out = np.zeros(len(total))
    for end, inwards in sides:
        t = np.append(end, end + inwards * _SLOPE_STEPS)
        values = np.abs(integrand(piece.x(t), t))
        at_end, inside = values[:, 0], values[:, 1:]
        counts = at_end > _NEGLIGIBLE * np.maximum(total, _NEGLIGIBLE)
        slope = np.max(np.log(inside / at_end[:, None]) / _SLOPE_STEPS, axis=1)
        beyond = np.where(slope > _FLATTEST, at_end / np.maximum(slope, _FLATTEST), np.inf)
        left_out += np.where(counts, beyond, 0.0)
    return left_out
