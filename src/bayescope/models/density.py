"""The log-density that every method shares: log p(y | theta) + log p(theta), and its derivatives.

theta is the flat vector of the unknowns in the order of `model.names`. The derivatives follow
from the head's by the chain rule; with eta_k = offset_k + X_k theta_k and psi_k = h_k(eta_k),

    d l / d theta_j              = X_j' (w l_j h_j')
    d2 l / d theta_j d theta_k'  = X_j' diag(w (l_jk h_j' h_k' + [j = k] l_j h_j'')) X_k

(McCullagh and Nelder, Generalized Linear Models, 1989, section 2.5), where l_j and l_jk are the
head's derivatives in psi and w the row weights. A head that knows its link works in eta directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS, Distribution
from bayescope.distributions.links import LINKS
from bayescope.errors import NotApplicable
from bayescope.models.model import Block, Model, Predictor

type Floats = NDArray[np.float64]
type Number = Floats | float

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")

# The weighted design matrix is made a part at a time: one that stays in the cache, not a second matrix.
_ROWS_AT_ONCE = 4096


@_quiet
def eta(model: Model, theta: Floats) -> tuple[Number, ...]:
    """Compute the linear predictors, one for each parameter of the likelihood.

    theta has shape (d,). A predictor has shape (n,), or is a number where it is the same in every row.
    """
    return tuple(_predict(predictor, theta) for predictor in model.predictors)


def _predict(predictor: Predictor, theta: Floats) -> Number:
    coefficients = theta[predictor.index]
    if predictor.matrix is not None:
        return np.asarray(predictor.offset + predictor.matrix @ coefficients)
    if len(coefficients) > 1:
        return np.asarray(coefficients)
    return predictor.offset + float(coefficients.sum())


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
    return float(_weigh(model, pointwise_log_likelihood(model, theta)).sum())


@_quiet
def likelihood_derivatives(model: Model, theta: Floats) -> tuple[float, Floats, Floats]:
    """Compute log p(y | theta), its gradient, shape (d,), and its Hessian, shape (d, d).

    Outside of the likelihood's bounds the value is -inf and the derivatives mean nothing.

    Raises:
        NotApplicable: the unknowns sum to 1 (Categorical).
    """
    _refuse_simplex(model)
    head = _head_at(model, eta(model, theta))
    value = float(_weigh(model, _pointwise(model, head)).sum())
    first, second = head.derivatives(model.response.values, model.response.trials, head.values)
    gradient, hessian = np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
    for j, left in enumerate(model.predictors):
        gradient[left.index] = _project(left, _weigh(model, first[j] * head.slopes[j]))
        for k, right in enumerate(model.predictors[: j + 1]):
            weight = second[j, k] * head.slopes[j] * head.slopes[k]
            if j == k:
                weight = weight + first[j] * head.curvatures[j]
            block = _cross(left, right, _weigh(model, weight))
            hessian[np.ix_(left.index, right.index)] = block
            hessian[np.ix_(right.index, left.index)] = block.T
    return value, gradient, hessian


def _refuse_simplex(model: Model) -> None:
    for block in model.blocks:
        if block.support.simplex:
            message = (
                f"{block.name} is a vector of probabilities that sum to 1, and has no derivatives one by one."
            )
            raise NotApplicable(message, "Use exact, mle, map or nuts.")


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
    return np.broadcast_to(values, model.response.values.shape)


def _weigh(model: Model, values: Floats) -> Floats:
    weights = model.response.weights
    if weights is None:
        return values
    # a row that occurs zero times says nothing, not even that it is impossible (0 times -inf)
    return np.multiply(values, weights, out=np.zeros(len(weights)), where=weights > 0)


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
    total = np.zeros((len(left.index), len(right.index)))
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        total += left.matrix[rows].T @ (values[rows, np.newaxis] * right.matrix[rows])
    return total


def log_prior(model: Model, theta: Floats) -> float:
    """Compute log p(theta), nats, constants included (0 for a flat prior); -inf outside of its support."""
    return float(
        sum(
            np.sum(distribution.log_density(theta[block.start : block.stop], *arguments))
            for block, distribution, arguments in _priors(model)
        )
    )


def smooth_prior_derivatives(model: Model, theta: Floats) -> tuple[float, Floats, Floats]:
    """Compute the smooth part of log p(theta): value, gradient, shape (d,), and Hessian diagonal, shape (d,).

    Elements whose prior has a kink (Laplace) contribute zero to all three: see `kinks`. Outside
    of the prior's support the value is -inf and the derivatives are nan.

    Raises:
        NotApplicable: the unknowns sum to 1 (Categorical).
    """
    _refuse_simplex(model)
    value, gradient, diagonal = 0.0, np.zeros(len(theta)), np.zeros(len(theta))
    for block, distribution, arguments in _priors(model):
        if distribution.kink is None:
            part = slice(block.start, block.stop)
            value += float(np.sum(distribution.log_density(theta[part], *arguments)))
            gradient[part] = distribution.slope(theta[part], *arguments)
            diagonal[part] = distribution.curvature(theta[part], *arguments)
    return value, gradient, diagonal


def kinks(model: Model) -> tuple[Floats, Floats]:
    """Return the terms weight_j |theta_j - location_j| of the negative log prior: (locations, weights).

    Each has shape (d,). A weight of 0 means that the prior of the element is smooth.
    """
    size = len(model.names)
    location, weight = np.zeros(size), np.zeros(size)
    for block, distribution, arguments in _priors(model):
        if distribution.kink is not None:
            part = slice(block.start, block.stop)
            location[part], weight[part] = distribution.kink(*arguments)
    return location, weight


def likelihood_bounds(model: Model) -> tuple[Floats, Floats]:
    """Return where each unknown may live by the likelihood: lower and upper ends, each of shape (d,).

    The response narrows the support of a parameter that is an end of its range (Uniform).
    """
    sizes = [len(block.labels) for block in model.blocks]
    lower = np.repeat([block.support.lower for block in model.blocks], sizes).astype(np.float64)
    upper = np.repeat([block.support.upper for block in model.blocks], sizes).astype(np.float64)
    bounds = model.likelihood.bounds(model.response.occurring) if len(model.response.occurring) else {}
    for predictor in model.predictors:
        if predictor.parameter in bounds:
            low, high = bounds[predictor.parameter]
            lower[predictor.index] = np.maximum(lower[predictor.index], low)
            upper[predictor.index] = np.minimum(upper[predictor.index], high)
    return lower, upper


def prior_bounds(model: Model) -> tuple[Floats, Floats]:
    """Return where each unknown may live by the likelihood and its prior: lower and upper ends, each (d,)."""
    lower, upper = likelihood_bounds(model)
    supports = [DISTRIBUTIONS[name].support(arguments) for name, arguments in element_priors(model)]
    return (
        np.maximum(lower, [support.lower for support in supports]),
        np.minimum(upper, [support.upper for support in supports]),
    )


def element_priors(model: Model) -> tuple[tuple[str, dict[str, float]], ...]:
    """Return the prior of each element of theta: the distribution's name and its arguments as numbers."""
    return tuple(
        (block.prior.distribution, _element(block.prior.arguments, i))
        for block in model.blocks
        for i in range(len(block.labels))
    )


def marginal_priors(model: Model) -> tuple[tuple[str, dict[str, float]], ...]:
    """Return the prior of each element of theta on its own: of a Dirichlet(a), Beta(a_k, sum(a) - a_k)."""
    return tuple(
        ("Beta", {"alpha": arguments["a"], "beta": sum(totals) - arguments["a"]})
        if (totals := _concentrations(block))
        else (name, arguments)
        for block, (name, arguments) in zip(
            (block for block in model.blocks for _ in block.labels), element_priors(model), strict=True
        )
    )


def _concentrations(block: Block) -> tuple[float, ...]:
    a = block.prior.arguments.get("a", ()) if block.support.simplex else ()
    return a if isinstance(a, tuple) else ()


def _element(arguments: Mapping[str, float | tuple[float, ...]], i: int) -> dict[str, float]:
    return {name: value[i] if isinstance(value, tuple) else value for name, value in arguments.items()}


def _priors(model: Model) -> list[tuple[Block, Distribution, list[Any]]]:
    """Pair each block with its distribution and the arguments in that distribution's order."""
    rows = []
    for block in model.blocks:
        distribution = DISTRIBUTIONS[block.prior.distribution]
        given = block.prior.arguments
        rows.append((block, distribution, [np.asarray(given[a.name]) for a in distribution.arguments]))
    return rows
