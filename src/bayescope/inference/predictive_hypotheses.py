"""What finite hypotheses predict: their distributions, averaged by the probabilities of the hypotheses.

p(y_new | y) = sum over k of p(h_k | y) p(y_new | h_k)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import BayescopeError
from bayescope.inference.predictive import Predictive
from bayescope.inference.predictive_given import given
from bayescope.inference.predictive_heads import Component
from bayescope.models.hypotheses import known_head
from bayescope.models.model import Model

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Side:
    """Components of different families side by side: each of `parts` is one."""

    parts: tuple[Component, ...]

    @property
    def discrete(self) -> bool:
        """Whether responses are whole numbers."""
        return self.parts[0].discrete

    @property
    def mean(self) -> Floats:
        """Means, shape (K, n)."""
        return self._each(lambda part: part.mean)

    @property
    def sd(self) -> Floats:
        """Standard deviations, shape (K, n)."""
        return self._each(lambda part: part.sd)

    def log_density(self, y: Floats) -> Floats:
        """Log density, or log probability."""
        return self._each(lambda part: part.log_density(y))

    def cdf(self, y: Floats) -> Floats:
        """Probability of at most y."""
        return self._each(lambda part: part.cdf(y))

    def quantile(self, q: Floats) -> Floats:
        """Inverse of `cdf`."""
        return self._each(lambda part: part.quantile(q))

    def _each(self, function: Callable[[Component], Floats]) -> Floats:
        return np.concatenate([function(part) for part in self.parts], axis=-2)


def predict_hypotheses(model: Model, probabilities: Floats) -> Predictive:
    """Predict the rows of `model` by its hypotheses, with probabilities of shape (K,).

    One draw of responses is of one hypothesis. Hypotheses of probability 0 take no part.

    Raises:
        BayescopeError: the predictive of a likelihood is not known.
    """
    possible = np.flatnonzero(probabilities > 0)
    weights = probabilities[possible]
    specs = [list(model.hypotheses.values())[k] for k in possible]
    rows = len(model.response.values)
    terms = [f"{weight:.6g} {spec}" for weight, spec in zip(weights, specs, strict=True)]
    text = str(specs[0]) if len(specs) == 1 else " + ".join(terms)

    def draw(rng: np.random.Generator, size: int) -> Floats:
        theta = np.zeros((size, len(probabilities)))
        theta[:, possible] = rng.multinomial(1, weights / weights.sum(), size=size)
        every_row = np.broadcast_to(theta[:, None, :], (size, rows, theta.shape[1]))
        return model.likelihood.sample(rng, None, (every_row,))

    return Predictive(
        text=(text,) * rows,
        component=Side(tuple(_component(model, int(k)) for k in possible)),
        weights=weights / weights.sum(),
        draw=draw,
    )


def _component(model: Model, k: int) -> Component:
    head = known_head(list(model.hypotheses.values())[k], model.response.levels)
    n = None if head.trials is None else np.array([head.trials])
    psi = tuple(np.reshape(value, (1, -1)) for value in head.psi)
    found = given(head.likelihood, n, psi)
    if found is None:
        raise BayescopeError(f"the predictive distribution of {head.likelihood.name} is not known")
    return found
