"""The posterior as `grid` integrates it: its density in the unconstrained space, and where its mass is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.grid_marginal import log_stretch_slope, stretch
from bayescope.inference.improper import data_of, unknown_sigma
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.newton import minimise
from bayescope.inference.objective import Objective
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.rounding import refuse_rounding, rounding
from bayescope.inference.starts import plain_start, starts
from bayescope.inference.transforms import Transform, unconstrained
from bayescope.models import prior_density
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_ROUNDS = 25
_MOST_NATS = 30.0  # a mode so far below the highest one has no mass to speak of
_PILOT = np.linspace(-4.0, 4.0, 17)


@dataclass(frozen=True, eq=False)
class Target:
    """p(y, theta) as a density of z, `transforms`' coordinates of theta on the real line."""

    model: Model

    @cached_property
    def problem(self) -> PointProblem:
        """The model as an objective, with its prior."""
        return PointProblem(self.model, prior=True)

    @cached_property
    def transform(self) -> Transform:
        """The way between z and theta."""
        return Transform(*prior_density.prior_bounds(self.model))

    @cached_property
    def kinks(self) -> Floats:
        """Where the density of z_j has a kink (a Laplace prior's location), nan where nowhere; shape (d,)."""
        location, weight = prior_density.kinks(self.model)
        return np.where(weight > 0, location, np.nan)

    def log_density(self, z: Floats) -> Floats:
        """Return log p(y, z), nats, Jacobian included: z of shape (S, d), result (S,)."""
        theta = self.transform.inverse(z)
        jacobian = self.transform.log_jacobian(z).sum(axis=1)
        with np.errstate(all="ignore"):
            value = log_likelihoods(self.problem, theta) + log_priors(self.model, theta) + jacobian
        return np.where(np.isnan(value), -np.inf, value)


def fits_perfectly(problem: PointProblem) -> bool:
    """Tell whether the likelihood is unbounded: some coefficients fit every row, and sigma is unknown."""
    return unknown_sigma(problem.model) is not None and not data_of(problem).residual > 0


def locate(target: Target) -> tuple[Floats, Floats, Floats]:
    """Find centre, shape (d,), and covariance, shape (d, d), of the mass of z, and the modes, shape (k, d).

    Starts at the modes with the curvature there, and matches moments on a small lattice until they
    stay. The moments are those of p^2, twice its covariance: they exist under Cauchy tails, and a
    Normal density has its own.

    Raises FitError where no start has a density, or rounding blurs it over a whole sd.
    """
    ends = _climb(target)
    heights = target.log_density(ends)
    if not np.isfinite(heights.max()):
        raise FitError(
            "The grid finds no place where the posterior has a density: all that it starts from has none.",
            "Rescale the response, or give priors that allow what was observed.",
            exact="",
        )
    modes = ends[heights >= heights.max() - _MOST_NATS]
    centre = ends[int(np.argmax(heights))]
    covariance = _curvature(target, centre)
    refuse_rounding(rounding(target.log_density, centre, np.linalg.cholesky(covariance)))
    for _ in range(_ROUNDS):
        following, spread = _match(target, centre, covariance)
        ratio = np.linalg.eigvals(np.linalg.solve(covariance, spread)).real
        centre, covariance = following, spread
        if ratio.min() > 0.8 and ratio.max() < 1.25:
            break
    return centre, covariance, modes


def _climb(target: Target) -> Floats:
    """Climb to the modes of p(y, z) from every start, shape (k, d); stay at a start that leads to none."""
    objective, transform = target.problem.objective, target.transform
    if fits_perfectly(target.problem):  # the likelihood rises without end as sigma -> 0
        return np.array([transform.apply(plain_start(target.problem))])

    def value(z: Floats) -> float:
        return objective.value(transform.inverse(z)) - float(np.sum(transform.log_jacobian(z)))

    def derivatives(z: Floats) -> tuple[float, Floats, Floats]:
        return unconstrained(objective.derivatives, transform, z)

    # kinks are those of Laplace priors, whose unknowns are on the real line: z = theta
    everywhere = np.full(len(objective.lower), np.inf)
    inner = Objective(value, derivatives, -everywhere, everywhere, objective.location, objective.weight)
    ends = []
    for start in starts(target.problem):
        z = transform.apply(start)
        found = minimise(inner, z, max_iterations=100)
        ends.append(z if found.status == "unbounded" else found.theta)  # no higher than its start
    return np.array(ends)


def _curvature(target: Target, z: Floats) -> Floats:
    """Invert the curvature at z, made positive; a kink within reach counts as a curvature of weight^2 / 2."""
    objective = target.problem.objective
    with np.errstate(all="ignore"):
        _, _, hessian = unconstrained(objective.derivatives, target.transform, z)
    near = np.abs(z - objective.location) * objective.weight < 2
    hessian = np.nan_to_num(hessian) + np.diag(np.where(near, objective.weight**2 / 2, 0.0))
    scale = np.sqrt(np.abs(np.diag(hessian)))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    inverse = (vectors / np.maximum(np.abs(values), 1e-8)) @ vectors.T
    return np.asarray(inverse / np.outer(scale, scale))


def _match(target: Target, centre: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Moments of p^2 on a lattice of 17^d points, spaced half an sd and wider outside."""
    size = len(centre)
    t = np.stack(np.meshgrid(*[_PILOT] * size, indexing="ij"), axis=-1).reshape(-1, size)
    z = centre + stretch(t) @ np.linalg.cholesky(covariance).T
    height = 2 * target.log_density(z) + log_stretch_slope(t).sum(axis=1)
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    mean = weight @ z
    if weight.max() > 0.75:  # the mass is between the points
        return z[int(np.argmax(weight))], covariance / 4
    deviation = z - mean
    found = 2 * (deviation * weight[:, None]).T @ deviation
    # never narrower in one step than the lattice can tell
    return mean, found + 1e-3 * covariance
