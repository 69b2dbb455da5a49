"""The posterior predictive check of responses of several columns."""

from __future__ import annotations

import numpy as np
import pytest

from bayescope.diagnostics.predictive import posterior_predictive_check
from bayescope.diagnostics.predictive_vectors import reduction
from bayescope.inference.exact import EXACT
from bayescope.inference.method import Context
from bayescope.inference.settings import ExactSettings
from bayescope.models.rows import take
from bayescope.pipeline import prepare, read_config

COV = [[4.0, 1.0], [1.0, 9.0]]


def check_of(likelihood, values, priors):
    names = ["a", "b", "c"][: values.shape[1]]
    columns = {name: values[:, i].tolist() for i, name in enumerate(names)}
    spec = {"likelihood": likelihood, "response": names, "priors": priors}
    config = {"name": "m", "data": {"columns": columns}, "model": spec, "inference": ["exact"]}
    model = prepare(read_config(config))[1]
    fit = EXACT.fit(model, ExactSettings(), Context(seed=1))
    return model, posterior_predictive_check(model, fit, seed=1)


def counts(rng, rows, trials, spread):
    """Rows of Dirichlet-Multinomial counts: the smaller `spread`, the more they differ."""
    return rng.multinomial(trials, rng.dirichlet(spread * np.array([0.2, 0.3, 0.5]), rows)).astype(float)


def test_counts_of_one_multinomial_pass():
    rng = np.random.default_rng(1)
    model, check = check_of("Multinomial", rng.multinomial(10, [0.2, 0.3, 0.5], 50).astype(float), {})
    assert [*check.statistics] == ["share of a", "share of b", "share of c", "dispersion"]
    assert check.observed == tuple(model.response.values.sum(axis=0))
    assert check.labels == ("a", "b", "c")
    assert all(0.005 < values["p"] < 0.995 for values in check.statistics.values())
    # Pearson's statistic over 49 * 2 degrees of freedom has mean 1 and variance about 2 / 98
    assert check.statistics["dispersion"]["mean"] == pytest.approx(1.0, abs=5 * np.sqrt(2 / 98 / 400))


def test_rows_that_differ_by_more_than_chance_are_found():
    rng = np.random.default_rng(2)
    _, check = check_of("Multinomial", counts(rng, 50, 10, spread=5.0), {})
    dispersion = check.statistics["dispersion"]
    assert dispersion["observed"] > dispersion["upper"]
    assert dispersion["p"] == 0.0


def test_a_single_row_or_a_single_category_has_no_dispersion():
    for values in ([[3.0, 1.0, 2.0]], [[3.0, 0.0, 0.0], [5.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]):
        _, check = check_of("Multinomial", np.array(values), {})
        assert check.statistics["dispersion"]["observed"] == 0.0


def test_vectors_with_the_known_covariance_pass():
    rng = np.random.default_rng(3)
    model, check = check_of("MvNormal", rng.multivariate_normal([1, 2], COV, 60), {"cov": COV})
    names = ["mean of a", "mean of b", "sd of a", "sd of b", "correlation of a and b"]
    assert [*check.statistics] == names
    assert all(0.005 < values["p"] < 0.995 for values in check.statistics.values())
    assert check.quantity == "squared Mahalanobis distance of a, b"
    # the bins reach beyond the farthest row
    assert sum(check.observed) == len(model.response.values)


def test_a_covariance_that_is_not_theirs_is_found():
    rng = np.random.default_rng(4)
    _, check = check_of("MvNormal", rng.multivariate_normal([1, 2], COV, 60), {"cov": [[4, -1], [-1, 1]]})
    found = {name for name, values in check.statistics.items() if not 0.005 < values["p"] < 0.995}
    assert {"sd of b", "correlation of a and b"} <= found


def test_the_statistics_are_those_of_numpy():
    rng = np.random.default_rng(5)
    values = rng.multivariate_normal([1, 2], COV, 30)
    model, _ = check_of("MvNormal", values, {"cov": COV})
    statistics, _ = reduction(model, np.ones(30)).reduce(values)
    expected = [*values.mean(axis=0), *values.std(axis=0, ddof=1), np.corrcoef(values.T)[0, 1]]
    np.testing.assert_allclose(statistics, expected, rtol=1e-12)


@pytest.mark.parametrize(("likelihood", "known"), [("MvNormal", {"cov": COV}), ("Multinomial", {})])
def test_a_row_of_weight_two_is_two_rows(likelihood, known):
    values = np.random.default_rng(6).integers(1, 9, size=(12, 2)).astype(float)
    model, _ = check_of(likelihood, values, known)
    times = np.arange(12) % 3 + 1.0
    several = take(model, np.repeat(np.arange(12), times.astype(int)))
    found, _ = reduction(model, times).reduce(values)
    expected, _ = reduction(several, np.ones(24)).reduce(several.response.values)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
