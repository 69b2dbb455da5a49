"""From finished fits to the record of a run: what a new run and an updated one share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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
    command: str,
    **more: Any,
) -> RunRecord:
    """Compare and check the fits and put all together; `more` are further fields of the record.

    `rows` is the model on the rows to check it against, all of them or a sample, and `row_numbers` name
    them; None: it is not checked against the data. `before` is what its priors made of the data, and `shift`
    what the log-likelihood of `model` lacks of that of all rows, nats; `notes` say what methods were asked in
    place of all rows.
    """
    comparison, reference = compare(fits), choose_reference(fits)
    checked = ModelChecking()
    if rows and reference:
        checked = check_model(rows, reference, config.seed, row_numbers, whole=model)
    checks = check_all(fits, comparison, (*check_prior_predictive(before), *checked.checks), model)
    return RunRecord(
        name=config.name,
        title=config.title or config.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        config=config.model_dump(mode="json", exclude_none=True),
        seed=config.seed,
        timings=timings | {fit.name: fit.timings["total"] for fit in fits},
        data=data,
        model=_with_notes(model_summary(model), notes),
        estimates=tuple(row for fit in fits for row in summarise(fit)),
        comparison=comparison,
        checks=checks,
        predictive=checked.predictive,
        loo=checked.loo,
        sensitivity=checked.sensitivity,
        unchecked="" if rows else _WITHOUT_ROWS,
        pit=checked.pit,
        calibration=checked.calibration,
        prior_predictive=before,
        hypotheses=hypotheses_view(model),
        pooling=pooling(rows, reference) if rows else (),
        learned=() if reference is None else learned(model, reference),
        zeros=zeros(rows, fits) if rows else (),
        recalled=tuple(fit.name for fit in fits if fit.recalled),
        evidence={fit.name: fit.log_evidence for fit in fits if fit.log_evidence is not None},
        verdict=verdict(fits, checks, comparison),
        loss=_shifted_loss(loss_view(model, fits), shift),
        **more,
    )


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
