"""Importance weights: tails of known shape, known constants, honest errors, resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bayescope.sampling import (
    ImportanceWeights,
    expectation,
    importance_expectation,
    importance_weights,
    pareto_k_limit,
    resample,
)

CONSTANT = 5.0


def wide_proposal(size=10_000, seed=1):
    """Target 5 Normal(0, 1), proposal Normal(0, 2): draws and log ratios."""
    x = np.random.default_rng(seed).normal(0, 2, size)
    ratios = math.log(CONSTANT) + scipy.stats.norm.logpdf(x) - scipy.stats.norm.logpdf(x, scale=2)
    return x, ratios


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_a_pareto_tail_has_the_k_it_was_made_with(k):
    # w = exp(k E) with E exponential has P(w > t) = t^(-1/k): a generalised Pareto tail of shape k.
    # arviz_stats negates what it is given: with the sign wrong the right tail would be bounded, k < 0.
    log_ratios = k * np.random.default_rng(1).exponential(size=40_000)
    # 600 tail draws estimate k with an sd of (1 + k) / sqrt(600) < 0.08
    assert importance_weights(log_ratios).pareto_k == pytest.approx(k, abs=4 * (1 + k) / math.sqrt(600))


def test_weights_grow_with_the_ratios():
    _, ratios = wide_proposal()
    weights = importance_weights(ratios)
    order = np.argsort(ratios)
    assert np.all(np.diff(weights.log_weights[order]) >= -1e-12)
    assert weights.weights.sum() == pytest.approx(1)


def test_bounded_weights_are_reliable_and_give_the_known_constant():
    _, ratios = wide_proposal()
    weights = importance_weights(ratios)
    assert weights.pareto_k < 0
    assert weights.reliable
    assert abs(weights.log_constant - math.log(CONSTANT)) < 4 * weights.log_constant_error
    # ESS / S = 1 / E_q (p / q)^2 = sqrt(7) / 4 for these Normals
    assert weights.ess / 10_000 == pytest.approx(math.sqrt(7) / 4, abs=0.03)


def test_a_narrow_proposal_is_unreliable():
    x = np.random.default_rng(1).normal(0, 0.3, 4000)
    ratios = scipy.stats.norm.logpdf(x) - scipy.stats.norm.logpdf(x, scale=0.3)
    weights = importance_weights(ratios)  # k -> 1 - 0.3^2
    assert weights.pareto_k > 0.7
    assert not weights.reliable


def test_errors_are_honest():
    means, constants = [], []
    for seed in range(200):
        x, ratios = wide_proposal(500, seed)
        weights = importance_weights(ratios)
        found = importance_expectation(x**2, weights)
        means.append((found.value - 1) / found.standard_error)
        constants.append((weights.log_constant - math.log(CONSTANT)) / weights.log_constant_error)
    for z in (np.array(means), np.array(constants)):
        assert abs(z.mean()) < 0.4
        assert 0.8 < z.std() < 1.25


def test_equal_weights_are_a_plain_mean():
    x = np.random.default_rng(1).normal(size=(100, 3))
    weights = importance_weights(np.full(100, 2.0) + 1e-13 * x[:, 0])
    assert weights.pareto_k == -math.inf
    assert weights.ess == pytest.approx(100)
    assert weights.log_constant == pytest.approx(2.0)
    assert weights.log_constant_error < 1e-6
    found, plain = importance_expectation(x, weights), expectation(x)
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.standard_error, plain.standard_error * math.sqrt(99 / 100), rtol=1e-9)


def test_scaling_the_target_moves_only_the_constant():
    _, ratios = wide_proposal(1000)
    weights, scaled = importance_weights(ratios), importance_weights(ratios - 5000.0)
    np.testing.assert_allclose(scaled.log_weights, weights.log_weights, atol=1e-8)
    assert scaled.log_constant - weights.log_constant == pytest.approx(-5000, abs=1e-8)


@pytest.mark.parametrize("worst", [-1e5, -1e16, -1e300])
def test_hopeless_draws_take_no_digits_from_the_constant(worst):
    _, ratios = wide_proposal(1000)
    weights = importance_weights(np.concatenate([ratios, [worst, 2 * worst]]))
    outside = importance_weights(np.concatenate([ratios, [-np.inf, -np.inf]]))
    assert weights.log_constant == pytest.approx(outside.log_constant, abs=1e-12)


def test_one_good_draw_among_hopeless_ones_is_the_constant():
    weights = importance_weights(np.array([0.0] + 99 * [-1e16]))
    assert weights.log_constant == pytest.approx(-math.log(100))


def test_draws_outside_of_the_target_have_no_weight():
    x = np.random.default_rng(1).uniform(-1, 1, 4000)
    ratios = np.where(
        x > 0, np.log(np.maximum(x, 1e-300)), -np.inf
    )  # integral of x over (0, 1): 1/2, proposal 1/2
    weights = importance_weights(ratios)
    assert np.all(weights.weights[x < 0] == 0)
    assert abs(weights.log_constant - math.log(1 / 4)) < 4 * weights.log_constant_error


def test_a_handful_of_weights_above_zero_have_no_tail_to_judge():
    ratios = np.full(1000, -np.inf)
    ratios[:3] = [0.0, 1.0, 2.0]
    weights = importance_weights(ratios)
    assert weights.pareto_k == math.inf
    assert not weights.reliable
    assert weights.ess < 3


@pytest.mark.parametrize(
    ("ratios", "why"),
    [
        (np.zeros(24), "at least 25"),
        (np.zeros((5, 5)), "one dimension"),
        (np.append(np.zeros(30), np.nan), "nan or inf"),
        (np.append(np.zeros(30), np.inf), "nan or inf"),
        (np.full(30, -np.inf), "no draw lies"),
    ],
)
def test_ratios_that_are_no_weights_are_refused(ratios, why):
    with pytest.raises(ValueError, match=why):
        importance_weights(ratios)


def test_values_must_match_the_weights():
    with pytest.raises(ValueError, match="each of the 30 weights"):
        importance_expectation(np.zeros(29), importance_weights(np.zeros(30)))


def test_resampling_keeps_expected_counts_to_the_next_whole_number():
    W = np.array([0.5, 0.25, 0.2, 0.05, 0.0])
    with np.errstate(divide="ignore"):
        weights = ImportanceWeights(np.log(W), 1 / np.sum(W**2), 0.0, 0.0, 0.0)
    positions = resample(weights, 1001, seed=1)
    counts = np.bincount(positions, minlength=5)
    assert np.all(np.abs(counts - 1001 * W) < 1)
    assert counts[4] == 0
    # in random order: both halves look alike
    first = np.bincount(positions[:500], minlength=5)
    assert scipy.stats.chisquare(first[:4], 500 * W[:4]).pvalue > 1e-4
    np.testing.assert_array_equal(positions, resample(weights, 1001, seed=1))


def test_the_limit_of_k_grows_with_the_draws():
    assert pareto_k_limit(100) == 0.5
    assert pareto_k_limit(2155) == pytest.approx(0.7, abs=1e-4)
    assert pareto_k_limit(10**6) == 0.7


def test_draws_of_equal_ratios_keep_equal_weights():
    x = np.random.default_rng(4).standard_t(7, 500)
    mirrored = np.concatenate([x, -x])
    ratios = scipy.stats.norm.logpdf(mirrored) - scipy.stats.t(7).logpdf(mirrored)
    found = importance_weights(ratios, r_eff=0.5).weights
    np.testing.assert_array_equal(*np.split(found, 2))
    assert found.sum() == pytest.approx(1, rel=1e-12)
