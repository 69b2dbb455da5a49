"""`metropolis` and `hmc`: the answer against a closed form, seeds, what they record, and each refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy
from pydantic import ValidationError

from bayescope.errors import FitError, NotApplicable
from bayescope.inference import samplers
from bayescope.inference.hmc import HMC, hmc_step
from bayescope.inference.method import Context
from bayescope.inference.metropolis import METROPOLIS, metropolis_step
from bayescope.inference.pymc_sampler import sample_pymc, starting_points
from bayescope.inference.settings import HmcSettings, MetropolisSettings
from bayescope.models.density import log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.prior_density import log_prior
from bayescope.sampling.convergence import convergence

SEED = 20261120
METHODS = {method.name: method for method in (METROPOLIS, HMC)}
SETTINGS = {
    "metropolis": MetropolisSettings(draws=2000, tune=500, chains=3),
    "hmc": HmcSettings(draws=1000, tune=500, chains=3),
}
SHORT = {"draws": 100, "tune": 100, "chains": 2}
STATISTICS = {
    "metropolis": {"acceptance_rate": "f", "scaling": "f"},
    "hmc": {"diverging": "b", "n_steps": "i", "acceptance_rate": "f", "step_size": "f", "energy": "f"},
}


@pytest.fixture(scope="session")
def flips(coin):
    """Beta(2, 2) and 8 heads of 12: the posterior is Beta(10, 6)."""
    return coin(8, 4, ("Beta", 2, 2))


@pytest.fixture(scope="session")
def posterior():
    return scipy.stats.beta(10, 6)


def fitted(name, model, settings=None, seed=SEED, report=lambda _message: None):
    return METHODS[name].fit(model, settings or SETTINGS[name], Context(seed=seed, report_progress=report))


def short(name, **changes):
    return METHODS[name].settings(**{**SHORT, **changes})


@pytest.fixture(scope="session")
def fits(flips):
    """One fit of each method for the whole session."""
    return {name: fitted(name, flips) for name in METHODS}


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture
def fit(name, fits):
    return fits[name]


def test_the_posterior_of_a_coin_is_the_closed_form(fit, posterior):
    """Mean, sd and the probabilities below three quantiles, each within 4 Monte Carlo standard errors."""
    probabilities = [0.05, 0.5, 0.95]
    below = fit.draws < posterior.ppf(probabilities)
    found = convergence(np.concatenate([fit.draws, below], axis=2))
    estimates = np.append(fit.estimate, below.mean(axis=(0, 1)))
    assert (np.abs(estimates - [posterior.mean(), *probabilities]) < 4 * found.mcse_mean).all()
    assert abs(fit.sd[0] - posterior.std()) < 4 * found.mcse_sd[0]
    assert found.r_hat[0] < 1.02


def test_draws_are_complete_and_every_chain_has_its_own(fit, name, flips):
    settings = SETTINGS[name]
    assert fit.draws.shape == (settings.chains, settings.draws, 1)
    assert fit.names == flips.names
    assert len(np.unique(fit.draws[:, 0, 0])) == settings.chains
    assert (fit.name, fit.method, fit.kind) == (name, name, "posterior")
    assert fit.details["sampler"] == fit.tree["posterior"].attrs["inference_library"] == "pymc"


def test_statistics_have_the_names_of_arviz(fit, name):
    stats = fit.tree["sample_stats"]
    assert {key: array.dtype.kind for key, array in stats.data_vars.items()} == STATISTICS[name]
    assert {array.shape for array in stats.data_vars.values()} == {fit.draws.shape[:2]}
    assert ((stats["acceptance_rate"] >= 0) & (stats["acceptance_rate"] <= 1)).all()


def test_a_random_walk_moves_as_often_as_it_accepts(fits):
    fit = fits["metropolis"]
    moved = fit.draws[:, 1:, 0] != fit.draws[:, :-1, 0]
    np.testing.assert_array_equal(moved, fit.tree["sample_stats"]["acceptance_rate"].values[:, 1:] == 1)


def test_the_energy_of_hmc_is_that_of_the_start_of_a_trajectory(fits, flips):
    """Less the potential energy, in the unconstrained space, it is p^2 / 2 of a standard Normal momentum."""
    fit = fits["hmc"]
    log_density = [
        log_likelihood(flips, theta) + log_prior(flips, theta) + np.log(theta[0] * (1 - theta[0]))
        for theta in fit.draws[:, :-1].reshape(-1, 1)
    ]
    kinetic = fit.tree["sample_stats"]["energy"].values[:, 1:].ravel() + np.array(log_density)
    assert kinetic.min() > -1e-9
    assert abs(kinetic.mean() - 1 / 2) < 4 * np.sqrt(1 / 2 / kinetic.size)


@pytest.mark.parametrize(
    ("name", "make_step", "evaluated", "per_call"),
    [("metropolis", metropolis_step, "density", 2), ("hmc", hmc_step, "gradient", 1)],
)
def test_evaluations_are_counted_warm_up_included(line, name, make_step, evaluated, per_call):
    """Four unknowns; a call of PyMC's difference of log densities evaluates two of them."""
    calls = []

    def counting(graph, settings, seed):
        step = make_step(graph, settings, seed)
        owner, attribute = {
            "metropolis": lambda method: (method, "delta_logp"),
            "hmc": lambda method: (method.integrator, "_logp_dlogp_func"),
        }[name](step.arguments["step"])
        function = getattr(owner, attribute)
        setattr(owner, attribute, lambda *arguments: calls.append(1) or function(*arguments))
        return step

    sampling = sample_pymc(counting, compile_graph(line), short(name), SEED, lambda _message: None)
    assert sampling.evaluated == evaluated
    assert sampling.evaluations == per_call * len(calls)


def test_equal_seeds_give_equal_draws_and_other_seeds_others(flips, name):
    first, again, other = (fitted(name, flips, short(name), seed) for seed in (SEED, SEED, SEED + 1))
    assert again.tree.identical(first.tree)
    assert again.details == first.details
    assert not np.isin(other.draws, first.draws).any()


def test_chains_start_apart_and_within_1_of_the_start_of_the_graph(line):
    graph = compile_graph(line)
    centre, points = graph.initial_point(), starting_points(graph, 3, SEED)
    for variable, value in centre.items():
        moved = np.array([point[variable] - value for point in points])
        assert np.abs(moved).max() <= 1
        assert len(np.unique(moved)) == moved.size


def test_an_interrupt_passes_through(flips, name, monkeypatch):
    monkeypatch.setattr(samplers, "REPORT_SECONDS", 0.001)

    def interrupt(message):
        if message.startswith("chain"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(name, flips, short(name, draws=100_000), report=interrupt)


def test_progress_ends_with_every_chain_complete(flips, name):
    messages = []
    fitted(name, flips, short(name), report=messages.append)
    assert messages[0] == "compiling the model for pymc"
    assert messages[-1].startswith("chain 1 200/200")
    assert ", chain 2 200/200" in messages[-1]


def test_a_start_where_the_density_is_zero_is_refused_with_advice(line, name):
    """A response around 1e200 has log density -inf wherever the chains start."""
    impossible = replace(line, response=replace(line.response, values=1e200 * np.cos(np.arange(40))))
    with pytest.raises(FitError, match="could not go on: Initial evaluation of model at starting point"):
        fitted(name, impossible, short(name))


def test_a_model_without_unknowns_has_nothing_to_sample(line, name):
    with pytest.raises(NotApplicable, match="every parameter is fixed"):
        fitted(name, replace(line, blocks=()))


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"chains": 0}, {"tune": 10}, {"step": 0.1}, {"draws": 10.5}])
def test_settings_outside_of_their_range_are_refused(name, wrong):
    with pytest.raises(ValidationError):
        METHODS[name].settings(**wrong)


def test_the_acceptance_that_hmc_aims_at_is_a_setting():
    with pytest.raises(ValidationError):
        HmcSettings(target_accept=1.0)
    with pytest.raises(ValidationError):
        MetropolisSettings(target_accept=0.8)
