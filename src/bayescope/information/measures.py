"""Surprise, entropy, and the divergences between two distributions.

A distribution is an array of probabilities (a table of any shape), a density by name, a mixture, a
marginal of a fit, or draws. Every divergence takes its closed form where there is one, else a sum over
counts, else an integral over the line, else draws; the answer says which.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.information import closed_forms, evaluate, neighbours, scores
from bayescope.information.densities import Distribution, Draws, probabilities
from bayescope.information.estimate import CLOSED_FORM, Estimate, in_base, nats, non_negative
from bayescope.information.quadrature import integrate, pieces
from bayescope.information.views import Counts, Line, View, view

type Floats = NDArray[np.float64]
type Quantile = Callable[[Floats], Floats]

_SHARES, _SETTLED = 4096, 1e-2  # of quantiles that are dear


def surprise(probability: ArrayLike, base: float = math.e) -> Floats:
    """Return the information -log p of events of probability p, elementwise; inf for an impossible one.

    >>> float(surprise(1 / 1024, base=2))
    10.0

    Raises:
        ValueError: a probability is not between 0 and 1.
    """
    p = np.asarray(probability, dtype=np.float64)
    if not np.all((p >= 0.0) & (p <= 1.0)):
        raise ValueError("a probability must be between 0 and 1")
    with np.errstate(divide="ignore"):
        # 0 - log p, not -log p: certainty has the surprise 0, not -0
        return np.asarray((0.0 - np.log2(p)) if base == 2.0 else (0.0 - np.log(p)) / nats(base))


def entropy(p: Distribution, base: float = math.e) -> Estimate:
    """Return the entropy H(p) = -E_p log p(x); differential entropy for a density.

    Closed form, sum, quadrature, or k nearest neighbours for draws (Cover and Thomas, chapters 2 and 8).

    >>> round(entropy([0.5, 0.25, 0.125, 0.125], base=2).value, 12)
    1.75
    """
    return in_base(evaluate.entropy(p), base)


def cross_entropy(p: Distribution, q: Distribution, base: float = math.e) -> Estimate:
    """Return H(p, q) = -E_p log q(x) = H(p) + KL(p || q); the mean loss of q on draws of p.

    >>> cross_entropy([0.5, 0.25, 0.125, 0.125], [0.125, 0.125, 0.25, 0.5], base=2).value
    2.625
    """
    if isinstance(p, Draws):
        mean, error = evaluate.mean(-evaluate.log_density(view(q))(p.values))
        return in_base(Estimate(mean, error, f"mean of {len(p.values)} draws"), base)
    own, divergence = entropy(p), kl(p, q)
    how = " and ".join(dict.fromkeys([own.how, divergence.how]))
    return in_base(Estimate(own.value + divergence.value, own.error + divergence.error, how), base)


def perplexity(mean_nll: float | Estimate, base: float = math.e) -> float:
    """Return base^(mean negative log likelihood): how many equally likely outcomes would surprise as much.

    `mean_nll` is a cross-entropy, an entropy or a mean loss, in the unit of `base`.

    >>> round(perplexity(3.0), 6)
    20.085537
    >>> perplexity(entropy([0.25, 0.25, 0.25, 0.25], base=2), base=2)
    4.0
    """
    nats(base)  # refuses a base that is none
    with np.errstate(over="ignore"):
        return float(np.power(base, float(mean_nll)))


def kl(p: Distribution, q: Distribution, base: float = math.e) -> Estimate:
    """Return the Kullback-Leibler divergence KL(p || q) = E_p log(p(x) / q(x)).

    It is inf where p has mass and q has none. Source: Kullback and Leibler, Annals of Mathematical
    Statistics 22, 1951; for draws see `bayescope.information.neighbours`.

    >>> from bayescope.information import normal
    >>> print(kl(normal(1, 0.5), normal(0, 1)))
    0.818147 +- 1e-15 (closed form)
    >>> kl([0.5, 0.5], [1.0, 0.0]).value
    inf
    """
    return in_base(non_negative(evaluate.divergence("kl", p, q)), base)


def jensen_shannon(p: Distribution, q: Distribution, base: float = math.e) -> Estimate:
    """Return JS(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, from 0 to log 2.

    Lin, IEEE Transactions on Information Theory 37, 1991.

    >>> jensen_shannon([1, 0], [0, 1], base=2).value
    1.0
    """
    return in_base(non_negative(evaluate.divergence("jensen_shannon", p, q)), base)


def hellinger(p: Distribution, q: Distribution) -> Estimate:
    """Return the Hellinger distance, from 0 to 1: its square is 1 - the integral of sqrt(p q).

    >>> hellinger([1, 0], [0, 1]).value
    1.0
    """
    affinity = evaluate.known(closed_forms.LOG_AFFINITY, p, q)
    if affinity is None:
        square = evaluate.divergence("squared_hellinger", p, q)
    else:
        square = Estimate(-math.expm1(affinity.value), affinity.error, affinity.how)
    low, high = (math.sqrt(max(square.value + s * square.error, 0.0)) for s in (-1.0, 1.0))
    value = math.sqrt(min(max(square.value, 0.0), 1.0))
    return Estimate(value, max(value - low, high - value), square.how)


def total_variation(p: Distribution, q: Distribution) -> Estimate:
    """Return the total variation distance: half the integral of |p - q|, from 0 to 1.

    It is the largest difference between the probabilities that p and q give to one event.

    >>> from bayescope.information import normal
    >>> round(total_variation(normal(0, 1), normal(2, 1)).value, 6)
    0.682689
    """
    return non_negative(evaluate.divergence("total_variation", p, q))


def mutual_information(joint: ArrayLike, base: float = math.e) -> Estimate:
    """Return I(X; Y) = KL(p(x, y) || p(x) p(y)) of a table of joint probabilities, shape (I, J).

    Cover and Thomas, section 2.3.

    >>> mutual_information([[0.5, 0], [0, 0.5]], base=2).value
    1.0

    Raises:
        ValueError: the table has not two dimensions, or does not hold probabilities.
    """
    table = probabilities(joint)
    if table.ndim != 2:
        raise ValueError(f"a joint table has rows and columns; this one has {table.ndim} dimensions")
    return kl(table, np.outer(table.sum(axis=1), table.sum(axis=0)), base)


def wasserstein(p: Distribution, q: Distribution) -> Estimate:
    """Return the Wasserstein-1 distance: integral of |quantile_p(u) - quantile_q(u)| du, in units of x.

    Draws enter by their empirical distribution. Source: Villani, Topics in Optimal Transportation, 2003,
    section 2.2.

    >>> from bayescope.information import normal
    >>> wasserstein(normal(0, 1), normal(3, 1)).value
    3.0

    Raises:
        ValueError: p and q are not both on the line (or both on counts).
    """
    known = evaluate.known(closed_forms.WASSERSTEIN, p, q)
    if known is not None:
        return known
    pair = view(p), view(q)
    if all(isinstance(one, Counts) for one in pair):
        return _wasserstein_of_counts(*pair)  # type: ignore[arg-type]
    lines = [one for one in pair if isinstance(one, Line) and one.quantile is not None]
    if len(lines) == 2:
        return _wasserstein_of_lines(*lines)
    return _wasserstein_of_draws(*pair)


def _wasserstein_of_counts(p: Counts, q: Counts) -> Estimate:
    weights = [np.exp(one.log_mass(one.points)) for one in (p, q)]
    value = float(scipy.stats.wasserstein_distance(p.points, q.points, *weights))
    reach = max(p.points[-1], q.points[-1]) - min(p.points[0], q.points[0])
    return Estimate(value, 1e-15 * float(reach), CLOSED_FORM if p.finite and q.finite else "sum")


def _wasserstein_of_lines(p: Line, q: Line) -> Estimate:
    quantiles: tuple[Quantile, Quantile] = p.quantile, q.quantile  # type: ignore[assignment]
    if not (p.dear or q.dear):
        return _wasserstein_on_line(*quantiles)
    return (
        scores.wasserstein(*quantiles)
        or _wasserstein_of_quantiles(*quantiles)
        or _wasserstein_on_line(*quantiles)
    )


def _wasserstein_of_quantiles(quantile_p: Quantile, quantile_q: Quantile) -> Estimate | None:
    """Average over quantiles in the middle of equal shares, which may jump, as between far-off modes.

    The error is what half as many say otherwise; None where that is much, as of heavy tails.
    """
    value, coarse = (
        float(np.abs(quantile_p(middles) - quantile_q(middles)).mean())
        for middles in map(_middles, (_SHARES, _SHARES // 2))
    )
    settled = abs(value - coarse) <= _SETTLED * value
    return Estimate(value, abs(value - coarse), f"{_SHARES} quantiles") if settled else None


def _middles(count: int) -> Floats:
    return (np.arange(count) + 0.5) / count


def _wasserstein_on_line(quantile_p: Quantile, quantile_q: Quantile) -> Estimate:
    def difference(u: Floats) -> Floats:
        return np.asarray(quantile_p(u) - quantile_q(u))

    def integrand(u: Floats, t: Floats) -> Floats:
        return np.stack([np.abs(difference(u)) * np.exp(t)])

    values, errors = integrate(pieces(0.0, 1.0, (0.5,), ()), integrand, difference)
    return Estimate(float(values[0]), float(errors[0]), "quadrature")


def _wasserstein_of_draws(p: View, q: View) -> Estimate:
    samples = [one.values for one in (p, q) if isinstance(one, Draws) and one.values.ndim == 1]
    largest = max(map(len, samples), default=0)
    fixed = [
        _midpoint_quantiles(one, 4 * largest) for one in (p, q) if isinstance(one, Line) and one.quantile
    ]
    if not samples or len(samples) + len(fixed) != 2:
        raise ValueError("Wasserstein-1 needs two distributions on the line (or on counts) or their draws")

    def distance(*given: Floats) -> float:
        return float(scipy.stats.wasserstein_distance(*given, *fixed))

    error = neighbours.jackknife(distance, *samples)
    return Estimate(distance(*samples), error, f"empirical distribution of {largest} draws")


def _midpoint_quantiles(one: Line, count: int) -> Floats:
    if one.quantile is None:
        return np.empty(0)
    middles = _middles(count)
    return scores.tabulated(one.quantile, middles) if one.dear else np.asarray(one.quantile(middles))
