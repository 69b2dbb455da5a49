"""What the priors make of the data before anything is fitted, as a table and a sentence."""

from __future__ import annotations

from bayescope.config.counts import whole
from bayescope.diagnostics.prior_predictive import size_text
from bayescope.reports.formatting import number, plain, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, text_table


def before_table(record: RunRecord) -> TextTable:
    """Test statistics of the data among those of data sets simulated from the priors."""
    found = record.prior_predictive
    rows = [
        (
            plain(name),
            *(significant(row[key], 3) for key in ("observed", "median", "lower", "upper")),
            number(row["p"], 3),
        )
        for name, row in (found.statistics if found else {}).items()
    ]
    numeric = "observed|simulated median|89 % from|to|p"
    return text_table(f"statistic|{numeric}", rows, numeric)


def before_note(record: RunRecord) -> str:
    """Say what was simulated, and what came out; empty where nothing was asked."""
    found = record.prior_predictive
    if found is None:
        return ""
    if found.share is None:
        return plain(found.note)
    reach = (
        ""
        if found.log_reach is None or found.log_data_reach is None
        else f" Simulated responses reach {size_text(found.log_reach)} from the middle of the data (94.5 % "
        f"are nearer); the data reach {size_text(found.log_data_reach)}."
    )
    return (
        f"In {whole(found.draws)} data sets simulated from the priors alone the share of {found.quantity} is "
        f"{100 * found.share:.1f} %.{reach}"
    )
