"""Maximum likelihood as the minimiser of KL from the empirical distribution, with its numbers."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

import bayescope
from bayescope import information


def measured(model, data, methods=("mle", "map", "exact")):
    run = bayescope.run({"name": "run", "data": data, "model": model, "inference": list(methods)})
    found = run.record.loss.cross_entropy
    return run, found, {row.method: row for row in found.rows}


def coin(heads, tails):
    model = {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}}
    return measured(model, {"counts": {"flip": {1: heads, 0: tails}}})


def test_the_mean_loss_of_a_coin_is_entropy_plus_divergence():
    run, found, rows = coin(6, 4)
    assert found.observations == 10
    assert found.entropy == pytest.approx(-(0.6 * math.log(0.6) + 0.4 * math.log(0.4)), rel=1e-14)
    for name, row in rows.items():
        p = run[name].estimate[0]
        by_hand = 0.6 * math.log(0.6 / p) + 0.4 * math.log(0.4 / (1 - p))
        assert row.kl == pytest.approx(by_hand, abs=1e-15)
        assert row.nll == pytest.approx(found.entropy + row.kl, rel=1e-14)
        assert row.above_mle == pytest.approx(row.kl, abs=1e-15)
        assert row.perplexity == pytest.approx(math.exp(row.nll), rel=1e-14)


def test_mle_is_the_least_of_all_divergences():
    _, _, rows = coin(6, 4)
    assert rows["mle"].kl == 0
    others = [information.kl([0.4, 0.6], [1 - p, p]).value for p in np.linspace(0.01, 0.99, 99)]
    assert rows["mle"].kl <= min(others)


def test_a_coin_of_one_face_has_no_entropy_and_no_loss():
    _, found, rows = coin(3, 0)
    assert (found.entropy, rows["mle"].nll, rows["mle"].kl, rows["mle"].perplexity) == (0, 0, 0, 1)


def test_counts_that_a_model_spreads_beyond_the_data_leave_a_divergence_at_mle():
    y = [3, 1, 4, 2, 2]
    _, found, rows = measured(
        {"likelihood": "Poisson", "response": "y", "priors": {"mu": "Gamma(2, 1)"}}, {"columns": {"y": y}}
    )
    assert found.entropy == pytest.approx(scipy.stats.entropy([1, 2, 1, 1]), rel=1e-14)
    nll = -scipy.stats.poisson(np.mean(y)).logpmf(y).mean()
    assert rows["mle"].nll == pytest.approx(nll, rel=1e-12)
    assert rows["mle"].kl == pytest.approx(nll - found.entropy, rel=1e-12)


def test_categories_are_fitted_to_their_frequencies():
    model = {"likelihood": "Categorical", "response": "y", "priors": {"p": "Dirichlet([1, 2, 3])"}}
    _, found, rows = measured(model, {"columns": {"y": ["x", "z", "y", "x"]}})
    assert found.entropy == pytest.approx(information.entropy([0.5, 0.25, 0.25]).value)
    assert rows["mle"].kl == pytest.approx(0, abs=1e-15)
    assert rows["exact"].kl > 0


def test_a_continuous_response_is_measured_against_mle_only():
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    model = {
        "likelihood": "Normal",
        "formula": "y ~ x",
        "priors": {"coefficients": "Normal(0, 0.3)", "sigma": 1},
    }
    run, found, rows = measured(
        model, {"columns": {"x": x.tolist(), "y": (x + rng.normal(size=30)).tolist()}}
    )
    assert found.entropy is None
    assert rows["mle"].above_mle == 0
    residuals = run.model.response.values - run.model.location.matrix @ run["map"].estimate
    assert rows["map"].nll == pytest.approx(-scipy.stats.norm.logpdf(residuals).mean(), rel=1e-12)
    assert rows["map"].above_mle == rows["map"].nll - rows["mle"].nll > 0
    assert all(row.kl is None for row in rows.values())


def test_a_regression_of_a_binary_response_has_no_single_empirical_distribution():
    columns = {"y": [0, 1, 0, 1, 1, 0], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}
    _, found, _ = measured({"use": "logistic", "formula": "y ~ x"}, {"columns": columns}, ["mle", "map"])
    assert found.entropy is None


def test_without_mle_there_is_nothing_to_be_above():
    model = {"use": "coin", "response": "flip"}
    _, _, rows = measured(model, {"counts": {"flip": {1: 2, 0: 1}}}, ["exact"])
    assert rows["exact"].above_mle is None
    assert rows["exact"].kl > 0
