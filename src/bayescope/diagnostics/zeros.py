"""Coefficients that the posterior mode puts at exactly 0, and what the posterior says of them.

A mode of 0 is where the density is highest, not where the probability is: under a Laplace prior the
posterior is continuous, and P(beta = 0 | y) = 0. What can be asked is P(|beta| < eps | y), for an eps too
small to matter;

    eps_j = 0.1 s / s_j

with s the scale of the linear predictor (with the identity link, the sd of the response; 1 on a logit) and
s_j the sd of the predictor's column: a change of one sd of the predictor then moves the response by less
than a tenth of an sd (half of a small effect of Cohen's: the region of practical equivalence of Kruschke
2018, Adv. Meth. Pract. Psychol. Sci. 1(2)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayescope.diagnostics.comparison import choose_reference
from bayescope.diagnostics.estimates import INTERVAL
from bayescope.diagnostics.records import Zero, finite
from bayescope.inference.fit import Fit
from bayescope.models.defaults import moments, response_scale
from bayescope.models.model import Model

PRACTICAL = 0.1
"""Below so many sds of the response for one sd of the predictor a slope is zero in practice."""


def zeros(model: Model, fits: Sequence[Fit]) -> tuple[Zero, ...]:
    """Tell of every slope that `map` puts at 0 how probable it is to be small; empty without a posterior."""
    reference = choose_reference(fits)
    at_zero = {name for fit in fits if fit.method == "map" for name in fit.details.get("zeros", ())}
    location = model.location
    if reference is None or reference.marginals is None or not at_zero or location.matrix is None:
        return ()
    likelihood, response = model.likelihood, model.response
    _, scale = response_scale(response, location.link, likelihood.seen, location.offset)
    _, sds = moments(location.matrix, response.weights)
    return tuple(
        _zero(reference, model.names[position], PRACTICAL * scale / float(sd))
        for position, sd in zip(location.index, sds, strict=True)
        if model.names[position] in at_zero
    )


def _zero(fit: Fit, name: str, size: float) -> Zero:
    marginal = fit.posterior[name]
    below, above = marginal.cdf(np.array([-size, size]))
    lower, upper = marginal.quantile(np.array(INTERVAL))
    return Zero(
        parameter=name,
        method=fit.name,
        size=size,
        probability=float(above - below),
        mean=finite(marginal.mean),
        lower=finite(float(lower)),
        upper=finite(float(upper)),
    )
