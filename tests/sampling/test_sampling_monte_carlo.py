"""Expectations with their errors, the central limit theorem, rejection sampling."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from ruamel.yaml import YAML

from bayescope.sampling import Estimate, central_limit, draws_needed, expectation, rejection

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "worked-examples.yaml")


def uniform_terms(rng, size):
    return rng.random(size)


def test_four_times_the_draws_halve_the_standard_error():
    assert "four times the draws halve it" in EXAMPLES["monte_carlo"]
    x = np.random.default_rng(1).random(40_000)
    errors = [expectation(x[:size]).standard_error for size in (10_000, 40_000)]
    # the sd of an estimated sd is about 1 / sqrt(2 N) of it: under 0.8 % here
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.03)
    estimate = expectation(x[:10_000])
    assert draws_needed(estimate, float(estimate.standard_error) / 2) == 40_000


def test_the_standard_error_is_honest():
    x = np.random.default_rng(2).exponential(size=(500, 1000))
    found = expectation(x, np.square)  # 1000 independent estimates of E X^2 = 2 from 500 draws each
    z = (found.value - 2) / found.standard_error
    assert found.value.shape == found.standard_error.shape == (1000,)
    assert abs(z.mean()) < 0.3  # biased a little: large values raise their own error
    assert 0.9 < z.std() < 1.25


def test_expectation_by_hand():
    found = expectation([1.0, 2.0, 6.0])
    assert (found.value, found.draws) == (3.0, 3)
    assert found.standard_error == pytest.approx(math.sqrt(7 / 3))
    assert str(found) == "3 +- 1.5 (3 draws)"
    assert str(expectation(np.ones((3, 2)))) == "an array of 2 expectations from 3 draws"


@pytest.mark.parametrize(
    ("draws", "function", "why"),
    [([1.0], None, "at least two"), (3.0, None, "at least two"), ([1.0, 2.0], np.sum, "each of the 2 draws")],
)
def test_expectations_without_an_error_are_refused(draws, function, why):
    with pytest.raises(ValueError, match=why):
        expectation(draws, function)


def test_a_standard_error_of_zero_cannot_be_wanted():
    with pytest.raises(ValueError, match="positive"):
        draws_needed(Estimate(np.array(1.0), np.array(1.0), 10), 0.0)


def test_worked_central_limit():
    example = EXAMPLES["clt"]
    found = central_limit(uniform_terms, example["uniforms"], 20_000, seed=1, mean=1 / 2, variance=1 / 12)
    assert (found.mean, found.variance) == (example["mean"], example["variance"])
    drawn = expectation(found.sums)
    assert abs(drawn.value - example["mean"]) < 4 * drawn.standard_error
    squares = expectation((found.sums - example["mean"]) ** 2)
    assert abs(squares.value - example["variance"]) < 4 * squares.standard_error


def test_sums_come_closer_to_normal():
    def distance(terms):
        return central_limit(
            lambda rng, size: rng.exponential(size=size), terms, 40_000, seed=1, mean=1.0, variance=1.0
        ).distance

    # Edgeworth: the distance is skewness / (6 sqrt(2 pi n)) = 0.133 / sqrt(n); one term: Phi(-1) = 0.159
    noise = 2 / math.sqrt(40_000)  # P(distance by chance > 2 / sqrt(S)) = 0.0007
    assert distance(1) == pytest.approx(scipy.stats.norm.cdf(-1), abs=noise)
    assert distance(100) == pytest.approx(0.0133, abs=noise)


def test_the_distance_is_that_of_kolmogorov():
    found = central_limit(uniform_terms, 2, 500, seed=1, mean=1 / 2, variance=1 / 12)
    assert found.distance == pytest.approx(
        scipy.stats.kstest(found.standardised, "norm").statistic, rel=1e-12
    )


@pytest.mark.parametrize(
    ("terms", "variance", "why"),
    [(0, 1.0, "at least 1"), (3, math.inf, "finite variance"), (3, 0.0, "positive")],
)
def test_no_central_limit_without_terms_or_a_variance(terms, variance, why):
    with pytest.raises(ValueError, match=why):
        central_limit(uniform_terms, terms, 10, seed=1, mean=0.5, variance=variance)


def beta_by_rejection(size, seed, log_bound=0.0, **settings):
    """From p^2 (1 - p), the integral of which is B(3, 2) = 1/12, with uniform proposals; its maximum is 4/27."""
    return rejection(
        lambda p: 2 * np.log(p) + np.log1p(-p),
        uniform_terms,
        np.zeros_like,
        log_bound=log_bound,
        size=size,
        seed=seed,
        **settings,
    )


def test_rejection_gives_the_density_its_constant_and_the_acceptance_rate():
    found = beta_by_rejection(5000, 1, log_bound=math.log(4 / 27))
    assert scipy.stats.kstest(found.draws, scipy.stats.beta(3, 2).cdf).pvalue > 1e-4
    assert abs(found.acceptance_rate - (1 / 12) / (4 / 27)) < 4 * found.standard_error
    error = found.standard_error / found.acceptance_rate
    assert abs(found.log_constant - math.log(1 / 12)) < 4 * error
    np.testing.assert_array_equal(found.draws, beta_by_rejection(5000, 1, log_bound=math.log(4 / 27)).draws)


def test_a_looser_bound_costs_proposals_only():
    found = beta_by_rejection(5000, 1)
    assert abs(found.acceptance_rate - 1 / 12) < 4 * found.standard_error
    assert scipy.stats.kstest(found.draws, scipy.stats.beta(3, 2).cdf).pvalue > 1e-4


def test_acceptance_is_certain_where_the_densities_are_equal():
    found = rejection(np.zeros_like, uniform_terms, np.zeros_like, log_bound=0.0, size=10, seed=1)
    assert (found.proposed, found.acceptance_rate, found.standard_error) == (10, 1.0, 0.0)


def test_draws_may_be_vectors():
    found = rejection(
        lambda x: np.where(np.sum(x**2, axis=1) <= 1, 0.0, -np.inf),
        lambda rng, size: rng.uniform(-1, 1, (size, 2)),
        lambda x: np.full(len(x), -math.log(4)),
        log_bound=math.log(4),
        size=2000,
        seed=1,
    )
    assert found.draws.shape == (2000, 2)
    assert (
        abs(math.exp(found.log_constant) - math.pi)
        < 4 * math.pi * found.standard_error / found.acceptance_rate
    )


def test_a_bound_that_does_not_hold_is_refused_with_its_excess():
    with pytest.raises(ValueError, match=r"the bound does not hold at 0\.\d+.*Raise log_bound"):
        beta_by_rejection(100, 1, log_bound=math.log(0.1))


def test_nan_and_hopeless_proposals_are_refused():
    with pytest.raises(ValueError, match="nan at"):
        rejection(
            lambda x: np.full_like(x, np.nan), uniform_terms, np.zeros_like, log_bound=0.0, size=1, seed=1
        )
    with pytest.raises(ValueError, match=r"0 of 5000 proposals were accepted, 10 were wanted"):
        beta_by_rejection(10, 1, log_bound=1e3, most_proposals=5000)
    with pytest.raises(ValueError, match="at least 1"):
        beta_by_rejection(0, 1)
