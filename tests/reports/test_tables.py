"""Tables of a report: where each prior comes from."""

from __future__ import annotations

import pytest

from bayescope.pipeline import prepare, read_config
from bayescope.reports.tables import priors_table

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
