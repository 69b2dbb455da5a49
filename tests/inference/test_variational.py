"""`advi` and `fullrank`: the nearest Normal, found exactly where theory gives it, and its check."""

import numpy as np
import pytest

from bayescope.diagnostics.checks import check_fit
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.advi import ADVI
from bayescope.inference.exact import EXACT
from bayescope.inference.fullrank import FULLRANK
from bayescope.inference.laplace import LAPLACE
from bayescope.inference.method import Context


def fit(method, model, **chosen):
    return method.fit(model, method.settings(**chosen), Context(seed=3))


@pytest.fixture(scope="module")
def known_sigma(regression):
    """A Normal posterior with strongly correlated unknowns."""
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(40), rng.normal(5, 1, 40)])
    return regression(X, X @ [1.0, 2.0] + rng.normal(size=40), priors=("Normal", 0, 10.0), sigma=1.0)


@pytest.fixture(scope="module")
def logistic(regression):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(200), rng.normal(size=200)])
    y = (rng.random(200) < 1 / (1 + np.exp(-X @ [0.3, 0.8]))).astype(float)
    return regression(X, y, likelihood="Bernoulli", priors=("Normal", 0, 2.0))


def test_a_full_covariance_finds_a_normal_posterior(known_sigma):
    found, truth = fit(FULLRANK, known_sigma), fit(EXACT, known_sigma)
    # a gradient of 1e-4 in white coordinates is an error of 1e-4 sd
    assert np.abs((found.estimate - truth.estimate) / truth.sd).max() < 1e-4
    np.testing.assert_allclose(found.covariance, truth.covariance, rtol=1e-3)
    assert found.details["elbo"] == pytest.approx(truth.log_evidence, abs=1e-4)


def test_a_diagonal_covariance_has_the_variances_given_all_other_unknowns(known_sigma):
    found, truth = fit(ADVI, known_sigma), fit(EXACT, known_sigma)
    precision = np.linalg.inv(truth.covariance)
    np.testing.assert_allclose(found.sd, 1 / np.sqrt(np.diag(precision)), rtol=1e-3)
    np.testing.assert_allclose(found.estimate, truth.estimate, atol=1e-3 * found.sd.max())
    assert np.all(found.sd < 0.3 * truth.sd)
    # KL of the nearest diagonal Normal is half of log det of the scaled precision, negative
    scaled = precision / np.outer(np.sqrt(np.diag(precision)), np.sqrt(np.diag(precision)))
    kl = -0.5 * np.linalg.slogdet(scaled)[1]
    error = np.sqrt(2.0 / 2000) * 2  # sd of the mean of 2,000 log ratios, generously
    assert truth.log_evidence - found.details["elbo"] == pytest.approx(kl, abs=4 * error)


def test_independent_unknowns_need_no_more_than_a_diagonal(coin):
    model = coin(60, 40, ("Beta", 2, 2))
    found, full, truth = fit(ADVI, model), fit(FULLRANK, model), fit(EXACT, model)
    assert found.estimate == pytest.approx(full.estimate, rel=1e-3)
    assert abs(found.estimate[0] - truth.estimate[0]) < 0.02 * truth.sd[0]
    assert found.sd[0] == pytest.approx(truth.sd[0], rel=0.02)
    assert found.details["elbo"] <= truth.log_evidence + 1e-2


def test_the_mean_is_nearer_to_the_posterior_than_the_mode_of_laplace(logistic):
    from bayescope.inference.importance import IMPORTANCE

    truth = fit(IMPORTANCE, logistic, proposals=20_000)
    errors = [
        np.abs((fit(method, logistic).estimate - truth.estimate) / truth.sd).max()
        for method in (FULLRANK, LAPLACE)
    ]
    assert errors[0] < errors[1]


def test_pareto_k_is_the_check_and_points_to_nuts(known_sigma, logistic):
    [check] = [check for check in check_fit(fit(ADVI, known_sigma)) if check.name == "pareto_k"]
    assert check.verdict == "fail"
    assert "nuts" in check.advice
    assert fit(ADVI, known_sigma).outcome.status == "flagged"
    [check] = [check for check in check_fit(fit(FULLRANK, logistic)) if check.name == "pareto_k"]
    assert check.verdict == "pass"
    assert fit(FULLRANK, logistic).outcome.status == "ok"


def test_a_search_that_is_cut_short_is_flagged(logistic):
    found = fit(FULLRANK, logistic, max_iterations=1)
    assert found.outcome.status == "flagged"
    assert "1 iterations" in found.outcome.message or "Pareto k" in found.outcome.message


def test_equal_seeds_give_equal_answers(logistic):
    again, found = fit(ADVI, logistic), fit(ADVI, logistic)
    np.testing.assert_array_equal(again.draws, found.draws)
    assert found.draws.shape == (4, 1000, 2)
    assert abs(found.draws[:, :, 1].mean() - found.estimate[1]) < 4 * found.sd[1] / np.sqrt(4000)


def test_a_kink_is_no_obstacle(regression):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(50), rng.normal(size=50)])
    model = regression(X, X[:, 0] + rng.normal(size=50), priors=("Laplace", 0, 0.5), sigma=1.0)
    found = fit(FULLRANK, model)
    assert found.answered
    assert 0.05 < found.sd[1] < 0.2  # 1 / sqrt(50) without the prior


@pytest.mark.parametrize("method", [ADVI, FULLRANK])
def test_what_has_no_normal_is_refused(regression, method):
    with pytest.raises(NotApplicable):
        fit(method, regression(np.zeros((3, 0)), [0.0, 1.0, 2.0], sigma=1.0))
    separated = regression(np.array([[-1.0], [1.0]]), [0.0, 1.0], likelihood="Bernoulli", priors=("Flat",))
    with pytest.raises(FitError):
        fit(method, separated)
