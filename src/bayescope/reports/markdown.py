"""report.md: the report as GitHub Markdown, its figures beside it in figures/."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from bayescope.config.counts import counted, whole
from bayescope.inference.fit import Fit
from bayescope.reports.cross_entropy import cross_entropy_note
from bayescope.reports.efficiency import EFFICIENCY_NOTE
from bayescope.reports.figures import is_sampler
from bayescope.reports.figures_curve import curve_note
from bayescope.reports.figures_pooling import POOLING_NOTE, pooling_tables
from bayescope.reports.formatting import code_spans, plain
from bayescope.reports.html import figures_by_section, report_tables
from bayescope.reports.hypotheses import HYPOTHESES_NOTE, learned_sentence
from bayescope.reports.loo import loo_note
from bayescope.reports.mode_shift import mode_shifts
from bayescope.reports.points import points_note
from bayescope.reports.prior_predictive import before_note
from bayescope.reports.provenance import config_text
from bayescope.reports.record import RunRecord
from bayescope.reports.sensitivity import SENSITIVITY_NOTE, sensitivity_sentences
from bayescope.reports.shortened import left_out, shortened
from bayescope.reports.style import Picture
from bayescope.reports.summary import rows_of, size_of
from bayescope.reports.tables import (
    TextTable,
    answers_in_words,
    outcome_notes,
    recovery_in_words,
    sampler_table,
)
from bayescope.reports.zeros import zeros_note

type _Sections = Mapping[str, Mapping[str, Picture]]
type _Tables = Mapping[str, TextTable]


def render_markdown(record: RunRecord, fits: Sequence[Fit], pictures: Mapping[str, Picture]) -> str:
    """Render a run as Markdown; user text is escaped, so that it can be no markup and no HTML."""
    tables, sections = report_tables(record, fits), figures_by_section(pictures)
    parts = [
        *_verdict(record, fits, tables),
        *_estimates(record, tables, fits),
        *_data(record, tables),
        *_model(record, tables, sections),
        *_loss(record, tables),
        *_section("Hypotheses", _hypotheses(record, tables)),
        *_section("Prior and posterior", figures(sections["posterior"])),
        *_section("Partial pooling", _pooling(record, tables, sections)),
        *_updates(record, tables, sections),
        *_section("What the data taught", _table(tables["learned"])),
        *_section("Before the data", _before(record, tables)),
        *_section("What a point estimate hides", _points(record, tables)),
        *_section("What the prior does", _sensitivity(record, tables)),
        *_section("Zeros", [escape(zeros_note(record)), *_table(tables["zeros"])] if tables["zeros"] else []),
        *_section("Agreement", _table(tables["agreement"])),
        *_section("Checks", [*_table(tables["checks"]), *filter(None, [record.unchecked])]),
        *_section("Sampler", [*_sampler(record, fits, tables), *figures(sections["sampler"])]),
        *_prediction(record, sections),
        *_predictive(record, tables, sections),
        *_section("Rows left out", [escape(loo_note(record)), *_table(tables["loo"])] if record.loo else []),
        *_provenance(record, tables),
    ]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    r"""Escape what Markdown, GitHub's maths or HTML would read as markup.

    >>> print(escape("a_b|<c>*"))
    a_b\|&lt;c&gt;\*
    """
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|\[\]$~#!])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def fence(text: str, language: str = "text") -> str:
    """Put text into a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def table_text(table: TextTable) -> str:
    """Write a table in GitHub's syntax; numbers are right-aligned, second lines follow in parentheses."""
    head = [escape(heading) for heading in table.headings]
    rule = ["---:" if numeric else "---" for numeric in table.numeric]
    return "\n".join(_line(cells) for cells in (head, rule, *_body(table)))


def _body(table: TextTable) -> Iterable[list[str]]:
    for i, row in enumerate(table.rows):
        details = table.details[i] if table.details else ("",) * len(row)
        yield [
            escape(cell) + (f" ({escape(detail)})" if detail else "")
            for cell, detail in zip(row, details, strict=True)
        ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(table: TextTable) -> list[str]:
    return [table_text(table)] if table else []


def figures(pictures: Mapping[str, Picture]) -> list[str]:
    """Link figures, with their descriptions as alternative text."""
    return [f"![{escape(picture.alt)}](figures/{name}.svg)" for name, picture in pictures.items()]


def _section(title: str, parts: Sequence[str]) -> list[str]:
    return [f"## {title}", *parts] if parts else []


def _hypotheses(record: RunRecord, tables: _Tables) -> list[str]:
    table = _table(tables["hypotheses"])
    return [part for part in (learned_sentence(record), *table, HYPOTHESES_NOTE) if part] if table else []


def _verdict(record: RunRecord, fits: Sequence[Fit], tables: _Tables) -> list[str]:
    model = record.model
    formula = f", {escape(model.formula)}" if model.formula else ""
    return [
        f"# {escape(record.title)}",
        (
            f"{model.likelihood} model of {escape(model.response)}{formula}; "
            f"{size_of(record.data)}; seed {record.seed}."
        ),
        f"**{record.verdict.status.upper()}.** {escape(record.verdict.sentence)}",
        *_table(tables["methods"]),
        *(f"- {escape(name)}, {status}: {escape(text)}" for name, status, text in outcome_notes(fits)),
    ]


def _estimates(record: RunRecord, tables: _Tables, fits: Sequence[Fit]) -> list[str]:
    explanation = "Estimate ± sd (89 % interval)."
    said = (*left_out(record), *recovery_in_words(record), *answers_in_words(fits), *mode_shifts(fits))
    named = [escape(sentence) for sentence in said]
    parts = [explanation, *_table(tables["estimates"]), *named] if tables["estimates"] else []
    return _section("Estimates", parts)


def _data(record: RunRecord, tables: _Tables) -> list[str]:
    data = record.data
    verb = "was" if data.dropped == 1 else "were"
    dropped = f" {counted(data.dropped, 'row')} with missing values {verb} dropped." if data.dropped else ""
    return _section(
        "Data",
        [f"{escape(data.source)}: {rows_of(data)}.{dropped}", *_table(tables["columns"])],
    )


def _model(record: RunRecord, tables: _Tables, sections: _Sections) -> list[str]:
    notes = "\n".join(f"- {escape(note)}" for note in record.model.notes)
    parts = [
        fence("\n".join(record.model.notation)),
        notes,
        *figures(sections["model"]),
        *_table(tables["priors"]),
    ]
    return _section("Model", [part for part in parts if part])


def _loss(record: RunRecord, tables: _Tables) -> list[str]:
    calls = "\n".join(f"- {_with_code(sentence)}" for sentence in record.loss.equivalents)
    parts = [
        f"Loss: {escape(record.loss.loss)}, summed over the observations.",
        fence(record.loss.formula),
        *_table(tables["penalties"]),
        *_table(tables["totals"]),
        escape(cross_entropy_note(record)),
        *_table(tables["cross_entropy"]),
        f"The same in scikit-learn:\n\n{calls}" if calls else "",
    ]
    return _section("What loss is this?", [part for part in parts if part])


def _before(record: RunRecord, tables: _Tables) -> list[str]:
    note = before_note(record)
    return [escape(note), *_table(tables["before"])] if note else []


def _points(record: RunRecord, tables: _Tables) -> list[str]:
    if record.points is None:
        return []
    parts = [
        f"**{escape(record.points.advice)}**" if record.points.advice else "",
        escape(points_note(record)),
    ]
    return [part for part in (*parts, *_table(tables["points"]), *_table(tables["losses"])) if part]


def _sensitivity(record: RunRecord, tables: _Tables) -> list[str]:
    sentences = [escape(sentence) for sentence in sensitivity_sentences(record)]
    table = _table(tables["sensitivity"])
    return [SENSITIVITY_NOTE, *table, *sentences] if table else []


def _pooling(record: RunRecord, tables: _Tables, sections: _Sections) -> list[str]:
    if not tables["effects"]:
        return []
    notes = [f"No estimate without pooling: {escape(view.note)}" for view in record.pooling if view.note]
    folded = {**pooling_tables(record), "The effects by all methods": tables["effects"]}
    hidden = [
        f"<details>\n<summary>{escape(name)}</summary>\n\n{table_text(table)}\n\n</details>"
        for name, table in folded.items()
    ]
    return [*([POOLING_NOTE] if record.pooling else []), *notes, *figures(sections["pooling"]), *hidden]


def _updates(record: RunRecord, tables: _Tables, sections: _Sections) -> list[str]:
    if record.lineage is None:
        return []
    notes = "\n".join(f"- {escape(note)}" for note in record.lineage.notes)
    parts = [
        f"An update of {escape(record.lineage.parent)}.",
        notes,
        *figures(sections["updates"]),
        *_table(tables["updates"]),
    ]
    return _section("As the data arrived", parts)


def _with_code(sentence: str) -> str:
    return "".join(f"`{text}`" if is_code else escape(text) for is_code, text in code_spans(sentence))


def _sampler(record: RunRecord, fits: Sequence[Fit], tables: _Tables) -> list[str]:
    convergence = [
        part
        for fit in fits
        if is_sampler(record, fit)
        for part in (f"### {escape(fit.name)}", table_text(sampler_table(shortened(record), fit.name)))
    ]
    costs = _table(tables["efficiency"])
    return [*convergence, *(["### Efficiency of the samplers", EFFICIENCY_NOTE, *costs] if costs else [])]


def _prediction(record: RunRecord, sections: _Sections) -> list[str]:
    if record.curve is None:
        return []
    return _section("Prediction", [escape(curve_note(record.curve)), *figures(sections["prediction"])])


def _predictive(record: RunRecord, tables: _Tables, sections: _Sections) -> list[str]:
    check = record.predictive
    if check is None:
        return []
    sentence = f"{whole(check.replicates)} data sets replicated from the posterior of {escape(check.method)}."
    note = f" {escape(check.note)}" if check.note else ""
    return _section(
        "Posterior predictive check",
        [sentence + note, *figures(sections["predictive"]), *_table(tables["statistics"])],
    )


def _provenance(record: RunRecord, tables: _Tables) -> list[str]:
    return _section(
        "Provenance",
        [
            *_table(tables["provenance"]),
            *_table(tables["versions"]),
            *_table(tables["timings"]),
            fence(config_text(record.config), "yaml"),
        ],
    )
