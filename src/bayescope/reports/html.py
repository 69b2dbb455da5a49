"""report.html: one file that needs nothing else, runs no script and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bayescope.config.counts import counted, whole
from bayescope.inference.fit import Fit
from bayescope.reports import tables
from bayescope.reports.checklist import checks_table
from bayescope.reports.columns import columns_table
from bayescope.reports.cross_entropy import cross_entropy_note, cross_entropy_table
from bayescope.reports.efficiency import EFFICIENCY_NOTE, efficiency_table
from bayescope.reports.figures import figures, is_sampler
from bayescope.reports.figures_curve import curve_note
from bayescope.reports.figures_pooling import POOLING_NOTE, pooling_tables
from bayescope.reports.figures_updates import updates_table
from bayescope.reports.formatting import aligned, code_spans, duration, plain
from bayescope.reports.hypotheses import HYPOTHESES_NOTE, hypotheses_table, learned_sentence
from bayescope.reports.loo import loo_note, loo_table
from bayescope.reports.mode_shift import mode_shifts
from bayescope.reports.points import losses_table, points_note, points_table
from bayescope.reports.prior_predictive import before_note, before_table
from bayescope.reports.provenance import config_text, provenance_table, timings_table, versions_table
from bayescope.reports.record import RunRecord
from bayescope.reports.sensitivity import SENSITIVITY_NOTE, sensitivity_sentences, sensitivity_table
from bayescope.reports.shortened import left_out, shortened
from bayescope.reports.style import METHOD_COLOURS, Picture
from bayescope.reports.summary import rows_of, size_of
from bayescope.reports.zeros import zeros_note, zeros_table

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATE = "report.html.j2"
_STYLESHEET = "report.css"


def render_html(record: RunRecord, fits: Sequence[Fit], pictures: Mapping[str, Picture] | None = None) -> str:
    """Render a run as one self-contained HTML page.

    Every text is escaped, figures are data URIs (an SVG in an <img> runs no script), and the page's
    content security policy allows its one stylesheet, by hash, and those images: nothing else.
    `pictures` are those of `figures`, drawn here if they are not given.
    """
    pictures = figures(record, fits) if pictures is None else pictures
    return environment().get_template(_TEMPLATE).render(**stylesheet(), **_content(record, fits, pictures))


def stylesheet() -> dict[str, str]:
    """The stylesheet of a page, `css`, and the hash that its content security policy allows."""
    css = importlib.resources.files("bayescope.reports").joinpath("templates", _STYLESHEET).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return {"css": css, "style_hash": f"sha256-{digest}"}


def environment() -> Environment:
    """Jinja2 as the templates of this package need it: everything escaped, nothing undefined."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bayescope.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "plain": plain,
        "whole": whole,
        "counted": counted,
        "size_of": size_of,
        "rows_of": rows_of,
        "duration": duration,
        "data_uri": data_uri,
        "code_spans": code_spans,
    }
    return environment


def data_uri(picture: Picture) -> str:
    """Write the SVG of a figure as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(picture.svg.encode()).decode()


def _content(record: RunRecord, fits: Sequence[Fit], pictures: Mapping[str, Picture]) -> dict[str, Any]:
    shown = report_tables(record, fits)
    return {
        "record": record,
        "methods": {fit.name: fit.method if fit.method in METHOD_COLOURS else "other" for fit in fits},
        "verdict_word": {"pass": "Passed", "attention": "Needs attention", "fail": "Failed"}[
            record.verdict.status
        ],
        "notes": tables.outcome_notes(fits),
        "in_words": [
            *left_out(record),
            *tables.recovery_in_words(record),
            *tables.answers_in_words(fits),
            *mode_shifts(fits),
        ],
        "figures": figures_by_section(pictures),
        "config": config_text(record.config),
        "efficiency_note": EFFICIENCY_NOTE,
        "cross_entropy_note": cross_entropy_note(record),
        "zeros_note": zeros_note(record),
        "hypotheses_note": HYPOTHESES_NOTE,
        "hypotheses_learned": learned_sentence(record),
        "pooling_tables": {name: line_up(table) for name, table in pooling_tables(record).items()},
        "pooling_note": POOLING_NOTE,
        "loo_note": loo_note(record),
        "points_note": points_note(record),
        "before_note": before_note(record),
        "sensitivity_note": SENSITIVITY_NOTE,
        "sensitivity_sentences": sensitivity_sentences(record),
        "prediction_note": "" if record.curve is None else curve_note(record.curve),
        "with_signs": tables.SIGN in shown["learned"].headings,
        "sampler_tables": {
            fit.name: line_up(tables.sampler_table(shortened(record), fit.name))
            for fit in fits
            if is_sampler(record, fit)
        },
        "tables": {
            name: table if name == "checks" else line_up(table)  # values of checks have no common unit
            for name, table in shown.items()
        },
    }


def report_tables(record: RunRecord, fits: Sequence[Fit]) -> dict[str, tables.TextTable]:
    """Make the tables of a report, by name, but for those of the samplers."""
    shown = shortened(record)
    return {
        "methods": tables.methods_table(fits),
        "columns": columns_table(shown),
        "priors": tables.priors_table(record),
        "penalties": tables.penalties_table(record),
        "totals": tables.totals_table(record),
        "cross_entropy": cross_entropy_table(record),
        "estimates": tables.estimates_table(shown, fits),
        "effects": tables.effects_table(record, fits),
        "hypotheses": hypotheses_table(record),
        "updates": updates_table(record),
        "learned": tables.learned_table(shown),
        "zeros": zeros_table(record),
        "agreement": tables.agreement_table(shown),
        "checks": checks_table(record),
        "efficiency": efficiency_table(record, fits),
        "statistics": tables.statistics_table(record),
        "loo": loo_table(record),
        "sensitivity": sensitivity_table(record),
        "points": points_table(record),
        "losses": losses_table(record),
        "before": before_table(record),
        "provenance": provenance_table(record),
        "versions": versions_table(record),
        "timings": timings_table(record, fits),
    }


def figures_by_section(pictures: Mapping[str, Picture]) -> dict[str, dict[str, Picture]]:
    """Group figures by the section of the report they stand in."""
    sections: dict[str, dict[str, Picture]] = {
        name: {}
        for name in ("model", "posterior", "pooling", "updates", "sampler", "prediction", "predictive")
    }
    for name, picture in pictures.items():
        sections[picture.section][name] = picture
    return sections


def line_up(table: tables.TextTable) -> tables.TextTable:
    """Pad the cells of number columns so that decimal points meet."""
    columns = [
        aligned(column) if numeric else list(column)
        for column, numeric in zip(zip(*table.rows, strict=True), table.numeric, strict=False)
    ]
    return replace(table, rows=tuple(zip(*columns, strict=True)))
