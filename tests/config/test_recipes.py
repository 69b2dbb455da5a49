import pytest

from bayescope.config.recipes import read_recipes


def names(workspace, methods, written):
    result = read_recipes(written, workspace.folder, methods)
    assert not result.problems
    return [(recipe.name, recipe.method) for recipe in result.recipes]


def test_a_recipe_is_a_file_with_a_method(workspace, methods):
    assert names(workspace, methods, ["point", "long"]) == [("point", "mle"), ("long", "nuts")]


def test_a_recipe_may_be_written_in_place(workspace, methods):
    written = [{"nuts-a": {"method": "nuts", "draws": 5}}, {"nuts-b": {"method": "nuts"}}]
    assert names(workspace, methods, written) == [("nuts-a", "nuts"), ("nuts-b", "nuts")]


@pytest.mark.parametrize("settings", [None, {}])
def test_settings_may_be_empty(workspace, methods, settings):
    assert names(workspace, methods, [{"point": settings}]) == [("point", "mle")]


@pytest.mark.parametrize(
    "written",
    [
        None,
        {},
        3,
        [],
        [3],
        [["mle"]],
        [{"a": 1, "b": 2}],
        [None],
        ["../mle"],
        [{"../mle": {"method": "mle"}}],
        [{"a b": None}],
    ],
)
def test_what_is_no_list_of_recipes_is_refused(workspace, methods, written):
    result = read_recipes(written, workspace.folder, methods)
    (problem,) = result.problems
    assert problem.message.startswith("expected ")
    assert not result.recipes


def test_every_faulty_entry_is_found_and_the_others_are_read(workspace, methods):
    result = read_recipes(
        ["pont", "point", "Point", {"long": {"draws": 0}}, {"x": 1}], workspace.folder, methods
    )
    assert [recipe.name for recipe in result.recipes] == ["point"]
    assert [str(problem) for problem in result.problems] == [
        "inference.0: unknown recipe 'pont'; did you mean 'point'?",
        "inference.2: 'Point' is there already; name the second one, as in `Point-2: {method: nuts}`",
        "inference.3.long.draws: expected a number of at least 1, not 0",
        "inference.4.x: expected a mapping of settings, not 1",
    ]


def test_faults_of_a_recipe_file_have_their_place_there(workspace):
    workspace.write(
        {
            "inference/point.yaml": "method: mle\ntolerence: 1\n",
            "inference/long.yaml": "method: nuts\nstep: .nan\n",
        }
    )
    assert workspace.problems() == [
        "inference/long.yaml:2:7: inference.1.long.step: NaN and infinities are not supported; write null for a missing value",
        "inference/point.yaml:2:1: inference.0.point.tolerence: unknown key; did you mean 'tolerance'?",
    ]


def test_a_setting_that_the_run_overrides_is_refused_where_the_run_has_it(workspace):
    workspace.write({"inference/long.yaml": "method: nuts\ndraws: 10\n"})
    [problem] = workspace.problems("inference=[{long: {draws: 0}}]")
    assert problem == "--set inference: inference.0.long.draws: expected a number of at least 1, not 0"


def test_a_recipe_file_without_method_is_refused(workspace):
    workspace.write({"inference/point.yaml": "draws: 3\n"})
    assert workspace.problems() == [
        "inference/point.yaml:1:1: inference.0: a recipe file is a mapping with a `method`, such as `method: nuts`"
    ]


def test_an_unknown_method_in_a_recipe_file_is_refused(workspace):
    workspace.write({"inference/point.yaml": "method: mlee\n"})
    assert workspace.problems() == [
        "inference/point.yaml:1:1: inference.0.point.method: unknown method 'mlee'; did you mean 'mle'?"
    ]


def test_more_recipes_than_anybody_fits_are_one_problem(workspace, methods):
    found = read_recipes([f"nuts-{i}" for i in range(1001)], workspace.folder, methods)
    assert [str(problem) for problem in found.problems] == [
        "inference: expected at most 1,000 recipes, found 1,001"
    ]
