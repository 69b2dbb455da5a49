"""Inverse CDFs: the worked example, the definition inf {x: F(x) >= u}, and SciPy's quantiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bayescope.sampling import draw_continuous, draw_discrete, inverse_cdf, inverse_cdf_discrete, uniforms

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "worked-examples.yaml")
U = np.array([1e-10, 0.001, 0.3, 0.5, 0.9, 1 - 1e-6])

CONTINUOUS = {
    "Normal": (scipy.stats.norm(-3, 0.2), {}),
    "Cauchy": (scipy.stats.cauchy(), {}),
    "Exponential": (scipy.stats.expon(scale=1e6), {"lower": 0.0}),
    "Gamma": (scipy.stats.gamma(0.3), {"lower": 0.0}),
    "Beta": (scipy.stats.beta(2, 5), {"lower": 0.0, "upper": 1.0}),
    "far away": (scipy.stats.norm(-1e5, 10.0), {}),
}


def test_worked_example():
    example = EXAMPLES["inverse_cdf_categorical"]
    assert inverse_cdf_discrete(example["pi"], example["u"]) == example["class"]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8).filter(any),
    st.floats(0, 1, exclude_max=True),
)
def test_the_class_is_the_first_whose_cumulative_probability_exceeds_u(counts, u):
    p = np.array(counts) / sum(counts)
    chosen = int(inverse_cdf_discrete(p, u))
    cumulative = np.cumsum(p) / np.cumsum(p)[-1]
    assert p[chosen] > 0
    assert u < cumulative[chosen]
    assert chosen == 0 or u >= cumulative[chosen - 1]


def test_rows_of_probabilities_are_inverted_row_by_row():
    p, u = np.array([[[0.5, 0.5], [0.1, 0.9]]]), np.array([[0.3, 0.3]])
    np.testing.assert_array_equal(inverse_cdf_discrete(p, u), [[0, 1]])
    assert draw_discrete(p, 7, seed=1).shape == (7, 1, 2)


def test_frequencies_of_draws_are_the_probabilities():
    p, size = np.array([0.1, 0.4, 0.0, 0.3, 0.2]), 20_000
    counts = np.bincount(draw_discrete(p, size, seed=1), minlength=5)
    assert counts[2] == 0
    drawn = p > 0
    assert scipy.stats.chisquare(counts[drawn], size * p[drawn]).pvalue > 1e-4


@pytest.mark.parametrize("bad", [[0.5, 0.6], [1.1, -0.1], [np.nan, 1.0], 1.0])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match="non-negative numbers that sum to 1"):
        inverse_cdf_discrete(bad, 0.5)


@pytest.mark.parametrize("u", [-0.1, 1.0, np.nan])
def test_u_of_a_discrete_inverse_is_in_the_half_open_interval(u):
    with pytest.raises(ValueError, match="below 1"):
        inverse_cdf_discrete([0.5, 0.5], u)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_inverses_are_scipys_quantiles(name):
    distribution, ends = CONTINUOUS[name]
    x = inverse_cdf(distribution.cdf, U, **ends)
    np.testing.assert_allclose(distribution.cdf(x), U, rtol=1e-9)
    np.testing.assert_allclose(x[1:5], distribution.ppf(U[1:5]), rtol=1e-9, atol=1e-12)


def test_the_ends_of_the_support_are_at_0_and_1():
    x = inverse_cdf(scipy.stats.expon.cdf, [0.0, 1.0], lower=0.0)
    np.testing.assert_array_equal(x, [0.0, np.inf])


def test_jumps_and_flat_stretches_follow_the_definition():
    # half of the mass at 2, the other half uniform on (5, 6)
    def cdf(x):
        return np.where(x < 2, 0.0, np.where(x < 5, 0.5, np.clip(0.5 + 0.5 * (x - 5), 0, 1)))

    np.testing.assert_allclose(inverse_cdf(cdf, [0.2, 0.5, 0.75]), [2.0, 2.0, 5.5], rtol=1e-12)


def test_a_support_that_misses_mass_is_refused():
    with pytest.raises(ValueError, match="does not run from 0 to 1 between 0 and 1"):
        inverse_cdf(scipy.stats.norm.cdf, [0.999], lower=0.0, upper=1.0)


@pytest.mark.parametrize("u", [-1e-9, 1.1, np.nan])
def test_u_is_a_probability(u):
    with pytest.raises(ValueError, match="from 0 to 1"):
        inverse_cdf(scipy.stats.norm.cdf, u)


def test_draws_have_the_distribution_and_repeat_with_the_seed():
    draws = draw_continuous(scipy.stats.gamma(2).cdf, (2, 1000), seed=4, lower=0.0)
    assert draws.shape == (2, 1000)
    assert scipy.stats.kstest(draws.ravel(), scipy.stats.gamma(2).cdf).pvalue > 1e-4
    again = draw_continuous(scipy.stats.gamma(2).cdf, (2, 1000), seed=4, lower=0.0)
    np.testing.assert_array_equal(draws, again)


def test_a_generator_is_advanced_and_a_whole_number_starts_anew():
    rng = np.random.default_rng(3)
    first, second = uniforms(5, rng), uniforms(5, rng)
    np.testing.assert_array_equal(first, uniforms(5, 3))
    assert not np.array_equal(first, second)


def test_uniforms_never_reach_the_ends():
    class Extreme(np.random.Generator):
        def integers(self, high, size):
            return np.resize([0, high - 1], size)

    u = uniforms(2, Extreme(np.random.PCG64(0)))
    assert 0 < u[0] < u[1] < 1
