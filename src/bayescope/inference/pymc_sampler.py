"""PyMC's own samplers, whatever their step method: one chain after the other, in this process.

PyMC's worker processes would be forked from a process with threads, which may deadlock, or started
afresh, which needs every script that calls bayescope to guard its main module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayescope.inference import samplers
from bayescope.inference.samplers import (
    Chain,
    Report,
    Sampling,
    Statistics,
    failure,
    progress_text,
    quiet,
    values_of,
)
from bayescope.inference.settings import ChainSettings

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

_MOST_STARTS = 10


@dataclass(frozen=True)
class StepMethod:
    """How PyMC is to move the chains of one graph, and how to read what it recorded.

    Attributes:
        arguments: what `pm.sample` is given for it.
        statistics: from all that was recorded to statistics by ArviZ's names, shape (chain, draw).
        evaluations: how often an iteration with these statistics evaluated what moves the chain.
        evaluated: what that is, the gradient of the log density or the log density itself.
    """

    arguments: Mapping[str, Any]
    statistics: Callable[[xr.Dataset], Statistics]
    evaluations: Callable[[Mapping[str, Any]], int]
    evaluated: Literal["gradient", "density"] = "gradient"


type MakeStep[S: ChainSettings] = Callable[[pm.Model, S, int], StepMethod]


class _StoppedError(Exception):
    """An interrupt that PyMC kept to itself."""


def sample_pymc[S: ChainSettings](
    make_step: MakeStep[S], graph: pm.Model, settings: S, seed: int, report: Report
) -> Sampling:
    """Sample with the step method that `make_step(graph, settings, seed)` returns."""
    import pymc as pm

    done = [Chain()] * settings.chains
    start = time.perf_counter()
    try:
        with quiet():
            step = make_step(graph, settings, seed)
            tree = _run(graph, step, settings, seed, _callback(done, step, settings, report))
    except _StoppedError:
        raise KeyboardInterrupt from None
    except pm.exceptions.SamplingError as reason:
        raise failure(str(reason)) from None
    if any(chain.iterations < settings.iterations for chain in done):
        raise KeyboardInterrupt
    report(progress_text(done, settings))
    seconds = time.perf_counter() - start
    sampling_seconds = float(tree["posterior"].attrs["sampling_time"])
    return Sampling(
        posterior=values_of(tree),
        sample_stats=step.statistics(tree["sample_stats"].dataset),
        library="pymc",
        version=pm.__version__,
        timings={"compile": seconds - sampling_seconds, "sample": sampling_seconds},
        evaluations=sum(chain.evaluations for chain in done),
        evaluated=step.evaluated,
    )


def _run(
    graph: pm.Model, step: StepMethod, settings: ChainSettings, seed: int, callback: Callable[..., None]
) -> xr.DataTree:
    import pymc as pm

    try:
        tree: xr.DataTree = pm.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=1,
            random_seed=seed,
            nuts_sampler="pymc",
            model=graph,
            callback=callback,
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
            **step.arguments,
        )
    except ValueError as reason:
        if "Not enough samples" in str(reason):  # what is left of an interrupt during warm-up
            raise _StoppedError from None
        raise
    return tree


def _callback(
    done: list[Chain], step: StepMethod, settings: ChainSettings, report: Report
) -> Callable[..., None]:
    """Keep `done` up to date for each chain, and report it.

    PyMC takes an interrupt as the end of one chain and starts the next: stop it there.
    """
    last_report = time.monotonic()

    def callback(trace: Any, draw: Any) -> None:  # noqa: ARG001  PyMC passes both by name
        nonlocal last_report
        if any(chain.iterations < settings.iterations for chain in done[: draw.chain]):
            raise _StoppedError
        statistics, before = draw.stats[0], done[draw.chain]
        diverged = not draw.tuning and bool(statistics.get("diverging", False))
        done[draw.chain] = Chain(
            iterations=draw.draw_idx + 1,
            divergences=before.divergences + diverged,
            evaluations=before.evaluations + step.evaluations(statistics),
        )
        if time.monotonic() - last_report >= samplers.REPORT_SECONDS:
            last_report = time.monotonic()
            report(progress_text(done, settings))

    return callback


def starting_points(graph: pm.Model, chains: int, seed: int) -> list[dict[str, Any]]:
    """Return a starting point for each chain: the graph's own, moved by at most 1 on the real line.

    This is how PyMC starts NUTS; it starts every chain of other step methods from one point, and R-hat
    cannot tell chains that have not moved from chains that agree.

    Raises:
        pymc.exceptions.SamplingError: the density is zero or not a number at ten points in a row.
    """
    rng = np.random.default_rng(seed)
    centre, log_density = graph.initial_point(), graph.compile_logp()
    return [_starting_point(centre, log_density, rng) for _ in range(chains)]


def _starting_point(
    centre: Mapping[str, Any], log_density: Callable[..., Any], rng: np.random.Generator
) -> dict[str, Any]:
    import pymc as pm

    for _ in range(_MOST_STARTS):
        point = {name: value + rng.uniform(-1, 1, np.shape(value)) for name, value in centre.items()}
        if np.isfinite(log_density(point)):
            return point
    raise pm.exceptions.SamplingError("Initial evaluation of model at starting point failed")
