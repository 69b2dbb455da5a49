"""What is said of a posterior whose tails are so heavy that it has no mean or no variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Outcome

type Floats = NDArray[np.float64]


def heavy_tails(
    names: Sequence[str], means: Floats, variances: Floats, whose: str = "the parameters"
) -> Outcome:
    """Flag moments that do not exist: inf or nan among the means and variances, each of shape (d,).

    `whose` prior would mend it.
    """
    has_mean, has_sd = np.isfinite(means), np.isfinite(variances)
    missing = {"mean and sd": ~has_mean, "sd": has_mean & ~has_sd}
    parts = [
        f"no {what} of {', '.join(np.array(names)[where])}" for what, where in missing.items() if where.any()
    ]
    if not parts:
        return Outcome()
    return Outcome(
        "flagged",
        f"The posterior has {' and '.join(parts)}: its tails are too heavy.",
        f"Read medians and intervals, or give {whose} a prior with lighter tails.",
    )
