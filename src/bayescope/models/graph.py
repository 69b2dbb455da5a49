"""The PyMC graph of a model: what NUTS samples, and an ordinary `pm.Model` for anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import NotApplicable
from bayescope.models.graph_levels import class_predictors
from bayescope.models.graph_links import head_argument
from bayescope.models.graph_names import RESERVED, Fresh, named_blocks, unique
from bayescope.models.graph_networks import network_output
from bayescope.models.graph_priors import Number, constant, random_variables
from bayescope.models.model import Model, Predictor
from bayescope.models.order import log_room

if TYPE_CHECKING:
    import pymc as pm


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
    taken = set(RESERVED)
    named, fresh = named_blocks(model, taken), partial(unique, taken=taken)
    response = model.response.name
    observed, row = fresh(f"{response}_observed" if response in taken else response), fresh("row")
    with pm.Model() as graph:
        unknowns = random_variables(model, named, number, fresh)
        if room := log_room(model):
            pm.Potential(fresh("room"), pt.as_tensor_variable(np.float64(-room)))
        arguments: dict[str, Any] = {}
        if model.likelihood.one_design and len(model.location.index):
            arguments = class_predictors(
                model, lambda index: _coefficients(model, index, unknowns), row, fresh
            )
        for predictor in () if arguments else model.predictors:
            eta = _linear_predictor(model, predictor, unknowns, row, fresh)
            arguments |= head_argument(predictor, eta)
        _observe(model, arguments, observed, row, fresh)
    return graph


def _linear_predictor(
    model: Model, predictor: Predictor, unknowns: Mapping[str, Any], row: str, fresh: Fresh
) -> Any:
    suffix = "" if predictor.parameter == model.likelihood.location else f"_{predictor.parameter}"
    known = _known_part(predictor, suffix, row, fresh)
    if not len(predictor.index):
        return known
    coefficients = _coefficients(model, predictor.index, unknowns)
    if predictor.matrix is None:
        linear = coefficients[0] if len(predictor.index) == 1 else coefficients
    else:
        import pymc as pm

        column = fresh(f"column{suffix}")
        network = predictor.network
        labels = network.inputs if network else [model.names[i] for i in predictor.index]
        pm.modelcontext(None).add_coord(column, labels)
        design = pm.Data(fresh(f"X{suffix}"), predictor.matrix, dims=(row, column))
        linear = network_output(network, design, coefficients) if network else design @ coefficients
    return linear if known is None else linear + known


def _known_part(predictor: Predictor, suffix: str, row: str, fresh: Fresh) -> Any:
    """The offset as data; None where it adds nothing."""
    import pymc as pm

    if np.ndim(predictor.offset) > 1:
        return pm.Data(fresh(predictor.parameter), predictor.offset)
    if np.ndim(predictor.offset):
        return pm.Data(fresh(f"offset{suffix}"), predictor.offset, dims=row)
    if not len(predictor.index):
        wanted = predictor.parameter if predictor.link == "identity" else f"offset{suffix}"
        return pm.Data(fresh(wanted), float(predictor.offset))
    return float(predictor.offset) if predictor.offset else None


def _coefficients(model: Model, index: NDArray[np.intp], unknowns: Mapping[str, Any]) -> Any:
    """theta[index], put together from the blocks that it touches."""
    import pytensor.tensor as pt

    spans = {block.name: np.arange(block.start, block.stop) for block in model.blocks}
    used = [name for name, span in spans.items() if np.isin(span, index).any()]
    flat = pt.concatenate([pt.atleast_1d(unknowns[name]) for name in used])
    positions = np.concatenate([spans[name] for name in used])
    return flat if np.array_equal(positions, index) else flat[np.searchsorted(positions, index)]


def _observe(model: Model, arguments: dict[str, Any], name: str, row: str, fresh: Fresh) -> None:
    import pymc as pm

    response = model.response
    values = response.values.astype(np.int64) if model.likelihood.response.integer else response.values
    if response.trials is not None:
        arguments["n"] = pm.Data(fresh("trials"), response.trials.astype(np.int64), dims=row)
    dims: tuple[str, ...] = (row,)
    if model.likelihood.multivariate:
        dims = row, fresh("response")
        pm.modelcontext(None).add_coord(dims[1], response.levels)
    data = pm.Data(fresh(f"{name}_data"), values, dims=dims)
    head = getattr(pm, model.likelihood.graph or model.likelihood.name)(
        name, **model.likelihood.pymc(arguments), observed=data, dims=dims
    )
    if response.weights is not None:
        weights = pm.Data(fresh("weights"), response.weights, dims=row)
        repeats = pm.math.sum((weights - 1.0) * pm.logp(head, data))
        pm.Potential(fresh("repeated_rows"), repeats)
