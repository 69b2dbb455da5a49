"""Reports of many unknowns show those that are not zero and count the others."""

from __future__ import annotations

import numpy as np
import pytest

import bayescope
from bayescope.reports.figures import figures
from bayescope.reports.html import report_tables
from bayescope.reports.shortened import MOST, left_out, shortened
from bayescope.reports.terminal import render


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 300))
    columns = {f"x{j}": column.tolist() for j, column in enumerate(X.T)}
    columns["y"] = (3 * X[:, 7] - 2 * X[:, 250] + rng.normal(size=50)).tolist()
    priors = {"coefficients": "Laplace(0, 0.04)", "Intercept": "Flat()", "sigma": 1.0}
    model = {"likelihood": "Normal", "formula": "y ~ .", "priors": priors}
    return bayescope.run({"name": "many", "data": {"columns": columns}, "model": model, "inference": ["map"]})


def test_what_is_not_zero_is_shown_and_the_rest_is_counted(run):
    fit = run["map"]
    there = {name for name, value in zip(fit.names, fit.estimate, strict=True) if value != 0}
    assert {row.parameter for row in shortened(run.record).estimates} == there | {"Intercept"}
    hidden, zeros = 301 - len(there), int(np.sum(fit.estimate == 0))
    (sentence,) = left_out(run.record)
    assert sentence.startswith(f"{hidden} of 301 unknowns are not shown, {zeros} of which are exactly 0")


def test_the_files_have_them_all(run):
    assert len(run.record.estimates) == 301
    assert len(run.record.model.priors) == 301


def test_tables_and_the_terminal_are_of_a_size_to_read(run):
    assert len(report_tables(run.record, run.fits)["estimates"].rows) < MOST
    assert len(report_tables(run.record, run.fits)["columns"].rows) < MOST
    assert "unknowns are not shown" in render(run.record, run.fits)
    assert "unknowns are not shown" in run.report()
    # all priors are counted where they are listed
    assert "and 294 more" in " ".join(row[0] for row in report_tables(run.record, run.fits)["priors"].rows)


def test_a_record_of_few_unknowns_is_as_it_was(run):
    few = run.record.model_copy(
        update={"model": run.record.model.model_copy(update={"priors": run.record.model.priors[:MOST]})}
    )
    assert shortened(few) is few
    assert left_out(few) == []


def test_slopes_of_classes_are_slopes():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 60))
    columns = {f"x{j}": column.tolist() for j, column in enumerate(X.T)}
    columns["c"] = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])].tolist()
    priors = {"coefficients": "Laplace(0, 0.1)"}
    model = {"likelihood": "Categorical", "formula": "c ~ .", "priors": priors}
    found = bayescope.run({"name": "c", "data": {"columns": columns}, "model": model, "inference": ["map"]})
    shown = shortened(found.record).estimates
    assert {"Intercept[b]", "Intercept[c]"} <= {row.parameter for row in shown}
    assert all(row.estimate != 0 for row in shown)
    assert "x0[c]" in {row.parameter for row in shown}
    hidden = 122 - len(shown)
    (sentence,) = left_out(found.record)
    assert sentence.startswith(f"{hidden} of 122 unknowns are not shown, {hidden} of which are exactly 0")


def test_figures_count_the_unknowns_that_they_leave_out(run):
    wide = "Normal(0, 1)"
    config = run.record.config | {
        "model": run.record.config["model"] | {"priors": {"coefficients": wide, "sigma": 1}}
    }
    found = bayescope.run(config)
    drawn = figures(found.record, found.fits)
    assert "coefficients (300) with prior Normal(0, 1)" in drawn["plate"].alt
    assert " of 100 of 301 unknowns" in drawn["forest"].alt
    assert drawn["forest"].title == "100 of 301 unknowns"
    assert " of 36 of 301 unknowns" in drawn["densities"].alt
