"""What all samplers of Markov chains share: settings, what they return, progress, how they fail.

A sampler is a function (graph, settings, seed, report) -> `Sampling`. It raises `FitError` when it
cannot start, lets `KeyboardInterrupt` through once the chains have stopped, and never returns
fewer draws than it was asked for.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.settings import ChainSettings

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

type Report = Callable[[str], None]
type Sampler[S: ChainSettings] = Callable[[pm.Model, S, int, Report], Sampling]
type Statistics = Mapping[str, NDArray[Any]]

REPORT_SECONDS = 0.5
# Samplers store counts as they like (PyMC: floating point); these are what they are.
_INTEGER_STATISTICS = ("tree_depth", "n_steps")


@dataclass(frozen=True)
class Sampling:
    """What a sampler gives back: arrays of shape (chain, draw, ...) by name, and seconds by phase.

    `evaluations` counts the evaluations of what moves the chains, warm-up included: the gradient of the
    log density, or for a random walk the log density itself (`evaluated`).
    """

    posterior: Mapping[str, NDArray[np.float64]]
    sample_stats: Statistics
    library: str
    version: str
    timings: Mapping[str, float]
    evaluations: int = 0
    evaluated: Literal["gradient", "density"] = "gradient"


class Chain(NamedTuple):
    """How far a chain is: divergences are those after warm-up, evaluations those of all iterations."""

    iterations: int = 0
    divergences: int = 0
    evaluations: int = 0


def progress_text(chains: Iterable[Chain], settings: ChainSettings) -> str:
    """Say in one line how far all chains are."""
    return ", ".join(
        f"chain {number} {chain.iterations}/{settings.iterations}"
        + (" warm-up" if chain.iterations < settings.tune else "")
        + (f" ({chain.divergences} divergent)" if chain.divergences else "")
        for number, chain in enumerate(chains, start=1)
    )


def named_statistics(recorded: xr.Dataset, names: Mapping[str, str]) -> Statistics:
    """Take statistics of shape (chain, draw) by ArviZ's names; `names` maps these to the sampler's own."""
    named = {name: recorded[own].values for name, own in names.items()}
    return named | {name: named[name].astype(np.int64) for name in _INTEGER_STATISTICS if name in named}


def values_of(tree: xr.DataTree) -> dict[str, NDArray[np.float64]]:
    """Take the variables of a tree's posterior as arrays of shape (chain, draw, ...)."""
    posterior = tree["posterior"].dataset
    return {str(name): posterior[name].values for name in posterior.data_vars}


def available_cores() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def quiet() -> Iterator[None]:
    """One BLAS thread, and nothing said by the sampler but through our own progress."""
    from threadpoolctl import threadpool_limits

    log = logging.getLogger("pymc")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        # Matrices are small: more BLAS threads than one for each chain only get in each other's way.
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def failure(reason: str) -> FitError:
    """Say why a sampler could not go on, and what can be done about it."""
    first_line = reason.strip().split("\n", 1)[0].rstrip(":!. ")
    return FitError(
        f"The sampler could not go on: {first_line}.",
        "The posterior density is zero, infinite or not a number where the chains start. Check that the data "
        "are possible under the model, use proper priors of a sensible width, and rescale large predictors.",
    )
