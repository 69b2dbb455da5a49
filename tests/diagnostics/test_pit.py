"""Probability integral transforms of rows left out: uniform if the model is right, and in words how not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.diagnostics.pit import (
    _band,
    _least_p,
    _null_minima,
    _observations,
    _pit,
    check_pit,
    in_words,
    loo_pit,
)


def normal_mean(values, sigma=1.0):
    config = {
        "name": "mean",
        "data": {"columns": {"y": values}},
        "model": {"likelihood": "Normal", "response": "y", "priors": {"mu": "Normal(0, 10)", "sigma": sigma}},
        "inference": ["exact"],
    }
    return bayescope.run(config)


def test_transforms_are_those_of_the_normal_left_out():
    y = np.random.default_rng(1).normal(2, 1, 40)
    run = normal_mean(y.tolist())
    precision = 39 + 0.01
    u = np.array(
        [
            scipy.stats.norm.cdf(y[i], (y.sum() - y[i]) / precision, np.sqrt(1 + 1 / precision))
            for i in range(40)
        ]
    )
    found = run.record.pit
    # each is a share of 500 draws, with an error of at most 0.5 / sqrt(500)
    assert found.mean == pytest.approx(u.mean(), abs=4 * 0.5 / np.sqrt(500))
    assert found.sd == pytest.approx(u.std(), abs=4 * 0.5 / np.sqrt(500))
    assert check_pit(found)[0].verdict == "pass"


@pytest.mark.parametrize(("sd", "words"), [(4.0, "too narrow"), (0.1, "too wide")])
def test_a_wrong_sigma_is_told(sd, words):
    run = normal_mean(np.random.default_rng(2).normal(0, sd, 200).tolist())
    [check] = [check for check in run.checks if check.name == "predictive_pit"]
    assert check.verdict == "note"
    assert words in check.message


@pytest.mark.parametrize("size", [20, 300])
def test_the_band_holds_whole_curves_as_often_as_it_says(size):
    lowest = float(np.quantile(_null_minima(size), 0.01))
    lower, upper = _band(size, lowest)
    rng = np.random.default_rng(3)
    u = rng.uniform(size=(4000, size))
    counts = (u[:, :, None] <= np.arange(1, 50) / 50).sum(axis=1)
    inside = np.mean(((counts >= lower) & (counts <= upper)).all(axis=1))
    # 2000 simulations place the 1 % quantile, 4000 check it; for few rows p-values are coarse, the band wider
    assert inside >= 0.99 - 4 * np.sqrt(0.01 * 0.99 * (1 / 2000 + 1 / 4000))
    np.testing.assert_array_equal(
        _least_p(counts, size) > lowest, ((counts >= lower) & (counts <= upper)).all(axis=1)
    )


def test_a_shift_is_told():
    assert (
        in_words(_pit("exact", np.linspace(0.5, 1, 100)))
        == "Predictive distributions are too low and too wide"
    )


def test_counts_are_randomised_between_their_steps():
    config = {
        "name": "counts",
        "data": {"columns": {"y": np.random.default_rng(4).poisson(0.7, 300).tolist()}},
        "model": {"use": "poisson-rate", "response": "y"},
        "inference": ["exact"],
    }
    assert bayescope.run(config).record.pit.p > 0.01


def test_categories_and_binary_responses_have_none():
    run = bayescope.run("configs/coin.yaml", overrides=["inference=[exact]"])
    assert run.record.pit is None
    assert check_pit(None) == ()
    few = bayescope.run("configs/coin.yaml", overrides=["inference=[{exact: {draws: 2}}]"])
    assert loo_pit(few.model, few["exact"], 1) is None


@pytest.mark.parametrize(
    ("place", "sd", "words"),
    [
        (1.5, 1.0, "too low"),
        (-1.5, 1.0, "too high"),
        (1.5, 2.0, "too low and too narrow"),
        (30.0, 4.0, "too low"),
    ],
)
def test_a_shift_says_nothing_of_the_width(place, sd, words):
    u = scipy.stats.norm.cdf(place + sd * scipy.stats.norm.ppf((np.arange(200) + 0.5) / 200))
    assert in_words(_pit("exact", u)) == f"Predictive distributions are {words}"


def chosen(weights, rows=3):
    model = SimpleNamespace(response=SimpleNamespace(values=np.zeros(rows), weights=np.array(weights, float)))
    return np.bincount(_observations(model, np.random.default_rng(5)), minlength=rows)


def test_rows_that_count_several_times_are_the_rows_written_out():
    assert chosen([2, 0, 5]).tolist() == [2, 0, 5]
    # of more than 1000 a sample without replacement: 500 ± sqrt(1000 / 4 / 2) of either half of 2000
    found = chosen([1000, 0, 1000])
    assert found.sum() == 1000
    assert abs(found[0] - 500) < 4 * np.sqrt(1000 / 4 * (1 - 1000 / 1999))
    # weights that are no counts, and more than NumPy draws from: within one of their share
    assert chosen([1.5, 0.0, 4.5]).tolist() in ([1, 0, 5], [2, 0, 4])
    assert chosen([1e12, 0.0, 3e12]).tolist() == [250, 0, 750]


def test_a_column_of_ones_changes_no_transform_but_by_its_draws():
    y = np.random.default_rng(9).normal(size=100).tolist()
    model = {"likelihood": "Normal", "response": "y", "priors": {"sigma": 1}}
    config = {"name": "ones", "data": {"columns": {"y": y}}, "model": model, "inference": ["exact"]}
    plain = bayescope.run(config).record.pit
    ones = config | {"data": {"columns": {"y": y, "w": [1] * 100}}, "model": model | {"weights": "w"}}
    assert bayescope.run(ones).record.pit == plain
