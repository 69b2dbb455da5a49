"""What recognising a model as solvable gives: sufficient statistics, how they pool, and the posterior.

    posterior(old rows and new rows) = solve(pool([statistics(old rows), statistics(new rows)]))

The data enter by their statistics only, which is what updating rests on: no old row is needed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Marginal, Outcome
from bayescope.inference.predictive import Predictive
from bayescope.inference.predictive_vectors import VectorPredictive
from bayescope.models.model import Model

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
        predict: from a model of new rows to the predictive distribution of their responses; None: by draws.
    """

    applies: str
    mean: Floats
    covariance: Floats
    marginals: tuple[Marginal, ...]
    draw: Callable[[np.random.Generator, int], Floats]
    log_evidence: float | None
    outcome: Outcome = field(default_factory=Outcome)
    details: Mapping[str, Any] = field(default=_EMPTY)
    predict: Callable[[Model], Predictive | VectorPredictive | None] = field(default=lambda _: None)


type Statistics = Mapping[str, Any]
"""Sufficient statistics of some rows, JSON-able: "kind" (what they are of), "observations", and the rest."""


@dataclass(frozen=True, eq=False)
class Solvable:
    """A model that was recognised as solvable.

    Attributes:
        statistics: sufficient statistics of the model's rows.
        pool: from the statistics of parts of some data, at least one, to those of all of them.
        solve: from statistics and a tolerance (relative error) to the posterior; raises FitError.
    """

    statistics: Statistics
    pool: Callable[[Sequence[Statistics]], Statistics]
    solve: Callable[[Statistics, float], ExactPosterior]
