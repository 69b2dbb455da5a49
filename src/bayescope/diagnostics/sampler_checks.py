"""Checks of a Markov chain sampler's draws: one function a check; `check_sampler` makes those that apply."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.convergence import Convergence, e_bfmi
from bayescope.diagnostics.records import Check, make_check
from bayescope.inference.fit import Fit

type Floats = NDArray[np.float64]

MAX_R_HAT = 1.01
MIN_ESS = 400.0
MIN_E_BFMI = 0.3
MAX_SATURATED = 0.01


def check_draws(fit: Fit, _found: Convergence) -> Check:
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


def check_r_hat(fit: Fit, found: Convergence) -> Check:
    """Fail when the largest R-hat is over 1.01: the chains do not agree on the posterior."""
    worst = _worst(found.r_hat, largest=True)
    value = float(found.r_hat[worst])
    return make_check(
        fit.name,
        "r_hat",
        "pass" if value <= MAX_R_HAT else "fail",
        value=value,
        threshold=MAX_R_HAT,
        parameter=fit.names[worst],
        message=_worst_message("R-hat", f"{value:.3f}", fit.names[worst]),
        advice=(
            "The chains have not mixed: do not use these draws. Use at least four chains with more "
            "`tune` and `draws`; if R-hat stays high, use tighter priors or rescale the predictors."
        ),
    )


def check_ess(kind: Literal["bulk", "tail"]) -> Callable[[Fit, Convergence], Check]:
    """Return the check that fails when the smallest bulk or tail ESS is under 400."""

    def check(fit: Fit, found: Convergence) -> Check:
        sizes: Floats = getattr(found, f"ess_{kind}")
        worst = _worst(sizes, largest=False)
        value = float(sizes[worst])
        return make_check(
            fit.name,
            f"ess_{kind}",
            "pass" if value >= MIN_ESS else "fail",
            value=value,
            threshold=MIN_ESS,
            parameter=fit.names[worst],
            message=_worst_message(f"{kind} ESS", f"{value:.0f}", fit.names[worst]),
            advice=_ess_advice(fit, value),
        )

    return check


def _worst(values: Floats, *, largest: bool) -> int:
    """Return the index of an undefined value if there is one, else of the worst."""
    undefined = ~np.isfinite(values)
    if undefined.any():
        return int(np.argmax(undefined))
    return int(np.argmax(values) if largest else np.argmin(values))


def _worst_message(name: str, value: str, where: str) -> str:
    if value not in ("nan", "inf", "-inf"):
        return f"The worst {name} is {value} ({where})."
    return (
        f"{name} of {where} cannot be computed: its draws are constant, not finite, or fewer than "
        "two chains of four."
    )


def _ess_advice(fit: Fit, size: float) -> str:
    if not size > 0:
        return "Use four chains; if the draws do not move at all, check the parameter's prior and the data."
    needed = np.asarray(fit.draws).shape[1] * MIN_ESS / size
    return (
        f"Set `draws` to at least {math.ceil(needed / 100) * 100} a chain; if R-hat is high too, "
        "see to that first."
    )


def check_divergences(fit: Fit, _found: Convergence) -> Check:
    """Fail when a trajectory diverged: part of the posterior was not explored."""
    diverging = _statistic(fit, "diverging")
    if diverging is None:
        return _not_recorded(fit, "divergences", 0.0)
    count = int(np.count_nonzero(diverging))
    return make_check(
        fit.name,
        "divergences",
        "fail" if count else "pass",
        value=count,
        threshold=0.0,
        message=f"{count} of {diverging.size} draws diverged.",
        advice=(
            "The posterior bends too sharply for the step size, and the draws may miss part of it: "
            "set `target_accept` nearer to 1 (0.99); if divergences remain, use tighter priors."
        ),
    )


def check_e_bfmi(fit: Fit, _found: Convergence) -> Check:
    """Fail when the smallest E-BFMI of a chain is under 0.3: the energy is explored too slowly."""
    energy = _statistic(fit, "energy")
    if energy is None:
        return _not_recorded(fit, "e_bfmi", MIN_E_BFMI)
    fractions = e_bfmi(energy)
    worst = _worst(fractions, largest=False)
    value = float(fractions[worst])
    return make_check(
        fit.name,
        "e_bfmi",
        "pass" if value >= MIN_E_BFMI else "fail",
        value=value,
        threshold=MIN_E_BFMI,
        message=_worst_message("E-BFMI", f"{value:.2f}", f"chain {worst}"),
        advice="The posterior likely has heavy tails: use tighter priors, or more `tune` and `draws`.",
    )


def check_tree_depth(fit: Fit, _found: Convergence) -> Check:
    """Fail when over 1 % of the trajectories were cut at the greatest tree depth, note when any was.

    A cut trajectory is still valid, but short: many of them make a slow random walk.
    """
    reached = _statistic(fit, "reached_max_treedepth")
    if reached is None:
        return _not_recorded(fit, "tree_depth", MAX_SATURATED)
    count = int(np.count_nonzero(reached))
    share = count / max(reached.size, 1)
    return make_check(
        fit.name,
        "tree_depth",
        "fail" if share > MAX_SATURATED else "note" if count else "pass",
        value=share,
        threshold=MAX_SATURATED,
        message=f"{count} of {reached.size} trajectories were cut at the greatest tree depth.",
        advice="Raise `max_treedepth`, or put the predictors on one scale.",
    )


def _statistic(fit: Fit, name: str) -> Floats | None:
    """Return a sampler statistic as floats, shape (chain, draw); None when it was not recorded."""
    if fit.tree is None or "sample_stats" not in fit.tree or name not in fit.tree["sample_stats"]:
        return None
    return np.asarray(fit.tree["sample_stats"][name].values, dtype=np.float64)


def _not_recorded(fit: Fit, name: str, threshold: float) -> Check:
    message = "The sampler did not record what this check needs."
    return make_check(fit.name, name, "note", threshold=threshold, message=message)


SAMPLER_CHECKS: tuple[tuple[Callable[[Fit, Convergence], Check], tuple[str, ...]], ...] = (
    (check_draws, ()),
    (check_r_hat, ()),
    (check_ess("bulk"), ()),
    (check_ess("tail"), ()),
    (check_divergences, ("metropolis",)),
    (check_e_bfmi, ("metropolis",)),
    (check_tree_depth, ("metropolis", "hmc")),
)
"""The checks, each with the methods that it does not apply to: a random walk has no energy, hmc no trees."""


def check_sampler(fit: Fit, found: Convergence) -> tuple[Check, ...]:
    """Make every check that applies to the method of this fit."""
    return tuple(check(fit, found) for check, without in SAMPLER_CHECKS if fit.method not in without)
