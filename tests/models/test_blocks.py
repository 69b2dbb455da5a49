"""From lines of priors to blocks: which line an unknown takes, and which lines are refused."""

import pytest

from bayescope.config.priors import parse_prior
from bayescope.distributions.choices import WRITTEN
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.supports import POSITIVE, REAL, UNIT
from bayescope.errors import ConfigError
from bayescope.models.blocks import Unknown, assemble
from bayescope.models.model import Prior

DEFAULT = Prior("Normal", {"mu": 0.0, "sigma": 1.0})


def unknown(name, labels=None, support=REAL, *, shared=""):
    labels = labels or (name,)
    return Unknown(name, labels, support, lambda: [DEFAULT] * len(labels), shared)


def slope(name, labels=None):
    return unknown(name, labels, shared="coefficients")


INTERCEPT, SIGMA = unknown("Intercept"), unknown("sigma", support=POSITIVE)
UNKNOWNS = (INTERCEPT, slope("x"), slope("origin", ("origin[b]", "origin[c]")), slope("z"), SIGMA)


def lines(**texts):
    return {name: parse_prior(text) for name, text in texts.items()}


def blocks(**texts):
    return assemble(UNKNOWNS, lines(**texts))[0]


def problems(unknowns, given, **options):
    with pytest.raises(ConfigError) as refusal:
        assemble(unknowns, given, **options)
    return [str(problem) for problem in refusal.value.problems]


def test_slopes_without_a_line_are_one_vector_and_the_others_scalars():
    intercept, coefficients, sigma = blocks()
    assert (intercept.name, intercept.scalar, intercept.start) == ("Intercept", True, 0)
    assert (coefficients.name, coefficients.scalar, coefficients.start) == ("coefficients", False, 1)
    assert coefficients.labels == ("x", "origin[b]", "origin[c]", "z")
    assert (sigma.name, sigma.scalar, sigma.start) == ("sigma", True, 5)
    assert sigma.support == POSITIVE


def test_a_single_slope_without_a_line_is_a_vector_too():
    (coefficients,), _ = assemble([slope("x")], {})
    assert (coefficients.name, coefficients.labels, coefficients.scalar) == ("coefficients", ("x",), False)


def test_a_slope_with_a_line_of_its_own_leaves_the_vector():
    names = [(block.name, block.labels, block.start) for block in blocks(x="Normal(0, 2)")]
    assert names == [
        ("Intercept", ("Intercept",), 0),
        ("x", ("x",), 1),
        ("coefficients", ("origin[b]", "origin[c]", "z"), 2),
        ("sigma", ("sigma",), 5),
    ]


def test_the_vector_stands_where_its_first_slope_does():
    names = [block.name for block in blocks(origin="Normal(0, 2)")]
    assert names == ["Intercept", "coefficients", "origin", "sigma"]


def test_a_categorical_term_with_a_line_of_its_own_is_a_vector():
    origin = next(block for block in blocks(origin="Laplace(0, 2)") if block.name == "origin")
    assert (origin.labels, origin.scalar) == (("origin[b]", "origin[c]"), False)


def test_a_categorical_term_of_one_column_is_a_vector_all_the_same():
    # its label is not the name of the term, so the element has a name of its own
    (block,), _ = assemble([slope("sex", ("sex[m]",))], lines(sex="Normal(0, 1)"))
    assert (block.labels, block.scalar) == (("sex[m]",), False)


def test_the_line_for_all_slopes_is_for_those_without_their_own():
    given = {
        b.name: str(b.prior)
        for b in blocks(coefficients="Laplace(0, 1)", z="Cauchy(0, 2)", sigma="HalfFlat()")
    }
    assert given == {
        "Intercept": "Normal(0, 1)",
        "coefficients": "Laplace(0, 1)",
        "z": "Cauchy(0, 2)",
        "sigma": "HalfFlat()",
    }


def test_a_block_says_whether_its_prior_was_given():
    origins = {block.name: block.origin for block in blocks(coefficients="Laplace(0, 1)", sigma="HalfFlat()")}
    assert origins == {"Intercept": "default", "coefficients": "given", "sigma": "given"}


def test_defaults_are_made_only_where_no_line_is():
    def fail():
        raise AssertionError

    assemble([Unknown("x", ("x",), REAL, fail, shared=True)], lines(x="Flat()"))


def test_numbers_fix_what_they_are_for():
    found, fixed = assemble(UNKNOWNS, lines(origin=0.5, sigma=2))
    assert [block.name for block in found] == ["Intercept", "coefficients"]
    assert fixed == {"origin[b]": 0.5, "origin[c]": 0.5, "sigma": 2.0}
    assert [(block.start, block.stop) for block in found] == [(0, 1), (1, 3)]


def test_everything_may_be_fixed():
    found, fixed = assemble(UNKNOWNS, lines(Intercept=1, coefficients=0, sigma=2))
    assert found == ()
    assert fixed == {"Intercept": 1, "x": 0, "origin[b]": 0, "origin[c]": 0, "z": 0, "sigma": 2}


@pytest.mark.parametrize("text", [0, -1, "Normal(0, 1)", "Flat()", "Uniform(-1, 1)", "Laplace(0, 1)"])
def test_sigma_takes_positive_values_only(text):
    (problem,) = problems([SIGMA], lines(sigma=text))
    assert problem.startswith("model.priors.sigma: ")
    assert (
        "does not fit 'sigma', which takes positive numbers: use HalfFlat, HalfNormal, HalfCauchy" in problem
    )
    assert " Normal" not in problem.split("use ")[1]


@pytest.mark.parametrize(
    "text", [1e-100, "HalfNormal(1)", "Uniform(0, 1)", "Uniform(1, 2)", "Beta(1, 1)", "LogNormal(0, 1)"]
)
def test_what_sigma_takes(text):
    assemble([SIGMA], lines(sigma=text))


@pytest.mark.parametrize(
    "text", [-0.1, 1.1, "Normal(0, 1)", "HalfNormal(1)", "Uniform(0, 2)", "Exponential(1)"]
)
def test_a_probability_is_between_0_and_1(text):
    (problem,) = problems([unknown("p", support=UNIT)], lines(p=text))
    assert problem.endswith("does not fit 'p', which takes numbers from 0 to 1: use Beta, Uniform")


@pytest.mark.parametrize("text", [0, 1, "Beta(0.5, 0.5)", "Uniform(0.2, 0.7)"])
def test_what_a_probability_takes(text):
    assemble([unknown("p", support=UNIT)], lines(p=text))


@pytest.mark.parametrize(
    "name", [n for n, d in DISTRIBUTIONS.items() if not any(a.vector for a in d.arguments)]
)
def test_a_slope_takes_every_distribution_of_one_number(name):
    arguments = [0.5 if a.default is None else a.default for a in DISTRIBUTIONS[name].arguments]
    text = f"{name}({', '.join(map(str, arguments))})"
    ((block,), _) = assemble([slope("x")], {"x": parse_prior(text)})
    assert block.prior.distribution == name


def test_a_distribution_over_proportions_fits_no_slope():
    (problem,) = problems([slope("x")], lines(x="Dirichlet([1, 1])"))
    assert "numbers that sum to 1, does not fit 'x', which takes all numbers" in problem


def test_the_line_for_all_slopes_is_checked_against_each_and_reported_once():
    (problem,) = problems(UNKNOWNS, lines(coefficients="Dirichlet([1, 1])"))
    assert problem.startswith("model.priors.coefficients: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (1e101, "1e+101 is too large to compute with"),
        ("Normal(0, 1e200)", "1e+200 is too large to compute with"),
        ("Normal(-1e-200, 1)", "-1e-200 is too small to compute with"),
    ],
)
def test_numbers_whose_squares_overflow_or_vanish_are_refused(text, problem):
    (line,) = problems([slope("x")], lines(x=text))
    assert line == f"model.priors.x: {problem}; rescale the data so that numbers from 1e-100 to 1e100 do"


@pytest.mark.parametrize("text", [0, 1e100, "Normal(0, 1e-100)", "Laplace(-1e100, 1)"])
def test_zero_and_numbers_from_1e_minus_100_to_1e100_are_fine(text):
    assemble([slope("x")], lines(x=text))


def test_all_wrong_lines_are_reported_at_once():
    given = lines(sigma="Normal(0, 1)", zz="Flat()", y="Flat()")
    found = problems(UNKNOWNS, given)
    assert [problem.split(": ")[0] for problem in found] == [
        "model.priors.zz",
        "model.priors.y",
        "model.priors.sigma",
    ]


def test_a_line_without_an_unknown_is_refused_with_a_suggestion():
    assert problems(UNKNOWNS, lines(sgima="HalfFlat()")) == [
        "model.priors.sgima: the model has no unknown named 'sgima'; did you mean 'sigma'?"
    ]
    assert problems([SIGMA], lines(coefficients="Flat()")) == [
        "model.priors.coefficients: the model has no unknown named 'coefficients'; unknowns: sigma"
    ]


def test_a_label_is_no_line():
    assert "the model has no unknown named 'origin[b]'" in problems(UNKNOWNS, {"origin[b]": 0.0})[0]


def test_lines_that_may_be_idle_are_no_mistake():
    found, fixed = assemble([SIGMA], lines(Intercept="Flat()"), idle=("Intercept", "coefficients"))
    assert ([block.name for block in found], fixed) == (["sigma"], {})
    assert problems([SIGMA], lines(mu="Flat()"), idle=("Intercept",)) == [
        "model.priors.mu: the model has no unknown named 'mu'; unknowns: sigma"
    ]


@pytest.mark.parametrize("unknown", [slope("x"), *UNKNOWNS])
def test_what_a_refusal_offers_fits(unknown):
    (problem,) = problems([unknown], {unknown.name: parse_prior("Dirichlet([1, 1])")})
    offered = problem.split(": use ")[1].split(", ")
    assert "Normal" in offered or "HalfNormal" in offered or "Beta" in offered
    for name in offered:
        arguments = [0.5 if a.default is None else a.default for a in WRITTEN[name].arguments]
        assemble([unknown], {unknown.name: parse_prior(f"{name}({', '.join(map(str, arguments))})")})


@pytest.mark.parametrize("label", ["a", "x", "z"])
def test_a_scalar_is_called_as_its_only_element(label):
    (block,), _ = assemble([unknown("x", (label,))], {})
    assert block.scalar == (label == "x")
