"""Finite hypotheses answered: exact, mle and map; every other method declines by name."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from bayescope.config.hypotheses import HEADS, arguments_of, parse_hypothesis
from bayescope.config.schema import ModelConfig
from bayescope.data.read import read_columns, read_counts
from bayescope.inference.choice_marginal import Bernoulli
from bayescope.inference.hypotheses import recognise, weigh
from bayescope.inference.marginals import marginal_from_arrays
from bayescope.inference.method import Context
from bayescope.inference.registry import METHODS, run_method
from bayescope.models.build import build_model
from bayescope.models.hypotheses import hypotheses_head, log_likelihoods

DISEASE = {"disease": "Bernoulli(0.95)", "healthy": "Bernoulli(0.05)"}
RARE = {"disease": 0.01, "healthy": 0.99}


def build(hypotheses, y, prior=None, counts=False):
    spec = ModelConfig(hypotheses=hypotheses, prior=prior, response="y")
    return build_model(spec, None, read_counts({"y": y}) if counts else read_columns({"y": y}))


def answer(model, name):
    method = METHODS[name]
    return run_method(name, method, method.settings(), model, Context(seed=1))


def test_bayes_theorem_by_hand():
    fit = answer(build(DISEASE, [1], RARE), "exact")
    evidence = 0.01 * 0.95 + 0.99 * 0.05
    assert fit.estimate == pytest.approx([0.01 * 0.95 / evidence, 0.99 * 0.05 / evidence], rel=1e-14)
    assert fit.log_evidence == pytest.approx(math.log(evidence), rel=1e-14)
    p = fit.estimate[0]
    assert fit.covariance == pytest.approx(p * (1 - p) * np.array([[1, -1], [-1, 1]]), rel=1e-13)
    assert str(fit.posterior["disease"]) == "Bernoulli(0.161017)"


def test_draws_are_indicators_with_the_posterior_frequencies():
    fit = answer(build(DISEASE, [1], RARE), "exact")
    assert fit.draws.shape == (4, 1000, 2)
    assert set(np.unique(fit.draws)) == {0.0, 1.0}
    assert (fit.draws.sum(axis=2) == 1).all()
    p = fit.estimate[0]
    assert abs(fit.draws[:, :, 0].mean() - p) <= 4 * math.sqrt(p * (1 - p) / 4000)


def test_the_probability_of_a_hypothesis_is_a_statement():
    fit = answer(build(DISEASE, [1], RARE), "exact")
    assert fit.probability("disease > 0").value == pytest.approx(fit.estimate[0], rel=1e-14)


def test_mle_and_map_choose_and_may_differ():
    model = build(DISEASE, [1], RARE)
    mle, map_ = answer(model, "mle"), answer(model, "map")
    assert (mle.details["choice"], map_.details["choice"]) == ("disease", "healthy")
    assert mle.estimate.tolist() == [1, 0]
    assert map_.estimate.tolist() == [0, 1]
    assert np.isnan(mle.sd).all()


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.chooses])
def test_every_other_method_declines_by_name(name):
    fit = answer(build(DISEASE, [1], RARE), name)
    assert fit.outcome.status == "not applicable"
    assert fit.outcome.message == "the unknown is one of 2 hypotheses, and no number."
    assert fit.outcome.advice == "Use exact, which answers it, or mle or map for the choice alone."


def test_a_million_rows_do_not_underflow():
    model = build(
        {"fair": "Bernoulli(0.5)", "trick": "Bernoulli(0.501)"}, {1: 501_000, 0: 499_000}, counts=True
    )
    fit = answer(model, "exact")
    assert math.isfinite(fit.log_evidence)
    assert fit.log_evidence < -690_000
    # 1e6 times the divergence of Bernoulli(0.501) from a fair coin
    gain = 501_000 * math.log(0.501 / 0.5) + 499_000 * math.log(0.499 / 0.5)
    # the two log likelihoods are near -7e5, where neighbouring numbers are 1.2e-10 apart
    assert fit.estimate[1] == pytest.approx(1 / (1 + math.exp(-gain)), abs=2 * 1.2e-10)


def test_data_that_no_hypothesis_could_have_produced():
    model = build({"a": "Bernoulli(1)", "b": "Geometric(1)"}, [0, 1])
    for name in ("exact", "mle", "map"):
        fit = answer(model, name)
        assert fit.outcome.status == "failed"
        assert fit.outcome.message == "the data are impossible under every hypothesis."
        assert fit.outcome.advice == "Check the data, or add a hypothesis that could have produced them."


def test_a_hypothesis_of_prior_probability_zero_stays_impossible():
    coins = {"two heads": "Bernoulli(1)", "fair": "Bernoulli(0.5)"}
    model = build(coins, [0], {"two heads": 1.0, "fair": 0.0})
    assert answer(model, "mle").details["choice"] == "fair"
    for name in ("exact", "map"):
        message = answer(model, name).outcome.message
        assert message == "the data are impossible under every hypothesis of positive prior probability."


def test_an_impossible_hypothesis_has_probability_zero_and_json_can_say_so():
    fit = answer(build({"two heads": "Bernoulli(1)", "fair": "Bernoulli(0.5)"}, [1, 0]), "exact")
    assert fit.estimate.tolist() == [0, 1]
    json.dumps(dict(fit.details), allow_nan=False)
    assert fit.details["hypotheses"]["surprise_bits"] == {"two heads": None, "fair": 2.0}


@pytest.mark.parametrize("method", ["mle", "map"])
def test_a_tie_is_no_choice(method):
    # three of each: the same numbers, summed in another order
    model = build({"low": "Bernoulli(0.3)", "high": "Bernoulli(0.7)"}, [1, 0, 1, 1, 0, 0])
    fit = answer(model, method)
    assert fit.outcome.status == "failed"
    what = {"mle": "explain the data equally well", "map": "are equally probable"}[method]
    assert fit.outcome.message.startswith(f"low and high {what}: there is no single choice.")
    assert answer(model, "exact").estimate == pytest.approx([0.5, 0.5], rel=1e-14)


def test_a_tie_of_many_rows_is_one_for_all_the_rounding_of_their_sums():
    coins = {"low": "Bernoulli(0.3)", "high": "Bernoulli(0.7)"}
    rows = np.random.default_rng(1).permutation([0, 1] * 20_001).tolist()
    model = build(coins, rows)
    low, high = log_likelihoods(model)
    assert 1e-12 < abs(low - high) < 1e-13 * abs(low)
    assert answer(model, "mle").outcome.message.startswith("low and high explain the data equally well")
    # one row more is no rounding
    assert answer(build(coins, [*rows, 1]), "mle").estimate.tolist() == [0.0, 1.0]


def test_no_rows_that_occur_leave_the_prior():
    solvable = recognise(build(DISEASE, [1], RARE))
    nothing = solvable.statistics | {"observations": 0, "log_likelihood": {"disease": 0.0, "healthy": 0.0}}
    assert solvable.solve(nothing, 1e-10).mean == pytest.approx([0.01, 0.99], rel=1e-15)


SPLITS = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=6), min_size=1, max_size=5)


@settings(max_examples=30)
@given(parts=SPLITS)
def test_any_split_of_the_rows_gives_the_batch(parts):
    hypotheses = {"slow": "Poisson(1)", "fast": "Poisson(4)", "at most 5": "Binomial(5, 0.5)"}
    solved = [recognise(build(hypotheses, part)) for part in parts]
    batch = recognise(build(hypotheses, [y for part in parts for y in part]))
    pooled = solved[0].pool([solvable.statistics for solvable in solved])
    assert json.loads(json.dumps(pooled, allow_nan=False)) == pooled
    one, other = batch.solve(batch.statistics, 1e-10), batch.solve(pooled, 1e-10)
    assert other.mean == pytest.approx(one.mean, abs=1e-12)
    assert other.log_evidence == pytest.approx(one.log_evidence, rel=1e-13)


@settings(max_examples=30)
@given(y=st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_the_evidence_is_the_product_of_sequential_predictions(y):
    # chain rule: log p(y) = sum_i log p(y_i | y_1 .. y_i-1), each the head at the posterior so far
    hypotheses = {"a": "Normal(0, 1)", "b": "Normal(2, 3)", "c": "Normal(-1, 0.5)"}
    model = build(hypotheses, y)
    belief, total = np.full(3, 1 / 3), 0.0
    for value in y:
        one = build(hypotheses, [value], dict(zip("abc", belief, strict=True)))
        total += float(one.likelihood.log_density(np.array([value]), None, (belief,))[0])
        belief = weigh(one).posterior
    assert weigh(model).log_evidence == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert weigh(model).posterior == pytest.approx(belief, abs=1e-9)


def test_odds_and_bayes_factors_are_ratios():
    found = weigh(build(DISEASE, [1], RARE))
    assert np.exp(found.log_posterior_odds) == pytest.approx([0.0095 / 0.0495, 0.0495 / 0.0095], rel=1e-13)
    assert np.exp(found.log_bayes_factors) == pytest.approx([1, 0.05 / 0.95], rel=1e-13)
    assert found.log_evidence == pytest.approx(logsumexp(np.log([0.0095, 0.0495])), rel=1e-14)


def test_what_was_learned_is_the_divergence_from_the_prior():
    found = weigh(build({"a": "Bernoulli(1)", "b": "Bernoulli(0)"}, [1]))
    assert found.bits_learned == 1.0  # one answer to a fair yes/no question
    assert weigh(build({"a": "Bernoulli(0.5)", "b": "Bernoulli(0.5)"}, [1])).bits_learned == 0.0


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_the_marginal_of_a_hypothesis_is_a_bernoulli(p):
    marginal = Bernoulli(p)
    assert (marginal.mean, marginal.sd) == (p, pytest.approx(math.sqrt(p * (1 - p))))
    assert marginal.pdf(np.array([0.0, 0.5, 1.0])) == pytest.approx([1 - p, 0, p])
    assert marginal.cdf(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])) == pytest.approx([0, 1 - p, 1 - p, 1, 1])
    q = np.array([0.0, 0.3, 0.7, 1.0])
    assert (marginal.cdf(marginal.quantile(q)) >= q).all()
    expected = -sum(w * math.log(w) for w in (p, 1 - p) if w)
    assert marginal.entropy() == pytest.approx(expected, abs=1e-15)
    drawn = marginal.sample(4000, seed=1)
    assert abs(drawn.mean() - p) <= 4 * math.sqrt(p * (1 - p) / 4000)
    assert marginal_from_arrays("Bernoulli", marginal.to_arrays()) == marginal
    assert math.isnan(marginal.mode) if p == 0.5 else marginal.mode == round(p)


def written_out(likelihood, shift):
    """A hypothesis of this likelihood whose arguments are inside of their supports."""
    if likelihood == "Categorical":
        return f"Categorical([{0.2 + shift}, 0.3, {0.5 - shift}])"
    reals = iter([-1.0 - shift, 2.0 + shift])  # in this order they are the two ends of a Uniform, too
    values = []
    for argument in arguments_of(likelihood):
        support = argument.support
        if support.integer:
            values.append(4.0)
        elif math.isfinite(support.upper):
            values.append(0.3 + shift)
        else:
            values.append(1.5 + shift if math.isfinite(support.lower) else next(reals))
    return f"{likelihood}({', '.join(map(repr, values))})"


@pytest.mark.parametrize("likelihood", HEADS)
def test_every_likelihood_can_be_weighed_and_predicts(likelihood):
    hypotheses = {"true": written_out(likelihood, 0.0), "false": written_out(likelihood, 0.1)}
    head = hypotheses_head({name: parse_hypothesis(text) for name, text in hypotheses.items()})
    y = head.sample(np.random.default_rng(1), None, (np.tile([1.0, 0.0], (20, 1)),))
    rows = y.astype(int).tolist() if head.response.integer else y.tolist()
    model = build(hypotheses, rows)
    fit = answer(model, "exact")
    assert fit.outcome.status == "ok"
    assert np.isfinite(weigh(model).log_likelihood).all()
    mixture = model.likelihood.log_density(y, None, (fit.estimate,))
    assert fit.predictive().log_density(y[:, None])[:, 0] == pytest.approx(mixture, rel=1e-9, abs=1e-12)
