"""report.html: one file that needs nothing else, runs no script and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bayescope.inference.fit import Fit
from bayescope.reports import tables
from bayescope.reports.checklist import checks_table
from bayescope.reports.efficiency import EFFICIENCY_NOTE, efficiency_table
from bayescope.reports.figures import figures, is_sampler
from bayescope.reports.formatting import aligned, code_spans, duration, plain, whole
from bayescope.reports.provenance import config_text, provenance_table, timings_table, versions_table
from bayescope.reports.record import RunRecord
from bayescope.reports.style import METHOD_COLOURS, Picture

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
    css = importlib.resources.files("bayescope.reports").joinpath("templates", _STYLESHEET).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(css=css, style_hash=f"sha256-{digest}", **_content(record, fits, pictures))
    )


def _environment() -> Environment:
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
        "duration": duration,
        "data_uri": data_uri,
        "code_spans": code_spans,
    }
    return environment


def data_uri(picture: Picture) -> str:
    """Write the SVG of a figure as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(picture.svg.encode()).decode()


def _content(record: RunRecord, fits: Sequence[Fit], pictures: Mapping[str, Picture]) -> dict[str, Any]:
    return {
        "record": record,
        "methods": {fit.name: fit.method if fit.method in METHOD_COLOURS else "other" for fit in fits},
        "verdict_word": {"pass": "Passed", "attention": "Needs attention", "fail": "Failed"}[
            record.verdict.status
        ],
        "notes": tables.outcome_notes(fits),
        "closed_forms": tables.closed_forms(fits),
        "figures": figures_by_section(pictures),
        "config": config_text(record.config),
        "efficiency_note": EFFICIENCY_NOTE,
        "sampler_tables": {
            fit.name: _line_up(tables.sampler_table(record, fit.name))
            for fit in fits
            if is_sampler(record, fit)
        },
        "tables": {
            name: table if name == "checks" else _line_up(table)  # values of checks have no common unit
            for name, table in report_tables(record, fits).items()
        },
    }


def report_tables(record: RunRecord, fits: Sequence[Fit]) -> dict[str, tables.TextTable]:
    """Make the tables of a report, by name, but for those of the samplers."""
    return {
        "methods": tables.methods_table(fits),
        "columns": tables.columns_table(record),
        "priors": tables.priors_table(record),
        "penalties": tables.penalties_table(record),
        "totals": tables.totals_table(record),
        "estimates": tables.estimates_table(record, fits),
        "learned": tables.learned_table(record),
        "agreement": tables.agreement_table(record),
        "checks": checks_table(record),
        "efficiency": efficiency_table(record, fits),
        "statistics": tables.statistics_table(record),
        "provenance": provenance_table(record),
        "versions": versions_table(record),
        "timings": timings_table(record, fits),
    }


def figures_by_section(pictures: Mapping[str, Picture]) -> dict[str, dict[str, Picture]]:
    """Group figures by the section of the report they stand in."""
    sections: dict[str, dict[str, Picture]] = {
        name: {} for name in ("model", "posterior", "sampler", "predictive")
    }
    for name, picture in pictures.items():
        sections[picture.section][name] = picture
    return sections


def _line_up(table: tables.TextTable) -> tables.TextTable:
    """Pad the cells of number columns so that decimal points meet."""
    columns = [
        aligned(column) if numeric else list(column)
        for column, numeric in zip(zip(*table.rows, strict=True), table.numeric, strict=False)
    ]
    return replace(table, rows=tuple(zip(*columns, strict=True)))
