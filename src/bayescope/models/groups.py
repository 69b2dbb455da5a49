"""Coefficients that differ between groups: their columns, their unknowns, and how they depend on each other.

    u_gk ~ Normal(0, sd_k),     eta_i = ... + sum_k w_ik u_{g(i) k}

and for correlated effects u_g ~ Normal(0, D R D) with D = diag(sd) and R ~ LKJ(eta). The blocks have the
marginals, Normal(0, sd_k), so that the rest of the density is

    log LKJ(R) - sum_ij log LKJ(R_ij) + sum_g (log Normal(z_g; 0, R) - sum_k log Normal(z_gk; 0, 1)),
    z_gk = u_gk / sd_k

(Gelman and Hill, Data Analysis Using Regression and Multilevel/Hierarchical Models, 2007, chapters 12 and
13; Lewandowski, Kurowicka and Joe 2009, J. Multivariate Analysis 100, for LKJ).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.data.groups import GroupDesign
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.choices import CORRELATION, PRIORS, lkj_log_density
from bayescope.distributions.supports import POSITIVE, REAL
from bayescope.errors import Problem
from bayescope.models.blocks import Unknown
from bayescope.models.defaults import moments, spread_prior
from bayescope.models.model import Block, Grouping, Model, Prior

type Floats = NDArray[np.float64]

LKJ_DEFAULT = 2.0


def effect_names(group: GroupDesign, prefix: str) -> tuple[str, ...]:
    """Name the effects of a group term as blocks: "county" for the intercepts, "floor:county" for slopes."""
    return tuple(
        prefix + (group.name if label == INTERCEPT else f"{label}:{group.name}") for label in group.labels
    )


def effect_labels(group: GroupDesign, prefix: str) -> tuple[str, ...]:
    """Name every effect: "county[AITKIN]", all groups of the first effect, then those of the next."""
    return tuple(f"{name}[{level}]" for name in effect_names(group, prefix) for level in group.levels)


def effect_columns(group: GroupDesign) -> Floats:
    """Return what the effects are multiplied by, shape (n, k g); 0 in rows of a group that is not known."""
    indicator = group.codes[:, np.newaxis] == np.arange(len(group.levels))
    columns = group.matrix[:, :, np.newaxis] * indicator[:, np.newaxis, :]
    return np.asarray(columns.reshape(len(group.codes), -1), dtype=np.float64)


def spread_labels(group: GroupDesign, prefix: str) -> tuple[str, ...]:
    """Name the standard deviations: "county.sd", or "county.sd[floor]" for each of several effects."""
    name = f"{prefix}{group.name}.sd"
    return (name,) if len(group.labels) == 1 else tuple(f"{name}[{label}]" for label in group.labels)


def correlation_labels(group: GroupDesign, prefix: str) -> tuple[str, ...]:
    """Name the correlations, by rows of the lower triangle; of two effects "county.corr"."""
    name, pairs = f"{prefix}{group.name}.corr", list(combinations(range(len(group.labels)), 2))
    if len(pairs) == 1:
        return (name,)
    ordered = sorted(pairs, key=lambda pair: pair[::-1])
    return tuple(f"{name}[{group.labels[i]}, {group.labels[j]}]" for i, j in ordered)


def group_unknowns(
    group: GroupDesign, prefix: str, weights: Floats | None, scale: float
) -> tuple[Unknown, ...]:
    """Return the unknowns of a group term: standard deviations, correlations, and the effects themselves.

    `scale` is that of the linear predictor; an sd has the default HalfNormal(2.5 scale / sd of its column).
    """
    name, spreads = f"{prefix}{group.name}.sd", spread_labels(group, prefix)
    _, sds = moments(group.matrix, weights)
    shared = name if len(spreads) > 1 else ""
    unknowns = [
        Unknown(label, (label,), POSITIVE, partial(_spread_default, scale / sd), shared=shared)
        for label, sd in zip(spreads, sds.tolist(), strict=True)
    ]
    if group.correlated:
        labels = correlation_labels(group, prefix)
        defaults = lambda: [Prior("LKJ", {"eta": LKJ_DEFAULT})] * len(labels)  # noqa: E731
        unknowns.append(Unknown(f"{prefix}{group.name}.corr", labels, CORRELATION, defaults, vector=True))
    for effect, spread in zip(effect_names(group, prefix), spreads, strict=True):
        prior = Prior("Normal", {"mu": 0.0, "sigma": Scaled(1.0, spread)})
        own = tuple(f"{effect}[{level}]" for level in group.levels)
        unknowns.append(Unknown(effect, own, REAL, partial(_the_prior, prior)))
    return tuple(unknowns)


def _spread_default(scale: float) -> list[Prior]:
    return [spread_prior(scale)]


def _the_prior(prior: Prior) -> list[Prior]:
    return [prior]


def refuse_effect_lines(names: Sequence[str], lines: Mapping[str, Any]) -> list[Problem]:
    """Say of lines of priors for the effects themselves what to write instead."""
    return [
        Problem(
            ("model", "priors", name),
            f"the effects of groups have the prior Normal(0, sd); give the sd: {name.rpartition(':')[2]}.sd",
        )
        for name in names
        if name in lines
    ]


def grouping_of(group: GroupDesign, parameter: str, prefix: str) -> Grouping:
    """Describe a group term on the rows of a model."""
    return Grouping(
        parameter=parameter,
        name=prefix + group.name,
        levels=group.levels,
        effects=effect_names(group, prefix),
        columns=group.labels,
        sds=spread_labels(group, prefix),
        correlation=f"{prefix}{group.name}.corr" if group.correlated else None,
        codes=group.codes,
        matrix=group.matrix,
    )


def with_known_spreads(blocks: Sequence[Block], fixed: Mapping[str, float]) -> tuple[Block, ...]:
    """Put the numbers of standard deviations that are fixed into the priors of their effects."""
    return tuple(replace(block, prior=_with_numbers(block.prior, fixed)) for block in blocks)


def _with_numbers(prior: Prior, fixed: Mapping[str, float]) -> Prior:
    arguments = {
        name: value.factor * fixed[value.parameter]
        if isinstance(value, Scaled) and value.parameter in fixed
        else value
        for name, value in prior.arguments.items()
    }
    return Prior(prior.distribution, MappingProxyType(arguments))


def free_spreads(model: Model) -> tuple[str, ...]:
    """Name the standard deviations and correlations of groups that are unknown."""
    labels = {label for group in model.groups for label in group.sds}
    blocks = {group.correlation for group in model.groups}
    return tuple(
        label for block in model.blocks for label in block.labels if label in labels or block.name in blocks
    )


def has_unseen_groups(model: Model) -> bool:
    """Tell whether some row is in a group that the model does not know."""
    return any(bool((group.codes < 0).any()) for group in model.groups)


def unseen_effects(model: Model, thetas: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw what the effects of groups that the model does not know add to the linear predictors.

    Each such group, rows of one code, has u ~ Normal(0, D R D) at each of `thetas`, shape (S, d).

    Returns:
        By parameter of the likelihood, shape (S, n), 0 in rows of known groups; only parameters with
        such rows.
    """
    found: dict[str, Floats] = {}
    for group in model.groups:
        rows = np.flatnonzero(group.codes < 0)
        if len(rows):
            total = found.setdefault(group.parameter, np.zeros((len(thetas), len(group.codes))))
            distinct, place = np.unique(group.codes[rows], return_inverse=True)
            effects = _new_effects(model, group, thetas, rng, len(distinct))
            total[:, rows] += np.einsum("srk,rk->sr", effects[:, place], group.matrix[rows])
    return found


def _new_effects(
    model: Model, group: Grouping, thetas: Floats, rng: np.random.Generator, number: int
) -> Floats:
    """Draw the effects of `number` new groups at each theta, shape (S, number, k)."""
    z = rng.standard_normal((len(thetas), number, len(group.sds)))
    if group.correlation is not None:
        block = next(block for block in model.blocks if block.name == group.correlation)
        factor, _ = cholesky(thetas[:, block.start : block.stop], len(group.sds))
        z = z @ np.swapaxes(factor, -1, -2)
    spreads = np.stack([_spread(model, label, thetas) for label in group.sds], axis=-1)
    return np.asarray(z * spreads[:, np.newaxis, :])


def log_coupling(model: Model, theta: Floats) -> Floats:
    """Compute what correlations add to the log prior of single blocks, nats: theta (..., d), result (...)."""
    total = np.zeros(theta.shape[:-1])
    for group in model.groups:
        if group.correlation is not None:
            total = total + _coupling(model, group, theta)
    return total


def _coupling(model: Model, group: Grouping, theta: Floats) -> Floats:
    blocks = {block.name: block for block in model.blocks}
    own = blocks[str(group.correlation)]
    correlations = theta[..., own.start : own.stop]
    factor, valid = cholesky(correlations, len(group.effects))
    z = np.stack(
        [
            theta[..., blocks[name].start : blocks[name].stop] / _spread(model, label, theta)[..., np.newaxis]
            for name, label in zip(group.effects, group.sds, strict=True)
        ],
        axis=-2,
    )
    with np.errstate(all="ignore"):
        diagonal = np.diagonal(factor, axis1=-2, axis2=-1)
        white = np.linalg.solve(factor, z)
        effects = 0.5 * np.sum(z**2 - white**2, axis=(-2, -1))
        effects = effects - z.shape[-1] * np.log(diagonal).sum(axis=-1)
        eta = own.prior.arguments["eta"]
        scalar = PRIORS["LKJ"].log_density(correlations, eta).sum(axis=-1)
        value = effects + lkj_log_density(diagonal, float(eta)) - scalar  # type: ignore[arg-type]
    return np.where(valid, value, -np.inf)


def _spread(model: Model, label: str, theta: Floats) -> Floats:
    if label in model.fixed:
        return np.full(theta.shape[:-1], model.fixed[label])
    return np.asarray(theta[..., model.names.index(label)])


def cholesky(correlations: Floats, size: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Factor correlation matrices R = L L', given by rows of their lower triangles, (..., k (k - 1) / 2).

    Returns L, shape (..., k, k), and whether R is positive definite, shape (...); L is the unit matrix
    where it is not.
    """
    matrix = np.broadcast_to(np.eye(size), (*correlations.shape[:-1], size, size)).copy()
    rows, columns = np.tril_indices(size, -1)
    matrix[..., rows, columns] = matrix[..., columns, rows] = correlations
    valid = np.linalg.eigvalsh(matrix)[..., 0] > 0
    matrix[~valid] = np.eye(size)
    return np.linalg.cholesky(matrix), valid
