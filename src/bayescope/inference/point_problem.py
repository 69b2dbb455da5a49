"""A model as the objective of a point estimate: -log p(y | theta), for MAP with -log p(theta) added.

Inside the solver a positive parameter (sigma) is replaced by its logarithm *without* a Jacobian: the
density is only relabelled, so its mode does not move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.certificate import has_maximum
from bayescope.inference.log_coordinates import in_logs, out_of_logs
from bayescope.inference.newton import Solution, minimise
from bayescope.inference.normal_statistics import NormalStatistics, normal_statistics
from bayescope.inference.objective import Derivatives, Known, Objective
from bayescope.inference.settings import PointSettings
from bayescope.inference.working_set import MANY, minimise_working_set
from bayescope.models import density, prior_density
from bayescope.models.density import Evaluation
from bayescope.models.fixing import fix
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

_SMALL = 1000  # unknowns, the most that have a covariance matrix
_TALL = 32  # rows for each unknown: from there on the Gram matrix costs more than what is solved with it
_SLACK = 5e-5  # of a Hessian of many rows: a standard error's own error, 1 / sqrt(2 n) of it, is far larger


class PointProblem:
    """A model as an objective to be minimised, with (MAP) or without (MLE) its prior.

    One that is `plain` takes no shortcut: no Gram matrix, no derivatives made together, no power series,
    no start from few rows.
    """

    def __init__(self, model: Model, *, prior: bool, plain: bool = False) -> None:
        self.model = _by_chain_rule(model) if plain else model
        self.prior = prior
        self.plain = plain
        self.evaluated: Evaluation | None = None  # the last with a Hessian
        self._known: tuple[bytes, float] | None = None  # the last theta with its log-likelihood
        self._last: tuple[bytes, Derivatives] | None = None  # the last theta with all derivatives

    @cached_property
    def normal(self) -> NormalStatistics | None:
        """The data, compressed, when the likelihood is Normal with one sigma."""
        return normal_statistics(self.model, gram=not self.plain)

    @cached_property
    def objective(self) -> Objective:
        """The negative log density in theta itself."""
        model = self.model
        box = self._likelihood_bounds
        lower, upper = prior_density.within_prior(model, *box) if self.prior else box
        nothing = np.zeros(len(model.names))
        location, weight = prior_density.kinks(model) if self.prior else (nothing, nothing)
        return Objective(self._value, self._derivatives, lower, upper, location, weight, self._slopes_alone)

    @cached_property
    def _likelihood_bounds(self) -> tuple[Floats, Floats]:
        return density.likelihood_bounds(self.model)

    @cached_property
    def positive(self) -> Flags:
        """Elements of theta that the solver sees by their logarithm."""
        lower, upper = self._likelihood_bounds
        return np.asarray((lower == 0) & np.isinf(upper))

    @cached_property
    def limits(self) -> Floats:
        """The largest value of each element that is tried: where its likelihood has become a simpler one."""
        limits = np.full(len(self.model.names), np.inf)
        for predictor in self.model.predictors:
            limit = self.model.likelihood.parameter(predictor.parameter).limit
            if limit is not None and predictor.matrix is None and predictor.link == "identity":
                limits[predictor.index] = limit.value
        return limits

    @cached_property
    def smooth_prior(self) -> Callable[[Floats], Derivatives] | None:
        """The smooth part of log p(theta), with its derivatives; None where there is nothing smooth in it."""
        return prior_density.smooth_prior(self.model) if self.prior else None

    @property
    def _slopes_alone(self) -> Callable[[Floats], tuple[float, Floats]] | None:
        """The value and gradient, where every derivative costs one pass over the rows or none."""
        return None if networks(self.model) else self._value_and_slopes

    def _value_and_slopes(self, theta: Floats) -> tuple[float, Floats]:
        if self.normal is None:
            value, gradient, _, _ = self._evaluate(theta, order=1)
        else:
            value, gradient, _ = self.normal.derivatives(theta)
        if self.smooth_prior is not None:
            smooth, slope, _ = self.smooth_prior(theta)
            value, gradient = value + smooth, gradient + slope
        return -value, -gradient

    def _evaluate(self, theta: Floats, order: int) -> Evaluation:
        """One pass over the rows, remembered."""
        found = density.evaluate(self.model, theta, order=order)
        self._known = theta.tobytes(), found.value
        if order == 2:
            self.evaluated = found
        return found

    def _value(self, theta: Floats) -> float:
        value = self.log_likelihood(theta)
        return -value - (0.0 if self.smooth_prior is None else self.smooth_prior(theta)[0])

    def _derivatives(self, theta: Floats) -> Derivatives:
        """Differentiate, but not again where the last search of a path ended and the next begins."""
        place = theta.tobytes()
        if self._last is None or self._last[0] != place:
            self._last = place, self._differentiate(theta)
        return self._last[1]

    def _differentiate(self, theta: Floats) -> Derivatives:
        if self.normal is None:
            value, gradient, hessian, _ = self._evaluate(theta, order=2)
        else:
            value, gradient, hessian = self.normal.derivatives(theta)
        if self.smooth_prior is not None:
            smooth, slope, curvature = self.smooth_prior(theta)
            value, gradient, hessian = value + smooth, gradient + slope, hessian + curvature
        return -value, -gradient, -hessian

    def log_likelihood(self, theta: Floats) -> float:
        """Return log p(y | theta) in nats."""
        if self.normal is not None:
            return self.normal.log_likelihood(theta)
        place = theta.tobytes()
        if not (self._known and self._known[0] == place):
            self._known = place, density.log_likelihood(self.model, theta)
        return self._known[1]

    @cached_property
    def sparse(self) -> bool:
        """Whether there are so many kinks that most unknowns are expected to rest at theirs."""
        if self.model.likelihood.multivariate or networks(self.model):
            return False
        if np.count_nonzero(self.objective.weight) <= MANY:
            return False
        # all at once then cost little more than the Gram matrix, which is needed anyway
        size = len(self.model.names)
        tall = size <= _SMALL and len(self.model.response.values) >= _TALL * size
        return not tall or self.normal is None

    @cached_property
    def provable(self) -> bool:
        """Whether a search that ends well proves that there was something to find; see `certificate`."""
        location = self.model.location
        return (
            location.link in self.model.likelihood.together and location.network is None and not self.sparse
        )

    def has_maximum(self) -> bool:
        """Tell whether the likelihood surely has a maximum over the coefficients without proper priors."""
        size = len(self.model.names)
        chosen = np.flatnonzero(prior_density.flat_elements(self.model) if self.prior else np.ones(size))
        if not len(chosen) or (self.evaluated is not None and has_maximum(self.evaluated, chosen)):
            return True
        # where the search ended; its last Hessian may be of a place before
        if self._known is None:
            return False
        return has_maximum(self._evaluate(np.frombuffer(self._known[0]), order=2), chosen)

    def minimise(self, start: Floats, settings: PointSettings, curvature: Known | None = None) -> Solution:
        """Solve from `start`; theta of the solution is in the model's own parameters.

        `curvature` is that of a place near enough for the first steps.
        """
        if not self.sparse:
            return self.minimise_all(start, settings, curvature)
        return minimise_working_set(
            self.objective,
            self.slopes,
            lambda free, theta: self.given(free, theta).minimise_all(theta[free], settings),
            start,
            settings.tolerance,
        )

    def _enough(self, tolerance: float) -> float:
        """The residual that is not made smaller: every further step reads all rows, or is rounding error."""
        if networks(self.model):
            return 0.0
        return tolerance if self.normal is None else min(tolerance, 1e-12)

    def with_priors_of(self, model: Model) -> PointProblem:
        """The problem of a model that differs in its priors alone: what was made of the rows is kept."""
        other = PointProblem(model, prior=self.prior, plain=self.plain)
        other.__dict__["normal"] = self.normal
        return other

    def with_kinks(self, weight: Floats) -> PointProblem:
        """The same problem with other weights of its kinks, shape (d,); not one that is `sparse`."""
        other = PointProblem(self.model, prior=self.prior, plain=self.plain)
        other.__dict__.update(
            normal=self.normal,
            sparse=False,
            positive=self.positive,
            limits=self.limits,
            smooth_prior=self.smooth_prior,
            objective=replace(self.objective, weight=weight),
        )
        return other

    def curvature(self, end: Solution) -> Floats:
        """Return the Hessian of the negative log density where the solver ended, shape (d, d)."""
        return self.objective.derivatives(end.theta)[2] if end.hessian is None else end.hessian

    def given(self, free: Flags, theta: Floats) -> PointProblem:
        """The problem of the `free` unknowns, the others being fixed at their values in `theta`."""
        return PointProblem(fix(self.model, free, theta), prior=self.prior, plain=self.plain)

    def slopes(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return the gradient of the smooth part and the diagonal of its Hessian, each of shape (d,)."""
        gradient, diagonal = density.likelihood_slopes(self.model, theta)
        if self.prior:
            slope, curvature = prior_density.smooth_prior_slopes(self.model, theta)
            gradient, diagonal = gradient + slope, diagonal + curvature
        return -gradient, -diagonal

    def minimise_all(
        self, start: Floats, settings: PointSettings, curvature: Known | None = None
    ) -> Solution:
        """Solve for all unknowns at once, however many have kinks; see `minimise`."""
        limited = self.objective
        if np.isfinite(self.limits).any():
            limited = replace(limited, upper=np.minimum(limited.upper, self.limits))
        if curvature is not None:
            limited = replace(limited, slack=_SLACK)
        found = minimise(
            in_logs(limited, self.positive),
            np.where(self.positive, np.log(np.where(self.positive, start, 1.0)), start),
            tolerance=settings.tolerance,
            max_iterations=settings.max_iterations,
            curvature=curvature,
            enough=self._enough(settings.tolerance),
        )
        return out_of_logs(found, limited, self.positive)


def _by_chain_rule(model: Model) -> Model:
    """The model without what its head knows of density and derivatives together, or of their series."""
    return replace(model, likelihood=replace(model.likelihood, together={}, expansion={}))
