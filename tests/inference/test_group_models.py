"""Models with effects of groups: closed form at a known sd, what is refused, and the posterior by hand."""

from pathlib import Path

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.errors import DataError

CONFIGS = Path(__file__).parents[2] / "configs"
RNG = np.random.default_rng(20261120)
GROUPS = RNG.integers(0, 5, 40)
DATA = {"x": RNG.normal(size=40), "g": [f"g{i}" for i in GROUPS]}
DATA["y"] = 1.0 + 2.0 * DATA["x"] + RNG.normal(size=5)[GROUPS] + 0.5 * RNG.normal(size=40)


def run_of(formula, methods, **model):
    columns = {name: list(values) for name, values in DATA.items()}
    return bayescope.run(
        {
            "name": "groups",
            "data": {"columns": columns},
            "model": {"likelihood": "Normal", "formula": formula, **model},
            "inference": methods,
        }
    )


KNOWN = {"Intercept": "Normal(0, 5)", "x": "Normal(0, 3)", "g.sd": 0.8, "sigma": 0.5}


def closed_form():
    """Mean, covariance and evidence of the Gaussian model with all spreads known."""
    X = np.column_stack([np.ones(40), DATA["x"], GROUPS[:, None] == np.arange(5)])
    prior = np.diag(np.array([5.0, 3.0, 0.8, 0.8, 0.8, 0.8, 0.8]) ** 2)
    covariance = np.linalg.inv(X.T @ X / 0.25 + np.linalg.inv(prior))
    marginal = scipy.stats.multivariate_normal(np.zeros(40), X @ prior @ X.T + 0.25 * np.eye(40))
    return covariance @ X.T @ DATA["y"] / 0.25, covariance, marginal.logpdf(DATA["y"])


@pytest.mark.parametrize("method", ["exact", "map", "laplace"])
def test_at_a_known_sd_the_effects_are_those_of_ridge_regression(method):
    mean, covariance, evidence = closed_form()
    fit = run_of("y ~ x + (1 | g)", [method], priors=KNOWN)[method]
    np.testing.assert_allclose(fit.estimate, mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-6, atol=1e-10)
    if method != "map":
        assert fit.log_evidence == pytest.approx(evidence, rel=1e-9)


def test_unknown_correlations_alone_are_refused_with_advice_that_helps():
    run = run_of("y ~ x + (1 + x | g)", ["exact", "map", "mle"], priors={"g.sd": 0.8, "sigma": 0.5})
    assert {fit.outcome.status for fit in run.fits} == {"not applicable"}
    assert "correlation g.corr is unknown; write `||` for `|`" in run["exact"].outcome.message
    assert "write `||` in place of `|`" in run["map"].outcome.advice
    assert "exact" not in run["mle"].outcome.advice
    independent = run_of("y ~ x + (1 + x || g)", ["exact", "map"], priors={"g.sd": 0.8, "sigma": 0.5})
    assert {fit.outcome.status for fit in independent.fits} == {"ok"}


def test_rows_of_a_group_without_rows_in_the_run_are_no_update():
    run = run_of("y ~ 1 + (1 | g)", ["exact"], priors={"g.sd": 0.8, "sigma": 0.5})
    with pytest.raises(DataError, match=r"column 'g', row 2: a group that has no row in the run") as refused:
        run.update({"y": [1.0, 20.0], "g": ["g1", "z"]})
    assert "put all rows into one file" in str(refused.value)


def test_methods_without_an_answer_say_why():
    run = run_of("y ~ x + (1 + x | g)", ["mle", "map", "laplace", "importance", "exact"])
    assert {fit.outcome.status for fit in run.fits} == {"not applicable"}
    assert "only their distribution" in run["mle"].outcome.message
    for name in ("map", "laplace", "importance"):
        assert "grows without bound as g.sd[Intercept] -> 0" in run[name].outcome.message
        assert "Use nuts" in run[name].outcome.advice
    assert "prior of g is Normal(0, g.sd[Intercept])" in run["exact"].outcome.message


def test_an_unknown_sigma_beside_scaled_priors_and_groups_has_no_closed_form():
    priors = {"coefficients": "Normal(0, 10 * sigma)", "Intercept": "Normal(0, 10 * sigma)"}
    run = run_of("y ~ x + (1 | g)", ["exact"], priors=priors | {"variance": "InverseGamma(2, 1)"})
    assert run["exact"].outcome.status == "not applicable"


def test_a_new_group_is_predicted_with_the_spread_between_groups():
    fit = run_of("y ~ x + (1 | g)", ["map", "exact"], priors=KNOWN)["map"]
    known, new = fit.predictive({"x": [0.0, 0.0], "g": ["g1", "new"]}).sd
    assert known == pytest.approx(0.5, rel=1e-9)
    # the effect is averaged over 1,000 draws: a relative error of its variance of sqrt(2 / 1000)
    assert new**2 - 0.25 == pytest.approx(0.64, rel=4 * np.sqrt(2 / 1000))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_new_group_does_not_follow_the_draws_of_the_coefficients(seed):
    """The seed of the run's draws once was that of the new group's effects, so that the two went together."""
    columns = {name: list(values) for name, values in DATA.items()}
    model = {"likelihood": "Normal", "formula": "y ~ x + (1 | g)", "priors": KNOWN}
    config = {
        "name": "groups",
        "data": {"columns": columns},
        "model": model,
        "inference": ["exact"],
        "seed": seed,
    }
    new = bayescope.run(config)["exact"].predictive({"x": [0.0], "g": ["new"]})
    _, covariance, _ = closed_form()
    variance = covariance[0, 0] + 0.64 + 0.25
    # 4,000 draws of Intercept and effect; the noise is averaged exactly
    assert new.sd[0] ** 2 == pytest.approx(variance, abs=4 * (variance - 0.25) * np.sqrt(2 / 4000))


def test_the_posterior_of_the_sd_is_that_of_the_integral_over_it():
    """p(sd | y) by quadrature over the Gaussian evidence, against NUTS."""
    priors = {"Intercept": "Normal(0, 5)", "x": "Normal(0, 3)", "g.sd": "HalfNormal(2)", "sigma": 0.5}
    lengths = {"draws": 500, "tune": 500, "chains": 4, "retries": 0}
    fit = run_of("y ~ x + (1 | g)", [{"nuts": lengths}], priors=priors)["nuts"]
    sds = np.linspace(1e-3, 12.0, 4001)
    fixed = np.column_stack([np.ones(40), DATA["x"]]) * [5.0, 3.0]
    groups = (GROUPS[:, None] == np.arange(5)).astype(float)
    base = fixed @ fixed.T + 0.25 * np.eye(40)
    logs = [
        scipy.stats.multivariate_normal(np.zeros(40), base + s**2 * groups @ groups.T).logpdf(DATA["y"])
        for s in sds[::10]
    ]
    grid = sds[::10]
    density = np.exp(np.array(logs) - max(logs)) * np.exp(-0.5 * (grid / 2) ** 2)
    mean = np.trapezoid(density * grid, grid) / np.trapezoid(density, grid)
    index = fit.names.index("g.sd")
    draws = fit.draws[:, :, index]
    means = draws.reshape(4, 10, 50).mean(axis=2)  # batches of 50 draws
    error = means.std(ddof=1) / np.sqrt(means.size)
    assert draws.mean() == pytest.approx(mean, abs=4 * error)


@pytest.mark.slow
def test_radon_agrees_with_pymc_by_hand():
    import pandas as pd
    import pymc as pm

    run = bayescope.run(CONFIGS / "radon.yaml", overrides=["inference=[nuts]"])
    data = pd.read_csv(CONFIGS / "data" / "radon.csv")
    codes, counties = pd.factorize(data.county, sort=True)
    priors = {p.parameter: p.arguments for p in run.record.model.priors}
    with pm.Model():
        intercept = pm.Normal("Intercept", **priors["Intercept"])
        slope = pm.Normal("floor", **priors["floor"])
        sd = pm.HalfNormal("sd", **priors["county.sd"])
        z = pm.Normal("z", shape=len(counties))
        effects = pm.Deterministic("effects", sd * z)
        sigma = pm.Exponential("sigma", **priors["sigma"])
        mu = intercept + slope * data.floor.to_numpy() + effects[codes]
        pm.Normal("y", mu, sigma, observed=data.log_radon.to_numpy())
        trace = pm.sample(1000, chains=4, cores=1, random_seed=3, progressbar=False, nuts_sampler="nutpie")
    import arviz as az

    theirs = az.summary(trace, var_names=["Intercept", "floor", "sd", "effects", "sigma"], round_to="none")
    ours = [row for row in run.record.estimates if row.method == "nuts"]
    assert [row.parameter for row in ours][3:-1] == [f"county[{name}]" for name in counties]
    for row, mean, error in zip(ours, theirs["mean"], theirs["mcse_mean"], strict=True):
        assert abs(row.estimate - mean) < 4 * np.hypot(row.mcse_mean, error), row.parameter


@pytest.mark.parametrize("likelihood", ["Normal", "Bernoulli"])
def test_a_point_knows_no_interval_of_the_mean_whatever_groups_are_beside(likelihood):
    columns = DATA | {"y": (np.asarray(DATA["y"]) > 0).astype(float)} if likelihood == "Bernoulli" else DATA
    priors = {"g.sd": 0.8} | ({"sigma": 0.5} if likelihood == "Normal" else {})
    model = {"likelihood": likelihood, "formula": "y ~ x + (1 | g)", "priors": priors}
    run = bayescope.run(
        {"name": "groups", "data": {"columns": columns}, "model": model, "inference": ["map"]}
    )
    rows = run.predict({"x": [0.0, 0.0], "g": ["g1", "new"]}, kind="interval")
    name = "mean" if likelihood == "Normal" else "p"
    assert rows[[f"{name}_lower", f"{name}_upper"]].isna().all(axis=None)
    assert rows[name].notna().all()
