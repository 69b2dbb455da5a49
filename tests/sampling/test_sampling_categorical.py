"""Temperature, top-k and top-p: worked softmax examples and the definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bayescope.sampling import categorical, categorical_probabilities

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "worked-examples.yaml")
LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=10)


@pytest.mark.parametrize("row", EXAMPLES["softmax"])
def test_worked_softmax(row):
    p = categorical_probabilities(row["logits"])
    assert p == pytest.approx(row["probabilities"], abs=5.1e-7)
    assert -np.log(p[row[True]]) == pytest.approx(row["nll"], abs=5.1e-7)
    assert p - np.eye(len(p))[row[True]] == pytest.approx(row["gradient"], abs=5.1e-7)


def test_large_logits_neither_overflow_nor_vanish():
    np.testing.assert_allclose(categorical_probabilities([1e6, 1e6, -1e6]), [0.5, 0.5, 0.0])
    np.testing.assert_allclose(categorical_probabilities([0.0, -1.0], temperature=1e-320), [1.0, 0.0])


@given(LOGITS, st.floats(0.1, 10))
def test_temperature_divides_log_odds(logits, temperature):
    p = categorical_probabilities(logits, temperature=temperature)
    assert p.sum() == pytest.approx(1)
    odds = (np.array(logits) - logits[0]) / temperature
    expected = np.exp(odds - odds.max())
    assert p == pytest.approx(expected / expected.sum(), abs=1e-12)


def test_temperature_0_is_the_largest_logit_and_ties_share():
    assert categorical_probabilities([1.0, 3.0, 3.0], temperature=0).tolist() == [0.0, 0.5, 0.5]


@given(LOGITS, st.integers(1, 12))
def test_top_k_keeps_the_k_most_probable_in_proportion(logits, k):
    whole, p = categorical_probabilities(logits), categorical_probabilities(logits, top_k=k)
    kept = np.argsort(-whole, kind="stable")[:k]
    expected = np.zeros(len(whole))
    expected[kept] = whole[kept] / whole[kept].sum()
    assert p == pytest.approx(expected, abs=1e-12)


@given(LOGITS, st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_sufficient_set(logits, level):
    whole = categorical_probabilities(logits)
    kept = categorical_probabilities(logits, top_p=level) > 0
    assert whole[kept].sum() >= level - 1e-9
    assert whole[kept].sum() - whole[kept].min() < level + 1e-9
    assert whole[kept].min() >= whole[~kept].max(initial=0.0)


def test_top_p_counts_a_sum_that_rounding_left_short():
    # 0.1 + 0.7 is 0.7999999999999999 in floating point
    assert (categorical_probabilities(np.log([0.1, 0.7, 0.2]), top_p=0.9) > 0).tolist() == [False, True, True]


def test_ties_at_the_edge_go_to_the_first_classes():
    p = categorical_probabilities([0.0, 1.0, 1.0, 1.0], top_k=2)
    assert p.tolist() == [0.0, 0.5, 0.5, 0.0]


def test_the_settings_act_in_order_on_every_row():
    logits = np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    p = categorical_probabilities(logits, temperature=0.5, top_k=3, top_p=0.8)
    # squared: 16 9 4 1; of the first three 29, where 16 + 9 = 25 of 29 reach 0.8
    np.testing.assert_allclose(p, [[16 / 25, 9 / 25, 0, 0], [0, 0, 9 / 25, 16 / 25]], rtol=1e-12)


def test_an_impossible_class_stays_impossible():
    p = categorical_probabilities([-np.inf, 0.0, -np.inf, 0.0], temperature=3.0, top_p=1.0)
    assert p.tolist() == [0.0, 0.5, 0.0, 0.5]


def test_draws_follow_the_probabilities_and_the_seed():
    logits = [2.0, 1.0, 0.1]
    draws = categorical(logits, 20_000, seed=1, temperature=1.5, top_k=2)
    p = categorical_probabilities(logits, temperature=1.5, top_k=2)
    assert scipy.stats.chisquare(np.bincount(draws), 20_000 * p[:2]).pvalue > 1e-4
    np.testing.assert_array_equal(draws, categorical(logits, 20_000, seed=1, temperature=1.5, top_k=2))
    assert categorical(np.zeros((2, 5, 3)), 4, seed=1).shape == (4, 2, 5)


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ValueError, match="temperature") as failure:
        categorical_probabilities([np.nan], temperature=-1.0, top_k=0, top_p=1.5)
    for part in ("nan or inf", "not -1.0", "top_k must be at least 1", "at most 1, not 1.5"):
        assert part in str(failure.value)


@pytest.mark.parametrize("logits", [[], [-np.inf, -np.inf], [np.inf, 0.0], 1.0])
def test_logits_without_a_distribution_are_refused(logits):
    with pytest.raises(ValueError, match="logits must"):
        categorical_probabilities(logits)
