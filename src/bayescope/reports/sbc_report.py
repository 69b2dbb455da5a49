"""The folder of a calibration: sbc.json, sbc.csv, simulations.jsonl, pictures and sbc.html."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayescope.config.counts import whole
from bayescope.config.schema import RunConfig
from bayescope.diagnostics.calibration import BAND, LEVELS, Calibration, calibrate, outside
from bayescope.errors import FitError
from bayescope.models.model import Model
from bayescope.reports.beside import Identity, html, identity, identity_json, table_lines, write_folder
from bayescope.reports.figures_sbc import sbc_figure
from bayescope.reports.formatting import listing, plain, wrapped
from bayescope.reports.html import line_up
from bayescope.reports.record import DataSummary
from bayescope.reports.style import Picture
from bayescope.reports.tables import TextTable, text_table
from bayescope.reports.writer import csv_cell


@dataclass(frozen=True, eq=False, kw_only=True)
class SBCRecord(Identity):
    """A calibration with what identifies it.

    Attributes:
        rows: one for each method and unknown.
        simulations: how many data sets were asked for.
        outcomes: by method, how many fits ended how; "refused" counts data sets that could not be drawn.
    """

    simulations: int
    rows: tuple[Calibration, ...]
    outcomes: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, str]
    folder: Path

    @property
    def methods(self) -> tuple[str, ...]:
        """The recipes, in the order in which they were asked for."""
        return tuple(self.outcomes)

    @property
    def calibrated(self) -> bool:
        """Whether the ranks of every unknown by every method stay inside of the bands."""
        return all(row.inside for row in self.rows)


def sbc_record(
    *,
    config: RunConfig,
    model: Model,
    data: DataSummary,
    versions: Mapping[str, str],
    results: Sequence[Mapping[str, Any]],
    command: str,
    folder: Path,
) -> SBCRecord:
    """Judge the ranks of all simulations. Raises FitError where a method has fewer than two of them."""
    names = [recipe.name for recipe in config.inference]
    drawn = [result for result in results if "methods" in result]
    reasons = _reasons(results)
    rows: list[Calibration] = []
    for name in names:
        ranks = [result["methods"][name]["pit"] for result in drawn if "pit" in result["methods"][name]]
        if len(ranks) < 2:
            raise FitError(f"{name} answered {len(ranks)} of {len(results)} simulations: "
                           f"{reasons.get(name, reasons.get('refused', 'no reason given'))}")  # fmt: skip
        columns = np.array(ranks).T
        rows.extend(calibrate(name, *pair) for pair in zip(model.names, columns, strict=True))
    return SBCRecord(
        **identity(config, model, data, versions, command),
        simulations=len(results),
        rows=tuple(rows),
        outcomes={
            name: dict(Counter(result["methods"][name]["status"] for result in drawn))
            | ({"refused": len(results) - len(drawn)} if len(drawn) < len(results) else {})
            for name in names
        },
        reasons=reasons,
        folder=folder,
    )


def _reasons(results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The last reason why a method has no answer, by method, and why a data set could not be drawn."""
    found: dict[str, str] = {}
    for result in results:
        if "refused" in result:
            found["refused"] = result["refused"]
        for name, answer in result.get("methods", {}).items():
            if "message" in answer:
                found[name] = answer["message"]
    return found


def write_sbc_folder(record: SBCRecord, results: Sequence[Mapping[str, Any]], destination: Path) -> None:
    """Write the folder of a calibration, replacing the one that may be there.

    Raises:
        RunFolderError: the folder cannot be written; the one that was there is untouched.
    """
    pictures = {method: sbc_figure(record.rows, method) for method in record.methods}
    files: dict[str, str | bytes] = {
        "simulations.jsonl": "".join(json.dumps(result) + "\n" for result in results),
        "sbc.csv": _csv(record),
        **{f"ecdf-{method}.svg": figure.svg for method, figure in pictures.items()},
        **{f"ecdf-{method}.png": figure.png for method, figure in pictures.items()},
        "sbc.html": _html(record, pictures),
    }
    write_folder(destination, "sbc", files, sbc_json(record))


def _csv(record: SBCRecord) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["method", "parameter", "simulations", "inside", "largest_difference", *_coverages()])
    for row in record.rows:
        largest = float(np.abs(row.difference).max())
        cells = [row.method, csv_cell(row.parameter), len(row.pit), row.inside, repr(largest)]
        writer.writerow([*cells, *map(repr, row.coverage)])
    return buffer.getvalue()


def _coverages() -> list[str]:
    return [f"coverage_{100 * level:.0f}" for level in LEVELS]


def sbc_json(record: SBCRecord) -> dict[str, Any]:
    """Lay out a calibration as JSON-able data; its simulations are in simulations.jsonl."""
    return {
        **identity_json(record, "sbc"),
        "simulations": record.simulations,
        "band": BAND,
        "calibrated": record.calibrated,
        "outcomes": {method: dict(counts) for method, counts in record.outcomes.items()},
        "reasons": dict(record.reasons),
        "rows": [
            {
                "method": row.method,
                "parameter": row.parameter,
                "simulations": len(row.pit),
                "inside": row.inside,
                "largest_difference": float(np.abs(row.difference).max()),
                **dict(zip(_coverages(), row.coverage, strict=True)),
            }
            for row in record.rows
        ],
    }


def coverage_table(record: SBCRecord) -> TextTable:
    """How often the central intervals hold the truth, a row for each method and unknown."""
    numeric = [f"{100 * level:.0f} %" for level in LEVELS]
    rows = [
        (
            row.method,
            plain(row.parameter),
            *(f"{100 * share:.1f}" for share in row.coverage),
            "inside" if row.inside else "OUTSIDE",
        )
        for row in record.rows
    ]
    return text_table("|".join(["method", "parameter", *numeric, "ranks"]), rows, "|".join(numeric))


def sentences(record: SBCRecord) -> list[str]:
    """What the calibration comes to, a sentence for each method."""
    return [sentence for method in record.methods for sentence in _sentences(record, method)]


def _sentences(record: SBCRecord, method: str) -> list[str]:
    rows = [row for row in record.rows if row.method == method]
    left, fitted = outside(record.rows, method), len(rows[0].pit)
    band = f"the {100 * BAND:.0f} % bands of {whole(fitted)} simulations"
    verdict = (
        f"{method}: the ranks of {listing([plain(name) for name in left], 8)} leave {band} "
        f"({len(left)} of {len(rows)} unknowns): it is not calibrated for this model."
        if left
        else f"{method}: the ranks of {_all_of([row.parameter for row in rows])} stay inside {band}."
    )
    lost = record.simulations - fitted
    if not lost:
        return [verdict]
    reason = plain(record.reasons.get(method, record.reasons.get("refused", "")))
    return [
        verdict,
        f"{method}: {lost} of {record.simulations} simulations have no answer, such as: {reason}",
    ]


def _all_of(names: Sequence[str]) -> str:
    return plain(names[0]) if len(names) == 1 else f"all {len(names)} unknowns"


def sbc_text(record: SBCRecord) -> str:
    """Write what `bayescope sbc` prints: the coverage, aligned, and the sentences."""
    title = f"{record.name}  coverage of central intervals, {record.simulations} simulations"
    return "\n".join([title, "", *table_lines(coverage_table(record)), "", *wrapped(sentences(record))])


def _html(record: SBCRecord, pictures: Mapping[str, Picture]) -> str:
    return html(
        "sbc",
        record=record,
        pictures=pictures,
        table=line_up(coverage_table(record)),
        sentences=sentences(record),
    )
