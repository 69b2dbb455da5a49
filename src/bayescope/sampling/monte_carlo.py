"""Monte Carlo expectation: the mean of draws, with its standard error.

    E f(X) ~ m = 1/N sum_i f(x_i),    standard error = s / sqrt(N),  s^2 = 1/(N-1) sum_i (f(x_i) - m)^2

Four times the draws halve the error, in any dimension.
Source: Robert & Casella (2004), Monte Carlo Statistical Methods (2nd ed.), section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Estimate:
    """An expectation and its Monte Carlo standard error, numbers or arrays of one shape.

    Attributes:
        value: the estimate.
        standard_error: of `value`; its square falls as 1 / draws.
        draws: how many draws went into it.
    """

    value: Floats
    standard_error: Floats
    draws: int

    def __str__(self) -> str:
        """Write a single expectation as `value +- standard error (draws)`."""
        if np.ndim(self.value):
            return f"an array of {np.size(self.value)} expectations from {self.draws} draws"
        return f"{float(self.value):.6g} +- {float(self.standard_error):.2g} ({self.draws} draws)"


def expectation(draws: ArrayLike, function: Callable[[Floats], ArrayLike] | None = None) -> Estimate:
    """Estimate E f(X) from independent draws, shape (N, ...); without `function`, E X.

    `function` is vectorised over the first axis. For draws of a Markov chain the standard
    error is too small: use ESS (`estimates.csv` has it).

    Raises:
        ValueError: there are fewer than two draws, or `function` changes their number.

    >>> die = [1, 2, 3, 4, 5, 6]
    >>> print(expectation(die), expectation(die, np.square), sep="; ")
    3.5 +- 0.76 (6 draws); 15.1667 +- 5.5 (6 draws)
    """
    x = np.asarray(draws, dtype=np.float64)
    values = x if function is None else np.asarray(function(x), dtype=np.float64)
    if x.ndim == 0 or len(x) < 2:
        raise ValueError("an expectation with its standard error needs at least two draws.")
    if values.ndim == 0 or len(values) != len(x):
        raise ValueError(f"the function must return one value for each of the {len(x)} draws.")
    error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return Estimate(np.asarray(values.mean(axis=0)), np.asarray(error), len(values))


def draws_needed(estimate: Estimate, standard_error: float) -> int:
    """Return the number of draws that brings the largest standard error down to `standard_error`.

    N' = N (se / wanted)^2.

    Raises:
        ValueError: `standard_error` is not positive.

    >>> draws_needed(Estimate(np.array(0.3), np.array(0.02), 100), 0.01)
    400
    """
    if not standard_error > 0:
        raise ValueError(f"the wanted standard error must be positive, not {standard_error!r}.")
    ratio = float(np.max(estimate.standard_error)) / standard_error
    return math.ceil(round(estimate.draws * ratio**2, 6))
