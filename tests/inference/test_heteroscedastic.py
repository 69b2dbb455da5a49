"""A line with noise that depends on x, against SciPy's optimum of the density written out by hand."""

from pathlib import Path

import numpy as np
import pytest
import scipy

import bayescope

CONFIG = Path(__file__).parents[2] / "configs" / "heteroscedastic.yaml"


@pytest.fixture(scope="module")
def run():
    return bayescope.run(CONFIG, overrides=["inference=[mle, map, exact, laplace, importance]"])


def by_hand(theta, x, y):
    mean, logarithm = theta[0] + theta[1] * x, theta[2] + theta[3] * x
    return np.sum(0.5 * ((y - mean) / np.exp(logarithm)) ** 2 + logarithm + 0.5 * np.log(2 * np.pi))


def best(objective):
    found = scipy.optimize.minimize(objective, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    return scipy.optimize.minimize(
        objective, found.x, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13}
    )


def test_the_mle_is_the_optimum_of_the_likelihood(run):
    x, y = np.loadtxt(CONFIG.parent / "data" / "heteroscedastic.csv", delimiter=",", skiprows=1).T
    found = best(lambda theta: by_hand(theta, x, y))
    np.testing.assert_allclose(run["mle"].estimate, found.x, rtol=1e-6)
    assert run["mle"].details["nll"] == pytest.approx(found.fun, rel=1e-12)


def test_the_mode_is_the_optimum_of_likelihood_and_priors(run):
    x, y = np.loadtxt(CONFIG.parent / "data" / "heteroscedastic.csv", delimiter=",", skiprows=1).T
    priors = [(p.arguments["mu"], p.arguments["sigma"]) for p in run.record.model.priors]
    means, sds = np.array(priors).T
    found = best(lambda theta: by_hand(theta, x, y) + 0.5 * np.sum(((theta - means) / sds) ** 2))
    np.testing.assert_allclose(run["map"].estimate, found.x, rtol=1e-6)


def test_the_truth_is_within_four_standard_errors(run):
    truth = np.array([2.0, 0.5, -1.0, 0.3])  # of the simulation, see the configuration
    fit = run["mle"]
    assert np.all(np.abs(fit.estimate - truth) < 4 * fit.sd)


def test_exact_says_what_stands_in_the_way(run):
    assert run["exact"].outcome.status == "not applicable"
    assert "sigma differs between rows" in run["exact"].outcome.message.lower()


def test_new_rows_have_their_own_noise(run):
    narrow, wide = run["mle"].predictive({"x": [0.0, 6.0]}).sd
    intercept, slope = run["mle"].estimate[2:]
    assert narrow == pytest.approx(np.exp(intercept), rel=1e-9)
    assert wide == pytest.approx(np.exp(intercept + 6 * slope), rel=1e-9)


def test_the_report_writes_both_formulas(run):
    assert "log(sigma[i]) = sigma.Intercept + sigma.x * x_x[i]" in run.record.model.notation
    assert run.record.model.formula == "y ~ x, sigma ~ x"
