"""Pareto smoothing of many sets of weights: the same as ArviZ's, one by one."""

import numpy as np
import pytest

from bayescope.sampling.pareto import fit_tails, smooth_tails, tail_shapes, tail_size


@pytest.mark.parametrize("r_eff", [1.0, 0.5])
@pytest.mark.parametrize("draws", [100, 226, 1000])
def test_weights_and_shapes_are_those_of_arviz(draws, r_eff):
    from arviz_stats.base import array_stats

    rng = np.random.default_rng(1)
    log_ratios = np.array([scale * rng.standard_t(df, draws) for df in (3, 20) for scale in (0.1, 1.0, 3.0)])
    log_weights, k = smooth_tails(log_ratios, r_eff)
    for row, own, shape in zip(log_ratios, log_weights, k, strict=True):
        expected, expected_k = array_stats.psislw(-row, r_eff=r_eff)  # it negates what it is given
        # ArviZ leaves candidates of negligible weight out, some 1e-15 of the whole
        np.testing.assert_allclose(own, expected, atol=1e-12)
        assert shape == pytest.approx(float(expected_k), abs=1e-12)


def test_the_shape_of_a_pareto_tail_is_found():
    size, k = 4000, 0.5
    excesses = np.sort(np.random.default_rng(2).pareto(1 / k, size=(1, size)), axis=1)
    found, sigma = fit_tails(excesses)
    error = (1 + k) / np.sqrt(size)  # of maximum likelihood (Smith 1987)
    assert found[0] == pytest.approx(k, abs=4 * error)
    assert sigma[0] == pytest.approx(k, abs=4 * np.sqrt(2 * (1 + k) / size) * k)


def test_equal_weights_need_no_smoothing():
    log_weights, k = smooth_tails(np.full((1, 50), -3.0))
    assert k.tolist() == [-np.inf]
    np.testing.assert_allclose(log_weights, -np.log(50), rtol=1e-14)


def test_shapes_alone_are_those_of_the_smoothed_weights():
    log_ratios = np.random.default_rng(4).standard_t(4, size=(3, 400))
    log_ratios[1] = 0.0
    np.testing.assert_array_equal(tail_shapes(log_ratios, 0.5), smooth_tails(log_ratios, 0.5)[1])


@pytest.mark.parametrize("worst", [np.nan, np.inf])
def test_a_ratio_that_is_no_number_gives_no_shape(worst):
    log_ratios = np.random.default_rng(3).normal(size=(2, 50))
    log_ratios[0, 7] = worst
    _, k = smooth_tails(log_ratios)
    assert k[0] == np.inf
    assert np.isfinite(k[1])


def test_a_fifth_of_few_draws_is_smoothed_and_three_roots_of_many():
    assert [tail_size(size) for size in (25, 225, 226, 10_000)] == [5, 45, 45, 300]
