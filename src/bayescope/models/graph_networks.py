"""Networks in the PyMC graph: the same arithmetic as `networks`, on symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayescope.models.networks import Network, layer_names


def network_output(network: Network, inputs: Any, coefficients: Any) -> Any:
    """Return eta, shape (n,), of inputs (n, p) and coefficients (k,); tensors are named like their layers."""
    activation, values = _activations()[network.activation], inputs
    for name, layer in zip(layer_names(network), network.layers, strict=True):
        weights = coefficients[layer.start : layer.biases[0]].reshape((layer.inputs, layer.units))
        biases = coefficients[layer.biases[0] : layer.stop]
        weights.name, biases.name = name, f"{name}.bias"
        values = values @ weights + biases
        if name != "output":
            values = activation(values)
    return values[:, 0]


def _activations() -> Mapping[str, Callable[[Any], Any]]:
    import pytensor.tensor as pt

    zero = np.asarray(0.0)
    return {
        "tanh": pt.tanh,
        "relu": lambda z: pt.switch(z > zero, z, zero),
        "softplus": pt.softplus,
        "logistic": pt.sigmoid,
    }
