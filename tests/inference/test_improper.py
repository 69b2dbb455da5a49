"""Improper posteriors of sigma: refused by the same name by every method that would need it to be proper."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bayescope
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.improper import least_squares, refuse_improper_spread, unknown_sigma
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.registry import METHODS
from bayescope.models.model import Model
from bayescope.pipeline import prepare, read_config

NEED_A_PROPER_ONE = ("exact", "grid", "laplace", "importance", "nuts", "hmc", "metropolis")
X, Y = [0.0, 1.0, 3.0, 4.0, 7.0, 5.0], [1.0, 2.5, 4.0, 3.0, 6.0, 9.0]
FLAT = {"Intercept": "Flat()", "x": "Flat()"}


def build(priors, x=X, y=Y, rows=6, **model) -> Model:
    columns = {"y": y[:rows], "x": x[:rows]}
    spec = {"likelihood": "Normal", "priors": priors} | (model or {"formula": "y ~ x"})
    config = {"name": "x", "data": {"columns": columns}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def check(model):
    refuse_improper_spread(PointProblem(model, prior=True))


@pytest.mark.parametrize("method", NEED_A_PROPER_ONE)
def test_every_method_that_needs_a_proper_posterior_refuses_by_name(method):
    model = build(FLAT | {"sigma": "HalfFlat()"}, rows=3)
    with pytest.raises(FitError, match="3 rows, 2 coefficients and a flat sigma: the posterior is improper"):
        METHODS[method].fit(model, METHODS[method].settings(), Context(seed=1))


@pytest.mark.parametrize("method", ["grid", "laplace", "importance", "nuts", "hmc", "metropolis"])
@pytest.mark.parametrize(
    ("model", "columns", "why"),
    [
        ({"likelihood": "Bernoulli", "formula": "y ~ x", "priors": FLAT}, {"y": [0, 0, 0, 1, 1, 1], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}, "complete separation of the response by x, whose priors are flat"),
        ({"likelihood": "Poisson", "formula": "y ~ x", "priors": FLAT}, {"y": [0, 0, 2, 3], "x": [0.0, 0.0, 1.0, 1.0]}, "separation of the response by x, whose priors are flat"),
    ],
    ids=["separation", "zeros"],
)  # fmt: skip
def test_flat_priors_of_columns_that_separate_are_refused_by_every_method(method, model, columns, why):
    config = {"name": "x", "data": {"columns": columns}, "model": model, "inference": ["mle"]}
    model = prepare(read_config(config))[1]
    with pytest.raises(FitError, match=why):
        METHODS[method].fit(model, METHODS[method].settings(), Context(seed=1))


@pytest.mark.parametrize("method", ["grid", "laplace"])
def test_a_flat_mean_of_vectors_is_determined_by_their_rows(method):
    rows = np.array([[1.0, 2.0], [0.0, 3.0], [2.0, 4.0]])
    spec = {
        "likelihood": "MvNormal",
        "response": ["u", "v"],
        "priors": {"mu": "Flat()", "cov": [[1.0, 0.5], [0.5, 2.0]]},
    }
    config = {
        "name": "x",
        "data": {"columns": {"u": rows[:, 0], "v": rows[:, 1]}},
        "model": spec,
        "inference": ["mle"],
    }
    model = prepare(read_config(config))[1]
    fit = METHODS[method].fit(model, METHODS[method].settings(), Context(seed=1))
    np.testing.assert_allclose(fit.estimate, rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(fit.covariance, np.array([[1.0, 0.5], [0.5, 2.0]]) / 3, rtol=1e-5)


@pytest.mark.parametrize(
    ("spread", "least"),
    # a + (n - f) / 2 > 0 with f = 2 and a = -1/2, -1 and 1; two rows are fitted perfectly
    [("sigma", 4), ("variance", 5), ("tau", 3)],
)
def test_a_flat_spread_needs_its_number_of_rows(spread, least):
    check(build(FLAT | {spread: "HalfFlat()"}, rows=least))
    what = (
        "fits the data perfectly"
        if spread == "tau"
        else rf"{least - 1} rows, 2 coefficients and a flat {spread}"
    )
    with pytest.raises(FitError, match=what):
        check(build(FLAT | {spread: "HalfFlat()"}, rows=least - 1))


@pytest.mark.parametrize(
    ("slope", "rows", "least"),
    # a proper slope, in units of sigma or not, needs no row of its own
    [
        ("Flat()", "3 rows, 2 coefficients", 4),
        ("Normal(0, 1)", "2 rows, 1 flat coefficient", 3),
        ("Normal(0, sigma)", "2 rows, 1 flat coefficient", 3),
    ],
)
def test_only_flat_coefficients_take_rows(slope, rows, least):
    check(build({"Intercept": "Flat()", "x": slope, "sigma": "HalfFlat()"}, rows=least))
    with pytest.raises(FitError, match=f"{rows} and a flat sigma"):
        check(build({"Intercept": "Flat()", "x": slope, "sigma": "HalfFlat()"}, rows=least - 1))


def test_without_flat_coefficients_one_row_is_too_few():
    priors = {"mu": "Normal(0, 1)", "sigma": "HalfFlat()"}
    with pytest.raises(FitError, match=r"^1 row and a flat sigma: the posterior is improper"):
        check(build(priors, rows=1, response="y"))
    check(build(priors, rows=2, response="y"))


PERFECT = [2 * x + 1 for x in X]


@pytest.mark.parametrize(
    "spread",
    [
        {"sigma": "HalfFlat()"},
        {"sigma": "HalfCauchy(1)"},
        {"variance": "HalfFlat()"},
        {"tau": "HalfFlat()"},
        {"variance": "Exponential(1)"},
    ],
)
def test_a_perfect_fit_with_a_spread_open_at_zero_is_refused(spread):
    [(name, _)] = spread.items()
    for slope in ("Flat()", "Normal(0, 1)"):
        with pytest.raises(
            FitError, match=rf"fits the data perfectly, and the prior .* of {name} does not keep"
        ):
            check(build({"Intercept": "Flat()", "x": slope, **spread}, y=PERFECT))


@pytest.mark.parametrize(
    "spread",
    [
        {"sigma": "InverseGamma(3, 1)"},
        {"variance": "InverseGamma(3, 1)"},
        {"tau": "Gamma(2, 1)"},
        {"sigma": "Uniform(0.1, 5)"},
        {"sigma": "LogNormal(0, 1)"},
    ],
)
def test_a_perfect_fit_with_a_spread_kept_from_zero_is_none(spread):
    check(build(FLAT | spread, y=PERFECT))


@pytest.mark.parametrize("rows", [3, 6])
def test_a_perfect_fit_needs_a_density_that_falls_faster_than_its_spare_rows(rows):
    # the integral of sigma^(a - 1) sigma^-(n - 2) is finite at 0 for a > n - 2
    check(build(FLAT | {"sigma": f"Gamma({rows - 1.99}, 1)"}, y=PERFECT, rows=rows))
    with pytest.raises(FitError, match="fits the data perfectly"):
        check(build(FLAT | {"sigma": f"Gamma({rows - 2}, 1)"}, y=PERFECT, rows=rows))


def test_without_coefficients_every_row_is_spare():
    check(build({"mu": 2.0, "sigma": "Gamma(4.01, 1)"}, y=[2.0] * 4, rows=4, response="y"))
    with pytest.raises(FitError, match="fits the data perfectly"):
        check(build({"mu": 2.0, "sigma": "Gamma(4, 1)"}, y=[2.0] * 4, rows=4, response="y"))


def test_a_prior_in_units_of_sigma_is_a_row_that_a_perfect_fit_must_fit_too():
    check(build({"Intercept": "Flat()", "x": "Normal(0, sigma)", "sigma": "HalfCauchy(1)"}, y=PERFECT))
    with pytest.raises(FitError, match="fits the data perfectly"):
        check(build({"Intercept": "Flat()", "x": "Normal(2, sigma)", "sigma": "HalfCauchy(1)"}, y=PERFECT))


@pytest.mark.parametrize("method", ["mle", "map", "laplace"])
@pytest.mark.parametrize(
    ("model", "y", "advice"),
    [
        ({"formula": "y ~ x"}, PERFECT, "leave predictors out"),
        ({"formula": "y ~ 1"}, [3.0] * 6, "use rows that are not all the same"),
        ({"response": "y"}, [3.0] * 6, "use rows that are not all the same"),
    ],
    ids=["a line", "an intercept", "no formula"],
)
def test_only_a_model_with_predictors_is_advised_to_leave_them_out(method, model, y, advice):
    with pytest.raises(FitError) as refusal:
        METHODS[method].fit(build({}, y=y, **model), METHODS[method].settings(), Context(seed=1))
    assert refusal.value.advice == (
        f"Fix sigma (sigma: 1.0), {advice}, or give sigma a prior that vanishes at 0, such as "
        "InverseGamma(3, 1)."
    )


@pytest.mark.parametrize("spread", ["sigma", "variance", "tau"])
def test_map_has_no_mode_where_the_density_is_unbounded(spread):
    model = build(FLAT | {spread: "HalfFlat()"}, y=PERFECT)
    with pytest.raises(FitError, match="the posterior mode does not exist: the mean fits every row exactly"):
        MAP.fit(model, MAP.settings(), Context(seed=1))
    scaled = build({"Intercept": "Flat()", "x": "Normal(0, sigma)", spread: "HalfFlat()"}, y=PERFECT)
    assert MAP.fit(scaled, MAP.settings(), Context(seed=1)).outcome.status == "ok"


def test_the_rows_of_the_prior_are_rows_of_least_squares():
    model = build({"Intercept": "Normal(1, 2 * sigma)", "x": "Normal(3, 1)", "sigma": "HalfNormal(1)"})
    data = least_squares(PointProblem(model, prior=True))
    design = np.vstack([np.column_stack([np.ones(6), X]), [0.5, 0.0]])
    target = np.append(Y, 0.5)
    beta, residual, *_ = np.linalg.lstsq(design, target, rcond=None)
    assert data.observations == 7
    np.testing.assert_allclose(np.linalg.solve(data.factor, data.projection), beta, rtol=1e-12)
    assert data.residual == pytest.approx(residual[0], rel=1e-12)


def test_a_log_normal_is_a_normal_of_the_logarithm():
    priors = {"mu": "Flat()", "sigma": "HalfFlat()"}
    with pytest.raises(FitError, match="2 rows, 1 coefficient and a flat sigma: the posterior is improper"):
        check(build(priors, rows=2, likelihood="LogNormal", response="y"))
    check(build(priors, rows=3, likelihood="LogNormal", response="y"))


@pytest.mark.parametrize(
    ("model", "unknown"),
    [
        ({"formula": "y ~ x"}, True),
        ({"formula": {"mu": "y ~ x", "sigma": "~ 0 + x"}}, False),
        ({"formula": {"mu": "y ~ x", "sigma": "~ x"}}, False),
        ({"formula": "y ~ x", "likelihood": "StudentT"}, False),
        ({"formula": "y ~ x", "link": "log"}, False),
        ({"formula": "y ~ x", "body": {"mlp": {"hidden": [2]}}}, False),
    ],
)
def test_an_unknown_sigma_is_one_number_of_a_linear_normal(model, unknown):
    assert (unknown_sigma(build({}, **model)) is not None) == unknown


def test_a_known_sigma_is_not_unknown():
    assert unknown_sigma(build({"sigma": 2.0})) is None


def test_other_models_have_nothing_to_refuse():
    config = {
        "name": "x",
        "data": {"columns": {"flip": [0, 1, 1]}},
        "model": {"use": "coin", "response": "flip"},
        "inference": ["mle"],
    }
    check(prepare(read_config(config))[1])
    check(build({"sigma": 2.0}))


SAME = [0.3] * 12
SPREADS = [
    ("Gamma", "alpha -> inf"),
    ("Beta", "nu -> inf"),
    ("Laplace", "b -> 0"),
    ("StudentT", "sigma -> 0"),
]


@pytest.mark.parametrize(("likelihood", "end"), SPREADS)
@pytest.mark.parametrize("method", ["grid", "laplace", "importance", "nuts", "advi"])
def test_equal_rows_and_a_prior_that_lets_the_spread_vanish_are_improper(likelihood, end, method):
    name = end.split()[0]
    open_prior = {name: "HalfCauchy(1)", "nu": 4} if likelihood == "StudentT" else {name: "HalfCauchy(1)"}
    model = build(
        {"Intercept": "Normal(0, 1)"} | open_prior,
        x=SAME,
        y=SAME,
        rows=12,
        likelihood=likelihood,
        formula="y ~ 1",
    )
    with pytest.raises((FitError, NotApplicable), match=f"unbounded as {end}|has a kink"):
        METHODS[method].fit(model, METHODS[method].settings(), Context(seed=1))


@pytest.mark.parametrize(
    ("rows", "proper"),
    # the density of log alpha is alpha^((n - 1) / 2) alpha alpha^-2 at infinity
    [(2, True), (3, False)],
)
def test_a_half_cauchy_shape_keeps_one_row_beside_the_mean(rows, proper):
    model = build({"alpha": "HalfCauchy(1)"}, y=SAME, rows=rows, likelihood="Gamma", formula="y ~ 1")
    if proper:
        check(model)
    else:
        with pytest.raises(FitError, match="the posterior is improper"):
            check(model)


@pytest.mark.parametrize("prior", ["Exponential(0.1)", "Gamma(2, 1)", "Uniform(0, 50)"])
def test_a_shape_that_its_prior_bounds_has_a_posterior_of_equal_rows(prior):
    model = build({"alpha": prior}, x=SAME, y=SAME, rows=12, likelihood="Gamma", formula="y ~ 1")
    check(model)
    fit = METHODS["laplace"].fit(model, METHODS["laplace"].settings(), Context(seed=1))
    assert fit.estimate[0] == pytest.approx(np.log(0.3), abs=0.1)


@pytest.mark.parametrize("method", ["map", "laplace"])
@pytest.mark.parametrize("likelihood", ["Gamma", "Beta"])
def test_a_density_that_tends_to_a_number_at_a_perfect_fit_has_no_mode(likelihood, method):
    """Four rows: the likelihood rises as size^2, and the default HalfCauchy falls as size^-2."""
    y = [3.0, 6.0, 12.0, 24.0] if likelihood == "Gamma" else [0.1, 0.2, 0.36, 0.5625]
    x = [1, 2, 3, 4] if likelihood == "Gamma" else [math.log(p / (1 - p)) for p in y]
    run = bayescope.run(
        {
            "name": "perfect",
            "data": {"columns": {"x": x, "y": y}},
            "model": {"likelihood": likelihood, "formula": "y ~ x"},
            "inference": [{method: {"tolerance": 1e-5}}],
        }
    )
    assert run[method].outcome.status == "failed"
    assert "mode does not exist" in run[method].outcome.message
