"""What recognising a model as solvable gives: a solver, and the posterior that it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Marginal, Outcome

type Floats = NDArray[np.float64]

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class ExactPosterior:
    """A posterior known without sampling; everything in the order of theta.

    Attributes:
        applies: the name of the closed form ("Beta-Bernoulli").
        mean: shape (d,).
        covariance: shape (d, d).
        marginals: one for each unknown.
        draw: from a generator and a number S to independent draws, shape (S, d).
        log_evidence: log p(y), nats; None when a prior is improper.
        outcome: "ok", or "flagged" where a moment is infinite.
        details: what else to report, JSON-able.
    """

    applies: str
    mean: Floats
    covariance: Floats
    marginals: tuple[Marginal, ...]
    draw: Callable[[np.random.Generator, int], Floats]
    log_evidence: float | None
    outcome: Outcome = field(default_factory=Outcome)
    details: Mapping[str, Any] = field(default=_EMPTY)


type Solver = Callable[[float], ExactPosterior]
"""Solves the recognised model to a relative error (the tolerance); raises FitError."""
