"""The effects of groups in the PyMC graph: effect = sd z with z ~ Normal(0, 1), or the effects themselves.

Where groups have few rows, the effects and their sd make a funnel that a sampler cannot follow, and the
effects in units of the sd do not; where groups have many, the effects themselves are better determined
(Betancourt and Girolami 2015, Hamiltonian Monte Carlo for hierarchical models).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayescope.models.graph_names import Fresh
from bayescope.models.model import Block, Grouping, Model


class Names(NamedTuple):
    """How the graph calls the blocks, their dimensions, and a way to names that are not taken."""

    variables: Mapping[str, str]
    dims: Mapping[str, str | None]
    fresh: Fresh


def special_blocks(model: Model) -> frozenset[str]:
    """Name the blocks that are no random variables of their own: effects and correlations of groups."""
    effects = {name for group in model.groups for name in group.effects}
    return frozenset(effects | {group.correlation for group in model.groups if group.correlation})


def group_variables(model: Model, group: Grouping, names: Names, spreads: Sequence[Any]) -> dict[str, Any]:
    """Add the effects of a group term, and their correlations, to the PyMC model at hand.

    Args:
        model: the model.
        group: the term.
        names: how the graph calls things.
        spreads: the k standard deviations, as variables or numbers.

    Returns:
        The variable of each block.
    """
    centred = group.name in model.centered
    if group.correlation is None:
        return {
            block: _independent(block, sd, names, centred=centred)
            for block, sd in zip(group.effects, spreads, strict=True)
        }
    block = next(block for block in model.blocks if block.name == group.correlation)
    factor, correlations = _correlations(block, len(group.effects), names)
    effects = _correlated(group, factor, spreads, names, centred=centred)
    return {block.name: correlations, **effects}


def _independent(block: str, sd: Any, names: Names, *, centred: bool) -> Any:
    import pymc as pm

    name, dim = names.variables[block], names.dims[block]
    if centred:
        return pm.Normal(name, np.float64(0.0), sd, dims=dim)
    z = pm.Normal(names.fresh(f"{name}.z"), np.float64(0.0), np.float64(1.0), dims=dim)
    return pm.Deterministic(name, sd * z, dims=dim)


def _correlations(block: Block, size: int, names: Names) -> tuple[Any, Any]:
    """The Cholesky factor of the correlation matrix, shape (k, k), and its lower triangle by rows."""
    import pymc as pm

    name = names.variables[block.name]
    factor = pm.LKJCorr(
        names.fresh(f"{name}.cholesky"),
        n=size,
        eta=np.float64(block.prior.arguments["eta"]),  # type: ignore[arg-type]
    )
    matrix = factor @ factor.T
    rows, columns = np.tril_indices(size, -1)
    value = matrix[1, 0] if block.scalar else matrix[rows, columns]
    return factor, pm.Deterministic(name, value, dims=names.dims[block.name])


def _correlated(
    group: Grouping, factor: Any, spreads: Sequence[Any], names: Names, *, centred: bool
) -> dict[str, Any]:
    import pymc as pm
    import pytensor.tensor as pt

    sds, size = pt.stack([pt.as_tensor(sd) for sd in spreads]), (len(group.levels), len(spreads))
    if centred:
        name = names.fresh(f"{group.name}.effects")
        effects = pm.MvNormal(name, np.zeros(size[1]), chol=sds[:, None] * factor, shape=size)
    else:
        z = pm.Normal(names.fresh(f"{group.name}.z"), np.float64(0.0), np.float64(1.0), shape=size)
        effects = (z @ factor.T) * sds
    return {
        block: pm.Deterministic(names.variables[block], effects[:, k], dims=names.dims[block])
        for k, block in enumerate(group.effects)
    }
