"""Default priors: weakly informative, scaled to the data, documented in docs/yaml-reference.md.

With m and s the mean and standard deviation of the response on the scale of the linear predictor eta, and
s_j, m_j those and the mean of column j of the design matrix:

    slope j      Normal(0, 2.5 s / s_j)
    Intercept    Normal(m, sqrt((2.5 s)^2 + sum_j (2.5 s / s_j * m_j)^2)),  m the mean response
    mu           Normal(m, 2.5 s)
    sigma        Exponential(1 / s)
    p            Beta(1, 1)
    a parameter that is a mean, a rate or a shape    Exponential(1 / m), Exponential(m), Exponential(1)

Under a logit, probit or cloglog link m = 0 and s = 1; under log and inverse m = g(mean of y) and
s = |g'(mean of y)| |mean of y|, the change in eta that a change of the mean by itself makes (1 under log, so
that a slope is on the scale of ratios): a count or an amount has a unit, and its logarithm a level, where
a probability has none. An offset is subtracted from m.

The formula of a further parameter (sigma, with a log link) has s = 1 and m = g(the size that the parameter is
likely to have from the data: for sigma the sd of the response). The effects of groups on column w_k are
Normal(0, sd_k), with sd_k ~ HalfNormal(2.5 s / s_k), s_k being the sd of w_k (1 for an intercept), and LKJ(2)
correlations.

The slopes and sigma follow rstanarm (Goodrich et al.), the Intercept, which stands at x = 0
rather than at the mean of x, follows Bambi (Capretto et al. 2022, J. Stat. Softw. 103(15)), as do the
HalfCauchy(1) of shapes and the Beta(2, 2) of psi; the Gamma(2, 0.1) of nu is that of Juarez and Steel
(2010, J. Bus. Econ. Stat. 28(1)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.likelihoods import HeadParameter
from bayescope.distributions.links import LINKS
from bayescope.distributions.supports import POSITIVE, REAL, UNIT
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


def response_scale(
    response: Response,
    link: str,
    seen: Callable[[Floats], Floats] = lambda y: y,
    offset: Floats | float | None = None,
) -> tuple[float, float]:
    """Location and scale of the linear predictor that the response suggests.

    `seen` puts the response on the scale of its location (the logarithm, for LogNormal); `offset`, shape
    (n,), is what is added to the linear predictor whatever the coefficients are.
    """
    if link in ("logit", "probit", "cloglog"):
        return 0.0, 1.0
    known = _mean_offset(offset, response)
    mean, sd = (float(moment) for moment in moments(seen(response.values), response.weights))
    if link == "identity":
        return mean - known, sd
    if mean == 0 or (link == "log" and mean < 0):  # no count at all, or a Normal around a negative mean
        return -known, 1.0
    size = float(np.abs(np.multiply(mean, 1.0 / LINKS[link].slope(LINKS[link].apply(mean)))))
    return float(LINKS[link].apply(mean)) - known, size


def link_scale(
    parameter: HeadParameter,
    response: Response,
    link: str,
    seen: Callable[[Floats], Floats],
    offset: Floats | float | None = None,
) -> tuple[float, float]:
    """Location and scale of the linear predictor of a parameter that is not the location: (g(its size), 1).

    The links of such parameters are logarithms and logits, on which 1 is a large step whatever the units.
    """
    size = parameter.scale(*response_scale(response, "identity", seen))
    known = _mean_offset(offset, response)
    with np.errstate(all="ignore"):
        location = float(LINKS[link].apply(size))
    return (location if np.isfinite(location) else 0.0) - known, 1.0


def _mean_offset(offset: Floats | float | None, response: Response) -> float:
    known = 0.0 if offset is None else offset
    return float(np.average(np.broadcast_to(known, len(response.values)), weights=response.weights))


def slope_priors(matrix: Floats, weights: Floats | None, scale: float) -> list[Prior]:
    """Normal(0, 2.5 s / s_j) for each column of `matrix`, shape (n, k)."""
    _, sds = moments(matrix, weights)
    return [normal_prior(0.0, AUTOSCALE * scale / sd) for sd in sds]


def intercept_prior(slopes: Floats, weights: Floats | None, location: float, scale: float) -> Prior:
    """Normal prior of the Intercept, wide enough for columns that are far from zero."""
    means, sds = moments(slopes, weights)
    return normal_prior(
        location, AUTOSCALE * scale * float(np.hypot(1.0, np.sqrt(np.sum((means / sds) ** 2))))
    )


def spread_prior(scale: float) -> Prior:
    """HalfNormal(2.5 s): the default of the sd of effects between groups, on the scale of eta."""
    return Prior("HalfNormal", {"sigma": _round(AUTOSCALE * scale)})


def parameter_prior(parameter: HeadParameter, location: float, scale: float) -> Prior:
    """The default of a parameter that is the same in every row, from the mean and sd of the response."""
    if parameter.prior is not None:
        return Prior(*parameter.prior)
    by_support = {
        REAL: normal_prior(location, AUTOSCALE * scale),
        POSITIVE: Prior("Exponential", {"lam": _round(1.0 / (parameter.scale(location, scale) or 1.0))}),
        UNIT: Prior("Beta", {"alpha": 1.0, "beta": 1.0}),
    }
    return by_support[parameter.support]


def stack(priors: Sequence[Prior]) -> Prior:
    """One prior with vector arguments from one prior for each element, all of one distribution."""
    first = priors[0]
    if all(prior == first for prior in priors):
        return first
    arguments = {name: tuple(float(p.arguments[name]) for p in priors) for name in first.arguments}  # type: ignore[arg-type]
    return Prior(first.distribution, arguments)


def normal_prior(mu: float, sigma: float) -> Prior:
    """Normal(mu, sigma), rounded to what matters: mu to 1 % of sigma or better, sigma to four digits."""
    return Prior("Normal", {"mu": _round(mu, to=sigma), "sigma": _round(sigma)})


def _round(value: float, to: float = math.inf) -> float:
    # what the report prints is what was used
    digits = 4
    if value and math.isfinite(value) and 0 < to < abs(value):
        digits = max(digits, 3 + math.floor(math.log10(abs(value))) - math.floor(math.log10(to)))
    return float(f"{value:.{digits}g}")
