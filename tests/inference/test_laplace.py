"""The Laplace approximation: exact for Normal posteriors, by hand for coins, honest where it does not apply."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.distributions.supports import SIMPLEX
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.exact import EXACT
from bayescope.inference.laplace import LAPLACE
from bayescope.inference.method import Context
from bayescope.inference.no_evidence import evidence_note
from bayescope.inference.pushforward import Pushforward
from bayescope.inference.store import fit_from_tree, fit_to_tree
from bayescope.models import density, prior_density
from bayescope.preparation import prepare, read_config


def fit(model, **chosen):
    return LAPLACE.fit(model, LAPLACE.settings(**chosen), Context(seed=20261120))


def exact(model):
    return EXACT.fit(model, EXACT.settings(), Context(seed=1))


def data(rows=60, columns=3, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(rows), rng.normal(size=(rows, columns))])
    return X, X @ rng.normal(size=columns + 1) + rng.normal(size=rows)


def test_a_normal_posterior_is_its_own_approximation(regression):
    X, y = data()
    model = regression(X, y, priors=("Normal", 0.5, 2.0), sigma=1.3)
    found, truth = fit(model), exact(model)
    np.testing.assert_allclose(found.estimate, truth.estimate, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, truth.covariance, rtol=1e-12, atol=1e-16)
    assert found.log_evidence == pytest.approx(truth.log_evidence, rel=1e-13)
    assert str(found.marginals["x1"]) == str(truth.marginals["x1"])
    assert set(found.details["mode_above_map_in_sd"].values()) == {0.0}
    assert found.outcome.status == "ok"


@pytest.mark.parametrize("form", ["rows", "counts", "Binomial"])
def test_a_coin_on_the_logit_scale_by_hand(coin, form):
    # Beta(8, 6) times the Jacobian p (1 - p) is p^8 (1 - p)^6: mode 8/14, curvature 14 p (1 - p) = 48/14 in the logit
    kind = {"counts": {"counts": True}, "Binomial": {"likelihood": "Binomial"}}.get(form, {})
    found = fit(coin(6, 4, ("Beta", 2, 2), **kind))
    assert found.details["mode"]["p"] == pytest.approx(8 / 14, rel=1e-12)
    marginal = found.marginals["p"]
    assert isinstance(marginal, Pushforward)
    assert (marginal.mu, marginal.sigma) == pytest.approx((math.log(8 / 6), math.sqrt(14 / 48)), rel=1e-12)
    ways = math.log(210) if form == "Binomial" else 0.0
    log_joint = 8 * math.log(8 / 14) + 6 * math.log(6 / 14) - scipy.special.betaln(2, 2) + ways
    assert found.log_evidence == pytest.approx(log_joint + 0.5 * math.log(2 * math.pi * 14 / 48), rel=1e-12)


def test_a_coins_mode_is_below_its_map_by_what_the_details_say(coin):
    found = fit(coin(6, 4, ("Beta", 2, 2)))
    moved = found.details["mode_above_map_in_sd"]["p"]
    assert moved == pytest.approx((8 / 14 - 7 / 12) / found.sd[0], rel=1e-9)
    assert moved < 0


def test_moments_and_draws_are_those_of_the_marginal(coin):
    found = fit(coin(6, 4, ("Beta", 2, 2)), draws=5000)
    marginal = found.marginals["p"]
    assert (found.estimate[0], found.sd[0]) == pytest.approx((marginal.mean, marginal.sd), rel=1e-14)
    assert found.draws.shape == (4, 5000, 1)
    assert scipy.stats.kstest(found.draws.ravel(), marginal.cdf).pvalue > 1e-4
    np.testing.assert_array_equal(found.draws, fit(coin(6, 4, ("Beta", 2, 2)), draws=5000).draws)


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_the_error_is_that_of_the_first_order_terms(coin, count):
    heads = 7 * count // 10
    model = coin(heads, count - heads, ("Beta", 1, 1), counts=True)
    found, truth = fit(model), exact(model)
    # the evidence is Stirling's formula for B(a, b): log gamma(x) is off by 1 / 12 x, then less than 1 / 360 x^3
    a, b, n = heads + 1, count - heads + 1, count + 2
    first = (1 / a + 1 / b - 1 / n) / 12
    assert truth.log_evidence - found.log_evidence == pytest.approx(first, abs=(1 / a**3 + 1 / b**3) / 360)
    # the mean of the logit is off by half its third derivative over the second squared: (2 p - 1) / 2 n p (1 - p)
    assert truth.estimate[0] - found.estimate[0] == pytest.approx(0.2 / n, rel=5 / n)


def test_uniform_priors_are_on_the_logit_of_their_interval(coin):
    found = fit(coin(3, 7, ("Uniform", 0.2, 0.6), counts=True))
    assert found.details["scales"] == {"p": "logit"}
    assert np.all((found.draws > 0.2) & (found.draws < 0.6))
    # theta = 0.2 + 0.4 s: log p = 3 log theta + 7 log(1 - theta) + log s (1 - s), stationary at the mode
    p = found.details["mode"]["p"]
    s = (p - 0.2) / 0.4
    assert (3 / p - 7 / (1 - p)) * 0.4 * s * (1 - s) + 1 - 2 * s == pytest.approx(0, abs=1e-9)


def test_sigma_by_hand(regression):
    # flat priors: p(log sigma | y) has sigma^-(n - 1) ... at the least-squares coefficients, so sigma^2 = rss / (n - 1),
    # the curvature in log sigma is 2 (n - 1), and the coefficients have that sigma^2 (X'X)^-1
    X, y = data()
    n = len(y)
    rss = float(np.sum((y - X @ np.linalg.lstsq(X, y)[0]) ** 2))
    found = fit(regression(X, y))
    variance = rss / (n - 1)
    marginal = found.marginals["sigma"]
    assert marginal.mu == pytest.approx(0.5 * math.log(variance), rel=1e-9)
    assert marginal.sigma == pytest.approx(1 / math.sqrt(2 * (n - 1)), rel=1e-9)
    np.testing.assert_allclose(
        found.covariance[:4, :4], variance * np.linalg.inv(X.T @ X), rtol=1e-8, atol=1e-12
    )
    # without the Jacobian the mode is rss / n
    moved = (math.sqrt(variance) - math.sqrt(rss / n)) / found.sd[-1]
    assert found.details["mode_above_map_in_sd"]["sigma"] == pytest.approx(moved, rel=1e-6)
    assert found.log_evidence is None
    assert "flat prior" in found.details["log_evidence"]


def test_the_density_at_the_mode_is_highest_and_the_covariance_its_curvature(regression):
    X, y = data()
    model = regression(
        X, y, priors=[("Normal", 0, 5), ("HalfNormal", 1), ("Beta", 2, 3), ("Uniform", -3, 0.5)]
    )
    found = fit(model)
    kinds = ["identity", "log", "logit", "logit", "log"]
    assert list(found.details["scales"].values()) == kinds
    lower, upper = np.array([0, 0, 0, -3, 0.0]), np.array([0, 0, 1, 0.5, 0.0])

    def theta(z):
        bounded = lower + (upper - lower) * scipy.special.expit(z)
        return np.select(
            [[k == "identity" for k in kinds], [k == "log" for k in kinds]], [z, np.exp(z)], bounded
        )

    def log_density(z):
        slope = np.diag([(theta(z + h) - theta(z - h))[j] / 2e-5 for j, h in enumerate(1e-5 * np.eye(5))])
        jacobian = np.log(np.diag(slope)).sum()
        return density.log_likelihood(model, theta(z)) + prior_density.log_prior(model, theta(z)) + jacobian

    z = np.array([getattr(m, "mu", None) for m in found.marginals.values()])
    spread = np.array([m.sigma for m in found.marginals.values()])
    np.testing.assert_allclose(theta(z), list(found.details["mode"].values()), rtol=1e-12)
    here = log_density(z)
    steps = 1e-2 * spread
    hessian = np.empty((5, 5))
    for i, left in enumerate(np.diag(steps)):
        assert log_density(z + left) < here
        assert log_density(z - left) < here
        for j, right in enumerate(np.diag(steps)):
            corners = (
                log_density(z + left + right)
                - log_density(z + left - right)
                - log_density(z - left + right)
                + log_density(z - left - right)
            )
            hessian[i, j] = corners / (4 * steps[i] * steps[j])
    # the error of the difference quotient is (0.01)^2 in units of sds
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(-hessian))), spread, rtol=1e-3)
    flat = found.draws.reshape(-1, 5)
    error = found.sd / math.sqrt(len(flat))
    assert np.all(np.abs(flat.mean(axis=0) - found.estimate) < 4 * error)
    scale = np.outer(found.sd, found.sd)
    np.testing.assert_allclose(np.cov(flat.T) / scale, found.covariance / scale, atol=0.1)


def test_a_mode_at_the_kink_of_a_laplace_prior_has_no_second_derivative(regression):
    X, y = data()
    with pytest.raises(NotApplicable, match=r"x1, .*: the mode is exactly at the kink") as refusal:
        fit(regression(X, y, priors=[("Flat",), *[("Laplace", 0, 0.001)] * 3], sigma=1.0))
    assert "nuts" in refusal.value.instead


def test_a_kink_within_two_sds_is_flagged_and_a_far_one_is_not(regression):
    X, y = np.ones((1, 1)), [3.0]
    # sd 1, the prior moves the mode to 3 - 1/b
    near = fit(regression(X, y, priors=("Laplace", 0, 1.0 / 1.5), sigma=1.0))
    assert near.outcome.status == "flagged"
    assert "less than 2 sd from the mode of Intercept" in near.outcome.message
    far = fit(regression(X, y, priors=("Laplace", 0, 2.0), sigma=1.0))
    assert far.outcome.status == "ok"
    assert far.estimate[0] == pytest.approx(2.5, rel=1e-12)
    assert far.sd[0] == pytest.approx(1.0, rel=1e-12)


def test_the_evidence_under_a_laplace_prior_has_its_constant(regression):
    # far from the kink the posterior is Normal(y - 1/b, 1): the evidence is exp(1 / 2 b^2 - y / b) / 2b
    found = fit(regression(np.ones((1, 1)), [30.0], priors=("Laplace", 0, 2.0), sigma=1.0))
    assert found.log_evidence == pytest.approx(1 / 8 - 15 - math.log(4), rel=1e-12)


def test_several_modes_are_flagged(regression):
    found = fit(regression(np.ones((1, 1)), [10.0], priors=("Cauchy", 0, 1e-3), sigma=1.0))
    assert found.details["modes"] == 2
    assert found.outcome.status == "flagged"
    assert "2 modes" in found.outcome.message


def test_the_ends_of_a_uniform_are_flagged_however_many_rows_there_are():
    y = np.random.default_rng(1).random(200).tolist()
    model = {"likelihood": "Uniform", "response": "y"}
    found = bayescope.run(
        {"name": "ends", "data": {"columns": {"y": y}}, "model": model, "inference": ["laplace", "grid"]}
    )
    # the distance to an end is exponential, of sd (upper - lower) / n, which a Normal of its logarithm doubles
    assert found["laplace"].sd[0] > 1.5 * found["grid"].sd[0]
    assert found["laplace"].outcome.status == "flagged"
    assert "breaks off at the data" in found["laplace"].outcome.message


def test_logistic_regression_against_newtons_fixed_point(regression):
    X, _ = data(80, 2)
    y = (np.random.default_rng(2).random(80) < scipy.special.expit(X[:, 1])).astype(float)
    found = fit(regression(X, y, likelihood="Bernoulli", priors=("Normal", 0, 1.5)))
    p = scipy.special.expit(X @ found.estimate)
    np.testing.assert_allclose(X.T @ (y - p), found.estimate / 1.5**2, atol=1e-10)
    information = X.T @ (X * (p * (1 - p))[:, None]) + np.eye(3) / 1.5**2
    np.testing.assert_allclose(found.covariance, np.linalg.inv(information), rtol=1e-10)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({"X": np.eye(2)[[0, 1, 1]], "y": [1.0, 2.0, 4.0]}, "3 rows, 2 coefficients and a flat sigma"),
        ({"X": np.eye(2), "y": [1.0, 2.0]}, "fits every row exactly"),
        ({"X": np.ones((4, 2)), "y": [1.0, 2.0, 3.0, 5.0], "labels": ("a", "b")}, "linearly dependent"),
        ({"X": [[-1.0], [1.0]], "y": [0, 1], "likelihood": "Bernoulli"}, "separation"),
    ],
)
def test_improper_posteriors_are_refused(regression, model, why):
    with pytest.raises(FitError, match=why):
        fit(regression(**model))


def test_nothing_unknown_is_not_applicable(coin):
    model = replace(coin(1, 1), blocks=())
    with pytest.raises(NotApplicable, match="every parameter is fixed"):
        fit(model)


def test_a_vector_of_probabilities_is_not_applicable(coin):
    model = coin(1, 1)
    (block,) = model.blocks
    with pytest.raises(NotApplicable, match="p: the elements sum to 1"):
        fit(replace(model, blocks=(replace(block, support=SIMPLEX),)))


def test_a_density_infinite_at_an_end_is_no_obstacle_off_the_original_scale(coin):
    # Beta(3.5, 0.5): the MAP is on the boundary, the logit of p is well behaved
    found = fit(coin(3, 0, ("Beta", 0.5, 0.5)))
    assert found.details["mode"]["p"] == pytest.approx(3.5 / 4, rel=1e-12)
    both = fit(coin(0, 1, ("Beta", 0.2, 0.2)))
    assert both.details["mode"]["p"] == pytest.approx(0.2 / 1.4, rel=1e-9)


def test_a_fit_is_stored_and_read_back(coin):
    found = fit(coin(6, 4, ("Beta", 2, 2)), draws=10)
    again = fit_from_tree(fit_to_tree(found))
    assert str(again.marginals["p"]) == str(found.marginals["p"])
    assert again.log_evidence == found.log_evidence
    assert again.details == found.details


def test_ends_whose_prior_leaves_no_room_have_no_evidence_and_the_note_says_why():
    priors = {"lower": "Normal(0, 1)", "upper": "Normal(-99, 1)"}
    model = {"likelihood": "Uniform", "response": "y", "priors": priors}
    config = {"name": "ends", "data": {"columns": {"y": [0.2, 0.5]}}, "model": model, "inference": ["mle"]}
    assert "lower end below the upper" in evidence_note(prepare(read_config(config))[1])["log_evidence"]
