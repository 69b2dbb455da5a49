"""The columns of the data as a table: moments of numbers, levels of text, how many groups there are."""

from __future__ import annotations

from bayescope.config.counts import counted, whole
from bayescope.reports.formatting import compact, listing, plain, significant
from bayescope.reports.record import ColumnSummary, RunRecord
from bayescope.reports.tables import TextTable, filled, text_table


def columns_table(record: RunRecord) -> TextTable:
    """The columns of the data that the model uses."""
    table = text_table(
        "column|kind|mean|sd|minimum|maximum|levels",
        [_column_row(column) for column in record.data.columns],
        numeric="mean|sd|minimum|maximum",
    )
    return filled(table, 2)


def _column_row(column: ColumnSummary) -> tuple[str, ...]:
    numbers = (column.mean, column.sd, column.minimum, column.maximum)
    return (
        plain(column.name),
        column.kind,
        *(significant(value) if value is not None else "" for value in numbers[:2]),
        *(compact(value) if value is not None else "" for value in numbers[2:]),
        _levels(column),
    )


def _levels(column: ColumnSummary) -> str:
    """Name the levels of text with their counts; of numbers that are names of groups, say how many."""
    if column.kind == "group":
        return "" if column.distinct is None else counted(column.distinct, "group")
    levels = [f"{plain(level)} ({whole(count)})" for level, count in (column.levels or {}).items()]
    return listing(levels, 6, column.distinct)
