"""The rows that a run was made of, read again; they must be what they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bayescope.config.load import load_mapping
from bayescope.config.schema import DataConfig
from bayescope.data.new_rows import read_rows
from bayescope.data.prepare import read_data
from bayescope.data.table import Table, make_table
from bayescope.errors import BayescopeError, DataError, Finding
from bayescope.inference.registry import SETTINGS
from bayescope.models.blueprint import rebuild
from bayescope.models.model import Model
from bayescope.models.stack import stack
from bayescope.reports.lineage import root_step
from bayescope.reports.record import RunRecord, Step


def old_rows(record: RunRecord) -> Model:
    """Read all rows that a run was made of again.

    Raises:
        DataError: rows cannot be read any more, or are not what they were.
    """
    blueprint = record.model.blueprint
    if record.lineage is None:
        return rebuild(blueprint, _read_again(root_step(record), lambda: _root_table(record)))
    first, *updates = record.lineage.steps
    files: dict[str, Table] = {}
    tables = [
        _read_again(first, lambda: _root_table(record)),
        *(_read_again(step, partial(_update_table, record, step, files)) for step in updates),
    ]
    return stack([rebuild(blueprint, table) for table in tables])


def _root_table(record: RunRecord) -> Table:
    config = load_mapping(record.config, record.directory, methods=SETTINGS).config
    return read_data(config, Path(record.directory))[1]


def _update_table(record: RunRecord, step: Step, files: dict[str, Table]) -> Table:
    key = f"{step.directory}:{step.data}"
    if key not in files:
        section = DataConfig.model_validate(step.data)
        files[key] = read_rows(record.model.blueprint, section, Path(step.directory))
    return files[key] if step.row is None else row_of(files[key], step.row)


_ADVICE = "run the configuration on a file of all rows, old and new"


def _read_again(step: Step, read: Callable[[], Table]) -> Table:
    if step.data is None:
        message = f"the old rows are needed, but came as a {step.source} and were not kept; {_ADVICE}"
        raise DataError([Finding(message)], step.source)
    try:
        table = read()
    except BayescopeError as error:
        message = f"the old rows are needed, but cannot be read again ({error}); {_ADVICE}"
        raise DataError([Finding(message)], step.source) from None
    if table.fingerprint != step.fingerprint:
        message = (
            "the old rows are needed, but are not what they were when the run was made (their sha256 "
            f"differs); restore them, or {_ADVICE}"
        )
        raise DataError([Finding(message)], step.source)
    return table


def row_of(table: Table, row: int) -> Table:
    """Return one row of a table, by its 0-based position, as a table of its own."""
    one = slice(row, row + 1)
    return make_table(
        {name: values[one].copy() for name, values in table.columns.items()},
        f"{table.source}, row {table.rows[row]}",
        rows=table.rows[one].copy(),
        weights=None if table.weights is None else table.weights[one].copy(),
    )
