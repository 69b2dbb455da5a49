"""The fitted curve along a single numeric predictor: when there is one, and what is on it."""

import numpy as np
import pytest

import bayescope
from bayescope.diagnostics.curve import PLACES
from bayescope.reports.record import RunRecord

RNG = np.random.default_rng(3)
X = RNG.uniform(1.0, 3.0, 30)
COLUMNS = {
    "x": X,
    "z": RNG.normal(size=30),
    "kind": ["a", "b"] * 15,
    "y": 1 + 2 * X + RNG.normal(size=30),
    "flip": (X + RNG.normal(size=30) > 2).astype(int),
}


def curve(formula="y ~ x", likelihood="Normal", inference=("map", "exact"), **more):
    section = {"likelihood": likelihood, "formula": formula, **more}
    config = {"name": "c", "data": {"columns": COLUMNS}, "model": section, "inference": list(inference)}
    run = bayescope.run(config)
    return run, run.record.curve


def test_a_point_has_a_line_and_a_posterior_a_band():
    run, view = curve()
    point, exact = view.curves
    assert (point.method, point.lower) == ("map", ())
    assert len(exact.lower) == len(view.places) == PLACES
    assert (view.places[0], view.places[-1]) == (X.min(), X.max())
    intercept, slope = run["map"].estimate[:2]
    assert point.mean == pytest.approx(intercept + slope * np.array(view.places), rel=1e-10)
    expected = run["exact"].predictive({"x": view.places}).interval(0.89)
    assert np.array([exact.lower, exact.upper]) == pytest.approx(np.array(expected), rel=1e-12)
    assert view.band == "a new observation"


def test_of_zeros_and_ones_the_band_is_that_of_the_probability():
    priors = {"Intercept": "Normal(0, 2)", "coefficients": "Normal(0, 2)"}
    _, view = curve("flip ~ x", "Bernoulli", ("laplace",), priors=priors)
    [only] = view.curves
    assert view.band == "the probability"
    assert all(
        0 < low < mean < high < 1 for low, mean, high in zip(only.lower, only.mean, only.upper, strict=True)
    )


def test_a_spline_of_one_column_has_a_curve():
    assert curve("y ~ bs(x, df=4)", inference=("map",))[1].predictor == "x"


@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ kind", "y ~ 1", "y ~ x + kind"])
def test_without_a_single_numeric_predictor_there_is_none(formula):
    assert curve(formula, inference=("map",))[1] is None


def test_the_report_has_the_figure(tmp_path):
    run, view = curve()
    folder = run.save(tmp_path)
    assert (folder / "figures" / "prediction.svg").is_file()
    assert "bands hold a new observation with a probability of 89 %" in (folder / "report.md").read_text()
    assert 'id="prediction"' in (folder / "report.html").read_text()
    assert bayescope.load(folder).record.curve == view


def test_a_record_of_before_there_were_curves_has_none():
    run, _ = curve(inference=("map",))
    data = run.record.model_dump()
    del data["curve"]
    assert RunRecord.model_validate(data).curve is None
