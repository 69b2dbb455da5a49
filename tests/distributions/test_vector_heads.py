"""Responses that are vectors: log densities, derivatives and draws against scipy and finite differences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.vector_densities import covariance_fault
from bayescope.distributions.vector_heads import log_arrangements

COV = np.array([[4.0, 1.0, -0.5], [1.0, 9.0, 2.0], [-0.5, 2.0, 3.0]])
MU = np.array([0.5, -1.0, 2.0])
Y = np.array([[1.0, 2.0, 0.3], [-3.0, 0.1, 5.0]])
P = np.array([0.2, 0.5, 0.3])
COUNTS = np.array([[2.0, 1.0, 4.0], [0.0, 0.0, 0.0], [0.0, 7.0, 0.0]])
MULTINOMIAL, MV_NORMAL = LIKELIHOODS["Multinomial"], LIKELIHOODS["MvNormal"]


def test_their_parameters_are_vectors_and_matrices():
    assert [p.dimensions for p in MULTINOMIAL.parameters] == [1]
    assert [p.dimensions for p in MV_NORMAL.parameters] == [1, 2]
    several = {name for name, entry in LIKELIHOODS.items() if entry.multivariate}
    assert several == {"Multinomial", "MvNormal"}
    assert not any(LIKELIHOODS[name].categorical for name in several)


# Counts


def test_the_multinomial_log_density_is_that_of_scipy():
    expected = scipy.stats.multinomial.logpmf(COUNTS, COUNTS.sum(axis=1), P)
    np.testing.assert_allclose(MULTINOMIAL.log_density(COUNTS, None, (P,)), expected, rtol=1e-12, atol=1e-14)


def test_the_multinomial_density_sums_to_one():
    counts = np.array([y for y in product(range(6), repeat=3) if sum(y) == 5], dtype=float)
    assert np.exp(MULTINOMIAL.log_density(counts, None, (P,))).sum() == pytest.approx(1.0, abs=1e-13)


def test_an_impossible_category_costs_nothing_until_it_occurs():
    p = np.array([0.0, 0.4, 0.6])
    y = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    np.testing.assert_allclose(MULTINOMIAL.log_density(y, None, (p,)), [np.log(0.48), -np.inf], rtol=1e-14)


def test_probabilities_off_the_simplex_have_no_density():
    assert MULTINOMIAL.log_density(COUNTS, None, (np.array([0.2, 0.5, 0.4]),)).tolist() == [-np.inf] * 3
    with pytest.raises(ValueError, match="sum to 1"):
        MULTINOMIAL.derivatives(COUNTS, None, (P,))


def test_the_number_of_arrangements_keeps_its_digits_where_factorials_cancel():
    # n! / (n - 1)! = n, of factorials whose logarithms are near 2e10
    assert log_arrangements(np.array([1e9, 1.0])) == pytest.approx(np.log(1e9 + 1.0), rel=1e-14)


def test_multinomial_draws_have_the_trials_and_the_shares():
    trials = np.full(20_000, 7.0)
    drawn = MULTINOMIAL.sample(np.random.default_rng(1), trials, (np.broadcast_to(P, (20_000, 3)),))
    assert (drawn.sum(axis=1) == 7).all()
    error = np.sqrt(7 * P * (1 - P) / 20_000)
    assert (np.abs(drawn.mean(axis=0) - 7 * P) <= 5 * error).all()


# Vectors of numbers


def test_the_mv_normal_log_density_is_that_of_scipy():
    expected = scipy.stats.multivariate_normal(MU, COV).logpdf(Y)
    np.testing.assert_allclose(MV_NORMAL.log_density(Y, None, (MU, COV)), expected, rtol=1e-13)


def test_the_mv_normal_density_is_that_of_every_row_and_every_mean():
    means = np.array([MU, MU + 1.0, MU - 2.0, np.zeros(3)])
    values = MV_NORMAL.log_density(Y[:, np.newaxis], None, (means, COV))
    assert values.shape == (2, 4)
    expected = [[scipy.stats.multivariate_normal(mu, COV).logpdf(y) for mu in means] for y in Y]
    np.testing.assert_allclose(values, expected, rtol=1e-13)


def test_the_derivatives_of_mv_normal_are_finite_differences():
    first, second = MV_NORMAL.derivatives(Y, None, (MU, COV))
    assert first.shape == (3, 2)
    assert second.shape == (3, 3, 2)
    step = 1e-5
    for j in range(3):
        shift = step * np.eye(3)[j]
        above, below = ((MU + s * shift, COV) for s in (1, -1))
        change = MV_NORMAL.log_density(Y, None, above) - MV_NORMAL.log_density(Y, None, below)
        # a quadratic has no error of truncation: what is left is rounding, 1e-16 * 20 / 1e-5
        np.testing.assert_allclose(first[j], change / (2 * step), rtol=0, atol=1e-8)
        change = MV_NORMAL.derivatives(Y, None, above)[0] - MV_NORMAL.derivatives(Y, None, below)[0]
        np.testing.assert_allclose(second[:, j], change / (2 * step), rtol=0, atol=1e-9)


def test_mv_normal_draws_have_the_mean_and_the_covariance():
    size = 40_000
    drawn = MV_NORMAL.sample(np.random.default_rng(2), None, (np.broadcast_to(MU, (size, 3)), COV))
    assert (np.abs(drawn.mean(axis=0) - MU) <= 5 * np.sqrt(np.diag(COV) / size)).all()
    error = np.sqrt((np.outer(np.diag(COV), np.diag(COV)) + COV**2) / size)
    assert (np.abs(np.cov(drawn.T) - COV) <= 5 * error).all()


def test_the_prior_of_a_vector_has_a_gradient_and_a_hessian():
    prior = DISTRIBUTIONS["MvNormal"]
    assert prior.joint
    head = MV_NORMAL.derivatives(MU[np.newaxis], None, (Y[0], COV))
    # log p(x | mu) depends on x - mu only
    np.testing.assert_allclose(prior.slope(Y[0], MU, COV), head[0][:, 0], rtol=1e-13)
    np.testing.assert_allclose(prior.curvature(Y[0], MU, COV), -np.linalg.inv(COV), rtol=1e-12)
    assert float(prior.log_density(Y[0], MU, COV)) == pytest.approx(
        scipy.stats.multivariate_normal(MU, COV).logpdf(Y[0]), rel=1e-13
    )
    for missing in (prior.cdf, prior.quantile):
        with pytest.raises(ValueError, match="vectors"):
            missing(0.5, MU, COV)


# Covariance matrices


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([[4.0, 1.0], [1.0, 9.0]], ""),
        ([[1e-40, 0.0], [0.0, 1e40]], ""),
        ([[1.0, 0.0], [0.0]], "is not square: it has 2 rows, and row 2 has 1 elements"),
        ([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0]], "is not square: it has 2 rows, and row 1 has 3 elements"),
        ([[1.0, 0.5], [0.4, 1.0]], "is not symmetric: row 1, column 2 is 0.5, and row 2, column 1 is 0.4"),
        ([[1.0, 0.0], [0.0, 0.0]], "is not positive definite: row 2, column 2 is 0, and no variance"),
        ([[1.0, 2.0], [2.0, 1.0]], "is not positive definite: its smallest eigenvalue is -1"),
        ([[1.0, 1.0], [1.0, 1.0]], "is not positive definite: its smallest eigenvalue is "),
    ],
)
def test_what_is_no_covariance_is_said(rows, fault):
    found = covariance_fault(rows)
    assert found.startswith(fault)
    assert bool(found) == bool(fault)
