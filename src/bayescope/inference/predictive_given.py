"""The distribution of a response given the parameters, by likelihood: what draws and points predict with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.likelihoods import LIKELIHOODS, Likelihood
from bayescope.inference.predictive_heads import Categories, Centred, Component, Counted, Normals, Scipy

type Floats = NDArray[np.float64]
type Frozen = Callable[..., Any]

# (name, parameters) -> (trials, the parameters) -> SciPy's distribution
_FROZEN: Mapping[tuple[str, ...], Frozen] = MappingProxyType(
    {
        ("Bernoulli", "p"): lambda _, p: scipy.stats.bernoulli(p),
        ("Binomial", "p"): lambda trials, p: scipy.stats.binom(trials, p),  # noqa: PLW0108  loaded when used
        ("Geometric", "p"): lambda _, p: scipy.stats.geom(p),
        ("NegativeBinomial", "n", "p"): lambda _, n, p: scipy.stats.nbinom(n, p),
        ("NegativeBinomial", "mu", "alpha"): lambda _, mu, alpha: scipy.stats.nbinom(
            alpha, alpha / (alpha + mu)
        ),
        ("Poisson", "mu"): lambda _, mu: scipy.stats.poisson(mu),
        ("Exponential", "lam"): lambda _, lam: scipy.stats.expon(scale=1.0 / lam),
        ("Exponential", "scale"): lambda _, scale: scipy.stats.expon(scale=scale),
        ("Gamma", "alpha", "beta"): lambda _, alpha, beta: scipy.stats.gamma(alpha, scale=1.0 / beta),
        ("Gamma", "mu", "alpha"): lambda _, mu, alpha: scipy.stats.gamma(alpha, scale=mu / alpha),
        ("LogNormal", "mu", "sigma"): lambda _, mu, sigma: scipy.stats.lognorm(sigma, scale=np.exp(mu)),
        ("Beta", "mu", "nu"): lambda _, mu, nu: scipy.stats.beta(mu * nu, (1.0 - mu) * nu),
        ("Laplace", "mu", "b"): lambda _, mu, b: scipy.stats.laplace(mu, b),
        ("Uniform", "lower", "upper"): lambda _, lower, upper: scipy.stats.uniform(lower, upper - lower),
    }
)


def given(likelihood: Likelihood, trials: Floats | None, psi: tuple[Floats, ...]) -> Component | None:
    """Return p(y | psi) of a likelihood; None for one that has no entry here.

    `psi` are its parameters in its order, of shape (K, n) or (K, 1); for Categorical (K, categories).
    """
    if likelihood.probabilities is not None:
        return Categories(likelihood.probabilities(psi))
    if likelihood.name in _OWN:
        return _OWN[likelihood.name](likelihood, *psi)
    frozen = _FROZEN.get((likelihood.name, *(parameter.name for parameter in likelihood.parameters)))
    return None if frozen is None else Scipy(frozen(trials, *psi), likelihood.response.integer)


def _zero_inflated(likelihood: Likelihood, share: Floats, mu: Floats) -> Counted:
    """A Poisson count with probability `share`, else 0."""
    mean = share * mu
    return Counted(
        lambda y: likelihood.log_density(y, None, (share, mu)),
        lambda y: 1.0 - share * scipy.stats.poisson.sf(y, mu),
        mean=mean,
        sd=np.sqrt(mean * (1.0 + mu - mean)),
        lowest=0.0,
        highest=np.full(np.shape(mean), np.inf),
    )


_OWN: Mapping[str, Callable[..., Component]] = MappingProxyType(
    {
        "Categorical": lambda _, p: Categories(p[:, np.newaxis, :]),
        "Normal": lambda _, mu, sigma: Normals(mu, sigma),
        "StudentT": lambda _, nu, mu, sigma: Centred(scipy.stats.t(nu), mu, sigma),
        "ZeroInflatedPoisson": _zero_inflated,
    }
)


def given_text(likelihood: Likelihood, values: Mapping[str, float]) -> str:
    """Write the likelihood at values of its parameters, named where they are not those of its entry."""
    own = [parameter.name for parameter in LIKELIHOODS[likelihood.name].parameters]
    positional = [name for name in values if name != "n" or "n" in own] == own
    inner = (f"{value:.6g}" if positional else f"{name}={value:.6g}" for name, value in values.items())
    return f"{likelihood.name}({', '.join(inner)})"
