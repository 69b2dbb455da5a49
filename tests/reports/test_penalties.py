from __future__ import annotations

import numpy as np
import pytest

from bayescope.distributions.choices import WRITTEN
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.reports.penalties import SHAPES, penalty_of

ARGUMENTS = {
    "Flat": (), "HalfFlat": (), "Normal": (1.5, 2.0), "HalfNormal": (2.0,), "HalfCauchy": (2.5,),
    "StudentT": (3.0, -1.0, 10.0), "HalfStudentT": (4.0, 2.0), "Beta": (2.5, 0.5), "Gamma": (3.0, 2.0),
    "InverseGamma": (3.0, 2.0), "Exponential": (0.7,), "Laplace": (0.0, 1.25), "Cauchy": (0.5, 2.0),
    "Uniform": (0.0, 1.0), "Pareto": (1.5, 0.05), "LogNormal": (-0.3, 0.8),
}  # fmt: skip
POINTS = np.array([0.1, 0.35, 0.6, 0.9])


def test_every_distribution_of_the_table_has_its_penalty():
    assert set(SHAPES) == set(WRITTEN)
    assert set(ARGUMENTS) == {name for name, entry in DISTRIBUTIONS.items() if not entry.joint}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_penalty_is_the_negative_log_density_but_for_a_constant(name):
    arguments = ARGUMENTS[name]
    difference = SHAPES[name].penalty(POINTS, *arguments) + DISTRIBUTIONS[name].log_density(
        POINTS, *arguments
    )
    np.testing.assert_allclose(difference, difference[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_formula_that_is_shown_gives_the_penalty(name):
    arguments = ARGUMENTS[name]
    formula, _, strength = SHAPES[name].formula(*arguments).partition(", lambda = ")
    formula = formula.partition(" for ")[0].replace("^", "**").replace("lambda", "strength")
    formula = formula.replace("|theta|", "abs(theta)")
    scope = {
        "log": np.log,
        "abs": np.abs,
        "strength": eval(strength.replace("^", "**") or "None"),  # noqa: S307
    }
    expected = SHAPES[name].penalty(POINTS, *arguments)
    shown = [eval(formula, {**scope, "theta": theta}) for theta in POINTS]  # noqa: S307
    np.testing.assert_allclose(shown, expected, rtol=1e-12)
    if strength:
        assert SHAPES[name].strength(*arguments) == pytest.approx(scope["strength"], rel=1e-15)


def test_dirichlet_elements_have_log_barriers():
    assert SHAPES["Dirichlet"].formula(3.0) == "-2 * log(theta)"
    assert SHAPES["Dirichlet"].penalty(np.array(0.5), 3.0) == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize(
    ("name", "x"),
    [("Pareto", -3.0), ("Pareto", 0.01), ("Gamma", -1.0), ("HalfNormal", -1.0), ("Uniform", 1.1)],
)
def test_the_penalty_is_infinite_where_the_prior_has_no_density(name, x):
    arguments = dict(zip([a.name for a in DISTRIBUTIONS[name].arguments], ARGUMENTS[name], strict=True))
    assert penalty_of(name, arguments, x) == np.inf
    assert penalty_of(name, arguments, 0.5) == pytest.approx(
        float(SHAPES[name].penalty(0.5, *ARGUMENTS[name]))
    )


def test_a_penalty_beyond_the_largest_number_is_infinite():
    assert penalty_of("Normal", {"mu": 0.0, "sigma": 1e-100}, 1e100) == np.inf


@pytest.mark.parametrize(("tau", "strength"), [(1e190, 0.0), (1e-190, np.inf)])
def test_a_scale_whose_square_is_no_number_has_a_penalty(tau, strength):
    for name, arguments in (("Normal", {"mu": 0.0, "sigma": tau}), ("HalfNormal", {"sigma": tau})):
        assert SHAPES[name].strength(*arguments.values()) == strength
        assert penalty_of(name, arguments, tau) == 0.5
