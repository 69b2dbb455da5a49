"""How the posterior answers to its priors, as a table and sentences."""

from __future__ import annotations

from bayescope.diagnostics.sensitivity import THRESHOLD, in_words
from bayescope.reports.formatting import number, plain, shorten, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, text_table

SENSITIVITY_NOTE = (
    "Each prior counted a little more and a little less, by weights of the posterior draws; the likelihood "
    f"likewise. Above {THRESHOLD} it matters: where both do, prior and data disagree; where the prior alone "
    "does, it decides."
)


def sensitivity_table(record: RunRecord) -> TextTable:
    """Each line of priors with the unknown that changes most."""
    numeric = "sensitivity to the prior|to the likelihood|shift if it counts twice, sd"
    rows = [
        (
            plain(row.block),
            shorten(plain(row.prior), 40),
            plain(row.parameter),
            number(row.by_prior, 3),
            number(row.by_likelihood, 3),
            ("about " if row.extrapolated else "") + significant(row.shift, 2),
        )
        for row in record.sensitivity
    ]
    return text_table(f"prior of|prior|changes most|{numeric}", rows, numeric)


def sensitivity_sentences(record: RunRecord) -> list[str]:
    """Say in words where a prior matters."""
    return [plain(sentence) for row in record.sensitivity if (sentence := in_words(row))]
