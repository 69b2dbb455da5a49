"""Cutpoints in order: which thetas have them, and of how many orders that is one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy

from bayescope.models.order import in_order, log_constraints, log_orders, log_room, ordered_positions
from bayescope.preparation import prepare, read_config


def model_of(likelihood="OrderedLogistic", levels=4, **priors):
    y = np.arange(12) % levels
    spec = {"likelihood": likelihood, "formula": "y ~ x", "priors": priors}
    columns = {"y": y.tolist(), "x": np.sqrt(np.arange(12.0)).tolist()}
    return prepare(
        read_config({"name": "m", "data": {"columns": columns}, "model": spec, "inference": ["mle"]})
    )[1]


def test_each_theta_is_told_by_its_own_cutpoints():
    model = model_of()
    thetas = np.zeros((2, 2, len(model.names)))
    thetas[..., ordered_positions(model)] = [[[1, 2, 3], [1, 3, 2]], [[2, 2, 3], [-3, -2, 0]]]
    assert in_order(model, thetas).tolist() == [[True, False], [False, True]]
    assert in_order(model, thetas[0, 0]).tolist() is True
    plain = model_of("Normal")
    assert in_order(plain, np.zeros((5, 3))).tolist() == [True] * 5


@pytest.mark.parametrize("levels", [3, 4, 6])
def test_of_all_orders_of_independent_cutpoints_one_is_rising(levels):
    model = model_of(levels=levels, cutpoints="Normal(0, 2)")
    assert log_orders(model) == pytest.approx(math.log(math.factorial(levels - 1)), rel=1e-14)
    assert log_orders(model_of(levels=levels, cutpoints="Flat()")) == 0.0
    assert log_orders(model_of("Normal")) == 0.0


def ends(lower, upper):
    section = {"likelihood": "Uniform", "response": "y", "priors": {"lower": lower, "upper": upper}}
    config = {
        "name": "m",
        "data": {"columns": {"y": [0.2, 0.5, 0.8]}},
        "model": section,
        "inference": ["mle"],
    }
    return prepare(read_config(config))[1]


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("Normal(0, 1)", "Normal(1, 2)", scipy.stats.norm.cdf(1 / math.sqrt(5))),
        ("Normal(0, 1)", "Normal(-8, 1)", scipy.stats.norm.cdf(-8 / math.sqrt(2))),
        ("Uniform(0, 1)", "Uniform(0, 1)", 1 / 2),
        ("Uniform(-1, 1)", "Uniform(0, 3)", 11 / 12),
        ("Exponential(2)", "Exponential(1)", 2 / 3),
        ("Laplace(0, 1)", "Laplace(0, 1)", 1 / 2),
        ("Normal(0, 1)", 1.0, scipy.stats.norm.cdf(1)),
        (0.1, "Normal(1, 2)", scipy.stats.norm.sf(-0.45)),
        ("Uniform(-1, 0)", "Uniform(1, 2)", 1.0),
    ],
)
def test_the_prior_of_two_ends_is_that_of_the_lower_below_the_upper(lower, upper, expected):
    # where the difference is 1e-8 of its terms, 1 - cdf has lost as much: 1e-16 / 8e-9
    model = ends(lower, upper)
    assert log_room(model) == pytest.approx(math.log(expected), abs=1e-7)
    assert log_constraints(model) == -log_room(model)


def test_draws_and_density_of_two_ends_are_of_the_same_prior():
    model, size = ends("Normal(0, 1)", "StudentT(3, 0.5, 2)"), 40_000
    rng = np.random.default_rng(7)
    thetas = np.column_stack([0.5 + 2 * rng.standard_t(3, size), rng.standard_normal(size)])  # upper, lower
    below = (thetas[:, 1] < thetas[:, 0]).mean()
    assert abs(math.exp(log_room(model)) - below) < 4 * math.sqrt(below * (1 - below) / size)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("Flat()", "Normal(1, 1)"), ("Normal(0, 1)", "Flat()"), ("Normal(0, 1)", "Normal(-99, 1)")],
)
def test_room_that_is_not_known_is_not_made_up(lower, upper):
    assert log_room(ends(lower, upper)) is None


def test_other_likelihoods_ask_for_no_room():
    assert log_room(model_of("Normal")) == 0.0
