"""Another attempt of a sampler whose draws do not pass the gates: what is changed, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from bayescope.errors import FitError
from bayescope.inference.fit import Fit
from bayescope.inference.gates import MIN_ESS, Measured, failed_gates
from bayescope.inference.method import Context
from bayescope.inference.settings import NutsSettings
from bayescope.models.model import Model

type Changes = dict[str, Any]
type FitOnce = Callable[[Model, NutsSettings, Context], Fit]

FEWEST_DRAWS = 1600
"""A run of fewer draws is not tried again: healthy chains may need four draws for each effective one."""

_MOST_TIMES_DRAWS = 4
_LONGEST = 1_000_000


@dataclass(frozen=True)
class Attempt:
    """One run of the sampler: the gates that failed, with what was measured, or why there are no draws."""

    settings: NutsSettings
    fit: Fit | None
    failed: Mapping[str, Measured]
    message: str = ""

    @property
    def shortcomings(self) -> tuple[float, float]:
        """What attempts are ordered by: how many gates failed, then how many draws diverged."""
        if self.fit is None:
            return math.inf, math.inf
        return len(self.failed), self.failed["divergences"].value if "divergences" in self.failed else 0.0


def fit_with_retries(fit_once: FitOnce, model: Model, settings: NutsSettings, context: Context) -> Fit:
    """Fit, and while gates fail and retries are left, fit again with other settings and the same seed.

    The answer is the attempt that fails the fewest gates, the last of equals. It has the settings that it was
    made with, so that a recipe with these gives the same draws at once; where there was more than one
    attempt, all are in `details["attempts"]`.

    Raises:
        FitError: the first attempt could not be made.
    """
    first = fit_once(model, settings, context)
    attempts = [Attempt(settings, first, _failed(first) if settings.retries else {})]
    while len(attempts) <= settings.retries and (changes := _changes(attempts[-1])):
        context.report_progress(f"{_words(attempts[-1].failed)}: again with {_text(changes)}")
        again = NutsSettings(**(attempts[-1].settings.model_dump() | changes))
        attempts.append(_attempt(fit_once, model, again, context))
    if len(attempts) == 1:
        return first
    best = min(reversed(attempts), key=lambda attempt: attempt.shortcomings)
    fit = best.fit or first
    records = [_record(attempt, kept=attempt is best) for attempt in attempts]
    return replace(fit, settings=best.settings.model_dump(), details={**fit.details, "attempts": records})


def _attempt(fit_once: FitOnce, model: Model, settings: NutsSettings, context: Context) -> Attempt:
    try:
        fit = fit_once(model, settings, context)
    except FitError as reason:
        return Attempt(settings, None, {}, reason.message)
    return Attempt(settings, fit, _failed(fit))


def _failed(fit: Fit) -> dict[str, Measured]:
    return {gate.name: measured for gate, measured in failed_gates(fit)}


def _changes(attempt: Attempt) -> Changes:
    """Return the settings to try next, those that differ; none where the draws are too few to judge."""
    settings = attempt.settings
    if settings.chains * settings.draws < FEWEST_DRAWS:
        return {}
    changes: Changes = {}
    for name, measured in attempt.failed.items():
        for setting, value in _REMEDIES[name](settings, measured).items():
            changes[setting] = max(value, changes.get(setting, value))
    return {name: value for name, value in changes.items() if value != getattr(settings, name)}


def _smaller_steps(settings: NutsSettings, _measured: Measured) -> Changes:
    """Leave a tenth of the room to 1: 0.9 becomes 0.99."""
    return {"target_accept": round(1 - (1 - settings.target_accept) / 10, 6)}


def _longer_tuning(settings: NutsSettings, _measured: Measured) -> Changes:
    return {"tune": min(2 * settings.tune, _LONGEST)}


def _more_draws(settings: NutsSettings, measured: Measured) -> Changes:
    """Draw as many as the measured efficiency needs and a quarter more, where that is within reason."""
    needed = 1.25 * MIN_ESS / measured.value if measured.value > 0 else math.inf
    if needed > _MOST_TIMES_DRAWS:
        return _longer_tuning(settings, measured)
    return {"draws": min(100 * math.ceil(needed * settings.draws / 100), _LONGEST)}


_REMEDIES: Mapping[str, Callable[[NutsSettings, Measured], Changes]] = MappingProxyType(
    {
        "r_hat": _longer_tuning,
        "ess_bulk": _more_draws,
        "ess_tail": _more_draws,
        "divergences": _smaller_steps,
        "e_bfmi": _longer_tuning,
        "tree_depth": _longer_tuning,
    }
)
"""What is changed when a gate fails, every one an increase."""


def _record(attempt: Attempt, *, kept: bool) -> dict[str, Any]:
    """Write an attempt as plain data."""
    values = {name: measured.value for name, measured in attempt.failed.items()}
    return {
        "settings": attempt.settings.model_dump(),
        "failed": {name: value if math.isfinite(value) else None for name, value in values.items()},
        "message": attempt.message,
        "timings": {} if attempt.fit is None else dict(attempt.fit.timings),
        "kept": kept,
    }


def _words(failed: Mapping[str, Measured]) -> str:
    return ", ".join(f"{name} {measured.value:.3g}" for name, measured in failed.items())


def _text(changes: Changes) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes.items())


def attempts_of(fit: Fit) -> Sequence[Mapping[str, Any]]:
    """Return the attempts behind a fit, in their order; () where there was but one."""
    return tuple(fit.details.get("attempts", ()))
