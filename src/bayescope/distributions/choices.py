"""Priors of special unknowns, beside those of the table: a choice, correlations, the horseshoe.

    p(theta) = prod over k of p_k^theta_k        theta one-hot: theta_k = 1 for the chosen one
    p(R)     ~ det(R)^(eta - 1)                  LKJ(eta) of a correlation matrix R

One correlation, of two effects, then has (rho + 1) / 2 ~ Beta(eta, eta), and one of those of k effects
LKJ(eta + k / 2 - 1) on its own (Lewandowski, Kurowicka and Joe 2009, J. Multivariate Analysis 100).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS, Argument, Distribution
from bayescope.distributions.supports import ONE_HOT, POSITIVE, REAL, SIMPLEX, Support

type Floats = NDArray[np.float64]

_BETA = DISTRIBUTIONS["Beta"]


def _log_mass(x: Any, p: Any) -> Floats:
    with np.errstate(divide="ignore"):
        value = np.sum(scipy.special.xlogy(x, p), axis=-1)
    return np.where(ONE_HOT.violations(x), -np.inf, value)


def _refuse(*_: Any) -> NoReturn:
    raise ValueError("a choice between hypotheses has no derivatives, cdf or quantiles")


CHOICE = Distribution(
    "Categorical", (Argument("p", SIMPLEX, vector=True),), lambda _: ONE_HOT, _log_mass, *(_refuse,) * 4
)

CORRELATION = Support(lower=-1.0, upper=1.0, open_ends=True)


def _half(x: Any) -> Floats:
    return np.asarray((np.asarray(x, dtype=np.float64) + 1.0) / 2.0)


def _lkj_log_density(x: Any, eta: Any) -> Floats:
    return np.asarray(_BETA.log_density(_half(x), eta, eta) - math.log(2.0))


LKJ = Distribution(
    "LKJ",
    (Argument("eta", POSITIVE),),
    lambda _: CORRELATION,
    _lkj_log_density,
    lambda x, eta: _BETA.slope(_half(x), eta, eta) / 2.0,
    lambda x, eta: _BETA.curvature(_half(x), eta, eta) / 4.0,
    lambda x, eta: _BETA.cdf(_half(x), eta, eta),
    lambda p, eta: 2.0 * _BETA.quantile(p, eta, eta) - 1.0,
)


def lkj_log_density(diagonal: Floats, eta: float) -> Floats:
    """Compute log p(R), nats, of R = L L' ~ LKJ(eta) from the diagonal of L, shape (..., k); result (...).

    p(R) = det(R)^(eta - 1) / c with c the product over i = 1, ..., k - 1 of
    pi^(i / 2) Gamma(eta + (k - 1 - i) / 2) / Gamma(eta + (k - 1) / 2), as in Stan.
    """
    size = diagonal.shape[-1]
    i = np.arange(1, size)
    gammaln = scipy.special.gammaln
    pieces = i / 2 * math.log(math.pi) + gammaln(eta + (size - 1 - i) / 2) - gammaln(eta + (size - 1) / 2)
    return np.asarray(2.0 * (eta - 1.0) * np.log(diagonal).sum(axis=-1) - pieces.sum())


def lkj_marginal(eta: float, pairs: int) -> float:
    """Return the eta of one of k (k - 1) / 2 = `pairs` correlations on its own: eta + k / 2 - 1."""
    size = (1 + math.isqrt(1 + 8 * pairs)) / 2
    return eta + size / 2 - 1


def _refuse_marginal(*_: Any) -> NoReturn:
    raise ValueError("the regularised horseshoe has no density in closed form")


HORSESHOE = Distribution(
    "RegularizedHorseshoe",
    (
        Argument("global_scale", POSITIVE),
        Argument("slab_scale", POSITIVE, 2.0),
        Argument("slab_df", POSITIVE, 4.0),
    ),
    lambda _: REAL,
    *(_refuse_marginal,) * 5,
    closed=False,
)
"""Coefficients of which a few are far from 0; see `bayescope.models.graph_horseshoe`."""

WRITTEN: Mapping[str, Distribution] = MappingProxyType(
    {**DISTRIBUTIONS, LKJ.name: LKJ, HORSESHOE.name: HORSESHOE}
)
"""Every distribution that a configuration may write as a prior."""

PRIORS: Mapping[str, Distribution] = MappingProxyType({**WRITTEN, CHOICE.name: CHOICE})
"""Every distribution that a block of a model may have as its prior."""
