"""Which checks apply to which sampler: a random walk has no energy, fixed trajectories have no trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayescope.diagnostics.sampler_checks import check_sampler
from bayescope.pipeline import prepare, read_config
from bayescope.sampling.convergence import convergence

ANY = ("draws", "chains", "r_hat", "ess_bulk", "ess_tail")
CHECKS = {
    "metropolis": (*ANY, "tails"),
    "hmc": (*ANY, "divergences", "e_bfmi", "tails"),
    "nuts": (*ANY, "divergences", "e_bfmi", "tree_depth", "tails"),
}
RECORDED = {
    "metropolis": (),
    "hmc": ("diverging", "energy"),
    "nuts": ("diverging", "energy", "reached_max_treedepth"),
}
EVERYTHING = RECORDED["nuts"]


@pytest.mark.parametrize("method", CHECKS)
def test_the_checks_of_a_method_are_those_of_what_it_records(sampled, white_draws, method):
    missing = {name: None for name in EVERYTHING if name not in RECORDED[method]}
    fit = replace(sampled(white_draws, name="mine", **missing), method=method)
    found = check_sampler(fit, convergence(fit.draws))
    assert tuple(check.name for check in found) == CHECKS[method]
    assert {check.verdict for check in found} == {"pass"}


@pytest.mark.parametrize("method", ["hmc", "nuts", "of-another-package"])
def test_what_should_have_been_recorded_and_was_not_is_a_note(sampled, white_draws, method):
    fit = replace(sampled(white_draws, **dict.fromkeys(EVERYTHING)), method=method)
    verdicts = {check.name: check.verdict for check in check_sampler(fit, convergence(fit.draws))}
    assert {verdicts["divergences"], verdicts["e_bfmi"]} == {"note"}


def attempt(failed, kept, message="", **changed):
    return {
        "settings": {"target_accept": 0.9, "tune": 1000, **changed},
        "failed": failed,
        "message": message,
        "timings": {},
        "kept": kept,
    }


FIRST = attempt({"divergences": 25.0}, kept=False)
ATTEMPTS = {
    "Attempt 1 failed divergences (25); attempt 2, with `target_accept: 0.99`, passed.": (
        FIRST,
        attempt({}, kept=True, target_accept=0.99),
    ),
    "Attempt 1 failed divergences (25); attempt 2, with `target_accept: 0.99`, failed r_hat (1.2), and attempt 1 was kept.": (
        {**FIRST, "kept": True},
        attempt({"r_hat": 1.2}, kept=False, target_accept=0.99),
    ),
    "Attempt 1 failed r_hat (undefined); attempt 2, with `tune: 2000`, could not go on, and attempt 1 was kept.": (
        attempt({"r_hat": None}, kept=True),
        attempt({}, kept=False, message="could not go on.", tune=2000),
    ),
}


@pytest.mark.parametrize("message", ATTEMPTS)
def test_attempts_are_a_note_that_says_what_failed_and_what_was_changed(sampled, white_draws, message):
    fit = replace(sampled(white_draws), details={"attempts": ATTEMPTS[message]})
    found = check_sampler(fit, convergence(fit.draws))[-1]
    assert (found.name, found.verdict, found.message) == ("attempts", "note", message)
    assert ("into the recipe" in found.advice) == message.endswith("passed.")


def test_the_same_advice_is_given_once(sampled, sticky_draws):
    """Effects that hardly differ between groups, on top of a slow drift that all share."""
    model = prepare(read_config(GROUPED))[1]
    noise = np.random.default_rng(1).normal(size=(4, 1000, len(model.names)))
    draws = 10 * sticky_draws[:, :, :1] + noise
    fit = replace(sampled(draws[:, :, :1]), names=model.names, draws=draws)
    checks = {check.name: check for check in check_sampler(fit, convergence(draws), model)}
    assert {checks[name].verdict for name in ("r_hat", "ess_bulk", "ess_tail")} == {"fail"}
    assert "`centered: false`" in checks["r_hat"].advice
    assert (checks["ess_bulk"].advice, checks["ess_tail"].advice) == ("See `r_hat`.", "See `r_hat`.")


GROUPED = {
    "name": "grouped",
    "data": {"columns": {"y": [1, 2, 4, 3, 5, 7], "g": list("aabbcc")}},
    "model": {"likelihood": "Normal", "formula": "y ~ 1 + (1 | g)", "centered": True},
    "inference": ["mle"],
}
