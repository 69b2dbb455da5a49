"""The method `exact`, from a model to a Fit: textbook answers, reference posteriors, refusals by name."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import bayescope
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import POSITIVE, REAL, UNIT
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.exact import EXACT
from bayescope.inference.method import Context
from bayescope.inference.settings import ExactSettings
from bayescope.models.model import Block, Model, Predictor, Prior, Response

REFERENCES = Path(__file__).parent.parent / "data_posteriordb"


def prior(name, **arguments):
    return Prior(name, arguments)


FLAT, HALF_FLAT = prior("Flat"), prior("HalfFlat")


def coin(heads, tails, p_prior, *, trials=False, link="identity"):
    if trials:
        response = Response("y", np.array([float(heads)]), trials=np.array([float(heads + tails)]))
    else:
        response = Response("y", np.array([1.0, 0.0]), weights=np.array([float(heads), float(tails)]))
    likelihood = LIKELIHOODS["Binomial" if trials else "Bernoulli"]
    block = Block("p", ("p",), scalar=True, prior=p_prior, start=0, support=UNIT, origin="given")
    predictor = Predictor("p", link, None, np.array([0]), ("p",))
    return Model(likelihood, response, (predictor,), (block,), {}, None)


def regression(y, X, priors, sigma, *, weights=None, offset=0.0, sigma_first=False):
    """A Normal regression; `priors` by coefficient, `sigma` a Prior or the fixed value."""
    names, size = tuple(priors), len(priors)
    shift = 1 if sigma_first and isinstance(sigma, Prior) else 0
    blocks = [
        Block(name, (name,), scalar=True, prior=priors[name], start=shift + j, support=REAL, origin="given")
        for j, name in enumerate(names)
    ]
    sigma_index = np.array([], dtype=np.intp)
    if isinstance(sigma, Prior):
        sigma_index = np.array([0 if shift else size])
        block = Block(
            "sigma",
            ("sigma",),
            scalar=True,
            prior=sigma,
            start=int(sigma_index[0]),
            support=POSITIVE,
            origin="given",
        )
        blocks = [block, *blocks] if shift else [*blocks, block]
    known = sigma if not isinstance(sigma, Prior) else 0.0
    predictors = (
        Predictor("mu", "identity", X, shift + np.arange(size), names, offset),
        Predictor("sigma", "identity", None, sigma_index, ("sigma",), known),
    )
    response = Response("y", np.asarray(y, dtype=float), weights=weights)
    return Model(LIKELIHOODS["Normal"], response, predictors, tuple(blocks), {}, None)


def fit(model, seed=20261120, **settings):
    return EXACT.fit(model, ExactSettings(**settings), Context(seed))


@pytest.fixture(scope="module")
def line():
    rng = np.random.default_rng(20261120)
    x = rng.normal(size=30)
    return 1.0 + 2.0 * x + 0.7 * rng.normal(size=30), np.column_stack([np.ones(30), x])


# the coin


@pytest.mark.parametrize(
    ("heads", "tails", "given", "posterior", "mean", "mode"),
    [
        (6, 4, (2, 2), "Beta(8, 6)", 0.571429, 0.583333),
        (3, 0, (2, 2), "Beta(5, 2)", 5 / 7, 0.8),
        (0, 5, (2, 2), "Beta(2, 7)", 2 / 9, 0.142857),
        (8, 2, (2, 2), "Beta(10, 4)", 0.714286, 9 / 12),
        (7, 3, (1, 1), "Beta(8, 4)", 0.666667, 0.7),
        (7, 3, (10, 10), "Beta(17, 13)", 17 / 30, 0.571429),
        (700, 300, (10, 10), "Beta(710, 310)", 710 / 1020, 0.696464),
    ],
)
@pytest.mark.parametrize("trials", [False, True])
def test_the_coin_has_its_textbook_posterior(heads, tails, given, posterior, mean, mode, trials):
    answer = fit(coin(heads, tails, prior("Beta", alpha=given[0], beta=given[1]), trials=trials))
    assert str(answer.marginals["p"]) == posterior
    assert answer.details["posterior"] == {"p": posterior}
    assert answer.estimate[0] == pytest.approx(mean, abs=5e-7)
    assert answer.marginals["p"].mode == pytest.approx(mode, abs=5e-7)


def test_one_flip_at_a_time_ends_where_all_flips_at_once_do():
    alpha, beta, seen = 2.0, 2.0, []
    for flip in [1, 1, 1, 0, 1]:
        marginal = fit(coin(flip, 1 - flip, prior("Beta", alpha=alpha, beta=beta))).marginals["p"]
        alpha, beta = marginal.alpha, marginal.beta
        seen.append((str(marginal), round(marginal.mean, 6)))
    assert seen == [
        ("Beta(3, 2)", 0.6),
        ("Beta(4, 2)", 0.666667),
        ("Beta(5, 2)", 0.714286),
        ("Beta(5, 3)", 0.625),
        ("Beta(6, 3)", 0.666667),
    ]


def test_a_uniform_prior_is_beta_1_1():
    answer = fit(coin(7, 3, prior("Uniform", lower=0.0, upper=1.0)))
    assert str(answer.marginals["p"]) == "Beta(8, 4)"


def test_a_billion_flips_are_counted_not_expanded():
    answer = fit(coin(700_000_000, 300_000_000, prior("Beta", alpha=2, beta=2)))
    assert answer.estimate[0] == pytest.approx(700_000_002 / 1_000_000_004, rel=1e-15)
    assert math.isfinite(answer.log_evidence)


# regression against formulas and quadrature


@pytest.mark.parametrize(("spelling", "value"), [("variance", 4.0), ("tau", 0.25)])
def test_known_sigma_is_the_same_by_any_of_its_names(spelling, value):
    data = {"columns": {"y": [1.0, 3.0, 2.0, 5.0, 4.0], "x": [0.0, 1.0, 2.0, 3.0, 5.0]}}

    def answer(name, number):
        priors = {"Intercept": "Normal(0, 10)", "x": "Normal(0, 10)", name: number}
        model = {"likelihood": "Normal", "formula": "y ~ x", "priors": priors}
        return bayescope.run({"name": "m", "data": data, "model": model, "inference": ["exact"]})["exact"]

    found, expected = answer(spelling, value), answer("sigma", 2.0)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-12)
    assert found.log_evidence == pytest.approx(expected.log_evidence, rel=1e-12)
    assert expected.log_evidence > -20


def test_known_sigma_is_the_textbook_formula(line):
    y, X = line
    priors = {"Intercept": prior("Normal", mu=0.5, sigma=2.0), "x": prior("Normal", mu=-1.0, sigma=0.3)}
    answer = fit(regression(y, X, priors, 0.7))
    precision = np.diag([1 / 2.0**2, 1 / 0.3**2])
    covariance = np.linalg.inv(X.T @ X / 0.49 + precision)
    mean = covariance @ (X.T @ y / 0.49 + precision @ np.array([0.5, -1.0]))
    np.testing.assert_allclose(answer.estimate, mean, rtol=1e-12)
    np.testing.assert_allclose(answer.covariance, covariance, rtol=1e-12)
    predictive = scipy.stats.multivariate_normal(
        X @ [0.5, -1.0], 0.49 * np.eye(30) + X @ np.linalg.inv(precision) @ X.T
    )
    assert answer.log_evidence == pytest.approx(predictive.logpdf(y), rel=1e-12)


@pytest.mark.parametrize("slope", [FLAT, Prior("Normal", {"mu": 0.0, "sigma": 3.0})])
@pytest.mark.parametrize("sigma", [HALF_FLAT, Prior("HalfNormal", {"sigma": 2.0})])
def test_an_evidence_is_that_of_proper_priors(line, slope, sigma):
    y, X = line
    proper = Prior("Normal", {"mu": 0.0, "sigma": 3.0})
    answer = fit(regression(y, X, {"Intercept": proper, "x": slope}, sigma))
    assert (answer.log_evidence is None) == (slope is FLAT or sigma is HALF_FLAT)


def test_flat_priors_give_students_t(line):
    # p(beta, sigma) = 1: sigma^-(n-1) after the Jacobian, so nu = n - d - 1 (Gelman et al., sec. 14.2 with another prior)
    y, X = line
    answer = fit(regression(y, X, {"Intercept": FLAT, "x": FLAT}, HALF_FLAT))
    nu = 30 - 2 - 1
    least_squares, rss = np.linalg.lstsq(X, y)[:2]
    scale = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * rss / nu)
    for j, name in enumerate(answer.names[:2]):
        exact = scipy.stats.t(nu, least_squares[j], scale[j])
        points = exact.ppf([1e-6, 0.055, 0.5, 0.945, 0.999])
        marginal = answer.marginals[name]
        assert marginal.mean == pytest.approx(exact.mean(), rel=1e-10)
        assert marginal.sd == pytest.approx(exact.std(), rel=1e-10)
        assert marginal.mode == pytest.approx(exact.mean(), abs=1e-7 * exact.std())
        np.testing.assert_allclose(marginal.cdf(points), exact.cdf(points), rtol=1e-10)
        np.testing.assert_allclose(marginal.pdf(points), exact.pdf(points), rtol=1e-10)
        np.testing.assert_allclose(marginal.quantile(exact.cdf(points)), points, rtol=1e-9)
    sigma = answer.marginals["sigma"]
    gamma = scipy.stats.invgamma((nu) / 2, scale=rss[0] / 2)  # of sigma^2
    points = np.sqrt(gamma.ppf([1e-4, 0.055, 0.5, 0.945, 0.9999]))
    np.testing.assert_allclose(sigma.cdf(points), gamma.cdf(points**2), rtol=1e-9)
    assert answer.covariance[2, 2] == pytest.approx(sigma.sd**2, rel=1e-12)
    assert answer.log_evidence is None


def test_response_only_is_regression_on_a_constant(line):
    y, _ = line
    given = {"mu": prior("Normal", mu=1.0, sigma=3.0)}
    alone = fit(regression(y, None, given, prior("Exponential", lam=1.0)))
    column = fit(regression(y, np.ones((30, 1)), given, prior("Exponential", lam=1.0)))
    np.testing.assert_array_equal(alone.estimate, column.estimate)
    assert alone.log_evidence == column.log_evidence


def test_a_fixed_mean_leaves_sigma_alone(line):
    y, _ = line
    answer = fit(regression(y, None, {}, HALF_FLAT, offset=1.0))
    total = float(np.sum((y - 1.0) ** 2))
    gamma = scipy.stats.invgamma(29 / 2, scale=total / 2)
    assert answer.names == ("sigma",)
    assert answer.marginals["sigma"].quantile(0.3) == pytest.approx(math.sqrt(gamma.ppf(0.3)), rel=1e-10)


def test_weights_are_repeated_rows(line):
    y, X = line
    weights = np.arange(30.0) % 4
    times = weights.astype(int)
    priors = {"Intercept": prior("Normal", mu=0.0, sigma=5.0), "x": prior("Normal", mu=0.0, sigma=1.0)}
    sigma = prior("HalfNormal", sigma=2.0)
    weighted = fit(regression(y, X, priors, sigma, weights=weights))
    repeated = fit(regression(np.repeat(y, times), np.repeat(X, times, axis=0), priors, sigma))
    np.testing.assert_allclose(weighted.estimate, repeated.estimate, rtol=1e-11)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-9, atol=1e-16)
    assert weighted.log_evidence == pytest.approx(repeated.log_evidence, rel=1e-12)


def test_theta_may_have_sigma_first(line):
    y, X = line
    priors = {"Intercept": prior("Normal", mu=0.0, sigma=5.0), "x": FLAT}
    last = fit(regression(y, X, priors, prior("HalfNormal", sigma=2.0)))
    first = fit(regression(y, X, priors, prior("HalfNormal", sigma=2.0), sigma_first=True))
    assert first.names == ("sigma", "Intercept", "x")
    np.testing.assert_array_equal(first.estimate, last.estimate[[2, 0, 1]])
    np.testing.assert_array_equal(first.covariance, last.covariance[np.ix_([2, 0, 1], [2, 0, 1])])
    for name in last.names:
        assert first.marginals[name].sd == last.marginals[name].sd
    np.testing.assert_allclose(first.draws.std(axis=(0, 1)), first.sd, rtol=0.05)


def test_the_evidence_of_two_parts_is_the_evidence_of_the_whole(line):
    # chain rule p(y1, y2) = p(y1) p(y2 | y1), with sigma known so that the posterior is again a prior of the table
    y = line[0]
    whole = fit(regression(y, None, {"mu": prior("Normal", mu=0.0, sigma=2.0)}, 0.7))
    first = fit(regression(y[:11], None, {"mu": prior("Normal", mu=0.0, sigma=2.0)}, 0.7))
    between = prior("Normal", mu=first.estimate[0], sigma=first.sd[0])
    second = fit(regression(y[11:], None, {"mu": between}, 0.7))
    assert first.log_evidence + second.log_evidence == pytest.approx(whole.log_evidence, rel=1e-12)


# reference posteriors of posteriordb

HALF_CAUCHY = prior("HalfCauchy", beta=2.5)
CASES = {
    "kidiq-kidscore_momhs": ("kid_score", ["1", "mom_hs"], [FLAT] * 2, HALF_CAUCHY),
    "kidiq-kidscore_momiq": ("kid_score", ["1", "mom_iq"], [FLAT] * 2, HALF_CAUCHY),
    "kidiq-kidscore_momhsiq": ("kid_score", ["1", "mom_hs", "mom_iq"], [FLAT] * 3, HALF_CAUCHY),
    "kidiq-kidscore_interaction": (
        "kid_score",
        ["1", "mom_hs", "mom_iq", "mom_hs:mom_iq"],
        [FLAT] * 4,
        HALF_CAUCHY,
    ),
    "kilpisjarvi_mod-kilpisjarvi": (
        "y",
        ["1", "x"],
        [
            prior("Normal", mu=9.31290322580645, sigma=100.0),
            prior("Normal", mu=0.0, sigma=0.0333333333333333),
        ],
        HALF_FLAT,
    ),
    **{
        f"{name}-blr": (
            "y",
            [f"X{j}" for j in range(1, 6)],
            [prior("Normal", mu=0.0, sigma=10.0)] * 5,
            prior("HalfNormal", sigma=10.0),
        )
        for name in ("sblri", "sblrc")
    },
}


def columns(case):
    with (REFERENCES / case / "data.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def term(data, name):
    parts = [data[part] for part in name.split(":") if part != "1"]
    return np.prod(parts, axis=0) if parts else np.ones(len(next(iter(data.values()))))


@pytest.mark.parametrize("case", CASES)
def test_exact_agrees_with_the_reference_draws_of_posteriordb(case):
    response, terms, priors, sigma = CASES[case]
    data = columns(case)
    X = np.column_stack([term(data, name) for name in terms])
    answer = fit(regression(data[response], X, dict(zip(terms, priors, strict=True)), sigma))
    reference = list(json.loads((REFERENCES / case / "reference.json").read_text())["parameters"].values())
    assert len(reference) == len(answer.names)
    for j, (name, row) in enumerate(zip(answer.names, reference, strict=True)):
        assert abs(answer.estimate[j] - row["mean"]) < 4 * row["mcse"]
        assert answer.sd[j] == pytest.approx(row["sd"], rel=0.05)
        # the standard error of a quantile is sqrt(q (1 - q) / S) / density
        for q in (0.05, 0.25, 0.5, 0.75, 0.95):
            value = row[f"q{100 * q:02.0f}"]
            assert abs(answer.marginals[name].cdf(value) - q) < 4.5 * math.sqrt(q * (1 - q) / row["draws"])
    assert answer.details["relative_error"] < 1e-10


# draws


def test_draws_are_independent_draws_of_the_marginals(line):
    y, X = line
    answer = fit(regression(y, X, {"Intercept": FLAT, "x": prior("Normal", mu=0.0, sigma=0.5)}, HALF_CAUCHY))
    assert answer.draws.shape == (4, 1000, 3)
    flat = answer.draws.reshape(-1, 3)
    assert np.all(np.abs(flat.mean(axis=0) - answer.estimate) < 4 * answer.sd / math.sqrt(4000))
    for j, name in enumerate(answer.names):
        assert scipy.stats.kstest(flat[:, j], answer.marginals[name].cdf).pvalue > 1e-3
    expected = answer.covariance / np.outer(answer.sd, answer.sd)
    np.testing.assert_allclose(np.corrcoef(flat.T), expected, atol=4 / math.sqrt(4000))


def test_equal_seeds_give_equal_draws(line):
    model = regression(*line, {"Intercept": FLAT, "x": FLAT}, HALF_CAUCHY)
    np.testing.assert_array_equal(fit(model, seed=1).draws, fit(model, seed=1).draws)
    assert np.all(fit(model, seed=1).draws != fit(model, seed=2).draws)


def test_draws_and_chains_are_settings():
    assert fit(coin(6, 4, prior("Beta", alpha=2, beta=2)), draws=7, chains=3).draws.shape == (3, 7, 1)


# refusals


def test_a_laplace_prior_is_named(line):
    priors = {"Intercept": FLAT, "mom_iq": prior("Laplace", mu=0.0, b=1.0)}
    with pytest.raises(NotApplicable) as refusal:
        fit(regression(*line, priors, HALF_CAUCHY))
    assert refusal.value.message == (
        "The prior of mom_iq is Laplace(0, 1); the closed form needs Normal or Flat coefficients."
    )
    assert "nuts" in refusal.value.instead


def test_every_prior_in_the_way_is_named(line):
    priors = {"Intercept": prior("Cauchy", alpha=0.0, beta=1.0), "x": prior("Laplace", mu=0.0, b=1.0)}
    with pytest.raises(NotApplicable, match=r"of Intercept is Cauchy\(0, 1\).*of x is Laplace\(0, 1\)"):
        fit(regression(*line, priors, HALF_CAUCHY))


def test_logistic_regression_is_refused():
    response = Response("y", np.array([0.0, 1.0, 1.0]))
    block = Block(
        "x",
        ("x",),
        scalar=True,
        prior=prior("Normal", mu=0.0, sigma=1.0),
        start=0,
        support=REAL,
        origin="given",
    )
    predictor = Predictor("p", "logit", np.ones((3, 1)), np.array([0]), ("x",))
    model = Model(LIKELIHOODS["Bernoulli"], response, (predictor,), (block,), {}, "y ~ x")
    with pytest.raises(
        NotApplicable, match="Bernoulli with predictors through a logit link has no closed form"
    ):
        fit(model)


def test_a_prior_that_is_no_beta_is_refused():
    with pytest.raises(
        NotApplicable,
        match=r"The prior of p is Uniform\(0.2, 0.8\); the closed form needs Beta or Uniform\(0, 1\)",
    ):
        fit(coin(6, 4, prior("Uniform", lower=0.2, upper=0.8)))


def test_two_rows_two_coefficients_and_a_flat_sigma_are_improper():
    X = np.array([[1.0, 0.0], [1.0, 1.0]])
    with pytest.raises(FitError, match="2 rows, 2 coefficients and a flat sigma: the posterior is improper"):
        fit(regression([1.0, 2.0], X, {"a": FLAT, "b": FLAT}, HALF_FLAT))


@pytest.mark.parametrize("sigma", [HALF_FLAT, prior("HalfNormal", sigma=1.0)])
def test_a_perfect_fit_is_refused_unless_the_prior_keeps_sigma_from_zero(sigma):
    x = np.linspace(0.1, 3.7, 9)
    X = np.column_stack([np.ones(9), x])
    with pytest.raises(FitError, match="fits the data perfectly"):
        fit(regression(0.3 + 0.7 * x, X, {"a": FLAT, "b": FLAT}, sigma))
    kept = fit(
        regression(0.3 + 0.7 * x, X, {"a": FLAT, "b": FLAT}, prior("InverseGamma", alpha=3.0, beta=1.0))
    )
    np.testing.assert_allclose(kept.estimate[:2], [0.3, 0.7], rtol=1e-12)


def test_collinear_columns_with_flat_priors_are_improper(line):
    y, X = line
    with pytest.raises(FitError, match="collinear"):
        fit(regression(y, np.column_stack([X, X[:, 1] * 3]), {"a": FLAT, "b": FLAT, "c": FLAT}, HALF_CAUCHY))


def test_an_infinite_sd_is_reported_and_flagged():
    # 4 rows, 2 coefficients, flat sigma: sigma ~ sigma^-2 in the tail, no mean; 5 rows: a mean but no sd
    X = np.column_stack([np.ones(5), [0.0, 1.0, 2.0, 3.0, 5.0]])
    y = np.array([0.0, 2.0, 1.0, 4.0, 4.5])
    priors = {"a": FLAT, "b": FLAT}
    no_sd = fit(regression(y, X, priors, HALF_FLAT))
    assert no_sd.outcome.status == "flagged"
    assert "sd of a, b, sigma" in no_sd.outcome.message
    assert np.all(np.isinf(no_sd.sd))
    assert np.all(np.isfinite(no_sd.estimate))
    no_mean = fit(regression(y[:4], X[:4], priors, HALF_FLAT))
    assert math.isinf(no_mean.estimate[2])
    least_squares, rss = np.linalg.lstsq(X[:4], y[:4])[:2]
    cauchy = scipy.stats.t(1, least_squares[1], math.sqrt(np.linalg.inv(X[:4].T @ X[:4])[1, 1] * rss[0]))
    assert no_mean.marginals["b"].quantile(0.9) == pytest.approx(cauchy.ppf(0.9), rel=1e-8)


def test_a_sigma_whose_square_is_next_to_nothing_has_an_sd():
    """sd = sigma / sqrt(n), where its square in units of the data is below the least number."""
    model = regression(np.array([1.0e99, 1.1e99, 0.9e99]), np.ones((3, 1)), {"Intercept": FLAT}, 1e-100)
    fit = EXACT.fit(model, ExactSettings(), Context(seed=1))
    assert fit.sd == pytest.approx([1e-100 / math.sqrt(3)], rel=1e-12)
    assert fit.estimate == pytest.approx([1e99], rel=1e-12)
