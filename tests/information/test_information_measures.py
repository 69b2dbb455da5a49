"""Entropies and divergences: closed forms against quadrature and sums, and what holds for all of them."""

import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.information import (
    bernoulli,
    beta,
    categorical,
    cross_entropy,
    density,
    dirichlet,
    entropy,
    exponential,
    gamma,
    hellinger,
    jensen_shannon,
    kl,
    laplace,
    mixture,
    mutual_information,
    mvnormal,
    normal,
    perplexity,
    poisson,
    surprise,
    total_variation,
    wasserstein,
)
from bayescope.information.closed_forms import ENTROPY, KL, LOG_AFFINITY, WASSERSTEIN, folded_normal_mean
from bayescope.information.densities import ARGUMENTS
from bayescope.information.evaluate import f_divergence, known
from bayescope.information.quadrature import integrate, pieces
from bayescope.information.views import view

EXACT = 1e-10
few = settings(max_examples=8, deadline=None)

location = st.floats(-5, 5)
scale = st.floats(0.2, 5)
shape = st.floats(1, 20)  # below 1 a Beta is infinite at 1, where doubles are too sparse for 1e-10
FAMILIES = {
    "Normal": st.builds(normal, location, scale),
    "Laplace": st.builds(laplace, location, scale),
    "Beta": st.builds(beta, shape, shape),
    "Gamma": st.builds(gamma, st.floats(0.3, 20), scale),
    "Exponential": st.builds(exponential, scale),
    "Poisson": st.builds(poisson, st.floats(0.01, 40)),
    "Bernoulli": st.builds(bernoulli, st.floats(0.001, 0.999)),
}
PAIRS = [(name, name) for name in FAMILIES if name != "Bernoulli"] + [
    ("Normal", "Laplace"),
    ("Laplace", "Normal"),
    ("Gamma", "Exponential"),
    ("Exponential", "Gamma"),
]


SIZES = st.integers(2, 6)


@st.composite
def tables(draw, size=SIZES, count=2):
    """Several tables of probabilities of one size, some of them with zeros."""
    n = draw(size)
    raw = [draw(st.lists(st.sampled_from([0, 1, 2, 5, 11]), min_size=n, max_size=n)) for _ in range(count)]
    return [(np.array(one) + (sum(one) == 0)) / max(sum(one), n * (sum(one) == 0)) for one in raw]


def allowance(*estimates):
    return EXACT + sum(one.error for one in estimates)


@pytest.mark.parametrize(("first", "second"), PAIRS)
@few
@given(data=st.data())
def test_closed_forms_agree_with_quadrature(first, second, data):
    p, q = data.draw(FAMILIES[first]), data.draw(FAMILIES[second])
    closed, numeric = known(KL, p, q), f_divergence("kl", p, q)
    assert closed.value == pytest.approx(numeric.value, rel=EXACT, abs=EXACT)
    affinity, square = known(LOG_AFFINITY, p, q), f_divergence("squared_hellinger", p, q)
    if affinity is not None:
        assert -math.expm1(affinity.value) == pytest.approx(square.value, abs=EXACT)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in {"Poisson", "Bernoulli"}])
@few
@given(data=st.data())
def test_entropies_agree_with_quadrature(family, data):
    p = data.draw(FAMILIES[family])
    # -KL to a flat density of height 1: the mixture has no closed form, and one component changes nothing
    assert entropy(p).value == pytest.approx(entropy(mixture([p])).value, abs=EXACT)


@pytest.mark.parametrize("family", ["Normal", "Laplace", "Exponential"])
@few
@given(data=st.data())
def test_wasserstein_agrees_with_quadrature(family, data):
    p, q = data.draw(FAMILIES[family]), data.draw(FAMILIES[family])
    assert known(WASSERSTEIN, p, q).value == pytest.approx(between_quantiles(p, q), rel=EXACT, abs=EXACT)


def between_quantiles(p, q):
    """Integrate |Q_p(u) - Q_q(u)| over (0, 1)."""
    quantiles = [view(one).quantile for one in (p, q)]

    def difference(u):
        return quantiles[0](u) - quantiles[1](u)

    cuts = pieces(0.0, 1.0, (0.5,), ())
    return integrate(cuts, lambda u, t: np.abs(difference(u))[None] * np.exp(t), difference)[0][0]


def test_a_kink_next_to_the_end_of_a_piece_is_seen():
    """The quantiles cross at u = exp(-0.69375) / 2 = 0.24985, and a piece ends at 0.25."""
    p, q = laplace(1.859375, 4.71875), laplace(0.125, 2.21875)
    exact = 1.734375 + 2.5 * math.exp(-1.734375 / 2.5)  # E |1.734375 + 2.5 L|, L of the standard Laplace
    assert between_quantiles(p, q) == pytest.approx(exact, rel=EXACT)


def test_a_zero_next_to_an_end_is_not_taken_for_a_tail_that_does_not_fall_off():
    p, q = laplace(-2.723449205894839, 1.0441721312717014), laplace(3.984375, 0.8125)
    assert between_quantiles(p, q) == pytest.approx(known(WASSERSTEIN, p, q).value, rel=EXACT)


def test_every_closed_form_is_of_distributions_of_the_table():
    for table in (KL, LOG_AFFINITY, ENTROPY, WASSERSTEIN):
        assert {name for key in table for name in key} <= set(ARGUMENTS)


@pytest.mark.parametrize("measure", [kl, hellinger])
def test_vector_families_reduce_to_their_scalar_members(measure):
    line = measure(normal(1, 2), normal(-1, 0.5)).value
    plane = measure(mvnormal([1, 3], [[4, 0], [0, 2]]), mvnormal([-1, 3], [[0.25, 0], [0, 2]])).value
    assert plane == pytest.approx(line, abs=1e-14)
    assert measure(dirichlet([2, 5]), dirichlet([3, 1])).value == measure(beta(2, 5), beta(3, 1)).value


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (mvnormal([0, 0], [[1, 0.5], [0.5, 1]]), mvnormal([0.5, 0], [[1, 0], [0, 2]])),
        (dirichlet([1, 2, 3]), dirichlet([3, 2, 1])),
    ],
    ids=str,
)
def test_vectors_without_closed_form_are_averaged_over_draws(p, q):
    for name, exact in [("kl", kl(p, q).value), ("squared_hellinger", hellinger(p, q).value ** 2)]:
        drawn = f_divergence(name, p, q)
        assert "draws" in drawn.how
        assert abs(drawn.value - exact) < 5 * drawn.error
    assert 0 < jensen_shannon(p, q).value < total_variation(p, q).value * math.log(2)


def test_normal_mutual_information_is_the_kl_from_independence():
    rho = 0.8
    joint, apart = mvnormal([0, 0], [[1, rho], [rho, 1]]), mvnormal([0, 0], [[1, 0], [0, 1]])
    assert kl(joint, apart).value == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-14)


def test_a_posterior_of_a_billion_rows_keeps_its_digits():
    p, q = beta(7e8, 3e8), beta(7e8 + 1e4, 3e8)
    # the second-order expansion by the Fisher information; the third order is smaller by the step 1e-5
    step = np.array([1e4, 0.0])
    information = np.diag(scipy.special.polygamma(1, [7e8, 3e8])) - scipy.special.polygamma(1, 1e9)
    expected = 0.5 * step @ information @ step
    assert kl(p, q).value == pytest.approx(expected, rel=1e-4)
    assert kl(p, q).error < 1e-4 * expected


# known answers of quadrature


def test_cauchy():
    p, q = density("Cauchy", 0, 1), density("Cauchy", 2, 3)
    assert entropy(p).value == pytest.approx(math.log(4 * math.pi), abs=EXACT)
    # Chyzak and Nielsen, 2019
    assert kl(p, q).value == pytest.approx(math.log((4**2 + 2**2) / (4 * 3)), abs=EXACT)


def test_total_variation_of_equal_normals_is_a_distance_in_standard_deviations():
    found = total_variation(normal(0, 2), normal(3, 2))
    assert found.value == pytest.approx(math.erf(3 / 4 / math.sqrt(2)), abs=EXACT)
    assert found.how == "quadrature"


def test_uniforms_have_jumps():
    p, q = density("Uniform", 0, 1), density("Uniform", 0, 4)
    assert kl(p, q).value == pytest.approx(math.log(4), abs=EXACT)
    assert kl(q, p).value == math.inf
    assert total_variation(p, q).value == pytest.approx(0.75, abs=EXACT)
    assert wasserstein(p, q).value == pytest.approx(1.5, abs=EXACT)


def test_an_infinite_density_is_integrated_as_far_as_doubles_reach_and_the_error_says_so():
    p, q = beta(0.5, 0.5), beta(2, 0.7)
    numeric = f_divergence("kl", p, q)
    assert numeric.error < 1e-6
    assert abs(numeric.value - kl(p, q).value) <= numeric.error


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 1e6])
def test_scale_does_not_matter(factor):
    p, q = density("StudentT", 3, 1 * factor, 2 * factor), density("Cauchy", 0, factor)
    reference = jensen_shannon(density("StudentT", 3, 1, 2), density("Cauchy", 0, 1))
    assert jensen_shannon(p, q).value == pytest.approx(reference.value, abs=EXACT)


@pytest.mark.parametrize("tail", [density("Cauchy", 0, 1), density("StudentT", 2, 0, 1)], ids=str)
def test_a_divergence_that_is_infinite_through_its_tails_is_infinite(tail):
    assert kl(tail, normal(0, 1)).value == math.inf
    assert math.isfinite(kl(normal(0, 1), tail).value)


def test_heavy_tails_that_are_just_light_enough_are_finite():
    # E x^2 = nu / (nu - 2), so KL to the Normal is -H + log(2 pi) / 2 + nu / (nu - 2) / 2
    p = density("StudentT", 2.5, 0, 1)
    expected = -entropy(p).value + 0.5 * math.log(2 * math.pi) + 0.5 * 2.5 / 0.5
    assert kl(p, normal(0, 1)).value == pytest.approx(expected, abs=EXACT)


def test_a_distance_without_a_mean_is_infinite():
    assert wasserstein(density("Cauchy", 0, 1), normal(0, 1)).value == math.inf


@pytest.mark.parametrize("gap", [5e-324, 1e-300, 1e-16])
def test_medians_may_be_next_to_each_other(gap):
    found = f_divergence("kl", normal(0, 1), normal(gap, 2))
    assert found.value == pytest.approx(kl(normal(0, 1), normal(gap, 2)).value, abs=EXACT)


# what holds for every pair


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (normal(0, 1), laplace(1, 2)),
        (gamma(2, 1), density("LogNormal", 0, 1)),
        (mixture([normal(-2, 0.5), normal(2, 0.5)]), normal(0, 2)),
        (beta(2, 3), density("Uniform", 0, 1)),
        (poisson(3), poisson(7)),
        ([0.1, 0.4, 0.5], poisson(1)),
        (bernoulli(0.3), categorical([0.5, 0.2, 0.3])),
    ],
    ids=str,
)
def test_inequalities_between_the_measures(p, q):
    found = {one: one(p, q) for one in (kl, jensen_shannon, hellinger, total_variation)}
    divergence, js, distance, variation = (one.value for one in found.values())
    slack = allowance(*found.values())
    assert min(found[one].value for one in found) > 0
    assert 2 * variation**2 <= divergence + slack  # Pinsker
    assert distance**2 <= variation + slack  # Le Cam
    assert variation <= math.sqrt(2 - distance**2) * distance + slack
    assert js <= variation * math.log(2) + slack  # Lin
    assert -2 * math.log1p(-(distance**2)) <= divergence + slack
    for one in (jensen_shannon, hellinger, total_variation, wasserstein):
        forward, backward = one(p, q), one(q, p)
        assert forward.value == pytest.approx(backward.value, abs=allowance(forward, backward))


@given(tables())
def test_a_table_and_its_definition(pair):
    p, q = pair
    assert kl(p, q).value == pytest.approx(float(scipy.special.rel_entr(p, q).sum()), abs=1e-14)
    assert total_variation(p, q).value == pytest.approx(0.5 * np.abs(p - q).sum(), abs=1e-14)
    assert wasserstein(p, q).value == pytest.approx(np.abs(np.cumsum(p - q)).sum(), abs=1e-14)


@given(tables(size=st.just(4)))
def test_merging_outcomes_brings_tables_closer(pair):
    merged = [one.reshape(2, 2).sum(axis=1) for one in pair]
    for measure in (kl, jensen_shannon, hellinger, total_variation):
        assert measure(*merged).value <= measure(*pair).value + 1e-12


@given(tables(count=3))
def test_distances_obey_the_triangle_inequality(triple):
    p, q, r = triple
    for measure in (hellinger, total_variation, wasserstein):
        assert measure(p, r).value <= measure(p, q).value + measure(q, r).value + 1e-7


@given(tables(size=st.just(6), count=1))
def test_mutual_information_is_the_entropy_that_is_shared(one):
    joint = one[0].reshape(2, 3)
    shared = entropy(joint.sum(axis=1)).value + entropy(joint.sum(axis=0)).value - entropy(joint).value
    assert mutual_information(joint).value == pytest.approx(shared, abs=1e-12)
    assert mutual_information(np.outer([0.3, 0.7], [0.2, 0.8])).value == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("p", [[0.5, 0.2, 0.3], normal(0, 1), poisson(4), beta(2, 3)], ids=str)
def test_nothing_is_as_near_as_the_thing_itself(p):
    for measure in (kl, jensen_shannon, total_variation, wasserstein):
        found = measure(p, p)
        assert found.value <= found.error + np.finfo(float).eps
    assert hellinger(p, p).value == pytest.approx(0, abs=1e-7)  # the root of the rounding error
    assert cross_entropy(p, p).value == pytest.approx(entropy(p).value, abs=1e-14)


@pytest.mark.parametrize("measure", [entropy, lambda p, base: kl(p, normal(0, 3), base)])
def test_bits_are_nats_over_log_two(measure):
    nats, bits = measure(normal(1, 2), base=math.e), measure(normal(1, 2), base=2)
    assert bits.value == pytest.approx(nats.value / math.log(2))
    assert bits.error == pytest.approx(nats.error / math.log(2))


def test_maximum_likelihood_minimises_the_kl_from_the_empirical_distribution():
    empirical = [0.4, 0.6]
    divergences = {p: kl(empirical, bernoulli(p)).value for p in (0.5, 0.59, 0.6, 0.61, 0.7)}
    assert min(divergences, key=divergences.get) == 0.6
    assert divergences[0.6] == pytest.approx(0, abs=1e-15)
    # 12 heads and 8 tails: the mean loss at the estimate is the entropy of the data
    assert 20 * cross_entropy(empirical, bernoulli(0.6)).value == pytest.approx(13.460233, abs=5.1e-7)


# marginals of a fit: pdf, cdf and quantile, and no more


class ByItsFunctions:
    """A distribution of the table that shows only what a marginal shows."""

    def __init__(self, p):
        self.entry, self.values = DISTRIBUTIONS[p.distribution], tuple(p.arguments.values())

    def log_pdf(self, x):
        return self.entry.log_density(x, *self.values)

    def cdf(self, x):
        return self.entry.cdf(x, *self.values)

    def quantile(self, q):
        return self.entry.quantile(q, *self.values)


@pytest.mark.parametrize("measure", [kl, jensen_shannon, hellinger, total_variation, wasserstein])
def test_a_marginal_is_measured_as_the_distribution_it_is(measure):
    p, q = beta(8, 6), beta(2, 2)
    for pair in [(ByItsFunctions(p), q), (p, ByItsFunctions(q)), (ByItsFunctions(q), ByItsFunctions(p))]:
        plain = [beta(*one.values) if isinstance(one, ByItsFunctions) else one for one in pair]
        found = measure(*pair)
        assert found.value == pytest.approx(measure(*plain).value, abs=EXACT + found.error)
        assert found.error < 1e-6
    assert entropy(ByItsFunctions(p)).value == pytest.approx(entropy(p).value, abs=EXACT)


@pytest.mark.parametrize("sd", [0.02, 1, 1e6])
def test_kl_to_a_marginal_is_known_where_its_density_underflows(sd):
    found = kl(normal(0, sd), ByItsFunctions(normal(0, 0.01)))
    truth = kl(normal(0, sd), normal(0, 0.01)).value
    assert found.value == pytest.approx(truth, rel=EXACT)
    assert found.error < EXACT * truth


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (normal(0, 1), laplace(0.3, 0.5)),
        (laplace(0, 1), normal(1, 2)),
        (gamma(3, 2), exponential(0.5)),
        (beta(2, 5), beta(0.7, 1)),
        (density("StudentT", 3, 0, 1), normal(0, 1)),
        (density("InverseGamma", 2.1, 1), gamma(2, 1)),
        (density("HalfCauchy", 1), density("LogNormal", 0, 1)),
        (beta(0.2, 0.3), beta(1, 1)),
    ],
    ids=str,
)
def test_over_quantiles_the_error_covers_what_kinks_and_heavy_tails_do(p, q):
    found, truth = kl(ByItsFunctions(p), ByItsFunctions(q)), kl(p, q)
    assert found.value == pytest.approx(truth.value, abs=found.error + truth.error + EXACT)
    assert not 1e-3 * max(1.0, truth.value) < found.error < math.inf


def test_a_divergence_without_end_is_infinite_of_marginals_too():
    assert kl(ByItsFunctions(density("Cauchy", 0, 1)), ByItsFunctions(normal(0, 1))).value == math.inf
    assert (
        wasserstein(ByItsFunctions(density("Cauchy", 0, 1)), ByItsFunctions(normal(0, 1))).value == math.inf
    )


@pytest.mark.parametrize(
    ("p", "q"),
    [(normal(0, 1), normal(0.3, 2)), (gamma(3, 2), normal(1, 1)), (beta(2, 5), beta(3, 3))],
    ids=str,
)
def test_the_distance_of_marginals_is_that_of_their_distributions(p, q):
    found, truth = wasserstein(ByItsFunctions(p), ByItsFunctions(q)), wasserstein(p, q)
    assert abs(found.value - truth.value) <= found.error + truth.error < 1e-3


# zero mass, point masses, disjoint supports


def test_an_impossible_event_is_infinitely_surprising():
    assert surprise([0, 1, 0.5], base=2).tolist() == [math.inf, 0, 1]


def test_zero_mass_gives_infinity_and_never_nan():
    assert kl([0.5, 0.5, 0], [0.5, 0, 0.5]).value == math.inf
    assert kl([1, 0], [0.5, 0.5]).value == pytest.approx(math.log(2))
    assert cross_entropy([0.5, 0.5], [1, 0]).value == math.inf
    assert perplexity(cross_entropy([0.5, 0.5], [1, 0])) == math.inf
    assert kl(poisson(2), [0.1, 0.2, 0.7]).value == math.inf
    assert kl(normal(0, 1), exponential(1)).value == math.inf
    assert kl(bernoulli(0.5), bernoulli(1)).value == math.inf
    assert kl(poisson(1), poisson(0)).value == math.inf
    assert kl(poisson(0), poisson(1)).value == 1.0
    assert (
        kl(density("Uniform", 0, 3), mixture([density("Uniform", 0, 1), density("Uniform", 2, 3)])).value
        == math.inf
    )


def test_point_masses():
    assert entropy([0, 1, 0]).value == 0
    assert entropy(bernoulli(0)).value == 0
    assert entropy(poisson(0)).value == 0
    assert wasserstein([1, 0, 0], [0, 0, 1]).value == 2


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([0.5, 0.5, 0, 0], [0, 0, 0.1, 0.9]),
        (density("Uniform", 0, 1), density("Uniform", 2, 3)),
        (normal(0, 1e-3), normal(1e3, 1e-3)),
    ],
    ids=str,
)
def test_disjoint_supports_are_as_far_apart_as_can_be(p, q):
    assert hellinger(p, q).value == pytest.approx(1, abs=EXACT)
    assert total_variation(p, q).value == pytest.approx(1, abs=EXACT)
    assert jensen_shannon(p, q, base=2).value == pytest.approx(1, abs=EXACT)
    assert kl(p, q).value > 1e9


def test_tables_of_large_counts_are_summed_where_the_mass_is():
    found = jensen_shannon(poisson(1e6), poisson(1e6 + 1e3))
    normals = jensen_shannon(normal(1e6, 1e3), normal(1e6 + 1e3, 1e3))
    assert found.value == pytest.approx(normals.value, rel=2e-3)  # skewness 1e-3
    assert found.error < 1e-7


# refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl([0.5, 0.6], [0.5, 0.5]), "sum to 1.1"),
        (lambda: kl([0.5, 0.5], [0.2, 0.3, 0.5]), "same shape"),
        (lambda: entropy([-0.5, 1.5]), "not negative"),
        (lambda: kl(normal(0, 1), poisson(1)), "on the line and on counts"),
        (lambda: kl(normal(0, 1), mvnormal([0, 0], np.eye(2))), "on the line and on vectors of 2"),
        (lambda: wasserstein(dirichlet([1, 1]), dirichlet([2, 1])), "two distributions on the line"),
        (lambda: mutual_information([0.5, 0.5]), "rows and columns"),
        (lambda: entropy([0.5, 0.5], base=1), "must be above 1"),
        (lambda: surprise(1.5), "between 0 and 1"),
        (
            lambda: mixture([poisson(1), poisson(2)]) and entropy(mixture([poisson(1)])),
            "component of a mixture",
        ),
    ],
)
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_text_is_sent_to_its_parser():
    with pytest.raises(TypeError, match="parse_prior"):
        kl("Normal(0, 1)", normal(0, 1))


def test_two_points_far_apart_have_a_distance():
    assert folded_normal_mean(1e300, 1e-10) == 1e300
    assert folded_normal_mean(0.0, 2.0) == pytest.approx(2 * math.sqrt(2 / math.pi), rel=1e-15)


def test_the_distance_to_far_off_modes_needs_no_search_between_them():
    y = [-10, -10.2, -9.9, 10, 10.1, 9.9]
    model = {
        "likelihood": "StudentT",
        "response": "y",
        "priors": {"nu": 1, "sigma": 1, "mu": "Normal(0, 100)"},
    }
    data = {"columns": {"y": y}}
    run = bayescope.run({"name": "two", "data": data, "model": model, "inference": ["map", "grid"]})
    (row,) = run.record.comparison
    # half of the mass is 20 away; the sd of the two modes is 9.93
    low = run["grid"].marginals["mu"].cdf(np.array(0.0))
    assert row.wasserstein_1_in_sd == pytest.approx(19.9 * low / run["grid"].sd[0], rel=0.05)
