"""Coordinates for effects of groups whose standard deviations s are unknown.

    l = log s,    u = Q (t v + t^2 h),    t_k = (1 / s^2 + p_k)^-1/2,    all else = w + B u

Given s, a Normal is near the posterior of the effects u and all else, and another one is near that of l,
whose density is Laplace's approximation, p(l | y) ~ s p(s) int p(y, z | s) dz (Tierney and Kadane 1986, JASA
81). The rows know u with a precision Q diag(p) Q' and a mean that Q t^2 h is shrunk from, whatever s is, and
all else depends on s through u alone, by the regression B. So l, v and w are near to a Normal together. The
widths of u itself go with s where rows say little, and do not where they say much: t is between the s of
effects that are not centred and the 1 of centred ones (Papaspiliopoulos, Roberts and Sköld 2007, Statistical
Science 22).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.inference.log_densities import block_log_priors
from bayescope.inference.method import Context
from bayescope.inference.normal_approximation import NormalApproximation, approximate
from bayescope.inference.settings import PointSettings
from bayescope.inference.transforms import Gradients, Transform, on_real_line
from bayescope.models import prior_density
from bayescope.models.fixing import fix
from bayescope.models.model import Block, Model
from bayescope.models.scales import scaled_of

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp]

_MOST_SPREADS, _MOST_UNKNOWNS = 4, 500  # with more, the search takes longer than to compile the graph
_SHIFTS = range(-1, 6)  # of l below the middle of its prior, where the search may start
_APART = 0.2  # of l, for differences
_NEAR = 0.1  # of l, where the search ends
_LONGEST, _MOST_STEPS = 1.5, 30  # of the search
_ROUGHLY = PointSettings(tolerance=1e-3)  # sds: of the density that is 1e-6 nats
_FLATTEST = 0.05  # curvature in l of a density that has a peak


class Effects(NamedTuple):
    """Effects that share a standard deviation.

    Attributes:
        where: their places in theta, k of them.
        spread: the place of their standard deviation.
        directions: Q, shape (k, k).
        precisions: p, shape (k,).
        pulls: h, shape (k,).
    """

    where: slice
    spread: int
    directions: Floats
    precisions: Floats
    pulls: Floats

    def widths(self, z: Floats) -> tuple[Floats, Floats]:
        """Return t and d log t / dl, shape (..., k), at z of shape (..., d)."""
        s = np.exp(z[..., self.spread, np.newaxis])
        share = 1.0 / (1.0 + self.precisions * s * s)
        return s * np.sqrt(share), share


@dataclass(frozen=True, eq=False)
class GroupTransform:
    """The way between z, which has l, v and w, and theta.

    Attributes:
        bounds: the way of each unknown to the real line.
        effects: those of each standard deviation.
        others: the places of all else.
        regression: B, shape (number of others, number of effects).
    """

    bounds: Transform
    effects: tuple[Effects, ...]
    others: Positions
    regression: Floats

    def inverse(self, z: Floats) -> Floats:
        """Return theta, shape (..., d)."""
        return self.bounds.inverse(self._line(z, [each.widths(z)[0] for each in self.effects]))

    def _line(self, z: Floats, widths: list[Floats]) -> Floats:
        """The unknowns on the real line, shape (..., d)."""
        line = np.array(z)
        for each, t in zip(self.effects, widths, strict=True):
            line[..., each.where] = (t * (z[..., each.where] + t * each.pulls)) @ each.directions.T
        line[..., self.others] += self._effects(line) @ self.regression.T
        return line

    def _effects(self, line: Floats) -> Floats:
        return np.concatenate([line[..., each.where] for each in self.effects], axis=-1)

    def apply(self, line: Floats) -> Floats:
        """Return z from the unknowns on the real line, shape (d,) each."""
        z = line.copy()
        for each in self.effects:
            t, _ = each.widths(line)
            z[each.where] = line[each.where] @ each.directions / t - t * each.pulls
        z[self.others] -= self.regression @ self._effects(line)
        return z

    def on_real_line(self, gradients: Gradients) -> Gradients:
        """Return log p(z) and its gradient at z of shape (c, d), from those of theta."""
        of_line = on_real_line(gradients, self.bounds)

        def on_line(z: Floats) -> tuple[Floats, Floats]:
            widths = [each.widths(z) for each in self.effects]
            values, slopes = of_line(self._line(z, [t for t, _ in widths]))
            carried, start = slopes[:, self.others] @ self.regression, 0
            for each, (t, share) in zip(self.effects, widths, strict=True):
                v, stop = z[:, each.where], start + len(each.pulls)
                slope = (slopes[:, each.where] + carried[:, start:stop]) @ each.directions
                values = values + np.log(t).sum(axis=1)
                slopes[:, each.spread] += np.vecdot(share, slope * t * (v + 2 * t * each.pulls) + 1.0)
                slopes[:, each.where], start = slope * t, stop
            return values, slopes

        return on_line


class Near(NamedTuple):
    """A Normal near the posterior of z: its mean, shape (d,), and a factor L of its covariance L L'."""

    transform: GroupTransform
    mean: Floats
    factor: Floats


def spread_coordinates(model: Model, context: Context) -> Near | None:
    """Find coordinates for a model with standard deviations of groups that are unknown.

    None where there are correlations, effects that are to stay centred, a standard deviation whose prior
    depends on another unknown or has an end, too many unknowns, or no peak.

    Raises:
        NotApplicable, FitError, LinAlgError: no Normal is near all else at some value of these.
    """
    spreads = _spreads(model)
    if spreads is None:
        return None
    context.report_progress("looking for the spreads of groups that the data know best")
    given = _Given(model, spreads, replace(context, report_progress=lambda _message: None))
    peak = _peak(given.log_density, _middle(model, spreads))
    if peak is None or given.near(peak[0]).modes > 1:
        return None
    return _together(given, *peak)


def _spreads(model: Model) -> Positions | None:
    """The positions of the standard deviations in theta; None where the model is too special."""
    labels = [label for group in model.groups for label in group.sds if label in model.names]
    spreads = np.sort([model.names.index(label) for label in labels])
    lower, upper = (bounds[spreads] for bounds in prior_density.prior_bounds(model))
    special = (
        model.centered
        or any(group.correlation is not None for group in model.groups)
        or any(scaled_of(block.prior.arguments) for block in _blocks(model, spreads))
        or np.any(lower != 0)
        or np.any(np.isfinite(upper))
    )
    many = len(spreads) > _MOST_SPREADS or len(model.names) > _MOST_UNKNOWNS
    return None if special or many else spreads


def _blocks(model: Model, spreads: Positions) -> list[Block]:
    return [block for block in model.blocks if block.start in spreads]


@dataclass(frozen=True, eq=False)
class _Given:
    """The posterior of all else, given l, shape (q,)."""

    model: Model
    spreads: Positions
    context: Context
    kept: dict[tuple[float, ...], NormalApproximation] = field(default_factory=dict)

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Flags of all else in theta."""
        return ~np.isin(np.arange(len(self.model.names)), self.spreads)

    def near(self, logs: Floats) -> NormalApproximation:
        """The Normal near it."""
        key = tuple(logs.tolist())
        if key not in self.kept:
            fixed = fix(self.model, self.free, self._theta(logs))
            self.kept[key] = approximate(fixed, _ROUGHLY, self.context, self._start(logs))
        return self.kept[key]

    def _start(self, logs: Floats) -> Floats | None:
        """The mode at the nearest l of those before."""
        nearest = min(self.kept, key=lambda known: float(np.abs(known - logs).sum()), default=None)
        return None if nearest is None else self.kept[nearest].mode

    def log_density(self, logs: Floats) -> float:
        """Log p(y, l), nats, by Laplace's approximation."""
        blocks = _blocks(self.model, self.spreads)
        priors = block_log_priors(self.model, self._theta(logs)[np.newaxis], blocks)
        return self.near(logs).log_total + float(sum(found[0] for _, found in priors) + logs.sum())

    def _theta(self, logs: Floats) -> Floats:
        theta = np.zeros(len(self.model.names))
        theta[self.spreads] = np.exp(logs)
        return theta


def _middle(model: Model, spreads: Positions) -> Floats:
    """The logarithms of the medians of the priors, 0 where one has none."""
    middle = np.zeros(len(spreads))
    for block in _blocks(model, spreads):
        distribution, given = DISTRIBUTIONS[block.prior.distribution], block.prior.arguments
        if distribution.proper:
            values = [np.asarray(given[argument.name]) for argument in distribution.arguments]
            median = distribution.quantile(np.array(0.5), *values)
            middle[(spreads >= block.start) & (spreads < block.stop)] = np.log(median)
    return middle


def _peak(value: Callable[[Floats], float], middle: Floats) -> tuple[Floats, Floats] | None:
    """Maximise by Newton's steps: the place, shape (q,), and the covariance there; None without a peak."""
    logs = max((middle - shift for shift in _SHIFTS), key=value)
    for _ in range(_MOST_STEPS):
        gradient, hessian = _differences(value, logs)
        curvature, directions = np.linalg.eigh(-hessian)
        step = directions @ (directions.T @ gradient / np.maximum(np.abs(curvature), _FLATTEST))
        step *= min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
        logs = logs + step
        if np.abs(step).max() < _NEAR:
            sharp = curvature[0] > _FLATTEST
            return (logs, directions / curvature @ directions.T) if sharp else None
    return None


def _differences(value: Callable[[Floats], float], logs: Floats) -> tuple[Floats, Floats]:
    """Gradient, shape (q,), and Hessian, shape (q, q), by central differences."""
    steps = _APART * np.eye(len(logs))
    here = value(logs)
    ahead, behind = (np.array([value(logs + sign * step) for step in steps]) for sign in (1, -1))
    hessian = np.diag(ahead - 2 * here + behind)
    for i, j in combinations(range(len(logs)), 2):
        both, apart = steps[i] + steps[j], steps[i] - steps[j]
        corners = value(logs + both) + value(logs - both) - value(logs + apart) - value(logs - apart)
        hessian[i, j] = hessian[j, i] = corners / 4
    return (ahead - behind) / (2 * _APART), hessian / _APART**2


def _together(given: _Given, logs: Floats, covariance: Floats) -> Near:
    """Put the Normal of all else, given l, together with that of l: its mean moves with l a little."""
    transform, free = _transform(given, logs), given.free

    def mean(logs: Floats) -> Floats:
        line = np.zeros(len(free))
        line[free], line[given.spreads] = given.near(logs).mode, logs
        return transform.apply(line)

    steps = _APART * np.eye(len(logs))
    moves = np.stack([(mean(logs + step) - mean(logs - step)) / (2 * _APART) for step in steps], axis=1)
    centre = mean(logs)
    # z is linear in the unknowns on the line where l stays as it is
    unit = np.eye(len(free))[free]
    line = transform.bounds.apply(transform.inverse(centre))
    slopes = np.stack([transform.apply(line + each) for each in unit]) - transform.apply(line)
    total = moves @ covariance @ moves.T + slopes.T @ given.near(logs).covariance @ slopes
    return Near(transform, centre, np.linalg.cholesky(total))


def _transform(given: _Given, logs: Floats) -> GroupTransform:
    """Take p, Q, h and B from the Normal that is near at l = `logs`."""
    model, free, near = given.model, given.free, given.near(logs)
    size = len(free)
    mode, covariance, precision = np.zeros(size), np.zeros((size, size)), np.zeros(size)
    mode[free], covariance[np.ix_(free, free)] = near.mode, near.covariance
    precision[given.spreads] = np.exp(-2 * logs)
    blocks, effects = {block.name: block for block in model.blocks}, []
    for group in model.groups:
        for name, label in zip(group.effects, group.sds, strict=True):
            if label in model.names:
                where = slice(blocks[name].start, blocks[name].stop)
                spread = model.names.index(label)
                own = np.linalg.inv(covariance[where, where])
                roots, directions = np.linalg.eigh((own + own.T) / 2)
                pulls = roots * (directions.T @ mode[where])
                known = np.maximum(roots - precision[spread], 0.0)
                effects.append(Effects(where, spread, directions, known, pulls))
    inside = np.concatenate([np.arange(size)[each.where] for each in effects])
    others = np.setdiff1d(np.flatnonzero(free), inside)
    regression = np.linalg.solve(covariance[np.ix_(inside, inside)], covariance[np.ix_(inside, others)]).T
    return GroupTransform(Transform(*prior_density.prior_bounds(model)), tuple(effects), others, regression)
