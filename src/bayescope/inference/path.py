"""The regularisation path: the posterior mode as the prior of some coefficients gets wider.

    theta(lambda) = argmin -log p(y | theta) + lambda sum_j |theta_j - m|^q - log p(the other unknowns)

with q = 1 and lambda = 1 / b for a prior Laplace(m, b), q = 2 and lambda = 1 / (2 tau^2) for Normal(m, tau).
It starts where every coefficient is (Laplace), or nearly is (Normal), at m, and ends near the MLE; each
step starts where the one before it ended. Beside it stands what says how wide the prior should be: the log
predictive density of rows that were left out, and the evidence p(y | lambda). Sources: Friedman, Hastie &
Tibshirani (2010), J. Stat. Softw. 33(1), section 2.5; MacKay (1992), Neural Computation 4(3).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled
from bayescope.errors import BayescopeError, FitError, NotApplicable
from bayescope.inference import exact
from bayescope.inference.laplace import is_proper
from bayescope.inference.map_refusals import refuse_degenerate, refuse_improper, refuse_unbounded
from bayescope.inference.method import Context
from bayescope.inference.newton import Solution
from bayescope.inference.normal_approximation import approximate
from bayescope.inference.point import refuse_unconverged
from bayescope.inference.point_problem import PointProblem, PointSettings
from bayescope.inference.starts import plain_start, starts
from bayescope.inference.sufficient import Condensed, sufficient
from bayescope.models import density
from bayescope.models.model import Block, Model, Prior
from bayescope.models.network_bodies import networks
from bayescope.models.rows import take

type Floats = NDArray[np.float64]
type Progress = Callable[[str], None]

_SETTINGS = PointSettings(max_iterations=500)
_TOLERANCE = 1e-6  # relative, of an exact evidence
_MOST_WITH_EVIDENCE = 500
_SCALES = {"Normal": "sigma", "Laplace": "b"}


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
        folds: of the cross-validation, whose rows are drawn by `seed`; 0 for none.
        seed: see `folds`.
        report_progress: told what is being done.

    Raises:
        NotApplicable: the block has no path; the message says why.
        FitError: the posterior has no mode, for any scale.
    """
    block = _block(model, prior)
    whole = _condensed(model)
    problem = PointProblem(whole.model, prior=True)
    refuse_improper(model)
    refuse_unbounded(problem)
    refuse_degenerate(problem)
    null = _null(problem, block)
    strength = _strengths(whole.model, block, null, grid)
    report_progress(f"path of {prior}: {grid} steps")
    found, notes = _follow(whole.model, block, strength, null)
    strength, theta = strength[: len(found)], np.array([solution.theta for solution in found])
    scores, errors = _cross_validate(
        model, block, strength, folds=folds, seed=seed, report_progress=report_progress
    )
    report_progress("evidence along the path")
    evidence, how = _evidences(whole, block, strength, found)
    part = slice(block.start, block.stop)
    return Path(
        prior=block.name,
        distribution=block.prior.distribution,
        names=model.names,
        members=block.labels,
        scale=_scale(block, strength),
        strength=strength,
        theta=theta,
        nonzero=np.count_nonzero(theta[:, part], axis=1),
        nll=np.array([-density.log_likelihood(whole.model, row) - whole.shift for row in theta]),
        penalty=strength * np.sum(np.abs(theta[:, part] - _center(block)) ** _power(block), axis=1),
        score=scores,
        score_error=errors,
        log_evidence=evidence,
        evidence=how,
        configured=_argument(block),
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
    if distribution not in _SCALES:
        raise NotApplicable(
            f"the prior of {name} is {block.prior}: a path is of a Normal or a Laplace prior.",
            f"Write `{name}: Laplace(0, 1)` or `{name}: Normal(0, 1)`; its scale is what the path varies.",
        )
    if not isinstance(block.prior.arguments[_SCALES[distribution]], float | int):
        scaled = isinstance(block.prior.arguments[_SCALES[distribution]], Scaled)
        what = "depends on another unknown" if scaled else "differs between the coefficients"
        raise NotApplicable(
            f"the scale of the prior of {name} {what}, and a path varies one number.",
            f"Write `{name}: {distribution}(0, 1)`, and `standardize: true` to put predictors on one scale.",
        )
    return block


def _condensed(model: Model) -> Condensed:
    """The model on few rows that say the same, where its likelihood has sufficient statistics."""
    known = sufficient(model) if model.location.matrix is not None else None
    if known is None or len(model.response.values) <= len(model.names):
        return Condensed(model, 0.0)
    return known.condense(known.statistics)


def _power(block: Block) -> int:
    return 1 if block.prior.distribution == "Laplace" else 2


def _argument(block: Block) -> float:
    return float(block.prior.arguments[_SCALES[block.prior.distribution]])  # type: ignore[arg-type]


def _center(block: Block) -> Floats:
    return np.asarray(block.prior.arguments["mu"], dtype=np.float64)


def _scale(block: Block, strength: Floats) -> Floats:
    """The scale of the prior from lambda: 1 / b, or 1 / (2 tau^2)."""
    return 1 / strength if _power(block) == 1 else np.sqrt(0.5 / strength)


def _with_strength(model: Model, block: Block, strength: float) -> Model:
    scale = float(_scale(block, np.array(strength)))
    arguments = {**block.prior.arguments, _SCALES[block.prior.distribution]: scale}
    changed = replace(block, prior=Prior(block.prior.distribution, arguments))
    return replace(model, blocks=tuple(changed if b.name == block.name else b for b in model.blocks))


def _null(problem: PointProblem, block: Block) -> Floats:
    """The mode with every coefficient of the block at the centre of its prior, shape (d,)."""
    theta = plain_start(problem)
    theta[block.start : block.stop] = _center(block)
    free = np.ones(len(theta), dtype=bool)
    free[block.start : block.stop] = False
    if free.any():
        found = problem.given(free, theta).minimise(theta[free], _SETTINGS)
        refuse_unconverged(found, _SETTINGS, "the mode without these coefficients")
        theta[free] = found.theta
    return theta


def _strengths(model: Model, block: Block, null: Floats, grid: int) -> Floats:
    """Lambdas from where nothing moves to where the prior no longer matters, shape (grid,).

    Laplace: down from the largest slope of the log-likelihood at the null, below which the first coefficient
    moves, to 1e-4 of it (1e-2 with fewer rows than coefficients; both as in glmnet). Normal: from a hundred
    times the largest curvature of the log-likelihood to a hundredth of the smallest.
    """
    part = slice(block.start, block.stop)
    gradient, diagonal = density.likelihood_slopes(model, null)
    if _power(block) == 1:
        largest = float(np.abs(gradient[part]).max())
        ends = (
            largest * (1 + 1e-9),
            largest * (1e-4 if len(model.names) < model.response.observations else 1e-2),
        )
    else:
        curvature = -diagonal[part]
        if len(block.labels) <= _MOST_WITH_EVIDENCE:
            curvature = -np.linalg.eigvalsh(density.likelihood_derivatives(model, null)[2][part, part])
        largest = float(curvature.max())
        seen = curvature[curvature > 1e-10 * largest]
        ends = 100 * largest / 2, float(seen.min()) / 100 / 2 if len(seen) else 0.0
    if not largest > 0:
        raise NotApplicable(f"the likelihood does not depend on {block.name}.", "Look at the predictors.")
    return np.geomspace(*ends, grid)


def _follow(
    model: Model, block: Block, strength: Floats, start: Floats
) -> tuple[list[Solution], tuple[str, ...]]:
    """Solve for each strength from the solution before; the path ends where a mode is not found."""
    found: list[Solution] = []
    for value in strength:
        problem = PointProblem(_with_strength(model, block, float(value)), prior=True)
        solution = problem.minimise(found[-1].theta if found else start, _SETTINGS)
        if solution.status != "converged":
            solution = min(
                (problem.minimise(other, _SETTINGS) for other in starts(problem)),
                key=lambda solution: (solution.status != "converged", solution.value),
            )
        if solution.status != "converged":
            if not found:
                refuse_unconverged(solution, _SETTINGS, "the first mode of the path")
            return found, (f"the path ends at lambda = {value:.4g}, where no mode was found",)
        found.append(solution)
    return found, ()


def _cross_validate(
    model: Model, block: Block, strength: Floats, *, folds: int, seed: int, report_progress: Progress
) -> tuple[Floats, Floats]:
    """The mean log predictive density of rows left out at the mode of the others, and its standard error."""
    nothing = np.full(len(strength), np.nan)
    rows = len(model.response.values)
    if folds < 2 or rows < 2 * folds:
        return nothing, nothing
    shuffled = np.random.default_rng(seed).permutation(rows)
    means, counts = [], []
    for k in range(folds):
        report_progress(f"cross-validation: fold {k + 1} of {folds}")
        held = np.sort(shuffled[k::folds])
        others = np.sort(np.concatenate([shuffled[j::folds] for j in range(folds) if j != k]))
        test = take(model, held)
        means.append(_scores(_condensed(take(model, others)).model, test, block, strength))
        counts.append(test.response.observations)
    table, weights = np.array(means), np.array(counts) / np.sum(counts)
    return weights @ table, np.std(table, axis=0, ddof=1) / math.sqrt(folds)


def _scores(train: Model, test: Model, block: Block, strength: Floats) -> Floats:
    """The mean log density of the rows of `test` at the modes of `train`; nan from where there is none."""
    scores = np.full(len(strength), np.nan)
    try:
        found, _ = _follow(train, block, strength, _null(PointProblem(train, prior=True), block))
    except FitError:
        return scores
    scores[: len(found)] = [density.log_likelihood(test, solution.theta) for solution in found]
    return scores / test.response.observations


def _evidences(whole: Condensed, block: Block, strength: Floats, found: list[Solution]) -> tuple[Floats, str]:
    """The log evidence of each step, nan where there is none, and how it was found, or why there is none."""
    values = np.full(len(found), np.nan)
    if len(whole.model.names) > _MOST_WITH_EVIDENCE:
        return values, f"none: there are more than {_MOST_WITH_EVIDENCE} unknowns"
    if any(solution.at_kink.any() for solution in found):
        return values, (
            "none: where coefficients are exactly 0 the mode is at the kink of the Laplace prior, and "
            "there is no Normal approximation to integrate"
        )
    how, proper = "", is_proper(whole.model)
    for i, value in enumerate(strength):
        try:
            values[i], how = _evidence(_with_strength(whole.model, block, float(value)), proper=proper)
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
    return approximate(model, _SETTINGS, Context(seed=0)).log_total, f"Laplace's approximation{note}"
