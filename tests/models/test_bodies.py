"""A formula for each parameter: names, priors, designs and densities of distributional models."""

import json

import numpy as np
import pytest

from bayescope.config.schema import ModelConfig
from bayescope.data.new_rows import read_rows
from bayescope.data.prepare import read_data, read_formula
from bayescope.data.read import read_columns
from bayescope.errors import ConfigError
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.build import build_model
from bayescope.models.density import likelihood_derivatives, log_likelihood, pointwise_log_likelihood, psi

COLUMNS = {
    "y": [1.0, 2.5, 2.0, 4.5, 3.0, 6.0],
    "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    "g": ["a", "b", "a", "b", "a", "b"],
}
FORMULA = {"mu": "y ~ x", "sigma": "~ x + g"}


def model_of(formula=FORMULA, likelihood="Normal", **more):
    spec = ModelConfig(likelihood=likelihood, formula=formula, **more)
    return build_model(spec, read_formula(spec), read_columns(COLUMNS))


def test_the_unknowns_of_another_parameter_start_with_its_name():
    model = model_of()
    assert model.names == ("Intercept", "x", "sigma.Intercept", "sigma.x", "sigma.g[b]")
    assert [block.name for block in model.blocks] == [
        "Intercept",
        "coefficients",
        "sigma.Intercept",
        "sigma.coefficients",
    ]
    assert model.formula == "y ~ x"
    assert model.formulas == {"sigma": "~ x + g"}
    assert [predictor.link for predictor in model.predictors] == ["identity", "log"]


def test_priors_of_its_slopes_share_a_line_or_have_one_of_their_own():
    model = model_of(priors={"sigma.coefficients": "Normal(0, 1)", "sigma.x": "Laplace(0, 2)"})
    priors = {block.name: str(block.prior) for block in model.blocks}
    assert priors["sigma.coefficients"] == "Normal(0, 1)"
    assert priors["sigma.x"] == "Laplace(0, 2)"


def test_the_default_of_its_intercept_is_the_logarithm_of_the_sd_of_the_response():
    [prior] = [
        block.prior for block in model_of({"mu": "y ~ x", "sigma": "~ 1"}).blocks if "sigma" in block.name
    ]
    assert prior.arguments["mu"] == pytest.approx(np.log(np.std(COLUMNS["y"])), rel=1e-3)
    assert prior.arguments["sigma"] == 2.5


def test_sigma_is_that_of_each_row():
    model = model_of()
    theta = np.array([1.0, 0.5, -0.3, 0.2, 0.4])
    _, sigma = psi(model, theta)
    x, b = np.array(COLUMNS["x"]), np.array(COLUMNS["g"]) == "b"
    np.testing.assert_allclose(sigma, np.exp(-0.3 + 0.2 * x + 0.4 * b), rtol=1e-14)
    residual = (np.array(COLUMNS["y"]) - 1 - 0.5 * x) / sigma
    expected = -0.5 * residual**2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(pointwise_log_likelihood(model, theta), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("likelihood", "formula"),
    [
        ("Normal", FORMULA),
        ("Gamma", {"mu": "y ~ x", "alpha": "~ x"}),
        ("StudentT", {"mu": "y ~ x", "sigma": "~ x", "nu": "~ 1"}),
        ("LogNormal", {"mu": "y ~ 1", "sigma": "~ g"}),
    ],
)
def test_the_gradient_is_that_of_central_differences(likelihood, formula):
    model = model_of(formula, likelihood)
    theta = np.random.default_rng(3).normal(0.2, 0.1, len(model.names))
    _, gradient, hessian = likelihood_derivatives(model, theta)
    step = 1e-5
    for j in range(len(theta)):
        up, down = theta + step * np.eye(len(theta))[j], theta - step * np.eye(len(theta))[j]
        slope = (log_likelihood(model, up) - log_likelihood(model, down)) / (2 * step)
        rows = (likelihood_derivatives(model, up)[1] - likelihood_derivatives(model, down)[1]) / (2 * step)
        assert gradient[j] == pytest.approx(slope, rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(hessian[j], rows, rtol=1e-5, atol=1e-5)


def test_new_rows_have_the_designs_of_the_rows_fitted_to():
    model = model_of(standardize=True)
    stored = json.loads(json.dumps(blueprint(model)))
    table = read_rows(stored, {"x": [1.0, 9.0], "g": ["b", "a"]}, response=False)
    again = rebuild(stored, table, response=False)
    assert again.names == model.names
    x = (np.array([1.0, 9.0]) - np.mean(COLUMNS["x"])) / np.std(COLUMNS["x"])
    np.testing.assert_allclose(
        again.predictors[1].matrix, np.column_stack([np.ones(2), x, [1, 0]]), rtol=1e-14
    )


def test_columns_of_all_formulas_are_read():
    spec = ModelConfig(likelihood="Normal", formula={"mu": "y ~ x", "sigma": "~ g + offset(log(x + 1))"})
    config = type("Config", (), {"model": spec, "data": None})()
    _, table = read_data(config, None, COLUMNS | {"unused": [1] * 6})
    assert set(table.columns) == {"y", "x", "g"}


@pytest.mark.parametrize(
    ("formula", "path", "message"),
    [
        ({"mu": "y ~ x", "sigma": "~ x +"}, ("model", "formula", "sigma"), ""),
        ({"mu": "y ~ x", "sigma": "~ y"}, ("model", "formula", "sigma"), "y is the response"),
        (
            {"mu": "y ~ x", "sigma": "y ~ x"},
            ("model", "formula", "sigma"),
            "the left side of sigma stays empty",
        ),
    ],
)
def test_a_wrong_formula_is_named_by_its_parameter(formula, path, message):
    with pytest.raises(ConfigError) as refusal:
        read_formula(ModelConfig(likelihood="Normal", formula=formula))
    [problem] = refusal.value.problems
    assert problem.path == path
    assert message in problem.message


def test_a_line_for_the_parameter_itself_is_refused():
    with pytest.raises(ConfigError, match="no unknown named 'sigma'"):
        model_of(priors={"sigma": "HalfNormal(1)"})


def test_a_parameter_with_a_formula_scales_no_prior():
    with pytest.raises(ConfigError, match="sigma has a formula and differs between rows"):
        model_of(priors={"coefficients": "Normal(0, 2 * sigma)"})
