"""The posterior of one hypothesis: 1 if it is the true one, else 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import override

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.marginal_base import NamedMarginal

type Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Bernoulli(NamedMarginal):
    """Bernoulli(p) on {0, 1}: `pdf` is its mass, and the mean is p. The mode is nan for p = 1/2."""

    p: float

    @override
    def __str__(self) -> str:
        return f"Bernoulli({self.p:.6g})"

    @property
    @override
    def mean(self) -> float:
        return self.p

    @property
    @override
    def sd(self) -> float:
        return math.sqrt(self.p * (1.0 - self.p))

    @property
    @override
    def mode(self) -> float:
        return math.nan if self.p == 0.5 else float(self.p > 0.5)

    @override
    def log_pdf(self, x: Floats) -> Floats:
        mass = np.where(np.asarray(x) == 1.0, self.p, np.where(np.asarray(x) == 0.0, 1.0 - self.p, 0.0))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(mass))

    @override
    def cdf(self, x: Floats) -> Floats:
        x = np.asarray(x)
        return np.where(x < 0.0, 0.0, np.where(x < 1.0, 1.0 - self.p, 1.0))

    @override
    def cdf_below(self, x: Floats) -> Floats:
        x = np.asarray(x)
        return np.where(x <= 0.0, 0.0, np.where(x <= 1.0, 1.0 - self.p, 1.0))

    @override
    def quantile(self, q: Floats) -> Floats:
        return np.where(np.asarray(q) > 1.0 - self.p, 1.0, 0.0)

    @override
    def entropy(self) -> float:
        """Entropy in nats: -p log p - (1 - p) log(1 - p)."""
        return float(scipy.special.entr(self.p) + scipy.special.entr(1.0 - self.p))
