"""Independent draws from the prior p(theta), by inverse cdf; of vectors of unknowns by construction.

Scales that are a number times another unknown follow that unknown's draw; correlated effects of groups are
u = D L z; cutpoints are put in order. Sources: Lewandowski, Kurowicka and Joe (2009), J. Multivariate
Analysis 100, section 3.2, for LKJ (the onion); Devroye, Non-Uniform Random Variate Generation (1986).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.distributions.choices import HORSESHOE, PRIORS
from bayescope.errors import NotApplicable
from bayescope.models.groups import cholesky
from bayescope.models.model import Block, Grouping, Model, Prior
from bayescope.models.order import ordered_positions
from bayescope.models.scales import scaled_of, source_of, value_of

type Floats = NDArray[np.float64]
type Generator = np.random.Generator

_MOST_TIMES = 1000
"""A draw is made anew so often before it is given up."""


def draw_prior(model: Model, rng: Generator, size: int) -> Floats:
    """Draw theta from its prior, shape (size, d), given that there is a likelihood with such parameters.

    Raises:
        NotApplicable: a prior is flat, or has no density in closed form, or next to none of it is where the
            likelihood is: there is nothing to draw from.
    """
    refuse_undrawable(model)
    thetas = _draw_all(model, rng, size)
    for _ in range(_MOST_TIMES):
        again = ~_exist(model, thetas)
        if not again.any():
            return thetas
        thetas[again] = _draw_all(model, rng, int(again.sum()))
    names = " and ".join(block.name for block in model.blocks)
    message = f"next to none of what the prior of {names} allows is a {model.likelihood.name} distribution."
    raise NotApplicable(message, "Give priors under which the lower end is below the upper.")


def _exist(model: Model, thetas: Floats) -> NDArray[np.bool_]:
    """Tell which theta, shape (S, d), have a likelihood, where supports do not say so: lower < upper."""
    if model.likelihood.exists is None:
        return np.ones(len(thetas), dtype=bool)
    return model.likelihood.exists([p.offset + thetas[:, p.index].sum(axis=1) for p in model.predictors])


def _draw_all(model: Model, rng: Generator, size: int) -> Floats:
    thetas = np.full((size, len(model.names)), np.nan)
    for block in _in_turn(model):
        thetas[:, block.start : block.stop] = _draw(model, block, thetas, rng)
    for group in model.groups:
        if group.correlation is not None:
            _correlate(model, group, thetas, rng)
    places = ordered_positions(model)
    thetas[:, places] = np.sort(thetas[:, places], axis=1)
    return thetas


def refuse_undrawable(model: Model) -> None:
    """Refuse priors that cannot be drawn from. Raises NotApplicable."""
    improper = [block for block in model.blocks if not PRIORS[block.prior.distribution].proper]
    if improper:
        names = ", ".join(block.name for block in improper)
        message = f"the prior of {names} is flat: there is no prior predictive distribution."
        raise NotApplicable(message, "Give it a proper prior.")
    unknown = [block for block in model.blocks if not can_be_drawn(block.prior)]
    if unknown or model.hypotheses:
        names = ", ".join(block.name for block in unknown) or "the hypotheses"
        raise NotApplicable(f"the prior of {names} is not drawn from here.", "")


def can_be_drawn(prior: Prior) -> bool:
    """Tell whether there are draws from a prior: of a proper one, by its quantiles or its definition."""
    distribution = PRIORS[prior.distribution]
    return distribution.proper and (distribution.closed or prior.distribution in _VECTORS)


def _in_turn(model: Model) -> list[Block]:
    """Order the blocks: each after the unknown that its scale is a multiple of."""
    ordered: list[Block] = []
    waiting = list(model.blocks)
    while waiting:
        known = {position for block in ordered for position in range(block.start, block.stop)}
        ready = [block for block in waiting if _needs(model, block) <= known]
        ordered += ready
        waiting = [block for block in waiting if block not in ready]
    return ordered


def _needs(model: Model, block: Block) -> set[int]:
    scaled = scaled_of(block.prior.arguments)
    return set() if scaled is None else {source_of(model, scaled).position}


def _draw(model: Model, block: Block, thetas: Floats, rng: Generator) -> Floats:
    """Draw one block, shape (size, k), the scale of its prior at the draws so far."""
    size, count = len(thetas), len(block.labels)
    name, given = block.prior.distribution, block.prior.arguments
    if name in _VECTORS:
        return _VECTORS[name](rng, size, count, {key: np.asarray(value) for key, value in given.items()})
    distribution = PRIORS[name]
    arguments = [
        value_of(model, value, thetas)[:, np.newaxis] if isinstance(value, Scaled) else np.asarray(value)
        for value in (given[argument.name] for argument in distribution.arguments)
    ]
    return np.broadcast_to(distribution.quantile(rng.uniform(size=(size, count)), *arguments), (size, count))


def _dirichlet(rng: Generator, size: int, count: int, given: Mapping[str, Floats]) -> Floats:
    return rng.dirichlet(np.broadcast_to(given["a"], count), size)


def _mv_normal(rng: Generator, size: int, count: int, given: Mapping[str, Floats]) -> Floats:
    factor = np.linalg.cholesky(given["cov"])
    return np.asarray(given["mu"] + rng.standard_normal((size, count)) @ factor.T)


def _lkj(rng: Generator, size: int, pairs: int, given: Mapping[str, Floats]) -> Floats:
    """Draw correlation matrices one row after the other; returns their lower triangles by rows."""
    k = (1 + math.isqrt(1 + 8 * pairs)) // 2
    factor = np.zeros((size, k, k))
    factor[:, 0, 0] = 1.0
    beta = float(given["eta"]) + (k - 2) / 2
    for row in range(1, k):
        squared = rng.beta(row / 2, beta, size)
        direction = rng.standard_normal((size, row))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        factor[:, row, :row] = np.sqrt(squared)[:, np.newaxis] * direction
        factor[:, row, row] = np.sqrt(1.0 - squared)
        beta -= 0.5
    rows, columns = np.tril_indices(k, -1)
    return np.asarray((factor @ np.swapaxes(factor, 1, 2))[:, rows, columns])


def _horseshoe(rng: Generator, size: int, count: int, given: Mapping[str, Floats]) -> Floats:
    """Draw coefficients with their local and global scales and the slab: see `graph_horseshoe`."""
    half = given["slab_df"] / 2
    slab = given["slab_scale"] * np.sqrt(half / rng.gamma(half, size=(size, 1)))
    scale = given["global_scale"] * np.abs(
        rng.standard_cauchy((size, 1)) * rng.standard_cauchy((size, count))
    )
    return np.asarray(rng.standard_normal((size, count)) * slab * (scale / np.hypot(slab, scale)))


_VECTORS: Mapping[str, Callable[[Generator, int, int, Mapping[str, Floats]], Floats]] = MappingProxyType(
    {"Dirichlet": _dirichlet, "MvNormal": _mv_normal, "LKJ": _lkj, HORSESHOE.name: _horseshoe}
)


def _correlate(model: Model, group: Grouping, thetas: Floats, rng: Generator) -> None:
    """Draw the effects of a group term anew, correlated, in place."""
    blocks = {block.name: block for block in model.blocks}
    own = blocks[str(group.correlation)]
    factor, _ = cholesky(thetas[:, own.start : own.stop], len(group.effects))
    z = rng.standard_normal((len(thetas), len(group.levels), len(group.effects)))
    effects = z @ np.swapaxes(factor, -1, -2)
    for k, (name, label) in enumerate(zip(group.effects, group.sds, strict=True)):
        sd = model.fixed[label] if label in model.fixed else thetas[:, [model.names.index(label)]]
        thetas[:, blocks[name].start : blocks[name].stop] = sd * effects[:, :, k]
