"""The log-prior that every method shares, log p(theta): its derivatives, its kinks, and its bounds.

theta is the flat vector of the unknowns in the order of `model.names`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled, Value
from bayescope.distributions.choices import PRIORS, lkj_marginal
from bayescope.distributions.distributions import Distribution
from bayescope.errors import NotApplicable
from bayescope.models.density import likelihood_bounds, refuse_simplex
from bayescope.models.groups import log_coupling
from bayescope.models.model import Block, Model, Predictor
from bayescope.models.order import log_constraints
from bayescope.models.scales import arguments_at, scale_derivatives, scaled_of, value_of

type Floats = NDArray[np.float64]

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


def log_prior(model: Model, theta: Floats) -> float:
    """Compute log p(theta), nats, constants included (0 for a flat prior); -inf outside of its support."""
    return float(
        sum(
            distribution.log_density(theta[block.start : block.stop], *arguments).sum()
            for block, distribution, arguments in _priors(model, theta)
            if distribution.name != "Flat"
        )
        + log_coupling(model, theta)
        + log_constraints(model)
    )


def smooth_prior_derivatives(model: Model, theta: Floats) -> tuple[float, Floats, Floats]:
    """Compute the smooth part of log p(theta): value, gradient, shape (d,), and Hessian, shape (d, d).

    The Hessian is diagonal but for scales that are a number times another unknown. Elements whose
    prior has a kink (Laplace) contribute zero to all three: see `kinks`. Outside of the prior's support
    the value is -inf and the derivatives are nan.

    Raises:
        NotApplicable: the unknowns sum to 1 (Categorical), or effects of groups are correlated.
    """
    found, size = smooth_prior(model), len(theta)
    return (0.0, np.zeros(size), np.zeros((size, size))) if found is None else found(theta)


def smooth_prior(model: Model) -> Callable[[Floats], tuple[float, Floats, Floats]] | None:
    """Return `smooth_prior_derivatives` as a function of theta; what does not depend on it is done once.

    None: they are zero everywhere.
    """
    refuse_simplex(model)
    _refuse_correlations(model)
    size, unknown = len(model.names), np.full(len(model.names), np.nan)
    parts = [
        (block, distribution, None if scaled_of(block.prior.arguments) else arguments)
        for block, distribution, arguments in _priors(model, unknown)
        if distribution.kink is None and distribution.name != "Flat"  # which adds nothing anywhere
    ]
    if not parts:
        return None
    normal = _normal_part(size, [(b, known) for b, d, known in parts if known and d.name == "Normal"])
    parts = [part for part in parts if part[2] is None or part[1].name != "Normal"]
    if not parts:
        return normal

    @_quiet
    def derivatives(theta: Floats) -> tuple[float, Floats, Floats]:
        value, gradient, hessian = normal(theta)
        for block, distribution, known in parts:
            arguments = arguments_at(model, block.prior, theta) if known is None else known
            part = slice(block.start, block.stop)
            x, own = theta[part], hessian[part, part]
            value += float(distribution.log_density(x, *arguments).sum())
            gradient[part] += distribution.slope(x, *arguments)
            curvature = distribution.curvature(x, *arguments)
            own[... if distribution.joint else np.diag_indices(len(x))] += curvature
            if known is None:
                _add_scale(model, block, theta, gradient, hessian)
        return value, gradient, hessian

    return derivatives


def _normal_part(
    size: int, blocks: list[tuple[Block, list[Floats]]]
) -> Callable[[Floats], tuple[float, Floats, Floats]]:
    """The part of the Normal priors, whose Hessian is always the same."""
    mu, rate, constant = np.zeros(size), np.zeros(size), 0.0
    for block, (centre, sigma) in blocks:
        part = slice(block.start, block.stop)
        mu[part], rate[part] = centre, 1.0 / np.asarray(sigma)
        constant += float(np.sum(np.log(rate[part] / math.sqrt(2.0 * math.pi))))
    hessian, index = np.diag(-np.square(rate)), np.flatnonzero(rate)
    mu, rate = mu[index], rate[index]

    def derivatives(theta: Floats) -> tuple[float, Floats, Floats]:
        gradient, z = np.zeros(size), (theta[index] - mu) * rate
        gradient[index] = -z * rate
        return constant - 0.5 * float(z @ z), gradient, hessian.copy()

    return derivatives


@_quiet
def smooth_prior_slopes(model: Model, theta: Floats) -> tuple[Floats, Floats]:
    """Compute the gradient and the diagonal of the Hessian of `smooth_prior_derivatives`, each (d,)."""
    refuse_simplex(model)
    _refuse_correlations(model)
    gradient, diagonal = np.zeros(len(theta)), np.zeros(len(theta))
    for block, distribution, arguments in _priors(model, theta):
        if distribution.kink is None:
            part = slice(block.start, block.stop)
            gradient[part] += distribution.slope(theta[part], *arguments)
            curvature = distribution.curvature(theta[part], *arguments)
            diagonal[part] += np.diag(curvature) if distribution.joint else curvature
            found = scale_derivatives(model, block.prior, theta, theta[part])
            if found is not None:
                gradient[found.position] += found.slope
                diagonal[found.position] += found.curvature
    return gradient, diagonal


def _add_scale(model: Model, block: Block, theta: Floats, gradient: Floats, hessian: Floats) -> None:
    """Add the derivatives in the unknown that the scale of a block's prior depends on, in place."""
    part = slice(block.start, block.stop)
    found = scale_derivatives(model, block.prior, theta, theta[part])
    if found is not None:
        gradient[found.position] += found.slope
        hessian[found.position, found.position] += found.curvature
        hessian[found.position, part] += found.mixed
        hessian[part, found.position] += found.mixed


def _refuse_correlations(model: Model) -> None:
    names = [group.correlation for group in model.groups if group.correlation is not None]
    if names:
        message = f"{', '.join(names)}: the prior of correlated effects has no derivatives here."
        raise NotApplicable(message, "Write || for effects that are independent.", nuts="")


def kinks(model: Model) -> tuple[Floats, Floats]:
    """Return the terms weight_j |theta_j - location_j| of the negative log prior: (locations, weights).

    Each has shape (d,). A weight of 0 means that the prior of the element is smooth.

    Raises:
        NotApplicable: the weight of a kink is not a number, as in Laplace(0, 2 * sigma).
    """
    refuse_moving_kinks(model)
    size = len(model.names)
    location, weight = np.zeros(size), np.zeros(size)
    for block, distribution, arguments in _priors(model, np.full(size, np.nan)):
        if distribution.kink is not None:
            part = slice(block.start, block.stop)
            location[part], weight[part] = distribution.kink(*arguments)
    return location, weight


def refuse_moving_kinks(model: Model) -> None:
    """Refuse priors without a density in closed form, or whose kink is of an unknown weight.

    Raises NotApplicable.
    """
    refuse_open_priors(model)
    for block in model.blocks:
        scaled = scaled_of(block.prior.arguments)
        if scaled is not None and PRIORS[block.prior.distribution].kink is not None:
            raise NotApplicable(
                f"the prior of {block.name} is {block.prior}: how sharp its kink is changes with the unknown "
                f"{scaled.parameter}, and the density has no derivatives there.",
                f"Fix {scaled.parameter}.",
                nuts="for the posterior of this model",
            )


def prior_bounds(model: Model) -> tuple[Floats, Floats]:
    """Return where each unknown may live by the likelihood and its prior: lower and upper ends, each (d,)."""
    return within_prior(model, *likelihood_bounds(model))


def within_prior(model: Model, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Narrow `lower` and `upper` ends, each of shape (d,), to the support of the prior."""
    supports = [PRIORS[name].support(arguments) for name, arguments in element_priors(model)]
    return (
        np.maximum(lower, [support.lower for support in supports]),
        np.minimum(upper, [support.upper for support in supports]),
    )


def flat_elements(model: Model) -> NDArray[np.bool_]:
    """Mark the elements of theta whose prior is flat, shape (d,)."""
    flat = ((block.prior.distribution in ("Flat", "HalfFlat"), block) for block in model.blocks)
    return np.array([is_flat for is_flat, block in flat for _ in block.labels], dtype=bool)


def element_priors(model: Model, theta: Floats | None = None) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the prior of each element of theta: the distribution's name and its arguments as numbers.

    A scale that is a number times another unknown is its number at `theta`, shape (d,); without `theta` it
    stays a `Scaled`. An element of a vector with an MvNormal prior has its marginal.
    """
    return tuple(found for block in model.blocks for found in _block_priors(model, block, theta))


def only_prior(model: Model, predictor: Predictor) -> tuple[str, dict[str, Any]]:
    """Return the prior of the one unknown that a predictor has, as `element_priors` does."""
    [position] = predictor.index
    return element_priors(model)[position]


def _block_priors(model: Model, block: Block, theta: Floats | None) -> list[tuple[str, dict[str, Any]]]:
    size, given = len(block.labels), block.prior.arguments.values()
    if PRIORS[block.prior.distribution].marginal is None and not any(isinstance(v, tuple) for v in given):
        return [_element_prior(model, block, 0, theta)] * size  # all alike
    return [_element_prior(model, block, i, theta) for i in range(size)]


def _element_prior(model: Model, block: Block, i: int, theta: Floats | None) -> tuple[str, dict[str, Any]]:
    name, given = block.prior.distribution, block.prior.arguments
    if name == "LKJ":
        return name, {"eta": lkj_marginal(_element(model, given, i, theta)["eta"], len(block.labels))}
    marginal = PRIORS[name].marginal
    return (name, _element(model, given, i, theta)) if marginal is None else marginal(i, *given.values())


def _element(
    model: Model,
    arguments: Mapping[str, Value],
    i: int,
    theta: Floats | None,
) -> dict[str, Any]:
    def number(value: Value) -> Any:
        if isinstance(value, Scaled) and theta is not None:
            return float(value_of(model, value, theta))
        return value[i] if isinstance(value, tuple) else value

    return {name: number(value) for name, value in arguments.items()}


def refuse_open_priors(model: Model) -> None:
    """Refuse priors without a density in closed form. Raises NotApplicable."""
    for block in model.blocks:
        if not PRIORS[block.prior.distribution].closed:
            raise NotApplicable(
                f"the prior of {block.name}, {block.prior}, has no density in closed form.",
                "Write a Laplace prior for a sparse mode.",
                nuts="for the posterior of this model",
            )


def _priors(model: Model, theta: Floats) -> list[tuple[Block, Distribution, list[Floats]]]:
    """Pair each block with its distribution and the arguments at theta, in that distribution's order.

    Raises:
        NotApplicable: a prior has no density in closed form.
    """
    refuse_open_priors(model)
    return [
        (block, PRIORS[block.prior.distribution], arguments_at(model, block.prior, theta))
        for block in model.blocks
    ]
