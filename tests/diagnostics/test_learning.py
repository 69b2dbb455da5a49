"""What the data taught: bits from prior to posterior, and the sign of slopes."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

import bayescope
from bayescope.information import evaluate


def run_of(model, columns, methods, name="run"):
    return bayescope.run({"name": name, "data": {"columns": columns}, "model": model, "inference": methods})


def test_bits_of_a_coin_are_the_divergence_of_two_betas():
    run = run_of(
        {"use": "coin", "response": "y", "priors": {"p": "Beta(2, 2)"}}, {"y": [1] * 6 + [0] * 4}, ["exact"]
    )
    (row,) = run.record.learned
    a, b = 8, 6
    nats = (
        scipy.special.betaln(2, 2) - scipy.special.betaln(a, b)
        + (a - 2) * scipy.special.digamma(a) + (b - 2) * scipy.special.digamma(b)
        - (a + b - 4) * scipy.special.digamma(a + b)
    )  # fmt: skip
    assert row.bits == pytest.approx(nats / math.log(2), abs=1e-6)
    assert row.positive is None


def line(methods, prior="Normal(0, 10)"):
    rng = np.random.default_rng(5)
    x = rng.normal(size=40)
    model = {"likelihood": "Normal", "formula": "y ~ x", "priors": {"coefficients": prior, "sigma": 1.0}}
    return run_of(model, {"x": x, "y": 0.1 * x + rng.normal(size=40)}, methods)


def test_bits_and_sign_of_a_slope_with_known_noise_are_those_of_normals():
    run = line(["exact"])
    mean, sd = run["exact"].estimate[1], run["exact"].sd[1]
    row = next(row for row in run.record.learned if row.parameter == "x")
    nats = math.log(10 / sd) + (sd**2 + mean**2) / 200 - 0.5
    assert row.bits == pytest.approx(nats / math.log(2), abs=1e-6)
    assert row.positive == pytest.approx(scipy.stats.norm.sf(0, mean, sd), rel=1e-9)
    assert row.positive_error == 0
    assert next(row for row in run.record.learned if row.parameter == "Intercept").positive is None


def test_a_rough_mixture_is_averaged_over_its_quantiles(monkeypatch):
    """One level a row: components as narrow as 1e-21, and six seconds an unknown by adaptive quadrature."""
    monkeypatch.setattr(evaluate, "integrate", lambda *_: pytest.fail("integrated over the line"))
    y = np.random.default_rng(0).normal(size=12)
    run = run_of(
        {"use": "linear", "formula": "y ~ x"}, {"y": y, "x": [f"id{i}" for i in range(12)]}, ["exact"]
    )
    rows = {row.parameter: row for row in run.record.learned}
    # by quadrature, to 2e-4
    assert rows["Intercept"].bits == pytest.approx(1.80932, abs=4 * rows["Intercept"].bits_error)
    assert rows["x[id3]"].bits == pytest.approx(2.55023, abs=4 * rows["x[id3]"].bits_error)
    assert max(row.bits_error for name, row in rows.items() if name != "sigma") < 0.02


def test_weighted_draws_have_the_same_answers_within_their_errors():
    exact, weighted = line(["exact"]), line(["importance"])
    for truth, row in zip(exact.record.learned, weighted.record.learned, strict=True):
        assert abs(row.bits - truth.bits) <= 4 * row.bits_error
        if truth.positive is not None:
            assert 0 < row.positive_error < 0.02
            assert abs(row.positive - truth.positive) <= 4 * row.positive_error


def test_too_few_draws_have_a_sign_and_no_bits():
    run = line([{"importance": {"draws": 4}}])
    slope = next(row for row in run.record.learned if row.parameter == "x")
    assert (slope.bits, slope.positive is None) == (None, False)


def test_a_run_of_few_draws_ends_with_checks_that_fail():
    run = line(["exact", {"nuts": {"draws": 10, "tune": 100, "chains": 1}}])
    assert {"r_hat", "ess_bulk"} <= {check.name for check in run.checks if check.verdict == "fail"}


def test_a_flat_prior_has_no_bits():
    row = next(row for row in line(["exact"], "Flat()").record.learned if row.parameter == "x")
    assert row.bits is None
    assert row.positive is not None


def test_a_point_teaches_nothing_of_the_kind():
    assert line(["map"]).record.learned == ()
