"""The method `grid`: brute force agrees with every closed form, to the error that it states."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.exact import EXACT
from bayescope.inference.grid import GRID
from bayescope.inference.grid_marginal import clenshaw_curtis
from bayescope.inference.grid_target import Target, locate
from bayescope.inference.method import Context
from bayescope.inference.settings import ExactSettings, GridSettings
from bayescope.models import density, prior_density
from bayescope.pipeline import prepare, read_config

PROBABILITIES = np.array([0.001, 0.055, 0.5, 0.945, 0.999])


def grid(model, **options):
    return GRID.fit(model, GridSettings(**{"draws": 500, **options}), Context(seed=20261120))


def exact(model):
    return EXACT.fit(model, ExactSettings(draws=1, chains=1), Context(seed=1))


def true_error(found, known):
    """The largest error of mean, covariance (in sds), evidence (relative) and quantiles (in sds)."""
    sd = known.sd
    errors = [
        np.max(np.abs(found.estimate - known.estimate) / sd),
        np.max(np.abs(found.covariance - known.covariance) / np.outer(sd, sd)),
    ]
    if known.log_evidence is not None:
        errors.append(abs(found.log_evidence - known.log_evidence))
    for j, name in enumerate(found.names):
        ours, theirs = (fit.marginals[name].quantile(PROBABILITIES) for fit in (found, known))
        # a quantile where the density is low magnifies an error of the distribution function
        slack = sd[j] * known.marginals[name].pdf(theirs)
        errors.append(np.max(np.abs(ours - theirs) / sd[j] * np.minimum(slack, 1.0)))
    return float(max(errors))


@pytest.fixture(scope="module")
def line():
    rng = np.random.default_rng(20261120)
    x = rng.normal(100, 15, size=60)
    return np.column_stack([np.ones(60), x]), 25 + 0.6 * x + rng.normal(0, 18, size=60)


@pytest.mark.parametrize(
    ("heads", "tails", "prior"),
    [
        (7, 3, ("Beta", 2, 2)),
        (5, 0, ("Beta", 0.5, 0.5)),  # infinite at p = 1
        (0, 4, ("Beta", 0.3, 2)),  # infinite at p = 0
        (1, 0, ("Uniform", 0, 1)),  # highest at the end itself
        (700_000_000, 300_000_000, ("Beta", 2, 2)),
    ],
)
def test_it_equals_the_beta_posterior_of_a_coin(coin, heads, tails, prior):
    model = coin(heads, tails, prior, counts=True)
    found = grid(model)
    assert found.details["relative_error"] <= 1e-6
    assert true_error(found, exact(model)) <= 10 * found.details["relative_error"]


@pytest.mark.parametrize("sigma", [18.0, ("HalfCauchy", 20), ("Uniform", 0, 17), ("InverseGamma", 3, 30)])
def test_it_equals_the_exact_posterior_of_a_regression_with_correlation_099(regression, line, sigma):
    X, y = line
    model = regression(X, y, priors=("Normal", 0, 50), sigma=sigma)
    found, known = grid(model), exact(model)
    correlation = known.covariance[0, 1] / known.sd[0] / known.sd[1]
    assert abs(correlation) > 0.98
    assert true_error(found, known) <= 10 * found.details["relative_error"]
    assert max(found.details["points"]) < 600_000


def test_flat_priors_have_no_evidence_and_the_details_say_so(regression, line):
    X, y = line
    found = grid(regression(X, y, priors=("Flat",), sigma=18.0))
    assert found.log_evidence is None
    assert "undefined" in found.details["log_evidence"]


@given(
    heads=st.integers(0, 40),
    tails=st.integers(0, 40),
    alpha=st.floats(0.5, 30),
    beta=st.floats(0.5, 30),
    tolerance=st.sampled_from([1e-3, 1e-6, 1e-9]),
)
@settings(max_examples=25, deadline=None)
def test_the_stated_error_of_a_coin_is_honest(coin, heads, tails, alpha, beta, tolerance):
    model = coin(heads, tails + (heads == 0), ("Beta", alpha, beta), counts=True)
    try:
        found = grid(model, tolerance=tolerance, draws=1, chains=1)
    except FitError:  # the mass next to an infinite end may be more than a tight tolerance
        assert tolerance == 1e-9
        assert alpha < 1 or beta < 1
        return
    assert found.details["relative_error"] <= tolerance
    assert true_error(found, exact(model)) <= 10 * found.details["relative_error"]


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(8, 40),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    tolerance=st.sampled_from([1e-3, 1e-6]),
)
@settings(max_examples=10, deadline=None)
def test_the_stated_error_of_a_mean_and_a_sigma_is_honest(regression, seed, rows, scale, tolerance):
    y = scale * np.random.default_rng(seed).normal(3, 2, size=rows)
    model = regression(np.ones((rows, 1)), y, priors=("Normal", 0, 5 * scale), sigma=("HalfCauchy", scale))
    found = grid(model, tolerance=tolerance, draws=1, chains=1)
    assert found.details["relative_error"] <= tolerance
    assert true_error(found, exact(model)) <= 10 * found.details["relative_error"]


def by_dblquad(model, centre, sd, breaks):
    """Evidence, means and second moments of two unknowns by SciPy's adaptive quadrature, split at `breaks`."""
    peak = density.log_likelihood(model, centre) + prior_density.log_prior(model, centre)

    def joint(b, a):
        theta = np.array([a, b])
        return math.exp(density.log_likelihood(model, theta) + prior_density.log_prior(model, theta) - peak)

    ends = [sorted({m - 9 * s, m + 9 * s, *cut}) for m, s, cut in zip(centre, sd, breaks, strict=True)]

    def integral(power):
        return sum(
            scipy.integrate.dblquad(
                lambda b, a: joint(b, a) * power(a, b),
                *outer,
                *inner,
                epsabs=1e-9 * sd[0] * sd[1],
                epsrel=1e-7,
            )[0]
            for outer in zip(ends[0], ends[0][1:], strict=False)
            for inner in zip(ends[1], ends[1][1:], strict=False)
        )

    total = integral(lambda _a, _b: 1.0)
    return math.log(total) + peak, np.array([integral(lambda a, _b: a), integral(lambda _a, b: b)]) / total


@pytest.mark.parametrize(
    ("prior", "breaks"), [(("Normal", 0, 2.5), ((), ())), (("Laplace", 0, 0.5), ((0.0,), (0.0,)))]
)
def test_a_logistic_regression_of_two_parameters_equals_dblquad(regression, prior, breaks):
    X = np.column_stack([np.ones(8), np.arange(8) - 3.5])
    model = regression(X, [0, 0, 1, 0, 1, 0, 1, 1], likelihood="Bernoulli", priors=prior)
    found = grid(model)
    log_evidence, mean = by_dblquad(model, found.estimate, found.sd, breaks)
    assert found.log_evidence == pytest.approx(log_evidence, abs=1e-6)
    assert found.estimate == pytest.approx(mean, abs=2e-6)


def test_two_unknown_ends_of_a_uniform_equal_dblquad():
    # the one end is below the smallest y, and goes to -inf: x falls where its z rises
    y = [0.2, 0.5, 0.8]
    model = {
        "likelihood": "Uniform",
        "response": "y",
        "priors": {"lower": "Normal(0, 1)", "upper": "Normal(1, 2)"},
    }
    config = {"name": "ends", "data": {"columns": {"y": y}}, "model": model, "inference": ["grid"]}
    found = grid(prepare(read_config(config))[1])

    def integral(weight):
        return scipy.integrate.dblquad(
            lambda b, a: weight(a, b) * normal.pdf(a) * normal.pdf(b, 1, 2) / (b - a) ** 3,
            -12, 0.2, 0.8, 25, epsabs=1e-12, epsrel=1e-10,
        )[0]  # fmt: skip

    normal = scipy.stats.norm
    mass = integral(lambda _a, _b: 1.0)
    assert found.outcome.status == "ok"
    # upper - lower ~ Normal(1, sqrt(5)): the prior is that of ends of which the lower is below the upper
    room = normal.cdf(1 / math.sqrt(5))
    assert found.log_evidence == pytest.approx(math.log(mass / room), abs=1e-6)
    means = [integral(lambda _a, b: b) / mass, integral(lambda a, _b: a) / mass]
    assert found.estimate == pytest.approx(means, abs=2e-6)


def test_laplace_priors_on_an_orthogonal_design_have_the_known_product_form(regression):
    # with X'X diagonal and sigma known the posterior is a product, and each factor two Normal pieces
    X = np.array([[1.0, 1], [1, -1], [1, 1], [1, -1]])
    y = np.array([0.4, -0.1, 0.2, 0.3])
    found = grid(regression(X, y, priors=("Laplace", 0, 0.3), sigma=0.5), tolerance=1e-9)
    variance, least_squares, b = 0.25 / 4, X.T @ y / 4, 0.3
    masses, means = [], []
    for hat in least_squares:
        pieces = []
        for sign in (1.0, -1.0):
            centre = hat - sign * variance / b
            side = sign * centre / math.sqrt(variance)
            weight = math.exp((centre**2 - hat**2) / (2 * variance)) * scipy.stats.norm.cdf(side)
            inside = sign * math.sqrt(variance) * scipy.stats.norm.pdf(side) / scipy.stats.norm.cdf(side)
            pieces.append((weight, centre + inside))
        masses.append(sum(weight for weight, _ in pieces))
        means.append(sum(weight * mean for weight, mean in pieces) / masses[-1])
    residual = float(np.sum((y - X @ least_squares) ** 2)) / (2 * 0.25)
    constant = (
        -2 * math.log(2 * math.pi * 0.25) - residual + math.log(2 * math.pi * variance) - 2 * math.log(2 * b)
    )
    assert found.estimate == pytest.approx(means, abs=1e-9)
    assert found.log_evidence == pytest.approx(constant + sum(np.log(masses)), abs=1e-8)
    assert found.marginals["Intercept"].mode == pytest.approx(
        max(least_squares[0] - variance / b, 0.0), abs=1e-6
    )


@pytest.mark.parametrize(
    ("y", "mu", "prior", "missing", "mean"),
    [
        # towards large alpha the counts are Poisson's, and the density falls as the prior's: as alpha^-3
        ([0, 3, 1, 7, 2, 0, 4], 2.4, "InverseGamma(2, 3)", "has no sd of alpha:", 2.316656),
        # and as alpha^-2
        ([0, 0, 0, 1, 0, 0, 5], 0.857, "HalfCauchy(1)", "no mean and sd of alpha:", np.inf),
    ],
)
def test_a_tail_that_turns_flat_far_out_has_the_moments_of_its_end(y, mu, prior, missing, mean):
    model = {"likelihood": "NegativeBinomial", "response": "y", "priors": {"mu": mu, "alpha": prior}}
    config = {"name": "tail", "data": {"columns": {"y": y}}, "model": model, "inference": ["grid"]}
    found = bayescope.run(config)["grid"]
    assert found.outcome.status == "flagged"
    assert missing in found.outcome.message
    assert found.sd[0] == np.inf
    assert found.estimate[0] == pytest.approx(mean, abs=1e-5)


def test_a_moment_that_does_not_settle_for_its_tail_is_named():
    model = {"likelihood": "NegativeBinomial", "response": "y"}
    model["priors"] = {"mu": 4.833, "alpha": "HalfCauchy(1)"}
    config = {"name": "tail", "data": {"columns": {"y": [0, 0, 0, 9, 0, 20]}}, "model": model}
    found = bayescope.run(config | {"inference": [{"grid": {"max_points": 20_000}}]})["grid"]
    assert found.outcome.message == (
        "The sd of alpha does not settle: its tail is so heavy that it may have none."
    )
    assert "a prior with lighter tails" in found.outcome.advice


def test_moments_that_do_not_exist_are_infinite_and_flagged(regression):
    # separable classes: towards +inf the likelihood of the slope is constant, and its prior is Cauchy
    X = np.column_stack([np.arange(6) - 2.5])
    found = grid(regression(X, [0, 0, 0, 1, 1, 1], likelihood="Bernoulli", priors=("Cauchy", 0, 2.5)))
    assert np.isnan(found.estimate[0])
    assert found.sd[0] == np.inf
    assert found.outcome.status == "flagged"
    assert "no mean and sd of x0:" in found.outcome.message
    median = found.marginals["x0"].quantile(np.array(0.5))
    below, _ = scipy.integrate.quad(_separable, -np.inf, float(median), epsabs=1e-12)
    total, _ = scipy.integrate.quad(_separable, -np.inf, np.inf, epsabs=1e-12)
    assert below / total == pytest.approx(0.5, abs=1e-6)


def _separable(slope):
    x = np.array([0.5, 1.5, 2.5])
    return math.exp(2 * float(np.sum(scipy.special.log_expit(slope * x)))) / (1 + (slope / 2.5) ** 2)


def test_a_prior_against_the_data_leaves_two_modes_and_both_are_found(regression):
    # two rows at 20 +- 1.5 against StudentT(2, 0, 0.3): some mass stays at the prior
    model = regression(np.ones((2, 1)), [9.0, 9.2], priors=("StudentT", 2, 0, 0.3), sigma=3.0)
    found = grid(model)

    def joint(mu):
        theta = np.array([mu])
        return math.exp(density.log_likelihood(model, theta) + prior_density.log_prior(model, theta))

    total = sum(scipy.integrate.quad(joint, a, b, epsabs=1e-16)[0] for a, b in [(-20, 0), (0, 2), (2, 30)])
    near = sum(scipy.integrate.quad(joint, a, b, epsabs=1e-16)[0] for a, b in [(-20, 0), (0, 2)])
    assert found.log_evidence == pytest.approx(math.log(total), abs=1e-6)
    assert found.marginals["Intercept"].cdf(np.array(2.0)) == pytest.approx(near / total, abs=1e-6)


@pytest.mark.parametrize("prior", [("Normal", 0, 50), ("Laplace", 0, 0.2)])
def test_draws_are_independent_draws_from_the_marginals(regression, line, prior):
    X, y = line
    found = grid(regression(X[:12], y[:12], priors=prior, sigma=18.0), draws=1500)
    assert found.draws.shape == (4, 1500, 2)
    assert found.details["draws_cut_short"] == 0
    flat = found.draws.reshape(-1, 2)
    for j, name in enumerate(found.names):
        assert scipy.stats.kstest(flat[:, j], found.marginals[name].cdf).pvalue > 1e-3
    z = (flat - found.estimate) / found.sd
    expected = found.covariance[0, 1] / found.sd[0] / found.sd[1]
    product = z[:, 0] * z[:, 1]
    assert abs(product.mean() - expected) <= 4 * product.std() / math.sqrt(len(flat))


def test_the_same_seed_gives_the_same_draws(coin):
    model = coin(3, 2)
    assert np.array_equal(grid(model).draws, grid(model).draws)


def test_marginals_have_the_moments_of_the_fit_and_invert_themselves(regression, line):
    X, y = line
    found = grid(regression(X, y, priors=("Normal", 0, 50), sigma=("HalfCauchy", 20)))
    for j, name in enumerate(found.names):
        marginal = found.marginals[name]
        assert marginal.mean == pytest.approx(found.estimate[j], abs=1e-6 * found.sd[j])
        assert marginal.sd == pytest.approx(found.sd[j], rel=1e-6)
        x = marginal.quantile(PROBABILITIES)
        assert marginal.cdf(x) == pytest.approx(PROBABILITIES, abs=1e-12)
        step = 1e-4 * found.sd[j]
        slope = (marginal.cdf(x + step) - marginal.cdf(x - step)) / (2 * step)
        assert marginal.pdf(x) == pytest.approx(slope, rel=1e-5)
        assert type(marginal)(**marginal.to_arrays()).quantile(PROBABILITIES) == pytest.approx(x)


def test_a_truncated_sigma_ends_where_its_prior_does(regression, line):
    X, y = line
    sigma = grid(regression(X, y, priors=("Normal", 0, 50), sigma=("Uniform", 0, 12))).marginals["sigma"]
    assert sigma.mode == 12
    assert sigma.cdf(np.array([12.0, 13.0])).tolist() == [1.0, 1.0]
    assert sigma.pdf(np.array([12.5])).tolist() == [0.0]


def test_the_surface_of_two_unknowns_is_likelihood_and_prior(regression, line):
    X, y = line
    model = regression(X, y, priors=("Normal", 0, 50), sigma=18.0)
    surface = json.loads(json.dumps(grid(model).details["surface"]))
    x, intercepts = np.array(surface["y"]), np.array(surface["x"])
    assert np.shape(surface["log_prior"]) == np.shape(surface["log_likelihood"]) == (72, 72)
    for name, function in (
        ("log_likelihood", density.log_likelihood),
        ("log_prior", prior_density.log_prior),
    ):
        values = np.array(surface[name])
        i, j = np.unravel_index(np.argmax(values), values.shape)
        theta, top = np.array([intercepts[40], x[30]]), np.array([intercepts[j], x[i]])
        expected = max(function(model, theta) - function(model, top), -200.0)
        assert values.max() == 0
        assert values[30, 40] == pytest.approx(expected, abs=1e-4)


def test_only_two_unknowns_have_a_surface(coin):
    assert "surface" not in grid(coin(3, 2)).details


def test_more_than_three_unknowns_are_declined_with_the_count(regression):
    model = regression(np.eye(4), np.arange(4.0), priors=("Normal", 0, 1), sigma=1.0)
    with pytest.raises(NotApplicable, match=r"4 unknowns.*at most 3"):
        grid(model)


@pytest.mark.parametrize("prior", [("HalfFlat",), ("HalfCauchy", 1)])
def test_a_perfect_fit_with_an_open_sigma_is_refused_by_name(regression, prior):
    model = regression(np.ones((4, 1)), np.ones(4), priors=("Normal", 0, 1), sigma=prior)
    with pytest.raises(FitError, match=rf"{prior[0]}.*posterior is improper"):
        grid(model)


def test_a_perfect_fit_with_a_sigma_kept_from_zero_has_an_answer(regression):
    model = regression(np.ones((4, 1)), np.ones(4), priors=("Normal", 0, 1), sigma=("InverseGamma", 3, 1))
    found = grid(model)
    assert true_error(found, exact(model)) <= 10 * found.details["relative_error"]


def test_a_flat_sigma_with_too_few_rows_is_refused_by_name(regression):
    model = regression(np.ones((2, 1)), [1.0, 2.0], priors=("Flat",), sigma=("HalfFlat",))
    with pytest.raises(FitError, match="2 rows, 1 coefficient and a flat sigma: the posterior is improper"):
        grid(model)


def test_a_posterior_whose_mass_does_not_converge_is_refused_by_name():
    # p(upper | y) is proportional to 1 / upper above the one observation
    model = {"likelihood": "Uniform", "response": "y", "priors": {"lower": 0, "upper": "HalfFlat()"}}
    config = {"name": "x", "data": {"columns": {"y": [2.0]}}, "model": model, "inference": ["grid"]}
    with pytest.raises(FitError, match="does not converge: towards large values of upper"):
        grid(prepare(read_config(config))[1])


def test_separated_classes_under_flat_priors_are_refused_by_the_column(regression):
    X = np.column_stack([np.ones(6), np.arange(6)])
    model = regression(X, [0, 0, 0, 1, 1, 1], likelihood="Bernoulli", priors=("Flat",))
    with pytest.raises(FitError, match="separation of the response by x1"):
        grid(model)


def test_mass_that_doubles_cannot_place_is_refused(coin):
    with pytest.raises(FitError, match="closer to an end of its range"):
        grid(coin(5, 0, ("Beta", 0.1, 0.1)))


def test_a_tolerance_out_of_reach_is_an_error_that_says_how_far_it_came(regression, line):
    X, y = line
    model = regression(X, y, priors=("Normal", 0, 50), sigma=("HalfCauchy", 20))
    with pytest.raises(FitError, match=r"at most 20,000 points \(max_points\) reached an error of"):
        grid(model, tolerance=1e-9, max_points=20_000)


@pytest.mark.parametrize("cells", [2, 8, 26])
def test_clenshaw_curtis_is_exact_for_polynomials_of_its_degree(cells):
    nodes, weights = clenshaw_curtis(cells)
    for degree in range(cells + 1):
        expected = 2 / (degree + 1) if degree % 2 == 0 else 0.0
        assert weights @ nodes**degree == pytest.approx(expected, abs=1e-13)


def test_a_million_points_need_no_matrix():
    nodes, weights = clenshaw_curtis(2**20)
    assert weights @ nodes**2 == pytest.approx(2 / 3, rel=1e-13)


@pytest.mark.parametrize("scale", [1e-80, 1.0, 1e20, 1e60, 1e99])
def test_an_end_of_a_range_is_found_in_any_units(scale):
    priors = {"lower": 0, "upper": f"Pareto(2, {scale!r})"}
    model = {"likelihood": "Uniform", "response": "y", "priors": priors}
    data = {"columns": {"y": [scale, 2 * scale, 3 * scale]}}
    built = prepare(read_config({"name": "end", "data": data, "model": model, "inference": ["grid"]}))[1]
    found = grid(built)
    assert true_error(found, exact(built)) <= 10 * found.details["relative_error"]


def test_a_posterior_narrower_than_doubles_is_refused_by_name():
    model = {
        "likelihood": "Uniform",
        "response": "y",
        "priors": {"lower": 0, "upper": "Pareto(1e100, 1e100)"},
    }
    config = {"name": "end", "data": {"columns": {"y": [1e99]}}, "model": model, "inference": ["grid"]}
    with pytest.raises(FitError, match="The mass of the posterior does not converge"):
        grid(prepare(read_config(config))[1])


def test_a_density_that_is_zero_wherever_it_is_looked_for_is_refused_by_name(coin):
    class Empty(Target):
        def log_density(self, z):
            return np.full(len(z), -np.inf)

    with pytest.raises(FitError, match="finds no place where the posterior has a density"):
        locate(Empty(coin(1, 1, ("Beta", 1, 1))))
