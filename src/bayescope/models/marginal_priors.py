"""The prior of each unknown on its own, where priors of several unknowns depend on each other."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.models.model import Block, Model
from bayescope.models.prior_density import element_priors, only_prior
from bayescope.models.scales import scaled_of

type MarginalPrior = tuple[str, dict[str, float]]


def marginal_priors(model: Model) -> tuple[MarginalPrior | None, ...]:
    """Return the prior of each element of theta on its own, None where it is no distribution of the table.

    Of a Dirichlet(a) it is Beta(a_k, sum(a) - a_k); of a Normal(m, k sigma) with an InverseGamma(a, b)
    variance StudentT(2 a, m, k sqrt(b / a)) (Bernardo and Smith, Bayesian Theory, 1994, appendix A.2).
    """
    blocks = (block for block in model.blocks for _ in block.labels)
    return tuple(
        _marginal(model, block, name, arguments)
        for block, (name, arguments) in zip(blocks, element_priors(model), strict=True)
    )


def _marginal(model: Model, block: Block, name: str, arguments: dict[str, Any]) -> MarginalPrior | None:
    if block.name == CUTPOINTS and len(block.labels) > 1 and model.likelihood.ordered:
        return None  # one of several in order
    totals, scaled = _concentrations(block), scaled_of(arguments)
    if totals:
        return "Beta", {"alpha": arguments["a"], "beta": sum(totals) - arguments["a"]}
    if scaled is None:
        return (name, arguments) if name in DISTRIBUTIONS else None
    spread = variance_prior(model, scaled.parameter) if name == "Normal" else None
    if spread is None or not min(spread) > 0:
        return None
    a, b = spread
    return "StudentT", {"nu": 2 * a, "mu": arguments["mu"], "sigma": scaled.factor * math.sqrt(b / a)}


def _concentrations(block: Block) -> tuple[float, ...]:
    a = block.prior.arguments.get("a", ()) if block.support.simplex else ()
    return tuple(value for value in a if isinstance(value, float)) if isinstance(a, tuple) else ()


def variance_prior(model: Model, parameter: str) -> tuple[float, float] | None:
    """Return (a, b) where the prior of v = parameter^2 is proportional to v^(-a - 1) exp(-b / v), else None.

    That is InverseGamma(a, b) of v, Gamma(a, b) or Exponential(b) of 1 / v, or a flat prior, improper, with
    b = 0: of the parameter itself (a = -1/2), of v (a = -1), or of 1 / v (a = 1).
    """
    predictor = next((p for p in model.predictors if p.parameter == parameter), None)
    if predictor is None or len(predictor.index) != 1 or predictor.matrix is not None:
        return None
    name, arguments = only_prior(model, predictor)
    shape = _FLAT.get(predictor.link) if name == "HalfFlat" else None
    if shape is not None:
        return shape, 0.0
    match predictor.link, name:
        case ("variance", "InverseGamma") | ("precision", "Gamma"):
            return arguments["alpha"], arguments["beta"]
        case "precision", "Exponential":
            return 1.0, arguments["lam"]
    return None


_FLAT = MappingProxyType({"identity": -0.5, "variance": -1.0, "precision": 1.0})
