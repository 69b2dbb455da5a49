"""loo.csv, one line for each row that was left out; and leave-one-out cross-validation in a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from bayescope.config.counts import whole
from bayescope.diagnostics.loo import Loo
from bayescope.errors import RunFolderError
from bayescope.reports.formatting import number, plain
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, text_table

LOO_FILE = "loo.csv"
_COLUMNS = {"row": int, "weight": float, "log_density": float, "pareto_k": float, "plug_in": float}


def loo_text(found: Loo) -> str:
    """Write the rows as CSV, numbers in full: their columns are those of `Loo`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(zip(*(map(repr, getattr(found, name)) for name in _COLUMNS), strict=True))
    return buffer.getvalue()


def with_rows(record: RunRecord, folder: Path) -> RunRecord:
    """Give a record that was read from a folder the rows of its loo.csv.

    Raises:
        RunFolderError: the file is missing, or is not the one that was written.
    """
    if record.loo is None:
        return record
    try:
        lines = list(csv.DictReader(io.StringIO((folder / LOO_FILE).read_text(encoding="utf-8"))))
        rows = {name: tuple(read(line[name]) for line in lines) for name, read in _COLUMNS.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{folder / LOO_FILE}: cannot be read ({error}). Run the configuration again."
        raise RunFolderError(message) from None
    return record.model_copy(update={"loo": record.loo.model_copy(update=rows)})


def loo_table(record: RunRecord) -> TextTable:
    """The leave-one-out estimates of the reference, nats."""
    found = record.loo
    numeric = "elpd|its se|Monte Carlo error|p_loo|log score|largest Pareto k|rows with k above the limit"
    rows = [] if found is None else [_cells(found)]
    return text_table(f"method|{numeric}", rows, numeric)


def _cells(found: Loo) -> tuple[str, ...]:
    return (
        plain(found.method),
        number(found.elpd, 2),
        number(found.se, 2),
        number(found.mcse, 2),
        number(found.p_loo, 2),
        number(found.log_score, 4),
        number(found.largest_k, 2),
        whole(found.beyond_limit),
    )


def loo_note(record: RunRecord) -> str:
    """Say what was done; empty without it."""
    found = record.loo
    if found is None:
        return ""
    rows = f"a random sample of {whole(found.rows)} rows" if found.sampled else "each row"
    return (
        f"Log predictive density, in nats, of {rows} given all others, by importance weights of "
        f"{whole(found.draws)} draws (PSIS-LOO): the higher, the better the model predicts what it has not "
        "seen. p_loo is the effective number of parameters; without a row whose Pareto k is above "
        f"{found.k_limit:.2f} the posterior would be another. bayescope compare does it for several runs."
    )
