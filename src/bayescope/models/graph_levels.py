"""The parts of a PyMC graph that only responses of levels have: predictors of classes, ordered cutpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.models.graph_names import Fresh
from bayescope.models.model import Block, Model
from bayescope.models.order import log_orders


def class_predictors(
    model: Model, coefficients: Callable[[Any], Any], row: str, fresh: Fresh
) -> dict[str, Any]:
    """Make the linear predictors of all classes by one product: X [row, column] times B [column, class].

    `coefficients(index)` is theta[index] as a part of the graph.
    """
    import pymc as pm
    import pytensor.tensor as pt

    first = model.location
    suffix = first.parameter.removeprefix("eta")
    column = fresh("column")
    labels = [model.names[i].removesuffix(suffix) for i in first.index]
    pm.modelcontext(None).add_coord(column, labels)
    design = pm.Data(fresh("X"), first.matrix, dims=(row, column))
    weights = pt.stack([coefficients(predictor.index) for predictor in model.predictors], axis=-1)
    etas = design @ weights
    if np.ndim(first.offset):
        etas = etas + pm.Data(fresh("offset"), first.offset, dims=row)[:, None]
    return {predictor.parameter: etas[:, k] for k, predictor in enumerate(model.predictors)}


def rising(model: Model, block: Block, fresh: Fresh) -> Mapping[str, Any]:
    """Return what makes the random variable of the cutpoints rise; nothing for another block.

    The potential `cutpoints_orders` is log (K - 1)!, the constant that belongs to ordered draws.
    """
    if not model.likelihood.ordered or block.name != CUTPOINTS or len(block.labels) < 2:
        return {}
    import pymc as pm
    import pytensor.tensor as pt

    if log_orders(model):
        pm.Potential(fresh(f"{CUTPOINTS}_orders"), pt.as_tensor_variable(np.asarray(log_orders(model))))
    starts = [model.likelihood.parameter(label).scale(0.0, 1.0) for label in block.labels]
    return {"default_transform": pm.distributions.transforms.ordered, "initval": np.array(starts)}
