"""Models compared by what they predict: differences with errors, stacking weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.diagnostics.model_comparison import advice, compare_scores, stacking_weights
from bayescope.errors import BayescopeError


@pytest.fixture(scope="module")
def runs():
    overrides = {
        "both": [],
        "iq": ["model.formula=kid_score ~ mom_iq"],
        "hs": ["model.formula=kid_score ~ mom_hs"],
    }
    return {
        name: bayescope.run("configs/kidiq.yaml", overrides=["inference=[exact]", f"name={name}", *more])
        for name, more in overrides.items()
    }


@pytest.fixture(scope="module")
def rows(runs):
    return compare_scores({name: run.record.loo for name, run in runs.items()})


def test_the_best_comes_first_and_differences_are_those_of_arviz(runs, rows):
    import arviz_base
    import arviz_stats

    from bayescope.diagnostics.loo import left_out

    trees = {}
    for name, run in runs.items():
        thetas = run["exact"].draws.reshape(-1, run["exact"].draws.shape[2])[::2]
        parts = [part.log_likelihood for part in left_out(run.model, thetas, np.arange(434))]
        log_likelihood = np.concatenate(parts).T[np.newaxis]
        data = {"posterior": {"x": thetas[np.newaxis, :, 0]}, "log_likelihood": {"y": log_likelihood}}
        trees[name] = arviz_stats.loo(arviz_base.from_dict(data), pointwise=True, reff=1.0)
    theirs = arviz_stats.compare(trees, round_to="none")
    assert [row.run for row in rows] == list(theirs.index) == ["both", "iq", "hs"]
    for row in rows:
        assert row.elpd_difference == pytest.approx(-abs(theirs.loc[row.run, "elpd_diff"]), abs=1e-9)
        assert row.difference_se == pytest.approx(theirs.loc[row.run, "dse"], rel=2 / 434, abs=1e-12)
        assert row.weight == pytest.approx(theirs.loc[row.run, "weight"], abs=0.01)


def test_stacking_weights_satisfy_the_conditions_of_the_optimum():
    rng = np.random.default_rng(4)
    log_densities = rng.normal(size=(200, 4)) + np.array([0.0, 0.1, -0.2, -2.0])
    w = stacking_weights(log_densities, np.ones(200))
    densities = np.exp(log_densities)
    gradient = np.mean(densities / (densities @ w)[:, None], axis=0)
    assert w.sum() == pytest.approx(1)
    # Karush-Kuhn-Tucker: the gradient is 1 where w > 0 and at most 1 elsewhere
    np.testing.assert_allclose(gradient[w > 1e-4], 1.0, atol=1e-4)
    assert gradient.max() <= 1 + 1e-4


def test_stacking_two_models_solves_one_equation():
    rng = np.random.default_rng(5)
    p = np.exp(rng.normal(size=(50, 2)))
    counts = rng.integers(1, 5, size=50).astype(float)
    slope = lambda w: counts @ ((p[:, 0] - p[:, 1]) / (w * p[:, 0] + (1 - w) * p[:, 1]))  # noqa: E731
    root = scipy.optimize.brentq(slope, 0, 1)
    np.testing.assert_allclose(stacking_weights(np.log(p), counts), [root, 1 - root], atol=1e-5)


def test_advice_says_whether_the_difference_counts(rows):
    assert advice(rows[:1]) == []
    assert advice(rows)[0].startswith("both")
    far = rows[0], rows[1].model_copy(update={"elpd_difference": -40.0, "difference_se": 4.0})
    assert "10.0 standard errors" in advice(far)[0]
    unsure = rows[0], rows[1].model_copy(update={"elpd_difference": -6.0, "difference_se": 4.0})
    assert "not settled" in advice(unsure)[0]
    carried = rows[0].model_copy(update={"influential_rows": 3}), rows[1]
    assert "both (3)" in advice(carried)[1]


def test_other_rows_are_refused(runs):
    score = runs["iq"].record.loo
    other = score.model_copy(update={"row": score.row[::-1]})
    with pytest.raises(BayescopeError, match="different rows"):
        compare_scores({"a": score, "b": other})


def test_a_row_of_density_zero_is_refused(runs):
    score = runs["iq"].record.loo
    with pytest.raises(BayescopeError, match="b: the leave-one-out density"):
        compare_scores({"a": score, "b": score.model_copy(update={"elpd": None})})
