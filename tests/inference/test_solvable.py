"""Sufficient statistics: parts pool to the whole in any order, and a few rows can stand for all of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.errors import NotApplicable
from bayescope.inference import exact
from bayescope.inference.conjugate_pairs import PAIRS
from bayescope.inference.exact import EXACT
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.settings import ExactSettings
from bayescope.inference.sufficient import _shares, shifted, sufficient
from bayescope.models import density
from bayescope.pipeline import prepare, read_config

RNG = np.random.default_rng(20261121)
N = 24
X, Z = RNG.normal(size=N), RNG.normal(3.0, 2.0, size=N)
NORMAL = (2.0 + 1.5 * X - 0.5 * Z + RNG.normal(0.0, 0.7, N)).tolist()
VECTORS = RNG.multivariate_normal([1.0, -1.0], [[2.0, 0.6], [0.6, 1.0]], N)
COUNTS = RNG.multinomial(6, [0.2, 0.3, 0.5], N)


def _pair(likelihood, values, parameter, prior, **fixed):
    return likelihood, {"y": np.asarray(values).tolist()}, {parameter: prior, **fixed}


PAIR_CASES = {
    ("Bernoulli", "p"): _pair("Bernoulli", RNG.binomial(1, 0.7, N), "p", "Beta(2, 2.5)"),
    ("Binomial", "p"): _pair("Binomial", RNG.binomial(7, 0.4, N), "p", "Beta(1.5, 2)"),
    ("Geometric", "p"): _pair("Geometric", RNG.geometric(0.3, N), "p", "Beta(2, 3)"),
    ("NegativeBinomial", "p"): _pair("NegativeBinomial", RNG.negative_binomial(4, 0.4, N), "p", "Beta(1, 2)", n=4),
    ("Categorical", "p"): _pair("Categorical", list("abcabbacabcabbacabcabbac"), "p", "Dirichlet([1, 2, 3])"),
    ("Poisson", "mu"): _pair("Poisson", RNG.poisson(3.0, N), "mu", "Gamma(2, 0.5)"),
    ("Exponential", "lam"): _pair("Exponential", RNG.exponential(2.0, N), "lam", "Gamma(2, 3)"),
    ("Gamma", "beta"): _pair("Gamma", RNG.gamma(2.5, 0.5, N), "beta", "Gamma(1.5, 0.7)", alpha=2.5),
    ("Normal", "mu"): _pair("Normal", RNG.normal(3.0, 1.5, N), "mu", "Normal(1, 2)", sigma=1.5),
    ("Normal", "tau"): _pair("Normal", RNG.normal(3.0, 1.5, N), "tau", "Gamma(2, 1.5)", mu=2.5),
    ("Normal", "variance"): _pair("Normal", RNG.normal(3.0, 1.5, N), "variance", "InverseGamma(2, 1.5)", mu=2.5),
    ("Uniform", "upper"): _pair("Uniform", RNG.uniform(0.0, 4.0, N), "upper", "Pareto(1.5, 0.5)", lower=0.0),
    ("Multinomial", "p"): (
        "Multinomial",
        {"a": COUNTS[:, 0].tolist(), "b": COUNTS[:, 1].tolist(), "c": COUNTS[:, 2].tolist()},
        {"p": "Dirichlet([1, 2, 3])"},
    ),
    ("MvNormal", "mu"): (
        "MvNormal",
        {"u": VECTORS[:, 0].tolist(), "v": VECTORS[:, 1].tolist()},
        {"mu": "MvNormal([0, 0], [[4, 0], [0, 4]])", "cov": [[2.0, 0.6], [0.6, 1.0]]},
    ),
}  # fmt: skip
REGRESSIONS = {
    "sigma known": {"Intercept": "Normal(0, 5)", "coefficients": "Normal(0, 2)", "sigma": 0.7},
    "sigma unknown": {"Intercept": "Normal(0, 5)", "coefficients": "Normal(0, 2)", "sigma": "HalfCauchy(2)"},
    "flat": {"Intercept": "Flat()", "coefficients": "Flat()", "sigma": "HalfNormal(2)"},
    "conjugate": {
        "Intercept": "Normal(0, 10 * sigma)", "coefficients": "Normal(0, 5 * sigma)", "sigma": "HalfNormal(2)",
    },
}  # fmt: skip


def _model(likelihood, columns, priors, formula=None):
    spec = {"likelihood": likelihood, "priors": priors}
    if formula is not None:
        spec["formula"] = formula
    else:
        names = list(columns)
        spec["response"] = names[0] if len(names) == 1 else names
    if likelihood == "Binomial":
        columns = {**columns, "n": [7] * N}
        spec["trials"] = "n"
    config = {"name": "x", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def _regression(priors):
    columns = {"y": NORMAL, "x": X.tolist(), "z": Z.tolist()}
    return _model("Normal", columns, priors, "y ~ x + z")


def _centre():
    return _model("Normal", {"y": NORMAL}, {"mu": "Normal(0, 5)", "sigma": "HalfNormal(3)"})


MODELS = {
    **{"-".join(key): (lambda case=case: _model(*case)) for key, case in PAIR_CASES.items()},
    **{name: (lambda priors=priors: _regression(priors)) for name, priors in REGRESSIONS.items()},
    "mean and sigma": _centre,
    "variance of no pair": lambda: _model("Normal", {"y": NORMAL}, {"mu": 0.5, "variance": "HalfCauchy(2)"}),
}
SHRUNK = {"Intercept": "Flat()", "coefficients": "Laplace(0, 0.1)", "sigma": "HalfNormal(2)"}
every_model = pytest.mark.parametrize("name", MODELS)


def test_every_pair_is_here():
    assert set(PAIR_CASES) == set(PAIRS)


def take(model, rows):
    """The model on some of its rows."""
    response = model.response
    chosen = replace(
        response,
        values=response.values[rows],
        trials=None if response.trials is None else response.trials[rows],
    )
    predictors = tuple(
        p if p.matrix is None else replace(p, matrix=p.matrix[rows], offset=0.0) for p in model.predictors
    )
    return replace(model, response=chosen, predictors=predictors)


def solve(model, statistics):
    """The posterior from statistics that have been through JSON, as those of a stored run have."""
    known = json.loads(json.dumps(statistics))
    return exact.recognise(model).solve(known, 1e-10)


def assert_same(one, other, tolerance=1e-12):
    scale = np.sqrt(np.diag(other.covariance))
    np.testing.assert_allclose(one.mean, other.mean, rtol=tolerance, atol=tolerance * scale.min())
    np.testing.assert_allclose(
        one.covariance, other.covariance, rtol=tolerance, atol=tolerance * np.abs(other.covariance).max()
    )
    if other.log_evidence is not None:
        assert one.log_evidence == pytest.approx(other.log_evidence, rel=tolerance, abs=N * tolerance)


@every_model
@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(1, N))
@settings(max_examples=8, deadline=None)
def test_any_split_in_any_order_gives_the_posterior_of_all_rows(name, seed, parts):
    model = MODELS[name]()
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.choice(np.arange(1, N), parts - 1, replace=False))
    parts = np.split(rng.permutation(N), cuts)
    solvable = exact.recognise(model)
    pooled = exact.recognise(take(model, parts[0])).statistics
    for part in parts[1:]:
        pooled = solvable.pool([pooled, exact.recognise(take(model, part)).statistics])
    assert pooled["observations"] == N
    assert_same(solve(model, pooled), solve(model, solvable.statistics))


@every_model
def test_one_row_at_a_time_and_all_at_once_are_the_same(name):
    model = MODELS[name]()
    rows = [exact.recognise(take(model, np.array([i]))).statistics for i in range(N)]
    one_by_one = rows[0]
    for row in rows[1:]:
        one_by_one = exact.recognise(model).pool([one_by_one, row])
    whole = exact.recognise(model)
    for pooled in (one_by_one, whole.pool(rows), whole.pool([whole.pool(rows[:9]), whole.pool(rows[9:])])):
        assert_same(solve(model, pooled), solve(model, whole.statistics))


def test_statistics_do_not_grow_with_the_rows():
    model = _regression(REGRESSIONS["sigma known"])
    assert np.shape(sufficient(model).statistics["triangle"]) == (4, 4)


def test_the_fit_holds_the_statistics():
    model = MODELS["Bernoulli-p"]()
    fit = EXACT.fit(model, ExactSettings(draws=10), Context(seed=0))
    assert fit.details["statistics"] == exact.recognise(model).statistics


@pytest.mark.parametrize("rows", [1, 2, 3, 4, N])
@pytest.mark.parametrize("name", [*MODELS, "lasso"])
def test_the_rows_made_of_statistics_have_the_likelihood_of_all_rows(name, rows):
    """Equal log-likelihoods wherever it is asked, to rounding: every method sees the same density."""
    model = take(_regression(SHRUNK) if name == "lasso" else MODELS[name](), np.arange(rows))
    found = sufficient(model)
    made = found.condense(json.loads(json.dumps(found.statistics)))
    if (
        "Binomial-" not in name.replace("Negative", "") and "Multinomial" not in name
    ):  # one row for each trial
        assert made.model.response.weights.sum() == pytest.approx(rows, rel=1e-15)
    for theta in np.random.default_rng(1).uniform(0.2, 0.6, size=(5, len(model.names))):
        if "Categorical" in name or "Multinomial" in name:
            theta = theta / theta.sum()  # noqa: PLW2901
        theta[-1] *= 10 if name == "Uniform-upper" else 1
        expected = density.log_likelihood(model, theta)
        value = density.log_likelihood(made.model, theta) + made.shift
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)


@every_model
def test_points_from_statistics_are_those_of_all_rows(name):
    model = MODELS[name]()
    found = sufficient(model)
    made = found.condense(found.statistics)
    for method in (MLE, MAP):
        of_rows = method.fit(model, method.settings(), Context(seed=0))
        fit = shifted(method.fit(made.model, method.settings(), Context(seed=0)), made.shift)
        # the solver stops at a gradient of 1e-8 conditional sds, so that two of its answers differ by no more
        scale = np.where(of_rows.sd > 0, of_rows.sd, 1.0)
        assert np.abs((fit.estimate - of_rows.estimate) / scale).max() < 1e-7
        assert fit.details["log_likelihood"] == pytest.approx(of_rows.details["log_likelihood"], rel=1e-12)


def test_the_exact_zeros_of_a_lasso_follow_from_statistics():
    model = _regression(SHRUNK | {"coefficients": "Laplace(0, 0.005)"})
    found = sufficient(model)
    fits = [
        MAP.fit(each, MAP.settings(), Context(seed=0))
        for each in (model, found.condense(found.statistics).model)
    ]
    assert fits[0].details["zeros"] == fits[1].details["zeros"] != []
    np.testing.assert_allclose(fits[0].estimate, fits[1].estimate, rtol=1e-7)


def test_a_logistic_regression_has_no_statistics_of_a_fixed_size():
    columns = {"y": [0, 1, 0, 1], "x": [1.0, 2.0, 3.0, 2.5]}
    model = _model(
        "Bernoulli", columns, {"coefficients": "Normal(0, 1)", "Intercept": "Normal(0, 1)"}, "y ~ x"
    )
    assert sufficient(model) is None
    with pytest.raises(NotApplicable):
        exact.recognise(model)


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({"formula": "y ~ x"}, True),
        ({"formula": "y ~ x + offset(z)"}, True),
        ({"formula": "y ~ x", "link": "log"}, False),
        ({"formula": "y ~ x + (1 | g)"}, False),
        ({"formula": {"mu": "y ~ x", "sigma": "~ z"}}, False),
        ({"formula": {"mu": "y ~ x", "sigma": "~ offset(z)"}, "priors": {"sigma.Intercept": 0.0}}, False),
        ({"formula": "y ~ x", "body": {"mlp": {"hidden": [2]}}}, False),
        ({"formula": "y ~ x", "likelihood": "StudentT"}, False),
    ],
)
def test_a_linear_normal_with_one_sigma_has_statistics_and_others_have_not(more, known):
    columns = {"y": NORMAL, "x": X.tolist(), "z": Z.tolist(), "g": [*"abcd"] * 6}
    model = {"likelihood": "Normal", **more}
    config = {"name": "m", "data": {"columns": columns}, "model": model, "inference": ["map"]}
    assert (sufficient(prepare(read_config(config))[1]) is not None) == known


@pytest.mark.parametrize(("most", "known"), [(3, True), (2, False)])
def test_more_coefficients_than_are_worth_it_have_none(monkeypatch, most, known):
    monkeypatch.setattr("bayescope.inference.sufficient._MOST_COEFFICIENTS", most)
    assert (sufficient(_regression(REGRESSIONS["sigma known"])) is not None) == known


@pytest.mark.parametrize(
    ("number", "rows", "shares"),
    [(7.0, 3, [3, 2, 2]), (6.0, 3, [2, 2, 2]), (3.0, 3, [1, 1, 1]), (2.0, 4, [0.5] * 4), (4.5, 3, [1.5] * 3)],
)
def test_observations_are_shared_out_in_whole_numbers_where_that_can_be(number, rows, shares):
    assert _shares(number, rows).tolist() == shares


def test_rows_of_weight_zero_leave_no_trace():
    model = _regression(REGRESSIONS["sigma known"])
    weights = np.where(np.arange(N) < 3, 1.0, 0.0)
    few = replace(model, response=replace(model.response, weights=weights))
    found = sufficient(few)
    assert np.shape(found.statistics["triangle"]) == (3, 4)
    assert found.condense(found.statistics).model.response.weights.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", [*REGRESSIONS, "mean and sigma", "Poisson-mu", "Normal-mu", "MvNormal-mu"])
def test_weights_may_be_fractions(name):
    model = MODELS[name]()
    weights = np.random.default_rng(2).uniform(0.05, 1.5, N)
    for used in (weights, np.where(np.arange(N) < 4, 0.5, 0.0)):
        weighted = replace(model, response=replace(model.response, weights=used))
        found = sufficient(weighted)
        made = found.condense(json.loads(json.dumps(found.statistics)))
        for theta in np.random.default_rng(1).uniform(0.2, 0.6, size=(5, len(model.names))):
            expected = density.log_likelihood(weighted, theta)
            value = density.log_likelihood(made.model, theta) + made.shift
            assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)
