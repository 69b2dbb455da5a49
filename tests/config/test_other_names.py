"""A likelihood by another name: its own is told, or that it is a model."""

import pytest

from bayescope import library
from bayescope.config.other_names import _OTHER_NAMES, meant_by
from bayescope.distributions.likelihoods import LIKELIHOODS


@pytest.mark.parametrize("model", ["logistic", "linear", "coin", "probit", "robust", "softmax", "Logistic"])
def test_a_model_is_told_from_a_likelihood(model):
    name = model.lower()
    assert meant_by(model) == f"; `{name}` is a model: write `use: {name}`"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gaussian", "Normal"),
        ("normal", "Normal"),
        ("bernoulli", "Bernoulli"),
        ("student", "StudentT"),
        ("Student-t", "StudentT"),
        ("poisson", "Poisson"),  # a model as well
        ("negative binomial", "NegativeBinomial"),
        ("log-normal", "LogNormal"),
        ("zero_inflated_poisson", "ZeroInflatedPoisson"),
        ("Bernouli", "Bernoulli"),
    ],
)
def test_a_usual_name_of_a_likelihood_is_known(name, meant):
    assert meant_by(name) == f"; did you mean '{meant}'?"


def test_the_other_names_are_of_likelihoods_and_hide_no_model():
    assert set(_OTHER_NAMES.values()) <= set(LIKELIHOODS)
    assert not set(_OTHER_NAMES) & set(library.models())


def test_any_other_name_gets_the_list():
    assert meant_by("zzz").startswith("; known: Bernoulli, Binomial,")
