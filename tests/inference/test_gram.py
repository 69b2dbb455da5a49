"""Least squares by the Gram matrix: the triangle is that of QR, or there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.inference.gram import _cholesky, gram_triangle
from bayescope.inference.linear_gaussian import compress, triangulate


def problem(seed, *, rows=4000, size=5, condition=1.0, noise=1.0):
    """X with singular values from 1 to 1 / condition, and a response with this much noise."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.normal(size=(rows, size)))[0]
    right = np.linalg.qr(rng.normal(size=(size, size)))[0]
    X = left * np.geomspace(1, 1 / condition, size) @ right * np.sqrt(rows)
    return X, X @ rng.normal(size=size) + noise * rng.normal(size=rows)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    log_condition=st.floats(0, 9),
    log_noise=st.floats(-9, 2),
    weighted=st.booleans(),
)
def test_every_sum_of_squares_is_that_of_the_rows_to_the_stated_error(
    seed, log_condition, log_noise, weighted
):
    X, y = problem(seed, condition=10**log_condition, noise=10**log_noise)
    rng = np.random.default_rng(seed + 1)
    offset = rng.normal(size=len(y))
    weights = rng.integers(0, 3, len(y)).astype(float) if weighted else None
    found = gram_triangle(X, y + offset, weights, offset)
    if found is None:
        return  # a QR it is
    Z = np.column_stack([X, y]) * (1.0 if weights is None else np.sqrt(weights)[:, None])
    # the direction that loses most digits, that of the residual sum of squares, and any other
    weakest = np.linalg.svd(Z, full_matrices=False)[2][-1]
    residual = np.append(np.linalg.lstsq(Z[:, :-1], Z[:, -1])[0], -1.0)
    for b in (weakest, residual, rng.normal(size=6)):
        direct = np.sum((Z @ b) ** 2)
        # beside the bound, the rounding of Z @ b itself, whose terms may cancel
        slack = 1e-9 + 1e-15 * np.sum((np.abs(Z) @ np.abs(b)) ** 2) / direct
        assert np.sum((found[0] @ b) ** 2) == pytest.approx(direct, rel=slack)


def test_ordinary_columns_take_one_pass_and_columns_far_from_zero_two():
    X, y = problem(1)
    years = np.column_stack([np.ones(len(X)), 2000 + X])
    assert triangulate(X, y).how == "Gram"
    assert triangulate(years, y).how == "Gram, twice"
    direct = np.linalg.qr(np.column_stack([years, y]), mode="r")
    found = triangulate(years, y).values
    np.testing.assert_allclose(np.abs(found), np.abs(direct), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("condition", [1e7, 1e8])
def test_ill_conditioned_columns_take_a_qr(condition):
    X, y = problem(2, condition=condition)
    found = triangulate(X, y)
    assert found.how == "QR"
    beta = np.linalg.solve(found.values[:-1, :-1], found.values[:-1, -1])
    exact = np.linalg.lstsq(X, y)[0]
    # Householder QR: relative error of the order of eps times the condition number
    assert np.linalg.norm(beta - exact) <= 100 * np.finfo(float).eps * condition * np.linalg.norm(exact)


def test_a_line_through_every_row_takes_a_qr_and_has_no_residual():
    X, _ = problem(3)
    y = X @ np.arange(1.0, 6.0)
    assert gram_triangle(X, y, None, 0.0) is None
    assert compress(X, y).residual == 0.0


@pytest.mark.parametrize("noise", [1e-2, 1e-5, 1e-8])
def test_a_small_residual_keeps_its_digits(noise):
    X, y = problem(4, noise=noise)
    direct = np.sum((y - X @ np.linalg.lstsq(X, y)[0]) ** 2)
    # rounding of y leaves an error of eps |y| in a residual of size noise
    assert compress(X, y).residual == pytest.approx(direct, rel=1e-9 + 1e-14 / noise)


@pytest.mark.parametrize("scale", [1e-170, 1e170])
def test_columns_whose_squares_leave_the_range_take_a_qr(scale):
    X, y = problem(5)
    assert gram_triangle(X * scale, y, None, 0.0) is None


def test_an_empty_or_zero_column_takes_a_qr():
    X, y = problem(6)
    assert gram_triangle(np.column_stack([X, np.zeros(len(X))]), y, None, 0.0) is None


def test_a_matrix_on_disk_need_not_fit_into_memory(tmp_path):
    X, y = problem(7)
    np.save(tmp_path / "X.npy", X)
    stored = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(triangulate(stored, y).values, triangulate(X, y).values)
    by_columns = np.asfortranarray(X)
    np.testing.assert_allclose(triangulate(by_columns, y).values, triangulate(X, y).values, rtol=1e-12)


@pytest.mark.parametrize("least", [1.0, 0.25, 1e-6])
def test_the_error_is_that_of_the_sums_over_the_least_eigenvalue(least):
    # unit columns of which two are nearly the same: eigenvalues least, 1 and 2 - least
    gram = np.eye(3)
    gram[0, 1] = gram[1, 0] = 1 - least
    triangle, error = _cholesky(9.0 * gram, 81_920)
    np.testing.assert_allclose(triangle.T @ triangle, 9.0 * gram, rtol=1e-14, atol=1e-15)
    # sixteen chains of 512 additions in a block, and ten blocks
    assert error == pytest.approx(3 * 2.0**-52 * np.sqrt(512 + 10) / least, rel=1e-9)


def test_what_is_not_positive_definite_for_sure_has_no_triangle():
    unit = 2.0**-52 * np.sqrt(512 + 10)
    for least, found in [(4 * unit, True), (1.5 * unit, False), (0.0, False)]:
        gram = np.array([[1.0, 1 - least], [1 - least, 1.0]])
        assert (_cholesky(gram, 81_920) is not None) == found
    tiny = 2.0**-1022 / 2.0**-104
    assert _cholesky(np.diag([4 * tiny, 1.0]), 81_920) is not None
    assert _cholesky(np.diag([tiny / 4, 1.0]), 81_920) is None
