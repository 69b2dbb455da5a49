"""Every check passes on a sound answer and fails, with advice, on one broken on purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayescope.diagnostics.checks import check_all, check_fit, check_predictive
from bayescope.diagnostics.comparison import compare
from bayescope.diagnostics.records import PredictiveCheck
from bayescope.inference.fit import Outcome

SAMPLER = ("draws", "chains", "r_hat", "ess_bulk", "ess_tail", "divergences", "e_bfmi", "tree_depth", "tails")


def alone(fit, name):
    (found,) = [check for check in check_fit(fit) if check.name == name]
    return found


def together(fits, method, name):
    (found,) = [
        check for check in check_all(fits, compare(fits)) if (check.method, check.name) == (method, name)
    ]
    return found


def some(count):
    """Flags of 4000 draws of which the first `count` are set."""
    return (np.arange(4000) < count).reshape(4, 1000)


def test_a_sound_sampler_passes_every_check_without_advice(sampled, white_draws):
    checks = check_fit(sampled(white_draws))
    assert tuple(check.name for check in checks) == ("answer", *SAMPLER)
    assert {check.verdict for check in checks} == {"pass"}
    assert {check.advice for check in checks} == {""}


def test_exact_and_point_answers_have_nothing_to_converge(exact, point):
    assert [check.name for check in check_fit(exact([0.0], [1.0]))] == ["answer"]
    assert [check.name for check in check_fit(point([0.0]))] == ["answer", "boundary"]


def test_chains_in_different_places_fail_r_hat_at_the_parameter(sampled, white_draws):
    apart = white_draws.copy()
    apart[0, :, 1] += 3
    found = alone(sampled(apart), "r_hat")
    assert (found.verdict, found.parameter, found.threshold) == ("fail", "b", 1.01)
    assert found.value > 1.1
    assert "not mixed" in found.advice


@pytest.mark.parametrize("name", ["ess_bulk", "ess_tail"])
def test_sticky_chains_fail_ess_and_the_advice_asks_for_enough_draws(sampled, sticky_draws, name):
    found = alone(sampled(sticky_draws), name)
    assert (found.verdict, found.threshold) == ("fail", 400.0)
    needed = int(found.advice.split("at least ")[1].split()[0])
    assert 400 <= needed / 1000 * found.value < 400 + 100 / 1000 * found.value


@pytest.mark.parametrize("name", ["r_hat", "ess_bulk", "ess_tail"])
@pytest.mark.parametrize("value", [1.0, np.nan, np.inf])
def test_draws_that_cannot_be_judged_fail(sampled, white_draws, name, value):
    broken = white_draws.copy()
    broken[:, :, 1] = value
    with np.errstate(invalid="ignore"):
        found = alone(sampled(broken), name)
    assert (found.verdict, found.value, found.parameter) == ("fail", None, "b")
    assert "cannot be computed" in found.message
    assert found.advice


def test_one_chain_cannot_pass_r_hat(sampled, white_draws):
    assert alone(sampled(white_draws[:1]), "r_hat").verdict == "fail"


@pytest.mark.parametrize(("count", "verdict"), [(0, "pass"), (1, "fail")])
def test_a_single_divergence_fails(sampled, white_draws, count, verdict):
    found = alone(sampled(white_draws, diverging=some(count)), "divergences")
    assert (found.verdict, found.value) == (verdict, count)
    assert found.message == f"{count} of 4000 draws diverged."


def test_a_slow_energy_fails_e_bfmi_and_names_the_chain(sampled, white_draws):
    energy = np.random.default_rng(0).normal(size=(4, 1000))
    energy[2] = np.random.default_rng(1).normal(size=1000).cumsum()
    found = alone(sampled(white_draws, energy=energy), "e_bfmi")
    assert (found.verdict, found.threshold) == ("fail", 0.3)
    assert found.value < 0.3
    assert "chain 3" in found.message


def test_a_constant_energy_fails_e_bfmi(sampled, white_draws):
    found = alone(sampled(white_draws, energy=np.ones((4, 1000))), "e_bfmi")
    assert (found.verdict, found.value) == ("fail", None)


@pytest.mark.parametrize(("count", "verdict"), [(0, "pass"), (1, "note"), (40, "note"), (41, "fail")])
def test_cut_trajectories_are_noted_and_over_one_percent_fail(sampled, white_draws, count, verdict):
    found = alone(sampled(white_draws, reached_max_treedepth=some(count)), "tree_depth")
    assert (found.verdict, found.value) == (verdict, count / 4000)


@pytest.mark.parametrize(
    ("statistic", "name"),
    [("diverging", "divergences"), ("energy", "e_bfmi"), ("reached_max_treedepth", "tree_depth")],
)
def test_a_statistic_that_was_not_recorded_never_passes(sampled, white_draws, statistic, name):
    found = alone(sampled(white_draws, **{statistic: None}), name)
    assert (found.verdict, found.value) == ("note", None)


@pytest.mark.parametrize("kept", [(slice(None), slice(900)), (slice(3), slice(None))])
def test_an_interrupted_run_fails(sampled, white_draws, kept):
    found = alone(sampled(white_draws[kept]), "draws")
    assert found.verdict == "fail"
    assert found.value < found.threshold == 4000


def test_draws_that_are_not_finite_fail(sampled, white_draws):
    broken = white_draws.copy()
    broken[1, 2, 0] = np.nan
    assert alone(sampled(broken), "draws").verdict == "fail"


def test_a_recipe_that_does_not_say_how_many_draws_is_noted(sampled, white_draws):
    assert alone(sampled(white_draws, settings={}), "draws").verdict == "note"


@pytest.mark.parametrize(("status", "verdict"), [("failed", "fail"), ("not applicable", "note")])
def test_a_method_without_an_answer_says_why(unanswered, status, verdict):
    (found,) = check_fit(unanswered(status))
    assert (found.name, found.verdict, found.message, found.advice) == (
        "answer",
        verdict,
        "why",
        "what to do",
    )


@pytest.mark.parametrize("status", ["failed", "ok", "flagged"])
def test_an_unexplained_failure_still_has_advice(unanswered, status):
    (found,) = check_fit(unanswered(status, message="", advice=""))
    assert found.verdict == "fail"
    assert found.message
    assert found.advice


def test_a_flagged_answer_is_noted(point):
    fit = point([1.0], outcome=Outcome("flagged", "slow", "scale"))
    assert (alone(fit, "answer").verdict, alone(fit, "answer").message) == ("note", "slow")


def test_a_boundary_is_noted_once(point):
    outcome = Outcome("flagged", "a: on the boundary.", "Use a prior.")
    fit = point([1.0], outcome=outcome, details={"boundary": ["a"]})
    found = alone(fit, "boundary")
    assert (found.verdict, found.parameter, found.value) == ("note", "a", 1.0)
    assert (found.message, found.advice) == (outcome.message, outcome.advice)
    assert alone(fit, "answer").verdict == "pass"
    assert alone(point([0.5], [0.1], details={"boundary": []}), "boundary").verdict == "pass"


def test_a_sampler_that_finds_the_exact_posterior_agrees(exact, sampled, white_draws):
    fits = [exact([0.0, 0.0], [1.0, 1.0]), sampled(white_draws)]
    for name in ("agreement_of_means", "agreement_of_sds"):
        assert together(fits, "nuts", name).verdict == "pass"


@pytest.mark.parametrize(
    ("mean", "sd", "broken"),
    [(0.1, 1.0, "agreement_of_means"), (0.0, 1.1, "agreement_of_sds")],
)
def test_a_sampler_of_another_posterior_disagrees(exact, sampled, white_draws, mean, sd, broken):
    # 0.1 is 6 standard errors of the mean (1 / sqrt 4000), 9 % is 8 of the sd (1 / sqrt 8000)
    fits = [exact([0.0, mean], [1.0, sd]), sampled(white_draws)]
    for name in ("agreement_of_means", "agreement_of_sds"):
        found = together(fits, "nuts", name)
        assert found.verdict == ("fail" if name == broken else "pass")
        assert bool(found.advice) == (name == broken)
    assert together(fits, "nuts", broken).parameter == "b"


def test_the_advice_where_a_method_disagrees_is_for_its_kind(exact, sampled, white_draws):
    errors = {key: {"a": 0.01, "b": 0.01} for key in ("mcse_mean", "mcse_sd")}
    weighted = replace(exact([0.0, 0.1], [1.0, 1.0]), name="importance", method="importance", details=errors)
    fits = [exact([0.0, 0.0], [1.0, 1.0]), weighted, sampled(white_draws + 1.0)]
    advice = {name: together(fits, name, "agreement_of_means").advice for name in ("importance", "nuts")}
    assert "R-hat" not in advice["importance"]
    assert "raise `proposals`" in advice["importance"]
    assert "R-hat" in advice["nuts"]


def test_two_samplers_that_disagree_fail(sampled, white_draws):
    fits = [sampled(white_draws), sampled(white_draws + 0.2, name="other")]
    assert together(fits, "other", "agreement_of_means").verdict == "fail"


def test_draws_without_a_monte_carlo_error_cannot_agree(exact, sampled):
    fits = [exact([1.0], [1.0]), sampled(np.ones((4, 1000, 1)))]
    found = together(fits, "nuts", "agreement_of_means")
    assert (found.verdict, found.value) == ("fail", None)


def test_a_posterior_without_a_mean_is_a_note_not_a_failure(exact, sampled, white_draws):
    nothing = replace(
        exact([0.0, 0.0], [1.0, 1.0]), estimate=np.full(2, np.nan), covariance=np.full((2, 2), np.nan)
    )
    for name in ("agreement_of_means", "agreement_of_sds"):
        assert together([nothing, sampled(white_draws)], "nuts", name).verdict == "note"


@pytest.mark.parametrize(("mode", "verdict"), [(1.0, "pass"), (1.1, "note"), (-1.1, "note")])
def test_a_map_far_from_the_posterior_mean_is_noted(exact, point, mode, verdict):
    fits = [exact([0.0, 0.0], [1.0, 1.0]), point([0.0, mode], name="map")]
    found = together(fits, "map", "map_near_posterior_mean")
    assert (found.verdict, found.parameter) == (verdict, "b")


def test_an_mle_far_from_the_posterior_mean_is_as_it_should_be(exact, point):
    fits = [exact([0.0], [1.0]), point([9.0])]
    assert all(check.name != "map_near_posterior_mean" for check in check_all(fits, compare(fits)))


@pytest.mark.parametrize(
    ("p", "verdict", "message"),
    [
        (0.5, "pass", "p = 0.5."),
        (0.005, "pass", "p = 0.005."),
        (0.995, "pass", "p = 0.995, 1 - p = 0.005."),
        (
            0.004,
            "note",
            "The largest gap of the data lies above that of nearly all 400 replicates: p = 0.004.",
        ),
        (
            1.0,
            "note",
            "The largest gap of the data lies below that of nearly all 400 replicates: p = 1, 1 - p = 0.",
        ),
    ],
)
def test_a_statistic_that_replicates_do_not_reach_is_noted(p, verdict, message):
    statistic = {"observed": 1.0, "mean": 0.0, "lower": -1.0, "upper": 1.0, "p": p}
    predictive = PredictiveCheck(
        method="exact",
        replicates=400,
        statistics={"largest gap": statistic},
        edges=(0.0, 1.0),
        observed=(1.0,),
        lower=(0.0,),
        median=(1.0,),
        upper=(2.0,),
    )
    (found,) = check_predictive(predictive)
    assert (found.method, found.name, found.verdict) == ("exact", "predictive_largest_gap", verdict)
    assert found.message == message
    assert f"p = {found.value:.3g}" in found.message
    assert check_all([], (), [found]) == (found,)


def test_without_a_predictive_check_there_is_nothing_to_note():
    assert check_predictive(None) == ()


def test_every_failure_or_note_about_a_sampler_has_advice(sampled, sticky_draws):
    stuck = sticky_draws[:3].copy()
    stuck[1] = stuck[1, 0]
    fit = sampled(
        stuck,
        diverging=some(5)[:3],
        energy=np.ones((3, 1000)),
        reached_max_treedepth=some(500)[:3],
    )
    checks = {check.name: check for check in check_fit(fit)}
    failed = [name for name in SAMPLER if name != "tails"]
    assert {checks[name].verdict for name in failed} == {"fail"}
    assert all(checks[name].advice and checks[name].message for name in failed)
