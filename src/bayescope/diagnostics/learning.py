"""What the data taught: how far each posterior is from its prior, KL(posterior || prior) in bits.

One bit is what a fair yes/no question about the parameter would have told (Lindley 1956, Ann. Math.
Statist. 27(4), 986-1005). A flat prior has no distribution to be far from, and no number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope import information
from bayescope.diagnostics.convergence import is_monte_carlo
from bayescope.diagnostics.records import Learned
from bayescope.distributions.distributions import DISTRIBUTIONS, Distribution
from bayescope.inference.fit import Fit, Marginal
from bayescope.inference.statements import probability_positive
from bayescope.models.density import marginal_priors
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

NODES = 4001
_TAIL = 1e-10


def learned(model: Model, fit: Fit) -> tuple[Learned, ...]:
    """Tell what the data taught about each unknown, by a posterior method's answer; empty for a point.

    KL(posterior || prior) in bits for a proper prior: a density is integrated by the trapezoidal
    rule between their 1e-10 quantiles, at two resolutions; draws are measured by their nearest neighbours
    (`information.kl`). For a slope also P(slope > 0).
    """
    if fit.marginals is None or fit.draws is None:
        return ()
    slopes = set(model.location.columns) - {"Intercept"} if model.formula is not None else set()
    return tuple(
        Learned(
            parameter=name,
            method=fit.name,
            **_bits(fit, index, prior),
            **(_sign(fit, name) if name in slopes else {}),
        )
        for index, (name, prior) in enumerate(zip(fit.names, marginal_priors(model), strict=True))
    )


def _sign(fit: Fit, name: str) -> dict[str, float]:
    above = probability_positive(fit, name)
    return {"positive": above.value, "positive_error": above.error}


def _bits(fit: Fit, index: int, prior: tuple[str, dict[str, float]]) -> dict[str, float]:
    family, values = DISTRIBUTIONS[prior[0]], tuple(prior[1].values())
    if not family.proper or fit.marginals is None or fit.draws is None:
        return {}
    if is_monte_carlo(fit):
        posterior = information.draws(fit.draws[:, :, index].ravel())
        found = information.kl(posterior, information.density(family.name, *values), base=2)
        bits, error = found.value, found.error
    else:
        bits, error = _divergence(fit.marginals[fit.names[index]], family, values)
    return {"bits": bits, "bits_error": error} if np.isfinite([bits, error]).all() else {}


def _divergence(
    posterior: Marginal, prior: Distribution, arguments: tuple[float, ...]
) -> tuple[float, float]:
    ends = posterior.quantile(np.array([_TAIL, 1.0 - _TAIL]))
    x = np.linspace(float(ends[0]), float(ends[1]), NODES)
    density = posterior.pdf(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(density > 0, density * (np.log(density) - prior.log_density(x, *arguments)), 0.0)
    fine, coarse = (float(np.trapezoid(terms[::step], x[::step])) / np.log(2.0) for step in (1, 2))
    return fine, abs(fine - coarse)
