"""Simulated regressions, their objectives in nats written out once more, and bayescope's side of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescope import pipeline
from bayescope.config.load import LoadedConfig
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context
from bayescope.inference.registry import METHODS
from bayescope.inference.sufficient import sufficient
from bayescope.models.model import Model
from bayescope.preparation import prepare, read_config

type Floats = NDArray[np.float64]
type Kind = Literal["linear", "logistic"]
type PriorKind = Literal["Flat", "Normal", "Laplace"]

INTERCEPT = 0.3
MODERATE = 1e-5  # nats by which objectives may differ


@dataclass(frozen=True, eq=False)
class Problem:
    """n rows, d predictors with a shared factor, half of the true slopes 0; sigma is 1, and known.

    `scale` is tau of Normal(0, tau) or b of Laplace(0, b); the intercept has a flat prior.
    """

    kind: Kind
    prior: PriorKind
    X: Floats
    y: Floats
    scale: float

    @property
    def size(self) -> str:
        """`1e5 x 20`."""
        return size_of(*self.X.shape)

    @property
    def frame(self) -> pd.DataFrame:
        """The columns x0, x1, ... and y."""
        return frame_of(self.X, self.y)

    def objective(self, intercept: float, slopes: Floats) -> float:
        """-log p(y | theta) - log p(theta) without its constants, nats."""
        eta = intercept + self.X @ slopes
        if self.kind == "linear":
            loss = 0.5 * float(np.sum((self.y - eta) ** 2))
        else:
            loss = float(np.sum(np.logaddexp(0.0, eta) - self.y * eta))
        if self.prior == "Normal":
            return loss + 0.5 * float(slopes @ slopes) / self.scale**2
        return loss + (float(np.abs(slopes).sum()) / self.scale if self.prior == "Laplace" else 0.0)


def size_of(n: int, d: int) -> str:
    """`1e5 x 20`."""
    power = math.log10(n)
    return f"{f'1e{power:.0f}' if power == round(power) else n} x {d}"


def frame_of(X: Floats, y: Floats) -> pd.DataFrame:
    """The columns x0, x1, ... and y."""
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])], copy=False)
    frame["y"] = y
    return frame


def simulate(kind: Kind, n: int, d: int, seed: int = 20261120) -> tuple[Floats, Floats]:
    """X of shape (n, d), and y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X += 0.3 * rng.normal(size=(n, 1))
    slopes = np.zeros(d)
    held = max(2, d // 2)
    slopes[:held] = rng.normal(size=held) / math.sqrt(held)
    eta = INTERCEPT + X @ slopes
    if kind == "linear":
        return X, eta + rng.normal(size=n)
    return X, (rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)


def problem(kind: Kind, prior: PriorKind, n: int, d: int) -> Problem:
    """A problem whose Laplace prior leaves some slopes and not others: 1 / b is twice the sd of a score."""
    X, y = simulate(kind, n, d)
    noise = math.sqrt(n) * (1.0 if kind == "linear" else 0.5)
    return Problem(kind, prior, X, y, 0.5 / noise if prior == "Laplace" else 1.0)


def configuration(one: Problem, method: str = "map") -> dict[str, Any]:
    """The same problem as a configuration."""
    prior = "Flat()" if one.prior == "Flat" else f"{one.prior}(0, {one.scale!r})"
    priors: dict[str, Any] = {"Intercept": "Flat()", "coefficients": prior}
    if one.kind == "linear":
        priors["sigma"] = 1.0
    likelihood = "Normal" if one.kind == "linear" else "Bernoulli"
    return {
        "name": "benchmark",
        "model": {"likelihood": likelihood, "formula": "y ~ .", "priors": priors},
        "inference": [method],
        "seed": 1,
    }


def build(config: Mapping[str, Any], data: Any) -> tuple[LoadedConfig, Model]:
    """Read, check and build: all that comes before the first method."""
    loaded = read_config(config, needs_data=False)
    return loaded, prepare(loaded, data)[1]


def point_fit(model: Model, method: str) -> Fit:
    """One fit by `mle` or `map` with its defaults."""
    chosen = METHODS[method]
    return chosen.fit(model, chosen.settings(), Context(seed=1))


def fresh(model: Model) -> Model:
    """A model with arrays of its own, so that nothing kept from an earlier run can be of use."""
    predictors = tuple(
        one if one.matrix is None else replace(one, matrix=one.matrix.copy("K")) for one in model.predictors
    )
    response = replace(model.response, values=np.array(model.response.values))
    return replace(model, predictors=predictors, response=response)


def point_of(fit: Fit) -> tuple[float, Floats]:
    """Intercept and slopes of a point estimate."""
    values = dict(zip(fit.names, np.asarray(fit.estimate), strict=True))
    slopes = np.array([value for name, value in values.items() if name not in ("Intercept", "sigma")])
    return float(values["Intercept"]), slopes


def whole_fit(config: Mapping[str, Any], data: Any) -> Fit:
    """From the data to the answer of one method: what `bayescope.run` does before it compares and checks."""
    loaded, model = build(config, data)
    asked = pipeline.ask(loaded.config, model, sufficient(model))
    return pipeline.fit_all(loaded.config, asked.model, pipeline.silent, asked.methods)[0]


def answered(fit: Fit) -> Fit:
    """The fit; what stands in the way of one becomes an error."""
    if not fit.answered:
        raise RuntimeError(f"{fit.method}: {fit.outcome.message}")
    return fit
