from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import re
import shutil

import numpy as np
import pytest

from bayescope.diagnostics.records import Estimate
from bayescope.errors import RunFolderError
from bayescope.reports import writer
from bayescope.reports.writer import csv_text, read_run_folder, rebuild_report, write_run_folder

ESTIMATE_COLUMNS = (
    "parameter,method,estimate,sd,lower,upper,median,mode,ess_bulk,ess_tail,r_hat,"
    "mcse_mean,mcse_lower,mcse_median,mcse_upper"
)
COMPARISON_COLUMNS = "parameter,method,reference,mean_shift_in_sd,sd_ratio,wasserstein_1_in_sd,kl_nats,z,z_sd,kl_error,kl_method"


@pytest.fixture(scope="module")
def run(workshop):
    return workshop.run(["mom_iq"])


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "made-up-1234"
    write_run_folder(*run, folder)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "made-up-1234")


@pytest.fixture
def light(monkeypatch):
    """Run folders without figures and reports, for tests of what surrounds them."""
    monkeypatch.setattr(
        writer, "_write_report", lambda _record, _fits, folder: (folder / "report.html").write_text("x")
    )


def others(path):
    return sorted(entry.name for entry in path.parent.iterdir() if entry != path)


def test_the_files_of_a_run_folder(written):
    names = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    assert {"run.json", "estimates.csv", "comparison.csv", "report.html", "report.md"} <= names
    assert {f"fits/{name}.nc" for name in ("mle", "map", "exact", "nuts", "grid")} <= names
    assert {"figures/plate.svg", "figures/plate.png", "figures/density-01-Intercept.svg"} <= names
    assert others(written) == []


def test_run_json_has_the_hash_of_every_other_file(written):
    data = json.loads((written / "run.json").read_text())
    files = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()} - {
        "run.json"
    }
    assert data["files"] == {
        name: hashlib.sha256((written / name).read_bytes()).hexdigest() for name in files
    }
    assert (data["seed"], data["verdict"]["status"], data["name"]) == (20261120, "fail", "made-up")


def test_the_columns_of_the_csv_files(written):
    assert (written / "estimates.csv").read_text().splitlines()[0] == ESTIMATE_COLUMNS
    assert (written / "comparison.csv").read_text().splitlines()[0] == COMPARISON_COLUMNS


def test_the_numbers_of_a_csv_file_are_complete(written, run):
    rows = list(csv.DictReader(io.StringIO((written / "estimates.csv").read_text())))
    assert [float(row["estimate"]) for row in rows] == [row.estimate for row in run[0].estimates]
    assert {row["r_hat"] for row in rows if row["method"] == "mle"} == {""}


def test_undefined_is_empty_and_a_formula_is_text():
    rows = [
        Estimate(parameter=name, method="mle", estimate=math.nan, sd=-2.5)
        for name in ("=1+1", "+a", "-b", "@c", "d")
    ]
    lines = csv_text(Estimate, rows).splitlines()[1:]
    assert [line[:12] for line in lines] == [
        "'=1+1,mle,,-",
        "'+a,mle,,-2.",
        "'-b,mle,,-2.",
        "'@c,mle,,-2.",
        "d,mle,,-2.5,",
    ]


def test_what_was_written_is_read_back(written, run):
    record, fits = read_run_folder(written)
    assert record == run[0]
    assert [fit.name for fit in fits] == [fit.name for fit in run[1]]
    np.testing.assert_array_equal(fits[3].draws, run[1][3].draws)
    assert fits[4].outcome == run[1][4].outcome


def test_figures_of_the_markdown_report_exist(written):
    text = (written / "report.md").read_text()
    linked = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert linked
    assert all((written / name).is_file() for name in linked)


def test_a_rebuilt_report_is_the_same(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "notes.txt").write_text("mine")
    assert rebuild_report(folder) == folder / "report.html"
    assert {path: path.read_bytes() for path in before if path.name != "run.json"} == {
        path: content for path, content in before.items() if path.name != "run.json"
    }
    assert (folder / "notes.txt").read_text() == "mine"
    assert others(folder) == []


def test_a_failing_writer_leaves_nothing(run, tmp_path, monkeypatch):
    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_write_report", fail)
    with pytest.raises(RunFolderError, match="cannot be written: No space left on device"):
        write_run_folder(*run, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_writer_leaves_what_was_there(run, tmp_path, monkeypatch, light):
    write_run_folder(*run, tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()

    def fail(*_arguments):
        raise KeyError("unforeseen")

    monkeypatch.setattr(writer, "_write_record", fail)
    with pytest.raises(KeyError):
        write_run_folder(*run, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    assert others(tmp_path / "run") == []


def test_a_run_folder_is_replaced(run, tmp_path, light):
    write_run_folder(*run, tmp_path / "run")
    (tmp_path / "run" / "stale").touch()
    write_run_folder(*run, tmp_path / "run")
    assert not (tmp_path / "run" / "stale").exists()
    assert others(tmp_path / "run") == []


def test_a_folder_of_something_else_is_not_replaced(run, tmp_path, light):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="not a run folder"):
        write_run_folder(*run, tmp_path / "run")
    assert (tmp_path / "run" / "thesis.tex").exists()


def test_leftovers_of_killed_writers_are_removed_and_those_of_living_ones_kept(run, tmp_path, light):
    dead = next(pid for pid in range(4_000_000, 4_194_304) if not writer._is_running(pid))
    for pid in (dead, os.getpid()):
        (tmp_path / f".run.{pid}.abc.partial").mkdir()
    write_run_folder(*run, tmp_path / "run")
    assert others(tmp_path / "run") == [f".run.{os.getpid()}.abc.partial"]


def test_a_folder_whose_writer_was_killed_while_replacing_it_is_put_back(run, tmp_path, light):
    dead = next(pid for pid in range(4_000_000, 4_194_304) if not writer._is_running(pid))
    write_run_folder(*run, tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / f".run.{dead}.abc.old")
    with pytest.raises(KeyboardInterrupt), writer.replacing(tmp_path / "run"):
        raise KeyboardInterrupt
    assert read_run_folder(tmp_path / "run")[0] == run[0]
    assert others(tmp_path / "run") == []


def test_of_writers_at_the_same_time_each_replaces_the_one_before(run, tmp_path, light):
    destination = tmp_path / "run"
    folders = []
    for number in range(2):
        folder = tmp_path / f".run.{number}.partial"
        folder.mkdir()
        (folder / "run.json").write_text(str(number))
        folders.append(folder)
    for folder in folders:
        writer._swap(folder, destination)
    assert (destination / "run.json").read_text() == "1"
    assert others(destination) == []


@pytest.mark.parametrize("name", ["estimates.csv", "fits/nuts.nc", "report.html"])
def test_a_changed_file_is_named(folder, name):
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(RunFolderError, match=f"{name} was changed"):
        read_run_folder(folder)


def test_a_missing_file_is_named(folder):
    (folder / "fits" / "exact.nc").unlink()
    with pytest.raises(RunFolderError, match=r"fits/exact.nc is missing"):
        read_run_folder(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "was not written by this version"),
        ('{"format": 99}', "was not written by this version"),
        ('{"format": 1, "files": {}, "fits": []}', r"run\.json was changed"),
        ('{"format": 1, "files": {"../secret": "00"}, "fits": []}', "'../secret' is outside the folder"),
        ('{"format": 1, "files": {}, "fits": ["../x"]}', "was not written by this version"),
    ],
)
def test_a_broken_record_is_refused(tmp_path, content, message):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunFolderError, match=message):
        read_run_folder(tmp_path)


def test_a_folder_without_a_record_is_no_run(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(RunFolderError, match=r"not a run folder: it has no run\.json"):
            read_run_folder(path)


def test_a_folder_that_does_not_exist_is_said_to_be_absent(tmp_path):
    with pytest.raises(RunFolderError, match=r"nothing: there is no such folder\.$"):
        read_run_folder(tmp_path / "nothing")
