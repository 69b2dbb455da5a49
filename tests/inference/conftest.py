"""Models built by hand, without configuration or data files, for tests of the methods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import POSITIVE, REAL, UNIT
from bayescope.models.model import Block, Model, Predictor, Prior, Response


def _prior(text):
    name, *arguments = text
    declared = DISTRIBUTIONS[name].arguments
    return Prior(
        name, {argument.name: float(value) for argument, value in zip(declared, arguments, strict=True)}
    )


def _block(name, prior, start, support):
    return Block(name, (name,), True, _prior(prior), start, support, "given")


def build_regression(
    X,
    y,
    *,
    likelihood="Normal",
    priors=("Flat",),
    sigma=("HalfFlat",),
    trials=None,
    weights=None,
    labels=None,
    offset=0.0,
) -> Model:
    """Columns of X named Intercept (constant) or x0, x1, ...; one prior for all columns or one each.

    `sigma` is a prior, or a number that fixes it.
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    k = X.shape[1]
    labels = labels or tuple(
        "Intercept" if np.ptp(X[:, j]) == 0 and X[0, j] == 1 else f"x{j}" for j in range(k)
    )
    priors = [priors] * k if isinstance(priors[0], str) else priors
    blocks = [
        _block(label, prior, j, REAL) for j, (label, prior) in enumerate(zip(labels, priors, strict=True))
    ]
    link = {"Normal": "identity", "Poisson": "log"}.get(likelihood, "logit")
    location = Predictor(LIKELIHOODS[likelihood].location, link, X, np.arange(k), labels, offset)
    predictors, fixed = [location], {}
    if likelihood == "Normal":
        if isinstance(sigma, tuple):
            blocks.append(_block("sigma", sigma, k, POSITIVE))
            predictors.append(Predictor("sigma", "identity", None, np.array([k]), ("sigma",)))
        else:
            fixed = {"sigma": float(sigma)}
            predictors.append(
                Predictor("sigma", "identity", None, np.array([], dtype=int), ("sigma",), float(sigma))
            )
    response = Response("y", y, None if trials is None else np.asarray(trials, float), weights)
    return Model(
        likelihood=LIKELIHOODS[likelihood],
        response=response,
        predictors=tuple(predictors),
        blocks=tuple(blocks),
        fixed=fixed,
        formula="y ~ X",
    )


def build_coin(heads, tails, prior=("Beta", 1, 1), *, counts=False, likelihood="Bernoulli") -> Model:
    """`counts`: two weighted rows instead of one row a flip; Binomial: one row with trials."""
    if likelihood == "Binomial":
        response = Response("y", np.array([float(heads)]), np.array([float(heads + tails)]))
    elif counts:
        response = Response("y", np.array([1.0, 0.0]), weights=np.array([float(heads), float(tails)]))
    else:
        response = Response("y", np.repeat([1.0, 0.0], [heads, tails]))
    return Model(
        likelihood=LIKELIHOODS[likelihood],
        response=response,
        predictors=(Predictor("p", "identity", None, np.array([0]), ("p",)),),
        blocks=(_block("p", prior, 0, UNIT),),
        fixed={},
        formula=None,
    )


@pytest.fixture(scope="session")
def regression() -> Callable[..., Model]:
    """The builder of regressions."""
    return build_regression


@pytest.fixture(scope="session")
def coin() -> Callable[..., Model]:
    """The builder of coins."""
    return build_coin


def fit_nuts_quickly(model, **settings):
    """A short NUTS run: enough to test what comes with the draws, not the draws themselves."""
    from bayescope.inference.method import Context
    from bayescope.inference.nuts import NUTS

    short = {"draws": 200, "tune": 200, "chains": 2, **settings}
    return NUTS.fit(model, NUTS.settings(**short), Context(seed=20261120))


def build_line():
    """A regression with a vector block: y = 1 + 2 a - b + noise of sd 0.5, 40 rows."""
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    y = X @ [1.0, 2.0, -1.0] + rng.normal(0, 0.5, size=40)
    flat, half_normal = Prior("Flat", {}), Prior("HalfNormal", {"sigma": 1.0})
    return Model(
        likelihood=LIKELIHOODS["Normal"],
        response=Response("y", y),
        predictors=(
            Predictor("mu", "identity", X, np.arange(3), ("Intercept", "a", "b")),
            Predictor("sigma", "identity", None, np.array([3]), ("sigma",)),
        ),
        blocks=(
            Block("Intercept", ("Intercept",), True, flat, 0, REAL, "given"),
            Block("coefficients", ("a", "b"), False, flat, 1, REAL, "given"),
            Block("sigma", ("sigma",), True, half_normal, 3, POSITIVE, "given"),
        ),
        fixed={},
        formula="y ~ a + b",
    )


@pytest.fixture(scope="session")
def line():
    """A regression with Flat coefficients, two of them in one block."""
    return build_line()


@pytest.fixture(scope="session")
def line_fit(line):
    """NUTS on `line`, in white coordinates."""
    return fit_nuts_quickly(line)


@pytest.fixture(scope="session")
def line_fit_by_nutpie(line):
    """NUTS (nutpie) on `line`: one fit for the whole session, for compiling takes seconds."""
    return fit_nuts_quickly(line, sampler="nutpie")


@pytest.fixture(scope="session")
def line_fit_by_pymc(line):
    """PyMC's own NUTS on `line`."""
    return fit_nuts_quickly(line, sampler="pymc")


@pytest.fixture(scope="session")
def compiled_line(line):
    """`line` compiled for nutpie a second time, for tests that sample again."""
    import nutpie

    from bayescope.models.graph import compile_graph
    from bayescope.models.graph_priors import shared

    return nutpie.compile_pymc_model(compile_graph(line, shared))
