"""What is computed beside runs (a path, a calibration): its identity, its text, its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayescope.config.schema import RunConfig
from bayescope.diagnostics.records import plain_json
from bayescope.models.model import Model
from bayescope.reports.html import environment, line_up, stylesheet
from bayescope.reports.record import DataSummary
from bayescope.reports.tables import TextTable
from bayescope.reports.writer import hashes, replacing

_FORMAT = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Identity:
    """What was computed, of what, by which versions; `config` is the resolved configuration."""

    name: str
    title: str
    command: str
    config: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]
    data: DataSummary
    likelihood: str
    response: str
    formula: str


def identity(
    config: RunConfig, model: Model, data: DataSummary, versions: Mapping[str, str], command: str
) -> dict[str, Any]:
    """Return the fields of an `Identity`."""
    return {
        "name": config.name,
        "title": config.title or config.name,
        "command": command,
        "config": config.model_dump(mode="json", exclude_none=True),
        "seed": config.seed,
        "versions": versions,
        "data": data,
        "likelihood": model.likelihood.name,
        "response": model.response.name,
        "formula": model.formula or "",
    }


def identity_json(record: Identity, kind: str) -> dict[str, Any]:
    """Lay out an identity as JSON-able data."""
    return {
        "format": _FORMAT,
        "kind": kind,
        "name": record.name,
        "title": record.title,
        "command": record.command,
        "config": dict(record.config),
        "seed": record.seed,
        "versions": dict(record.versions),
        "data": record.data.model_dump(mode="json"),
    }


def write_folder(
    destination: Path, kind: str, files: Mapping[str, str | bytes], content: Mapping[str, Any]
) -> None:
    """Write files and, with their hashes, `content` as KIND.json, replacing the folder that may be there.

    Raises:
        RunFolderError: the folder cannot be written; the one that was there is untouched.
    """
    with replacing(destination, f"{kind}.json") as folder:
        for name, file in files.items():
            (folder / name).write_bytes(file if isinstance(file, bytes) else file.encode())
        data = plain_json({**content, "files": hashes(folder)})
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=str)
        (folder / f"{kind}.json").write_text(text + "\n", encoding="utf-8")


def table_lines(table: TextTable) -> list[str]:
    """Write a table as aligned lines, a rule under its headings."""
    table = line_up(table)
    lines = [table.headings, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.headings))]
    headings, *rows = [
        "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, table.numeric, strict=True)
        ).rstrip()
        for line in lines
    ]
    return [headings, "-" * len(headings), *rows]


def html(kind: str, **content: Any) -> str:
    """Render the page of a kind."""
    return environment().get_template(f"{kind}.html.j2").render(**stylesheet(), **content)
