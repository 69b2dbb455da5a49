from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bayescope.config.priors import Scaled
from bayescope.data.table import Table
from bayescope.models.model import Prior
from bayescope.preparation import prepare, read_config
from bayescope.reports.columns import columns_table
from bayescope.reports.summary import data_of, data_summary, model_summary


def table(columns, weights=None):
    n = len(next(iter(columns.values())))
    return Table(columns, "made up", "f" * 64, np.arange(1, n + 1), weights)


def test_numbers_are_described_by_their_moments():
    summary = data_summary(table({"x": np.array([1.0, 2.0, 6.0])}), ["x"])
    column = summary.columns[0]
    assert (column.mean, column.minimum, column.maximum) == (3.0, 1.0, 6.0)
    assert column.sd == pytest.approx(np.std([1, 2, 6], ddof=1))


def test_repeated_rows_count_as_often_as_they_occur():
    counted = table({"flip": np.array([1, 0])}, np.array([700.0, 300.0]))
    summary = data_summary(counted, ["flip"])
    written_out = np.repeat([1.0, 0.0], [700, 300])
    assert (summary.rows, summary.observations) == (2, 1000)
    assert summary.columns[0].mean == pytest.approx(0.7)
    assert summary.columns[0].sd == pytest.approx(written_out.std(ddof=1))


def test_text_and_booleans_are_described_by_their_levels():
    columns = {"g": np.array(["b", "a", "b", None], dtype=object), "t": np.array([True, False, True, True])}
    text, boolean = data_summary(table(columns), ["g", "t"]).columns
    assert text.levels == {"b": 2, "a": 1, "(missing)": 1}
    assert boolean.kind == "boolean"
    assert boolean.levels == {"True": 3, "False": 1}


def test_levels_of_rows_that_count_as_parts_are_rounded_once():
    counted = table({"g": np.array(["b", "a"] * 20, dtype=object)}, np.full(40, 0.7))
    assert data_summary(counted, ["g"]).columns[0].levels == {"b": 14, "a": 14}


def test_the_tail_of_many_levels_is_counted_together():
    column = data_summary(table({"g": np.array([str(k) for k in range(50)], dtype=object)}), ["g"]).columns[0]
    assert len(column.levels) == 12
    assert column.levels["(39 other levels)"] == 39
    assert column.distinct == 50


def test_a_single_row_has_no_sd():
    assert data_summary(table({"x": np.array([1.0])}), ["x"]).columns[0].sd is None


def test_every_unknown_has_its_prior(workshop):
    X = np.zeros((3, 2))
    slopes = Prior("Normal", {"mu": 0.0, "sigma": (1.0, 2.5)})
    model = workshop.regression(
        X,
        np.zeros(3),
        ["a", "b"],
        intercept=Prior("Flat", {}),
        slopes=slopes,
        sigma=Prior("HalfCauchy", {"beta": 2.5}),
    )
    summary = model_summary(model)
    assert [(prior.parameter, prior.text, prior.origin) for prior in summary.priors] == [
        ("Intercept", "Flat()", "given"),
        ("a", "Normal(0, 1)", "given"),
        ("b", "Normal(0, 2.5)", "given"),
        ("sigma", "HalfCauchy(2.5)", "default"),
    ]
    assert (summary.link, summary.location, summary.predictors) == ("identity", "mu", ("a", "b"))
    assert summary.priors[2].arguments == {"mu": 0.0, "sigma": 2.5}


def test_a_prior_in_units_of_sigma_is_summarised_by_its_text_and_by_what_it_is_alone(workshop):
    scaled = Prior("Normal", {"mu": 1.0, "sigma": Scaled(3.0, "sigma")})
    model = workshop.regression(
        np.zeros((4, 1)), np.zeros(4), ["x"], slopes=scaled, sigma=Prior("HalfCauchy", {"beta": 1.0})
    )
    slope, sigma = model_summary(model).priors
    assert (slope.text, slope.scale, slope.arguments, slope.has_density) == (
        "Normal(1, 3 * sigma)",
        "sigma",
        {},
        False,
    )
    assert (sigma.scale, sigma.has_density) == (None, True)
    spread = dataclasses.replace(model.blocks[1], prior=Prior("InverseGamma", {"alpha": 2.0, "beta": 8.0}))
    link = dataclasses.replace(model.predictors[1], link="variance")
    model = dataclasses.replace(
        model, blocks=(model.blocks[0], spread), predictors=(model.predictors[0], link)
    )
    slope = model_summary(model).priors[0]
    assert (slope.text, slope.distribution) == ("Normal(1, 3 * sigma)", "StudentT")
    assert slope.arguments == {"nu": 4.0, "mu": 1.0, "sigma": 6.0}


def test_numbers_that_only_name_groups_are_groups(workshop):
    columns = {"y": [1.0, 2.0, 4.0, 3.0], "g": [1.0, 1.0, 2.5, 2.5], "h": [1.0, 2.0, 1.0, 2.0]}
    formulas = {"mu": "y ~ log(h) + (1 | g) + (1 | h)", "sigma": "~ 1 + (1 | g)"}
    model = {"likelihood": "Normal", "formula": formulas}
    config = {"name": "x", "data": {"columns": columns}, "model": model, "inference": ["map"]}
    found, built = prepare(read_config(config))
    kinds = {column.name: column for column in data_of(found, built).columns}
    assert {name: column.kind for name, column in kinds.items()} == {
        "y": "number",
        "g": "group",
        "h": "number",
    }
    assert kinds["g"].mean is None
    assert kinds["g"].levels == {"1": 2, "2.5": 2}
    record = workshop.record(built, []).model_copy(update={"data": data_of(found, built)})
    assert {row[0]: row[-1] for row in columns_table(record).rows} == {"y": "", "g": "2 groups", "h": ""}
    numbers = workshop.record(built, []).model_copy(update={"data": data_summary(found, ["y", "h"])})
    assert columns_table(numbers).headings == ("column", "kind", "mean", "sd", "minimum", "maximum")
