"""The distribution given the parameters is the likelihood's own, for every likelihood of the table."""

import numpy as np
import pytest
import scipy

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.inference.predictive_given import given
from bayescope.inference.predictive_heads import student_t

VALUES = {
    "UNIT": [[0.3], [0.7]],
    "POSITIVE": [[1.5], [4.0]],
    "REAL": [[-0.5], [1.2]],
    "SIMPLEX": [[0.2, 0.5, 0.3]] * 2,
}
FORMS = [
    form
    for entry in LIKELIHOODS.values()
    if not entry.multivariate
    for form in (entry, *entry.others)
]  # fmt: skip


def psi_of(likelihood):
    """Two components of each parameter, shape (2, 1)."""
    if likelihood.name == "Uniform":
        return (np.array([[-0.5], [-0.5]]), np.array([[9.0], [12.0]]))
    kinds = {(0.0, 1.0): "UNIT", (0.0, np.inf): "POSITIVE", (-np.inf, np.inf): "REAL"}
    return tuple(
        np.array(VALUES["SIMPLEX" if p.support.simplex else kinds[p.support.lower, p.support.upper]])
        for p in likelihood.parameters
    )


def values_of(likelihood):
    if likelihood.name in {"Bernoulli", "Categorical"} or likelihood.by_level:
        return np.array([0.0, 1.0])
    if likelihood.response.integer:
        return np.array([1.0, 2.0, 4.0])
    return np.array([0.2, 0.5, 0.9])


def name(likelihood):
    return f"{likelihood.name}-{'-'.join(parameter.name for parameter in likelihood.parameters)}"


@pytest.mark.parametrize("likelihood", FORMS, ids=name)
class TestEveryLikelihood:
    def of(self, likelihood):
        trials = np.array([6.0]) if likelihood.needs_trials else None
        return given(likelihood, trials, psi_of(likelihood)), trials

    def test_the_density_is_the_likelihoods(self, likelihood):
        component, trials = self.of(likelihood)
        for y in values_of(likelihood):
            found = component.log_density(np.array([[[y]]]))[0, :, 0]
            expected = [
                likelihood.log_density(np.array([y]), trials, tuple(part[k] for part in psi_of(likelihood)))[
                    0
                ]
                for k in range(2)
            ]
            assert found == pytest.approx(expected, rel=1e-12)

    def test_the_cdf_adds_up_the_density(self, likelihood):
        component, _ = self.of(likelihood)
        values = values_of(likelihood)
        steps = np.diff(component.cdf(values[:, None, None])[..., 0], axis=0)
        for k in range(2):
            density = lambda y, k=k: float(np.exp(component.log_density(np.array([[[y]]]))[0, k, 0]))  # noqa: E731
            for low, high, step in zip(values[:-1], values[1:], steps[:, k], strict=True):
                total = (
                    sum(density(y) for y in np.arange(low + 1, high + 1))
                    if component.discrete
                    else scipy.integrate.quad(density, low, high, epsabs=0, epsrel=1e-11)[0]
                )
                assert step == pytest.approx(total, rel=1e-9)

    def test_quantiles_invert_the_cdf(self, likelihood):
        component, _ = self.of(likelihood)
        q = np.array([0.03, 0.4, 0.9])[:, None, None]
        y = component.quantile(q)
        if component.discrete:
            assert (component.cdf(y) >= q - 1e-12).all()
            assert (component.cdf(y - 1) < q).all()
        else:
            assert component.cdf(y) == pytest.approx(np.broadcast_to(q, y.shape), rel=1e-9)

    def test_the_moments_are_those_of_the_sampler(self, likelihood):
        component, trials = self.of(likelihood)
        if likelihood.name == "Categorical" or likelihood.by_level:
            assert np.isnan(component.mean).all()
            return
        psi = tuple(np.broadcast_to(part, (2, 20_000)) for part in psi_of(likelihood))
        draws = likelihood.sample(np.random.default_rng(1), trials, psi)
        sd = component.sd[:, 0]
        finite = np.isfinite(sd)
        assert (np.abs(draws.mean(axis=1) - component.mean[:, 0]) <= 4.5 * sd / np.sqrt(20_000))[finite].all()
        # the error of an sd, by the fourth moment of the draws; heavy tails have none
        if likelihood.name not in {"StudentT", "LogNormal"}:
            fourth = np.mean((draws - draws.mean(axis=1, keepdims=True)) ** 4, axis=1)
            error = np.sqrt((fourth - sd**4) / 20_000) / (2 * sd)
            assert (np.abs(draws.std(axis=1) - sd) <= 4.5 * error).all()


def test_the_mean_of_student_t_is_its_centre_where_tails_leave_none():
    """One draw with nu below 1 among many would else take the mean from all; brms and rstanarm do so, too."""
    nu, mu, sigma = np.array([[0.5], [1.0], [30.0]]), np.array([[1.0, 2.0]] * 3), np.ones((3, 1))
    component = given(LIKELIHOODS["StudentT"], None, (nu, mu, sigma))
    np.testing.assert_array_equal(component.mean, mu)
    assert np.isnan(component.sd[:1]).all() | np.isinf(component.sd[:1]).all()


def test_a_student_t_of_one_degree_of_freedom_has_no_mean():
    found = student_t(np.array([[0.5], [1.0], [3.0]]), np.full((3, 1), -20.0), np.ones((3, 1))).mean
    np.testing.assert_array_equal(found[:, 0], [np.nan, np.nan, -20.0])
