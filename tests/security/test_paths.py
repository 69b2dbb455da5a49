"""Names are names: none of them leads out of the folder that it belongs to."""

import json
from pathlib import Path

import pytest

from bayescope.errors import BayescopeError, ConfigError, RunFolderError
from bayescope.preparation import read_config
from bayescope.reports.writer import read_run_folder

OUTSIDE = [
    "../secret", "..", ".", "../../etc/passwd", "/etc/passwd", "//etc/passwd", "models/../../secret", "a/b", "a\\b",
    "..\\secret", "C:\\secret", "secret.yaml", "~/secret", "~root", "$HOME", "%2e%2e%2fsecret", "..%2fsecret",
    "secret\0.yaml", "secret\n", "-rf", "--help", "file:///etc/passwd", "http://127.0.0.1/x", "\u2025/secret", "con:",
    "x" * 65, " secret", "secret ", "",
]  # fmt: skip
CONFIG = {
    "name": "fine",
    "data": {"columns": {"y": [1.0, 2.0, 4.0], "x": [1, 2, 3]}},
    "model": {"use": "linear", "formula": "y ~ x"},
    "inference": ["mle"],
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a secret beside it, which would be a model or a recipe if it were found."""
    (tmp_path / "secret.yaml").write_text("likelihood: Normal\n")
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize(
    "config",
    [
        lambda name: {"name": name},
        lambda name: {"model": {"use": name, "formula": "y ~ x"}},
        lambda name: {"inference": [name]},
        lambda name: {"inference": [{name: {}}]},
        lambda name: {"inference": [{"mine": {"use": name}}]},
    ],
    ids=["name", "model", "recipe", "recipe with settings", "use"],
)
def test_a_name_with_a_path_in_it_is_refused(name, config, project, watched):
    def read():
        with pytest.raises(ConfigError):
            read_config({**CONFIG, **config(name)})

    read()
    with watched() as effects:
        read()
    assert effects == []


@pytest.mark.parametrize("path", ["", "x\0y.csv", "http://127.0.0.1/x.csv", "ftp://127.0.0.1/x.csv", "s3://bucket/x.csv", "/dev/zero", "/dev/stdin", "/proc/self/environ", "~/x.csv", "$HOME/x.csv", "data.csv;touch pwned.csv", "|touch pwned.csv", "data.pkl", "data.pickle", "data.npy", "data.h5", "data.csv.gz"])  # fmt: skip
def test_a_path_of_data_is_the_path_of_a_local_table_or_refused(path, project, watched):
    from bayescope.preparation import prepare

    def read():
        with pytest.raises(BayescopeError) as refusal:
            prepare(read_config({**CONFIG, "data": path}))
        assert refusal.value.exit_code in {2, 3}

    read()
    with watched() as effects:
        read()
    assert effects == []


@pytest.mark.parametrize("name", ["../secret.yaml", "/etc/passwd", "fits/../../secret.yaml", "..", ""])
def test_a_run_folder_names_no_file_outside_itself(name, project):
    run = project / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"format": 1, "files": {name: "00"}, "fits": []}))
    with pytest.raises(RunFolderError):
        read_run_folder(run)


def test_what_is_replaced_is_a_run_folder_of_the_same_name_and_never_something_else(project, command):
    Path("run.yaml").write_text(json.dumps(CONFIG))
    assert command("run", "run.yaml", "--out", "runs")[0] == 0
    (run,) = Path("runs").iterdir()
    precious = project / "precious"
    precious.mkdir()
    (precious / "notes.txt").write_text("mine")
    for file in sorted(run.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    run.rmdir()
    run.symlink_to(precious)
    code, _, err = command("run", "run.yaml", "--out", "runs")
    assert code == 1
    assert "exists and is not a run folder" in err
    assert (precious / "notes.txt").read_text() == "mine"
