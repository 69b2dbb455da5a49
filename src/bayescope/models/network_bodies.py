"""Networks as bodies: their columns, their unknowns and the default priors of these.

With s_j and m_j the standard deviation and mean of column j, p columns, m and s the location and scale of the
linear predictor (see `defaults`), and n_l the inputs of layer l:

    weight of column j     Normal(0, 2.5 / (s_j sqrt(p)))
    bias of layer 1        Normal(0, sqrt(2.5^2 + sum_j (2.5 m_j / s_j)^2 / p))
    a deeper layer         Normal(0, 1 / sqrt(n_l)),  biases Normal(0, 1)
    the output             Normal(0, 2.5 s / sqrt(n_l)),  its bias Normal(m, 2.5 s)

Scales fall with the root of the inputs, so that what the network says a priori does not depend on how wide
it is (Neal, Bayesian Learning for Neural Networks, 1996, section 2.1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.bodies import Body as BodyConfig
from bayescope.data.design import Design
from bayescope.data.formula import Formula
from bayescope.distributions.supports import REAL
from bayescope.errors import ConfigError, Problem
from bayescope.models.blocks import Unknown
from bayescope.models.defaults import AUTOSCALE, moments, normal_prior
from bayescope.models.model import Model, Predictor, Prior
from bayescope.models.networks import MOST_WEIGHTS, Network, layer_labels, layer_names

type Floats = NDArray[np.float64]

WEIGHTS, BIASES = "weights", "biases"

NOTE = (
    "The weights of a network have no meaning one by one: units can change places, and signs with their "
    "outputs, without any change of its predictions. Read the predictions."
)


def network_of(
    bodies: Mapping[str, BodyConfig], parameter: str, design: Design, formula: Formula, *, is_location: bool
) -> Network | None:
    """Return the network that the configuration asks for as the body of `parameter`; None: it is linear.

    Raises:
        ConfigError: no column goes in, the formula has group terms, or there are too many weights.
    """
    found = bodies.get(parameter, bodies.get("") if is_location else None)
    if found is None:
        return None
    network = Network(design.labels[design.intercept :], found.mlp.hidden, found.mlp.activation)
    path = ("model", "body", parameter) if parameter in bodies else ("model", "body")
    problems = []
    if formula.groups:
        message = "a network takes the formula's columns, and no effects of groups: leave (1 | ...) out"
        problems.append(Problem(path, message))
    if not network.inputs:
        problems.append(
            Problem(path, "the formula has no predictor that the network could take: write y ~ x")
        )
    elif network.size > MOST_WEIGHTS:
        message = (
            f"the network has {network.size:,} weights and biases; at most {MOST_WEIGHTS:,} are possible"
        )
        problems.append(Problem(path, f"{message}: use fewer units"))
    if problems:
        raise ConfigError(problems)
    return network


def network_matrix(matrix: Floats, network: Network) -> Floats:
    """Return the columns of a design that go into a network: all but the constant one, shape (n, p)."""
    inputs = np.ascontiguousarray(matrix[:, matrix.shape[1] - len(network.inputs) :])
    inputs.setflags(write=False)
    return inputs


def network_labels(network: Network, prefix: str) -> tuple[str, ...]:
    """Name the coefficients of a network, in its order."""
    return tuple(prefix + label for pair in layer_labels(network) for labels in pair for label in labels)


def network_unknowns(
    network: Network, prefix: str, inputs: Floats, weights: Floats | None, center: tuple[float, float]
) -> tuple[Unknown, ...]:
    """Return the unknowns of a network: the weights and the biases of each layer.

    All weights share the line of priors `weights`, all biases `biases`; a layer may have its own by its name.
    `center` are location and scale of the linear predictor.
    """
    scales = _scales(network, inputs, weights, center)
    unknowns = []
    for name, (own, biases), (wide, bias) in zip(
        layer_names(network), layer_labels(network), scales, strict=True
    ):
        for ending, labels, shared, priors in (("", own, WEIGHTS, wide), (".bias", biases, BIASES, bias)):
            unknowns.append(
                Unknown(
                    prefix + name + ending,
                    tuple(prefix + label for label in labels),
                    REAL,
                    lambda priors=priors: priors,  # type: ignore[misc]
                    shared=prefix + shared,
                    vector=True,
                )
            )
    return tuple(unknowns)


def _scales(
    network: Network, inputs: Floats, weights: Floats | None, center: tuple[float, float]
) -> list[tuple[list[Prior], list[Prior]]]:
    """The default priors of the weights and of the biases of each layer."""
    mean, sd = moments(inputs, weights)
    location, scale = center
    found = []
    for number, layer in enumerate(network.layers):
        spread, bias = np.full(layer.inputs, 1.0 / math.sqrt(layer.inputs)), normal_prior(0.0, 1.0)
        if number == 0:
            spread = AUTOSCALE * spread / sd
            bias = normal_prior(0.0, float(np.hypot(AUTOSCALE, np.linalg.norm(spread * mean))))
        if layer is network.layers[-1]:
            spread, bias = AUTOSCALE * scale * spread, normal_prior(location, AUTOSCALE * scale)
        own = [normal_prior(0.0, float(value)) for value in spread for _ in range(layer.units)]
        found.append((own, [bias] * layer.units))
    return found


def networks(model: Model) -> tuple[Predictor, ...]:
    """Return the predictors that are networks."""
    return tuple(predictor for predictor in model.predictors if predictor.network is not None)


def network_names(blueprint: Mapping[str, Any]) -> frozenset[str]:
    """Name the weights and biases of a model's networks, by its blueprint."""
    return frozenset(
        label
        for data in blueprint.get("predictors", ())
        if data.get("network") is not None
        for label in data["columns"]
    )
