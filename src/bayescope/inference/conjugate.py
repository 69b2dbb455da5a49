"""Beta-Bernoulli and Beta-Binomial: the posterior of an unknown probability in closed form.

    p ~ Beta(a, b),  h successes and t failures   =>   p | y ~ Beta(a + h, b + t)

Source: Gelman et al., Bayesian Data Analysis (3rd ed.), sec. 2.4.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.exact_posterior import ExactPosterior, Solver
from bayescope.inference.marginals import Beta
from bayescope.models.density import element_priors
from bayescope.models.model import Model, Prior, Response

type Floats = NDArray[np.float64]


class BetaPosterior(NamedTuple):
    """The posterior and the log evidence, nats."""

    posterior: Beta
    log_evidence: float


def successes_and_failures(response: Response) -> tuple[float, float]:
    """Count successes and failures, repeated rows as often as they occur."""
    weights = np.ones_like(response.values) if response.weights is None else response.weights
    trials = np.ones_like(response.values) if response.trials is None else response.trials
    return float(weights @ response.values), float(weights @ (trials - response.values))


def beta_posterior(alpha: float, beta: float, response: Response) -> BetaPosterior:
    """Update Beta(alpha, beta) by the data.

    The evidence is B(alpha + h, beta + t) / B(alpha, beta), times the binomial coefficient of
    every row when the response has trials.
    """
    heads, tails = successes_and_failures(response)
    posterior = Beta(alpha + heads, beta + tails)
    log_evidence = scipy.special.betaln(posterior.alpha, posterior.beta) - scipy.special.betaln(alpha, beta)
    return BetaPosterior(posterior, float(log_evidence) + _log_coefficients(response))


def _log_coefficients(response: Response) -> float:
    """Sum of log (trials choose successes); 0 for single flips, whose order is part of the data."""
    if response.trials is None:
        return 0.0
    # 1 / ((trials + 1) B(successes + 1, failures + 1)) is the coefficient, without factorials to cancel.
    failures = response.trials - response.values
    each = -np.log1p(response.trials) - scipy.special.betaln(response.values + 1, failures + 1)
    return float(each.sum() if response.weights is None else response.weights @ each)


def recognise(model: Model) -> Solver | str:
    """Return the solver when the location is one unknown probability with a Beta prior, else the reasons."""
    location, head = model.location, model.likelihood.name
    parameter = location.parameter
    if location.matrix is not None:
        return f"{head} with predictors through a {location.link} link has no closed form"
    if location.link != "identity":
        return (
            f"{parameter} has a {location.link} link; the closed form needs its prior on {parameter} itself"
        )
    if len(location.index) != 1:
        return f"{parameter} is fixed: nothing is unknown"
    name, arguments = element_priors(model)[location.index[0]]
    if name == "Uniform" and tuple(arguments.values()) == (0.0, 1.0):
        name, arguments = "Beta", {"alpha": 1.0, "beta": 1.0}
    if name != "Beta":
        prior = Prior(name, arguments)
        return f"the prior of {parameter} is {prior}; the closed form needs Beta or Uniform(0, 1)"
    return partial(_solve, model.response, head, arguments["alpha"], arguments["beta"])


def _solve(response: Response, head: str, alpha: float, beta: float, _tolerance: float) -> ExactPosterior:
    posterior, log_evidence = beta_posterior(alpha, beta, response)
    return ExactPosterior(
        applies=f"Beta-{head}",
        mean=np.array([posterior.mean]),
        covariance=np.array([[posterior.sd**2]]),
        marginals=(posterior,),
        draw=lambda rng, size: rng.beta(posterior.alpha, posterior.beta, (size, 1)),
        log_evidence=log_evidence,
    )
