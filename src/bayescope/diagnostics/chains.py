"""Chains that do not move, or that sit somewhere else than the others: which, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

_STILL = 0.99
_APART = 3.0


@dataclass(frozen=True)
class Split:
    """Two sets of chains that do not overlap in a parameter; chains are counted from 1.

    `few` are the fewer chains, and lie around `at`; `many` around `other`.
    """

    parameter: int
    few: tuple[int, ...]
    many: tuple[int, ...]
    at: float
    other: float


def still_chains(draws: Floats) -> tuple[int, ...]:
    """Return the chains that repeat their draw in at least 99 % of the steps, for draws (chain, draw, d).

    A random walk may rightly reject most of its proposals; a chain that never moves has learned nothing.
    """
    if draws.shape[1] < 2:
        return ()
    repeated = (np.diff(draws, axis=1) == 0).all(axis=2).mean(axis=1)
    return tuple((np.flatnonzero(repeated >= _STILL) + 1).tolist())


def split_chains(draws: Floats) -> Split | None:
    """Find the parameter in which the chains fall most clearly into two sets, for draws (chain, draw, d).

    Chains are apart where the widest gap between their means, in order, is over three times the largest sd
    of a chain; then R-hat is far above 1 however many draws there are. None: nowhere.
    """
    if draws.shape[0] < 2 or not np.isfinite(draws).all():
        return None
    means, spread = draws.mean(axis=1), draws.std(axis=1).max(axis=0)
    gaps = np.diff(np.sort(means, axis=0), axis=0).max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(gaps > 0, gaps / spread, 0.0)
    worst = int(np.argmax(ratio))
    return _split(worst, means[:, worst]) if ratio[worst] > _APART else None


def _split(parameter: int, means: Floats) -> Split:
    order = np.argsort(means)
    cut = int(np.argmax(np.diff(means[order]))) + 1
    few, many = sorted((order[:cut], order[cut:]), key=len)
    return Split(
        parameter=parameter,
        few=tuple(sorted((few + 1).tolist())),
        many=tuple(sorted((many + 1).tolist())),
        at=float(means[few].mean()),
        other=float(means[many].mean()),
    )


def chains_text(chains: Sequence[int]) -> str:
    """Name chains: "chain 3", "chains 1, 2 and 4"."""
    numbers = [str(chain) for chain in chains]
    if len(numbers) == 1:
        return f"chain {numbers[0]}"
    return f"chains {', '.join(numbers[:-1])} and {numbers[-1]}"
