"""Distributions: every entry of the table against PyMC, scipy.stats and finite differences."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from bayescope.distributions.distributions import DISTRIBUTIONS, Distribution
from bayescope.distributions.supports import POSITIVE, REAL, SIMPLEX, UNIT, Support

# One row for each distribution: arguments to try it at, and the same distribution by scipy.stats.
stats = scipy.stats
EXAMPLES: dict[str, tuple[list[tuple[float, ...]], Callable[..., Any] | None]] = {
    "Flat": ([()], None),
    "HalfFlat": ([()], None),
    "Normal": ([(0.0, 1.0), (-1.3, 0.2)], stats.norm),
    "HalfNormal": ([(1.0,), (2.7,)], lambda sigma: stats.halfnorm(scale=sigma)),
    "HalfCauchy": ([(2.5,), (0.3,)], lambda beta: stats.halfcauchy(scale=beta)),
    "StudentT": ([(3.0, 0.0, 10.0), (0.7, -2.0, 0.4), (300.0, 1.1, 2.0)], stats.t),
    "HalfStudentT": (
        [(3.0, 2.5), (1.0, 0.3)],
        lambda nu, sigma: _Folded(stats.t(nu, 0.0, sigma)),
    ),
    "Beta": ([(2.0, 2.0), (1.0, 1.0), (0.5, 0.5), (710.0, 310.0)], stats.beta),
    "Gamma": ([(2.0, 1.0), (1.0, 0.3), (0.4, 3.0)], lambda a, b: stats.gamma(a, scale=1.0 / b)),
    "InverseGamma": ([(2.0, 1.0), (0.6, 3.3)], lambda a, b: stats.invgamma(a, scale=b)),
    "Dirichlet": ([], None),
    "MvNormal": ([], None),  # of vectors, too: see test_vector_heads
    "Exponential": ([(1.0,), (0.2,)], lambda lam: stats.expon(scale=1.0 / lam)),
    "Laplace": ([(0.0, 1.0), (1.7, 0.4)], stats.laplace),
    "Cauchy": ([(0.0, 1.0), (-3.0, 0.6)], stats.cauchy),
    "Pareto": ([(1.0, 2.0), (2.5, 0.3)], lambda alpha, m: stats.pareto(alpha, scale=m)),
    "Uniform": ([(0.0, 1.0), (-2.5, 4.0)], lambda lower, upper: stats.uniform(lower, upper - lower)),
    "LogNormal": ([(0.0, 1.0), (1.2, 0.3)], lambda mu, sigma: stats.lognorm(sigma, scale=np.exp(mu))),
}
PROBABILITIES = np.array([1e-6, 0.003, 0.1, 0.35, 0.6, 0.9, 0.998, 1.0 - 1e-6])


class _Folded:
    """The absolute value of a distribution that is symmetric about zero."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.log(2.0) + self.whole.logpdf(x)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return 2.0 * self.whole.cdf(x) - 1.0

    def ppf(self, q: np.ndarray) -> np.ndarray:
        return self.whole.isf((1.0 - q) / 2.0)


def cases(*, proper: bool = False) -> list[Any]:
    return [
        pytest.param(DISTRIBUTIONS[name], arguments, id=f"{name}{arguments}")
        for name, (rows, _) in EXAMPLES.items()
        for arguments in rows
        if DISTRIBUTIONS[name].proper or not proper
    ]


every_case = pytest.mark.parametrize(("distribution", "arguments"), cases())
every_proper_case = pytest.mark.parametrize(("distribution", "arguments"), cases(proper=True))
every_scalar = pytest.mark.parametrize("name", [name for name, (rows, _) in EXAMPLES.items() if rows])


def support_of(distribution: Distribution, arguments: tuple[float, ...]) -> Support:
    names = [argument.name for argument in distribution.arguments]
    return distribution.support(dict(zip(names, arguments, strict=True)))


def points_inside(distribution: Distribution, arguments: tuple[float, ...]) -> np.ndarray:
    if distribution.proper:
        return distribution.quantile(PROBABILITIES, *arguments)
    return np.array([1e-6, 0.3, 17.0])


def points_anywhere(distribution: Distribution, arguments: tuple[float, ...]) -> np.ndarray:
    return np.concatenate([points_inside(distribution, arguments), [-1e5, -3.7, -1e-9, 1.5, 1e5]])


def test_every_distribution_has_a_row_here() -> None:
    assert set(EXAMPLES) == set(DISTRIBUTIONS)
    assert all(name == entry.name for name, entry in DISTRIBUTIONS.items())


# PyMC


@pytest.fixture(scope="module")
def pymc_log_densities() -> dict[tuple[str, tuple[float, ...]], np.ndarray]:
    """PyMC's log densities of every case, in one compilation."""
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    keys, outputs = [], []
    for name, (rows, _) in EXAMPLES.items():
        for row in rows:
            # as float64: PyTensor keeps a Python number that float32 holds exactly as float32
            given_ = {
                a.name: pt.as_tensor(np.float64(value))
                for a, value in zip(DISTRIBUTIONS[name].arguments, row, strict=True)
            }
            keys.append((name, row))
            outputs.append(
                pm.logp(getattr(pm, name).dist(**given_), points_anywhere(DISTRIBUTIONS[name], row))
            )
    values = pytensor.function([], outputs, mode="FAST_COMPILE")()
    return dict(zip(keys, values, strict=True))


@every_case
def test_log_density_is_that_of_pymc(
    distribution: Distribution, arguments: tuple[float, ...], pymc_log_densities: dict[Any, np.ndarray]
) -> None:
    found = distribution.log_density(points_anywhere(distribution, arguments), *arguments)
    # PyMC takes the log 2 of its half distributions in float32, which is 1.905e-9 too large
    np.testing.assert_allclose(found, pymc_log_densities[distribution.name, arguments], rtol=1e-11, atol=2e-9)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_argument_names_and_order_are_those_of_pymc(name: str) -> None:
    import pymc as pm

    known = list(inspect.signature(getattr(pm, name).dist).parameters)
    ours = [argument.name for argument in DISTRIBUTIONS[name].arguments]
    assert [argument for argument in known if argument in ours] == ours


@every_scalar
def test_defaults_are_those_of_pymc(name: str) -> None:
    import pymc as pm

    arguments = DISTRIBUTIONS[name].arguments
    required = {argument.name: 0.7 for argument in arguments if argument.default is None}
    defaults = {argument.name: argument.default for argument in arguments if argument.default is not None}
    left_out, written_out = (
        getattr(pm, name).dist(**given_).owner.inputs[2:] for given_ in (required, required | defaults)
    )
    for left, written in zip(left_out, written_out, strict=True):
        assert left.eval(mode="FAST_COMPILE") == written.eval(mode="FAST_COMPILE")


# scipy.stats


@every_proper_case
def test_density_cdf_and_quantiles_are_those_of_scipy(
    distribution: Distribution, arguments: tuple[float, ...]
) -> None:
    make = EXAMPLES[distribution.name][1]
    assert make is not None
    reference = make(*arguments)
    x = points_inside(distribution, arguments)
    np.testing.assert_allclose(
        distribution.log_density(x, *arguments), reference.logpdf(x), rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(distribution.cdf(x, *arguments), reference.cdf(x), rtol=1e-9, atol=1e-15)
    # a quantile at q = 1 - 1e-6 has the digits that 1 - q has: ten
    np.testing.assert_allclose(x, reference.ppf(PROBABILITIES), rtol=1e-9, atol=1e-15)


# What the functions owe each other


def argument_values(distribution: Distribution) -> st.SearchStrategy[tuple[float, ...]]:
    """Arguments from a range where every density is smooth on the scale of the finite differences."""
    if distribution.name == "Uniform":
        return st.tuples(st.floats(-5.0, 0.0), st.floats(0.5, 5.0))
    one = {REAL: st.floats(-3.0, 3.0), POSITIVE: st.floats(0.5, 4.0)}
    return st.tuples(*(one[argument.support] for argument in distribution.arguments))


@every_scalar
@given(data=st.data(), q=st.floats(0.02, 0.98))
def test_slope_and_curvature_are_the_derivatives(name: str, data: st.DataObject, q: float) -> None:
    distribution = DISTRIBUTIONS[name]
    arguments = data.draw(argument_values(distribution))
    x = float(distribution.quantile(q, *arguments)) if distribution.proper else 10.0 * q
    # a step in proportion to the distance from a pole at 0; away from poles the scales are about 1
    step = 1e-5 * min(1.0, abs(x), abs(1.0 - x) if name == "Beta" else 1.0)
    if distribution.kink is not None and abs(x - distribution.kink(*arguments)[0]) < 1e-4:
        return
    if step < 1e-9:
        return

    def difference(function: Callable[..., Any]) -> float:
        return float((function(x + step, *arguments) - function(x - step, *arguments)) / (2.0 * step))

    # rounding: values of up to about 1e2 carry 1e-14, divided by the step
    rounding = 1e-14 * (1.0 + abs(float(distribution.log_density(x, *arguments)))) / step
    slope, curvature = float(distribution.slope(x, *arguments)), float(distribution.curvature(x, *arguments))
    assert slope == pytest.approx(difference(distribution.log_density), rel=1e-6, abs=1e-8 + rounding)
    rounding = 1e-14 * (1.0 + abs(slope) + abs(x * curvature)) / step
    assert curvature == pytest.approx(difference(distribution.slope), rel=1e-6, abs=1e-8 + rounding)


@pytest.mark.parametrize(
    "name", [name for name in EXAMPLES if EXAMPLES[name][0] and DISTRIBUTIONS[name].proper]
)
@given(data=st.data(), q=st.floats(1e-4, 1.0 - 1e-4))
def test_quantile_inverts_cdf(name: str, data: st.DataObject, q: float) -> None:
    distribution = DISTRIBUTIONS[name]
    arguments = data.draw(argument_values(distribution))
    x = distribution.quantile(q, *arguments)
    # a half distribution has its small quantiles from probabilities next to 1/2: absolute digits only
    assert distribution.cdf(x, *arguments) == pytest.approx(q, rel=1e-9, abs=1e-12)


@every_proper_case
def test_the_quantiles_of_0_and_1_are_the_ends_of_the_support(
    distribution: Distribution, arguments: tuple[float, ...]
) -> None:
    support = support_of(distribution, arguments)
    # HalfCauchy's 0 is the tangent of a rounded multiple of pi
    assert distribution.quantile(0.0, *arguments) == pytest.approx(support.lower, abs=1e-14)
    assert distribution.quantile(1.0, *arguments) == support.upper
    assert distribution.cdf(np.array([-np.inf, np.inf]), *arguments).tolist() == [0.0, 1.0]


@every_case
def test_outside_its_support_a_density_is_zero_and_has_no_slope(
    distribution: Distribution, arguments: tuple[float, ...]
) -> None:
    support = support_of(distribution, arguments)
    outside = np.array([x for x in (support.lower - 1.0, support.upper + 1.0) if np.isfinite(x)])
    assert (distribution.log_density(outside, *arguments) == -np.inf).all()
    assert np.isnan(distribution.slope(outside, *arguments)).all()
    assert np.isnan(distribution.curvature(outside, *arguments)).all()


@every_case
def test_a_log_density_is_a_number_or_infinite_wherever_it_is_asked(
    distribution: Distribution, arguments: tuple[float, ...]
) -> None:
    x = np.array([-np.inf, -1e300, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, 1e300, np.inf])
    assert not np.isnan(distribution.log_density(x, *arguments)).any()
    distribution.slope(x, *arguments)
    distribution.curvature(x, *arguments)  # a warning would be an error


@pytest.mark.parametrize(
    ("name", "arguments", "x", "expected"),
    [
        ("Beta", (1.0, 1.0), [0.0, 1.0], [0.0, 0.0]),
        ("Beta", (2.0, 2.0), [0.0, 1.0], [-np.inf, -np.inf]),
        ("Beta", (0.5, 0.5), [0.0, 1.0], [np.inf, np.inf]),
        ("Gamma", (1.0, 2.0), [0.0], [np.log(2.0)]),
        ("InverseGamma", (2.0, 1.0), [0.0], [-np.inf]),
        ("LogNormal", (0.0, 1.0), [0.0], [-np.inf]),
        ("Uniform", (0.0, 2.0), [0.0, 2.0], [-np.log(2.0), -np.log(2.0)]),
        ("HalfFlat", (), [0.0], [0.0]),
    ],
)
def test_densities_at_the_ends_of_the_support(
    name: str, arguments: tuple[float, ...], x: list[float], expected: list[float]
) -> None:
    assert DISTRIBUTIONS[name].log_density(np.array(x), *arguments).tolist() == expected


@every_case
def test_arguments_broadcast(distribution: Distribution, arguments: tuple[float, ...]) -> None:
    x = points_inside(distribution, arguments)[:3]
    vectors = [np.full(3, argument) for argument in arguments]
    for function in (distribution.log_density, distribution.slope, distribution.curvature):
        np.testing.assert_array_equal(function(x, *vectors), [function(value, *arguments) for value in x])


@every_scalar
def test_a_kink_is_the_whole_of_the_negative_log_density_but_a_constant(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    if distribution.kink is None:
        assert name != "Laplace"
        return
    for arguments in EXAMPLES[name][0]:
        location, weight = distribution.kink(*arguments)
        x = np.linspace(-4.0, 4.0, 9)
        rest = distribution.log_density(x, *arguments) + weight * np.abs(x - location)
        np.testing.assert_allclose(rest, rest[0], rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("name", ["Flat", "HalfFlat"])
def test_an_improper_distribution_has_no_cdf_and_no_quantiles(name: str) -> None:
    for function in (DISTRIBUTIONS[name].cdf, DISTRIBUTIONS[name].quantile):
        with pytest.raises(ValueError, match="improper"):
            function(0.5)


def test_the_default_of_each_distribution_is_a_value_its_argument_takes() -> None:
    for distribution in DISTRIBUTIONS.values():
        for argument in distribution.arguments:
            assert argument.default is None or not argument.support.violations(argument.default)


def test_uniform_lives_between_its_arguments() -> None:
    assert DISTRIBUTIONS["Uniform"].support({"lower": -1.0, "upper": 3.0}) == Support(-1.0, 3.0)
    assert DISTRIBUTIONS["Beta"].support({"alpha": 1.0, "beta": 1.0}) == UNIT


def test_dirichlet_is_a_density_of_vectors() -> None:
    dirichlet, a = DISTRIBUTIONS["Dirichlet"], np.array([2.0, 1.0, 3.5])
    x = np.array([[0.2, 0.3, 0.5], [0.1, 0.0, 0.9]])
    np.testing.assert_allclose(
        dirichlet.log_density(x, a), [stats.dirichlet(a).logpdf(row) for row in x], rtol=1e-13
    )
    assert dirichlet.log_density(np.array([[0.5, 0.6, -0.1], [0.2, 0.2, 0.2]]), a).tolist() == [-np.inf] * 2
    assert dirichlet.support({"a": 1.0}) == SIMPLEX
    assert dirichlet.arguments[0].vector
    for function in (dirichlet.slope, dirichlet.curvature, dirichlet.cdf, dirichlet.quantile):
        with pytest.raises(ValueError, match="vectors"):
            function(x, a)


def test_reading_the_tables_loads_no_heavy_library() -> None:
    program = (
        "import sys, bayescope.distributions.distributions, bayescope.distributions.links\n"
        "import bayescope.distributions.likelihoods, bayescope.models.prior_density\n"
        "print({'scipy.special', 'scipy.stats', 'pandas', 'pymc', 'pytensor', 'arviz'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
