"""The regularisation path: the posterior mode as the prior of some coefficients gets wider.

    theta(lambda) = argmin -log p(y | theta) + lambda sum_j |theta_j - m|^q - log p(the other unknowns)

with q = 1 and lambda = 1 / b for a prior Laplace(m, b), q = 2 and lambda = 1 / (2 tau^2) for Normal(m, tau).
It starts where every coefficient is (Laplace), or nearly is (Normal), at m, and ends near the MLE; each
step starts where the one before it ended. Beside it stands what says how wide the prior should be: the log
predictive density of rows that were left out, and the evidence p(y | lambda). Sources: Friedman, Hastie &
Tibshirani (2010), J. Stat. Softw. 33(1), section 2.5; MacKay (1992), Neural Computation 4(3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.errors import ConfigError, NotApplicable, Problem
from bayescope.inference.map_refusals import refuse_improper, refuse_unbounded
from bayescope.inference.path_scores import cross_validate, evidences
from bayescope.inference.path_steps import (
    SCALES,
    center_of,
    condensed,
    follow,
    null_mode,
    power_of,
    scale_of,
    scales,
    strengths,
)
from bayescope.inference.point_problem import PointProblem
from bayescope.models.model import Block, Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]
type Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Path:
    """The modes for g scales of a prior, narrowest first.

    Attributes:
        prior: the block of priors that varies, with `distribution` "Normal" or "Laplace".
        names: the unknowns in the order of the model; `members` are those of the block.
        scale: tau of Normal(m, tau) or b of Laplace(m, b), shape (g,).
        strength: lambda = 1 / (2 tau^2) or 1 / b, shape (g,).
        theta: the modes, shape (g, d).
        nonzero: how many members are not 0, shape (g,).
        nll: -log p(y | theta), nats, shape (g,).
        penalty: lambda sum_j |theta_j - m|^q, shape (g,).
        score: mean log predictive density of an observation that was left out, nats, shape (g,).
        score_error: its standard error over the folds, shape (g,).
        log_evidence: log p(y | lambda), shape (g,); nan where there is none.
        evidence: how the evidence was found, or why there is none.
        configured: the scale of the configuration.
        kkt_residual: the largest of the steps.
        folds: number of folds of the cross-validation; 0: none.
        notes: what else there is to say.
    """

    prior: str
    distribution: str
    names: tuple[str, ...]
    members: tuple[str, ...]
    scale: Floats
    strength: Floats
    theta: Floats
    nonzero: NDArray[np.intp]
    nll: Floats
    penalty: Floats
    score: Floats
    score_error: Floats
    log_evidence: Floats
    evidence: str
    configured: float
    kkt_residual: float
    folds: int
    notes: tuple[str, ...] = ()

    @property
    def best_score(self) -> int | None:
        """The step whose cross-validated score is highest; None without one."""
        return _highest(self.score)

    @property
    def one_error(self) -> int | None:
        """The narrowest prior whose score is within one standard error of the best."""
        best = self.best_score
        if best is None:
            return None
        return int(np.argmax(self.score >= self.score[best] - self.score_error[best]))

    @property
    def best_evidence(self) -> int | None:
        """The step whose evidence is highest; None without one."""
        return _highest(self.log_evidence)


def _highest(values: Floats) -> int | None:
    finite = np.where(np.isfinite(values), values, -np.inf)
    return int(np.argmax(finite)) if np.isfinite(values).any() else None


def path_of(
    model: Model,
    prior: str = "coefficients",
    *,
    grid: int = 100,
    folds: int = 5,
    seed: int = 0,
    report_progress: Progress = lambda _message: None,
) -> Path:
    """Compute the path of the block `prior` over `grid` scales.

    Args:
        model: its block `prior` is Normal or Laplace with one scale, a number; other priors stay.
        prior: the name of the block.
        grid: number of scales.
        folds: of the cross-validation, whose rows are drawn by `seed`; 0 for none, and none of fewer
            than two rows each.
        seed: see `folds`.
        report_progress: told what is being done.

    Raises:
        ConfigError: a single fold, which would leave out every row.
        NotApplicable: the block has no path; the message says why.
        FitError: the posterior has no mode, for any scale.
    """
    if folds == 1:
        raise ConfigError([Problem(("folds",), "expected at least 2, or 0 for no cross-validation, not 1")])
    block = _block(model, prior)
    whole = condensed(model)
    problem = PointProblem(whole.model, prior=True)
    refuse_improper(model)
    refuse_unbounded(problem)
    null = null_mode(problem, block)
    strength = strengths(whole.model, block, null, grid)
    report_progress(f"path of {prior}: {grid} steps")
    found, notes = follow(problem, block, strength, null)
    if folds and (rows := len(model.response.values)) < 2 * folds:
        notes = (*notes, f"no cross-validation: {folds} folds need two rows each, and there are {rows}")
        folds = 0
    strength, theta = strength[: len(found)], np.array([solution.theta for solution in found])
    scores, errors = cross_validate(
        model, block, strength, folds=folds, seed=seed, report_progress=report_progress
    )
    report_progress("evidence along the path")
    evidence, how = evidences(whole, block, strength, found)
    part = slice(block.start, block.stop)
    return Path(
        prior=block.name,
        distribution=block.prior.distribution,
        names=model.names,
        members=block.labels,
        scale=scales(block, strength),
        strength=strength,
        theta=theta,
        nonzero=np.count_nonzero(theta[:, part], axis=1),
        nll=np.array([-problem.log_likelihood(row) - whole.shift for row in theta]),
        penalty=strength * np.sum(np.abs(theta[:, part] - center_of(block)) ** power_of(block), axis=1),
        score=scores,
        score_error=errors,
        log_evidence=evidence,
        evidence=how,
        configured=scale_of(block),
        kkt_residual=max(solution.kkt_residual for solution in found),
        folds=folds,
        notes=notes,
    )


def _block(model: Model, name: str) -> Block:
    """Find the block and refuse what has no path."""
    block = next((block for block in model.blocks if block.name == name), None)
    if block is None:
        known = ", ".join(block.name for block in model.blocks)
        raise NotApplicable(f"there is no line of priors for '{name}'.", f"The model has: {known}.")
    distribution = block.prior.distribution
    if networks(model):
        raise NotApplicable("a network has many modes, and no path that leads from one to the next.")
    if distribution not in SCALES:
        raise NotApplicable(
            f"the prior of {name} is {block.prior}: a path is of a Normal or a Laplace prior.",
            f"Write `{name}: Laplace(0, 1)` or `{name}: Normal(0, 1)`; its scale is what the path varies.",
        )
    if not isinstance(block.prior.arguments[SCALES[distribution]], float | int):
        scaled = isinstance(block.prior.arguments[SCALES[distribution]], Scaled)
        what = "depends on another unknown" if scaled else "differs between the coefficients"
        raise NotApplicable(
            f"the scale of the prior of {name} {what}, and a path varies one number.",
            f"Write `{name}: {distribution}(0, 1)`, and `standardize: true` to put predictors on one scale.",
        )
    return block
