"""What holds for every method on every model of the library; a new file in models/ or inference/ is picked up."""

import re
from functools import cache

import numpy as np
import pytest

from bayescope import library
from bayescope.inference.registry import METHODS, applies
from bayescope.models.density import log_likelihood
from bayescope.models.prior_density import log_prior
from bayescope.pipeline import execute, read_config

RECIPES = [name for name in library.recipes() if not name.endswith("-long")]
MODELS = sorted(library.models())


def data_for(model):
    """Forty rows with overlapping classes, so that the flat models have proper posteriors too."""
    rng = np.random.default_rng(20261120)
    x1, x2 = rng.normal(size=(2, 40))
    noise = rng.logistic(size=40)
    columns = {
        "x1": x1,
        "x2": x2,
        "y": 1 + 0.5 * x1 + 0.3 * noise,
        "flip": (x1 + 2 * noise > 0).astype(int),
        "count": rng.poisson(3, 40),
        "trials": rng.geometric(0.3, 40),
        "wait": rng.gamma(2, 2, 40),
        "part": rng.beta(3, 2, 40),
        "hits": rng.binomial(6, 0.4, 40),
        "six": np.full(40, 6),
        "kind": rng.choice(["a", "b", "c"], 40, p=[0.2, 0.3, 0.5]),
        "step": np.digitize(x1 + 2 * noise, [-1.5, 0.5, 3.0]),
        **dict(zip(("red", "green", "blue"), rng.multinomial(4, [0.2, 0.3, 0.5], 40).T, strict=True)),
    }
    whole = {
        "poisson": ["count", "x1", "x2"],
        "negative-binomial": ["count", "x1", "x2"],
        "zero-inflated-poisson": ["count", "x1", "x2"],
        "gamma": ["wait", "x1", "x2"],
        "exponential": ["wait", "x1", "x2"],
        "log-normal": ["wait", "x1", "x2"],
        "proportions": ["part", "x1", "x2"],
        "robust": ["y", "x1", "x2"],
        "median": ["y", "x1", "x2"],
        "probit": ["flip", "x1", "x2"],
        "binomial": ["hits", "six", "x1", "x2"],
        "softmax": ["kind", "x1", "x2"],
        "softmax-lasso": ["kind", "x1", "x2"],
        "ordinal": ["step", "x1", "x2"],
    }
    families = {
        "coin": ["flip"],
        "logistic": ["flip", "x1", "x2"],
        "linear": ["y", "x1", "x2"],
        "normal": ["y"],
        "poisson": ["count"],
        "negative": ["count"],
        "geometric": ["trials"],
        "exponential": ["wait"],
        "gamma": ["wait"],
        "uniform": ["wait"],
        "categories": ["kind"],
        "multinomial": ["red", "green", "blue"],
        "mv": ["x1", "x2"],
    }
    names = whole[model] if model in whole else families[model.split("-")[0]]
    return {name: columns[name].tolist() for name in names}


# A sampler compiles every model anew: here it is asked about one of each kind, in `make test-long` about all.
SAMPLERS = ("nuts", "hmc", "metropolis", "auto")
SHORT = {"draws": 500, "tune": 500, "chains": 2}
SAMPLED = (
    "categories",
    "coin",
    "linear",
    "linear-flat",
    "logistic-lasso",
    "negative-binomial",
    "poisson-rate",
)


def sampled(model, recipe):
    """A case of the tests below, marked slow where it would have to compile."""
    slow = recipe in SAMPLERS and model not in SAMPLED
    return pytest.param(model, recipe, marks=[pytest.mark.slow] if slow else [])


def specification(model):
    """Which of the columns is what."""
    response, *others = data = data_for(model)
    if model == "binomial":
        return {"formula": "hits / six ~ x1 + x2"}
    if model in ("multinomial-shares", "mv-normal-mean"):
        return {"response": [*data]}
    return {"formula": f"{response} ~ {' + '.join(others)}"} if others else {"response": response}


def run_of(model, samplers=False):
    """One run a model, with the samplers where they are asked for or cheap."""
    return finished(model, samplers or model in SAMPLED)


@cache
def finished(model, samplers):
    quick = [
        {name: {"nuts": SHORT} if name == "auto" else SHORT} if name in SAMPLERS else name
        for name in RECIPES
        if samplers or name not in SAMPLERS
    ]
    configuration = {
        "name": model,
        "data": {"columns": data_for(model)},
        "model": {"use": model, **specification(model)},
        "inference": quick,
    }
    return execute(read_config(configuration))


@pytest.mark.parametrize(
    ("model", "recipe"), [sampled(model, recipe) for model in MODELS for recipe in RECIPES]
)
def test_a_fit_is_whole_or_says_why_there_is_none(model, recipe):
    run = run_of(model, samplers=recipe in SAMPLERS)
    fit = run[recipe]
    assert fit.names == run.model.names
    assert fit.timings["total"] > 0
    if not fit.answered:
        assert fit.outcome.status == "not applicable", fit.outcome
        assert fit.outcome.message
        assert fit.outcome.advice
        return
    d = len(fit.names)
    assert fit.outcome.status in {"ok", "flagged"}
    assert fit.estimate.shape == (d,)
    assert np.isfinite(fit.estimate).all()
    assert fit.covariance.shape == (d, d)
    assert fit.kind == METHODS[fit.method].kind
    if fit.kind == "posterior":
        assert set(fit.marginals) == set(fit.names)
        assert fit.draws.shape[2] == d


@pytest.mark.parametrize("model", MODELS)
def test_who_has_no_answer_advises_methods_that_have_one(model):
    run = run_of(model)
    answered = {fit.method: fit.answered for fit in run.fits}
    for fit in run.fits:
        advised = [] if fit.answered else re.findall(rf"\b({'|'.join(METHODS)})\b", fit.outcome.advice)
        assert all(answered.get(name, applies(name, run.model)) for name in advised), fit.outcome


@pytest.mark.parametrize("model", MODELS)
def test_the_mle_has_the_highest_likelihood_and_the_map_the_highest_posterior_density(model):
    run = run_of(model)
    points = {fit.name: fit.estimate for fit in run.fits if fit.answered}
    likelihood = {name: log_likelihood(run.model, theta) for name, theta in points.items()}
    if model != "softmax-lasso":  # every class has coefficients, which no MLE tells apart
        assert likelihood["mle"] >= max(likelihood.values()) - 1e-9
    if run["map"].answered:
        density = {name: likelihood[name] + log_prior(run.model, theta) for name, theta in points.items()}
        assert density["map"] >= max(density.values()) - 1e-9


# the models whose posterior has a closed form
SOLVABLE = (
    "categories",
    "coin",
    "exponential-rate",
    "gamma-rate",
    "geometric-chance",
    "linear",
    "linear-conjugate",
    "linear-flat",
    "multinomial-shares",
    "mv-normal-mean",
    "negative-binomial-chance",
    "normal-inverse-gamma",
    "normal-mean",
    "normal-precision",
    "poisson-rate",
    "uniform-upper",
)


@pytest.mark.parametrize("model", MODELS)
def test_exact_answers_the_models_with_a_closed_form_and_no_others(model):
    assert run_of(model)["exact"].answered == (model in SOLVABLE)


@pytest.mark.parametrize(("model", "recipe"), [sampled(model, "nuts") for model in SOLVABLE])
def test_nuts_agrees_with_the_exact_posterior(model, recipe):
    run = run_of(model, samplers=True)
    rows = run.comparison.query("method == @recipe")
    assert {run[name].method for name in rows.reference} == {"exact"}  # asked for by name, or by auto
    assert rows[["z", "z_sd"]].abs().max(axis=None) <= 4


@pytest.mark.parametrize("model", SOLVABLE)
def test_the_nearest_normals_are_as_near_as_their_weights_say(model):
    # 128 fixed draws: a Monte Carlo error of 0.09 sd in what is no Normal; three of them
    run = run_of(model)
    rows = run.comparison
    trusted = {check.method for check in run.checks if (check.name, check.verdict) == ("pareto_k", "pass")}
    for name in {"advi", "fullrank"} & trusted:
        own = rows[rows.method == name]
        assert own.mean_shift_in_sd.abs().max() <= 0.27
        assert own.sd_ratio.max() <= 1.27
        assert (
            own.sd_ratio.min() >= 0.73 or name == "advi"
        )  # independent unknowns: too narrow, never too wide
        evidence, elbo = run["exact"].log_evidence, run[name].details["elbo"]
        assert evidence is None or elbo <= evidence + 0.1


@pytest.mark.parametrize("model", [m for m in MODELS if m.endswith("flat")])
def test_under_flat_priors_the_map_is_the_mle(model):
    run = run_of(model)
    assert run["map"].estimate == pytest.approx(run["mle"].estimate, rel=1e-7)


@pytest.mark.parametrize("name", ["kidiq-lasso", "breast-cancer-lasso"])
def test_the_shipped_lasso_runs_show_exact_zeros(name):
    run = execute(read_config(library.configs()[name], overrides=["inference=[map]"]))
    zeros = run["map"].details["zeros"]
    assert 2 <= len(zeros) < len(run.model.names) - 1
    assert all(run["map"].estimate[run.model.names.index(label)] == 0 for label in zeros)
    assert run["map"].details["kkt_residual"] <= 1e-8
