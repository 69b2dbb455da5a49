"""The Normal linear model given sigma: compression, decomposition, density, against direct formulas."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.errors import FitError
from bayescope.inference import linear_gaussian as lg

SEEDS = st.integers(0, 2**32 - 1)


def problem(seed, rows, size):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, size)) * np.exp(rng.normal(size=size))
    return X, X @ rng.normal(size=size) + rng.normal(size=rows)


@settings(deadline=None)
@given(seed=SEEDS, rows=st.integers(1, 30), size=st.integers(0, 5))
def test_compression_keeps_the_sum_of_squares(seed, rows, size):
    X, y = problem(seed, rows, size)
    rng = np.random.default_rng(seed)
    offset, weights, b = (
        rng.normal(size=rows),
        rng.integers(0, 4, size=rows).astype(float),
        rng.normal(size=size),
    )
    n, R, z, rss = lg.compress(X, y, weights, offset)
    assert n == weights.sum()
    assert R.shape == (size, size)
    direct = float(weights @ (y - offset - X @ b) ** 2)
    assert np.sum((z - R @ b) ** 2) + rss == pytest.approx(direct, rel=1e-11, abs=1e-12)


def test_compression_in_blocks_is_compression_at_once(monkeypatch):
    X, y = problem(1, 300, 4)
    whole = lg.compress(X, y)
    monkeypatch.setattr(lg, "_BLOCK", 40)
    blocks = lg.compress(X, y)
    np.testing.assert_allclose(blocks.factor.T @ blocks.factor, whole.factor.T @ whole.factor, rtol=1e-12)
    assert blocks.residual == pytest.approx(whole.residual, rel=1e-12)


def test_a_residual_of_rounding_error_is_zero():
    x = np.linspace(0, 1, 50)
    assert lg.compress(np.column_stack([np.ones(50), x]), 0.1 + 0.7 * x).residual == 0.0
    assert lg.compress(np.ones((2, 1)), np.array([1.0, 1.0 + 1e-9])).residual > 0


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, rows=st.integers(1, 12), size=st.integers(0, 4), log_sigma=st.floats(-3, 3))
def test_posterior_and_evidence_follow_the_textbook(seed, rows, size, log_sigma):
    X, y = problem(seed, rows, size)
    rng = np.random.default_rng(seed)
    mean, sd, sigma = rng.normal(size=size), np.exp(rng.normal(size=size)), np.exp(log_sigma)
    model = lg.linear_gaussian(lg.compress(X, y), lg.CoefficientPrior(mean, sd))(sigma)
    covariance = np.linalg.inv(X.T @ X / sigma**2 + np.diag(sd**-2.0))
    # the tolerance is the rounding error of the direct formula: epsilon times its condition number
    slack = 1e-14 * (1 + np.linalg.cond(covariance)) if size else 1e-14
    np.testing.assert_allclose(
        (model.basis * model.unit**2) @ model.basis.T,
        covariance,
        rtol=slack,
        atol=slack * covariance.max(initial=0),
    )
    expected = covariance @ (X.T @ y / sigma**2 + mean / sd**2)
    np.testing.assert_allclose(
        model.center, expected, rtol=10 * slack, atol=10 * slack * np.abs(expected).max(initial=0)
    )
    marginal = sigma**2 * np.eye(rows) + (X * sd**2) @ X.T
    evidence = scipy.stats.multivariate_normal(X @ mean, marginal).logpdf(y)
    assert model.log_density == pytest.approx(evidence, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, tau=st.floats(-3, 3), flat=st.integers(0, 3))
def test_one_decomposition_serves_every_sigma(seed, tau, flat):
    X, y = problem(seed, 10, 3)
    sd = np.where(np.arange(3) < flat, np.inf, 0.5)
    at = lg.linear_gaussian(lg.compress(X, y), lg.CoefficientPrior(np.array([0.0, 0.3, -1.0]), sd))
    here, there = at(0.8), at(0.8 * np.exp(tau))
    assert here.log_ratio(np.array([tau]))[0] == pytest.approx(
        there.log_density - here.log_density, rel=1e-9, abs=1e-9
    )
    given_tau = here.given(np.array([tau]))
    np.testing.assert_allclose(
        given_tau.center + given_tau.basis @ given_tau.mean[:, 0], there.center, rtol=1e-8, atol=1e-9
    )
    np.testing.assert_allclose(np.sqrt(given_tau.variance[:, 0]), there.unit, rtol=1e-10)


def test_differences_in_sigma_keep_their_digits_for_many_rows():
    # l(tau) = -n tau - (S / 2) (exp(-2 tau) - 1) for flat-free data without coefficients, at n = 1e12
    model = lg.linear_gaussian(
        lg.Compressed(1e12, np.zeros((0, 0)), np.zeros(0), 1e12),
        lg.CoefficientPrior(np.zeros(0), np.zeros(0)),
    )(1.0)
    tau = 1e-6
    series = -(1e12) * tau**2 * (1 - 2 * tau / 3)
    assert model.log_ratio(np.array([tau]))[0] == pytest.approx(series, rel=1e-8)


def exact_inverse(matrix):
    """Inverse of a matrix of fractions, by Gauss-Jordan elimination without rounding."""
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[size:] for row in rows]


@pytest.mark.parametrize("scales", [(1.0, 1.0, 1.0), (1e-3, 1.0, 1e5)])
@pytest.mark.parametrize("prior_sd", [np.inf, 1e3])
def test_nearly_collinear_columns_of_any_scale_keep_their_digits(scales, prior_sd):
    rng = np.random.default_rng(20261120)
    left, right = np.linalg.qr(rng.normal(size=(20, 3)))[0], np.linalg.qr(rng.normal(size=(3, 3)))[0]
    X = (left * [1.0, 1e-4, 1e-8]) @ right * scales
    y = X @ (1 / np.array(scales)) + 0.1 * rng.normal(size=20)
    sd = prior_sd / np.array(scales)
    model = lg.linear_gaussian(lg.compress(X, y), lg.CoefficientPrior(np.zeros(3), sd))(0.125)
    rows, target = [[Fraction(v) for v in row] for row in X.tolist()], [Fraction(v) for v in y.tolist()]
    precision = [[64 * sum(row[i] * row[j] for row in rows) for j in range(3)] for i in range(3)]
    for j in range(3):
        precision[j][j] += Fraction(1) / Fraction(sd[j]) ** 2 if np.isfinite(sd[j]) else 0
    covariance = exact_inverse(precision)
    moment = [64 * sum(row[i] * t for row, t in zip(rows, target, strict=True)) for i in range(3)]
    mean = np.array([float(sum(c * m for c, m in zip(row, moment, strict=True))) for row in covariance])
    exact_sd = np.sqrt([float(covariance[j][j]) for j in range(3)])
    found_sd = np.sqrt(np.diag((model.basis * model.unit**2) @ model.basis.T))
    # first-order sensitivity of least squares: epsilon times the condition number, 1e8
    np.testing.assert_allclose(found_sd, exact_sd, rtol=1e-16 * 1e8 * 10)
    np.testing.assert_allclose((model.center - mean) / exact_sd, 0, atol=1e-16 * 1e8 * 10)


def test_more_coefficients_than_rows_need_proper_priors():
    X, y = problem(3, 2, 4)
    compressed = lg.compress(X, y)
    with pytest.raises(FitError, match="rows are too few"):
        lg.linear_gaussian(
            compressed, lg.CoefficientPrior(np.zeros(4), np.array([np.inf, np.inf, np.inf, 1.0]))
        )
    model = lg.linear_gaussian(compressed, lg.CoefficientPrior(np.zeros(4), np.ones(4)))(1.0)
    np.testing.assert_allclose(model.center, X.T @ np.linalg.solve(X @ X.T + np.eye(2), y), rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-40, 1e-8, 1e8, 1e40])
def test_what_collinear_columns_leave_unexplained_is_so_in_any_unit(unit):
    X, y = problem(4, 10, 2)
    X = np.column_stack([X, X[:, 1]])
    prior_sd = np.array([1.0, 2.0, 1.0])
    one = lg.linear_gaussian(lg.compress(X, y), lg.CoefficientPrior(np.zeros(3), prior_sd))(1.0)
    data = lg.compress(X, y * unit)
    other = lg.linear_gaussian(data, lg.CoefficientPrior(np.zeros(3), prior_sd * unit))(unit)
    np.testing.assert_allclose(other.center / unit, one.center, rtol=1e-12, atol=1e-14)
    assert other.log_density + 10 * np.log(unit) == pytest.approx(one.log_density, rel=1e-12)


def test_what_a_perfect_fit_leaves_in_directions_hidden_from_the_data_is_rounding():
    X, _ = problem(5, 10, 2)
    X = np.column_stack([X, X[:, 1]])
    model = lg.linear_gaussian(
        lg.compress(X, X @ [0.3, -1.7, 0.9]), lg.CoefficientPrior(np.full(3, 0.1), np.ones(3))
    )(1.0)
    assert model.residual == 0.0


def test_collinear_columns_are_told_apart_by_a_proper_prior():
    X, y = problem(4, 10, 2)
    X = np.column_stack([X, X[:, 1]])
    model = lg.linear_gaussian(
        lg.compress(X, y), lg.CoefficientPrior(np.zeros(3), np.array([np.inf, np.inf, 1.0]))
    )(1.0)
    assert model.center[2] == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(FitError, match="collinear"):
        lg.linear_gaussian(lg.compress(X, y), lg.CoefficientPrior(np.zeros(3), np.full(3, np.inf)))


@pytest.mark.parametrize(
    ("n", "projection", "residual", "scale"),
    # the residual sd; without residuals that of the fit, and without rows or a response 1
    [
        (9.0, 3.0, 32.0, 2.0),
        (9.0, 6.0, 0.0, 2.0),
        (9.0, 0.0, 0.0, 1.0),
        (0.0, 0.0, 0.0, 1.0),
        (0.5, 3.0, 0.0, 3.0),
    ],
)
def test_a_sigma_of_the_right_order_balances_data_against_the_prior(n, projection, residual, scale):
    data = lg.Compressed(n, np.ones((1, 1)), np.array([projection]), residual)
    assert lg.reference_scale(data) == pytest.approx(scale, rel=1e-15)
