"""Checks: what could be wrong with an answer, as value, threshold, verdict and advice.

"fail" is kept for what makes an answer untrustworthy or absent; "note" for what is worth knowing
about a sound answer (a method that does not apply, an estimate on a boundary).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np

from bayescope.diagnostics.convergence import is_monte_carlo, is_sampled
from bayescope.diagnostics.records import Check, ComparisonRow, PredictiveCheck, make_check
from bayescope.diagnostics.sampler_checks import check_sampler
from bayescope.inference.fit import Fit, Status
from bayescope.inference.gates import judged
from bayescope.models.model import Model
from bayescope.sampling.convergence import convergence

MAX_Z = 4.0
MAX_MAP_SHIFT = 1.0
EXTREME_P = 0.005


def check_fit(fit: Fit, model: Model | None = None) -> tuple[Check, ...]:
    """Check one fit by itself: whether it answered, how, and for a sampler whether it converged."""
    checks = [check_answer(fit)]
    if fit.answered and fit.kind == "point":
        checks.append(check_boundary(fit))
    if fit.answered and "pareto_k" in fit.details:
        checks.append(check_pareto_k(fit))
    if is_sampled(fit) and fit.draws is not None:
        seen = judged(fit)
        checks.extend(check_sampler(seen, convergence(np.asarray(seen.draws)), model))
    return tuple(checks)


def check_all(
    fits: Sequence[Fit],
    comparison: Sequence[ComparisonRow],
    of_the_model: Sequence[Check] = (),
    model: Model | None = None,
) -> tuple[Check, ...]:
    """Check every fit by itself, then against the reference; those of the model against the data follow."""
    alone = [check for fit in fits for check in check_fit(fit, model)]
    compared = [
        check(fit, rows)
        for fit in fits
        for applies, check in COMPARISON_CHECKS
        if applies(fit) and (rows := [row for row in comparison if row.method == fit.name])
    ]
    return (*alone, *compared, *of_the_model)


def check_answer(fit: Fit) -> Check:
    """Tell whether the method gave an answer: failed is a fail, flagged or not applicable a note.

    An answer flagged for a boundary passes here: `check_boundary` has the flag.
    """
    outcome = fit.outcome
    lost = not fit.answered and outcome.status in ("ok", "flagged")
    status = "failed" if lost else "ok" if _on_boundary(fit) else outcome.status
    unexplained = f"{fit.name}: {status}, without a reason given."
    return make_check(
        fit.name,
        "answer",
        _VERDICTS[status],
        message="" if status == "ok" else outcome.message or unexplained,
        advice=outcome.advice or (_FALLBACK if status == "failed" else ""),
    )


_VERDICTS: Mapping[Status, Literal["pass", "note", "fail"]] = MappingProxyType(
    {"ok": "pass", "flagged": "note", "not applicable": "note", "failed": "fail"}
)
_FALLBACK = "Rely on the other methods of this run, or change the model or the data as the message says."


def check_boundary(fit: Fit) -> Check:
    """Note a point estimate on the boundary of its parameter's range."""
    names = _on_boundary(fit)
    return make_check(
        fit.name,
        "boundary",
        "note" if names else "pass",
        value=float(len(names)),
        threshold=0.0,
        parameter=names[0] if names else None,
        message=(fit.outcome.message or f"On the boundary: {', '.join(names)}.") if names else "",
        advice=fit.outcome.advice or "Give the parameter a proper prior and read the posterior.",
    )


def check_pareto_k(fit: Fit) -> Check:
    """Check the tail of the importance weights of an approximation: above the limit a few draws carry it.

    Vehtari et al. (2024), JMLR 25(72), section 3.2.4. A k that is not finite is told by its note: equal
    weights have no tail, and pass, as do weights that hardly differ; too few weights above zero do not.
    """
    k, limit = fit.details["pareto_k"], float(fit.details["pareto_k_limit"])
    note = fit.details.get("pareto_k_note", "")
    passes = "no tail" in note or (k is not None and k <= limit)
    return make_check(
        fit.name,
        "pareto_k",
        "pass" if passes else "fail",
        value=k,
        threshold=limit,
        message="" if passes else fit.outcome.message or f"The weights: {note}.",
        advice="" if passes else fit.outcome.advice or "Use nuts.",
    )


def _on_boundary(fit: Fit) -> tuple[str, ...]:
    """Return the names of the parameters on a boundary, from `details["boundary"]`."""
    return tuple(fit.details.get("boundary") or ())


def check_agreement(column: Literal["z", "z_sd"], fit: Fit, rows: Sequence[ComparisonRow]) -> Check:
    """Compare a sampler's means or sds with the reference, in Monte Carlo standard errors.

    For a correct sampler z is near Normal(0, 1), where |z| > 4 has probability 6e-5.
    """
    what, difference = {"z": ("mean", "mean_shift_in_sd"), "z_sd": ("sd", "sd_ratio")}[column]
    comparable = [row for row in rows if getattr(row, difference) is not None]
    scores = {row.parameter: abs(_or_nan(getattr(row, column))) for row in comparable}
    worst = _largest(scores)
    value = scores.get(worst or "", math.nan)
    return make_check(
        fit.name,
        f"agreement_of_{what}s",
        "note" if worst is None else "pass" if value <= MAX_Z else "fail",
        value=value,
        threshold=MAX_Z,
        parameter=worst,
        message=_agreement_message(fit.name, rows[0].reference, what, worst, value),
        advice=_AGREEMENT_ADVICE[is_sampled(fit)] if worst else "",
    )


_AGREEMENT_ADVICE: Mapping[bool, str] = MappingProxyType(
    {
        True: "Do not use these draws before R-hat, ESS and divergences are in order; if they are, "
        "draw more, and if the difference stays, report it as a bug.",
        False: "Weights miss what their proposals do not reach, even where Pareto k is in order: "
        "raise `proposals`, and if the difference stays, use nuts.",
    }
)
"""By whether the draws are of Markov chains, or have importance weights."""


def _agreement_message(method: str, reference: str, what: str, worst: str | None, value: float) -> str:
    if worst is None:
        return f"{reference} has no {what} to compare {method} with."
    if math.isnan(value):
        return f"The {what} of {worst} has no Monte Carlo error, so it cannot be compared with {reference}."
    return f"The {what} of {worst} is {value:.1f} Monte Carlo standard errors away from {reference}."


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _largest(values: Mapping[str, float]) -> str | None:
    """Return the key of the largest value, undefined (nan) being the largest of all; None for no values."""
    return max(values, key=lambda name: math.inf if math.isnan(values[name]) else values[name], default=None)


def check_map_shift(fit: Fit, rows: Sequence[ComparisonRow]) -> Check:
    """Note a MAP estimate more than one posterior sd from the posterior mean."""
    shifts = {row.parameter: abs(row.mean_shift_in_sd) for row in rows if row.mean_shift_in_sd is not None}
    worst = _largest(shifts)
    value = shifts.get(worst or "", math.nan)
    message = f"The mode of {worst} is {value:.2g} posterior sd from the posterior mean."
    return make_check(
        fit.name,
        "map_near_posterior_mean",
        "pass" if value <= MAX_MAP_SHIFT else "note",
        value=value,
        threshold=MAX_MAP_SHIFT,
        parameter=worst,
        message=message if worst else "No posterior mean and sd exist to compare the mode with.",
        advice="The posterior is lopsided there: prefer its mean, median and interval to the mode.",
    )


def check_predictive(predictive: PredictiveCheck | None) -> tuple[Check, ...]:
    """Note test statistics of the data that replicated data almost never reach, on either side."""
    statistics = predictive.statistics if predictive else {}
    return tuple(
        _predictive_check(predictive, name, values["p"]) for name, values in statistics.items() if predictive
    )


def _predictive_check(predictive: PredictiveCheck, name: str, p: float) -> Check:
    side = "below" if p > 1 / 2 else "above"
    ordinary = EXTREME_P <= p <= 1 - EXTREME_P
    message = f"The {name} of the data lies {side} that of nearly all {predictive.replicates} replicates: "
    smaller = f", 1 - p = {1 - p:.3g}" if p > 1 / 2 else ""  # the value of the check
    return make_check(
        predictive.method,
        f"predictive_{name.replace(' ', '_')}",
        "pass" if ordinary else "note",
        value=min(p, 1 - p),
        threshold=EXTREME_P,
        message=f"{'' if ordinary else message}p = {p:.3g}{smaller}.",
        advice="The model does not reproduce this feature: reconsider its likelihood or predictors.",
    )


type _Applies = Callable[[Fit], bool]
type _ComparisonCheck = Callable[[Fit, Sequence[ComparisonRow]], Check]

COMPARISON_CHECKS: tuple[tuple[_Applies, _ComparisonCheck], ...] = (
    (is_monte_carlo, partial(check_agreement, "z")),
    (is_monte_carlo, partial(check_agreement, "z_sd")),
    (lambda fit: fit.answered and fit.method == "map", check_map_shift),
)
"""Checks of a method against the reference: to which fits each applies, and the check."""
