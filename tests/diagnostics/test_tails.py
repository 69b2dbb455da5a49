"""Tails: k is that of distributions whose tails are known, and a mean that does not settle is a note."""

from dataclasses import replace

import numpy as np
import pytest

from bayescope.diagnostics.tails import check_tails, tail_shapes
from bayescope.pipeline import prepare, read_config
from bayescope.sampling.importance import pareto_k_limit
from bayescope.sampling.pareto import tail_size

SHAPES = {"uniform": -1.0, "normal": 0.0, "student of 2": 0.5, "cauchy": 1.0, "cauchy to the left": 1.0}


def drawn(name, size=(4, 25_000)):
    rng = np.random.default_rng(3)
    return {
        "uniform": lambda: rng.uniform(size=size),
        "normal": lambda: rng.normal(size=size),
        "student of 2": lambda: rng.standard_t(2, size=size),
        "cauchy": lambda: np.abs(rng.standard_cauchy(size=size)),
        "cauchy to the left": lambda: -np.abs(rng.standard_cauchy(size=size)),
    }[name]()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("unit", [1.0, 1e-300, 1e300])
def test_the_shape_of_a_tail_is_that_of_its_distribution(name, unit):
    """k is known to (1 + k) / sqrt(M), M draws of the tail, and a Normal comes near to its 0 only slowly."""
    draws, expected = drawn(name)[:, :, np.newaxis] * unit, SHAPES[name]
    error = (1 + max(expected, 0.0)) / np.sqrt(tail_size(100_000))
    slow = 0.15 if name == "normal" else 0.0
    assert tail_shapes(draws)[0] == pytest.approx(expected, abs=4 * error + slow)


def test_a_heavy_tail_is_a_note_that_names_the_unknowns_and_what_to_read(sampled, white_draws):
    draws = white_draws.copy()
    draws[:, :, 1] = np.random.default_rng(6).standard_cauchy(size=draws.shape[:2])
    (found,) = check_tails(sampled(draws))
    assert (found.name, found.verdict, found.parameter) == ("tails", "note", "b")
    assert found.value > found.threshold == pareto_k_limit(4000)
    assert found.message.startswith(f"The tail of b is so heavy (Pareto k {found.value:.2f})")
    assert found.advice.startswith("Read the median and the interval instead")


def test_many_heavy_tails_are_counted(sampled):
    (found,) = check_tails(sampled(np.random.default_rng(6).standard_cauchy(size=(4, 1000, 8))))
    assert "and 3 more is so heavy" in found.message


@pytest.mark.parametrize(
    ("prior", "ending"),
    {
        "HalfCauchy(2.5)": "than HalfCauchy(2.5).",
        "InverseGamma(1, 2)": "than InverseGamma(1, 2).",
        "HalfNormal(2.5)": "with a lighter tail.",
    }.items(),
)
def test_the_prior_that_lets_the_tail_be_heavy_is_named(sampled, prior, ending):
    model = prepare(
        read_config(
            {
                "name": "heavy",
                "data": {"columns": {"y": [1, 2, 4, 3], "x": [1, 2, 3, 5]}},
                "model": {"likelihood": "Normal", "formula": "y ~ x", "priors": {"sigma": prior}},
                "inference": ["mle"],
            }
        )
    )[1]
    draws = np.random.default_rng(6).standard_cauchy(size=(4, 1000, 3))
    draws[:, :, :2] = np.random.default_rng(7).normal(size=(4, 1000, 2))
    (found,) = check_tails(replace(sampled(draws), names=model.names), model)
    assert found.parameter == "sigma"
    assert found.advice.endswith(ending)


def test_constant_draws_and_draws_that_are_not_finite_have_no_tail(sampled, white_draws):
    draws = white_draws.copy()
    draws[:, :, 0] = 3.0
    draws[0, 0, 1] = np.inf
    assert np.isnan(tail_shapes(draws)[:2]).all()
    (found,) = check_tails(replace(sampled(white_draws), draws=draws))
    assert found.verdict == "pass"


def test_few_draws_say_nothing_of_their_tails(sampled, white_draws):
    assert check_tails(sampled(white_draws[:, :200])) == ()
