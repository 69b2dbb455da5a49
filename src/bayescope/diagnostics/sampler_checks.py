"""Checks of a Markov chain sampler's draws: the gates, complete draws, and whether they were drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from bayescope.diagnostics.records import Check, make_check
from bayescope.inference.fit import Fit
from bayescope.inference.gates import GATES, MIN_ESS, Gate, Measured
from bayescope.inference.retries import attempts_of
from bayescope.sampling.convergence import Convergence


def check_sampler(fit: Fit, found: Convergence) -> tuple[Check, ...]:
    """Make every check that applies to the method of this fit."""
    gates = [check_gate(gate, fit, found) for gate in GATES if fit.method not in gate.without]
    return (check_draws(fit), *gates, *check_attempts(fit))


def check_draws(fit: Fit) -> Check:
    """Fail unless there are as many draws as the recipe asked for, all of them finite."""
    draws = np.asarray(fit.draws)
    chains, length = draws.shape[:2]
    wanted: tuple[Any, Any] = (fit.settings.get("chains"), fit.settings.get("draws"))
    known = None not in wanted
    short, broken = known and wanted != (chains, length), not np.isfinite(draws).all()
    asked = f"{wanted[0]} of {wanted[1]} were asked for" if known else "the recipe does not say how many"
    return make_check(
        fit.name,
        "draws",
        "fail" if short or broken else "pass" if known else "note",
        value=chains * length,
        threshold=float(wanted[0] * wanted[1]) if known else None,
        message=f"{chains} chains of {length} draws; {asked}." + (" Some are not finite." if broken else ""),
        advice="Run again without interrupting; if draws are not finite, use tighter priors.",
    )


def check_gate(gate: Gate, fit: Fit, found: Convergence) -> Check:
    """Report a gate: fail where it is not passed, note where it is but something was counted."""
    measured = gate.measure(fit, found)
    if measured is None:
        message = "The sampler did not record what this check needs."
        return make_check(fit.name, gate.name, "note", threshold=gate.threshold, message=message)
    return make_check(
        fit.name,
        gate.name,
        "fail" if not gate.passes(measured) else "note" if measured.count else "pass",
        value=measured.value,
        threshold=gate.threshold,
        parameter=measured.where if measured.where in fit.names else None,
        message=_MESSAGES[gate.name](measured),
        advice=_ADVICE[gate.name](fit, measured),
    )


def _worst(name: str, digits: int) -> Callable[[Measured], str]:
    def message(measured: Measured) -> str:
        if math.isfinite(measured.value):
            return f"The worst {name} is {measured.value:.{digits}f} ({measured.where})."
        return (
            f"{name} of {measured.where} cannot be computed: its draws are constant, not finite, or fewer "
            "than two chains of four."
        )

    return message


_MESSAGES: Mapping[str, Callable[[Measured], str]] = MappingProxyType(
    {
        "r_hat": _worst("R-hat", 3),
        "ess_bulk": _worst("bulk ESS", 0),
        "ess_tail": _worst("tail ESS", 0),
        "divergences": lambda measured: f"{measured.count} of {measured.of} draws diverged.",
        "e_bfmi": _worst("E-BFMI", 2),
        "tree_depth": lambda measured: (
            f"{measured.count} of {measured.of} trajectories were cut at the greatest tree depth."
        ),
    }
)


def _more_draws(fit: Fit, measured: Measured) -> str:
    if not measured.value > 0:
        return "Use four chains; if the draws do not move at all, check the parameter's prior and the data."
    needed = np.asarray(fit.draws).shape[1] * MIN_ESS / measured.value
    return (
        f"Set `draws` to at least {math.ceil(needed / 100) * 100} a chain; if R-hat is high too, "
        "see to that first."
    )


_ADVICE: Mapping[str, Callable[[Fit, Measured], str]] = MappingProxyType(
    {
        "r_hat": lambda *_: (
            "The chains have not mixed: do not use these draws. Use at least four chains with more "
            "`tune` and `draws`; if R-hat stays high, use tighter priors or rescale the predictors."
        ),
        "ess_bulk": _more_draws,
        "ess_tail": _more_draws,
        "divergences": lambda *_: (
            "The posterior bends too sharply for the step size, and the draws may miss part of it: "
            "set `target_accept` nearer to 1 (0.99); if divergences remain, use tighter priors."
        ),
        "e_bfmi": lambda *_: (
            "The posterior likely has heavy tails: use tighter priors, or more `tune` and `draws`."
        ),
        "tree_depth": lambda *_: "Raise `max_treedepth`, or put the predictors on one scale.",
    }
)


def check_attempts(fit: Fit) -> tuple[Check, ...]:
    """Note that the draws are not those of the first attempt alone: what failed, and what was changed."""
    attempts = attempts_of(fit)
    if not attempts:
        return ()
    last = attempts[-1]
    return (
        make_check(
            fit.name,
            "attempts",
            "note",
            value=len(attempts),
            threshold=1.0,
            message=f"Attempt 1 failed {failed_text(attempts[0])}; " + "; ".join(_sequel(attempts)) + ".",
            advice=(
                f"Put {changed_text(attempts[0], last)} into the recipe to save the first attempt."
                if last["kept"] and not last["failed"]
                else "What the checks that failed advise."
            ),
        ),
    )


def _sequel(attempts: Any) -> list[str]:
    """Say of each further attempt what was changed and what came out."""
    sequel = []
    for number, (before, attempt) in enumerate(pairwise(attempts), start=2):
        came_out = attempt["message"].rstrip(".") or (
            f"failed {failed_text(attempt)}" if attempt["failed"] else "passed"
        )
        kept = "" if attempt["kept"] or number < len(attempts) else ", and attempt 1 was kept"
        sequel.append(f"attempt {number}, with {changed_text(before, attempt)}, {came_out}{kept}")
    return sequel


def failed_text(attempt: Mapping[str, Any]) -> str:
    """Write the gates that an attempt failed: "divergences (25), r_hat (1.03)"."""
    parts = [
        f"{name} ({'undefined' if value is None else f'{value:.4g}'})"
        for name, value in attempt["failed"].items()
    ]
    return ", ".join(parts)


def changed_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Write the settings of an attempt that differ from those of another: "`target_accept: 0.99`"."""
    settings = before["settings"]
    changed = [f"`{name}: {value}`" for name, value in after["settings"].items() if value != settings[name]]
    return " and ".join(changed)
