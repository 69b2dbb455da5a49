"""The shipped runs of every head: point estimates are those of statsmodels and scikit-learn on the same data."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import digamma
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, Ridge
from statsmodels.miscmodels.tmodel import TLinearModel
from statsmodels.othermod.betareg import BetaModel

from bayescope import library
from bayescope.pipeline import execute, prepare, read_config

ROACHES = ("roaches-poisson", "roaches-negative-binomial", "roaches-zero-inflated")
OUTLIERS = ("outliers-normal", "outliers-laplace", "outliers-student-t")


@cache
def fitted(name, method, *overrides):
    """The estimate of one method of a shipped run, by name of the unknown."""
    run = execute(read_config(library.configs()[name], overrides=[f"inference=[{method}]", *overrides]))
    return dict(zip(run.model.names, run[method].estimate, strict=True))


@cache
def data(file):
    return pd.read_csv(library.configs()["coin"].parent / "data" / f"{file}.csv")


def design(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns])


def roaches():
    rows = data("roaches")
    return rows.roaches, design(np.sqrt(rows.before), rows.treatment, rows.senior), rows.exposure


def values(estimate):
    return np.array(list(estimate.values()))


@pytest.mark.parametrize("name", ROACHES)
def test_counts(name):
    y, X, exposure = roaches()
    answer = fitted(name, "mle")
    settings = {"disp": 0, "method": "newton", "tol": 1e-13, "maxiter": 300}
    if name == "roaches-poisson":
        expected = sm.Poisson(y, X, exposure=exposure).fit(disp=0, tol=1e-13).params
    elif name == "roaches-negative-binomial":
        *slopes, dispersion = sm.NegativeBinomial(y, X, exposure=exposure).fit(**settings).params
        expected = [*slopes, 1 / dispersion]
    else:
        inflation, *slopes = sm.ZeroInflatedPoisson(y, X, exposure=exposure).fit(**settings).params
        expected = [*slopes, 1 / (1 + np.exp(inflation))]
    np.testing.assert_allclose(values(answer), expected, rtol=1e-6)


def test_trials():
    rows = data("seeds")
    seed, extract = rows.seed == "O75", rows.extract == "cucumber"
    counts = np.column_stack([rows.germinated, rows.seeds - rows.germinated])
    other = sm.GLM(counts, design(seed, extract, seed & extract), sm.families.Binomial()).fit(tol=1e-13)
    np.testing.assert_allclose(values(fitted("seeds", "mle")), other.params, rtol=1e-6)


def clotting():
    rows = data("clotting")
    plasma, lot = np.log(rows.plasma), rows.lot == "two"
    return rows.seconds, design(plasma, lot, plasma * lot)


def test_positive_times():
    y, X = clotting()
    answer = values(fitted("clotting", "mle"))
    other = sm.GLM(y, X, sm.families.Gamma(sm.families.links.Log())).fit(tol=1e-13)
    np.testing.assert_allclose(answer[:4], other.params, rtol=1e-6)
    # the shape solves log alpha - digamma(alpha) = half the mean deviance
    assert np.log(answer[4]) - digamma(answer[4]) == pytest.approx(other.deviance / 2 / len(y), rel=1e-6)


def test_waiting_times():
    rows = data("leukaemia")
    X = design(np.log(rows.white_cells / 1e4), rows.auer_rods)
    other = sm.GLM(rows.weeks, X, sm.families.Gamma(sm.families.links.Log())).fit(tol=1e-13)
    np.testing.assert_allclose(values(fitted("leukaemia", "mle")), other.params, rtol=1e-6)


def test_a_logarithm_that_is_normal():
    rows = data("mammals")
    other = sm.OLS(np.log(rows.brain), design(np.log(rows.body))).fit()
    expected = [*other.params, np.sqrt(other.ssr / len(rows))]
    np.testing.assert_allclose(values(fitted("mammals", "mle")), expected, rtol=1e-9)


def test_proportions():
    rows = data("gasoline")
    model = BetaModel(rows.share, design(rows.boils / 100, rows.ends / 100))
    *slopes, log_size = model.fit(disp=0, method="newton", tol=1e-13, maxiter=300).params
    np.testing.assert_allclose(values(fitted("gasoline", "mle")), [*slopes, np.exp(log_size)], rtol=1e-6)


@pytest.mark.parametrize("name", OUTLIERS)
def test_a_line_with_outliers(name):
    rows = data("hogg")
    X = design(rows.x)
    if name == "outliers-normal":
        other = sm.OLS(rows.y, X).fit()
        expected = [*other.params, np.sqrt(other.ssr / len(rows))]
    elif name == "outliers-laplace":
        line = sm.QuantReg(rows.y, X).fit(q=0.5, p_tol=1e-12, max_iter=10_000).params
        expected = [*line, np.abs(rows.y - X @ line).mean()]
    else:
        settings = {"disp": 0, "method": "newton", "tol": 1e-12, "maxiter": 300}
        expected = TLinearModel(rows.y, X, fix_df=1.0).fit(start_params=[50, 2.1, 28], **settings).params
    np.testing.assert_allclose(values(fitted(name, "mle")), expected, rtol=1e-6)


def test_the_outliers_pull_the_squared_error_and_not_the_heavy_tails():
    rows = data("hogg").iloc[4:]  # the outliers come first
    without = np.polyfit(rows.x, rows.y, 1)[0]
    normal, laplace, student = (abs(fitted(name, "mle")["x"] - without) for name in OUTLIERS)
    assert student < laplace / 5
    assert laplace < normal / 2


# Normal priors on the slopes alone are a ridge penalty: lambda = 1 / tau^2 in scikit-learn's own scaling

RIDGE = ("model.priors.Intercept=Flat()", "model.priors.coefficients=Normal(0, 0.5)")


def test_ridge_of_counts():
    _, X, exposure = roaches()
    rows = data("roaches")
    # scikit-learn has no offset: rates with the exposures as weights have the same likelihood
    other = PoissonRegressor(alpha=4 / exposure.sum(), tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    other.fit(X[:, 1:], rows.roaches / exposure, sample_weight=exposure)
    answer = values(fitted("roaches-poisson", "map", *RIDGE))
    np.testing.assert_allclose(answer, [other.intercept_, *other.coef_], rtol=1e-6)


def test_ridge_of_trials():
    rows = data("seeds")
    seed, extract = rows.seed == "O75", rows.extract == "cucumber"
    X = np.column_stack([seed, extract, seed & extract])
    other = LogisticRegression(C=0.25, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    y = np.repeat([1, 0], len(rows))
    other.fit(np.vstack([X, X]), y, sample_weight=[*rows.germinated, *(rows.seeds - rows.germinated)])
    answer = values(fitted("seeds", "map", *RIDGE))
    np.testing.assert_allclose(answer, [*other.intercept_, *other.coef_[0]], rtol=1e-6)


def test_ridge_of_positive_times():
    y, X = clotting()
    alpha = 30.0
    other = GammaRegressor(alpha=4 / alpha / len(y), tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    other.fit(X[:, 1:], y)
    answer = values(fitted("clotting", "map", *RIDGE, f"model.priors.alpha={alpha}"))
    np.testing.assert_allclose(answer, [other.intercept_, *other.coef_], rtol=1e-6)


def test_ridge_of_a_line():
    rows = data("hogg")
    sigma = 50.0
    other = Ridge(alpha=4 * sigma**2, solver="cholesky").fit(rows[["x"]], rows.y)
    answer = values(fitted("outliers-normal", "map", *RIDGE, f"model.priors.sigma={sigma}"))
    np.testing.assert_allclose(answer, [other.intercept_, *other.coef_], rtol=1e-6)


@pytest.mark.parametrize(
    "name", [*ROACHES, *OUTLIERS, "seeds", "clotting", "leukaemia", "mammals", "gasoline"]
)
def test_every_run_has_a_mode_where_the_slope_of_the_density_is_zero(name):
    config = read_config(library.configs()[name], overrides=["inference=[map]"])
    assert prepare(config)[1].names
    assert execute(config)["map"].details["kkt_residual"] <= 1e-8


def test_the_loss_that_a_report_writes_has_the_offset():
    run = execute(read_config(library.configs()["roaches-poisson"], overrides=["inference=[mle]"]))
    assert run.record.loss.formula.endswith("mu = exp(X theta + offset)")
