"""`Predictive`: the distribution of new responses, each row on its own, with the parameters averaged out.

    p(y_new | y) = integral p(y_new | theta) p(theta | y) d theta = sum_k w_k p(y_new | component k)

A closed form is one component; the regression with sigma integrated out is a mixture over the nodes of
its quadrature, exact to the quadrature's tolerance; posterior draws are a mixture over the draws, with a
Monte Carlo error; a point estimate is the single component that it plugs in.
Source: Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), sections 1.3 and 14.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.inference.predictive_heads import Component

type Floats = NDArray[np.float64]

_CELLS = 2_000_000  # values at a time; what is averaged over components does not outgrow the memory


@dataclass(frozen=True, eq=False)
class Predictive:
    """The distribution of n new responses, each on its own.

    Arguments `y` and `q` are arrays that broadcast against shape (n,); results have the broadcast shape.

    Attributes:
        text: what each row's distribution is called, n texts: "BetaBinomial(10, 8, 6)".
        component: the distributions averaged over; components along the first axis of its parameters,
            rows along the second.
        weights: of the K components, summing to 1, shape (K,).
        draw: (generator, size) -> responses of all rows under one theta each, shape (size, n).
        moments: number of finite moments of what is averaged over; with fewer than two the sd is inf.
        chains: for components that are posterior draws, the number of chains they come from; else 0.
        expected: the distributions of E(y | theta) over the posterior, averaged by the same weights;
            None: E(y | theta) is the mean of each component. Of categories, of their probabilities.
        point: whether all components have the same theta, which is taken for known.
    """

    text: tuple[str, ...]
    component: Component
    weights: Floats
    draw: Callable[[np.random.Generator, int], Floats]
    moments: int = 2
    chains: int = 0
    expected: Component | None = None
    point: bool = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.text)

    def __str__(self) -> str:
        """Write the distribution of each row, one a line."""
        return "\n".join(self.text)

    __repr__ = __str__

    @property
    def discrete(self) -> bool:
        """Whether responses are whole numbers, so that `pdf` is a probability."""
        return self.component.discrete

    @cached_property
    def mean(self) -> Floats:
        """The mean of each row, shape (n,): inf where it diverges, nan where it does not exist."""
        mean = self._average(self.component.mean)
        return mean if self.moments >= 1 else np.full_like(mean, np.nan)

    @cached_property
    def sd(self) -> Floats:
        """The standard deviation of each row, shape (n,): E var(y | theta) + var E(y | theta), its root."""
        means, sds = self.component.mean, self.component.sd
        if self.moments < 2:
            return np.full(len(self), np.inf)
        if len(self.weights) == 1:
            return self._average(sds)
        return np.sqrt(self._average(np.square(sds) + np.square(means - self.mean)))

    @property
    def mean_error(self) -> Floats:
        """The Monte Carlo standard error of `mean`, shape (n,); 0 where nothing was drawn.

        By the means of batches of successive draws, so that correlation within a chain counts.
        """
        if not self.chains:
            return np.zeros(len(self))
        return batch_error(np.broadcast_to(self.component.mean, (len(self.weights), len(self))), self.chains)

    def density_error(self, y: ArrayLike) -> Floats:
        """Return the Monte Carlo standard error of `pdf(y)`, y of shape (n,); 0 where nothing was drawn."""
        if not self.chains:
            return np.zeros(len(self))
        values = np.exp(self.component.log_density(np.asarray(y, dtype=np.float64)))
        return batch_error(np.broadcast_to(values, (len(self.weights), len(self))), self.chains)

    def log_density(self, y: ArrayLike) -> Floats:
        """Compute log p(y_new | y), nats; of a discrete response, the log probability."""
        if len(self.weights) == 1:
            return self._each(lambda part: self.component.log_density(part)[..., 0, :], y)
        with np.errstate(divide="ignore"):
            weights = np.log(self.weights)[:, None]
        return self._each(
            lambda part: scipy.special.logsumexp(self.component.log_density(part) + weights, axis=-2), y
        )

    def pdf(self, y: ArrayLike) -> Floats:
        """Compute the density at `y`, or for a discrete response the probability of `y`."""
        return np.exp(self.log_density(y))

    def cdf(self, y: ArrayLike) -> Floats:
        """Compute the probability of at most `y`."""
        return self._each(lambda part: self._average(self.component.cdf(part)), y)

    def quantile(self, q: ArrayLike) -> Floats:
        """Compute the inverse of `cdf` at probabilities `q`: if discrete, the least y with cdf >= q."""
        if len(self.weights) == 1:
            return self._each(lambda part: self.component.quantile(part)[..., 0, :], q)
        return self._each(self._quantile, q)

    def interval(self, probability: float = 0.89) -> tuple[Floats, Floats]:
        """Return the central interval of each row: lower and upper ends, shape (n,)."""
        tail = 0.5 * (1.0 - probability)
        return self.quantile(np.full(len(self), tail)), self.quantile(np.full(len(self), 1.0 - tail))

    def mean_interval(self, probability: float = 0.89) -> tuple[Floats, Floats]:
        """Return the central posterior interval of each row's expected response, E(y | theta).

        It says how well the mean is known, where `interval` says where a response will be. Both ends have
        shape (n,); they are nan for a point, which takes the parameters for known.
        """
        if self.expected is not None:
            return replace(self, component=self.expected, expected=None).interval(probability)
        tail, means = 0.5 * (1.0 - probability), self.component.mean
        if self.point:
            return np.full(len(self), np.nan), np.full(len(self), np.nan)
        lower, upper = weighted_quantiles(means, self.weights, (tail, 1.0 - tail))
        return np.broadcast_to(lower, len(self)), np.broadcast_to(upper, len(self))

    def sample(self, size: int, seed: int | np.random.Generator) -> Floats:
        """Draw responses, shape (size, n); the rows of one draw share one theta."""
        return self.draw(np.random.default_rng(seed), size)

    def _average(self, values: Floats) -> Floats:
        """Average over components: shape (..., K, n) to (..., n)."""
        shape = (*values.shape[:-2], len(self.weights), len(self))
        return np.asarray(np.einsum("k,...kn->...n", self.weights, np.broadcast_to(values, shape)))

    def _each(self, function: Callable[[Floats], Floats], y: ArrayLike) -> Floats:
        """Apply a function of shape (m, 1, n) to all of `y`, a part at a time."""
        y = np.asarray(y, dtype=np.float64)
        shape = np.broadcast_shapes(y.shape, (len(self),))
        rows = np.broadcast_to(y, shape).reshape(-1, 1, len(self))
        step = max(1, _CELLS // max(1, len(self.weights) * len(self)))
        parts = [function(rows[start : start + step]) for start in range(0, len(rows), step)]
        return np.concatenate(parts).reshape(shape) if parts else np.zeros(shape)

    def _quantile(self, q: Floats) -> Floats:
        """Search between bounds of the quantile; q has shape (m, 1, n)."""
        lower, guess, upper = self._bounds(q)
        target = np.broadcast_to(q[..., 0, :], lower.shape)
        if self.discrete:
            return self._least(target, np.floor(lower) - 1.0, np.ceil(upper))
        finite = np.isfinite(lower) & np.isfinite(upper)
        lower_end, start, upper_end = (np.where(finite, end, 0.0) for end in (lower, guess, upper))
        return np.where(finite, self._root(target, start, lower_end, upper_end), lower)

    def _bounds(self, q: Floats) -> tuple[Floats, Floats, Floats]:
        """Bound the quantiles by mean and sd, else by the quantiles of components; the middle one is a guess.

        A quantile is between mean - sd sqrt((1 - q) / q) and mean + sd sqrt(q / (1 - q)), whatever the
        distribution (Cantelli's inequality).
        """
        with np.errstate(all="ignore"):
            target = np.broadcast_to(q[..., 0, :], (len(q), len(self)))
            root = np.sqrt(target / (1.0 - target))
            lower, upper = self.mean - self.sd / root, self.mean + self.sd * root
            if np.isfinite(lower).all() and np.isfinite(upper).all():
                return lower, np.clip(self.mean + self.sd * scipy.special.ndtri(target), lower, upper), upper
            ends = self.component.quantile(q)
            lower, upper = ends.min(axis=-2), ends.max(axis=-2)
            return lower, self._average(np.where(np.isfinite(ends), ends, 0.0)), upper

    def _root(self, target: Floats, y: Floats, low: Floats, high: Floats) -> Floats:
        """Solve cdf(y) = target by Newton's method, kept inside brackets [low, high] by bisection.

        `y` is where to start. Where the cdf is within 1e-8 of the target, one step more is enough.
        """
        close, eps = 1e-8 * np.minimum(target, 1.0 - target), np.finfo(np.float64).eps
        for _ in range(200):
            excess = self._average(self.component.cdf(y[..., None, :])) - target
            low, high = np.where(excess < 0, y, low), np.where(excess < 0, high, y)
            density = self._average(np.exp(self.component.log_density(y[..., None, :])))
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                newton = y - excess / density
            inside = (low <= newton) & (newton <= high)
            following = np.where(inside, newton, 0.5 * low + 0.5 * high)
            settled = (inside & (np.abs(excess) <= close)) | (np.abs(following - y) <= 4 * eps * np.abs(y))
            y = following
            if np.all(settled | (excess == 0)):
                break
        return y

    def _least(self, target: Floats, below: Floats, reaches: Floats) -> Floats:
        """Find the least whole number whose cdf reaches `target`; that of `below` does not.

        Beyond 2^53, the least double.
        """
        slack = 8 * np.finfo(np.float64).eps
        while True:
            middle = np.floor(0.5 * (below + reaches))
            apart = (below < middle) & (middle < reaches)
            if not apart.any():
                return reaches
            middle = np.where(apart, middle, reaches)
            enough = self._average(self.component.cdf(middle[..., None, :])) >= target * (1.0 - slack)
            below = np.where(apart & ~enough, middle, below)
            reaches = np.where(apart & enough, middle, reaches)


def weighted_quantiles(values: Floats, weights: Floats, probabilities: tuple[float, ...]) -> Floats:
    """Compute quantiles along the first axis of `values`, shape (K, ...), of probabilities `weights`.

    Those of equal weights are NumPy's; else the least value at which the probability is reached. The
    result has shape (number of probabilities, ...).
    """
    if np.ptp(weights) == 0:
        return np.asarray(np.quantile(values, probabilities, axis=0))
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(weights[order], axis=0)
    slack = 8 * np.finfo(np.float64).eps
    at = [np.argmax(reached >= probability - slack, axis=0, keepdims=True) for probability in probabilities]
    return np.stack([np.take_along_axis(ranked, place, axis=0)[0] for place in at])


def batch_error(values: Floats, chains: int) -> Floats:
    """Compute the standard error of the mean of draws, shape (S, n), from batches of successive ones.

    Each chain is cut into about the square root of its length batches (Flegal and Jones, Annals of
    Statistics 38, 2010); the result has shape (n,).
    """
    length = len(values) // chains
    size = max(1, math.isqrt(length))
    count = length // size
    kept = values[: chains * length].reshape(chains, length, -1)[:, : count * size]
    means = kept.reshape(chains * count, size, -1).mean(axis=1)
    return np.asarray(means.std(axis=0, ddof=1) / math.sqrt(len(means)))
