"""Networks by every method: the mode against another optimiser, what is refused, chains judged by predictions."""

import numpy as np
import pytest
import scipy.optimize

import bayescope
from bayescope.inference.gates import judged
from bayescope.inference.method import Context
from bayescope.inference.network_starts import network_starts
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.registry import METHODS, run_method
from bayescope.inference.starts import plain_start
from bayescope.models import density, prior_density
from bayescope.models.network_bodies import networks
from bayescope.pipeline import prepare, read_config

RNG = np.random.default_rng(11)
X = np.linspace(-2.0, 2.0, 50)
Y = 4 + 2 * np.sin(1.5 * X) + 0.3 * RNG.normal(size=50)
PRIORS = {
    "weights": "Normal(0, 1)",
    "biases": "Normal(0, 1)",
    "output.bias": "Normal(4, 2)",
    "sigma": "HalfNormal(1)",
}


def config(inference=("map",), x=X, y=Y, **more):
    section = {
        "likelihood": "Normal",
        "formula": "y ~ x",
        "body": {"mlp": {"hidden": [3]}},
        "priors": PRIORS,
    }
    return {
        "name": "n",
        "data": {"columns": {"x": x, "y": y}},
        "model": section | more,
        "inference": list(inference),
    }


def model_of(**more):
    return prepare(read_config(config(**more)))[1]


def fit(name, model, **settings):
    method = METHODS[name]
    return run_method(name, method, method.settings(**settings), model, Context(seed=1))


@pytest.fixture(scope="module")
def model():
    return model_of()


@pytest.fixture(scope="module")
def mode(model):
    return fit("map", model)


def objective(model, theta):
    """-log posterior of theta whose last element is log sigma, without a Jacobian."""
    theta = np.append(theta[:-1], np.exp(theta[-1]))
    _, gradient, _ = density.likelihood_derivatives(model, theta)
    value = density.log_likelihood(model, theta) + prior_density.log_prior(model, theta)
    gradient = gradient + prior_density.smooth_prior_derivatives(model, theta)[1]
    gradient[-1] *= theta[-1]
    return -value, -gradient


def test_the_mode_is_that_of_another_optimiser_from_the_same_starts(model, mode):
    problem = PointProblem(model, prior=True)
    ends = []
    for start in network_starts(problem, plain_start(problem)):
        free = np.append(start[:-1], np.log(start[-1]))
        options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-9}
        ends.append(
            scipy.optimize.minimize(
                lambda theta: objective(model, theta), free, jac=True, method="L-BFGS-B", options=options
            ).fun
        )
    # L-BFGS stops where the value changes by rounding: 1e-15 of it a step
    assert -mode.details["log_posterior"] == pytest.approx(min(ends), abs=1e-8)


def test_the_mode_is_certified_and_says_how_the_searches_ended(mode):
    assert mode.outcome.status == "ok"
    assert mode.details["kkt_residual"] <= 1e-8
    assert mode.details["starts"] == 8
    above = mode.details["objective_above_best"]
    assert above[0] == 0.0
    assert above == sorted(above)
    assert mode.details["objective_spread"] == above[-1]
    assert len(above) == mode.details["converged_starts"]


def test_normal_priors_are_weight_decay():
    penalties = bayescope.run(config()).record.loss.penalties
    decay = [penalty for penalty in penalties if "weight decay" in penalty.name]
    assert {penalty.value for penalty in decay} == {1 / 2, 1 / 8}  # lambda = 1 / (2 tau^2)
    assert "sigma" not in {name for penalty in decay for name in penalty.parameters}


def test_starts_are_the_same_in_every_run_and_differ_from_each_other(model):
    problem = PointProblem(model, prior=True)
    first, again = (network_starts(problem, plain_start(problem)) for _ in range(2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert len({tuple(start) for start in first}) == len(first)


@pytest.mark.parametrize("name", ["exact", "grid", "importance"])
def test_methods_of_one_mode_and_few_unknowns_decline_by_name(model, name):
    found = fit(name, model)
    assert found.outcome.status == "not applicable"
    assert f"mu is a neural network of the columns, and {name} needs" in found.outcome.message


def test_the_mle_has_no_standard_errors_and_says_why():
    found = fit("mle", model_of(body={"mlp": {"hidden": [1]}}))
    assert found.outcome.status == "flagged"
    assert "follows the noise" in found.outcome.message
    assert np.isnan(found.sd).all()


def test_a_network_that_can_pass_through_every_row_has_no_mode():
    found = fit("map", model_of(x=X[:8], y=Y[:8]))  # 10 weights
    assert found.outcome.status == "failed"
    assert "10 weights for 8 observations" in found.outcome.message


def test_rows_that_contradict_each_other_keep_sigma_away_from_zero():
    x, y = np.repeat(X[::10], 4), np.repeat(Y[::10], 4) + np.tile([0.3, -0.2, 0.1, -0.2], 5)
    assert fit("map", model_of(x=x, y=y)).outcome.status == "ok"


def test_a_flat_prior_of_a_weight_is_refused():
    found = fit("map", model_of(priors=PRIORS | {"output": "Flat()"}))
    assert found.outcome.status == "failed"
    assert "output[h1] is flat" in found.outcome.message


@pytest.mark.parametrize("name", ["mle", "map", "laplace"])
def test_kinked_units_have_no_mode_that_could_be_certified(name):
    found = fit(name, model_of(body={"mlp": {"hidden": [3], "activation": "relu"}}))
    assert found.outcome.status == "not applicable"
    assert "relu has a kink" in found.outcome.message
    assert "softplus" in found.outcome.advice


@pytest.mark.parametrize("activation", ["softplus", "logistic"])
def test_other_smooth_units_have_a_certified_mode(activation):
    found = fit("map", model_of(body={"mlp": {"hidden": [2], "activation": activation}}))
    assert found.outcome.status == "ok"
    assert found.details["kkt_residual"] <= 1e-8


def test_new_rows_are_fitted_with_the_old_ones():
    first = bayescope.run(config(x=X[:40], y=Y[:40]))
    assert first.record.statistics is None  # no numbers of fixed size stand for the rows
    updated = first.update({"x": X[40:].tolist(), "y": Y[40:].tolist()})
    whole = fit("map", model_of())
    assert updated["map"].details["log_posterior"] == pytest.approx(whole.details["log_posterior"], abs=1e-8)


def test_a_large_network_is_not_sampled():
    found = fit("nuts", model_of(body={"mlp": {"hidden": [70]}}))
    assert found.outcome.status == "not applicable"
    assert "211 weights and biases; chains are run on at most 200" in found.outcome.message


@pytest.mark.parametrize(("hidden", "advice"), [(4, "Use nuts."), (70, "Read its predictions")])
def test_a_flag_sends_to_chains_only_where_they_are_run(hidden, advice):
    found = fit("laplace", model_of(body={"mlp": {"hidden": [hidden]}}, priors=PRIORS | {"sigma": 0.3}))
    assert found.outcome.status == "flagged"
    assert found.outcome.advice.startswith(advice)


def test_sigma_may_be_a_network_too():
    sigma = {"sigma.weights": "Normal(0, 1)", "sigma.biases": "Normal(0, 1)"}
    both = {"mu": {"mlp": {"hidden": [3]}}, "sigma": {"mlp": {"hidden": [2]}}}
    priors = {name: line for name, line in PRIORS.items() if name != "sigma"} | sigma
    found = fit("map", model_of(formula={"mu": "y ~ x", "sigma": "~ x"}, body=both, priors=priors))
    assert found.outcome.status == "ok"
    assert found.details["kkt_residual"] <= 1e-8


def test_laplace_predicts_by_the_tangent_at_its_mode(model):
    found = fit("laplace", model)
    assert found.outcome.status == "flagged"
    assert "the network's tangent" in found.outcome.message
    at_mode = np.array([found.details["mode"][name] for name in found.names])
    predicted = found.predictive({"x": X.tolist()})
    # a tangent is linear in the weights, so that its mean is its value at their mean
    far = np.abs(predicted.mean - density.eta(model, at_mode)[0]) / predicted.mean_error
    assert far.max() < 5  # standard errors, in 50 rows


@pytest.fixture(scope="module")
def chains(model):
    return fit("nuts", model, draws=200, tune=300, chains=2)


def test_chains_are_judged_by_their_predictions(model, chains):
    seen = judged(chains)
    assert seen.names == (*(name for name in seen.names if name.startswith("mu, row ")), "sigma")
    assert len(seen.names) == 21
    [predictor] = networks(model)
    row = int(seen.names[3].rpartition(" ")[2]) - 1
    direct = [density.eta(model, theta)[0][row] for theta in chains.draws[0, :5]]
    assert seen.draws[0, :5, 3] == pytest.approx(np.array(direct), rel=1e-12)
    assert predictor.network.size == 10


def test_chains_predict_near_the_mode_where_the_data_are_many(chains, mode):
    rows = {"x": [-1.0, 0.0, 1.0]}
    # the sd of the mean at a row is about 0.3 / sqrt(50 / 10) = 0.13; twice it
    assert chains.predictive(rows).mean == pytest.approx(mode.predictive(rows).mean, abs=0.26)


def test_a_stored_run_predicts_and_is_judged_as_before(tmp_path, chains):
    from bayescope.inference.store import load_fit, save_fit

    save_fit(chains, tmp_path / "fit.nc")
    again = load_fit(tmp_path / "fit.nc")
    assert judged(again).names == judged(chains).names
    assert np.array_equal(judged(again).draws, judged(chains).draws)
    rows = {"x": [0.5]}
    assert again.predictive(rows).mean == pytest.approx(chains.predictive(rows).mean, rel=1e-12)
