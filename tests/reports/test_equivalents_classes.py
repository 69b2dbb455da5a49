"""The scikit-learn calls named for softmax regressions give what is said of them."""

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import bayescope
from bayescope.reports.equivalents_classes import class_equivalents

RNG = np.random.default_rng(20261120)
X = RNG.normal(size=(120, 2))
Y = np.array(["a", "b", "c"])[(X @ [[1, 0, -1], [0, 1, -0.5]] + RNG.gumbel(size=(120, 3))).argmax(axis=1)]
DATA = {"columns": {"u": X[:, 0].tolist(), "v": X[:, 1].tolist(), "y": Y.tolist()}}


def run_of(formula, **model):
    spec = {"likelihood": "Categorical", "formula": formula, **model}
    return bayescope.run({"name": "x", "data": DATA, "model": spec, "inference": ["mle", "map"]})


def fitted(sentence):
    call = re.match("`(.*?)`", sentence)[1]
    return eval(call, {"LogisticRegression": LogisticRegression, "np": np}).fit(X, Y)  # noqa: S307


@pytest.mark.parametrize(
    ("prior", "meaning"), [("Normal(0, 0.5)", "C = tau^2"), ("Laplace(0, 0.1)", "C = b")]
)
def test_the_map_of_every_class(prior, meaning):
    run = run_of("y ~ 0 + u + v", reference=False, priors={"coefficients": prior})
    [sentence] = class_equivalents(run.model, run.fits)
    assert sentence.endswith(f"gives the coefficients of map ({meaning}).")
    found = run["map"].estimate.reshape(2, 3).T
    assert fitted(sentence).coef_ == pytest.approx(found, rel=1e-4, abs=1e-6)


def test_the_mle_is_a_difference_to_the_reference():
    run = run_of("y ~ u + v", reference="b")
    [sentence] = class_equivalents(run.model, run.fits)
    assert "once those of b are subtracted" in sentence
    peer = fitted(sentence)
    whole = np.column_stack([peer.intercept_, peer.coef_])
    differences = (whole - whole[1])[[0, 2]]
    # to the tolerance of the gradient that the call has
    assert differences == pytest.approx(run["mle"].estimate.reshape(3, 2).T, rel=1e-4)


def test_an_intercept_with_a_prior_has_no_call():
    run = run_of("y ~ u + v", reference=False, priors={"coefficients": "Normal(0, 1)"})
    assert class_equivalents(run.model, run.fits) == ()
