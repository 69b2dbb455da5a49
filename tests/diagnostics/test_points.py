"""What a point hides: positions, widths, and the log score that a plug-in prediction loses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bayescope
from bayescope.diagnostics import held_out as module
from bayescope.diagnostics.held_out import PlugInLoss, _folds, held_out
from bayescope.diagnostics.points import Hidden, _advice


def normal_mean(values):
    config = {
        "name": "mean",
        "data": {"columns": {"y": values}},
        "model": {"likelihood": "Normal", "response": "y", "priors": {"mu": "Normal(0, 10)", "sigma": 1.0}},
        "inference": ["mle", "map", "exact"],
    }
    return bayescope.run(config)


@pytest.fixture(scope="module")
def run():
    return normal_mean(np.random.default_rng(1).normal(2, 1, 30).tolist())


def test_points_are_placed_in_posterior_sds(run):
    [row] = run.record.points.rows
    data, prior = 30.0, 0.01
    mean = np.mean(run.model.response.values)
    expected = (mean - mean * data / (data + prior)) * math.sqrt(data + prior)
    assert row.positions["mle"] == pytest.approx(expected, rel=1e-6)
    assert row.positions["map"] == pytest.approx(0, abs=1e-8)
    assert row.width == pytest.approx(2 * 1.5981931 / math.sqrt(30.01), rel=1e-6)


def test_the_loss_of_a_plug_in_is_what_normal_densities_say(run):
    y = run.model.response.values
    total = 0.0
    for train, test in _folds(run.model, run.record.seed):
        n, mean = len(train.response.values), train.response.values.mean()
        precision = n + 0.01
        m, v = n * mean / precision, 1 + 1 / precision
        left = test.response.values
        posterior = -0.5 * np.log(2 * np.pi * v) - (left - m) ** 2 / (2 * v)
        total += np.sum(posterior + 0.5 * np.log(2 * np.pi) + (left - mean) ** 2 / 2)
    [mle] = [loss for loss in run.record.points.held_out.losses if loss.method == "mle"]
    assert mle.total == pytest.approx(total, rel=1e-6, abs=1e-9)
    assert mle.per_observation == pytest.approx(total / len(y), rel=1e-6, abs=1e-9)


def test_every_observation_is_held_out_once_repetitions_divided(run):
    counts = {
        "name": "c",
        "data": {"counts": {"flip": {1: 70, 0: 31}}},
        "model": {"use": "coin", "response": "flip"},
        "inference": ["mle", "exact"],
    }
    coin = bayescope.run(counts)
    folds = list(_folds(coin.model, 1))
    assert sum(test.response.weights.sum() for _, test in folds) == 101
    assert all(train.response.weights.sum() + test.response.weights.sum() == 101 for train, test in folds)
    assert max(test.response.weights.sum() for _, test in folds) == 21
    assert sum(len(test.response.values) for _, test in _folds(run.model, 1)) == 30


def test_a_certain_point_that_is_refuted_is_told():
    config = {
        "name": "rare",
        "data": {"columns": {"flip": [1] * 19 + [0]}},
        "model": {"use": "coin", "response": "flip"},
        "inference": ["mle", "exact"],
    }
    view = bayescope.run(config).record.points
    [loss] = view.held_out.losses
    assert loss.total is None  # without its only tail the coin is certain to land heads
    assert view.advice.startswith("Predict by the posterior: mle calls a row impossible that was held out")


def test_a_laplace_refit_stands_in_where_nothing_is_exact():
    run = bayescope.run("configs/seeds.yaml", overrides=["inference=[mle, laplace]"])
    found = held_out(run.model, [run["mle"]], run["laplace"], 1)
    assert found.refit == "laplace"
    assert found.losses[0].total > 0  # 21 rows, 4 unknowns, overdispersed


def test_what_would_take_long_is_skipped_with_a_reason(run, monkeypatch):
    monkeypatch.setattr(module, "_MOST_CELLS", 10)
    assert "would take too long" in held_out(run.model, [run["mle"]], run["exact"], 1).note


def test_few_observations_are_not_divided():
    assert normal_mean([1.0, 2.0, 3.0]).record.points.held_out.note == "There are fewer than 10 observations."


def test_advice_names_the_widest_interval_and_a_point_far_from_the_mean():
    rows = [
        Hidden(parameter="Intercept", mean=0.1, sd=1, lower=-2, upper=2, positions={"mle": 0.0}),
        Hidden(parameter="x", mean=1.0, sd=0.5, lower=0.2, upper=1.8, positions={"mle": -0.8, "median": 0.1}),
    ]
    text = _advice(rows, module.HeldOut(note="none"))
    assert text == (
        "Mle of x stands 0.8 posterior sd from the mean; a point hides most of x, which is from 0.2 to 1.8 with "
        "89 % probability."
    )


@pytest.mark.parametrize(
    ("total", "se", "written"),
    [(172.4, 38.1, "172 ± 38"), (99.7, 9.96, "100 ± 10"), (0.0512, 0.0123, "0.051 ± 0.012")],
)
def test_advice_writes_a_loss_as_the_table_does(total, se, written):
    loss = PlugInLoss(method="mle", per_observation=total / 40, total=total, se=se)
    text = _advice([], module.HeldOut(losses=[loss]))
    assert text == f"Predict by the posterior: mle loses {written} nats of log score."


def test_large_numbers_are_written_whole():
    row = Hidden(parameter="x", mean=2000.0, sd=500.0, lower=1200.4, upper=2799.6, positions={"mle": 130.0})
    assert _advice([row], module.HeldOut(note="none")) == (
        "Mle of x stands 130 posterior sd from the mean; a point hides most of x, which is from 1200 to 2800 with "
        "89 % probability."
    )


def test_no_points_no_view():
    run = bayescope.run("configs/coin.yaml", overrides=["inference=[exact]"])
    assert run.record.points is None
