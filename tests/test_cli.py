"""The command line as a user meets it: what is printed where, which exit code, what is left on disk."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bayescope
from bayescope.cli import main

CONFIGS = Path(__file__).parents[1] / "configs"

COIN = """\
name: coin
data: {columns: {flip: [1, 0, 1, 1]}}
model: {use: coin, response: flip}
inference: [mle, map, exact]
"""

# x separates the classes, so there is no MLE; the MAP is there all the same
SEPARATED = """\
name: separated
data: {columns: {y: [0, 0, 1, 1], x: [1, 2, 3, 4]}}
model: {use: logistic, formula: y ~ x, priors: {coefficients: "Normal(0, 1)"}}
inference: [mle, map]
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **files):
        for name, text in files.items():
            Path(f"{name}.yaml").write_text(text)
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


def test_run_prints_the_table_and_writes_the_folder(command):
    code, out, err = command("run", "coin.yaml", coin=COIN)
    assert code == 0
    assert "p  0.750" in out
    assert "Traceback" not in err
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("coin-")
    assert f"report: {folder}/report.html" in out
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "run.json", "estimates.csv", "comparison.csv", "loo.csv", "fits", "figures", "report.html", "report.md",
    }  # fmt: skip
    assert {path.name for path in (folder / "fits").iterdir()} == {"mle.nc", "map.nc", "exact.nc"}


def test_the_same_run_goes_to_the_same_folder_and_another_seed_to_another(command):
    for seed in (1, 1, 2):
        assert command("run", "coin.yaml", "--seed", seed, "--quiet", coin=COIN)[0] == 0
    assert len(list(Path("runs").iterdir())) == 2


def test_no_line_is_wider_than_80_columns(command):
    _, out, _ = command("run", "coin.yaml", "separated.yaml", coin=COIN, separated=SEPARATED)
    assert max(len(line) for line in out.splitlines() if "report:" not in line) <= 80


def test_progress_goes_to_stderr_and_quiet_silences_it(command):
    _, _, loud = command("run", "coin.yaml", coin=COIN)
    _, _, quiet = command("run", "coin.yaml", "--quiet", coin=COIN)
    assert "coin: map" in loud
    assert quiet == ""


def test_json_prints_the_record_and_nothing_else(command):
    code, out, _ = command("run", "coin.yaml", "--json", coin=COIN)
    record = json.loads(out)
    assert code == 0
    assert record["verdict"]["status"] == "pass"
    assert record["seed"] == 0
    assert {row["method"] for row in record["estimates"]} == {"mle", "map", "exact"}


def test_an_mle_that_does_not_exist_is_named_and_the_map_goes_on(command):
    code, out, _ = command("run", "separated.yaml", "--strict", separated=SEPARATED)
    assert code == 0
    assert "the MLE does not exist: complete separation of the response by x" in " ".join(out.split())
    (folder,) = Path("runs").iterdir()
    estimates = (folder / "estimates.csv").read_text()
    assert "x,map," in estimates
    assert ",mle," not in estimates


def test_a_run_without_any_answer_exits_1(command):
    alone = SEPARATED.replace("[mle, map]", "[mle]")
    code, out, err = command("run", "separated.yaml", separated=alone)
    assert code == 1
    assert "does not exist" in out
    assert "no method gave an answer in separated" in err


def test_strict_exits_4_when_a_check_fails_and_the_other_answers_are_kept(command):
    # y = x fits every row: sigma goes to 0 and has no MLE, which is a failure of the method
    perfect = SEPARATED.replace("logistic", "linear").replace("[0, 0, 1, 1]", "[1, 2, 3, 4]")
    perfect = perfect.replace('"Normal(0, 1)"', '"Normal(0, 1)", sigma: "InverseGamma(2, 1)"')
    relaxed, *_ = command("run", "separated.yaml", separated=perfect)
    strict, out, err = command("run", "separated.yaml", "--strict", separated=perfect)
    assert (relaxed, strict) == (0, 4)
    assert "fail" in out
    assert "separated" in err
    (folder,) = Path("runs").iterdir()
    assert "x,map," in (folder / "estimates.csv").read_text()


def test_a_wrong_configuration_exits_2_and_names_the_place(command):
    code, out, err = command("run", "coin.yaml", coin=COIN.replace("response", "respnse"))
    assert code == 2
    assert out == ""
    assert err.startswith("coin.yaml:3:")
    assert "did you mean 'response'?" in err
    assert not Path("runs").exists()


def test_one_wrong_configuration_among_several_stops_all_before_the_first_fit(command):
    code, *_ = command("run", "coin.yaml", "bad.yaml", coin=COIN, bad="name: [")
    assert code == 2
    assert not Path("runs").exists()


def test_a_misspelt_column_is_a_configuration_error_with_its_place(command):
    code, _, err = command("validate", "coin.yaml", coin=COIN.replace("response: flip", "response: flop"))
    assert code == 2
    assert err.startswith("coin.yaml:3:")
    assert "did you mean 'flip'?" in err


def test_the_runs_beside_one_with_refused_data_are_made(command):
    bad = COIN.replace("[1, 0, 1, 1]", "[1, 0, 3, 1]").replace("name: coin", "name: bad")
    last = COIN.replace("name: coin", "name: last")
    code, _, err = command("run", "coin.yaml", "bad.yaml", "last.yaml", coin=COIN, bad=bad, last=last)
    assert code == 3
    assert "row 3: 3 is outside {0, 1}" in err
    assert [folder.name.split("-")[0] for folder in sorted(Path("runs").iterdir())] == ["coin", "last"]


def test_a_file_in_the_place_of_the_folder_of_runs_is_refused_before_the_fit(command):
    Path("taken").write_text("mine")
    code, out, err = command("run", "coin.yaml", "--out", "taken", coin=COIN)
    assert (code, out) == (2, "")
    assert "'taken' is a file" in err


def test_rows_that_were_dropped_are_told_beside_the_observations(command):
    data = "data: {columns: {flip: [1, null, 1, 0]}, missing: drop}"
    code, out, _ = command("run", "coin.yaml", coin=COIN.replace(COIN.splitlines()[1], data))
    assert code == 0
    assert "3 observations (1 row with missing values dropped)" in " ".join(out.split())


def test_refused_data_exit_3_and_name_column_and_row(command):
    code, _, err = command("run", "coin.yaml", coin=COIN.replace("[1, 0, 1, 1]", "[1, 0, 3, 1]"))
    assert code == 3
    assert "column 'flip', row 3: 3 is outside {0, 1}" in err
    assert not Path("runs").exists()


def test_an_override_is_validated_like_the_file(command):
    code, _, err = command("validate", "coin.yaml", "--set", "model.priors.p=Beta(0, 1)", coin=COIN)
    assert code == 2
    assert err.startswith("--set model.priors.p")
    assert command("validate", "coin.yaml", "--set", "model.priors.p=Beta(3, 1)", coin=COIN)[0] == 0


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "absent.yaml"), ("dance",), ("run", "x.yaml", "--seed", "-1")]
)
def test_a_wrong_command_line_exits_2(command, arguments):
    code, _, err = command(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_the_version_is_that_of_the_package(command):
    assert command("--version") == (0, f"bayescope {bayescope.__version__}\n", "")


def test_report_rebuilds_the_report_without_fitting(command):
    command("run", "coin.yaml", coin=COIN)
    (folder,) = Path("runs").iterdir()
    before = (folder / "report.html").read_bytes()
    code, out, _ = command("report", folder)
    assert code == 0
    assert f"report: {folder}/report.html" in out
    assert (folder / "report.html").read_bytes() == before


def test_report_of_a_changed_folder_is_refused(command):
    command("run", "coin.yaml", coin=COIN)
    (folder,) = Path("runs").iterdir()
    (folder / "estimates.csv").write_text("parameter\n")
    code, _, err = command("report", folder)
    assert code == 1
    assert "estimates.csv" in err


def test_schema_is_json_schema_of_configurations(command):
    code, out, _ = command("schema")
    schema = json.loads(out)
    assert code == 0
    assert {"name", "data", "model", "inference", "seed"} <= schema["properties"].keys()


def test_init_lays_out_a_project_whose_runs_validate(command, monkeypatch):
    assert command("init", "mine")[0] == 0
    monkeypatch.chdir("mine")
    assert {"models", "inference", "configs", "reports"} <= {path.name for path in Path().iterdir()}
    assert command("validate", *sorted(Path("configs").glob("*.yaml")))[0] == 0
    for path in Path().glob("*/*.yaml"):
        schema = path.read_text().split("\n", 1)[0].split("=", 1)[1]
        assert (path.parent / schema).is_file(), path


def test_links_of_a_new_project_lead_somewhere(command):
    command("init", "mine")
    for page in Path("mine").rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page, target)
    assert "bayescope run configs/coin.yaml" in Path("mine/README.md").read_text()


@pytest.mark.parametrize("arguments", [["predict", "x.csv"], ["compare"], ["report"], ["update", "x.csv"]])
def test_what_is_no_run_folder_is_a_mistake_of_the_command_line(command, arguments):
    Path("x.csv").write_text("x\n1\n")
    for folder, wrong in (("nothing", "there is no such folder"), ("x.csv", "not a run folder")):
        code, _, err = command(
            arguments[0], folder, *arguments[1:], *([folder] if arguments[0] == "compare" else [])
        )
        assert code == 2
        assert f"{folder}: {wrong}" in err


def test_init_refuses_a_folder_with_something_in_it(command):
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    code, _, err = command("init", "mine")
    assert code == 1
    assert "not empty" in err
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_code_and_leaves_nothing(tmp_path, sent, code):
    (tmp_path / "long.yaml").write_text(
        COIN.replace("[mle, map, exact]", "[{nuts: {draws: 1000000, tune: 1000000}}]")
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "bayescope", "run", "long.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "nuts" in process.stderr.readline()
    time.sleep(1)
    process.send_signal(sent)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert err.endswith(": nothing was written for the run in progress; start it again to go on.\n")
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("verb", ["run", "recover", "sbc", "path"])
def test_a_file_where_the_folder_should_be_is_told_before_anything_is_fitted(command, verb):
    code, out, err = command(verb, "coin.yaml", "--out", "coin.yaml", coin=COIN)
    assert (code, out) == (2, "")
    assert "Invalid value for '--out': dir 'coin.yaml' is a file." in err


@pytest.mark.parametrize("verb", ["run", "recover", "sbc", "path", "update"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_fitted(command, verb):
    command("run", "coin.yaml", "-q", coin=COIN)
    Path("new.csv").write_text("flip\n1\n")
    given = (*Path("runs").iterdir(), "new.csv") if verb == "update" else ("coin.yaml",)
    code, out, err = command(verb, *given, "--out", "coin.yaml/deeper")
    assert (code, out) == (1, "")
    assert err == "coin.yaml/deeper: cannot be written: Not a directory.\n"


def test_compare_prints_bayes_factors_best_first(command):
    fair = COIN.replace("name: coin", "name: fair").replace(
        "response: flip", 'response: flip, priors: {p: "Beta(500, 500)"}'
    )
    command("run", "coin.yaml", "fair.yaml", coin=COIN, fair=fair)
    code, out, _ = command("compare", *sorted(Path("runs").iterdir()))
    assert code == 0
    assert "Bayes factor" in out
    # three heads of four are as likely as 1/20 under the open prior and nearly 1/16 under p = 1/2
    assert out.index("fair-") < out.index("coin-")
    _, text, _ = command("compare", *sorted(Path("runs").iterdir()), "--json")
    assert sum(row["probability"] for row in json.loads(text)) == pytest.approx(1)


LINE = """\
name: line
data: {columns: {y: [1, 2, 3.5, 4, 2], x: [1, 2, 3, 4, 1.5], é: [1, 1, 2, 2, 1]}}
model: {use: linear, formula: y ~ x + é, priors: {coefficients: "Normal(0, 1)", Intercept: "Normal(0, 1)", sigma: 1}}
inference: [map, exact]
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "line.yaml", "--json"),
        ("path", "line.yaml", "--grid", 4, "--folds", 2),
        ("sbc", "line.yaml", "--simulations", 20),
    ],
)
def test_a_stdout_in_ascii_is_written_to_without_an_error(command, monkeypatch, arguments):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert command(*arguments, "-q", line=LINE)[0] == 0
    stdout.flush()
    text = stdout.buffer.getvalue().decode("ascii")
    assert "é" in json.loads(text)["config"]["model"]["formula"] if "--json" in arguments else "?" in text


@pytest.mark.parametrize("arguments", [("run", "coin.yaml"), ("run", "coin.yaml", "--json"), ("--version",)])
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_command_ends_as_ever_where_a_stream_is_closed(command, monkeypatch, arguments, closed):
    monkeypatch.setattr(sys, closed, None)
    assert command(*arguments, coin=COIN)[0] == 0
    assert len(list(Path().glob("runs/*/report.html"))) == ("run" in arguments)


def test_predictions_go_nowhere_where_stdout_is_closed(command, monkeypatch):
    command("run", "line.yaml", "-q", line=LINE)
    Path("new.csv").write_text("x,é\n1,2\n")
    monkeypatch.setattr(sys, "stdout", None)
    assert command("predict", *Path("runs").iterdir(), "new.csv") == (0, "", "")


def test_a_message_does_not_go_to_stdout_where_stderr_is_closed(command, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert command("run", "absent.yaml")[:2] == (2, "")


def test_a_shell_may_close_stdout(tmp_path):
    (tmp_path / "coin.yaml").write_text(COIN)
    arguments = [sys.executable, "-X", "dev", "-m", "bayescope", "run", "coin.yaml", "-q"]
    shell = ["sh", "-c", '"$@" >&-', "sh", *arguments]
    ended = subprocess.run(shell, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(tmp_path.glob("runs/*/report.html"))


NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.mark.skipif(sys.platform == "darwin", reason="all names of files are UTF-8 there")
@pytest.mark.parametrize("place", [Path(), Path(NOT_UTF8)])
def test_names_that_are_not_utf8_are_escapes_in_the_record(command, monkeypatch, place):
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    Path("d.csv").write_text("flip\n1\n0\n1\n1\n")
    data = COIN.replace("{columns: {flip: [1, 0, 1, 1]}}", "{path: d.csv}")
    assert command("run", f"{NOT_UTF8}.yaml", "-q", **{NOT_UTF8: data})[0] == 0
    (folder,) = Path("runs").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["command"] == r"bayescope run $'caf\xe9.yaml'"
    assert record["directory"].endswith(r"caf\xe9") == (place != Path())


@pytest.mark.skipif(sys.platform == "darwin", reason="all names of files are UTF-8 there")
def test_rows_of_an_update_may_come_from_a_file_whose_name_is_not_utf8(command):
    command("run", "coin.yaml", "-q", coin=COIN)
    Path(f"{NOT_UTF8}.csv").write_text("flip\n1\n0\n")
    code, out, _ = command("update", *Path("runs").iterdir(), f"{NOT_UTF8}.csv", "--json", "-q")
    step = json.loads(out)["lineage"]["steps"][1]
    assert (code, step["source"], step["data"]["path"]) == (0, r"caf\xe9.csv", r"caf\xe9.csv")


def test_compare_refuses_a_density_beside_a_probability(command):
    normal = COIN.replace("name: coin", "name: normal").replace(
        "use: coin, response: flip",
        'likelihood: Normal, response: flip, priors: {mu: "Normal(0, 1)", sigma: 1}',
    )
    command("run", "coin.yaml", "normal.yaml", coin=COIN, normal=normal)
    code, out, err = command("compare", *sorted(Path("runs").iterdir()))
    assert (code, out) == (1, "")
    assert re.search(r"normal-\w+: a density of numbers; coin-\w+: a probability", err)


def test_compare_refuses_different_data(command):
    more = COIN.replace("[1, 0, 1, 1]", "[1, 0, 1, 0]").replace("name: coin", "name: other")
    command("run", "coin.yaml", "more.yaml", coin=COIN, more=more)
    code, _, err = command("compare", *sorted(Path("runs").iterdir()))
    assert code == 1
    assert "different data" in err
