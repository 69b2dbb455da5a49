"""How wide a prior should be, along its path: by the log density of rows left out, and by the evidence."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import BayescopeError, FitError, NotApplicable
from bayescope.inference import exact
from bayescope.inference.method import Context
from bayescope.inference.newton import Solution
from bayescope.inference.no_evidence import is_proper
from bayescope.inference.normal_approximation import approximate
from bayescope.inference.path_steps import (
    MOST_WITH_EVIDENCE,
    SETTINGS,
    condensed,
    follow,
    null_mode,
    with_strength,
)
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.sufficient import Condensed
from bayescope.models import density
from bayescope.models.model import Block, Model
from bayescope.models.rows import take

type Floats = NDArray[np.float64]
type Progress = Callable[[str], None]

_TOLERANCE = 1e-6  # relative, of an exact evidence


def cross_validate(
    model: Model, block: Block, strength: Floats, *, folds: int, seed: int, report_progress: Progress
) -> tuple[Floats, Floats]:
    """Score each strength by the mean log predictive density of rows left out at the mode of the others.

    Returns the means over `folds` folds, nats an observation, and their standard errors, shape (g,) each; nan
    without folds.
    """
    if not folds:
        nothing = np.full(len(strength), np.nan)
        return nothing, nothing
    shuffled = np.random.default_rng(seed).permutation(len(model.response.values))
    means, counts = [], []
    for k in range(folds):
        report_progress(f"cross-validation: fold {k + 1} of {folds}")
        held = np.sort(shuffled[k::folds])
        others = np.sort(np.concatenate([shuffled[j::folds] for j in range(folds) if j != k]))
        test = take(model, held)
        means.append(_scores(condensed(take(model, others)).model, test, block, strength))
        counts.append(test.response.observations)
    table, weights = np.array(means), np.array(counts) / np.sum(counts)
    return weights @ table, np.std(table, axis=0, ddof=1) / math.sqrt(folds)


def _scores(train: Model, test: Model, block: Block, strength: Floats) -> Floats:
    """The mean log density of the rows of `test` at the modes of `train`; nan from where there is none."""
    scores = np.full(len(strength), np.nan)
    try:
        problem = PointProblem(train, prior=True)
        found, _ = follow(problem, block, strength, null_mode(problem, block))
    except FitError:
        return scores
    scores[: len(found)] = [density.log_likelihood(test, solution.theta) for solution in found]
    return scores / test.response.observations


def evidences(whole: Condensed, block: Block, strength: Floats, found: list[Solution]) -> tuple[Floats, str]:
    """Return the log evidence of each step, nan where there is none, and how it was found or why not."""
    values = np.full(len(found), np.nan)
    if len(whole.model.names) > MOST_WITH_EVIDENCE:
        return values, f"none: there are more than {MOST_WITH_EVIDENCE} unknowns"
    if any(solution.at_kink.any() for solution in found):
        return values, (
            "none: where coefficients are exactly 0 the mode is at the kink of the Laplace prior, and "
            "there is no Normal approximation to integrate"
        )
    how, proper = "", is_proper(whole.model)
    for i, value in enumerate(strength):
        try:
            values[i], how = _evidence(with_strength(whole.model, block, float(value)), proper=proper)
        except BayescopeError as reason:
            return np.full(len(found), np.nan), f"none: {reason}"
    return values + whole.shift, how


def _evidence(model: Model, *, proper: bool) -> tuple[float, str]:
    """Log p(y) of one step: exact where it has a closed form, else by Laplace's approximation."""
    if proper:
        with contextlib.suppress(NotApplicable):
            posterior = exact.recognise(model)
            value = posterior.solve(posterior.statistics, _TOLERANCE).log_evidence
            if value is not None:
                return value, "exact"
    note = "" if proper else ", up to a constant (flat priors count as density 1)"
    return approximate(model, SETTINGS, Context(seed=0)).log_total, f"Laplace's approximation{note}"
