"""What a head is: the log density of a response with its derivatives in the parameters, and how to draw it.

A head has three functions. `log_density(y, trials, psi)` is -inf where psi is outside of its
support; `derivatives(y, trials, psi)` returns the first derivatives in the k parameters, shape
(k, n), and the second, shape (k, k, n); `sample(rng, trials, psi)` draws a response. psi is a
tuple of arrays or numbers; everything broadcasts, and nothing warns. The heads themselves stand in
`heads_unit`, `heads_counts`, `heads_positive`, `heads_real` and, of vectors, in `vector_heads`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.likelihood import Together
from bayescope.distributions.supports import SIMPLEX

type Floats = NDArray[np.float64]
type LogDensity = Callable[..., Floats]
type Derivatives = Callable[..., tuple[Floats, Floats]]

quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


class Head(NamedTuple):
    """The functions of one likelihood."""

    log_density: LogDensity
    derivatives: Derivatives
    sample: Callable[..., Floats]


def stacked(first: Any, second: Any) -> tuple[Floats, Floats]:
    """Give derivatives in one parameter the shapes (1, n) and (1, 1, n)."""
    return np.asarray(first)[np.newaxis], np.asarray(second)[np.newaxis, np.newaxis]


def matrix(first: tuple[Any, Any], own: tuple[Any, Any], mixed: Any) -> tuple[Floats, Floats]:
    """Give derivatives in two parameters the shapes (2, n) and (2, 2, n)."""
    a, b, aa, bb, ab = np.broadcast_arrays(*first, *own, mixed)
    return np.stack([a, b]), np.stack([np.stack([aa, ab]), np.stack([ab, bb])])


def weighed(
    log_density: Floats, first: Floats, second: Floats, weights: Floats | None, trials: Any = 1.0
) -> Together:
    """Count rows by their weights, shape (n,); one that occurs zero times says nothing, not even -inf."""
    if weights is None:
        occurs = np.broadcast_to(np.greater(trials, 0.0), second.shape)
    else:
        occurs = np.greater(weights, 0.0) & np.greater(trials, 0.0)
        log_density, first, second = (
            np.multiply(values, weights, out=np.zeros(len(values)), where=weights > 0.0)
            for values in (log_density, first, second)
        )
    return Together(
        float(log_density.sum()), first, second, float(np.min(-second, where=occurs, initial=np.inf))
    )


# One of several categories, coded 0, 1, ...; the probabilities run along the last axis of p


@quiet
def _categorical_log_density(y: Floats, _: None, psi: tuple[Floats]) -> Floats:
    p, codes = np.asarray(psi[0]), np.asarray(y, dtype=np.int64)
    own = p[codes] if p.ndim == 1 else np.take_along_axis(p, codes[..., np.newaxis], axis=-1)[..., 0]
    return np.where(SIMPLEX.violations(p), -np.inf, np.log(own))


def _categorical_derivatives(*_: Any) -> NoReturn:
    raise ValueError("the probabilities of a Categorical sum to 1: they have no derivatives one by one")


def _categorical_sample(rng: np.random.Generator, _: None, psi: tuple[Floats]) -> Floats:
    ends = np.cumsum(psi[0], axis=-1)
    u = rng.uniform(size=(*ends.shape[:-1], 1)) * ends[..., -1:]
    return np.asarray(np.sum(u >= ends, axis=-1), dtype=np.float64)


CATEGORICAL = Head(_categorical_log_density, _categorical_derivatives, _categorical_sample)
