"""Condensed rows: the log-likelihood and its gradient are those of all rows, for every theta."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.inference.condense import condense
from bayescope.inference.sufficient import sufficient
from bayescope.models import density
from bayescope.pipeline import ask
from bayescope.preparation import prepare, read_config


def model_of(columns, likelihood, formula, **more):
    spec = {"likelihood": likelihood, "formula": formula, **more}
    data = {"columns": {name: np.asarray(values).tolist() for name, values in columns.items()}}
    return prepare(read_config({"name": "few", "data": data, "model": spec, "inference": ["map"]}))[1]


def rows_of(model):
    return len(model.response.values)


def assert_same_likelihood(few, whole, theta, shift=0.0):
    """Values and gradients to 1e-10 of the sum of the absolute terms that they are made of."""
    value, gradient, _ = density.likelihood_derivatives(few, theta)
    expected, slope, _ = density.likelihood_derivatives(whole, theta)
    n = whole.response.observations
    assert value + shift == pytest.approx(expected, rel=1e-10)
    X = whole.location.matrix
    y = whole.response.values
    terms = np.abs(X).T @ (np.abs(y) + np.abs(X @ theta[whole.location.index])) + n
    scale = np.append(terms, terms.sum())[: len(theta)] * max(1.0, np.exp(-3 * theta[-1]))
    assert np.all(np.abs(gradient - slope) <= 1e-10 * np.maximum(scale, np.abs(slope)))


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(30, 300),
    size=st.integers(1, 5),
    log_condition=st.floats(0, 8),
    weighted=st.booleans(),
)
def test_a_linear_regression_is_the_triangle_of_its_rows(seed, rows, size, log_condition, weighted):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, size))
    X[:, -1] = X[:, 0] + 10**-log_condition * X[:, -1]  # condition number of about 10^log_condition
    names = [f"x{j}" for j in range(size)]
    columns = dict(zip(names, X.T, strict=True)) | {"y": 3 + X.sum(axis=1) + rng.normal(size=rows)}
    more = {"weights": "w"} if weighted else {}
    columns |= {"w": rng.integers(0, 4, size=rows) + (np.arange(rows) == 0)} if weighted else {}
    whole = model_of(columns, "Normal", f"y ~ {' + '.join(names)}", **more)
    few = condense(whole, sufficient(whole), {}).model
    assert rows_of(few) <= size + 2
    theta = np.append(rng.normal(size=size + 1), 0.5 + rng.exponential())
    assert_same_likelihood(few, whole, theta)


def run(compiled, model, columns, *methods):
    config = {"name": "few", "data": {"columns": columns}, "model": model, "inference": list(methods)}
    return bayescope.run(config | {"compile": compiled})


@pytest.mark.parametrize(
    "model",
    [
        {"likelihood": "Normal", "formula": "y ~ z + g", "priors": {"coefficients": "Laplace(0, 0.1)"}},
        {"likelihood": "Poisson", "formula": "y ~ z + g"},
        {"likelihood": "Poisson", "response": "y"},
        {"likelihood": "StudentT", "formula": "y ~ g", "priors": {"nu": 4}},
    ],
    ids=["linear", "Poisson", "counts", "StudentT"],
)
def test_a_run_answers_as_the_plain_one_and_says_what_it_did(model):
    rng = np.random.default_rng(5)
    columns = {"y": rng.poisson(2.0, 300).tolist(), "z": [0, 1, 2] * 100, "g": [*"aabb"] * 75}
    auto, plain = (run(how, model, columns, "mle", "map", "laplace") for how in ("auto", "plain"))
    assert any("300 rows condensed to" in note for note in auto.record.model.notes)
    assert not any("condensed" in note for note in plain.record.model.notes)
    for fit, expected in zip(auto.fits, plain.fits, strict=True):
        assert fit.outcome.status == expected.outcome.status
        scale = np.nanmax(expected.sd)
        np.testing.assert_allclose(fit.estimate, expected.estimate, rtol=1e-7, atol=1e-7 * scale)
        assert fit.sd == pytest.approx(expected.sd, rel=1e-6, nan_ok=True)
        for name in {"log_likelihood", "nll", "log_posterior"} & {*expected.details}:
            assert fit.details[name] == pytest.approx(expected.details[name], rel=1e-10)
    # what is about rows sees them all
    assert len(auto.model.response.values) == 300
    assert auto.record.data == plain.record.data


def test_plain_asks_the_methods_about_every_row():
    columns = {"y": [0, 1] * 50}
    data = {"columns": columns}
    spec = {"likelihood": "Bernoulli", "response": "y"}
    loaded = read_config(
        {"name": "few", "data": data, "model": spec, "inference": ["map"], "compile": "plain"}
    )
    _, model = prepare(loaded)
    assert ask(loaded.config, model, sufficient(model)).model is model


@pytest.mark.parametrize(("rows", "condensed"), [(8, True), (7, False)])
def test_few_rows_are_worth_it_where_they_are_half_of_all_or_fewer(rows, condensed):
    # the triangle of three columns and the response has four rows
    columns = {"y": [1.0, 2.5, 2.0, 4.5, 5.0, 4.0, 7.0, 6.5][:rows], "x": [float(i) for i in range(rows)]}
    columns |= {"z": [0.5, -1.0, 2.0, 0.0, 1.0, 3.0, -2.0, 1.5][:rows]}
    whole = model_of(columns, "Normal", "y ~ x + z")
    asked = condense(whole, sufficient(whole), {})
    assert rows_of(asked.model) == (4 if condensed else rows)
    assert asked.note.startswith(f"{rows} rows condensed to 4") == condensed
