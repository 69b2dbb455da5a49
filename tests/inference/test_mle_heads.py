"""MLE and MAP of every head with a formula: equal to statsmodels, scikit-learn and exact medians; or refused."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.linear_model import GammaRegressor, PoissonRegressor
from statsmodels.othermod.betareg import BetaModel

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.models import density, prior_density
from bayescope.pipeline import prepare, read_config

ROWS = 200
RNG = np.random.default_rng(20261120)
X = RNG.normal(size=(ROWS, 2))
DESIGN = sm.add_constant(X)
ETA = 0.6 + X @ [0.5, -0.3]
MU = np.exp(ETA)
SHARE = 1 / (1 + np.exp(-ETA))
TABLE = {
    "u": X[:, 0],
    "v": X[:, 1],
    "flip": (RNG.random(ROWS) < SHARE).astype(float),
    "hits": RNG.binomial(7, SHARE).astype(float),
    "seven": np.full(ROWS, 7.0),
    "count": RNG.poisson(MU).astype(float),
    "spread": RNG.negative_binomial(2.0, 2.0 / (2.0 + MU)).astype(float),
    "zeros": RNG.poisson(MU + 1) * (RNG.random(ROWS) < 0.7).astype(float),
    "wait": RNG.exponential(MU),
    "amount": RNG.gamma(3.0, MU / 3.0),
    "size": RNG.lognormal(ETA, 0.7),
    "part": RNG.beta(SHARE * 8.0, (1 - SHARE) * 8.0),
    "noisy": ETA + RNG.laplace(0, 0.8, ROWS),
    "wild": ETA + RNG.standard_t(3.0, ROWS),
    "level": 1 / (1.5 + X @ [0.2, -0.1]) + RNG.normal(0, 0.05, ROWS),
    "exposure": RNG.uniform(0.5, 4.0, ROWS),
    "times": RNG.integers(0, 4, ROWS).astype(float),
}
FLAT = {"Intercept": "Flat()", "coefficients": "Flat()"}


def build(likelihood, formula=None, columns=TABLE, **model):
    data = {name: np.asarray(values).tolist() for name, values in columns.items()}
    spec = {"likelihood": likelihood, **({"formula": formula} if formula else {}), **model}
    return prepare(
        read_config({"name": "x", "data": {"columns": data}, "model": spec, "inference": ["mle"]})
    )[1]


def fit(method, model, **settings):
    return method.fit(model, method.settings(**settings), Context(seed=1))


def mle(*arguments, **options):
    return fit(MLE, build(*arguments, **options))


def best_of(result):
    """Estimates of a statsmodels fit, with its standard errors."""
    return np.asarray(result.params), np.asarray(result.bse)


# Each against its twin in statsmodels, whose own optimisers stop at about 1e-8


@pytest.mark.parametrize(
    ("likelihood", "link", "response", "family"),
    [
        ("Poisson", "log", "count", sm.families.Poisson()),
        ("Bernoulli", "logit", "flip", sm.families.Binomial()),
        ("Bernoulli", "probit", "flip", sm.families.Binomial(sm.families.links.Probit())),
        ("Bernoulli", "cloglog", "flip", sm.families.Binomial(sm.families.links.CLogLog())),
        ("Gamma", "log", "amount", sm.families.Gamma(sm.families.links.Log())),
        ("Exponential", "log", "wait", sm.families.Gamma(sm.families.links.Log())),
        ("Normal", "log", "amount", sm.families.Gaussian(sm.families.links.Log())),
        ("Normal", "inverse", "level", sm.families.Gaussian(sm.families.links.InversePower())),
    ],
)
def test_generalised_linear_models_are_those_of_statsmodels(likelihood, link, response, family):
    answer = mle(likelihood, f"{response} ~ u + v", link=link)
    start = None if link != "inverse" else [1.5, 0.0, 0.0]
    other = sm.GLM(TABLE[response], DESIGN, family).fit(tol=1e-13, maxiter=300, start_params=start)
    np.testing.assert_allclose(answer.estimate[:3], other.params, rtol=1e-6, atol=1e-8)
    assert answer.details["kkt_residual"] <= 1e-8


def test_probit_and_cloglog_of_trials():
    y = np.column_stack([TABLE["hits"], TABLE["seven"] - TABLE["hits"]])
    for link, twin in (("probit", sm.families.links.Probit()), ("cloglog", sm.families.links.CLogLog())):
        answer = mle("Binomial", "hits / seven ~ u + v", link=link)
        other = sm.GLM(y, DESIGN, sm.families.Binomial(twin)).fit(tol=1e-13)
        np.testing.assert_allclose(answer.estimate, other.params, rtol=1e-6)


def test_standard_errors_are_those_of_the_observed_information():
    estimate, error = best_of(sm.Probit(TABLE["flip"], DESIGN).fit(disp=0, tol=1e-12))
    answer = mle("Bernoulli", "flip ~ u + v", link="probit")
    np.testing.assert_allclose(answer.estimate, estimate, rtol=1e-6)
    np.testing.assert_allclose(answer.sd, error, rtol=1e-6)
    other = sm.Poisson(TABLE["count"], DESIGN).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(mle("Poisson", "count ~ u + v").sd, other.bse, rtol=1e-6)


def test_negative_binomial_by_its_mean():
    answer = mle("NegativeBinomial", "spread ~ u + v")
    other = sm.NegativeBinomial(TABLE["spread"], DESIGN).fit(disp=0, method="newton", tol=1e-12, maxiter=200)
    # statsmodels has the dispersion 1 / alpha
    np.testing.assert_allclose(answer.estimate[:3], other.params[:3], rtol=1e-6)
    assert answer.estimate[3] == pytest.approx(1 / other.params[3], rel=1e-6)
    np.testing.assert_allclose(answer.sd[:3], other.bse[:3], rtol=1e-5)


def test_zero_inflated_poisson():
    answer = mle("ZeroInflatedPoisson", "zeros ~ u + v")
    other = sm.ZeroInflatedPoisson(TABLE["zeros"], DESIGN).fit(
        disp=0, method="newton", tol=1e-12, maxiter=200
    )
    inflation, *coefficients = other.params
    np.testing.assert_allclose(answer.estimate[:3], coefficients, rtol=1e-6)
    assert answer.estimate[3] == pytest.approx(1 / (1 + np.exp(inflation)), rel=1e-6)
    assert answer.details["log_likelihood"] == pytest.approx(other.llf, rel=1e-10)


def test_beta_regression():
    answer = mle("Beta", "part ~ u + v")
    other = BetaModel(TABLE["part"], DESIGN).fit(disp=0, method="newton", tol=1e-12, maxiter=200)
    np.testing.assert_allclose(answer.estimate[:3], other.params[:3], rtol=1e-6)
    assert answer.estimate[3] == pytest.approx(np.exp(other.params[3]), rel=1e-6)


def test_log_normal_is_least_squares_of_the_logarithm():
    answer = mle("LogNormal", "size ~ u + v")
    other = sm.OLS(np.log(TABLE["size"]), DESIGN).fit()
    np.testing.assert_allclose(answer.estimate[:3], other.params, rtol=1e-9)
    assert answer.estimate[3] == pytest.approx(np.sqrt(other.ssr / ROWS), rel=1e-9)


@pytest.mark.parametrize("fixed", [{}, {"priors": {"nu": 3}}])
def test_robust_regression_has_no_better_neighbour(fixed):
    model = build("StudentT", "wild ~ u + v", **fixed)
    answer = fit(MLE, model)
    assert answer.details["kkt_residual"] <= 1e-8
    best = density.log_likelihood(model, answer.estimate)
    rng = np.random.default_rng(0)
    for step in (1e-4, 1e-2, 0.3):
        for _ in range(20):
            moved = answer.estimate + step * rng.normal(size=len(answer.names))
            assert density.log_likelihood(model, moved) <= best + 1e-10 * abs(best)


def test_a_robust_line_is_not_moved_by_outliers():
    columns = {**TABLE, "wild": TABLE["wild"].copy()}
    columns["wild"][:20] += 1e4
    answer = mle("StudentT", "wild ~ u + v", columns, priors={"nu": 3})
    np.testing.assert_allclose(answer.estimate[:3], [0.6, 0.5, -0.3], atol=0.5)


def test_shapes_of_a_sample_are_those_of_scipy():
    answer = mle("Gamma", response="amount", priors={"mu": "HalfFlat()", "alpha": "HalfFlat()"})
    shape, _, scale = stats.gamma.fit(TABLE["amount"], floc=0)
    np.testing.assert_allclose(answer.estimate, [shape * scale, shape], rtol=1e-6)


# Laplace noise: least absolute deviations


def test_the_absolute_error_is_that_of_quantile_regression():
    answer = mle("Laplace", "noisy ~ u + v")
    beta, b = answer.estimate[:3], answer.estimate[3]
    residual = np.abs(TABLE["noisy"] - DESIGN @ beta)
    other = sm.QuantReg(TABLE["noisy"], DESIGN).fit(q=0.5, p_tol=1e-12, max_iter=10_000)
    np.testing.assert_allclose(beta, other.params, rtol=1e-5)
    assert residual.sum() <= np.abs(TABLE["noisy"] - DESIGN @ other.params).sum() * (1 + 1e-14)
    # the line passes through as many rows as it has coefficients, exactly
    assert (residual <= 1e-13 * np.abs(TABLE["noisy"]).max()).sum() == 3
    assert b == pytest.approx(residual.mean(), rel=1e-12)
    np.testing.assert_allclose(
        answer.sd[:3], b * np.sqrt(np.diag(np.linalg.inv(DESIGN.T @ DESIGN))), rtol=1e-9
    )
    assert answer.details["kkt_residual"] <= 1e-10


def test_without_predictors_it_is_the_median():
    odd = mle("Laplace", response="y", columns={"y": [1.0, 9.0, 2.5, 4.0, 100.0]})
    assert odd.estimate[0] == 4.0
    even = mle("Laplace", "y ~ 1", {"y": [1.0, 9.0, 2.0, 4.0]})
    assert even.estimate[0] == pytest.approx(3.0, rel=1e-12)
    assert even.outcome.status == "flagged"
    assert "Intercept from 2 to 4" in even.outcome.message


def test_rows_count_as_often_as_their_weights_say():
    times = TABLE["times"].astype(int)
    repeated = {name: np.repeat(values, times) for name, values in TABLE.items()}
    for likelihood, formula in (
        ("Laplace", "noisy ~ u + v"),
        ("Poisson", "count ~ u + v"),
        ("Gamma", "amount ~ u + v"),
    ):
        weighted = mle(likelihood, formula, weights="times")
        plain = mle(likelihood, formula, repeated)
        np.testing.assert_allclose(weighted.estimate, plain.estimate, rtol=1e-9)
        np.testing.assert_allclose(weighted.sd, plain.sd, rtol=1e-7)


def test_an_offset_is_added_without_a_coefficient():
    columns = {**TABLE, "log_exposure": np.log(TABLE["exposure"])}
    named = mle("Poisson", "count ~ u + v", columns, offset="log_exposure")
    written = mle("Poisson", "count ~ u + v + offset(log(exposure))")
    other = sm.Poisson(TABLE["count"], DESIGN, exposure=TABLE["exposure"]).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(named.estimate, written.estimate, rtol=1e-12)
    np.testing.assert_allclose(named.estimate, other.params, rtol=1e-6)


# MAP


@pytest.mark.parametrize(
    ("likelihood", "response", "twin", "given"),
    [("Poisson", "count", PoissonRegressor, {}), ("Gamma", "amount", GammaRegressor, {"alpha": 1.0})],
)
def test_normal_priors_are_the_ridge_penalty_of_scikit_learn(likelihood, response, twin, given):
    tau = 0.5
    priors = {"Intercept": "Flat()", "coefficients": f"Normal(0, {tau})", **given}
    answer = fit(MAP, build(likelihood, f"{response} ~ u + v", priors=priors))
    # half the mean deviance plus alpha / 2 |beta|^2
    other = twin(alpha=1 / (tau**2 * ROWS), tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    other.fit(X, TABLE[response])
    np.testing.assert_allclose(answer.estimate, [other.intercept_, *other.coef_], rtol=1e-6)


def test_with_flat_priors_the_mode_under_absolute_error_is_the_line_of_the_mle():
    priors = {**FLAT, "b": "HalfFlat()"}
    mode = fit(MAP, build("Laplace", "noisy ~ u + v", priors=priors))
    # the kinks are rounded off at 1e-9 sd
    np.testing.assert_allclose(mode.estimate, mle("Laplace", "noisy ~ u + v").estimate, rtol=1e-7, atol=1e-8)


HEADS = [
    ("Poisson", "count"),
    ("NegativeBinomial", "spread"),
    ("ZeroInflatedPoisson", "zeros"),
    ("Exponential", "wait"),
    ("Gamma", "amount"),
    ("LogNormal", "size"),
    ("Beta", "part"),
    ("Laplace", "noisy"),
    ("StudentT", "wild"),
]


@pytest.mark.parametrize(("likelihood", "response"), HEADS)
@pytest.mark.parametrize("slopes", ["default", "Laplace(0, 0.05)"])
def test_no_perturbation_improves_the_mode(likelihood, response, slopes):
    priors = {} if slopes == "default" else {"coefficients": slopes}
    model = build(likelihood, f"{response} ~ u + v", priors=priors)
    answer = fit(MAP, model)
    assert answer.details["kkt_residual"] <= 1e-8
    best = density.log_likelihood(model, answer.estimate) + prior_density.log_prior(model, answer.estimate)
    lower, upper = prior_density.prior_bounds(model)
    rng = np.random.default_rng(0)
    for step in (1e-4, 1e-2, 0.3):
        for _ in range(10):
            moved = np.clip(answer.estimate + step * rng.normal(size=len(answer.names)), lower, upper)
            here = density.log_likelihood(model, moved) + prior_density.log_prior(model, moved)
            # 200 kinks rounded off at 1e-9 sd
            assert here <= best + 1e-7


# What has no maximum is named


@pytest.mark.parametrize("likelihood", ["Poisson", "NegativeBinomial", "ZeroInflatedPoisson"])
def test_counts_that_are_all_zero_have_no_mle(likelihood):
    columns = {"y": np.zeros(9), "x": np.arange(9.0)}
    with pytest.raises(NotApplicable, match="separation of the response by"):
        mle(likelihood, "y ~ x", columns)
    # of an unknown alpha the likelihood of zeros is highest at 0
    known = {"priors": {"alpha": 2}} if likelihood == "NegativeBinomial" else {}
    assert fit(MAP, build(likelihood, "y ~ x", columns, **known)).details["kkt_residual"] <= 1e-8


def test_a_group_without_a_single_event_is_named():
    columns = {"y": [0, 0, 0, 3, 1, 2, 0], "group": ["a", "a", "a", "b", "b", "b", "b"]}
    with pytest.raises(NotApplicable, match=r"quasi-complete separation of the response by group\[b\]"):
        mle("Poisson", "y ~ group", columns)
    with pytest.raises(FitError, match=r"group\[b\], whose priors are flat"):
        fit(MAP, build("Poisson", "y ~ group", columns, priors=FLAT))


@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_separated_outcomes_have_no_mle_on_any_link(link):
    columns = {"y": [0, 0, 0, 1, 1, 1], "x": [1.0, 2, 3, 4, 5, 6]}
    with pytest.raises(NotApplicable, match="complete separation of the response by x"):
        mle("Bernoulli", "y ~ x", columns, link=link)


def test_counts_of_little_variance_end_at_poisson_and_say_so():
    x = np.linspace(-1, 1, 30)
    columns = {"y": np.rint(np.exp(1.5 + x)), "x": x}
    answer = mle("NegativeBinomial", "y ~ x", columns)
    assert answer.outcome.status == "flagged"
    assert "alpha grows without end" in answer.outcome.message
    assert "use likelihood: Poisson" in answer.outcome.message
    poisson = mle("Poisson", "y ~ x", columns)
    np.testing.assert_allclose(answer.estimate[:2], poisson.estimate, rtol=1e-6)
    np.testing.assert_allclose(answer.sd[:2], poisson.sd, rtol=1e-6)


def test_light_tails_end_at_normal_and_say_so():
    columns = {"x": TABLE["u"], "y": TABLE["u"] + np.random.default_rng(1).uniform(-1, 1, ROWS)}
    answer = mle("StudentT", "y ~ x", columns)
    assert "use likelihood: Normal" in answer.outcome.message
    np.testing.assert_allclose(
        answer.estimate[[0, 1, 3]], mle("Normal", "y ~ x", columns).estimate, rtol=1e-6
    )


def test_without_zeros_to_spare_the_inflation_is_on_its_bound():
    columns = {"x": [0.0, 1, 2, 3, 4, 5], "y": [1, 2, 2, 4, 3, 5]}
    answer = mle("ZeroInflatedPoisson", "y ~ x", columns)
    assert answer.details["boundary"] == ["psi"]
    np.testing.assert_allclose(answer.estimate[:2], mle("Poisson", "y ~ x", columns).estimate, rtol=1e-9)


@pytest.mark.parametrize(
    ("likelihood", "where", "link"),
    [
        ("Gamma", "alpha -> inf", np.exp),
        ("LogNormal", "sigma -> 0", np.exp),
        ("Beta", "nu -> inf", lambda eta: 1 / (1 + np.exp(-eta))),
        ("Laplace", "b -> 0", lambda eta: eta),
        ("StudentT", "sigma -> 0", lambda eta: eta),
    ],
)
def test_a_line_through_every_row_is_refused(likelihood, where, link):
    x = np.linspace(-1, 1, 8)
    columns = {"x": x, "y": link(0.3 + 0.7 * x)}
    with pytest.raises(FitError, match=f"unbounded as {where}"):
        mle(likelihood, "y ~ x", columns)


def test_a_prior_that_vanishes_fast_enough_at_the_end_gives_a_mode_even_then():
    x = np.linspace(-1, 1, 8)
    columns = {"x": x, "y": np.exp(0.3 + 0.7 * x)}
    with pytest.raises(FitError, match="unbounded as alpha -> inf"):
        fit(MAP, build("Gamma", "y ~ x", columns))
    answer = fit(MAP, build("Gamma", "y ~ x", columns, priors={"alpha": "Exponential(0.1)"}))
    assert answer.details["kkt_residual"] <= 1e-8


@pytest.mark.parametrize(("rows", "copies"), [(6, 1), (8, 1), (9, 1), (40, 2)])
def test_a_mode_of_heavy_tails_needs_no_more_rows_than_columns(rows, copies):
    rng = np.random.default_rng(rows)
    wide = {f"x{j}": rng.normal(size=rows) for j in range(7)}
    columns = {f"{name}.{k}": values for name, values in wide.items() for k in range(copies)}
    formula = "y ~ " + " + ".join(f"`{name}`" for name in columns)
    proper = dict.fromkeys(FLAT, "Normal(0, 1)")
    noise = {"sigma": "InverseGamma(3, 1)", "nu": "Gamma(2, 0.1)"}  # keeps sigma off 0, where all rows fit
    columns["y"] = rng.standard_t(3.0, rows)
    model = build("StudentT", formula, columns, priors={**proper, **noise})
    assert fit(MAP, model).details["kkt_residual"] <= 1e-8
    if rows < 8 or copies > 1:
        with pytest.raises(FitError, match="the MLE is not unique"):
            fit(MLE, model)
