import pytest

from bayescope import library
from bayescope.config.files import find, is_name
from bayescope.config.priors import parse_prior
from bayescope.distributions.likelihoods import LIKELIHOODS

RUN = "name: run\ndata: data.csv\nmodel:\n  use: own\n  formula: y ~ x\ninference: [point]\n"


def test_a_model_file_is_the_start_and_the_configuration_overrides_it(workspace):
    workspace.write(
        {
            "run.yaml": RUN.replace("  formula", "  priors: {sigma: 2, x: Flat()}\n  formula"),
            "models/own.yaml": "likelihood: Normal\nresponse: y\nstandardize: true\npriors: {sigma: HalfNormal(1), Intercept: Flat()}\n",
        }
    )
    model = workspace.load().config.model
    assert model.likelihood == "Normal"
    assert model.standardize is True
    assert (model.formula, model.response) == ("y ~ x", None)
    assert model.priors == {"sigma": 2.0, "x": parse_prior("Flat()"), "Intercept": parse_prior("Flat()")}


def test_a_response_replaces_the_formula_of_the_model_file(workspace):
    workspace.write(
        {
            "run.yaml": RUN.replace("formula: y ~ x", "response: y"),
            "models/own.yaml": "likelihood: Normal\nformula: a ~ b\n",
        }
    )
    model = workspace.load().config.model
    assert (model.formula, model.response) == (None, "y")


def test_keys_from_a_model_file_have_their_place_there(workspace):
    workspace.write(
        {"run.yaml": RUN, "models/own.yaml": "likelihood: Normal\npriors:\n  sigma: HalfNormal(-1)\n"}
    )
    assert workspace.problems() == [
        "models/own.yaml:3:3: model.priors.sigma: HalfNormal: 'sigma' must be greater than 0, not -1"
    ]


def test_an_overridden_key_has_its_place_in_the_configuration(workspace):
    workspace.write(
        {
            "run.yaml": RUN.replace("  formula", "  likelihood: X\n  formula"),
            "models/own.yaml": "likelihood: Normal\n",
        }
    )
    assert workspace.problems() == [
        "run.yaml:5:3: model.likelihood: unknown likelihood 'X'; known: "
        + ", ".join([*LIKELIHOODS][:16])
        + ", ..."
    ]


def test_models_may_start_from_models(workspace):
    workspace.write(
        {
            "run.yaml": RUN,
            "models/own.yaml": "use: base\npriors: {sigma: 1}\n",
            "models/base.yaml": "likelihood: Normal\npriors: {sigma: 2, x: 3}\n",
        }
    )
    model = workspace.load().config.model
    assert model.likelihood == "Normal"
    assert model.priors == {"sigma": 1.0, "x": 3.0}


def test_a_model_may_extend_the_shipped_one_of_its_name(workspace):
    workspace.write(
        {"run.yaml": RUN.replace("own", "linear"), "models/linear.yaml": "use: linear\nstandardize: true\n"}
    )
    model = workspace.load().config.model
    assert (model.likelihood, model.standardize) == ("Normal", True)


def test_models_that_start_from_each_other_are_refused(workspace):
    workspace.write({"run.yaml": RUN, "models/own.yaml": "use: other\n", "models/other.yaml": "use: own\n"})
    assert workspace.problems() == ["models/other.yaml:1:1: model.use: 'own' starts from itself, in a circle"]


def test_an_unknown_model_of_a_model_file_is_placed_there(workspace):
    workspace.write({"run.yaml": RUN, "models/own.yaml": "priors: {}\nuse: owm\n"})
    assert workspace.problems() == [
        "models/own.yaml:2:1: model.use: unknown model 'owm'; did you mean 'own'?"
    ]


def test_what_a_model_without_a_readable_start_lacks_is_not_missed(workspace):
    workspace.write({"run.yaml": RUN.replace("use: own", "use: [own]")})
    [line] = workspace.problems()
    assert "model.use" in line


def test_a_model_file_that_is_no_mapping_is_refused(workspace):
    workspace.write({"run.yaml": RUN, "models/own.yaml": "- likelihood: Normal\n"})
    assert workspace.problems() == [
        "models/own.yaml:1:1: model.use: a model file holds the keys of `model`, such as `likelihood: Normal`"
    ]


def test_a_model_file_that_is_no_yaml_is_refused_at_its_place(workspace):
    workspace.write({"run.yaml": RUN, "models/own.yaml": "a: [1\n"})
    [line] = workspace.problems()
    assert line.startswith("models/own.yaml:2:1: not valid YAML")


@pytest.mark.parametrize(
    ("present", "found"),
    [
        (["own.yaml", "models/own.yaml"], "own.yaml"),
        (["models/own.yaml"], "models/own.yaml"),
    ],
)
def test_files_beside_the_configuration_come_first(workspace, present, found):
    workspace.write(dict.fromkeys(present, "likelihood: Normal\n"))
    assert find("own", "models", workspace.folder).file == str(workspace.folder / found)


def test_the_shipped_library_comes_last(workspace):
    assert find("linear", "models", workspace.folder).file == str(library.models()["linear"])
    assert find("mle", "inference", workspace.folder).file == str(library.recipes()["mle"])
    assert find("no-such-model", "models", workspace.folder) is None


def test_the_neighbour_of_the_same_name_that_is_a_run_is_passed_over(workspace):
    workspace.write({"coin.yaml": "name: coin\ndata: a.csv\nmodel: {use: coin}\ninference: [mle]\n"})
    assert find("coin", "models", workspace.folder).file == str(library.models()["coin"])


def test_a_link_to_a_folder_called_configs_has_what_is_beside_the_folder(workspace):
    workspace.write({"real/configs/run.yaml": RUN, "real/models/own.yaml": "likelihood: Normal\n"})
    (workspace.folder / "link").symlink_to(workspace.folder / "real" / "configs")
    (workspace.folder / "configs").symlink_to(workspace.folder / "real" / "configs")
    workspace.write({"real/inference/point.yaml": "method: mle\n"})
    assert workspace.load(file="link/run.yaml").config.model.likelihood == "Normal"
    workspace.write({"models/own.yaml": "likelihood: StudentT\n"})
    assert workspace.load(file="configs/run.yaml").config.model.likelihood == "StudentT"


def test_a_folder_called_configs_has_its_models_and_recipes_beside_it(workspace):
    workspace.write({"configs/run.yaml": RUN, "models/own.yaml": "likelihood: Normal\n"})
    config = workspace.load(file="configs/run.yaml").config
    assert config.model.likelihood == "Normal"
    assert config.inference[0].method == "mle"


@pytest.mark.parametrize("name", ["../secret", "a/b", "a.yaml", "", "-x", "x" * 65, "a\n", None, 3])
def test_a_name_leads_out_of_no_folder(name):
    assert not is_name(name)


def test_what_is_refused_in_two_files_is_told_of_each_and_missed_in_none(workspace):
    wrong = "likelihood: Normal\nlikelihood: Poisson\n"
    workspace.write({"run.yaml": RUN, "models/own.yaml": f"use: base\n{wrong}", "models/base.yaml": wrong})
    problems = workspace.problems()
    assert len(problems) == 2, problems
    assert all("likelihood" in problem for problem in problems)
    assert [problem.split(":")[0] for problem in problems] == ["models/base.yaml", "models/own.yaml"]
