"""A blueprint says everything of a model but its rows: the model comes back from it, on any rows."""

import json

import numpy as np
import pytest

from bayescope import library
from bayescope.data.new_rows import read_rows
from bayescope.data.prepare import read_data
from bayescope.errors import DataError
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.build import build_model
from bayescope.models.density import log_likelihood, psi
from bayescope.models.prior_density import log_prior, prior_bounds
from bayescope.pipeline import prepare, read_config

RNG = np.random.default_rng(5)
ROWS = 12
NUMBERS = RNG.normal(10, 2, ROWS).tolist()
COLUMNS = {
    "x1": RNG.normal(size=ROWS).tolist(),
    "x2": RNG.normal(size=ROWS).tolist(),
    "y": NUMBERS,
    "flip": [1, 0] * (ROWS // 2),
    "count": RNG.poisson(3, ROWS).tolist(),
    "trials": RNG.geometric(0.3, ROWS).tolist(),
    "wait": RNG.gamma(2, 2, ROWS).tolist(),
    "kind": ["a", "b", "c"] * (ROWS // 3),
    "group": ["u", "v", "w", "v"] * (ROWS // 4),
    "code": ["1", "2", "x"] * (ROWS // 3),
    "hits": [3, 2] * (ROWS // 2),
    "shots": [5, 4] * (ROWS // 2),
}


def model_of(spec, columns=None, **data):
    config = read_config(
        {"name": "m", "data": {"columns": columns or COLUMNS} | data, "model": spec, "inference": ["map"]}
    ).config
    formula, table = read_data(config, None)
    return build_model(config.model, formula, table), table


def stored(model):
    return json.loads(json.dumps(blueprint(model)))


def inside(model, rng):
    """A random theta where its prior and likelihood let it be."""
    lower, upper = prior_bounds(model)
    low, high = np.where(np.isfinite(lower), lower, -1.0), np.where(np.isfinite(upper), upper, 50.0)
    theta = low + (high - low) * rng.uniform(0.05, 0.95, len(low))
    return theta / theta.sum() if model.blocks[0].support.simplex else theta


RESPONSES = {"coin": "flip", "poisson": "count", "negative": "count", "geometric": "trials"} | dict.fromkeys(
    ["exponential", "gamma", "uniform"], "wait"
)


def of_library(name):
    first = name.split("-")[0]
    if first in {"linear", "logistic"}:
        return {"use": name, "formula": f"{'y' if first == 'linear' else 'flip'} ~ x1 + x2"}
    if first == "categories":
        return {"use": name, "response": "kind"}
    return {"use": name, "response": RESPONSES.get(first, "y")}


@pytest.mark.parametrize(
    "spec",
    [
        *(
            of_library(name)
            for name in library.models()
            if name.split("-")[0] in {"linear", "logistic", "categories", "normal", *RESPONSES}
            and name != "linear-horseshoe"  # its prior has no density to compare
        ),
        {"likelihood": "Normal", "formula": "y ~ scale(x1) * group + poly(x2, 2)", "standardize": True},
        {"likelihood": "Normal", "formula": "y ~ x1 + C(count)", "priors": {"x1": 0.7, "sigma": 2.0}},
        {"likelihood": "Normal", "formula": "log(wait) ~ 0 + kind", "priors": {"tau": "Gamma(2, 1)"}},
        {"likelihood": "Binomial", "formula": "hits / shots ~ x1"},
        {"likelihood": "Binomial", "formula": "hits / 5 ~ x1"},
        {"likelihood": "Binomial", "formula": "hits ~ x1", "trials": "shots"},
        {"likelihood": "Binomial", "response": "hits", "trials": "shots"},
        {"likelihood": "Normal", "formula": "y ~ x1", "priors": {"coefficients": "Normal(0, 10 * sigma)"}},
        {"likelihood": "Poisson", "formula": "count ~ x1 + offset(log(wait))"},
        {"likelihood": "NegativeBinomial", "formula": "count ~ x1"},
        {"likelihood": "Gamma", "formula": "wait ~ x1"},
        {"likelihood": "StudentT", "formula": "y ~ x1", "priors": {"nu": 4.0}},
        {"likelihood": "StudentT", "response": "y"},
        {"likelihood": "Laplace", "response": "y"},
        {"likelihood": "ZeroInflatedPoisson", "response": "count"},
        {"likelihood": "Multinomial", "response": ["count", "hits", "shots"]},
    ],
    ids=lambda spec: spec.get("use") or spec.get("formula") or spec["likelihood"],
)
def test_a_model_comes_back_from_its_blueprint(spec):
    model, table = model_of(spec)
    again = rebuild(stored(model), table)
    assert again.names == model.names
    assert again.blocks == model.blocks
    assert again.columns == model.columns
    for _ in range(3):
        theta = inside(model, RNG)
        assert log_prior(again, theta) == log_prior(model, theta)
        assert log_likelihood(again, theta) == log_likelihood(model, theta)
        for new, old in zip(psi(again, theta), psi(model, theta), strict=True):
            assert np.array_equal(new, old)
    assert blueprint(again) == blueprint(model)


def test_a_prior_without_a_density_comes_back():
    model, table = model_of(of_library("linear-horseshoe"))
    again = rebuild(stored(model), table)
    assert again.blocks == model.blocks
    assert blueprint(again) == blueprint(model)


def test_a_known_covariance_comes_back():
    spec = {"likelihood": "MvNormal", "response": ["x1", "x2"], "priors": {"cov": [[2, 0.5], [0.5, 1]]}}
    model, table = model_of(spec)
    again = rebuild(stored(model), table)
    theta = np.array([0.3, -0.2])
    assert log_likelihood(again, theta) == log_likelihood(model, theta)
    assert log_prior(again, theta) == log_prior(model, theta)


def test_finite_hypotheses_come_back():
    spec = {"hypotheses": {"sick": "Bernoulli(0.95)", "well": "Bernoulli(0.05)"}, "response": "flip"}
    model, table = model_of(spec | {"prior": {"sick": 0.01, "well": 0.99}})
    again = rebuild(stored(model), table)
    theta = np.array([1.0, 0.0])
    assert again.names == model.names
    assert log_likelihood(again, theta) == log_likelihood(model, theta)


def rows_of(model, columns, **options):
    table = read_rows(stored(model), columns, response=options.get("response", True))
    return rebuild(stored(model), table, **options)


class TestNewRows:
    def test_a_single_row_gets_the_levels_constants_and_default_priors_of_the_training_data(self):
        spec = {"likelihood": "Normal", "formula": "y ~ scale(x1) + poly(x2, 2) + group + C(count)"}
        model, _ = model_of(spec)
        row = {name: values[4:5] for name, values in COLUMNS.items()}
        again = rows_of(model, row)
        assert again.blocks == model.blocks
        assert again.location.matrix == pytest.approx(model.location.matrix[4:5], rel=1e-14)

    def test_standardised_columns_are_centred_as_in_training(self):
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ x1", "standardize": True})
        again = rows_of(model, {"x1": [np.mean(COLUMNS["x1"])]}, response=False)
        assert again.location.matrix[0] == pytest.approx([1, 0], abs=1e-15)

    def test_a_fixed_coefficient_stays_fixed(self):
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ x1", "priors": {"x1": 3}})
        again = rows_of(model, {"x1": [2.0, -1.0]}, response=False)
        assert again.location.offset == pytest.approx([6, -3])
        assert again.names == model.names

    def test_the_response_need_not_be_there_to_predict_it(self):
        model, _ = model_of({"likelihood": "Binomial", "formula": "hits / shots ~ x1"})
        again = rows_of(model, {"x1": [0.5], "shots": [7]}, response=False)
        assert np.isnan(again.response.values).all()
        assert again.response.trials.tolist() == [7]

    def test_a_point_stands_for_the_columns_of_the_training_data(self):
        columns = {name: COLUMNS[name] for name in ("y", "x1", "x2")}
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ ."}, columns)
        again = rows_of(model, COLUMNS)
        assert again.location.matrix == pytest.approx(model.location.matrix)

    def test_numbers_are_text_where_the_model_has_text(self):
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ C(code)"})
        again = rows_of(model, {"code": [2, 1]}, response=False)
        assert again.location.matrix.tolist() == [[1, 1, 0], [1, 0, 0]]

    @pytest.mark.parametrize(
        ("levels", "given"),
        [
            ([1, 2, 3], ["2", "1", "2"]),
            ([1, 2, 3], ["2.0", "01", "2"]),
            ([0.5, 1.5, 2.0], ["1.5", "0.5", "1.50"]),
            (["1", "2", "x"], [2, 1, 2.0]),
            (["01", "02", "x"], [2, 1, 2]),
            ([False, True, True], ["true", "False", "TRUE"]),
            (["false", "true", "unknown"], [True, False, True]),
        ],
        ids=str,
    )
    def test_a_level_is_the_same_as_text_and_as_a_number_or_bool(self, levels, given):
        columns = {"y": COLUMNS["y"][:3], "c": levels}
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ 0 + C(c)"}, columns)
        again = rows_of(model, {"c": given}, response=False)
        assert again.location.matrix.argmax(axis=1).tolist() == [1, 0, 1]

    def test_a_group_is_the_same_as_text_and_as_a_number_beside_groups_that_are_new(self):
        columns = {"y": COLUMNS["y"][:4], "g": [1, 2, 1, 2]}
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ (1 | g)"}, columns)
        again = rows_of(model, {"g": ["2", "new", "1"]}, response=False)
        assert again.groups[0].codes.tolist() == [1, -1, 0]

    def test_numbers_too_large_for_a_float_are_told_apart(self):
        columns = {"y": COLUMNS["y"][:3], "c": ["x", "9007199254740992", "9007199254740993"]}
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ 0 + C(c)"}, columns)
        again = rows_of(model, {"c": [9007199254740993, 9007199254740992]}, response=False)
        assert again.location.matrix.argmax(axis=1).tolist() == [1, 0]

    def test_categories_have_the_positions_of_the_training_data(self):
        model, _ = model_of({"likelihood": "Categorical", "response": "kind"})
        assert rows_of(model, {"kind": ["c", "a", "c"]}).response.values.tolist() == [2, 0, 2]

    def test_rows_come_from_a_file_too(self, tmp_path):
        path = tmp_path / "new.csv"
        path.write_text("unused,x1\n9,0.5\n9,1.5\n")
        model, _ = model_of({"likelihood": "Normal", "formula": "y ~ x1"})
        table = read_rows(stored(model), path, response=False)
        assert list(table.columns) == ["x1"]
        assert rebuild(stored(model), table, response=False).location.matrix[:, 1].tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("spec", "columns", "response", "message"),
    [
        ({"formula": "y ~ x1 + x2"}, {"x1": [1]}, False, "the model needs the column 'x2'"),
        ({"formula": "y ~ x1"}, {"x1": [1]}, True, "the model needs the column 'y'"),
        ({"formula": "y ~ group"}, {"group": ["u", "zz"]}, False, "row 2: zz is not a level of the model"),
        ({"formula": "y ~ x1"}, {"x1": ["a", "b"]}, False, "column 'x1': holds text ('a', 'b'), but"),
        ({"formula": "y ~ x1"}, {"x1": [1.0, None]}, False, "column 'x1', row 2: is missing"),
        (
            {"likelihood": "Bernoulli", "formula": "flip ~ x1"},
            {"flip": [2], "x1": [0]},
            True,
            "column 'flip', row 1: 2 is outside {0, 1}",
        ),
        (
            {"likelihood": "Binomial", "formula": "hits / shots ~ x1"},
            {"shots": [2.5], "x1": [0]},
            False,
            "column 'shots', row 1: 2.5 is not a whole number of at least 1",
        ),
        (
            {"likelihood": "Categorical", "response": "kind"},
            {"kind": ["a", "q"]},
            True,
            "column 'kind', row 2: q is not a category of the model (a, b, c)",
        ),
        (
            {"likelihood": "Uniform", "response": "wait", "priors": {"lower": 0}},
            {"wait": [1.0, -2.0]},
            True,
            "reaches -2, beyond lower = 0",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rows_that_do_not_fit_the_model_are_refused_by_name(spec, columns, response, message):
    model, _ = model_of({"likelihood": "Normal"} | spec)
    with pytest.raises(DataError) as raised:
        rows_of(model, columns, response=response)
    assert message in str(raised.value)


def test_a_number_that_several_levels_are_written_as_is_refused_with_their_types():
    columns = {"y": COLUMNS["y"][:3], "c": ["01", "1", "x"]}
    model, _ = model_of({"likelihood": "Normal", "formula": "y ~ C(c)"}, columns)
    with pytest.raises(DataError, match=r"row 1: 1 is not a level of the model \('01', '1', 'x'\)"):
        read_rows(stored(model), {"c": [1]}, response=False)


def test_a_text_is_no_number_for_the_way_python_writes_numbers():
    model, _ = model_of(
        {"likelihood": "Normal", "formula": "y ~ C(c)"}, {"y": [1.0, 2.0, 4.0], "c": [10, 7, 10]}
    )
    with pytest.raises(DataError, match=r"row 1: 1_0 is not a level of the model \(7, 10\)"):
        read_rows(stored(model), {"c": ["1_0"]}, response=False)


def test_everything_wrong_with_new_rows_is_told_at_once_with_its_column_and_row():
    model, _ = model_of({"likelihood": "Normal", "formula": "y ~ x1 + group + C(code) + (1 | kind)"})
    columns = {
        "x1": [None, 1.0, float("inf")],
        "group": ["u", "zz", None],
        "code": ["9", "x", "1"],
        "kind": ["a", "a group that is new", "b"],
    }
    with pytest.raises(DataError) as raised:
        read_rows(stored(model), columns, response=False)
    assert [str(finding) for finding in raised.value.findings] == [
        "column 'x1', row 1: is missing",
        "column 'x1', row 3: is infinite",
        "column 'group', row 3: is missing",
        "column 'group', row 2: zz is not a level of the model (u, v, w)",
        "column 'code', row 1: 9 is not a level of the model (1, 2, x)",
    ]


def test_every_missing_column_is_named_at_once():
    model, _ = model_of({"likelihood": "Normal", "formula": "y ~ x1 + x2"})
    with pytest.raises(DataError) as raised:
        read_rows(stored(model), {"x3": [1]})
    assert len(raised.value.findings) == 3


@pytest.mark.parametrize(
    ("size", "shown"), [(8, "(0, 1, 2, 3, 4, 5, 6, 7)"), (9, "(0, 1, 2, 3, 4, 5, 6, 7, ...)")]
)
def test_a_message_shows_eight_categories_of_many(size, shown):
    config = {"name": "m", "data": {"columns": {"y": list(range(size))}}, "inference": ["mle"]}
    _, model = prepare(read_config(config | {"model": {"likelihood": "Categorical", "response": "y"}}))
    with pytest.raises(DataError) as raised:
        rows_of(model, {"y": [99]}, response=True)
    assert f"99 is not a category of the model {shown}" in str(raised.value)


@pytest.mark.parametrize("model", [{"response": "hits", "trials": "shots"}, {"formula": "hits / shots ~ 1"}])
def test_rows_to_predict_have_the_trials_of_their_column(model):
    made, _ = model_of({"likelihood": "Binomial"} | model)
    assert rows_of(made, {"shots": [7, 3]}, response=False).response.trials.tolist() == [7.0, 3.0]
