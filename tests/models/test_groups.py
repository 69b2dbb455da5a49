"""Effects of groups: their columns, unknowns, density, graph, and new rows of groups that were not seen."""

import json

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from pymc.model.transform.conditioning import remove_value_transforms

from bayescope.config.priors import Scaled
from bayescope.config.schema import ModelConfig
from bayescope.data.new_rows import read_rows
from bayescope.data.prepare import read_formula
from bayescope.data.read import read_columns
from bayescope.distributions.choices import LKJ, lkj_log_density, lkj_marginal
from bayescope.errors import ConfigError, NotApplicable
from bayescope.inference.log_densities import log_priors
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.build import build_model
from bayescope.models.density import log_likelihood
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import split
from bayescope.models.groups import cholesky, free_spreads, log_coupling, unseen_effects
from bayescope.models.prior_density import element_priors, log_prior, smooth_prior_derivatives

COLUMNS = {
    "y": [1.0, 2.5, 2.0, 4.5, 3.0, 6.0, 0.0],
    "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 1.0],
    "z": [1.0, -1.0, 0.5, 2.0, 0.0, 1.0, -2.0],
    "g": ["b", "a", "c", "b", "a", "b", "c"],
}


def model_of(formula, **more):
    spec = ModelConfig(likelihood="Normal", formula=formula, **more)
    return build_model(spec, read_formula(spec), read_columns(COLUMNS))


def test_an_intercept_for_each_group_is_a_column_for_each_group():
    model = model_of("y ~ x + (1 | g)")
    assert model.names == ("Intercept", "x", "g.sd", "g[a]", "g[b]", "g[c]", "sigma")
    matrix = model.location.matrix
    np.testing.assert_array_equal(matrix[:, 2:], np.array(COLUMNS["g"])[:, None] == ["a", "b", "c"])


def test_the_effects_have_the_sd_as_the_scale_of_their_prior():
    model = model_of("y ~ x + (1 + x || g)")
    blocks = {block.name: block for block in model.blocks}
    assert blocks["g"].prior.arguments["sigma"] == Scaled(1.0, "g.sd[Intercept]")
    assert blocks["x:g"].prior.arguments["sigma"] == Scaled(1.0, "g.sd[x]")
    assert blocks["g.sd"].labels == ("g.sd[Intercept]", "g.sd[x]")
    assert "g.corr" not in blocks
    assert free_spreads(model) == ("g.sd[Intercept]", "g.sd[x]")


@pytest.mark.parametrize(
    ("effects", "names"),
    [
        ("1 + x", ["g.corr"]),
        ("1 + x + z", ["g.corr[Intercept, x]", "g.corr[Intercept, z]", "g.corr[x, z]"]),
    ],
)
def test_the_only_correlation_needs_no_names_of_effects(effects, names):
    assert [name for name in model_of(f"y ~ x + ({effects} | g)").names if ".corr" in name] == names


def test_a_line_for_one_sd_takes_it_out_of_the_line_for_all():
    model = model_of("y ~ x + (1 + x | g)", priors={"g.sd": "HalfNormal(1)", "g.sd[x]": "Exponential(2)"})
    priors = {block.name: str(block.prior) for block in model.blocks}
    assert priors["g.sd"] == "HalfNormal(1)"
    assert priors["g.sd[x]"] == "Exponential(2)"
    assert priors["g.corr"] == "LKJ(2)"


def test_a_fixed_sd_is_a_number_in_the_prior_of_the_effects():
    model = model_of("y ~ x + (1 | g)", priors={"g.sd": 0.5})
    assert str(next(block.prior for block in model.blocks if block.name == "g")) == "Normal(0, 0.5)"
    assert free_spreads(model) == ()


@pytest.mark.parametrize(
    ("formula", "more", "message"),
    [
        ("y ~ x + (1 | g)", {"priors": {"g": "Normal(0, 1)"}}, "give the sd: g.sd"),
        ("y ~ x + (1 + x | g)", {"priors": {"g.corr": "Uniform(-1, 1)"}}, "use LKJ"),
        ("y ~ x + (1 + x | g)", {"priors": {"g.corr": 0.3}}, "give it a prior"),
        ("y ~ x", {"priors": {"x": "LKJ(2)"}}, "does not fit 'x'"),
        ("y ~ g + (1 | g)", {}, "leave one of them out"),
        ("y ~ x + (1 | g)", {"centered": ["h"]}, "the formula has no groups of 'h'"),
        ("y ~ x", {"centered": True}, "the formula has no group term"),
    ],
)
def test_what_means_nothing_is_refused(formula, more, message):
    with pytest.raises(ConfigError) as refusal:
        model_of(formula, **more)
    assert message in str(refusal.value)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), eta=st.floats(0.5, 5.0))
def test_the_prior_of_correlated_effects_is_the_multivariate_normal(seed, eta):
    model = model_of("y ~ x + (1 + x + z | g)", priors={"g.corr": f"LKJ({eta})"})
    rng = np.random.default_rng(seed)
    correlation = random_correlation(rng, 3)
    sds = rng.uniform(0.2, 2.0, 3)
    effects = rng.normal(size=(3, 3))  # group by effect
    theta = theta_of(model, sds, correlation, effects)
    others = sum(
        value
        for block in model.blocks
        for value in independent(block, theta)
        if block.name in ("Intercept", "coefficients", "g.sd", "sigma")
    )
    covariance = np.diag(sds) @ correlation @ np.diag(sds)
    joint = scipy.stats.multivariate_normal(np.zeros(3), covariance).logpdf(effects).sum()
    matrix = lkj_log_density(np.diag(np.linalg.cholesky(correlation)), eta)
    assert log_prior(model, theta) == pytest.approx(others + joint + matrix, rel=1e-10)
    np.testing.assert_allclose(
        log_priors(model, np.stack([theta, theta])), log_prior(model, theta), rtol=1e-12
    )


def random_correlation(rng, size):
    root = rng.normal(size=(size, size + 2))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    return root @ root.T


def theta_of(model, sds, correlation, effects):
    theta = np.random.default_rng(1).uniform(0.3, 1.0, len(model.names))
    blocks = {block.name: block for block in model.blocks}
    theta[blocks["g.sd"].start : blocks["g.sd"].stop] = sds
    rows, columns = np.tril_indices(len(correlation), -1)
    theta[blocks["g.corr"].start : blocks["g.corr"].stop] = correlation[rows, columns]
    for k, name in enumerate(model.groups[0].effects):
        theta[blocks[name].start : blocks[name].stop] = effects[:, k]
    return theta


def independent(block, theta):
    """The log density of a block with numbers as arguments, by SciPy."""
    x = theta[block.start : block.stop]
    arguments = block.prior.arguments
    if any(isinstance(value, Scaled) for value in arguments.values()):
        return []
    match block.prior.distribution:
        case "Normal":
            return scipy.stats.norm(arguments["mu"], arguments["sigma"]).logpdf(x)
        case "HalfNormal":
            return scipy.stats.halfnorm(scale=arguments["sigma"]).logpdf(x)
        case "Exponential":
            return scipy.stats.expon(scale=1 / arguments["lam"]).logpdf(x)
    return []


def test_a_correlation_of_two_effects_has_the_density_of_a_beta():
    x = np.linspace(-0.99, 0.99, 9)
    np.testing.assert_allclose(
        LKJ.log_density(x, 1.7), scipy.stats.beta(1.7, 1.7, -1, 2).logpdf(x), rtol=1e-12
    )
    diagonal = np.stack([np.ones(9), np.sqrt(1 - x**2)], axis=-1)
    np.testing.assert_allclose(lkj_log_density(diagonal, 1.7), LKJ.log_density(x, 1.7), rtol=1e-12)


def test_a_correlation_of_three_effects_has_its_own_marginal():
    assert lkj_marginal(2.0, 1) == 2.0
    assert lkj_marginal(2.0, 3) == 2.5
    model = model_of("y ~ x + (1 + x + z | g)")
    assert element_priors(model)[model.names.index("g.corr[Intercept, x]")] == ("LKJ", {"eta": 2.5})


def test_correlations_that_fit_no_matrix_are_impossible():
    factor, valid = cholesky(np.array([[0.9, 0.9, -0.9], [0.1, 0.2, 0.3]]), 3)
    assert valid.tolist() == [False, True]
    np.testing.assert_allclose((factor[1] @ factor[1].T)[np.tril_indices(3, -1)], [0.1, 0.2, 0.3], rtol=1e-14)


def test_correlated_effects_have_no_derivatives_here_and_say_so():
    model = model_of("y ~ x + (1 + x | g)")
    with pytest.raises(NotApplicable, match=r"g\.corr"):
        smooth_prior_derivatives(model, np.full(len(model.names), 0.5))


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y ~ x + (1 + x || g)"])
def test_the_centred_graph_has_the_density_of_the_model(formula):
    model = model_of(formula, centered=True)
    graph = remove_value_transforms(compile_graph(model))
    theta = np.random.default_rng(4).uniform(0.3, 1.2, len(model.names))
    expected = log_likelihood(model, theta) + log_prior(model, theta)
    assert float(graph.compile_logp()(split(model, theta))) == pytest.approx(expected, rel=1e-10)


def test_the_non_centred_graph_has_the_density_of_the_effects_in_units_of_their_sd():
    model = model_of("y ~ x + (1 | g)")
    graph = remove_value_transforms(compile_graph(model))
    theta = np.random.default_rng(4).uniform(0.3, 1.2, len(model.names))
    point = split(model, theta)
    point["g.z"] = point.pop("g") / point["g.sd"]
    jacobian = 3 * np.log(point["g.sd"])  # effect = sd z, three groups
    expected = log_likelihood(model, theta) + log_prior(model, theta) + jacobian
    assert float(graph.compile_logp()(point)) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("centred", [False, True])
def test_the_graph_of_correlated_effects_has_the_density_of_the_model(centred):
    model = model_of("y ~ x + (1 + x + z | g)", centered=centred)
    rng = np.random.default_rng(5)
    correlation, sds, effects = random_correlation(rng, 3), np.array([0.5, 1.5, 0.8]), rng.normal(size=(3, 3))
    theta = theta_of(model, sds, correlation, effects)
    others = ("Intercept", "coefficients", "g.sd", "sigma")
    point = {name: value for name, value in split(model, theta).items() if name in others}
    factor = np.linalg.cholesky(correlation)
    graph = remove_value_transforms(compile_graph(model))
    point[next(value.name for value in graph.value_vars if "cholesky" in value.name)] = factor
    jacobian = 0.0
    if centred:
        point["g.effects"] = effects
    else:
        point["g.z"] = np.linalg.solve(factor, (effects / sds).T).T
        jacobian = 3 * (np.log(sds).sum() + np.log(np.diag(factor)).sum())
    # PyMC's density is that of the Cholesky factor: its Jacobian, the product of L_ii^(k - i)
    jacobian += np.sum((3 - np.arange(1, 4)) * np.log(np.diag(factor)))
    expected = log_likelihood(model, theta) + log_prior(model, theta) + jacobian
    assert float(graph.compile_logp()(point)) == pytest.approx(expected, rel=1e-9)


def test_new_rows_know_their_groups_and_the_others_have_code_minus_one():
    model = model_of("y ~ x + (1 + x | g)")
    stored = json.loads(json.dumps(blueprint(model)))
    table = read_rows(stored, {"x": [1.0, 2.0, 3.0], "g": ["c", "new", "a"]}, response=False)
    again = rebuild(stored, table, response=False)
    assert again.names == model.names
    assert [str(block.prior) for block in again.blocks] == [str(block.prior) for block in model.blocks]
    assert again.groups[0].codes.tolist() == [2, -1, 0]
    assert not again.location.matrix[1, 2:].any()
    full = rebuild(stored, read_columns(COLUMNS))
    np.testing.assert_array_equal(full.location.matrix, model.location.matrix)


def test_spreads_and_correlations_have_the_same_bounds_in_the_rebuilt_model():
    model = model_of("y ~ x + (1 + x | g)")
    again = rebuild(json.loads(json.dumps(blueprint(model))), read_columns(COLUMNS))
    supports = {block.name: block.support for block in again.blocks}
    assert supports == {block.name: block.support for block in model.blocks}
    assert (supports["g.sd"].lower, supports["g.sd"].upper) == (0.0, np.inf)
    assert (supports["g.corr"].lower, supports["g.corr"].upper) == (-1.0, 1.0)


def test_the_columns_of_groups_are_needed_for_new_rows_and_numbers_stay_levels():
    spec = ModelConfig(likelihood="Normal", formula="y ~ 1 + (0 + z | year)")
    columns = {"y": [1.0, 2.0, 4.0, 3.0], "z": [1.0, 2.0, 1.0, 3.0], "year": [1999, 2000, 1999, 2000]}
    formula = read_formula(spec)
    stored = json.loads(json.dumps(blueprint(build_model(spec, formula, read_columns(columns)))))
    again = rebuild(stored, read_rows(stored, {"z": [1.0], "year": [2000]}, response=False), response=False)
    assert again.groups[0].codes.tolist() == [1]


def test_a_group_that_was_not_seen_has_the_distribution_of_groups():
    model = model_of("y ~ x + (1 + x | g)")
    stored = blueprint(model)
    again = rebuild(
        stored, read_rows(stored, {"x": [2.0, 2.0], "g": ["a", "new"]}, response=False), response=False
    )
    sds, rho = np.array([0.5, 1.5]), 0.6
    theta = theta_of(model, sds, np.array([[1, rho], [rho, 1]]), np.zeros((3, 2)))
    size = 40_000
    drawn = unseen_effects(again, np.tile(theta, (size, 1)), np.random.default_rng(8))["mu"]
    assert not drawn[:, 0].any()
    variance = sds[0] ** 2 + 4 * sds[1] ** 2 + 4 * rho * sds.prod()
    # the sample variance of n Normal draws has the relative standard error sqrt(2 / n)
    assert drawn[:, 1].var() == pytest.approx(variance, rel=4 * np.sqrt(2 / size))


def test_rows_of_one_new_group_share_its_effects_and_other_groups_have_their_own():
    model = model_of("y ~ x + (1 + x | g)")
    new = {"x": [1.0, 2.0, 1.0, 1.0], "g": ["new", "new", "other", "new"]}
    again = rebuild(blueprint(model), read_rows(blueprint(model), new, response=False), response=False)
    assert again.groups[0].codes.tolist() == [-1, -1, -2, -1]
    sds, size = np.array([0.5, 1.5]), 40_000
    theta = theta_of(model, sds, np.eye(2), np.zeros((3, 2)))
    drawn = unseen_effects(again, np.tile(theta, (size, 1)), np.random.default_rng(8))["mu"]
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 3])
    # u0 + u1 and u0 + 2 u1 differ by u1; two groups are independent
    tolerance = 4 * np.sqrt(2 / size)
    assert (drawn[:, 1] - drawn[:, 0]).var() == pytest.approx(sds[1] ** 2, rel=tolerance)
    assert (drawn[:, 2] - drawn[:, 0]).var() == pytest.approx(2 * (sds**2).sum(), rel=tolerance)


def test_correlations_that_fit_no_matrix_add_minus_infinity():
    model = model_of("y ~ x + z + (1 + x + z | g)")
    theta = np.full(len(model.names), 0.5)
    corr = [i for i, name in enumerate(model.names) if ".corr[" in name]
    assert len(corr) == 3
    theta[corr] = [0.9, 0.9, 0.9]
    assert np.isfinite(log_coupling(model, theta))
    theta[corr] = [0.9, 0.9, -0.9]
    assert log_coupling(model, theta) == -np.inf


def test_what_correlations_add_is_that_of_each_theta():
    model = model_of("y ~ x + (1 + x | g)")
    thetas = np.random.default_rng(1).uniform(0.1, 0.9, size=(2, 4, len(model.names)))
    each = [[log_coupling(model, theta) for theta in row] for row in thetas]
    np.testing.assert_allclose(log_coupling(model, thetas), each, rtol=1e-14)
    assert log_coupling(model_of("y ~ x + (1 | g)"), thetas[..., :7]).tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("factor", [1.0, 100.0])
def test_the_default_of_a_spread_is_on_the_scale_of_the_response(factor):
    columns = COLUMNS | {"y": (factor * np.array(COLUMNS["y"])).tolist()}
    spec = ModelConfig(likelihood="Normal", formula="y ~ x + (1 | g)")
    model = build_model(spec, read_formula(spec), read_columns(columns))
    (prior,) = (block.prior for block in model.blocks if block.name == "g.sd")
    assert prior.distribution == "HalfNormal"
    # four digits are kept
    assert prior.arguments["sigma"] == pytest.approx(2.5 * np.std(columns["y"]), rel=5e-4)
