"""Normal linear regression under a Normal-InverseGamma prior, and its flat limits, in closed form.

    y ~ Normal(offset + X beta, sigma),   beta_j ~ Normal(m_j, k_j sigma) or flat,
    p(v) ~ v^(-a0 - 1) exp(-b0 / v),  v = sigma^2

A prior Normal(m_j, k_j sigma) is one more row of the least-squares problem, beta_j / k_j = m_j / k_j. With
R'R beta = R'z the normal equations of all rows and S their residual sum of squares,

    v | y ~ InverseGamma(a, b)            a = a0 + (n - f) / 2,  b = b0 + S / 2
    beta | v, y ~ Normal(beta^, v V)      beta^ = R^-1 z,  V = (R'R)^-1
    beta | y ~ StudentT(2 a, beta^, (b / a) V)
    new y | y ~ StudentT(2 a, offset + x'beta^, (b / a) (1 + x'V x))
    log p(y) = -n/2 log(2 pi) - log |R| - sum log k_j + log(Gamma(a) / Gamma(a0)) + a0 log b0 - a log b

for n rows and f flat coefficients; the evidence is that of proper priors, f = 0. A model without
predictors has the single column 1. Sources: Gelman et al., Bayesian Data Analysis (3rd ed.), sections 3.3
and 14.2; O'Hagan and Forster, Kendall's Advanced Theory of Statistics 2B (2nd ed., 2004), chapter 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.exact_posterior import ExactPosterior, Solvable, Statistics
from bayescope.inference.fit import Marginal
from bayescope.inference.heavy_tails import heavy_tails
from bayescope.inference.improper import prior_rows, refuse_flat_sigma, refuse_perfect_fit
from bayescope.inference.linear_gaussian import require_rank, with_rows
from bayescope.inference.named_marginals import Gamma, InverseGamma, StudentT, number_text
from bayescope.inference.predictive_exact import student_predictive
from bayescope.inference.regression import (
    compressed_of,
    correlation_reasons,
    pool,
    sigma_reasons,
    statistics_of,
)
from bayescope.inference.root_inverse_gamma import RootInverseGamma
from bayescope.models.marginal_priors import variance_prior
from bayescope.models.model import Model, Predictor, Prior
from bayescope.models.prior_density import only_prior
from bayescope.models.scales import scales_with

type Floats = NDArray[np.float64]

_RULE = "a + (n - f) / 2, b + S / 2, S the residual sum of squares of rows and priors, f flat coefficients"


@dataclass(frozen=True, eq=False)
class NormalInverseGamma:
    """A posterior of the coefficients and the variance.

    Attributes:
        mean: beta^, shape (d,).
        root: R^-1 with V = R^-1 R^-T, upper triangular, shape (d, d).
        a, b: those of the InverseGamma variance.
    """

    mean: Floats
    root: Floats
    a: float
    b: float

    @property
    def covariance(self) -> Floats:
        """Of the coefficients, shape (d, d): b / (a - 1) V; inf and nan where a <= 1."""
        spread = self.root @ self.root.T
        if self.a > 1.0:
            return self.b / (self.a - 1.0) * spread
        return np.where(np.eye(len(spread)) > 0, np.inf, np.nan)

    @property
    def coefficients(self) -> tuple[StudentT, ...]:
        """The marginal of each coefficient."""
        scales = np.sqrt(self.b / self.a) * np.linalg.norm(self.root, axis=1)
        rows = zip(self.mean.tolist(), scales.tolist(), strict=True)
        return tuple(StudentT(2.0 * self.a, mean, scale) for mean, scale in rows)

    def spread(self, link: str) -> Marginal:
        """The marginal of sigma, of the variance or of the precision, by the link that makes sigma of it."""
        return _SPREADS[link](self.a, self.b)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
        """Independent draws of the coefficients, shape (size, d), and of the variance, shape (size,)."""
        variance = self.b / rng.gamma(self.a, size=size)
        normals = rng.standard_normal((size, len(self.mean)))
        return self.mean + np.sqrt(variance)[:, None] * (normals @ self.root.T), variance


_SPREADS: Mapping[str, Callable[[float, float], Marginal]] = MappingProxyType(
    {"identity": RootInverseGamma, "variance": InverseGamma, "precision": Gamma}
)


def recognise(model: Model) -> Solvable | str:
    """Return what solves a regression under a Normal-InverseGamma prior, or why this is none."""
    mu, sigma = model.location, next(p for p in model.predictors if p.parameter == "sigma")
    reasons = [*_mu_reasons(model, mu), *sigma_reasons(sigma)]
    if not reasons and not len(sigma.index):
        reasons.append("sigma is fixed")
    elif not reasons and variance_prior(model, "sigma") is None:
        name, _ = only_prior(model, sigma)
        reasons.append(
            f"the prior of {model.names[sigma.index[0]]} is {name}; the variance must be InverseGamma"
        )
    if reasons:
        return "; ".join(reasons)
    return Solvable(statistics_of(model, mu), pool, partial(_solve, model, mu, sigma))


def _mu_reasons(model: Model, mu: Predictor) -> list[str]:
    if mu.link != "identity":
        return [f"mu has a {mu.link} link; the closed form needs the identity link"]
    return correlation_reasons(model) + [
        f"the prior of {block.name} is {block.prior}; the closed form needs Normal(m, k * sigma) or Flat"
        for block in model.blocks
        if np.any((mu.index >= block.start) & (mu.index < block.stop))
        and not (block.prior.distribution == "Flat" or _in_units_of_sigma(block.prior))
    ]


def _in_units_of_sigma(prior: Prior) -> bool:
    return prior.distribution == "Normal" and scales_with(prior.arguments, "sigma")


def posterior_of(model: Model, statistics: Statistics) -> NormalInverseGamma:
    """Compute the posterior after data with these statistics.

    Raises:
        FitError: the posterior is improper.
    """
    spread = variance_prior(model, "sigma")
    if spread is None:
        raise ValueError("the variance has no InverseGamma prior; recognise the model first")
    mu = model.location
    data = compressed_of(statistics, len(mu.index))
    refuse_flat_sigma(model, data.observations)
    rows, targets = prior_rows(model)
    problem = with_rows(data, rows, targets)
    require_rank(problem.factor)
    flat = len(mu.index) - len(rows)
    a, b = spread[0] + (data.observations - flat) / 2, spread[1] + problem.residual / 2
    if not b > 0:
        refuse_perfect_fit(model, next(p for p in model.predictors if p.parameter == "sigma"))
    root = scipy.linalg.solve_triangular(problem.factor, np.eye(len(mu.index)))
    return NormalInverseGamma(root @ problem.projection, root, a, b)


def log_evidence(model: Model, statistics: Statistics, posterior: NormalInverseGamma) -> float | None:
    """Compute log p(y), nats; None where a prior is flat."""
    spread, rows = variance_prior(model, "sigma"), prior_rows(model)[0]
    if spread is None or not min(spread) > 0 or len(rows) < len(posterior.mean):
        return None
    (a, b), n = spread, float(statistics["observations"])
    volume = float(np.sum(np.log(np.abs(np.diag(posterior.root)))) + np.sum(np.log(rows.sum(axis=1))))
    normalisers = scipy.special.gammaln([posterior.a, a]) @ [1.0, -1.0]
    constant = -0.5 * n * math.log(2 * math.pi) + volume + float(normalisers)
    return constant + a * math.log(b) - posterior.a * math.log(posterior.b)


def _solve(
    model: Model, mu: Predictor, sigma: Predictor, statistics: Statistics, _tolerance: float
) -> ExactPosterior:
    posterior = posterior_of(model, statistics)
    place = np.argsort(np.concatenate([mu.index, sigma.index]))
    spread = posterior.spread(sigma.link)
    marginals = (*posterior.coefficients, spread)
    size = len(marginals)
    covariance = np.zeros((size, size))  # beta^ does not depend on the variance
    covariance[:-1, :-1] = posterior.covariance
    covariance[-1, -1] = spread.sd**2
    mean = np.array([marginal.mean for marginal in marginals])

    def draw(rng: np.random.Generator, number: int) -> Floats:
        return _draw(posterior, sigma.link, rng, number)[:, place]

    return ExactPosterior(
        applies="Normal-InverseGamma",
        mean=mean[place],
        covariance=covariance[np.ix_(place, place)],
        marginals=tuple(marginals[i] for i in place),
        draw=draw,
        log_evidence=log_evidence(model, statistics, posterior),
        outcome=heavy_tails(model.names, mean[place], np.diag(covariance)[place], "sigma"),
        details=_details(posterior),
        predict=lambda rows: student_predictive(
            rows,
            posterior.mean,
            posterior.root,
            degrees=2.0 * posterior.a,
            scale=math.sqrt(posterior.b / posterior.a),
            draw=draw,
        ),
    )


def _draw(posterior: NormalInverseGamma, link: str, rng: np.random.Generator, size: int) -> Floats:
    coefficients, variance = posterior.draw(rng, size)
    powers = {"identity": 0.5, "variance": 1.0, "precision": -1.0}
    return np.column_stack([coefficients, variance ** powers[link]])


def _details(posterior: NormalInverseGamma) -> dict[str, Any]:
    a, b, degrees = (number_text(value) for value in (posterior.a, posterior.b, 2 * posterior.a))
    return {
        "conjugate": {
            "rule": _RULE,
            "posterior": f"InverseGamma({a}, {b}) of sigma^2, and StudentT of the coefficients",
            "predictive": f"StudentT with {degrees} degrees of freedom",
        },
        "normal_inverse_gamma": {
            "mean": posterior.mean.tolist(),
            "root": posterior.root.tolist(),
            "a": posterior.a,
            "b": posterior.b,
        },
    }
