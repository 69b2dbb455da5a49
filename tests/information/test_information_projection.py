"""Projections under both directions of KL, and Fisher information as the curvature of KL."""

import math

import numpy as np
import pytest

from bayescope.information import (
    Density,
    bernoulli,
    beta,
    categorical,
    cramer_rao_bound,
    density,
    dirichlet,
    draws,
    exponential,
    fisher_information,
    gamma,
    kl,
    laplace,
    mixture,
    mvnormal,
    normal,
    poisson,
    project,
)

TWO_MODES = mixture([normal(-2, 0.5), normal(2, 0.5)])


def two_modes(x):
    """The same target as an unnormalised log density."""
    return 7.0 + np.logaddexp(-2 * (x + 2) ** 2, -2 * (x - 2) ** 2)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(
    "target", [normal(3, 0.1), laplace(1, 2), gamma(3, 2), beta(2, 5), density("LogNormal", 1, 0.5)], ids=str
)
def test_a_member_of_the_family_is_its_own_projection(target, direction):
    found = project(target, family=target.distribution, direction=direction)
    # the trapezoidal rule of the reverse direction is of second order where the density has a kink
    kinked = target.distribution == "Laplace" and direction == "reverse"
    for name, value in target.arguments.items():
        assert found.density.arguments[name] == pytest.approx(value, abs=1e-3 if kinked else 1e-6)
    assert found.divergence.value <= max(1e-6 if kinked else 1e-11, found.divergence.error)


@pytest.mark.parametrize("target", [TWO_MODES, two_modes], ids=["mixture", "log density"])
def test_forward_and_reverse_differ_on_two_modes(target):
    forward, reverse = project(target), project(target, direction="reverse")
    assert forward.density.arguments["sigma"] == pytest.approx(math.sqrt(4.25), rel=1e-9)
    assert abs(reverse.density.arguments["mu"]) == pytest.approx(2, abs=0.01)
    # one of two equal modes is missing: log 2, but for what the modes overlap
    assert reverse.divergence.value == pytest.approx(math.log(2), abs=1e-3)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_no_neighbour_of_a_projection_is_nearer(direction):
    found = project(TWO_MODES, direction=direction)
    mu, sigma = found.density.arguments.values()
    for step in (0.01, -0.01):
        for other in (normal(mu + step, sigma), normal(mu, sigma * (1 + step))):
            pair = (TWO_MODES, other) if direction == "forward" else (other, TWO_MODES)
            assert kl(*pair).value > found.divergence.value


def test_forward_projection_on_an_exponential_family_matches_moments():
    found = project(density("LogNormal", 0, 0.5), family="Gamma").density.arguments
    # a Gamma matches E x and E log x
    assert found["alpha"] / found["beta"] == pytest.approx(math.exp(0.125), rel=1e-7)


def test_projection_of_draws_is_maximum_likelihood():
    x = np.random.default_rng(1).gamma(3.0, 0.5, 500)
    fitted = project(draws(x)).density.arguments
    assert (fitted["mu"], fitted["sigma"]) == pytest.approx((x.mean(), x.std()))
    rate = project(draws(x), family="Exponential").density.arguments["lam"]
    assert rate == pytest.approx(1 / x.mean(), rel=1e-7)
    assert project(draws(x)).divergence.how.startswith("k nearest neighbours")


def test_a_log_density_may_end_and_have_any_scale():
    decaying = project(lambda x: np.where(x > 0, -1e3 * x, -np.inf), family="Exponential")
    assert decaying.density.arguments["lam"] == pytest.approx(1e3, rel=1e-7)
    far = project(lambda x: -0.5 * ((x - 12345.0) / 1e-3) ** 2).density.arguments
    assert far["mu"] == pytest.approx(12345)
    assert far["sigma"] == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: project(density("Cauchy", 0, 1)), "no finite variance"),
        (lambda: project(normal(0, 1), family="Gamma"), "no Gamma has a finite"),
        (lambda: project(normal(0, 1), family="Cauchy", direction="reverse"), "tails"),
        (lambda: project(normal(0, 1), family="Dirichlet"), "distribution of numbers"),
        (lambda: project(draws(np.arange(30.0)), direction="reverse"), "direction='forward'"),
        (lambda: project(poisson(3)), "on the line, not counts"),
        (lambda: project(lambda x: np.zeros(np.shape(x))), "no density"),
        (lambda: project(lambda x: np.full(np.shape(x), -np.inf)), "finite nowhere"),
    ],
)
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Fisher information is the curvature of KL: KL(theta || theta + h) = h' I h / 2 + O(h^3)


@pytest.mark.parametrize(
    "model",
    [
        bernoulli(0.3),
        normal(1, 2),
        beta(2, 5),
        gamma(3, 2),
        exponential(0.7),
        poisson(4),
        dirichlet([1, 2, 3]),
    ],
    ids=str,
)
def test_fisher_information_is_the_curvature_of_kl(model):
    step = 1e-3
    values = np.hstack(list(model.arguments.values()))
    vector = len(model.arguments) == 1 and isinstance(next(iter(model.arguments.values())), tuple)
    matrix = fisher_information(model)
    for direction in [*np.eye(len(values)), np.ones(len(values))]:
        # the mean of both signs takes the third order away
        moved = [values + sign * step * direction for sign in (1, -1)]
        near = [density(model.distribution, *([one] if vector else one)) for one in moved]
        curvature = sum(kl(model, one).value for one in near) / step**2
        assert direction @ matrix @ direction == pytest.approx(curvature, rel=1e-4)


def test_fisher_information_of_the_free_probabilities_of_a_table():
    assert fisher_information(categorical([0.3, 0.7])).item() == pytest.approx(1 / 0.21)
    bound = cramer_rao_bound(categorical([0.2, 0.3, 0.5]), n=10)
    assert bound == pytest.approx(np.array([0.2 * 0.8, 0.3 * 0.7]) / 10)


def test_knowing_a_parameter_lowers_the_bound():
    unknown, known = cramer_rao_bound(gamma(3, 2)), cramer_rao_bound(gamma(3, 2), of=["beta"])
    assert known[0] < unknown[1]
    assert cramer_rao_bound(laplace(0, 2), n=4) == pytest.approx([1, 1])
    assert cramer_rao_bound(mvnormal([0, 0], [[1, 0.5], [0.5, 2]])) == pytest.approx([1, 2])


def test_on_the_boundary_the_information_is_infinite():
    assert fisher_information(bernoulli(0.0)).item() == math.inf
    assert cramer_rao_bound(bernoulli(1.0)).item() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fisher_information(density("Cauchy", 0, 1)), "known are Bernoulli"),
        (lambda: fisher_information(normal(0, 1), of=["tau"]), "mu, sigma"),
        (lambda: density("Norml", 0, 1), "unknown distribution"),
        (lambda: normal(0, -1), "'sigma' must be positive numbers"),
        (lambda: density("Gamma", -1, -1), "'alpha'.*'beta'"),
        (lambda: density("Beta", 1), "takes 2 arguments"),
        (lambda: density("Uniform", 1, 0), "less than"),
        (lambda: mvnormal([0, 0], [[1, 2], [2, 1]]), "positive definite"),
        (lambda: mvnormal([0, 0], [[1]]), "shape"),
        (lambda: categorical([0.5, 0.6]), "sum to 1"),
        (lambda: mixture([normal(0, 1)], [0.5, 0.5]), "one weight"),
    ],
)
def test_wrong_arguments_are_refused_all_at_once(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_densities_print_and_compare_as_configurations_do():
    assert str(density("StudentT", 3, 0, 2.5)) == "StudentT(3, 0, 2.5)"
    assert str(dirichlet([1, 2])) == "Dirichlet([1, 2])"
    assert {normal(0, 1), normal(0, 1)} == {density("Normal", 0, 1)}
    assert isinstance(normal(0, 1), Density)
