"""Every broken configuration and every broken data set, through the command line: lines, exit code, nothing left."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bayescope.cli import main

TESTS = Path(__file__).parent
CONFIGS, DATA = TESTS / "config" / "broken", TESTS / "broken_data"


def read_yaml(path):
    return YAML(typ="safe", pure=True).load(path)


BROKEN_CONFIGS = read_yaml(CONFIGS / "expected.yaml")
BROKEN_DATA = read_yaml(DATA / "expected.yaml")


@pytest.fixture
def refusal(capsys):
    """Run the command line; returns (exit code, lines on stderr), and nothing may be on stdout."""

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert out == ""
        return end.value.code, err.splitlines()

    return run


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An own copy of the broken data as the current folder, with what cannot be committed."""
    monkeypatch.chdir(shutil.copytree(DATA, tmp_path / "data"))
    Path("folder.csv").mkdir()
    with sqlite3.connect("rows.db") as connection:
        connection.execute("create table rows (y real, x real)")
        connection.executemany("insert into rows values (?, ?)", [(1, 1), (2, 2), (3, 4), (5, 3)])
    connection.close()
    monkeypatch.delenv("BROKEN_DATA_UNSET", raising=False)
    monkeypatch.setenv("BROKEN_DATA_URL", "sqlite:///rows.db")
    monkeypatch.setenv("BROKEN_DATA_ABSENT_URL", "sqlite:///absent.db")
    monkeypatch.setenv("BROKEN_DATA_UNKNOWN_URL", "sqllite:///rows.db")
    monkeypatch.setenv("BROKEN_DATA_NO_URL", "rows.db")


def test_the_corpus_is_large():
    assert len(BROKEN_CONFIGS) + len(BROKEN_DATA) >= 60
    assert len(BROKEN_DATA) >= 25


@pytest.mark.parametrize("name", BROKEN_CONFIGS)
def test_a_broken_configuration_ends_with_2_and_its_lines(name, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(CONFIGS)
    out = tmp_path / "runs"
    assert refusal("run", name, "--out", out) == (2, BROKEN_CONFIGS[name])
    assert refusal("validate", name) == (2, BROKEN_CONFIGS[name])
    assert not out.exists()


@pytest.mark.parametrize("name", BROKEN_DATA)
def test_broken_data_end_with_3_and_their_lines(name, refusal, data_folder):
    case = BROKEN_DATA[name]
    write_config("run.yaml", case)
    before = sorted(Path().rglob("*"))
    assert refusal("run", "run.yaml") == (3, case["lines"])
    assert refusal("validate", "run.yaml") == (3, case["lines"])
    assert sorted(Path().rglob("*")) == before


def write_config(path, case):
    config = {
        "name": "broken",
        "data": case["data"],
        "model": case["model"],
        "inference": ["mle", "map", "exact", "nuts"],
    }
    yaml = YAML(typ="safe", pure=True)
    yaml.sort_base_mapping_type_on_output = False
    yaml.dump(config, Path(path))


def test_every_file_of_broken_data_is_used():
    used = {case["data"] for case in BROKEN_DATA.values() if isinstance(case["data"], str)}
    assert {path.name for path in DATA.iterdir()} - {"expected.yaml"} <= used


def test_a_refused_query_changes_nothing_in_the_database(refusal, data_folder):
    before = Path("rows.db").read_bytes()
    for case in BROKEN_DATA.values():
        if isinstance(case["data"], dict) and "sql" in case["data"]:
            write_config("run.yaml", case)
            assert refusal("run", "run.yaml")[0] == 3
    assert Path("rows.db").read_bytes() == before
