"""`offset:` and `weights:`: columns beside the formula, read from the data, checked, and kept for new rows."""

import json

import numpy as np
import pytest

from bayescope.data.new_rows import read_rows
from bayescope.errors import ConfigError, DataError
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.density import log_likelihood
from bayescope.pipeline import prepare, read_config

TABLE = {
    "y": [1, 0, 3, 2, 6],
    "x": [0.5, 1.0, -1.0, 2.0, 0.0],
    "span": [1.0, 2.0, 4.0, 0.5, 3.0],
    "log span": np.log([1.0, 2.0, 4.0, 0.5, 3.0]).tolist(),
    "times": [2, 0, 1, 3, 1],
    "share": [0.5, 0.25, 0.25, 1.5, 0.0],
    "bad": [1.0, -2.0, 0.0, -1.0, 1.0],
    "none": [0, 0, 0, 0, 0],
    "word": ["a", "b", "a", "b", "a"],
}


def build(columns=TABLE, **model):
    spec = {"likelihood": "Poisson", "formula": "y ~ x", **model}
    spec = {key: value for key, value in spec.items() if value is not None}
    config = {"name": "n", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def refusal(error, **model):
    with pytest.raises(error) as caught:
        build(**model)
    return str(caught.value).splitlines()


def test_an_offset_is_as_written_in_the_formula():
    named, written = build(offset="log span"), build(formula="y ~ x + offset(log(span))")
    np.testing.assert_allclose(named.location.offset, written.location.offset, rtol=1e-15)
    assert named.names == ("Intercept", "x")
    assert named.formula == "y ~ x + offset(`log span`)"
    np.testing.assert_allclose(build(offset="log span").location.offset, np.log(TABLE["span"]))


def test_offsets_of_key_formula_and_fixed_slopes_add_up():
    model = build(formula="y ~ x + offset(span)", offset="times", priors={"x": 2.0})
    expected = np.add(TABLE["span"], TABLE["times"]) + 2 * np.array(TABLE["x"])
    np.testing.assert_allclose(model.location.offset, expected)


def test_weights_are_how_often_a_row_counts():
    model = build(weights="times")
    assert model.response.weights.tolist() == [2, 1, 3, 1]
    assert model.columns == ("y", "x")
    repeated = {name: np.repeat(TABLE[name], TABLE["times"]).tolist() for name in ("y", "x")}
    theta = np.array([0.3, -0.2])
    assert log_likelihood(model, theta) == pytest.approx(log_likelihood(build(repeated), theta), rel=1e-14)


def test_weights_need_not_be_whole_numbers_and_may_be_used_without_a_formula():
    assert build(weights="share").response.weights.tolist() == TABLE["share"][:4]
    assert build(formula=None, response="y", weights="share").response.weights.tolist() == TABLE["share"][:4]


ROWS = 40
WIDE = {
    "y": np.random.default_rng(5).poisson(4, ROWS),
    "x": np.r_[50.0, -50.0, np.linspace(0, 1, ROWS - 2)],
    "span": np.random.default_rng(6).uniform(1, 50, ROWS),
    "kind": np.array(["c", "d", *["a", "b"] * (ROWS // 2 - 1)]),
    "times": np.r_[0, 0, np.random.default_rng(7).integers(0, 4, ROWS - 2)],
}


@pytest.mark.parametrize(
    "formula", ["y ~ x + kind", "y ~ bs(x, df=4)", "y ~ ns(x, df=4)", "y ~ poly(x, 2) + (1 | kind)"]
)
@pytest.mark.parametrize("likelihood", ["Poisson", "Normal"])
def test_the_model_is_that_of_the_rows_written_out(formula, likelihood):
    written = {name: np.repeat(values, WIDE["times"]).tolist() for name, values in WIDE.items()}
    counted = {name: values.tolist() for name, values in WIDE.items()}
    model = {"formula": formula + " + offset(log(span))", "likelihood": likelihood}
    one, other = blueprint(build(counted, **model, weights="times")), blueprint(build(written, **model))
    assert [block["labels"] for block in one["blocks"]] == [block["labels"] for block in other["blocks"]]
    assert [block["prior"] for block in one["blocks"]] == [block["prior"] for block in other["blocks"]]
    assert one["notes"] == other["notes"]
    assert one["encodings"]["levels"] == other["encodings"]["levels"]
    assert json.loads(json.dumps(one["encodings"]["states"])) == approximately(other["encodings"]["states"])


def approximately(states):
    """The same constants, but for the order in which weighted sums were taken."""
    return {
        text: {name: pytest.approx(value, rel=1e-12) for name, value in state.items()}
        for text, state in states.items()
    }


def test_rows_of_weight_0_leave_gaps_in_the_numbers_of_rows():
    columns = {name: TABLE[name] for name in ("y", "x", "times")} | {"y": [1, -5, 3, 2, -1]}
    [line] = refusal(DataError, columns=columns, weights="times")
    assert "column 'y', row 5: -1 is outside whole numbers of at least 0" in line


@pytest.mark.parametrize("formula", ["y ~ .", "y ~ . - span - times"])
def test_the_dot_stands_for_neither_so_that_taking_them_out_of_it_changes_nothing(formula):
    columns = {name: TABLE[name] for name in ("y", "x", "span", "times")}
    assert build(columns, formula=formula, offset="span", weights="times").names == ("Intercept", "x")


@pytest.mark.parametrize(("formula", "key"), [("y / n ~ .", None), ("y ~ .", "n"), ("y ~ . - n", "n")])
def test_the_dot_does_not_stand_for_trials_wherever_they_are_named(formula, key):
    columns = {"y": TABLE["y"], "x": TABLE["x"], "n": [5, 6, 7, 8, 9]}
    model = build(columns, likelihood="Binomial", formula=formula, trials=key)
    assert model.names == ("Intercept", "x")
    assert model.response.trials.tolist() == columns["n"]
    new = read_rows(blueprint(model), {"x": [0.0], "n": [3]}, response=False)
    assert rebuild(blueprint(model), new, response=False).location.matrix.tolist() == [[1.0, 0.0]]


def test_a_column_of_weights_or_trials_is_a_predictor_where_it_is_named_as_one():
    columns = {name: TABLE[name] for name in ("y", "x", "times")}
    assert build(columns, formula="y ~ . + times", weights="times").names == ("Intercept", "x", "times")
    assert build(columns, formula="y ~ . + x:times", weights="times").names == ("Intercept", "x", "x:times")


def test_new_rows_bring_their_own():
    model = build(offset="log span", weights="times")
    plan = json.loads(json.dumps(blueprint(model)))
    again = rebuild(plan, read_rows(plan, TABLE))
    theta = np.array([0.3, -0.2])
    assert log_likelihood(again, theta) == log_likelihood(model, theta)
    # to predict, neither the response nor its weights are needed, but the offset is
    new = {"x": [0.0, 1.0], "log span": [0.7, 0.1]}
    assert rebuild(plan, read_rows(plan, new, response=False), response=False).location.offset.tolist() == [
        0.7,
        0.1,
    ]
    with pytest.raises(DataError, match="the model needs the column 'log span'"):
        read_rows(plan, {"x": [0.0]}, response=False)


def test_columns_that_are_not_there_are_named():
    assert refusal(ConfigError, offset="spam", weights="timse") == [
        "model.offset: the data have no column 'spam'; did you mean 'span'?",
        "model.weights: the data have no column 'timse'; did you mean 'times'?",
    ]


def test_negative_weights_are_refused_row_by_row():
    lines = refusal(DataError, weights="bad")
    assert lines == [
        "inline columns: column 'bad', row 2: -2 is negative; a weight says how often a row counts",
        "inline columns: column 'bad', row 4: -1 is negative; a weight says how often a row counts",
    ]
    assert refusal(DataError, weights="none") == [
        "inline columns: column 'none': every weight is 0: no row counts"
    ]


@pytest.mark.parametrize("key", ["offset", "weights"])
def test_text_is_neither(key):
    assert any("column 'word'" in line for line in refusal(DataError, **{key: "word"}))


def test_an_offset_goes_with_a_formula():
    [line] = refusal(ConfigError, formula=None, response="y", offset="span")
    assert line == "model.offset: goes with `formula`; a model with `response` has no predictors"
