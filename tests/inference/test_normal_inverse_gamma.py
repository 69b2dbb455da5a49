"""Normal-InverseGamma regression: against quadrature, least squares, other roads to it, and its own laws."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.errors import FitError, NotApplicable
from bayescope.inference import normal_inverse_gamma, regression
from bayescope.inference.exact import EXACT
from bayescope.inference.grid import GRID
from bayescope.inference.map import MAP
from bayescope.inference.marginals import marginal_from_arrays
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.registry import METHODS
from bayescope.inference.root_inverse_gamma import RootInverseGamma
from bayescope.inference.settings import ExactSettings, GridSettings, MAPSettings
from bayescope.models.density import log_likelihood
from bayescope.models.prior_density import log_prior
from bayescope.pipeline import prepare, read_config
from bayescope.sampling.convergence import convergence

RNG = np.random.default_rng(20261120)
X = RNG.normal(size=12)
Y = 1.0 + 2.0 * X + 0.7 * RNG.normal(size=12)
CONTEXT = Context(seed=1)
CONJUGATE = {"Intercept": "Normal(0.5, 4 * sigma)", "x": "Normal(1, sigma)", "variance": "InverseGamma(3, 2)"}


def build(priors, rows=slice(None), *, weights=None, **model):
    columns = {"y": Y[rows].tolist(), "x": X[rows].tolist()}
    spec = {"likelihood": "Normal", "priors": priors, **(model or {"formula": "y ~ x"})}
    config = {"name": "x", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def exact(model, **settings):
    return EXACT.fit(model, ExactSettings(**settings), CONTEXT)


def joint_density(theta):
    """Compute p(y, Intercept, x, variance) under CONJUGATE, by SciPy; theta has shape (S, 3)."""
    intercept, slope, variance = theta.T
    sigma = np.sqrt(variance)
    terms = [
        scipy.stats.norm.logpdf(Y, intercept[:, None] + np.outer(slope, X), sigma[:, None]).sum(axis=1),
        scipy.stats.norm.logpdf(intercept, 0.5, 4 * sigma),
        scipy.stats.norm.logpdf(slope, 1.0, sigma),
        scipy.stats.invgamma.logpdf(variance, 3, scale=2),
    ]
    return np.exp(np.sum(terms, axis=0))


def product_rule(variances):
    """Nodes theta, shape (S, 3), and weights: Gauss-Legendre in log variance, Gauss-Hermite in the coefficients.

    Given the variance the density of the coefficients is a Normal of that scale: any polynomial times it is
    integrated exactly, wherever the rule is centred within its reach.
    """
    design = np.column_stack([np.ones(len(X)), X])
    precision = design.T @ design + np.diag([1 / 16, 1.0])
    center = np.linalg.solve(precision, design.T @ Y + [0.5 / 16, 1.0])
    root = np.linalg.cholesky(np.linalg.inv(precision))
    nodes, weights = np.polynomial.legendre.leggauss(80)
    ends = np.log(variances)
    t, w = nodes * np.ptp(ends) / 2 + ends.mean(), weights * np.ptp(ends) / 2
    z, v = np.polynomial.hermite_e.hermegauss(8)
    pairs = np.array([(a, b) for a in z for b in z])
    beta = center + np.exp(t / 2)[:, None, None] * (pairs @ root.T)
    theta = np.dstack([beta, np.broadcast_to(np.exp(t)[:, None], beta.shape[:2])]).reshape(-1, 3)
    change = np.linalg.det(root) * np.exp(0.5 * np.sum(pairs**2, axis=1)) * np.outer(v, v).ravel()
    # d beta = |root| v dz, d variance = v dt
    return theta, (np.outer(w * np.exp(2 * t), change)).ravel()


SPREADS = {
    "variance": "InverseGamma(3, 2)",
    "tau": "Gamma(3, 2)",
}


def test_moments_and_evidence_are_integrals_of_the_joint_density():
    found = exact(build(CONJUGATE))
    theta, weights = product_rule(found.marginals["variance"].quantile(np.array([1e-15, 1 - 1e-15])))
    weights = weights * joint_density(theta)
    evidence = weights.sum()
    assert found.log_evidence == pytest.approx(math.log(evidence), abs=1e-10)
    mean = weights @ theta / evidence
    np.testing.assert_allclose(found.estimate, mean, rtol=1e-9)
    deviation = theta - mean
    covariance = (deviation.T * weights) @ deviation / evidence
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-7, atol=1e-10)


FLAT_LIMITS = {
    "flat sigma": {"Intercept": "Flat()", "coefficients": "Flat()", "sigma": "HalfFlat()"},
    "flat variance": {"Intercept": "Flat()", "coefficients": "Flat()", "variance": "HalfFlat()"},
    "flat precision": {"Intercept": "Flat()", "coefficients": "Normal(0, 3 * sigma)", "tau": "HalfFlat()"},
    "flat slope": {"Intercept": "Normal(0, sigma)", "x": "Flat()", "sigma": "HalfFlat()"},
    "proper": CONJUGATE,
    "exponential precision": {**CONJUGATE, "variance": None, "tau": "Exponential(2)"},
}


@pytest.mark.parametrize("case", FLAT_LIMITS)
def test_the_quadrature_over_sigma_gives_the_same_answer(case):
    model = build({key: value for key, value in FLAT_LIMITS[case].items() if value})
    found = exact(model)
    solvable = regression.recognise(model)
    other = solvable.solve(solvable.statistics, 1e-10)
    assert found.details["applies"] == "Normal-InverseGamma"
    np.testing.assert_allclose(found.estimate, other.mean, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, other.covariance, rtol=1e-8, atol=1e-12)
    assert (
        (found.log_evidence is None)
        == (other.log_evidence is None)
        == (case not in {"proper", "exponential precision"})
    )
    if found.log_evidence is not None:
        assert found.log_evidence == pytest.approx(other.log_evidence, abs=1e-9)
    q = np.array([0.001, 0.055, 0.5, 0.945, 0.999])
    for name, marginal in zip(model.names, other.marginals, strict=True):
        x = found.marginals[name].quantile(q)
        np.testing.assert_allclose(marginal.cdf(x), q, rtol=1e-8)
        np.testing.assert_allclose(marginal.pdf(x), found.marginals[name].pdf(x), rtol=1e-7)


@pytest.mark.parametrize(
    ("priors", "applies"),
    [
        (CONJUGATE, "Normal-InverseGamma"),
        ({**CONJUGATE, "Intercept": "Normal(0, 2)"}, "Normal regression with sigma integrated out"),
        ({**CONJUGATE, "variance": "Exponential(1)"}, "Normal regression with sigma integrated out"),
        (
            {"Intercept": "Normal(0, 2)", "x": "Normal(1, sigma)", "tau": "HalfNormal(3)"},
            "Normal regression with sigma integrated out",
        ),
        (
            {"Intercept": "Normal(0, 2)", "x": "Normal(1, sigma)", "sigma": "HalfNormal(3)"},
            "Normal regression with sigma integrated out",
        ),
    ],
)
def test_the_grid_gives_the_same_answer(priors, applies):
    model = build(priors)
    found, other = exact(model), GRID.fit(model, GridSettings(), CONTEXT)
    assert found.details["applies"] == applies
    np.testing.assert_allclose(found.estimate, other.estimate, atol=1e-6 * found.sd.min())
    np.testing.assert_allclose(found.sd, other.sd, rtol=1e-5)
    assert found.log_evidence == pytest.approx(other.log_evidence, abs=1e-6)


def test_least_squares_is_the_flat_limit():
    fitted = sm.OLS(Y, sm.add_constant(X)).fit()
    vague = exact(build({"Intercept": "Flat()", "x": "Flat()", "variance": "InverseGamma(1e-11, 1e-11)"}))
    intervals = [vague.marginals[name].interval(0.89) for name in ("Intercept", "x")]
    np.testing.assert_allclose(vague.estimate[:2], fitted.params, rtol=1e-11)
    np.testing.assert_allclose(intervals, fitted.conf_int(alpha=0.11), rtol=1e-9)
    # a flat sigma has one degree of freedom less: StudentT(n - d - 1)
    flat = exact(build(FLAT_LIMITS["flat sigma"]))
    n, d = len(Y), 2
    scale = fitted.bse * math.sqrt((n - d) / (n - d - 1))
    np.testing.assert_allclose(
        [flat.marginals[name].interval(0.89) for name in ("Intercept", "x")],
        fitted.params[:, None] + np.outer(scale, scipy.stats.t(n - d - 1).ppf([0.055, 0.945])),
        rtol=1e-11,
    )


def test_a_response_model_is_the_regression_on_a_constant():
    priors = {"mu": "Normal(0.5, 2 * sigma)", "variance": "InverseGamma(3, 2)"}
    found = exact(build(priors, response="y"))
    n, mean, k = len(Y), Y.mean(), 1 / 4
    # Gelman et al., BDA3, section 3.3: kappa_0 = 1 / 2^2, nu_0 = 2 * 3, nu_0 sigma_0^2 = 2 * 2
    b = 2 + 0.5 * np.sum((Y - mean) ** 2) + 0.5 * k * n / (k + n) * (mean - 0.5) ** 2
    assert str(found.marginals["variance"]) == str(
        marginal_from_arrays("InverseGamma", {"alpha": 3 + n / 2, "beta": b})
    )
    mu = found.marginals["mu"]
    assert (mu.nu, mu.mu) == (6 + n, pytest.approx((k * 0.5 + n * mean) / (k + n), rel=1e-14))
    assert mu.sigma == pytest.approx(math.sqrt(b / (3 + n / 2) / (k + n)), rel=1e-13)


@pytest.mark.parametrize("priors", [CONJUGATE, FLAT_LIMITS["flat sigma"], FLAT_LIMITS["flat precision"]])
def test_draws_are_from_the_posterior(priors):
    found = exact(build(priors), draws=5000)
    flat = found.draws.reshape(-1, 3)
    error = found.sd / math.sqrt(len(flat))
    assert np.all(np.abs(flat.mean(axis=0) - found.estimate) < 4 * error)
    for j, name in enumerate(found.names):
        # P(KS > 1.95 / sqrt(S)) = 1e-3
        distance = scipy.stats.kstest(flat[:, j], found.marginals[name].cdf).statistic
        assert distance < 1.95 / math.sqrt(len(flat))


@given(st.lists(st.integers(1, 11), max_size=4, unique=True))
@settings(max_examples=25, deadline=None)
def test_updating_in_parts_is_the_whole_at_once(cuts):
    whole = normal_inverse_gamma.recognise(build(CONJUGATE))
    parts = [
        normal_inverse_gamma.recognise(build(CONJUGATE, slice(*ends))).statistics
        for ends in zip([0, *sorted(cuts)], [*sorted(cuts), len(Y)], strict=True)
        if ends[1] - ends[0] > 1  # formulas want two rows
    ]
    if sum(part["observations"] for part in parts) < len(Y):
        return
    one, many = whole.solve(whole.statistics, 1e-10), whole.solve(whole.pool(parts), 1e-10)
    np.testing.assert_allclose(many.mean, one.mean, rtol=1e-12)
    np.testing.assert_allclose(many.covariance, one.covariance, rtol=1e-11)
    assert many.log_evidence == pytest.approx(one.log_evidence, abs=1e-11)


@pytest.mark.parametrize(
    "priors", [CONJUGATE, {**CONJUGATE, "variance": "Exponential(1)"}, {**CONJUGATE, "x": "Normal(1, 2)"}]
)
def test_the_evidence_is_the_product_of_predictions(priors):
    model = build(priors)
    solvable = _solvable(model)
    whole = solvable.solve(solvable.statistics, 1e-11).log_evidence
    rows = [_solvable(build(priors, slice(i, i + 2))).statistics for i in range(0, len(Y), 2)]
    before, total = 0.0, 0.0
    for i in range(1, len(rows) + 1):
        after = solvable.solve(solvable.pool(rows[:i]), 1e-11).log_evidence
        total, before = total + (after - before), after
    assert total == pytest.approx(whole, abs=1e-9)


def _solvable(model):
    found = normal_inverse_gamma.recognise(model)
    return regression.recognise(model) if isinstance(found, str) else found


def test_the_predictive_of_a_row_is_the_ratio_of_evidences():
    model, more = build(CONJUGATE, slice(0, 10)), build(CONJUGATE, slice(0, 12))
    solvable = _solvable(model)
    posterior = normal_inverse_gamma.posterior_of(model, solvable.statistics)
    a, b = posterior.a, posterior.b
    rows = more.location.matrix[10:]
    scale = b / a * (np.eye(2) + rows @ posterior.root @ posterior.root.T @ rows.T)
    joint = scipy.stats.multivariate_t(rows @ posterior.mean, scale, df=2 * a)
    gain = exact(more).log_evidence - exact(model).log_evidence
    assert gain == pytest.approx(float(joint.logpdf(Y[10:])), abs=1e-10)


@pytest.mark.parametrize("spread", ["sigma", "variance", "tau"])
def test_map_is_the_mode_of_the_density_in_the_parameter_declared(spread):
    prior = {"sigma": "HalfNormal(2)", **SPREADS}[spread]
    model = build({"Intercept": "Flat()", "x": "Normal(1, sigma)", spread: prior})
    found = MAP.fit(model, MAPSettings(), CONTEXT)
    assert found.outcome.status == "ok"
    assert found.details["kkt_residual"] < 1e-8

    def objective(theta):
        theta = np.append(theta[:2], np.exp(theta[2]))
        return -log_likelihood(model, theta) - log_prior(model, theta)

    start = np.append(found.estimate[:2] + 0.3, math.log(found.estimate[2]) + 0.3)
    best = scipy.optimize.minimize(
        objective, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000}
    )
    np.testing.assert_allclose(np.append(best.x[:2], np.exp(best.x[2])), found.estimate, rtol=1e-5)
    # the coefficients of the mode are those of the posterior mean: ridge regression, free of sigma
    ridge = exact(build({"Intercept": "Flat()", "x": "Normal(1, sigma)", "variance": "InverseGamma(3, 2)"}))
    np.testing.assert_allclose(found.estimate[:2], ridge.estimate[:2], rtol=1e-8)


def test_mle_does_not_see_the_prior():
    found = MLE.fit(build(CONJUGATE), MLE.settings(), CONTEXT)
    np.testing.assert_allclose(found.estimate[:2], sm.OLS(Y, sm.add_constant(X)).fit().params, rtol=1e-10)


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [
        (0.4, 2.0),
        (0.5, 2.0),
        (0.8, 2.0),
        (1.0, 2.0),
        (1.5, 0.3),
        (7.0, 30.0),
        (99.9, 8.0),
        (100.1, 8.0),
        (5e5, 2e6),
    ],
)
def test_the_root_of_an_inverse_gamma_has_its_moments(alpha, beta):
    marginal = RootInverseGamma(alpha, beta)

    def moment(power):
        # E sigma^k = beta^(k/2) Gamma(alpha - k/2) / Gamma(alpha), for whole numbers k/2 exactly
        return beta ** (power / 2) * math.exp(math.lgamma(alpha - power / 2) - math.lgamma(alpha))

    if alpha <= 0.5:
        assert math.isinf(marginal.mean)
        return
    assert marginal.mean == pytest.approx(moment(1), rel=1e-9)
    if alpha <= 1:
        assert math.isinf(marginal.sd)
        return
    assert marginal.sd**2 + marginal.mean**2 == pytest.approx(beta / (alpha - 1), rel=1e-13)
    x = marginal.quantile(np.array([0.01, 0.5, 0.99]))
    np.testing.assert_allclose(
        x**2, scipy.stats.invgamma(alpha, scale=beta).ppf([0.01, 0.5, 0.99]), rtol=1e-9
    )


@pytest.mark.parametrize("alpha", [101, 120, 200])
def test_the_sd_of_the_root_of_a_narrow_inverse_gamma_has_all_its_digits(alpha):
    # Gamma(n - 1/2) = sqrt(pi) (2n - 2)! / (4^(n - 1) (n - 1)!), in fractions: pi alone is rounded, to 4e-17,
    # and the difference of two numbers near 1 / alpha is 1 / (4 alpha^2)
    root = Fraction(math.factorial(2 * alpha - 2), 4 ** (alpha - 1) * math.factorial(alpha - 1) ** 2)
    variance = Fraction(1, alpha - 1) - root**2 * Fraction(math.pi)
    found = RootInverseGamma(float(alpha), 1.0).sd ** 2
    assert found == pytest.approx(float(variance), rel=4 * alpha * 4e-17 + 1e-14, abs=0)


def test_a_heavy_tail_is_flagged_with_what_does_not_exist():
    found = exact(
        build({"Intercept": "Flat()", "x": "Normal(0, sigma)", "variance": "HalfFlat()"}, slice(0, 6))
    )
    assert found.outcome.message == "The posterior has no sd of variance: its tails are too heavy."
    assert np.isinf(found.sd).tolist() == [False, False, True]
    found = exact(build(FLAT_LIMITS["flat sigma"], slice(0, 4)))
    assert "no mean and sd of Intercept, x, sigma" in found.outcome.message


@pytest.mark.parametrize(
    ("priors", "rows", "message"),
    [
        ("flat sigma", 2, "2 rows, 2 coefficients and a flat sigma: the posterior is improper"),
        ("flat sigma", 3, "3 rows, 2 coefficients and a flat sigma: the posterior is improper"),
        ("flat variance", 4, "4 rows, 2 coefficients and a flat variance: the posterior is improper"),
        ("flat slope", 2, "2 rows, 1 flat coefficient and a flat sigma: the posterior is improper"),
    ],
)
def test_improper_posteriors_are_refused_by_name(priors, rows, message):
    with pytest.raises(FitError, match=message):
        exact(build(FLAT_LIMITS[priors], slice(0, rows)))


@pytest.mark.parametrize(
    ("priors", "rows"), [("flat sigma", 4), ("flat variance", 5), ("flat precision", 2), ("flat slope", 3)]
)
def test_one_row_more_is_enough(priors, rows):
    found = exact(build(FLAT_LIMITS[priors], slice(0, rows)))
    lower, upper = found.marginals["x"].interval()
    assert lower < found.marginals["x"].quantile(np.array(0.5)) < upper


def test_what_is_no_such_model_says_why():
    reasons = normal_inverse_gamma.recognise(build({"x": "Laplace(0, sigma)", "sigma": "HalfNormal(1)"}))
    assert (
        "the prior of x is Laplace(0, sigma); the closed form needs Normal(m, k * sigma) or Flat" in reasons
    )
    with pytest.raises(NotApplicable, match=r"The prior of x is Laplace\(0, sigma\)"):
        exact(build({"x": "Laplace(0, sigma)", "sigma": "HalfNormal(1)"}))


def test_nuts_agrees():
    model = build({"Intercept": "Flat()", "x": "Normal(1, sigma)", "tau": "HalfFlat()"})
    found = exact(model)
    settings = METHODS["nuts"].settings(draws=500, tune=500, chains=2, sampler="pymc")
    sampled = METHODS["nuts"].fit(model, settings, CONTEXT)
    z = (sampled.estimate - found.estimate) / convergence(sampled.draws).mcse_mean
    assert np.abs(z).max() <= 4


def test_weights_that_are_too_small_together_are_named_so():
    columns = {"y": [1, 2, 4, 3], "w": [0.1, 0.1, 0.1, 0.1]}
    priors = {"mu": "Flat()", "sigma": "HalfFlat()"}
    model = {"likelihood": "Normal", "response": "y", "weights": "w", "priors": priors}
    run = bayescope.run({"name": "t", "data": {"columns": columns}, "model": model, "inference": ["exact"]})
    outcome = run.fits[0].outcome
    assert outcome.message.startswith("rows whose weights sum to 0.4, 1 coefficient and a flat sigma: ")
    assert "or weights that say how often" in outcome.advice
