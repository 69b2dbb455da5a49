"""Normal likelihoods with an unknown sigma whose posterior is improper, recognised before a method chases it.

Take n rows (each as often as it occurs), f coefficients with flat priors, the rest Normal(m, s), or
Normal(m, k sigma), which is one more row (1 / k) beta = m / k of the least-squares problem: n' rows of
rank r', with residual sum of squares S. With the coefficients integrated out,

    p(y | sigma)  ~  sigma^-(n - f)     for sigma -> inf
    p(y | sigma)  ~  sigma^-(n' - r') exp(-S / (2 sigma^2))     for sigma -> 0

A proper prior of sigma has a finite integral of the first, a flat one only for n - f large enough: with
p(v) ~ v^(-a - 1) of v = sigma^2 (a = -1/2 flat in sigma, -1 in v, 1 in 1 / v) exactly if
a + (n - f) / 2 > 0. The second matters where S = 0: p(sigma) must then vanish fast enough itself.
Source: Gelman et al., Bayesian Data Analysis (3rd ed.), section 14.2; O'Hagan and Forster, Kendall's
Advanced Theory of Statistics 2B (2nd ed., 2004), chapter 11.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from bayescope.config.counts import counted
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.links import LINKS
from bayescope.errors import FitError
from bayescope.inference.linear_gaussian import Compressed, compress, with_rows
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.perfect_fit import refuse_improper_fit
from bayescope.inference.point_problem import PointProblem
from bayescope.models.marginal_priors import variance_prior
from bayescope.models.model import Model, Predictor
from bayescope.models.prior_density import element_priors, only_prior
from bayescope.models.scales import scales_with

type Floats = NDArray[np.float64]

_FLAT = ("Flat", "HalfFlat")
_SLACK = 1e-6
_NORMAL = ("Normal", "LogNormal")


def refuse_improper_spread(problem: PointProblem) -> None:
    """Refuse an unknown spread whose posterior is improper, at infinity or at 0. Raises FitError."""
    sigma = unknown_sigma(problem.model)
    if sigma is None:
        refuse_improper_fit(problem.model)
        return
    refuse_flat_sigma(problem.model, problem.model.response.observations)
    data = least_squares(problem)
    rank = int(np.linalg.matrix_rank(data.factor)) if data.factor.size else 0
    power = data.observations - rank
    if not data.residual > 0 and unbounded_near_zero(problem.model, sigma, power, integral=True):
        refuse_perfect_fit(problem.model, sigma)


def unknown_sigma(model: Model) -> Predictor | None:
    """Return the predictor of an unknown sigma that is the same in every row of a Normal regression.

    LogNormal is Normal of log y, and improper where that is.
    """
    location = model.location
    if model.likelihood.name not in _NORMAL or location.link != "identity" or location.network is not None:
        return None
    sigma = next(p for p in model.predictors if p.parameter == "sigma")
    return sigma if sigma.matrix is None and len(sigma.index) == 1 else None


def refuse_flat_sigma(model: Model, rows: float) -> None:
    """Refuse a flat sigma, variance or precision with too few of `rows` rows for it. Raises FitError."""
    sigma, spread = unknown_sigma(model), variance_prior(model, "sigma")
    if sigma is None or spread is None or only_prior(model, sigma)[0] != "HalfFlat":
        return
    priors = element_priors(model)
    coefficients = [priors[index][0] for index in model.location.index]
    flat = sum(name in _FLAT for name in coefficients)
    if spread[0] + (rows - flat) / 2 > 0:
        return
    kind = "" if flat == len(coefficients) else "flat "
    given = [counted(flat, f"{kind}coefficient")] if flat else []
    weighted = model.response.weights_name is not None  # equal rows are one by now: their number says nothing
    size = f"rows whose weights sum to {rows:.6g}" if weighted else counted(rows, "row")
    name = model.names[sigma.index[0]]
    more = "more rows, or weights that say how often each occurred" if weighted else "more rows"
    raise FitError(
        f"{', '.join([size, *given])} and a flat {name}: the posterior is improper.",
        f"Give {name} or the coefficients proper priors, or use {more}.",
    )


def least_squares(problem: PointProblem) -> Compressed:
    """Compress the data and the priors Normal(m, k sigma), which are rows of the same problem."""
    return with_rows(data_of(problem), *prior_rows(problem.model))


def data_of(problem: PointProblem) -> Compressed:
    """Compress the rows of a Normal regression, under whatever name it has its sigma."""
    if problem.normal is not None:
        return problem.normal.data
    mu, response = problem.model.location, problem.model.response
    values = problem.model.likelihood.seen(response.values)
    return compress(design_matrix(problem.model, mu), values, response.weights, mu.offset)


def prior_rows(model: Model) -> tuple[Floats, Floats]:
    """Return the priors Normal(m, k sigma) of coefficients as rows [e_j / k] and targets m / k.

    Shapes (c, d) and (c,), d the number of coefficients.
    """
    elements = element_priors(model)
    priors = [elements[index] for index in model.location.index]
    scaled = [
        j
        for j, (name, arguments) in enumerate(priors)
        if name == "Normal" and scales_with(arguments, "sigma")
    ]
    factors = np.array([priors[j][1]["sigma"].factor for j in scaled])
    centers = np.array([priors[j][1]["mu"] for j in scaled])
    rows = np.zeros((len(scaled), len(priors)))
    rows[np.arange(len(scaled)), scaled] = 1 / factors
    return rows, centers / factors


def unbounded_near_zero(model: Model, sigma: Predictor, power: float, *, integral: bool) -> bool:
    """Tell whether p(sigma) sigma^-power does not stay bounded as sigma -> 0.

    p is the density of the parameter under its own name (sigma, variance or tau); with `integral`, of
    sigma, and what is asked is whether its integral diverges at 0.
    """
    name, arguments = only_prior(model, sigma)
    distribution, link = DISTRIBUTIONS[name], LINKS[sigma.link]
    small = np.array([1e-100, 1e-50])
    values = [arguments[argument.name] for argument in distribution.arguments]
    with np.errstate(all="ignore"):
        heights = distribution.log_density(link.apply(small), *values) - power * np.log(small)
        if integral:  # the density of log sigma must vanish
            heights += np.log(small) - np.log(np.abs(link.slope(link.apply(small))))
            return not (heights[0] == -np.inf or heights[1] > heights[0] + _SLACK)
    return bool(heights[0] > heights[1])


def refuse_perfect_fit(model: Model, sigma: Predictor) -> NoReturn:
    """Raise the FitError of a residual sum of squares of zero and a prior of sigma that is open at 0."""
    name = model.names[sigma.index[0]]
    prior = next(block.prior for block in model.blocks if block.start <= sigma.index[0] < block.stop)
    raise FitError(
        f"The mean fits the data perfectly, and the prior {prior} of {name} does not keep sigma away "
        "from 0: the posterior is improper.",
        "Fix sigma, or give it a prior that vanishes at 0, such as InverseGamma(3, 1).",
    )
