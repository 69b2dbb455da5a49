"""NUTS: complete, repeatable draws in the order of theta, or a plain reason why there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from bayescope.diagnostics.convergence import monte_carlo_errors
from bayescope.errors import FitError, NotApplicable
from bayescope.inference import nuts, samplers
from bayescope.inference.method import Context
from bayescope.inference.nuts import NUTS
from bayescope.inference.samplers import Chain, Sampling, progress_text
from bayescope.inference.settings import NutsSettings

SEED = 20261120
SHORT = NutsSettings(draws=200, tune=200, chains=2)
STATISTICS = {
    "diverging": "b",
    "energy": "f",
    "tree_depth": "i",
    "reached_max_treedepth": "b",
    "n_steps": "i",
    "lp": "f",
    "acceptance_rate": "f",
    "step_size": "f",
}


@pytest.fixture(params=["line_fit", "line_fit_by_nutpie", "line_fit_by_pymc"])
def fit(request):
    """The same model by each sampler."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def compile_no_more(monkeypatch, compiled_line):
    """Let nutpie sample `line` again without compiling it again."""
    monkeypatch.setattr("bayescope.inference.nutpie_sampler.compiled_for", lambda _graph: compiled_line)


def test_draws_are_complete_and_in_the_order_of_theta(fit, line):
    assert fit.draws.shape == (2, 200, 4)
    assert fit.names == line.names
    np.testing.assert_array_equal(fit.draws[..., 1:3], fit.tree["posterior"]["coefficients"].values)
    np.testing.assert_array_equal(fit.draws[..., 3], fit.tree["posterior"]["sigma"].values)
    assert (fit.draws[..., 3] > 0).all()


def test_posterior_mean_of_flat_coefficients_is_least_squares(fit, line):
    """E[beta | y] is the least-squares solution whatever sigma is; 50 is fewer effective draws than expected."""
    X, y = line.location.matrix, line.response.values
    error = fit.estimate[:3] - np.linalg.lstsq(X, y)[0]
    assert (np.abs(error) < 5 * fit.sd[:3] / np.sqrt(50)).all()


def test_white_coordinates_leave_the_posterior_as_it_is(line_fit, line_fit_by_nutpie, line_fit_by_pymc):
    """Means and sds by each sampler, apart by 4 of their combined Monte Carlo errors at most."""
    white_errors = monte_carlo_errors(line_fit)
    for plain in (line_fit_by_nutpie, line_fit_by_pymc):
        of_mean, of_sd = np.hypot(white_errors, monte_carlo_errors(plain))
        assert (np.abs(line_fit.estimate - plain.estimate) < 4 * of_mean).all()
        assert (np.abs(line_fit.sd - plain.sd) < 4 * of_sd).all()


def test_summaries_are_those_of_the_draws(fit):
    flat = fit.draws.reshape(-1, 4)
    np.testing.assert_allclose(fit.estimate, flat.mean(axis=0))
    np.testing.assert_allclose(fit.covariance, np.cov(flat.T))
    assert fit.marginals["b"].mean == pytest.approx(flat[:, 2].mean())
    assert set(fit.timings) == {"compile", "sample"}


def test_statistics_have_the_same_names_and_kinds_whichever_the_sampler(fit):
    stats = fit.tree["sample_stats"]
    assert {name: array.dtype.kind for name, array in stats.data_vars.items()} == STATISTICS
    assert {array.shape for array in stats.data_vars.values()} == {(2, 200)}
    assert (stats["tree_depth"].values <= 10).all()
    assert (stats["n_steps"].values < 2 ** (stats["tree_depth"].values + 1)).all()


def test_energy_is_the_negative_log_density_plus_a_kinetic_energy_up_to_a_constant(fit):
    """The kinetic energy of 4 dimensions is chi-square / 2, of sd sqrt(2); nutpie's constant is log det of its scaling."""
    stats = fit.tree["sample_stats"]
    kinetic = stats["energy"].values + stats["lp"].values
    assert (np.abs(kinetic.std(axis=1) - np.sqrt(2)) < 0.7).all()


def test_the_sampler_is_recorded(fit, line_fit, line_fit_by_nutpie, line_fit_by_pymc):
    names = [one.details["sampler"] for one in (line_fit, line_fit_by_nutpie, line_fit_by_pymc)]
    assert names == ["bayescope", "nutpie", "pymc"]
    assert fit.tree["posterior"].attrs["inference_library"] == fit.details["sampler"]
    assert fit.details["divergences"] == int(fit.tree["sample_stats"]["diverging"].sum())


def test_gradients_are_counted_warm_up_included(line_fit, line_fit_by_nutpie, line_fit_by_pymc):
    """PyMC evaluates the start of a trajectory anew; 800 iterations, half of them in the statistics."""
    for fit, starts in ((line_fit, -200), (line_fit_by_nutpie, 0), (line_fit_by_pymc, 800)):
        kept = int(fit.tree["sample_stats"]["n_steps"].sum())
        assert fit.details["evaluated"] == "gradient"
        assert kept + starts + 400 <= fit.details["evaluations"] <= 20 * kept


@pytest.mark.usefixtures("compile_no_more")
@pytest.mark.parametrize("sampler", ["auto", "nutpie"])
def test_equal_seeds_give_equal_draws_and_other_seeds_others(line, line_fit, line_fit_by_nutpie, sampler):
    """`compiled_line` was compiled anew, so this is what a second run does."""
    first = {"auto": line_fit, "nutpie": line_fit_by_nutpie}[sampler]
    settings = SHORT.model_copy(update={"sampler": sampler})
    again = NUTS.fit(line, settings, Context(seed=SEED))
    np.testing.assert_array_equal(again.draws, first.draws)
    assert again.tree.identical(first.tree)
    assert again.details == first.details
    other = NUTS.fit(line, settings, Context(seed=SEED + 1))
    assert not np.isin(other.draws, first.draws).any()


@pytest.mark.usefixtures("compile_no_more")
def test_draws_do_not_depend_on_the_number_of_cores(line, line_fit_by_nutpie, monkeypatch):
    monkeypatch.setattr(samplers, "available_cores", lambda: 1)
    settings = SHORT.model_copy(update={"sampler": "nutpie"})
    again = NUTS.fit(line, settings, Context(seed=SEED))
    np.testing.assert_array_equal(again.draws, line_fit_by_nutpie.draws)


def test_equal_seeds_give_equal_draws_with_pymc(line, line_fit_by_pymc):
    settings = SHORT.model_copy(update={"sampler": "pymc"})
    np.testing.assert_array_equal(NUTS.fit(line, settings, Context(seed=SEED)).draws, line_fit_by_pymc.draws)


@pytest.mark.usefixtures("compile_no_more")
@pytest.mark.parametrize("sampler", ["auto", "nutpie", "pymc"])
def test_an_interrupt_passes_through(line, sampler, monkeypatch):
    """PyMC takes an interrupt for the end of a chain and goes on; nutpie returns what it has."""
    monkeypatch.setattr(samplers, "REPORT_SECONDS", 0.001)

    def interrupt(message):
        if message.startswith("chain"):
            raise KeyboardInterrupt

    settings = NutsSettings(sampler=sampler, draws=100_000, chains=2)
    with pytest.raises(KeyboardInterrupt):
        NUTS.fit(line, settings, Context(seed=1, report_progress=interrupt))


@pytest.mark.usefixtures("compile_no_more")
@pytest.mark.parametrize("sampler", ["nutpie", "pymc"])
def test_progress_ends_with_every_chain_complete(line, sampler):
    messages = []
    settings = SHORT.model_copy(update={"sampler": sampler})
    NUTS.fit(line, settings, Context(seed=1, report_progress=messages.append))
    assert messages[0] == f"compiling the model for {sampler}"
    assert messages[-1].startswith("chain 1 400/400")
    assert ", chain 2 400/400" in messages[-1]


def test_progress_in_white_coordinates_ends_with_every_chain_complete(line):
    messages = []
    NUTS.fit(line, SHORT, Context(seed=1, report_progress=messages.append))
    assert messages[-1] == "chain 1 300/300, chain 2 300/300"


def test_progress_tells_warm_up_and_divergences_of_each_chain():
    line = progress_text([Chain(150, 0), Chain(399, 3)], SHORT)
    assert line == "chain 1 150/400 warm-up, chain 2 399/400 (3 divergent)"


def returning(posterior):
    """A sampler that returns these arrays."""
    stats = {"diverging": np.zeros(1, bool), "reached_max_treedepth": np.zeros(1, bool)}
    return {"nutpie": lambda *_: Sampling(posterior, stats, "nutpie", "0", {})}


BY_NUTPIE = SHORT.model_copy(update={"sampler": "nutpie"})


def line_draws(chains, draws):
    shape = (chains, draws)
    return {"Intercept": np.zeros(shape), "coefficients": np.zeros((*shape, 2)), "sigma": np.ones(shape)}


@pytest.mark.parametrize(("chains", "draws"), [(2, 199), (1, 200)])
def test_a_short_chain_is_an_error(line, monkeypatch, chains, draws):
    monkeypatch.setattr(nuts, "SAMPLERS", returning(line_draws(chains, draws)))
    with pytest.raises(FitError, match=f"returned {chains} chains of {draws} draws instead of 2 of 200"):
        NUTS.fit(line, BY_NUTPIE, Context(seed=1))


def test_draws_that_are_not_finite_are_an_error(line, monkeypatch):
    posterior = line_draws(2, 200)
    posterior["sigma"][1, 150:] = np.nan
    monkeypatch.setattr(nuts, "SAMPLERS", returning(posterior))
    with pytest.raises(FitError, match="50 of 400 draws"):
        NUTS.fit(line, BY_NUTPIE, Context(seed=1))


def test_a_model_without_unknowns_has_nothing_to_sample(line):
    with pytest.raises(NotApplicable, match="every parameter is fixed"):
        NUTS.fit(replace(line, blocks=()), SHORT, Context(seed=1))


def test_a_sampler_that_cannot_start_says_so_with_advice(line, monkeypatch):
    class Failed:
        cancelled = False

        def wait(self, timeout):  # noqa: ARG002  called by name
            raise RuntimeError("All initialization points failed\n\nCaused by:\n    ErrorCode(4)")

        def cancel(self):
            Failed.cancelled = True

    monkeypatch.setattr("bayescope.inference.nutpie_sampler.compiled_for", lambda _graph: None)
    monkeypatch.setattr("nutpie.sample", lambda *_, **__: Failed())
    with pytest.raises(FitError, match=r"could not go on: All initialization points failed\. The posterior"):
        NUTS.fit(line, BY_NUTPIE, Context(seed=1))
    assert Failed.cancelled


def test_pymc_refuses_a_start_where_the_density_is_zero(line):
    """A response around 1e200 has log density -inf wherever the chains start."""
    impossible = replace(line, response=replace(line.response, values=1e200 * np.cos(np.arange(40))))
    with pytest.raises(
        FitError, match="could not go on: Initial evaluation of model at starting point failed"
    ):
        NUTS.fit(impossible, SHORT.model_copy(update={"sampler": "pymc"}), Context(seed=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"chains": 0},
        {"target_accept": 1.0},
        {"sampler": "stan"},
        {"burn_in": 5},
        {"draws": 10.5},
    ],
)
def test_settings_outside_of_their_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        NutsSettings(**wrong)
