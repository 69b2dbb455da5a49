"""Recognising and solving linear regression: Normal or flat coefficients, sigma fixed or with any prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.links import LINKS
from bayescope.inference.exact_posterior import ExactPosterior, Solvable, Statistics
from bayescope.inference.heavy_tails import heavy_tails
from bayescope.inference.improper import prior_rows, refuse_flat_sigma
from bayescope.inference.linear_gaussian import (
    CoefficientPrior,
    Compressed,
    Conditional,
    LinearGaussian,
    compressed,
    linear_gaussian,
    pool_triangles,
    triangle_of,
    with_rows,
)
from bayescope.inference.marginals import Normal
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.predictive_exact import normal_predictive
from bayescope.inference.unknown_sigma import SigmaPrior, integrate_sigma
from bayescope.models.model import Block, Model, Predictor, Prior
from bayescope.models.prior_density import element_priors, only_prior
from bayescope.models.scales import scaled_of, scales_with

type Floats = NDArray[np.float64]

_COEFFICIENTS = ("Normal", "Flat")


class _Parts(NamedTuple):
    """The regression inside a model; `order` puts (coefficients, sigma) into the order of theta."""

    prior: CoefficientPrior
    order: NDArray[np.intp]
    proper: bool


def recognise(model: Model) -> Solvable | str:
    """Return what solves a Normal linear regression, or every reason why this model is none."""
    mu, sigma = (_predictor(model, name) for name in ("mu", "sigma"))
    reasons = [*_mu_reasons(model, mu), *sigma_reasons(sigma)]
    if not model.names:
        reasons.append("nothing is unknown")
    if reasons:
        return "; ".join(reasons)
    if len(sigma.index):
        return Solvable(statistics_of(model, mu), pool, partial(_solve_unknown, model, mu, sigma))
    known = partial(_solve_known, model, mu, float(LINKS[sigma.link].inverse(np.ravel(sigma.offset)[0])))
    return Solvable(statistics_of(model, mu), pool, known)


def statistics_of(model: Model, mu: Predictor) -> Statistics:
    """Compress the rows to the triangle of [X, y - offset], each row as often as it occurs."""
    response = model.response
    occurs = slice(None) if response.weights is None else response.weights > 0
    triangle = triangle_of(
        design_matrix(model, mu)[occurs],
        response.values[occurs],
        None if response.weights is None else response.weights[occurs],
        np.broadcast_to(mu.offset, response.values.shape)[occurs],
    )
    return _stored(response.observations, triangle)


def _stored(observations: float, triangle: Floats) -> Statistics:
    return {"kind": "Normal regression", "observations": observations, "triangle": triangle.tolist()}


def pool(parts: Sequence[Statistics]) -> Statistics:
    """Pool the triangles of parts of some data, by a QR factorisation of them all."""
    triangles = [np.array(part["triangle"]) for part in parts if part["triangle"]]
    pooled = pool_triangles(triangles) if triangles else np.zeros((0, 0))
    return _stored(sum(part["observations"] for part in parts), pooled)


def compressed_of(statistics: Statistics, size: int) -> Compressed:
    """Read stored statistics of `size` coefficients."""
    triangle = np.array(statistics["triangle"]).reshape(-1, size + 1)
    return compressed(float(statistics["observations"]), triangle)


def _predictor(model: Model, parameter: str) -> Predictor:
    return next(p for p in model.predictors if p.parameter == parameter)


def _mu_reasons(model: Model, mu: Predictor) -> list[str]:
    if mu.link != "identity":
        return [f"mu has a {mu.link} link; the closed form needs the identity link"]
    return correlation_reasons(model) + [
        f"the prior of {block.name} is {block.prior}; the closed form needs Normal or Flat coefficients"
        for block in model.blocks
        if np.any((mu.index >= block.start) & (mu.index < block.stop))
        and (block.prior.distribution not in _COEFFICIENTS or _has_other_scale(block))
    ]


def correlation_reasons(model: Model) -> list[str]:
    """Name the correlations of effects that are unknown."""
    return [
        f"the correlation {group.correlation} is unknown; write `||` for `|` (independent effects)"
        for group in model.groups
        if group.correlation is not None
    ]


def _has_other_scale(block: Block) -> bool:
    """Tell whether the scale of a prior is a multiple of an unknown other than sigma."""
    return scaled_of(block.prior.arguments) is not None and not scales_with(block.prior.arguments, "sigma")


def sigma_reasons(sigma: Predictor) -> list[str]:
    """Say why the likelihood is not one with a single sigma for all rows; empty if it is."""
    if sigma.matrix is not None or np.ptp(sigma.offset) > 0:
        return ["sigma differs between rows; the closed form needs one sigma for all"]
    return []


def _parts(model: Model, mu: Predictor, sigma: Predictor | None) -> _Parts:
    """Collect the priors; a Normal(m, k sigma), which enters as a row of the data, counts as flat here."""
    priors = [element_priors(model)[i] for i in mu.index]
    sds = [
        np.inf if name == "Flat" or scales_with(given, "sigma") else given["sigma"] for name, given in priors
    ]
    means = [given["mu"] if np.isfinite(sd) else 0.0 for sd, (_, given) in zip(sds, priors, strict=True)]
    proper = all(name != "Flat" for name, _ in priors)
    positions = np.concatenate([mu.index, sigma.index]) if sigma else mu.index
    return _Parts(CoefficientPrior(np.array(means), np.array(sds)), np.argsort(positions), proper)


def _solve_known(
    model: Model, mu: Predictor, sigma: float, statistics: Statistics, _tolerance: float
) -> ExactPosterior:
    """Solve for the coefficients given sigma: beta | y is Normal with precision X'X / sigma^2 + P."""
    prior, order, proper = _parts(model, mu, None)
    posterior = linear_gaussian(compressed_of(statistics, len(mu.index)), prior)(sigma)
    root = posterior.basis * posterior.unit  # the square of a unit may be 0 where a variance is not
    covariance = (root @ root.T)[np.ix_(order, order)]
    mean = posterior.center[order]
    sds = np.sqrt(np.diag(covariance))
    return ExactPosterior(
        applies="Normal regression with known sigma",
        mean=mean,
        covariance=covariance,
        marginals=tuple(Normal(float(m), float(s)) for m, s in zip(mean, sds, strict=True)),
        draw=lambda rng, size: _draw_known(posterior, rng, size)[:, order],
        log_evidence=posterior.log_density if proper else None,
        predict=lambda rows: normal_predictive(
            rows,
            Conditional(
                posterior.center,
                posterior.basis,
                np.zeros((len(posterior.unit), 1)),
                np.square(posterior.unit)[:, None],
            ),
            np.array([sigma]),
            np.ones(1),
            draw=lambda rng, size: _draw_known(posterior, rng, size)[:, order],
        ),
    )


def _draw_known(posterior: LinearGaussian, rng: np.random.Generator, size: int) -> Floats:
    v = posterior.unit[:, None] * rng.standard_normal((len(posterior.unit), size))
    return (posterior.center[:, None] + posterior.basis @ v).T


def _solve_unknown(
    model: Model, mu: Predictor, sigma: Predictor, statistics: Statistics, tolerance: float
) -> ExactPosterior:
    """Solve for coefficients and sigma, integrating over sigma."""
    name, _ = only_prior(model, sigma)
    prior, order, proper = _parts(model, mu, sigma)
    data, (rows, targets) = compressed_of(statistics, len(mu.index)), prior_rows(model)
    refuse_flat_sigma(model, data.observations)
    given_sigma = linear_gaussian(with_rows(data, rows, targets), prior)
    posterior = integrate_sigma(given_sigma, _sigma_prior(model, sigma), tolerance)
    log_evidence = posterior.log_evidence + float(np.sum(np.log(rows.sum(axis=1))))  # 1 / k of each such row
    marginals = (*posterior.coefficients, posterior.spread)
    mean, covariance = posterior.mean[order], posterior.covariance[np.ix_(order, order)]
    return ExactPosterior(
        applies="Normal regression with sigma integrated out",
        mean=mean,
        covariance=covariance,
        marginals=tuple(marginals[i] for i in order),
        draw=lambda rng, size: posterior.draw(rng, size)[:, order],
        log_evidence=log_evidence if proper and DISTRIBUTIONS[name].proper else None,
        outcome=heavy_tails(model.names, mean, np.diag(covariance), "sigma"),
        details={"nodes": len(posterior.quadrature.nodes), "relative_error": posterior.relative_error},
        predict=lambda rows: normal_predictive(
            rows,
            posterior.model.given(posterior.quadrature.nodes),
            posterior.model.origin * np.exp(posterior.quadrature.nodes),
            posterior.quadrature.weights,
            draw=lambda rng, size: posterior.draw(rng, size)[:, order],
            moments=posterior.moments,
        ),
    )


def _sigma_prior(model: Model, sigma: Predictor) -> SigmaPrior:
    """Express the prior of x = sigma, sigma^2 or sigma^-2 as one of sigma: p(sigma) = p(x) |dx / dsigma|."""
    name, arguments = only_prior(model, sigma)
    distribution, link, power = DISTRIBUTIONS[name], LINKS[sigma.link], _POWERS[sigma.link]
    values = [arguments[argument.name] for argument in distribution.arguments]
    support = distribution.support(arguments)
    lower, upper = sorted(link.inverse([max(support.lower, 0.0), support.upper]).tolist())

    def log_density(at: Floats) -> Floats:
        with np.errstate(divide="ignore", over="ignore"):
            stretch = math.log(abs(power)) + (power - 1) * np.log(at)
            return distribution.log_density(link.apply(at), *values) + stretch

    return SigmaPrior(log_density, lower, upper, str(Prior(name, arguments)), power)


_POWERS = MappingProxyType({"identity": 1, "variance": 2, "precision": -2})
