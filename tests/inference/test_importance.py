"""Importance sampling: within its stated Monte Carlo error of exact answers, and flagged when it cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.errors import FitError
from bayescope.inference import importance, log_densities
from bayescope.inference.exact import EXACT
from bayescope.inference.importance import IMPORTANCE
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.method import Context
from bayescope.inference.mirrored import mirrored_log_likelihoods
from bayescope.inference.normal_approximation import approximate
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import ImportanceSettings
from bayescope.inference.store import fit_from_tree, fit_to_tree
from bayescope.models import density, prior_density
from bayescope.sampling import importance_weights


def fit(model, seed=20261120, **chosen):
    return IMPORTANCE.fit(model, IMPORTANCE.settings(**chosen), Context(seed=seed))


def exact(model):
    return EXACT.fit(model, EXACT.settings(), Context(seed=1))


def kid_scores(rows=100):
    """A regression on the scale of kidiq: one binary and one wide predictor, sigma near 18."""
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(rows), rng.integers(0, 2, rows), rng.normal(100, 15, rows)])
    return X, X @ [26.0, 6.0, 0.56] + rng.normal(0, 18, rows)


def z_scores(found, truth):
    """Differences of means and sds from the truth, in the Monte Carlo errors that the fit states."""
    errors = [np.array(list(found.details[key].values())) for key in ("mcse_mean", "mcse_sd")]
    return np.concatenate([(found.estimate - truth.estimate) / errors[0], (found.sd - truth.sd) / errors[1]])


@pytest.fixture(scope="module")
def models(regression, coin):
    X, y = kid_scores()
    priors = [("Normal", 0, 100.0), ("Normal", 0, 20.0), ("Normal", 0, 2.0)]
    return {
        "coin": coin(6, 4, ("Beta", 2, 2)),
        "counts": coin(700, 300, ("Beta", 10, 10), counts=True),
        "binomial": coin(3, 9, ("Beta", 1, 1), likelihood="Binomial"),
        "sigma known": regression(X, y, priors=priors, sigma=18.0),
        "sigma unknown": regression(X, y, priors=priors, sigma=("Exponential", 0.05)),
        "flat": regression(X, y),
    }


NAMES = ["coin", "counts", "binomial", "sigma known", "sigma unknown", "flat"]


@pytest.mark.parametrize("name", NAMES)
def test_it_agrees_with_the_exact_posterior(models, name):
    found, truth = fit(models[name]), exact(models[name])
    assert np.abs(z_scores(found, truth)).max() < 4
    assert found.outcome.status == "ok"
    if truth.log_evidence is None:
        assert found.log_evidence is None
        assert "flat prior" in found.details["log_evidence"]
    else:
        assert abs(found.log_evidence - truth.log_evidence) < 4 * found.details["log_evidence_mcse"]


def test_its_monte_carlo_errors_are_honest(models):
    model = models["coin"]
    truth = exact(model)
    runs = [fit(model, seed=seed, proposals=1000, draws=10) for seed in range(200)]
    scores = np.array([z_scores(run, truth) for run in runs])
    evidence = [(run.log_evidence - truth.log_evidence) / run.details["log_evidence_mcse"] for run in runs]
    # the sd of 200 scores has an error of 1 / sqrt(400) = 0.05
    assert np.all(np.abs(scores.std(axis=0) - 1) < 0.25)
    assert abs(np.std(evidence) - 1) < 0.25


def test_student_tails_keep_the_weights_bounded_where_normal_tails_do_not(regression):
    # a scale mixture of Normals: the mean of ten rows with unknown sigma is Student-t
    model = regression(
        np.ones((10, 1)), np.linspace(-1, 1, 10), priors=("Normal", 0, 9.0), sigma=("HalfCauchy", 1.0)
    )
    student, normal = (fit(model, degrees_of_freedom=nu) for nu in (7.0, 1e6))
    assert student.details["pareto_k"] < 0.5 < normal.details["pareto_k"]
    assert student.details["ess"] > normal.details["ess"]


def test_the_normal_proposal_is_a_normal_posterior(models):
    found, truth = fit(models["sigma known"], degrees_of_freedom=1e6), exact(models["sigma known"])
    # the t density with 10^6 degrees of freedom differs from the Normal by r^4 / 4 nu
    assert found.details["ess"] == pytest.approx(10_000, rel=1e-6)
    assert found.log_evidence == pytest.approx(truth.log_evidence, abs=1e-5)


def test_logistic_regression_with_two_unknowns_against_a_dense_grid(regression):
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(25), rng.normal(size=25)])
    y = (rng.random(25) < scipy.special.expit(0.5 + 1.5 * X[:, 1])).astype(float)
    model = regression(X, y, likelihood="Bernoulli", priors=[("Normal", 0, 2.0), ("StudentT", 4, 0, 1.5)])
    # the integrand is analytic and gone at the ends: the product of trapezoidal rules is exact to rounding
    a, b = np.linspace(-6, 8, 301), np.linspace(-6, 12, 301)
    eta = a[:, None, None] + b[:, None] * X[:, 1]
    log_p = (y * eta - np.logaddexp(0, eta)).sum(axis=-1)
    log_p += scipy.stats.norm(0, 2).logpdf(a)[:, None] + scipy.stats.t(4, 0, 1.5).logpdf(b)
    p = np.exp(log_p - log_p.max())
    total, p = p.sum(), p / p.sum()
    mean = np.array([p.sum(axis=1) @ a, p.sum(axis=0) @ b])
    sd = np.sqrt([p.sum(axis=1) @ (a - mean[0]) ** 2, p.sum(axis=0) @ (b - mean[1]) ** 2])
    log_evidence = log_p.max() + math.log(total * (a[1] - a[0]) * (b[1] - b[0]))

    found = fit(model)
    truth = type("Truth", (), {"estimate": mean, "sd": sd})
    assert np.abs(z_scores(found, truth)).max() < 4
    assert abs(found.log_evidence - log_evidence) < 4 * found.details["log_evidence_mcse"]
    correlation = (p * np.outer(a - mean[0], b - mean[1])).sum() / np.prod(sd)
    assert found.covariance[0, 1] / np.prod(found.sd) == pytest.approx(correlation, abs=0.05)


@pytest.mark.parametrize(("location", "scale"), [(0.0, 10.0), (-110.0, 100.0)])
def test_the_evidence_of_counts_that_are_all_0_is_a_probability(regression, location, scale):
    """Some draws have rates so large that their log weights are -1e16 and below: no digit is left of the others'."""
    model = regression(np.ones((5, 1)), np.zeros(5), likelihood="Poisson", priors=("Normal", location, scale))
    found = fit(model)
    prior = scipy.stats.norm(location, scale)
    ends = (location - 12 * scale, 7.0)
    truth = scipy.integrate.quad(
        lambda b: prior.pdf(b) * np.exp(-5 * np.exp(b)), *ends, points=[location, 0.0]
    )[0]
    assert abs(found.log_evidence - np.log(truth)) < 4 * found.details["log_evidence_mcse"]


def test_the_draws_have_the_moments_of_the_weighted_sample(models):
    found = fit(models["coin"], draws=2500)
    assert found.draws.shape == (4, 2500, 1)
    assert found.marginals["p"].mean == pytest.approx(found.draws.mean(), rel=1e-14)
    error = found.sd[0] / math.sqrt(found.details["ess"])
    assert abs(found.draws.mean() - found.estimate[0]) < 4 * error
    assert scipy.stats.kstest(found.draws[0, :1000, 0], scipy.stats.beta(8, 6).cdf).pvalue > 1e-4
    np.testing.assert_array_equal(found.draws, fit(models["coin"], draws=2500).draws)
    assert 0 < found.details["distinct_draws"] <= 10_000


def test_a_heavy_tail_is_flagged_with_its_k(regression):
    # one vague observation: the posterior is nearly the Cauchy prior, with tails far heavier than a Normal's
    found = fit(regression(np.ones((1, 1)), [0.0], priors=("Cauchy", 0, 1.0), sigma=100.0))
    assert found.outcome.status == "flagged"
    assert found.details["pareto_k"] > found.details["pareto_k_limit"]
    assert f"Pareto k is {found.details['pareto_k']:.2f}, above 0.70" in found.outcome.message
    assert "nuts" in found.outcome.advice


def test_a_second_mode_is_flagged_although_the_weights_cannot_see_it(regression):
    found = fit(regression(np.ones((1, 1)), [10.0], priors=("Cauchy", 0, 1e-3), sigma=1.0))
    assert found.details["pareto_k"] < found.details["pareto_k_limit"]
    assert found.outcome.status == "flagged"
    assert "2 modes" in found.outcome.message


@pytest.mark.parametrize(
    ("log_ratios", "why"),
    [(np.append(np.zeros(999), 500.0), "1000 draws .* are worth 1.0"), (np.full(1000, np.nan), "nan or inf")],
)
def test_draws_that_are_worth_nothing_are_no_answer(models, monkeypatch, log_ratios, why):
    monkeypatch.setattr(importance, "_propose", lambda *_: (np.zeros((1000, 1)), log_ratios))
    with pytest.raises(FitError, match=why):
        fit(models["coin"], proposals=1000)


@pytest.mark.parametrize(("count", "note"), [(20, "too few weights"), (1000, "no tail")])
def test_a_k_that_is_not_finite_is_told_in_words(count, note):
    ratios = np.full(1000, -np.inf)
    ratios[:count] = 0.0
    quality = importance.quality(importance_weights(ratios))
    assert quality["pareto_k"] is None
    assert note in quality["pareto_k_note"]


def everything(regression, coin):
    X, y = kid_scores(30)
    z = (X - X.mean(axis=0)) / 15
    flips = (y > np.median(y)).astype(float)
    times = np.random.default_rng(0).integers(0, 4, 30).astype(float)
    offset = np.linspace(-1, 1, 30)
    return [
        coin(6, 4, ("Beta", 2, 2)),
        coin(6, 4, ("Beta", 2, 2), counts=True),
        coin(6, 4, ("Uniform", 0, 1), likelihood="Binomial"),
        regression(X, y, priors=("Normal", 0, 30.0), weights=times),
        regression(X, y, sigma=18.0, offset=offset),
        regression(z, flips, likelihood="Bernoulli", priors=("Cauchy", 0, 1.0), offset=offset),
        regression(z, flips, likelihood="Bernoulli", priors=("Normal", 0, 1.0), weights=times),
        regression(z, 2 * flips, likelihood="Binomial", trials=times * 2 + 2),
        regression(z, times, likelihood="Poisson", priors=("Normal", 0, 1.0), offset=offset),
    ]


def test_the_densities_of_many_draws_are_those_of_each(regression, coin, monkeypatch):
    monkeypatch.setattr(log_densities, "_ELEMENTS", 100)  # several blocks, of rows as well
    monkeypatch.setattr(log_densities, "_ROWS", 7)
    for model in everything(regression, coin):
        lower, _ = prior_density.prior_bounds(model)
        u = np.random.default_rng(1).uniform(0.1, 0.9, (17, len(model.names)))
        thetas = np.where(np.isfinite(lower), u, 4 * u - 2)
        found = log_likelihoods(PointProblem(model, prior=True), thetas)
        np.testing.assert_allclose(found, [density.log_likelihood(model, t) for t in thetas], rtol=1e-10)
        priors = [prior_density.log_prior(model, t) for t in thetas]
        np.testing.assert_allclose(log_priors(model, thetas), priors, rtol=1e-12)
        centre, deviations = thetas.mean(axis=0), (thetas - thetas.mean(axis=0)) / 8  # inside on either side
        sides = [*(centre + deviations), *(centre - deviations)]
        factor = np.eye(len(centre))
        found = mirrored_log_likelihoods(PointProblem(model, prior=True), centre, factor, deviations)
        np.testing.assert_allclose(found, [density.log_likelihood(model, t) for t in sides], rtol=1e-10)


def test_the_sum_does_not_depend_on_the_number_of_processors(regression, monkeypatch):
    X = np.random.default_rng(0).normal(size=(5000, 3))
    problem = PointProblem(regression(X, X[:, 0] > 0, likelihood="Bernoulli"), prior=True)
    thetas = np.random.default_rng(1).normal(size=(20, 3))
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(log_densities, "available_cores", lambda cores=cores: cores)
        found.append(log_likelihoods(problem, thetas))
    np.testing.assert_array_equal(*found)


def test_the_mode_of_many_rows_takes_two_hessians_of_all(regression, monkeypatch):
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(40_000), rng.normal(size=(40_000, 3))])
    y = rng.binomial(1, 1 / (1 + np.exp(-X @ [0.3, 1.0, -1.0, 0.0])))
    model, made, evaluate = regression(X, y, likelihood="Bernoulli"), [], density.evaluate
    monkeypatch.setattr(
        density,
        "evaluate",
        lambda model, theta, order: (
            made.append((len(model.response.values), order)) or evaluate(model, theta, order=order)
        ),
    )
    found = approximate(model, ImportanceSettings(), Context(seed=1))
    assert made.count((len(X), 2)) == 2
    assert found.solution.kkt_residual < 1e-8


def test_there_are_fewer_proposals_where_rows_are_many(regression, monkeypatch):
    monkeypatch.setattr(importance, "_ROW_DENSITIES", 200_000)
    X = np.random.default_rng(2).normal(size=(400, 1))
    made = {}
    for rows in (10, 40, 400):
        y = (X[:rows, 0] + np.resize([1.0, -1.0], rows) > 0).astype(float)
        made[rows] = fit(regression(X[:rows], y, likelihood="Bernoulli", priors=("Normal", 0, 1.0)))
    assert [made[rows].details["proposals"] for rows in (10, 40, 400)] == [10_000, 5000, 2000]
    counted = fit(regression(X[:10], X[:10, 0] ** 2 > 1, likelihood="Bernoulli"), proposals=1001)
    assert counted.details["proposals"] == 1002  # pairs


def test_mirrored_draws_know_the_mean_of_a_symmetric_posterior_as_well_as_its_mode(models):
    found, truth = fit(models["sigma known"], proposals=1000), exact(models["sigma known"])
    assert np.abs((found.estimate - truth.estimate) / truth.sd).max() < 1e-8
    errors = np.array(list(found.details["mcse_mean"].values()))
    np.testing.assert_allclose(errors / found.sd, 1e-8, rtol=1e-3)


def test_memory_is_bounded_by_blocks(regression):
    import tracemalloc

    X = np.random.default_rng(0).normal(size=(4000, 2))
    problem = PointProblem(regression(X, X[:, 0] > 0, likelihood="Bernoulli"), prior=True)
    tracemalloc.start()
    log_likelihoods(problem, np.zeros((4000, 2)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    each = 5 * 8 * log_densities._ELEMENTS  # all at once it would be 16,000,000 elements an array
    assert peak < 1e6 + each * log_densities.available_cores()


def test_an_impossible_row_that_never_occurs_says_nothing(coin):
    model = coin(5, 0, ("Beta", 1, 1), counts=True)
    assert log_likelihoods(PointProblem(model, prior=True), np.array([[1.0]])) == 0.0


def test_a_fit_is_stored_and_read_back(models):
    found = fit(models["coin"], draws=50)
    again = fit_from_tree(fit_to_tree(found))
    np.testing.assert_array_equal(again.draws, found.draws)
    assert again.details == found.details


CLASSES = {"y": [0, 0, 1, 1], "x": [-1, 0, 0.5, 2]}
LINE = {"y": [1, 2, 3, 4, 7], "x": [1, 2, 3, 4, 5]}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("columns", "likelihood", "heavy", "light"),
    [
        # by quadrature the sd of x is 4.10; weighted draws say 2.3 to 2.6
        (CLASSES, "Bernoulli", {"x": "StudentT(3, 0, 2.5)"}, {"x": "Normal(0, 2.5)"}),
        (LINE, "Normal", {}, {"sigma": 0.5}),
    ],
)
def test_a_posterior_of_heavier_tails_than_the_proposal_is_flagged(columns, likelihood, heavy, light, seed):
    def run(priors):
        model = {"likelihood": likelihood, "formula": "y ~ x", "priors": priors}
        config = {"name": "tails", "data": {"columns": columns}, "model": model, "seed": seed}
        return bayescope.run(config | {"inference": ["importance"]})["importance"]

    assert (run(heavy).outcome.status, run(light).outcome.status) == ("flagged", "ok")
    assert run(heavy).details["pareto_k"] > 0.7 > run(light).details["pareto_k"]
