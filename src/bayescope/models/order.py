"""Unknowns that rise from each to the next: the cutpoints between ordered levels, the ends of a range.

Cutpoints are the K - 1 independent draws from their prior in order of size: their density is (K - 1)! times
the product of the priors where they rise, and 0 elsewhere, which the likelihood sees to. Two ends are draws
of which the lower is below the upper: their density is the product over P(lower < upper).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.choices import PRIORS
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.models.model import Model, Predictor
from bayescope.models.scales import scaled_of

type Floats = NDArray[np.float64]

_ROOM_ERROR = 1e-7  # of P(lower < upper), relative


def ordered_positions(model: Model) -> NDArray[np.intp]:
    """Return the positions in theta of the unknowns that rise from each to the next."""
    found = [p.index for p in model.predictors if p.parameter in model.likelihood.ordered]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)


def in_order(model: Model, thetas: Floats) -> NDArray[np.bool_]:
    """Tell which theta, shape (..., d), have their cutpoints in order."""
    return np.asarray(np.all(np.diff(thetas[..., ordered_positions(model)], axis=-1) > 0, axis=-1))


def log_constraints(model: Model) -> float:
    """Return by how many nats the density is above the product of the priors where the unknowns rise."""
    return log_orders(model) - (log_room(model) or 0.0)


def log_orders(model: Model) -> float:
    """Return log (K - 1)!: of so many orders of K - 1 independent cutpoints the density has one alone.

    0 where they have a flat prior, which has no constant.
    """
    count = len(ordered_positions(model))
    block = next((block for block in model.blocks if block.name == CUTPOINTS), None)
    if count < 2 or block is None or not PRIORS[block.prior.distribution].proper:
        return 0.0
    return math.lgamma(count + 1)


def log_room(model: Model) -> float | None:
    """Return log P(lower < upper) under the priors of a range's ends; 0 for a likelihood without such ends.

    None where it is not known: a prior is flat, depends on the other end, or is next to nothing where there
    is room.
    """
    if model.likelihood.exists is None:
        return 0.0
    lower, upper = (_end(model, predictor) for predictor in model.predictors)
    return None if lower is None or upper is None else _log_below(lower, upper)


type _End = float | tuple[str, tuple[float, ...]]


def _end(model: Model, predictor: Predictor) -> _End | None:
    """The value of an end, or its prior with the arguments; None for one that is no distribution alone."""
    if not len(predictor.index):
        return float(predictor.offset)
    block = next(block for block in model.blocks if block.start == predictor.index[0])
    distribution, given = PRIORS[block.prior.distribution], block.prior.arguments
    if not distribution.proper or scaled_of(given):
        return None
    return distribution.name, tuple(np.array([given[a.name] for a in distribution.arguments], float).tolist())


@cache
def _log_below(lower: _End, upper: _End) -> float | None:
    """Compute log of the integral of P(upper > x) over the prior of x = lower, by the quantiles of that."""
    mass, error = 1.0, 0.0
    if isinstance(upper, tuple) and isinstance(lower, tuple):
        below, above = PRIORS[lower[0]], PRIORS[upper[0]]
        mass, error = scipy.integrate.quad(
            lambda q: 1.0 - above.cdf(below.quantile(q, *lower[1]), *upper[1]),
            0, 1, epsabs=0, epsrel=1e-10, limit=500, full_output=1,
        )[:2]  # fmt: skip
    elif isinstance(upper, tuple):
        mass = 1.0 - float(PRIORS[upper[0]].cdf(lower, *upper[1]))
    elif isinstance(lower, tuple):
        mass = float(PRIORS[lower[0]].cdf(upper, *lower[1]))
    return math.log(mass) if mass > 0 and error <= _ROOM_ERROR * mass else None
