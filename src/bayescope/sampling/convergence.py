"""How far draws of Markov chains can be trusted: R-hat, effective sizes, Monte Carlo errors, E-BFMI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

TAILS = (0.05, 0.95)
SUMMARY = (0.055, 0.5, 0.945)
"""Probabilities of the quantiles that summaries show: the ends of the central 89 % interval, the median."""


@dataclass(frozen=True)
class Convergence:
    """Convergence statistics of each parameter, nan where undefined: every array of shape (d,).

    `mcse_quantiles` has shape (d, 3): the errors of the quantiles at the probabilities `SUMMARY`.
    """

    r_hat: Floats
    ess_bulk: Floats
    ess_tail: Floats
    mcse_mean: Floats
    mcse_sd: Floats
    mcse_quantiles: Floats


def convergence(draws: Floats) -> Convergence:
    """Compute the convergence statistics of draws of shape (chain, draw, d).

    Rank-normalised split R-hat and bulk ESS, tail ESS as the smaller ESS of the 5 % and the
    95 % quantile, and the Monte Carlo standard errors of mean, sd and quantiles: Vehtari, Gelman,
    Simpson, Carpenter and Bürkner (2021), Bayesian Analysis 16(2), computed by ArviZ. A parameter
    whose draws are constant or not all finite has nan throughout; so has R-hat with a single chain
    and everything with fewer than four draws in a chain.
    """
    from arviz_stats.base import array_stats

    usable, unit = _usable(draws), _units(draws)

    def each(statistic: Callable[..., Any], **arguments: Any) -> Floats:
        values = np.full(draws.shape[2], np.nan)
        if usable.any():
            with np.errstate(all="ignore"):
                scaled = draws[:, :, usable] / unit[usable]
                values[usable] = statistic(scaled, chain_axis=0, draw_axis=1, **arguments)
        return values

    return Convergence(
        r_hat=each(array_stats.rhat),
        ess_bulk=each(array_stats.ess, method="bulk"),
        ess_tail=each(array_stats.ess, method="tail", prob=TAILS),
        mcse_mean=unit * each(array_stats.mcse, method="mean"),
        mcse_sd=unit * each(array_stats.mcse, method="sd"),
        mcse_quantiles=np.column_stack(
            [unit * each(array_stats.mcse, method="quantile", prob=prob) for prob in SUMMARY]
        ),
    )


def _units(draws: Floats) -> Floats:
    """Powers of two as large as the draws, shape (d,): fourth powers of draws in these units are numbers."""
    largest = np.abs(draws).max(axis=(0, 1), initial=0.0)
    _, exponent = np.frexp(np.where(np.isfinite(largest) & (largest > 0), largest, 1.0))
    return np.asarray(np.ldexp(1.0, exponent), dtype=np.float64)


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
