"""Rows of a model taken apart and put below each other again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bayescope.data.new_rows import read_rows
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.density import pointwise_log_likelihood
from bayescope.models.rows import take
from bayescope.models.stack import stack
from bayescope.preparation import prepare, read_config

RNG = np.random.default_rng(3)
ROWS = 12
COLUMNS = {
    "y": RNG.integers(1, 4, ROWS).tolist(),
    "n": RNG.integers(4, 9, ROWS).tolist(),
    "x": RNG.normal(size=ROWS).tolist(),
    "known": RNG.normal(size=ROWS).tolist(),
    "w": RNG.integers(1, 4, ROWS).tolist(),
    "g": ["a", "b", "c"] * 4,
}
MODELS = {
    "rows": {"likelihood": "Normal", "formula": "y ~ x"},
    "weights": {"likelihood": "Normal", "formula": "y ~ x", "weights": "w"},
    "trials": {"likelihood": "Binomial", "formula": "y / n ~ x + offset(known)"},
    "two formulas": {"likelihood": "Normal", "formula": {"mu": "y ~ x", "sigma": "~ offset(known)"}},
    "groups": {"likelihood": "Poisson", "formula": "y ~ x + (1 + x | g)", "weights": "w"},
    "all known": {
        "likelihood": "Poisson",
        "formula": "y ~ x",
        "priors": {"x": 2.0, "Intercept": "Normal(0, 1)"},
    },
}


def model_of(name):
    config = {"name": "m", "data": {"columns": COLUMNS}, "model": MODELS[name], "inference": ["mle"]}
    return prepare(read_config(config))[1]


def contents(model):
    arrays = [model.response.values, model.response.trials, model.response.weights]
    arrays += [array for p in model.predictors for array in (p.matrix, p.offset)]
    arrays += [array for group in model.groups for array in (group.codes, group.matrix)]
    return [None if array is None else np.asarray(array).tolist() for array in arrays]


@pytest.mark.parametrize("name", MODELS)
def test_parts_below_each_other_are_the_whole(name):
    whole = model_of(name)
    parts = [take(whole, slice(5)), take(whole, np.arange(5, 6)), take(whole, np.arange(ROWS) > 5)]
    assert contents(stack(parts)) == contents(whole)
    assert contents(stack([whole])) == contents(whole)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_has_the_likelihood_that_it_has_among_the_others(name):
    whole, rows = model_of(name), np.array([7, 0, 7, 3])
    theta = np.full(len(whole.names), 0.3)
    expected = pointwise_log_likelihood(whole, theta)[rows]
    np.testing.assert_allclose(pointwise_log_likelihood(take(whole, rows), theta), expected, rtol=1e-14)


def test_rows_without_weights_count_once_beside_rows_that_have_them():
    weighted, plain = model_of("weights"), model_of("rows")
    assert stack([plain, weighted]).response.weights.tolist() == [1.0] * ROWS + COLUMNS["w"]
    assert stack([weighted, plain]).response.weights.tolist() == COLUMNS["w"] + [1.0] * ROWS
    assert stack([plain, plain]).response.weights is None


def test_an_offset_that_is_one_number_in_a_part_is_that_of_its_rows():
    whole = model_of("two formulas")
    stored = json.loads(json.dumps(blueprint(whole)))
    part = rebuild(stored, read_rows(stored, COLUMNS))
    assert contents(stack([whole, part])) == contents(stack([whole, whole]))
