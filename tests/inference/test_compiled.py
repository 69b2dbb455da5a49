"""Compiled graphs are taken again for other data, and only for other data."""

from collections import deque
from typing import NamedTuple

import numpy as np
import pytest
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.sharedvar import TensorSharedVariable

from bayescope.inference import compiled
from bayescope.inference.compiled import compiled_for
from bayescope.inference.samplers import values_of
from bayescope.models.graph import compile_graph
from bayescope.models.graph_priors import shared
from bayescope.preparation import prepare, read_config

COLUMNS = {"y": [1, 2, 0, 3], "z": [0, 2, 2, 1], "x": [0.1, 0.2, 0.3, 0.5], "n": [4, 4, 5, 6]}
LINE = {"likelihood": "Poisson", "formula": "y ~ x", "priors": {"x": "Normal(0, 1)"}}
FIVE = ("Normal(0, 1)", "Laplace(0, 1)", "Cauchy(0, 1)", "StudentT(4, 0, 1)", "Flat()")
CHANCE = {"likelihood": "Binomial", "formula": "y / n ~ x", "priors": {"Intercept": "Normal(0, 1)"}}


def graph(model, **columns):
    """As samplers get it: a number of a prior is a variable."""
    given = {
        "name": "m",
        "data": {"columns": COLUMNS | columns},
        "model": {**model, "priors": {"Intercept": "Normal(0, 2)", "x": "Normal(0, 2)"} | model["priors"]},
        "inference": ["nuts"],
    }
    return compile_graph(prepare(read_config(given))[1], shared)


class Compiled(NamedTuple):
    """In the place of what nutpie compiles: the data that it has, by name."""

    shared_var_keys: tuple
    data: dict

    def with_data(self, **data):
        return self._replace(data=data)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(compiled, "_KEPT", deque(maxlen=4))


@pytest.fixture
def compilations(monkeypatch):
    """Count graphs in place of compiling them."""
    seen = []

    def compile_graph(graph):
        seen.append(graph)
        used = [v for v in graph_inputs([graph.logp()]) if isinstance(v, TensorSharedVariable)]
        return Compiled(tuple(used), {variable.name: variable.get_value() for variable in used})

    monkeypatch.setattr("nutpie.compile_pymc_model", compile_graph)
    return seen


@pytest.mark.parametrize(
    ("model", "changed", "name"),
    [
        (LINE, {"y": [5, 5, 1, 0]}, "y_data"),
        (LINE, {"x": [0.7, -1.0, 2.0, 0.0]}, "X"),
        (CHANCE, {"n": [7, 9, 8, 5]}, "trials"),
    ],
)
def test_other_data_are_given_to_what_was_compiled(compilations, model, changed, name):
    compiled_for(graph(model))
    other = graph(model, **changed)
    found = compiled_for(other)
    assert len(compilations) == 1
    np.testing.assert_array_equal(found.data[name], other[name].get_value())
    priors = {"Intercept.mu", "Intercept.sigma", "x.mu", "x.sigma"}
    assert set(found.data) == {data.name for data in other.data_vars} | priors


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (LINE | {"priors": {"x": "Laplace(0, 1)"}}, {}),
        (LINE | {"priors": {"x": 1}}, {}),
        (LINE | {"formula": "z ~ x"}, {}),
        (LINE | {"formula": "y ~ x + offset(n)"}, {}),
        (LINE, {name: values * 2 for name, values in COLUMNS.items()}),
        (CHANCE, {}),
    ],
    ids=["prior", "fixed", "name", "offset", "rows", "likelihood"],
)
def test_whatever_else_differs_is_compiled_anew(compilations, model, columns):
    compiled_for(graph(LINE))
    compiled_for(graph(model, **columns))
    assert len(compilations) == 2


def test_other_numbers_of_a_prior_are_given_to_what_was_compiled(compilations):
    compiled_for(graph(LINE))
    found = compiled_for(graph(LINE | {"priors": {"x": "Normal(0.5, 1.5)"}}))
    assert len(compilations) == 1
    assert (found.data["x.mu"], found.data["x.sigma"]) == (0.5, 1.5)
    assert found.data["Intercept.sigma"] == 2.0


def test_only_the_last_few_are_kept(compilations):
    models = [LINE | {"priors": {"x": prior}} for prior in FIVE]
    for model in [*models, models[-1], models[1], models[0]]:
        compiled_for(graph(model))
    assert len(compilations) == 6


def test_draws_are_those_of_a_graph_that_was_compiled_for_these_data_and_priors():
    import nutpie

    compiled_for(graph(CHANCE))
    moved = CHANCE | {"priors": {"Intercept": "Normal(1.5, 0.3)"}}  # the chains start elsewhere
    other = graph(moved, y=[4, 0, 5, 6], n=[7, 9, 8, 6], x=[0.7, -1.0, 2.0, 0.0])
    given, anew = (
        values_of(
            nutpie.sample(one, draws=20, tune=50, chains=2, seed=1, save_warmup=False, progress_bar=False)
        )
        for one in (compiled_for(other), nutpie.compile_pymc_model(other))
    )
    assert given.keys() == anew.keys()
    for name, values in given.items():
        np.testing.assert_array_equal(values, anew[name])
