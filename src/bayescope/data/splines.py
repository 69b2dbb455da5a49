"""Bases of spline functions: B-splines and natural cubic splines, with knots learnt from the data.

Each basis leaves out the constant, which the intercept has. What is learnt (knots, bounds, centres)
is JSON-able; the same values give the same basis on new data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type State = dict[str, Any]

_NEGLIGIBLE = 1e-9


class Spline(NamedTuple):
    """A kind of spline: how many inner knots `df` columns have, what else is learnt, and its basis."""

    inner: Callable[[int, int], int]
    learn: Callable[[State, Floats, Floats | None], State]
    basis: Callable[[State, Floats], Floats]


def learn_spline(
    kind: str, options: Mapping[str, Any], values: Floats, weights: Floats | None
) -> State | str:
    """Learn the constants of `kind(x, ...)` from the values of x, shape (n,), or say why there is none.

    Args:
        kind: "bs", "ns" or "cr".
        options: `df` or `knots`; `degree` of a B-spline; `lower_bound` and `upper_bound`, by default
            the least and the greatest value.
        values: the values of x.
        weights: how often each row occurs, shape (n,); None for once.

    Returns:
        The bounds, the inner knots and what else the kind has; or the reason to refuse, for the user.
    """
    low, high = options.get("lower_bound", values.min()), options.get("upper_bound", values.max())
    if not low < high:
        return f"a spline needs a range of values, and here is {low:.6g} to {high:.6g}"
    spline, degree = SPLINES[kind], int(options.get("degree", 3))
    given = options.get("knots")
    count = len(given) if given is not None else spline.inner(int(options["df"]), degree)
    knots = given if given is not None else _quantile_knots(kind, count, values, weights, (low, high))
    refusal = _refused_knots((low, *knots, high), given=given is not None)
    if refusal:
        return refusal
    state = {"bounds": [float(low), float(high)], "knots": [float(knot) for knot in knots], "degree": degree}
    state = spline.learn(state, values, weights)
    return _indistinct(kind, state, values) or state


def spline_basis(kind: str, state: State, values: Floats) -> Floats:
    """Return the columns of a spline at `values`, shape (n, df); nan where it has no value.

    `bs` is the B-spline basis without its first function (de Boor, A Practical Guide to Splines, 2001,
    ch. IX; R's `bs`). It has no value beyond its boundary knots. `ns` is the B-spline basis of the cubic
    splines whose second derivative is zero at the boundary knots (R's `ns`), `cr` the natural cubic
    splines by their values at the knots, constrained to mean zero over the data fitted to (Wood,
    Generalized Additive Models, 2017, sec. 5.3.1); both go on in straight lines.
    """
    return SPLINES[kind].basis(state, values)


def quantiles(values: Floats, weights: Floats | None, shares: Floats) -> Floats:
    """Quantiles of values that occur `weights` times, as of the values repeated (type 7 of R and NumPy).

    A row is 1 wide, or as wide as the least weight if that is less: weights of 1 / n are those of no weights.
    """
    if weights is None:
        return np.asarray(np.quantile(values, shares))
    order = np.argsort(values, kind="stable")
    ends, width = np.cumsum(weights[order]), min(1.0, float(weights.min()))
    places = np.column_stack([ends - weights[order], ends - width]).ravel()
    rising = np.maximum.accumulate(places)  # but for rounding they rise already
    return np.asarray(np.interp((ends[-1] - width) * shares, rising, np.repeat(values[order], 2)))


def _quantile_knots(
    kind: str, count: int, values: Floats, weights: Floats | None, bounds: tuple[float, float]
) -> Floats:
    """Place inner knots at equally spaced quantiles: of the rows, or for `cr` of the different values."""
    inside = (values >= bounds[0]) & (values <= bounds[1])
    shares = np.arange(1, count + 1) / (count + 1)
    if not inside.any():
        return bounds[0] + (bounds[1] - bounds[0]) * shares
    if kind == "cr":
        return quantiles(np.unique(values[inside]), None, shares)
    return quantiles(values[inside], None if weights is None else weights[inside], shares)


def _refused_knots(knots: tuple[float, ...], *, given: bool) -> str:
    together = [b for a, b in pairwise(knots) if not a < b]
    if not together:
        return ""
    if given:
        return f"the knots lie between {knots[0]:.6g} and {knots[-1]:.6g}, the bounds"
    return f"two knots fall on {together[0]:.6g}, the value of so many rows; use a lower df, or `knots=`"


def _indistinct(kind: str, state: State, values: Floats) -> str:
    """Say why the values cannot tell the columns (and the constant) apart, if so it is."""
    distinct = np.unique(values)
    basis = spline_basis(kind, state, distinct)
    columns = basis.shape[1] + 1
    if len(distinct) < columns:
        return (
            f"a spline of {columns - 1} columns needs more than {columns - 1} different values, "
            f"here are {len(distinct)}"
        )
    known = basis[np.isfinite(basis).all(axis=1)]
    matrix = np.column_stack([np.ones(len(known)), known])
    if len(known) >= columns and np.linalg.matrix_rank(matrix, rtol=_NEGLIGIBLE) == columns:
        return ""
    ends = [state["bounds"][0], *state["knots"], state["bounds"][1]]
    counts = np.histogram(distinct, ends)[0]
    place = int(np.argmin(counts))
    return (
        f"there are too few different values ({counts[place]}) between {ends[place]:.6g} and "
        f"{ends[place + 1]:.6g} for its knots; use a lower df, or other `knots=`"
    )


def _b_spline(state: State, degree: int) -> Any:
    """Return all the B-splines on the knots as one function to (n, number of knots + degree + 1)."""
    low, high = state["bounds"]
    knots = np.array([low] * (degree + 1) + state["knots"] + [high] * (degree + 1))
    return scipy.interpolate.BSpline(knots, np.identity(len(knots) - degree - 1), degree, extrapolate=False)


def _bs(state: State, values: Floats) -> Floats:
    basis: Floats = _b_spline(state, state["degree"])(values)[:, 1:]
    return basis


def _ns(state: State, values: Floats) -> Floats:
    spline = _b_spline(state, 3)
    curvature = spline(state["bounds"], 2)[:, 1:]  # at the two ends; coefficients that make it zero are kept
    rotation = np.linalg.qr(curvature.T, mode="complete")[0]
    return (_linear_beyond(spline, state, values)[:, 1:] @ rotation)[:, 2:]


def _cr(state: State, values: Floats) -> Floats:
    rotation = np.linalg.qr(np.array([state["centre"]]).T, mode="complete")[0]
    return _cardinal(state, values) @ rotation[:, 1:]


def _cardinal(state: State, values: Floats) -> Floats:
    """Return the natural cubic splines that are one at one knot and zero at the others."""
    low, high = state["bounds"]
    knots = np.array([low, *state["knots"], high])
    spline = scipy.interpolate.CubicSpline(knots, np.identity(len(knots)), bc_type="natural")
    return _linear_beyond(spline, state, values)


def _linear_beyond(spline: Any, state: State, values: Floats) -> Floats:
    """Evaluate a spline, continued beyond its boundary knots by its tangents there."""
    inside = np.clip(values, *state["bounds"])
    basis: Floats = spline(inside)
    beyond = values != inside
    basis[beyond] += spline(inside[beyond], 1) * (values - inside)[beyond, np.newaxis]
    return basis


def _learn_nothing(state: State, values: Floats, weights: Floats | None) -> State:
    del values, weights
    return state


def _learn_centre(state: State, values: Floats, weights: Floats | None) -> State:
    centre = np.average(_cardinal(state, values), axis=0, weights=weights)
    return {**state, "centre": centre.tolist()}


SPLINES: Mapping[str, Spline] = {
    "bs": Spline(lambda df, degree: df - degree, _learn_nothing, _bs),
    "ns": Spline(lambda df, _: df - 1, _learn_nothing, _ns),
    "cr": Spline(lambda df, _: df - 1, _learn_centre, _cr),
}
