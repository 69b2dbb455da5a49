"""Models whose linear predictor is a neural network, and what the methods cannot say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.newton import Solution
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks
from bayescope.models.networks import ACTIVATIONS
from bayescope.models.prior_density import element_priors

MOST_SAMPLED = 200
"""Weights and biases up to which Markov chains are let loose on a network."""

SYMMETRY = (
    "a network's posterior has each of its modes many times over, with hidden units exchanged or their signs "
    "flipped, and this is a Normal at one of them, with the predictions of the network's tangent there"
)


def refuse_network(model: Model, method: str) -> None:
    """Refuse a method that needs a linear predictor, or a posterior with one mode. Raises NotApplicable."""
    if networks(model):
        name = networks(model)[0].parameter
        raise NotApplicable(
            f"{name} is a neural network of the columns, and {method} needs a posterior of few unknowns "
            "and one mode.",
            map="for the best network",
            laplace="for a Normal around it",
            nuts="for the posterior of this model",
        )


def weights_of(model: Model) -> int:
    """Count the weights and biases of a model's networks."""
    return sum(len(predictor.index) for predictor in networks(model))


def refuse_large_network(model: Model) -> None:
    """Refuse to sample the weights of a large network. Raises NotApplicable."""
    if (size := weights_of(model)) > MOST_SAMPLED:
        raise NotApplicable(
            f"the network has {size} weights and biases; chains are run on at most {MOST_SAMPLED}.",
            "Write fewer hidden units.",
            map="for the best network",
            laplace="for a Normal around it",
        )


def refuse_network_mode(model: Model, *, prior: bool) -> None:
    """Refuse networks whose density has no mode that a solver could find.

    With as many weights as rows, an unknown sigma that is the same in every row has an infinite density where
    the network passes through every row. A flat prior of a weight lets it grow without end.

    Raises:
        NotApplicable: the noise or the activation has a kink.
        FitError: the density has no maximum.
    """
    found = networks(model)
    if model.likelihood.kinked and found:
        raise NotApplicable(
            f"{model.likelihood.name} noise has a kink at every row, and the search for a network needs "
            "slopes.",
            "Write StudentT noise, which is robust too.",
            nuts="for the posterior of this model",
        )
    activations = {part.network.activation for part in found if part.network is not None}
    kinked = [name for name in activations if not ACTIVATIONS[name].smooth]
    if kinked:
        raise NotApplicable(
            f"{kinked[0]} has a kink, and the modes of a network of such units sit on kinks, where no slope "
            "tells a mode from another point.",
            "Write softplus or tanh.",
            nuts="for the posterior of this model",
        )
    priors = element_priors(model)
    flat = [model.names[i] for part in found for i in part.index if prior and priors[i][0] == "Flat"]
    if flat:
        raise FitError(
            f"the posterior has no mode: the prior of {flat[0]} is flat, and a weight can grow without end.",
            "Give weights and biases proper priors, such as Normal(0, 1).",
        )
    name = model.likelihood.degenerate.partition(" -> ")[0]
    spread = next((p for p in model.predictors if p.parameter == name and p.matrix is None), None)
    if spread is not None and len(spread.index) and _can_interpolate(model):
        raise FitError(
            f"the network has {len(model.location.index)} weights for {model.response.observations:.15g} "
            "observations: it can pass through all of them, where the density is unbounded "
            f"({model.likelihood.degenerate}).",
            f"Use fewer hidden units, or fix {name}.",
        )


def _can_interpolate(model: Model) -> bool:
    """Tell whether the location has a weight for each row, and no two rows contradict each other."""
    location, response = model.location, model.response
    if location.network is None or location.matrix is None:
        return False
    occurs = np.ones(len(response.values), dtype=bool) if response.weights is None else response.weights > 0
    distinct = len(np.unique(location.matrix[occurs], axis=0))
    with_response = np.column_stack([location.matrix, response.values])[occurs]
    return len(location.index) >= distinct == len(np.unique(with_response, axis=0))


def search_details(model: Model, solutions: Sequence[Solution]) -> dict[str, Any]:
    """Say by how many nats the end of each search is above the best, in order."""
    if not networks(model):
        return {}
    values = sorted(solution.value for solution in solutions if solution.status == "converged")
    return {
        "converged_starts": len(values),
        "objective_above_best": [value - values[0] for value in values],
        "objective_spread": values[-1] - values[0] if values else None,
    }
