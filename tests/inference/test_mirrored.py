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


def draws(sds):
    return sds * np.random.default_rng(5).normal(size=(300, 3))


def expected(found, z):
    deviation = z @ found.factor.T
    return log_likelihoods(found.problem, np.concatenate([found.mode + deviation, found.mode - deviation]))


@pytest.mark.parametrize("sds", [0.01, 1.0, 5.0, 40.0, 1000.0])
def test_they_are_those_of_every_draw(found, sds):
    z = draws(sds)
    sums = mirrored_log_likelihoods(found.problem, found.mode, found.factor, z)
    np.testing.assert_allclose(sums, expected(found, z), rtol=1e-10)


def moved(found, change):
    """The same model in other coordinates: X change^-1, with the mode and the factor that belong to them."""
    model, inverse = found.problem.model, np.linalg.inv(change)
    (location,) = model.predictors
    predictors = (replace(location, matrix=location.matrix @ inverse),)
    problem = PointProblem(replace(model, predictors=predictors), prior=True)
    return problem, change @ found.mode, change @ found.factor


@pytest.mark.parametrize("unit", [1e-200, 1e-60, 1e60, 1e200])
def test_they_are_so_in_any_unit(found, unit):
    z = draws(1.0)
    sums = mirrored_log_likelihoods(*moved(found, np.diag([1.0, unit, 1.0])), z)
    np.testing.assert_allclose(sums, expected(found, z), rtol=1e-10)


@pytest.mark.parametrize(
    "change", [[[1, 1e4, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1e4], [0, 1, 1e4 + 1]]]
)
def test_they_are_so_far_from_the_origin_and_near_to_collinear(found, change):
    z = draws(1.0)
    sums = mirrored_log_likelihoods(*moved(found, np.array(change, dtype=float)), z)
    np.testing.assert_allclose(sums, expected(found, z), rtol=1e-10)


def test_near_the_mode_the_series_does(found):
    def refuse(*_):
        raise AssertionError("a draw was computed on its own")

    likelihood = found.problem.model.likelihood
    blind = replace(likelihood, totals=dict.fromkeys(likelihood.totals, refuse))
    problem = PointProblem(replace(found.problem.model, likelihood=blind), prior=True)
    z = draws(0.5)
    sums = mirrored_log_likelihoods(problem, found.mode, found.factor, z)
    np.testing.assert_allclose(sums, expected(found, z), rtol=1e-10)


def test_no_draw_changes_what_another_gets(found):
    near, far = draws(1.0), draws(100.0)
    alone, both = (
        mirrored_log_likelihoods(found.problem, found.mode, found.factor, z).reshape(2, -1)
        for z in (near, np.concatenate([near, far]))
    )
    # one that is far may ask for more terms, which the others need not have
    np.testing.assert_allclose(both[:, : len(near)], alone, rtol=1e-10)


def test_a_draw_that_is_no_number_has_none(found):
    z = draws(1.0)
    z[3] = np.nan
    sums = mirrored_log_likelihoods(found.problem, found.mode, found.factor, z)
    assert np.flatnonzero(~np.isfinite(sums)).tolist() == [3, 303]


def test_a_plain_problem_has_no_series(found, monkeypatch):
    monkeypatch.setattr(mirrored, "over_rows", None)
    problem = PointProblem(found.problem.model, prior=True, plain=True)
    z = draws(1.0)
    sums = mirrored_log_likelihoods(problem, found.mode, found.factor, z)
    np.testing.assert_allclose(sums, expected(found, z), rtol=1e-14)
