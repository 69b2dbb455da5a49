"""The tables of a report as text cells, the same for HTML, Markdown and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bayescope.config.counts import whole
from bayescope.diagnostics.records import Estimate
from bayescope.inference.fit import Fit
from bayescope.models.network_bodies import network_names
from bayescope.reports.formatting import DASH, decimals_for, duration, listing, number, plain, significant
from bayescope.reports.record import PriorSummary, RunRecord

_SCALED = ("Normal", "HalfNormal", "Exponential")  # the defaults whose scale is that of the data
_UNIT = ("Normal(0, 2.5)", "HalfNormal(2.5)", "Exponential(1)")  # what they are where there is none


@dataclass(frozen=True)
class TextTable:
    """Cells as text. `numeric` tells which columns are numbers; `states` has a word for each row or is empty.

    The first column names the row. `details` has a second line for cells, or is empty.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    states: tuple[str, ...] = ()
    details: tuple[tuple[str, ...], ...] = field(default=())

    def __bool__(self) -> bool:
        """Whether there is a row to show."""
        return bool(self.rows)


def text_table(headings: str, rows: Iterable[Sequence[str]], numeric: str = "") -> TextTable:
    """Build a table; `headings` are separated by "|", `numeric` names those of numbers."""
    names = tuple(headings.split("|"))
    numbers = set(numeric.split("|"))
    return TextTable(names, tuple(tuple(row) for row in rows), tuple(name in numbers for name in names))


def filled(table: TextTable, always: int = 1) -> TextTable:
    """Leave out the columns, after the first `always`, in which no row says anything."""
    kept = [
        k
        for k in range(len(table.headings))
        if k < always or any(row[k] not in {DASH, ""} for row in table.rows)
    ]
    return TextTable(
        headings=tuple(table.headings[k] for k in kept),
        rows=tuple(tuple(row[k] for k in kept) for row in table.rows),
        numeric=tuple(table.numeric[k] for k in kept),
    )


@dataclass(frozen=True)
class EstimateCell:
    """One method's answer for one parameter, with decimals that its whole row shares."""

    point: str
    sd: str
    interval: str

    def __str__(self) -> str:
        """Write the estimate with its sd, where it has one."""
        return self.point if self.sd == DASH else f"{self.point} ± {self.sd}"


_NO_ANSWER = EstimateCell(DASH, DASH, "")


def parameters(record: RunRecord) -> tuple[str, ...]:
    """List the unknowns in the order of the model."""
    return tuple(prior.parameter for prior in record.model.priors)


def answered_methods(fits: Sequence[Fit]) -> tuple[str, ...]:
    """Name the fits that have an answer, in the order they were asked for."""
    return tuple(fit.name for fit in fits if fit.answered)


def estimate_rows(
    record: RunRecord, methods: Sequence[str], names: Sequence[str] | None = None
) -> list[tuple[str, list[EstimateCell]]]:
    """Lay the answers of `methods` side by side: one row a parameter, one cell a method.

    `names` are the unknowns; all of the record if they are not given.
    """
    by_key = {(row.parameter, row.method): row for row in record.estimates}
    return [
        (name, _estimate_cells([by_key.get((name, method)) for method in methods]))
        for name in (parameters(record) if names is None else names)
    ]


def _estimate_cells(row: Sequence[Estimate | None]) -> list[EstimateCell]:
    present = [estimate for estimate in row if estimate is not None]
    decimals = decimals_for([e.estimate for e in present], [e.sd for e in present])
    return [_NO_ANSWER if estimate is None else _estimate_cell(estimate, decimals) for estimate in row]


def _estimate_cell(estimate: Estimate, decimals: int | None) -> EstimateCell:
    bounds = [number(bound, decimals) for bound in (estimate.lower, estimate.upper)]
    interval = "" if DASH in bounds else f"{bounds[0]} to {bounds[1]}"
    return EstimateCell(number(estimate.estimate, decimals), number(estimate.sd, decimals), interval)


def estimates_table(record: RunRecord, fits: Sequence[Fit]) -> TextTable:
    """All methods side by side: estimate ± sd, with the 89 % interval as the second line."""
    return _side_by_side(record, fits, parameters(record))


def effects_table(record: RunRecord, fits: Sequence[Fit]) -> TextTable:
    """The effects of groups by all methods, which would drown the other estimates."""
    return _side_by_side(record, fits, record.model.effects)


def _side_by_side(record: RunRecord, fits: Sequence[Fit], names: Sequence[str]) -> TextTable:
    methods = answered_methods(fits)
    rows = estimate_rows(record, methods, names)
    return TextTable(
        headings=("parameter", *methods),
        rows=tuple((plain(name), *(str(cell) for cell in cells)) for name, cells in rows),
        numeric=(False, *(True for _ in methods)),
        details=tuple(("", *(cell.interval for cell in cells)) for _, cells in rows),
    )


def methods_table(fits: Sequence[Fit]) -> TextTable:
    """How each method ended, how long it took, and its log evidence."""
    return text_table(
        "method|kind|outcome|time|log evidence",
        [
            (
                fit.name,
                "point" if fit.kind == "point" else "posterior",
                fit.outcome.status,
                duration(fit.timings["total"]) if "total" in fit.timings else DASH,
                significant(fit.log_evidence, 6),
            )
            for fit in fits
        ],
        numeric="time|log evidence",
    )


def outcome_notes(fits: Sequence[Fit]) -> list[tuple[str, str, str]]:
    """(method, status, message with advice) of every fit that has something to say."""
    return [
        (fit.name, fit.outcome.status, plain(f"{fit.outcome.message} {fit.outcome.advice}".strip()))
        for fit in fits
        if fit.outcome.status != "ok"
    ]


TRUTH = "truth"
"""The name of the fit that is no method's answer but what simulated data were drawn with."""


def recovery_in_words(record: RunRecord) -> list[str]:
    """How many truths the 89 % intervals of each method hold, for data that were simulated."""
    truth = {row.parameter: row.estimate or 0.0 for row in record.estimates if row.method == TRUTH}
    held: dict[str, list[bool]] = {}
    for row in record.estimates:
        if truth and row.lower is not None and row.upper is not None:
            held.setdefault(row.method, []).append(row.lower <= truth[row.parameter] <= row.upper)
    counts = ", ".join(f"{method} {sum(inside)} of {len(inside)}" for method, inside in held.items())
    return [plain(f"Simulated data: the 89 % intervals hold the truth for {counts}.")] if counts else []


def answers_in_words(fits: Sequence[Fit]) -> list[str]:
    """What there is to say of answers beside numbers: which method was chosen, the name of a posterior."""
    return [*_chosen_methods(fits), *_closed_forms(fits)]


def _chosen_methods(fits: Sequence[Fit]) -> list[str]:
    """Which method answered for `auto`, why, and why not the ones before it."""
    return [
        plain(
            " ".join(
                [
                    f"{fit.name}: {found['method']} answered: {found['because']}.",
                    *(f"Not {method}: {why}" for method, why in found["passed_over"].items()),
                ]
            )
        )
        for fit in fits
        if (found := fit.details.get("chosen")) is not None
    ]


def _closed_forms(fits: Sequence[Fit]) -> list[str]:
    """Posteriors that have a name, as sentences with the rule and the next response."""
    return [
        plain(
            f"{fit.name}: the posterior is {found['posterior']}, by the rule {found['rule']}"
            # that of a number of trials waits for the number
            + (f"; the next response is {found['predictive']}." if "predictive" in found else ".")
        )
        for fit in fits
        if (found := fit.details.get("conjugate")) is not None
    ]


def priors_table(record: RunRecord) -> TextTable:
    """The priors; neighbours that share one share a row. Hypotheses have theirs in their own table."""
    groups: dict[tuple[str, str], list[str]] = {}
    for prior in record.model.priors if record.hypotheses is None else ():
        groups.setdefault((prior.text, _origin(record, prior)), []).append(plain(prior.parameter))
    rows = [(listing(names, 6), text, origin) for (text, origin), names in groups.items()]
    return text_table("parameter|prior|origin", rows)


def _origin(record: RunRecord, prior: PriorSummary) -> str:
    """Where a prior comes from; a default that would be the same for other data is a default and no more."""
    if prior.origin == "given":
        return "given in the configuration"
    fixed = prior.distribution not in _SCALED or prior.text in _UNIT or prior.scale is not None
    if fixed or prior.parameter in network_names(record.model.blueprint):  # a deep layer knows its width only
        return "default"
    return "default, scaled to the data"


def penalties_table(record: RunRecord) -> TextTable:
    """The penalty that each prior amounts to."""
    return text_table(
        "parameter|prior|penalty|formula|lambda",
        [
            (
                listing([plain(name) for name in penalty.parameters], 6),
                penalty.prior,
                penalty.name,
                penalty.formula,
                "" if penalty.value is None else significant(penalty.value),
            )
            for penalty in record.loss.penalties
        ],
        numeric="lambda",
    )


def totals_table(record: RunRecord) -> TextTable:
    """Loss and penalty at the point estimates, in nats."""
    return text_table(
        "method|loss (nll)|penalty|total",
        [
            (method, *(_nats(total[key]) for key in ("nll", "penalty", "total")))
            for method, total in record.loss.totals.items()
        ],
        numeric="loss (nll)|penalty|total",
    )


def _nats(value: float) -> str:
    return ("∞" if value > 0 else "-∞") if math.isinf(value) else number(value, 4)


def agreement_table(record: RunRecord) -> TextTable:
    """Every method against the reference."""
    rows = [
        (
            plain(row.parameter),
            row.method,
            significant(row.mean_shift_in_sd, 3),
            number(row.sd_ratio, 4),
            *(significant(value, 3) for value in (row.wasserstein_1_in_sd, row.kl_nats)),
            *(number(value, 2) for value in (row.z, row.z_sd)),
        )
        for row in record.comparison
        if row.method != row.reference
    ]
    numeric = "shift of mean / sd|ratio of sds|Wasserstein-1 / sd|KL, nats|z of mean|z of sd"
    return text_table(f"parameter|method|{numeric}", rows, numeric)


SIGN = "P(slope > 0)"
"""The heading over the probability that a slope is positive, where there is a slope."""


def learned_table(record: RunRecord) -> TextTable:
    """What the data taught about each unknown: bits from prior to posterior, and the sign of a slope."""
    rows = [
        (
            plain(row.parameter),
            number(row.bits, 2),
            number(row.bits_error, 2) if (row.bits_error or 0.0) >= 0.005 else DASH,
            number(row.positive, 4),
            number(row.positive_error, 4) if row.positive_error else DASH,
        )
        for row in record.learned
    ]
    numeric = f"bits from prior to posterior|its error|{SIGN}|Monte Carlo error"
    return filled(text_table(f"parameter|{numeric}", rows, numeric), 2)


def sampler_table(record: RunRecord, method: str) -> TextTable:
    """Convergence of a sampler, one row a parameter."""
    rows = [
        (
            plain(row.parameter),
            *(DASH if value is None else whole(value) for value in (row.ess_bulk, row.ess_tail)),
            number(row.r_hat, 4),
            *(
                significant(error, 3)
                for error in (row.mcse_mean, row.mcse_lower, row.mcse_median, row.mcse_upper)
            ),
            significant(row.median),
            significant(row.mode),
        )
        for row in record.estimates
        if row.method == method
    ]
    numeric = "ESS bulk|ESS tail|R-hat|MCSE of mean|of 5.5 %|of median|of 94.5 %|median|mode"
    return text_table(f"parameter|{numeric}", rows, numeric)


def statistics_table(record: RunRecord) -> TextTable:
    """Test statistics of the posterior predictive check."""
    check = record.predictive
    rows = [
        (
            plain(name),
            *(significant(row.get(key)) for key in ("observed", "mean", "lower", "upper")),
            number(row.get("p"), 3),
        )
        for name, row in (check.statistics if check else {}).items()
    ]
    return text_table(
        "statistic|observed|replicated mean|89 % from|to|p", rows, "observed|replicated mean|89 % from|to|p"
    )
