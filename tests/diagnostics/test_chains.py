"""Chains that do not move or lie elsewhere are named by their number; chains that mix are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from bayescope.diagnostics.chains import chains_text, split_chains, still_chains
from bayescope.diagnostics.sampler_checks import check_chains


def test_chains_that_mix_are_neither_still_nor_apart(white_draws):
    assert still_chains(white_draws) == ()
    assert split_chains(white_draws) is None


@pytest.mark.parametrize("stuck", [(1,), (2, 4)])
def test_a_chain_that_does_not_move_is_named(sampled, white_draws, stuck):
    draws = white_draws.copy()
    for chain in stuck:
        draws[chain - 1] = draws[chain - 1, 0]
    found = check_chains(sampled(draws))
    assert (found.verdict, found.value) == ("fail", len(stuck))
    assert chains_text(stuck).capitalize() in found.message
    assert "not move" in found.message


def test_a_random_walk_that_rejects_most_proposals_still_moves(white_draws):
    repeated = np.repeat(white_draws[:, :50], 20, axis=1)  # 95 % of the steps are rejected
    assert still_chains(repeated) == ()


@pytest.mark.parametrize(("moved", "few", "many"), [((3,), (3,), (1, 2, 4)), ((1, 4), (2, 3), (1, 4))])
def test_chains_at_different_modes_are_named_with_where_they_are(sampled, white_draws, moved, few, many):
    draws = white_draws.copy()
    draws[[chain - 1 for chain in moved], :, 1] += 8.0
    split = split_chains(draws)
    assert (split.parameter, {split.few, split.many}) == (1, {few, many})
    ends = sorted((split.at, split.other))
    assert ends == pytest.approx([0.0, 8.0], abs=4 / np.sqrt(1000))
    found = check_chains(sampled(draws))
    assert (found.verdict, found.parameter) == ("fail", "b")
    assert chains_text(split.few).capitalize() in found.message


def test_what_has_no_second_chain_or_is_not_finite_is_not_apart(white_draws):
    assert split_chains(white_draws[:1]) is None
    assert split_chains(np.full((4, 100, 2), np.nan)) is None
    assert split_chains(np.ones((4, 100, 2))) is None
    assert still_chains(white_draws[:, :1]) == ()


def test_chains_are_named_from_one():
    assert chains_text((3,)) == "chain 3"
    assert chains_text((1, 2, 4)) == "chains 1, 2 and 4"
