"""The prior of each unknown on its own: of one of several in order there is none in the table."""

import pytest

from bayescope.models.marginal_priors import marginal_priors
from bayescope.preparation import prepare, read_config

COLUMNS = {"x": [0.5, -1.0, 2.0, 0.3, 1.0, 3.0], "kind": ["a", "b", "c", "a", "c", "c"]}


def priors_of(likelihood, y, **model):
    data = {"columns": COLUMNS | {"y": y}}
    config = {"name": "m", "data": data, "model": {"likelihood": likelihood, **model}, "inference": ["mle"]}
    made = prepare(read_config(config))[1]
    return dict(zip(made.names, marginal_priors(made), strict=True))


@pytest.mark.parametrize("levels", [3, 4])
def test_one_of_several_cutpoints_has_no_prior_of_its_own(levels):
    y = [k % levels for k in range(6)]
    priors = priors_of(
        "OrderedLogistic", y, formula="y ~ x", priors={"cutpoints": "Normal(0, 2)", "x": "Normal(0, 1)"}
    )
    slope = priors.pop("x")
    assert slope == ("Normal", {"mu": 0.0, "sigma": 1.0})
    assert list(priors.values()) == [None] * (levels - 1)


def test_coefficients_of_one_line_have_the_prior_of_the_line_in_a_model_with_cutpoints_too():
    priors = priors_of("OrderedLogistic", [0, 1, 2] * 2, formula="y ~ kind", priors={"kind": "Normal(0, 1)"})
    assert [priors["kind[b]"], priors["kind[c]"]] == [("Normal", {"mu": 0.0, "sigma": 1.0})] * 2


def test_a_cutpoint_alone_has_the_prior_that_it_was_given():
    priors = priors_of("OrderedLogistic", [0, 1] * 3, formula="y ~ x", priors={"cutpoints": "Normal(0, 2)"})
    del priors["x"]
    assert list(priors.values()) == [("Normal", {"mu": 0.0, "sigma": 2.0})]


def test_a_probability_of_a_dirichlet_is_beta():
    priors = priors_of("Categorical", COLUMNS["kind"], response="y", priors={"p": "Dirichlet([1, 2, 4])"})
    assert list(priors.values()) == [("Beta", {"alpha": a, "beta": 7.0 - a}) for a in (1.0, 2.0, 4.0)]
