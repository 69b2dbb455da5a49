"""Ordered levels: a cumulative logit or probit model (the proportional odds model, the ordered probit).

    P(y <= k) = F(c_k - eta),      c_1 < c_2 < ... < c_{K-1},      F the logistic or the Normal cdf

With u the cutpoint above the level that occurred and l the one below it, both less eta, log p is
log(F(u) - F(l)). Of the logistic F that is log F(u) + log F(-l) + log(1 - exp(l - u)), in which nothing
cancels. log p is concave in (eta, c) together. Sources: McCullagh, Regression Models for Ordinal Data,
JRSS B 42(2), 1980; Pratt, Concavity of the Log Likelihood, JASA 76, 1981; Agresti, Categorical Data
Analysis, 3rd ed., 2013, section 8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads import CATEGORICAL, quiet
from bayescope.distributions.likelihood import HeadParameter, Likelihood
from bayescope.distributions.supports import COUNT, REAL

type Floats = NDArray[np.float64]

CUTPOINTS = "cutpoints"


class _Slopes(NamedTuple):
    """Derivatives of log(F(u) - F(l)) in u and l, and the second ones."""

    upper: Floats
    lower: Floats
    upper_twice: Floats
    lower_twice: Floats
    mixed: Floats


@dataclass(frozen=True)
class _Cumulative:
    """What the models differ in: the inverse of F, log(F(u) - F(l)), its derivatives, PyMC's arguments."""

    name: str
    quantile: Callable[[float], float]
    log_difference: Callable[[Floats, Floats], Floats]
    slopes: Callable[[Floats, Floats], _Slopes]
    pymc: Callable[[Any, Any], dict[str, Any]]


def _log_one_minus_exp(x: Floats) -> Floats:
    """Compute log(1 - exp(x)) of x <= 0, by the form that keeps its digits (Maechler 2012)."""
    return np.where(x > -np.log(2.0), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


def _logistic_difference(upper: Floats, lower: Floats) -> Floats:
    expit = scipy.special.log_expit
    return np.asarray(expit(upper) + expit(-lower) + _log_one_minus_exp(lower - upper))


def _logistic_slopes(upper: Floats, lower: Floats) -> _Slopes:
    expit = scipy.special.expit
    gap = 1.0 / np.expm1(upper - lower)
    bend = -gap * (1.0 + gap)
    return _Slopes(
        expit(-upper) + gap,
        -expit(lower) - gap,
        -expit(upper) * expit(-upper) + bend,
        -expit(lower) * expit(-lower) + bend,
        -bend,
    )


def _normal_difference(upper: Floats, lower: Floats) -> Floats:
    """Compute log(Phi(u) - Phi(l)), mirrored into the lower tail where both are above 0."""
    mirrored = lower > 0.0
    high, low = np.where(mirrored, -lower, upper), np.where(mirrored, -upper, lower)
    whole = scipy.special.log_ndtr(high)
    return np.asarray(whole + _log_one_minus_exp(np.minimum(scipy.special.log_ndtr(low) - whole, 0.0)))


def _normal_slopes(upper: Floats, lower: Floats) -> _Slopes:
    log_p = _normal_difference(upper, lower)
    constant = 0.5 * np.log(2.0 * np.pi)
    up, down = (np.exp(-0.5 * np.square(end) - constant - log_p) for end in (upper, lower))
    far_up, far_down = (np.where(np.isinf(end), 0.0, end) for end in (upper, lower))
    return _Slopes(up, -down, -far_up * up - up**2, far_down * down - down**2, up * down)


def _logistic_graph(eta: Any, cuts: Any) -> dict[str, Any]:
    """Give PyMC's Categorical log p of every level as `logit_p`; OrderedLogistic's own p cancels."""
    import pytensor.tensor as pt

    ends = cuts - eta[:, None]
    below, above = -pt.softplus(-ends), -pt.softplus(ends)
    inside = below[:, 1:] + above[:, :-1] + pt.log1mexp(cuts[:-1] - cuts[1:])
    return {"logit_p": pt.concatenate([below[:, :1], inside, above[:, -1:]], axis=-1)}


def _normal_graph(eta: Any, cuts: Any) -> dict[str, Any]:
    """The same of the Normal cdf; that of OrderedProbit takes the root of 2 in single precision."""
    import pytensor.tensor as pt

    ends = cuts - eta[:, None]
    upper, lower = ends[:, 1:], ends[:, :-1]
    mirrored = lower > 0.0
    high, low = pt.switch(mirrored, -lower, upper), pt.switch(mirrored, -upper, lower)
    whole = _graph_log_cdf(high)
    inside = whole + pt.log1mexp(_graph_log_cdf(low) - whole)
    last = _graph_log_cdf(-ends[:, -1:])
    return {"logit_p": pt.concatenate([_graph_log_cdf(ends[:, :1]), inside, last], axis=-1)}


def _graph_log_cdf(x: Any) -> Any:
    import pytensor.tensor as pt

    scaled = x / np.asarray(2.0**0.5)
    tail = pt.log(0.5 * pt.erfcx(-pt.minimum(scaled, 0.0))) - pt.sqr(x) / 2.0
    return pt.switch(x < -1.0, tail, pt.log1p(-0.5 * pt.erfc(scaled)))


_LOGISTIC = _Cumulative(
    "OrderedLogistic",
    lambda p: float(scipy.special.logit(p)),
    _logistic_difference,
    _logistic_slopes,
    _logistic_graph,
)
_NORMAL = _Cumulative(
    "OrderedProbit",
    lambda p: float(scipy.special.ndtri(p)),
    _normal_difference,
    _normal_slopes,
    _normal_graph,
)


def ordered_logistic(levels: tuple[str, ...], _reference: str | None = None) -> Likelihood:
    """Make the cumulative logit likelihood of a response of these K ordered levels, coded 0, ..., K - 1."""
    return _likelihood(_LOGISTIC, levels)


def ordered_probit(levels: tuple[str, ...], _reference: str | None = None) -> Likelihood:
    """Make the cumulative probit likelihood of a response of these K ordered levels, coded 0, ..., K - 1."""
    return _likelihood(_NORMAL, levels)


@lru_cache(maxsize=32)
def _likelihood(kind: _Cumulative, levels: tuple[str, ...]) -> Likelihood:
    """Make the likelihood: its parameters are eta and the K - 1 cutpoints, each by itself."""
    count = len(levels)
    cuts = tuple(
        HeadParameter(f"{CUTPOINTS}[{k}]", REAL, scale=partial(_cut_between_equal_shares, kind, k / count))
        for k in range(1, count)
    )
    return Likelihood(
        name=kind.name,
        parameters=(HeadParameter("eta", REAL, ("identity",)), *cuts),
        location="eta",
        response=COUNT,
        loss="cross-entropy of ordered levels",
        loss_formula="-sum(log(F(c[y] - eta) - F(c[y - 1] - eta)))",
        log_density=lambda y, _, psi: _log_density(kind, y, psi),
        derivatives=lambda y, _, psi: _derivatives(kind, y, psi),
        sample=lambda rng, _, psi: CATEGORICAL.sample(rng, None, (_probabilities(kind, psi),)),
        concave=("identity",),
        separation="levels",
        pymc=lambda arguments: _graph_arguments(kind, arguments),
        graph="Categorical",
        for_levels=ordered_logistic if kind is _LOGISTIC else ordered_probit,
        probabilities=lambda psi: _probabilities(kind, psi),
        ordered=tuple(cut.name for cut in cuts),
    )


def _cut_between_equal_shares(kind: _Cumulative, share: float, _mean: float, _sd: float) -> float:
    return kind.quantile(share)


def _ends(y: Any, psi: Sequence[Any]) -> tuple[Floats, Floats]:
    """Return the cutpoints above and below each row's level, less eta: inf and -inf beyond the outermost."""
    eta, *cuts = psi
    chosen = [np.equal(y, k) for k in range(len(cuts))]
    upper = np.select(chosen, np.broadcast_arrays(*cuts, y)[:-1], np.inf)
    below = [np.equal(y, k + 1) for k in range(len(cuts))]
    lower = np.select(below, np.broadcast_arrays(*cuts, y)[:-1], -np.inf)
    return np.asarray(upper - eta), np.asarray(lower - eta)


@quiet
def _log_density(kind: _Cumulative, y: Floats, psi: tuple[Any, ...]) -> Floats:
    rising: Any = True
    for low, high in pairwise(psi[1:]):
        rising = rising & np.less(low, high)
    return np.where(rising, kind.log_difference(*_ends(y, psi)), -np.inf)


@quiet
def _derivatives(kind: _Cumulative, y: Floats, psi: tuple[Any, ...]) -> tuple[Floats, Floats]:
    """Compute the derivatives in eta and the cutpoints, of which at most two touch a row."""
    slopes = kind.slopes(*_ends(y, psi))
    size = len(psi)
    first = np.zeros((size, *slopes.upper.shape))
    second = np.zeros((size, size, *slopes.upper.shape))
    first[0] = -(slopes.upper + slopes.lower)
    second[0, 0] = slopes.upper_twice + 2.0 * slopes.mixed + slopes.lower_twice
    for k in range(1, size):
        up, down = np.equal(y, k - 1), np.equal(y, k)
        first[k] = np.where(up, slopes.upper, np.where(down, slopes.lower, 0.0))
        second[k, k] = np.where(up, slopes.upper_twice, np.where(down, slopes.lower_twice, 0.0))
        with_eta = np.where(up, slopes.upper_twice, slopes.lower_twice) + slopes.mixed
        second[0, k] = second[k, 0] = np.where(up | down, -with_eta, 0.0)
        if k + 1 < size:
            second[k, k + 1] = second[k + 1, k] = np.where(down, slopes.mixed, 0.0)
    return first, second


@quiet
def _probabilities(kind: _Cumulative, psi: tuple[Any, ...]) -> Floats:
    """Compute the probability of every level, along the last axis."""
    each = [np.exp(_log_density(kind, np.asarray(float(k)), psi)) for k in range(len(psi))]
    return np.stack(np.broadcast_arrays(*each), axis=-1)


def _graph_arguments(kind: _Cumulative, arguments: Mapping[str, Any]) -> dict[str, Any]:
    import pytensor.tensor as pt

    eta, *cuts = arguments.values()
    return kind.pymc(pt.as_tensor_variable(eta), pt.stack(cuts))
