"""Measures of draws: near the truth by their own error, and named for what they are."""

import math

import numpy as np
import pytest

from bayescope.information import (
    beta,
    cross_entropy,
    density,
    draws,
    entropy,
    hellinger,
    jensen_shannon,
    kl,
    log_likelihood,
    log_mean_exp,
    log_sum_exp,
    mixture,
    mvnormal,
    normal,
    poisson,
    total_variation,
    wasserstein,
)

P, Q = normal(1, 0.5), normal(0, 1)
ERRORS = 4  # standard errors that a right answer may be off


@pytest.fixture
def rng():
    return np.random.default_rng(20261120)


@pytest.fixture
def samples(rng):
    return draws(rng.normal(1, 0.5, 2000)), draws(rng.normal(0, 1, 2000))


def chain(rng, n, rho):
    """An autoregressive chain whose draws are Normal(0, 1)."""
    x = np.empty(n)
    x[0] = rng.normal()
    for i in range(1, n):
        x[i] = rho * x[i - 1] + math.sqrt(1 - rho**2) * rng.normal()
    return x


def test_kl_by_nearest_neighbours(samples):
    x, y = samples
    exact = kl(P, Q).value
    for found in (kl(x, y), kl(x, Q), kl(P, y)):
        assert found.how == "k nearest neighbours (k=5)"
        assert abs(found.value - exact) < ERRORS * found.error < 0.4


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_nearest_neighbours_do_not_depend_on_the_unit(samples, factor):
    x, y = samples
    scaled = draws(factor * x.values), draws(factor * y.values)
    assert kl(*scaled).value == pytest.approx(kl(x, y).value, rel=1e-9)
    assert entropy(scaled[0]).value == pytest.approx(entropy(x).value + math.log(factor), rel=1e-9)


def test_entropy_by_nearest_neighbours(samples, rng):
    found = entropy(samples[0])
    assert abs(found.value - entropy(P).value) < ERRORS * found.error < 0.2
    plane = mvnormal([0, 1], [[1, 0.9], [0.9, 4]])
    found = entropy(draws(rng.multivariate_normal([0, 1], [[1, 0.9], [0.9, 4]], 2000)))
    assert abs(found.value - entropy(plane).value) < ERRORS * found.error < 0.4


def test_the_error_is_honest_over_repetitions(rng):
    exact = kl(P, Q).value
    found = [kl(draws(rng.normal(1, 0.5, 300)), draws(rng.normal(0, 1, 300))) for _ in range(40)]
    z = np.array([(one.value - exact) / one.error for one in found])
    # 40 squared z have mean 1 and standard deviation sqrt(2 / 40) if the error is right
    assert np.mean(z**2) < 1 + 4 * math.sqrt(2 / 40)


def test_autocorrelation_widens_the_error(rng):
    wide = cross_entropy(draws(chain(rng, 4000, 0.95)), Q).error
    narrow = cross_entropy(draws(rng.normal(size=4000)), Q).error
    # the variance of x^2 grows by (1 + rho^2) / (1 - rho^2) = 20
    assert 2 < wide / narrow < 10


@pytest.mark.parametrize("measure", [jensen_shannon, hellinger, total_variation])
def test_other_divergences_of_draws_are_those_of_normals_and_say_so(samples, measure):
    x, y = samples
    exact = measure(P, Q).value
    for found in (measure(x, y), measure(x, Q), measure(P, y)):
        assert found.how == "Normal approximation of draws"
        assert abs(found.value - exact) < ERRORS * found.error < 0.1


def test_wasserstein_of_draws_is_that_of_their_empirical_distribution(samples):
    x, y = samples
    for found in (wasserstein(x, y), wasserstein(x, Q), wasserstein(P, y)):
        assert "draws" in found.how
        assert abs(found.value - wasserstein(P, Q).value) < ERRORS * found.error < 0.2


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_a_chain_that_stays_now_and_then_is_no_nearer_to_itself(rng, share):
    """As one of `hmc` or `metropolis` does, whose proposals are refused."""
    x = rng.beta(8, 6, 4000)
    for i in np.flatnonzero(rng.random(4000) < share):
        x[i] = x[i - 1]
    assert abs(kl(draws(x), beta(8, 6)).value) < 0.02


def test_repeated_draws_have_no_distances_and_are_approximated(rng):
    stuck = draws(np.repeat(rng.normal(1, 0.5, 200), 10))
    found = kl(stuck, Q)
    assert found.how == "Normal approximation of draws"
    assert abs(found.value - kl(P, Q).value) < ERRORS * found.error


def test_draws_against_a_mixture(rng):
    target = mixture([normal(-2, 0.5), normal(2, 0.5)])
    x = draws(rng.choice([-2, 2], 2000) + 0.5 * rng.normal(size=2000))
    found = kl(x, target)
    assert abs(found.value) < ERRORS * found.error < 0.2
    assert kl(x, normal(0, 2)).value > 10 * found.value


def test_draws_of_counts_have_a_mean_loss(rng):
    x = draws(rng.poisson(3, 1000))
    found = cross_entropy(x, poisson(3))
    assert abs(found.value - entropy(poisson(3)).value) < ERRORS * found.error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draws([1.0, 2.0]), "20 or more"),
        (lambda: draws([math.nan] * 30), "finite"),
        (lambda: entropy(draws(np.ones(30))), "constant"),
        (lambda: kl(draws(np.eye(30)[:, :2]), normal(0, 1)), "vectors of 2 and on the line"),
        (lambda: kl(draws(np.arange(30.0)), poisson(3)), "on the line and on counts"),
        (
            lambda: (
                cross_entropy(normal(0, 1), draws(np.arange(30.0))).value
                and log_likelihood(draws(np.arange(30.0)), [1])
            ),
            "no density",
        ),
        (lambda: wasserstein(draws(np.eye(30)[:, :2]), normal(0, 1)), "on the line"),
    ],
)
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# likelihoods in logarithms


def test_sums_of_exponentials_stay_in_range():
    assert log_sum_exp([1000, 1000]) == pytest.approx(1000 + math.log(2))
    assert log_sum_exp([-1e5, -1e5], weights=[1, 3]) == pytest.approx(-1e5 + math.log(4))
    assert log_sum_exp([-math.inf, -math.inf]) == -math.inf
    assert log_mean_exp([-2000, -math.inf]) == pytest.approx(-2000 - math.log(2))


def test_an_impossible_observation_has_likelihood_zero_and_an_absent_one_costs_nothing():
    uniform = density("Uniform", 0, 1)
    assert log_likelihood(uniform, [0.5, 2]) == -math.inf
    assert log_likelihood(uniform, [0.5, 2], counts=[3, 0]) == 0
    assert log_likelihood([0.25, 0.75], [0, 1, 1]) == pytest.approx(math.log(0.25 * 0.75**2))
    assert log_likelihood([0.25, 0.75], [0.5]) == -math.inf
    assert log_likelihood(poisson(2), [-1]) == -math.inf


def test_the_likelihood_of_a_mixture_does_not_underflow():
    far = mixture([normal(0, 1), normal(100, 1)])
    assert log_likelihood(far, [50.0]) == pytest.approx(-1250 - 0.5 * math.log(2 * math.pi))
