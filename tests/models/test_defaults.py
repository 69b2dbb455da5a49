"""Default priors: the formulas of the documentation in plain numpy, and what they promise of other data."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayescope
from bayescope.distributions.likelihoods import HeadParameter
from bayescope.distributions.supports import POSITIVE, REAL, UNIT
from bayescope.models.defaults import (
    intercept_prior,
    moments,
    parameter_prior,
    response_scale,
    slope_priors,
    stack,
)
from bayescope.models.model import Prior, Response
from bayescope.pipeline import prepare, read_config

KIDIQ = Path(__file__).parents[2] / "configs" / "data" / "kidiq.csv"
FOUR_DIGITS = 5.1e-4  # the numbers of a default are rounded to four significant digits
COLUMNS = st.lists(st.floats(-10, 10), min_size=3, max_size=12).filter(lambda x: np.ptp(x) > 0.1)
FACTORS = st.sampled_from([1e-90, 1e-12, 1e-3, 1.0, 7.0, 1e6, 1e90])


@pytest.fixture(scope="module")
def kidiq():
    with KIDIQ.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def defaults(model, **data):
    """The default priors of a model by block, from `data:`."""
    config = read_config({"name": "x", "data": data, "model": model, "inference": ["mle"]})
    _, built = prepare(config)
    assert all(block.origin == "default" for block in built.blocks)
    return {block.name: block.prior for block in built.blocks}


def test_linear_regression_of_kidiq(kidiq):
    columns = {name: values.tolist() for name, values in kidiq.items()}
    formula = "kid_score ~ mom_hs + mom_iq"
    priors = defaults({"likelihood": "Normal", "formula": formula}, columns=columns)
    y, x = kidiq["kid_score"], np.array([kidiq["mom_hs"], kidiq["mom_iq"]])
    s, means, sds = y.std(), x.mean(axis=1), x.std(axis=1)
    slopes, intercept, sigma = priors["coefficients"], priors["Intercept"], priors["sigma"]
    assert (slopes.distribution, slopes.arguments["mu"]) == ("Normal", (0.0, 0.0))
    assert slopes.arguments["sigma"] == pytest.approx(2.5 * s / sds, rel=FOUR_DIGITS)
    assert intercept.distribution == "Normal"
    assert intercept.arguments["mu"] == pytest.approx(y.mean(), rel=FOUR_DIGITS)
    width = np.sqrt((2.5 * s) ** 2 + ((2.5 * s / sds * means) ** 2).sum())
    assert intercept.arguments["sigma"] == pytest.approx(width, rel=FOUR_DIGITS)
    assert sigma.distribution == "Exponential"
    assert sigma.arguments["lam"] == pytest.approx(1 / s, rel=FOUR_DIGITS)


def test_a_normal_sample_of_kidiq(kidiq):
    y = kidiq["kid_score"]
    priors = defaults({"likelihood": "Normal", "response": "y"}, columns={"y": y.tolist()})
    assert priors["mu"].distribution == "Normal"
    assert list(priors["mu"].arguments.values()) == pytest.approx([y.mean(), 2.5 * y.std()], rel=FOUR_DIGITS)
    assert priors["sigma"].arguments["lam"] == pytest.approx(1 / y.std(), rel=FOUR_DIGITS)


def test_on_the_logit_scale_the_response_has_sd_1_and_mean_0(kidiq):
    x = kidiq["mom_iq"]
    columns = {"hs": kidiq["mom_hs"].tolist(), "iq": x.tolist()}
    priors = defaults({"likelihood": "Bernoulli", "formula": "hs ~ iq"}, columns=columns)
    assert priors["coefficients"].arguments == {
        "mu": 0.0,
        "sigma": pytest.approx(2.5 / x.std(), rel=FOUR_DIGITS),
    }
    width = 2.5 * np.hypot(1.0, x.mean() / x.std())
    assert priors["Intercept"].arguments == {"mu": 0.0, "sigma": pytest.approx(width, rel=FOUR_DIGITS)}


@pytest.mark.parametrize("model", [{"likelihood": "Bernoulli"}, {"likelihood": "Binomial", "trials": "n"}])
def test_a_probability_is_uniform(model):
    priors = defaults({**model, "response": "y"}, columns={"y": [1, 0, 1], "n": [1, 1, 1]})
    assert priors == {"p": Prior("Beta", {"alpha": 1.0, "beta": 1.0})}


def test_of_an_intercept_alone():
    priors = defaults({"likelihood": "Normal", "formula": "y ~ 1"}, columns={"y": [1, 2, 3, 6]})
    assert priors["Intercept"].arguments == {
        "mu": 3.0,
        "sigma": pytest.approx(2.5 * np.sqrt(3.5), rel=FOUR_DIGITS),
    }


def test_repeated_rows_count_as_often_as_they_occur():
    counted = defaults({"likelihood": "Normal", "response": "y"}, counts={"y": {1: 3, 4: 1}})
    assert counted == defaults({"likelihood": "Normal", "response": "y"}, columns={"y": [1, 1, 1, 4]})


@pytest.mark.parametrize("constant", [0.0, 0.1, -3.0, 1e9, 1e-30])
def test_there_is_nothing_to_scale_a_constant_column_by(constant):
    mean, sd = moments(np.full(7, constant), None)
    assert mean == pytest.approx(constant)
    assert sd == 1.0


@given(COLUMNS, FACTORS)
def test_mean_and_sd_follow_the_unit(values, factor):
    x = np.array(values)
    mean, sd = moments(factor * x, None)
    assert sd == pytest.approx(factor * x.std(), rel=1e-9)
    assert mean == pytest.approx(factor * x.mean(), abs=1e-12 * factor * np.abs(x).max())


@given(COLUMNS, FACTORS, FACTORS)
def test_slopes_follow_the_units_of_response_and_column(values, of_y, of_x):
    x = np.array(values)[:, np.newaxis]
    (here,), (there,) = slope_priors(x, None, 2.0), slope_priors(of_x * x, None, 2.0 * of_y)
    assert there.arguments["sigma"] == pytest.approx(
        here.arguments["sigma"] * (of_y / of_x), rel=3 * FOUR_DIGITS
    )


@given(COLUMNS, FACTORS)
def test_the_intercept_does_not_feel_the_units_of_the_columns(values, of_x):
    x = np.array(values)[:, np.newaxis]
    here, there = intercept_prior(x, None, 1.0, 2.0), intercept_prior(of_x * x, None, 1.0, 2.0)
    assert there.arguments["sigma"] == pytest.approx(here.arguments["sigma"], rel=3 * FOUR_DIGITS)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e3))
def test_a_mean_is_right_to_one_percent_of_its_sd_and_printed_in_full(location, scale):
    prior = parameter_prior(HeadParameter("mu", REAL), location, scale)
    mu, sigma = prior.arguments.values()
    assert abs(mu - location) <= 0.01 * sigma
    printed = [float(text) for text in str(prior).removeprefix("Normal(").removesuffix(")").split(",")]
    assert printed == pytest.approx([mu, sigma], abs=0.01 * sigma)


@pytest.mark.parametrize("origin", [1013.0, 5_812_345.0, -1e9])
def test_no_default_depends_on_where_the_response_has_its_zero(origin):
    y = np.array([0.55, 0.30, 0.60, 0.38, 0.47, 0.40])

    def fit(values):
        model = {"likelihood": "Normal", "response": "y"}
        config = {"name": "x", "data": {"columns": {"y": values}}, "model": model, "inference": ["exact"]}
        return bayescope.run(config)["exact"]

    here, there = fit(y), fit(y + origin)
    assert there.estimate - [origin, 0.0] == pytest.approx(here.estimate, abs=0.01 * here.sd[0])
    assert there.sd == pytest.approx(here.sd, rel=1e-3)
    assert there.log_evidence == pytest.approx(here.log_evidence, abs=1e-3)


def test_the_response_is_weighed_by_its_rows():
    values, weights = np.array([1.0, 4.0]), np.array([3.0, 1.0])
    location, scale = response_scale(Response("y", values, weights=weights), "identity")
    assert location == pytest.approx(1.75)
    assert scale == pytest.approx(np.std([1, 1, 1, 4]))


def test_a_default_is_chosen_by_the_support():
    def default(support, **more):
        return str(parameter_prior(HeadParameter("name", support, **more), 3.0, 2.0))

    assert default(REAL) == "Normal(3, 5)"
    assert default(POSITIVE) == "Exponential(0.5)"
    assert default(POSITIVE, scale=lambda mean, _sd: mean) == "Exponential(0.3333)"
    assert default(UNIT) == "Beta(1, 1)"
    assert default(POSITIVE, prior=("Gamma", {"alpha": 2.0, "beta": 0.1})) == "Gamma(2, 0.1)"


COUNTS = Response("y", np.array([1.0, 4.0, 7.0]))


def test_of_a_count_or_an_amount_the_mean_says_where_the_intercept_is():
    assert response_scale(COUNTS, "log") == (pytest.approx(np.log(4.0)), pytest.approx(1.0))
    assert response_scale(COUNTS, "inverse") == (pytest.approx(0.25), pytest.approx(0.25))
    assert response_scale(COUNTS, "log", offset=np.array([1.0, 2.0, 3.0]))[0] == pytest.approx(
        np.log(4.0) - 2
    )


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_of_a_probability_nothing_does(link):
    assert response_scale(Response("y", np.array([0.0, 1.0, 1.0])), link) == (0.0, 1.0)


def test_a_logarithm_is_scaled_by_the_logarithm():
    location, scale = response_scale(COUNTS, "identity", np.log)
    assert (location, scale) == (
        pytest.approx(np.log([1, 4, 7]).mean()),
        pytest.approx(np.log([1, 4, 7]).std()),
    )


def test_where_nothing_was_counted_there_is_nothing_to_scale_by():
    assert response_scale(Response("y", np.zeros(4)), "log") == (0.0, 1.0)
    priors = defaults({"likelihood": "Poisson", "response": "y"}, columns={"y": [0, 0, 0]})
    assert str(priors["mu"]) == "Exponential(1)"


@pytest.mark.parametrize(
    ("likelihood", "priors"),
    [
        ("NegativeBinomial", {"alpha": "HalfCauchy(1)"}),
        ("Gamma", {"alpha": "HalfCauchy(1)"}),
        ("StudentT", {"nu": "Gamma(2, 0.1)", "sigma": "Exponential(0.4082)"}),
        ("Laplace", {"b": "Exponential(0.4082)"}),
        ("ZeroInflatedPoisson", {"psi": "Beta(2, 2)"}),
    ],
)
def test_other_parameters_of_a_regression(likelihood, priors):
    found = defaults({"likelihood": likelihood, "formula": "y ~ 1"}, columns={"y": [1, 4, 7]})
    assert {name: str(prior) for name, prior in found.items() if name != "Intercept"} == priors


def test_equal_priors_stack_to_one_and_others_to_vectors():
    narrow, wide = Prior("Normal", {"mu": 0.0, "sigma": 1.0}), Prior("Normal", {"mu": 0.0, "sigma": 3.0})
    assert stack([narrow, narrow]) == narrow
    assert stack([narrow, wide]) == Prior("Normal", {"mu": (0.0, 0.0), "sigma": (1.0, 3.0)})
