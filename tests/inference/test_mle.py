"""Maximum likelihood, against formulas, numpy, statsmodels and textbook examples."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy
from ruamel.yaml import YAML

import bayescope
from bayescope.errors import FitError
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.newton import Solution
from bayescope.inference.point import refuse_unconverged
from bayescope.preparation import prepare, read_config

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import statsmodels.api as sm

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "worked-examples.yaml")
COINS = [row for row in EXAMPLES["coin"] if row.get("prior") is None]


def fit(model, **settings):
    return MLE.fit(model, MLE.settings(**settings), Context(seed=0))


def design(rows=80, columns=4, seed=0, scales=1.0):
    rng = np.random.default_rng(seed)
    return np.column_stack([np.ones(rows), rng.normal(size=(rows, columns - 1)) * scales]), rng


def bernoulli(X, coefficients, rng):
    return (rng.uniform(size=len(X)) < scipy.special.expit(X @ coefficients)).astype(float)


@pytest.mark.parametrize("row", COINS)
@pytest.mark.parametrize("how", ["flips", "counts", "Binomial"])
def test_worked_coins(coin, row, how):
    likelihood = "Binomial" if how == "Binomial" else "Bernoulli"
    answer = fit(coin(row["heads"], row["tails"], counts=how == "counts", likelihood=likelihood))
    assert answer.estimate[0] == row["mle"]
    if "nll" in row and how != "Binomial":  # the Binomial counts the orders of the flips too
        assert answer.details["nll"] == pytest.approx(row["nll"], abs=5e-7)


def test_a_coin_has_the_standard_error_of_a_proportion(coin):
    assert fit(coin(6, 4)).sd[0] == pytest.approx(math.sqrt(0.6 * 0.4 / 10), rel=1e-14)


@pytest.mark.parametrize(("heads", "tails"), [(3, 0), (0, 5)])
def test_a_boundary_answer_is_exact_flagged_and_without_standard_error(coin, heads, tails):
    answer = fit(coin(heads, tails, counts=True))
    assert answer.outcome.status == "flagged"
    assert "on the boundary" in answer.outcome.message
    assert answer.details["boundary"] == ["p"]
    assert math.isnan(answer.sd[0])
    assert answer.details["nll"] == 0.0


def test_worked_least_squares_without_intercept(regression):
    example = EXAMPLES["ols_no_intercept"]
    X, y = np.array(example["x"], float)[:, None], np.array(example["y"])
    answer = fit(regression(X, y, labels=("x",)))
    assert answer.estimate[0] == pytest.approx(example["slope"], abs=5e-7)
    assert answer.estimate[1] ** 2 * 3 == pytest.approx(example["sum_of_squares"], abs=5e-7)


def test_linear_regression_agrees_with_statsmodels(regression):
    X, rng = design(scales=[1e-3, 1.0, 1e4])
    y = X @ [1, 1e3, -2, 1e-4] + rng.normal(size=len(X))
    answer, other = fit(regression(X, y)), sm.OLS(y, X).fit()
    # the condition number of X is 1e7, and statsmodels does not scale its columns
    np.testing.assert_allclose(answer.estimate[:4], other.params, rtol=1e-8)
    sigma = math.sqrt(other.ssr / len(y))
    assert answer.estimate[4] == pytest.approx(sigma, rel=1e-12)
    # statsmodels estimates sigma^2 with N - k, the MLE with N
    np.testing.assert_allclose(answer.sd[:4], other.bse * math.sqrt((len(y) - 4) / len(y)), rtol=1e-8)
    assert answer.sd[4] == pytest.approx(sigma / math.sqrt(2 * len(y)), rel=1e-12)
    assert answer.details["log_likelihood"] == pytest.approx(other.llf, rel=1e-12)


def test_a_known_sigma_sets_the_standard_errors(regression):
    X, rng = design()
    answer = fit(regression(X, X.sum(axis=1) + rng.normal(size=len(X)), sigma=2.5))
    np.testing.assert_allclose(answer.covariance, 2.5**2 * np.linalg.inv(X.T @ X), rtol=1e-10, atol=1e-15)


def test_weights_that_add_up_to_less_than_half_a_row_are_observations():
    columns = {"y": [1, 0, 2, 3], "w": [0.1] * 4}
    spec = {"likelihood": "Poisson", "response": "y", "weights": "w"}
    config = {"name": "n", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    answer = fit(prepare(read_config(config))[1])
    assert answer.estimate == pytest.approx([1.5], rel=1e-12)
    assert answer.sd == pytest.approx([math.sqrt(1.5 / 0.4)], rel=1e-12)


def test_row_weights_count_rows(regression):
    X, rng = design(rows=20)
    y, times = X.sum(axis=1) + rng.normal(size=20), rng.integers(0, 4, 20)
    repeated = fit(regression(np.repeat(X, times, axis=0), np.repeat(y, times)))
    weighted = fit(regression(X, y, weights=times.astype(float)))
    np.testing.assert_allclose(weighted.estimate, repeated.estimate, rtol=1e-12)
    np.testing.assert_allclose(weighted.sd, repeated.sd, rtol=1e-12)
    assert weighted.details["nll"] == pytest.approx(repeated.details["nll"], rel=1e-12)


def test_an_offset_is_subtracted(regression):
    X, rng = design()
    y, offset = X.sum(axis=1) + rng.normal(size=len(X)), rng.normal(size=len(X))
    shifted = fit(regression(X, y + offset, offset=offset))
    np.testing.assert_allclose(shifted.estimate, fit(regression(X, y)).estimate, rtol=1e-12)


def test_least_squares_keep_their_digits_at_condition_number_1e8(regression):
    rng = np.random.default_rng(4)
    left = np.linalg.qr(rng.normal(size=(100, 5)))[0]
    right = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    X = left @ np.diag(np.logspace(0, -8, 5)) @ right.T
    truth = np.arange(1.0, 6.0)
    answer = fit(regression(X, X @ truth, sigma=1.0))
    # forward error of least squares by QR: a modest multiple of eps times the condition (Golub & Van Loan 5.3.8)
    np.testing.assert_allclose(answer.estimate, truth, rtol=1e-6)


def test_logistic_regression_agrees_with_statsmodels(regression):
    X, rng = design(rows=300, scales=[1e-3, 1.0, 1e4])
    y = bernoulli(X, [0.3, 800, -1, 5e-5], rng)
    answer, other = (
        fit(regression(X, y, likelihood="Bernoulli")),
        sm.Logit(y, X).fit(
            disp=0, method="newton", tol=1e-10
        ),  # of a slope of 800, no step is smaller than 1e-13
    )
    np.testing.assert_allclose(answer.estimate, other.params, rtol=1e-6)
    np.testing.assert_allclose(answer.sd, other.bse, rtol=1e-6)
    assert answer.details["log_likelihood"] == pytest.approx(other.llf, rel=1e-10)
    assert answer.details["kkt_residual"] <= MLE.settings().tolerance


def test_binomial_regression_agrees_with_statsmodels(regression):
    X, rng = design(rows=50, columns=3)
    trials = rng.integers(1, 20, 50)
    y = rng.binomial(trials, scipy.special.expit(X @ [0.2, 0.7, -0.4]))
    answer = fit(regression(X, y, likelihood="Binomial", trials=trials))
    other = sm.GLM(np.column_stack([y, trials - y]), X, sm.families.Binomial()).fit(tol=1e-14)
    np.testing.assert_allclose(answer.estimate, other.params, rtol=1e-6)
    np.testing.assert_allclose(answer.sd, other.bse, rtol=1e-6)


def test_logistic_row_weights_count_rows(regression):
    X, rng = design(rows=60, columns=2)
    y, times = bernoulli(X, [0.1, 0.8], rng), rng.integers(0, 4, 60)
    weighted = fit(regression(X, y, likelihood="Bernoulli", weights=times.astype(float)))
    repeated = fit(regression(np.repeat(X, times, axis=0), np.repeat(y, times), likelihood="Bernoulli"))
    np.testing.assert_allclose(weighted.estimate, repeated.estimate, rtol=1e-10)
    np.testing.assert_allclose(weighted.sd, repeated.sd, rtol=1e-10)


def test_an_intercept_alone_is_the_logit_of_the_proportion(regression):
    answer = fit(regression(np.ones((10, 1)), [1, 1, 1, 0, 0, 0, 0, 0, 0, 0], likelihood="Bernoulli"))
    assert answer.estimate[0] == pytest.approx(math.log(0.3 / 0.7), rel=1e-14)


def test_separation_is_refused_by_name(regression):
    X = np.column_stack([np.ones(6), np.arange(6.0)])
    with pytest.raises(
        FitError, match=r"the MLE does not exist: complete separation of the response by dose"
    ) as caught:
        fit(regression(X, [0, 0, 0, 1, 1, 1], likelihood="Bernoulli", labels=("Intercept", "dose")))
    assert "map" in caught.value.instead


def test_rows_of_no_weight_do_not_prevent_separation(regression):
    X = np.column_stack([np.ones(6), np.arange(6.0)])
    model = regression(X, [0, 1, 0, 1, 1, 1], likelihood="Bernoulli", weights=np.array([1.0, 0, 1, 1, 1, 1]))
    with pytest.raises(FitError, match="complete separation"):
        fit(model)


def test_dependent_columns_are_named(regression):
    X, rng = design(columns=3)
    X = np.column_stack([X, X[:, 1] + 2 * X[:, 2], rng.normal(size=len(X))])
    with pytest.raises(FitError, match=r"columns x1, x2, x3 are linearly dependent"):
        fit(regression(X, rng.normal(size=len(X))))


def test_fewer_rows_than_coefficients_are_refused(regression):
    X, rng = design(rows=3, columns=4)
    with pytest.raises(FitError, match="3 rows cannot tell 4 coefficients apart"):
        fit(regression(X, rng.normal(size=3)))


@pytest.mark.parametrize("rows", [4, 30])
def test_a_perfect_fit_has_no_sigma(regression, rows):
    X, _ = design(rows=rows)
    with pytest.raises(FitError, match="fits every row exactly"):
        fit(regression(X, X @ [1.0, 2.0, 3.0, 4.0]))


def test_the_answer_says_how_it_was_found(coin, regression):
    X, rng = design()
    y = bernoulli(X, [0.1, 0.2, 0.3, 0.4], rng)
    formulas = [
        fit(model).details["formula"]
        for model in (coin(6, 4), regression(X, y), regression(X, y, likelihood="Bernoulli"))
    ]
    assert formulas == ["p = h / N", "beta by QR of X, sigma = sqrt(RSS / N)", "Newton's method"]


def test_too_few_iterations_are_an_error_with_advice(regression):
    X, rng = design()
    with pytest.raises(FitError, match=r"out of iterations.*Raise max_iterations"):
        fit(regression(X, bernoulli(X, [0.1, 0.2, 0.3, 0.4], rng), likelihood="Bernoulli"), max_iterations=1)


@pytest.mark.parametrize(
    ("status", "residual", "advice"),
    [
        ("stalled", 3e-6, "rounding hides the rest. Allow tolerance: 1e-05"),
        ("stalled", 0.1, "Raise max_iterations"),
        ("out of iterations", 3e-6, "Raise max_iterations"),
    ],
)
def test_a_search_that_rounding_stops_next_to_the_mode_says_which_tolerance_to_allow(
    status, residual, advice
):
    nowhere = np.zeros(1, dtype=bool)
    end = Solution(np.zeros(1), 0.0, residual, 7, status, nowhere, nowhere)
    with pytest.raises(FitError, match=f"{status} after 7 iterations") as refusal:
        refuse_unconverged(end, MLE.settings(), "the MLE")
    assert advice in refusal.value.advice


@pytest.mark.parametrize(
    ("trials", "successes"),
    [
        (1_000_000, (100_000, 300_000)),
        (14_020_747, (7_272_022, 4_156_643)),
        (6_475_651_559, (5_387_365_487, 1_598_553_067)),
    ],
)
def test_many_trials_whose_terms_cancel_do_not_stop_the_search(trials, successes):
    # the log density is about 20, the sum of terms of up to 1e10, and rounded as these are
    columns = {"k": list(successes), "n": [trials, trials], "b": [0, 1]}
    model = {
        "likelihood": "Binomial",
        "formula": "k / n ~ b",
        "priors": {"b": "Flat()", "Intercept": "Flat()"},
    }
    run = bayescope.run(
        {"name": "ab", "data": {"columns": columns}, "model": model, "inference": ["mle", "map"]}
    )
    first, second = (math.log(k / (trials - k)) for k in successes)
    for fit in run.fits:
        off = np.abs(fit.estimate - [first, second - first]) / fit.sd
        assert off.max() < 1e-7
