"""The random variables of a PyMC graph: one for each block of unknowns, with its prior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.distributions.choices import HORSESHOE
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.models.density import likelihood_bounds
from bayescope.models.graph_groups import Names, group_variables, special_blocks
from bayescope.models.graph_horseshoe import horseshoe
from bayescope.models.graph_levels import rising
from bayescope.models.graph_links import inverse
from bayescope.models.graph_names import Fresh, Variable
from bayescope.models.model import Block, Model
from bayescope.models.scales import scaled_of, source_of

type Floats = NDArray[np.float64]
type Number = Callable[[str, Floats], Any]


def constant(_name: str, value: Floats) -> Any:
    """Put a number of a prior into the graph as it is."""
    return value


def shared(name: str, value: Floats) -> Any:
    """Put a number of a prior into the graph as a variable, whose value can be another without compiling."""
    import pytensor

    return pytensor.shared(value, name=name, shape=value.shape)


def random_variables(
    model: Model, named: Mapping[str, Variable], number: Number, fresh: Fresh
) -> dict[str, Any]:
    """Add each block's random variable to the PyMC model, after the one that its scale is a multiple of."""
    bounds = likelihood_bounds(model)
    unknowns: dict[str, Any] = {}
    special = special_blocks(model)
    waiting = [block for block in model.blocks if block.name not in special]
    while waiting:
        block = next(block for block in waiting if _is_ready(model, block, unknowns))
        waiting.remove(block)
        arguments = _prior_arguments(model, block, unknowns, number) | _narrowed(block, bounds)
        arguments |= rising(model, block, fresh)
        unknowns[block.name] = _random_variable(block, named[block.name], arguments, fresh)
    return unknowns | _group_variables(model, named, unknowns, fresh)


def _group_variables(
    model: Model, named: Mapping[str, Variable], unknowns: Mapping[str, Any], fresh: Fresh
) -> dict[str, Any]:
    """Make the effects of groups, and their correlations."""
    import pymc as pm

    special, found = special_blocks(model), dict[str, Any]()
    for block in model.blocks:
        if block.name in special and not block.scalar:
            pm.modelcontext(None).add_coord(named[block.name].dim, block.labels)
    names = Names(
        {name: variable.name for name, variable in named.items()},
        {name: variable.dim for name, variable in named.items()},
        fresh,
    )
    for group in model.groups:
        spreads = [_spread(model, label, unknowns) for label in group.sds]
        found |= group_variables(model, group, names, spreads)
    return found


def _spread(model: Model, label: str, unknowns: Mapping[str, Any]) -> Any:
    """The variable of a standard deviation, or the number that it is fixed at."""
    if label in model.fixed:
        return np.float64(model.fixed[label])
    position = model.names.index(label)
    holder = _holder(model, position)
    variable = unknowns[holder.name]
    return variable if holder.scalar else variable[position - holder.start]


def _is_ready(model: Model, block: Block, unknowns: Mapping[str, Any]) -> bool:
    """Tell whether the block that the scale of this one's prior depends on is made, if there is one."""
    scaled = scaled_of(block.prior.arguments)
    return scaled is None or _holder(model, source_of(model, scaled).position).name in unknowns


def _holder(model: Model, position: int) -> Block:
    return next(block for block in model.blocks if block.start <= position < block.stop)


def _scale(model: Model, scaled: Scaled, unknowns: Mapping[str, Any]) -> Any:
    """A number times another unknown, as a part of the graph."""
    position, link = source_of(model, scaled)
    holder = _holder(model, position)
    variable = unknowns[holder.name]
    eta = variable if holder.scalar else variable[position - holder.start]
    return np.asarray(scaled.factor, dtype=np.float64) * inverse(link)(eta)


def _random_variable(block: Block, variable: Variable, arguments: dict[str, Any], fresh: Fresh) -> Any:
    import pymc as pm

    if variable.dim is not None:
        pm.modelcontext(None).add_coord(variable.dim, block.labels)
    if block.prior.distribution == HORSESHOE.name:
        return horseshoe(variable.name, variable.dim, arguments, fresh)
    distribution = getattr(pm, block.prior.distribution)
    if variable.dim is None:
        return distribution(variable.name, **arguments)
    return distribution(variable.name, **arguments, dims=variable.dim)


def _narrowed(block: Block, bounds: tuple[Floats, Floats]) -> dict[str, Any]:
    """Keep the sampler, by its transform, where the data leave a parameter less room than its prior does.

    The density stays as declared; a sampler that met its -inf on the way would see divergences.
    """
    own = block.support
    low, high = (float(ends[block.start]) for ends in bounds)
    if (low, high) == (own.lower, own.upper):
        return {}
    import pymc as pm

    prior = DISTRIBUTIONS[block.prior.distribution].support(block.prior.arguments)
    lower, upper = max(low, prior.lower), min(high, prior.upper)
    ends = [end if np.isfinite(end) else None for end in (lower, upper)]
    interval = pm.distributions.transforms.Interval(lower=ends[0], upper=ends[1])
    # the transform's own zero: halfway between two ends, 1 inside of a single one
    start = (lower + upper) / 2 if None not in ends else lower + 1 if ends[1] is None else upper - 1
    return {"default_transform": interval, "initval": start}


def _prior_arguments(
    model: Model, block: Block, unknowns: Mapping[str, Any], number: Number
) -> dict[str, Any]:
    # A plain 10.0 becomes a float32 constant, and so does its logarithm: the density would lose nine digits.
    arguments: dict[str, Any] = {}
    for name, value in block.prior.arguments.items():
        if isinstance(value, Scaled):
            arguments[name] = _scale(model, value, unknowns)
        else:
            given = np.asarray(value, dtype=np.float64)
            arguments[name] = number(f"{block.name}.{name}", given.reshape(()) if block.scalar else given)
    return arguments
