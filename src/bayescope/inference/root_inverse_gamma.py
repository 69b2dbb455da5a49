"""`RootInverseGamma`: the standard deviation whose square, the variance, is InverseGamma."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import override

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.marginal_base import StoredMarginal
from bayescope.inference.named_marginals import InverseGamma, number_text

type Floats = NDArray[np.float64]

_LARGE = 100.0
# of (Gamma(x + 1/2) / Gamma(x))^2 = x - 1/4 + 1 / (32 x) + 1 / (128 x^2) - ..., to 1e-14 for x > 99
_SERIES = (1 / 32, 1 / 128, -5 / 2048, -23 / 8192, 53 / 65536)


@dataclass(frozen=True, repr=False)
class RootInverseGamma(StoredMarginal):
    """sigma with sigma^2 ~ InverseGamma(alpha, beta), a scaled inverse chi distribution.

    p(sigma) = 2 beta^alpha / Gamma(alpha) sigma^(-2 alpha - 1) exp(-beta / sigma^2); the mean is inf for
    alpha <= 1/2, the sd for alpha <= 1. Source: Bernardo and Smith, Bayesian Theory (1994), appendix A.
    """

    alpha: float
    beta: float

    @override
    def __str__(self) -> str:
        return f"sqrt InverseGamma({number_text(self.alpha)}, {number_text(self.beta)})"

    @property
    @override
    def mean(self) -> float:
        if self.alpha <= 0.5:
            return math.inf
        return math.sqrt(self.beta / (self.alpha - 0.75 + self._rest))

    @property
    @override
    def sd(self) -> float:
        if self.alpha <= 1.0:
            return math.inf
        # beta (1 / (alpha - 1) - 1 / ratio), with ratio = alpha - 3/4 + rest: nothing cancels
        ratio = self.alpha - 0.75 + self._rest
        return math.sqrt(self.beta * (0.25 + self._rest) / (ratio * (self.alpha - 1.0)))

    @cached_property
    def _rest(self) -> float:
        """(Gamma(alpha) / Gamma(alpha - 1/2))^2 - (alpha - 3/4), for alpha > 1/2."""
        x = self.alpha - 0.5
        if self.alpha > _LARGE:
            return sum(c * x ** -(k + 1) for k, c in enumerate(_SERIES))
        ratio = scipy.special.gamma(self.alpha) / scipy.special.gamma(x)
        return float(ratio**2 - (self.alpha - 0.75))

    @property
    @override
    def mode(self) -> float:
        return math.sqrt(self.beta / (self.alpha + 0.5))

    @property
    def _variance(self) -> InverseGamma:
        return InverseGamma(self.alpha, self.beta)

    @override
    def log_pdf(self, x: Floats) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        inside = (x > 0) & (x < np.inf)
        safe = np.where(inside, x, 1.0)
        with np.errstate(over="ignore", under="ignore"):
            value = self._variance.log_pdf(safe**2) + np.log(2 * safe)
        return np.where(inside, value, -np.inf)

    @override
    def cdf(self, x: Floats) -> Floats:
        with np.errstate(over="ignore", under="ignore"):
            return self._variance.cdf(np.maximum(np.asarray(x, dtype=np.float64), 0.0) ** 2)

    @override
    def quantile(self, q: Floats) -> Floats:
        return np.sqrt(self._variance.quantile(q))
