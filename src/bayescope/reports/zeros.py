"""The table of coefficients that map puts at exactly 0, with what the posterior says of them."""

from __future__ import annotations

from bayescope.config.counts import whole
from bayescope.reports.formatting import DASH, number, plain, significant
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable

_MOST = 50


def zeros_table(record: RunRecord) -> TextTable:
    """The zeros of map, those that are least likely to be small first."""
    rows = sorted(record.zeros, key=lambda row: row.probability)[:_MOST]
    cells = [
        (
            plain(row.parameter),
            significant(row.size, 3),
            number(row.probability, 3),
            DASH if row.mean is None else significant(row.mean),
            DASH if row.lower is None or row.upper is None
            else f"{significant(row.lower)} to {significant(row.upper)}",
        )
        for row in rows
    ]  # fmt: skip
    headings = ("parameter", "eps", "P(|beta| < eps)", "posterior mean", "89 % interval")
    return TextTable(headings, tuple(cells), (False, True, True, True, False))


def zeros_note(record: RunRecord) -> str:
    """Say what the table is; empty without one."""
    if not record.zeros:
        return ""
    size = len(record.zeros)
    more = f" Of {whole(size)} such coefficients, the {_MOST} least likely." if size > _MOST else ""
    return (
        "A mode of zero is not a posterior of zero: map puts these coefficients at exactly 0, where the "
        "density is highest, and the posterior says how likely they are to be small. eps is 0.1 sd of the "
        "response (on the scale of the linear predictor) for one sd of the predictor. "
        f"From {record.zeros[0].method}.{more}"
    )
