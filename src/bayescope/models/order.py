"""Unknowns that rise from each to the next: the cutpoints between ordered levels.

They are the K - 1 independent draws from their prior in order of size: their density is (K - 1)! times the
product of the priors where they rise, and 0 elsewhere, which the likelihood sees to.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.choices import PRIORS
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.models.model import Model

type Floats = NDArray[np.float64]


def ordered_positions(model: Model) -> NDArray[np.intp]:
    """Return the positions in theta of the unknowns that rise from each to the next."""
    found = [p.index for p in model.predictors if p.parameter in model.likelihood.ordered]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)


def in_order(model: Model, thetas: Floats) -> NDArray[np.bool_]:
    """Tell which theta, shape (..., d), have their cutpoints in order."""
    return np.asarray(np.all(np.diff(thetas[..., ordered_positions(model)], axis=-1) > 0, axis=-1))


def log_orders(model: Model) -> float:
    """Return log (K - 1)!: of so many orders of K - 1 independent cutpoints the density has one alone.

    0 where they have a flat prior, which has no constant.
    """
    count = len(ordered_positions(model))
    block = next((block for block in model.blocks if block.name == CUTPOINTS), None)
    if count < 2 or block is None or not PRIORS[block.prior.distribution].proper:
        return 0.0
    return math.lgamma(count + 1)
