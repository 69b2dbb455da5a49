"""Advice on a failed gate that fits the model: for each gate a table of patterns, the first of which speaks.

A pattern is a function of the draws that failed and of their model. It returns what it sees and what to do
about it, or None where it is not there; where none is, the gate has advice that always holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.data.terms import INTERCEPT
from bayescope.diagnostics.chains import chains_text, split_chains
from bayescope.diagnostics.divergences import correlation, divergent, places, ranks
from bayescope.inference.fit import Fit
from bayescope.inference.gates import MIN_ESS, Measured, statistic
from bayescope.inference.white_sampler import LIBRARY as WHITE
from bayescope.models.model import Grouping, Model, Predictor, Prior

type Floats = NDArray[np.float64]

_SMALL = 0.5  # log sd at divergent draws, in sds below the others
_COLLINEAR = 0.95
_LONG_TAIL = 7.0  # of a Normal 3.4, of an exponential 5.6
_MOST_COEFFICIENTS = 200


@dataclass(frozen=True)
class Situation:
    """The draws that failed a gate, and what was measured."""

    fit: Fit
    measured: Measured

    @property
    def draws(self) -> Floats:
        """The draws, shape (chain, draw, d)."""
        return np.asarray(self.fit.draws)

    def of(self, name: str) -> Floats:
        """The draws of one unknown, shape (chain, draw)."""
        return np.asarray(self.draws[:, :, self.fit.names.index(name)])


type Pattern = Callable[[Situation, Model], str | None]


def advice(gate: str, fit: Fit, measured: Measured, model: Model | None) -> str:
    """Say what to do about a gate that was not passed; without a model, or of a network, in general."""
    patterns, general = ADVICE[gate]
    situation = Situation(fit, measured)
    known = model is not None and model.names == fit.names
    seen = (pattern(situation, model) for pattern in patterns if known and model is not None)
    return next(filter(None, seen), None) or general(situation)


class _Effects(NamedTuple):
    """The effects of a group term on one column: their labels, and their unknown sd."""

    group: Grouping
    labels: tuple[str, ...]
    sd: str
    centred: bool


def _effects(model: Model) -> Iterator[_Effects]:
    blocks = {block.name: block for block in model.blocks}
    for group in model.groups:
        for effect, sd in zip(group.effects, group.sds, strict=True):
            if sd in model.names:
                yield _Effects(group, blocks[effect].labels, sd, group.name in model.centered)


def _funnel(situation: Situation, model: Model) -> str | None:
    """Centred effects whose sd is small where trajectories diverge: the neck of a funnel."""
    flags = divergent(situation.fit)
    if flags is None:
        return None
    for effects in _effects(model):
        sd = situation.of(effects.sd)
        inside, outside = np.log(sd[flags]), np.log(sd[~flags])
        if effects.centred and outside.mean() - inside.mean() > _SMALL * np.log(sd).std():
            return (
                f"They are where {effects.sd} is small (median {np.exp(np.median(inside)):.3g} there, "
                f"{np.exp(np.median(outside)):.3g} elsewhere): a funnel between {effects.sd} and "
                f"{_squeezed(situation, effects)}. Set `centered: {_others(effects, model)}`."
            )
    return None


def _squeezed(situation: Situation, effects: _Effects) -> str:
    """Name the effect whose size follows the sd most closely."""
    log_sd = np.log(situation.of(effects.sd))
    with np.errstate(divide="ignore"):
        follows = [correlation(log_sd, np.log(np.abs(situation.of(name)))) for name in effects.labels]
    return effects.labels[int(np.argmax(follows))]


def _others(effects: _Effects, model: Model) -> str:
    """Write `centered:` without one of the groups."""
    others = [name for name in model.centered if name != effects.group.name]
    return f"[{', '.join(others)}]" if others else "false"


def pooling_factor(draws: Floats) -> float:
    """Compute how far effects are pooled, from draws (S, g): near 0 by their own rows, near 1 by all.

    1 - V(E[u_j]) / E[V(u_j)], V over the groups: Gelman and Pardoe (2006), Technometrics 48(2), equation 4.
    """
    return float(1 - draws.mean(axis=0).var(ddof=1) / draws.var(axis=1, ddof=1).mean())


def _strong_groups(situation: Situation, model: Model) -> str | None:
    """Effects that the data know better than the other groups do, sampled as effect / sd."""
    if situation.fit.details.get("sampler") == WHITE:  # its coordinates are between the two
        return None
    for effects, factor in _pooled(situation, model):
        if not effects.centred and factor < 0.5:
            return (
                f"Each {effects.group.name} has rows that say more about its effect than the other groups do "
                f"(pooling factor {factor:.2f}), which ties effect / sd to {effects.sd}. "
                f"Set `centered: [{', '.join([*model.centered, effects.group.name])}]`."
            )
    return None


def _weak_groups(situation: Situation, model: Model) -> str | None:
    """Centred effects that the data know less well than the other groups do."""
    for effects, factor in _pooled(situation, model):
        if effects.centred and factor >= 0.5:
            return (
                f"Each {effects.group.name} has rows that say less about its effect than the other groups do "
                f"(pooling factor {factor:.2f}), which makes a funnel of {effects.sd} and the effects. "
                f"Set `centered: {_others(effects, model)}`."
            )
    return None


def _pooled(situation: Situation, model: Model) -> Iterator[tuple[_Effects, float]]:
    """Go through the effects that the gate is about, with their pooling factors."""
    for effects in _effects(model):
        predictor = next(p for p in model.predictors if p.parameter == effects.group.parameter)
        concerned = {"", effects.sd, *(model.names[i] for i in predictor.index)}
        where = situation.measured.where
        if len(effects.labels) > 1 and (where in concerned or where not in model.names):
            draws = np.stack([situation.of(name).ravel() for name in effects.labels], axis=-1)
            yield effects, pooling_factor(draws)


def _modes(situation: Situation, model: Model) -> str | None:
    """Chains that lie in different places."""
    split = split_chains(situation.draws)
    if split is None:
        return None
    return (
        f"The chains do not overlap in {model.names[split.parameter]}: the posterior has more than one mode, "
        f"or a chain has got stuck ({chains_text(split.few)}). More draws will not bring them together: use "
        "priors that rule one of the places out, and do not average these chains."
    )


def _collinear(situation: Situation, model: Model) -> str | None:
    """Two coefficients of one predictor that the posterior can hardly tell apart."""
    pairs = [_closest(situation, model, predictor) for predictor in model.predictors]
    first, second, r = max(pairs, key=lambda pair: abs(pair[2]))
    if abs(r) < _COLLINEAR:
        return None
    start = f"{first} and {second} have a correlation of {r:.2f} in the posterior. "
    if model.encodings is not None and model.encodings.get("standardize") is None:
        return start + "Set `standardize: true`; if two slopes stay as close, leave one of them out."
    return start + "Leave one of them out, or give both tighter priors."


def _closest(situation: Situation, model: Model, predictor: Predictor) -> tuple[str, str, float]:
    """The two coefficients of a predictor with the largest correlation, effects of groups apart."""
    effects = {label for found in _effects(model) for label in found.labels}
    own = [i for i in predictor.index.tolist() if model.names[i] not in effects][:_MOST_COEFFICIENTS]
    if len(own) < 2:
        return "", "", 0.0
    with np.errstate(all="ignore"):
        r: Floats = np.corrcoef(situation.draws[:, :, own].reshape(-1, len(own)), rowvar=False)
    size = np.abs(np.triu(np.nan_to_num(r), 1))
    i, j = divmod(int(np.argmax(size)), len(own))
    names = sorted((model.names[own[i]], model.names[own[j]]), key=INTERCEPT.__eq__)
    return names[0], names[1], float(r[i, j])


def _heavy_tail(situation: Situation, model: Model) -> str | None:
    """An unknown with a long tail, and a prior that lets it."""
    name = _suspect(situation)
    block = next(block for block in model.blocks if name in block.labels)
    lighter = LIGHTER.get(block.prior.distribution, _no)(block.prior.arguments)
    reach = tail_reach(situation.of(name))
    if lighter is None or reach < _LONG_TAIL:
        return None
    return (
        f"{name} has a long tail (1 % of it lies {reach:.0f} quartiles from the median, of a Normal 3.4), as "
        f"has its prior {block.prior}. Give `{block.name}` a tighter one: {lighter}."
    )


def _suspect(situation: Situation) -> str:
    """Name what the gate is about, or what differs most at divergences, or goes most with the energy."""
    fit, apart = situation.fit, places(situation.fit)
    if situation.measured.where in fit.names:
        return situation.measured.where
    if apart and apart[0].is_apart:
        return fit.names[apart[0].position]
    energy = statistic(fit, "energy")
    if energy is None:
        return fit.names[0]
    order = ranks(energy - energy.mean(axis=1, keepdims=True))
    scores = [correlation(order, ranks(np.abs(x - np.median(x)))) for x in np.moveaxis(situation.draws, 2, 0)]
    return fit.names[int(np.argmax(np.abs(scores)))]


def tail_reach(values: Floats) -> float:
    """Compute how far the 1 % or 99 % point is from the median, in distances of the quartile on its side."""
    low, q1, median, q3, high = np.quantile(values, [0.01, 0.25, 0.5, 0.75, 0.99])
    sides = ((high - median, q3 - median), (median - low, median - q1))
    return float(max(far / near if near > 0 else 0.0 for far, near in sides))


def _no(_arguments: Mapping[str, Any]) -> None:
    return None


def _default(_arguments: Mapping[str, Any]) -> str:
    return "one that rules out what is absurd, or leave its line out for the default"


def _renamed(distribution: str, **arguments: str) -> Callable[[Mapping[str, Any]], str]:
    """Write a distribution with the arguments of another, named after its own."""
    return lambda given: str(Prior(distribution, {own: given[name] for own, name in arguments.items()}))


def _gamma(given: Mapping[str, Any]) -> str | None:
    alpha, beta = given["alpha"], given["beta"]
    if not isinstance(alpha, float) or not isinstance(beta, float):
        return None
    return str(Prior("Gamma", {"alpha": alpha + 1, "beta": (alpha + 1) ** 2 / beta}))


LIGHTER: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = MappingProxyType(
    {
        "Flat": _default,
        "HalfFlat": _default,
        "Cauchy": _renamed("Normal", mu="alpha", sigma="beta"),
        "HalfCauchy": _renamed("HalfNormal", sigma="beta"),
        "StudentT": _renamed("Normal", mu="mu", sigma="sigma"),
        "HalfStudentT": _renamed("HalfNormal", sigma="sigma"),
        "InverseGamma": _gamma,
    }
)
"""Priors with heavy tails, and one with light tails of about the same middle.

An InverseGamma(a, b) has its mode at b / (a + 1), which is the mean of Gamma(a + 1, (a + 1)^2 / b).
"""


def _longer(_situation: Situation) -> str:
    return (
        "The chains have not mixed: do not use these draws. Use at least four chains with more `tune` and "
        "`draws`; if R-hat stays high, use tighter priors or rescale the predictors."
    )


def _more_draws(situation: Situation) -> str:
    if not situation.measured.value > 0:
        return "Use four chains; if the draws do not move at all, check the parameter's prior and the data."
    needed = situation.draws.shape[1] * MIN_ESS / situation.measured.value
    return (
        f"Set `draws` to at least {math.ceil(needed / 100) * 100} a chain; if R-hat is high too, "
        "see to that first."
    )


def _smaller_steps(situation: Situation) -> str:
    start = "The posterior bends too sharply for the step size, and the draws may miss part of it: "
    target = situation.fit.settings.get("target_accept", 0.9)
    if target < 0.99:
        return start + "set `target_accept: 0.99`; if divergences remain, use tighter priors."
    return start + f"`target_accept` is at {target} already, so use tighter priors, above all on scales."


def _slow_energy(_situation: Situation) -> str:
    return "The posterior likely has heavy tails: use tighter priors, or more `tune` and `draws`."


def _deeper(_situation: Situation) -> str:
    return "Raise `max_treedepth`, or put the predictors on one scale."


ADVICE: Mapping[str, tuple[tuple[Pattern, ...], Callable[[Situation], str]]] = MappingProxyType(
    {
        "r_hat": ((_modes, _strong_groups, _weak_groups, _collinear, _heavy_tail), _longer),
        "ess_bulk": ((_strong_groups, _weak_groups, _collinear, _heavy_tail), _more_draws),
        "ess_tail": ((_strong_groups, _weak_groups, _collinear, _heavy_tail), _more_draws),
        "divergences": ((_funnel, _weak_groups, _strong_groups, _heavy_tail), _smaller_steps),
        "e_bfmi": ((_weak_groups, _heavy_tail), _slow_energy),
        "tree_depth": ((_strong_groups, _collinear), _deeper),
    }
)
"""For each gate the patterns that are looked for, in this order, and the advice where none is there."""
