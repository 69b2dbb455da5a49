"""Inverse-CDF sampling: x = F^-1(u) with u uniform has the distribution function F.

Source: Devroye (1986), Non-Uniform Random Variate Generation, sections II.2 and III.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescope.distributions.supports import SIMPLEX

type Floats = NDArray[np.float64]
type Integers = NDArray[np.intp]
type Seed = int | np.random.Generator
type Shape = int | tuple[int, ...]

_DOUBLINGS = 1024  # 2^1024 is beyond the largest double
_HALVINGS = 2200  # from the largest double to the smallest


def uniforms(size: Shape, seed: Seed) -> Floats:
    """Draw uniforms of shape `size` from the open interval (0, 1): never 0, never 1.

    The midpoints of 2^52 equal cells, so that F^-1 is finite wherever F has no jump to 0 or 1.
    """
    cells = 2**52
    return np.asarray((np.random.default_rng(seed).integers(cells, size=size) + 0.5) / cells)


def inverse_cdf_discrete(probabilities: ArrayLike, u: ArrayLike) -> Integers:
    """Return the class k with F(k - 1) <= u < F(k), counted from 0.

    `probabilities` has shape (..., K), each row summing to 1; `u`, in [0, 1), has the shape of its
    leading dimensions, or any shape for a single row. A class of probability 0 is never returned.

    Raises:
        ValueError: `probabilities` are no probabilities, or a `u` is outside of [0, 1).

    >>> int(inverse_cdf_discrete([0.1, 0.4, 0.3, 0.2], 0.55))
    2
    """
    p, u = np.asarray(probabilities, dtype=np.float64), np.asarray(u, dtype=np.float64)
    if p.ndim == 0 or SIMPLEX.violations(p).any():
        raise ValueError(f"probabilities must be {SIMPLEX}, along the last axis; got {_shown(p)}.")
    _require(u, (u >= 0) & (u < 1), "u must be at least 0 and below 1")
    cumulative = np.cumsum(p, axis=-1)
    cumulative /= cumulative[..., -1:]
    if p.ndim == 1:
        return np.asarray(np.searchsorted(cumulative, u, side="right"))
    return np.asarray(np.sum(cumulative <= u[..., np.newaxis], axis=-1))


def draw_discrete(probabilities: ArrayLike, size: int, seed: Seed) -> Integers:
    """Draw `size` classes from `probabilities`, shape (..., K); returns shape (size, ...).

    Raises:
        ValueError: `probabilities` are no probabilities.

    >>> draw_discrete([0.0, 1.0], 3, seed=1).tolist()
    [1, 1, 1]
    """
    leading = np.shape(probabilities)[:-1]
    return inverse_cdf_discrete(probabilities, uniforms((size, *leading), seed))


def inverse_cdf(
    cdf: Callable[[Floats], Floats], u: ArrayLike, *, lower: float = -np.inf, upper: float = np.inf
) -> Floats:
    """Return F^-1(u) = inf {x: F(x) >= u} by bisection, to the last digit that `cdf` has.

    `cdf` is vectorised and never decreases; `u`, in [0, 1], has any shape. At u = 0 and 1 the ends
    `lower` and `upper` of the support are returned. Works with jumps and flat stretches too.

    Raises:
        ValueError: a `u` is outside of [0, 1], or `cdf` never reaches it between `lower` and `upper`.

    >>> inverse_cdf(lambda x: 1 - np.exp(-x), [0.0, 0.5], lower=0.0).round(6).tolist()
    [0.0, 0.693147]
    """
    u = np.asarray(u, dtype=np.float64)
    _require(u, (u >= 0) & (u <= 1), "u must be a probability, from 0 to 1")
    inside = np.where((u > 0) & (u < 1), u, 0.5)
    low, high = _bracket(cdf, inside, lower, upper)
    for _ in range(_HALVINGS):
        middle = 0.5 * low + 0.5 * high
        if np.all((middle <= low) | (middle >= high)):
            break
        reached = cdf(middle) >= inside
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(u == 0, lower, np.where(u == 1, upper, high))


def draw_continuous(
    cdf: Callable[[Floats], Floats],
    size: Shape,
    seed: Seed,
    *,
    lower: float = -np.inf,
    upper: float = np.inf,
) -> Floats:
    """Draw from the distribution function `cdf` on [lower, upper]; returns shape `size`.

    Raises:
        ValueError: `cdf` does not run from 0 to 1 between `lower` and `upper`.
    """
    return inverse_cdf(cdf, uniforms(size, seed), lower=lower, upper=upper)


def _bracket(cdf: Callable[[Floats], Floats], u: Floats, lower: float, upper: float) -> tuple[Floats, Floats]:
    """Find low with F(low) < u, or the lower end, and high with F(high) >= u, in doubling steps."""
    centre, step = float(np.clip(0.0, lower, upper)), 1.0
    low, high = np.full(u.shape, centre), np.full(u.shape, centre)
    for _ in range(_DOUBLINGS):
        below, above = (cdf(low) < u) | (low <= lower), cdf(high) >= u
        if below.all() and above.all():
            return low, high
        low = np.where(below, low, max(centre - step, lower))
        high = np.where(above, high, min(centre + step, upper))
        if np.all(above | (high >= upper)) and not (cdf(high) >= u).all():
            break
        step *= 2
    raise ValueError(
        f"the distribution function does not run from 0 to 1 between {lower:g} and {upper:g}: "
        f"it is {float(np.min(cdf(low))):g} at {float(np.min(low)):g} "
        f"and {float(np.max(cdf(high))):g} at {float(np.max(high)):g}. Give the ends of its support."
    )


def _require(values: Floats, good: NDArray[np.bool_], what: str) -> None:
    if not np.all(good):
        raise ValueError(f"{what}; got {_shown(values[~good])}.")


def _shown(values: Floats) -> str:
    return np.array2string(values, threshold=10, edgeitems=3)
