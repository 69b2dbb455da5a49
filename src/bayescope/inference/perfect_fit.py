"""Spreads other than a Normal's sigma where the location passes through every row.

Take n rows, a location of rank r, and s the spread: a scale at 0 (Laplace, StudentT), or a shape at infinity
(Gamma, Beta). There

    p(y | theta, s)  ~  s^-n        for a scale,    s^(n / 2)        for a shape, with a perfect fit theta
    p(y | s)         ~  s^-(n - r)  for a scale,    s^((n - r) / 2)  for a shape, theta integrated out

and p(s) must fall fast enough for a mode, or an integral, to exist.
"""

from __future__ import annotations

import math

import numpy as np

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.inference.point import degenerate, observed_design, refuse_perfect_fit
from bayescope.models.model import Model
from bayescope.models.prior_density import only_prior
from bayescope.models.scales import scales_with

_SLACK = 1e-6  # nats


def refuse_unbounded_fit(model: Model, *, logarithm: bool) -> None:
    """Refuse a posterior density that rises without end to a perfect fit. Raises FitError.

    It may tend to infinity there, or to a number. With `logarithm` it is the density of log s, as a Laplace
    approximation has it.
    """
    if _growth(model, 0, logarithm=logarithm) > -_SLACK and degenerate(model):
        refuse_perfect_fit(model, "the posterior mode does not exist", model.likelihood.degenerate)


def refuse_improper_fit(model: Model) -> None:
    """Refuse a posterior whose integral diverges at a perfect fit. Raises FitError.

    The density of log s must vanish there, and most priors see to that whatever the data.
    """
    if _growth(model, 0, logarithm=True) > -_SLACK and degenerate(model):
        rank = int(np.linalg.matrix_rank(observed_design(model)[0]))
        if _growth(model, rank, logarithm=True) > -_SLACK:
            refuse_perfect_fit(model, "the posterior is improper", model.likelihood.degenerate)


def _growth(model: Model, rank: int, *, logarithm: bool) -> float:
    """Return the nats that the density at a perfect fit gains from s = 1e50 to 1e100, or 1e-50 to 1e-100.

    It is -inf where no perfect fit makes it grow. A prior whose scale is a multiple of s falls there faster
    than the likelihood grows.
    """
    name, _, end = model.likelihood.degenerate.partition(" -> ")
    spread = next((p for p in model.predictors if p.parameter == name and p.matrix is None), None)
    if spread is None or len(spread.index) != 1 or spread.link != "identity" or model.location.network:
        return -math.inf
    if any(scales_with(block.prior.arguments, name) for block in model.blocks):
        return -math.inf
    distribution, arguments = only_prior(model, spread)
    values = [arguments[argument.name] for argument in DISTRIBUTIONS[distribution].arguments]
    far = np.array([1e-50, 1e-100] if end == "0" else [1e50, 1e100])
    power = (-1.0 if end == "0" else 0.5) * (model.response.observations - rank) + logarithm
    density = DISTRIBUTIONS[distribution].log_density(far, *values)
    return -math.inf if density[1] == -np.inf else float(np.diff(density + power * np.log(far))[0])
