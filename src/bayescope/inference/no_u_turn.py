"""One chain of the No-U-Turn sampler, as a generator: it yields a point and is sent the density there.

    H(u, p) = -log pi(u) + p'p / 2          trajectories double until they turn back on themselves
            = (u'u + p'p) / 2 + V(u)        a step: p kicked by -grad V, (u, p) turned, p kicked again

u are the coordinates in which the density is near to a standard Normal, V is what is left of it. Under the
first part alone (u, p) moves in a circle, which is followed exactly: the error of a step is that of V, so
that a posterior near to a Normal takes three long steps a draw where leapfrog ones, which are these with all
of -log pi in V, take seven. The next draw is a point of the trajectory with probability proportional to
exp(-H), later halves preferred. Whoever drives several chains can evaluate the density at all their points
at once. Sources: Shahbaba, Lan, Johnson and Neal (2014), Split Hamiltonian Monte Carlo, Statistics and
Computing 24, for the step; Hoffman and Gelman (2014), The No-U-Turn Sampler, JMLR 15, for the doubling and
the step size; Betancourt (2017), A Conceptual Introduction to Hamiltonian Monte Carlo, appendix A, for the
weights and the criterion of turning, and the Stan reference manual for that criterion across the halves of
a trajectory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.warm_up import Coordinates, StepSize, windows

type Floats = NDArray[np.float64]

_DIVERGENCE = 1000.0  # nats of energy, as in Stan and PyMC
_NEARLY_NORMAL = 1.0  # radians
_STRIDE = 0.9  # radians: of three such steps, which pass a quarter of the circle


class At(NamedTuple):
    """The log density, nats, at a point and its gradient, shape (d,)."""

    log_density: float
    gradient: Floats


type Asks[R] = Generator[Floats, At, R]


@dataclass(frozen=True)
class Plan:
    """How long a chain is and how carefully it moves; see `NutsSettings`."""

    draws: int
    tune: int
    target_accept: float
    max_treedepth: int


class Draw(NamedTuple):
    """A draw, shape (d,), with ArviZ's statistics of its trajectory."""

    z: Floats
    lp: float
    energy: float
    tree_depth: int
    n_steps: int
    diverging: bool
    reached_max_treedepth: bool
    acceptance_rate: float
    step_size: float


class _State(NamedTuple):
    """A point on a trajectory: z, the same as u, its momentum there, and -grad V."""

    z: Floats
    u: Floats
    momentum: Floats
    force: Floats
    gradient: Floats
    log_density: float
    energy: float


class _Tree(NamedTuple):
    """A stretch of trajectory, from its start to its end in the direction of building.

    `weight` is the log of the sum of exp(H0 - H), `momenta` the sum of the momenta, `chosen` the point that
    stands for it; `stops` says that it turns or diverges, and must not be used.
    """

    start: _State
    end: _State
    chosen: _State
    momenta: Floats
    weight: float
    acceptance: float
    steps: int
    stops: bool
    diverging: bool


type Turned = Callable[[Floats, _State, _State], bool]
"""Tells whether a stretch, by the sum of its momenta and its two ends, turns back on itself."""


class Stride(NamedTuple):
    """The angle of a step, and the criterion that ends a trajectory."""

    size: float
    turned: Turned


def settled(size: float) -> Stride:
    """Return the stride after a warm-up that ended with steps of this size.

    Steps that may be so long are those of a posterior very near to a Normal, whose trajectories are circles.
    Half a circle on, where they make their U-turn, x is near to -x: means would be known better than by
    independent draws, but spreads worse. A quarter on, x is independent of where it came from.
    """
    return Stride(_STRIDE, _right_angle) if size >= _NEARLY_NORMAL else Stride(size, _u_turn)


def chain(
    start: Floats, known: Coordinates, plan: Plan, rng: np.random.Generator, draws: list[Draw]
) -> Asks[None]:
    """Run one chain from `start`, shape (d,); yields points, shape (d,), and appends to `draws`.

    The first `plan.tune` of them are the warm-up, which learns the step size, and better coordinates than
    those that are known.
    """
    found = yield start
    here = (start, found)
    step = StepSize(plan.target_accept, len(start))
    ends = windows(plan.tune)
    for iteration in range(plan.tune + plan.draws):
        tuning = iteration < plan.tune
        stride = Stride(step.current, _u_turn) if tuning else settled(step.final)
        draw, gradient = yield from _transition(here, known, stride, plan.max_treedepth, rng)
        here = (draw.z, At(draw.lp, gradient))
        draws.append(draw)
        if not tuning:
            continue
        step.learn(draw.acceptance_rate)
        if ends[0] <= iteration < ends[-1]:
            known.learn(draw.z, gradient)
            if iteration + 1 in ends:
                known.renew()
                step.restart()


def _transition(
    here: tuple[Floats, At], known: Coordinates, stride: Stride, deepest: int, rng: np.random.Generator
) -> Asks[tuple[Draw, Floats]]:
    """Move from `here`; returns the draw and the gradient there."""
    z, at = here
    origin = state_at(known, z, rng.standard_normal(len(z)), at)
    energy, momentum = origin.energy, origin.momentum
    tree = _Tree(origin, origin, origin, momentum, 0.0, 0.0, 0, stops=False, diverging=False)
    depth = 0
    while depth < deepest and not tree.stops:
        forward = rng.random() < 0.5
        if not forward:
            tree = tree._replace(start=tree.end, end=tree.start)
        build = _Builder(known, stride.size if forward else -stride.size, stride.turned, energy, rng)
        new = yield from build.tree(tree.end, depth)
        tree = build.join(tree, new, biased=True)
        if not forward:
            tree = tree._replace(start=tree.end, end=tree.start)
        depth += 1
    chosen = tree.chosen
    draw = Draw(
        z=chosen.z,
        lp=chosen.log_density,
        energy=chosen.energy,
        tree_depth=depth,
        n_steps=tree.steps,
        diverging=tree.diverging,
        reached_max_treedepth=depth == deepest and not tree.stops,
        acceptance_rate=tree.acceptance / tree.steps,
        step_size=stride.size,
    )
    return draw, chosen.gradient


def state_at(known: Coordinates, z: Floats, momentum: Floats, at: At) -> _State:
    """Return the state at z with a momentum, both of shape (d,)."""
    u = (z - known.centre) / known.scale
    energy = 0.5 * float(momentum.dot(momentum)) - at.log_density
    return _State(z, u, momentum, known.scale * at.gradient + u, at.gradient, at.log_density, energy)


@dataclass(frozen=True)
class _Builder:
    """Builds trees in one direction of a trajectory that started with `energy`; a `step` < 0 goes back."""

    known: Coordinates
    step: float
    turned: Turned
    energy: float
    rng: np.random.Generator

    @cached_property
    def turn(self) -> tuple[float, float]:
        """The cosine and the sine of the angle of a step."""
        return math.cos(self.step), math.sin(self.step)

    def tree(self, edge: _State, depth: int) -> Asks[_Tree]:
        """Build 2^depth points onwards from `edge`."""
        if depth == 0:
            return (yield from self.leaf(edge))
        first = yield from self.tree(edge, depth - 1)
        if first.stops:
            return first
        second = yield from self.tree(first.end, depth - 1)
        return self.join(first, second, biased=False)

    def leaf(self, edge: _State) -> Asks[_Tree]:
        """Take one step."""
        (cosine, sine), half_step, known = self.turn, 0.5 * self.step, self.known
        half = edge.momentum + half_step * edge.force
        u = cosine * edge.u + sine * half
        z = known.centre + known.scale * u
        at = yield z
        force = known.scale * at.gradient + u
        momentum = cosine * half - sine * edge.u + half_step * force
        energy = 0.5 * float(momentum.dot(momentum)) - at.log_density
        gain = self.energy - energy if math.isfinite(energy) else -math.inf
        state = _State(z, u, momentum, force, at.gradient, at.log_density, energy)
        diverging = gain < -_DIVERGENCE
        return _Tree(state, state, state, momentum, gain, math.exp(min(gain, 0.0)), 1, diverging, diverging)

    def join(self, first: _Tree, second: _Tree, *, biased: bool) -> _Tree:
        """Put `second` behind `first`; `biased` prefers its points, which the detailed balance allows."""
        weight = _log_sum(first.weight, second.weight)
        momenta = first.momenta + second.momenta
        chosen, turning = first.chosen, second.stops
        if not second.stops:
            if math.log1p(-self.rng.random()) < second.weight - (first.weight if biased else weight):
                chosen = second.chosen
            turning = self.turns(first, second, momenta)
        return _Tree(
            first.start,
            second.end,
            chosen,
            momenta,
            weight,
            first.acceptance + second.acceptance,
            first.steps + second.steps,
            turning,
            second.diverging,
        )

    def turns(self, first: _Tree, second: _Tree, momenta: Floats) -> bool:
        """Tell whether the whole, or the step from one half to the other, turns back on itself."""
        if self.turned(momenta, first.start, second.end):
            return True
        if first.start is first.end and second.start is second.end:
            return False
        return self.turned(first.momenta + second.start.momentum, first.start, second.start) or self.turned(
            second.momenta + first.end.momentum, first.end, second.end
        )


def _log_sum(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b)) of numbers of which the first is finite."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def _u_turn(momenta: Floats, start: _State, end: _State) -> bool:
    return not (momenta.dot(start.momentum) > 0 and momenta.dot(end.momentum) > 0)


def _right_angle(_momenta: Floats, start: _State, end: _State) -> bool:
    return not start.momentum.dot(end.momentum) > 0
