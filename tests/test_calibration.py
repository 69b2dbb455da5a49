"""`bayescope sbc` and `bayescope recover`: what they find, go on from, refuse and write."""

import json
from pathlib import Path

import numpy as np
import pytest

import bayescope
from bayescope.cli import main
from bayescope.errors import FitError
from bayescope.inference.simulate import simulate, written_out
from bayescope.preparation import prepare, read_config

SEED_OF_A_HUGE_SLOPE = 1  # positive, so that the means overflow

COIN = """\
name: coin
data: {counts: {flip: {1: 6, 0: 4}}}
model: {use: coin, response: flip, priors: {p: "Beta(2, 2)"}}
inference: [mle, exact, {laplace: {draws: 50}}]
seed: 3
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder with coin.yaml; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    Path("coin.yaml").write_text(COIN)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


def test_exact_stays_inside_and_a_laplace_at_the_wrong_place_does_not(command):
    code, out, err = command("sbc", "coin.yaml", "--simulations", 60)
    assert code == 0
    assert "exact: the ranks of p stay inside the 99 % bands of 60 simulations." in out
    assert max(map(len, out.splitlines())) <= 80
    assert "60 of 60 simulations" in err
    (folder,) = Path("runs").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "sbc.json", "sbc.csv", "sbc.html", "simulations.jsonl",
        "ecdf-exact.svg", "ecdf-exact.png", "ecdf-laplace.svg", "ecdf-laplace.png",
    }  # fmt: skip
    stored = json.loads((folder / "sbc.json").read_text())
    assert stored["outcomes"] == {"exact": {"ok": 60}, "laplace": {"ok": 60}}
    assert len((folder / "simulations.jsonl").read_text().splitlines()) == 60


def test_a_study_that_was_killed_goes_on_with_the_same_bits(command):
    command("sbc", "coin.yaml", "--simulations", 40, "--out", "whole", "-q")
    (whole,) = Path("whole").iterdir()
    lines = (whole / "simulations.jsonl").read_text().splitlines(keepends=True)
    Path("killed").mkdir()
    journal = Path("killed") / f".{whole.name}.jsonl"
    # in the order in which processes finished, the last line cut short
    journal.write_text("".join(lines[12:3:-1]) + lines[20][:17])
    command("sbc", "coin.yaml", "--simulations", 40, "--out", "killed", "-q")
    again = Path("killed") / whole.name
    for name in ("simulations.jsonl", "sbc.csv", "ecdf-exact.svg"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()
    assert not journal.exists()


def test_more_simulations_begin_where_fewer_ended(command, monkeypatch):
    command("sbc", "coin.yaml", "--simulations", 20, "-q")
    done = []
    real = bayescope.calibration.simulated
    monkeypatch.setattr(
        "bayescope.calibration.simulated", lambda study, i: (done.append(i), real(study, i))[1]
    )
    code, out, _ = command("sbc", "coin.yaml", "--simulations", 25, "--json", "-q")
    assert code == 0
    assert done == [20, 21, 22, 23, 24]
    assert json.loads(out)["simulations"] == 25


def test_fewer_simulations_lose_none_that_are_finished(command, monkeypatch):
    command("sbc", "coin.yaml", "--simulations", 25, "-q")
    (folder,) = Path("runs").iterdir()
    whole = (folder / "simulations.jsonl").read_bytes()
    monkeypatch.setattr("bayescope.calibration.simulated", lambda _study, i: pytest.fail(f"simulates {i}"))
    for _ in range(2):
        command("sbc", "coin.yaml", "--simulations", 20, "-q")
        assert json.loads((folder / "sbc.json").read_text())["simulations"] == 20
    command("sbc", "coin.yaml", "--simulations", 25, "-q")
    assert (folder / "simulations.jsonl").read_bytes() == whole
    assert [path.name for path in Path("runs").iterdir()] == [folder.name]


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(command):
    command("sbc", "coin.yaml", "--simulations", 20, "--out", "one", "-q")
    command("sbc", "coin.yaml", "--simulations", 20, "--out", "two", "--jobs", 2, "-q")
    one, two = (next(Path(name).iterdir()) / "simulations.jsonl" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_ranks_outside_of_their_bands_are_exit_code_4_when_strict(command):
    # two draws of a proposal with tails of 10 sd: ranks at the ends
    arguments = ("--method", "laplace", "--set", "model.priors.p=Beta(0.1, 0.1)", "--simulations", 100)
    code, out, err = command("sbc", "coin.yaml", *arguments, "--strict", "-q")
    assert code == 4
    assert "laplace: the ranks of p leave the 99 % bands" in out
    assert "--strict" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "mle"), "mle: a point has no draws to rank a truth among"),
        (("--method", "exakt"), "unknown recipe 'exakt'; did you mean 'exact'?"),
        (("--set", "model.use=linear-flat", "--set", "model.priors={}"), "proper"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(command, arguments, message):
    if "linear-flat" in str(arguments):
        Path("coin.yaml").write_text(
            "name: flat\ndata: {columns: {y: [1.0, 2.5, 3.0, 3.9], x: [1, 2, 3, 4]}}\n"
            "model: {use: linear-flat, formula: y ~ x}\ninference: [exact]\n"
        )
        arguments = ()
    code, _, err = command("sbc", "coin.yaml", *arguments, "-q")
    assert code == 2
    assert message in err
    assert "coin.yaml:1:1" not in err, "what is wrong with --method has no place in the file"
    assert not list(Path().glob("runs/*"))


def test_a_study_in_the_place_of_a_file_is_refused_before_the_first_simulation(command):
    Path("runs").write_text("in the way")
    code, _, err = command("sbc", "coin.yaml", "--simulations", 20, "-q")
    assert code == 2
    assert "'runs' is a file" in err


def test_a_study_in_a_place_that_cannot_be_written_is_exit_code_1(command):
    Path("runs").write_text("in the way")
    code, _, err = command("sbc", "coin.yaml", "--simulations", 20, "--out", "runs/deeper", "-q")
    assert code == 1
    assert "cannot be written" in err


@pytest.mark.parametrize(
    ("rows", "section"),
    [
        ([[1, 3], [2, 2], [0, 5]], {"likelihood": "Multinomial"}),
        (
            [[0.1, 3.0], [0.5, 2.0], [-1.0, 2.5]],
            {"likelihood": "MvNormal", "priors": {"mu": "Normal(0, 2)", "cov": [[1, 0.5], [0.5, 2]]}},
        ),
    ],
    ids=["Multinomial", "MvNormal"],
)
def test_responses_of_several_columns_are_simulated_and_ranked(tmp_path, rows, section):
    one, two = np.transpose(rows).tolist()
    config = {
        "name": "columns",
        "data": {"columns": {"one": one, "two": two}},
        "model": {"response": ["one", "two"], **section},
        "inference": ["exact"],
        "seed": 3,
    }
    record = bayescope.sbc(config, simulations=60, out=tmp_path)
    assert [len(row.pit) for row in record.rows] == [60, 60]
    assert record.calibrated
    _, simulated = simulate(prepare(read_config(config))[1], np.random.default_rng(1))
    assert simulated.response.values.shape == (3, 2)
    assert not np.array_equal(simulated.response.values, rows)


def model_of(text, **model):
    columns = {"y": [1, 2, 0, 3], "x": [1.0, 2.0, 3.0, 5.0], "w": [1, 2, 0, 3], "half": [0.5, 1, 1, 1]}
    return prepare(
        read_config({"name": "m", "data": {"columns": columns}, "model": model, "inference": ["map"]})
    )[1]


def test_rows_that_count_several_times_are_drawn_one_by_one():
    model = written_out(model_of("", likelihood="Poisson", formula="y ~ x", weights="w"))
    _, simulated = simulate(model, np.random.default_rng(1))
    assert len(simulated.response.values) == 6
    assert simulated.response.weights is None
    with pytest.raises(FitError, match="half"):
        written_out(model_of("", likelihood="Poisson", formula="y ~ x", weights="half"))


def test_data_that_cannot_be_drawn_are_a_named_refusal():
    model = model_of("", likelihood="Poisson", formula="y ~ x", priors={"x": "Normal(0, 1e6)"})
    with pytest.raises(FitError, match="the prior makes data that cannot be drawn"):
        simulate(model, np.random.default_rng(SEED_OF_A_HUGE_SLOPE))
    # the first draw of this seed is u = 0.5118: an upper end of 1 / (1 - u)^1000 = 1e311
    model = model_of("", likelihood="Uniform", response="y", priors={"lower": 0, "upper": "Pareto(1e-3, 1)"})
    with pytest.raises(FitError, match="beyond 1e100"):
        simulate(model, np.random.default_rng(1))


def test_recovery_puts_the_truth_beside_every_answer(command):
    code, out, _ = command("recover", "coin.yaml", "-q")
    assert code == 0
    assert "truth" in out.splitlines()[2]
    assert "Simulated data: the 89 % intervals hold the truth for" in out
    (folder,) = Path("runs").iterdir()
    assert "truth" in (folder / "report.md").read_text()
    run = bayescope.load(folder)
    again = bayescope.recover("coin.yaml")
    assert run["truth"].estimate == pytest.approx(again["truth"].estimate, rel=1e-15)


def test_a_recovered_truth_is_an_ordinary_distance_from_the_exact_posterior():
    config = {
        "name": "line",
        "data": {"columns": {"x": np.linspace(-1, 1, 30).tolist(), "y": np.linspace(0, 1, 30).tolist()}},
        "model": {
            "likelihood": "Normal",
            "formula": "y ~ x",
            "priors": {"Intercept": "Normal(0, 1)", "x": "Normal(0, 1)", "sigma": "HalfNormal(1)"},
        },
        "inference": ["exact"],
    }
    z = [
        row.mean_shift_in_sd
        for seed in range(12)
        for row in bayescope.recover(config, seed=seed).record.comparison
        if row.method == "truth"
    ]
    assert len(z) == 36
    assert np.sum(np.square(z)) < 90  # chi-squared of 36, nearly: 90 has probability 2e-6
