"""`importance`: draws from the Laplace approximation, weighted to be draws from the posterior.

    z_i ~ StudentT_nu(z*, H^-1),   w_i = p(y, z_i) / StudentT_nu(z_i; z*, H^-1),   p(y) ~ 1/S sum_i w_i

z* and H^-1 are mode and covariance of the Laplace approximation. A posterior has heavier tails than
a Normal as soon as sigma is unknown, and the weights of Normal draws then have no finite variance;
Student-t tails keep them bounded (Geweke 1989, Econometrica 57). Draws come in pairs mirrored at z*
(Hammersley and Morton 1956, Math. Proc. Camb. Phil. Soc. 52), whose errors cancel in the means as far as
the posterior is symmetric. The weights are Pareto-smoothed, and the shape k of their tail tells whether
the answer can be trusted (Vehtari et al. 2024, JMLR 25(72)). Means, covariances and the evidence use all
weighted draws; `draws` are resampled from them, of equal weight.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference import normal_approximation
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.laplace import describe
from bayescope.inference.log_densities import rows_of
from bayescope.inference.marginals import Draws
from bayescope.inference.method import Context, Method
from bayescope.inference.network_refusals import refuse_network
from bayescope.inference.no_evidence import evidence_note
from bayescope.inference.normal_approximation import NormalApproximation, approximate
from bayescope.inference.rounding import refuse_rounding
from bayescope.inference.settings import ImportanceSettings
from bayescope.models.model import Model
from bayescope.sampling.importance import (
    ImportanceWeights,
    importance_weights,
    pareto_k_limit,
    resample,
)
from bayescope.sampling.pareto import tail_shapes

type Floats = NDArray[np.float64]

_ADVICE = "Use nuts."
_LEAST_ESS = 10  # below it not even the sd is known
# The default number of proposals: the more rows, the more Normal the posterior, and the more each costs.
_MOST, _FEWEST, _ROW_DENSITIES = 10_000, 2_000, 200_000_000


def fit(model: Model, settings: ImportanceSettings, context: Context) -> Fit:
    """Estimate posterior moments and the evidence; shape (d,) mean, (d, d) covariance.

    Raises:
        NotApplicable: every parameter is fixed, one is a vector of probabilities, or the mode sits on the
            kink of a Laplace prior.
        FitError: the posterior is improper or has no mode, or no draw lies where it is positive.
    """
    refuse(model)
    found = approximate(model, settings, context)
    refuse_rounding(found.rounding)
    size = _proposals(found, settings)
    context.report_progress(f"weighting {size} draws from the Laplace approximation")
    rng = np.random.default_rng(context.seed)
    theta, log_ratios = _propose(found, size, settings.degrees_of_freedom, rng)
    try:
        weights = importance_weights(log_ratios, r_eff=0.5)
    except ValueError as reason:
        raise FitError(
            f"the draws from the Laplace approximation cannot be weighted: {reason}", _ADVICE
        ) from None
    if weights.ess < _LEAST_ESS:
        raise FitError(
            f"the {size} draws from the Laplace approximation are worth {weights.ess:.1f}.",
            _ADVICE,
        )
    positions = resample(weights, settings.chains * settings.draws, rng)
    draws = theta[positions].reshape(settings.chains, settings.draws, -1)
    mean, mean_error = _mean(theta, weights)
    covariance, sd_error = _covariance(theta - mean, weights)
    tails = _tails(theta - mean, log_ratios)
    # mirrored at a mode that is known to so many sds, the mean is no better known
    mean_error = np.hypot(mean_error, settings.tolerance * np.sqrt(np.diag(covariance)))
    noted = evidence_note(model)
    return Fit(
        name="importance",
        method="importance",
        kind="posterior",
        names=model.names,
        outcome=_outcome(found, weights, tails),
        estimate=mean,
        covariance=covariance,
        marginals={name: Draws(draws[:, :, j]) for j, name in enumerate(model.names)},
        draws=draws,
        log_evidence=None if noted else weights.log_constant,
        details={
            **describe(found),
            **quality(weights, float(tails.max())),
            "distinct_draws": len(np.unique(positions)),
            "mcse_mean": dict(zip(model.names, mean_error.tolist(), strict=True)),
            "mcse_sd": dict(zip(model.names, sd_error.tolist(), strict=True)),
            **(noted or {"log_evidence_mcse": _evidence_error(weights)}),
        },
    )


def refuse(model: Model) -> None:
    """Refuse models whose posterior no Normal is close to. Raises NotApplicable."""
    refuse_network(model, "importance")
    normal_approximation.refuse(model)


def _proposals(found: NormalApproximation, settings: ImportanceSettings) -> int:
    """The number of proposals, an even one: they come in pairs."""
    affordable = _ROW_DENSITIES // max(rows_of(found.problem), 1)
    size = settings.proposals or min(max(affordable, _FEWEST), _MOST)
    return size + size % 2


def _propose(
    found: NormalApproximation, size: int, nu: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw from the proposal: theta, shape (S, d), and log p(y, z) - log q(z), shape (S,).

    The second half are the first mirrored at the mode.
    """
    half, d = size // 2, len(found.mode)
    t = rng.standard_normal((half, d)) / np.sqrt(rng.chisquare(nu, (half, 1)) / nu)
    theta = found.transform.inverse(found.mode + np.concatenate([t, -t]) @ found.factor.T)
    gammas = scipy.special.gammaln(0.5 * (nu + d)) - scipy.special.gammaln(0.5 * nu)
    log_q = gammas - 0.5 * d * math.log(nu * math.pi) - float(np.sum(np.log(np.diag(found.factor))))
    log_q = np.tile(log_q - 0.5 * (nu + d) * np.log1p(np.einsum("sj,sj->s", t, t) / nu), 2)
    return theta, found.mirrored_log_density(t) - log_q


def _mean(theta: Floats, weights: ImportanceWeights) -> tuple[Floats, Floats]:
    """Weighted mean and its Monte Carlo standard error, shape (d,) each."""
    mean = np.asarray(weights.weights @ theta)
    return mean, _error(theta - mean, weights)


def _covariance(deviation: Floats, weights: ImportanceWeights) -> tuple[Floats, Floats]:
    """Weighted covariance, shape (d, d), and the Monte Carlo standard errors of the sds, shape (d,).

    It is divided by 1 - 1 / ESS, as a sample's is by 1 - 1 / S.
    """
    largest = np.abs(deviation).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    scaled = deviation / unit  # fourth powers of it are numbers whatever the units
    covariance = (weights.weights[:, np.newaxis] * scaled).T @ scaled / (1 - 1 / weights.ess)
    squares = np.square(scaled)
    error = _error(squares - weights.weights @ squares, weights) / (2 * np.sqrt(np.diag(covariance)))
    return covariance * np.outer(unit, unit), error * unit


def _tails(deviation: Floats, log_ratios: Floats) -> Floats:
    """Pareto k of w (theta_j - mean_j)^2, whose mean is the variance, shape (d,), from deviations (S, d).

    The weights may be bounded, and the variance yet carried by a few draws far out, or by none so far.
    """
    with np.errstate(divide="ignore"):
        return tail_shapes(log_ratios + 2.0 * np.log(np.abs(deviation.T)), r_eff=0.5)


def _error(deviation: Floats, weights: ImportanceWeights) -> Floats:
    """Monte Carlo standard error of a weighted mean, from the deviations from it, shape (S, ...).

    It is sqrt(sum over pairs of (W_i f_i + W_j f_j)^2): only pairs are independent of each other.
    """
    parts = (weights.weights * deviation.T).T
    first, mirrored = np.split(parts, 2)
    return np.asarray(np.sqrt(np.square(first + mirrored).sum(axis=0)))


def _evidence_error(weights: ImportanceWeights) -> float:
    """Monte Carlo standard error of log p(y), the relative error of p(y), from the independent pairs."""
    first, mirrored = np.split(weights.weights, 2)
    return float(np.sqrt(np.square(first + mirrored - 1 / len(first)).sum()))


def quality(weights: ImportanceWeights, tails: float = -math.inf) -> dict[str, Any]:
    """ESS and Pareto k, JSON-able: a k that is not finite is None, with a note.

    `tails` is the largest k of what the weights average, if that is known: the larger counts.
    """
    size, k = len(weights.log_weights), max(weights.pareto_k, tails)
    note = {
        math.inf: {"pareto_k_note": "too few weights are above zero to fit their tail"},
        -math.inf: {"pareto_k_note": "the largest weights are equal: they have no tail"},
    }
    return {
        "proposals": size,
        "ess": weights.ess,
        "pareto_k": k if math.isfinite(k) else None,
        "pareto_k_limit": pareto_k_limit(size),
        **note.get(k, {}),
    }


def _outcome(found: NormalApproximation, weights: ImportanceWeights, tails: Floats) -> Outcome:
    names = np.array(found.problem.model.names)
    size, limit = len(weights.log_weights), pareto_k_limit(len(weights.log_weights))
    worth = f"(effective sample size {weights.ess:.0f} of {size})"
    doubts = (
        (
            weights.pareto_k == math.inf,
            "The tail of the weights has no shape, so nothing tells whether they can be trusted.",
        ),
        (
            tails.max() > limit,
            (
                f"Pareto k is {tails.max():.2f}, above {limit:.2f}: the tails of the posterior are so heavy "
                f"that a few draws carry the sd of {', '.join(names[tails > limit])}."
            ),
        ),
        (
            not weights.reliable,
            f"Pareto k is {weights.pareto_k:.2f}, above {limit:.2f}: a few draws carry the answer {worth}.",
        ),
        (
            found.modes > 1,
            f"The posterior has {found.modes} modes, and the draws come from around the highest of them.",
        ),
    )
    doubt = next((message for holds, message in doubts if holds), None)
    return Outcome() if doubt is None else Outcome("flagged", doubt, _ADVICE)


IMPORTANCE = Method(
    name="importance",
    summary="draws from the Laplace approximation with Pareto-smoothed weights",
    settings=ImportanceSettings,
    fit=fit,
    refuse=refuse,
)
