"""Responses of levels: how they are read, named, built again on other rows, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pymc as pm
import pytest
from pymc.model.transform.conditioning import remove_value_transforms

from bayescope.data.new_rows import read_rows
from bayescope.errors import ConfigError, DataError
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.density import likelihood_derivatives, log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split, variables
from bayescope.models.prior_density import log_prior, smooth_prior_derivatives
from bayescope.pipeline import prepare, read_config
from bayescope.reports.notation import model_notation

ROWS = 30
RNG = np.random.default_rng(20261120)
TABLE = {
    "u": RNG.normal(size=ROWS),
    "v": RNG.normal(size=ROWS),
    "kind": np.tile(["one", "two", "six"], 10),
    "tree": np.repeat(["ash", "birch", "cedar"], 10),
    "rating": np.repeat([1, 2, 3, 4, 5], 6),
    "half": np.repeat([0.5, 1.0, 1.5], 10),
    "sure": np.repeat([False, True], 15),
    "times": RNG.integers(1, 4, ROWS),
    "known": RNG.normal(size=ROWS),
}


def build(likelihood, formula, columns=TABLE, **model):
    data = {name: np.asarray(values).tolist() for name, values in columns.items()}
    spec = {"likelihood": likelihood, "formula": formula, **model}
    config = {"name": "x", "data": {"columns": data}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


class TestNames:
    def test_coefficients_of_classes_are_named_by_class(self):
        model = build("Categorical", "tree ~ u + kind", priors={"u": "Normal(0, 1)"})
        assert model.names == tuple(
            f"{name}[{tree}]"
            for name in ("Intercept", "u", "kind[six]", "kind[two]")
            for tree in ("birch", "cedar")
        )
        assert [block.name for block in model.blocks] == ["Intercept", "u", "coefficients"]

    def test_no_reference_gives_every_class_its_own(self):
        model = build("Categorical", "tree ~ u", reference=False)
        assert model.names == tuple(
            f"{name}[{tree}]" for name in ("Intercept", "u") for tree in ("ash", "birch", "cedar")
        )

    def test_the_order_of_levels_chooses_the_reference(self):
        model = build("Categorical", "tree ~ u", levels=["cedar", "ash", "birch"])
        assert model.names[:2] == ("Intercept[ash]", "Intercept[birch]")
        assert model.response.values[:10].tolist() == [1.0] * 10

    def test_ordered_levels_have_cutpoints_in_the_place_of_the_intercept(self):
        model = build("OrderedLogistic", "rating ~ u + kind")
        assert model.names[-4:] == tuple(f"cutpoints[{k}]" for k in (1, 2, 3, 4))
        assert not any(name.startswith("Intercept") for name in model.names)
        assert model.fixed == {"Intercept": 0.0}

    @pytest.mark.parametrize(
        ("column", "levels"), [("half", ("0.5", "1", "1.5")), ("sure", ("False", "True"))]
    )
    def test_numbers_and_truths_have_an_order_of_their_own(self, column, levels):
        assert build("OrderedLogistic", f"{column} ~ u").response.levels == levels

    def test_a_fixed_coefficient_is_that_of_every_class(self):
        model = build("Categorical", "tree ~ u + v", priors={"u": 0.0})
        assert model.names == ("Intercept[birch]", "Intercept[cedar]", "v[birch]", "v[cedar]")


class TestRefusals:
    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (("OrderedLogistic", "kind ~ u"), "text has no order of its own: write `levels"),
            (("OrderedLogistic", "rating ~ 0 + u"), "the cutpoints take the place of the Intercept"),
            (("OrderedLogistic", "log(rating) ~ u"), "a column of levels: write its name alone"),
            (("Categorical", "tree ~ u + offset(known)"), "an offset says not whose"),
            (("Categorical", "tree ~ u + (1 | kind)"), "group terms are not available for Categorical"),
        ],
    )
    def test_formulas_without_a_meaning(self, model, message):
        with pytest.raises(ConfigError, match=message):
            build(*model)

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ({"reference": "oak"}, "'oak' is no level of tree"),
            ({"priors": {"Intercpt": "Normal(0, 1)"}}, "no unknown named 'Intercpt'"),
        ],
    )
    def test_classes_that_are_none(self, model, message):
        with pytest.raises(ConfigError, match=message):
            build("Categorical", "tree ~ u", **model)

    @pytest.mark.parametrize(
        ("priors", "message"),
        [
            ({"Intercept": "Normal(0, 1)"}, "the model has no Intercept"),
            ({"cutpoints": "HalfNormal(1)"}, "one prior over all numbers"),
            ({"cutpoints": 2.0}, "a vector, which no number fixes"),
        ],
    )
    def test_lines_that_cutpoints_cannot_take(self, priors, message):
        with pytest.raises(ConfigError, match=message):
            build("OrderedLogistic", "rating ~ u", priors=priors)

    @pytest.mark.parametrize(
        ("levels", "message"),
        [
            (["one", "two", "six", "ten"], "no row has the level ten"),
            (["one", "two"], "six is not among the `levels`"),
        ],
    )
    def test_levels_that_are_not_those_of_the_data(self, levels, message):
        with pytest.raises(DataError, match=message):
            build("OrderedLogistic", "kind ~ u", levels=levels)

    def test_a_message_shows_eight_levels_of_many(self):
        for size, shown in [(8, "a, b, c, d, e, f, g, h"), (9, "a, b, c, d, e, f, g, h, ...")]:
            columns = {"y": list("abcdefghi"[:size]) * 2, "u": np.arange(2 * size) / size}
            with pytest.raises(ConfigError) as refusal:
                build("OrderedLogistic", "y ~ u", columns)
            assert f"of y ({shown})" in str(refusal.value)
        more = {"levels": [*range(1, 6), *range(11, 21)]}
        with pytest.raises(
            DataError, match="no row has the level 11 or 12 or 13 or 14 or 15 or 16 or 17 or 18: leave"
        ):
            build("OrderedLogistic", "rating ~ u", **more)

    def test_a_level_that_only_rows_of_weight_0_have(self):
        columns = TABLE | {"times": np.where(TABLE["rating"] == 5, 0, 1)}
        assert build("OrderedLogistic", "rating ~ u", columns, weights="times").response.levels == tuple(
            "1234"
        )
        with pytest.raises(DataError, match="no row has the level 5"):
            build("OrderedLogistic", "rating ~ u", columns, weights="times", levels=[1, 2, 3, 4, 5])

    def test_a_response_of_one_level_and_one_of_too_many(self):
        with pytest.raises(DataError, match="has one level only, 1"):
            build("Categorical", "y ~ u", TABLE | {"y": np.ones(ROWS)})
        many = {"y": np.arange(200.0), "u": np.arange(200.0) % 7}
        with pytest.raises(DataError, match="200 different values, and at most 100 levels"):
            build("OrderedLogistic", "y ~ u", many)

    def test_a_class_of_one_row_is_noted_and_no_other(self):
        columns = TABLE | {"tree": ["oak", *TABLE["tree"][1:]]}
        notes = build("Categorical", "tree ~ u", columns).notes
        assert [note for note in notes if "occurs in" in note] == ["tree = oak occurs in one row only"]


MODELS = [
    pytest.param(("Categorical", "tree ~ u + kind"), {"priors": {"u": "Laplace(0, 1)"}}, id="reference"),
    pytest.param(("Categorical", "tree ~ u"), {"reference": False, "weights": "times"}, id="every class"),
    pytest.param(
        ("Categorical", "tree ~ u + v"), {"reference": "birch", "priors": {"v": 0.3}}, id="fixed slope"
    ),
    pytest.param(("OrderedLogistic", "rating ~ u + offset(known)"), {"weights": "times"}, id="logistic"),
    pytest.param(("OrderedProbit", "rating ~ u + kind"), {}, id="probit"),
    pytest.param(("OrderedLogistic", "sure ~ u"), {}, id="two levels"),
    pytest.param(("OrderedLogistic", "rating ~ v + kind"), {}, id="several slopes"),
]


@pytest.mark.parametrize(("what", "more"), MODELS)
def test_a_blueprint_is_the_same_model_on_the_same_rows(what, more):
    model = build(*what, **more)
    stored = json.loads(json.dumps(blueprint(model)))
    again = rebuild(stored, read_rows(stored, {name: np.asarray(v).tolist() for name, v in TABLE.items()}))
    theta = np.linspace(-0.5, 0.8, len(model.names))
    assert again.names == model.names
    assert again.likelihood is model.likelihood
    assert log_likelihood(again, theta) == pytest.approx(log_likelihood(model, theta), rel=1e-15)
    assert log_prior(again, theta) == log_prior(model, theta)


@pytest.mark.parametrize(("what", "more"), MODELS)
def test_the_graph_has_the_density_and_gradient_of_the_model(what, more):
    model = build(*what, **more)
    theta = np.linspace(-0.5, 0.8, len(model.names))
    graph, point = compile_graph(model), split(model, theta)
    expected = log_likelihood(model, theta) + log_prior(model, theta)
    if not model.likelihood.ordered:
        graph = remove_value_transforms(graph)
        unknowns = [graph[variable.name] for variable in variables(model).values()]
        slopes = graph.dlogp(unknowns, jacobian=False)
        found = graph.compile_fn(slopes, mode="FAST_COMPILE", on_unused_input="ignore")(point)
        if all(block.prior.distribution != "Laplace" for block in model.blocks):
            slope = likelihood_derivatives(model, theta)[1] + smooth_prior_derivatives(model, theta)[1]
            assert found == pytest.approx(slope, rel=1e-9, abs=1e-10)
    elif len(model.likelihood.ordered) > 1:
        cuts = point.pop("cutpoints")
        point["cutpoints_ordered__"] = np.r_[cuts[0], np.log(np.diff(cuts))]
    value = graph.compile_fn(graph.logp(jacobian=False), mode="FAST_COMPILE", on_unused_input="ignore")(point)
    assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("likelihood", ["OrderedLogistic", "OrderedProbit"])
def test_the_likelihood_is_that_of_pymc_by_its_own_name(likelihood):
    model = build(likelihood, "rating ~ u")
    cuts, eta = np.array([-1.0, 0.1, 0.9, 2.0]), 0.4 * TABLE["u"]
    law = getattr(pm, likelihood).dist(eta=eta, cutpoints=cuts)
    expected = pm.logp(law, TABLE["rating"] - 1).sum().eval()
    # PyMC's probit takes the root of 2 in single precision
    precision = 1e-12 if likelihood == "OrderedLogistic" else 1e-7
    assert log_likelihood(model, np.r_[0.4, cuts]) == pytest.approx(expected, rel=precision)


def test_the_prior_of_cutpoints_is_that_of_sorted_draws():
    model = build("OrderedLogistic", "rating ~ u", priors={"cutpoints": "Normal(0, 2)", "u": "Flat()"})
    theta = np.array([0.0, -1.0, 0.5, 1.0, 3.0])
    product = sum(-0.5 * (c / 2) ** 2 - math.log(2 * math.sqrt(2 * math.pi)) for c in theta[1:])
    assert log_prior(model, theta) == pytest.approx(math.log(24) + product, rel=1e-14)


def test_notation_says_softmax_once_for_all_classes():
    lines = model_notation(build("Categorical", "tree ~ u", priors={"coefficients": "Normal(0, 1)"}))
    assert lines[:4] == (
        "tree[i] ~ Categorical(p[i])    i = 1, ..., 30",
        "p[i] = softmax(eta[i])    over ash, birch, cedar",
        "eta[i, ash] = 0  (reference)",
        "eta[i, k] = Intercept[k] + u[k] * x_u[i]",
    )


def test_notation_has_the_order_of_cutpoints_and_no_intercept():
    lines = model_notation(build("OrderedLogistic", "rating ~ u"))
    assert lines[:2] == (
        "rating[i] ~ OrderedLogistic(eta[i], cutpoints)    i = 1, ..., 30",
        "eta[i] = u * x_u[i]",
    )
    assert lines[-1] == "cutpoints[1] < ... < cutpoints[4]"


def test_the_default_of_an_intercept_favours_no_class():
    blocks = {block.name: block for block in build("Categorical", "tree ~ u").blocks}
    assert blocks["Intercept"].prior.arguments["mu"] == 0.0


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_the_default_of_cutpoints_is_wide_enough_for_predictors_far_from_0(shift):
    columns = TABLE | {"u": TABLE["u"] + shift}
    priors = {block.name: block.prior for block in build("OrderedLogistic", "rating ~ u", columns).blocks}
    distance = np.mean(columns["u"]) / np.std(columns["u"])
    # 2.5 widths of the logistic, about 2, at the mean of the predictors; four digits are kept
    assert priors["cutpoints"].arguments["sigma"] == pytest.approx(5 * np.hypot(1, distance), rel=5e-4)
