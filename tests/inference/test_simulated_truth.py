"""NUTS recovers simulated truth, for every head with a formula: 50 data sets each, by rank statistics.

Unknowns are drawn from their priors and responses from the likelihood, both with NumPy. The rank of the
truth among draws of the posterior is then uniform, whatever the posterior looks like (Cook, Gelman and Rubin,
2006; Talts et al., Validating Bayesian Inference Algorithms with Simulation-Based Calibration, 2018).
Fifty ranks show, in at least three cases of four, a posterior that is off by 0.8 of its sd, too narrow by
a factor of 1.6 or too wide by 1.8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from bayescope.inference.draws import flat_draws
from bayescope.inference.samplers import values_of
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import variables
from bayescope.pipeline import prepare, read_config

SETS = 50
ROWS = 60
DRAWS = 99
THIN = 6
X = np.random.default_rng(20261120).normal(size=(ROWS, 2))

# a prior, and a draw from it that does not come from the product
WIDE = ("Normal(0, 0.5)", lambda rng: rng.normal(0, 0.5))
SIZE = ("Gamma(3, 3)", lambda rng: rng.gamma(3, 1 / 3))
LARGE = ("Gamma(4, 0.2)", lambda rng: rng.gamma(4, 5))
CHANCE = ("Beta(4, 2)", lambda rng: rng.beta(4, 2))


class Head(NamedTuple):
    """One likelihood: its priors, the unknowns drawn from them, and a response that these give."""

    priors: dict[str, str]
    truth: Callable[[np.random.Generator], dict[str, float]]
    respond: Callable[[np.random.Generator, dict[str, float]], np.ndarray]
    left: str = "y"
    levels: tuple[str, ...] = ()


def slopes(rng, suffix="", intercept=("Intercept",)):
    return {f"{name}{suffix}": WIDE[1](rng) for name in (*intercept, "u", "v")}


def linear(truth, suffix=""):
    return truth.get(f"Intercept{suffix}", 0.0) + X @ [truth[f"u{suffix}"], truth[f"v{suffix}"]]


def head(respond, left="y", **others):
    """A location with a formula, and `others`: a prior and a draw from it for each further parameter."""
    return Head(
        {"Intercept": WIDE[0], "coefficients": WIDE[0]} | {name: text for name, (text, _) in others.items()},
        lambda rng: slopes(rng) | {name: draw(rng) for name, (_, draw) in others.items()},
        lambda rng, truth: respond(rng, linear(truth), *(truth[name] for name in others)),
        left,
    )


def expit(eta):
    return 1 / (1 + np.exp(-eta))


def one_of(rng, probabilities):
    """A class for each row of `probabilities`."""
    return (rng.random((len(probabilities), 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1)


def softmax_truth(rng):
    return slopes(rng, "[b]") | slopes(rng, "[c]")


def softmax_response(rng, truth):
    odds = np.exp([np.zeros(ROWS), linear(truth, "[b]"), linear(truth, "[c]")])
    return one_of(rng, (odds / odds.sum(axis=0)).T)


def ordered_truth(rng):
    low, high = np.sort(rng.normal(0, 1, 2))
    return slopes(rng, intercept=()) | {"cutpoints[1]": low, "cutpoints[2]": high}


def ordered_response(cdf):
    def respond(rng, truth):
        below = [cdf(truth[f"cutpoints[{k}]"] - linear(truth)) for k in (1, 2)]
        return one_of(rng, np.diff([np.zeros(ROWS), *below, np.ones(ROWS)], axis=0).T)

    return respond


ORDERED = {"coefficients": WIDE[0], "cutpoints": "Normal(0, 1)"}
LEVELS = ("a", "b", "c")
HEADS = {
    "Normal": head(lambda rng, eta, sigma: rng.normal(eta, sigma), sigma=SIZE),
    "Laplace": head(lambda rng, eta, b: rng.laplace(eta, b), b=SIZE),
    "StudentT": head(
        lambda rng, eta, nu, sigma: eta + sigma * rng.standard_t(nu, ROWS), nu=LARGE, sigma=SIZE
    ),
    "LogNormal": head(lambda rng, eta, sigma: rng.lognormal(eta, sigma), sigma=SIZE),
    "Bernoulli": head(lambda rng, eta: rng.binomial(1, expit(eta))),
    "Binomial": head(lambda rng, eta: rng.binomial(7, expit(eta)), "y / 7"),
    "Beta": head(lambda rng, eta, nu: rng.beta(expit(eta) * nu, expit(-eta) * nu), nu=LARGE),
    "Poisson": head(lambda rng, eta: rng.poisson(np.exp(eta))),
    "NegativeBinomial": head(
        lambda rng, eta, alpha: rng.poisson(rng.gamma(alpha, np.exp(eta) / alpha)), alpha=SIZE
    ),
    "ZeroInflatedPoisson": head(
        lambda rng, eta, psi: rng.poisson(np.exp(eta)) * rng.binomial(1, psi, ROWS), psi=CHANCE
    ),
    "Exponential": head(lambda rng, eta: rng.exponential(np.exp(eta))),
    "Gamma": head(lambda rng, eta, alpha: rng.gamma(alpha, np.exp(eta) / alpha), alpha=SIZE),
    "Categorical": Head(
        {"Intercept": WIDE[0], "coefficients": WIDE[0]}, softmax_truth, softmax_response, levels=LEVELS
    ),
    "OrderedLogistic": Head(ORDERED, ordered_truth, ordered_response(expit), levels=LEVELS),
    "OrderedProbit": Head(ORDERED, ordered_truth, ordered_response(stats.norm.cdf), levels=LEVELS),
}


def model_of(name, response):
    """The product's model of a data set; of levels, one in which each of them occurs."""
    chosen = HEADS[name]
    if chosen.levels:
        response = np.array(chosen.levels)[np.arange(ROWS) % len(chosen.levels)]
    columns = {"u": X[:, 0], "v": X[:, 1], "y": response}
    spec = {"likelihood": name, "formula": f"{chosen.left} ~ u + v", "priors": chosen.priors}
    if name.startswith("Ordered"):
        spec["levels"] = list(chosen.levels)
    configuration = {
        "name": "simulated",
        "data": {"columns": {column: values.tolist() for column, values in columns.items()}},
        "model": spec,
        "inference": ["nuts"],
    }
    return prepare(read_config(configuration))[1]


def posterior_draws(model, compiled, response, seed):
    """Draws, shape (DRAWS, d), so far apart that they are nearly independent."""
    import nutpie

    tree = nutpie.sample(
        compiled.with_data(y_data=response),
        draws=THIN * DRAWS,
        tune=400,
        chains=1,
        cores=1,
        seed=seed,
        target_accept=0.9,
        save_warmup=False,
        progress_bar=False,
    )
    values = values_of(tree)
    return flat_draws({variable.name: values[variable.name] for variable in variables(model).values()})[
        0, ::THIN
    ]


def ranks(name):
    """Where each truth stands among its draws, from 0 to 1: unknown -> one number for each data set."""
    import nutpie

    rng = np.random.default_rng([20261120, *name.encode()])
    truths = [HEADS[name].truth(rng) for _ in range(SETS)]
    responses = [HEADS[name].respond(rng, truth) for truth in truths]
    model = model_of(name, responses[0])
    # the graph is compiled once; its response is data, which can be exchanged
    compiled = nutpie.compile_pymc_model(compile_graph(model))
    below = [
        np.count_nonzero(
            posterior_draws(model, compiled, response, seed) < [truth[n] for n in model.names], axis=0
        )
        for seed, (truth, response) in enumerate(zip(truths, responses, strict=True))
    ]
    places = (np.array(below) + rng.random((SETS, len(model.names)))) / (DRAWS + 1)
    return dict(zip(model.names, places.T, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_the_rank_of_the_truth_among_the_draws_is_uniform(name):
    # 118 p-values in all: one below 1e-4 comes about once in eighty seeds
    for unknown, values in ranks(name).items():
        assert stats.kstest(values, "uniform").pvalue > 1e-4, unknown
        squares = np.sum(stats.norm.ppf(values) ** 2)
        assert 2 * min(stats.chi2.sf(squares, SETS), stats.chi2.cdf(squares, SETS)) > 1e-4, unknown
