"""Checks for reading: many parameters of one check share a line, what failed stands alone."""

from __future__ import annotations

from collections.abc import Sequence

from bayescope.diagnostics.records import Check
from bayescope.reports.formatting import compact, plain
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable

_ORDER = ("fail", "note", "pass")
_NAMES = {
    "r_hat": "R-hat",
    "ess_bulk": "bulk ESS",
    "ess_tail": "tail ESS",
    "e_bfmi": "E-BFMI",
    "pareto_k": "Pareto k",
    "loo_pareto_k": "Pareto k",
    "predictive_pit": "PIT",
}


def check_name(check: Check) -> str:
    """Write the name of a check for a reader: `r_hat` is R-hat, `tree_depth` is "tree depth"."""
    return _NAMES.get(check.name, plain(check.name.replace("_", " ")))


def check_lines(record: RunRecord) -> list[tuple[Check, int]]:
    """Group checks: (the check nearest to failing, how many it stands for); failures first, each alone."""
    lines = [(check, 1) for check in record.checks if check.verdict != "pass"]
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in record.checks:
        if check.verdict == "pass":
            groups.setdefault((check.method, check.name), []).append(check)
    lines += [(_nearest(group), len(group)) for group in groups.values()]
    return sorted(lines, key=lambda line: _ORDER.index(line[0].verdict))


def _nearest(group: Sequence[Check]) -> Check:
    """The passing check whose value is nearest to its threshold."""
    return min(group, key=_margin)


def _margin(check: Check) -> float:
    if check.value is None or check.threshold is None:
        return float("inf")
    return abs(check.value - check.threshold)


def checks_table(record: RunRecord) -> TextTable:
    """The checks as a table: verdict, method, check, value, threshold, where, message and advice."""
    lines = check_lines(record)
    return TextTable(
        headings=("verdict", "method", "check", "value", "threshold", "parameter", "message"),
        rows=tuple(_row(check, count) for check, count in lines),
        numeric=(False, False, False, True, True, False, False),
        states=tuple(check.verdict for check, _ in lines),
    )


def _row(check: Check, count: int) -> tuple[str, ...]:
    parameter = plain(check.parameter) if check.parameter else ""
    message = (
        ""
        if count > 1
        else plain(f"{check.message} {check.advice if check.verdict != 'pass' else ''}".strip())
    )
    return (
        check.verdict,
        check.method,
        check_name(check) + (f" (worst of {count})" if count > 1 else ""),
        "" if check.value is None else compact(check.value),
        "" if check.threshold is None else compact(check.threshold),
        parameter,
        message,
    )
