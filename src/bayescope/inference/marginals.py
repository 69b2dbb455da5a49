"""Posteriors of one scalar parameter: closed forms, a Normal mixture or push-forward, quadrature, draws.

Every class here follows the `Marginal` protocol and prints as the field writes it (`Beta(8, 6)`).
`to_arrays` gives its content as a plain dict of floats and arrays, from which
`marginal_from_arrays` makes an equal marginal again; that is how fits are stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, override

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.gamma_functions import log_beta
from bayescope.inference.choice_marginal import Bernoulli
from bayescope.inference.fit import Marginal
from bayescope.inference.grid_marginal import Gridded
from bayescope.inference.marginal_base import NamedMarginal, StoredMarginal, invert, peak
from bayescope.inference.named_marginals import Gamma, InverseGamma, Pareto, StudentT
from bayescope.inference.pushforward import Pushforward
from bayescope.inference.root_inverse_gamma import RootInverseGamma
from bayescope.inference.tabulated import Tabulated

type Floats = NDArray[np.float64]

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_TINY = float(np.finfo(np.float64).tiny)
_LEAST = math.log(_TINY) + 20.0


@dataclass(frozen=True, repr=False)
class Beta(NamedMarginal):
    """Beta(alpha, beta) on [0, 1].

    The mode is (alpha - 1) / (alpha + beta - 2) inside, an end of the interval where the density
    grows towards that end only, and nan where no single value is most probable (Beta(1, 1), or
    both arguments under 1).
    """

    alpha: float
    beta: float

    @override
    def __str__(self) -> str:
        return f"Beta({self.alpha:.12g}, {self.beta:.12g})"

    @property
    @override
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    @property
    @override
    def sd(self) -> float:
        total = self.alpha + self.beta
        return math.sqrt(self.alpha / total * (self.beta / total) / (total + 1))

    @property
    @override
    def mode(self) -> float:
        if max(self.alpha, self.beta) < 1 or self.alpha == self.beta == 1:
            return math.nan
        if min(self.alpha, self.beta) < 1:
            return float(self.beta < 1)
        return (self.alpha - 1) / (self.alpha + self.beta - 2)

    @override
    def log_pdf(self, x: Floats) -> Floats:
        x = np.asarray(x, dtype=float)
        inside = np.clip(x, 0.0, 1.0)
        log = scipy.special.xlogy(self.alpha - 1, inside) + scipy.special.xlog1py(self.beta - 1, -inside)
        return np.where(inside == x, log - log_beta(self.alpha, self.beta), -np.inf)

    @override
    def cdf(self, x: Floats) -> Floats:
        return np.asarray(scipy.special.betainc(self.alpha, self.beta, np.clip(x, 0.0, 1.0)))

    @override
    def quantile(self, q: Floats) -> Floats:
        # SciPy's inverse is a start only: it has 6 digits where alpha and beta are large and unequal, and
        # none for some (Beta(1000, 132578328) at 0.5)
        start = np.asarray(scipy.special.betaincinv(self.alpha, self.beta, q))
        return invert(self.cdf, self.pdf, q, np.zeros(()), np.ones(()), start=start)


@dataclass(frozen=True, repr=False)
class Normal(NamedMarginal):
    """Normal(mu, sigma) on the real line."""

    mu: float
    sigma: float

    @override
    def __str__(self) -> str:
        return f"Normal({self.mu:.6g}, {self.sigma:.6g})"

    @property
    @override
    def mean(self) -> float:
        return self.mu

    @property
    @override
    def sd(self) -> float:
        return self.sigma

    @property
    @override
    def mode(self) -> float:
        return self.mu

    @override
    @np.errstate(over="ignore")
    def log_pdf(self, x: Floats) -> Floats:
        z = (np.asarray(x) - self.mu) / self.sigma
        return np.asarray(-0.5 * z**2 - math.log(self.sigma) - _HALF_LOG_TWO_PI)

    @override
    def cdf(self, x: Floats) -> Floats:
        return np.asarray(scipy.special.ndtr((np.asarray(x) - self.mu) / self.sigma))

    @override
    def quantile(self, q: Floats) -> Floats:
        return self.mu + self.sigma * np.asarray(scipy.special.ndtri(q))


@dataclass(frozen=True, eq=False, repr=False)
class NormalMixture(StoredMarginal):
    """A mixture of k Normals: the marginal of a coefficient with sigma integrated out.

    `weights` (summing to 1), `means` and `sds` have shape (k,). `finite_moments` tells how many
    moments of the integral behind the mixture are finite: with fewer than two the sd is inf, with
    none the mean is nan.
    """

    weights: Floats
    means: Floats
    sds: Floats
    finite_moments: int = 2

    @override
    def __str__(self) -> str:
        return f"a mixture of {len(self.weights)} Normals"

    @property
    @override
    def mean(self) -> float:
        return float(self.weights @ self.means) if self.finite_moments >= 1 else math.nan

    @property
    @override
    def sd(self) -> float:
        if self.finite_moments < 2:
            return math.inf
        return math.sqrt(float(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2)))

    @cached_property
    @override
    def mode(self) -> float:
        # A mode of a Normal mixture lies between the least and the largest mean.
        lower, upper = float(self.means.min()), float(self.means.max())
        return peak(self.pdf, np.unique(np.concatenate([self.means, np.linspace(lower, upper, 101)])))

    @override
    def pdf(self, x: Floats) -> Floats:
        return self._average(x, lambda z: np.exp(-0.5 * z**2 - self._log_heights))

    @override
    def log_pdf(self, x: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            log_density = np.log(self.pdf(x))
        far = (log_density < _LEAST) & np.isfinite(x)
        if far.any():  # the density underflows; the logs of its components do not
            z = (np.asarray(x)[far][..., None] - self.means) / self.sds
            terms = np.log(np.maximum(self.weights, _TINY)) - 0.5 * z**2 - self._log_heights
            log_density = np.array(log_density)
            log_density[far] = scipy.special.logsumexp(terms, axis=-1)
        return np.asarray(log_density)

    @cached_property
    def _log_heights(self) -> Floats:
        return np.asarray(np.log(self.sds) + _HALF_LOG_TWO_PI)

    @override
    def cdf(self, x: Floats) -> Floats:
        return self._average(x, scipy.special.ndtr)

    @override
    def quantile(self, q: Floats) -> Floats:
        q = np.asarray(q, dtype=float)
        inner = np.where((q > 0) & (q < 1), q, 0.5)
        z = scipy.special.ndtri(inner)[..., None]
        each = self.means + z * self.sds
        points, scores = self._table
        start = np.interp(z[..., 0], scores, points)  # nearly linear where the mixture is nearly Normal
        root = invert(self.cdf, self.pdf, inner, each.min(axis=-1), each.max(axis=-1), start=start)
        return np.where(q <= 0, -np.inf, np.where(q >= 1, np.inf, root))

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        """Points and Phi^-1 of their cdf, to start the search for a quantile from."""
        centre = float(self.weights @ self.means)
        spread = math.sqrt(float(self.weights @ (self.sds**2 + (self.means - centre) ** 2)))
        points = centre + spread * 3.0 * np.sinh(np.linspace(-4.0, 4.0, 161))
        scores = scipy.special.ndtri(self.cdf(points))
        known = np.isfinite(scores)
        return points[known], scores[known]

    def _average(self, x: Floats, function: Callable[[Floats], Floats]) -> Floats:
        x = np.asarray(x, dtype=float)
        parts = np.array_split(x.ravel(), max(1, x.size * len(self.weights) // 1_000_000))
        means = [function((part[:, None] - self.means) / self.sds) @ self.weights for part in parts]
        return np.concatenate(means).reshape(x.shape)


@dataclass(frozen=True, eq=False, repr=False)
class Draws(StoredMarginal):
    """Posterior draws of one parameter, shape (chain, draw).

    mean, sd (divisor S - 1) and quantiles (linear between order statistics) are of the draws; pdf
    is a Gaussian kernel density estimate with bandwidth 0.9 min(sd, IQR / 1.349) S^(-1/5) (Silverman,
    Density Estimation, eq. 3.31), and the mode its maximum.
    """

    values: Floats

    @override
    def __str__(self) -> str:
        return f"{self.values.size} draws"

    @cached_property
    def _sorted(self) -> Floats:
        return np.sort(self.values, axis=None)

    @property
    @override
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    @override
    def sd(self) -> float:
        return float(self.values.std(ddof=1))

    @cached_property
    @override
    def mode(self) -> float:
        if self._sorted[0] == self._sorted[-1]:
            return float(self._sorted[0])
        return peak(self.pdf, np.linspace(self._sorted[0], self._sorted[-1], 201))

    @override
    def pdf(self, x: Floats) -> Floats:
        return self._kernels.pdf(x)

    @override
    def log_pdf(self, x: Floats) -> Floats:
        return self._kernels.log_pdf(x)

    @cached_property
    def _kernels(self) -> NormalMixture:
        """The kernel density estimate, with draws counted in bins far narrower than the kernel."""
        ordered = self._sorted
        quarter, three_quarters = np.quantile(ordered, [0.25, 0.75])
        spread = min(self.sd, (three_quarters - quarter) / 1.349) or self.sd
        bandwidth = 0.9 * spread * ordered.size ** (-0.2) or 1.0
        reach = ordered[-1] - ordered[0]
        doubles = reach / np.spacing(np.abs(ordered[[0, -1]]).max())  # so many lie between the ends
        bins = int(np.clip(50 * reach / bandwidth, 1, np.clip(doubles / 4, 1, 20_000)))
        counts, edges = np.histogram(ordered, bins=bins)
        held = np.flatnonzero(counts)
        centers = 0.5 * (edges[held] + edges[held + 1])
        return NormalMixture(counts[held] / ordered.size, centers, np.full(len(held), bandwidth))

    @override
    def cdf(self, x: Floats) -> Floats:
        return np.searchsorted(self._sorted, np.asarray(x), side="right") / self.values.size

    @override
    def quantile(self, q: Floats) -> Floats:
        return np.asarray(np.quantile(self._sorted, q))


MARGINALS: Mapping[str, type[StoredMarginal]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            *(Bernoulli, Beta, Normal, StudentT, Gamma, InverseGamma, RootInverseGamma, Pareto),
            *(NormalMixture, Pushforward, Tabulated, Gridded, Draws),
        )
    }
)


def marginal_from_arrays(kind: str, arrays: Mapping[str, Any]) -> Marginal:
    """Make the marginal of class name `kind` from what its `to_arrays` gave."""
    values = {key: np.asarray(value) for key, value in arrays.items()}
    return MARGINALS[kind](**{key: value if value.ndim else value.item() for key, value in values.items()})
