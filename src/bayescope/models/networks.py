"""Neural networks as linear predictors: eta = f_theta(x), a multilayer perceptron, with its derivatives.

    a_0 = x,    z_l = a_{l-1} W_l + b_l,    a_l = g(z_l),    eta = a_L w + b

With lambda_l = d eta / d a_l and delta_l = d eta / d z_l = lambda_l g'(z_l), found from the last layer to the
first,

    d eta / d W_l = a_{l-1} delta_l',                    d eta / d b_l = delta_l
    d2 eta = sum_l [ sum_h lambda_lh g''(z_lh) dz_lh dz_lh'
                     + sum_ij delta_lj (dW_l,ij da_{l-1,i}' + da_{l-1,i} dW_l,ij') ]

(Bishop, Pattern Recognition and Machine Learning, 2006, sections 5.3 and 5.4.) The second derivatives are
exact, not those of Gauss and Newton, which leave them out: the solver's last steps are then Newton's, and the
curvature at a mode is that of the posterior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

MOST_WEIGHTS = 1000
"""Weights and biases of one network: the Hessian has the square of so many elements."""

_ELEMENTS = 2_000_000  # of an array made on the way


@dataclass(frozen=True)
class Activation:
    """What a hidden unit does to its input, elementwise, and two derivatives (of relu at 0: 0)."""

    formula: str
    value: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    curvature: Callable[[Floats], Floats]
    smooth: bool = True


def _logistic(z: Floats) -> Floats:
    return np.asarray(scipy.special.expit(z))


def _tanh_slope(z: Floats) -> Floats:
    return 1.0 - np.tanh(z) ** 2


def _logistic_slope(z: Floats) -> Floats:
    return _logistic(z) * _logistic(-z)


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "tanh": Activation("tanh(z)", np.tanh, _tanh_slope, lambda z: -2.0 * np.tanh(z) * _tanh_slope(z)),
        "relu": Activation(
            "max(z, 0)",
            lambda z: np.maximum(z, 0.0),
            lambda z: (z > 0).astype(np.float64),
            np.zeros_like,
            smooth=False,
        ),
        "softplus": Activation("log(1 + exp(z))", lambda z: np.logaddexp(0.0, z), _logistic, _logistic_slope),
        "logistic": Activation(
            "1 / (1 + exp(-z))",
            _logistic,
            _logistic_slope,
            lambda z: _logistic_slope(z) * (1.0 - 2.0 * _logistic(z)),
        ),
    }
)


@dataclass(frozen=True)
class Layer:
    """Where one layer is in the vector of coefficients: its weights, input by input, then its biases."""

    start: int
    inputs: int
    units: int

    @property
    def weights(self) -> NDArray[np.intp]:
        """Positions of the weights, shape (inputs, units)."""
        return self.start + np.arange(self.inputs * self.units).reshape(self.inputs, self.units)

    @property
    def biases(self) -> NDArray[np.intp]:
        """Positions of the biases, shape (units,)."""
        return self.start + self.inputs * self.units + np.arange(self.units)

    @property
    def stop(self) -> int:
        """One past the last position."""
        return self.start + (self.inputs + 1) * self.units


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron with one output.

    Attributes:
        inputs: names of the columns that go in, shape (p,).
        hidden: units of each hidden layer.
        activation: name in the table of activations, of all hidden units.
    """

    inputs: tuple[str, ...]
    hidden: tuple[int, ...]
    activation: str

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The hidden layers, then the output."""
        layers: list[Layer] = []
        sizes = (len(self.inputs), *self.hidden, 1)
        for inputs, units in pairwise(sizes):
            layers.append(Layer(layers[-1].stop if layers else 0, inputs, units))
        return tuple(layers)

    @property
    def size(self) -> int:
        """Number of weights and biases, k."""
        return self.layers[-1].stop

    @property
    def text(self) -> str:
        """Say what it is: `mlp(x, z; 16 tanh)`."""
        return f"mlp({', '.join(self.inputs)}; {' x '.join(map(str, self.hidden))} {self.activation})"


def as_data(network: Network) -> dict[str, Any]:
    """Describe a network as JSON-able data, for `from_data`."""
    return {"inputs": list(network.inputs), "hidden": list(network.hidden), "activation": network.activation}


def from_data(data: Mapping[str, Any]) -> Network:
    """Make the network that `as_data` described."""
    return Network(tuple(data["inputs"]), tuple(data["hidden"]), data["activation"])


def layer_names(network: Network) -> tuple[str, ...]:
    """Name the layers: "layer1", ..., "output"."""
    return (*(f"layer{number}" for number in range(1, len(network.hidden) + 1)), "output")


def layer_labels(network: Network) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Name the weights of each layer, `layer1[x, h3]`, and its biases, `layer1.bias[h3]`."""
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    sources = network.inputs
    for name, layer in zip(layer_names(network), network.layers, strict=True):
        if name == "output":
            found.append((tuple(f"output[{source}]" for source in sources), ("output.bias",)))
        else:
            units = tuple(f"h{number}" for number in range(1, layer.units + 1))
            weights = tuple(f"{name}[{source}, {unit}]" for source in sources for unit in units)
            found.append((weights, tuple(f"{name}.bias[{unit}]" for unit in units)))
            sources = units
    return tuple(found)


def forward(network: Network, matrix: Floats, coefficients: Floats) -> Floats:
    """Compute the network's output of every row: matrix (n, p), coefficients (..., k), result (..., n)."""
    flat = coefficients.reshape(-1, coefficients.shape[-1])
    step = max(1, _ELEMENTS // max(1, len(matrix) * max(network.hidden)))
    parts = [_output(network, matrix, flat[i : i + step]) for i in range(0, len(flat), step)]
    found = np.concatenate(parts) if parts else np.zeros((0, len(matrix)))
    return found.reshape(*coefficients.shape[:-1], len(matrix))


def _output(network: Network, matrix: Floats, coefficients: Floats) -> Floats:
    """The output at several coefficients at once, shape (S, k) to (S, n)."""
    values: Floats = matrix[np.newaxis]
    for layer in network.layers:
        z = values @ coefficients[:, layer.weights] + coefficients[:, np.newaxis, layer.biases]
        values = z if layer is network.layers[-1] else ACTIVATIONS[network.activation].value(z)
    return values[:, :, 0]


def jacobian(network: Network, matrix: Floats, coefficients: Floats) -> Floats:
    """Compute d eta / d theta, which takes the place of a design matrix: matrix (n, p), result (n, k)."""
    run = _run(network, matrix, coefficients)
    found = np.empty((len(matrix), network.size))
    for layer, values, delta in zip(network.layers, run.values, run.deltas, strict=True):
        products = values[:, :, np.newaxis] * delta[:, np.newaxis, :]
        found[:, layer.weights.ravel()] = products.reshape(len(matrix), -1)
        found[:, layer.biases] = delta
    return found


def curvature(network: Network, matrix: Floats, coefficients: Floats, weights: Floats) -> Floats:
    """Compute sum_i weights_i d2 eta_i / d theta d theta', shape (k, k); `weights` has shape (n,)."""
    total = np.zeros((network.size, network.size))
    step = max(1, _ELEMENTS // (max(network.hidden) * network.size))
    for start in range(0, len(matrix), step):
        rows = slice(start, start + step)
        total += _curvature(network, matrix[rows], coefficients, weights[rows])
    return total + total.T


@dataclass(frozen=True)
class _Run:
    """One pass forwards and back: for each layer its inputs a, z, d eta / d a and d eta / d z."""

    values: list[Floats]
    inputs: list[Floats]
    adjoints: list[Floats]
    deltas: list[Floats]


def _run(network: Network, matrix: Floats, coefficients: Floats) -> _Run:
    activation = ACTIVATIONS[network.activation]
    values, inputs = [matrix], []
    for layer in network.layers:
        inputs.append(values[-1] @ coefficients[layer.weights] + coefficients[layer.biases])
        values.append(activation.value(inputs[-1]))
    adjoints, deltas = [np.ones((len(matrix), 1))], [np.ones((len(matrix), 1))]
    for layer, z in zip(network.layers[:0:-1], inputs[-2::-1], strict=True):
        adjoints.insert(0, deltas[0] @ coefficients[layer.weights].T)
        deltas.insert(0, adjoints[0] * activation.slope(z))
    return _Run(values[:-1], inputs, adjoints, deltas)


def _curvature(network: Network, matrix: Floats, coefficients: Floats, weights: Floats) -> Floats:
    """Half of the curvature: a matrix whose sum with its transpose is the whole."""
    activation, run = ACTIVATIONS[network.activation], _run(network, matrix, coefficients)
    half = np.zeros((network.size, network.size))
    tangents: Floats | None = None  # da_{l-1} / d theta, shape (n, inputs, k)
    for number, layer in enumerate(network.layers):
        weighted = run.deltas[number] * weights[:, np.newaxis]
        if tangents is not None:
            mixed = np.einsum("nj,nik->ijk", weighted, tangents, optimize=True)
            half[layer.weights.ravel()] += mixed.reshape(-1, network.size)
        if layer is network.layers[-1]:
            break
        z = run.inputs[number]
        slopes = _tangents(network, layer, run.values[number], coefficients, tangents)
        bend = 0.5 * weights[:, np.newaxis] * run.adjoints[number] * activation.curvature(z)
        flat = slopes.reshape(-1, network.size)
        half += flat.T @ (bend.reshape(-1, 1) * flat)
        tangents = slopes * activation.slope(z)[:, :, np.newaxis]
    return half


def _tangents(
    network: Network, layer: Layer, values: Floats, coefficients: Floats, before: Floats | None
) -> Floats:
    """dz_l / d theta, shape (n, units, k), from da_{l-1} / d theta."""
    found = np.zeros((len(values), layer.units, network.size))
    if before is not None:
        found += np.einsum("nik,ih->nhk", before, coefficients[layer.weights], optimize=True)
    unit = np.arange(layer.units)
    found[:, unit[np.newaxis, :], layer.weights] = values[:, :, np.newaxis]
    found[:, unit, layer.biases] = 1.0
    return found
