"""The folder of a regularisation path: path.csv, path.json, path.html and the picture, whole or absent."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from bayescope.inference.path import Path
from bayescope.reports.figures_path import configured_strength, path_figure
from bayescope.reports.formatting import compact, listing, number, plain, significant, whole
from bayescope.reports.html import environment, line_up, stylesheet
from bayescope.reports.record import DataSummary
from bayescope.reports.tables import TextTable, text_table
from bayescope.reports.writer import hashes, replacing

_FORMAT = 1
_RECORD = "path.json"
_MEASURES = ("nll", "penalty", "score", "score_error", "log_evidence")


@dataclass(frozen=True, eq=False)
class PathRecord:
    """A path with what identifies it; `config` is the resolved configuration."""

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
    path: Path


def path_folder_name(record: PathRecord) -> str:
    """`<name>-path-<hash>`: equal configuration, data, seed, version and arguments give an equal name."""
    path = record.path
    identity = {
        "config": record.config,
        "data": record.data.fingerprint,
        "version": record.versions["bayescope"],
        "path": [path.prior, len(path.strength), path.folds],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
    return f"{record.name}-path-{digest[:10]}"


def write_path_folder(record: PathRecord, destination: FilePath) -> None:
    """Write the folder of a path, replacing the one that may be there.

    Raises:
        RunFolderError: the folder cannot be written; the one that was there is untouched.
    """
    picture = path_figure(record.path)
    with replacing(destination, _RECORD) as folder:
        (folder / "path.csv").write_text(path_csv(record.path), encoding="utf-8")
        (folder / "path.svg").write_text(picture.svg, encoding="utf-8")
        (folder / "path.png").write_bytes(picture.png)
        (folder / "path.html").write_text(_html(record, {"path": picture}), encoding="utf-8")
        content = {**path_json(record), "files": hashes(folder)}
        text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
        (folder / _RECORD).write_text(text + "\n", encoding="utf-8")


def path_csv(path: Path) -> str:
    """Write one row a step, narrowest prior first: its measures, then every unknown."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["step", "scale", "lambda", "nonzero", *_MEASURES, *map(_safe, path.names)])
    for i, theta in enumerate(path.theta.tolist()):
        measures = [_cell(float(getattr(path, name)[i])) for name in _MEASURES]
        head = [i, repr(float(path.scale[i])), repr(float(path.strength[i])), int(path.nonzero[i])]
        writer.writerow([*head, *measures, *map(_cell, theta)])
    return buffer.getvalue()


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def _safe(name: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else name


def path_json(record: PathRecord) -> dict[str, Any]:
    """Lay out a path as JSON-able data; its steps are in path.csv, those that are marked here."""
    path = record.path
    return {
        "format": _FORMAT,
        "kind": "path",
        "name": record.name,
        "title": record.title,
        "command": record.command,
        "config": dict(record.config),
        "seed": record.seed,
        "versions": dict(record.versions),
        "data": record.data.model_dump(mode="json"),
        "prior": path.prior,
        "distribution": path.distribution,
        "steps": len(path.strength),
        "folds": path.folds,
        "evidence": path.evidence,
        "kkt_residual": path.kkt_residual,
        "notes": list(path.notes),
        "marked": {name: _step(path, step) for name, step in marked_steps(path).items()},
    }


def _step(path: Path, step: int) -> dict[str, Any]:
    members = {name: float(path.theta[step, j]) for j, name in enumerate(path.names)}
    measures = {name: float(getattr(path, name)[step]) for name in _MEASURES}
    return {
        "step": step,
        "scale": float(path.scale[step]),
        "lambda": float(path.strength[step]),
        "nonzero": int(path.nonzero[step]),
        **{name: None if math.isnan(value) else value for name, value in measures.items()},
        "estimates": {name: value for name, value in members.items() if value != 0},
    }


def marked_steps(path: Path) -> dict[str, int]:
    """The steps that a reader looks for, by what they are."""
    found = {
        "best cross-validated score": path.best_score,
        "within one standard error of it": path.one_error,
        "best evidence": path.best_evidence,
    }
    return {name: step for name, step in found.items() if step is not None}


def path_table(path: Path) -> TextTable:
    """The marked steps, with the two ends of the path, as a table."""
    ends = {"narrowest prior": 0, "widest prior": len(path.strength) - 1}
    rows = [
        (
            name,
            significant(path.scale[i], 4),
            significant(path.strength[i], 4),
            whole(path.nonzero[i]),
            number(float(path.score[i]), 4),
            number(float(path.score_error[i]), 4),
            number(float(path.log_evidence[i]), 2),
        )
        for name, i in {**marked_steps(path), **ends}.items()
    ]
    numeric = f"{_scale_name(path)}|lambda|not 0|log score|its se|log evidence"
    return text_table(f"step|{numeric}", rows, numeric)


def _scale_name(path: Path) -> str:
    return "b" if path.distribution == "Laplace" else "tau"


def path_notes(path: Path) -> list[str]:
    """What a reader should know beside the table, as sentences."""
    given = f"{path.distribution}(0, {compact(path.configured, 6)})"
    sentences = [
        f"The prior of the configuration, {given}, is lambda = {compact(configured_strength(path), 4)}.",
        f"Log evidence: {path.evidence}.",
    ]
    if path.folds:
        sentences.append(
            "Log score: the mean log density of an observation at the mode of the other folds "
            f"({path.folds} folds)."
        )
    if path.distribution == "Laplace":
        sentences.append(
            "A mode of exactly 0 is not a posterior of 0: see P(|beta| < eps) in the report of nuts."
        )
    chosen = path.best_score
    if chosen is not None and path.distribution == "Laplace":
        names = [plain(m) for m in path.members if path.theta[chosen, path.names.index(m)] != 0]
        sentences.append(f"Not 0 at the best score: {listing(names, 12) or 'none'}.")
    return [*sentences, *(f"{note[0].upper()}{note[1:]}." for note in path.notes)]


def path_text(record: PathRecord) -> str:
    """Write what `bayescope path` prints: the marked steps, aligned, and the notes."""
    table = line_up(path_table(record.path))
    lines = [table.headings, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.headings))]
    texts = [
        "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, table.numeric, strict=True)
        ).rstrip()
        for line in lines
    ]
    title = f"{record.name}  path of {record.path.prior}, {len(record.path.strength)} steps"
    return "\n".join([title, "", texts[0], "-" * len(texts[0]), *texts[1:], "", *path_notes(record.path)])


def _html(record: PathRecord, pictures: Mapping[str, Any]) -> str:
    return (
        environment()
        .get_template("path.html.j2")
        .render(
            **stylesheet(),
            record=record,
            picture=pictures["path"],
            table=line_up(path_table(record.path)),
            notes=path_notes(record.path),
        )
    )
