"""Which answers have a Monte Carlo error, and how large it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Fit
from bayescope.sampling.convergence import convergence

type Floats = NDArray[np.float64]

YARDSTICKS = ("exact", "grid")
"""Methods without Monte Carlo error, the most exact first."""


def is_sampled(fit: Fit) -> bool:
    """Tell whether the fit is Markov chain draws, for which convergence is a question.

    Draws from the exact posterior are independent: nothing about them has to converge.
    """
    return fit.answered and fit.tree is not None and fit.draws is not None and fit.method != "exact"


def is_monte_carlo(fit: Fit) -> bool:
    """Tell whether the answer has a Monte Carlo error that is known: Markov chains, importance weights."""
    return is_sampled(fit) or (fit.answered and "mcse_mean" in fit.details)


def monte_carlo_errors(fit: Fit) -> tuple[Floats, Floats]:
    """Return the Monte Carlo errors of means and sds, each (d,): 0 for yardsticks, nan for the rest."""
    if is_sampled(fit) and fit.draws is not None:
        found = convergence(fit.draws)
        return found.mcse_mean, found.mcse_sd
    if is_monte_carlo(fit):
        mean, sd = (
            np.array([fit.details[key][name] for name in fit.names]) for key in ("mcse_mean", "mcse_sd")
        )
        return mean, sd
    nothing = np.full(len(fit.names), 0.0 if fit.method in YARDSTICKS else np.nan)
    return nothing, nothing
