"""Ordered levels: the MLE of statsmodels, order kept by MAP and draws, the evidence, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

import bayescope
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.importance import IMPORTANCE
from bayescope.inference.laplace import LAPLACE
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.nuts import NUTS
from bayescope.inference.path import path_of
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.predictive import batch_error
from bayescope.models.density import log_likelihood
from bayescope.models.order import in_order
from bayescope.models.prior_density import log_prior
from bayescope.models.rows import take
from bayescope.pipeline import prepare, read_config

CONFIGS = Path(__file__).parents[2] / "configs"

ROWS = 240
RNG = np.random.default_rng(20261120)
X = RNG.normal(size=(ROWS, 2))
LATENT = X @ [0.8, -0.5] + RNG.logistic(size=ROWS)
CODES = np.digitize(LATENT, [-1.0, 0.3, 1.5])
TABLE = {
    "u": X[:, 0],
    "v": X[:, 1],
    "rating": CODES + 1,
    "word": np.array(["bad", "fair", "good", "top"])[CODES],
}
FLAT = {"coefficients": "Flat()", "cutpoints": "Flat()"}


def build(formula="rating ~ u + v", columns=TABLE, likelihood="OrderedLogistic", **model):
    data = {name: np.asarray(values).tolist() for name, values in columns.items()}
    spec = {"likelihood": likelihood, "formula": formula, **model}
    config = {"name": "x", "data": {"columns": data}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def fit(method, model, **settings):
    return method.fit(model, method.settings(**settings), Context(seed=1))


@pytest.mark.parametrize(("likelihood", "law"), [("OrderedLogistic", "logit"), ("OrderedProbit", "probit")])
def test_the_mle_is_that_of_statsmodels(likelihood, law):
    found = fit(MLE, build(likelihood=likelihood))
    peer = OrderedModel(CODES, X, distr=law)
    # statsmodels has the first cutpoint and the logarithms of the differences
    slopes, cuts = found.estimate[:2], found.estimate[2:]
    theirs = np.r_[slopes, cuts[0], np.log(np.diff(cuts))]
    assert found.names == ("u", "v", "cutpoints[1]", "cutpoints[2]", "cutpoints[3]")
    assert found.details["log_likelihood"] == pytest.approx(peer.loglike(theirs), rel=1e-12)
    solved = peer.fit(
        start_params=np.round(theirs, 1),
        method="newton",
        disp=0,
        maxiter=50,
        tol=1e-12,
        warn_convergence=False,
    )
    assert theirs == pytest.approx(solved.params, rel=1e-6)
    errors = np.sqrt(np.diag(found.covariance))
    assert errors[:3] == pytest.approx(solved.bse[:3], rel=1e-5)  # statsmodels' by finite differences
    assert fit(MAP, build(likelihood=likelihood, priors=FLAT)).estimate == pytest.approx(
        found.estimate, rel=1e-8
    )


def test_two_levels_are_a_logistic_regression_with_the_intercept_turned():
    columns = TABLE | {"rating": (CODES > 1).astype(int)}
    ordered = fit(MLE, build(columns=columns))
    logistic = fit(MLE, build(columns=columns, likelihood="Bernoulli"))
    intercept, *slopes = logistic.estimate
    assert ordered.estimate == pytest.approx([*slopes, -intercept], rel=1e-7)


def test_text_follows_the_declared_order():
    numbers = fit(MLE, build())
    words = fit(MLE, build("word ~ u + v", levels=["bad", "fair", "good", "top"]))
    assert words.estimate == pytest.approx(numbers.estimate, rel=1e-12)
    turned = fit(MLE, build("word ~ u + v", levels=["top", "good", "fair", "bad"]))
    assert turned.estimate == pytest.approx(-numbers.estimate[[0, 1, 4, 3, 2]], rel=1e-7)


def test_laplace_priors_give_exact_zeros():
    found = fit(MAP, build(priors={"coefficients": "Laplace(0, 0.03)"}))
    assert found.details["zeros"] == ["v"]
    assert found.details["kkt_residual"] <= 1e-8
    assert np.all(np.diff(found.estimate[2:]) > 0)


def test_the_evidence_counts_one_order_of_the_cutpoints_alone():
    """Without slopes: integrate over the region in which two cutpoints rise, of twice the product of the priors."""
    columns = {"rating": [1, 1, 2, 3, 3, 3, 2], "u": [0.3, -1.0, 0.2, 0.4, -0.3, 0.1, 0.9]}
    model = build("rating ~ u", columns, priors={"u": 0.0, "cutpoints": "Normal(0, 2)"})
    grid = np.linspace(-12, 12, 1501)
    low, high = np.meshgrid(grid, grid, indexing="ij")
    p = np.stack(
        [stats.logistic.cdf(low), stats.logistic.cdf(high) - stats.logistic.cdf(low), stats.logistic.sf(high)]
    )
    prior = 2 * stats.norm.pdf(low, 0, 2) * stats.norm.pdf(high, 0, 2)
    height = np.where(low < high, prior * p[0] ** 2 * p[1] ** 2 * p[2] ** 3, 0.0)
    expected = np.log(height.sum() * (grid[1] - grid[0]) ** 2)
    weighted = fit(IMPORTANCE, model, proposals=20_000)
    error = weighted.details["log_evidence_mcse"]
    assert weighted.log_evidence == pytest.approx(expected, abs=4 * error + 1e-4)


def test_draws_have_their_cutpoints_in_order():
    rare = {"rating": [1] * 6 + [2] * 6 + [3, 4], "u": np.linspace(-1, 1, 14) ** 2}
    model = build("rating ~ u", rare, priors={"cutpoints": "Normal(0, 5)", "u": "Normal(0, 1)"})
    found = fit(LAPLACE, model)
    assert found.draws.shape == (4, 1000, 4)
    assert in_order(model, found.draws).all()
    assert 0.5 < found.details["share_in_order"] < 1
    assert found.outcome.status == "flagged"
    assert " % of the Normal approximation has cutpoints out of order" in found.outcome.message


def test_nuts_agrees_with_importance_weighting():
    model = build(priors={"coefficients": "Normal(0, 1)", "cutpoints": "Normal(0, 5)"})
    chains, weighted = fit(NUTS, model, draws=400, tune=400, chains=2), fit(IMPORTANCE, model)
    assert in_order(model, chains.draws).all()
    flat = chains.draws.reshape(-1, len(model.names))
    error = np.hypot(batch_error(flat, chains=2), list(weighted.details["mcse_mean"].values()))
    assert np.all(np.abs(flat.mean(axis=0) - weighted.estimate) <= 4 * error)


@pytest.mark.parametrize(
    ("ratings", "kind"), [([1, 1, 1, 2, 2, 3, 3], "complete"), ([1, 1, 2, 1, 2, 3, 3], "quasi-complete")]
)
def test_separated_levels_have_no_mle(ratings, kind):
    columns = {"rating": ratings, "u": [1, 2, 3, 3 + (kind == "complete"), 5, 6, 7]}
    with pytest.raises(NotApplicable, match=f"{kind} separation of the response by u"):
        fit(MLE, build("rating ~ u", columns))
    with pytest.raises(FitError, match=f"{kind} separation"):
        fit(MAP, build("rating ~ u", columns, priors=FLAT))
    proper = fit(MAP, build("rating ~ u", columns, priors={"u": "Normal(0, 1)"}))
    assert proper.details["kkt_residual"] <= 1e-8


def test_a_constant_predictor_cannot_be_told_from_the_cutpoints():
    columns = TABLE | {"one": np.ones(ROWS)}
    model = build("rating ~ u + one", columns, priors={"coefficients": "Normal(0, 1)"})
    with pytest.raises(FitError, match="one are linearly dependent"):
        fit(MLE, model)


@pytest.mark.slow
def test_the_shipped_ordinal_run_agrees_with_pymc_by_hand():
    import arviz as az
    import pandas as pd
    import pymc as pm

    run = bayescope.run(CONFIGS / "ordinal.yaml", overrides=["inference=[nuts]"])
    data = pd.read_csv(CONFIGS / "data" / "anes96.csv")
    X = np.column_stack([data.left_right, data.age / 10, data.education, data.income]).astype(float)
    levels = run.record.config["model"]["levels"]
    with pm.Model():
        slopes = pm.Normal("slopes", 0.0, 1.0, shape=4)
        cutpoints = pm.Normal(
            "cutpoints",
            0.0,
            10.0,
            shape=6,
            transform=pm.distributions.transforms.ordered,
            initval=np.linspace(3.0, 8.0, 6),
        )
        party = pd.Categorical(data.party, levels).codes.astype(np.int64)
        pm.OrderedLogistic("party", eta=X @ slopes, cutpoints=cutpoints, observed=party)
        trace = pm.sample(1000, chains=4, cores=1, random_seed=3, progressbar=False, nuts_sampler="nutpie")
    theirs = az.summary(trace, var_names=["slopes", "cutpoints"], round_to="none")
    ours = [row for row in run.record.estimates if row.method == "nuts"]
    assert len(ours) == len(theirs)
    for row, mean, error in zip(ours, theirs["mean"], theirs["mcse_mean"], strict=True):
        assert abs(row.estimate - mean) < 4 * np.hypot(row.mcse_mean, error), row.parameter


class TestALevelWithoutRows:
    """Parts of the rows may lack a level: those of a simulation, or of all folds but one."""

    @pytest.mark.parametrize("absent", [1, 2])
    @pytest.mark.parametrize("method", [MLE, MAP, LAPLACE, IMPORTANCE], ids=lambda method: method.name)
    def test_in_the_middle_there_is_no_mode_and_no_search_for_one(self, method, absent, monkeypatch):
        monkeypatch.setattr(PointProblem, "__init__", lambda *_, **__: pytest.fail("a search was begun"))
        with pytest.raises(
            NotApplicable, match=f"no row has rating = {absent + 1}, and the density is highest"
        ):
            fit(method, take(build(), np.flatnonzero(absent != CODES)))

    def test_a_weight_of_zero_is_no_row(self):
        model = build()
        weights = (CODES != 1).astype(float)
        with pytest.raises(NotApplicable, match="no row has rating = 2"):
            fit(MAP, replace(model, response=replace(model.response, weights=weights)))

    def test_the_density_rises_until_the_cutpoints_around_it_meet(self):
        model = take(build(), np.flatnonzero(CODES != 1))
        gaps = np.array([1.0, 0.1, 1e-3, 1e-6])
        thetas = np.column_stack([np.zeros((4, 2)), -gaps / 2, gaps / 2, np.full(4, 2.0)])
        densities = [log_likelihood(model, theta) + log_prior(model, theta) for theta in thetas]
        assert densities == sorted(densities)

    @pytest.mark.parametrize("absent", [0, 3])
    def test_at_an_end_a_proper_prior_is_enough(self, absent):
        assert fit(MAP, take(build(), np.flatnonzero(absent != CODES))).outcome.status == "ok"

    def test_a_path_goes_on_without_scores_where_a_fold_has_no_row_of_it(self):
        only = np.flatnonzero((CODES != 1) | (np.cumsum(CODES == 1) == 1))
        model = take(build(priors={"coefficients": "Normal(0, 1)"}), only)
        found = path_of(model, grid=3, folds=3)
        assert np.isnan(found.score).all()
        assert np.isfinite(found.theta).all()
