"""The Python API: what goes into `bayescope.run`, what a `Run` offers, and what comes back from a run folder."""

import csv
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayescope
from bayescope import pipeline
from bayescope.errors import RunFolderError
from bayescope.inference.registry import METHODS
from bayescope.models.density import pointwise_log_likelihood
from bayescope.models.prior_density import log_prior

COLUMNS = {
    "y": [1.1, 1.9, 3.2, 4.4, 4.8, 6.3, 6.9, 8.4],
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    "group": ["a", "b", "a", "b", "b", "a", "a", "b"],
}
QUICK_NUTS = {"nuts": {"sampler": "pymc", "draws": 150, "tune": 200, "chains": 2}}
ESTIMATES = [
    "parameter", "method", "estimate", "sd", "lower", "upper", "median", "mode",
    "ess_bulk", "ess_tail", "r_hat", "mcse_mean", "mcse_lower", "mcse_median", "mcse_upper",
]  # fmt: skip
COMPARISON = [
    "parameter", "method", "reference", "mean_shift_in_sd", "sd_ratio", "wasserstein_1_in_sd", "kl_nats", "z", "z_sd", "kl_error", "kl_method",
]  # fmt: skip


def configuration(*methods, data=True, **model):
    spec = {"use": "linear", "formula": "y ~ x + group", **model}
    source = {"data": {"columns": COLUMNS}} if data else {}
    return {"name": "line", **source, "model": spec, "inference": list(methods or ("mle", "map", "exact"))}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """All four methods on a small regression, stored."""
    out = tmp_path_factory.mktemp("runs")
    return bayescope.run(configuration("mle", "map", "exact", QUICK_NUTS), out=out)


@pytest.fixture(scope="module")
def loaded(finished):
    return bayescope.load(finished.folder)


def frames_equal(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


class TestSources:
    def test_a_mapping_a_file_and_a_dataframe_give_the_same_answers(self, tmp_path):
        path = tmp_path / "line.yaml"
        path.write_text(json.dumps(configuration()))  # JSON is YAML
        by_mapping = bayescope.run(configuration())
        frames_equal(bayescope.run(path).estimates, by_mapping.estimates)
        frames_equal(bayescope.run(str(path)).estimates, by_mapping.estimates)
        by_dataframe = bayescope.run(configuration(data=False), pd.DataFrame(COLUMNS))
        frames_equal(by_dataframe.estimates, by_mapping.estimates)
        assert by_dataframe.record.data.source == "DataFrame"
        assert by_dataframe.record.data.fingerprint == by_mapping.record.data.fingerprint

    def test_a_dataframe_replaces_the_data_of_the_configuration(self):
        frame = pd.DataFrame(COLUMNS).assign(y=0.0)
        frame["y"] = np.arange(8.0) ** 2
        replaced = bayescope.run(configuration(), frame)["mle"]
        assert replaced.estimate == pytest.approx(
            bayescope.run(configuration(data=False), frame)["mle"].estimate
        )
        assert replaced.estimate != pytest.approx(bayescope.run(configuration())["mle"].estimate)

    def test_the_dataframe_is_not_changed_and_its_index_does_not_matter(self):
        frame = pd.DataFrame(COLUMNS, index=pd.date_range("2020-01-01", periods=8))
        before = frame.copy(deep=True)
        frames_equal(
            bayescope.run(configuration(data=False), frame).estimates,
            bayescope.run(configuration()).estimates,
        )
        frames_equal(frame, before)

    def test_paths_of_data_are_relative_to_the_configuration(self, tmp_path, monkeypatch):
        (tmp_path / "data").mkdir()
        pd.DataFrame(COLUMNS).to_csv(tmp_path / "data" / "line.csv", index=False)
        (tmp_path / "line.yaml").write_text(json.dumps(configuration(data=False) | {"data": "data/line.csv"}))
        monkeypatch.chdir(tmp_path / "data")
        run = bayescope.run(tmp_path / "line.yaml")
        frames_equal(run.estimates, bayescope.run(configuration()).estimates)
        assert run.record.data.source == "data/line.csv"

    def test_without_any_data_there_is_an_error_that_says_so(self):
        with pytest.raises(bayescope.ConfigError, match="data"):
            bayescope.run(configuration(data=False))

    def test_errors_list_everything_and_are_bayescope_errors(self):
        wrong = configuration() | {"seed": -1, "inference": ["mel"]}
        with pytest.raises(bayescope.ConfigError) as refusal:
            bayescope.run(wrong)
        assert {problem.path for problem in refusal.value.problems} == {("seed",), ("inference", 0)}
        with pytest.raises(bayescope.DataError, match="column 'y', row 2: is missing") as refusal:
            bayescope.run(configuration(data=False), pd.DataFrame(COLUMNS).replace({"y": {1.9: None}}))
        assert isinstance(refusal.value, bayescope.BayescopeError)

    @pytest.mark.parametrize(
        "function",
        [bayescope.run, bayescope.sbc, bayescope.recover, bayescope.regularisation_path, bayescope.load],
    )
    @pytest.mark.parametrize("argument", [None, 3, ["line.yaml"], b"line.yaml"], ids=repr)
    def test_what_is_neither_a_path_nor_a_mapping_is_refused_by_its_type(self, function, argument):
        expected = "the path of a .*, not " + type(argument).__name__
        with pytest.raises(bayescope.ConfigError, match=expected):
            function(argument)

    def test_seed_and_overrides(self):
        run = bayescope.run(configuration(), seed=7, overrides=["model.priors.sigma=HalfNormal(1)"])
        assert run.record.seed == 7
        assert run.record.config["model"]["priors"]["sigma"] == "HalfNormal(1)"

    def test_the_mapping_is_not_changed(self):
        given = configuration()
        bayescope.run(given, overrides=["name=other"])
        assert given == configuration()


class TestRun:
    def test_fits_are_in_the_order_of_the_configuration_and_found_by_name(self, finished):
        assert [fit.name for fit in finished.fits] == ["mle", "map", "exact", "nuts"]
        assert finished["exact"] is finished.fits[2]
        assert finished["exact"].log_evidence < 0

    def test_shown_by_itself_it_is_what_the_command_line_prints(self, finished):
        lines = repr(finished).splitlines()
        assert lines[0] == "line  Normal · y ~ x + group · 8 observations"
        assert lines[2].split() == ["mle", "map", "exact", "nuts"]
        assert max(map(len, lines)) <= 80

    def test_a_method_that_was_not_run_is_a_key_error_that_lists_those_that_were(self, finished):
        with pytest.raises(KeyError, match=r"no method 'laplace' in this run; it has: mle, map, exact, nuts"):
            finished["laplace"]

    def test_estimates_have_the_columns_of_the_design_and_a_row_for_each_parameter_and_method(self, finished):
        assert list(finished.estimates) == ESTIMATES
        pairs = list(zip(finished.estimates.method, finished.estimates.parameter, strict=True))
        names = ["Intercept", "x", "group[b]", "sigma"]
        assert pairs == [(method, name) for method in ["mle", "map", "exact", "nuts"] for name in names]
        assert finished.estimates.dtypes[2:].eq("float64").all()

    def test_what_a_method_does_not_define_is_empty(self, finished):
        rows = finished.estimates.set_index("method")
        assert rows.loc["mle", ["median", "mode", "ess_bulk", "r_hat"]].isna().all(axis=None)
        assert rows.loc["exact", ["ess_bulk", "ess_tail", "r_hat", "mcse_mean"]].isna().all(axis=None)
        assert rows.loc["nuts"].notna().all(axis=None)
        assert rows.loc["mle", ["estimate", "sd", "lower", "upper"]].notna().all(axis=None)

    def test_comparison_has_the_columns_of_the_design_and_every_method_but_the_reference(self, finished):
        assert list(finished.comparison) == COMPARISON
        assert set(finished.comparison.reference) == {"exact"}
        assert list(dict.fromkeys(finished.comparison.method)) == ["mle", "map", "nuts"]
        shift = finished["mle"].estimate - finished["exact"].estimate
        rows = finished.comparison.query("method == 'mle'")
        assert rows.mean_shift_in_sd.to_numpy() == pytest.approx(shift / finished["exact"].sd)
        assert rows.z.isna().all()

    def test_tables_without_rows_have_their_columns(self):
        run = bayescope.run(configuration("mle"))
        assert list(run.comparison) == COMPARISON
        assert len(run.comparison) == 0

    def test_checks_name_their_methods(self, finished):
        assert {check.method for check in finished.checks} <= {"prior", "mle", "map", "exact", "nuts"}
        assert {check.verdict for check in finished.checks} <= {"pass", "note", "fail"}

    def test_the_record_says_how_to_do_it_again(self, finished):
        again = bayescope.run(finished.record.config)
        frames_equal(again.estimates, finished.estimates)
        assert finished.record.seed == 0
        assert {"bayescope", "python", "pymc", "arviz", "numpy"} <= finished.record.versions.keys()
        assert {"data and model", "mle", "map", "exact", "nuts"} <= finished.record.timings.keys()

    def test_the_graph_is_a_pymc_model_with_named_dims_and_coords(self, finished):
        import pymc as pm

        graph = finished.graph
        assert isinstance(graph, pm.Model)
        assert [variable.name for variable in graph.free_RVs] == ["Intercept", "coefficients", "sigma"]
        assert [variable.name for variable in graph.observed_RVs] == ["y"]
        assert graph.named_vars_to_dims["coefficients"] == ("coefficient",)
        assert graph.coords["coefficient"] == ("x", "group[b]")
        assert graph.named_vars_to_dims["y"] == ("row",)
        assert graph is finished.graph

    def test_the_graph_has_the_density_of_the_model(self, finished):
        theta = finished["map"].estimate
        point = {"Intercept": theta[0], "coefficients": theta[1:3], "sigma_log__": np.log(theta[3])}
        density = finished.graph.compile_logp(jacobian=False)(point)
        expected = pointwise_log_likelihood(finished.model, theta).sum() + log_prior(finished.model, theta)
        assert density == pytest.approx(expected, rel=1e-10)


class TestRunFolder:
    def test_nothing_is_written_unless_asked_for(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert bayescope.run(configuration("mle")).folder is None
        assert list(tmp_path.iterdir()) == []

    def test_estimates_and_comparison_are_files_of_the_same_columns(self, finished):
        for name, columns in (("estimates", ESTIMATES), ("comparison", COMPARISON)):
            with (finished.folder / f"{name}.csv").open(newline="") as file:
                assert next(csv.reader(file)) == columns
            read = pd.read_csv(finished.folder / f"{name}.csv").fillna({"kl_method": ""})
            frames_equal(read, getattr(finished, name))

    def test_what_was_stored_comes_back(self, finished, loaded):
        frames_equal(loaded.estimates, finished.estimates)
        frames_equal(loaded.comparison, finished.comparison)
        assert loaded.checks == finished.checks
        assert loaded.record == finished.record
        assert loaded.folder == finished.folder

    @pytest.mark.parametrize("name", ["mle", "map", "exact", "nuts"])
    def test_fits_come_back(self, finished, loaded, name):
        one, other = finished[name], loaded[name]
        for field in ("estimate", "covariance", "draws"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
        for field in ("method", "kind", "names", "outcome", "log_evidence"):
            assert getattr(one, field) == getattr(other, field)
        assert dict(one.settings) == dict(other.settings)
        for parameter, marginal in (one.marginals or {}).items():
            points = marginal.quantile(np.linspace(0.01, 0.99, 7))
            np.testing.assert_array_equal(other.marginals[parameter].pdf(points), marginal.pdf(points))

    def test_the_tree_of_draws_comes_back(self, finished, loaded):
        one, other = finished["nuts"].tree, loaded["nuts"].tree
        assert set(other.children) >= {"posterior", "sample_stats"}
        for group in ("posterior", "sample_stats"):
            assert other[group].dataset.equals(one[group].dataset)

    def test_the_report_of_a_loaded_run_is_that_of_its_folder(self, finished, loaded):
        assert loaded.report() == (finished.folder / "report.html").read_text(encoding="utf-8")

    def test_a_loaded_run_has_no_data_for_a_graph(self, loaded):
        with pytest.raises(RunFolderError, match="has no data to build a graph on"):
            _ = loaded.graph

    def test_the_name_of_the_folder_tells_runs_apart(self):
        record = bayescope.run(configuration("mle")).record
        name = pipeline.run_folder_name(record)
        assert name.startswith("line-")
        same = bayescope.run(configuration("mle")).record
        assert pipeline.run_folder_name(same) == name
        others = [
            bayescope.run(configuration("mle"), seed=1).record,
            bayescope.run(configuration("map")).record,
            bayescope.run(
                configuration("mle", data=False), pd.DataFrame(COLUMNS).assign(y=np.arange(8.0) ** 2)
            ).record,
        ]
        assert len({name, *map(pipeline.run_folder_name, others)}) == 4


class TestFailures:
    @pytest.fixture
    def broken_map(self, monkeypatch):
        def fail(model, settings, context):
            raise RuntimeError("the solver fell over")

        methods = {**METHODS, "map": replace(METHODS["map"], fit=fail)}
        monkeypatch.setattr(pipeline, "METHODS", methods)

    @pytest.mark.usefixtures("broken_map")
    def test_a_method_that_fails_loses_no_other_answer(self, tmp_path):
        run = bayescope.run(configuration(), out=tmp_path)
        assert run["map"].outcome.status == "failed"
        assert "RuntimeError: the solver fell over" in run["map"].outcome.message
        assert "report it" in run["map"].outcome.advice
        assert list(dict.fromkeys(run.estimates.method)) == ["mle", "exact"]
        assert run.record.verdict.status == "fail"
        assert bayescope.load(run.folder)["map"].outcome == run["map"].outcome

    def test_a_method_that_does_not_apply_is_no_failure(self):
        run = bayescope.run(configuration(priors={"coefficients": "Laplace(0, 1)"}))
        assert run["exact"].outcome.status == "not applicable"
        assert "coefficients" in run["exact"].outcome.message
        assert run["map"].answered
        assert not any(check.verdict == "fail" for check in run.checks)

    @pytest.mark.usefixtures("broken_map")
    def test_when_every_method_fails_there_is_still_a_run(self, tmp_path):
        run = bayescope.run(configuration("map"), out=tmp_path)
        assert list(run.estimates) == ESTIMATES
        assert len(run.estimates) == 0
        assert run.record.verdict.status == "fail"
        assert (run.folder / "report.html").is_file()

    def test_interrupts_pass_through(self, monkeypatch, tmp_path):
        def interrupted(model, settings, context):
            raise KeyboardInterrupt

        monkeypatch.setattr(pipeline, "METHODS", {**METHODS, "map": replace(METHODS["map"], fit=interrupted)})
        with pytest.raises(KeyboardInterrupt):
            bayescope.run(configuration(), out=tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestReproducibility:
    def test_equal_seeds_give_equal_draws_and_other_seeds_others(self):
        first, second, other = (
            bayescope.run(configuration("exact"), seed=seed)["exact"] for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first.draws, second.draws)
        assert not np.array_equal(first.draws, other.draws)
        np.testing.assert_array_equal(first.estimate, other.estimate)

    def test_answers_do_not_depend_on_which_other_methods_run(self, finished):
        alone = bayescope.run(configuration("exact"))["exact"]
        np.testing.assert_array_equal(alone.draws, finished["exact"].draws)
