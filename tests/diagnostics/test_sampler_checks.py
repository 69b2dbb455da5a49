"""Which checks apply to which sampler: a random walk has no energy, fixed trajectories have no trees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayescope.diagnostics.convergence import convergence
from bayescope.diagnostics.sampler_checks import check_sampler

ANY = ("draws", "r_hat", "ess_bulk", "ess_tail")
CHECKS = {
    "metropolis": ANY,
    "hmc": (*ANY, "divergences", "e_bfmi"),
    "nuts": (*ANY, "divergences", "e_bfmi", "tree_depth"),
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
