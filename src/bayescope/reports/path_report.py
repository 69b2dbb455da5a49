"""The folder of a regularisation path: path.csv, path.json, path.html and the picture, whole or absent."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from bayescope.config.counts import whole
from bayescope.inference.path import Path
from bayescope.reports.beside import Identity, html, identity_json, table_lines, write_folder
from bayescope.reports.figures_path import configured_strength, path_figure
from bayescope.reports.formatting import compact, listing, number, plain, significant, wrapped
from bayescope.reports.html import line_up
from bayescope.reports.style import Picture
from bayescope.reports.tables import TextTable, text_table
from bayescope.reports.writer import csv_cell

_MEASURES = ("nll", "penalty", "score", "score_error", "log_evidence")


@dataclass(frozen=True, eq=False, kw_only=True)
class PathRecord(Identity):
    """A path with what identifies it."""

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
    files: dict[str, str | bytes] = {
        "path.csv": path_csv(record.path),
        "path.svg": picture.svg,
        "path.png": picture.png,
        "path.html": _html(record, picture),
    }
    write_folder(destination, "path", files, path_json(record))


def path_csv(path: Path) -> str:
    """Write one row a step, narrowest prior first: its measures, then every unknown."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["step", "scale", "lambda", "nonzero", *_MEASURES, *map(csv_cell, path.names)])
    for i, theta in enumerate(path.theta.tolist()):
        measures = [_cell(float(getattr(path, name)[i])) for name in _MEASURES]
        head = [i, repr(float(path.scale[i])), repr(float(path.strength[i])), int(path.nonzero[i])]
        writer.writerow([*head, *measures, *map(_cell, theta)])
    return buffer.getvalue()


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def path_json(record: PathRecord) -> dict[str, Any]:
    """Lay out a path as JSON-able data; its steps are in path.csv, those that are marked here."""
    path = record.path
    return {
        **identity_json(record, "path"),
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
        "best score": path.best_score,
        "within 1 se of it": path.one_error,
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
    title = f"{record.name}  path of {record.path.prior}, {len(record.path.strength)} steps"
    return "\n".join(
        [title, "", *table_lines(path_table(record.path)), "", *wrapped(path_notes(record.path))]
    )


def _html(record: PathRecord, picture: Picture) -> str:
    return html(
        "path",
        record=record,
        picture=picture,
        table=line_up(path_table(record.path)),
        notes=path_notes(record.path),
    )
