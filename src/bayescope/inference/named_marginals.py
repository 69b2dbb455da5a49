"""Posteriors of one scalar parameter that are a distribution of the table, under its name: `Gamma(12, 5)`."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import override

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS, Distribution
from bayescope.inference.marginal_base import NamedMarginal

type Floats = NDArray[np.float64]


def number_text(value: float) -> str:
    """Write a whole number in full, and any other with six digits."""
    return f"{value:.12g}" if value == round(value) else f"{value:.6g}"


class TableMarginal(NamedMarginal):
    """A dataclass named as in the table of distributions, its fields the arguments in the table's order."""

    @override
    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(number_text, astuple(self)))})"  # type: ignore[call-overload]

    @property
    def _entry(self) -> Distribution:
        return DISTRIBUTIONS[self.kind]

    @override
    def log_pdf(self, x: Floats) -> Floats:
        return np.asarray(self._entry.log_density(np.asarray(x), *astuple(self)))  # type: ignore[call-overload]

    @override
    def cdf(self, x: Floats) -> Floats:
        return np.asarray(self._entry.cdf(np.asarray(x), *astuple(self)))  # type: ignore[call-overload]

    @override
    def quantile(self, q: Floats) -> Floats:
        return np.asarray(self._entry.quantile(np.asarray(q), *astuple(self)))  # type: ignore[call-overload]


@dataclass(frozen=True, repr=False)
class Gamma(TableMarginal):
    """Gamma(alpha, beta), beta a rate. The mode is 0 where alpha is at most 1."""

    alpha: float
    beta: float

    @property
    @override
    def mean(self) -> float:
        return self.alpha / self.beta

    @property
    @override
    def sd(self) -> float:
        return math.sqrt(self.alpha) / self.beta

    @property
    @override
    def mode(self) -> float:
        return max(self.alpha - 1.0, 0.0) / self.beta


@dataclass(frozen=True, repr=False)
class InverseGamma(TableMarginal):
    """InverseGamma(alpha, beta), beta a scale; the mean is inf for alpha <= 1, the sd for alpha <= 2."""

    alpha: float
    beta: float

    @property
    @override
    def mean(self) -> float:
        return self.beta / (self.alpha - 1.0) if self.alpha > 1.0 else math.inf

    @property
    @override
    def sd(self) -> float:
        return self.mean / math.sqrt(self.alpha - 2.0) if self.alpha > 2.0 else math.inf

    @property
    @override
    def mode(self) -> float:
        return self.beta / (self.alpha + 1.0)


@dataclass(frozen=True, repr=False)
class StudentT(TableMarginal):
    """StudentT(nu, mu, sigma); the mean exists for nu > 1, the sd is inf for nu <= 2."""

    nu: float
    mu: float
    sigma: float

    @property
    @override
    def mean(self) -> float:
        return self.mu if self.nu > 1.0 else math.nan

    @property
    @override
    def sd(self) -> float:
        return self.sigma * math.sqrt(self.nu / (self.nu - 2.0)) if self.nu > 2.0 else math.inf

    @property
    @override
    def mode(self) -> float:
        return self.mu


@dataclass(frozen=True, repr=False)
class Pareto(TableMarginal):
    """Pareto(alpha, m) on [m, inf); the mean is inf for alpha <= 1, the sd for alpha <= 2."""

    alpha: float
    m: float

    @property
    @override
    def mean(self) -> float:
        return self.alpha * self.m / (self.alpha - 1.0) if self.alpha > 1.0 else math.inf

    @property
    @override
    def sd(self) -> float:
        if self.alpha <= 2.0:
            return math.inf
        return self.mean / math.sqrt(self.alpha * (self.alpha - 2.0))

    @property
    @override
    def mode(self) -> float:
        return self.m
