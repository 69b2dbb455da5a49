"""What double precision leaves of a log density whose terms are huge, as those of counts from 1e13 on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError

type Floats = NDArray[np.float64]

MOST_ROUNDING = 0.5
"""Nats: a Normal log density falls by so much in one sd."""

_STEPS = 32
_STEP = 1e-7  # sds: a smooth log density bends by 1e-14 nats over it


def rounded_away(lost: float) -> dict[str, str]:
    """Say why there is no evidence, where rounding may move it by `lost` nats, more than is allowed."""
    why = f"not computed: its terms are so large that rounding moves their sum by {lost:.2g} nats"
    return {"log_evidence": why} if not lost <= MOST_ROUNDING else {}


def rounding(log_density: Callable[[Floats], Floats], centre: Floats, factor: Floats) -> float:
    """Measure by how many nats (rms) rounding moves a log density near `centre`, along all axes at once.

    `log_density` takes points of shape (S, d) and gives shape (S,); `factor`, shape (d, d), times its
    transpose is the covariance. The variance of the second differences of noise is six times its own.
    """
    steps = _STEP * np.arange(_STEPS)[:, np.newaxis]
    values = log_density(centre + steps * factor.sum(axis=1))
    if not np.isfinite(values).all():
        return 0.0  # an end of the support, which is no matter of rounding
    return float(np.sqrt(np.mean(np.square(np.diff(values, 2))) / 6))


def refuse_rounding(lost: float) -> None:
    """Refuse a log density that rounding blurs over a whole sd. Raises FitError."""
    if lost > MOST_ROUNDING:
        raise FitError(
            f"The log density has terms so large that rounding moves their sum by {lost:.2g} nats, and "
            "it falls by half a nat in a whole sd.",
            "Give the counts in larger units.",
            exact="",
            laplace="for the derivatives alone",
        )
