"""New rows predicted, on the command line and from Python: what is written, by which method, and what is refused."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy

import bayescope
from bayescope.cli import main
from bayescope.errors import BayescopeError, ConfigError, DataError
from bayescope.inference import predictions as blocks
from bayescope.inference.predictions import Wanted, predictions
from bayescope.inference.predictive import weighted_quantiles
from bayescope.reports.predictions import write_csv

RNG = np.random.default_rng(20261121)
X = RNG.normal(size=60)
DATA = pd.DataFrame(
    {
        "x": X,
        "group": [*"abc"] * 20,
        "y": 1.0 + 2.0 * X + RNG.normal(0.0, 0.5, 60),
        "hit": (RNG.normal(size=60) < X).astype(int),
        "count": RNG.poisson(np.exp(0.3 + 0.5 * X)),
        "exposure": RNG.uniform(1.0, 5.0, 60),
        "kind": np.where(X > 0.5, "high", np.where(RNG.random(60) < 0.5, "low", "mid")),
    }
)
PRIORS = {"Intercept": "Normal(0, 5)", "coefficients": "Normal(0, 2)"}
NEW = pd.DataFrame(
    {"x": [0.0, -1.5, 3.0], "group": ["b", "a", "c"], "note": ["=1+1", "two", "three"]}, index=[7, 8, 9]
)


def run_of(likelihood, formula, *methods, data=DATA, priors=PRIORS, **more):
    model = {"likelihood": likelihood, "formula": formula, "priors": priors, **more}
    columns = {name: values.tolist() for name, values in data.items()}
    config = {
        "name": "m",
        "data": {"columns": columns},
        "model": model,
        "inference": list(methods),
        "seed": 1,
    }
    return bayescope.run(config)


@pytest.fixture(scope="module")
def line():
    return run_of("Normal", "y ~ x + group", "mle", "map", "exact")


@pytest.fixture(scope="module")
def logistic():
    return run_of("Bernoulli", "hit ~ x", "map", "laplace")


@pytest.fixture(scope="module")
def categories():
    columns = {"pet": ["cat", "dog", "dog", "eel", "dog", "cat"]}
    model = {"likelihood": "Categorical", "response": "pet", "priors": {"p": "Dirichlet([1, 1, 1])"}}
    return bayescope.run(
        {"name": "pets", "data": {"columns": columns}, "model": model, "inference": ["exact", "mle"]}
    )


@pytest.fixture(scope="module")
def folder(line, tmp_path_factory):
    return line.save(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def command(tmp_path, monkeypatch, capfdbinary):
    """Run `bayescope predict` in an empty folder; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["predict", *map(str, arguments)])
        out, err = capfdbinary.readouterr()
        return end.value.code, out.decode(), err.decode()

    return run


class TestColumns:
    def test_the_rows_come_back_with_their_index_and_the_mean(self, line):
        found = line.predict(NEW)
        assert list(found.columns) == ["x", "group", "note", "mean"]
        pd.testing.assert_frame_equal(found[NEW.columns.tolist()], NEW)
        assert found["mean"].to_numpy() == pytest.approx(line["exact"].predictive(NEW).mean, rel=1e-14)

    def test_intervals_are_of_the_response_and_of_its_mean(self, line):
        found = line.predict(NEW, kind="interval", probability=0.8)
        assert list(found.columns[3:]) == ["mean", "mean_lower", "mean_upper", "lower", "upper"]
        new = line["exact"].predictive(NEW)
        assert found["lower"].to_numpy() == pytest.approx(new.quantile([0.1] * 3), rel=1e-9)
        assert new.cdf(found["upper"]) == pytest.approx([0.9] * 3, rel=1e-9)

    def test_the_interval_of_the_mean_is_that_of_the_draws_of_theta(self, line):
        exact = line["exact"]
        found = line.predict(NEW, kind="interval")
        drawn = replace(exact, method="nuts").predictive(NEW)
        for end, (name, q) in zip(
            drawn.mean_interval(), [("mean_lower", 0.055), ("mean_upper", 0.945)], strict=True
        ):
            # the standard error of a sample quantile, sqrt(q (1 - q) / S) / density; near enough a Normal here
            sd = (found["mean_upper"] - found["mean_lower"]).to_numpy() / (2 * 1.598)
            error = np.sqrt(q * (1 - q) / len(drawn.weights)) * sd / scipy.stats.norm.pdf(1.598)
            assert (np.abs(end - found[name].to_numpy()) <= 4.5 * error).all()

    def test_a_point_knows_no_interval_of_its_mean(self, line):
        found = line.predict(NEW, kind="interval", method="mle")
        assert found[["mean_lower", "mean_upper"]].isna().all(axis=None)
        assert (found["lower"] < found["mean"]).all()

    def test_a_probability_is_called_p(self, logistic):
        found = logistic.predict(NEW, kind="interval")
        assert list(found.columns[3:]) == ["p", "p_lower", "p_upper"]
        assert ((found["p_lower"] < found["p"]) & (found["p"] < found["p_upper"])).all()
        assert list(logistic.predict(NEW, method="map").columns[3:]) == ["p"]

    def test_of_one_unknown_the_interval_of_the_mean_is_the_posteriors(self):
        columns = {"n": [4, 6], "y": [3, 2]}
        model = {"likelihood": "Binomial", "response": "y", "trials": "n", "priors": {"p": "Beta(2, 2)"}}
        run = bayescope.run(
            {"name": "b", "data": {"columns": columns}, "model": model, "inference": ["exact"]}
        )
        found = run.predict({"n": [1, 10]}, kind="interval", probability=0.5)
        quartiles = scipy.stats.beta(7, 7).ppf([0.25, 0.75])
        assert found[["mean_lower", "mean_upper"]].to_numpy() == pytest.approx(
            np.outer([1, 10], quartiles), rel=1e-12
        )
        assert len(run.predict(trials=10)) == 1

    def test_categories_have_a_probability_each(self, categories):
        found = categories.predict(kind="interval")
        assert found[["p[cat]", "p[dog]", "p[eel]"]].to_numpy() == pytest.approx(np.array([[3, 4, 2]]) / 9)
        assert found["p_upper[dog]"][0] == pytest.approx(scipy.stats.beta(4, 5).ppf(0.945))

    def test_softmax_has_them_row_by_row(self):
        run = run_of("Categorical", "kind ~ x", "map", "laplace", priors={"coefficients": "Normal(0, 2)"})
        found = run.predict(NEW, kind="interval")
        shares = found[["p[high]", "p[low]", "p[mid]"]].to_numpy()
        assert shares.sum(axis=1) == pytest.approx(1.0)
        assert shares[2, 0] > 0.9
        assert shares[1, 0] < 0.1
        assert (found["p_lower[high]"] <= found["p_upper[high]"]).all()
        drawn = run.predict(NEW, kind="draws", draws=50, temperature=0)
        assert set(drawn.query("row == 3")["prediction"]) == {"high"}

    def test_several_columns_have_a_mean_each(self):
        columns = {"a": [3, 2], "b": [1, 4]}
        model = {"likelihood": "Multinomial", "response": ["a", "b"], "priors": {"p": "Dirichlet([1, 1])"}}
        run = bayescope.run(
            {"name": "m", "data": {"columns": columns}, "model": model, "inference": ["exact"]}
        )
        assert run.predict(trials=12).to_numpy() == pytest.approx(np.array([[6.0, 6.0]]))
        drawn = run.predict(trials=12, kind="draws", draws=5)
        assert (drawn[["prediction[a]", "prediction[b]"]].sum(axis=1) == 12).all()
        with pytest.raises(BayescopeError, match="Multinomial has a response of several columns"):
            run.predict(trials=12, kind="interval")


class TestTraining:
    def test_levels_constants_offsets_and_splines_are_those_of_training(self):
        formula = "count ~ scale(x) + bs(x, df=4) + C(group) + offset(log(exposure))"
        run = run_of("Poisson", formula, "map")
        rows = DATA.iloc[[3, 40]]
        expected = run["map"].predictive(DATA).mean[[3, 40]]
        assert run.predict(rows)["mean"].to_numpy() == pytest.approx(expected, rel=1e-12)

    def test_new_groups_have_the_distribution_of_groups(self):
        run = run_of("Normal", "y ~ x + (1 | group)", "laplace", priors={"group.sd": 1.0})
        rows = pd.DataFrame({"x": [0.0, 0.0], "group": ["a", "never seen"]})
        found = run.predict(rows, kind="interval")
        width = found["mean_upper"] - found["mean_lower"]
        # of three groups of effects of sd 1 the intercept is known to 1 / sqrt(3), and of the new one nothing
        expected = 2 * 1.598 * np.sqrt(1 + 1 / 3)
        # the standard error of a difference of two sample quantiles of a Normal, at most
        error = np.sqrt(2 * 0.055 * 0.945 / run["laplace"].draws[..., 0].size) / 0.111 * np.sqrt(4 / 3)
        assert width[0] < 1.0
        assert width[1] == pytest.approx(expected, abs=0.02 + 4.5 * error)

    def test_draws_of_counts_are_whole_and_the_same_for_a_seed(self):
        run = run_of("Poisson", "count ~ x", "map")
        first = run.predict(NEW, kind="draws", draws=20, seed=5)
        assert first["prediction"].dtype == np.int64
        assert list(first.columns[3:]) == ["row", "draw", "prediction"]
        assert first["draw"].tolist() == [d for d in range(1, 21) for _ in range(3)]
        pd.testing.assert_frame_equal(first, run.predict(NEW, kind="draws", draws=20, seed=5))
        assert not first["prediction"].equals(run.predict(NEW, kind="draws", draws=20, seed=6)["prediction"])

    def test_the_rows_of_a_draw_share_one_theta(self, line):
        """cov(y_i, y_j) over draws is x_i' V x_j: two rows far out on one side go together."""
        rows = pd.DataFrame({"x": [40.0, 60.0], "group": ["a", "a"]})
        wide = line.predict(rows, kind="draws", draws=4000).pivot_table(
            index="draw", columns="row", values="prediction"
        )
        assert np.corrcoef(wide.to_numpy().T)[0, 1] > 0.9


class TestBlocks:
    @pytest.mark.parametrize("kind", ["mean", "interval"])
    def test_blocks_of_rows_give_what_one_does(self, line, kind, monkeypatch):
        fit = replace(line["exact"], method="nuts")
        wanted = Wanted(kind=kind)
        whole = [columns for _, columns in predictions(fit, DATA[["x", "group"]], wanted).blocks]
        monkeypatch.setattr(blocks, "_CELLS", 28_000)
        parts = [columns for _, columns in predictions(fit, DATA[["x", "group"]], wanted).blocks]
        assert len(whole) == 1 < len(parts)
        for name, values in whole[0].items():
            assert np.concatenate([part[name] for part in parts]) == pytest.approx(values, rel=1e-9)

    def test_draws_come_a_block_of_draws_at_a_time(self, line, monkeypatch):
        monkeypatch.setattr(blocks, "_CELLS", 10)
        found = predictions(line["mle"], NEW, Wanted(kind="draws", draws=7))
        assert [len(places) for places, _ in found.blocks] == [9, 9, 3]


class TestLabels:
    def test_temperature_and_cuts_act_on_the_predictive_probabilities(self, categories):
        # (3, 4, 2) / 9, by descending probability dog, cat, eel
        one = categories.predict(kind="draws", draws=50, temperature=0)
        assert set(one["prediction"]) == {"dog"}
        two = categories.predict(kind="draws", draws=400, top_k=2)
        assert set(two["prediction"]) == {"dog", "cat"}
        # P(dog) = 4 / 7 of the two; 4.5 standard errors of a share of 400
        assert (two["prediction"] == "dog").mean() == pytest.approx(4 / 7, abs=4.5 * 0.5 / 20)
        assert set(categories.predict(kind="draws", draws=50, top_p=0.4)["prediction"]) == {"dog"}

    @pytest.mark.parametrize("setting", [{"temperature": 0.7}, {"top_k": 2}, {"top_p": 0.9}])
    def test_other_likelihoods_refuse_them_by_name(self, line, logistic, setting):
        for run, name in ((line, "Normal"), (logistic, "Bernoulli")):
            with pytest.raises(ConfigError, match=f"{next(iter(setting))}: .*{name} has no labels"):
                run.predict(NEW, kind="draws", **setting)

    def test_they_are_for_draws(self, categories):
        with pytest.raises(ConfigError, match="top_k: is for kind draws"):
            categories.predict(top_k=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"probability": 0.5}, "probability: is for kind interval"),
        ({"kind": "draws", "probability": 0.5}, "probability: is for kind interval"),
        ({"draws": 10}, "draws: is for kind draws"),
        ({"kind": "interval", "draws": 10}, "draws: is for kind draws"),
    ],
)
def test_a_setting_of_another_kind_is_refused(line, settings, message):
    with pytest.raises(ConfigError, match=message):
        line.predict(NEW, **settings)


class TestRefusals:
    def test_what_is_wrong_with_the_rows_is_named(self, line):
        with pytest.raises(DataError, match="needs the column 'group'"):
            line.predict(NEW.drop(columns="group"))
        with pytest.raises(DataError, match=r"column 'group', row 2: .*'?z'?"):
            line.predict(NEW.assign(group=["a", "z", "b"]))
        with pytest.raises(DataError, match="column 'x', row 3"):
            line.predict(NEW.assign(x=[0.0, 1.0, np.nan]))

    def test_a_column_of_the_same_name_is_not_written_over(self, line):
        with pytest.raises(DataError, match="column 'mean': the prediction would have"):
            line.predict(NEW.assign(mean=0.0))

    def test_all_settings_out_of_range_are_named_at_once(self, line):
        with pytest.raises(ConfigError) as refused:
            line.predict(NEW, kind="median", probability=1.0, draws=0, temperature=-1.0)
        assert [problem.path for problem in refused.value.problems[:4]] == [
            ("kind",), ("probability",), ("draws",), ("temperature",),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "settings",
        [
            {"draws": 10.5},
            {"draws": True},
            {"seed": -1},
            {"temperature": "hot"},
            {"top_k": 1.5},
            {"top_p": "all"},
        ],
    )
    def test_a_setting_of_another_type_is_refused(self, categories, settings):
        [(name, value)] = settings.items()
        with pytest.raises(ConfigError, match=f"^{name}: is .*, not {value!r}$"):
            categories.predict(kind="draws", **settings)

    def test_a_method_that_is_not_there(self, line):
        with pytest.raises(KeyError, match="nuts"):
            line.predict(NEW, method="nuts")


class TestCommand:
    def test_csv_on_stdout_from_the_folder_alone(self, command, folder, line):
        NEW.to_csv("new.csv", index=False)
        code, out, err = command(folder, "new.csv", "--kind", "interval")
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "x,group,note,mean,mean_lower,mean_upper,lower,upper"
        assert "'=1+1" in out, "a spreadsheet would run it"
        found = pd.read_csv(io.StringIO(out))
        expected = line.predict(NEW, kind="interval")
        assert found["upper"].to_numpy() == pytest.approx(expected["upper"].to_numpy(), rel=1e-12)

    @pytest.mark.parametrize("ending", ["csv", "CSV"])
    def test_the_cells_of_a_csv_file_come_back_as_they_are_written(self, command, folder, ending):
        rows = [
            ",id, x,group ,code,note",
            "0,1234567890123456789, 2.50,a,0001,NA",
            '1,1234567890123456788,-1e0,b,007,"a, ""b"""',
            "2,,+3,c,,2024-01-05",
        ]
        Path(f"new.{ending}").write_text("\n".join(rows) + "\n")
        code, out, _ = command(folder, f"new.{ending}")
        assert code == 0
        lines = [line.rpartition(",")[0] for line in out.splitlines()]
        assert lines == ["id,x,group,code,note", *(row.partition(",")[2] for row in rows[1:])]

    @pytest.mark.parametrize("text", ["=1+1", "-1+1", "+cmd", "@x", "\t=1", "－1", "-1 =x", "-١"])  # noqa: RUF001
    def test_a_cell_that_a_spreadsheet_would_run_does_not_come_back_as_it_is(self, command, folder, text):
        Path("new.csv").write_text(f'x,group,note\n-1,a,"{text}"\n')
        _, out, _ = command(folder, "new.csv")
        row = next(csv.reader(out.splitlines()[1:]))
        assert row[:3] == ["-1", "a", f"'{text}"]

    def test_a_file_that_changes_under_way_is_refused(self, line, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("new.csv").write_text("x,group\n1,a\n2,b\n")
        found = predictions(line["exact"], "new.csv", Wanted())
        for content in ("x,group\n1,a\n", "x\n1\n2\n", "x,group\n1\n"):
            Path("new.csv").write_text(content)
            with pytest.raises(DataError, match=r"new\.csv: this file changed while it was read"):
                write_csv(found, io.BytesIO())

    def test_what_is_undefined_is_empty_or_null(self, command, folder):
        NEW.to_csv("new.csv", index=False)
        _, out, _ = command(folder, "new.csv", "--kind", "interval", "--method", "map")
        assert ",,," in out
        code, out, _ = command(folder, "new.csv", "--kind", "interval", "--method", "map", "--json")
        rows = json.loads(out)
        assert (code, len(rows)) == (0, 3)
        assert rows[0]["note"] == "=1+1"
        assert rows[0]["mean_lower"] is None

    @pytest.mark.parametrize("ending", ["csv", "json", "parquet", "feather"])
    def test_a_file_by_its_ending(self, command, folder, line, ending):
        NEW.to_csv("new.csv", index=False)
        code, out, _ = command(folder, "new.csv", "--kind", "draws", "--draws", 4, "--out", f"p.{ending}")
        assert (code, out) == (0, "")
        found = getattr(pd, f"read_{ending}")(f"p.{ending}")
        expected = line.predict(NEW, kind="draws", draws=4)
        assert list(found.columns) == list(expected.columns)
        assert found["prediction"].to_numpy() == pytest.approx(expected["prediction"].to_numpy(), rel=1e-9)
        assert sorted(path.name for path in Path().iterdir()) == sorted(["new.csv", f"p.{ending}"])

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["--method", "nuts"], 2, "no method 'nuts' in this run; it has: mle, map, exact"),
            (["--out", "p.xls"], 2, "ends in none of .csv, .json, .parquet, .feather"),
            (["--out", "gone/p.csv"], 2, "the folder 'gone' does not exist"),
            (["--out", "p.csv", "--json"], 2, "prints JSON"),
            (["--kind", "draws", "--temperature", "0.7"], 2, "Normal has no labels"),
            (["--probability", "89"], 2, "between 0 and 1"),
            (["--probability", "0.5"], 2, "probability: is for kind interval"),
        ],
    )
    def test_a_wrong_command_line_ends_with_2(self, command, folder, arguments, code, message):
        NEW.to_csv("new.csv", index=False)
        ended, out, err = command(folder, "new.csv", *arguments)
        assert (ended, out) == (code, "")
        assert message in err

    def test_no_rows_for_a_model_with_predictors_end_with_2(self, command, folder):
        code, out, err = command(folder)
        assert (code, out) == (2, "")
        assert "has predictors: give new rows" in err

    def test_refused_rows_end_with_3(self, command, folder):
        NEW.assign(group=["a", "z", "b"]).to_csv("new.csv", index=False)
        code, out, err = command(folder, "new.csv", "--out", "p.csv")
        assert (code, out) == (3, "")
        assert "new.csv: column 'group', row 2" in err
        assert not Path("p.csv").exists()

    def test_a_model_without_predictors_needs_no_rows(self, command, categories):
        where = categories.save("runs")
        code, out, _ = command(where)
        assert (code, out.splitlines()[0]) == (0, "p[cat],p[dog],p[eel]")


def test_weighted_quantiles_of_equal_and_unequal_weights():
    values = np.array([[3.0], [1.0], [2.0]])
    assert weighted_quantiles(values, np.full(3, 1 / 3), (0.5,))[0] == pytest.approx([2.0])
    found = weighted_quantiles(values, np.array([0.7, 0.2, 0.1]), (0.1, 0.25, 0.3, 0.31))
    assert found[:, 0].tolist() == [1.0, 2.0, 2.0, 3.0]


@pytest.fixture(scope="module", params=["Poisson", "NegativeBinomial"])
def counts(request):
    """With a log link, a row far out or mistyped has a rate of 1e29."""
    data = {"x": [0, 1, 2, 3, 4, 5, 6], "y": [1, 3, 2, 9, 11, 30, 41]}
    model = {"likelihood": request.param, "formula": "y ~ x"}
    return bayescope.run(
        {"name": "far", "data": {"columns": data}, "model": model, "inference": ["laplace"], "seed": 1}
    )


FAR = {"x": [50.0, 100.0]}


def test_intervals_of_counts_beyond_2_53_are_those_of_their_rates(counts):
    predictive = counts.predictive(FAR)
    (lower, upper), (least, most) = predictive.interval(0.89), predictive.mean_interval(0.89)
    assert (most > 1e15).all()
    # log rates have sds of 3.2 and 8; their quantiles by 4000 draws are off by 0.1 and 0.25 of them
    apart = np.log([lower, upper]) - np.log([least, most])
    assert np.abs(apart).max() < 4 * 0.25


def test_counts_beyond_what_can_be_counted_are_drawn(counts):
    found = counts.predict(FAR, kind="draws", draws=400, seed=2)
    assert np.isfinite(found.select_dtypes("number").to_numpy()).all()


def test_draws_of_large_rates_have_their_mean_and_sd():
    from bayescope.distributions.likelihoods import LIKELIHOODS

    rng, mu = np.random.default_rng(3), np.array([1e15 * (1 + 1e-9), 1e20, np.inf, 7.0])
    drawn = LIKELIHOODS["Poisson"].sample(rng, None, (np.broadcast_to(mu, (4000, 4)),))
    z = (drawn[:, :2] - mu[:2]) / np.sqrt(mu[:2])
    assert np.abs(z.mean(axis=0)).max() < 4 / np.sqrt(4000)
    assert np.abs(z.std(axis=0) - 1).max() < 4 / np.sqrt(8000)
    assert np.isinf(drawn[:, 2]).all()
    assert abs(drawn[:, 3].mean() - 7.0) < 4 * np.sqrt(7 / 4000)
