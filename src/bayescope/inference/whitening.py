"""Coordinates in which the posterior is near to a standard Normal, and its density in them.

    theta = theta(mode + L x),    log p(x | y) = log p(y, theta) + log |d theta / d z| + constant

z is the unconstrained space (`transforms`), mode and L L' the mode and the covariance of the Normal
approximation there: the same posterior with the priors as they are, in coordinates where all directions are
equally wide. A sampler needs few steps in them however the predictors are correlated (Neal 2011, MCMC using
Hamiltonian dynamics, section 5.4.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bayescope.config.priors import Scaled, Value
from bayescope.distributions.choices import PRIORS
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.absolute_error import rounded_models
from bayescope.inference.gradients import is_cheap, posterior_gradients
from bayescope.inference.group_coordinates import GroupTransform, spread_coordinates
from bayescope.inference.method import Context
from bayescope.inference.normal_approximation import approximate
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import PointSettings
from bayescope.inference.simplex_coordinates import SimplexTransform, simplex_coordinates
from bayescope.inference.transforms import Gradients, Transform, on_real_line
from bayescope.models.groups import free_spreads
from bayescope.models.model import Block, Model, Prior
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitened[T: (Transform, GroupTransform, SimplexTransform)]:
    """A posterior in white coordinates x, shape (d,); of probabilities that sum to 1 there is one less.

    Attributes:
        transform: the way from z to theta.
        mode: z at x = 0, shape (d,).
        factor: L, shape (d, d).
        posterior: log p(y, z) and its gradient in z.
    """

    transform: T
    mode: Floats
    factor: Floats
    posterior: Gradients

    def unconstrained(self, x: Floats) -> Floats:
        """Return z, shape (..., d)."""
        return np.asarray(self.mode + x @ self.factor.T)

    def theta(self, x: Floats) -> Floats:
        """Return theta, shape (..., d)."""
        return self.transform.inverse(self.unconstrained(x))

    def gradients(self, x: Floats) -> tuple[Floats, Floats]:
        """Return log p(y, z), nats, at x of shape (c, d), and its gradient in x."""
        values, slopes = self.posterior(self.unconstrained(x))
        return values, slopes @ self.factor


type White = Whitened[Transform] | Whitened[GroupTransform] | Whitened[SimplexTransform]


def whiten(model: Model, context: Context) -> White | None:
    """Return the posterior in white coordinates; None where it is not worth it.

    It is not where no Normal is near, where there are several modes, and where the gradients of the head cost
    more than to compile them (`is_cheap`).
    """
    if any(block.support.simplex for block in model.blocks):
        return _on_simplex(model)
    return _around_spreads(model, context) if free_spreads(model) else whiten_at_mode(model, context)


def whiten_at_mode(model: Model, context: Context) -> Whitened[Transform] | None:
    """Take the Normal at the mode; None where `whiten` has none, and for unknown spreads of groups."""
    gradients = _gradients(model)
    if gradients is None:
        return None
    try:
        found = approximate(_smooth(model), PointSettings(), context)
    except (NotApplicable, FitError):
        return None
    if found.modes > 1:
        return None
    return Whitened(found.transform, found.mode, found.factor, on_real_line(gradients, found.transform))


def _around_spreads(model: Model, context: Context) -> Whitened[GroupTransform] | None:
    """As effects of groups and their unknown standard deviations have no mode together."""
    gradients = _gradients(model)
    if gradients is None:
        return None
    try:
        with threadpool_limits(limits=1):  # many small matrices, which more threads only wait for
            near = spread_coordinates(_smooth(model), context)
    except (NotApplicable, FitError, np.linalg.LinAlgError):
        return None
    if near is None:
        return None
    return Whitened(near.transform, near.mean, near.factor, near.transform.on_real_line(gradients))


def _on_simplex(model: Model) -> Whitened[SimplexTransform] | None:
    try:
        found = simplex_coordinates(model)
    except np.linalg.LinAlgError:
        return None
    return None if found is None else Whitened(SimplexTransform(), found.mode, found.factor, found.gradients)


def _gradients(model: Model) -> Gradients | None:
    """Log p(y, theta) and its gradient; None where they are not cheap, or no Normal is near."""
    if networks(model) or not model.names:
        return None
    problem = PointProblem(model, prior=True)
    return posterior_gradients(problem) if is_cheap(problem) else None


def _smooth(model: Model) -> Model:
    """Replace Laplace priors by Normals of their variances and round Laplace noise off, for the coordinates.

    A kink has no curvature to take scales from.
    """
    smooth = next(rounded_models(model)) if model.likelihood.kinked else model
    return replace(smooth, blocks=tuple(_without_kink(block) for block in model.blocks))


def _without_kink(block: Block) -> Block:
    if PRIORS[block.prior.distribution].kink is None:
        return block
    mu, b = block.prior.arguments["mu"], block.prior.arguments["b"]
    if isinstance(b, Scaled):
        sigma: Value = replace(b, factor=b.factor * math.sqrt(2.0))
    else:
        sigma = tuple((np.sqrt(2.0) * np.array(b)).tolist()) if isinstance(b, tuple) else b * math.sqrt(2.0)
    return replace(block, prior=Prior("Normal", {"mu": mu, "sigma": sigma}))
