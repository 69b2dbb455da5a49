"""Draws of a Normal approximation whose cutpoints are in order: those that are not are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.fit import Outcome
from bayescope.models.model import Model
from bayescope.models.order import in_order, ordered_positions

type Floats = NDArray[np.float64]

_LEAST_SHARE = 0.5
_MOST_OUTSIDE = 0.01


class Rising(NamedTuple):
    """Draws, shape (size, d), with what is known of those that were out of order."""

    draws: Floats
    details: Mapping[str, Any]
    outcome: Outcome | None


def draws_in_order(model: Model, draw: Callable[[], Floats], size: int) -> Rising:
    """Return `size` draws with rising cutpoints: the Normal cut off where two of them meet.

    Raises:
        FitError: half of the Normal or more is out of order.
    """
    drawn = draw()
    if len(ordered_positions(model)) < 2:
        return Rising(drawn, {}, None)
    kept = drawn[in_order(model, drawn)]
    share = len(kept) / size
    if share <= _LEAST_SHARE:
        raise FitError(
            f"only {100 * share:.0f} % of the Normal approximation has its cutpoints in order.",
            "Use nuts, or put rare levels together.",
        )
    while len(kept) < size:
        drawn = draw()
        kept = np.concatenate([kept, drawn[in_order(model, drawn)]])
    flag = Outcome(
        "flagged",
        f"{100 * (1 - share):.1f} % of the Normal approximation has cutpoints out of order; the draws leave "
        "that out.",
        "Use nuts.",
    )
    return Rising(kept[:size], {"share_in_order": share}, flag if 1 - share > _MOST_OUTSIDE else None)
