"""Default priors: weakly informative, scaled to the data, documented in docs/yaml-reference.md.

With s the standard deviation of the response (1 for a probability on the logit scale) and
s_j, m_j those and the mean of column j of the design matrix:

    slope j      Normal(0, 2.5 s / s_j)
    Intercept    Normal(m, sqrt((2.5 s)^2 + sum_j (2.5 s / s_j * m_j)^2)),  m the mean response
    mu           Normal(m, 2.5 s)
    sigma        Exponential(1 / s)
    p            Beta(1, 1)
    a parameter that is a mean, a rate or a shape    Exponential(1 / m), Exponential(m), Exponential(1)

The slopes and sigma follow rstanarm (Goodrich et al.), the Intercept, which stands at x = 0
rather than at the mean of x, follows Bambi (Capretto et al. 2022, J. Stat. Softw. 103(15)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.supports import POSITIVE, REAL, UNIT, Support
from bayescope.models.model import Prior, Response

type Floats = NDArray[np.float64]

AUTOSCALE = 2.5


def moments(values: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """Mean and sd along the first axis, rows weighted; a constant column has sd 1 (nothing to scale by)."""
    shares = np.full(len(values), 1.0 / len(values)) if weights is None else weights / weights.sum()
    largest = np.abs(values).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # the squares of what is left neither overflow nor vanish
    scaled = values / unit
    mean = shares @ scaled
    sd = np.sqrt(shares @ (scaled - mean) ** 2)
    return unit * mean, np.where(sd > 1e-12, unit * sd, 1.0)


def response_scale(response: Response, link: str) -> tuple[float, float]:
    """Location and scale of the linear predictor that the response suggests."""
    if link != "identity":
        return 0.0, 1.0
    mean, sd = moments(response.values, response.weights)
    return float(mean), float(sd)


def slope_priors(matrix: Floats, weights: Floats | None, scale: float) -> list[Prior]:
    """Normal(0, 2.5 s / s_j) for each column of `matrix`, shape (n, k)."""
    _, sds = moments(matrix, weights)
    return [_normal(0.0, AUTOSCALE * scale / sd) for sd in sds]


def intercept_prior(slopes: Floats, weights: Floats | None, location: float, scale: float) -> Prior:
    """Normal prior of the Intercept, wide enough for columns that are far from zero."""
    means, sds = moments(slopes, weights)
    return _normal(location, AUTOSCALE * scale * float(np.hypot(1.0, np.sqrt(np.sum((means / sds) ** 2)))))


def parameter_prior(support: Support, location: float, scale: float) -> Prior:
    """The default of a parameter that is the same in every row, by its support."""
    by_support = {
        REAL: _normal(location, AUTOSCALE * scale),
        POSITIVE: Prior("Exponential", {"lam": _round(1.0 / scale)}),
        UNIT: Prior("Beta", {"alpha": 1.0, "beta": 1.0}),
    }
    return by_support[support]


def stack(priors: Sequence[Prior]) -> Prior:
    """One prior with vector arguments from one prior for each element, all of one distribution."""
    first = priors[0]
    if all(prior == first for prior in priors):
        return first
    arguments = {name: tuple(float(p.arguments[name]) for p in priors) for name in first.arguments}  # type: ignore[arg-type]
    return Prior(first.distribution, arguments)


def _normal(mu: float, sigma: float) -> Prior:
    return Prior("Normal", {"mu": _round(mu), "sigma": _round(sigma)})


def _round(value: float) -> float:
    """Four significant digits: what the report prints is what was used."""
    return float(f"{value:.4g}")
