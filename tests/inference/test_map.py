"""The posterior mode, against scikit-learn, formulas, textbook examples and random perturbations."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import bayescope
from bayescope.errors import FitError
from bayescope.inference import starts
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.models import density, prior_density

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sklearn.linear_model import Lasso, LogisticRegression, Ridge

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "worked-examples.yaml")
COINS = [row for row in EXAMPLES["coin"] if "map" in row]
FLAT, HALF_FLAT = ("Flat",), ("HalfFlat",)


def fit(model, **chosen):
    return MAP.fit(model, MAP.settings(**chosen), Context(seed=0))


def data(rows=60, columns=5, seed=0):
    """An intercept and standard normal columns, of which half matter."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(rows), rng.normal(size=(rows, columns))])
    eta = 0.5 + X[:, 1 : 1 + columns // 2] @ rng.uniform(0.5, 1.5, columns // 2)
    return X, eta + rng.normal(size=rows), (rng.uniform(size=rows) < scipy.special.expit(eta)).astype(float)


def slopes(prior, columns):
    return [FLAT, *[prior] * columns]


@pytest.mark.parametrize("row", COINS)
def test_worked_coins(coin, row):
    a, b = (float(x) for x in re.findall(r"\d+", row["prior"]))
    answer = fit(coin(row["heads"], row["tails"], ("Beta", a, b)))
    assert answer.estimate[0] == pytest.approx(row["map"], abs=5e-7)
    assert answer.outcome.status == "ok"


NO_FLIPS = {"heads": 0, "tails": 0}


@pytest.mark.parametrize(
    ("a", "b", "mode"),
    [(8, 6, 7 / 12), (1, 3, 0.0), (3, 1, 1.0), (0.5, 2, 0.0), (2, 0.5, 1.0), (1, 0.5, 1.0), (0.5, 1, 0.0)],
)
def test_the_mode_of_a_beta(coin, a, b, mode):
    assert fit(coin(**NO_FLIPS, prior=("Beta", a, b), counts=True)).estimate[0] == mode


@pytest.mark.parametrize(
    ("a", "b", "why"), [(1, 1, "flat"), (0.5, 0.5, "both ends"), (0.3, 0.9, "both ends")]
)
def test_a_beta_without_a_single_mode_is_refused(coin, a, b, why):
    with pytest.raises(FitError, match=why):
        fit(coin(**NO_FLIPS, prior=("Beta", a, b), counts=True))


@pytest.mark.parametrize(("heads", "tails", "mode"), [(3, 0, 1.0), (0, 5, 0.0)])
def test_a_coin_with_an_arcsine_prior_and_one_outcome_is_flagged_on_the_boundary(coin, heads, tails, mode):
    answer = fit(coin(heads, tails, ("Beta", 0.5, 0.5)))
    assert answer.estimate[0] == mode
    assert answer.outcome.status == "flagged"
    assert answer.details["boundary"] == ["p"]
    assert math.isnan(answer.sd[0])


def test_a_coin_with_an_arcsine_prior_and_both_outcomes_has_its_mode_inside(coin):
    assert fit(coin(3, 2, ("Beta", 0.5, 0.5))).estimate[0] == pytest.approx(2.5 / 4, rel=1e-15)


def test_a_uniform_prior_that_excludes_the_proportion_gives_its_nearer_end(coin):
    answer = fit(coin(3, 2, ("Uniform", 0.1, 0.3)))
    assert answer.estimate[0] == 0.3
    assert answer.outcome.status == "flagged"


def test_the_coins_wald_variance_is_the_curvature_of_the_log_posterior(coin):
    # at the mode m of Beta(a, b) the curvature is (a + b - 2) / (m (1 - m))
    assert fit(coin(6, 4, ("Beta", 2, 2))).sd[0] ** 2 == pytest.approx((7 / 12) * (5 / 12) / 12, rel=1e-13)


@pytest.mark.parametrize("sigma", [HALF_FLAT, 1.3])
def test_flat_priors_give_the_mle(regression, sigma):
    X, y, _ = data()
    model = regression(X, y, sigma=sigma)
    expected = MLE.fit(model, MLE.settings(), Context(seed=0))
    np.testing.assert_allclose(fit(model).estimate, expected.estimate, rtol=1e-10)
    np.testing.assert_allclose(fit(model).sd, expected.sd, rtol=1e-10)


def test_flat_priors_give_the_logistic_mle(regression):
    X, _, y = data()
    model = regression(X, y, likelihood="Bernoulli")
    expected = MLE.fit(model, MLE.settings(), Context(seed=0))
    np.testing.assert_allclose(fit(model).estimate, expected.estimate, rtol=1e-10)


def test_normal_priors_are_ridge_regression(regression):
    X, y, _ = data()
    sigma, tau = 1.7, 0.4
    answer = fit(regression(X, y, priors=slopes(("Normal", 0, tau), 5), sigma=sigma))
    other = Ridge(alpha=sigma**2 / tau**2, solver="svd").fit(X[:, 1:], y)
    np.testing.assert_allclose(answer.estimate, [other.intercept_, *other.coef_], rtol=1e-6)


def test_normal_priors_by_formula_and_by_newton_agree(regression):
    X, y, _ = data()
    by_formula = fit(regression(X, y, priors=slopes(("Normal", 0.3, 0.4), 5), sigma=1.2))
    # a vague StudentT on the intercept is flat here, but keeps the formula away
    by_newton = fit(
        regression(X, y, priors=[("StudentT", 3, 0, 1e9), *[("Normal", 0.3, 0.4)] * 5], sigma=1.2)
    )
    assert by_formula.details["formula"] != by_newton.details["formula"]
    np.testing.assert_allclose(by_newton.estimate, by_formula.estimate, rtol=1e-9)
    np.testing.assert_allclose(by_newton.covariance, by_formula.covariance, rtol=1e-9)


def test_normal_priors_are_l2_logistic_regression(regression):
    X, _, y = data(rows=120)
    tau = 0.7
    answer = fit(regression(X, y, likelihood="Bernoulli", priors=slopes(("Normal", 0, tau), 5)))
    other = LogisticRegression(C=tau**2, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(X[:, 1:], y)
    np.testing.assert_allclose(answer.estimate, [*other.intercept_, *other.coef_[0]], rtol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(60, 8), (25, 60)])
def test_laplace_priors_are_the_lasso_with_the_same_zeros(regression, rows, columns):
    X, y, _ = data(rows, columns)
    sigma, b = 1.1, 0.08
    answer = fit(regression(X, y, priors=slopes(("Laplace", 0, b), columns), sigma=sigma))
    # scikit-learn divides the squared error by 2 n
    other = Lasso(alpha=sigma**2 / (b * rows), tol=1e-14, max_iter=1_000_000).fit(X[:, 1:], y)
    np.testing.assert_allclose(answer.estimate, [other.intercept_, *other.coef_], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(answer.estimate[1:] == 0, other.coef_ == 0)
    assert 0 < len(answer.details["zeros"]) < columns
    assert answer.details["kkt_residual"] <= 1e-10


def test_laplace_priors_are_l1_logistic_regression_with_the_same_zeros(regression):
    X, _, y = data(rows=150, columns=8)
    b = 0.15
    # liblinear penalises the intercept like a slope, so it gets the same prior here
    answer = fit(regression(X, y, likelihood="Bernoulli", priors=("Laplace", 0, b)))
    other = LogisticRegression(C=b, l1_ratio=1, solver="liblinear", tol=1e-12, max_iter=100_000).fit(
        X[:, 1:], y
    )
    expected = np.array([*other.intercept_, *other.coef_[0]])
    np.testing.assert_allclose(answer.estimate, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(answer.estimate == 0, expected == 0)
    assert len(answer.details["zeros"]) >= 2


def test_an_exact_zero_has_no_standard_error_but_the_others_have(regression):
    X, y, _ = data(columns=8)
    answer = fit(regression(X, y, priors=slopes(("Laplace", 0, 0.08), 8), sigma=1.1))
    zero = np.isin(answer.names, answer.details["zeros"])
    assert np.isnan(answer.sd[zero]).all()
    free = ~zero
    np.testing.assert_allclose(
        answer.covariance[np.ix_(free, free)],
        1.1**2 * np.linalg.inv(X[:, free].T @ X[:, free]),
        rtol=1e-9,
        atol=1e-15,
    )


def test_a_laplace_prior_off_zero_pulls_to_its_location_exactly(regression):
    X, y, _ = data()
    answer = fit(regression(X, y, priors=slopes(("Laplace", 1 / 3, 1e-4), 5), sigma=1.0))
    np.testing.assert_array_equal(answer.estimate[1:], 1 / 3)
    assert answer.details["zeros"] == []


def test_unknown_sigma_and_laplace_satisfy_the_conditions_written_out(regression):
    X, y, _ = data(columns=8)
    b, scale = 0.1, 2.0
    answer = fit(regression(X, y, priors=slopes(("Laplace", 0, b), 8), sigma=("HalfNormal", scale)))
    beta, sigma = answer.estimate[:-1], answer.estimate[-1]
    residuals = y - X @ beta
    pull = X.T @ residuals / sigma**2
    assert abs(pull[0]) < 1e-9
    zero = beta == 0
    assert 0 < zero.sum() < 8
    assert np.all(np.abs(pull[zero]) <= 1 / b)
    np.testing.assert_allclose(pull[1:][~zero[1:]], np.sign(beta[1:][~zero[1:]]) / b, rtol=1e-10)
    # d/dsigma of -n log(sigma) - rss / (2 sigma^2) - sigma^2 / (2 scale^2)
    assert -len(y) / sigma + residuals @ residuals / sigma**3 - sigma / scale**2 == pytest.approx(0, abs=1e-9)


def test_the_mode_of_sigma_has_no_jacobian(regression):
    # p(sigma | y) with p(sigma) = 1: sigma^-n exp(-rss / 2 sigma^2) peaks at rss / n; in log sigma it would be n - 1
    X, y, _ = data()
    answer = fit(regression(X, y))
    rss = float(np.sum((y - X @ np.linalg.lstsq(X, y)[0]) ** 2))
    assert answer.estimate[-1] == pytest.approx(math.sqrt(rss / len(y)), rel=1e-12)


def test_row_weights_count_rows(regression):
    X, _, y = data(rows=40)
    times = np.random.default_rng(1).integers(0, 4, 40)
    priors = slopes(("Laplace", 0, 0.3), 5)
    weighted = fit(regression(X, y, likelihood="Bernoulli", priors=priors, weights=times.astype(float)))
    repeated = fit(
        regression(np.repeat(X, times, axis=0), np.repeat(y, times), likelihood="Bernoulli", priors=priors)
    )
    np.testing.assert_allclose(weighted.estimate, repeated.estimate, rtol=1e-10, atol=0)


def test_of_two_modes_the_higher_is_returned(regression):
    # the data say 10 +- 1, a narrow Cauchy prior says 0: a mode near each, the one at the prior higher
    X, y = np.ones((1, 1)), [10.0]
    low, high = (fit(regression(X, y, priors=("Cauchy", 0, scale), sigma=1.0)) for scale in (1e-30, 1.0))
    assert low.details["modes"] == 2
    assert abs(low.estimate[0]) < 1e-20
    assert high.estimate[0] == pytest.approx(9.8, abs=0.01)


@pytest.mark.parametrize(
    ("likelihood", "given", "unknown", "y", "log_density"),
    [
        # -N log(upper) falls from the largest value on, but not as fast as the prior rises later
        ("Uniform", {"lower": 0.0}, ("upper", 100.0, 5.0), np.linspace(0.1, 10.0, 60), lambda y, u: scipy.stats.uniform.logpdf(y, 0, u)),
        ("Uniform", {"upper": 0.0}, ("lower", -100.0, 5.0), np.linspace(-10.0, -0.1, 60), lambda y, u: scipy.stats.uniform.logpdf(y, u, -u)),
        # two heaps of rows, each with a mode
        ("StudentT", {"nu": 2.0, "sigma": 0.1}, ("mu", 0.0, 1.0), np.r_[np.linspace(-0.2, 0.2, 10), np.linspace(9.8, 10.2, 11)], lambda y, u: scipy.stats.t.logpdf(y, 2, u, 0.1)),
    ],
)  # fmt: skip
def test_of_two_modes_of_a_constant_the_higher_is_returned(likelihood, given, unknown, y, log_density):
    name, center, sd = unknown
    model = {"likelihood": likelihood, "response": "y", "priors": {**given, name: f"Normal({center}, {sd})"}}
    run = bayescope.run({"name": "two", "data": {"columns": {"y": y}}, "model": model, "inference": ["map"]})
    places = np.linspace(center - 100, center + 100, 20_001)
    with np.errstate(divide="ignore"):
        heights = scipy.stats.norm.logpdf(places, center, sd) + [log_density(y, u).sum() for u in places]
    assert run["map"].estimate[0] == pytest.approx(places[np.nanargmax(heights)], abs=0.01)  # their step
    assert run["map"].details["modes"] == 2


def test_a_bound_of_the_prior_is_hit_exactly_and_flagged(regression):
    X, y, _ = data()
    answer = fit(regression(X, y, priors=slopes(("Uniform", -0.1, 0.2), 5), sigma=1.0))
    assert answer.outcome.status == "flagged"
    on_bound = np.isin(answer.names, answer.details["boundary"])
    assert on_bound.any()
    assert set(answer.estimate[on_bound]) <= {-0.1, 0.2}
    assert np.isnan(answer.sd[on_bound]).all()


def test_proper_priors_make_separated_data_harmless(regression):
    X = np.column_stack([np.ones(6), np.arange(6.0) - 2.5])
    y = [0, 0, 0, 1, 1, 1]
    answer = fit(regression(X, y, likelihood="Bernoulli", priors=("Normal", 0, 2.5)), tolerance=1e-10)
    assert answer.details["kkt_residual"] <= 1e-10
    with pytest.raises(FitError, match=r"complete separation of the response by x1, whose priors are flat"):
        fit(regression(X, y, likelihood="Bernoulli", priors=[("Normal", 0, 100.0), FLAT]))


def test_a_flat_prior_on_a_column_that_does_not_separate_is_fine(regression):
    X = np.column_stack([np.ones(6), np.arange(6.0) - 2.5])
    answer = fit(regression(X, [0, 0, 0, 1, 1, 1], likelihood="Bernoulli", priors=[FLAT, ("Normal", 0, 1.0)]))
    assert answer.details["kkt_residual"] <= 1e-10


def test_dependent_columns_are_refused_under_flat_priors_only(regression):
    X, y, _ = data(columns=3)
    X = np.column_stack([X, X[:, 1] - X[:, 2]])
    with pytest.raises(FitError, match=r"x1, x2, x4 are linearly dependent"):
        fit(regression(X, y))
    assert fit(regression(X, y, priors=slopes(("Normal", 0, 1), 4))).details["kkt_residual"] <= 1e-8


@pytest.mark.parametrize("prior", [("HalfNormal", 1), ("HalfCauchy", 1), ("Uniform", 0, 10), ("Gamma", 2, 1)])
def test_a_perfect_fit_leaves_sigma_without_a_mode(regression, prior):
    X, y, _ = data(rows=4, columns=5)
    with pytest.raises(FitError, match="fits every row exactly"):
        fit(regression(X, y, priors=("Laplace", 0, 1), sigma=prior))


@pytest.mark.parametrize("prior", [("InverseGamma", 3, 1), ("LogNormal", 0, 1), ("Uniform", 0.5, 10)])
def test_a_prior_that_keeps_sigma_off_zero_gives_wide_data_a_mode(regression, prior):
    X, y, _ = data(rows=4, columns=5)
    answer = fit(regression(X, y, priors=("Laplace", 0, 1), sigma=prior))
    assert answer.details["kkt_residual"] <= 1e-8


def test_an_infinite_prior_density_is_refused(regression):
    X, y, _ = data(columns=1)
    with pytest.raises(FitError, match=r"its density is infinite at x1 = 0"):
        fit(regression(X, y, priors=[FLAT, ("Gamma", 0.5, 1)], sigma=1.0))


COEFFICIENT_PRIORS = st.sampled_from(
    [
        ("Flat",), ("Normal", 0.2, 0.5), ("Laplace", 0, 0.2), ("Laplace", 0.3, 0.1), ("StudentT", 3, 0, 0.5),
        ("Cauchy", 0.1, 0.3), ("Uniform", -0.3, 0.4), ("HalfNormal", 1), ("Gamma", 2, 3), ("Exponential", 2),
        ("LogNormal", 0, 0.5), ("Beta", 2, 3), ("InverseGamma", 2, 1), ("HalfCauchy", 1), ("HalfStudentT", 4, 1),
    ]
)  # fmt: skip
SIGMA_PRIORS = st.sampled_from(
    [
        1.3, ("HalfFlat",), ("HalfNormal", 2), ("HalfCauchy", 1), ("HalfStudentT", 3, 1), ("Exponential", 1),
        ("Gamma", 2, 1), ("InverseGamma", 3, 2), ("LogNormal", 0, 1), ("Uniform", 0, 1.1), ("Uniform", 1.5, 4),
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(
    st.lists(COEFFICIENT_PRIORS, min_size=1, max_size=5),
    SIGMA_PRIORS,
    st.sampled_from(["Normal", "Bernoulli"]),
    st.integers(0, 2**32 - 1),
)
def test_no_perturbation_improves_the_mode_of_any_mix_of_priors(regression, priors, sigma, likelihood, seed):
    X, y, flips = data(rows=40, columns=len(priors), seed=seed)
    X[:, 1:] *= 10.0 ** np.random.default_rng(seed).uniform(-1, 1, len(priors))
    priors = [("Normal", 0, 2), *priors]
    model = regression(
        X, y if likelihood == "Normal" else flips, likelihood=likelihood, priors=priors, sigma=sigma
    )
    answer = fit(model)
    assert answer.details["kkt_residual"] <= 1e-8
    best = density.log_likelihood(model, answer.estimate) + prior_density.log_prior(model, answer.estimate)
    assert answer.details["log_posterior"] == pytest.approx(best, rel=1e-10)
    rng = np.random.default_rng(0)
    lower, upper = prior_density.prior_bounds(model)
    for step in (1e-5, 1e-3, 1e-1):
        for _ in range(10):
            moved = np.clip(answer.estimate + step * rng.normal(size=len(lower)), lower, upper)
            here = density.log_likelihood(model, moved) + prior_density.log_prior(model, moved)
            assert here <= best + 1e-10 * (1 + abs(best))


def plain_fit(method, model):
    return method.fit(model, method.settings(), Context(seed=0, plain=True))


@pytest.mark.parametrize("sigma", [1.3, ("HalfCauchy", 1)])
@pytest.mark.parametrize("prior", [("Normal", 0, 1), ("Laplace", 0, 0.05)])
def test_a_normal_mode_says_how_the_rows_were_compressed(regression, prior, sigma):
    X, y, _ = data(rows=4000)
    model = regression(X, y, priors=slopes(prior, 5), sigma=sigma)
    by_gram, by_qr = fit(model), plain_fit(MAP, model)
    assert "by Gram" in by_gram.details["formula"]
    assert "by QR" in by_qr.details["formula"]
    assert "Gram" not in by_qr.details["formula"]
    np.testing.assert_allclose(by_gram.estimate, by_qr.estimate, rtol=1e-9)
    np.testing.assert_allclose(by_gram.covariance, by_qr.covariance, rtol=1e-8)


@pytest.mark.parametrize("method", [MAP, MLE])
@pytest.mark.parametrize("likelihood", ["Bernoulli", "Poisson"])
def test_plain_uses_neither_few_rows_nor_derivatives_made_together(
    regression, monkeypatch, likelihood, method
):
    X, _, y = data(rows=2**14, columns=2)
    model = regression(X, y, priors=slopes(("Normal", 0, 1), 2), likelihood=likelihood)
    short = method.fit(model, method.settings(), Context(seed=0))
    monkeypatch.setattr(starts, "thinned", lambda *_: pytest.fail("some of the rows were taken"))
    monkeypatch.setattr(density, "_evaluate_together", lambda *_: pytest.fail("derivatives made together"))
    plain = plain_fit(method, model)
    # each ends within 1e-8 sds of the mode, with a Hessian that is right to 1e-6
    assert np.all(np.abs(plain.estimate - short.estimate) <= 1e-7 * plain.sd)
    np.testing.assert_allclose(plain.sd, short.sd, rtol=1e-6)


def test_where_every_unknown_rests_at_its_kink_there_is_no_standard_error():
    answer = bayescope.run(
        {
            "name": "nothing",
            "data": {"columns": {"y": [0, 0, 0], "x": [0.0, 0.0, 0.0]}},
            "model": {
                "likelihood": "Bernoulli",
                "formula": "y ~ 0 + x",
                "priors": {"coefficients": "Laplace(0, 1)"},
            },
            "inference": ["map"],
        }
    )["map"]
    assert answer.estimate.tolist() == [0]
    assert np.isnan(answer.covariance).all()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0, -3, 5, 1, 1, 0, 0, 1], [1.5, 0.1, 453.4, 5.3, 4.8, 0.8, 1.2, 0.7]),
        ([-1, 4, 4, 1, 1, 0, 1, 2], [0.001, 63.8, 94.2, 0.4, 1.1, 0.5, 1.9, 13.5]),
    ],
)
def test_after_a_step_of_a_thousand_sds_the_standard_errors_are_those_of_the_mode(regression, x, y):
    priors = {"Intercept": "Normal(0, 0.001)", "x": "Normal(0, 5)"}
    config = {
        "name": "far",
        "data": {"columns": {"x": x, "y": y}},
        "model": {"likelihood": "Exponential", "formula": "y ~ x", "priors": priors},
        "inference": ["map"],
    }
    answer, X = bayescope.run(config)["map"], np.column_stack([np.ones(8), x])
    # of a mean exp(eta), -log p is sum over i of eta_i + y_i exp(-eta_i)
    information = (X.T * (y * np.exp(-X @ answer.estimate))) @ X + np.diag([1e6, 0.04])
    np.testing.assert_allclose(answer.covariance, np.linalg.inv(information), rtol=1e-4)


@pytest.mark.parametrize("method", [MAP, MLE])
def test_a_row_that_few_rows_lack_and_that_decides_keeps_no_answer_away(regression, method):
    """At the mode of every sixteenth row the rate of the fifth is beyond all numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=2**14)
    y = rng.poisson(np.exp(0.5 * x)).astype(float)
    x[5] = 2000.0
    model = regression(
        np.column_stack([np.ones(len(x)), x]), y, likelihood="Poisson", priors=slopes(("Normal", 0, 1), 1)
    )
    found, plain = method.fit(model, method.settings(), Context(seed=0)), plain_fit(method, model)
    assert np.all(np.abs(plain.estimate - found.estimate) <= 1e-7 * plain.sd)


@pytest.mark.parametrize(("gap", "answers"), [(1e-5, True), (1e-7, False), (1e-9, False)])
@pytest.mark.parametrize("method", [MAP, MLE])
def test_columns_so_nearly_equal_that_rounding_decides_have_no_answer(regression, method, gap, answers):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 40))
    flips = (rng.random(40) < 1 / (1 + np.exp(-a - 1.5 * b))).astype(float)
    ones, priors = np.ones(40), [("Normal", 0, 1e12)] * 3
    near = regression(np.column_stack([ones, a, a + gap * b]), flips, likelihood="Bernoulli", priors=priors)
    if not answers:
        with pytest.raises(FitError, match="rounding hides"):
            method.fit(near, method.settings(), Context(seed=0))
        return
    apart = regression(np.column_stack([ones, a, b]), flips, likelihood="Bernoulli", priors=priors)
    found, expected = (method.fit(model, method.settings(), Context(seed=0)) for model in (near, apart))
    assert found.estimate[2] * gap == pytest.approx(expected.estimate[2], rel=1e-4)
    assert found.sd[2] * gap == pytest.approx(expected.sd[2], rel=1e-3)
