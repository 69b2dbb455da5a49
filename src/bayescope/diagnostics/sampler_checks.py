"""Checks of a sampler's draws: complete, moving, past the gates; and whether they were drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from bayescope.diagnostics.chains import Split, chains_text, split_chains, still_chains
from bayescope.diagnostics.divergences import places
from bayescope.diagnostics.records import Check, make_check
from bayescope.diagnostics.sampler_advice import advice
from bayescope.diagnostics.tails import check_tails
from bayescope.inference.fit import Fit
from bayescope.inference.gates import GATES, Gate, Measured
from bayescope.inference.retries import attempts_of
from bayescope.models.model import Model
from bayescope.sampling.convergence import Convergence


def check_sampler(fit: Fit, found: Convergence, model: Model | None = None) -> tuple[Check, ...]:
    """Make every check that applies to the method of this fit; the model is what advice is made to fit."""
    gates = [check_gate(gate, fit, found, model) for gate in GATES if fit.method not in gate.without]
    return _said_once(
        (check_draws(fit), check_chains(fit), *gates, *check_tails(fit, model), *check_attempts(fit))
    )


def _said_once(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Refer from advice that an earlier check gives already to that check."""
    first: dict[str, str] = {}
    for check in checks:
        first.setdefault(check.advice, check.name)
    return tuple(
        check.model_copy(update={"advice": f"See `{first[check.advice]}`."})
        if check.advice and first[check.advice] != check.name
        else check
        for check in checks
    )


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


def check_chains(fit: Fit) -> Check:
    """Fail when a chain does not move, or chains lie in different places: which, by their numbers from 1."""
    draws = np.asarray(fit.draws)
    still, split = still_chains(draws), split_chains(draws)
    bad = still or (split.few if split else ())
    return make_check(
        fit.name,
        "chains",
        "fail" if bad else "pass",
        value=len(bad),
        threshold=0.0,
        parameter=fit.names[split.parameter] if split and not still else None,
        message=_still_message(still) if still else _split_message(split),
        advice=(
            "A chain that does not move started where the density is far too steep, or has lost its way: use "
            "tighter priors and predictors on one scale, and do not use its draws."
            if still
            else "There is more than one mode, or a chain has got stuck: more draws will not bring them "
            "together. Use priors that rule one of the places out."
        ),
    )


def _still_message(chains: tuple[int, ...]) -> str:
    text = chains_text(chains)
    return f"{text[0].upper()}{text[1:]} {'does' if len(chains) == 1 else 'do'} not move."


def _split_message(split: Split | None) -> str:
    if split is None:
        return ""
    few = chains_text(split.few)
    verb = "lies" if len(split.few) == 1 else "lie"
    return (
        f"{few[0].upper()}{few[1:]} {verb} around {split.at:.3g}, {chains_text(split.many)} around "
        f"{split.other:.3g}, with nothing in between."
    )


def check_gate(gate: Gate, fit: Fit, found: Convergence, model: Model | None = None) -> Check:
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
        message=_MESSAGES[gate.name](measured) + (_whereabouts(fit) if gate.name == "divergences" else ""),
        advice=advice(gate.name, fit, measured, model) if not gate.passes(measured) or measured.count else "",
    )


def _whereabouts(fit: Fit) -> str:
    """Say in which two unknowns divergent draws differ most from the others; nothing where they do not."""
    apart = [
        f"{fit.names[place.position]} (median {place.divergent:.3g} against {place.others:.3g})"
        for place in places(fit)[:2]
        if place.is_apart
    ]
    return f" They differ from the other draws in {' and '.join(apart)}." if apart else ""


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
