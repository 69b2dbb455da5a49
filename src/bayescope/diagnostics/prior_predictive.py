"""Could data like these come from the priors? Simulated responses, before anything is fitted.

theta is drawn from its prior and responses from p(y | theta), for up to 200 rows. Two things can be
wrong: the priors allow responses that no data of this kind could have, or they exclude those that were
observed. Source: Gabry, Simpson, Vehtari, Betancourt and Gelman (2019), Visualization in Bayesian
workflow, JRSS A 182(2); Gelman, Simpson and Betancourt (2017), The prior can often only be understood in
the context of the likelihood, Entropy 19(10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bayescope.data.terms import INTERCEPT
from bayescope.diagnostics.estimates import INTERVAL
from bayescope.diagnostics.prior_predictive_kinds import LARGEST, NUMBERS, Kind, kind_of, middle_and_reach
from bayescope.diagnostics.records import Check, Record, make_check
from bayescope.distributions.choices import PRIORS
from bayescope.errors import NotApplicable
from bayescope.inference.predictive_draws import psi_at
from bayescope.models.model import Block, Model, Prior
from bayescope.models.prior_draws import draw_prior
from bayescope.models.rows import take
from bayescope.models.scales import scaled_of

type Floats = NDArray[np.float64]

EXTREME_P = 0.005

_DRAWS = 1000
_ROWS = 200
_FEW = 300  # draws to find out which prior it is
_MOST_BLOCKS = 20
_FAR = 100.0  # sds from 0: a default Intercept, which is at x = 0, is then so many times wider than the data
_LOOSER = MappingProxyType(
    {
        "Poisson": "NegativeBinomial has a spread of its own.",
        "Exponential": "Gamma has a spread of its own.",
        "Geometric": "",
    }
)  # of the likelihoods in which the sd follows from the mean
_FACTORS = (0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001, 1e-4, 1e-5, 1e-6)


class PriorPredictive(Record):
    """Responses simulated from the priors, against the data.

    Attributes:
        draws: how many data sets.
        note: why there are none, else empty.
        likelihood: of the responses.
        quantity: what `share` is the share of.
        share: of simulated responses that are absurd, and `limit`, the largest that passes.
        log_reach: logarithm of the 94.5 % quantile of simulated distances from the middle of the data, and
            `log_data_reach`, that of the largest in the data; None where the response is no amount.
        block: the line of priors that does most of it, and its `prior`; empty where all is well or fixed.
        suggestion: a narrower prior under which all is well; empty if there is none.
        default: whether that prior is the default.
        far: the predictors whose distance from 0 made it so wide.
        offset: whether an offset is absurd with every unknown at the middle of its prior.
        statistics: name -> {"observed", "lower", "median", "upper", "p"} of simulated data sets.
    """

    draws: int
    note: str = ""
    likelihood: str = ""
    quantity: str = ""
    share: float | None = None
    limit: float | None = None
    log_reach: float | None = None
    log_data_reach: float | None = None
    block: str = ""
    prior: str = ""
    suggestion: str = ""
    default: bool = False
    far: list[str] = Field(default_factory=list)
    offset: bool = False
    statistics: dict[str, dict[str, float]] = Field(default_factory=dict)


def prior_predictive(model: Model, seed: int) -> PriorPredictive:
    """Simulate 1000 data sets from the priors and compare them with the data, up to 200 rows of them."""
    kind = kind_of(model)
    if kind is None:
        return PriorPredictive(draws=0, note="Responses of this kind are not simulated from the priors.")
    rng = np.random.default_rng([seed, 2])
    part = take(model, _rows(model, rng))
    try:
        thetas = draw_prior(part, rng, _DRAWS)
    except NotApplicable as reason:
        return PriorPredictive(draws=0, note=f"{reason.message[0].upper()}{reason.message[1:]}")
    with np.errstate(all="ignore"):
        simulated = kind.simulate(part, rng, thetas)
        share = float(np.mean(kind.absurd(part, simulated.judged)))
        blame = _blame(part, kind, rng, thetas) if share > kind.limit else {}
        return PriorPredictive(
            draws=_DRAWS,
            likelihood=model.likelihood.name,
            quantity=kind.quantity,
            share=share,
            limit=kind.limit,
            **(_reach(part, thetas, simulated.responses) if kind is NUMBERS else {}),
            **blame,
            statistics=_statistics(kind, part, simulated.responses),
        )


def _rows(model: Model, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose rows in proportion to how often they occur."""
    size, weights = len(model.response.values), model.response.weights
    if weights is not None:
        count = max(1, min(_ROWS, round(float(weights.sum()))))
        return np.sort(rng.choice(size, count, p=weights / weights.sum()))
    return np.arange(size) if size <= _ROWS else np.sort(rng.choice(size, _ROWS, replace=False))


def _reach(model: Model, thetas: Floats, responses: Floats) -> dict[str, float]:
    """Return logarithms of distances from the middle of the data: a large simulated, and the largest seen."""
    middle, farthest = middle_and_reach(model)
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(responses - middle))
        if model.location.link == "log":  # what overflows is known by its logarithm
            plain = replace(model, predictors=tuple(replace(p, link="identity") for p in model.predictors))
            logs = np.where(
                np.isfinite(logs), logs, psi_at(plain, thetas)[model.predictors.index(model.location)]
            )
    logs = np.nan_to_num(logs, nan=np.inf)
    rank = int(INTERVAL[1] * logs.size)
    return {
        "log_reach": float(np.partition(logs, rank, axis=None)[rank]),
        "log_data_reach": float(np.log(farthest)),
    }


def _statistics(kind: Kind, model: Model, responses: Floats) -> dict[str, dict[str, float]]:
    """Summarise the simulated data sets beside the data; p counts ties half, one that overflowed above."""
    found = {}
    simulated, seen = kind.summarise(model, responses), kind.summarise(model, model.response.values)
    for name, unordered in simulated.items():
        value = float(seen[name])
        values = np.sort(np.nan_to_num(unordered, nan=np.inf))
        ranks = (np.array([INTERVAL[0], 0.5, INTERVAL[1]]) * (len(values) - 1)).astype(int)
        lower, median, upper = values[ranks].tolist()
        p = float(np.mean(values > value) + np.mean(values == value) / 2)
        found[name] = {"observed": value, "lower": lower, "median": median, "upper": upper, "p": p}
    return found


def _blame(model: Model, kind: Kind, rng: np.random.Generator, thetas: Floats) -> dict[str, Any]:
    """Name the line of priors without whose spread least is absurd, and a width of it that is enough.

    Nothing is named where no unknown has a scale of its own, as where every value is fixed, or where all
    of them do not matter beside an offset.
    """
    thetas = thetas[:_FEW]

    def share(blocks: Sequence[Block], factor: float) -> float:
        varied = thetas.copy()
        for block in blocks:
            own = slice(block.start, block.stop)
            varied[:, own] = _shrunk(block.prior, thetas[:, own], factor)
        return float(np.mean(kind.absurd(model, kind.simulate(model, rng, varied).judged)))

    blocks = [block for block in model.blocks if scaled_of(block.prior.arguments) is None][:_MOST_BLOCKS]
    if not blocks:
        return {}
    if np.any(model.location.offset) and share(blocks, 0.0) > kind.limit:
        return {"offset": True}
    worst = min(blocks, key=lambda block: share([block], 0.0))
    enough = (factor for factor in _FACTORS if share([worst], factor) <= kind.limit / 2)
    narrower, default = _narrowed(worst.prior, next(enough, 0.0)), worst.origin == "default"
    return {
        "block": worst.name,
        "prior": str(worst.prior),
        "suggestion": str(narrower or ""),
        "default": default,
        "far": _far(model) if default else [],
    }


def _far(model: Model) -> list[str]:
    """List the columns whose mean is many sds from 0, which make default priors of the Intercept wide."""
    matrix, names = model.location.matrix, [model.names[i] for i in model.location.index]
    if matrix is None or INTERCEPT not in names:
        return []
    means, sds = matrix.mean(axis=0), matrix.std(axis=0)
    far = (sds > 0) & (np.abs(means) > _FAR * sds)
    return [name for name, is_far in zip(names, far, strict=True) if is_far]


def _shrunk(prior: Prior, drawn: Floats, factor: float) -> Floats:
    """Bring draws nearer to the location of their prior, or to their median where it has none."""
    entry = PRIORS[prior.distribution]
    middle = np.median(drawn, axis=0)
    if entry.scale is not None:
        middle = np.asarray(prior.arguments[entry.location] if entry.location else 0.0, dtype=np.float64)
    return np.asarray(middle + factor * (drawn - middle))


def _narrowed(prior: Prior, factor: float) -> Prior | None:
    """Return the distribution with its scale times a factor; None for a factor of 0 or without a scale."""
    entry = PRIORS[prior.distribution]
    if entry.scale is None or not factor:
        return None
    scale = prior.arguments[entry.scale]
    widths: list[float] = np.ravel(np.asarray(scale, dtype=np.float64)).tolist()
    values = tuple(float(f"{factor * width:.2g}") for width in widths)
    arguments = {**prior.arguments, entry.scale: values if isinstance(scale, tuple) else values[0]}
    return replace(prior, arguments=arguments)


def check_prior_predictive(found: PriorPredictive | None) -> tuple[Check, ...]:
    """Note priors that allow the absurd, and priors that exclude what was observed."""
    if found is None or found.share is None or found.limit is None:
        return ()
    return (
        _check_scale(found),
        *(_check_statistic(name, row, found.likelihood) for name, row in found.statistics.items()),
    )


def _check_scale(found: PriorPredictive) -> Check:
    share = found.share or 0.0
    absurd = share > (found.limit or 0.0)
    reached = ""
    if found.log_reach is not None and found.log_data_reach is not None:
        reached = (
            f", reaching {size_text(found.log_reach)} where the data reach {size_text(found.log_data_reach)}"
        )
    cause = found.prior or ("the offset" if found.offset else "the values that are fixed")
    advice = "Check the values that the model fixes, and the units of the data."
    if found.offset:
        advice = "Check the offset: on the scale of the link, that of an exposure is offset(log(exposure))."
    elif found.far:
        why = f"It is the default, so wide because {', '.join(found.far)} is far from 0"
        advice = f"{why}: write `center()` around it, or `standardize: true`."
    elif found.suggestion:
        advice = f"Narrow it: {found.block}: {found.suggestion}."
    elif found.block:
        instead = "" if found.default else ", or leave its line out for the default"
        advice = f"Give {found.block} a narrower prior{instead}."
    return make_check(
        "prior",
        "prior_predictive_scale",
        "note" if absurd else "pass",
        value=found.share,
        threshold=found.limit,
        parameter=found.block or None,
        message=f"With {cause} the share of {found.quantity} is {100 * share:.0f} %{reached}."
        if absurd
        else "",
        advice=advice,
    )


def size_text(logarithm: float) -> str:
    """Write a size, given its logarithm, as a reader grasps it: 357, 2.1e+09, exp(311).

    >>> size_text(311.2), size_text(5.9)
    ('exp(311)', '365')
    """
    return f"{math.exp(logarithm):.3g}" if logarithm < math.log(LARGEST) else f"exp({logarithm:.0f})"


def _check_statistic(name: str, row: dict[str, float], likelihood: str) -> Check:
    p = row["p"]
    side, excluded = ("below" if p > 0.5 else "above"), min(p, 1.0 - p) < EXTREME_P
    # priors wider than the data are the rule, and no conflict: the check of the scale sees to that
    excluded = excluded and not (name == "sd" and side == "below")
    message = (
        f"The {name} of the data, {row['observed']:.4g}, lies {side} nearly all that the priors allow "
        f"(89 % from {row['lower']:.3g} to {row['upper']:.3g})."
    )
    advice = "The priors and the data disagree: check the units of the data, or widen the priors."
    if name == "sd" and likelihood in _LOOSER:
        advice = (
            f"Under {likelihood} the sd of a response follows from its mean: unless the priors of the mean "
            f"are too narrow, the data vary more than this likelihood allows. {_LOOSER[likelihood]}"
        )
    return make_check(
        "prior",
        f"prior_predictive_{name.replace(' ', '_')}",
        "note" if excluded else "pass",
        value=min(p, 1.0 - p),
        threshold=EXTREME_P,
        message=message if excluded else "",
        advice=advice.strip(),
    )
