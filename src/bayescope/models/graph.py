"""The PyMC graph of a model: what NUTS samples, and an ordinary `pm.Model` for anybody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.distributions.choices import HORSESHOE
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.errors import NotApplicable
from bayescope.models.density import likelihood_bounds
from bayescope.models.graph_groups import Names, group_variables, special_blocks
from bayescope.models.graph_horseshoe import horseshoe
from bayescope.models.graph_levels import class_predictors, rising
from bayescope.models.graph_links import head_argument, inverse
from bayescope.models.graph_networks import network_output
from bayescope.models.model import Block, Model, Predictor
from bayescope.models.order import log_room
from bayescope.models.scales import scaled_of, source_of

if TYPE_CHECKING:
    import pymc as pm

type Floats = NDArray[np.float64]

# Names that mean something else in an ArviZ group.
_RESERVED = ("chain", "draw", "__sample__")


@dataclass(frozen=True)
class Variable:
    """What a block is called in the graph: its variable, and the dimension of a vector (None: scalar)."""

    name: str
    dim: str | None


def _unique(wanted: str, taken: set[str]) -> str:
    """Take `wanted`, made a legal name of PyMC, xarray and netCDF, and followed by `_` until it is free."""
    name = wanted.replace("/", "÷").replace(",", ";")
    if name.endswith("__"):
        name += "."  # PyMC keeps a final `__` for transformed variables and leaves them out of traces
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _variables(model: Model, taken: set[str]) -> dict[str, Variable]:
    names = {block.name: _unique(block.name, taken) for block in model.blocks}
    dims = {
        block.name: _unique("coefficient" if block.name == "coefficients" else f"{block.name}_dim", taken)
        for block in model.blocks
        if not block.scalar
    }
    return {block.name: Variable(names[block.name], dims.get(block.name)) for block in model.blocks}


def variables(model: Model) -> dict[str, Variable]:
    """Tell what each block, by name, is called in the graph and in a tree of draws.

    Names are the blocks' own, but for three signs with a meaning elsewhere: `/` becomes `÷`, `,` becomes `;`,
    and a name that is taken (`chain`, `draw`) gets a final `_`. Labels are coordinates, and stay as they are.
    """
    return _variables(model, set(_RESERVED))


def split(model: Model, theta: Floats) -> dict[str, Floats]:
    """Cut theta, shape (..., d), into the graph's variables: name -> shape (...) or (..., k)."""
    named = variables(model)
    parts = {block.name: theta[..., block.start : block.stop] for block in model.blocks}
    return {
        variable.name: parts[block] if variable.dim else parts[block].squeeze(-1)
        for block, variable in named.items()
    }


type Number = Callable[[str, Floats], Any]


def constant(_name: str, value: Floats) -> Any:
    """Put a number of a prior into the graph as it is."""
    return value


def shared(name: str, value: Floats) -> Any:
    """Put a number of a prior into the graph as a variable, whose value can be another without compiling."""
    import pytensor

    return pytensor.shared(value, name=name, shape=value.shape)


def compile_graph(model: Model, number: Number = constant) -> pm.Model:
    """Build the PyMC model: one random variable for each block, named dimensions, data in `pm.Data`.

    The graph holds, with the dimensions in brackets:

    - the unknowns by the names of `variables(model)`: scalars, `coefficients` [coefficient], a categorical
      term [<term>_dim], the effects of groups [<effects>_dim]; effects that are not centred are
      deterministic, sd times the random variables `<effects>.z`;
    - `X` [row, column], `offset` [row], `trials` [row] and `weights` [row] where the model has them, and
      parameters that are fixed by their names;
    - the observed response under its own name (`<name>_observed` if an unknown is called so) [row], or
      [row, response] for one of several columns;
    - with row weights w, the potential `repeated_rows` = sum_i (w_i - 1) log p(y_i | psi_i), so that the
      whole is the log-likelihood of the rows as often as they occur;
    - with two ends of a range, the potential `room` = -log P(lower < upper) under their priors.

    The p of Bernoulli and Binomial is passed on as `logit_p`, so that log p stays exact where p rounds to 0
    or 1. `number` tells how the numbers of the priors get into the graph: `constant` or `shared`.

    Raises:
        NotApplicable: the unknown is a choice between hypotheses, which no gradient leads to.
    """
    import pymc as pm
    import pytensor.tensor as pt

    if model.hypotheses:
        raise NotApplicable("a choice between hypotheses has no graph to sample from.", "Use exact.")
    taken = set(_RESERVED)
    named = _variables(model, taken)
    observed = f"{model.response.name}_observed" if model.response.name in taken else model.response.name
    observed = _unique(observed, taken)
    row = _unique("row", taken)
    with pm.Model() as graph:
        unknowns = _random_variables(model, named, taken, number)
        if room := log_room(model):
            pm.Potential(_unique("room", taken), pt.as_tensor_variable(np.float64(-room)))
        arguments: dict[str, Any] = {}
        if model.likelihood.one_design and len(model.location.index):
            arguments = class_predictors(
                model,
                lambda index: _coefficients(model, index, unknowns),
                row,
                lambda wanted: _unique(wanted, taken),
            )
        for predictor in () if arguments else model.predictors:
            eta = _linear_predictor(model, predictor, unknowns, row, taken)
            arguments |= head_argument(predictor, eta)
        _observe(model, arguments, observed, row, taken)
    return graph


def _random_variables(
    model: Model, named: Mapping[str, Variable], taken: set[str], number: Number
) -> dict[str, Any]:
    """Make the random variable of each block, after the one that its scale is a multiple of."""
    bounds = likelihood_bounds(model)
    unknowns: dict[str, Any] = {}
    special = special_blocks(model)
    waiting = [block for block in model.blocks if block.name not in special]
    while waiting:
        block = next(block for block in waiting if _is_ready(model, block, unknowns))
        waiting.remove(block)
        arguments = _prior_arguments(model, block, unknowns, number) | _narrowed(block, bounds)
        arguments |= rising(model, block, lambda wanted: _unique(wanted, taken))
        unknowns[block.name] = _random_variable(
            block, named[block.name], arguments, lambda wanted: _unique(wanted, taken)
        )
    return unknowns | _group_variables(model, named, unknowns, taken)


def _group_variables(
    model: Model, named: Mapping[str, Variable], unknowns: Mapping[str, Any], taken: set[str]
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
        lambda wanted: _unique(wanted, taken),
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


def _random_variable(
    block: Block, variable: Variable, arguments: dict[str, Any], fresh: Callable[[str], str]
) -> Any:
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


def _linear_predictor(
    model: Model, predictor: Predictor, unknowns: Mapping[str, Any], row: str, taken: set[str]
) -> Any:
    suffix = "" if predictor.parameter == model.likelihood.location else f"_{predictor.parameter}"
    known = _known_part(predictor, suffix, row, taken)
    if not len(predictor.index):
        return known
    coefficients = _coefficients(model, predictor.index, unknowns)
    if predictor.matrix is None:
        linear = coefficients[0] if len(predictor.index) == 1 else coefficients
    else:
        import pymc as pm

        column = _unique(f"column{suffix}", taken)
        network = predictor.network
        labels = network.inputs if network else [model.names[i] for i in predictor.index]
        pm.modelcontext(None).add_coord(column, labels)
        design = pm.Data(_unique(f"X{suffix}", taken), predictor.matrix, dims=(row, column))
        linear = network_output(network, design, coefficients) if network else design @ coefficients
    return linear if known is None else linear + known


def _known_part(predictor: Predictor, suffix: str, row: str, taken: set[str]) -> Any:
    """The offset as data; None where it adds nothing."""
    import pymc as pm

    if np.ndim(predictor.offset) > 1:
        return pm.Data(_unique(predictor.parameter, taken), predictor.offset)
    if np.ndim(predictor.offset):
        return pm.Data(_unique(f"offset{suffix}", taken), predictor.offset, dims=row)
    if not len(predictor.index):
        wanted = predictor.parameter if predictor.link == "identity" else f"offset{suffix}"
        return pm.Data(_unique(wanted, taken), float(predictor.offset))
    return float(predictor.offset) if predictor.offset else None


def _coefficients(model: Model, index: NDArray[np.intp], unknowns: Mapping[str, Any]) -> Any:
    """theta[index], put together from the blocks that it touches."""
    import pytensor.tensor as pt

    spans = {block.name: np.arange(block.start, block.stop) for block in model.blocks}
    used = [name for name, span in spans.items() if np.isin(span, index).any()]
    flat = pt.concatenate([pt.atleast_1d(unknowns[name]) for name in used])
    positions = np.concatenate([spans[name] for name in used])
    return flat if np.array_equal(positions, index) else flat[np.searchsorted(positions, index)]


def _observe(model: Model, arguments: dict[str, Any], name: str, row: str, taken: set[str]) -> None:
    import pymc as pm

    response = model.response
    values = response.values.astype(np.int64) if model.likelihood.response.integer else response.values
    if response.trials is not None:
        arguments["n"] = pm.Data(_unique("trials", taken), response.trials.astype(np.int64), dims=row)
    dims: tuple[str, ...] = (row,)
    if model.likelihood.multivariate:
        dims = row, _unique("response", taken)
        pm.modelcontext(None).add_coord(dims[1], response.levels)
    data = pm.Data(_unique(f"{name}_data", taken), values, dims=dims)
    head = getattr(pm, model.likelihood.graph or model.likelihood.name)(
        name, **model.likelihood.pymc(arguments), observed=data, dims=dims
    )
    if response.weights is not None:
        weights = pm.Data(_unique("weights", taken), response.weights, dims=row)
        repeats = pm.math.sum((weights - 1.0) * pm.logp(head, data))
        pm.Potential(_unique("repeated_rows", taken), repeats)
