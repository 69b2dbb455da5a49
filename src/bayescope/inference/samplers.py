"""The samplers behind NUTS: each draws from a PyMC graph, and names its statistics as ArviZ does.

A sampler is a function (graph, settings, seed, report) -> `Sampling`. It raises `FitError` when it
cannot start, lets `KeyboardInterrupt` through once the chains have stopped, and never returns
fewer draws than it was asked for.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bayescope.errors import FitError
from bayescope.inference.method import Settings

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

type Report = Callable[[str], None]

REPORT_SECONDS = 0.5


class NutsSettings(Settings):
    """Settings of `nuts`: lengths are for each chain; `draws` come after `tune` warm-up iterations."""

    sampler: Literal["nutpie", "pymc"] = "nutpie"
    draws: int = Field(default=1000, ge=4, le=1_000_000)
    tune: int = Field(default=1000, ge=100, le=1_000_000)
    chains: int = Field(default=4, ge=1, le=256)
    target_accept: float = Field(default=0.9, gt=0.5, lt=1.0)
    max_treedepth: int = Field(default=10, ge=1, le=20)

    @property
    def iterations(self) -> int:
        """Iterations of one chain, warm-up included."""
        return self.tune + self.draws


@dataclass(frozen=True)
class Sampling:
    """What a sampler gives back: arrays of shape (chain, draw, ...) by name, and seconds by phase."""

    posterior: Mapping[str, NDArray[np.float64]]
    sample_stats: Mapping[str, NDArray[Any]]
    library: str
    version: str
    timings: Mapping[str, float]


# ArviZ's name of a statistic -> the sampler's own.
_PYMC_STATISTICS = MappingProxyType(
    {
        "diverging": "diverging",
        "energy": "energy",
        "tree_depth": "tree_depth",
        "reached_max_treedepth": "reached_max_treedepth",
        "n_steps": "n_steps",
        "lp": "lp",
        "acceptance_rate": "acceptance_rate",
        "step_size": "step_size",
    }
)
_NUTPIE_STATISTICS = MappingProxyType(
    {
        **_PYMC_STATISTICS,
        "tree_depth": "depth",
        "reached_max_treedepth": "maxdepth_reached",
        "lp": "logp",
        "acceptance_rate": "mean_tree_accept",
    }
)
# Both samplers store counts as they like (PyMC: floating point); these are what they are.
_INTEGER_STATISTICS = ("tree_depth", "n_steps")


def progress_text(chains: Iterable[tuple[int, int]], settings: NutsSettings) -> str:
    """Say in one line how far all chains are; each is (iterations done, divergences after warm-up)."""
    return ", ".join(
        f"chain {number} {done}/{settings.iterations}"
        + (" warm-up" if done < settings.tune else "")
        + (f" ({divergences} divergent)" if divergences else "")
        for number, (done, divergences) in enumerate(chains, start=1)
    )


def available_cores() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sample_nutpie(graph: pm.Model, settings: NutsSettings, seed: int, report: Report) -> Sampling:
    """Sample with nutpie: all chains at once, in threads of this process."""
    import nutpie

    start = time.perf_counter()
    with _quiet():
        compiled = nutpie.compile_pymc_model(graph)
        compiled_at = time.perf_counter()
        tree = _run_nutpie(compiled, settings, seed, report)
    timings = {"compile": compiled_at - start, "sample": time.perf_counter() - compiled_at}
    return _sampling(tree, _NUTPIE_STATISTICS, "nutpie", nutpie.__version__, timings)


def _run_nutpie(compiled: Any, settings: NutsSettings, seed: int, report: Report) -> xr.DataTree:
    import nutpie

    latest: list[list[Any]] = []
    sampler = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, available_cores()),
        seed=seed,
        target_accept=settings.target_accept,
        maxdepth=settings.max_treedepth,
        save_warmup=False,
        progress_bar=False,
        progress_callback=latest.append,
        blocking=False,
    )
    try:
        return _wait_for_nutpie(sampler, lambda: report(_nutpie_progress(latest, settings)))
    except BaseException:
        sampler.cancel()  # its threads call back into Python: they must not outlive this call
        raise


def _wait_for_nutpie(sampler: Any, report: Callable[[], None]) -> xr.DataTree:
    while True:
        try:
            tree: xr.DataTree = sampler.wait(timeout=REPORT_SECONDS)
        except TimeoutError:
            report()
        except RuntimeError as reason:
            raise _failure(str(reason)) from None
        else:
            report()
            return tree


def _nutpie_progress(latest: list[list[Any]], settings: NutsSettings) -> str:
    chains = latest[-1] if latest else []
    counts = [
        (chain.finished_draws, sum(draw >= settings.tune for draw in chain.divergent_draws))
        for chain in chains
    ]
    return progress_text(counts, settings)


class _StoppedError(Exception):
    """An interrupt that PyMC kept to itself."""


def sample_pymc(graph: pm.Model, settings: NutsSettings, seed: int, report: Report) -> Sampling:
    """Sample with PyMC's own NUTS: one chain after the other, in this process.

    PyMC's worker processes would be forked from a process with threads, which may deadlock, or
    started afresh, which needs every script that calls bayescope to guard its main module.
    """
    import pymc as pm

    done: list[tuple[int, int]] = [(0, 0)] * settings.chains
    start = time.perf_counter()
    try:
        with _quiet():
            tree = _run_pymc(graph, settings, seed, _pymc_callback(done, settings, report))
    except _StoppedError:
        raise KeyboardInterrupt from None
    except pm.exceptions.SamplingError as reason:
        raise _failure(str(reason)) from None
    if any(count < settings.iterations for count, _ in done):
        raise KeyboardInterrupt
    report(progress_text(done, settings))
    seconds = time.perf_counter() - start
    sampling_seconds = float(tree["posterior"].attrs["sampling_time"])
    timings = {"compile": seconds - sampling_seconds, "sample": sampling_seconds}
    return _sampling(tree, _PYMC_STATISTICS, "pymc", pm.__version__, timings)


def _run_pymc(
    graph: pm.Model, settings: NutsSettings, seed: int, callback: Callable[..., None]
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
            nuts={"target_accept": settings.target_accept, "max_treedepth": settings.max_treedepth},
            model=graph,
            callback=callback,
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
        )
    except ValueError as reason:
        if "Not enough samples" in str(reason):  # what is left of an interrupt during warm-up
            raise _StoppedError from None
        raise
    return tree


def _pymc_callback(
    done: list[tuple[int, int]], settings: NutsSettings, report: Report
) -> Callable[..., None]:
    """Keep `done` (iterations, divergences after warm-up) up to date for each chain, and report it.

    PyMC takes an interrupt as the end of one chain and starts the next: stop it there.
    """
    last_report = time.monotonic()

    def callback(trace: Any, draw: Any) -> None:  # noqa: ARG001  PyMC passes both by name
        nonlocal last_report
        if any(count < settings.iterations for count, _ in done[: draw.chain]):
            raise _StoppedError
        diverged = not draw.tuning and bool(draw.stats[0]["diverging"])
        done[draw.chain] = (draw.draw_idx + 1, done[draw.chain][1] + diverged)
        if time.monotonic() - last_report >= REPORT_SECONDS:
            last_report = time.monotonic()
            report(progress_text(done, settings))

    return callback


def _sampling(
    tree: xr.DataTree, statistics: Mapping[str, str], library: str, version: str, timings: Mapping[str, float]
) -> Sampling:
    posterior, stats = tree["posterior"].dataset, tree["sample_stats"].dataset
    named = {name: stats[own].values for name, own in statistics.items()}
    named |= {name: named[name].astype(np.int64) for name in _INTEGER_STATISTICS}
    values = {str(name): posterior[name].values for name in posterior.data_vars}
    return Sampling(values, named, library, version, timings)


@contextmanager
def _quiet() -> Iterator[None]:
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


def _failure(reason: str) -> FitError:
    first_line = reason.strip().split("\n", 1)[0].rstrip(":!. ")
    return FitError(
        f"The sampler could not go on: {first_line}.",
        "The posterior density is zero, infinite or not a number where the chains start. Check that the data "
        "are possible under the model, use proper priors of a sensible width, and rescale large predictors.",
    )


SAMPLERS: Mapping[str, Callable[[pm.Model, NutsSettings, int, Report], Sampling]] = MappingProxyType(
    {"nutpie": sample_nutpie, "pymc": sample_pymc}
)
