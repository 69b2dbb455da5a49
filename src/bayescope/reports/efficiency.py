"""What effective draws cost: the samplers of a run side by side, per second and per evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayescope.config.counts import whole
from bayescope.inference.fit import Fit
from bayescope.reports.figures import is_sampler
from bayescope.reports.formatting import DASH, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, text_table

EFFICIENCY_NOTE = (
    "The effective sample size (ESS) is the least bulk ESS of the unknowns, or that of importance weights. "
    "Seconds and evaluations include warm-up, seconds no compilation; bayescope moves all chains of nuts "
    "together, nutpie side by side, PyMC one after the other. A leapfrog step of nuts and hmc takes the "
    "gradient of the log density; a random walk and importance weights take the density only."
)


@dataclass(frozen=True)
class Cost:
    """What a sampler drew, what its draws are worth, and what they took; None where it is not known.

    `evaluations` counts those of what `evaluated` says: the gradient of the log density, or the density.
    """

    draws: int
    ess: float | None
    seconds: float | None
    evaluations: int | None
    evaluated: str

    def ess_per(self, spent: float | None, unit: float = 1.0) -> str:
        """Write the effective draws for each `unit` of what was spent."""
        if self.ess is None or not spent:
            return DASH
        rate = self.ess * unit / spent
        return whole(rate) if rate >= 1000 else significant(rate, 3)


def efficiency_table(record: RunRecord, fits: Sequence[Fit]) -> TextTable:
    """Effective sample size by second and by evaluation, one row a sampler."""
    costs = [(fit.name, cost) for fit in fits if (cost := cost_of(record, fit)) is not None]
    rows = [(name, *_cells(cost)) for name, cost in costs]
    numeric = ("draws", "least ESS", "seconds", "ESS per second", "evaluations", "ESS per 1,000 evaluations")
    headings = ("method", *numeric[:5], "of the", numeric[5])
    return text_table("|".join(headings), rows, "|".join(numeric))


def cost_of(record: RunRecord, fit: Fit) -> Cost | None:
    """Say what the draws of a fit cost; None where they are independent draws of a known posterior."""
    if fit.draws is not None and is_sampler(record, fit):
        sizes = [row.ess_bulk for row in record.estimates if row.method == fit.name]
        return Cost(
            draws=fit.draws.shape[0] * fit.draws.shape[1],
            ess=min((size for size in sizes if size is not None), default=None),
            seconds=fit.timings.get("sample"),
            evaluations=fit.details.get("evaluations"),
            evaluated=fit.details.get("evaluated", DASH),
        )
    if fit.method == "importance" and fit.answered:
        proposals = fit.details["proposals"]
        return Cost(proposals, fit.details["ess"], fit.timings.get("total"), proposals, "density")
    return None


def _cells(cost: Cost) -> tuple[str, ...]:
    return (
        whole(cost.draws),
        DASH if cost.ess is None else whole(cost.ess),
        significant(cost.seconds, 3),
        cost.ess_per(cost.seconds),
        DASH if cost.evaluations is None else whole(cost.evaluations),
        cost.evaluated,
        cost.ess_per(cost.evaluations, 1000.0),
    )
