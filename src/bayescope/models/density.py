"""The log-likelihood that every method shares, log p(y | theta), and its derivatives.

theta is the flat vector of the unknowns in the order of `model.names`. The derivatives follow
from the head's by the chain rule; with eta_k = offset_k + X_k theta_k and psi_k = h_k(eta_k),

    d l / d theta_j              = X_j' (w l_j h_j')
    d2 l / d theta_j d theta_k'  = X_j' diag(w (l_jk h_j' h_k' + [j = k] l_j h_j'')) X_k

(McCullagh and Nelder, Generalized Linear Models, 1989, section 2.5), where l_j and l_jk are the
head's derivatives in psi and w the row weights. A head that knows its link works in eta directly. Of a
network X_k is d eta_k / d theta_k, and the Hessian has sum_i w_i l_ki h_ki' d2 eta_ki / d theta_k d theta_k'
besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.likelihood import Together
from bayescope.distributions.links import LINKS
from bayescope.errors import NotApplicable
from bayescope.models.model import Model, Predictor
from bayescope.models.networks import curvature, forward, jacobian
from bayescope.models.rows import parts

type Floats = NDArray[np.float64]
type Number = Floats | float

_FEW_NUMBERS = 2**14  # in a matrix: half the work is then not worth the preparation
_FEW_ROWS = 1024  # what is made of them is read again while it is in the nearest cache

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@_quiet
def eta(model: Model, theta: Floats) -> tuple[Number, ...]:
    """Compute the linear predictors, one for each parameter of the likelihood.

    theta has shape (d,). A predictor has shape (n,), or is a number where it is the same in every row.
    """
    return tuple(_predict(predictor, theta) for predictor in model.predictors)


def _predict(predictor: Predictor, theta: Floats) -> Number:
    coefficients = theta[predictor.index]
    if predictor.network is not None and predictor.matrix is not None:
        return np.asarray(predictor.offset + forward(predictor.network, predictor.matrix, coefficients))
    if predictor.matrix is not None:
        return np.asarray(predictor.offset + predictor.matrix @ coefficients)
    if len(coefficients) > 1 or np.ndim(predictor.offset) > 1:  # a vector, or a known matrix
        return np.asarray(coefficients if len(coefficients) else predictor.offset)
    return predictor.offset + float(coefficients.sum())


def linearised(predictor: Predictor, theta: Floats) -> Predictor:
    """Return the predictor with d eta / d theta at `theta`, shape (d,), as its matrix, shape (n, k)."""
    if predictor.network is None or predictor.matrix is None:
        return predictor
    slopes = jacobian(predictor.network, predictor.matrix, theta[predictor.index])
    return replace(predictor, matrix=slopes, network=None)


def tangent(model: Model, theta: Floats) -> Model:
    """Return the model with each network replaced by its tangent at `theta`, shape (d,): linear."""
    return replace(model, predictors=tuple(_tangent(predictor, theta) for predictor in model.predictors))


def _tangent(predictor: Predictor, theta: Floats) -> Predictor:
    linear = linearised(predictor, theta)
    if predictor.network is None or linear.matrix is None:
        return predictor
    return replace(linear, offset=_predict(predictor, theta) - linear.matrix @ theta[predictor.index])


def psi(model: Model, theta: Floats) -> tuple[Number, ...]:
    """Compute the likelihood's parameters, in the order of `model.likelihood.parameters`: h(eta)."""
    return tuple(
        LINKS[predictor.link].inverse(value)
        for predictor, value in zip(model.predictors, eta(model, theta), strict=True)
    )


def pointwise_log_likelihood(model: Model, theta: Floats) -> Floats:
    """Compute log p(y_i | theta) of each row, nats, shape (n,); row weights do not enter.

    It is -inf where theta is outside of the likelihood's bounds.
    """
    return _pointwise(model, _head_at(model, eta(model, theta)))


def log_likelihood(model: Model, theta: Floats) -> float:
    """Compute log p(y | theta), nats, with each row counted as often as its weight says."""
    return evaluate(model, theta, order=0).value


class Evaluation(NamedTuple):
    """The log-likelihood at one theta, and what was asked of its derivatives; else these are zero.

    Attributes:
        value: log p(y | theta), nats.
        gradient: shape (d,).
        hessian: shape (d, d).
        least: the smallest -w d2 log p / d eta2 of a row that occurs; nan where it was not found.
    """

    value: float
    gradient: Floats
    hessian: Floats
    least: float = np.nan


def evaluate(model: Model, theta: Floats, *, order: int) -> Evaluation:
    """Compute log p(y | theta), with `order` 1 its gradient, with 2 its Hessian, too, in one pass.

    Each part of the rows is read once, and everything is made of it while it is in the cache. Outside of
    the likelihood's bounds the value is -inf and the derivatives mean nothing.

    Raises:
        NotApplicable: derivatives of unknowns that sum to 1 (Categorical).
    """
    if order:
        refuse_simplex(model)
    one = model.likelihood.together.get(model.location.link) if len(model.predictors) == 1 else None
    if one is None or model.location.network is not None:
        return reduce(_both, (_evaluate_by_heads(part, theta, order) for part in parts(model)))
    return reduce(_both, (_evaluate_together(part, theta, order, one) for part in parts(model)))


def _both(some: Evaluation, others: Evaluation) -> Evaluation:
    """Add evaluations of different rows, into the arrays of the first."""
    least = float(np.minimum(some.least, others.least))  # nan if either is
    np.add(some.gradient, others.gradient, out=some.gradient)
    np.add(some.hessian, others.hessian, out=some.hessian)
    return some._replace(value=some.value + others.value, least=least)


def likelihood_derivatives(model: Model, theta: Floats) -> tuple[float, Floats, Floats]:
    """Compute log p(y | theta), its gradient, shape (d,), and its Hessian, shape (d, d); see `evaluate`."""
    return evaluate(model, theta, order=2)[:3]


@_quiet
def _evaluate_by_heads(model: Model, theta: Floats, order: int) -> Evaluation:
    """Evaluate by the chain rule, whatever the head, its links and the number of its predictors."""
    head = _head_at(model, eta(model, theta))
    value = float(_weigh(model, _pointwise(model, head)).sum())
    gradient, hessian = np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
    if not order:
        return Evaluation(value, gradient, hessian)
    first, second = head.derivatives(model.response.values, model.response.trials, head.values)
    if model.likelihood.multivariate:  # of the location, which is the only unknown
        gradient, hessian = (_weigh(model, each).sum(axis=-1) for each in (first, second))
        return Evaluation(value, gradient, hessian)
    predictors = [linearised(predictor, theta) for predictor in model.predictors]
    for j, left in enumerate(predictors):
        slopes = _weigh(model, first[j] * head.slopes[j])
        gradient[left.index] = _project(left, slopes)
        for k, right in enumerate(predictors[: j + 1] if order == 2 else []):
            weight = second[j, k] * head.slopes[j] * head.slopes[k]
            if j == k:
                weight = weight + first[j] * head.curvatures[j]
            block = _cross(left, right, _weigh(model, weight))
            hessian[np.ix_(left.index, right.index)] = block
            hessian[np.ix_(right.index, left.index)] = block.T
        if order == 2:
            _add_network(model.predictors[j], theta, slopes, hessian)
    return Evaluation(value, gradient, hessian)


@_quiet
def _evaluate_together(model: Model, theta: Floats, order: int, head: Callable[..., Together]) -> Evaluation:
    """Evaluate a head of one predictor that gives density and derivatives at once."""
    predictor, response = model.location, model.response
    values = np.asarray(_predict(predictor, theta))
    if not values.ndim:
        values = np.broadcast_to(values, response.values.shape)
    found = head(response.values, response.trials, response.weights, values)
    size, index = len(theta), predictor.index
    gradient = _project(predictor, found.first) if order else np.zeros(len(index))
    hessian = _cross(predictor, predictor, found.second) if order == 2 else np.zeros((len(index), len(index)))
    if len(index) < size or not predictor.in_order:
        own, gradient, hessian = (gradient, hessian), np.zeros(size), np.zeros((size, size))
        gradient[index], hessian[index[:, np.newaxis], index] = own
    return Evaluation(found.value, gradient, hessian, found.least)


def _add_network(predictor: Predictor, theta: Floats, slopes: Floats, hessian: Floats) -> None:
    """Add sum_i slopes_i d2 eta_i / d theta d theta', in place; it is 0 where eta is linear."""
    if predictor.network is not None and predictor.matrix is not None:
        found = curvature(predictor.network, predictor.matrix, theta[predictor.index], slopes)
        hessian[np.ix_(predictor.index, predictor.index)] += found


def likelihood_slopes(model: Model, theta: Floats) -> tuple[Floats, Floats]:
    """Compute the gradient of log p(y | theta) and the diagonal of its Hessian, each of shape (d,).

    Costs one pass over the design matrix, where the whole Hessian costs d of them. Of a network, the
    diagonal is that of Gauss and Newton.

    Raises:
        NotApplicable: the unknowns sum to 1 (Categorical).
    """
    refuse_simplex(model)
    gradient, diagonal = np.zeros(len(theta)), np.zeros(len(theta))
    for part in parts(model):
        _add_slopes(part, theta, gradient, diagonal)
    return gradient, diagonal


@_quiet
def _add_slopes(model: Model, theta: Floats, gradient: Floats, diagonal: Floats) -> None:
    head = _head_at(model, eta(model, theta))
    first, second = head.derivatives(model.response.values, model.response.trials, head.values)
    for j, predictor in enumerate(linearised(predictor, theta) for predictor in model.predictors):
        slope, bend = head.slopes[j], head.curvatures[j]
        gradient[predictor.index] += _project(predictor, _weigh(model, first[j] * slope))
        weight = _weigh(model, second[j, j] * slope**2 + first[j] * bend)
        diagonal[predictor.index] += _squares(predictor, weight)


def _squares(predictor: Predictor, values: Floats) -> Floats:
    # the diagonal of X' diag(values) X
    if predictor.matrix is None:
        return np.full(len(predictor.index), values.sum())
    return np.asarray(values @ np.square(predictor.matrix))


def refuse_simplex(model: Model) -> None:
    """Refuse unknowns that sum to 1 (Categorical), for derivatives one by one. Raises NotApplicable."""
    for block in model.blocks:
        if block.support.simplex:
            message = (
                f"{block.name} is a vector of probabilities that sum to 1, and has no derivatives one by one."
            )
            raise NotApplicable(message, exact="", mle="", map="", nuts="")


class _Head(NamedTuple):
    """The head at one theta, in the quantities it takes: psi, or eta for a location it knows the link of."""

    log_density: Any
    derivatives: Any
    values: tuple[Number, ...]
    slopes: tuple[Number, ...]  # d values / d eta
    curvatures: tuple[Number, ...]


def _head_at(model: Model, etas: tuple[Number, ...]) -> _Head:
    likelihood, location = model.likelihood, model.location
    direct = likelihood.on_link.get(location.link)
    log_density, derivatives = direct or (likelihood.log_density, likelihood.derivatives)
    links = [
        LINKS["identity" if direct and predictor is location else predictor.link]
        for predictor in model.predictors
    ]
    pairs = list(zip(links, etas, strict=True))
    return _Head(
        log_density,
        derivatives,
        tuple(link.inverse(value) for link, value in pairs),
        tuple(1.0 if link.name == "identity" else link.slope(value) for link, value in pairs),
        tuple(0.0 if link.name == "identity" else link.curvature(value) for link, value in pairs),
    )


def _pointwise(model: Model, head: _Head) -> Floats:
    values = head.log_density(model.response.values, model.response.trials, head.values)
    return np.broadcast_to(values, len(model.response.values))


def _weigh(model: Model, values: Floats) -> Floats:
    weights = model.response.weights
    if weights is None:
        return values
    # a row that occurs zero times says nothing, not even that it is impossible (0 times -inf)
    return np.multiply(values, weights, out=np.zeros(np.shape(values)), where=weights > 0)


def _project(predictor: Predictor, values: Floats) -> Floats:
    # X' values; a constant predictor has the column of ones, if any
    if predictor.matrix is not None:
        return np.asarray(predictor.matrix.T @ values)
    return np.full(len(predictor.index), values.sum())


def _cross(left: Predictor, right: Predictor, values: Floats) -> Floats:
    # X_left' diag(values) X_right
    if left.matrix is None:
        return np.tile(_project(right, values), (len(left.index), 1))
    if right.matrix is None:
        return np.tile(_project(left, values)[:, np.newaxis], (1, len(right.index)))
    many = left.matrix.size > _FEW_NUMBERS
    if many and left is right and not (values > 0).any():  # half the work: minus squares of sqrt(-values) X
        total, root = np.zeros((len(left.index), len(left.index))), np.sqrt(-values)[:, np.newaxis]
        for start in range(0, len(root), _FEW_ROWS):
            scaled = left.matrix[start : start + _FEW_ROWS] * root[start : start + _FEW_ROWS]
            total -= scaled.T @ scaled
        return total
    return np.asarray(left.matrix.T @ (values[:, np.newaxis] * right.matrix))


def likelihood_bounds(model: Model) -> tuple[Floats, Floats]:
    """Return where each unknown may live by the likelihood: lower and upper ends, each of shape (d,).

    The response narrows the support of a parameter that is an end of its range (Uniform).
    """
    lower = np.array([block.support.lower for block in model.blocks for _ in block.labels], dtype=np.float64)
    upper = np.array([block.support.upper for block in model.blocks for _ in block.labels], dtype=np.float64)
    bounds = model.likelihood.bounds(model.response.occurring) if len(model.response.occurring) else {}
    for predictor in model.predictors:
        if predictor.parameter in bounds:
            low, high = bounds[predictor.parameter]
            lower[predictor.index] = np.maximum(lower[predictor.index], low)
            upper[predictor.index] = np.minimum(upper[predictor.index], high)
    return lower, upper
