"""Today's posterior is tomorrow's prior: `bayescope update` and `Run.update`, end to end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

import bayescope
from bayescope.cli import main
from bayescope.errors import BayescopeError, ConfigError, DataError
from bayescope.updating import MOST_STEPS

EXAMPLE = YAML(typ="safe", pure=True).load(Path(__file__).with_name("worked-examples.yaml"))[
    "sequential_update"
]
FLIPS = EXAMPLE["flips"]
RNG = np.random.default_rng(20261121)
X = RNG.normal(size=30)
LINE = pd.DataFrame(
    {
        "y": 1.0 + 2.0 * X + RNG.normal(0.0, 0.5, 30),
        "x": X,
        "group": [*"abc"] * 10,
        "hit": RNG.normal(size=30) < X,
    }
).assign(hit=lambda frame: frame["hit"].astype(int))
PRIORS = {"Intercept": "Normal(0, 5)", "coefficients": "Normal(0, 2)", "sigma": "HalfNormal(2)"}
POINTS = ("mle", "map", "exact")


def coin(flips, *methods):
    model = {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": EXAMPLE["prior"]}}
    return {
        "name": "coin", "data": {"columns": {"flip": list(flips)}}, "model": model,
        "inference": list(methods or POINTS),
    }  # fmt: skip


def line(data, *methods, formula="y ~ x + group", **model):
    spec = {"likelihood": "Normal", "formula": formula, "priors": PRIORS, **model}
    return {"name": "line", "data": data, "model": spec, "inference": list(methods or POINTS)}


def logistic(data, *methods):
    priors = {"Intercept": "Normal(0, 2)", "coefficients": "Normal(0, 2)"}
    return line(data, *(methods or ("mle", "map")), formula="hit ~ x", likelihood="Bernoulli", priors=priors)


def csv(path, frame):
    frame.to_csv(path, index=False)
    return str(path)


def assert_same(one, other):
    """Every method's estimate and sd, and the evidence, to 1e-12; the solvers' to their tolerance."""
    assert [fit.name for fit in one.fits] == [fit.name for fit in other.fits]
    for fit, expected in zip(one.fits, other.fits, strict=True):
        assert fit.outcome.status == expected.outcome.status
        # a solver stops at a gradient of 1e-8 sds; formulas and the exact posterior agree to rounding
        solved = "Newton" in str(expected.details.get("formula", ""))
        tolerance = 1e-7 if solved else 1e-12
        scale = np.sqrt(np.diag(expected.covariance))
        np.testing.assert_allclose(
            fit.estimate, expected.estimate, rtol=tolerance, atol=tolerance * scale.max()
        )
        assert fit.sd == pytest.approx(expected.sd, rel=10 * tolerance, nan_ok=True)
        if expected.log_evidence is not None:
            assert fit.log_evidence == pytest.approx(expected.log_evidence, rel=1e-12)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command line in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


def hashes(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def path():
    """The runs after one flip, two, ..., all."""
    runs = [bayescope.run(coin(FLIPS[:1]))]
    for flip in FLIPS[1:]:
        runs.append(runs[-1].update({"flip": [flip]}))
    return runs


class TestTheWorkedExample:
    """Prior Beta(2, 2), flips H H H T H, one at a time."""

    def test_posteriors_and_means_are_those_of_the_example(self, path):
        assert [run["exact"].details["posterior"]["p"] for run in path] == EXAMPLE["posteriors"]
        # the file has six decimals
        assert [run["exact"].estimate[0] for run in path] == pytest.approx(EXAMPLE["means"], abs=5e-7)
        assert path[-1]["mle"].estimate[0] == pytest.approx(EXAMPLE["mle"], abs=5e-7)
        assert path[-1]["map"].estimate[0] == pytest.approx(EXAMPLE["map"], abs=5e-7)

    def test_the_end_is_that_of_all_flips_at_once(self, path):
        batch = bayescope.run(coin(FLIPS))
        assert_same(path[-1], batch)
        assert path[-1].record.loss.totals["map"] == pytest.approx(batch.record.loss.totals["map"])
        assert path[-1].record.learned == batch.record.learned

    def test_the_lineage_holds_the_path(self, path):
        steps = path[-1].record.lineage.steps
        assert [step.total for step in steps] == [1, 2, 3, 4, 5]
        beliefs = [step.beliefs[0] for step in steps]
        assert [belief.posterior for belief in beliefs] == EXAMPLE["posteriors"]
        assert [belief.mle for belief in beliefs] == pytest.approx([1, 1, 1, 0.75, 0.8])
        assert all(len(belief.x) == len(belief.density) > 50 for belief in beliefs)

    def test_one_file_by_row_gives_the_same_path(self, path, tmp_path):
        more = csv(tmp_path / "more.csv", pd.DataFrame({"flip": FLIPS[1:]}))
        by_row = path[0].update(more, by_row=True)
        assert_same(by_row, path[-1])
        for step, expected in zip(by_row.record.lineage.steps, path[-1].record.lineage.steps, strict=True):
            assert step.beliefs == expected.beliefs

    def test_the_run_that_is_updated_stays_as_it_is(self, path):
        assert path[0].record.lineage is None
        assert path[0].record.data.observations == 1


class TestExactModels:
    @pytest.mark.parametrize(
        ("model", "columns"),
        [
            (
                {"likelihood": "Binomial", "response": "k", "trials": "n"},
                {"k": [3, 4, 2, 5], "n": [9, 12, 7, 9]},
            ),
            ({"likelihood": "Multinomial", "response": ["a", "b"]}, {"a": [3, 4, 2], "b": [5, 6, 7]}),
            (
                {"likelihood": "Poisson", "response": "k", "priors": {"mu": "Gamma(2, 1)"}},
                {"k": [3, 4, 2, 5]},
            ),
        ],
        ids=lambda value: value.get("likelihood", ""),
    )
    def test_the_evidence_and_the_loss_are_those_of_all_rows(self, model, columns):
        def run(part):
            data = {"columns": {name: values[part] for name, values in columns.items()}}
            return bayescope.run({"name": "t", "data": data, "model": model, "inference": [*POINTS, "grid"]})

        batch = run(slice(None))
        updated = run(slice(-1)).update({name: values[-1:] for name, values in columns.items()})
        assert updated["exact"].log_evidence == pytest.approx(batch["exact"].log_evidence, rel=1e-12)
        for fit in updated.fits:
            if fit.log_evidence is not None:
                assert fit.log_evidence == pytest.approx(batch[fit.name].log_evidence, rel=1e-9)
            if "nll" in fit.details:
                assert fit.details["nll"] == pytest.approx(batch[fit.name].details["nll"], rel=1e-12)

    def test_any_split_of_a_regression_is_the_batch_run(self):
        batch = bayescope.run(line({"columns": LINE.to_dict("list")}))
        first = bayescope.run(line({"columns": LINE[:7].to_dict("list")}))
        assert_same(first.update(LINE[7:8], LINE[8:]), batch)
        assert_same(first.update(LINE[20:]).update(LINE[7:20]), batch)
        assert_same(first.update(LINE[7:], by_row=True), batch)

    def test_no_old_row_is_needed(self, tmp_path):
        old = csv(tmp_path / "old.csv", LINE[:20])
        folder = bayescope.run(line(old), out=tmp_path).folder
        Path(old).unlink()
        updated = bayescope.load(folder).update(LINE[20:])
        assert_same(updated, bayescope.run(line({"columns": LINE.to_dict("list")})))
        assert "no old row was read" in updated.record.lineage.notes[0]
        assert updated.record.predictive is None

    def test_a_model_without_an_exact_answer_can_have_statistics_too(self, tmp_path):
        old = csv(tmp_path / "old.csv", LINE[:20])
        lasso = {"priors": PRIORS | {"coefficients": "Laplace(0, 0.02)"}}
        folder = bayescope.run(line(old, "mle", "map", **lasso), out=tmp_path).folder
        Path(old).unlink()
        updated = bayescope.load(folder).update(LINE[20:])
        batch = bayescope.run(line({"columns": LINE.to_dict("list")}, "mle", "map", **lasso))
        assert updated["map"].details["zeros"] == batch["map"].details["zeros"] != []
        np.testing.assert_allclose(updated["map"].estimate, batch["map"].estimate, rtol=1e-6, atol=1e-8)

    def test_the_summary_of_the_data_is_that_of_all_rows(self):
        batch = bayescope.run(line({"columns": LINE.to_dict("list")})).record.data
        updated = bayescope.run(line({"columns": LINE[:11].to_dict("list")})).update(LINE[11:]).record.data
        assert (updated.rows, updated.observations) == (30, 30)
        *numbers, group = zip(updated.columns, batch.columns, strict=True)
        assert group[0] == group[1]
        for column, expected in numbers:
            assert [column.mean, column.sd] == pytest.approx([expected.mean, expected.sd], rel=1e-12)
            assert (column.minimum, column.maximum) == (expected.minimum, expected.maximum)

    def test_a_billion_flips_and_a_billion_more(self):
        first = coin(()) | {"data": {"counts": {"flip": {1: 700_000_000, 0: 300_000_000}}}}
        updated = bayescope.run(first).update({"counts": {"flip": {1: 1, 0: 999_999_999}}})
        assert updated["exact"].details["posterior"]["p"] == "Beta(700000003, 1300000001)"
        assert updated["exact"].details["statistics"]["values"][1:3] == [700_000_001.0, 1_299_999_999.0]

    def test_a_sampler_sees_the_likelihood_of_all_rows(self):
        quick = {"nuts": {"sampler": "pymc", "draws": 300, "tune": 300, "chains": 2}}
        updated = bayescope.run(coin(FLIPS[:2], "exact", quick)).update({"flip": FLIPS[2:]})
        [row] = updated.record.comparison
        assert updated["exact"].details["posterior"]["p"] == EXAMPLE["posteriors"][-1]
        assert abs(row.z) < 4

    def test_hypotheses_need_no_old_row_either(self, tmp_path):
        old = csv(tmp_path / "old.csv", pd.DataFrame({"test": [1, 1, 0]}))
        model = {
            "hypotheses": {"ill": "Bernoulli(0.95)", "well": "Bernoulli(0.05)"},
            "prior": {"ill": 0.01, "well": 0.99},
            "response": "test",
        }
        config = {"name": "test", "model": model, "inference": ["mle", "map", "exact"]}
        folder = bayescope.run(config | {"data": old}, out=tmp_path).folder
        Path(old).unlink()
        updated = bayescope.load(folder).update({"test": [1]})
        batch = bayescope.run(config | {"data": {"columns": {"test": [1, 1, 0, 1]}}})
        for fit, expected in zip(updated.fits, batch.fits, strict=True):
            assert fit.estimate == pytest.approx(expected.estimate, rel=1e-12)
        assert updated.record.hypotheses.rows[0].posterior == pytest.approx(
            batch.record.hypotheses.rows[0].posterior, rel=1e-12
        )

    def test_an_updated_run_predicts_as_one_of_all_rows(self, tmp_path):
        batch = bayescope.run(line({"columns": LINE.to_dict("list")}))
        first = bayescope.run(line({"columns": LINE[:7].to_dict("list")}))
        updated = bayescope.load(first.update(LINE[7:], out=tmp_path).folder)
        rows = {"x": [0.0, 2.0], "group": ["b", "c"]}
        for method in (None, *POINTS):
            one, other = (run.predictive(rows, method=method) for run in (updated, batch))
            assert one.mean == pytest.approx(other.mean, rel=1e-7)
            assert one.sd == pytest.approx(other.sd, rel=1e-7)
        assert updated.predictive(rows).mean == pytest.approx(updated["exact"].predictive(rows).mean)

    def test_rows_that_arrive_twice_are_told(self):
        first = bayescope.run(coin(FLIPS))
        assert any("count twice" in note for note in first.update({"flip": FLIPS}).record.lineage.notes)
        assert not any(
            "twice" in note for note in first.update({"flip": [1]}, {"flip": [1]}).record.lineage.notes
        )


class TestRefits:
    @pytest.fixture
    def old(self, tmp_path):
        path = csv(tmp_path / "old.csv", LINE[:20])
        return Path(path), bayescope.run(logistic(path), out=tmp_path).folder

    def test_the_old_rows_are_read_again(self, old, tmp_path):
        _, folder = old
        batch = bayescope.run(logistic({"columns": LINE.to_dict("list")}))
        more = [csv(tmp_path / f"more{k}.csv", part) for k, part in enumerate((LINE[20:25], LINE[25:]))]
        updated = bayescope.load(folder).update(*more, out=tmp_path)
        assert_same(updated, batch)
        assert updated.record.lineage.notes[0].startswith("Refitted on all 20 + 10 observations")
        assert updated.record.predictive == batch.record.predictive
        again = bayescope.load(folder).update(more[0], out=tmp_path)
        assert_same(bayescope.load(again.folder).update(more[1]), batch)

    def test_rows_taken_one_at_a_time_are_read_again_too(self, old, tmp_path):
        more = csv(tmp_path / "more.csv", LINE[20:25])
        first = bayescope.load(old[1]).update(more, by_row=True, out=tmp_path)
        assert len(first.record.lineage.steps) == 6
        updated = bayescope.load(first.folder).update(LINE[25:])
        assert_same(updated, bayescope.run(logistic({"columns": LINE.to_dict("list")})))

    def test_counts_and_a_model_file_are_needed_no_more(self, command, tmp_path):
        mine = tmp_path / "models" / "mine.yaml"
        mine.parent.mkdir()
        mine.write_text("likelihood: NegativeBinomial\npriors: {mu: Exponential(1), alpha: 2.0}\n")
        (tmp_path / "old.yaml").write_text(
            "{name: old, data: {counts: {y: {0: 10, 1: 5, 5: 1}}}, model: {use: mine, response: y}, inference: [map]}"
        )
        assert command("run", "old.yaml", "-q")[0] == 0
        mine.unlink()
        [folder] = (tmp_path / "runs").iterdir()
        [fit] = bayescope.load(folder).update({"y": [3]}, {"counts": {"y": {2: 3}}}, out=tmp_path).fits
        model = {
            "likelihood": "NegativeBinomial",
            "response": "y",
            "priors": {"mu": "Exponential(1)", "alpha": 2.0},
        }
        data = {"counts": {"y": {0: 10, 1: 5, 2: 3, 3: 1, 5: 1}}}
        batch = bayescope.run({"name": "all", "data": data, "model": model, "inference": ["map"]})
        assert fit.estimate == pytest.approx(batch["map"].estimate, rel=1e-7)

    def test_changed_rows_are_refused(self, old):
        path, folder = old
        path.write_text(path.read_text().replace("a,1", "a,0", 1))
        with pytest.raises(DataError, match=r"not what they were.*restore them, or run the configuration"):
            bayescope.load(folder).update(LINE[20:])

    def test_rows_that_are_gone_are_named(self, old):
        path, folder = old
        path.unlink()
        with pytest.raises(DataError, match=r"old\.csv.*cannot be read again"):
            bayescope.load(folder).update(LINE[20:])

    def test_a_dataframe_is_at_hand_only_while_the_run_is(self, tmp_path):
        config = {key: value for key, value in logistic(None).items() if key != "data"}
        first = bayescope.run(config, LINE[:20], out=tmp_path)
        batch = bayescope.run(logistic({"columns": LINE.to_dict("list")}))
        assert_same(first.update(LINE[20:25]).update(LINE[25:]), batch)
        with pytest.raises(DataError, match="came as a DataFrame and were not kept"):
            bayescope.load(first.folder).update(LINE[20:])


class TestWhatIsRefused:
    def test_a_missing_column_and_a_value_that_is_none(self):
        run = bayescope.run(line({"columns": LINE.to_dict("list")}))
        with pytest.raises(DataError, match="'group'"):
            run.update(LINE[["y", "x"]])
        with pytest.raises(DataError, match="row 2"):
            run.update(LINE[:3].assign(x=[1.0, np.nan, 2.0]))

    def test_a_level_that_the_model_does_not_know(self):
        run = bayescope.run(line({"columns": LINE.to_dict("list")}))
        with pytest.raises(DataError, match=r"d is not|'d'"):
            run.update(LINE[:3].assign(group="d"))

    def test_counts_that_are_none(self):
        run = bayescope.run(coin(FLIPS))
        with pytest.raises(ConfigError, match=r"counts\.flip\.1: expected a number of at least 0, not -2"):
            run.update({"counts": {"flip": {1: -2}}})

    def test_more_steps_than_a_report_can_show(self):
        run = bayescope.run(coin(FLIPS))
        with pytest.raises(ConfigError, match=f"at most {MOST_STEPS} rows"):
            run.update({"flip": [1] * (MOST_STEPS + 1)}, by_row=True)

    def test_a_run_that_does_not_hold_its_model(self):
        run = bayescope.run(coin(FLIPS))
        stripped = run.record.model.model_copy(update={"blueprint": {}})
        old = bayescope.Run(run.record.model_copy(update={"model": stripped}), run.fits)
        with pytest.raises(BayescopeError, match="run it again"):
            old.update({"flip": [1]})


class TestTheCommandLine:
    @pytest.fixture
    def parent(self, command, tmp_path):
        (tmp_path / "coin.yaml").write_text(json.dumps(coin(FLIPS[:1])))
        csv(tmp_path / "more.csv", pd.DataFrame({"flip": FLIPS[1:]}))
        assert command("run", "coin.yaml", "--quiet")[0] == 0
        [folder] = Path("runs").iterdir()
        return folder

    def test_a_new_folder_beside_its_parent(self, command, parent):
        before = hashes(parent)
        code, out, err = command("update", parent, "more.csv", "--by-row")
        assert code == 0, err
        assert "Beta(6, 3)" in out
        assert "sufficient statistics of 1 + 4 observations" in " ".join(out.split())
        [child] = set(Path("runs").iterdir()) - {parent}
        assert hashes(parent) == before
        record = json.loads((child / "run.json").read_text())
        assert record["lineage"]["parent"] == parent.name
        assert record["lineage"]["parent_sha256"] == before[Path("run.json")]
        assert record["command"] == f"bayescope update {parent} more.csv --by-row"

    def test_the_report_shows_the_path(self, command, parent):
        command("update", parent, "more.csv", "--by-row", "--out", "updated")
        [child] = Path("updated").iterdir()
        for name in ("report.html", "report.md"):
            text = (child / name).read_text()
            assert "As the data arrived" in text
            assert all(posterior in text for posterior in EXAMPLE["posteriors"])
        figure = (child / "figures" / "update-01-p.svg").read_text()
        assert all(f"n = {count}" in figure for count in range(1, 6))
        assert all(label in figure for label in ("prior", "posterior mean", "MAP", "MLE"))
        written = hashes(child)
        assert command("report", child)[0] == 0
        assert hashes(child) == written

    def test_updates_of_updates_and_several_files(self, command, parent, tmp_path):
        parts = [
            csv(tmp_path / f"{k}.csv", pd.DataFrame({"flip": [flip]})) for k, flip in enumerate(FLIPS[1:])
        ]
        code, out, _ = command("update", parent, *parts, "--json", "--quiet", "--out", "a")
        assert code == 0
        assert [step["total"] for step in json.loads(out)["lineage"]["steps"]] == [1, 2, 3, 4, 5]
        command("update", parent, parts[0], "--out", "b")
        command("update", next(Path("b").iterdir()), *parts[1:], "--out", "c")
        # the same data in the same order: the same run
        assert [path.name for path in Path("c").iterdir()] == [path.name for path in Path("a").iterdir()]

    def test_exit_codes(self, command, parent, tmp_path):
        csv(tmp_path / "wrong.csv", pd.DataFrame({"toss": [1]}))
        csv(tmp_path / "many.csv", pd.DataFrame({"flip": [1] * (MOST_STEPS + 1)}))
        assert command("update", parent, "absent.csv")[0] == 3
        code, _, err = command("update", parent, "wrong.csv")
        assert code == 3
        assert "'flip'" in err
        assert command("update", parent, "many.csv", "--by-row")[0] == 2
        assert command("update", "nowhere", "more.csv")[0] == 2
        assert command("update", parent)[0] == 2
        assert [path.name for path in Path("runs").iterdir()] == [parent.name]

    def test_compare_takes_runs_of_the_same_data_only(self, command, parent, tmp_path):
        command("update", parent, "more.csv")
        code, _, err = command("compare", *sorted(Path("runs").iterdir()))
        assert code == 1
        assert "different data" in err
        fair = coin(FLIPS[:1])
        fair["model"]["priors"] = {"p": "Beta(50, 50)"}
        (tmp_path / "fair.yaml").write_text(json.dumps(fair | {"name": "fair"}))
        command("run", "fair.yaml", "--out", "fair")
        command("update", next(Path("fair").iterdir()), "more.csv", "--out", "both")
        command("update", parent, "more.csv", "--out", "both")
        assert command("compare", *sorted(Path("both").iterdir()))[0] == 0


def start(tmp_path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "bayescope", *map(str, arguments)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_updates_at_the_same_time_lose_nothing(tmp_path):
    parent = bayescope.run(coin(FLIPS[:1]), out=tmp_path / "runs").folder
    before = hashes(parent)
    one = csv(tmp_path / "one.csv", pd.DataFrame({"flip": [1, 1]}))
    two = csv(tmp_path / "two.csv", pd.DataFrame({"flip": [0, 1]}))
    processes = [start(tmp_path, "update", parent, file, "--quiet") for file in (one, two, one)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert hashes(parent) == before
    children = set((tmp_path / "runs").iterdir()) - {parent}
    assert sorted(bayescope.load(child)["exact"].details["posterior"]["p"] for child in children) == [
        "Beta(4, 3)",
        "Beta(5, 2)",
    ]


def write_sealed(record, content):
    """Write a run.json, which ends with the sha256 of all that is before it."""
    text = json.dumps({name: value for name, value in content.items() if name != "sha256"}, indent=2)
    text = text.removesuffix("\n}")
    digest = hashlib.sha256(text.encode()).hexdigest()
    record.write_text(f'{text},\n  "sha256": "{digest}"\n}}\n')


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_update_leaves_the_parent_and_nothing_else(tmp_path, sent, code):
    endless = {"nuts": {"sampler": "pymc", "draws": 50, "tune": 100, "chains": 1}}
    first = bayescope.run(coin(FLIPS[:1], endless), out=tmp_path / "runs")
    record = first.folder / "run.json"
    content = json.loads(record.read_text())
    [recipe] = content["config"]["inference"]
    recipe["nuts"] |= {"draws": 1_000_000, "tune": 1_000_000}
    write_sealed(record, content)
    before = hashes(first.folder)
    more = csv(tmp_path / "more.csv", pd.DataFrame({"flip": FLIPS[1:]}))
    process = start(tmp_path, "update", first.folder, more)
    told = [process.stderr.readline() for _ in range(2)]
    process.send_signal(sent)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert ["more.csv" in told[0], "nuts" in told[1]] == [True, True]
    assert "Traceback" not in err
    assert list((tmp_path / "runs").iterdir()) == [first.folder]
    assert hashes(first.folder) == before
