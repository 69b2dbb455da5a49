"""Posterior draws as a flat array and as an ArviZ DataTree, and the way between the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.function_values import GROUP as FUNCTION_VALUES
from bayescope.inference.function_values import function_values
from bayescope.models.graph_names import split, variables
from bayescope.models.model import Model

if TYPE_CHECKING:
    import xarray as xr

type Floats = NDArray[np.float64]


def draws_tree(
    model: Model,
    draws: Floats,
    sample_stats: Mapping[str, NDArray[Any]] | None = None,
    attributes: Mapping[str, str] | None = None,
) -> xr.DataTree:
    """Put draws of shape (chain, draw, d) into an ArviZ DataTree.

    The group `posterior` has the variables of the graph, in the order of theta, with their dimensions
    and coordinates; `sample_stats` holds arrays of shape (chain, draw). `attributes` go to both groups
    (`inference_library`, ...). Of a network `function_values` has what its chains are judged by.
    """
    import xarray as xr

    chains = {"chain": np.arange(draws.shape[0]), "draw": np.arange(draws.shape[1])}
    named = variables(model)
    labels = {named[block.name].dim: np.array(block.labels, dtype=object) for block in model.blocks}
    labels.pop(None, None)
    dims = {variable.name: (variable.dim,) if variable.dim else () for variable in named.values()}
    values = {name: (("chain", "draw", *dims[name]), array) for name, array in split(model, draws).items()}
    groups = {"posterior": xr.Dataset(values, {**chains, **labels}, attributes)}
    if sample_stats is not None:
        statistics = {name: (("chain", "draw"), array) for name, array in sample_stats.items()}
        groups["sample_stats"] = xr.Dataset(statistics, chains, attributes)
    predicted = function_values(model, draws)
    if predicted is not None:
        groups[FUNCTION_VALUES] = predicted
    return xr.DataTree.from_dict(groups)


def flat_draws(posterior: Mapping[str, NDArray[Any]]) -> Floats:
    """Lay variables of shape (chain, draw) or (chain, draw, k) side by side, in their order.

    Returns shape (chain, draw, d), float64.
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in posterior.values()]
    return np.concatenate([array.reshape(*array.shape[:2], -1) for array in arrays], axis=2)
