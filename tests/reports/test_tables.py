"""Tables of a report: where each prior comes from, and no column without a cell."""

from __future__ import annotations

import pytest

from bayescope.diagnostics.prior_predictive import PriorPredictive
from bayescope.diagnostics.records import Learned
from bayescope.pipeline import prepare, read_config
from bayescope.reports.cross_entropy import cross_entropy_note, cross_entropy_table
from bayescope.reports.html import render_html
from bayescope.reports.prior_predictive import before_note
from bayescope.reports.tables import learned_table, priors_table

GIVEN, SCALED, DEFAULT = "given in the configuration", "default, scaled to the data", "default"
COLUMNS = {
    "x": [0.0, 1.0, 3.0, 4.0],
    "y": [1.0, 2.0, 2.5, 7.0],
    "count": [0.0, 2.0, 0.0, 5.0],
    "g": list("abab"),
}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            {"likelihood": "StudentT", "formula": "y ~ x", "priors": {"x": "Normal(0, 1)"}},
            {"Intercept": SCALED, "x": GIVEN, "sigma": SCALED, "nu": DEFAULT},
        ),
        (
            {"likelihood": "NegativeBinomial", "formula": "count ~ x"},
            {"Intercept": SCALED, "x": SCALED, "alpha": DEFAULT},
        ),
        ({"likelihood": "ZeroInflatedPoisson", "response": "count"}, {"mu": SCALED, "psi": DEFAULT}),
        ({"likelihood": "Gamma", "response": "y"}, {"alpha": DEFAULT, "beta": SCALED}),
        (
            {"likelihood": "Normal", "formula": "y ~ 1 + (1 | g)"},
            {"Intercept": SCALED, "sigma": SCALED, "g.sd": SCALED, "g[a], g[b]": DEFAULT},
        ),
    ],
    ids=lambda each: each.get("likelihood", ""),
)
def test_a_default_that_no_data_would_change_is_not_called_scaled(workshop, section, expected):
    config = {"name": "x", "data": {"columns": COLUMNS}, "model": section, "inference": ["map"]}
    record = workshop.record(prepare(read_config(config))[1], [])
    assert {row[0]: row[2] for row in priors_table(record).rows} == expected


def rows_of(*signs):
    return tuple(
        Learned(
            parameter=f"b{k}", method="exact", bits=1.5, bits_error=0.0, positive=p, positive_error=p and 0.0
        )
        for k, p in enumerate(signs)
    )


SENTENCE = "For a slope, the probability that it is positive."


@pytest.mark.parametrize(
    ("signs", "headings"),
    [
        ((None, None), ("parameter", "bits from prior to posterior")),
        ((None, 0.9), ("parameter", "bits from prior to posterior", "P(slope > 0)")),
    ],
)
def test_a_column_without_any_number_is_left_out_and_so_is_what_explains_it(workshop, signs, headings):
    record, fits = workshop.run(["x"], learned=rows_of(*signs))
    assert learned_table(record).headings == headings
    assert (SENTENCE in render_html(record, fits, {})) == ("P(slope > 0)" in headings)


def test_a_share_is_written_as_other_percentages(workshop):
    found = PriorPredictive(draws=1000, quantity="rows that are certain", share=0.2657, limit=0.75)
    record, _ = workshop.run(["x"], prior_predictive=found)
    assert before_note(record).endswith("the share of rows that are certain is 26.6 %.")


def test_methods_are_set_against_mle_where_there_is_one(workshop):
    record, _ = workshop.run(["x"])
    assert "above mle" in cross_entropy_table(record).headings
    assert "above mle" in cross_entropy_note(record)
    found = record.loss.cross_entropy
    rows = tuple(row.model_copy(update={"above_mle": None}) for row in found.rows)
    loss = record.loss.model_copy(update={"cross_entropy": found.model_copy(update={"rows": rows})})
    alone = record.model_copy(update={"loss": loss})
    assert cross_entropy_table(alone).headings == ("method", "mean nll, nats")
    assert "above mle" not in cross_entropy_note(alone)
