"""Conjugate pairs whose responses are vectors: against integration, scipy, and one another."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import FitError
from bayescope.inference.conjugate import Conjugate
from bayescope.inference.conjugate_pairs import PAIRS
from bayescope.inference.exact import EXACT
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.settings import ExactSettings
from bayescope.models import density, prior_density
from bayescope.models.model import Response
from bayescope.pipeline import prepare, read_config

RNG = np.random.default_rng(20261120)
COV = np.array([[4.0, 1.5], [1.5, 9.0]])
MEAN0, COV0 = np.array([1.0, -2.0]), np.array([[2.0, 0.4], [0.4, 0.5]])
CASES = {
    ("Multinomial", "p"): (
        {"categories": 3},
        (np.array([2.0, 3.0, 1.0]),),
        RNG.multinomial([5, 0, 8, 1, 3, 12], [0.5, 0.2, 0.3]).astype(float),
    ),
    ("MvNormal", "mu"): ({"cov": COV}, (MEAN0, COV0), RNG.multivariate_normal([2.0, 1.0], COV, 9)),
}
every_pair = pytest.mark.parametrize("key", CASES, ids="-".join)


def response(key, values, weights=None):
    trials = values.sum(axis=1) if key[0] == "Multinomial" else None
    return Response("y", values, trials, weights, levels=("a", "b", "c")[: values.shape[1]])


def prior_of(key):
    known, arguments, _ = CASES[key]
    return Conjugate(PAIRS[key], known, arguments)


def posterior_of(key, values):
    prior = prior_of(key)
    return prior.observe(prior.statistics(response(key, values)))


def log_joint(key, points):
    """log p(y, theta) by the tables of likelihoods and by scipy, at points of the plane, shape (S, 2)."""
    known, arguments, values = CASES[key]
    if key[0] == "Multinomial":
        theta = np.column_stack([points, 1.0 - points.sum(axis=1)])
        prior, psi = scipy.stats.dirichlet(*arguments).logpdf(theta.T), (theta,)
    else:
        prior, psi = scipy.stats.multivariate_normal(*arguments).logpdf(points), (points, known["cov"])
    return LIKELIHOODS[key[0]].log_density(values[:, np.newaxis], None, psi).sum(axis=0) + prior


def rule(key):
    """Points and weights of Gauss and Legendre: on the triangle of probabilities, or ten sds about the mean."""
    nodes, weights = np.polynomial.legendre.leggauss(120)
    u, v = (axis.ravel() for axis in np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2))
    area = np.outer(weights, weights).ravel() / 4
    if key[0] == "Multinomial":
        return np.column_stack([v, u * (1 - v)]), area * (1 - v)
    first, second = posterior_of(key, CASES[key][2]).marginals
    lengths = 20 * np.array([first.sd, second.sd])
    centre = np.array([first.mean, second.mean])
    return centre + lengths * (np.column_stack([u, v]) - 0.5), area * lengths.prod()


@every_pair
def test_evidence_mean_and_covariance_are_those_of_integration(key):
    points, weights = rule(key)
    heights = log_joint(key, points)
    top = heights.max()
    mass = weights * np.exp(heights - top)
    prior, posterior = prior_of(key), posterior_of(key, CASES[key][2])
    log_evidence = float(prior.log_evidence(prior.statistics(response(key, CASES[key][2]))))
    # a polynomial is integrated exactly, a Normal to exp(-(pi / h)^2 / 2) with a step h of 0.3 sd
    assert log_evidence == pytest.approx(top + math.log(mass.sum()), abs=1e-10)
    share = mass / mass.sum()
    mean = share @ points
    np.testing.assert_allclose([m.mean for m in posterior.marginals[:2]], mean, rtol=1e-10)
    covariance = posterior.family.covariance(posterior.arguments)
    expected = (share[:, np.newaxis] * (points - mean)).T @ (points - mean)
    np.testing.assert_allclose(covariance[:2, :2], expected, rtol=1e-10)
    sds = [marginal.sd for marginal in posterior.marginals]
    np.testing.assert_allclose(np.square(sds), np.diag(covariance), rtol=1e-12)


def test_the_mv_normal_evidence_is_that_of_one_normal_of_all_numbers():
    values = CASES["MvNormal", "mu"][2]
    rows = len(values)
    whole = np.kron(np.eye(rows), COV) + np.kron(np.ones((rows, rows)), COV0)
    expected = scipy.stats.multivariate_normal(np.tile(MEAN0, rows), whole).logpdf(values.ravel())
    prior = prior_of(("MvNormal", "mu"))
    found = prior.log_evidence(prior.statistics(response(("MvNormal", "mu"), values)))
    assert float(found) == pytest.approx(expected, abs=1e-11)


@every_pair
def test_the_evidence_is_the_product_of_sequential_predictions(key):
    _, _, values = CASES[key]
    prior = belief = prior_of(key)
    total = 0.0
    for row in values:
        one = response(key, row[np.newaxis])
        total += float(belief.log_predictive(one.values, one.trials)[0])
        belief = belief.observe(belief.statistics(one))
    found = float(prior.log_evidence(prior.statistics(response(key, values))))
    assert found == pytest.approx(total, abs=1e-9)


@every_pair
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_split_in_any_order_ends_where_the_batch_does(key, data):
    _, _, values = CASES[key]
    order = data.draw(st.permutations(range(len(values))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(values) - 1), max_size=4)))
    belief = prior_of(key)
    parts = [belief.statistics(response(key, part)) for part in np.split(values[order], cuts)]
    for part in parts:
        belief = belief.observe(part)
    for found, batch in zip(belief.arguments, posterior_of(key, values).arguments, strict=True):
        np.testing.assert_allclose(found, batch, rtol=1e-12, atol=1e-12)
    pooled = PAIRS[key].pool(np.stack(parts, axis=1), np.ones(len(parts)))
    whole = prior_of(key).statistics(response(key, values))
    np.testing.assert_allclose(pooled, whole, rtol=1e-12, atol=1e-12)


@every_pair
def test_weights_are_repeated_rows(key):
    _, _, values = CASES[key]
    times = np.arange(len(values)) % 3
    prior = prior_of(key)
    weighted = prior.statistics(response(key, values, times.astype(float)))
    repeated = prior.statistics(response(key, np.repeat(values, times, axis=0)))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12, atol=1e-12)


@every_pair
def test_without_rows_the_posterior_is_the_prior(key):
    width = CASES[key][2].shape[1]
    for found, prior in zip(posterior_of(key, np.zeros((0, width))).arguments, CASES[key][1], strict=True):
        np.testing.assert_allclose(found, prior, rtol=1e-13)


def test_the_next_vector_is_the_mv_normal_it_is_called():
    posterior = posterior_of(("MvNormal", "mu"), CASES["MvNormal", "mu"][2])
    mu, cov = posterior.arguments
    y = np.array([[0.0, 1.0], [3.0, -4.0]])
    expected = scipy.stats.multivariate_normal(mu, cov + COV).logpdf(y)
    np.testing.assert_allclose(posterior.log_predictive(y), expected, rtol=1e-12)
    numbers = [f"{number:.6g}" for number in (*mu, *(cov + COV).ravel())]
    assert posterior.predictive().text == "MvNormal([{}, {}], [[{}, {}], [{}, {}]])".format(*numbers)


def test_the_next_counts_are_dirichlet_multinomial():
    posterior = posterior_of(("Multinomial", "p"), CASES["Multinomial", "p"][2])
    [a] = posterior.arguments
    counts = np.array([y for y in product(range(5), repeat=3) if sum(y) == 4], dtype=float)
    found = posterior.log_predictive(counts, counts.sum(axis=1))
    np.testing.assert_allclose(
        found, scipy.stats.dirichlet_multinomial(a, 4).logpmf(counts.astype(int)), rtol=1e-12
    )
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-12)
    assert posterior.predictive(4.0).text == f"DirichletMultinomial(4, [{a[0]:g}, {a[1]:g}, {a[2]:g}])"


@every_pair
def test_draws_have_the_moments_of_the_posterior(key):
    posterior = posterior_of(key, CASES[key][2])
    draws = posterior.family.draw(np.random.default_rng(1), 40_000, posterior.arguments)
    covariance = posterior.family.covariance(posterior.arguments)
    sds = np.sqrt(np.diag(covariance))
    means = np.array([marginal.mean for marginal in posterior.marginals])
    assert (np.abs(draws.mean(axis=0) - means) <= 5 * sds / 200).all()
    # the sd of a sample covariance is at most sqrt(2) s_i s_j / sqrt(S) for tails like these
    assert (np.abs(np.cov(draws.T) - covariance) <= 5 * 1.5 * np.outer(sds, sds) / 200).all()


# Through the methods


def model_of(likelihood, values, priors):
    names = ["x", "y", "z"][: len(values[0])]
    columns = {name: [row[i] for row in values] for i, name in enumerate(names)}
    spec = {"likelihood": likelihood, "response": names, "priors": priors}
    config = {"name": "m", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def answers(model):
    context = Context(seed=0)
    exact = EXACT.fit(model, ExactSettings(draws=10), context)
    return exact, MLE.fit(model, MLE.settings(), context), MAP.fit(model, MAP.settings(), context)


def test_counts_of_categories_are_solved():
    model = model_of("Multinomial", [[2, 1, 0], [0, 0, 0], [3, 3, 1]], {"p": "Dirichlet([2, 2, 2])"})
    exact, mle, map_ = answers(model)
    assert model.names == ("p[x]", "p[y]", "p[z]")
    assert exact.details["applies"] == "Dirichlet-Multinomial"
    assert exact.details["conjugate"]["posterior"] == "Dirichlet([7, 6, 3])"
    statistics = exact.details["conjugate"]["statistics"]
    assert [statistics[f"count of {name}"] for name in "xyz"] == [5, 4, 1]
    assert mle.estimate == pytest.approx([0.5, 0.4, 0.1], rel=1e-15)
    assert map_.estimate == pytest.approx([6 / 13, 5 / 13, 2 / 13], rel=1e-15)
    assert mle.sd[0] == pytest.approx(math.sqrt(0.5 * 0.5 / 10), rel=1e-14)


@pytest.mark.parametrize(
    ("prior", "mean", "cov"),
    [
        ("MvNormal([1, -2], [[2, 0.4], [0.4, 0.5]])", MEAN0, COV0),
        ("Normal(1, 3)", [1.0, 1.0], np.diag([9.0, 9.0])),
        ("Flat()", [0.0, 0.0], np.diag([1e14, 1e14])),
    ],
)
def test_vectors_of_a_known_covariance_are_solved(prior, mean, cov):
    values = CASES["MvNormal", "mu"][2]
    exact, mle, map_ = answers(model_of("MvNormal", values.tolist(), {"mu": prior, "cov": COV.tolist()}))
    precision = np.linalg.inv(cov) + len(values) * np.linalg.inv(COV)
    expected = np.linalg.solve(
        precision, np.linalg.solve(cov, mean) + len(values) * np.linalg.solve(COV, values.mean(axis=0))
    )
    np.testing.assert_allclose(exact.estimate, expected, rtol=1e-11)
    np.testing.assert_allclose(exact.covariance, np.linalg.inv(precision), rtol=1e-11)
    np.testing.assert_allclose(map_.estimate, expected, rtol=1e-11)
    np.testing.assert_allclose(mle.estimate, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(mle.covariance, COV / len(values), rtol=1e-12)
    assert (exact.log_evidence is None) == (prior == "Flat()")
    assert exact.details["applies"] == "MvNormal-MvNormal"
    assert np.broadcast_to(exact.details["conjugate"]["prior"][0], 2).tolist() == list(mean)


def test_the_map_is_where_the_gradient_vanishes_and_the_hessian_its_precision():
    prior = "MvNormal([1, -2], [[2, 0.4], [0.4, 0.5]])"
    values = CASES["MvNormal", "mu"][2]
    model = model_of("MvNormal", values.tolist(), {"mu": prior, "cov": COV.tolist()})
    _, _, found = answers(model)
    _, gradient, hessian = density.likelihood_derivatives(model, found.estimate)
    _, slope, curvature = prior_density.smooth_prior_derivatives(model, found.estimate)
    np.testing.assert_allclose((gradient + slope) * found.sd, 0.0, atol=1e-11)
    np.testing.assert_allclose(np.linalg.inv(-(hessian + curvature)), found.covariance, rtol=1e-10)


def test_a_flat_prior_and_no_count_is_improper():
    known, _, _ = CASES["MvNormal", "mu"]
    flat = Conjugate(PAIRS["MvNormal", "mu"], known, (np.zeros(2), np.full((2, 2), np.inf)))
    nothing = flat.observe(flat.statistics(response(("MvNormal", "mu"), np.zeros((0, 2)))))
    assert not nothing.family.proper(nothing.arguments)


def test_categories_that_never_occur_are_on_the_boundary():
    model = model_of("Multinomial", [[2, 1, 0], [3, 1, 0]], {})
    _, mle, _ = answers(model)
    assert (mle.outcome.status, mle.details["boundary"]) == ("flagged", ["p[z]"])


def test_no_counts_at_all_have_no_mle():
    model = model_of("Multinomial", [[0, 0, 0]], {})
    with pytest.raises(FitError, match="the MLE does not exist"):
        MLE.fit(model, MLE.settings(), Context(seed=0))


def test_the_mode_in_a_box_is_not_the_nearest_point_of_it():
    """Correlated unknowns: what one end holds back moves the other; the objective's own minimum in the box."""
    y = np.random.default_rng(3).multivariate_normal([-1.0, 0.5], [[1, 0.9], [0.9, 1]], 20)
    run = bayescope.run(
        {
            "name": "box",
            "data": {"columns": {"u": y[:, 0].tolist(), "v": y[:, 1].tolist()}},
            "model": {
                "likelihood": "MvNormal",
                "response": ["u", "v"],
                "priors": {"mu": "Uniform(0, 1)", "cov": [[1, 0.9], [0.9, 1]]},
            },
            "inference": ["map"],
        }
    )
    precision = np.linalg.inv([[1, 0.9], [0.9, 1]])

    def misfit(mu):
        return 0.5 * np.einsum("ij,jk,ik->", y - mu, precision, y - mu)

    best = scipy.optimize.minimize(misfit, [0.5, 0.5], bounds=[(0, 1), (0, 1)], options={"ftol": 1e-14})
    np.testing.assert_allclose(run["map"].estimate, best.x, atol=1e-5)
    assert best.x[1] > np.clip(y[:, 1].mean(), 0, 1) + 0.1
