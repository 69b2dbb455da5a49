"""Rows that occur several times: once each, weighted by how often, with the likelihood of all."""

from __future__ import annotations

import numpy as np
import pytest

from bayescope.models import density, repeated
from bayescope.models.repeated import merge_repeated
from bayescope.preparation import prepare, read_config


def model_of(columns, likelihood, formula, **more):
    spec = {"likelihood": likelihood, "formula": formula, **more}
    data = {"columns": {name: np.asarray(values).tolist() for name, values in columns.items()}}
    return prepare(read_config({"name": "few", "data": data, "model": spec, "inference": ["map"]}))[1]


def rows_of(model):
    return len(model.response.values)


@pytest.mark.parametrize(
    ("likelihood", "formula"),
    [
        ("Bernoulli", "y ~ g + z"),
        ("Poisson", "y ~ g + z + offset(t)"),
        ("Binomial", "y / n ~ g + z"),
        ("Categorical", "y ~ g + z"),
        ("OrderedLogistic", "y ~ g"),
        ("Bernoulli", "y ~ z + (1 | g)"),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_repeat_are_weighted_instead(likelihood, formula, weighted):
    rng = np.random.default_rng(3)
    n = 2000
    columns = {
        "y": rng.integers(0, 2 if likelihood in ("Bernoulli", "Binomial") else 3, n),
        "n": rng.integers(2, 4, n),
        "g": np.array([*"abc"])[rng.integers(0, 3, n)],
        "z": rng.integers(-1, 2, n) * 1.0,
        "t": rng.integers(0, 2, n) * 0.5,
        "w": rng.integers(0, 3, n),
    }
    whole = model_of(columns, likelihood, formula, **({"weights": "w"} if weighted else {}))
    few = merge_repeated(whole)
    assert rows_of(few) < 150
    assert few.response.observations == whole.response.observations
    order = np.sort if likelihood == "OrderedLogistic" else np.abs
    for theta in map(order, rng.normal(size=(3, len(whole.names)))):
        value, gradient, hessian = density.likelihood_derivatives(few, theta)
        expected, slope, curvature = density.likelihood_derivatives(whole, theta)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-10 * n)
        np.testing.assert_allclose(hessian, curvature, rtol=1e-10, atol=1e-10 * n)


def test_rows_without_repetition_stay():
    rng = np.random.default_rng(0)
    columns = {"y": rng.integers(0, 2, 20_000), "x": rng.normal(size=20_000)}
    assert merge_repeated(model_of(columns, "Bernoulli", "y ~ x")) is None
    pairs = {name: np.repeat(values[:3], 2) for name, values in columns.items()} | {"y": [0, 1] * 3}
    assert merge_repeated(model_of(pairs, "Bernoulli", "y ~ x")) is None


def test_repetitions_are_found_among_many_rows_in_any_order():
    rng = np.random.default_rng(1)
    x = np.repeat(rng.normal(size=2000), 10)
    whole = model_of({"y": np.repeat(rng.integers(0, 2, 2000), 10), "x": x}, "Bernoulli", "y ~ x")
    assert rows_of(merge_repeated(whole)) == 2000
    shuffled = rng.permutation(20_000)
    columns = {"y": whole.response.values[shuffled].astype(int), "x": x[shuffled]}
    assert rows_of(merge_repeated(model_of(columns, "Bernoulli", "y ~ x"))) == 2000


def test_rows_that_differ_in_the_last_digit_are_different():
    near = [1e-30, 2e-30, 1.0, np.nextafter(1.0, 2.0)] * 3
    few = merge_repeated(model_of({"y": [0, 0, 1, 1] * 3, "x": near}, "Bernoulli", "y ~ x"))
    assert few.location.matrix[:, 1].tolist() == near[:4]
    assert few.response.weights.tolist() == [3.0] * 4
    few = merge_repeated(model_of({"y": [0, 1] * 6, "x": [0.0, 1.0, -0.0, 2.0] * 3}, "Bernoulli", "y ~ x"))
    assert few.response.weights.tolist() == [6.0, 3.0, 3.0]


def test_each_distinct_row_stands_where_it_first_occurs():
    columns = {"y": [3, 0, 3, 1, 0, 3, 0, 3], "x": [2.0, 1.0, 2.0, 7.0, 1.0, 2.0, 1.0, 2.0]}
    few = merge_repeated(model_of(columns, "Poisson", "y ~ x"))
    assert few.response.values.tolist() == [3, 0, 1]
    assert few.location.matrix[:, 1].tolist() == [2, 1, 7]
    assert few.response.weights.tolist() == [4, 3, 1]


def test_weights_of_equal_rows_add_up_and_rows_that_do_not_occur_are_gone():
    columns = {"y": [3, 0, 1, 2] * 2, "x": [2.0, 1.0, 7.0, 5.0] * 2, "w": [1, 2, 0, 3, 4, 2, 0, 1]}
    few = merge_repeated(model_of(columns, "Poisson", "y ~ x", weights="w"))
    assert few.response.values.tolist() == [3, 0, 2]
    assert few.response.weights.tolist() == [5, 4, 4]


@pytest.mark.parametrize(
    ("distinct", "times", "merged"),
    # half as many as the rows are few enough; as many as the coefficients, two, are too few
    [(4, 2, True), (4, 1, False), (3, 2, True), (2, 10, False), (1, 10, False)],
)
def test_few_rows_are_at_most_half_of_them_and_more_than_the_coefficients(distinct, times, merged):
    columns = {"y": np.tile(np.arange(distinct), times), "x": np.tile(np.arange(distinct) * 0.5, times)}
    model = model_of(columns | {"y": columns["y"] % 2}, "Poisson", "y ~ x", priors={"x": "Normal(0, 1)"})
    few = merge_repeated(model)
    assert (few is not None and rows_of(few) == distinct) == merged


def test_a_row_that_occurs_once_among_pairs_is_one_too_many():
    columns = {"y": [0, 1, 2, 3, 0, 1, 2], "x": [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0]}
    assert merge_repeated(model_of(columns, "Poisson", "y ~ x")) is None


# ten rows, the last of which is the first, and what makes it another one
TEN = {
    "y": [*range(1, 10), 1],
    "n": [*range(4, 13), 4],
    **{name: [float(value) for value in (*range(1, 10), 1)] for name in "xtz"},
    "g": [*"abbbbbbbba"],
}
OTHER = {"y": 3, "n": 5, "x": 0.75, "t": 0.5, "z": 3.5, "g": "b"}


@pytest.mark.parametrize(
    ("likelihood", "formula", "differing"),
    [
        ("Binomial", "y / n ~ x", "y"),
        ("Binomial", "y / n ~ x", "n"),
        ("Binomial", "y / n ~ x", "x"),
        ("Binomial", "y / n ~ x + offset(t)", "t"),
        ("Binomial", "y / n ~ x + (1 | g)", "g"),
        ("Normal", {"mu": "y ~ x", "sigma": "~ z"}, "z"),
        ("Normal", {"mu": "y ~ x", "sigma": "~ offset(t)"}, "t"),
    ],
)
def test_rows_are_equal_if_all_is_that_the_likelihood_reads(likelihood, formula, differing):
    same = {name: values * 12 for name, values in TEN.items()}
    assert (
        merge_repeated(model_of(same, likelihood, formula)).response.weights.tolist() == [24.0] + [12.0] * 8
    )
    different = same | {differing: [*TEN[differing][:-1], OTHER[differing]] * 12}
    assert merge_repeated(model_of(different, likelihood, formula)).response.weights.tolist() == [12.0] * 10


def test_a_hash_decides_no_answer(monkeypatch):
    model = model_of({"y": [0, 1, 2, 3] * 4, "x": [0.0, 1.0, 2.0, 3.0] * 4}, "Poisson", "y ~ x")
    assert rows_of(merge_repeated(model)) == 4
    # one of four hashes is that of two different rows
    monkeypatch.setattr(
        repeated, "_hashes", lambda parts, rows: np.minimum(parts[0][rows], 2).astype(np.uint64)
    )
    assert merge_repeated(model) is None


def test_rows_without_repetition_are_known_by_a_sample_of_them(monkeypatch):
    looked_at = []
    hashes = repeated._hashes

    def counted(parts, rows):
        found = hashes(parts, rows)
        looked_at.append(len(found))
        return found

    monkeypatch.setattr(repeated, "_hashes", counted)
    x = np.arange(30_000.0)
    for kinds, most in ((30_000, 4_096), (12_000, 34_096)):
        looked_at.clear()
        columns = {"y": np.zeros(30_000, dtype=int), "x": x % kinds}
        found = merge_repeated(model_of(columns, "Poisson", "y ~ x", priors={"x": "Normal(0, 1)"}))
        assert (found is None) == (kinds == 30_000)
        assert sum(looked_at) <= most
