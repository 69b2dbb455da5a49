"""Rows of estimates.csv: every parameter as one method sees it."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.convergence import is_sampled
from bayescope.diagnostics.records import Estimate, finite
from bayescope.inference.fit import Fit
from bayescope.sampling.convergence import SUMMARY, convergence

type Floats = NDArray[np.float64]

INTERVAL = (SUMMARY[0], SUMMARY[2])
"""Probabilities of the ends of the central 89 % interval."""


def summarise(fit: Fit) -> tuple[Estimate, ...]:
    """Summarise a fit, one row a parameter; a method without an answer has no rows.

    Posterior methods: mean, sd, median, mode and central 89 % interval. Point methods: the
    point, its standard error and the 89 % Wald interval (estimate -+ 1.598 standard errors).
    Draws of a sampler add effective sample sizes, R-hat and the Monte Carlo errors of mean and quantiles.
    What is undefined is None, never nan.
    """
    if fit.estimate is None:
        return ()
    columns = {"estimate": fit.estimate} | _spread(fit, fit.estimate) | _convergence(fit)
    return tuple(
        Estimate(
            parameter=name,
            method=fit.name,
            **{column: finite(values[j]) for column, values in columns.items()},
        )
        for j, name in enumerate(fit.names)
    )


def standard_deviations(fit: Fit) -> Floats:
    """Return the sd (standard error) of each parameter, shape (d,); nan where undefined."""
    return np.full(len(fit.names), np.nan) if fit.sd is None else fit.sd


def quantiles(fit: Fit, probabilities: Floats) -> Floats:
    """Return quantiles of a posterior fit's marginals, shape (d, len(probabilities)); nan if it has none.

    Taken from `marginals` where the method gives them, else from the draws.
    """
    if fit.marginals is not None:
        return np.array([fit.marginals[name].quantile(probabilities) for name in fit.names])
    if fit.draws is not None and fit.draws.size:
        flat = fit.draws.reshape(-1, fit.draws.shape[2])
        return np.asarray(np.quantile(flat, probabilities, axis=0).T, dtype=np.float64)
    return np.full((len(fit.names), len(probabilities)), np.nan)


def _spread(fit: Fit, estimate: Floats) -> dict[str, Floats]:
    sd = standard_deviations(fit)
    if fit.kind == "point":
        half = NormalDist().inv_cdf(INTERVAL[1]) * sd
        return {"sd": sd, "lower": estimate - half, "upper": estimate + half}
    lower, median, upper = quantiles(fit, np.array(SUMMARY)).T
    return {"sd": sd, "lower": lower, "median": median, "upper": upper, "mode": _modes(fit)}


def _modes(fit: Fit) -> Floats:
    if fit.marginals is None:
        return np.full(len(fit.names), np.nan)
    return np.array([fit.marginals[name].mode for name in fit.names], dtype=np.float64)


def _convergence(fit: Fit) -> dict[str, Floats]:
    if not is_sampled(fit) or fit.draws is None:
        return {}
    found = convergence(fit.draws)
    columns = {name: getattr(found, name) for name in ("ess_bulk", "ess_tail", "r_hat", "mcse_mean")}
    errors = zip(("mcse_lower", "mcse_median", "mcse_upper"), found.mcse_quantiles.T, strict=True)
    return columns | dict(errors)
