"""What `bayescope run` prints: the answers side by side, the verdict, and what needs attention."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bayescope.config.counts import counted
from bayescope.diagnostics.records import Check
from bayescope.inference.fit import Fit
from bayescope.reports.checklist import check_lines, check_name
from bayescope.reports.formatting import compact, encodable, plain, shorten
from bayescope.reports.hypotheses import hypotheses_table, learned_sentence
from bayescope.reports.record import RunRecord
from bayescope.reports.shortened import left_out, shortened
from bayescope.reports.summary import size_of
from bayescope.reports.tables import (
    answered_methods,
    answers_in_words,
    estimate_rows,
    outcome_notes,
    recovery_in_words,
)

_STYLES = {"pass": "green", "attention": "yellow", "note": "yellow", "fail": "bold red"}
_WIDEST_NAME = 32
_GROUP_TERM = re.compile(r"\((?:[^()]|\([^()]*\))*\|[^()]*\)")  # (1 | plate), (log(x) | plate)


def render(
    record: RunRecord,
    fits: Sequence[Fit],
    width: int = 80,
    *,
    folder: Path | None = None,
    colour: bool = False,
) -> str:
    """Write a run as text of at most `width` columns (at least 60); `colour` adds ANSI styles.

    Only the path of the run folder is never broken, so that it can be copied.
    """
    width = max(width, 60)
    text = _text(_answers(record, fits, width), width, colour=colour)
    text += _text([_verdict_table(record, fits)], width, colour=colour)
    return text if folder is None else f"{text}report: {folder / 'report.html'}\n"


def print_answers(record: RunRecord, fits: Sequence[Fit], stream: TextIO) -> None:
    """Print the answers of a run, which need not be checked yet, to a stream."""
    width, colour = _look(stream)
    _write(_text(_answers(record, fits, width), width, colour=colour), stream)


def print_verdict(record: RunRecord, fits: Sequence[Fit], stream: TextIO) -> None:
    """Print the verdict of a run and what needs attention to a stream."""
    width, colour = _look(stream)
    _write(_text([_verdict_table(record, fits)], width, colour=colour), stream)


def _look(stream: TextIO) -> tuple[int, bool]:
    """The width to print in, and whether in colour: only on a terminal without NO_COLOR."""
    terminal = stream.isatty()
    width = shutil.get_terminal_size().columns if terminal else 80
    return min(max(width, 60), 120), terminal and not os.environ.get("NO_COLOR")


def _write(text: str, stream: TextIO) -> None:
    stream.write(encodable(text, stream.encoding or "utf-8"))
    stream.flush()


def _answers(record: RunRecord, fits: Sequence[Fit], width: int) -> list[RenderableType]:
    return [
        _heading(record),
        *_estimate_tables(shortened(record), answered_methods(fits), width),
        *(Text(sentence) for sentence in (left_out(record) if answered_methods(fits) else ())),
        *(Text(sentence) for sentence in (*recovery_in_words(record), *answers_in_words(fits))),
        *(Text(note) for note in (record.lineage.notes[:1] if record.lineage else ())),
        *_hypotheses(record),
    ]


def _text(parts: Sequence[RenderableType], width: int, *, colour: bool) -> str:
    """Each part with an empty line below it, as text."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part)
        console.print()
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _heading(record: RunRecord) -> Text:
    rows = size_of(record.data)
    if dropped := record.data.dropped:
        rows += f" ({counted(dropped, 'row')} with missing values dropped)"
    model = record.model
    body = plain(model.formula) if model.formula else plain(model.response)
    if len(body) > 40:
        left, _, right = plain(model.blueprint.get("formula") or body).partition("~")  # the location's own
        count = counted(len(model.predictors), "predictor")
        body = " + ".join([f"{shorten(left.strip(), 40)} ~ {count}", *_GROUP_TERM.findall(right)])
    return Text.assemble((record.name, "bold"), "  ", f"{model.likelihood} · {body} · {rows}")


def _estimate_tables(record: RunRecord, methods: Sequence[str], width: int) -> list[Table]:
    """One table, or several below each other when the methods do not fit side by side."""
    rows = estimate_rows(record, methods)
    if not rows or not methods:
        return []
    names = [shorten(plain(name), _WIDEST_NAME) for name, _ in rows]
    columns = [_pad([str(cells[k]) for _, cells in rows]) for k in range(len(methods))]
    widths = [max(map(cell_len, (method, *column))) for method, column in zip(methods, columns, strict=True)]
    room = width - max(map(cell_len, names))
    return [
        _estimate_table(names, {methods[k]: columns[k] for k in group}) for group in _groups(widths, room)
    ]


def _groups(widths: Sequence[int], room: int) -> list[list[int]]:
    """Split columns into groups that fit into `room`, two spaces between columns."""
    groups: list[list[int]] = [[]]
    used = 0
    for position, width in enumerate(widths):
        if groups[-1] and used + width + 2 > room:
            groups.append([])
            used = 0
        groups[-1].append(position)
        used += width + 2
    return groups


def _estimate_table(names: Sequence[str], columns: Mapping[str, Sequence[str]]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", show_edge=False
    )
    table.add_column("", no_wrap=True)
    for method in columns:
        table.add_column(Text(method), justify="right", no_wrap=True)
    for name, *cells in zip(names, *columns.values(), strict=True):
        table.add_row(Text(name), *(Text(cell) for cell in cells))
    return table


def _hypotheses(record: RunRecord) -> list[Table | Text]:
    """The hypotheses with their probabilities before and after the data, and what was learned."""
    table = hypotheses_table(record)
    if not table:
        return []
    wanted = ("prior", "surprise, bits", "Bayes factor", "posterior")
    places = [table.headings.index(heading) for heading in wanted]
    names = [shorten(row[0], _WIDEST_NAME) for row in table.rows]
    columns = {table.headings[k]: [row[k] for row in table.rows] for k in places}
    return [_estimate_table(names, columns), *map(Text, filter(None, [learned_sentence(record)]))]


def _pad(cells: Sequence[str]) -> list[str]:
    """Align the ± signs of one column with spaces."""
    halves = [cell.partition(" ± ") for cell in cells]
    left = max(len(point) for point, _, _ in halves)
    right = max(len(sign + sd) for _, sign, sd in halves)
    return [point.rjust(left) + (sign + sd).ljust(right) for point, sign, sd in halves]


def _notes(record: RunRecord, fits: Sequence[Fit]) -> list[tuple[str, str]]:
    """What needs attention: (a word, a sentence), of methods and of checks."""
    lines = [
        ("note" if status in {"flagged", "not applicable"} else "fail", f"{name}, {status}: {text}")
        for name, status, text in outcome_notes(fits)
    ]
    told = {(fit.name, fit.outcome.message) for fit in fits if fit.outcome.message}
    lines += [
        (check.verdict, _check_text(check))
        for check, _ in check_lines(record)
        if check.verdict != "pass" and (check.method, check.message) not in told
    ]
    return lines


def _check_text(check: Check) -> str:
    where = f" of {shorten(plain(check.parameter), _WIDEST_NAME)}" if check.parameter else ""
    value = f" {compact(check.value)}" if check.value is not None else ""
    limit = f" (threshold {compact(check.threshold)})" if check.threshold is not None else ""
    message = plain(f"{check.message} {check.advice}".strip())
    return f"{check.method}, {check_name(check)}{where}{value}{limit}: {message}"


def _verdict_table(record: RunRecord, fits: Sequence[Fit]) -> Table:
    """The verdict and the notes, words left and sentences right with a hanging indent."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    verdict = record.verdict
    lines = [(verdict.status, plain(verdict.sentence)), *_notes(record, fits)]
    for k, (word, sentence) in enumerate(lines):
        table.add_row(Text(word if k else word.upper(), _STYLES[word]), Text(sentence))
    return table
