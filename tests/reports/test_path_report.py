"""The folder of a regularisation path: what is in it, and that it is whole or absent."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import bayescope
from bayescope.cli import app
from bayescope.errors import NotApplicable, RunFolderError
from bayescope.paths import follow_path, save_path
from bayescope.pipeline import read_config
from bayescope.reports.path_report import path_text

CONFIG = "configs/diabetes-lasso.yaml"


@pytest.fixture(scope="module")
def record():
    return follow_path(read_config(CONFIG, overrides=["model.priors.sigma=54.0"]), grid=12, folds=3)


@pytest.fixture(scope="module")
def folder(record, tmp_path_factory):
    return save_path(record, tmp_path_factory.mktemp("paths"))


def test_the_table_has_every_step_with_every_coefficient_in_full(record, folder):
    with (folder / "path.csv").open() as file:
        rows = list(csv.DictReader(file))
    path = record.path
    assert [float(row["lambda"]) for row in rows] == path.strength.tolist()
    assert [int(row["nonzero"]) for row in rows] == path.nonzero.tolist()
    assert [[float(row[name]) for name in path.names] for row in rows] == path.theta.tolist()
    assert {row["log_evidence"] for row in rows} == {""}


def test_the_record_has_the_hashes_of_the_files_and_the_marked_steps(record, folder):
    stored = json.loads((folder / "path.json").read_text())
    assert set(stored["files"]) == {"path.csv", "path.svg", "path.png", "path.html"}
    for name, digest in stored["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    best = stored["marked"]["best score"]
    assert best["step"] == record.path.best_score
    assert len(best["estimates"]) == np.count_nonzero(record.path.theta[best["step"]])


def test_the_page_needs_nothing_else_and_says_where_to_stop(folder):
    page = (folder / "path.html").read_text()
    assert "default-src 'none'" in page
    assert "best score" in page
    assert "A mode of exactly 0 is not a posterior of 0" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_the_picture_counts_the_coefficients_and_has_both_axes(folder):
    picture = (folder / "path.svg").read_text()
    for text in ("coefficients that are not 0", "lambda = 1 / b", "prior scale b of Laplace(0, b)", "bmi"):
        assert text in picture


def test_a_folder_of_something_else_is_not_replaced(record, folder, tmp_path):
    destination = tmp_path / folder.name
    destination.mkdir()
    (destination / "notes.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="not a path folder"):
        save_path(record, tmp_path)
    assert (destination / "notes.txt").read_text() == "mine"


def test_equal_arguments_give_equal_bytes(record, folder, tmp_path):
    again = save_path(record, tmp_path)
    assert again.name == folder.name
    for name in ("path.csv", "path.svg", "path.html"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_the_command_prints_the_marked_steps_and_writes_the_folder(tmp_path):
    arguments = ["path", CONFIG, "--grid", "6", "--folds", "0", "--out", str(tmp_path), "--quiet"]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    assert "path of coefficients, 6 steps" in found.output
    (folder,) = tmp_path.iterdir()
    assert str(folder / "path.html") in found.output


def test_python_returns_the_path_itself(tmp_path):
    path = bayescope.regularisation_path(CONFIG, grid=4, folds=0, out=tmp_path)
    assert path.theta.shape == (4, 12)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_path_by_the_evidence_draws_it():
    ridge = ["model.priors.coefficients=Normal(0, 10)", "model.priors.sigma=54.0"]
    record = follow_path(read_config(CONFIG, overrides=ridge), grid=6, folds=0)
    from bayescope.reports.figures_path import path_figure

    assert "log evidence (nats)" in path_figure(record.path).svg
    assert record.path.best_evidence is not None


def test_the_terminal_has_eighty_columns(record):
    lines = path_text(record).splitlines()
    assert max(map(len, lines)) <= 80
    assert "Normal approximation to integrate." in " ".join(lines)


def test_a_refusal_sends_to_a_method_that_has_an_answer():
    columns = {"x": [0.1, 2.0, 1.0, 4.0], "z": [1.0, 0.0, 2.0, 1.5], "y": [3.0, 1.0, 4.0, 1.5]}
    model = {
        "likelihood": "Normal",
        "formula": "y ~ x + z",
        "priors": {"x": "Normal(0, 1)", "z": "Laplace(0, 2 * sigma)"},
    }
    config = {"name": "p", "data": {"columns": columns}, "model": model, "inference": ["map"]}
    with pytest.raises(NotApplicable, match=r"Use nuts for the posterior of this model; or fix sigma\.$"):
        bayescope.regularisation_path(config, prior="x", folds=0)
