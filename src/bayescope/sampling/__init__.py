"""Sampling primitives: small, vectorised, seeded; each works alone, outside of a run.

Every `seed` is a whole number or a `numpy.random.Generator`; equal seeds give equal draws.
"""

from bayescope.sampling.categorical import categorical, categorical_probabilities
from bayescope.sampling.central_limit import CentralLimit, central_limit
from bayescope.sampling.importance import (
    ImportanceWeights,
    importance_expectation,
    importance_weights,
    pareto_k_limit,
    resample,
)
from bayescope.sampling.inverse_cdf import (
    draw_continuous,
    draw_discrete,
    inverse_cdf,
    inverse_cdf_discrete,
    uniforms,
)
from bayescope.sampling.monte_carlo import Estimate, draws_needed, expectation
from bayescope.sampling.rejection import Rejection, rejection

__all__ = [
    "CentralLimit",
    "Estimate",
    "ImportanceWeights",
    "Rejection",
    "categorical",
    "categorical_probabilities",
    "central_limit",
    "draw_continuous",
    "draw_discrete",
    "draws_needed",
    "expectation",
    "importance_expectation",
    "importance_weights",
    "inverse_cdf",
    "inverse_cdf_discrete",
    "pareto_k_limit",
    "rejection",
    "resample",
    "uniforms",
]
