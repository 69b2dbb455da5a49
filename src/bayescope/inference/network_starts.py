"""Where the search for a network's mode starts: several points, the same in every run.

Hidden units begin with weights of the size 1 / sqrt(inputs) of standardised inputs (LeCun et al. 1998,
Efficient BackProp) and with their bend at a row of the data, so that no unit starts where the data are not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.point_problem import PointProblem
from bayescope.models.defaults import moments
from bayescope.models.networks import Network, forward

type Floats = NDArray[np.float64]

STARTS = 8


def network_starts(problem: PointProblem, plain: Floats) -> list[Floats]:
    """Return eight starts: `plain`, shape (d,), with the weights of its networks drawn by fixed seeds.

    `plain` has the parameters that are the same in every row, and the bias of each output.
    """
    return [_start(problem, plain, np.random.default_rng(seed)) for seed in range(STARTS)]


def _start(problem: PointProblem, plain: Floats, rng: np.random.Generator) -> Floats:
    model, theta = problem.model, plain.copy()
    for predictor in model.predictors:
        if predictor.network is not None and predictor.matrix is not None:
            is_mean = predictor is model.location and predictor.link == "identity"
            size = float(np.std(model.response.values)) or 1.0 if is_mean else 0.1
            own = theta[predictor.index]
            theta[predictor.index] = _weights(predictor.network, predictor.matrix, own, size, rng)
    return theta


def _weights(
    network: Network, matrix: Floats, plain: Floats, size: float, rng: np.random.Generator
) -> Floats:
    """Draw the weights of a network whose output varies by about `size`; its last bias is that of `plain`."""
    values, found = matrix, plain.copy()
    for layer in network.layers[:-1]:
        _, sd = moments(values, None)
        weights = rng.standard_normal((layer.inputs, layer.units)) / (
            sd[:, np.newaxis] * np.sqrt(layer.inputs)
        )
        rows = values[rng.integers(len(values), size=layer.units)]
        found[layer.weights] = weights
        found[layer.biases] = -np.einsum("hi,ih->h", rows, weights)
        values = np.tanh(values @ weights + found[layer.biases])
    output = network.layers[-1]
    found[output.weights] = rng.standard_normal((output.inputs, 1))
    spread = float(np.std(forward(network, matrix, found))) or 1.0
    found[output.weights] *= 0.5 * size / spread
    return found
