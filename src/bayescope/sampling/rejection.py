"""Rejection sampling: draws from a density that can only be evaluated, up to a constant.

    propose x ~ q, accept with probability p(x) / (M q(x)),  where p(x) <= M q(x) for all x

The accepted draws are independent draws from p / Z, and Z = M times the probability of acceptance.
Source: von Neumann (1951); Robert & Casella (2004), Monte Carlo Statistical Methods, section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]
type Seed = int | np.random.Generator

_SLACK = 1e-9  # rounding error of a difference of log densities
_MOST_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Rejection:
    """Accepted draws and what they cost.

    Attributes:
        draws: shape (size, ...).
        proposed: proposals made, up to the last accepted one.
        log_bound: log M.
    """

    draws: Floats
    proposed: int
    log_bound: float

    @property
    def acceptance_rate(self) -> float:
        """Share of proposals that were accepted."""
        return len(self.draws) / self.proposed

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the acceptance rate, a sqrt((1 - a) / accepted)."""
        rate = self.acceptance_rate
        return rate * math.sqrt((1 - rate) / len(self.draws))

    @property
    def log_constant(self) -> float:
        """Logarithm of the integral Z of the density: log M + log(acceptance rate)."""
        return self.log_bound + math.log(self.acceptance_rate)


def rejection(
    log_density: Callable[[Floats], Floats],
    propose: Callable[[np.random.Generator, int], Floats],
    log_proposal: Callable[[Floats], Floats],
    *,
    log_bound: float,
    size: int,
    seed: Seed,
    most_proposals: int = 100_000_000,
) -> Rejection:
    """Draw `size` times from exp(log_density), which need not integrate to 1.

    `propose(rng, N)` gives N proposals, shape (N, ...), of log density `log_proposal`; `log_bound` is
    log M with log_density <= log M + log_proposal everywhere. Both densities return shape (N,).

    Raises:
        ValueError: a proposal was found where the bound does not hold (the draws would be
            wrong), a log density is nan, or `most_proposals` did not give `size` draws.

    >>> triangle = rejection(lambda x: np.log(2 * x), lambda rng, n: rng.random(n), np.zeros_like,
    ...                      log_bound=np.log(2.0), size=1000, seed=1)
    >>> triangle.draws.shape, abs(triangle.acceptance_rate - 0.5) < 4 * triangle.standard_error
    ((1000,), True)
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}.")
    rng = np.random.default_rng(seed)
    accepted: list[Floats] = []
    found = proposed = 0
    while found < size:
        if proposed >= most_proposals:
            raise ValueError(
                f"{found} of {proposed} proposals were accepted, {size} were wanted: "
                "use a proposal closer to the density, or a smaller bound."
            )
        count = min(max(2 * (size - found), 1000), _MOST_AT_ONCE, most_proposals - proposed)
        x = np.asarray(propose(rng, count))
        kept = np.flatnonzero(_accept(rng, x, log_density(x) - log_proposal(x) - log_bound))
        kept = kept[: size - found]
        accepted.append(x[kept])
        found += len(kept)
        proposed += int(kept[-1]) + 1 if found == size else count
    return Rejection(np.concatenate(accepted), proposed, log_bound)


def _accept(rng: np.random.Generator, x: Floats, log_ratio: Floats) -> Flags:
    if np.isnan(log_ratio).any():
        raise ValueError(f"the log density or that of the proposal is nan at {x[np.isnan(log_ratio)][0]}.")
    worst = int(np.argmax(log_ratio))
    if log_ratio[worst] > _SLACK:
        raise ValueError(
            f"the bound does not hold at {x[worst]}: log_density - log_proposal exceeds log_bound "
            f"by {log_ratio[worst]:.3g} there. Raise log_bound by at least that much."
        )
    return np.asarray(np.log(1 - rng.random(len(x))) <= log_ratio)
