"""Cutpoints in order: which thetas have them, and of how many orders that is one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bayescope.models.order import in_order, log_orders, ordered_positions
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
