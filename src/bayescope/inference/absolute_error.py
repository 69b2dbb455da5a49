"""Least absolute deviations: the point estimates under Laplace noise, whose density has a kink at each row.

    minimise  sum_i w_i |y_i - x_i' beta|        (the MLE of beta; of b it is the mean absolute residual)

is solved exactly, by the dual of its linear program

    maximise  y' d   subject to   X' d = 0,  -w <= d <= w

(Koenker & Bassett 1978, Econometrica 46; Koenker 2005, Quantile Regression, section 6.2): beta are its
multipliers, and complementary slackness gives the set of all solutions. With priors the kinks are rounded
off, |r| -> sqrt(r^2 + eps^2), and eps goes to 1e-9 of the response's sd, each solution the next one's start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads import matrix, quiet
from bayescope.distributions.likelihood import Likelihood
from bayescope.errors import FitError
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

SMALLEST = 1e-9  # of the sd of the response: where rounding of residuals still is below eps
_STEPS = 9
_INSIDE = 1e-7


class LeastAbsolute(NamedTuple):
    """A line of least absolute deviations.

    Attributes:
        beta: the coefficients, shape (k,); the middle of the solutions where there are several.
        lower: the least value of each coefficient among all solutions, shape (k,).
        upper: the largest.
        kkt_residual: how far X' d is from 0, in conditional sds of the coefficients.
    """

    beta: Floats
    lower: Floats
    upper: Floats
    kkt_residual: float


def least_absolute(X: Floats, y: Floats, weights: Floats) -> LeastAbsolute:
    """Minimise the weighted sum of absolute residuals over beta, exactly.

    `X` has shape (n, k) and full column rank, `y` and `weights` (positive) shape (n,).

    Raises:
        FitError: the linear program failed.
    """
    width = np.abs(X).max(axis=0, initial=0.0)
    height = float(np.abs(y).max(initial=0.0)) or 1.0
    scaled, target, share = X / width, y / height, weights / weights.max()
    result = _solve(-target, np.column_stack([-share, share]), A_eq=scaled.T, b_eq=np.zeros(X.shape[1]))
    d = np.asarray(result.x)
    slack = np.abs(d) < share * (1.0 - _INSIDE)
    beta = _interpolated(scaled, target, slack, -np.asarray(result.eqlin.marginals))
    ends = np.stack([beta, beta])
    if np.linalg.matrix_rank(scaled[slack]) < X.shape[1]:
        ends, beta = _face(scaled, target, d, slack)
    balance = np.abs(scaled.T @ d) / np.sqrt((share[:, np.newaxis] * scaled**2).sum(axis=0))
    back = height / width
    return LeastAbsolute(beta * back, ends[0] * back, ends[1] * back, float(balance.max(initial=0.0)))


def _solve(cost: Floats, bounds: Any, **constraints: Any) -> Any:
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    result = scipy.optimize.linprog(cost, bounds=bounds, options=tight, **constraints)
    if result.x is None:
        raise FitError(
            f"the linear program of least absolute deviations failed: {result.message}",
            "Rescale the predictors (scale(x) in the formula).",
        )
    return result


def _interpolated(X: Floats, y: Floats, slack: NDArray[np.bool_], beta: Floats) -> Floats:
    """Pass exactly through the rows that the line goes through, where they determine it."""
    if slack.sum() != X.shape[1] or np.linalg.matrix_rank(X[slack]) < X.shape[1]:
        return beta
    return np.asarray(np.linalg.solve(X[slack], y[slack]))


def _face(X: Floats, y: Floats, d: Floats, slack: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Find the least and largest value of each coefficient among all solutions, and a point in their middle.

    A solution leaves the rows with d_i = w_i above itself, those with d_i = -w_i below, and passes through
    the rest.
    """
    side = np.sign(d[~slack])
    through = {"A_eq": X[slack], "b_eq": y[slack]} if slack.any() else {}
    above = {"A_ub": side[:, np.newaxis] * X[~slack], "b_ub": side * y[~slack]}
    k = X.shape[1]
    vertices = np.array(
        [
            _solve(sign * np.eye(k)[j], [(None, None)] * k, **above, **through).x
            for j in range(k)
            for sign in (1.0, -1.0)
        ]
    )
    return np.stack([vertices.min(axis=0), vertices.max(axis=0)]), vertices.mean(axis=0)


def rounded_models(model: Model) -> Iterator[Model]:
    """Yield `model` with the kinks of its likelihood rounded off, less and less."""
    y = model.response.occurring
    spread = float(y.std()) or float(np.abs(y).max()) or 1.0
    for eps in spread * np.logspace(-1, np.log10(SMALLEST), _STEPS):
        yield replace(model, likelihood=_rounded(model.likelihood, float(eps)))


def _rounded(likelihood: Likelihood, eps: float) -> Likelihood:
    """Laplace noise with sqrt(r^2 + eps^2) for |r|; smooth, with derivatives in mu and b."""

    @quiet
    def log_density(y: Floats, _: None, psi: tuple[Any, Any]) -> Floats:
        mu, b = psi
        value = -np.hypot(y - mu, eps) / b - np.log(2.0 * np.asarray(b))
        return np.where(np.greater(b, 0.0), value, -np.inf)

    @quiet
    def derivatives(y: Floats, _: None, psi: tuple[Any, Any]) -> tuple[Floats, Floats]:
        mu, b = psi
        size = np.hypot(y - mu, eps)
        sign = (y - mu) / size
        bend = -np.square(eps / size) / size * b
        first, second = matrix((sign, size / b - 1.0), (bend, 1.0 - 2.0 * size / b), -sign)
        return first / b, second / np.square(b)

    return replace(likelihood, log_density=log_density, derivatives=derivatives, kinked=False)
