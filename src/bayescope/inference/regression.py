"""Recognising and solving linear regression: Normal or flat coefficients, sigma fixed or with any prior."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.inference.exact_posterior import ExactPosterior, Solver
from bayescope.inference.fit import Outcome
from bayescope.inference.linear_gaussian import (
    CoefficientPrior,
    Compressed,
    LinearGaussian,
    compress,
    linear_gaussian,
)
from bayescope.inference.marginals import Normal
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.unknown_sigma import RegressionPosterior, SigmaPrior, integrate_sigma
from bayescope.models.density import element_priors
from bayescope.models.model import Model, Predictor, Prior

type Floats = NDArray[np.float64]

_COEFFICIENTS = ("Normal", "Flat")


class _Parts(NamedTuple):
    """The regression inside a model; `order` puts (coefficients, sigma) into the order of theta."""

    compressed: Compressed
    prior: CoefficientPrior
    order: NDArray[np.intp]
    proper: bool


def recognise(model: Model) -> Solver | str:
    """Return the solver of a Normal linear regression, or every reason why this model is none."""
    mu, sigma = (_predictor(model, name) for name in ("mu", "sigma"))
    reasons = [*_mu_reasons(model, mu), *_sigma_reasons(sigma)]
    if not model.names:
        reasons.append("nothing is unknown")
    if reasons:
        return "; ".join(reasons)
    if len(sigma.index):
        return partial(_solve_unknown, model, mu, sigma)
    return partial(_solve_known, model, mu, float(np.ravel(sigma.offset)[0]))


def _predictor(model: Model, parameter: str) -> Predictor:
    return next(p for p in model.predictors if p.parameter == parameter)


def _mu_reasons(model: Model, mu: Predictor) -> list[str]:
    if mu.link != "identity":
        return [f"mu has a {mu.link} link; the closed form needs the identity link"]
    return [
        f"the prior of {block.name} is {block.prior}; the closed form needs Normal or Flat coefficients"
        for block in model.blocks
        if np.any((mu.index >= block.start) & (mu.index < block.stop))
        and block.prior.distribution not in _COEFFICIENTS
    ]


def _sigma_reasons(sigma: Predictor) -> list[str]:
    if sigma.matrix is not None or np.ptp(sigma.offset) > 0:
        return ["sigma differs between rows; the closed form needs one sigma for all"]
    if sigma.link != "identity":
        return [f"sigma has a {sigma.link} link; the closed form needs the prior on sigma itself"]
    return []


def _parts(model: Model, mu: Predictor, sigma: Predictor | None) -> _Parts:
    priors = [element_priors(model)[i] for i in mu.index]
    flat = np.array([name == "Flat" for name, _ in priors], dtype=bool)
    prior = CoefficientPrior(
        np.array([arguments.get("mu", 0.0) for _, arguments in priors]),
        np.where(flat, np.inf, np.array([arguments.get("sigma", 1.0) for _, arguments in priors])),
    )
    positions = np.concatenate([mu.index, sigma.index]) if sigma else mu.index
    compressed = compress(design_matrix(model, mu), model.response.values, model.response.weights, mu.offset)
    return _Parts(compressed, prior, np.argsort(positions), not flat.any())


def _solve_known(model: Model, mu: Predictor, sigma: float, _tolerance: float) -> ExactPosterior:
    """Solve for the coefficients given sigma: beta | y is Normal with precision X'X / sigma^2 + P."""
    compressed, prior, order, proper = _parts(model, mu, None)
    posterior = linear_gaussian(compressed, prior)(sigma)
    covariance = ((posterior.basis * posterior.unit**2) @ posterior.basis.T)[np.ix_(order, order)]
    mean = posterior.center[order]
    sds = np.sqrt(np.diag(covariance))
    return ExactPosterior(
        applies="Normal regression with known sigma",
        mean=mean,
        covariance=covariance,
        marginals=tuple(Normal(float(m), float(s)) for m, s in zip(mean, sds, strict=True)),
        draw=lambda rng, size: _draw_known(posterior, rng, size)[:, order],
        log_evidence=posterior.log_density if proper else None,
    )


def _draw_known(posterior: LinearGaussian, rng: np.random.Generator, size: int) -> Floats:
    v = posterior.unit[:, None] * rng.standard_normal((len(posterior.unit), size))
    return (posterior.center[:, None] + posterior.basis @ v).T


def _solve_unknown(model: Model, mu: Predictor, sigma: Predictor, tolerance: float) -> ExactPosterior:
    """Solve for coefficients and sigma, integrating over sigma."""
    name, arguments = element_priors(model)[sigma.index[0]]
    compressed, prior, order, proper = _parts(model, mu, sigma)
    posterior = integrate_sigma(linear_gaussian(compressed, prior), _sigma_prior(name, arguments), tolerance)
    marginals = (*posterior.coefficients, posterior.sigma)
    return ExactPosterior(
        applies="Normal regression with sigma integrated out",
        mean=posterior.mean[order],
        covariance=posterior.covariance[np.ix_(order, order)],
        marginals=tuple(marginals[i] for i in order),
        draw=lambda rng, size: posterior.draw(rng, size)[:, order],
        log_evidence=posterior.log_evidence if proper and DISTRIBUTIONS[name].proper else None,
        outcome=_outcome(model, posterior, order),
        details={"nodes": len(posterior.quadrature.nodes), "relative_error": posterior.relative_error},
    )


def _sigma_prior(name: str, arguments: dict[str, float]) -> SigmaPrior:
    distribution = DISTRIBUTIONS[name]
    values = [arguments[argument.name] for argument in distribution.arguments]
    support = distribution.support(arguments)
    return SigmaPrior(
        log_density=lambda sigma: distribution.log_density(sigma, *values),
        lower=max(support.lower, 0.0),
        upper=support.upper,
        text=str(Prior(name, arguments)),
    )


def _outcome(model: Model, posterior: RegressionPosterior, order: NDArray[np.intp]) -> Outcome:
    """Flag moments that do not exist: they are reported as inf (a mean with no value as nan)."""
    if posterior.moments == 2:
        return Outcome()
    heavy = [
        name
        for name, variance in zip(model.names, np.diag(posterior.covariance)[order], strict=True)
        if np.isinf(variance)
    ]
    what = "sd" if posterior.moments == 1 else "mean and sd"
    return Outcome(
        "flagged",
        f"The posterior tails are so heavy that the {what} of {', '.join(heavy)} do not exist.",
        "Read medians and intervals, or give sigma a prior with lighter tails.",
    )
