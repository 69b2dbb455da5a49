"""The Normal approximation of the posterior in the unconstrained space: its mode and the curvature there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.fit import Outcome
from bayescope.inference.improper import refuse_improper_spread
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.map_refusals import refuse_improper, refuse_no_mode, refuse_unbounded
from bayescope.inference.method import Context
from bayescope.inference.mirrored import mirrored_log_likelihoods
from bayescope.inference.network_refusals import MOST_SAMPLED, SYMMETRY, weights_of
from bayescope.inference.newton import Solution, minimise
from bayescope.inference.objective import Objective
from bayescope.inference.point import FLAT_ADVICE, NEAR_MODE, named, refuse_unconverged, wald_covariance
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.rounding import rounding
from bayescope.inference.settings import PointSettings
from bayescope.inference.starts import searches, starts
from bayescope.inference.transforms import Transform, unconstrained
from bayescope.models import prior_density
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]

NEAR_KINK = 2.0  # sds
_COARSE = 1e-3  # sds between neighbouring doubles, of which draws are made
_LARGE_COUNTS = 1e12  # with their logarithms, 0.01 nats are lost


@dataclass(frozen=True, eq=False)
class NormalApproximation:
    """z | y ~ Normal(mode, covariance), with what is known of its quality.

    Attributes:
        problem: the model as an objective.
        transform: the way from z to theta.
        mode: z*, shape (d,).
        covariance: of z, shape (d, d).
        solution: how the mode was found.
        log_joint: log p(y, z*), the Jacobian included; flat priors count as density 1.
        modes: number of different modes that were found.
        outcome: "flagged" where one Normal cannot be the whole story.
    """

    problem: PointProblem
    transform: Transform
    mode: Floats
    covariance: Floats
    solution: Solution
    log_joint: float
    modes: int
    outcome: Outcome

    @property
    def factor(self) -> Floats:
        """Lower Cholesky factor L of the covariance, shape (d, d)."""
        return np.linalg.cholesky(self.covariance)

    def log_density(self, z: Floats) -> Floats:
        """Compute log p(y, z), nats, the Jacobian included: z of shape (S, d), result (S,)."""
        return self._log_joint(log_likelihoods(self.problem, self.transform.inverse(z)), z)

    def mirrored_log_density(self, draws: Floats) -> Floats:
        """`log_density` at mode + L t for draws t, shape (S, d), and then at mode - L t; result (2S,)."""
        deviations = draws @ self.factor.T
        z = np.concatenate([self.mode + deviations, self.mode - deviations])
        if not self.transform.is_identity:
            return self.log_density(z)
        return self._log_joint(mirrored_log_likelihoods(self.problem, self.mode, self.factor, draws), z)

    def _log_joint(self, log_likelihood: Floats, z: Floats) -> Floats:
        log_prior = log_priors(self.problem.model, self.transform.inverse(z))
        return np.asarray(log_likelihood + log_prior + self.transform.log_jacobian(z).sum(axis=1))

    @cached_property
    def rounding(self) -> float:
        """By how many nats rounding moves the log density near the mode; 0 where no count is large."""
        response = self.problem.model.response
        largest = max(np.abs(x).max(initial=0.0) for x in (response.values, response.trials) if x is not None)
        if largest * response.observations < _LARGE_COUNTS:
            return 0.0
        return rounding(self.log_density, self.mode, self.factor)

    @property
    def log_total(self) -> float:
        """Laplace's approximation of the integral of p(y, z)."""
        half_log_det = float(np.sum(np.log(np.diag(self.factor))))
        return self.log_joint + 0.5 * len(self.mode) * math.log(2 * math.pi) + half_log_det


def approximate(
    model: Model, settings: PointSettings, context: Context, start: Floats | None = None
) -> NormalApproximation:
    """Find the mode of p(z | y) and the curvature there; from z = `start` alone, where one near is known.

    Raises:
        NotApplicable: every parameter is fixed, one is a vector of probabilities, the noise has a kink,
            or the mode sits on the kink of a Laplace prior.
        FitError: the posterior is improper, has no mode, or the mode was not found.
    """
    refuse(model)
    problem = PointProblem(model, prior=True, plain=context.plain)
    if not networks(model):
        refuse_improper(model)
    refuse_unbounded(problem, logarithm=True)
    refuse_improper_spread(problem)
    context.report_progress("maximising the posterior in the unconstrained space")
    transform = Transform(*prior_density.prior_bounds(model))
    solutions = _search(problem, transform, settings, start)
    best = min(solutions, key=lambda solution: solution.value)
    if best.status != "converged":
        _refuse_ends(model, transform, best, NEAR_MODE)
    refuse_unconverged(best, settings, "the mode in the unconstrained space")
    _refuse_kinks(model, best)
    hessian = unconstrained(problem.objective.derivatives, transform, best.theta)[2]
    spread = wald_covariance(hessian, np.ones(len(best.theta), dtype=bool))
    if spread is None:
        raise FitError(
            "the posterior has no strict mode in the unconstrained space: it is flat or a saddle there, or "
            "so nearly flat that rounding hides it.",
            FLAT_ADVICE,
        )
    _refuse_ends(model, transform, best, _COARSE * np.sqrt(np.diag(spread)))
    theta = transform.inverse(best.theta)
    jacobian = float(np.sum(transform.log_jacobian(best.theta)))
    log_joint = problem.log_likelihood(theta) + prior_density.log_prior(model, theta) + jacobian
    modes = _distinct(solutions, np.sqrt(np.diag(spread)))
    outcome = _outcome(problem, best.theta, spread, modes)
    return NormalApproximation(problem, transform, best.theta, spread, best, log_joint, modes, outcome)


def refuse(model: Model) -> None:
    """Refuse models whose posterior no Normal is close to. Raises NotApplicable, or FitError of networks."""
    if not model.names:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    _refuse_simplexes(model)
    _refuse_kinked_noise(model)
    refuse_no_mode(model, "the mode that a Normal approximation stands on")


def _refuse_kinked_noise(model: Model) -> None:
    if model.likelihood.kinked:
        raise NotApplicable(
            f"a {model.likelihood.name} density has a kink at every row, and no second derivative there "
            "to take a covariance from.",
            nuts="for the posterior of this model",
            grid="",
        )


def _search(
    problem: PointProblem, transform: Transform, settings: PointSettings, start: Floats | None
) -> list[Solution]:
    """Maximise p(z | y) from every start; the converged ends, or all if none converged."""
    if not transform.is_identity:
        places = [transform.apply(place) for place in starts(problem)] if start is None else [start]
        solutions = _search_unconstrained(problem, transform, settings, places)
    elif start is None:
        solutions = searches(problem, settings)
    else:
        solutions = [problem.minimise(start, settings)]
    solutions = [_settled(solution) for solution in solutions]
    return [solution for solution in solutions if solution.status == "converged"] or solutions


def _search_unconstrained(
    problem: PointProblem, transform: Transform, settings: PointSettings, places: Sequence[Floats]
) -> list[Solution]:
    target = problem.objective

    def value(z: Floats) -> float:
        return target.value(transform.inverse(z)) - float(np.sum(transform.log_jacobian(z)))

    def derivatives(z: Floats) -> tuple[float, Floats, Floats]:
        return unconstrained(target.derivatives, transform, z)

    # kinks are those of Laplace priors, whose unknowns are on the real line: z = theta
    everywhere = np.full(len(target.lower), np.inf)
    objective = Objective(value, derivatives, -everywhere, everywhere, target.location, target.weight)
    return [
        minimise(objective, place, tolerance=settings.tolerance, max_iterations=settings.max_iterations)
        for place in places
    ]


def _settled(solution: Solution) -> Solution:
    """Take a search that rounding held next to the mode, as of a tiny sigma, for one that ended there."""
    held = solution.status in {"stalled", "out of iterations"}
    near = held and solution.kkt_residual <= NEAR_MODE
    return replace(solution, status="converged") if near else solution


def _refuse_ends(model: Model, transform: Transform, best: Solution, step: Floats | float) -> None:
    """Refuse a mode so close to an end of a range that doubles are farther apart there than `step` in z."""
    theta, slopes = transform.inverse(best.theta), np.abs(transform.derivatives(best.theta)[0])
    coarse = np.spacing(np.abs(theta)) > step * slopes
    if not coarse.any():
        return
    names = ", ".join(named(model.names, coarse))
    raise FitError(
        f"the mode in the unconstrained space was not found: {names} is so close to an end of its range that "
        "double precision does not tell it from its neighbours there.",
        "Measure from that end: count failures in place of successes, so that the unknown is close to 0, "
        "where doubles are dense.",
        exact="",
    )


def _distinct(solutions: list[Solution], sds: Floats) -> int:
    """Count the ends that are more than a thousandth of an sd apart."""
    ends: list[Floats] = []
    for solution in solutions:
        if not any(np.all(np.abs(solution.theta - end) <= 1e-3 * sds) for end in ends):
            ends.append(solution.theta)
    return len(ends)


def _refuse_simplexes(model: Model) -> None:
    names = [block.name for block in model.blocks if block.support.simplex]
    if names:
        raise NotApplicable(
            f"{', '.join(names)}: the elements sum to 1, and only unknowns that vary freely can be Normal.",
            exact="",
            nuts="",
        )


def _refuse_kinks(model: Model, best: Solution) -> None:
    if not best.at_kink.any():
        return
    names = ", ".join(named(model.names, best.at_kink))
    raise NotApplicable(
        f"{names}: the mode is exactly at the kink of the Laplace prior, where the posterior has no second "
        "derivative to take a covariance from.",
        nuts="for the posterior of this model",
        map="for its mode",
    )


def _ends(model: Model) -> list[str]:
    """Name the unknowns that the response itself leaves room for on one side only: the ends of a Uniform."""
    ends = model.likelihood.bounds(model.response.occurring) if len(model.response.occurring) else {}
    return [model.names[j] for p in model.predictors if p.parameter in ends for j in p.index]


def _outcome(problem: PointProblem, mode: Floats, spread: Floats, modes: int) -> Outcome:
    """Flag several modes, and kinks so close to the mode that the Normal runs over them."""
    objective, messages = problem.objective, []
    if networks(problem.model):
        messages.append(SYMMETRY)
    elif modes > 1:
        messages.append(f"the posterior has {modes} modes, and this is a Normal at the highest of them")
    distance = np.abs(mode - objective.location) / np.sqrt(np.diag(spread))
    near = named(problem.model.names, (objective.weight > 0) & (distance < NEAR_KINK))
    if near:
        messages.append(
            f"the kink of the Laplace prior is less than {NEAR_KINK:g} sd from the mode of {', '.join(near)}"
            ", and a Normal has no kink"
        )
    ends = _ends(problem.model)
    if ends:
        messages.append(
            f"the density of {', '.join(ends)} breaks off at the data, and no rows make it Normal"
        )
    text = "; ".join(messages)
    large = weights_of(problem.model) > MOST_SAMPLED
    advice = "Read its predictions, not its weights." if large else "Use nuts."
    return Outcome("flagged", f"{text[0].upper()}{text[1:]}.", advice) if text else Outcome()
