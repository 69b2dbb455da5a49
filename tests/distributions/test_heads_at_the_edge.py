"""Heads where doubles end: far predictors, huge shapes, impossible values; no warnings, no lost digits."""

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.distributions.likelihoods import LIKELIHOODS, parametrised

# Responses, and the other parameters, at which each head with a stable form on a link is tried.
DIRECT = {
    "Bernoulli": (np.array([0.0, 1.0]), ()),
    "Poisson": (np.array([0.0, 3.0]), ()),
    "NegativeBinomial": (np.array([0.0, 3.0]), (2.0,)),
    "Gamma": (np.array([0.2, 3.0]), (2.0,)),
    "Exponential": (np.array([0.0, 3.0]), ()),
}
ON_LINKS = [(name, link) for name in DIRECT for link in parametrised(name, formula=True).on_link]


@pytest.mark.parametrize(("name", "link"), ON_LINKS)
@settings(deadline=None)
@given(eta=st.floats(-600.0, 600.0))
def test_no_predictor_gives_nan(name, link, eta):
    y, others = DIRECT[name]
    log_density, derivatives = parametrised(name, formula=True).on_link[link]
    assert not np.isnan(log_density(y, None, (eta, *others))).any()
    first, second = derivatives(y, None, (np.full(2, eta), *others))
    assert not np.isnan(first).any()
    assert not np.isnan(second[0, 0]).any()
    # the heads with a stable form are concave in eta
    assert (second[0, 0] <= 0).all()


def test_the_probit_keeps_its_digits_in_both_tails():
    log_density, derivatives = LIKELIHOODS["Bernoulli"].on_link["probit"]
    y, eta = np.array([1.0, 0.0, 1.0, 1.0]), np.array([-40.0, 40.0, 40.0, -1e8])
    # log Phi(-x) = -x^2 / 2 - log(x sqrt(2 pi)) + log(1 - 1/x^2 + 3/x^4 - 15/x^6)
    x = 40.0
    tail = -0.5 * x**2 - np.log(x * np.sqrt(2 * np.pi)) + np.log1p(-(x**-2) + 3 * x**-4 - 15 * x**-6)
    np.testing.assert_allclose(log_density(y, None, (eta,))[:3], [tail, tail, 0.0], rtol=1e-12, atol=1e-300)
    first, second = derivatives(y, None, (eta,))
    mills = x + 1 / x - 2 / x**3 + 10 / x**5 - 74 / x**7
    np.testing.assert_allclose(first[0], [mills, -mills, 0.0, 1e8], rtol=1e-10, atol=1e-300)
    curvature = -(1 - x**-2 + 6 * x**-4 - 50 * x**-6)
    np.testing.assert_allclose(second[0, 0], [curvature, curvature, 0.0, -1.0], rtol=1e-8, atol=1e-300)


def test_the_curvature_of_the_probit_meets_its_series():
    _, derivatives = LIKELIHOODS["Bernoulli"].on_link["probit"]
    _, second = derivatives(np.ones(2), None, (np.array([-300.0, np.nextafter(-300.0, -400.0)]),))
    # m (m + eta) loses 1e-16 * 300^2 on one side; the other leaves 50 / 300^6 out
    assert second[0, 0, 0] == pytest.approx(second[0, 0, 1], rel=1e-10)


def test_the_cloglog_keeps_its_digits_where_the_outcome_is_rare():
    log_density, derivatives = LIKELIHOODS["Bernoulli"].on_link["cloglog"]
    eta = np.array([-50.0, -50.0, -800.0])
    y = np.array([1.0, 0.0, 1.0])
    np.testing.assert_allclose(log_density(y, None, (eta,)), [-50.0, -np.exp(-50.0), -800.0], rtol=1e-14)
    first, second = derivatives(y, None, (eta,))
    np.testing.assert_allclose(first[0], [1.0, -np.exp(-50.0), 1.0], rtol=1e-14)
    np.testing.assert_allclose(second[0, 0, :2], [-0.5 * np.exp(-50.0), -np.exp(-50.0)], rtol=1e-14)


@settings(deadline=None)
@given(mu=st.floats(0.1, 50.0), y=st.integers(0, 100))
def test_a_negative_binomial_of_huge_alpha_is_a_poisson(mu, y):
    head, poisson, alpha = parametrised("NegativeBinomial", formula=True), LIKELIHOODS["Poisson"], 1e12
    counts = np.array([float(y)])
    # the next term is ((y - mu)^2 - y) / (2 alpha)
    gap = ((y - mu) ** 2 + y + 1) / alpha
    assert head.log_density(counts, None, (mu, alpha)) == pytest.approx(
        poisson.log_density(counts, None, (mu,)), rel=1e-12, abs=gap
    )
    in_alpha = head.derivatives(counts, None, (mu, alpha))[0][1, 0]
    assert in_alpha == pytest.approx(-((y - mu) ** 2 - y) / (2 * alpha**2), abs=1e-14 * (1 + y + mu) / alpha)


@settings(deadline=None)
@given(z=st.floats(-30.0, 30.0))
def test_a_student_of_huge_nu_is_a_normal(z):
    y = np.array([z])
    student = LIKELIHOODS["StudentT"].log_density(y, None, (1e12, 0.0, 1.0))
    assert student == pytest.approx(
        LIKELIHOODS["Normal"].log_density(y, None, (0.0, 1.0)), rel=1e-12, abs=1e-6
    )


def test_a_gamma_of_huge_alpha_is_a_normal_about_its_mean():
    alpha, mu = 1e12, 3.0
    y = mu * (1 + np.array([-2.0, 0.5, 1.0]) / np.sqrt(alpha))
    gamma = parametrised("Gamma", formula=True).log_density(y, None, (mu, alpha))
    normal = LIKELIHOODS["Normal"].log_density(y, None, (mu, mu / np.sqrt(alpha)))
    # the skewness is 2 / sqrt(alpha)
    np.testing.assert_allclose(gamma, normal, atol=1e-5)


def test_no_zero_is_impossible_for_an_inflated_count_of_huge_mean():
    head = LIKELIHOODS["ZeroInflatedPoisson"]
    found = head.log_density(np.array([0.0, 0.0]), None, (np.array([0.25, 1.0]), 1e4))
    np.testing.assert_allclose(found, [np.log(0.75), -1e4], rtol=1e-14)


def test_a_certain_poisson_is_no_inflated_one():
    head, y, mu = LIKELIHOODS["ZeroInflatedPoisson"], np.arange(4.0), 1.7
    np.testing.assert_allclose(
        head.log_density(y, None, (1.0, mu)), LIKELIHOODS["Poisson"].log_density(y, None, (mu,)), rtol=1e-14
    )


def test_residuals_far_beyond_all_others_have_finite_derivatives_in_a_student():
    first, second = LIKELIHOODS["StudentT"].derivatives(np.array([1e120, -1e120]), None, (4.0, 0.0, 1e-50))
    assert np.isfinite(first).all()
    assert np.isfinite(second[1, 1]).all()


def test_forms_are_found_by_the_names_of_their_parameters():
    assert parametrised("Gamma").location == "beta"
    assert parametrised("Gamma", ["alpha"]).location == "beta"
    assert parametrised("Gamma", ["mu", "alpha"]).location == "mu"
    assert parametrised("Gamma", formula=True).location == "mu"
    assert parametrised("Gamma", ["nonsense"]).location == "beta"
    assert parametrised("Normal", ["tau"]) is LIKELIHOODS["Normal"]


def test_a_uniform_draws_between_its_ends_and_says_where_there_is_no_between():
    lower, upper = np.array([0.0, 0.0, 1.0, -np.inf]), np.array([2.0, np.inf, 0.0, 0.0])
    drawn = LIKELIHOODS["Uniform"].sample(np.random.default_rng(1), None, (lower, upper))
    assert 0.0 <= drawn[0] <= 2.0
    assert drawn[1] == np.inf
    assert np.isnan(drawn[2])
    assert not np.isfinite(drawn[3])
    np.testing.assert_array_equal(LIKELIHOODS["Uniform"].exists((lower, upper)), [True, True, False, True])


@pytest.mark.parametrize("sds", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("y", [1e12, 1e15])
def test_a_huge_count_has_the_density_of_a_normal_about_its_mean(y, sds):
    mu = y + sds * np.sqrt(y)
    found = LIKELIHOODS["Poisson"].log_density(np.array([y]), None, (np.array([mu]),))
    expected = (
        -0.5 * np.log(2 * np.pi * y) - 1 / (12 * y) - (mu - y) ** 2 / (2 * y) + (mu - y) ** 3 / (3 * y**2)
    )
    # the next term of the series, and what rounding of (mu - y) / y by 2^-53 moves
    assert found[0] == pytest.approx(expected, abs=sds**4 / (4 * y) + 4e-16 * (np.sqrt(y) * abs(sds) + 20))


@pytest.mark.parametrize(("y", "mu"), [(3.0, 1e-30), (4.0, 1e15), (0.0, 2.0), (0.0, 0.0), (2.0, 0.0)])
def test_a_poisson_far_from_its_mean_and_at_0(y, mu):
    expected = scipy.stats.poisson.logpmf(y, mu)
    assert LIKELIHOODS["Poisson"].log_density(np.array([y]), None, (np.array([mu]),))[0] == pytest.approx(
        expected, rel=1e-14
    )
