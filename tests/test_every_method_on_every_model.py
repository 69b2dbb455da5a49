"""What holds for every method on every model of the library; a new file in models/ or inference/ is picked up."""

from functools import cache

import numpy as np
import pytest

from bayescope import library
from bayescope.inference.registry import METHODS
from bayescope.models.density import log_likelihood, log_prior
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
        "kind": rng.choice(["a", "b", "c"], 40, p=[0.2, 0.3, 0.5]),
    }
    names = {
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
    }[model.split("-")[0]]
    return {name: columns[name].tolist() for name in names}


@cache
def run_of(model):
    data = data_for(model)
    response, *predictors = data
    spec = {"formula": f"{response} ~ {' + '.join(predictors)}"} if predictors else {"response": response}
    quick = [
        {name: {"draws": 500, "tune": 500, "chains": 2}} if name in {"nuts", "hmc", "metropolis"} else name
        for name in RECIPES
    ]
    configuration = {
        "name": model,
        "data": {"columns": data},
        "model": {"use": model, **spec},
        "inference": quick,
    }
    return execute(read_config(configuration))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", MODELS)
def test_a_fit_is_whole_or_says_why_there_is_none(model, recipe):
    run = run_of(model)
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
def test_the_mle_has_the_highest_likelihood_and_the_map_the_highest_posterior_density(model):
    run = run_of(model)
    points = {fit.name: fit.estimate for fit in run.fits if fit.answered}
    likelihood = {name: log_likelihood(run.model, theta) for name, theta in points.items()}
    density = {name: likelihood[name] + log_prior(run.model, theta) for name, theta in points.items()}
    assert likelihood["mle"] >= max(likelihood.values()) - 1e-9
    assert density["map"] >= max(density.values()) - 1e-9


# the models whose posterior has a closed form
SOLVABLE = (
    "coin",
    "linear",
    "linear-flat",
    "normal-",
    "poisson",
    "negative",
    "geometric",
    "exponential",
    "gamma",
    "uniform",
    "categories",
)


@pytest.mark.parametrize(
    "model",
    [m for m in MODELS if m in SOLVABLE or m.startswith(tuple(s for s in SOLVABLE if s not in MODELS))],
)
def test_nuts_agrees_with_the_exact_posterior(model):
    run = run_of(model)
    rows = run.comparison.query("method == 'nuts'")
    assert run["exact"].answered
    assert set(rows.reference) == {"exact"}
    assert rows[["z", "z_sd"]].abs().max(axis=None) <= 4


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
