"""Leave-one-out cross-validation: against closed forms, refits, and ArviZ."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.diagnostics import loo as module
from bayescope.diagnostics.loo import Loo, loo
from bayescope.diagnostics.loo_checks import check_loo
from bayescope.inference.exact import recognise
from bayescope.inference.log_densities import pointwise
from bayescope.models.density import pointwise_log_likelihood
from bayescope.models.rows import take


@pytest.fixture(scope="module")
def kidiq():
    return bayescope.run("configs/kidiq.yaml", overrides=["inference=[exact]"])


@pytest.fixture(scope="module")
def coin():
    config = {
        "name": "coin",
        "data": {"columns": {"flip": [1, 1, 0, 1, 0, 1, 1, 1]}},
        "model": {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
        "inference": ["exact"],
    }
    return bayescope.run(config)


def exact_score(model, rows):
    """The sum of log p(y_i | y_-i) over `rows`, by solving the model again without each of them."""
    size, total = len(model.response.values), 0.0
    for row in rows:
        rest = recognise(take(model, np.delete(np.arange(size), row)))
        left = take(model, np.array([row]))
        posterior = rest.solve(rest.statistics, 1e-10)
        total += float(posterior.predict(left).log_density(left.response.values)[0])
    return total


def test_a_coin_left_out_is_predicted_by_the_betas_of_the_others(coin):
    heads, tails, found = 6, 2, coin.record.loo
    exact = heads * math.log((2 + heads - 1) / (4 + 7)) + tails * math.log((2 + tails - 1) / (4 + 7))
    # equal rows share their errors, which `mcse` takes for independent
    assert found.elpd == pytest.approx(exact, abs=4 * found.mcse * math.sqrt(heads))
    assert found.log_score == pytest.approx(found.elpd / 8)


def test_the_row_that_ends_a_uniform_cannot_be_left_out_by_weights():
    """No draw has an upper end below 60, where it could be without that row; 42 occurs twice."""
    config = {
        "name": "tanks",
        "data": {"columns": {"y": [19, 40, 42, 42, 60], "w": [1, 1, 1, 1, 1]}},
        "model": {"likelihood": "Uniform", "response": "y", "priors": {"lower": 0, "upper": "Pareto(1, 1)"}},
        "inference": ["exact"],
    }
    run = bayescope.run(config)
    assert [each.row for each in run.record.loo.influential] == [5]
    assert run.record.loo.influential[0].pareto_k == math.inf
    assert [check.verdict for check in run.record.checks if check.name == "loo_pareto_k"] == ["note"]
    config["data"]["columns"]["y"] = [19, 40, 42, 60, 60]
    assert bayescope.run(config).record.loo.beyond_limit == 0


def test_a_regression_agrees_with_solving_it_again_without_each_row(kidiq):
    rows = np.arange(0, 434, 18)
    found = kidiq.record.loo
    exact = exact_score(kidiq.model, rows)
    by_weights = np.sum(np.asarray(found.log_density)[rows])
    assert by_weights == pytest.approx(exact, abs=4 * found.mcse * math.sqrt(len(rows) / 434))
    assert found.p_loo == pytest.approx(4, abs=0.5)  # four unknowns, vague priors


def test_it_is_what_arviz_computes(kidiq):
    import arviz_base
    import arviz_stats

    draws = kidiq["exact"].draws
    log_likelihood = pointwise(kidiq.model, draws.reshape(-1, draws.shape[2])).T
    tree = arviz_base.from_dict(
        {"posterior": {"x": draws}, "log_likelihood": {"y": log_likelihood.reshape(*draws.shape[:2], -1)}}
    )
    theirs = arviz_stats.loo(tree, pointwise=True, reff=1.0)
    ours = loo(kidiq.model, kidiq["exact"], whole=True)
    np.testing.assert_allclose(ours.log_density, theirs.elpd_i.values, atol=1e-10)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k.values, atol=1e-8)
    assert ours.p_loo == pytest.approx(theirs.p, abs=1e-8)
    assert ours.se == pytest.approx(theirs.se, rel=2 / 434)  # they divide by n, not n - 1


def test_repeated_rows_count_as_often_as_they_occur(coin):
    counts = {
        "name": "counts",
        "data": {"counts": {"flip": {1: 6, 0: 2}}},
        "model": {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
        "inference": ["exact"],
    }
    found, written_out = bayescope.run(counts).record.loo, coin.record.loo
    assert found.rows == 2
    assert found.elpd == pytest.approx(written_out.elpd, rel=1e-12)
    assert found.se == pytest.approx(written_out.se, rel=1e-12)


def weighted_line(weights):
    """A line through 60 rows with a known sigma, and log p(y_i | y_-i) by leaving min(w_i, 1) of each out."""
    rng = np.random.default_rng(8)
    X, w = np.column_stack([np.ones(60), rng.normal(size=60)]), np.resize(weights, 60).astype(float)
    y = X.sum(axis=1) + rng.normal(size=60)
    config = {
        "name": "weighted",
        "data": {"columns": {"x": X[:, 1], "y": y, "w": w}},
        "model": {"use": "linear", "formula": "y ~ x", "weights": "w", "priors": {"coefficients": "Normal(0, 10)", "Intercept": "Normal(0, 10)", "sigma": 1.0}},
        "inference": [{"exact": {"draws": 5000}}],
    }  # fmt: skip
    scores = np.zeros(60)
    for i in range(60):
        rest = w - np.minimum(w, 1.0) * (np.arange(60) == i)
        V = np.linalg.inv((X.T * rest) @ X + np.eye(2) / 100)
        scores[i] = scipy.stats.norm.logpdf(y[i], X[i] @ V @ X.T @ (rest * y), np.sqrt(1 + X[i] @ V @ X[i]))
    return bayescope.run(config), w, scores


@pytest.mark.parametrize("weights", [[0.5], [0.1], [2.5], [1.0, 0.0, 0.3, 2.5]])
def test_leaving_a_row_out_takes_away_what_it_put_in_but_one_observation_at_most(weights):
    run, w, scores = weighted_line(weights)
    found = run.record.loo
    assert found.elpd == pytest.approx(w @ scores, abs=4 * found.mcse)
    assert found.beyond_limit == 0


def test_a_row_that_counts_nothing_may_be_impossible():
    config = {
        "name": "count",
        "data": {"columns": {"y": [0, 1, 1, 2, 0, 3], "w": [1.0, 1.0, 2.0, 1.0, 0.5, 1.0]}},
        "model": {"use": "poisson-rate", "response": "y", "weights": "w"},
        "inference": ["exact"],
    }
    run = bayescope.run(config)
    impossible = np.array([0.0, 1.0, 1.0, 2.0, 0.0, -1.0]), np.array([1.0, 1.0, 2.0, 1.0, 0.5, 0.0])
    response = replace(run.model.response, values=impossible[0], weights=impossible[1])
    model = replace(run.model, response=response)
    found, kept = (loo(rows, run["exact"]) for rows in (model, take(model, slice(5))))
    assert found.elpd == pytest.approx(kept.elpd, rel=1e-12)


@pytest.mark.parametrize("config", ["iris-softmax", "ordinal", "seeds", "roaches-zero-inflated"])
def test_log_densities_of_draws_are_those_of_single_points(config):
    overrides = ["inference=[{laplace: {draws: 5, chains: 1}}]"]
    run = bayescope.run(f"configs/{config}.yaml", overrides=overrides)
    thetas = run["laplace"].draws[0]
    each = [pointwise_log_likelihood(run.model, theta) for theta in thetas]
    np.testing.assert_allclose(pointwise(run.model, thetas).T, each, rtol=1e-12, atol=1e-12)


def test_a_vector_of_probabilities_has_scores_too():
    config = {
        "name": "party",
        "data": {"columns": {"vote": ["a", "b", "a", "c", "a", "b"]}},
        "model": {"use": "categories", "response": "vote", "priors": {"p": "Dirichlet([1, 1, 1])"}},
        "inference": ["exact"],
    }
    found = bayescope.run(config).record.loo
    exact = sum(count * math.log(count / 8) for count in (3, 2, 1))
    assert found.elpd == pytest.approx(exact, abs=4 * found.mcse * math.sqrt(3))


def test_a_sample_of_rows_stands_for_all_of_them(kidiq, monkeypatch):
    whole = kidiq.record.loo
    monkeypatch.setattr(module, "_MOST_ROWS", 60)
    sampled = loo(kidiq.model, kidiq["exact"])
    assert (sampled.rows, sampled.sampled) == (60, True)
    assert sampled.elpd == pytest.approx(whole.elpd, abs=4 * (sampled.mcse + whole.mcse))
    assert sampled.mcse < 0.1 * sampled.se  # the differences to the plug-in density are small
    assert sampled.row == loo(kidiq.model, kidiq["exact"]).row


def test_memory_does_not_grow_with_the_rows():
    rng = np.random.default_rng(5)
    config = {
        "name": "many",
        "data": {"columns": {"y": rng.normal(size=6000).tolist()}},
        "model": {"use": "normal-mean", "response": "y"},
        "inference": [{"exact": {"draws": 300}}],
    }
    run = bayescope.run(config)
    whole = 6000 * 1200 * 8
    tracemalloc.start()
    loo(run.model, run["exact"], whole=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < whole / 2


def test_a_row_that_carries_the_posterior_is_named_with_advice():
    values = [*np.linspace(-1, 1, 14).tolist(), 40.0]
    config = {
        "name": "outlier",
        "data": {"columns": {"y": [None, *values]}, "missing": "drop"},
        "model": {"likelihood": "Normal", "response": "y", "priors": {"mu": "Normal(0, 10)", "sigma": "HalfCauchy(1)"}},
        "inference": ["exact"],
    }  # fmt: skip
    run = bayescope.run(config)
    assert [each.row for each in run.record.loo.influential] == [
        16
    ]  # as in the data, the dropped row counted
    [check] = [check for check in run.checks if check.name == "loo_pareto_k"]
    assert (check.verdict, check.parameter) == ("note", "row 16")
    assert "StudentT" in check.advice
    assert "row 16 (k " in check.message
    assert check.message.endswith("; its leave-one-out density is uncertain.")
    few = run.record.loo.model_copy(update={"p_loo": 2.0})
    [check] = check_loo(few, run.model)
    assert check.advice == "See whether this row is right. If it is, StudentT lets it weigh less."
    [check] = check_loo(few.model_copy(update={"beyond_limit": 2}), run.model)
    assert check.message.endswith(" and 1 more; their leave-one-out densities are uncertain.")
    assert check.advice == "See whether these rows are right. If they are, StudentT lets them weigh less."


def test_no_scores_without_draws_and_none_of_hypotheses(kidiq):
    assert loo(kidiq.model, replace(kidiq["exact"], draws=None)) is None
    assert check_loo(None, kidiq.model) == ()
    assert bayescope.run("configs/disease-test.yaml", overrides=["inference=[exact]"]).record.loo is None


def test_rows_come_back_from_the_run_folder(coin, tmp_path):
    folder = coin.save(tmp_path)
    again = bayescope.load(folder).record.loo
    assert again == coin.record.loo
    assert '"log_density"' not in (folder / "run.json").read_text()
    assert isinstance(again, Loo)


def test_a_model_without_its_rows_says_that_it_was_not_checked(coin):
    updated = replace(coin, model=None).update({"flip": [1, 0]})
    assert updated.record.loo is None
    assert "not checked against single ones" in updated.record.unchecked
    assert coin.record.unchecked == ""
