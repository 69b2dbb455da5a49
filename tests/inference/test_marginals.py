"""Marginals: each against scipy, and the laws that hold for all of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bayescope.inference.marginals import (
    MARGINALS,
    Beta,
    Draws,
    Normal,
    NormalMixture,
    Pushforward,
    Tabulated,
    marginal_from_arrays,
)
from bayescope.inference.named_marginals import Gamma, InverseGamma, Pareto, StudentT
from bayescope.inference.quadrature import integrate
from bayescope.inference.root_inverse_gamma import RootInverseGamma

PROBABILITIES = np.array([1e-6, 0.001, 0.055, 0.3, 0.5, 0.7, 0.945, 0.999])


ORIGIN = 2.5


def tabulated_gamma(shape, lower=0.0, upper=math.inf):
    """x ~ Gamma(shape, shape / ORIGIN), cut off at the two ends, on panels in tau = log(x / ORIGIN)."""
    ends = (math.log(lower / ORIGIN) if lower else -math.inf, math.log(upper / ORIGIN))
    answer = integrate(lambda tau: shape * (tau - np.expm1(tau)), *ends, (1, 2), 1e-10)
    return Tabulated(ORIGIN, answer.edges, answer.density, lower, upper)


CONTINUOUS = {
    "Beta": Beta(8.0, 6.0),
    "Normal": Normal(-3.0, 0.2),
    "Gamma": Gamma(4.0, 2.5),
    "InverseGamma": InverseGamma(60.0, 30.0),
    "StudentT": StudentT(60.0, -2.0, 0.5),
    "RootInverseGamma": RootInverseGamma(60.0, 30.0),
    "Pareto": Pareto(60.0, 2.0),
    "NormalMixture": NormalMixture(
        np.array([0.2, 0.5, 0.3]), np.array([-1.0, 0.0, 2.5]), np.array([0.1, 1.0, 3.0])
    ),
    "Pushforward": Pushforward(0.4, 0.8, -1.0, 2.0),
    "Tabulated": tabulated_gamma(3.0),
}
ALL = {**CONTINUOUS, "Draws": Draws(np.random.default_rng(1).normal(size=(4, 500)))}


def test_every_kind_is_tested_here():
    # Gridded and Bernoulli are tested with what makes them, in test_grid.py and test_hypotheses.py
    assert set(ALL) | {"Gridded", "Bernoulli"} == set(MARGINALS)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_cdf_and_quantile_are_inverse(kind):
    marginal = CONTINUOUS[kind]
    x = marginal.quantile(PROBABILITIES)
    np.testing.assert_allclose(marginal.cdf(x), PROBABILITIES, rtol=1e-9)
    np.testing.assert_allclose(marginal.quantile(marginal.cdf(x)), x, rtol=1e-9)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_mean_sd_cdf_are_integrals_of_the_density(kind):
    marginal = CONTINUOUS[kind]
    low, high = marginal.quantile(np.array([1e-13, 1 - 1e-13]))

    def integral(function, upper=high):
        inner = [point for point in marginal.quantile(np.array([0.1, 0.5, 0.9])) if point < upper]
        return scipy.integrate.quad(
            lambda x: function(x) * float(marginal.pdf(np.array(x))),
            low,
            upper,
            points=inner,
            limit=400,
            epsabs=1e-12,
        )[0]

    mean = integral(lambda x: x)
    assert mean == pytest.approx(marginal.mean, abs=1e-8)
    assert integral(lambda x: (x - mean) ** 2) == pytest.approx(marginal.sd**2, rel=1e-7)
    middle = float(marginal.quantile(np.array(0.4)))
    assert integral(lambda _: 1.0, middle) == pytest.approx(0.4, abs=1e-9)


@pytest.mark.parametrize("kind", ALL)
def test_the_density_is_that_of_its_logarithm(kind):
    x = ALL[kind].quantile(PROBABILITIES)
    np.testing.assert_allclose(np.exp(ALL[kind].log_pdf(x)), ALL[kind].pdf(x), rtol=1e-12)


FAR = {
    "Normal": (-3.0 + 0.2 * 100, -0.5 * 100**2 - math.log(0.2 * math.sqrt(2 * math.pi))),
    "Gamma": (1e4, scipy.stats.gamma(4, scale=1 / 2.5).logpdf(1e4)),
    # the widest component alone
    "NormalMixture": (2.5 + 3.0 * 60, math.log(0.3) - 0.5 * 60**2 - math.log(3.0 * math.sqrt(2 * math.pi))),
}


@pytest.mark.parametrize("kind", FAR)
def test_the_log_density_is_known_where_the_density_underflows(kind):
    x, log_density = FAR[kind]
    assert ALL[kind].pdf(np.array(x)) == 0
    assert ALL[kind].log_pdf(np.array(x)) == pytest.approx(log_density, rel=1e-12)


def test_beyond_its_table_a_log_density_goes_on_falling():
    marginal = CONTINUOUS["Tabulated"]
    x = marginal.origin * np.exp(marginal.edges[-1] + np.linspace(-0.2, 2, 12))
    assert (np.diff(marginal.log_pdf(x)) < 0).all()
    assert np.isfinite(marginal.log_pdf(x)).all()
    assert marginal.log_pdf(np.array([-1.0, 0.0, math.inf])).tolist() == [-math.inf] * 3


@pytest.mark.parametrize("shape", [0.5, 3.0])
def test_below_its_table_a_log_density_falls_on_as_a_line(shape):
    marginal = tabulated_gamma(shape)
    lowest = marginal.origin * math.exp(marginal.edges[0])
    x = lowest * np.exp([-0.1, -1.0, -5.0])
    # log p of log x is shape (log x - x) and a constant, and what bends it, shape x, is less than this
    expected = scipy.stats.gamma(shape, scale=ORIGIN / shape).logpdf(x)
    # rounding of 46 nats, as the slope sees it in 24 polynomials that are up to 300 steep there, 5 further out
    rounding = 2.2e-16 * 46 * 24 * 300 * 5
    np.testing.assert_allclose(marginal.log_pdf(x), expected, rtol=0, atol=10 * shape * lowest + rounding)


@pytest.mark.parametrize("end", [0, -1])
def test_a_log_density_leaves_its_table_without_a_kink(end):
    marginal = tabulated_gamma(3.0)
    log_density = lambda tau: marginal.log_pdf(marginal.origin * np.exp(tau)) + tau  # noqa: E731
    steps = marginal.edges[end] + 1e-4 * np.arange(-2, 3)
    slopes = np.diff(log_density(steps)) / 1e-4
    # x = shape e^tau bends by about 50 at the upper end: by 0.005 from one step to the next
    np.testing.assert_allclose(slopes, slopes[0], rtol=0, atol=0.02)
    np.testing.assert_allclose(slopes[0 if end == 0 else -1], 3.0 - 3.0 * math.exp(steps[2]), atol=0.01)


def test_a_table_between_two_ends_has_nothing_beyond_them():
    lower, upper = 0.8, 3.5
    marginal, whole = tabulated_gamma(3.0, lower, upper), scipy.stats.gamma(3.0, scale=ORIGIN / 3.0)
    mass = whole.cdf(upper) - whole.cdf(lower)
    x = np.array([0.8, 1.0, 2.0, 3.4, 3.5])
    np.testing.assert_allclose(marginal.pdf(x), whole.pdf(x) / mass, rtol=1e-9)
    np.testing.assert_allclose(marginal.cdf(x), (whole.cdf(x) - whole.cdf(lower)) / mass, atol=1e-12)
    outside = np.array([-1.0, 0.0, 0.79, 3.51, math.inf])
    assert marginal.pdf(outside).tolist() == [0.0] * 5
    assert marginal.cdf(outside).tolist() == pytest.approx([0.0, 0.0, 0.0, 1.0, 1.0], abs=1e-14)
    assert marginal.quantile(np.array([0.0, 1.0])).tolist() == [lower, upper]
    q = np.array([[1e-9, 0.3], [0.6, 1 - 1e-9]])
    between = np.spacing(lower) * marginal.pdf(lower)  # the mass between a double and the next
    np.testing.assert_allclose(marginal.cdf(marginal.quantile(q)), q, rtol=1e-9, atol=between)


@pytest.mark.parametrize(
    ("shape", "lower", "upper", "mode"),
    [(1.0, 0.0, math.inf, 0.0), (3.0, 2.0, 9.0, 2.0), (3.0, 0.1, 1.0, 1.0)],
)
def test_the_mode_of_a_table_may_be_at_an_end(shape, lower, upper, mode):
    assert tabulated_gamma(shape, lower, upper).mode == pytest.approx(mode, rel=1e-9)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_there_is_nothing_beyond_the_ends_of_the_support(kind):
    marginal = CONTINUOUS[kind]
    lower, upper = marginal.quantile(np.array([0.0, 1.0]))
    beyond = np.array([0.0, 0.25, 1.0, 30.0])
    if math.isfinite(lower):
        assert marginal.cdf(lower - beyond).tolist() == pytest.approx([0.0] * 4, abs=1e-20)
        assert marginal.pdf(lower - beyond)[1:].tolist() == [0.0] * 3
    if math.isfinite(upper):
        assert marginal.cdf(upper + beyond).tolist() == pytest.approx([1.0] * 4, abs=1e-14)
        assert marginal.pdf(upper + beyond)[1:].tolist() == [0.0] * 3
    ends = marginal.pdf(np.array([lower, upper]))
    assert ends.tolist() == pytest.approx([60.0 / 2.0 if kind == "Pareto" else 0.0, 0.0], rel=1e-13)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_the_mode_is_where_the_density_is_highest(kind):
    marginal = CONTINUOUS[kind]
    around = np.linspace(*marginal.quantile(np.array([1e-6, 1 - 1e-6])), 10_001)
    assert marginal.pdf(np.array(marginal.mode)) >= marginal.pdf(around).max() * (1 - 1e-12)


@pytest.mark.parametrize("kind", ALL)
def test_a_marginal_survives_storage(kind):
    marginal = ALL[kind]
    arrays = {key: np.asarray(value) for key, value in marginal.to_arrays().items()}
    loaded = marginal_from_arrays(marginal.kind, arrays)
    assert type(loaded) is type(marginal)
    assert (loaded.mean, loaded.sd, loaded.mode, str(loaded)) == (
        marginal.mean,
        marginal.sd,
        marginal.mode,
        str(marginal),
    )
    np.testing.assert_array_equal(loaded.quantile(PROBABILITIES), marginal.quantile(PROBABILITIES))


@pytest.mark.parametrize("kind", ALL)
def test_any_shape_goes_through(kind):
    marginal = ALL[kind]
    x = marginal.quantile(np.full((2, 3), 0.3))
    assert x.shape == (2, 3)
    assert marginal.pdf(x).shape == marginal.cdf(x).shape == (2, 3)
    assert np.ndim(marginal.cdf(marginal.quantile(np.array(0.3)))) == 0


@pytest.mark.parametrize("kind", ALL)
def test_the_central_interval_leaves_equal_tails(kind):
    marginal = ALL[kind]
    lower, upper = marginal.interval(0.89)
    slack = 1 / 2000 if kind == "Draws" else 1e-9
    np.testing.assert_allclose(marginal.cdf(np.array([lower, upper])), [0.055, 0.945], atol=slack)


def test_quantiles_at_the_ends_are_the_ends_of_the_support():
    ends = np.array([0.0, 1.0])
    assert list(CONTINUOUS["Beta"].quantile(ends)) == [0, 1]
    assert list(CONTINUOUS["Tabulated"].quantile(ends)) == [0, math.inf]
    for kind in ("Normal", "NormalMixture"):
        assert list(CONTINUOUS[kind].quantile(ends)) == [-math.inf, math.inf]


def test_closed_forms_print_as_the_field_writes_them():
    assert str(Beta(8.0, 6.0)) == "Beta(8, 6)"
    assert str(Beta(700_000_002.0, 0.5)) == "Beta(700000002, 0.5)"
    assert str(Normal(0.61, 0.059)) == "Normal(0.61, 0.059)"


@pytest.mark.parametrize(
    ("alpha", "beta", "mode"),
    [
        (8, 6, 7 / 12),
        (1, 3, 0),
        (3, 1, 1),
        (0.5, 3, 0),
        (3, 0.5, 1),
        (1, 0.5, 1),
        (0.5, 1, 0),
        (1, 1, math.nan),
        (0.5, 0.5, math.nan),
    ],
)
def test_the_mode_of_a_beta_may_be_at_an_end_or_nowhere(alpha, beta, mode):
    assert Beta(float(alpha), float(beta)).mode == pytest.approx(mode, nan_ok=True)


@settings(deadline=None)
@given(alpha=st.floats(0.5, 1e9), beta=st.floats(0.5, 1e9), q=st.floats(0.001, 0.999))
@example(alpha=1000.0, beta=132578328.0, q=0.5)
def test_beta_agrees_with_scipy(alpha, beta, q):
    marginal, reference = Beta(alpha, beta), scipy.stats.beta(alpha, beta)
    x = marginal.quantile(np.array(q))  # held to the cdf: SciPy's inverse is wrong for the example
    # x has a rounding error of eps x, which the cdf multiplies by the density; SciPy's cdf itself has one of
    # eps (alpha + beta), that of the logarithm of its leading term
    rounding = 2 * np.finfo(float).eps * float(x * marginal.pdf(x) + alpha + beta)
    assert reference.cdf(x) == pytest.approx(q, abs=1e-9 + rounding)
    assert marginal.sd == pytest.approx(reference.std(), rel=1e-9)
    # log Beta(alpha, beta) is of the size of alpha + beta: its rounding error is the density's relative error
    assert marginal.pdf(x) == pytest.approx(reference.pdf(x), rel=1e-9 + 2e-14 * (alpha + beta))


def test_beta_is_zero_outside_of_its_support():
    np.testing.assert_array_equal(Beta(2.0, 2.0).pdf(np.array([-1.0, 2.0])), 0)
    np.testing.assert_array_equal(Beta(2.0, 2.0).cdf(np.array([-1.0, 2.0])), [0, 1])


@settings(deadline=None)
@given(shape=st.floats(1.5, 1e7))
def test_tabulated_agrees_with_the_gamma_it_tabulates(shape):
    marginal, reference = tabulated_gamma(shape), scipy.stats.gamma(shape, scale=ORIGIN / shape)
    assert marginal.mean == pytest.approx(ORIGIN, rel=1e-10)
    assert marginal.sd == pytest.approx(ORIGIN / math.sqrt(shape), rel=1e-9)
    assert marginal.mode == pytest.approx(ORIGIN * (shape - 1) / shape, abs=1e-6 * marginal.sd)
    x = reference.ppf(PROBABILITIES[1:])
    np.testing.assert_allclose(marginal.cdf(x), reference.cdf(x), rtol=1e-8)
    np.testing.assert_allclose(marginal.pdf(x), reference.pdf(x), rtol=1e-7)
    np.testing.assert_allclose(marginal.quantile(PROBABILITIES[1:]), x, rtol=1e-8)


def test_missing_moments_are_inf_and_nan():
    heavy = NormalMixture(np.ones(1), np.zeros(1), np.ones(1), finite_moments=1)
    assert (heavy.mean, heavy.sd) == (0.0, math.inf)
    assert math.isnan(NormalMixture(np.ones(1), np.zeros(1), np.ones(1), finite_moments=0).mean)
    grid = CONTINUOUS["Tabulated"]
    heavier = [replace(grid, finite_moments=number) for number in (0, 1)]
    assert [(one.mean, one.sd) for one in heavier] == [(math.inf, math.inf), (grid.mean, math.inf)]


def student(nu, sigma):
    return StudentT(nu, 0.0, sigma)


@pytest.mark.parametrize("shape", [0.5, 1.0, 1.5, 2.0, 2.5])
@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (InverseGamma, scipy.stats.invgamma),
        (Pareto, scipy.stats.pareto),
        (student, scipy.stats.t),
    ],
)
def test_moments_exist_from_the_shape_on_at_which_their_integrals_converge(kind, reference, shape):
    found, expected = kind(shape, 3.0), reference(shape, scale=3.0)
    # of a StudentT the integral has two ends that diverge
    mean = math.nan if kind is student and shape <= 1 else float(expected.mean())
    assert found.mean == pytest.approx(mean, rel=1e-12, nan_ok=True)
    assert found.sd == pytest.approx(float(expected.std()) if shape > 2 else math.inf, rel=1e-12)


def test_a_mixture_has_the_mode_of_its_highest_part():
    mixture = NormalMixture(np.array([0.9, 0.1]), np.array([0.0, 5.0]), np.array([3.0, 0.01]))
    assert mixture.mode == pytest.approx(5.0, abs=1e-4)


def test_draws_are_summarised_as_numpy_does():
    values = np.random.default_rng(2).gamma(3.0, size=(4, 1000))
    draws = Draws(values)
    assert draws.mean == values.mean()
    assert draws.sd == values.std(ddof=1)
    np.testing.assert_array_equal(draws.quantile(PROBABILITIES), np.quantile(values, PROBABILITIES))
    assert draws.cdf(np.array(np.median(values))) == 0.5


def test_the_kernel_density_of_draws_is_that_of_the_kernel():
    draws = Draws(np.random.default_rng(3).normal(size=(2, 200)))
    quarter, upper = np.quantile(draws.values, [0.25, 0.75])
    width = 0.9 * min(draws.sd, (upper - quarter) / 1.349) * 400**-0.2
    x = np.linspace(-4, 4, 41)
    direct = scipy.stats.norm.pdf(x[:, None], draws.values.ravel(), width).mean(axis=1)
    np.testing.assert_allclose(draws.pdf(x), direct, atol=1e-3 * direct.max())
    # 3 standard errors of a kernel mode of 400 normal draws, about 0.2 each
    assert abs(draws.mode) < 0.6


def test_draws_that_are_all_equal_have_that_mode():
    assert Draws(np.full((2, 5), 3.5)).mode == 3.5


def test_a_marginal_is_shown_as_it_is_written():
    shown = {"p": Beta(np.float64(8), np.float64(6)), "mu": Normal(np.float64(0.5), 2.0), "lam": Gamma(12, 5)}
    assert repr(shown) == "{'p': Beta(8, 6), 'mu': Normal(0.5, 2), 'lam': Gamma(12, 5)}"
    assert repr(Draws(np.zeros((2, 5)))) == "10 draws"


def test_draws_that_are_but_a_few_doubles_apart_have_a_density():
    # a probability next to 1: 40 doubles lie between the ends, fewer than the bins that the kernel asks for
    values = 1.0 - np.spacing(0.5) * np.random.default_rng(1).integers(0, 40, (4, 250))
    found = Draws(values)
    assert values.min() <= found.mode <= values.max()
    assert np.isfinite(found.pdf(np.array([found.mean]))).all()
