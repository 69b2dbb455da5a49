import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescope.config.priors import PriorSpec, Scaled, parse_prior, signature
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.errors import ConfigError


def messages(written):
    with pytest.raises(ConfigError) as refusal:
        parse_prior(written)
    assert all(problem.path == () for problem in refusal.value.problems)
    return [problem.message for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("Normal(0, 10)", "Normal(0, 10)"),
        ("Normal(mu=0, sigma=10)", "Normal(0, 10)"),
        ("Normal(sigma=10)", "Normal(0, 10)"),
        ("Normal( 0 , 2.5*2 )", "Normal(0, 5)"),
        ("Normal(0, 10,)", "Normal(0, 10)"),
        ("Flat()", "Flat()"),
        ("HalfFlat()", "HalfFlat()"),
        ("HalfNormal(5)", "HalfNormal(5)"),
        ("HalfCauchy(2.5)", "HalfCauchy(2.5)"),
        ("StudentT(3, 0, 10)", "StudentT(3, 0, 10)"),
        ("HalfStudentT(3, 10)", "HalfStudentT(3, 10)"),
        ("Beta(2, 2)", "Beta(2, 2)"),
        ("Gamma(2, 1)", "Gamma(2, 1)"),
        ("InverseGamma(2, 1)", "InverseGamma(2, 1)"),
        ("Dirichlet([1, 1, 2 / 4])", "Dirichlet([1, 1, 0.5])"),
        ("Exponential(1)", "Exponential(1)"),
        ("Laplace(0, 1)", "Laplace(0, 1)"),
        ("Cauchy(0, 1)", "Cauchy(0, 1)"),
        ("Uniform(0, 1)", "Uniform(0, 1)"),
        ("LogNormal(0, 1)", "LogNormal(0, 1)"),
        ("Normal(1e300, 1e-300)", "Normal(1e+300, 1e-300)"),
    ],
)
def test_a_prior_is_read_with_all_its_arguments(text, full):
    prior = parse_prior(text)
    assert isinstance(prior, PriorSpec)
    assert str(prior) == full
    assert tuple(prior.arguments) == tuple(a.name for a in DISTRIBUTIONS[prior.distribution].arguments)


@pytest.mark.parametrize(
    ("written", "number"), [(2, 2.0), (2.5, 2.5), ("2.0", 2.0), ("1 / 4", 0.25), ("-3", -3.0)]
)
def test_a_number_fixes_the_parameter(written, number):
    fixed = parse_prior(written)
    assert fixed == number
    assert type(fixed) is float


@pytest.mark.parametrize("written", [float("nan"), float("inf")])
def test_a_parameter_is_not_fixed_at_what_is_no_number(written):
    [message] = messages(written)
    assert "cannot be fixed" in message


def test_equal_priors_are_equal_and_hash_alike():
    one, other = parse_prior("Normal(0, 1)"), parse_prior("Normal(sigma=1)")
    assert one == other
    assert hash(one) == hash(other)
    assert one != parse_prior("Normal(0, 2)")


def test_everything_wrong_with_one_prior_is_found():
    assert messages("Normal(0, -1, sd=3, mu=1)") == [
        "Normal: 'sigma' must be greater than 0, not -1",
        "Normal has no argument 'sd'; write sigma",
        "Normal: 'mu' is given twice",
    ]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Normal(0, tau=1)", "write sigma = 1 / sqrt(tau)"),
        ("StudentT(3, 0, lam=1)", "write sigma = 1 / sqrt(lam)"),
        ("HalfNormal(sd=1)", "write sigma"),
        ("HalfNormal(tau=1)", "write sigma = 1 / sqrt(tau)"),
        ("Beta(a=1, beta=2)", "write alpha"),
        ("Beta(alpha=1, b=2)", "write beta"),
        ("Beta(mu=0.5, nu=2)", "write Beta(alpha, beta)"),
        ("Gamma(mu=1, sigma=2)", "write Gamma(alpha, beta)"),
        ("Gamma(2, scale=3)", "write beta = 1 / scale"),
        ("Exponential(scale=2)", "write lam = 1 / scale"),
        ("Laplace(loc=0, b=1)", "write mu"),
        ("Uniform(low=0, high=1)", "write lower"),
        ("Dirichlet(alpha=[1, 1])", "write a"),
        ("Cauchy(0, gamma=1)", "write Cauchy(alpha, beta)"),
    ],
)
def test_the_argument_names_of_others_are_translated(text, advice):
    assert any(message.endswith(advice) for message in messages(text))


@pytest.mark.parametrize(
    "name", ["__import__", "eval", "exec", "open", "print", "Normal.logp", "pm.Normal", "().__class__"]
)
def test_no_function_but_a_distribution_is_known(name):
    [message] = messages(f"{name}(0)")
    assert "unknown distribution" in message or "is not a distribution" in message


@pytest.mark.parametrize(
    "text",
    ["Normal(0, " * 300, "Normal(" + "(" * 300, "a" * 10**6, "Normal(0, 1); import os", "lambda: 0", "Normal(0\n, 'x')", "{}", "...",
     "a.b" * 300, "f()" * 300, "Normal(" + "-" * 900 + "1)", "Normal((yield), 1)", "Normal(x for x in y)", "Normal(0, 1)(2)"],
)  # fmt: skip
def test_hostile_text_is_refused_in_one_line(text):
    for message in messages(text):
        assert "\n" not in message
        assert len(message) < 200


@pytest.mark.parametrize("written", [None, True, [1, 2], {"Normal": [0, 1]}, b"Normal(0, 1)"])
def test_other_kinds_of_value_are_refused(written):
    [message] = messages(written)
    assert message.startswith("expected a prior such as Normal(0, 10), or a number")


def test_the_signature_shows_the_defaults():
    assert signature(DISTRIBUTIONS["Normal"]) == "Normal(mu=0, sigma=1)"
    assert signature(DISTRIBUTIONS["Flat"]) == "Flat()"


@st.composite
def specs(draw):
    distribution = DISTRIBUTIONS[draw(st.sampled_from(sorted(DISTRIBUTIONS)))]
    arguments = {a.name: draw(_values(a)) for a in distribution.arguments}
    if distribution.name == "Uniform":
        lower, upper = sorted(arguments.values())
        arguments = {"lower": lower, "upper": upper if upper > lower else lower + abs(lower) + 1.0}
    if distribution.name == "MvNormal":
        arguments["mu"] = (arguments["mu"] * 2)[: len(arguments["cov"])]
    return PriorSpec(distribution.name, arguments)


def _values(argument):
    if argument.matrix:
        sizes = st.integers(1, 3).flatmap(
            lambda k: st.lists(st.floats(0.1, 10), min_size=k + 1, max_size=k + 1)
        )
        return sizes.map(lambda sds: tuple(tuple(row) for row in np.diag(sds).tolist()))
    lower, upper = argument.support.lower, argument.support.upper
    number = st.floats(
        max(lower, -1e300), min(upper, 1e300), exclude_min=lower > -1e300, exclude_max=upper < 1e300
    )
    return st.lists(number, min_size=2, max_size=5).map(tuple) if argument.vector else number


@given(specs())
def test_a_prior_written_out_reads_back_the_same(spec):
    assert parse_prior(str(spec)) == spec


@given(st.text(max_size=40) | st.text("NormalBeta(0,.=1)[]*+-/ '\"\\_e{}:\n", max_size=40))
def test_any_text_is_a_prior_a_number_or_refused(text):
    try:
        prior = parse_prior(text)
    except ConfigError:
        return
    assert parse_prior(str(prior)) == prior


@pytest.mark.parametrize(
    ("text", "factor", "written"),
    [
        ("Normal(0, 10 * sigma)", 10.0, "10 * sigma"),
        ("Normal(0, sigma * 10)", 10.0, "10 * sigma"),
        ("Normal(0, sigma)", 1.0, "sigma"),
        ("Normal(0, +sigma)", 1.0, "sigma"),
        ("Normal(0, -2 * -sigma)", 2.0, "2 * sigma"),
        ("Normal(sigma=2.5 * sigma / 3)", 2.5 / 3, "0.8333333333333334 * sigma"),
        ("Normal(0, (1 + 2) ** 2 * (sigma / 3))", 3.0, "3 * sigma"),
        ("Normal(0, 1e-7 * sigma)", 1e-7, "1e-07 * sigma"),
    ],
)
def test_a_scale_may_be_a_number_times_a_parameter(text, factor, written):
    prior = parse_prior(text)
    assert prior.arguments["sigma"] == Scaled(factor, "sigma")
    assert str(prior) == f"Normal(0, {written})"
    assert parse_prior(str(prior)) == prior
    assert hash(parse_prior(str(prior))) == hash(prior)


@pytest.mark.parametrize("name", [name for name, entry in DISTRIBUTIONS.items() if entry.scale])
def test_the_table_says_which_argument_is_the_scale(name):
    entry = DISTRIBUTIONS[name]
    for argument in entry.arguments:
        others = {other.name: "1" for other in entry.arguments} | {argument.name: "2 * sigma"}
        text = f"{name}({', '.join(f'{key}={value}' for key, value in others.items())})"
        if argument.name == entry.scale:
            assert parse_prior(text).arguments[argument.name] == Scaled(2.0, "sigma")
        else:
            [message] = messages(text)
            assert message == (
                f"{name}: '{argument.name}' must be a number, not '2 * sigma'; only '{entry.scale}' can be "
                "a number times a parameter"
            )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("sigma * tau", "'sigma * tau' is a product of two parameters; write a number times one"),
        ("2 * (sigma * sigma)", "'sigma * sigma' is a product of two parameters; write a number times one"),
        ("sigma + 1", "'sigma + 1' is not a number times one parameter, such as 10 * sigma"),
        ("1 / sigma", "'1 / sigma' is not a number times one parameter, such as 10 * sigma"),
        ("sigma ** 2", "'sigma ** 2' is not a number times one parameter, such as 10 * sigma"),
        ("-sigma", "'sigma' must be positive: '-sigma' is not"),
        ("0 * sigma", "'sigma' must be positive: '0 * sigma' is not"),
        ("sigma / 0", "division by zero"),
        ("1e999 * sigma", "a number is too large"),
        ("sqrt(sigma)", "'sqrt(sigma)' is not a number"),
        ("model.sigma", "'model.sigma' is not a number"),
        ("sigma[0]", "'sigma[0]' is not a number"),
    ],
)
def test_what_is_no_number_times_a_parameter_is_refused(argument, message):
    assert messages(f"Normal(0, {argument})") == [f"Normal: {message}"]


def test_a_rate_is_no_scale():
    [message] = messages("Gamma(2, 3 * alpha)")
    assert message == (
        "Gamma: 'beta' must be a number, not '3 * alpha'; no argument of it is a number times a parameter"
    )


def test_a_deep_multiple_is_refused_in_one_line():
    assert parse_prior(f"Normal(0, {'-' * 50}sigma)").arguments["sigma"].factor == 1.0
    for deep in (
        f"{'-' * 52}sigma",
        f"{'-' * 60}sigma",
        f"{'2 * (' * 60}sigma{')' * 60}",
        f"sigma{' / 2' * 60}",
    ):
        assert messages(f"Normal(0, {deep})") == ["Normal: nested deeper than 50 levels"]
