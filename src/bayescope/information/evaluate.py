"""How a measure is evaluated: by its closed form, a sum over counts, an integral over the line, or draws.

f-divergences (Csiszar, Studia Scientiarum Mathematicarum Hungarica 2, 1967) differ by their integrand
only: one function of log p and log q serves sums, integrals and draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.information import closed_forms, neighbours, scores
from bayescope.information.densities import Density, Distribution, Draws, Named, mvnormal, normal
from bayescope.information.estimate import CLOSED_FORM, Estimate, summed
from bayescope.information.quadrature import Piece, integrate, pieces
from bayescope.information.views import Counts, Line, Space, View, view

type Floats = NDArray[np.float64]
type Integrand = Callable[[Floats, Floats], Floats]

_LOG_TWO = math.log(2.0)
_SAMPLE = 20_000
_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@_quiet
def _kl_integrand(log_p: Floats, log_q: Floats) -> Floats:
    p = np.exp(log_p)
    return np.where(p > 0.0, p * (log_p - log_q), 0.0)


@_quiet
def _js_integrand(log_p: Floats, log_q: Floats) -> Floats:
    log_m = np.logaddexp(log_p, log_q) - _LOG_TWO
    return np.asarray(0.5 * (_kl_integrand(log_p, log_m) + _kl_integrand(log_q, log_m)))


@_quiet
def _hellinger_integrand(log_p: Floats, log_q: Floats) -> Floats:
    return np.asarray(0.5 * (np.exp(0.5 * log_p) - np.exp(0.5 * log_q)) ** 2)


@_quiet
def _variation_integrand(log_p: Floats, log_q: Floats) -> Floats:
    return np.asarray(0.5 * np.abs(np.exp(log_p) - np.exp(log_q)))


INTEGRANDS: Mapping[str, Integrand] = MappingProxyType(
    {
        "kl": _kl_integrand,
        "jensen_shannon": _js_integrand,
        "squared_hellinger": _hellinger_integrand,
        "total_variation": _variation_integrand,
    }
)
"""f-divergences as sums or integrals of a function of log p and log q, of degree one in (p, q)."""

_CLOSED = MappingProxyType({"kl": closed_forms.KL})


def entropy(p: Distribution) -> Estimate:
    """Evaluate -E_p log p(x), in nats."""
    return known(closed_forms.ENTROPY, p) or _entropy(view(p))


def divergence(name: str, p: Distribution, q: Distribution) -> Estimate:
    """Evaluate one of `INTEGRANDS`, in nats where it is a logarithm."""
    return known(_CLOSED.get(name, {}), p, q) or f_divergence(name, p, q)


def _entropy(seen: View) -> Estimate:
    if isinstance(seen, Draws):
        x = neighbours.rows(seen.values)
        if neighbours.repeated(x):
            return _normal_approximation(entropy, seen)
        return neighbours.estimate(neighbours.entropy, x)
    if isinstance(seen, Counts):
        mass = np.exp(seen.log_mass(seen.points))
        return _with_lost_mass(summed([scipy.special.entr(mass)], _how(seen)), mass)
    if isinstance(seen, Line):
        return _entropy_on_line(seen)
    raise ValueError("no entropy of this distribution of vectors is known; give draws of it")


def _entropy_on_line(seen: Line) -> Estimate:
    def integrand(x: Floats, t: Floats) -> Floats:
        log_p = seen.log_density(x)
        p = np.exp(log_p + t)
        return np.stack([np.where(p > 0.0, -p * log_p, 0.0), p])

    return _integral(cut(seen), integrand, np.ones_like)


def f_divergence(name: str, p: Distribution, q: Distribution) -> Estimate:
    """Evaluate one of `INTEGRANDS` by sum, quadrature or draws, whatever closed form there may be.

    Raises:
        ValueError: the two do not live in the same space.
    """
    _same_shape(p, q)
    seen = view(p), view(q)
    places = [_place(one) for one in seen]
    if places[0] != places[1]:
        raise ValueError(f"p and q do not live in the same space, but on {places[0]} and on {places[1]}")
    match seen:
        case Counts(), Counts():
            return _sum(INTEGRANDS[name], *seen)
        case Line(), Line():
            return quadrature(name, *seen)
        case Space(), Space():
            return _monte_carlo(INTEGRANDS[name], *seen)
    return _from_draws(name, p, q)


def known(table: Mapping[tuple[str, ...], closed_forms.Formula], *given: Distribution) -> Estimate | None:
    """Evaluate the entry of `table` for these distributions; None where they have no names or no entry."""
    named = [one for one in given if isinstance(one, Named)]
    return closed_forms.closed_form(table, *named) if len(named) == len(given) else None


def _same_shape(p: Distribution, q: Distribution) -> None:
    shapes = {np.shape(one) for one in (p, q) if isinstance(one, Sequence | np.ndarray)}
    if len(shapes) == 2:
        raise ValueError(
            f"p and q must have the same shape; theirs are {' and '.join(map(str, sorted(shapes)))}"
        )


def _place(seen: View) -> str:
    if isinstance(seen, Counts):
        return "counts"
    dimension = 1
    if not isinstance(seen, Line):
        dimension = seen.dimension if isinstance(seen, Space) else neighbours.rows(seen.values).shape[1]
    return "the line" if dimension == 1 else f"vectors of {dimension}"


def _how(*seen: Counts) -> str:
    return CLOSED_FORM if all(one.finite for one in seen) else "sum"


def _with_lost_mass(found: Estimate, *masses: Floats) -> Estimate:
    lost = sum(abs(math.fsum(mass) - 1.0) for mass in masses) if math.isfinite(found.value) else 0.0
    return replace(found, error=found.error + lost * (1.0 + abs(found.value)) if lost else found.error)


def _sum(integrand: Integrand, p: Counts, q: Counts) -> Estimate:
    x = np.union1d(p.points, q.points)
    x = np.append(x, x[-1] + 1.0)  # beyond the last of a table: infinite KL when there is mass
    log_p, log_q = p.log_mass(x), q.log_mass(x)
    return _with_lost_mass(summed([integrand(log_p, log_q)], _how(p, q)), np.exp(log_p), np.exp(log_q))


def quadrature(name: str, p: Line, q: Line) -> Estimate:
    """Integrate one of `INTEGRANDS` over the line; inf at once where q lacks a part of the support of p."""
    if name == "kl" and (p.lower < q.lower or p.upper > q.upper):
        return Estimate(math.inf, 0.0, "supports")
    averaged = _kl_over_quantiles(p, q) if name == "kl" else None
    if averaged is not None:
        return averaged

    def integrand(x: Floats, t: Floats) -> Floats:
        log_p, log_q = p.log_density(x) + t, q.log_density(x) + t
        return np.stack([INTEGRANDS[name](log_p, log_q), np.exp(log_p), np.exp(log_q)])

    def difference(x: Floats) -> Floats:
        return np.asarray(p.log_density(x) - q.log_density(x))

    return _integral(cut(p, q), integrand, difference)


def _kl_over_quantiles(p: Line, q: Line) -> Estimate | None:
    """Average log(p / q) over the quantiles of p, where p or q is dear to evaluate and p has quantiles."""
    if p.quantile is None or not (p.dear or q.dear):
        return None
    return scores.expectation(p.quantile, lambda x: np.asarray(p.log_density(x) - q.log_density(x)))


def cut(*lines: Line) -> tuple[Piece, ...]:
    """Cut the line where densities have their centres and their ends."""
    return pieces(
        min(one.lower for one in lines),
        max(one.upper for one in lines),
        [point for one in lines for point in one.centres],
        [point for one in lines for point in one.ends],
    )


def _integral(
    cuts: Sequence[Piece], integrand: Integrand, difference: Callable[[Floats], Floats]
) -> Estimate:
    """Integrate the first function of `integrand`; the others are densities, whose mass is 1."""
    values, errors = integrate(cuts, integrand, difference)
    if not math.isfinite(values[0]):
        return Estimate(math.inf, 0.0, "quadrature")
    lost = float(np.abs(values[1:] - 1.0).sum())
    return Estimate(float(values[0]), float(errors[0]) + lost * (1.0 + abs(float(values[0]))), "quadrature")


def _monte_carlo(integrand: Integrand, p: Space, q: Space) -> Estimate:
    """Average the integrand over draws of p and q; relative to (p + q) / 2 all but KL are bounded."""
    rng = np.random.default_rng(0)
    means = []
    for one in (p, q):
        x = one.sample(rng, _SAMPLE)
        log_p, log_q = p.log_density(x), q.log_density(x)
        log_m = np.logaddexp(log_p, log_q) - _LOG_TWO
        means.append(mean(integrand(log_p - log_m, log_q - log_m)))
    value, error = 0.5 * (means[0][0] + means[1][0]), 0.5 * math.hypot(means[0][1], means[1][1])
    return Estimate(value, error, f"Monte Carlo ({2 * _SAMPLE} draws)")


def mean(values: Floats) -> tuple[float, float]:
    """Return the mean of values that follow each other in a chain, and its standard error by blocks."""
    return float(values.mean()), neighbours.jackknife(np.mean, values)


def _from_draws(name: str, p: Distribution, q: Distribution) -> Estimate:
    samples = [neighbours.rows(one.values) for one in (p, q) if isinstance(one, Draws)]
    if name != "kl" or any(map(neighbours.repeated, samples)):
        return _normal_approximation(partial(divergence, name), *_as_scores(p, q))
    if isinstance(p, Draws) and not isinstance(q, Draws):
        logs = log_density(view(q))(samples[0] if samples[0].shape[1] > 1 else samples[0][:, 0])
        return neighbours.estimate(_kl_to_density, np.column_stack([samples[0], logs]))
    if not isinstance(p, Draws):
        samples = [_sampled(view(p), len(samples[0])), *samples]
    return neighbours.estimate(neighbours.kl, *samples)


def _as_scores(p: Distribution, q: Distribution) -> tuple[Distribution, Distribution]:
    """Map both so that the one that is no draws becomes a standard Normal, which changes no f-divergence."""
    seen = view(p), view(q)
    drawn = [isinstance(one, Draws) for one in seen]
    if all(drawn):
        return p, q
    line, sample = (seen[1], seen[0]) if drawn[0] else seen
    if not isinstance(line, Line) or line.cdf is None or not isinstance(sample, Draws):
        return p, q
    below = np.clip(line.cdf(np.ravel(sample.values)), math.ulp(0.0), 1.0 - 1e-16)
    found = Draws(np.asarray(scipy.special.ndtri(below)))
    return (found, normal()) if drawn[0] else (normal(), found)


def _kl_to_density(x_and_log_q: Floats, k: int = neighbours.NEIGHBOURS) -> float:
    return -neighbours.entropy(x_and_log_q[:, :-1], k) - float(np.mean(x_and_log_q[:, -1]))


def log_density(seen: View) -> Callable[[Floats], Floats]:
    """Return the log density, or log mass, as a function of draws.

    Raises:
        ValueError: `seen` is draws, which have none.
    """
    match seen:
        case Counts():
            return seen.log_mass
        case Line():
            return lambda x: seen.log_density(np.ravel(x))
        case Space():
            return seen.log_density
        case _:
            raise ValueError("draws have no density; give the distribution they come from")


def _sampled(seen: View, count: int) -> Floats:
    rng = np.random.default_rng(0)
    if isinstance(seen, Space):
        return seen.sample(rng, count)
    if isinstance(seen, Line) and seen.quantile is not None:
        return neighbours.rows(seen.quantile(rng.random(count)))
    raise ValueError("against draws, p must be a distribution that can be drawn from")


def _normal_approximation(measure: Callable[..., Estimate], *given: Distribution) -> Estimate:
    """Measure Normals with the moments of the draws; the error is that of the moments, not of the shape."""
    samples = [neighbours.rows(one.values) for one in given if isinstance(one, Draws)]

    def value(*parts: Floats) -> float:
        left = iter(parts)
        return measure(*(matched(next(left)) if isinstance(one, Draws) else one for one in given)).value

    return Estimate(value(*samples), neighbours.jackknife(value, *samples), "Normal approximation of draws")


def matched(x: Floats) -> Density:
    """Return the Normal with the mean and the (co)variance of draws, shape (n, d).

    Raises:
        ValueError: the draws are constant, or one coordinate is a combination of others.
    """
    centre, cov = x.mean(axis=0), np.atleast_2d(np.cov(x.T, bias=True))
    if not np.linalg.eigvalsh(cov).min() > 1e-14 * np.trace(cov):
        raise ValueError("the draws are constant, or one coordinate is a combination of the others")
    return normal(centre[0], math.sqrt(cov[0, 0])) if x.shape[1] == 1 else mvnormal(centre, cov)
