"""How far a sampler's draws can be trusted: R-hat, effective sample sizes, Monte Carlo errors, E-BFMI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Fit
from bayescope.inference.function_values import GROUP as FUNCTION_VALUES

type Floats = NDArray[np.float64]

TAILS = (0.05, 0.95)


YARDSTICKS = ("exact", "grid")
"""Methods without Monte Carlo error, the most exact first."""


@dataclass(frozen=True)
class Convergence:
    """Convergence statistics of each parameter, every array of shape (d,); nan where undefined."""

    r_hat: Floats
    ess_bulk: Floats
    ess_tail: Floats
    mcse_mean: Floats
    mcse_sd: Floats


def is_sampled(fit: Fit) -> bool:
    """Tell whether the fit is Markov chain draws, for which convergence is a question.

    Draws from the exact posterior are independent: nothing about them has to converge.
    """
    return fit.answered and fit.tree is not None and fit.draws is not None and fit.method != "exact"


def judged(fit: Fit) -> Fit:
    """Return the fit with what its convergence is judged by as its names and draws.

    These are its unknowns; of a network, whose weights are not identified, its predictions at some rows and
    the other unknowns.
    """
    if fit.tree is None or FUNCTION_VALUES not in fit.tree.children:
        return fit
    values = fit.tree.children[FUNCTION_VALUES].to_dataset()["values"]
    names = tuple(str(name) for name in values.coords["quantity"].to_numpy())
    return replace(fit, names=names, draws=np.asarray(values.to_numpy(), dtype=np.float64))


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


def convergence(draws: Floats) -> Convergence:
    """Compute the convergence statistics of draws of shape (chain, draw, d).

    Rank-normalised split R-hat and bulk ESS, tail ESS as the smaller ESS of the 5 % and the
    95 % quantile, and the Monte Carlo standard errors of mean and sd: Vehtari, Gelman, Simpson,
    Carpenter and Bürkner (2021), Bayesian Analysis 16(2), computed by ArviZ. A parameter whose
    draws are constant or not all finite has nan throughout; so has R-hat with a single chain
    and everything with fewer than four draws in a chain.
    """
    from arviz_stats.base import array_stats

    usable = _usable(draws)

    def each(statistic: Callable[..., Any], **arguments: Any) -> Floats:
        values = np.full(draws.shape[2], np.nan)
        if usable.any():
            with np.errstate(all="ignore"):
                values[usable] = statistic(draws[:, :, usable], chain_axis=0, draw_axis=1, **arguments)
        return values

    return Convergence(
        r_hat=each(array_stats.rhat),
        ess_bulk=each(array_stats.ess, method="bulk"),
        ess_tail=each(array_stats.ess, method="tail", prob=TAILS),
        mcse_mean=each(array_stats.mcse, method="mean"),
        mcse_sd=each(array_stats.mcse, method="sd"),
    )


def _usable(draws: Floats) -> NDArray[np.bool_]:
    """Parameters whose draws are finite and not all the same, shape (d,)."""
    flat = draws.reshape(-1, draws.shape[2])
    if not len(flat):
        return np.zeros(draws.shape[2], dtype=bool)
    return np.asarray(np.isfinite(flat).all(axis=0) & (flat != flat[0]).any(axis=0))


def e_bfmi(energy: Floats) -> Floats:
    """Compute the estimated Bayesian fraction of missing information of each chain, shape (chain,).

    mean (E_n - E_{n-1})^2 / var E, for the energies E of shape (chain, draw): Betancourt (2016),
    "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo", equation 3.
    nan for a chain with constant energy or fewer than two draws.
    """
    if energy.shape[1] < 2:
        return np.full(energy.shape[0], np.nan)
    with np.errstate(all="ignore"):
        steps = np.square(np.diff(energy, axis=1)).mean(axis=1)
        ratio: Floats = steps / energy.var(axis=1, ddof=1)
    return ratio
