"""The verdict: a whole run in one word and one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from bayescope.diagnostics.comparison import choose_reference
from bayescope.diagnostics.convergence import is_monte_carlo
from bayescope.diagnostics.records import Check, ComparisonRow, Verdict
from bayescope.inference.fit import Fit

_YARDSTICKS = {"exact": "the exact posterior", "grid": "the posterior by quadrature (grid)"}


def verdict(fits: Sequence[Fit], checks: Sequence[Check], comparison: Sequence[ComparisonRow]) -> Verdict:
    """Sum a run up: "fail" if a check failed or nothing answered, "attention" for a note, else "pass".

    A method that by its nature has no answer for the model is no cause for attention. The
    sentence names the checks that failed (or have notes), and says what confirms the posterior.
    """
    inapplicable = {fit.name for fit in fits if fit.outcome.status == "not applicable"}
    counted = [check for check in checks if check.method not in inapplicable]
    failed = [check for check in counted if check.verdict == "fail"]
    notes = [check for check in counted if check.verdict == "note"]
    if not any(fit.answered for fit in fits):
        return Verdict(status="fail", sentence=f"No method gave an answer{_reasons(failed)}.")
    confirmation = _confirmation(fits, failed, comparison)
    if failed:
        start = f"{len(failed)} of {_checks(counted)} failed{_reasons(failed)}"
        return Verdict(status="fail", sentence=f"{start}{confirmation}.")
    if notes:
        start = f"None of {_checks(counted)} failed, but note{_reasons(notes)}"
        return Verdict(status="attention", sentence=f"{start}{confirmation}.")
    return Verdict(status="pass", sentence=f"All {_checks(counted)} passed{confirmation}.")


def _checks(checks: Sequence[Check]) -> str:
    return f"{len(checks)} check" + ("" if len(checks) == 1 else "s")


def _reasons(checks: Sequence[Check]) -> str:
    """Name the checks by method: ": nuts (r_hat, divergences) and mle (answer)"."""
    names: dict[str, list[str]] = {}
    for check in checks:
        names.setdefault(check.method, []).append(check.name)
    parts = [f"{method} ({', '.join(found)})" for method, found in names.items()]
    return f": {_join(parts)}" if parts else ""


def _join(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _confirmation(fits: Sequence[Fit], failed: Sequence[Check], comparison: Sequence[ComparisonRow]) -> str:
    """Say what stands behind the posterior; nothing is claimed of a method with a failed check."""
    reference = choose_reference(fits)
    suspects = {check.method for check in failed}
    if reference is None:
        return "; no method gave a posterior to check the others against"
    if reference.name in suspects:
        return ""
    scores = _largest_scores(comparison, suspects)
    name = _YARDSTICKS.get(reference.method, reference.name)
    if scores:
        verb = "agrees" if len(scores) == 1 else "agree"
        return f"; {_join(list(scores))} {verb} with {name} (largest |z| {max(scores.values()):.1f})"
    if is_monte_carlo(reference):
        return f"; no second posterior confirms {name}"
    return f"; {name} is known"


def _largest_scores(comparison: Sequence[ComparisonRow], suspects: set[str]) -> dict[str, float]:
    """Return the largest |z| of each trusted method that has one."""
    scores: dict[str, float] = {}
    for row in comparison:
        if row.method not in suspects and row.z is not None:
            scores[row.method] = max(scores.get(row.method, 0.0), abs(row.z), abs(row.z_sd or 0.0))
    return scores
