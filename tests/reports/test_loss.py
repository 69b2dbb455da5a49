from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

import bayescope
from bayescope.config.priors import Scaled
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.models.density import log_likelihood
from bayescope.models.model import Prior
from bayescope.models.prior_density import log_prior
from bayescope.reports.loss import loss_view, totals_at
from bayescope.reports.penalties import formula_of, log_scale_term, penalty_of

FLAT = Prior("Flat", {})
CALLS = {"LinearRegression": LinearRegression, "Ridge": Ridge, "Lasso": Lasso,
         "LogisticRegression": LogisticRegression, "np": np}  # fmt: skip


def normal(tau, mu=0.0):
    return Prior("Normal", {"mu": mu, "sigma": tau})


def laplace(b):
    return Prior("Laplace", {"mu": 0.0, "b": b})


def data(binary=False, n=60):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n, 3))
    eta = 0.4 + X @ np.array([1.0, -0.7, 0.05])
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(float) if binary else eta + rng.normal(size=n)
    return X, y


def call(sentence):
    """The estimator that a sentence names, made by running its text."""
    return eval(sentence.split("`")[1], CALLS)  # noqa: S307


@pytest.mark.parametrize(
    ("likelihood", "slopes", "sigma"),
    [
        ("Normal", FLAT, 1.3),
        ("Normal", normal(0.8), 1.3),
        ("Normal", normal(0.8), Prior("HalfCauchy", {"beta": 2.5})),
        ("Normal", laplace(0.05), 1.3),
        ("Bernoulli", FLAT, 1.0),
        ("Bernoulli", normal(0.5), 1.0),
        ("Bernoulli", laplace(0.2), 1.0),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_scikit_learn_call_minimises_our_loss_and_penalty(workshop, likelihood, slopes, sigma, weighted):
    X, y = data(binary=likelihood == "Bernoulli")
    weights = np.arange(len(y)) % 3 + 1.0 if weighted else None
    model = workshop.regression(
        X,
        y,
        ["a", "b", "c"],
        likelihood=likelihood,
        intercept=FLAT,
        slopes=slopes,
        sigma=sigma,
        weights=weights,
    )
    free_sigma = [0.9] if isinstance(sigma, Prior) else []
    fit = workshop.point_fit("map", model, [0.0, 0.0, 0.0, 0.0, *free_sigma])
    (sentence,) = loss_view(model, [fit]).equivalents
    assert "gives the coefficients of map" in sentence
    assert ("Pass `w` as sample_weight." in sentence) == weighted
    estimator = call(sentence).fit(X, y, sample_weight=weights)
    theta = np.concatenate([np.ravel(estimator.intercept_), np.ravel(estimator.coef_), free_sigma])
    lowest = totals_at(model, theta)["total"]
    for direction in np.eye(4):
        for step in (1e-4, -1e-4):
            moved = theta + step * np.pad(direction, (0, len(theta) - 4))
            assert totals_at(model, moved)["total"] > lowest - 1e-10


@pytest.mark.parametrize("likelihood", ["Normal", "Bernoulli"])
def test_the_call_for_maximum_likelihood_has_no_penalty(workshop, likelihood):
    X, y = data(binary=likelihood == "Bernoulli")
    model = workshop.regression(
        X, y, ["a", "b", "c"], likelihood=likelihood, intercept=normal(1), slopes=normal(2)
    )
    (sentence,) = loss_view(model, [workshop.point_fit("mle", model, np.zeros(4))]).equivalents
    estimator = call(sentence).fit(X, y)
    theta = np.concatenate([np.ravel(estimator.intercept_), np.ravel(estimator.coef_)])
    lowest = totals_at(model, theta)["nll"]
    moves = [step * axis for axis in np.eye(4) for step in (1e-4, -1e-4)]
    assert all(totals_at(model, theta + move)["nll"] > lowest - 1e-10 for move in moves)


def test_binomial_counts_are_fitted_as_one_row_a_trial(workshop):
    X, _ = data(n=5)
    model = workshop.regression(
        X,
        np.ones(5),
        ["a", "b", "c"],
        likelihood="Binomial",
        intercept=FLAT,
        slopes=normal(1),
        trials=np.full(5, 3.0),
    )
    (sentence,) = loss_view(model, [workshop.point_fit("map", model, np.zeros(4))]).equivalents
    assert sentence.endswith("Fit it on one row for each trial.")


def test_weights_count_beside_trials_and_in_the_scale_of_columns():
    rng = np.random.default_rng(5)
    x, n, w = rng.normal(size=40), rng.integers(1, 6, 40), rng.choice([0.0, 0.5, 1.0, 2.0], 40)
    columns = {"h": rng.binomial(n, 0.4), "n": n, "w": w, "x": x}
    model = {
        "likelihood": "Binomial",
        "formula": "h / n ~ x",
        "weights": "w",
        "standardize": True,
        "priors": {"Intercept": "Flat()", "coefficients": "Normal(0, 0.5)"},
    }
    run = bayescope.run({"name": "w", "data": {"columns": columns}, "model": model, "inference": ["map"]})
    [sentence] = run.record.loss.equivalents
    assert sentence.endswith(
        "Scale the columns by `StandardScaler()` first. Fit it on one row for each trial. "
        "Pass `w` as sample_weight, to the scaler, too."
    )
    X = StandardScaler().fit(x[:, None], sample_weight=w).transform(x[:, None])
    rows = [
        (row, y, weight)
        for row, h, k, weight in zip(X, columns["h"], n, w, strict=True)
        for y in [1] * h + [0] * (k - h)
    ]
    fitted = call(sentence).fit(
        [row for row, _, _ in rows], [y for _, y, _ in rows], sample_weight=[v for *_, v in rows]
    )
    assert run["map"].estimate == pytest.approx([fitted.intercept_[0], fitted.coef_[0, 0]], rel=1e-6)


def test_a_penalised_intercept_is_said_to_differ(workshop):
    X, y = data()
    model = workshop.regression(X, y, ["a", "b", "c"], intercept=normal(10), slopes=normal(1))
    (sentence,) = loss_view(model, [workshop.point_fit("map", model, np.zeros(4))]).equivalents
    assert "is not equal" in sentence
    assert "gives" not in sentence


@pytest.mark.parametrize(
    "slopes",
    [
        normal(1, mu=0.5),
        Prior("Normal", {"mu": 0.0, "sigma": (1.0, 2.0, 3.0)}),
        Prior("Cauchy", {"alpha": 0.0, "beta": 1.0}),
    ],
)
def test_no_call_is_named_where_none_is_equal(workshop, slopes):
    X, y = data()
    model = workshop.regression(X, y, ["a", "b", "c"], intercept=FLAT, slopes=slopes)
    assert loss_view(model, [workshop.point_fit("map", model, np.zeros(4))]).equivalents == ()


def test_no_call_is_named_when_a_coefficient_is_fixed(workshop):
    X, y = data()
    model = workshop.regression(X, y, ["a", "b", "c"], intercept=FLAT, slopes=normal(1))
    location = dataclasses.replace(model.location, columns=(*model.location.columns, "fixed at zero"))
    model = dataclasses.replace(model, predictors=(location, *model.predictors[1:]))
    assert loss_view(model, [workshop.point_fit("map", model, np.zeros(4))]).equivalents == ()


def test_a_flat_prior_makes_map_the_mle_but_a_half_flat_one_does_not(workshop):
    X, y = data()
    for prior, said in ((FLAT, True), (Prior("HalfFlat", {}), False)):
        model = workshop.regression(X, y, ["a", "b", "c"], intercept=FLAT, slopes=prior)
        sentences = loss_view(model, [workshop.point_fit("map", model, np.zeros(4))]).equivalents
        assert bool(sentences) == said


def test_a_coin_has_no_scikit_learn_estimator(workshop):
    model = workshop.coin([1, 0], Prior("Beta", {"alpha": 1.0, "beta": 1.0}))
    assert loss_view(model, [workshop.point_fit("mle", model, [0.5])]).equivalents == ()


@pytest.mark.parametrize(("y", "nll"), [(1, 0.223144), (0, 1.609438)])
def test_worked_example_logistic_loss(workshop, y, nll):
    model = workshop.coin([y], Prior("Beta", {"alpha": 1.0, "beta": 1.0}))
    view = loss_view(model, [workshop.point_fit("mle", model, [0.8])])
    assert view.loss == "binary cross-entropy"
    assert view.totals["mle"]["nll"] == pytest.approx(nll, abs=5e-7)


@pytest.mark.parametrize(
    ("nll", "theta", "prior", "total"),
    [
        (0.5, [3, -4], normal(math.sqrt(1 / (2 * 0.01))), 0.75),
        (0.4, [-2, 3, 1], normal(1.0), 7.4),  # lambda = 1 / (2 * 1^2) = 0.5
        (0.4, [-2, 3, 1], laplace(2.0), 3.4),  # lambda = 1 / 2
    ],
)
def test_worked_example_map_loss(workshop, nll, theta, prior, total):
    # One observation at distance r from its mean: nll = log sigma + log(2 pi) / 2 + r^2 / (2 sigma^2).
    sigma = math.exp(-1.0)
    r = sigma * math.sqrt(2 * (nll + 1.0 - math.log(2 * math.pi) / 2))
    X = np.array([np.eye(len(theta))[0]])
    model = workshop.regression(
        X, [theta[0] + r], [f"x{k}" for k in range(len(theta))], slopes=prior, sigma=sigma
    )
    found = loss_view(model, [workshop.point_fit("map", model, theta)]).totals["map"]
    assert found["nll"] == pytest.approx(nll, rel=1e-12)
    assert found["total"] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    ("prior", "name", "strength"),
    [(normal(0.5), "L2 (ridge)", 2.0), (laplace(0.5), "L1 (lasso)", 2.0), (FLAT, "none", 0.0)],
)
def test_worked_example_regulariser_of_prior(workshop, prior, name, strength):
    X, y = data()
    model = workshop.regression(X, y, ["a", "b", "c"], slopes=prior)
    (penalty,) = loss_view(model, []).penalties
    assert (penalty.name, penalty.value, penalty.parameters) == (name, strength, ("a", "b", "c"))


def test_worked_example_loss_of_head(workshop):
    X, y = data()
    assert loss_view(workshop.regression(X, y, ["a", "b", "c"]), []).loss == "squared error"
    logistic = workshop.regression(X, y > 0, ["a", "b", "c"], likelihood="Bernoulli")
    assert loss_view(logistic, []).loss == "binary cross-entropy"


def test_shrinking_to_another_place_than_zero_is_said(workshop):
    X, y = data()
    model = workshop.regression(X, y, ["a", "b", "c"], slopes=normal(1.0, mu=0.5))
    (penalty,) = loss_view(model, []).penalties
    assert penalty.name == "L2 (ridge), shrinking towards 0.5"
    assert penalty.formula == "lambda * (theta - 0.5)^2, lambda = 1 / (2 * 1^2)"


def test_totals_are_given_for_point_fits_with_an_answer_only(workshop):
    record, fits = workshop.run()
    assert set(record.loss.totals) == {"mle", "map"}
    assert record.loss.totals["map"]["total"] == sum(
        record.loss.totals["map"][key] for key in ("nll", "penalty")
    )
    assert [fit.name for fit in fits if not fit.answered] == ["grid"]


SCALED = Prior("Normal", {"mu": 0.0, "sigma": Scaled(2.0, "sigma")})


def test_a_scale_in_units_of_sigma_is_ridge_regression_whatever_sigma_is(workshop):
    X, y = data()
    sigma = Prior("HalfCauchy", {"beta": 2.5})
    model = workshop.regression(X, y, ["a", "b", "c"], intercept=FLAT, slopes=SCALED, sigma=sigma)
    fit = workshop.point_fit("map", model, [0.0, 0.0, 0.0, 0.0, 0.9])
    view = loss_view(model, [fit])
    (sentence,) = view.equivalents
    assert "`Ridge(alpha=0.25)` gives the coefficients of map" in sentence
    penalty = next(found for found in view.penalties if found.parameters == ("a", "b", "c"))
    assert penalty.prior == "Normal(0, 2 * sigma)"
    assert penalty.formula == "lambda * theta^2 + log(2 * sigma), lambda = 1 / (2 * (2 * sigma)^2)"
    assert penalty.value == pytest.approx(1 / (2 * (2 * 0.9) ** 2))
    assert loss_view(model, []).penalties[1].value is None


@pytest.mark.parametrize(
    "slopes",
    [
        SCALED,
        Prior("Cauchy", {"alpha": 0.5, "beta": Scaled(3.0, "sigma")}),
        Prior("StudentT", {"nu": 4.0, "mu": 0.0, "sigma": Scaled(3.0, "sigma")}),
        Prior("Laplace", {"mu": 0.0, "b": Scaled(3.0, "sigma")}),
    ],
)
def test_the_penalty_has_what_depends_on_sigma(workshop, slopes):
    X, y = data()
    sigma = Prior("HalfCauchy", {"beta": 2.5})
    model = workshop.regression(X, y, ["a", "b", "c"], intercept=FLAT, slopes=slopes, sigma=sigma)
    thetas = np.array([[0.1, 1.0, -0.4, 0.2, 0.9], [0.3, 0.2, 0.5, -1.0, 2.5]])
    constants = [totals_at(model, theta)["penalty"] + log_prior(model, theta) for theta in thetas]
    assert constants[0] == pytest.approx(constants[1], rel=1e-12)


def test_the_penalty_of_an_inverse_gamma_in_units_of_another_parameter_is_its_negative_log_density():
    declared = {"alpha": 3.0, "beta": Scaled(2.0, "beta")}
    assert formula_of("InverseGamma", declared) == "4 * log(theta) + (2 * beta) / theta - 3 * log(2 * beta)"
    constants = []
    for x, scale in ((0.5, 1.0), (2.0, 3.0)):
        numbers = {"alpha": 3.0, "beta": scale}
        penalty = penalty_of("InverseGamma", numbers, x) + log_scale_term("InverseGamma", declared, numbers)
        constants.append(penalty + float(DISTRIBUTIONS["InverseGamma"].log_density(x, 3.0, scale)))
    assert constants[0] == pytest.approx(constants[1], rel=1e-13)


def test_an_update_has_no_weights_to_pass():
    columns = {"x": [0.0, 1.0, 2.0, 4.0], "y": [0.1, 0.9, 2.3, 3.8]}
    model = {"likelihood": "Normal", "formula": "y ~ x"}
    run = bayescope.run({"name": "u", "data": {"columns": columns}, "model": model, "inference": ["mle"]})
    [sentence] = run.update({"x": [3.0], "y": [2.9]}).record.loss.equivalents
    assert sentence == "`LinearRegression()` gives the coefficients of mle."


def scaled(X):
    return StandardScaler().fit_transform(X)


WARD = {
    "y": [1.2, 2.9, 2.1, 4.8, 5.5, 4.1, 7.2, 6.6],
    "dose": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0],
    "my age": [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0],
    "kind": ["a", "b", "a", "b", "b", "a", "a", "b"],
}


@pytest.mark.parametrize(
    ("formula", "standardize", "note", "columns"),
    [
        ("y ~ dose + `my age`", False, "", lambda X, _: X),
        ("y ~ . - kind", True, "Scale the columns by `StandardScaler()` first.", lambda X, _: scaled(X)),
        ("y ~ dose + log(`my age`)", True, "Fit it on the columns of the design.", lambda _, design: design),
        ("y ~ dose * `my age`", False, "Fit it on the columns of the design.", lambda _, design: design),
        ("y ~ dose + kind", True, "Fit it on the columns of the design.", lambda _, design: design),
    ],
)
def test_the_call_says_what_columns_it_is_true_of(formula, standardize, note, columns):
    priors = {"Intercept": "Flat()", "coefficients": "Normal(0, 1)", "sigma": 1.5}
    model = {"likelihood": "Normal", "formula": formula, "standardize": standardize, "priors": priors}
    run = bayescope.run({"name": "w", "data": {"columns": WARD}, "model": model, "inference": ["map"]})
    [sentence] = run.record.loss.equivalents
    assert sentence.partition("tau^2).")[2].strip() == note
    X = np.column_stack([WARD["dose"], WARD["my age"]])
    ridge = call(sentence).fit(columns(X, run.model.location.matrix[:, 1:]), WARD["y"])
    assert [ridge.intercept_, *ridge.coef_] == pytest.approx(run["map"].estimate, rel=1e-9)


@pytest.mark.parametrize(("response", "predictor"), [(1e72, 1e-72), (1e-72, 1e72)])
def test_a_scale_whose_square_is_hardly_a_number_has_a_ridge(response, predictor):
    columns = {"y": [response, 2 * response, 4 * response], "x": [predictor, 2 * predictor, 3 * predictor]}
    config = {"name": "wide", "data": {"columns": columns}, "inference": ["map"]}
    run = bayescope.run(config | {"model": {"likelihood": "Normal", "formula": "y ~ x"}})
    assert [penalty.parameters for penalty in run.record.loss.penalties] == [
        ("Intercept",),
        ("x",),
        ("sigma",),
    ]


SPREAD = {
    "x": [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5],
    "y": [0.1, 0.7, 0.4, 0.9, 0.2, 0.8, 0.3, 0.6],
    "k": [0, 3, 1, 0, 4, 9, 2, 14],
}


def spread(likelihood, formula, priors=None):
    response = "k" if likelihood in {"NegativeBinomial", "ZeroInflatedPoisson"} else "y"
    formula = {key: f"{response} ~ x" if key == "mu" else text for key, text in formula.items()}
    model = {"likelihood": likelihood, "formula": formula, "priors": priors or {}}
    return bayescope.run({"name": "s", "data": {"columns": SPREAD}, "model": model, "inference": ["map"]})


def value_of(text, model, theta):
    """The loss at `theta` that its text gives, but for its constant, each name having a value."""
    formula, *equations = text.split(",  ")
    own = {p.parameter: p.index for p in model.predictors}
    known = {name: theta[own[name]] for name in own if len(own[name])}
    used = [p for p in model.predictors if p.matrix is not None]
    used.sort(key=lambda p: p.parameter != model.likelihood.location)
    for design, predictor in zip(("X theta", "Z gamma", "W delta"), used, strict=False):
        known[design.replace(" ", "_")] = predictor.matrix @ theta[predictor.index]
    known |= {
        "y": model.response.values, "N": len(model.response.values), "Gamma": special.gamma,
        "B": special.beta, "log": np.log, "exp": np.exp, "sum": np.sum, "abs": np.abs, "constant": 0.0,
    }  # fmt: skip
    for equation in equations:
        name, _, body = equation.partition(" = ")
        known[name] = eval(re.sub(r"([XZW]) (\w+)", r"\1_\2", body), {}, known)  # noqa: S307
    formula = re.sub(r"\|(.*?)\|", r"abs(\1)", formula).replace("^", "**")
    return float(np.squeeze(eval(formula, {}, known)))  # noqa: S307


@pytest.mark.parametrize(
    ("likelihood", "formula", "priors"),
    [
        ("Normal", {"mu": "", "sigma": "~ x"}, {}),
        ("Normal", {"mu": ""}, {}),
        ("Normal", {"mu": ""}, {"sigma": 2}),
        ("LogNormal", {"mu": "", "sigma": "~ x"}, {}),
        ("Laplace", {"mu": "", "b": "~ x"}, {}),
        ("Gamma", {"mu": "", "alpha": "~ x"}, {}),
        ("Gamma", {"mu": ""}, {}),
        ("NegativeBinomial", {"mu": "", "alpha": "~ x"}, {}),
        ("Beta", {"mu": "", "nu": "~ x"}, {}),
        ("Beta", {"mu": ""}, {"nu": 3}),
        ("StudentT", {"mu": "", "nu": "~ x"}, {}),
        ("StudentT", {"mu": "", "sigma": "~ x"}, {"nu": 4}),
        ("StudentT", {"mu": "", "sigma": "~ x", "nu": "~ x"}, {}),
        ("StudentT", {"mu": ""}, {}),
        ("StudentT", {"mu": ""}, {"nu": 4}),
        ("StudentT", {"mu": ""}, {"sigma": 2}),
    ],
)
def test_the_formula_of_the_loss_is_the_negative_log_likelihood_but_for_a_constant(
    likelihood, formula, priors
):
    run = spread(likelihood, formula, priors)
    thetas = [np.linspace(low, 0.9, len(run.model.names)) for low in (0.2, 0.5, 0.7)]
    text = run.record.loss.formula
    constants = [value_of(text, run.model, theta) + log_likelihood(run.model, theta) for theta in thetas]
    assert constants == pytest.approx([constants[0]] * 3, abs=1e-12 * max(1.0, abs(constants[0])))


@pytest.mark.parametrize(
    ("likelihood", "formula", "loss", "bodies"),
    [
        (
            "Normal",
            {"mu": "", "sigma": "~ x"},
            "weighted squared error, with a log penalty on the weights",
            "mu = X theta,  sigma = exp(Z gamma)",
        ),
        (
            "Normal",
            {"mu": "", "sigma": "~ x + offset(x)"},
            "weighted squared error, with a log penalty on the weights",
            "mu = X theta,  sigma = exp(Z gamma + offset)",
        ),
        (
            "ZeroInflatedPoisson",
            {"mu": "", "psi": "~ x"},
            "zero-inflated Poisson negative log-likelihood",
            "mu = exp(X theta),  psi = 1 / (1 + exp(-Z gamma))",
        ),
    ],
)
def test_the_loss_names_the_parameters_that_differ_by_row(likelihood, formula, loss, bodies):
    found = spread(likelihood, formula).record.loss
    assert found.loss == loss
    assert found.formula.endswith(f",  {bodies}")
