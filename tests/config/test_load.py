import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bayescope.config.load import load_config, load_data, load_mapping
from bayescope.config.priors import parse_prior
from bayescope.errors import ConfigError, Problem, Where


class Settings(BaseModel, extra="forbid", strict=True):
    draws: int = 1


MAPPING = {
    "name": "coin",
    "data": {"columns": {"flip": [1, 0, 1]}},
    "model": {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
    "inference": [{"mine": {"method": "mle"}}],
}


def test_a_configuration_is_loaded_whole(workspace):
    config = workspace.load().config
    assert config.name == "run"
    assert config.title is None
    assert config.seed == 0
    assert config.data.path == Path("data.csv")
    assert config.data.missing == "refuse"
    assert config.model.formula == "y ~ x"
    assert config.model.priors == {"sigma": parse_prior("HalfNormal(1)")}
    assert [(r.name, r.method) for r in config.inference] == [("point", "mle"), ("long", "nuts")]


def test_a_recipe_has_its_file_s_settings_under_the_configuration_s(workspace):
    settings = workspace.load().config.inference[1].settings
    assert (settings.draws, settings.step, settings.sampler) == (500, 0.5, "nutpie")


def test_a_configuration_is_frozen(workspace):
    config = workspace.load().config
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3
    with pytest.raises(ValueError, match="frozen"):
        config.model.formula = "y ~ z"


def test_the_source_knows_folder_hash_and_places(workspace):
    source = workspace.load().source
    assert source.directory == workspace.folder
    assert source.directory.is_absolute()
    assert source.sha256 == hashlib.sha256((workspace.folder / "run.yaml").read_bytes()).hexdigest()
    assert source.positions[("model", "priors", "sigma")] == Where(str(workspace.folder / "run.yaml"), 7, 5)


def test_a_problem_is_located_at_its_key_or_the_nearest_above(workspace):
    source = workspace.load().source
    assert source.locate(Problem(("model", "priors", "sigma"), "m")).where.line == 7
    assert source.locate(Problem(("model", "priors", "mom_iq"), "m")).where.line == 6
    assert source.locate(Problem((), "m")).where.line == 1
    elsewhere = Problem(("seed",), "m", Where("other.yaml", 9, 9))
    assert source.locate(elsewhere) is elsewhere


def test_a_configuration_that_started_from_a_model_file_needs_it_no_more(workspace, methods):
    run = (workspace.folder / "run.yaml").read_text().replace("likelihood: Normal", "use: mine")
    workspace.write({"run.yaml": run, "models/mine.yaml": "likelihood: Laplace\npriors: {b: 2.0}\n"})
    model = workspace.load().config.model_dump(mode="json", exclude_none=True)["model"]
    assert (model["likelihood"], model["priors"]) == ("Laplace", {"b": 2.0, "sigma": "HalfNormal(1)"})
    assert "use" not in model


def test_a_seed_that_is_given_wins(workspace):
    assert workspace.load(seed=7).config.seed == 7
    assert workspace.load(seed=np.int64(7)).config.seed == 7
    assert workspace.problems(seed=-1) == ["argument: seed: expected a number of at least 0, not -1"]


def test_the_dump_of_a_configuration_is_a_configuration(workspace, methods):
    config = workspace.load().config
    dumped = config.model_dump(exclude_none=True)
    again = load_mapping(dumped, workspace.folder, methods=methods).config
    assert again == config


def test_the_dump_is_text_and_numbers_as_written(workspace):
    assert workspace.load().config.model_dump(mode="json", exclude_none=True) == {
        "name": "run",
        "data": {"path": "data.csv", "missing": "refuse"},
        "model": {
            "likelihood": "Normal",
            "formula": "y ~ x",
            "standardize": False,
            "priors": {"sigma": "HalfNormal(1)"},
        },
        "inference": [
            {"point": {"method": "mle", "tolerance": 1e-8}},
            {"long": {"method": "nuts", "draws": 500, "step": 0.5, "sampler": "nutpie"}},
        ],
        "seed": 0,
        "compile": "auto",
    }


@pytest.mark.parametrize(
    ("data", "field", "value"),
    [
        ("table.parquet", "path", Path("table.parquet")),
        ("{path: sub/table.csv}", "path", Path("sub/table.csv")),
        ("{columns: {y: [1, 2.5, null, true, a]}}", "columns", {"y": (1, 2.5, None, True, "a")}),
        ("{counts: {flip: {1: 700, 0: 300}}}", "counts", {"flip": {1: 700, 0: 300}}),
        ("{counts: {answer: {yes: 3, no: 0}}}", "counts", {"answer": {"yes": 3, "no": 0}}),
        ("{sql: select 1, url_env: DB}", "sql", "select 1"),
        ("{path: a.csv, missing: drop}", "missing", "drop"),
    ],
)
def test_every_source_of_data(workspace, data, field, value):
    run = (workspace.folder / "run.yaml").read_text().replace("data: data.csv", f"data: {data}")
    workspace.write({"run.yaml": run})
    assert getattr(workspace.load().config.data, field) == value


@pytest.mark.parametrize("counts", [{1: 700, 0: 300}, {0.5: 1, "0.5": 2, -3: 0}, {"yes": 3, "1": 2}])
def test_the_values_of_counts_are_numbers_or_text_in_json_too(methods, counts):
    mapping = MAPPING | {"data": {"counts": {"flip": counts}}}
    config = load_mapping(mapping, methods=methods).config
    dumped = json.loads(json.dumps(config.model_dump(mode="json", exclude_none=True)))
    assert load_mapping(dumped, methods=methods).config == config


@pytest.mark.parametrize("pairs", [[[1, 7], [1, 3]], [[1, 7, 3]], [[[1], 7]], [1, 0], ["ab"]])
def test_what_are_no_pairs_of_a_value_and_a_count_is_refused(methods, pairs):
    with pytest.raises(ConfigError, match="expected a mapping of keys to values, not a list"):
        load_mapping(MAPPING | {"data": {"counts": {"flip": pairs}}}, methods=methods)


def test_types_of_inline_values_are_kept(workspace):
    workspace.write(
        {
            "run.yaml": (workspace.folder / "run.yaml")
            .read_text()
            .replace("data.csv", "{columns: {y: [1, 1.0, true]}}")
        }
    )
    assert [type(value) for value in workspace.load().config.data.columns["y"]] == [int, float, bool]


@pytest.mark.parametrize("size", ["0", "0 MB", "0.0 GB", "-1 GB", "GB", "1 PB", True, "inf GB"])
def test_a_memory_that_is_no_size_is_refused(methods, size):
    data = {"path": "data.csv", "memory": size}
    with pytest.raises(ConfigError, match="memory: expected a size such as 500 MB or 2 GB"):
        load_mapping({**MAPPING, "data": data}, methods=methods)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("1", 1),
        (2, 2),
        ("9 B", 9),
        ("3 kB", 3000),
        ("2.5 MB", 2_500_000),
        ("0.5 GB", 500_000_000),
        ("1TB", 10**12),
    ],
)
def test_a_memory_is_read_in_bytes(methods, size, count):
    loaded = load_mapping({**MAPPING, "data": {"path": "data.csv", "memory": size}}, methods=methods)
    assert loaded.config.data.memory == count


@pytest.mark.parametrize("path", ["", "a\0b", 3, True, ["data.csv"]])
def test_a_path_that_is_none_is_refused(methods, path):
    with pytest.raises(ConfigError, match="path: expected the path of a data file"):
        load_mapping({**MAPPING, "data": {"path": path}}, methods=methods)


def test_data_may_be_left_out_only_where_they_come_from_elsewhere(workspace):
    run = (workspace.folder / "run.yaml").read_text().replace("data: data.csv\n", "")
    workspace.write({"run.yaml": run})
    assert workspace.load(needs_data=False).config.data is None
    assert workspace.problems() == [
        "run.yaml:1:1: data: this key is missing: the data, such as `data: data/kidiq.csv`"
    ]


def test_a_mapping_is_a_configuration(methods):
    loaded = load_mapping(MAPPING, "somewhere", methods=methods)
    assert loaded.config.name == "coin"
    assert loaded.source.file is None
    assert loaded.source.directory == Path("somewhere").absolute()


def test_a_mapping_may_hold_arrays_paths_and_tuples(methods):
    columns = {
        "y": np.array([1.0, 2.5]),
        "n": np.arange(2),
        "t": ("a", "b"),
        "s": [np.float64(1), np.int64(2)],
    }
    mapping = {**MAPPING, "data": {"columns": columns}}
    read = load_mapping(mapping, methods=methods).config.data.columns
    assert read == {"y": (1.0, 2.5), "n": (0, 1), "t": ("a", "b"), "s": (1.0, 2)}
    assert load_mapping({**MAPPING, "data": Path("a.csv")}, methods=methods).config.data.path == Path("a.csv")


def test_a_key_may_be_a_number_of_numpy_but_no_tuple(methods):
    counts = {"flip": {np.int64(1): np.int64(6), np.float64(0.5): 4}}
    read = load_mapping(MAPPING | {"data": {"counts": counts}}, methods=methods).config.data.counts
    assert read == {"flip": {1: 6, 0.5: 4}}
    with pytest.raises(ConfigError) as refusal:
        load_mapping(MAPPING | {"data": {"counts": {"flip": {(1, 2): 6}}}}, methods=methods)
    assert str(refusal.value) == "data.counts.flip: a key must be text or a number, not a tuple"


def test_a_data_section_alone_is_checked_as_in_a_configuration():
    assert load_data({"counts": {"flip": {np.int64(1): np.int64(2)}}}).counts == {"flip": {1: 2}}
    with pytest.raises(ConfigError) as refusal:
        load_data({"counts": {"flip": {1: -2, 0: object}}, "mising": "drop"})
    assert sorted(str(refusal.value).splitlines()) == [
        "counts.flip.0: a type is not supported here",
        "counts.flip.1: expected a number of at least 0, not -2",
        "mising: unknown key; did you mean 'missing'?",
    ]


def test_a_mapping_is_not_changed_by_loading(methods):
    mapping = {**MAPPING, "data": "a.csv"}
    load_mapping(
        mapping, overrides=["data.missing=drop", "model.priors.p=0.5", "inference.0=mle"], methods=methods
    )
    assert mapping == {**MAPPING, "data": "a.csv"}
    assert MAPPING["model"]["priors"] == {"p": "Beta(2, 2)"}


def test_problems_of_a_mapping_have_key_paths_but_no_places(methods):
    mapping = {
        **MAPPING,
        "seed": math.nan,
        "title": object,
        "model": {**MAPPING["model"], "likelihood": "Bernouli"},
    }
    with pytest.raises(ConfigError) as refusal:
        load_mapping(mapping, methods=methods)
    assert sorted(str(refusal.value).splitlines()) == [
        "model.likelihood: unknown likelihood 'Bernouli'; did you mean 'Bernoulli'?",
        "seed: NaN and infinities are not supported; give None for a missing value",
        "title: a type is not supported here",
    ]


def test_a_mapping_within_itself_is_refused(methods):
    endless = dict(MAPPING)
    endless["model"] = endless
    with pytest.raises(ConfigError, match="nested deeper than 50 levels"):
        load_mapping(endless, methods=methods)


def test_equal_mappings_have_equal_hashes(methods):
    one, other = (load_mapping(dict(MAPPING), methods=methods).source.sha256 for _ in range(2))
    assert one == other
    assert one != load_mapping({**MAPPING, "seed": 1}, methods=methods).source.sha256


keys = st.sampled_from(
    ["name", "data", "model", "inference", "seed", "title", "priors", "likelihood", "formula", "response", "link", "use",
     "trials", "standardize", "path", "columns", "counts", "sql", "url_env", "missing", "x", "method", "draws", 1, 0.5]
)  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from(
        ["Normal", "Bernoulli", "Binomial", "y ~ x", "y / n ~ x", "Normal(0, 1)", "mle", "a", "", "logit"]
    )
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=20,
)


@given(
    st.dictionaries(keys, trees, max_size=6), st.lists(st.text("abmodel.nferc=0[{", max_size=15), max_size=2)
)
def test_any_mapping_is_loaded_or_refused(mapping, overrides):
    problems = None
    try:
        load_mapping(mapping, overrides=overrides, methods={"mle": Settings, "nuts": Settings})
    except ConfigError as error:
        problems = error.problems
    assert problems != ()


@given(st.text("abcnmdi:{}[], \n-&*!'\"0.1", max_size=60))
def test_any_file_is_loaded_or_refused(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        load_config(file, methods={})
    assert all(problem.where is not None for problem in refusal.value.problems)


@pytest.mark.parametrize(
    "formula", ["", 3, True, [], ["y ~ x"], {}, {"mu": 3}, {"mu": "y ~ x", "sigma": None}]
)
def test_a_formula_that_is_none_is_refused(methods, formula):
    model = {"likelihood": "Normal", "formula": formula}
    with pytest.raises(ConfigError, match=r"model\.formula: expected a formula such as `y ~ x`, or one"):
        load_mapping({**MAPPING, "model": model}, methods=methods)


@pytest.mark.parametrize("what", [{"response": "y"}, {"formula": "y ~ x"}, {"formula": {"p": "y ~ x"}}])
def test_a_number_of_successes_needs_its_trials(methods, what):
    with pytest.raises(ConfigError, match="Binomial needs `trials: column`"):
        load_mapping({**MAPPING, "model": {"likelihood": "Binomial", **what}}, methods=methods)
    loaded = load_mapping(
        {**MAPPING, "model": {"likelihood": "Binomial", "trials": "n", **what}}, methods=methods
    )
    assert loaded.config.model.trials == "n"
