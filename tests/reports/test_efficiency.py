"""What effective draws cost: the table of a run that names several samplers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayescope.reports.efficiency import efficiency_table
from bayescope.reports.html import render_html
from bayescope.reports.markdown import render_markdown
from bayescope.reports.style import Picture


@pytest.fixture(scope="module")
def samplers(workshop):
    """nuts, a random walk and importance weights; draws of either chain have a bulk ESS of 3210.4."""
    record, fits = workshop.run(["x"])
    chains = next(fit for fit in fits if fit.name == "nuts")
    nuts = replace(chains, details={"evaluations": 32_104, "evaluated": "gradient"})
    walk = replace(
        chains, name="walk", method="metropolis", timings={"sample": 0.5, "total": 9.0},
        details={"evaluations": 500_000, "evaluated": "density"},
    )  # fmt: skip
    weights = replace(
        chains, name="importance", method="importance", draws=None, tree=None, timings={"total": 0.1},
        details={"proposals": 10_000, "ess": 9000.0},
    )  # fmt: skip
    estimates = [row for row in record.estimates if row.method == "nuts"]
    walked = [
        row.model_copy(update={"method": "walk", "ess_bulk": 50.0 + k}) for k, row in enumerate(estimates)
    ]
    return record.model_copy(update={"estimates": (*record.estimates, *walked)}), (nuts, walk, weights)


def test_costs_of_the_samplers_stand_side_by_side(samplers):
    table = efficiency_table(*samplers)
    assert table.headings == (
        "method", "draws", "least ESS", "seconds", "ESS per second", "evaluations", "of the", "ESS per 1,000 evaluations",
    )  # fmt: skip
    assert table.rows == (
        ("nuts", "400", "3,210", "3.10", "1,036", "32,104", "gradient", "100"),
        ("walk", "400", "50", "0.500", "100", "500,000", "density", "0.100"),
        ("importance", "10,000", "9,000", "0.100", "90,000", "10,000", "density", "900"),
    )
    assert table.numeric == (False, True, True, True, True, True, False, True)


def test_one_sampler_has_its_costs_too_and_a_run_without_any_has_none(samplers):
    record, fits = samplers
    assert efficiency_table(record, fits[:1]).rows == efficiency_table(record, fits).rows[:1]
    assert not efficiency_table(record, ())


def test_what_is_not_known_is_a_dash(samplers):
    record, (nuts, walk, _) = samplers
    unknown = replace(walk, details={}, timings={"total": 9.0})
    assert efficiency_table(record, (nuts, unknown)).rows[1] == ("walk", "400", "50", *"—————")


def test_the_reports_have_the_table_where_a_sampler_ran(samplers):
    record, fits = samplers
    pictures = {"trace": Picture("sampler", "trace", "a trace", "<svg/>", b"")}
    for text in (render_html(record, fits[:2], pictures), render_markdown(record, fits[:2], pictures)):
        assert "Efficiency of the samplers" in text
        assert "ESS per 1,000 evaluations" in text
        assert text.count("32,104") == 1
    for text in (render_html(record, (), pictures), render_markdown(record, (), pictures)):
        assert "Efficiency" not in text
