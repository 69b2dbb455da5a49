"""What the warm-up of a Hamiltonian chain learns: its step size, the centre and the scale of each coordinate.

    log e_{t+1} = mu - sqrt(t) / gamma * mean(target - acceptance)      dual averaging
    s_j^2       = sqrt(var z_j / var g_j),  g = grad log pi             scales
    c_j         = mean z_j + s_j^2 mean g_j                             centres

For a Normal c_j and s_j are the mean and the sd of z_j given that coordinates are independent, and then they
have no sampling error. Sources: Hoffman and Gelman (2014), JMLR 15, section 3.2; nutpie's adaptation for the
scales; the Stan reference manual for the windows.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

_GAMMA, _T0, _KAPPA = 0.05, 10.0, 0.75
_FIRST, _BASE, _LAST = 75, 25, 50
_LONGEST = 1.2  # radians: from pi / 2 on, points of a circle no longer show that it was gone round


def windows(tune: int) -> list[int]:
    """Return the ends of the stretches of a warm-up of `tune` iterations.

    Up to the first the chain finds its way; at each of the others, every stretch twice as long as the one
    before, the scales are renewed; what is left after the last is for the step size alone.
    """
    first, base, last = _FIRST, _BASE, _LAST
    if tune < first + base + last:
        first, last = int(0.15 * tune), int(0.1 * tune)
        base = tune - first - last
    ends = [first]
    while ends[-1] < tune - last:
        following = ends[-1] + base
        base *= 2
        ends.append(following if following + base <= tune - last else tune - last)
    return ends


class StepSize:
    """The step size with which the mean acceptance probability is `target`."""

    def __init__(self, target: float, size: int) -> None:
        self.target = target
        self.current = size**-0.25  # of the right order where the scales are (Neal 2011, section 5.4.4)
        self.restart()

    def restart(self) -> None:
        """Forget how it was found, but not what it is."""
        self._centre = math.log(2.0 * self.current)  # a little more than is known to do
        self._shortfall, self._log_mean, self._count = 0.0, math.log(self.current), 0

    def learn(self, acceptance: float) -> None:
        """Make the next steps longer after an acceptance above the target, else shorter."""
        self._count += 1
        share = 1.0 / (self._count + _T0)
        self._shortfall += share * (self.target - acceptance - self._shortfall)
        log_size = self._centre - math.sqrt(self._count) / _GAMMA * self._shortfall
        log_size = min(log_size, math.log(_LONGEST))
        forget = self._count**-_KAPPA
        self._log_mean += forget * (log_size - self._log_mean)
        self.current = math.exp(log_size)

    @property
    def final(self) -> float:
        """The average of the step sizes that were tried, recent ones counting more."""
        return math.exp(self._log_mean)


class Coordinates:
    """The centre and the scale of each coordinate z, shape (d,): u = (z - centre) / scale is near to N(0, 1).

    They are learned from draws and the gradients there.
    """

    def __init__(self, centre: Floats, scale: Floats) -> None:
        self.centre, self.scale = centre, scale
        self._draws: list[Floats] = []
        self._gradients: list[Floats] = []

    def learn(self, draw: Floats, gradient: Floats) -> None:
        """Take a draw of the current window into account."""
        self._draws.append(draw)
        self._gradients.append(gradient)

    def renew(self) -> None:
        """Replace them by those of the window that ends; keep those that it says nothing of."""
        draws, gradients = np.stack(self._draws), np.stack(self._gradients)
        spread, steepness = draws.var(axis=0), gradients.var(axis=0)
        known = (spread > 0) & (steepness > 0) & np.isfinite(spread) & np.isfinite(steepness)
        square = np.sqrt(np.divide(spread, steepness, out=np.ones_like(spread), where=known))
        centre = draws.mean(axis=0) + square * gradients.mean(axis=0)
        self.scale = np.where(known, np.sqrt(square), self.scale)
        self.centre = np.where(known, centre, self.centre)
        self._draws, self._gradients = [], []
