"""From a configuration and data to a model: predictors, offsets, supports, and what is refused by name."""

import numpy as np
import pytest

from bayescope.distributions.supports import POSITIVE, REAL, UNIT
from bayescope.errors import ConfigError, DataError
from bayescope.models.density import eta, psi
from bayescope.pipeline import prepare, read_config

X = [1.0, 2.0, 4.0, 4.5, 7.0, 5.5]
Z = [0.5, -1.0, 2.0, 0.0, 1.0, 3.0]
Y = [1.0, 2.0, 4.0, 3.0, 6.0, 5.0]
FLIP = [0, 1, 0, 1, 1, 0]
GROUP = ["b", "a", "c", "a", "b", "c"]
TABLE = {"y": Y, "x": X, "z": Z, "flip": FLIP, "group": GROUP, "n": [1, 2, 3, 4, 5, 6]}


def build(likelihood="Normal", *, columns=None, counts=None, **model):
    data = {"counts": counts} if counts else {"columns": columns or TABLE}
    spec = {"likelihood": likelihood, **model}
    return prepare(read_config({"name": "x", "data": data, "model": spec, "inference": ["mle"]}))[1]


def refusal(error, **model):
    with pytest.raises(error) as caught:
        build(**model)
    return str(caught.value).splitlines()


class TestRegression:
    def test_blocks_are_intercept_slopes_and_sigma(self):
        model = build(formula="y ~ x + group")
        assert model.names == ("Intercept", "x", "group[b]", "group[c]", "sigma")
        assert [block.name for block in model.blocks] == ["Intercept", "coefficients", "sigma"]
        assert [block.support for block in model.blocks] == [REAL, REAL, POSITIVE]

    def test_the_location_has_the_design_and_sigma_is_the_same_in_every_row(self):
        mu, sigma = build(formula="y ~ x").predictors
        assert (mu.parameter, mu.link, mu.columns) == ("mu", "identity", ("Intercept", "x"))
        np.testing.assert_array_equal(mu.matrix, np.column_stack([np.ones(6), X]))
        assert mu.index.tolist() == [0, 1]
        assert (sigma.parameter, sigma.link, sigma.matrix) == ("sigma", "identity", None)
        assert sigma.index.tolist() == [2]

    def test_coefficients_follow_their_blocks_not_their_columns(self):
        # z leaves the vector of slopes, which stands where its first slope, x, does
        model = build(formula="y ~ x + z + group", priors={"z": "Normal(0, 1)"})
        assert model.names == ("Intercept", "x", "group[b]", "group[c]", "z", "sigma")
        theta = np.array([10.0, 2.0, 3.0, 4.0, 5.0, 1.0])
        dummies = np.array([[g == "b", g == "c"] for g in GROUP], dtype=float)
        expected = 10 + 2 * np.array(X) + dummies @ [3, 4] + 5 * np.array(Z)
        np.testing.assert_allclose(eta(model, theta)[0], expected, rtol=1e-15)

    def test_no_intercept(self):
        model = build(formula="y ~ 0 + x")
        assert model.names == ("x", "sigma")
        assert model.location.matrix.shape == (6, 1)

    def test_an_intercept_alone(self):
        model = build(formula="y ~ 1")
        assert model.names == ("Intercept", "sigma")
        np.testing.assert_array_equal(model.location.matrix, np.ones((6, 1)))

    def test_the_dot_is_every_other_column(self):
        columns = {"y": Y, "x": X, "group": GROUP}
        assert build(formula="y ~ .", columns=columns).names == build(formula="y ~ x + group").names

    def test_only_columns_of_the_model_are_in_it(self):
        assert build(formula="log(y) ~ x").columns == ("y", "x")
        assert build(formula="log(y) ~ x").response.name == "log(y)"

    def test_logistic(self):
        model = build("Bernoulli", formula="flip ~ x")
        (p,) = model.predictors
        assert (p.parameter, p.link) == ("p", "logit")
        assert model.names == ("Intercept", "x")
        np.testing.assert_allclose(
            psi(model, np.array([0.5, -0.1]))[0], 1 / (1 + np.exp(-0.5 + 0.1 * np.array(X)))
        )

    def test_the_encoding_is_kept_for_new_data(self):
        model = build(formula="y ~ x + group", standardize=True)
        assert model.encodings["levels"] == {"group": ["a", "b", "c"]}
        assert model.encodings["standardize"]["x"]["mean"] == pytest.approx([np.mean(X)])


class TestFixedNumbers:
    def test_a_fixed_slope_becomes_an_offset(self):
        model = build(formula="y ~ x + z", priors={"z": 2.0})
        mu = model.location
        assert model.names == ("Intercept", "x", "sigma")
        assert model.fixed == {"z": 2.0}
        np.testing.assert_allclose(mu.offset, 2.0 * np.array(Z))
        np.testing.assert_array_equal(mu.matrix, np.column_stack([np.ones(6), X]))
        assert mu.columns == ("Intercept", "x", "z")

    def test_a_fixed_categorical_term_shifts_every_level_but_the_first(self):
        model = build(formula="y ~ x + group", priors={"group": 0.5})
        np.testing.assert_allclose(model.location.offset, [0.0 if g == "a" else 0.5 for g in GROUP])

    def test_a_fixed_intercept(self):
        model = build(formula="y ~ x", priors={"Intercept": 3})
        np.testing.assert_allclose(model.location.offset, np.full(6, 3.0))
        assert model.names == ("x", "sigma")

    def test_a_fixed_sigma(self):
        model = build(formula="y ~ x", priors={"sigma": 2})
        sigma = model.predictors[1]
        assert (sigma.offset, sigma.index.tolist()) == (2.0, [])
        assert model.names == ("Intercept", "x")

    def test_a_fixed_value_is_like_a_prior_around_it(self):
        fixed = build(formula="y ~ x + z", priors={"z": 2.0})
        free = build(formula="y ~ x + z", priors={"z": "Normal(2, 1)"})
        theta = np.array([0.3, 0.7, 1.1])
        np.testing.assert_allclose(eta(fixed, theta)[0], eta(free, np.array([0.3, 0.7, 2.0, 1.1]))[0])

    def test_a_fixed_coin(self):
        model = build("Bernoulli", response="flip", priors={"p": 0.25})
        assert model.names == ()
        assert psi(model, np.array([]))[0] == 0.25


class TestResponseModels:
    def test_the_parameters_are_the_unknowns(self):
        model = build(response="y")
        assert model.names == ("mu", "sigma")
        assert all(p.matrix is None and p.link == "identity" for p in model.predictors)
        assert model.formula is None
        assert model.encodings is None

    def test_a_coin(self):
        model = build("Bernoulli", response="flip", priors={"p": "Beta(2, 2)"})
        (p,) = model.blocks
        assert (p.name, p.scalar, p.support, p.origin) == ("p", True, UNIT, "given")
        assert str(p.prior) == "Beta(2, 2)"

    def test_counted_rows_are_weighted_never_expanded(self):
        model = build("Bernoulli", response="flip", counts={"flip": {1: 700, 0: 300}})
        assert model.response.values.tolist() == [1.0, 0.0]
        assert model.response.weights.tolist() == [700.0, 300.0]
        assert model.response.observations == 1000

    def test_true_and_false_are_1_and_0(self):
        columns = {"flip": [True, False, True]}
        assert build("Bernoulli", response="flip", columns=columns).response.values.tolist() == [1, 0, 1]


class TestTrials:
    def test_on_the_left_side(self):
        response = build("Binomial", formula="flip / n ~ x").response
        assert (response.name, response.trials_name) == ("flip", "n")
        assert response.trials.tolist() == [1, 2, 3, 4, 5, 6]

    def test_as_a_key(self):
        by_key = build("Binomial", formula="flip ~ x", trials="n")
        by_formula = build("Binomial", formula="flip / n ~ x")
        np.testing.assert_array_equal(by_key.response.trials, by_formula.response.trials)
        assert by_key.response.trials_name == "n"

    def test_the_same_number_for_every_row(self):
        assert build("Binomial", formula="flip / 10 ~ x").response.trials.tolist() == [10.0] * 6

    def test_without_predictors(self):
        model = build("Binomial", response="flip", trials="n")
        assert model.names == ("p",)
        assert model.response.trials.tolist() == [1, 2, 3, 4, 5, 6]

    def test_binomial_without_trials_is_refused(self):
        (line,) = refusal(ConfigError, likelihood="Binomial", formula="flip ~ x")
        assert line.startswith("model")
        assert "trials" in line

    def test_trials_of_another_likelihood_are_refused(self):
        (line,) = refusal(ConfigError, likelihood="Bernoulli", formula="flip / n ~ x")
        assert "Bernoulli has no trials; use likelihood: Binomial" in line


class TestStandardize:
    def test_numeric_columns_have_mean_0_and_sd_1_and_the_others_stay(self):
        matrix = build(formula="y ~ x + group", standardize=True).location.matrix
        np.testing.assert_allclose(matrix[:, 1], (np.array(X) - np.mean(X)) / np.std(X))
        np.testing.assert_array_equal(matrix[:, 2], [g == "b" for g in GROUP])

    def test_defaults_are_those_of_the_standardised_columns(self):
        model = build(formula="y ~ x", standardize=True)
        (sigma,) = {float(block.prior.arguments["sigma"]) for block in model.blocks if block.name != "sigma"}
        assert sigma == pytest.approx(2.5 * np.std(Y), rel=5.1e-4)


TWICE = {**TABLE, "double": [2 * x for x in X], "one": [1] * 6}
COLLINEAR = "`double` is collinear with other columns: double = 2 x"
CONSTANT = "`one` is constant (1 in every row), as the intercept is already"


class TestColumnsThatTheDataCannotTellApart:
    @pytest.mark.parametrize(
        "priors",
        [{}, {"coefficients": "Flat()"}, {"x": "Normal(0, 1)"}, {"x": "Normal(0, 1)", "double": "Flat()"}],
    )
    def test_are_refused_unless_each_has_a_proper_prior_of_the_user(self, priors):
        (line,) = refusal(DataError, formula="y ~ x + double", columns=TWICE, priors=priors)
        assert COLLINEAR in line
        assert "leave one of them out" in line

    @pytest.mark.parametrize(
        "priors", [{"coefficients": "Normal(0, 1)"}, {"x": "Normal(0, 1)", "double": "Laplace(0, 1)"}]
    )
    def test_are_noted_where_they_have(self, priors):
        model = build(formula="y ~ x + double", columns=TWICE, priors=priors)
        assert model.notes == (f"{COLLINEAR}: only the priors tell them apart, and there is no MLE",)

    def test_constant_columns_are_refused_beside_an_intercept(self):
        (line,) = refusal(DataError, formula="y ~ x + one", columns=TWICE)
        assert CONSTANT in line
        assert build(formula="y ~ 0 + x + one", columns=TWICE).names == ("x", "one", "sigma")

    def test_a_constant_column_with_a_proper_prior_is_noted(self):
        model = build(formula="y ~ x + one", columns=TWICE, priors={"one": "Normal(0, 1)"})
        assert model.notes[0].startswith(CONSTANT)

    def test_a_fixed_coefficient_is_known_so_its_column_disturbs_nobody(self):
        assert build(formula="y ~ x + double", columns=TWICE, priors={"double": 1}).notes == ()
        assert build(formula="y ~ x + one", columns=TWICE, priors={"Intercept": 0}).notes == ()

    def test_all_of_them_are_reported_at_once(self):
        assert len(refusal(DataError, formula="y ~ x + double + one", columns=TWICE)) == 2

    def test_few_rows_need_proper_priors_and_defaults_are(self):
        columns = {name: values[:2] for name, values in TABLE.items()}
        model = build(formula="y ~ x + z", columns=columns)
        assert model.notes[0].startswith("there are 2 rows for 3 coefficients")
        flat = {"coefficients": "Flat()"}
        (line,) = refusal(DataError, formula="y ~ x + z", columns=columns, priors=flat)
        assert "there are 2 rows for 3 coefficients" in line

    def test_a_flat_intercept_is_determined_by_a_single_row(self):
        columns = {name: values[:2] for name, values in TABLE.items()}
        assert build(formula="y ~ x + z", columns=columns, priors={"Intercept": "Flat()"}).notes

    @pytest.mark.parametrize("priors", [{}, {"group": "Normal(0, 1)"}])
    def test_a_factor_of_one_level_is_refused_whatever_its_prior(self, priors):
        columns = {"y": Y, "x": X, "group": ["a"] * 6}
        (line,) = refusal(DataError, formula="y ~ x + group", columns=columns, priors=priors)
        assert "`group` has a single level, so it has no effect to estimate; leave it out" in line


class TestNamesThatMeanTwoThings:
    @pytest.mark.parametrize(
        ("column", "what"),
        [("sigma", "a parameter of the likelihood"), ("coefficients", "the line of priors for all slopes")],
    )
    def test_a_predictor_is_refused(self, column, what):
        (line,) = refusal(ConfigError, formula=f"y ~ {column}", columns={"y": Y, column: X})
        assert line == f"model.formula: '{column}' is also {what}: rename the column"

    @pytest.mark.parametrize(
        ("formula", "name"),
        [
            ({"mu": "y ~ coefficients", "sigma": "~ x"}, "coefficients"),
            ({"mu": "y ~ x", "sigma": "~ coefficients"}, "sigma.coefficients"),
        ],
    )
    def test_so_it_is_where_every_parameter_has_a_formula(self, formula, name):
        (line,) = refusal(ConfigError, formula=formula, columns={"y": Y, "x": X, "coefficients": Z})
        assert line == f"model.formula: '{name}' is also the line of priors for all slopes: rename the column"

    def test_a_column_intercept_behind_a_dot_is_refused(self):
        (line,) = refusal(ConfigError, formula="y ~ .", columns={"y": Y, "Intercept": X})
        assert line == "model.formula: 'Intercept' is also the constant term: rename the column"

    def test_the_location_and_the_response_have_no_line_of_priors(self):
        assert build(formula="sigma ~ mu", columns={"sigma": Y, "mu": X}).names == (
            "Intercept",
            "mu",
            "sigma",
        )


class TestLinesOfPriorsThatNothingTakes:
    def test_those_of_a_model_of_the_library_are_noted(self):
        spec = {"use": "linear-flat", "formula": "y ~ 1"}
        config = {"name": "x", "data": {"columns": TABLE}, "model": spec, "inference": ["mle"]}
        _, model = prepare(read_config(config))
        assert model.names == ("Intercept", "sigma")
        assert model.notes == ("the prior of `coefficients` is not used: no unknown of the model takes it",)

    @pytest.mark.parametrize("likelihood", ["Normal", "Categorical"])
    def test_so_is_that_of_an_intercept_that_the_formula_has_not(self, likelihood):
        response = "y" if likelihood == "Normal" else "group"
        model = build(
            likelihood,
            formula=f"{response} ~ 0 + x",
            priors={"Intercept": "Normal(0, 1)", "coefficients": "Normal(0, 1)"},
        )
        assert model.notes == ("the prior of `Intercept` is not used: no unknown of the model takes it",)

    def test_the_line_for_all_slopes_of_ordered_levels_without_one_is_noted(self):
        priors = {"coefficients": "Normal(0, 1)", "cutpoints": "Normal(0, 5)"}
        model = build("OrderedLogistic", formula="n ~ 1", priors=priors)
        assert "the prior of `coefficients` is not used: no unknown of the model takes it" in model.notes

    def test_a_line_that_every_slope_overrides_is_noted(self):
        model = build(formula="y ~ x", priors={"coefficients": "Flat()", "x": "Normal(0, 1)"})
        assert model.notes == ("the prior of `coefficients` is not used: no unknown of the model takes it",)

    def test_lines_that_are_used_are_not(self):
        priors = {"Intercept": "Flat()", "coefficients": "Flat()", "sigma": "HalfFlat()"}
        assert build(formula="y ~ x", priors=priors).notes == ()

    def test_a_parameter_with_a_formula_has_no_prior_of_its_own(self):
        (line,) = refusal(ConfigError, formula="y ~ x", priors={"mu": "Normal(0, 1)"})
        assert "the model has no unknown named 'mu'" in line


class TestResponses:
    def test_outside_of_the_support_is_refused_by_row(self):
        assert refusal(DataError, likelihood="Bernoulli", formula="n ~ x")[0] == (
            "inline columns: column 'n', row 2: 2 is outside {0, 1}"
        )

    def test_dropped_rows_are_gone_from_design_and_response(self):
        columns = {"y": [1.0, None, 3.0, 4.0], "x": [1.0, 2.0, 3.0, None]}
        config = {
            "name": "x",
            "data": {"columns": columns, "missing": "drop"},
            "model": {"likelihood": "Normal", "formula": "y ~ x"},
            "inference": ["mle"],
        }
        table, model = prepare(read_config(config))
        assert table.dropped == 2
        assert model.response.values.tolist() == [1.0, 3.0]
        assert model.location.matrix[:, 1].tolist() == [1.0, 3.0]


class TestRoom:
    @pytest.mark.parametrize(
        ("prior", "message"),
        [
            ("Uniform(1, 5)", "by the data it is at least 6, by its prior at most 5"),
            ("Uniform(1, 6)", "by the data it is 6, by its prior at most 6"),
        ],
    )
    def test_an_end_that_data_and_prior_leave_no_value_is_refused(self, prior, message):
        with pytest.raises(DataError, match=f"'y': leaves no value of upper possible: {message}"):
            build("Uniform", response="y", priors={"lower": 0, "upper": prior})

    def test_a_little_room_is_enough(self):
        model = build("Uniform", response="y", priors={"lower": 0, "upper": "Uniform(1, 6.001)"})
        assert model.names == ("upper",)

    @pytest.mark.parametrize(
        ("lower", "upper", "refused"),
        [
            (0, 6, None),
            (1, 7, None),
            (0, 5, "reaches 6, beyond upper = 5"),
            (2, 7, "reaches 1, beyond lower = 2"),
        ],
    )
    def test_data_beyond_a_fixed_end_are_refused(self, lower, upper, refused):
        priors = {"lower": lower, "upper": upper}
        if refused is None:
            assert build("Uniform", response="y", priors=priors).names == ()
        else:
            (line,) = refusal(DataError, likelihood="Uniform", response="y", priors=priors)[-1:]
            assert f"{refused}, which the model fixes" in line


class TestCategories:
    @staticmethod
    def build(y, p):
        return build("Categorical", columns={"y": y}, response="y", priors={"p": p} if p else {})

    @pytest.mark.parametrize("y", [[0, 2, 2], [3, 0, 1], [1, 1, 1]])
    def test_numbers_are_positions_in_a_longer_prior(self, y):
        response = self.build(y, "Dirichlet([1, 1, 1, 1])").response
        assert response.levels == ("0", "1", "2", "3")
        assert response.values.tolist() == y

    @pytest.mark.parametrize("y", [[-1, 0, 2], [0, 1, 4], [0, 1, 7]])
    def test_numbers_that_are_none_are_categories_of_their_own(self, y):
        with pytest.raises(ConfigError, match="has 4 elements, and there are 3"):
            self.build(y, "Dirichlet([1, 1, 1, 1])")
        assert self.build(y, "Dirichlet([1, 1, 1])").response.levels == tuple(map(str, y))

    def test_whole_numbers_may_be_written_with_a_decimal_point(self):
        response = self.build([2.0, 0.0, 1.0], None).response
        assert response.levels == ("0", "1", "2")
        assert response.values.tolist() == [2, 0, 1]

    def test_one_category_alone_has_no_probabilities(self):
        with pytest.raises(DataError, match="has one category only, 0"):
            self.build([0, 0], None)
