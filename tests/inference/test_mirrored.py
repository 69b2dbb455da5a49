"""Log-likelihoods on either side of a mode: those that every draw has on its own."""

from dataclasses import replace

import numpy as np
import pytest

from bayescope.inference import mirrored
from bayescope.inference.log_densities import log_likelihoods
from bayescope.inference.method import Context
from bayescope.inference.mirrored import mirrored_log_likelihoods
from bayescope.inference.normal_approximation import approximate
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import ImportanceSettings

ROWS = 9000  # three blocks


@pytest.fixture(scope="module", params=["Bernoulli", "weighted", "Binomial", "Poisson"])
def found(request, regression):
    """The Normal approximation of a model of many rows."""
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(ROWS), rng.normal(size=(ROWS, 2))])
    offset = 0.1 * rng.normal(size=ROWS)
    eta = X @ [0.3, -0.5, 0.2] + offset
    p, trials = 1 / (1 + np.exp(-eta)), rng.integers(1, 9, ROWS).astype(float)
    y, likelihood, given = {
        "Bernoulli": (rng.binomial(1, p), "Bernoulli", {}),
        "weighted": (rng.binomial(1, p), "Bernoulli", {"weights": rng.integers(0, 3, ROWS).astype(float)}),
        "Binomial": (rng.binomial(trials.astype(int), p), "Binomial", {"trials": trials}),
        "Poisson": (rng.poisson(np.exp(eta)), "Poisson", {}),
    }[request.param]
    given |= {"priors": ("Normal", 0, 1.0), "offset": offset}
    model = regression(X, y.astype(float), likelihood=likelihood, **given)
    return approximate(model, ImportanceSettings(), Context(seed=1))


def deviations(found, sds):
    return sds * np.random.default_rng(5).normal(size=(300, 3)) @ found.factor.T


def expected(found, deviation):
    return log_likelihoods(found.problem, np.concatenate([found.mode + deviation, found.mode - deviation]))


@pytest.mark.parametrize("sds", [0.01, 1.0, 5.0, 40.0, 1000.0])
def test_they_are_those_of_every_draw(found, sds):
    deviation = deviations(found, sds)
    sums = mirrored_log_likelihoods(found.problem, found.mode, deviation)
    np.testing.assert_allclose(sums, expected(found, deviation), rtol=1e-10)


@pytest.mark.parametrize("unit", [1e-200, 1e-60, 1e60, 1e200])
def test_they_are_so_in_any_unit(found, unit):
    model = found.problem.model
    (location,) = model.predictors
    scaled = replace(location, matrix=location.matrix * [1.0, unit, 1.0])
    problem = PointProblem(replace(model, predictors=(scaled,)), prior=True)
    per, deviation = np.array([1.0, 1.0 / unit, 1.0]), deviations(found, 1.0)
    sums = mirrored_log_likelihoods(problem, found.mode * per, deviation * per)
    np.testing.assert_allclose(sums, expected(found, deviation), rtol=1e-10)


def test_near_the_mode_the_series_does(found):
    def refuse(*_):
        raise AssertionError("a draw was computed on its own")

    likelihood = found.problem.model.likelihood
    blind = replace(likelihood, totals=dict.fromkeys(likelihood.totals, refuse))
    problem = PointProblem(replace(found.problem.model, likelihood=blind), prior=True)
    deviation = deviations(found, 0.5)
    sums = mirrored_log_likelihoods(problem, found.mode, deviation)
    np.testing.assert_allclose(sums, expected(found, deviation), rtol=1e-10)


def test_no_draw_changes_what_another_gets(found):
    near, far = deviations(found, 1.0), deviations(found, 100.0)
    alone, both = (
        mirrored_log_likelihoods(found.problem, found.mode, one).reshape(2, -1)
        for one in (near, np.concatenate([near, far]))
    )
    # one that is far may ask for more terms, which the others need not have
    np.testing.assert_allclose(both[:, : len(near)], alone, rtol=1e-10)


def test_a_draw_that_is_no_number_has_none(found):
    deviation = deviations(found, 1.0)
    deviation[3] = np.nan
    sums = mirrored_log_likelihoods(found.problem, found.mode, deviation)
    assert np.flatnonzero(np.isnan(sums)).tolist() == [3, 303]


def test_a_plain_problem_has_no_series(found, monkeypatch):
    monkeypatch.setattr(mirrored, "over_rows", None)
    problem = PointProblem(found.problem.model, prior=True, plain=True)
    deviation = deviations(found, 1.0)
    sums = mirrored_log_likelihoods(problem, found.mode, deviation)
    np.testing.assert_allclose(sums, expected(found, deviation), rtol=1e-14)
