"""Power scaling: against ArviZ, and against what a conjugate posterior does when its prior counts twice."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bayescope
from bayescope.diagnostics.sensitivity import (
    check_sensitivity,
    in_words,
    power_sensitivity,
    sensitivities,
    shift_if_twice,
)
from bayescope.inference.log_densities import block_log_priors, log_priors


def normal_mean(values, prior, **more):
    config = {
        "name": "mean",
        "data": {"columns": {"y": values}},
        "model": {"likelihood": "Normal", "response": "y", "priors": {"mu": prior, "sigma": 1.0}},
        "inference": [{"exact": {"draws": 2000}}],
    } | more
    return bayescope.run(config)


@pytest.fixture(scope="module")
def conflict():
    return normal_mean([9.5, 10.5, 10.0, 9.0, 11.0], "Normal(0, 1)")


def test_a_prior_that_pulls_against_the_data_is_noted_in_words(conflict):
    [row] = conflict.record.sensitivity
    [check] = [check for check in conflict.checks if check.name == "prior_data_conflict"]
    assert (row.diagnosis, check.verdict, check.parameter) == ("conflict", "note", "mu")
    assert "The prior of mu, Normal(0, 1), and the data pull mu different ways" in check.message
    assert "down by" in check.message


@pytest.mark.parametrize(
    ("values", "scale", "extrapolated"),
    [
        ([6.2] * 20, 1.0, False),
        ([4.0] * 50, 1.0, False),
        ([3.0] * 4, 1.0, False),
        ([4.0], 0.3, False),
        ([10.0] * 5, 1.0, True),
        ([30.0] * 20, 1.0, True),
    ],
)
def test_the_shift_is_that_of_a_prior_that_counts_twice(values, scale, extrapolated):
    """A slope at power 1, as it was, gave -0.89 for the first; it is -1.23, and worth a note."""
    [row] = normal_mean(values, f"Normal(0, {scale})").record.sensitivity
    [once, twice] = [normal_mean(values, f"Normal(0, {scale / root})") for root in (1.0, math.sqrt(2))]
    moved = (twice.fits[0].estimate[0] - once.fits[0].estimate[0]) / once.fits[0].sd[0]
    assert row.extrapolated == extrapolated
    # 2,000 draws are worth 2,000 exp(-moved^2) as weighted; of a Normal, their sd has an error of some sqrt(2 / 2000)
    error = abs(moved) * math.sqrt(2 / 2000) if extrapolated else math.sqrt(math.exp(moved**2) / 2000)
    assert row.shift == pytest.approx(moved, abs=4 * error)
    assert ("by about" in in_words(row)) == extrapolated


def test_a_shift_of_more_than_one_sd_is_a_note():
    run = normal_mean([6.2] * 20, "Normal(0, 1)")
    [check] = [check for check in run.checks if check.name == "prior_data_conflict"]
    assert check.verdict == "note"


@pytest.mark.parametrize(
    ("theta", "log_density"), [(np.linspace(0.0, 1.0, 50), [np.inf] + [0.0] * 49), (np.ones(50), [0.0] * 50)]
)
def test_an_infinite_density_and_draws_that_are_alike_have_no_shift(theta, log_density):
    shift, extrapolated = shift_if_twice(theta, np.array(log_density))
    assert math.isnan(shift)
    assert extrapolated


@pytest.mark.parametrize("size", [2, 3, 24])
def test_few_draws_have_a_shift_without_a_warning(size):
    shift, extrapolated = shift_if_twice(np.arange(size, dtype=float), -0.1 * np.arange(size))
    assert shift < 0
    assert extrapolated


def test_a_wide_prior_does_not_matter():
    run = normal_mean([9.5, 10.5, 10.0, 9.0, 11.0], "Normal(0, 100)")
    [row] = run.record.sensitivity
    assert row.diagnosis == ""
    assert in_words(row) == ""
    assert row.by_prior < 0.05 < row.by_likelihood
    assert check_sensitivity("exact", run.record.sensitivity)[0].verdict == "pass"


def test_a_prior_that_decides_is_called_strong():
    run = normal_mean([0.3], "Normal(0, 0.05)")
    [row] = run.record.sensitivity
    assert row.diagnosis == "strong prior"
    assert "more than the data" in in_words(row)


def test_a_flat_prior_has_no_row():
    assert normal_mean([1.0, 2.0], "Flat()").record.sensitivity == ()
    assert check_sensitivity("exact", ()) == ()


def test_sensitivity_is_that_of_arviz():
    import arviz_base
    import arviz_stats

    rng = np.random.default_rng(6)
    theta = rng.normal(1.0, 0.5, size=2000)
    for log_density in (-0.5 * theta**2, -0.5 * (theta - 3) ** 2 / 0.3):
        tree = arviz_base.from_dict(
            {"posterior": {"mu": theta[None]}, "log_prior": {"mu": log_density[None]}}
        )
        theirs = float(arviz_stats.psense(tree)["mu"])
        # they smooth the weights' tails, whose logarithms span some 0.1 here
        assert power_sensitivity(theta, log_density) == pytest.approx(theirs, rel=0.02)


def test_priors_of_blocks_add_up_to_the_log_prior():
    run = bayescope.run("configs/clotting.yaml", overrides=["inference=[laplace]"])
    thetas = run["laplace"].draws[0, :7]
    parts = [values for _, values in block_log_priors(run.model, thetas, run.model.blocks)]
    np.testing.assert_allclose(sum(parts), log_priors(run.model, thetas), rtol=1e-14)
    assert [row.block for row in sensitivities(run.model, run["laplace"])] == [
        "Intercept",
        "coefficients",
        "alpha",
    ]


def test_too_many_rows_leave_the_likelihood_out(conflict, monkeypatch):
    from bayescope.diagnostics import sensitivity

    run = bayescope.run("configs/seeds.yaml", overrides=["inference=[laplace]"])
    monkeypatch.setattr(sensitivity, "_MOST_CELLS", 10)
    found = sensitivities(run.model, run["laplace"])
    assert all(row.by_likelihood is None for row in found)
