"""A model with some of its unknowns fixed: the same data and priors, fewer unknowns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled, Value
from bayescope.models.model import Block, Model, Predictor, Prior
from bayescope.models.scales import source_of, value_of

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


def fix(model: Model, free: Flags, theta: Floats) -> Model:
    """Return the model in which only the `free` unknowns, shape (d,), are left.

    The others are fixed at their values in `theta`, shape (d,): their columns of the design go to the
    offset, and their priors, which are constants now, leave the density. Theta of the result has the
    free elements in their order. Vectors of probabilities must be free as a whole or not at all.
    """
    if free.all():
        return model
    position, names = np.cumsum(free) - 1, model.names
    return replace(
        model,
        predictors=tuple(_predictor(predictor, free, position, theta) for predictor in model.predictors),
        blocks=tuple(
            _block(
                replace(block, prior=_with_numbers(model, block.prior, free, theta)),
                kept,
                int(position[block.start + int(np.argmax(kept))]),
            )
            for block in model.blocks
            if (kept := free[block.start : block.stop]).any()
        ),
        fixed={
            **model.fixed,
            **{names[i]: float(theta[i]) for i in np.flatnonzero(~free)},
        },
    )


def _with_numbers(model: Model, prior: Prior, free: Flags, theta: Floats) -> Prior:
    """Put numbers in the place of scales that are multiples of an unknown that is fixed."""

    def number(value: Value) -> Value:
        if isinstance(value, Scaled) and not free[source_of(model, value).position]:
            return float(value_of(model, value, theta))
        return value

    return Prior(prior.distribution, {name: number(value) for name, value in prior.arguments.items()})


def _predictor(predictor: Predictor, free: Flags, position: NDArray[np.intp], theta: Floats) -> Predictor:
    kept = free[predictor.index]
    if kept.all():
        return replace(predictor, index=position[predictor.index])
    known = theta[predictor.index[~kept]]
    if predictor.matrix is None:
        offset: Floats | float = predictor.offset + float(known.sum())
        return replace(predictor, index=position[predictor.index[kept]], offset=offset)
    moving = known != 0.0
    return replace(
        predictor,
        matrix=np.ascontiguousarray(predictor.matrix[:, kept]),
        index=position[predictor.index[kept]],
        offset=predictor.offset + predictor.matrix[:, ~kept][:, moving] @ known[moving]
        if moving.any()
        else predictor.offset,
    )


def _block(block: Block, kept: Flags, start: int) -> Block:
    def chosen(value: Value) -> Value:
        return tuple(np.array(value)[kept].tolist()) if isinstance(value, tuple) else value

    labels = tuple(label for label, is_kept in zip(block.labels, kept, strict=True) if is_kept)
    arguments = {name: chosen(value) for name, value in block.prior.arguments.items()}
    return replace(block, labels=labels, start=start, prior=Prior(block.prior.distribution, arguments))
