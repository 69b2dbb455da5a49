from __future__ import annotations

import dataclasses

import numpy as np

from bayescope.config.priors import Scaled
from bayescope.models.model import Prior, Response
from bayescope.reports.notation import model_notation

NORMAL = Prior("Normal", {"mu": 0.0, "sigma": 10.0})


def linear(workshop, names, slopes=NORMAL, **more):
    X = np.zeros((5, len(names)))
    sigma = more.pop("sigma", Prior("HalfCauchy", {"beta": 2.5}))
    return workshop.regression(X, np.zeros(5), names, intercept=NORMAL, slopes=slopes, sigma=sigma, **more)


def test_a_linear_regression_is_written_line_by_line(workshop):
    assert model_notation(linear(workshop, ["mom_hs", "mom_iq"])) == (
        "y[i] ~ Normal(mu[i], sigma)    i = 1, ..., 5",
        "mu[i] = Intercept + mom_hs * x_mom_hs[i] + mom_iq * x_mom_iq[i]",
        "Intercept ~ Normal(0, 10)",
        "mom_hs, mom_iq ~ Normal(0, 10)",
        "sigma ~ HalfCauchy(2.5)",
    )


def test_a_coin_has_no_body(workshop):
    lines = model_notation(workshop.coin([1, 0, 1], Prior("Beta", {"alpha": 2.0, "beta": 2.0})))
    assert lines == ("flip[i] ~ Bernoulli(p)    i = 1, ..., 3", "p ~ Beta(2, 2)")


def test_a_link_stands_on_the_left(workshop):
    lines = model_notation(linear(workshop, ["x"], likelihood="Bernoulli"))
    assert lines[1] == "logit(p[i]) = Intercept + x * x_x[i]"


def test_a_binomial_shows_its_trials(workshop):
    model = linear(workshop, ["x"], likelihood="Binomial", trials=np.ones(5))
    assert model_notation(model)[0].startswith("y[i] ~ Binomial(n[i], p[i])")


def test_a_fixed_parameter_is_said(workshop):
    assert model_notation(linear(workshop, ["x"], sigma=2.0))[-1] == "sigma = 2  (fixed)"


def test_thirty_predictors_share_one_line(workshop):
    lines = model_notation(linear(workshop, [f"x{k}" for k in range(30)]))
    assert lines[1] == "mu[i] = Intercept + sum over k = 1, ..., 30 of coefficient[k] * x[i, k]"
    assert "coefficients[k], each of 30, ~ Normal(0, 10)" in lines


def test_priors_that_differ_have_a_line_each_or_a_range(workshop):
    few = linear(workshop, ["a", "b"], Prior("Normal", {"mu": 0.0, "sigma": (1.5, 20.0)}))
    assert model_notation(few)[3:5] == ("a ~ Normal(0, 1.5)", "b ~ Normal(0, 20)")
    scales = tuple(float(k) for k in range(1, 11))
    many = linear(workshop, [f"x{k}" for k in range(10)], Prior("Normal", {"mu": 0.0, "sigma": scales}))
    assert "coefficients[k], each of 10, ~ Normal(0, 1 to 10)" in model_notation(many)


def test_a_name_that_is_no_word_stands_in_braces(workshop):
    lines = model_notation(linear(workshop, ["dist / 100", "a:b"]))
    assert lines[1] == "mu[i] = Intercept + {dist / 100} * x_{dist / 100}[i] + {a:b} * x_{a:b}[i]"


def test_a_long_body_is_broken_before_a_plus(workshop):
    names = [f"{letter}_long_column_name" for letter in "abcdef"]
    lines = model_notation(linear(workshop, names))
    assert max(map(len, lines[:7])) <= 90
    assert lines[2].startswith("      + b_long_column_name * ")


def test_a_name_cannot_break_a_line(workshop):
    model = linear(workshop, ["a\nb"])
    model = dataclasses.replace(model, response=Response("y\n", model.response.values))
    assert all("\n" not in line for line in model_notation(model))


def test_a_scale_in_units_of_sigma_is_written_so(workshop):
    scaled = Prior("Normal", {"mu": 0.0, "sigma": Scaled(2.5, "sigma")})
    assert model_notation(linear(workshop, ["a", "b"], scaled))[3] == "a, b ~ Normal(0, 2.5 * sigma)"
    many = model_notation(linear(workshop, [f"x{k}" for k in range(9)], scaled))
    assert many[3] == "coefficients[k], each of 9, ~ Normal(0, 2.5 * sigma)"


def test_rows_that_occur_often_are_as_many_observations(workshop):
    model = workshop.coin([1, 0], Prior("Beta", {"alpha": 2.0, "beta": 2.0}))
    often = dataclasses.replace(model.response, weights=np.array([700.0, 300.0]))
    assert model_notation(dataclasses.replace(model, response=often))[0].endswith("i = 1, ..., 1,000")


def test_rows_with_a_column_of_weights_stay_rows(workshop):
    model = workshop.coin([1, 0], Prior("Beta", {"alpha": 2.0, "beta": 2.0}))
    weighed = dataclasses.replace(model.response, weights=np.array([0.5, 2.0]), weights_name="w")
    line = model_notation(dataclasses.replace(model, response=weighed))[0]
    assert line.endswith("i = 1, ..., 2, counted w[i] times")


def test_a_name_with_a_dot_needs_no_braces(workshop):
    model = workshop.coin([1, 0], Prior("Beta", {"alpha": 2.0, "beta": 2.0}))
    block = dataclasses.replace(model.blocks[0], name="county.sd", labels=("county.sd",))
    assert model_notation(dataclasses.replace(model, blocks=(block,)))[-1] == "county.sd ~ Beta(2, 2)"
