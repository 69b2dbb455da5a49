"""From finished fits to the record of a run: what a new run and an updated one share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.schema import RunConfig
from bayescope.diagnostics.checks import check_all
from bayescope.diagnostics.comparison import choose_reference, compare
from bayescope.diagnostics.estimates import summarise
from bayescope.diagnostics.hypotheses import hypotheses_view
from bayescope.diagnostics.learning import learned
from bayescope.diagnostics.model_checking import ModelChecking, check_model
from bayescope.diagnostics.pooling import pooling
from bayescope.diagnostics.prior_predictive import PriorPredictive, check_prior_predictive
from bayescope.diagnostics.verdict import verdict
from bayescope.diagnostics.zeros import zeros
from bayescope.inference.fit import Fit
from bayescope.models.model import Model
from bayescope.reports.loss import loss_view
from bayescope.reports.record import DataSummary, LossView, ModelSummary, RunRecord
from bayescope.reports.summary import model_summary

_WITHOUT_ROWS = (
    "The model knows sums of its rows, not the rows: it was not checked against single ones (predictive "
    "checks, rows left out, sensitivity to the prior)."
)

type Show = Callable[[RunRecord, Sequence[Fit]], None]


def unseen(_record: RunRecord, _fits: Sequence[Fit]) -> None:
    """Show no answers before they are checked: the default of the Python API."""


def make_record(
    config: RunConfig,
    model: Model,
    fits: Sequence[Fit],
    data: DataSummary,
    *,
    rows: Model | None,
    row_numbers: NDArray[np.int64] | None = None,
    before: PriorPredictive | None = None,
    shift: float = 0.0,
    notes: tuple[str, ...] = (),
    timings: dict[str, float],
    show: Show = unseen,
    **more: Any,
) -> RunRecord:
    """Put the answers together, `show` them, and add how they compare and what checks say of them.

    `rows` is the model on the rows to check it against, all of them or a sample, and `row_numbers` name
    them; None: it is not checked against the data. `before` is what its priors made of the data, and `shift`
    what the log-likelihood of `model` lacks of that of all rows, nats; `notes` say what methods were asked in
    place of all rows; `more` are further fields of the record.
    """
    reference = choose_reference(fits)
    answers = RunRecord(
        name=config.name,
        title=config.title or config.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config.model_dump(mode="json", exclude_none=True),
        seed=config.seed,
        data=data,
        model=_with_notes(model_summary(model), notes),
        unchecked="" if rows else _WITHOUT_ROWS,
        prior_predictive=before,
        hypotheses=hypotheses_view(model),
        loss=_shifted_loss(loss_view(model, fits), shift),
        learned=() if reference is None else learned(model, reference),
        **_of_fits(fits, timings),
        **more,
    )
    show(answers, fits)
    checked = ModelChecking()
    if rows and reference:
        checked = check_model(rows, reference, config.seed, row_numbers, whole=model)
    return answers.model_copy(update=_checked(model, rows, fits, before, checked))


def _of_fits(fits: Sequence[Fit], timings: dict[str, float]) -> dict[str, Any]:
    return {
        "timings": timings | {fit.name: fit.timings["total"] for fit in fits},
        "estimates": tuple(row for fit in fits for row in summarise(fit)),
        "recalled": tuple(fit.name for fit in fits if fit.recalled),
        "evidence": {fit.name: fit.log_evidence for fit in fits if fit.log_evidence is not None},
    }


def _checked(
    model: Model,
    rows: Model | None,
    fits: Sequence[Fit],
    before: PriorPredictive | None,
    found: ModelChecking,
) -> dict[str, Any]:
    """Compare and check the fits: the fields of the record that tell of it."""
    comparison = compare(fits)
    checks = check_all(fits, comparison, (*check_prior_predictive(before), *found.checks), model)
    return {
        "comparison": comparison,
        "checks": checks,
        "predictive": found.predictive,
        "loo": found.loo,
        "sensitivity": found.sensitivity,
        "pit": found.pit,
        "calibration": found.calibration,
        "pooling": pooling(rows, choose_reference(fits)) if rows else (),
        "zeros": zeros(rows, fits) if rows else (),
        "verdict": verdict(fits, checks, comparison),
    }


def _with_notes(summary: ModelSummary, notes: tuple[str, ...]) -> ModelSummary:
    return summary.model_copy(update={"notes": (*summary.notes, *notes)})


def _shifted_loss(loss: LossView, shift: float) -> LossView:
    totals = {
        name: {**total, "nll": total["nll"] - shift, "total": total["total"] - shift}
        for name, total in loss.totals.items()
    }
    return loss.model_copy(update={"totals": totals})


def run_folder_name(record: RunRecord) -> str:
    """`<name>-<hash>`: equal configuration, data, seed and version give an equal name."""
    identity = {
        "config": record.config,
        "data": record.data.fingerprint,
        "version": record.versions["bayescope"],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
    return f"{record.name}-{digest[:10]}"
