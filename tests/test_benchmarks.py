"""The statistics of the benchmarks: what a row says follows from the runs behind it."""

import math
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from benchmarks.calibration import CASES, LEFT_OUT, configuration
from benchmarks.harness import (
    Contender,
    Row,
    Runs,
    Section,
    Target,
    alternate,
    attempt,
    best,
    load,
    runs_in_turn,
    runs_within,
    save,
    timed,
)
from benchmarks.points import compare
from benchmarks.problems import Problem, point_of, problem, simulate, size_of
from benchmarks.render import cold_and_warm, passes, table

import bayescope
from bayescope.errors import ConfigError
from bayescope.inference.simulate import simulate as simulate_response
from bayescope.preparation import prepare, read_config

UNDER_HALF = Target(0.5)


def row(**changes):
    given = {
        "task": "map",
        "size": "1e5 x 20",
        "peer": "other",
        "ours": (1.0, 2.0, 9.0),
        "peers": (4.0, 4.0, 6.0),
    }
    return Row(**(given | {"target": UNDER_HALF, "agreed": True} | changes))


def test_seconds_of_samplers_have_a_column_each_and_the_fastest_in_bold():
    found = {"a": {"auto": [2.04, 1.9], "pymc": [5.0, 1.2]}, "b": {"pymc": [3.0, 2.0]}}
    assert cold_and_warm(found).splitlines() == [
        "| cold / warm | auto | pymc |",
        "|---|---:|---:|",
        "| a | **2.0** / 1.9 | 5.0 / **1.2** |",
        "| b |  | **3.0** / **2.0** |",
    ]


def test_ratios_are_taken_turn_by_turn():
    assert row().ratios == (0.25, 0.5, 1.5)


def test_the_median_ratio_decides_whether_a_target_is_met():
    assert row().met
    assert not row(ours=(1.0, 2.1, 9.0)).met


def test_a_row_whose_answers_disagree_meets_nothing_and_is_shown():
    off = row(agreed=False, agreement="3e-2 nats off")
    assert off.met is False
    assert "**no**: 3e-2 nats off" in table([off])


def test_a_row_without_runs_meets_nothing():
    assert row(ours=(), peers=()).met is False


@pytest.mark.parametrize(
    ("sense", "value", "met"), [("<=", 0.5, True), ("<=", 0.6, False), (">=", 0.5, True)]
)
def test_targets_bound_from_above_or_below(sense, value, met):
    assert Target(0.5, sense).met(value) is met
    assert not Target(0.5, sense).met(math.nan)


def test_a_target_of_our_own_needs_no_peer():
    assert row(ours=(0.2, 0.3), peers=(), target=Target(0.3, of="ours", unit="s")).met


def test_contenders_alternate_after_two_runs_each_to_warm_up():
    order = []
    runs = alternate([Contender(name, lambda _, name=name: order.append(name)) for name in "AB"], 2)
    assert [name for name, _ in groupby(order)] == ["A", "B"] * 3
    assert [len(each.seconds) for each in runs.values()] == [2, 2]


def test_what_takes_milliseconds_runs_several_times_in_a_turn_each_prepared_anew():
    assert [runs_in_turn(seconds) for seconds in (1e-5, 0.01, 0.04, 60.0)] == [20, 5, 1, 1]
    events = []
    timed(Contender("one", lambda _: events.append("run"), lambda: events.append("prepared")), 3)
    assert events == ["prepared", "run"] * 3


def test_a_contender_that_fails_is_named_and_the_others_go_on():
    def fails(_ready):
        raise ValueError("no such solver\nmore")

    runs = alternate([Contender("bad", fails), Contender("good", lambda _: 1)], 2)
    assert runs["bad"].error == "ValueError: no such solver"
    assert len(runs["good"].seconds) == 2
    assert best(runs.values()).name == "good"


def test_a_run_that_fills_the_budget_is_not_repeated():
    assert runs_within(100.0, 5, budget=120.0) == 0
    assert runs_within(1.0, 5, budget=120.0) == 5
    assert runs_within(30.0, 5, budget=120.0) == 3


def test_the_fastest_is_that_with_the_least_median():
    assert best([Runs("a", (1.0, 9.0, 9.0)), Runs("b", (2.0, 2.0, 9.0)), Runs("none")]).name == "b"


def test_sections_are_read_back_as_they_were_saved(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.harness.RESULTS", tmp_path)
    section = Section((row(),), {"bandwidth": 1e10}, ("celer: not installed",))
    save("points", section)
    assert load("points") == section
    assert load("paths") is None


def test_passes_compare_a_fit_with_reading_the_design_matrix():
    text = passes([row(ours=(0.032,))], bandwidth=1e9)  # 16 MB at 1 GB/s: 16 ms
    assert "| 16 MB | 16.0 ms | 32.0 ms | 2.0 |" in text


def test_a_row_that_could_not_be_made_says_why_and_the_table_is_written():
    def breaks():
        raise MemoryError("too large")

    rows, skipped = attempt("nuts", breaks)
    assert not skipped
    assert "MemoryError: too large" in table(rows)
    assert "nuts" not in passes(rows, bandwidth=1e9)


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_objectives_are_least_at_the_mode_that_bayescope_finds(kind):
    from benchmarks.problems import build, configuration, point_fit

    one = problem(kind, "Laplace", 200, 4)
    _, model = build(configuration(one), one.frame)
    intercept, slopes = point_of(point_fit(model, "map"))
    least = one.objective(intercept, slopes)
    for step in np.vstack([np.eye(4), -np.eye(4)]) * 1e-3:
        assert one.objective(intercept, slopes + step) > least


def test_sizes_are_powers_of_ten_where_they_are():
    assert size_of(100_000, 20) == "1e5 x 20"
    assert size_of(20_000, 5) == "20000 x 5"


def test_simulated_data_are_the_same_every_time():
    assert np.array_equal(simulate("linear", 50, 3)[0], simulate("linear", 50, 3)[0])


@pytest.mark.slow
def test_the_smallest_point_estimate_makes_a_row():
    """Peers that are not installed are named; scikit-learn is a development dependency and always runs."""
    one: Problem = problem("linear", "Normal", 1_000, 5)
    found, failures = compare(one, 2)
    assert found.agreed
    assert found.peer
    assert len(found.ours) == 2
    assert "1e3 x 5" in table([found])
    assert all(failure.startswith(("glum", "celer")) for failure in failures)


def test_every_model_of_the_library_is_calibrated_or_left_out_by_name():
    calibrated = {str(section["use"]) for _, section in CASES.values()}
    library = {path.stem for path in (Path(__file__).parent.parent / "models").glob("*.yaml")}
    assert calibrated.isdisjoint(LEFT_OUT)
    assert calibrated | set(LEFT_OUT) == library


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_has_no_prior_to_draw_from(name):
    data = {"columns": {"y": [0, 1, 0, 1, 1], "x": [1.0, 2.0, 3.0, 2.5, 4.0]}}
    model = {"use": name, "formula": "y ~ x"}
    with pytest.raises(ConfigError, match="no truth can be drawn from Flat"):
        bayescope.sbc({"name": "flat", "data": data, "model": model, "inference": ["nuts"]})


@pytest.mark.parametrize("name", CASES)
def test_made_up_data_are_ones_that_the_model_takes(name):
    loaded = read_config(configuration(name))
    _, simulated = simulate_response(prepare(loaded)[1], np.random.default_rng(1))
    assert np.isfinite(simulated.response.values).all()
