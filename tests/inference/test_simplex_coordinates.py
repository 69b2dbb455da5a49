"""Probabilities that sum to 1 on the real line: the same posterior, sampled without a graph."""

import numpy as np
import pytest

from bayescope.inference import nuts
from bayescope.inference.exact import EXACT
from bayescope.inference.method import Context
from bayescope.inference.nuts import NUTS
from bayescope.inference.settings import ExactSettings, NutsSettings
from bayescope.inference.simplex_coordinates import SimplexTransform, log_probabilities, simplex_coordinates
from bayescope.inference.whitening import whiten
from bayescope.models import density, prior_density
from bayescope.preparation import prepare, read_config

CONTEXT = Context(seed=1)
RNG = np.random.default_rng(3)
COUNTS = RNG.multinomial(6, [0.2, 0.3, 0.5], size=9)
MODELS = {
    "categories": (
        {"y": np.array(list("aabbabcd"))[np.arange(40) % 8], "w": np.arange(40) % 3},
        {
            "likelihood": "Categorical",
            "response": "y",
            "weights": "w",
            "priors": {"p": "Dirichlet([1, 2, 0.5, 1])"},
        },
    ),
    "counts": (
        {f"y{k}": COUNTS[:, k] for k in range(3)},
        {
            "likelihood": "Multinomial",
            "response": ["y0", "y1", "y2"],
            "priors": {"p": "Dirichlet([1, 1, 1])"},
        },
    ),
}


@pytest.fixture(params=MODELS, scope="module")
def model(request):
    columns, section = MODELS[request.param]
    config = {"name": "shares", "data": {"columns": columns}, "model": section, "inference": ["nuts"]}
    return prepare(read_config(config))[1]


def test_the_density_is_that_of_the_model_times_the_jacobian(model):
    whitened = whiten(model, CONTEXT)
    x = RNG.normal(size=(5, len(model.names) - 1))
    expected = [
        density.log_likelihood(model, p) + prior_density.log_prior(model, p) + np.log(p).sum()
        for p in whitened.theta(x)
    ]
    np.testing.assert_allclose(whitened.gradients(x)[0], expected, rtol=1e-12)


def test_the_jacobian_is_the_product_of_the_probabilities():
    """Central differences of step h: truncated at h^2, rounded at 1e-16 / h."""
    z, h = np.array([0.3, -1.2, 2.0]), 1e-6
    steps = h * np.eye(3)
    inverse = SimplexTransform().inverse
    matrix = (inverse(z + steps) - inverse(z - steps))[:, :-1] / (2 * h)
    assert np.log(np.linalg.det(matrix)) == pytest.approx(log_probabilities(z).sum(), abs=1e-7)
    assert inverse(z).sum() == pytest.approx(1.0, rel=1e-15)


def test_the_gradient_is_the_slope_of_the_density_and_vanishes_at_the_mode(model):
    found, h = simplex_coordinates(model), 1e-5
    z = found.mode + RNG.normal(size=(4, len(found.mode)))
    steps = h * np.eye(len(found.mode))
    differences = [found.gradients(z + step)[0] - found.gradients(z - step)[0] for step in steps]
    np.testing.assert_allclose(found.gradients(z)[1], np.array(differences).T / (2 * h), atol=1e-6)
    np.testing.assert_allclose(found.gradients(found.mode[np.newaxis])[1], 0.0, atol=1e-12)


def test_the_posterior_is_a_standard_normal_at_the_mode(model):
    x = 1e-4 * RNG.normal(size=(3, len(model.names) - 1))
    np.testing.assert_allclose(whiten(model, CONTEXT).gradients(x)[1], -x, rtol=1e-3, atol=1e-7)


def test_nuts_has_the_exact_posterior_and_asks_no_graph(model, monkeypatch):
    monkeypatch.setattr(nuts, "SAMPLERS", {})
    found = NUTS.fit(model, NutsSettings(draws=500, tune=500), CONTEXT)
    exact = EXACT.fit(model, ExactSettings(), CONTEXT)
    assert found.details["sampler"] == "bayescope"
    np.testing.assert_allclose(np.asarray(found.draws).sum(axis=-1), 1.0, rtol=1e-14)
    # 2,000 draws are worth 600 at the least: errors of means and sds in units of the sd
    np.testing.assert_allclose((found.estimate - exact.estimate) / exact.sd, 0.0, atol=4 / np.sqrt(600))
    np.testing.assert_allclose(found.sd / exact.sd, 1.0, atol=4 / np.sqrt(2 * 600))


def test_a_category_that_is_all_but_impossible_is_left_to_the_graph():
    columns, section = MODELS["counts"]
    columns, priors = {**columns, "y2": 0 * columns["y2"]}, {"p": "Dirichlet([1, 1, 1e-20])"}
    config = {
        "name": "shares",
        "data": {"columns": columns},
        "model": {**section, "priors": priors},
        "inference": ["nuts"],
    }
    assert whiten(prepare(read_config(config))[1], CONTEXT) is None


def test_other_unknowns_have_none(coin):
    assert simplex_coordinates(coin(6, 4, ("Beta", 2, 2))) is None
