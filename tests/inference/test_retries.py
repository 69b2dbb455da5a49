"""Draws that fail a gate are drawn again with other settings; every attempt is recorded, the best one kept."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayescope.errors import FitError
from bayescope.inference import nuts
from bayescope.inference.fit import Fit
from bayescope.inference.gates import failed_gates
from bayescope.inference.method import Context
from bayescope.inference.nuts import NUTS
from bayescope.inference.retries import attempts_of, fit_with_retries
from bayescope.inference.samplers import Sampling
from bayescope.inference.settings import NutsSettings

SETTINGS = NutsSettings(retries=1)


def white(seed=0, chains=4, length=1000):
    return np.random.default_rng(seed).normal(size=(chains, length, 2))


def apart(draws):
    """The same draws with the last chain somewhere else, which R-hat and the effective sizes notice."""
    return draws + 5.0 * (np.arange(len(draws)) == len(draws) - 1)[:, None, None]


def slow(persistence):
    """An autoregression, whose effective size is (1 - r) / (1 + r) of its length."""
    steps, draws = white(1) * np.sqrt(1 - persistence**2), white(2)
    for t in range(1, draws.shape[1]):
        draws[:, t] = persistence * draws[:, t - 1] + steps[:, t]
    return draws


def fit_of(draws, divergent=0, energy=None, saturated=0):
    shape = draws.shape[:2]
    statistics = {
        "diverging": np.arange(np.prod(shape)).reshape(shape) < divergent,
        "reached_max_treedepth": np.arange(np.prod(shape)).reshape(shape) < saturated,
        "energy": np.random.default_rng(99).normal(size=shape) if energy is None else energy,
    }
    variables = {name: (("chain", "draw"), values) for name, values in statistics.items()}
    tree = xr.DataTree.from_dict({"sample_stats": xr.Dataset(variables)})
    return Fit("nuts", "nuts", "posterior", ("a", "b"), estimate=np.zeros(2), draws=draws, tree=tree)


def run(*outcomes, settings=SETTINGS):
    """Fit with a sampler that has these outcomes in turn; return the fit and the settings it was asked for."""
    asked, told, remaining = [], [], list(outcomes)

    def fit_once(_model, settings, context):
        asked.append((settings, context.seed))
        outcome = remaining.pop(0)
        if isinstance(outcome, FitError):
            raise outcome
        return outcome

    fit = fit_with_retries(fit_once, None, settings, Context(seed=7, report_progress=told.append))
    return fit, asked, told


def test_healthy_draws_are_drawn_once():
    fit, asked, told = run(fit_of(white()))
    assert (len(asked), told, attempts_of(fit)) == (1, [], ())


@pytest.mark.parametrize(
    ("sick", "gates", "changed"),
    [
        (fit_of(white(), divergent=25), {"divergences"}, {"target_accept": 0.99}),
        (fit_of(apart(white())), {"r_hat", "ess_bulk", "ess_tail"}, {"tune": 2000}),
        (fit_of(white(), energy=white()[:, :, 0].cumsum(axis=1)), {"e_bfmi"}, {"tune": 2000}),
        (fit_of(white(), saturated=41), {"tree_depth"}, {"tune": 2000}),
    ],
)
def test_each_failed_gate_has_a_change_of_settings(sick, gates, changed):
    fit, asked, told = run(sick, fit_of(white()))
    first, second = attempts_of(fit)
    assert set(first["failed"]) == gates
    assert asked == [(SETTINGS, 7), (SETTINGS.model_copy(update=changed), 7)]
    assert dict(fit.settings) == second["settings"] == asked[1][0].model_dump()
    assert (second["failed"], first["kept"], second["kept"]) == ({}, False, True)
    assert all(f"{name} {value}" in told[0] for name, value in changed.items())


def test_too_few_effective_draws_ask_for_as_many_as_they_need_and_a_quarter_more():
    sick = fit_of(slow(0.85))  # about 4000 * 0.15 / 1.85 = 324 of 400
    failed = {gate.name: measured.value for gate, measured in failed_gates(sick)}
    assert set(failed) & {"ess_bulk", "ess_tail"}
    _, asked, _ = run(sick, fit_of(white()))
    smallest = min(value for name, value in failed.items() if name.startswith("ess"))
    needed = 1000 * 1.25 * 400 / smallest
    assert needed <= asked[1][0].draws < needed + 100


def test_chains_that_need_more_than_four_times_the_draws_are_tuned_longer_instead():
    _, asked, _ = run(fit_of(slow(0.99)), fit_of(white()))
    assert (asked[1][0].draws, asked[1][0].tune) == (1000, 2000)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (fit_of(white(), divergent=25), fit_of(white(), divergent=3), 1),
        (fit_of(white(), divergent=3), fit_of(white(), divergent=25), 0),
        (fit_of(white(), divergent=25), fit_of(apart(white()), divergent=3), 0),
        (fit_of(white(), divergent=25), FitError("The sampler could not go on.", ""), 0),
    ],
)
def test_the_attempt_with_the_fewest_failures_is_kept(first, second, kept):
    fit, _, _ = run(first, second)
    attempts = attempts_of(fit)
    assert [attempt["kept"] for attempt in attempts] == [k == kept for k in range(2)]
    np.testing.assert_array_equal(
        fit.tree["sample_stats"]["diverging"], (first, second)[kept].tree["sample_stats"]["diverging"]
    )
    assert attempts[1]["message"] == ("The sampler could not go on." if isinstance(second, FitError) else "")


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_as_many_retries_as_the_recipe_allows(retries):
    sick = fit_of(white(), divergent=9)
    _, asked, _ = run(*[sick] * 4, settings=NutsSettings(retries=retries))
    expected = [0.9, 0.99, 0.999, 0.9999][: retries + 1]
    assert [settings.target_accept for settings, _ in asked] == expected


def test_a_run_too_short_to_be_judged_is_not_tried_again():
    _, asked, _ = run(
        fit_of(apart(white(chains=2, length=200))), settings=NutsSettings(draws=200, chains=2, retries=5)
    )
    assert len(asked) == 1


def test_a_first_attempt_that_cannot_start_is_an_error():
    with pytest.raises(FitError, match="cannot start"):
        run(FitError("cannot start", "advice"))


def test_nuts_itself_tries_again(line, monkeypatch):
    """A sampler that diverges until its target is 0.99, on the graph of a real model."""

    def sampler(_graph, settings, seed, _report):
        rng = np.random.default_rng(seed)
        shape = (settings.chains, settings.draws)
        posterior = {
            "Intercept": rng.normal(size=shape),
            "coefficients": rng.normal(size=(*shape, 2)),
            "sigma": rng.lognormal(size=shape),
        }
        diverging = np.full(shape, settings.target_accept < 0.99)
        statistics = {
            "diverging": diverging,
            "reached_max_treedepth": np.zeros(shape, bool),
            "energy": rng.normal(size=shape),
        }
        return Sampling(posterior, statistics, "nutpie", "0", {"sample": 1.0})

    monkeypatch.setattr(nuts, "SAMPLERS", {"nutpie": sampler})
    fit = NUTS.fit(line, SETTINGS.model_copy(update={"sampler": "nutpie"}), Context(seed=1))
    assert [attempt["failed"] for attempt in attempts_of(fit)] == [{"divergences": 4000.0}, {}]
    assert fit.details["divergences"] == 0
