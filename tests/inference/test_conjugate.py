"""Conjugate pairs: what must hold for every entry of the table, against quadrature and scipy."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.links import LINKS
from bayescope.errors import ConfigError, DataError, FitError, NotApplicable
from bayescope.inference.conjugate import Conjugate, maximum
from bayescope.inference.conjugate_families import FAMILIES
from bayescope.inference.conjugate_pairs import PAIRS
from bayescope.inference.conjugate_rules import scaled_beta_prime
from bayescope.inference.exact import EXACT
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.settings import ExactSettings
from bayescope.models import density, prior_density
from bayescope.models.model import Response
from bayescope.pipeline import prepare, read_config

# For each pair: known parameters, the prior's arguments, and data.
RNG = np.random.default_rng(20261120)
CASES = {
    ("Bernoulli", "p"): ({}, (2.0, 2.5), RNG.binomial(1, 0.7, 30)),
    ("Binomial", "p"): ({}, (1.5, 2.0), RNG.binomial(7, 0.4, 12)),
    ("Geometric", "p"): ({}, (2.0, 3.0), RNG.geometric(0.3, 25)),
    ("NegativeBinomial", "p"): ({"n": 4.0}, (1.0, 2.0), RNG.negative_binomial(4, 0.4, 15)),
    ("Poisson", "mu"): ({}, (2.0, 0.5), RNG.poisson(3.0, 20)),
    ("Exponential", "lam"): ({}, (2.0, 3.0), RNG.exponential(2.0, 20)),
    ("Gamma", "beta"): ({"alpha": 2.5}, (1.5, 0.7), RNG.gamma(2.5, 0.5, 14)),
    ("Normal", "mu"): ({"sigma": 1.5}, (1.0, 2.0), RNG.normal(3.0, 1.5, 11)),
    ("Normal", "tau"): ({"mu": 2.5}, (2.0, 1.5), RNG.normal(3.0, 1.5, 13)),
    ("Normal", "variance"): ({"mu": 2.5}, (2.0, 1.5), RNG.normal(3.0, 1.5, 13)),
    ("Uniform", "upper"): ({"lower": 0.0}, (1.5, 0.5), RNG.uniform(0.0, 4.0, 16)),
}
TRIALS = 7.0
every_pair = pytest.mark.parametrize("key", CASES, ids="-".join)


def test_every_pair_has_a_case_here():
    # those of vectors have theirs in test_conjugate_vectors
    vectors = {key for key in PAIRS if LIKELIHOODS[key[0]].multivariate}
    assert {*CASES, ("Categorical", "p")} | vectors == set(PAIRS)


def response(key, values, weights=None):
    values = np.asarray(values, dtype=float)
    trials = np.full(len(values), TRIALS) if key[0] == "Binomial" else None
    return Response("y", values, trials, weights)


def prior_of(key):
    known, arguments, _ = CASES[key]
    return Conjugate(PAIRS[key], known, arguments)


def posterior_of(key, values):
    prior = prior_of(key)
    return prior.observe(prior.statistics(response(key, values)))


def log_joint(key, theta):
    """log p(y, theta) by the tables of likelihoods and distributions, for theta of any shape."""
    head, family = LIKELIHOODS[key[0]], DISTRIBUTIONS[PAIRS[key].family]
    known, arguments, values = CASES[key]
    unknown = {p.name: LINKS[p.spellings.get(key[1], "identity")] for p in head.parameters}
    psi = [
        known[p.name] if p.name in known else unknown[p.name].inverse(theta[..., None])
        for p in head.parameters
    ]
    data = response(key, values)
    rows = head.log_density(data.values, data.trials, tuple(psi))
    return rows.sum(axis=-1) + family.log_density(theta, *arguments)


def integral(function, lower, upper, inner):
    edges = [lower, *inner, upper]
    parts = [
        scipy.integrate.quad(function, a, b, epsabs=0, epsrel=1e-12, limit=200)[0] for a, b in pairwise(edges)
    ]
    return math.fsum(parts)


@every_pair
def test_evidence_mean_and_sd_are_those_of_quadrature(key):
    _, _, values = CASES[key]
    [marginal] = posterior_of(key, values).marginals
    lower, upper = marginal.quantile(np.array([0.0, 1.0]))
    inner = marginal.quantile(np.array([1e-9, 1e-3, 0.2, 0.5, 0.8, 1 - 1e-3, 1 - 1e-9]))
    top = float(np.max(log_joint(key, inner)))

    def moment(power, about=0.0):
        def weighted(theta):
            return (theta - about) ** power * math.exp(log_joint(key, np.float64(theta)) - top)

        return integral(weighted, lower, upper, inner)

    mass = moment(0)
    mean = moment(1) / mass
    prior = prior_of(key)
    log_evidence = prior.log_evidence(prior.statistics(response(key, values)))
    assert log_evidence == pytest.approx(top + math.log(mass), abs=1e-10)
    assert marginal.mean == pytest.approx(mean, rel=1e-10)
    assert marginal.sd == pytest.approx(math.sqrt(moment(2, mean) / mass), rel=1e-10)


@every_pair
def test_the_evidence_is_the_product_of_sequential_predictions(key):
    _, _, values = CASES[key]
    prior = belief = prior_of(key)
    total = 0.0
    for value in values:
        one = response(key, [value])
        total += float(belief.log_predictive(one.values, one.trials)[0])
        belief = belief.observe(belief.statistics(one))
    assert float(prior.log_evidence(prior.statistics(response(key, values)))) == pytest.approx(
        total, abs=1e-9
    )


@every_pair
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_split_in_any_order_ends_where_the_batch_does(key, data):
    _, _, values = CASES[key]
    order = data.draw(st.permutations(range(len(values))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(values) - 1), max_size=6)))
    belief = prior_of(key)
    parts = [belief.statistics(response(key, part)) for part in np.split(values[order], cuts)]
    for part in parts:
        belief = belief.observe(part)
    batch = posterior_of(key, values)
    np.testing.assert_allclose(belief.arguments, batch.arguments, rtol=1e-12)
    # and the statistics of the parts pool into those of the whole
    pooled = PAIRS[key].pool(np.stack(parts, axis=1), np.ones(len(parts)))
    whole = prior_of(key).statistics(response(key, values))
    np.testing.assert_allclose(pooled, whole, rtol=1e-12)


@every_pair
def test_weights_are_repeated_rows(key):
    _, _, values = CASES[key]
    times = np.arange(len(values)) % 4
    prior = prior_of(key)
    weighted = prior.statistics(response(key, values, times.astype(float)))
    repeated = prior.statistics(response(key, np.repeat(values, times)))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


# The posterior predictive distribution


@every_pair
def test_without_rows_the_posterior_is_the_prior(key):
    prior, posterior = prior_of(key), posterior_of(key, [])
    assert posterior.arguments == prior.arguments
    assert float(prior.log_evidence(prior.statistics(response(key, [])))) == 0.0


def outcomes(key, values):
    """All responses that have any mass, for a likelihood of counts."""
    return np.arange(LIKELIHOODS[key[0]].response.lower, TRIALS + 1 if key[0] == "Binomial" else 20_000.0)


@every_pair
def test_the_predictive_density_has_mass_one_and_the_moments_it_is_said_to_have(key):
    _, _, values = CASES[key]
    posterior = posterior_of(key, values)
    summary = posterior.predictive(TRIALS if key[0] == "Binomial" else 1.0)
    trials = TRIALS if key[0] == "Binomial" else None
    head = LIKELIHOODS[key[0]]
    if head.response.integer:
        y = np.array([0.0, 1.0]) if key[0] == "Bernoulli" else outcomes(key, values)
        mass = np.exp(posterior.log_predictive(y, trials))
        moments = [mass.sum(), mass @ y, mass @ y**2]
    else:
        lower = 0.0 if key[0] != "Normal" else -math.inf
        inner = [-10.0, 0.0] if key[0] == "Normal" else []
        inner += (
            [posterior.arguments[1]] if key[0] == "Uniform" else [summary.mean, summary.mean + 4 * summary.sd]
        )

        def weighted(power):
            return lambda y: y**power * math.exp(posterior.log_predictive(np.array([y]))[0])

        moments = [integral(weighted(power), lower, math.inf, inner) for power in range(3)]
    assert moments[0] == pytest.approx(1.0, abs=1e-10)
    assert summary.mean == pytest.approx(moments[1], rel=1e-9)
    assert summary.sd == pytest.approx(math.sqrt(moments[2] - moments[1] ** 2), rel=1e-8)


@pytest.mark.parametrize(
    ("key", "first", "second"),
    # the second argument of the family is 3; a moment exists where this argument is above the threshold
    [
        (("Geometric", "p"), 1.0, 2.0),
        (("NegativeBinomial", "p"), 1.0, 2.0),
        (("Exponential", "lam"), 1.0, 2.0),
        (("Gamma", "beta"), 1.0, 2.0),
        (("Uniform", "upper"), 1.0, 2.0),
        (("Normal", "tau"), None, 1.0),
        (("Normal", "variance"), None, 1.0),
    ],
    ids=lambda key: "-".join(key) if isinstance(key, tuple) else "",
)
def test_moments_of_the_next_response_exist_above_their_thresholds(key, first, second):
    for shape in (0.5, 1.0, 1.25, 2.0, 2.25):
        found = Conjugate(PAIRS[key], CASES[key][0], (shape, 3.0)).predictive()
        assert math.isfinite(found.mean) == (first is None or shape > first)
        assert math.isfinite(found.sd) == (shape > second)
        assert math.isfinite(found.sd) or found.sd == math.inf


SCIPY = {
    "Bernoulli": scipy.stats.bernoulli,
    "BetaBinomial": scipy.stats.betabinom,
    "BetaNegativeBinomial": scipy.stats.betanbinom,
    "NegativeBinomial": scipy.stats.nbinom,
    "Lomax": lambda c, scale: scipy.stats.lomax(c, scale=scale),
    "BetaPrime": scipy.stats.betaprime,
    "Normal": scipy.stats.norm,
    "StudentT": scipy.stats.t,
}


@pytest.mark.parametrize("key", [key for key in CASES if key[0] != "Uniform"], ids="-".join)
def test_the_predictive_distribution_is_the_one_it_is_called(key):
    _, _, values = CASES[key]
    posterior = posterior_of(key, values)
    trials = TRIALS if key[0] == "Binomial" else None
    before, name, arguments = re.fullmatch(
        r"(1 \+ |[\d.]+ \* )?(\w+)\((.*)\)", posterior.predictive(trials or 1.0).text
    ).groups()
    named = SCIPY[name](*map(float, arguments.split(", ")))
    y = np.asarray(values, dtype=float)
    shift = 1.0 if before == "1 + " else 0.0
    scale = float(before.split(" ")[0]) if before and not shift else 1.0
    log = (
        named.logpmf(y - shift)
        if LIKELIHOODS[key[0]].response.integer
        else named.logpdf(y / scale) - math.log(scale)
    )
    # the text has six digits
    np.testing.assert_allclose(posterior.log_predictive(y, trials), log, rtol=1e-4)


@every_pair
def test_draws_have_the_moments_of_the_posterior(key):
    _, _, values = CASES[key]
    posterior = posterior_of(key, values)
    [marginal] = posterior.marginals
    draws = posterior.family.draw(np.random.default_rng(1), 40_000, posterior.arguments)
    assert draws.shape == (40_000, 1)
    assert draws.mean() == pytest.approx(marginal.mean, abs=5 * marginal.sd / 200)
    assert np.mean(draws < marginal.quantile(np.array(0.3))) == pytest.approx(0.3, abs=5 * 0.46 / 200)


# Through the methods


def model_of(likelihood, values, priors, weights=None):
    data = {"columns": {"y": list(map(float, values)), "n": [TRIALS] * len(values)}}
    if weights is not None:
        data = {"counts": {"y": dict(zip(values, weights, strict=True))}}
    spec = {"likelihood": likelihood, "response": "y", "priors": priors}
    spec |= {"trials": "n"} if likelihood == "Binomial" else {}
    return prepare(read_config({"name": "x", "data": data, "model": spec, "inference": ["mle"]}))[1]


def case_model(key, prior=None):
    known, arguments, values = CASES[key]
    own = f"{PAIRS[key].family}({', '.join(map(repr, arguments))})"
    return model_of(key[0], values.tolist(), {**known, key[1]: prior or own})


def exact(model):
    return EXACT.fit(model, ExactSettings(draws=10), Context(seed=0))


def mle(model):
    return MLE.fit(model, MLE.settings(), Context(seed=0))


def map_(model):
    return MAP.fit(model, MAP.settings(), Context(seed=0))


@every_pair
def test_a_model_is_recognised_and_solved(key):
    _, _, values = CASES[key]
    answer = exact(case_model(key))
    posterior = posterior_of(key, values)
    assert answer.details["applies"] == PAIRS[key].name
    assert answer.details["conjugate"]["statistics"]["observations"] == len(values)
    assert answer.marginals[key[1]] == posterior.marginals[0]
    assert answer.log_evidence == pytest.approx(
        float(prior_of(key).log_evidence(prior_of(key).statistics(response(key, values)))), abs=1e-12
    )


@pytest.mark.parametrize("key", [key for key in CASES if key[0] != "Uniform"], ids="-".join)
def test_mle_and_map_are_stationary_with_the_curvature_as_their_precision(key):
    model = case_model(key)
    for answer, prior in ((mle(model), False), (map_(model), True)):
        _, gradient, hessian = density.likelihood_derivatives(model, answer.estimate)
        if prior:
            _, slope, curvature = prior_density.smooth_prior_derivatives(model, answer.estimate)
            gradient, hessian = gradient + slope, hessian + curvature
        assert answer.outcome.status == "ok"
        assert abs(gradient[0]) * answer.sd[0] < 1e-9
        assert answer.sd[0] == pytest.approx(1 / math.sqrt(-hessian[0, 0]), rel=1e-10)


def test_the_residual_of_a_mode_is_the_slope_there_in_its_sd(monkeypatch):
    found = Conjugate(PAIRS["Poisson", "mu"], {}, (5.0, 2.0))  # (5 - 1) log x - 2 x
    at_mode = maximum(found, np.zeros(1), np.full(1, np.inf))
    assert at_mode.theta.tolist() == [2.0]
    assert at_mode.residual == pytest.approx(0.0, abs=1e-15)
    monkeypatch.setattr("bayescope.inference.conjugate.mode", lambda _: np.array([2.5]))
    beside = maximum(found, np.zeros(1), np.full(1, np.inf))
    assert beside.residual == pytest.approx((2 - 4 / 2.5) * 2.5 / math.sqrt(4), rel=1e-14)


@pytest.mark.parametrize(
    ("key", "prior"),
    [
        (("Geometric", "p"), "Uniform(0.4, 0.9)"),
        (("NegativeBinomial", "p"), "Uniform(0.1, 0.9)"),
        (("Poisson", "mu"), "LogNormal(0, 1)"),
        (("Exponential", "lam"), "HalfNormal(0.2)"),
        (("Gamma", "beta"), "HalfCauchy(1)"),
        (("Uniform", "upper"), "HalfNormal(9)"),
    ],
)
def test_priors_outside_of_the_family_have_a_map_by_search(key, prior):
    model = case_model(key, prior)
    found = map_(model).estimate
    highest = density.log_likelihood(model, found) + prior_density.log_prior(model, found)
    for factor in (0.9, 0.999, 1.001, 1.1):
        theta = found * factor
        assert density.log_likelihood(model, theta) + prior_density.log_prior(model, theta) < highest
    with pytest.raises(
        NotApplicable, match=f"The prior of {key[1]} is {re.escape(prior)}; the closed form needs"
    ):
        exact(model)


def test_the_german_tank_problem_is_on_its_boundary():
    model = model_of("Uniform", [19, 40, 42, 60], {"lower": 0, "upper": "Pareto(1, 50)"})
    assert str(exact(model).marginals["upper"]) == "Pareto(5, 60)"
    for answer in (mle(model), map_(model)):
        assert answer.estimate.tolist() == [60.0]
        assert answer.outcome.status == "flagged"
        assert answer.details["boundary"] == ["upper"]
        assert np.isnan(answer.sd[0])


def test_no_events_have_their_mle_on_the_boundary():
    answer = mle(model_of("Poisson", [0, 0, 0], {}))
    assert (answer.estimate.tolist(), answer.outcome.status) == ([0.0], "flagged")


def test_waits_of_zero_have_no_mle():
    model = model_of("Exponential", [0.0, 0.0], {"lam": "HalfFlat()"})
    with pytest.raises(FitError, match="the MLE does not exist: the likelihood of lam rises without end"):
        mle(model)
    with pytest.raises(FitError, match="no single mode"):
        map_(model)
    with pytest.raises(
        FitError, match=r"2 observations and the prior HalfFlat\(\) of lam: the posterior is improper"
    ):
        exact(model)


@pytest.mark.parametrize(
    ("key", "prior", "same"),
    [
        (("Poisson", "mu"), "Exponential(0.5)", (1.0, 0.5)),
        (("Poisson", "mu"), "HalfFlat()", (1.0, 0.0)),
        (("Geometric", "p"), "Uniform(0, 1)", (1.0, 1.0)),
        (("Normal", "mu"), "Flat()", (0.0, math.inf)),
        (("Exponential", "lam"), "HalfFlat()", (1.0, 0.0)),
        (("Normal", "tau"), "HalfFlat()", (1.0, 0.0)),
        (("Normal", "variance"), "HalfFlat()", (-1.0, 0.0)),
        (("Uniform", "upper"), "Flat()", (-1.0, 0.0)),
        (("Uniform", "upper"), "HalfFlat()", (-1.0, 0.0)),
    ],
)
def test_priors_by_another_name(key, prior, same):
    known, _, values = CASES[key]
    belief = Conjugate(PAIRS[key], known, same)
    expected = belief.observe(belief.statistics(response(key, values)))
    answer = exact(case_model(key, prior))
    assert answer.marginals[key[1]] == expected.marginals[0]
    assert answer.details["conjugate"]["prior"] == list(same)
    assert (answer.log_evidence is None) == ("Flat" in prior)


def test_one_row_and_a_flat_end_are_improper():
    model = model_of("Uniform", [3.0], {"lower": 0, "upper": "Flat()"})
    with pytest.raises(
        FitError, match=r"1 observation and the prior Flat\(\) of upper: the posterior is improper"
    ):
        exact(model)


def test_a_tail_without_moments_is_flagged():
    answer = exact(model_of("Uniform", [3.0], {"lower": 0, "upper": "Pareto(0.5, 1)"}))
    assert answer.outcome.status == "flagged"
    assert "no sd of upper" in answer.outcome.message


@pytest.mark.parametrize(
    ("likelihood", "priors", "reason"),
    [
        ("NegativeBinomial", {}, "P and n are unknown; the closed form needs p as the only unknown"),
        ("Gamma", {"beta": 2}, "Alpha is unknown; the closed form needs beta as the only unknown"),
        ("Uniform", {"lower": -1}, "Lower is fixed at -1; the closed form needs lower: 0"),
        ("Poisson", {"mu": 2}, "Mu is fixed: nothing is unknown"),
    ],
)
def test_what_stands_in_the_way_is_named(likelihood, priors, reason):
    with pytest.raises(NotApplicable, match=f"^{re.escape(reason)}"):
        exact(model_of(likelihood, [1, 2, 3], priors))


def test_data_beyond_a_known_end_are_refused():
    with pytest.raises(DataError, match="'y': reaches -2, beyond lower = 0, which the model fixes"):
        model_of("Uniform", [-2.0, 1.0], {"lower": 0})


def test_an_amount_of_zero_is_no_amount_of_a_gamma():
    with pytest.raises(DataError, match="0 is outside positive numbers"):
        model_of("Gamma", [0.0, 1.0], {"alpha": 2})


def test_data_beyond_the_end_of_a_prior_are_refused():
    with pytest.raises(DataError, match="leaves no value of upper possible"):
        model_of("Uniform", [2.0, 8.0], {"lower": 0, "upper": "Uniform(1, 5)"})


def test_a_billion_counts_are_not_expanded():
    model = model_of("Poisson", [2, 3], {"mu": "Gamma(1, 1)"}, weights=[500_000_000, 500_000_000])
    answer = exact(model)
    assert str(answer.marginals["mu"]) == "Gamma(2500000001, 1000000001)"
    assert math.isfinite(answer.log_evidence)


@pytest.mark.parametrize("name", sorted(name for name in FAMILIES if not DISTRIBUTIONS[name].joint))
def test_a_family_is_flat_where_it_says_so(name):
    # the density's logarithm, without a constant that may be infinite
    entry = DISTRIBUTIONS[name]
    x = np.array([0.1, 0.5, 0.9])
    arguments = FAMILIES[name].flat(1)
    slopes = entry.slope(x, *arguments)
    np.testing.assert_array_equal(slopes, 0.0)


# Categories: several unknowns at once

KINDS = ["b", "a", "c", "b", "b", "c", "b", "a"]
DIRICHLET = np.array([1.5, 2.0, 3.0])
COUNTS = np.array([2.0, 4.0, 2.0])


def categories(values=KINDS, priors=None, counts=None):
    data = {"counts": {"y": counts}} if counts else {"columns": {"y": values}}
    spec = {"likelihood": "Categorical", "response": "y", "priors": priors or {}}
    return prepare(read_config({"name": "x", "data": data, "model": spec, "inference": ["mle"]}))[1]


def dirichlet_prior(arguments=DIRICHLET):
    return Conjugate(PAIRS["Categorical", "p"], {"categories": 3}, (arguments,))


def test_a_dirichlet_is_updated_by_counts():
    answer = exact(categories(priors={"p": "Dirichlet([1.5, 2, 3])"}))
    assert answer.names == ("p[a]", "p[b]", "p[c]")
    assert answer.details["conjugate"]["posterior"] == "Dirichlet([3.5, 6, 5])"
    assert answer.details["conjugate"]["statistics"] == {"count of a": 2, "count of b": 4, "count of c": 2}
    assert [str(marginal) for marginal in answer.marginals.values()] == [
        "Beta(3.5, 11)",
        "Beta(6, 8.5)",
        "Beta(5, 9.5)",
    ]
    reference = scipy.stats.dirichlet(DIRICHLET + COUNTS)
    np.testing.assert_allclose(answer.estimate, reference.mean(), rtol=1e-14)
    np.testing.assert_allclose(answer.covariance, reference.cov(), rtol=1e-12, atol=1e-17)
    np.testing.assert_allclose(answer.draws.sum(axis=2), 1.0, rtol=1e-12)


def test_two_categories_are_a_coin():
    answer = exact(categories(["b", "a", "b"], {"p": "Dirichlet([1, 2])"}))
    assert answer.details["conjugate"]["posterior"] == "Dirichlet([2, 4])"
    coin = exact(model_of("Bernoulli", [1, 0, 1], {"p": "Beta(2, 1)"}))
    assert answer.marginals["p[b]"] == coin.marginals["p"]
    assert answer.log_evidence == pytest.approx(coin.log_evidence, rel=1e-14)


def test_the_evidence_of_categories_is_that_of_quadrature_and_of_sequential_predictions():
    prior = belief = dirichlet_prior()
    codes = np.searchsorted(["a", "b", "c"], KINDS).astype(float)
    total = 0.0
    for code in codes:
        one = Response("y", np.array([code]))
        total += float(belief.log_predictive(one.values)[0])
        belief = belief.observe(belief.statistics(one))
    found = float(prior.log_evidence(prior.statistics(Response("y", codes))))
    assert found == pytest.approx(total, abs=1e-12)
    density_ = scipy.stats.dirichlet(DIRICHLET)

    def joint(y, x):
        p = np.array([x, y, 1.0 - x - y])
        return math.prod(p**COUNTS) * density_.pdf(p)

    # polynomials but for x^0.5: this many points are enough
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u, w = (nodes + 1) / 2, weights / 2
    area = sum(
        a * b * (1 - x * x) * joint(y * (1 - x * x), x * x) * 2 * x
        for x, a in zip(u, w, strict=True)
        for y, b in zip(u, w, strict=True)
    )
    assert found == pytest.approx(math.log(area), abs=1e-10)
    np.testing.assert_allclose(
        np.exp(belief.log_predictive(np.arange(3.0))), (DIRICHLET + COUNTS) / 14.5, rtol=1e-14
    )


@settings(max_examples=20, deadline=None)
@given(codes=st.lists(st.integers(0, 2), min_size=2, max_size=30), cut=st.integers(1, 29))
def test_any_split_of_categories_ends_where_the_batch_does(codes, cut):
    belief = prior = dirichlet_prior()
    values = np.array(codes, dtype=float)
    for part in (values[:cut], values[cut:]):
        belief = belief.observe(belief.statistics(Response("y", part)))
    batch = prior.observe(prior.statistics(Response("y", values)))
    np.testing.assert_allclose(belief.arguments[0], batch.arguments[0], rtol=1e-14)


def test_point_estimates_of_categories_are_proportions():
    model = categories(priors={"p": "Dirichlet([2, 2, 2])"})
    np.testing.assert_allclose(mle(model).estimate, COUNTS / 8, rtol=1e-15)
    np.testing.assert_allclose(map_(model).estimate, (COUNTS + 1) / 11, rtol=1e-15)
    assert mle(model).sd[0] == pytest.approx(math.sqrt(0.25 * 0.75 / 8), rel=1e-14)
    assert mle(model).covariance[0, 1] == pytest.approx(-0.25 * 0.5 / 8, rel=1e-14)


def test_a_category_that_never_occurs_is_on_the_boundary():
    model = categories(priors={"p": "Dirichlet([1, 1, 1])"}, counts={0: 3, 1: 5})
    assert model.names == ("p[0]", "p[1]", "p[2]")
    answer = mle(model)
    assert answer.estimate.tolist() == [0.375, 0.625, 0.0]
    assert answer.details["boundary"] == ["p[2]"]
    assert np.isfinite(answer.sd[:2]).all()
    with pytest.raises(FitError, match="no single mode"):
        map_(categories(priors={"p": "Dirichlet([1, 1, 0.5])"}, counts={0: 3, 1: 5}))


def test_whole_numbers_below_the_length_of_the_prior_are_positions_in_it():
    assert categories([0, 3, 1], {"p": "Dirichlet([1, 1, 1, 1, 1])"}).names == tuple(
        f"p[{k}]" for k in range(5)
    )
    assert categories([True, False]).names == ("p[False]", "p[True]")


@pytest.mark.parametrize(
    ("values", "priors", "error", "message"),
    [
        (["a", "a"], {}, DataError, "has one category only, a"),
        ([1.0, 2.5], {}, DataError, "2.5 is no category"),
        (
            ["a", "b"],
            {"p": "Dirichlet([1, 1, 1])"},
            ConfigError,
            r"Dirichlet\(\[1, 1, 1\]\) has 3 elements, and there are 2: p\[a\], p\[b\]",
        ),
        (["a", "b"], {"p": "Beta(1, 1)"}, ConfigError, "does not fit 'p'.*: use Dirichlet"),
        (["a", "b"], {"p": 0.5}, ConfigError, "0.5 does not fit 'p'"),
    ],
)
def test_what_categories_cannot_be_is_refused(values, priors, error, message):
    with pytest.raises(error, match=message):
        categories(values, priors)


def test_data_at_the_known_mean_leave_the_precision_without_a_maximum():
    for unknown in ("tau", "variance"):
        with pytest.raises(FitError, match=f"the likelihood of {unknown} rises without end"):
            mle(model_of("Normal", [2.0, 2.0], {"mu": 2, unknown: "HalfFlat()"}))


def test_a_known_precision_is_a_known_sigma():
    by_tau = exact(model_of("Normal", [1.0, 3.0], {"mu": "Normal(0, 1)", "tau": 0.25}))
    by_sigma = exact(model_of("Normal", [1.0, 3.0], {"mu": "Normal(0, 1)", "sigma": 2}))
    assert by_tau.marginals == by_sigma.marginals
    assert by_tau.log_evidence == pytest.approx(by_sigma.log_evidence, rel=1e-14)


def test_sigma_and_tau_are_one_parameter():
    with pytest.raises(ConfigError, match="the model has no unknown named 'sigma'"):
        model_of("Normal", [1.0, 3.0], {"tau": "Gamma(1, 1)", "sigma": 2})


HUGE = r"The variance of \w+ is beyond the largest number of double precision"
TINY_ROWS, LARGE_ROWS = [1e-100, 1e-100, 2e-100], [1e100, 5e99, 1e99]


@pytest.mark.parametrize(
    ("likelihood", "rows", "priors", "method"),
    [
        ("Normal", LARGE_ROWS, {"mu": 0, "variance": "InverseGamma(1, 1e-100)"}, exact),
        ("Normal", LARGE_ROWS, {"mu": 0, "variance": "InverseGamma(1, 1)"}, mle),
        ("Normal", TINY_ROWS, {"mu": 0, "tau": "Gamma(1, 1)"}, mle),
        ("Gamma", TINY_ROWS, {"alpha": 1e100, "beta": "Gamma(1, 1e-100)"}, map_),
        ("Exponential", TINY_ROWS, {"lam": "Gamma(1e100, 1e-100)"}, map_),
    ],
)
def test_a_variance_that_is_no_number_is_refused_by_name(likelihood, rows, priors, method):
    with pytest.raises(FitError, match=HUGE):
        method(model_of(likelihood, rows, priors))


def test_a_prior_worth_1e400_rows_is_the_posterior():
    found = exact(model_of("Normal", [1e-100, 2e-100], {"mu": "Normal(3, 1e-100)", "sigma": 1e100}))
    assert found.estimate.tolist() == [3.0]
    assert found.sd.tolist() == pytest.approx([1e-100], rel=1e-15)


def test_an_evidence_that_is_no_number_is_not_given():
    found = exact(model_of("Normal", LARGE_ROWS, {"mu": "Normal(0, 1)", "sigma": 1e-100}))
    assert found.log_evidence is None
    assert "rounding moves their sum by inf nats" in found.details["log_evidence"]


def test_the_next_value_of_a_huge_shape_has_a_mean_and_a_sd():
    model = model_of("Gamma", LARGE_ROWS, {"alpha": 1e100, "beta": "Gamma(3, 1)"})
    assert exact(model).outcome.status == "ok"
    # y / alpha for large alpha is 1 / beta, inverse Gamma
    a, b = 12.0, 5.0
    found = scaled_beta_prime("", 1e100, (a, b))
    assert found.mean == pytest.approx(1e100 * b / (a - 1), rel=1e-14)
    assert found.sd == pytest.approx(found.mean / np.sqrt(a - 2), rel=1e-14)
    small = scaled_beta_prime("", 2.5, (a, b))
    square = 2.5 * 3.5 * b**2 / ((a - 1) * (a - 2))
    assert small.sd == pytest.approx(np.sqrt(square - small.mean**2), rel=1e-13)
