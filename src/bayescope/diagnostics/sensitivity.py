"""How much the posterior would change with a stronger or weaker prior, or with more or less data.

    p_alpha(theta | y) ~ p(y | theta) p(theta_b)^alpha p(other thetas),     weights p(theta_b)^(alpha - 1)
    sensitivity = (CJS(1.01) / log2(1.01) - CJS(0.99) / log2(0.99)) / 2

for the prior of each block b and, scaled alike, for the likelihood; CJS is the cumulative Jensen-Shannon
distance of a marginal from itself as weighted. Where both prior and likelihood matter they pull in
different directions. How far a mean moves at alpha = 2 is told by the same weights, Pareto-smoothed.
Source: Kallioinen, Paananen, Buerkner and Vehtari (2024), Detecting and diagnosing prior and likelihood
sensitivity with power-scaling, Statistics and Computing 34, 57.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.records import Check, Record, make_check
from bayescope.distributions.choices import PRIORS
from bayescope.inference.fit import Fit
from bayescope.inference.log_densities import block_log_priors, log_likelihoods
from bayescope.inference.point_problem import PointProblem
from bayescope.models.model import Block, Model
from bayescope.models.network_bodies import networks
from bayescope.sampling.importance import FEWEST, importance_weights

type Floats = NDArray[np.float64]
type Diagnosis = Literal["", "conflict", "strong prior"]

THRESHOLD = 0.05
"""Sensitivity above this counts: the mean moves by some 0.3 sd as the power is doubled."""

MOST_SHIFT = 1.0
"""A prior that would move a mean further, in posterior sds, if it counted twice is worth a note."""

_STEP = 0.01
_CANDIDATES = 8
_MOST_CELLS = 20_000_000  # rows x draws, unless the data are compressed
_MOST_DRAWS = 2000


class Sensitivity(Record):
    """One line of priors, and the unknown that changes most with it.

    Attributes:
        block: the line's key: "coefficients".
        prior: the prior as it is declared.
        parameter: the unknown whose posterior changes most as the prior is scaled.
        by_prior: its sensitivity to this prior.
        by_likelihood: its sensitivity to the likelihood; None where there are too many rows.
        shift: how far its mean would move if the prior counted twice, in posterior sds.
        diagnosis: "conflict" where both matter, "strong prior" where the prior alone does.
        extrapolated: whether the shift is beyond the draws, and of a Normal with their moments instead.
    """

    block: str
    prior: str
    parameter: str
    by_prior: float
    by_likelihood: float | None
    shift: float
    diagnosis: Diagnosis
    extrapolated: bool = False


def sensitivities(model: Model, fit: Fit) -> tuple[Sensitivity, ...]:
    """Scale each prior with a density in closed form, one row a line of priors; none for a flat prior.

    The effects of groups have no prior of their own, and the weights of networks no meaning one by one.
    """
    if fit.draws is None or model.hypotheses or networks(model):
        return ()
    flat = fit.draws.reshape(-1, fit.draws.shape[-1])
    thetas = flat[:: max(1, len(flat) // _MOST_DRAWS)]
    if len(thetas) < 2 or not np.isfinite(thetas).all() or not (thetas.std(axis=0) > 0).any():
        return ()
    wanted = _scalable(model)
    log_priors = {block.name: values for block, values in block_log_priors(model, thetas, wanted)}
    log_likelihood = _log_likelihood(model, thetas)
    return tuple(
        _sensitivity(model, block, thetas, log_priors[block.name], log_likelihood) for block in wanted
    )


def _scalable(model: Model) -> list[Block]:
    effects = {name for group in model.groups for name in group.effects}
    return [
        block
        for block in model.blocks
        if block.name not in effects
        and block.prior.distribution != "LKJ"
        and (entry := PRIORS[block.prior.distribution]).closed
        and entry.proper
    ]


def _log_likelihood(model: Model, thetas: Floats) -> Floats | None:
    problem = PointProblem(model, prior=False)
    if problem.normal is None and len(model.response.values) * len(thetas) > _MOST_CELLS:
        return None
    return log_likelihoods(problem, thetas)


def _sensitivity(
    model: Model, block: Block, thetas: Floats, log_prior: Floats, log_likelihood: Floats | None
) -> Sensitivity:
    places = _most_related(thetas, log_prior)
    by_prior = [power_sensitivity(thetas[:, j], log_prior) for j in places]
    place = places[int(np.argmax(by_prior))]
    theta = thetas[:, place]
    by_likelihood = None if log_likelihood is None else power_sensitivity(theta, log_likelihood)
    shift, extrapolated = shift_if_twice(theta, log_prior)
    return Sensitivity(
        block=block.name,
        prior=str(block.prior),
        parameter=model.names[place],
        by_prior=max(by_prior),
        by_likelihood=by_likelihood,
        shift=shift,
        diagnosis=_diagnosis(max(by_prior), by_likelihood),
        extrapolated=extrapolated,
    )


def _most_related(thetas: Floats, log_prior: Floats) -> list[int]:
    """Choose the unknowns whose mean or spread goes with the log prior most: to first order they change."""
    with np.errstate(all="ignore"):
        z = (thetas - thetas.mean(axis=0)) / thetas.std(axis=0)
        score = np.maximum(*(np.abs((log_prior - log_prior.mean()) @ term) for term in (z, z * z - 1.0)))
    ranked: list[int] = np.argsort(-np.nan_to_num(score), kind="stable").tolist()
    return ranked[:_CANDIDATES]


def _diagnosis(by_prior: float, by_likelihood: float | None) -> Diagnosis:
    if by_prior < THRESHOLD:
        return ""
    return "strong prior" if by_likelihood is not None and by_likelihood < THRESHOLD else "conflict"


@np.errstate(invalid="ignore")
def power_sensitivity(theta: Floats, log_density: Floats) -> float:
    """Return the sensitivity of one marginal, draws of shape (S,), to the power of a density.

    Not a number where the density of every draw is zero.
    """
    order = np.argsort(theta)
    theta, log_density = theta[order], log_density[order] - np.max(log_density)
    found = [
        _distance(theta, np.exp(power * log_density)) / abs(math.log2(1.0 + power))
        for power in (-_STEP, _STEP)
    ]
    return sum(found) / 2.0


@np.errstate(invalid="ignore")
def shift_if_twice(theta: Floats, log_density: Floats) -> tuple[float, bool]:
    """Return how far a density that counts twice moves the mean of draws, shape (S,), in their sds.

    The flag says that the draws do not reach there: then it is that of a Normal times exp(a + b z + c z^2),
    to which the log density is fitted; its mean is b / (1 - 2 c) sds away.
    """
    z = (theta - theta.mean()) / theta.std()
    if not np.isfinite([z, log_density]).all():  # a density that is infinite, or draws that are all alike
        return math.nan, True
    if len(z) >= FEWEST and (weights := importance_weights(log_density)).reliable:
        return float(weights.weights @ z), False
    bend, slope, _ = np.linalg.lstsq(np.vander(z, 3), log_density)[0]
    return float(slope / max(1.0 - 2.0 * bend, 1.0)), True


def _distance(theta: Floats, weights: Floats) -> float:
    """Return the cumulative Jensen-Shannon distance of ordered draws from themselves as weighted.

    It is of the distribution functions, or of their complements if that is the larger.
    """
    gaps, size = np.diff(theta), len(theta)
    p = np.arange(1, size) / size
    q = np.cumsum(weights / weights.sum())[:-1]
    return max(_one_sided(gaps, p, q), _one_sided(gaps, 1.0 - p, 1.0 - q))


def _one_sided(gaps: Floats, p: Floats, q: Floats) -> float:
    p, q = np.maximum(p, 1e-300), np.maximum(q, 1e-300)
    middle = 0.5 * (p + q)
    total = gaps @ (p * np.log2(p / middle) + q * np.log2(q / middle))
    bound = gaps @ (p + q)
    return math.sqrt(max(float(total / bound), 0.0)) if bound > 0 else 0.0


def check_sensitivity(method: str, found: tuple[Sensitivity, ...]) -> tuple[Check, ...]:
    """Note a prior that pulls hard against the data."""
    if not found:
        return ()
    worst = max(found, key=lambda row: (row.diagnosis == "conflict", abs(row.shift)))
    noted = worst.diagnosis == "conflict" and abs(worst.shift) > MOST_SHIFT
    return (
        make_check(
            method,
            "prior_data_conflict",
            "note" if noted else "pass",
            value=abs(worst.shift),
            threshold=MOST_SHIFT,
            parameter=worst.parameter,
            message=in_words(worst) if noted else "",
            advice="Where the prior does not say what you mean, make it wider.",
        ),
    )


def in_words(row: Sensitivity) -> str:
    """Say what a prior does to the unknown that changes most with it; empty where it hardly matters."""
    toward = "up" if row.shift > 0 else "down"
    about = "about " if row.extrapolated else ""
    twice = (
        f"counted twice, the prior would move its mean {toward} by {about}{abs(row.shift):.2g} posterior sd"
    )
    subject = f"the prior of {row.block}, {row.prior},"
    if row.diagnosis == "conflict":
        return f"T{subject[1:]} and the data pull {row.parameter} different ways: {twice}."
    if row.diagnosis == "strong prior":
        return f"What is known of {row.parameter} is {subject} more than the data: {twice}."
    return ""
