"""Predicted probabilities against events: the isotonic curve, the parts of the Brier score, the test."""

from __future__ import annotations

import numpy as np
import pytest

import bayescope
from bayescope.diagnostics.event_calibration import _auc, check_calibration, event_calibration, isotonic


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, 600)
    return {
        "x": x,
        "right": rng.uniform(size=600) < 1 / (1 + np.exp(-x)),
        "wrong": rng.uniform(size=600) < np.where(np.abs(x) < 1, 0.9, 0.1),
    }


def logistic(data, response):
    config = {
        "name": "logit",
        "data": {"columns": {"x": data["x"].tolist(), "y": data[response].astype(int).tolist()}},
        "model": {"use": "logistic", "formula": "y ~ x"},
        "inference": ["grid"],
    }
    return bayescope.run(config)


def test_the_parts_of_the_brier_score_add_up(data):
    found = logistic(data, "right").record.calibration
    assert found.brier == pytest.approx(
        found.miscalibration - found.discrimination + found.uncertainty, abs=1e-12
    )
    assert found.miscalibration >= 0
    assert found.uncertainty == pytest.approx(data["right"].mean() * (1 - data["right"].mean()))


def test_a_right_model_passes_and_a_wrong_one_is_noted(data):
    right, wrong = (logistic(data, response) for response in ("right", "wrong"))
    verdicts = [next(c.verdict for c in run.checks if c.name == "calibration") for run in (right, wrong)]
    assert verdicts == ["pass", "note"]
    assert right.record.calibration.auc > 0.7
    assert "Brier" in next(c.message for c in wrong.checks if c.name == "calibration")


def test_the_isotonic_curve_is_that_of_scikit_learn():
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 80).astype(float)
    np.testing.assert_allclose(isotonic(y), IsotonicRegression().fit_transform(np.arange(80), y), atol=1e-12)


def test_the_area_under_the_curve_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    p = np.sort(rng.integers(0, 20, 200) / 20)
    y = rng.integers(0, 2, 200).astype(float)
    assert _auc(p, y) == pytest.approx(roc_auc_score(y, p), abs=1e-12)


def test_without_predictors_there_is_nothing_to_calibrate():
    run = bayescope.run("configs/coin.yaml", overrides=["inference=[exact]"])
    assert run.record.calibration is None
    assert event_calibration(run.model, None, 1) is None
    assert check_calibration(None) == ()
