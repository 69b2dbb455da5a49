"""How far each method's model is from the data, as a table and a sentence."""

from __future__ import annotations

import math

from bayescope.diagnostics.records import CrossEntropy
from bayescope.reports.formatting import number, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, filled, text_table

_ABOVE_MLE = " What a method has above mle is how much farther, in KL, its model is from the data."


def cross_entropy_table(record: RunRecord) -> TextTable:
    """Each method's mean loss, with its KL from the data where that is known, else what it has above mle."""
    found = record.loss.cross_entropy
    if found is None or found.entropy is None:
        numeric = "mean nll, nats|above mle|above mle, all rows"
        total = 0.0 if found is None else found.observations
        rows = [_against_mle(row, total) for row in (() if found is None else found.rows)]
    else:
        numeric = "mean nll, nats|KL(data ‖ model), nats|the same in bits|perplexity"
        rows = [_against_data(row) for row in found.rows]
    return filled(text_table(f"method|{numeric}", rows, numeric), 2)


def _against_mle(row: CrossEntropy, total: float) -> tuple[str, ...]:
    in_all = None if row.above_mle is None else total * row.above_mle
    return row.method, number(row.nll, 6), significant(row.above_mle, 3), significant(in_all, 3)


def _against_data(row: CrossEntropy) -> tuple[str, ...]:
    bits = None if row.kl is None else row.kl / math.log(2.0)
    perplexity = number(row.perplexity, 4)
    return row.method, number(row.nll, 6), significant(row.kl, 3), significant(bits, 3), perplexity


def cross_entropy_note(record: RunRecord) -> str:
    """Say what maximum likelihood minimises, with the entropy of the data where it is known."""
    found = record.loss.cross_entropy
    if found is None or not found.rows:
        return ""
    if found.entropy is None:
        with_mle = any(row.above_mle is not None for row in found.rows)
        return (
            "The mean loss estimates the cross-entropy of the data and the model; maximum likelihood makes "
            f"it least.{_ABOVE_MLE if with_mle else ''}"
        )
    bits = found.entropy / math.log(2.0)
    return (
        f"Mean loss = entropy of the data, {found.entropy:.6f} nats ({bits:.6f} bits), + KL(data ‖ model), "
        "the data being their empirical distribution. Maximum likelihood is what minimises that divergence."
    )
