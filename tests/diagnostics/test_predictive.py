"""The posterior predictive check: calm on data the model made, alarmed on data it did not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayescope.diagnostics import predictive
from bayescope.diagnostics.predictive import posterior_predictive_check
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import UNIT
from bayescope.inference.fit import Fit
from bayescope.models.model import Block, Model, Predictor, Prior, Response

SEED = 3


def model(likelihood, predictors, values, *, trials=None, weights=None):
    response = Response("y", np.asarray(values, float), trials=trials, weights=weights)
    blocks = tuple(
        Block(name, (name,), True, Prior("Flat", {}), start, UNIT, "default")
        for start, name in enumerate(name for predictor in predictors for name in predictor.columns)
    )
    return Model(LIKELIHOODS[likelihood], response, predictors, blocks, {}, None)


def scalar(parameter, position):
    return Predictor(parameter, "identity", None, np.array([position]), (parameter,))


def slopes(parameter, link, X):
    columns = tuple(f"b{j}" for j in range(X.shape[1]))
    return Predictor(parameter, link, X, np.arange(X.shape[1]), columns)


def posterior(draws):
    draws = np.asarray(draws, float)
    if draws.ndim == 1:
        draws = draws[:, None]
    draws = draws[None]
    names = tuple(f"b{j}" for j in range(draws.shape[2]))
    return Fit("exact", "exact", "posterior", names, estimate=draws.mean(axis=(0, 1)), draws=draws)


def coin(values, weights=None):
    return model("Bernoulli", (scalar("p", 0),), values, weights=weights)


def normal(values, weights=None):
    return model("Normal", (scalar("mu", 0), scalar("sigma", 1)), values, weights=weights)


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


def test_a_coin_is_compared_by_its_success_rate(rng):
    found = posterior_predictive_check(coin([1] * 7 + [0] * 3), posterior(rng.beta(8, 4, 1000)), SEED)
    assert list(found.statistics) == ["success rate"]
    assert found.statistics["success rate"]["observed"] == pytest.approx(0.7)
    assert (found.replicates, found.edges, found.observed) == (400, (-0.5, 0.5, 1.5), (3.0, 7.0))
    assert found.note == ""


def test_a_table_of_counts_equals_its_expanded_rows_in_distribution(rng):
    fit = posterior(rng.beta(701, 301, 2000))
    counted = posterior_predictive_check(coin([1, 0], np.array([700.0, 300.0])), fit, SEED)
    expanded = posterior_predictive_check(coin([1] * 700 + [0] * 300), fit, SEED)
    assert counted.observed == expanded.observed == (300.0, 700.0)
    # predictive sd of the rate is sqrt(2 * 0.7 * 0.3 / 1000) = 0.0205; of a mean of 400, 0.00102; two of them, 5 se
    mean = expanded.statistics["success rate"]["mean"]
    assert counted.statistics["success rate"]["mean"] == pytest.approx(mean, abs=5 * 0.00102 * np.sqrt(2))


def test_a_billion_flips_are_not_expanded(rng):
    counts = np.array([7e8, 3e8])
    found = posterior_predictive_check(coin([1, 0], counts), posterior(rng.beta(*counts, 1000)), SEED)
    rate = found.statistics["success rate"]
    assert sum(found.observed) == 1e9
    assert rate["upper"] - rate["lower"] < 2e-4
    assert 0.005 < rate["p"] < 0.995


def test_a_coin_of_another_bias_is_alarming(rng):
    found = posterior_predictive_check(coin([1] * 90 + [0] * 10), posterior(rng.beta(50, 50, 1000)), SEED)
    assert found.statistics["success rate"]["p"] < 0.005


def straight(x):
    return 1 / (1 + np.exp(-2 * x))


def bent(x):
    return 0.3 + 0.4 * (np.abs(x) < 2 / 3)


@pytest.mark.parametrize(
    ("chance", "centre", "ordinary"), [(straight, (0, 2), True), (bent, (-0.27, 0), False)]
)
def test_thirds_by_predicted_probability_see_a_missing_bend(rng, chance, centre, ordinary):
    x = np.linspace(-2, 2, 3000)
    y = rng.random(3000) < chance(x)
    X = np.column_stack([np.ones_like(x), x])
    fit = posterior(rng.normal(centre, 0.04, (1000, 2)))
    found = posterior_predictive_check(model("Bernoulli", (slopes("p", "logit", X),), y), fit, SEED)
    assert list(found.statistics) == ["success rate"] + [
        f"success rate of {third} third" for third in ("lowest", "middle", "highest")
    ]
    middle = found.statistics["success rate of middle third"]["p"]
    assert (0.005 <= middle <= 0.995) is ordinary


def test_a_model_that_fits_has_ordinary_p_values_and_bands_over_the_data(rng):
    y = rng.normal(3, 2, 500)
    draws = np.column_stack(
        [rng.normal(y.mean(), 2 / np.sqrt(500), 1000), rng.normal(y.std(), 2 / np.sqrt(1000), 1000)]
    )
    found = posterior_predictive_check(normal(y), posterior(draws), SEED)
    assert list(found.statistics) == ["mean", "sd", "min", "max"]
    assert all(0.005 <= values["p"] <= 0.995 for values in found.statistics.values())
    assert sum(found.observed) == 500
    assert len(found.edges) == len(found.observed) + 1
    covered = [
        low <= seen <= high for low, seen, high in zip(found.lower, found.observed, found.upper, strict=True)
    ]
    # each bin is covered with probability of at least 0.89; under 0.7 of some 24 bins is 3 sd below
    assert np.mean(covered) > 0.7
    middle = list(zip(found.lower, found.median, found.upper, strict=True))
    assert all(low <= median <= high for low, median, high in middle)


def test_heavy_tails_show_in_the_smallest_and_largest_values(rng):
    y = rng.standard_t(2, 2000)
    draws = np.column_stack([np.zeros(500), np.full(500, y.std())])
    found = posterior_predictive_check(normal(y), posterior(draws), SEED)
    assert min(found.statistics["max"]["p"], 1 - found.statistics["min"]["p"]) < 0.005


def test_weighted_observations_are_those_of_the_expanded_rows(rng):
    values, weights = np.array([-1.0, 0.5, 2.0]), np.array([5.0, 0.0, 7.0])
    fit = posterior(rng.normal([0.5, 1.5], 0.1, (500, 2)))
    weighted = posterior_predictive_check(normal(values, weights), fit, SEED)
    assert weighted == posterior_predictive_check(normal(np.repeat(values, [5, 0, 7])), fit, SEED)


def test_binomial_counts_are_compared_in_whole_bins(rng):
    trials = np.full(50, 12.0)
    y = rng.binomial(12, 0.4, 50)
    found = posterior_predictive_check(
        model("Binomial", (scalar("p", 0),), y, trials=trials), posterior(rng.beta(240, 360, 1000)), SEED
    )
    assert set(np.diff(found.edges)) == {1.0}
    assert found.edges[0] % 1 == 0.5
    assert sum(found.observed) == 50
    assert all(0.005 <= values["p"] <= 0.995 for values in found.statistics.values())


@pytest.mark.parametrize("kind", ["rows", "repeated rows", "binary rows"])
def test_more_than_the_greatest_number_of_rows_are_sampled_and_the_note_says_so(rng, monkeypatch, kind):
    monkeypatch.setattr(predictive, "MAX_ROWS", 100)
    binary, y = kind == "binary rows", rng.normal(size=300)
    weights = np.full(300, 1e9) if kind == "repeated rows" else None
    checked = coin(y > 0) if binary else normal(y, weights)
    fit = posterior(rng.beta(5, 5, 500) if binary else rng.normal([0, 1], [0.05, 0], (500, 2)))
    found = posterior_predictive_check(checked, fit, SEED)
    what = (
        "300,000,000,000 observations"
        if weights is not None
        else "300 rows"
        if binary
        else "300 observations"
    )
    assert found.note == f"Checked on a random sample of 100 of {what}."
    assert sum(found.observed) == 100


def test_regression_rows_are_sampled_together_with_their_predictors(rng, monkeypatch):
    monkeypatch.setattr(predictive, "MAX_ROWS", 50)
    x = rng.normal(size=200)
    X = np.column_stack([np.ones(200), x])
    checked = model("Normal", (slopes("mu", "identity", X), scalar("sigma", 2)), 1000 * x)
    checked = replace(
        checked, predictors=(replace(checked.predictors[0], offset=np.zeros(200)), checked.predictors[1])
    )
    found = posterior_predictive_check(checked, posterior(np.tile([0.0, 1000.0, 1e-9], (100, 1))), SEED)
    for values in found.statistics.values():
        assert values["mean"] == pytest.approx(values["observed"], abs=1e-6)


def test_equal_seeds_give_equal_checks_and_others_do_not(rng):
    fit, checked = posterior(rng.beta(8, 4, 1000)), coin([1] * 70 + [0] * 30)
    assert posterior_predictive_check(checked, fit, 1) == posterior_predictive_check(checked, fit, 1)
    assert posterior_predictive_check(checked, fit, 1) != posterior_predictive_check(checked, fit, 2)


def test_constant_and_single_observations_do_not_fail(rng):
    fit = posterior(np.column_stack([rng.normal(size=50), np.ones(50)]))
    for values in ([2.0], [2.0, 2.0, 2.0]):
        found = posterior_predictive_check(normal(values), fit, SEED)
        assert (found.replicates, found.statistics["sd"]["observed"]) == (50, 0.0)
        assert sum(found.observed) == len(values)


def test_ties_count_half(rng):
    found = posterior_predictive_check(coin([1.0, 1.0]), posterior(np.ones(100)), SEED)
    assert found.statistics["success rate"]["p"] == 0.5


def test_a_fit_without_draws_has_no_check():
    assert posterior_predictive_check(coin([1.0]), replace(posterior(np.ones(3)), draws=None), SEED) is None


@pytest.mark.parametrize("make", [coin, normal])
@pytest.mark.parametrize("weight", [0.05, 0.3, 1.6])
def test_weights_that_are_no_whole_numbers_leave_observations_to_compare(rng, make, weight):
    fit = posterior(np.column_stack([rng.uniform(0.4, 0.6, 200), np.ones(200)]))
    checked = posterior_predictive_check(make(np.tile([0.0, 1.0], 20), np.full(40, weight)), fit, SEED)
    assert sum(checked.observed) == pytest.approx(40 * weight)
    assert all(np.isfinite(row["observed"]) for row in checked.statistics.values())


WEIGHTS = np.array([0.5, 2.25, 1.0, 0.0, 3.0])


def test_the_data_under_weights_that_are_no_whole_numbers_are_the_weighted_data():
    y, fit = np.array([3.0, -1.0, 0.5, 99.0, 2.0]), posterior(np.tile([1.0, 1.0], (50, 1)))
    found = {
        k: row["observed"]
        for k, row in posterior_predictive_check(normal(y, WEIGHTS), fit, SEED).statistics.items()
    }
    mean = np.average(y, weights=WEIGHTS)
    variance = WEIGHTS @ (y - mean) ** 2 / (WEIGHTS.sum() - 1)
    assert found == pytest.approx({"mean": mean, "sd": np.sqrt(variance), "min": -1.0, "max": 3.0})
    flips = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    rates = posterior_predictive_check(coin(flips, WEIGHTS), posterior(np.full(50, 0.4)), SEED).statistics
    assert rates["success rate"]["observed"] == pytest.approx(np.average(flips, weights=WEIGHTS))


@pytest.mark.parametrize("make", [coin, normal])
def test_replicates_vary_as_one_response_for_each_whole_and_each_rest_of_a_weight(make):
    fit = posterior(np.tile([0.4, np.sqrt(0.24)], (4000, 1)) if make is normal else np.full(4000, 0.4))
    row = next(
        iter(
            posterior_predictive_check(
                make([0.0, 1.0, 0.0, 1.0, 0.0], WEIGHTS), fit, SEED
            ).statistics.values()
        )
    )
    variance = 0.24 * (0.5**2 + 2 + 0.25**2 + 1 + 3) / WEIGHTS.sum() ** 2
    width = 2 * 1.598 * np.sqrt(variance)  # of the central 89 % of a Normal
    assert row["mean"] == pytest.approx(0.4, abs=4 * np.sqrt(variance / 400))
    assert row["upper"] - row["lower"] == pytest.approx(width, rel=0.25)
