"""As the data arrived: steps, pooled summaries, and the figure and table of an updated run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayescope
from bayescope.reports.figures import figures
from bayescope.reports.figures_updates import update_figure, updates_table
from bayescope.reports.lineage import chained, pool_data, steps_of
from bayescope.reports.record import ColumnSummary, DataSummary
from bayescope.reports.style import house_style
from bayescope.reports.terminal import render

NAME = "cost_$_$<b>"
RNG = np.random.default_rng(20261121)


def summary(values, levels=("a",), **more):
    text = ColumnSummary(name="group", kind="text", levels=dict.fromkeys(levels, 1))
    number = ColumnSummary(
        name="x", kind="number", mean=float(np.mean(values)),
        sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        minimum=min(values), maximum=max(values),
    )  # fmt: skip
    rows = len(values)
    fields = {"source": "x.csv", "dropped": 0, "fingerprint": "f", "response_fingerprint": "r"}
    return DataSummary(rows=rows, observations=rows, columns=(number, text), **(fields | more))


@pytest.fixture(scope="module")
def updated():
    """A regression on a predictor with an awkward name, updated by many rows one at a time."""
    frame = pd.DataFrame({"y": RNG.normal(size=30), NAME: RNG.normal(size=30)})
    config = {
        "name": "line",
        "model": {
            "likelihood": "Normal",
            "formula": f"y ~ `{NAME}`",
            "priors": {"Intercept": "Normal(0, 5)", "coefficients": "Flat()", "sigma": 1.0},
        },
        "inference": ["mle", "map", "exact"],
    }
    return bayescope.run(config, frame[:5]).update(frame[5:], by_row=True)


def test_numbers_pool_as_if_they_had_come_together():
    values = RNG.normal(1e6, 1.0, 12).tolist()
    for cut in (1, 5, 11):
        pooled = pool_data(summary(values[:cut]), summary(values[cut:]), 1).columns[0]
        expected = summary(values).columns[0]
        assert pooled.mean == pytest.approx(expected.mean, rel=1e-14)
        # sds near 1 of values near 1e6 keep six digits fewer
        assert pooled.sd == pytest.approx(expected.sd, rel=1e-8)
        assert (pooled.minimum, pooled.maximum) == (expected.minimum, expected.maximum)


def test_levels_add_up_unless_a_summary_counted_some_together():
    old, new = summary([1.0, 2.0], ("a", "b")), summary([3.0, 4.0], ("b", "c"))
    assert pool_data(old, new, 1).columns[1].levels == {"b": 2, "a": 1, "c": 1}
    cut = summary([3.0, 4.0], ("b", "(3 other levels)"))
    assert pool_data(old, cut, 1).columns[1].levels is None


def test_the_source_says_how_often_it_was_updated():
    once = pool_data(summary([1.0, 2.0]), summary([3.0]), 1)
    assert once.source == "x.csv, updated"
    assert pool_data(once, summary([3.0]), 2).source == "x.csv, updated 2 times"


def test_chained_fingerprints_know_the_order():
    assert len({chained("a", "b"), chained("b", "a"), chained("a", "a"), "a", "b"}) == 5


def test_a_run_that_is_no_update_is_its_own_first_step():
    run = bayescope.run(
        {
            "name": "coin", "data": {"columns": {"flip": [1, 0]}},
            "model": {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
            "inference": ["exact"],
        }
    )  # fmt: skip
    [step] = steps_of(run.record, run.fits)
    assert (step.total, step.method, step.beliefs[0].posterior) == (2, "exact", "Beta(3, 3)")
    assert (step.beliefs[0].map, step.beliefs[0].mle) == (None, None)
    density = np.trapezoid(step.beliefs[0].density, step.beliefs[0].x)
    assert density == pytest.approx(1.0, abs=1e-3)  # all but two tails of 1e-4, by 100 trapezoids
    assert not [name for name in figures(run.record, run.fits) if name.startswith("update")]
    assert not updates_table(run.record)


def test_the_table_keeps_the_first_step_and_the_last(updated):
    totals = [int(row[0]) for row in updates_table(updated.record).rows]
    assert sorted(set(totals)) == [5, *range(19, 31)]


def test_the_figure_shows_some_of_many_steps_and_any_name(updated):
    with house_style():
        slope, again = (
            update_figure(updated.record, updated.record.lineage.steps, updated.fits, updated["mle"].names[1])
            for _ in range(2)
        )
    assert slope.svg == again.svg
    assert "n = 5" in slope.svg
    assert "n = 30" in slope.svg
    assert 2 <= slope.svg.count("n = ") <= 8
    assert "prior" not in slope.svg  # a flat prior has no density
    assert slope.section == "updates"


def test_a_step_after_which_no_method_was_asked_is_left_out_of_the_figure():
    config = {
        "name": "coin",
        "data": {"columns": {"flip": [1, 0]}},
        "model": {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
        "inference": ["laplace"],
    }
    run = bayescope.run(config).update({"flip": [1]}, {"flip": [0, 1, 1]})
    assert [len(step.beliefs) for step in run.record.lineage.steps] == [1, 0, 1]
    [alt] = [f.alt for name, f in figures(run.record, run.fits).items() if name.startswith("update")]
    assert alt.count("n = ") == 2
    assert f"n = 6, mean {run['laplace'].estimate[0]:.4f}" in alt


def test_a_step_after_which_no_hypothesis_was_weighed_is_left_out_of_the_figure():
    config = {
        "name": "coin",
        "data": {"columns": {"flip": [1, 0]}},
        "model": {"hypotheses": {"fair": "Bernoulli(0.5)", "bent": "Bernoulli(0.9)"}, "response": "flip"},
        "inference": ["auto"],
    }
    run = bayescope.run(config).update({"flip": [1]}, {"flip": [0, 1, 1]})
    assert [len(step.beliefs) for step in run.record.lineage.steps] == [2, 0, 2]
    assert "updates" in figures(run.record, run.fits)


def test_an_update_without_any_answer_has_no_figure_of_its_path():
    config = {
        "name": "separated",
        "data": {"columns": {"y": [0, 0, 1, 1], "x": [1, 2, 3, 4]}},
        "model": {"likelihood": "Bernoulli", "formula": "y ~ x"},
        "inference": ["mle"],
    }
    run = bayescope.run(config).update({"y": [1], "x": [5]})
    assert not [name for name in figures(run.record, run.fits) if name.startswith("update")]


def test_the_terminal_says_how_it_was_updated(updated):
    text = " ".join(render(updated.record, updated.fits).split())
    assert "Updated from the sufficient statistics of 5 + 25 observations; no old row was read." in text
