"""The closed forms: for each measure a table from the names of distributions to their formula.

A formula takes the arguments of the distributions (of p, then of q) and returns the terms of a sum,
in nats; how large they are says how well the sum is known. A new pair is one entry. Exponential is a Gamma
and Beta is a Dirichlet, so they need no entries of their own.

Sources: Cover and Thomas, Elements of Information Theory, 2nd ed., 2006, table 17.1 (entropies);
Gil, Alajaji and Linder, Renyi divergence measures, Information Sciences 249, 2013 (divergences;
the affinity is that of order 1/2); Penny, KL-divergences of Normal, Gamma, Dirichlet
and Wishart densities, 2001. The Gamma function enters through its Bregman divergence, which keeps its
digits where the arguments are large (a posterior of a billion rows).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bayescope.information.densities import Named
from bayescope.information.estimate import Estimate, summed

type Floats = NDArray[np.float64]
type Formula = Callable[..., Sequence[ArrayLike]]

_LOG_TWO_PI = math.log(2.0 * math.pi)
_STIRLING_FROM = 100.0

_GENERAL: Mapping[str, Callable[..., tuple[str, tuple[Any, ...]]]] = MappingProxyType(
    {
        "Exponential": lambda lam: ("Gamma", (1.0, lam)),
        "Beta": lambda alpha, beta: ("Dirichlet", ((alpha, beta),)),
    }
)


def closed_form(table: Mapping[tuple[str, ...], Formula], *given: Named) -> Estimate | None:
    """Evaluate the entry of `table` for the distributions `given`; None where it has none."""
    for forms in _combinations(given):
        formula = table.get(tuple(name for name, _ in forms))
        if formula is not None:
            return summed(formula(*(value for _, values in forms for value in values)))
    return None


def _combinations(given: Sequence[Named]) -> Iterator[tuple[tuple[str, tuple[Any, ...]], ...]]:
    own = tuple((one.distribution, tuple(one.arguments.values())) for one in given)
    yield own
    yield tuple(_GENERAL[name](*values) if name in _GENERAL else (name, values) for name, values in own)


def _stirling_rest(a: Floats) -> Floats:
    # log Gamma(a) - ((a - 1/2) log a - a + log(2 pi) / 2), to 1e-17 from a = 100 on
    return 1.0 / (12.0 * a) - 1.0 / (360.0 * a**3) + 1.0 / (1260.0 * a**5)


def _stirling_rest_slope(a: Floats) -> Floats:
    return -1.0 / (12.0 * a**2) + 1.0 / (120.0 * a**4) - 1.0 / (252.0 * a**6)


def _bregman(y: Any, x: Any) -> Floats:
    """Terms of log Gamma(y) - log Gamma(x) - (y - x) psi(x) >= 0; shape (3, ...)."""
    y, x = np.broadcast_arrays(np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64))
    direct = [scipy.special.gammaln(y), -scipy.special.gammaln(x), -(y - x) * scipy.special.psi(x)]
    r = (y - x) / x
    rest = _stirling_rest(y) - _stirling_rest(x) - (y - x) * _stirling_rest_slope(x)
    series = [y * np.log1p(r), x - y, rest - 0.5 * (np.log1p(r) - r)]
    return np.where(np.minimum(x, y) >= _STIRLING_FROM, series, direct)


def _normal_kl(mu: float, sigma: float, mu_q: float, sigma_q: float) -> Sequence[ArrayLike]:
    excess = (sigma - sigma_q) / sigma_q
    logarithm = math.log1p(excess) if abs(excess) < 0.5 else math.log(sigma) - math.log(sigma_q)
    shift = (mu - mu_q) / sigma_q
    return 0.5 * excess * (2.0 + excess), -logarithm, 0.5 * shift * shift


def _mvnormal_kl(mu: Any, cov: Any, mu_q: Any, cov_q: Any) -> Sequence[ArrayLike]:
    factor, factor_q = np.linalg.cholesky(cov), np.linalg.cholesky(cov_q)
    ratio = scipy.linalg.solve_triangular(factor_q, factor, lower=True)
    z = scipy.linalg.solve_triangular(factor_q, np.subtract(mu, mu_q), lower=True)
    return 0.5 * ratio**2, np.full(len(mu), -0.5), -np.log(np.diag(ratio)), 0.5 * z**2


def _laplace_kl(mu: float, b: float, mu_q: float, b_q: float) -> Sequence[ArrayLike]:
    distance = abs(mu - mu_q)
    return distance / b_q, b / b_q * math.exp(-distance / b), math.log(b_q / b), -1.0


def _normal_laplace_kl(mu: float, sigma: float, mu_q: float, b_q: float) -> Sequence[ArrayLike]:
    entropy = 0.5 * (1.0 + _LOG_TWO_PI) + math.log(sigma)
    return math.log(2.0 * b_q), -entropy, folded_normal_mean(mu - mu_q, sigma) / b_q


def _laplace_normal_kl(mu: float, b: float, mu_q: float, sigma_q: float) -> Sequence[ArrayLike]:
    spread = 0.5 * (2.0 * b**2 + (mu - mu_q) ** 2) / sigma_q**2
    return -1.0 - math.log(2.0 * b), 0.5 * _LOG_TWO_PI + math.log(sigma_q), spread


def _gamma_kl(alpha: float, beta: float, alpha_q: float, beta_q: float) -> Sequence[ArrayLike]:
    excess = (beta_q - beta) / beta
    return _bregman(alpha_q, alpha), alpha * excess, -alpha_q * math.log1p(excess)


def _dirichlet_kl(a: Any, a_q: Any) -> Sequence[ArrayLike]:
    return _bregman(a_q, a), -_bregman(np.sum(a_q), np.sum(a))


def _poisson_kl(mu: float, mu_q: float) -> Sequence[ArrayLike]:
    return (scipy.special.kl_div(mu, mu_q),)


def _normal_affinity(mu: float, sigma: float, mu_q: float, sigma_q: float) -> Sequence[ArrayLike]:
    total = sigma**2 + sigma_q**2
    return 0.5 * np.log1p(-((sigma - sigma_q) ** 2) / total), -0.25 * (mu - mu_q) ** 2 / total


def _mvnormal_affinity(mu: Any, cov: Any, mu_q: Any, cov_q: Any) -> Sequence[ArrayLike]:
    middle = np.linalg.cholesky(0.5 * np.add(cov, cov_q))
    z = scipy.linalg.solve_triangular(middle, np.subtract(mu, mu_q), lower=True)
    halves = [0.5 * np.log(np.diag(np.linalg.cholesky(one))) for one in (cov, cov_q)]
    return *halves, -np.log(np.diag(middle)), -0.125 * z**2


def _laplace_affinity(mu: float, b: float, mu_q: float, b_q: float) -> Sequence[ArrayLike]:
    distance, (slow, fast) = abs(mu - mu_q), sorted((0.5 / b, 0.5 / b_q))
    between = distance * math.exp(-slow * distance) * scipy.special.exprel((slow - fast) * distance)
    outside = (math.exp(-slow * distance) + math.exp(-fast * distance)) / (slow + fast)
    return np.log(outside + between), 0.5 * math.log(slow), 0.5 * math.log(fast)


def _gamma_affinity(alpha: float, beta: float, alpha_q: float, beta_q: float) -> Sequence[ArrayLike]:
    shape, rate = 0.5 * (alpha + alpha_q), 0.5 * (beta + beta_q)
    rates = 0.5 * alpha * math.log(beta / rate), 0.5 * alpha_q * math.log(beta_q / rate)
    return -0.5 * _bregman(alpha, shape), -0.5 * _bregman(alpha_q, shape), *rates


def _dirichlet_affinity(a: Any, a_q: Any) -> Sequence[ArrayLike]:
    middle = 0.5 * np.add(a, a_q)
    elements = [-0.5 * _bregman(one, middle) for one in (a, a_q)]
    return *elements, *(0.5 * _bregman(np.sum(one), np.sum(middle)) for one in (a, a_q))


def _poisson_affinity(mu: float, mu_q: float) -> Sequence[ArrayLike]:
    return (-0.5 * (math.sqrt(mu) - math.sqrt(mu_q)) ** 2,)


def _mvnormal_entropy(_: Any, cov: Any) -> Sequence[ArrayLike]:
    return np.full(len(cov), 0.5 * (1.0 + _LOG_TWO_PI)), np.log(np.diag(np.linalg.cholesky(cov)))


def _gamma_entropy(alpha: float, beta: float) -> Sequence[ArrayLike]:
    return alpha, -math.log(beta), scipy.special.gammaln(alpha), (1.0 - alpha) * scipy.special.psi(alpha)


def _dirichlet_entropy(a: Any) -> Sequence[ArrayLike]:
    a = np.asarray(a)
    total = a.sum()
    constant = np.append(scipy.special.gammaln(a), -scipy.special.gammaln(total))
    return constant, (total - len(a)) * scipy.special.psi(total), -(a - 1.0) * scipy.special.psi(a)


def folded_normal_mean(mu: float, sigma: float) -> float:
    """Return E|x| for x ~ Normal(mu, sigma), sigma >= 0 (Leone et al., Technometrics 3, 1961)."""
    if sigma == 0.0:
        return abs(mu)
    z = mu / sigma
    spread = sigma * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * z * z)
    return spread + mu * math.erf(z / math.sqrt(2.0))


def _normal_wasserstein(mu: float, sigma: float, mu_q: float, sigma_q: float) -> Sequence[ArrayLike]:
    # the quantile functions differ by mu - mu_q + (sigma - sigma_q) z
    return (folded_normal_mean(mu - mu_q, abs(sigma - sigma_q)),)


def _laplace_wasserstein(mu: float, b: float, mu_q: float, b_q: float) -> Sequence[ArrayLike]:
    distance, spread = abs(mu - mu_q), abs(b - b_q)
    return distance, spread * math.exp(-distance / spread) if spread else 0.0


ENTROPY: Mapping[tuple[str, ...], Formula] = MappingProxyType(
    {
        ("Normal",): lambda _, sigma: (0.5 * (1.0 + _LOG_TWO_PI), math.log(sigma)),
        ("MvNormal",): _mvnormal_entropy,
        ("Laplace",): lambda _, b: (1.0, math.log(2.0 * b)),
        ("Gamma",): _gamma_entropy,
        ("Dirichlet",): _dirichlet_entropy,
        ("Uniform",): lambda lower, upper: (math.log(upper - lower),),
    }
)
"""-E log p(x)."""

KL: Mapping[tuple[str, ...], Formula] = MappingProxyType(
    {
        ("Normal", "Normal"): _normal_kl,
        ("MvNormal", "MvNormal"): _mvnormal_kl,
        ("Laplace", "Laplace"): _laplace_kl,
        ("Normal", "Laplace"): _normal_laplace_kl,
        ("Laplace", "Normal"): _laplace_normal_kl,
        ("Gamma", "Gamma"): _gamma_kl,
        ("InverseGamma", "InverseGamma"): _gamma_kl,  # that of 1 / x
        ("Dirichlet", "Dirichlet"): _dirichlet_kl,
        ("Poisson", "Poisson"): _poisson_kl,
    }
)
"""E_p log(p(x) / q(x))."""

LOG_AFFINITY: Mapping[tuple[str, ...], Formula] = MappingProxyType(
    {
        ("Normal", "Normal"): _normal_affinity,
        ("MvNormal", "MvNormal"): _mvnormal_affinity,
        ("Laplace", "Laplace"): _laplace_affinity,
        ("Gamma", "Gamma"): _gamma_affinity,
        ("InverseGamma", "InverseGamma"): _gamma_affinity,
        ("Dirichlet", "Dirichlet"): _dirichlet_affinity,
        ("Poisson", "Poisson"): _poisson_affinity,
    }
)
"""log of the integral of sqrt(p q), from which the Hellinger distance follows."""

WASSERSTEIN: Mapping[tuple[str, ...], Formula] = MappingProxyType(
    {
        ("Normal", "Normal"): _normal_wasserstein,
        ("Laplace", "Laplace"): _laplace_wasserstein,
        ("Exponential", "Exponential"): lambda lam, lam_q: (abs(1.0 / lam - 1.0 / lam_q),),
        ("Poisson", "Poisson"): lambda mu, mu_q: (abs(mu - mu_q),),
    }
)
"""Integral of |quantile_p(u) - quantile_q(u)| du."""
