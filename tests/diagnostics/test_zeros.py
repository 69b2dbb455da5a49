"""What the posterior says of coefficients that map puts at exactly 0."""

from __future__ import annotations

import numpy as np
import pytest

import bayescope
from bayescope.diagnostics.zeros import zeros
from bayescope.inference.fit import Fit
from bayescope.inference.marginals import Normal

ROWS = 40


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS))
    data = {
        "columns": {"a": (3 * a).tolist(), "b": b.tolist(), "y": (2 * b + rng.normal(size=ROWS)).tolist()}
    }
    priors = {"coefficients": "Laplace(0, 0.05)", "Intercept": "Normal(0, 5)", "sigma": 1.0}
    model = {"likelihood": "Normal", "formula": "y ~ a + b", "priors": priors}
    return bayescope.run({"name": "zeros", "data": data, "model": model, "inference": ["map"]})


def posterior(run, **marginals):
    spread = {name: marginals.get(name, Normal(0.0, 1.0)) for name in run.model.names}
    mean = np.array([marginal.mean for marginal in spread.values()])
    return Fit("exact", "exact", "posterior", run.model.names, estimate=mean, marginals=spread)


def test_a_zero_is_judged_by_a_tenth_of_the_sd_of_the_response(run):
    (row,) = zeros(run.model, [*run.fits, posterior(run, a=Normal(0.1, 0.2))])
    data = {"a": run.model.location.matrix[:, 1], "y": run.model.response.values}
    size = 0.1 * np.std(data["y"]) / np.std(data["a"])
    marginal = Normal(0.1, 0.2)
    assert row.parameter == "a"
    assert row.size == pytest.approx(size)
    assert row.probability == pytest.approx(float(marginal.cdf(size) - marginal.cdf(-size)))
    assert (row.lower, row.upper) == pytest.approx((0.1 - 1.5982 * 0.2, 0.1 + 1.5982 * 0.2), abs=1e-4)


def test_the_posterior_of_a_zero_is_continuous_and_need_not_be_small(run):
    far = posterior(run, a=Normal(5.0, 0.1))
    (row,) = zeros(run.model, [*run.fits, far])
    assert row.probability < 1e-12


def test_without_zeros_or_without_a_posterior_there_is_nothing_to_say(run):
    assert run["map"].details["zeros"] == ["a"]
    assert zeros(run.model, run.fits) == ()
    assert zeros(run.model, [posterior(run)]) == ()
