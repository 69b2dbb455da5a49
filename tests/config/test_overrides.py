import pytest

from bayescope.config.overrides import apply_overrides
from bayescope.config.priors import parse_prior


def test_a_value_is_read_as_yaml(workspace):
    config = workspace.load(
        "seed=7", "title=On the road", "data.missing=drop", "model.standardize=true"
    ).config
    assert (config.seed, config.title, config.data.missing, config.model.standardize) == (
        7,
        "On the road",
        "drop",
        True,
    )


def test_the_data_shorthand_is_written_out(workspace):
    assert str(workspace.load("data.missing=drop").config.data.path) == "data.csv"
    assert str(workspace.load("data=other.csv").config.data.path) == "other.csv"


def test_a_prior_may_have_commas_and_an_equals_sign(workspace):
    priors = workspace.load("model.priors.x=Normal(0, sigma=2)").config.model.priors
    assert priors == {"sigma": parse_prior("HalfNormal(1)"), "x": parse_prior("Normal(0, 2)")}


def test_sections_on_the_way_are_made(workspace):
    workspace.write(
        {
            "run.yaml": "name: a\ndata: a.csv\nmodel: {likelihood: Normal, formula: y ~ x}\ninference: [point]\n"
        }
    )
    assert workspace.load("model.priors.x=3").config.model.priors == {"x": 3.0}


def test_a_whole_section_is_replaced(workspace):
    config = workspace.load("inference=[long]", "model.priors={}", "data={columns: {y: [1, 2]}}").config
    assert [recipe.name for recipe in config.inference] == ["long"]
    assert config.model.priors == {}
    assert config.data.columns == {"y": (1, 2)}


@pytest.mark.parametrize("path", ["inference.long.draws", "inference.1.long.draws", "inference.1.draws"])
def test_a_recipe_s_setting_goes_by_name_or_index(workspace, path):
    assert workspace.load(f"{path}=77").config.inference[1].settings.draws == 77


@pytest.mark.parametrize("path", ["inference.long.step", "inference.1.long.step", "inference.1.step"])
def test_so_it_does_whatever_comes_first_in_the_alphabet(workspace, path):
    assert workspace.load(f"{path}=0.25").config.inference[1].settings.step == 0.25


def test_a_bare_recipe_gets_settings(workspace):
    assert workspace.load("inference.point.tolerance=0.5").config.inference[0].settings.tolerance == 0.5


def test_a_recipe_is_replaced_by_index(workspace):
    assert [
        recipe.name for recipe in workspace.load("inference.0=long", "inference.1=point").config.inference
    ] == ["long", "point"]


def test_elements_of_lists_go_by_index(workspace):
    config = workspace.load("data={columns: {y: [1, 2, 3]}}", "data.columns.y.1=20").config
    assert config.data.columns == {"y": (1, 20, 3)}


@pytest.mark.parametrize("line", ["county.sd", "sigma.x", "sigma.county.sd"])
def test_a_line_of_priors_may_have_dots(workspace, line):
    priors = {"sigma": parse_prior("HalfNormal(1)")}
    assert workspace.load(f"model.priors.{line}=2").config.model.priors == priors | {line: 2.0}
    given = f"model.priors={{sigma: HalfNormal(1), {line}: HalfNormal(3)}}"
    assert workspace.load(given, f"model.priors.{line}=2").config.model.priors == priors | {line: 2.0}


def test_elements_of_a_matrix_among_the_priors_go_by_index(workspace):
    config = workspace.load(
        "data={columns: {a: [1, 2], b: [3, 4]}}",
        "model={likelihood: MvNormal, response: [a, b], priors: {cov: [[1, 0], [0, 1]]}}",
        "model.priors.cov.1.1=9",
    ).config
    assert config.model.priors["cov"] == ((1.0, 0.0), (0.0, 9.0))


def test_a_key_with_dots_is_found(workspace):
    config = workspace.load("data={counts: {a.b: {0.5: 1, 1.5: 2}}}", "data.counts.a.b.0.5=7").config
    assert config.data.counts == {"a.b": {0.5: 7, 1.5: 2}}


def test_a_recipe_that_stands_alone_is_a_list_of_one(workspace):
    settings = workspace.load("inference=long", "inference.long.draws=77").config.inference[0].settings
    assert (settings.draws, settings.step) == (77, 0.5)


def test_later_overrides_win(workspace):
    assert workspace.load("seed=1", "seed=2").config.seed == 2


def test_an_empty_value_is_null(workspace):
    for empty in ("title=", "title=null", "title= ~"):
        assert workspace.load("title=x", empty).config.title is None


def test_one_override_may_be_a_text():
    data, _, problems = apply_overrides({"seed": 1}, {}, "seed=12")
    assert (data, problems) == ({"seed": 12}, [])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed", "--set seed: expected key.path=value, such as model.priors.sigma=HalfNormal(1)"),
        ("=3", "--set : expected key.path=value, such as model.priors.sigma=HalfNormal(1)"),
        ("seed=-1", "--set seed: seed: expected a number of at least 0, not -1"),
        ("sed=1", "--set sed: sed: unknown key; did you mean 'seed'?"),
        ("seed.x=1", "--set seed.x: seed: expected a whole number, not a mapping"),
        ("name.x=1", "--set name.x: 'name' is not a mapping; it has no 'x'"),
        ("model.prior.sigma=3", "--set model.prior.sigma: model.prior: is no key of a model without `hypotheses`; did you mean 'priors'?"),
        ("model.priors.sigma=HalfNormal(0)", "--set model.priors.sigma: model.priors.sigma: HalfNormal: 'sigma' must be greater than 0, not 0"),
        ("inference.lnog.draws=5", "--set inference.lnog.draws: no recipe 'lnog' in `inference`; did you mean 'long'?"),
        ("inference.9=long", "--set inference.9: no recipe '9' in `inference`; it has: point, long"),
        ("data.columns.y.3=1", "--set data.columns.y.3: 'data.columns.y' has elements 0 to 2; '3' is none of them"),
        ("inference.long.drws=5", "--set inference.long.drws: inference.1.long.drws: unknown key; did you mean 'draws'?"),
        ("title=[1, 2", "--set title: not valid YAML: a list opened with '[' is not closed, or lacks a ','"),
        ("title=.nan", "--set title: NaN and infinities are not supported; write null for a missing value"),
        ("title=*x", "--set title: aliases are not supported; write the value of '*x' out"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_named(workspace, override, line):
    assert workspace.problems("data={columns: {y: [1, 2, 4], x: [3, 1, 2]}}", override) == [line]


def test_an_override_mends_what_the_file_has_wrong(workspace):
    workspace.write(
        {"run.yaml": (workspace.folder / "run.yaml").read_text().replace("HalfNormal(1)", "HalfNormal(-1)")}
    )
    assert len(workspace.problems()) == 1
    assert workspace.load("model.priors.sigma=1").config.model.priors == {"sigma": 1.0}


def test_an_inference_that_is_no_list_has_no_recipes(workspace):
    lines = workspace.problems("inference=3", "inference.mle.draws=3")
    assert lines == [
        "--set inference: inference: expected a list of recipes such as [mle, map, nuts], not 3",
        "--set inference.mle.draws: 'inference' is not a list",
    ]


def test_a_scale_that_is_a_multiple_of_a_parameter_can_be_set(workspace):
    config = workspace.load("model.priors.x=Normal(0, sigma * 10)").config
    assert str(config.model.priors["x"]) == "Normal(0, 10 * sigma)"
    assert config.model_dump(mode="json")["model"]["priors"]["x"] == "Normal(0, 10 * sigma)"
