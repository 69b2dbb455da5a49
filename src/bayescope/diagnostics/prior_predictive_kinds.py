"""How simulated responses of each kind are made, judged and summarised: numbers, chances, categories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.supports import BINARY, Support
from bayescope.inference.predictive_draws import psi_at
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

FAR = 1000.0
"""A response farther from the middle of the data than so many times the farthest observed is absurd."""

CERTAIN = 0.999
"""A probability beyond this cannot be told from 1 by data of ordinary size."""

LARGEST = 1e15
"""Beyond this a count is not drawn, but taken for its mean."""

_SMALLEST = 1e-100
_MOST_FAR = 0.35
_MOST_CERTAIN = 0.75
_MOST_LEVELS = 12


class Simulated(NamedTuple):
    """What is judged, and the simulated responses, each of shape (S, n)."""

    judged: Floats
    responses: Floats


@dataclass(frozen=True)
class Kind:
    """How responses of one kind are simulated and judged.

    Attributes:
        quantity: what the share is of.
        limit: the largest share that passes.
        simulate: (model, generator, thetas) -> what is judged, and the responses.
        absurd: (model, judged) -> which of it no data could have, shape (S, n).
        summarise: (model, responses of shape (..., n)) -> statistics by name, shape (...).
    """

    quantity: str
    limit: float
    simulate: Callable[[Model, np.random.Generator, Floats], Simulated]
    absurd: Callable[[Model, Floats], NDArray[np.bool_]]
    summarise: Callable[[Model, Floats], dict[str, Floats]]


def _parameters(model: Model, thetas: Floats) -> list[Floats]:
    shape = (len(thetas), len(model.response.values))
    if model.likelihood.categorical:
        return [np.broadcast_to(p[:, np.newaxis], (*shape, p.shape[-1])) for p in psi_at(model, thetas)]
    return [np.broadcast_to(values, shape) for values in psi_at(model, thetas)]


def _numbers(model: Model, rng: np.random.Generator, thetas: Floats) -> Simulated:
    """Draw responses; one whose parameters no generator takes is its location."""
    psi = _parameters(model, thetas)
    supports = [parameter.support for parameter in model.likelihood.parameters]
    tame = np.all([_inside(values, each) for values, each in zip(psi, supports, strict=True)], axis=0)
    if model.likelihood.exists is not None:
        tame &= model.likelihood.exists(psi)
    place = model.predictors.index(model.location)
    if not tame.any():
        return Simulated(psi[place], psi[place])
    safe = tuple(np.where(tame, values, values[tame][0]) for values in psi)
    drawn = np.where(tame, model.likelihood.sample(rng, None, safe), psi[place])
    return Simulated(drawn, drawn)


def _inside(values: Floats, support: Support) -> NDArray[np.bool_]:
    """Tell which values of a parameter a generator takes: inside of its support, and not too large."""
    below, above = values - support.lower > _SMALLEST, support.upper - values > 1.0 / LARGEST
    return np.asarray((np.abs(values) < LARGEST) & below & above)


def _far(model: Model, simulated: Floats) -> NDArray[np.bool_]:
    middle, reach = middle_and_reach(model)
    return ~(np.abs(simulated - middle) <= FAR * reach)


def middle_and_reach(model: Model) -> tuple[float, float]:
    """Return the median of the data, and the largest distance from it (of a constant response, its size)."""
    values = model.response.values
    middle = float(np.median(values))
    return middle, float(np.abs(values - middle).max()) or abs(middle) or 1.0


def _moments(_model: Model, responses: Floats) -> dict[str, Floats]:
    # the median: the mean of many rows under a log link is that of the largest
    return {"median": np.median(responses, axis=-1), "sd": responses.std(axis=-1)}


def _chances(model: Model, rng: np.random.Generator, thetas: Floats) -> Simulated:
    """Compute the probability of a success, and draw successes."""
    psi, trials = _parameters(model, thetas), model.response.trials
    if trials is None:
        p = np.exp(model.likelihood.log_density(np.ones(psi[0].shape), None, tuple(psi)))
        return Simulated(p, (rng.uniform(size=p.shape) < p).astype(np.float64))
    p = psi[model.predictors.index(model.location)]
    return Simulated(p, rng.binomial(trials.astype(np.int64), np.clip(p, 0.0, 1.0)).astype(np.float64))


def _certain(_model: Model, p: Floats) -> NDArray[np.bool_]:
    return ~((p > 1.0 - CERTAIN) & (p < CERTAIN))


def _rate(model: Model, responses: Floats) -> dict[str, Floats]:
    tried = responses.shape[-1] if model.response.trials is None else model.response.trials.sum()
    return {"success rate": responses.sum(axis=-1) / tried}


def _categories(model: Model, rng: np.random.Generator, thetas: Floats) -> Simulated:
    """Compute the probability of the likeliest category, and draw categories."""
    psi, head = tuple(_parameters(model, thetas)), model.likelihood
    p = psi[0] if head.probabilities is None else head.probabilities(psi)
    drawn = (rng.uniform(size=(*p.shape[:-1], 1)) >= np.cumsum(p, axis=-1)[..., :-1]).sum(axis=-1)
    return Simulated(p.max(axis=-1), drawn.astype(np.float64))


def _shares(model: Model, responses: Floats) -> dict[str, Floats]:
    names = model.response.levels[:_MOST_LEVELS]
    return {f"share of {name}": np.mean(responses == k, axis=-1) for k, name in enumerate(names)}


NUMBERS = Kind(
    f"simulated responses more than {FAR:,.0f} times as far from the middle of the data as any observed",
    _MOST_FAR, _numbers, _far, _moments,
)  # fmt: skip
_CHANCES = Kind(
    f"rows whose response is certain to within {1.0 - CERTAIN:.3f}", _MOST_CERTAIN, _chances, _certain, _rate
)
_CATEGORIES = Kind(
    f"rows whose category is certain to within {1.0 - CERTAIN:.3f}",
    _MOST_CERTAIN, _categories, _certain, _shares,
)  # fmt: skip


def kind_of(model: Model) -> Kind | None:
    """Return how responses of the model's kind are judged; None for vectors and for hypotheses."""
    head = model.likelihood
    if head.multivariate or model.hypotheses:
        return None
    if head.categorical or head.by_level:
        return _CATEGORIES
    return _CHANCES if head.response == BINARY or head.needs_trials else NUMBERS
