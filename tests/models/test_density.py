"""The shared log-likelihood and log-prior: values against scipy.stats, derivatives against finite differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import POSITIVE, REAL, UNIT, Support
from bayescope.models import density, prior_density, rows
from bayescope.models.model import Block, Model, Predictor, Prior, Response

stats = scipy.stats
type Floats = NDArray[np.float64]


def block(name: str, start: int, prior: Prior, *, size: int | None = None, support: Support = REAL) -> Block:
    labels = (name,) if size is None else tuple(f"{name}[{i}]" for i in range(size))
    return Block(name, labels, size is None, prior, start, support, "given")


def model(likelihood: str, response: Response, predictors: list[Predictor], blocks: list[Block]) -> Model:
    return Model(LIKELIHOODS[likelihood], response, tuple(predictors), tuple(blocks), {}, None)


NORMAL, HALF_NORMAL = Prior("Normal", {"mu": 0.5, "sigma": 2.0}), Prior("HalfNormal", {"sigma": 1.5})


def coin(flips: Any, prior: Prior, weights: Any = None) -> Model:
    response = Response("flip", np.array(flips, dtype=np.float64), weights=weights)
    p = Predictor("p", "identity", None, np.array([0]), ("p",))
    return model("Bernoulli", response, [p], [block("p", 0, prior, support=UNIT)])


def regression(
    likelihood: str,
    y: Floats,
    matrix: Floats,
    *,
    offset: Floats | float = 0.0,
    trials: Floats | None = None,
    weights: Floats | None = None,
    sigma: float | None = None,
) -> Model:
    """A regression with a vector of coefficients, and for Normal an unknown sigma, or one fixed at `sigma`."""
    k = matrix.shape[1]
    columns = tuple(f"x{i}" for i in range(k))
    link = {"Normal": "identity", "Poisson": "log"}.get(likelihood, "logit")
    predictors = [Predictor(LIKELIHOODS[likelihood].location, link, matrix, np.arange(k), columns, offset)]
    blocks = [block("coefficients", 0, NORMAL, size=k)]
    if likelihood == "Normal" and sigma is None:
        predictors.append(Predictor("sigma", "identity", None, np.array([k]), ("sigma",)))
        blocks.append(block("sigma", k, HALF_NORMAL, support=POSITIVE))
    elif likelihood == "Normal":
        predictors.append(Predictor("sigma", "identity", None, np.array([], dtype=np.intp), (), sigma))
    return model(likelihood, Response("y", y, trials, weights), predictors, blocks)


def distributional(y: Floats, matrix: Floats, weights: Floats | None = None) -> Model:
    """Normal with a formula for each parameter: mu = X beta, log sigma = 0.2 + Z gamma."""
    k = matrix.shape[1]
    predictors = [
        Predictor("mu", "identity", matrix, np.arange(k), tuple("abc"[:k])),
        Predictor("sigma", "log", matrix[:, :1], np.array([k]), ("z",), 0.2),
    ]
    blocks = [block("coefficients", 0, NORMAL, size=k), block("z", k, NORMAL)]
    return model("Normal", Response("y", y, weights=weights), predictors, blocks)


def constant_location(y: Floats, matrix: Floats) -> Model:
    """Normal with the same mu in every row and a formula for sigma: the constant predictor comes first."""
    predictors = [
        Predictor("mu", "identity", None, np.array([0]), ("mu",), 0.3),
        Predictor("sigma", "log", matrix, 1 + np.arange(matrix.shape[1]), tuple("abc"[: matrix.shape[1]])),
    ]
    blocks = [block("mu", 0, NORMAL), block("coefficients", 1, NORMAL, size=matrix.shape[1])]
    return model("Normal", Response("y", y), predictors, blocks)


# The value


X = np.array([[1.0, 0.5], [1.0, -1.2], [1.0, 2.0], [1.0, 0.1]])
OFFSET = np.array([0.1, 0.0, -0.4, 1.0])
WEIGHTS = np.array([1.0, 3.0, 0.0, 2.0])


def test_the_value_of_a_coin_is_that_of_its_flips() -> None:
    flips = coin([1, 0, 1], Prior("Beta", {"alpha": 2.0, "beta": 2.0}))
    theta = np.array([0.7])
    np.testing.assert_allclose(
        np.exp(density.pointwise_log_likelihood(flips, theta)), [0.7, 0.3, 0.7], rtol=1e-15
    )
    assert density.log_likelihood(flips, theta) == pytest.approx(np.log(0.147), rel=1e-14)
    assert prior_density.log_prior(flips, theta) == pytest.approx(stats.beta(2, 2).logpdf(0.7), rel=1e-14)


def test_a_thousand_fair_flips_do_not_underflow() -> None:
    counts = coin([1, 0], Prior("Flat", {}), weights=np.array([500.0, 500.0]))
    assert density.log_likelihood(counts, np.array([0.5])) == pytest.approx(-693.147181, abs=1e-6)


def test_the_value_of_a_normal_regression_is_that_of_scipy() -> None:
    y = np.array([0.3, -1.0, 4.0, 0.0])
    linear = regression("Normal", y, X, offset=OFFSET, weights=WEIGHTS)
    theta = np.array([0.2, 1.1, 0.7])
    expected = stats.norm(OFFSET + X @ theta[:2], 0.7).logpdf(y)
    np.testing.assert_allclose(density.pointwise_log_likelihood(linear, theta), expected, rtol=1e-14)
    assert density.log_likelihood(linear, theta) == pytest.approx(WEIGHTS @ expected, rel=1e-14)
    prior = stats.norm(0.5, 2.0).logpdf(theta[:2]).sum() + stats.halfnorm(scale=1.5).logpdf(0.7)
    assert prior_density.log_prior(linear, theta) == pytest.approx(prior, rel=1e-14)


def test_the_value_of_a_binomial_regression_is_that_of_scipy() -> None:
    y, trials = np.array([0.0, 2.0, 7.0, 3.0]), np.array([4.0, 5.0, 7.0, 6.0])
    logistic = regression("Binomial", y, X, offset=OFFSET, trials=trials)
    theta = np.array([-0.3, 0.8])
    p = scipy.special.expit(OFFSET + X @ theta)
    expected = stats.binom(trials.astype(int), p).logpmf(y)
    np.testing.assert_allclose(density.pointwise_log_likelihood(logistic, theta), expected, rtol=1e-12)


def test_psi_and_eta_follow_the_parameters() -> None:
    both = distributional(np.zeros(4), X)
    theta = np.array([0.2, 1.1, -0.5])
    mu, log_sigma = density.eta(both, theta)
    np.testing.assert_allclose(mu, X @ theta[:2], rtol=1e-15)
    np.testing.assert_allclose(log_sigma, np.full(4, 0.2 - 0.5), rtol=1e-15)
    np.testing.assert_allclose(density.psi(both, theta)[1], np.exp(log_sigma), rtol=1e-15)


def test_a_parameter_that_is_the_same_in_every_row_is_a_number() -> None:
    linear = regression("Normal", np.zeros(4), X)
    etas = density.eta(linear, np.array([0.0, 0.0, 0.7]))
    assert etas[1] == 0.7
    assert [np.ndim(each) for each in etas] == [1, 0]
    fixed = regression("Normal", np.zeros(4), X, sigma=2.0)
    assert density.psi(fixed, np.array([0.0, 0.0]))[1] == 2.0


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_outside_the_likelihood_s_bounds_the_value_is_minus_infinity(p: float) -> None:
    flips = coin([1, 0, 1], Prior("Flat", {}))
    assert density.log_likelihood(flips, np.array([p])) == -np.inf
    assert density.likelihood_derivatives(flips, np.array([p]))[0] == -np.inf


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_scale_that_is_not_positive_gives_minus_infinity(sigma: float) -> None:
    linear = regression("Normal", np.array([0.3, -1.0, 4.0, 0.0]), X)
    theta = np.array([0.2, 1.1, sigma])
    assert density.log_likelihood(linear, theta) == -np.inf
    assert density.likelihood_derivatives(linear, theta)[0] == -np.inf


def test_outside_its_support_a_prior_is_minus_infinity() -> None:
    linear = regression("Normal", np.zeros(4), X)
    theta = np.array([0.2, 1.1, -0.7])
    assert prior_density.log_prior(linear, theta) == -np.inf
    assert prior_density.smooth_prior_derivatives(linear, theta)[0] == -np.inf


def test_a_row_that_occurs_zero_times_says_nothing() -> None:
    heads = coin([1, 0], Prior("Flat", {}), weights=np.array([3.0, 0.0]))
    value, gradient, hessian = density.likelihood_derivatives(heads, np.array([1.0]))
    assert density.log_likelihood(heads, np.array([1.0])) == value == 0.0
    assert gradient.tolist() == [3.0]
    assert hessian.tolist() == [[-3.0]]


# The derivatives


@st.composite
def problems(draw: st.DrawFn) -> tuple[Model, Floats]:
    """A random design, response, offset, weights and theta, of one of the kinds of model."""
    kind = draw(
        st.sampled_from(["Normal", "fixed sigma", "Bernoulli", "Binomial", "distributional", "constant"])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, k = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    matrix, offset = rng.normal(size=(n, k)), draw(st.sampled_from([0.0, 0.7, None]))
    offset = rng.normal(size=n) if offset is None else offset
    weights = rng.integers(0, 4, size=n).astype(float) if draw(st.booleans()) else None
    theta = rng.normal(size=k)
    if kind == "Normal":
        normal = regression("Normal", rng.normal(size=n), matrix, offset=offset, weights=weights)
        return normal, np.append(theta, rng.uniform(0.5, 2.0))
    if kind == "fixed sigma":
        return regression(
            "Normal", rng.normal(size=n), matrix, offset=offset, weights=weights, sigma=1.3
        ), theta
    if kind == "distributional":
        return distributional(rng.normal(size=n), matrix, weights), np.append(theta, 0.3 * rng.normal())
    if kind == "constant":
        return constant_location(rng.normal(size=n), 0.3 * matrix), np.append(rng.normal(), theta)
    trials = rng.integers(1, 9, size=n).astype(float) if kind == "Binomial" else None
    y = rng.binomial(1 if trials is None else trials.astype(int), 0.4, size=n).astype(float)
    return regression(kind, y, matrix, offset=offset, trials=trials, weights=weights), theta


def difference(function: Any, theta: Floats, step: float = 1e-5) -> Floats:
    """Central differences along each axis, in rows."""
    return np.array(
        [
            (np.asarray(function(theta + step * axis)) - np.asarray(function(theta - step * axis)))
            / (2.0 * step)
            for axis in np.eye(len(theta))
        ]
    )


@given(problem=problems())
def test_gradient_and_hessian_are_derivatives_of_the_log_likelihood(problem: tuple[Model, Floats]) -> None:
    declared, theta = problem
    value, gradient, hessian = density.likelihood_derivatives(declared, theta)
    assert value == density.log_likelihood(declared, theta)
    # third derivatives are within a few hundred times the size of the second: h^2 of that, and rounding / h
    size = 1.0 + abs(value) + np.abs(hessian).max()
    slopes = difference(lambda at: density.log_likelihood(declared, at), theta)
    curvatures = difference(lambda at: density.likelihood_derivatives(declared, at)[1], theta)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8 * size)
    np.testing.assert_allclose(hessian, curvatures, rtol=1e-6, atol=1e-8 * size)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-14 * size)


@given(problem=problems())
def test_row_weights_count_rows(problem: tuple[Model, Floats]) -> None:
    declared, theta = problem
    weights = declared.response.weights
    if weights is None or not weights.any():
        return
    rows = np.repeat(np.arange(len(weights)), weights.astype(int))
    repeated = _rows(declared, rows)
    assert density.log_likelihood(declared, theta) == pytest.approx(
        density.log_likelihood(repeated, theta), rel=1e-12
    )
    for found, expected in zip(
        density.likelihood_derivatives(declared, theta)[1:],
        density.likelihood_derivatives(repeated, theta)[1:],
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)


def _rows(declared: Model, rows: NDArray[np.intp]) -> Model:
    """The same model of the given rows, unweighted."""
    response = declared.response
    return replace(
        declared,
        response=Response(
            response.name, response.values[rows], None if response.trials is None else response.trials[rows]
        ),
        predictors=tuple(
            replace(
                predictor,
                matrix=None if predictor.matrix is None else predictor.matrix[rows],
                offset=predictor.offset
                if np.ndim(predictor.offset) == 0
                else np.asarray(predictor.offset)[rows],
            )
            for predictor in declared.predictors
        ),
    )


@settings(deadline=None)
@given(problem=problems())
def test_parts_of_the_rows_add_up_to_all_of_them(problem: tuple[Model, Floats]) -> None:
    declared, theta = problem
    whole = density.evaluate(declared, theta, order=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "rows_at_once", lambda _columns: 3)
        split = density.evaluate(declared, theta, order=2)
        slopes = density.likelihood_slopes(declared, theta)
    size = 1.0 + abs(whole.value) + np.abs(whole.hessian).max(initial=0.0)
    for found, expected in zip(
        (*split[:3], *slopes), (*whole[:3], whole.gradient, np.diag(whole.hessian)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13 * size)


@st.composite
def heads(draw: st.DrawFn) -> tuple[Model, Floats]:
    """Binomial, Bernoulli and Poisson regressions, from hopeless to near perfect ones, with weights or not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, kind = draw(st.integers(1, 200)), draw(st.sampled_from(["Bernoulli", "Binomial", "Poisson"]))
    matrix, theta = rng.normal(size=(n, 2)), rng.normal(size=2) * 10 ** draw(st.floats(-2, 2))
    theta = theta if kind != "Poisson" else np.clip(theta, -3.0, 3.0)
    trials = rng.integers(0, 9, size=n).astype(float) if kind == "Binomial" else None
    y = (
        rng.poisson(2.0, n)
        if kind == "Poisson"
        else rng.binomial(1 if trials is None else trials.astype(int), 0.4, n)
    )
    weights = rng.integers(0, 3, size=n).astype(float) if draw(st.booleans()) else None
    declared = regression(
        kind, y.astype(float), matrix, offset=rng.normal(size=n), trials=trials, weights=weights
    )
    return declared, theta


@settings(deadline=None)
@given(problem=heads())
def test_all_at_once_is_what_log_density_and_derivatives_say(problem: tuple[Model, Floats]) -> None:
    declared, theta = problem
    assert declared.location.link in declared.likelihood.together
    plain = replace(declared, likelihood=replace(declared.likelihood, together={}))
    found, expected = (density.evaluate(m, theta, order=2) for m in (declared, plain))
    assert found.value == pytest.approx(expected.value, rel=1e-10)
    for ours, theirs in zip(found[1:3], expected[1:3], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13 * (1e-300 + np.abs(theirs).max()))
    response = declared.response
    occurs = np.ones(len(response.values), dtype=bool)
    occurs &= True if response.weights is None else response.weights > 0
    occurs &= True if response.trials is None else response.trials > 0
    second = declared.likelihood.on_link[declared.location.link][1](
        response.values, response.trials, density.eta(declared, theta)
    )[1][0, 0]
    times = 1.0 if response.weights is None else response.weights
    assert found.least == pytest.approx(np.min(-(second * times)[occurs], initial=np.inf), rel=1e-12)


@pytest.mark.parametrize("n", [40, 8_000])
def test_a_hessian_of_both_signs_is_that_of_the_rows(n: int) -> None:
    rng = np.random.default_rng(3)
    matrix, weights = rng.normal(size=(n, 3)), rng.normal(size=n)
    predictor = Predictor("mu", "identity", matrix, np.arange(3), ("a", "b", "c"))
    for values in (weights, -np.abs(weights), np.zeros(n)):
        expected = sum(w * np.outer(x, x) for w, x in zip(values, matrix, strict=True))
        np.testing.assert_allclose(
            density._cross(predictor, predictor, values), expected, rtol=1e-12, atol=1e-14 * n
        )


def test_a_design_on_disk_gives_what_one_in_memory_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 20_000
    matrix, y = rng.normal(size=(n, 3)), rng.integers(0, 2, n).astype(float)
    np.save(tmp_path / "X.npy", matrix)
    stored = regression("Bernoulli", y, np.load(tmp_path / "X.npy", mmap_mode="r"))
    theta = np.array([0.3, -0.2, 1.0])
    for found, expected in zip(
        density.evaluate(stored, theta, order=2),
        density.evaluate(regression("Bernoulli", y, matrix), theta, order=2),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_large_predictor_loses_no_digits() -> None:
    logistic = regression("Bernoulli", np.array([1.0]), np.array([[1.0]]))
    value, gradient, hessian = density.likelihood_derivatives(logistic, np.array([40.0]))
    tiny = np.exp(-40.0)
    assert value == pytest.approx(-tiny, rel=1e-14)
    assert gradient[0] == pytest.approx(tiny, rel=1e-14)
    assert hessian[0, 0] == pytest.approx(-tiny, rel=1e-14)


@pytest.mark.parametrize("likelihood", ["Normal", "Bernoulli"])
def test_the_gradient_of_the_loss_is_the_design_times_prediction_minus_truth(likelihood: str) -> None:
    y, theta = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.4, -0.9])
    declared = regression(likelihood, y, X, sigma=1.0)
    _, gradient, _ = density.likelihood_derivatives(declared, theta)
    prediction = np.asarray(density.psi(declared, theta)[0])
    np.testing.assert_allclose(-gradient, X.T @ (prediction - y), rtol=1e-13)


# Priors


def priors_of_many_kinds() -> Model:
    blocks = [
        block("Intercept", 0, Prior("StudentT", {"nu": 3.0, "mu": 0.0, "sigma": 10.0})),
        block("coefficients", 1, Prior("Laplace", {"mu": (0.0, 1.0), "b": 0.5}), size=2),
        block("slope", 3, Prior("Uniform", {"lower": -1.0, "upper": 4.0})),
        block("terms", 4, Prior("Normal", {"mu": 0.0, "sigma": (1.0, 3.0)}), size=2),
        block("sigma", 6, Prior("Gamma", {"alpha": 2.0, "beta": 3.0}), support=POSITIVE),
    ]
    predictors = [
        Predictor("mu", "identity", np.ones((2, 6)), np.arange(6), tuple("abcdef")),
        Predictor("sigma", "identity", None, np.array([6]), ("sigma",)),
    ]
    return model("Normal", Response("y", np.zeros(2)), predictors, blocks)


MANY = priors_of_many_kinds()
THETA = np.array([0.3, 0.2, -0.4, 2.0, 1.0, -2.0, 0.8])


def test_the_log_prior_adds_up_over_the_elements() -> None:
    expected = (
        stats.t(3, 0, 10).logpdf(0.3)
        + stats.laplace(0, 0.5).logpdf(0.2)
        + stats.laplace(1, 0.5).logpdf(-0.4)
        + stats.uniform(-1, 5).logpdf(2.0)
        + stats.norm(0, 1).logpdf(1.0)
        + stats.norm(0, 3).logpdf(-2.0)
        + stats.gamma(2, scale=1 / 3).logpdf(0.8)
    )
    assert prior_density.log_prior(MANY, THETA) == pytest.approx(expected, rel=1e-14)


def test_the_smooth_part_and_the_kinks_make_up_the_log_prior() -> None:
    def rebuilt(theta: Floats) -> float:
        location, weight = prior_density.kinks(MANY)
        return prior_density.smooth_prior_derivatives(MANY, theta)[0] - float(
            weight @ np.abs(theta - location)
        )

    # equal but for the constants of the Laplace elements, log(1 / (2 b)) each
    assert prior_density.log_prior(MANY, THETA) - rebuilt(THETA) == pytest.approx(
        2.0 * np.log(1.0 / (2.0 * 0.5)), abs=1e-13
    )
    other = THETA + 0.3
    assert prior_density.log_prior(MANY, other) - prior_density.log_prior(MANY, THETA) == pytest.approx(
        rebuilt(other) - rebuilt(THETA), rel=1e-12
    )


def test_the_derivatives_of_the_smooth_part_are_its_derivatives() -> None:
    _, gradient, hessian = prior_density.smooth_prior_derivatives(MANY, THETA)
    slopes = difference(lambda at: prior_density.smooth_prior_derivatives(MANY, at)[0], THETA)
    curvatures = difference(lambda at: prior_density.smooth_prior_derivatives(MANY, at)[1], THETA)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(hessian, curvatures, rtol=1e-7, atol=1e-9)
    assert gradient[1:3].tolist() == np.diag(hessian)[1:3].tolist() == [0.0, 0.0]


def test_only_laplace_elements_have_kinks() -> None:
    location, weight = prior_density.kinks(MANY)
    assert location.tolist() == [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert weight.tolist() == [0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]


def test_bounds_come_from_the_likelihood_and_then_from_the_prior() -> None:
    lower, upper = density.likelihood_bounds(MANY)
    assert lower.tolist() == [-np.inf] * 6 + [0.0]
    assert upper.tolist() == [np.inf] * 7
    lower, upper = prior_density.prior_bounds(MANY)
    assert lower.tolist() == [-np.inf] * 3 + [-1.0] + [-np.inf] * 2 + [0.0]
    assert upper.tolist() == [np.inf] * 3 + [4.0] + [np.inf] * 3


def test_rows_that_do_not_occur_bound_no_end_of_a_range() -> None:
    values, ends = np.array([3.0, 1.0, 5.0, 9.0]), ("lower", "upper")
    predictors = [Predictor(end, "identity", None, np.array([i]), (end,)) for i, end in enumerate(ends)]
    blocks = [block(end, i, NORMAL) for i, end in enumerate(ends)]
    for weights, low, high in [(None, 1.0, 9.0), (np.array([2.0, 0.0, 0.5, 0.0]), 3.0, 5.0)]:
        uniform = model("Uniform", Response("y", values, weights=weights), predictors, blocks)
        lower, upper = density.likelihood_bounds(uniform)
        assert (lower.tolist(), upper.tolist()) == ([-np.inf, high], [low, np.inf])


def test_each_element_has_its_prior_with_numbers_for_arguments() -> None:
    assert prior_density.element_priors(MANY) == (
        ("StudentT", {"nu": 3.0, "mu": 0.0, "sigma": 10.0}),
        ("Laplace", {"mu": 0.0, "b": 0.5}),
        ("Laplace", {"mu": 1.0, "b": 0.5}),
        ("Uniform", {"lower": -1.0, "upper": 4.0}),
        ("Normal", {"mu": 0.0, "sigma": 1.0}),
        ("Normal", {"mu": 0.0, "sigma": 3.0}),
        ("Gamma", {"alpha": 2.0, "beta": 3.0}),
    )
