"""The verdict claims no more than the checks and the comparison bear out."""

from __future__ import annotations

import numpy as np

from bayescope.diagnostics.checks import check_all
from bayescope.diagnostics.comparison import compare
from bayescope.diagnostics.records import Check
from bayescope.diagnostics.verdict import verdict


def judge(*fits):
    comparison = compare(fits)
    return verdict(fits, check_all(fits, comparison), comparison)


def test_a_sound_run_passes_and_says_what_confirms_it(exact, sampled, white_draws):
    nuts, solved = sampled(white_draws), exact([0.0, 0.0], [1.0, 1.0])
    largest = max(abs(z) for row in compare([solved, nuts]) for z in (row.z, row.z_sd))
    found = judge(solved, nuts)
    assert found.status == "pass"
    assert found.sentence == (
        f"All 13 checks passed; nuts agrees with the exact posterior (largest |z| {largest:.1f})."
    )


def test_a_sampler_alone_is_not_said_to_be_confirmed(sampled, white_draws):
    found = judge(sampled(white_draws))
    assert found == verdict([sampled(white_draws)], check_all([sampled(white_draws)], ()), ())
    assert found.sentence == "All 10 checks passed; no second posterior confirms nuts."


def test_an_inapplicable_method_is_no_cause_for_attention(sampled, unanswered, white_draws):
    assert judge(unanswered("not applicable", "exact"), sampled(white_draws)).status == "pass"


def test_a_failed_check_is_named_and_its_method_not_relied_on(exact, sampled, white_draws):
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging[0, 0] = True
    found = judge(exact([0.0, 0.0], [1.0, 1.0]), sampled(white_draws, diverging=diverging))
    assert found.status == "fail"
    assert found.sentence == "1 of 13 checks failed: nuts (divergences); the exact posterior is known."


def test_a_wrong_reference_confirms_nothing(sampled, sticky_draws):
    found = judge(sampled(sticky_draws))
    assert found.status == "fail"
    assert found.sentence.startswith("3 of 10 checks failed: nuts (r_hat, ess_bulk, ess_tail)")
    assert "confirms" not in found.sentence
    assert "agree" not in found.sentence


def test_the_other_answers_of_a_run_with_a_failure_are_still_spoken_for(
    exact, sampled, unanswered, white_draws
):
    found = judge(unanswered("failed"), exact([0.0, 0.0], [1.0, 1.0]), sampled(white_draws))
    assert found.status == "fail"
    assert found.sentence.startswith(
        "1 of 14 checks failed: mle (answer); nuts agrees with the exact posterior"
    )


def test_a_note_calls_for_attention(exact, point):
    found = judge(exact([0.0], [1.0]), point([2.0], [1.0], name="map"))
    assert found.status == "attention"
    assert found.sentence == (
        "None of 4 checks failed, but note: map (map_near_posterior_mean); the exact posterior is known."
    )


def test_points_alone_are_not_confirmed(point):
    found = judge(point([1.0], [1.0]))
    assert found.status == "pass"
    assert found.sentence == "All 2 checks passed; no method gave a posterior to check the others against."


def test_a_run_without_an_answer_fails_even_when_no_check_does(unanswered):
    assert judge(unanswered("failed")).sentence == "No method gave an answer: mle (answer)."
    assert judge(unanswered("not applicable")).status == "fail"


def test_several_methods_are_joined_in_words(unanswered):
    fits = [unanswered("failed", name) for name in ("mle", "map", "nuts")]
    assert judge(*fits).sentence == "No method gave an answer: mle (answer), map (answer) and nuts (answer)."
    assert isinstance(check_all(fits, ())[0], Check)
