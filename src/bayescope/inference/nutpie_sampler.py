"""nutpie, NUTS in Rust: all chains at once, in threads of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bayescope.inference import samplers
from bayescope.inference.compiled import compiled_for
from bayescope.inference.samplers import (
    Chain,
    Report,
    Sampling,
    failure,
    named_statistics,
    progress_text,
    quiet,
    values_of,
)
from bayescope.inference.settings import NutsSettings

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

# ArviZ's name of a statistic -> nutpie's.
_STATISTICS = MappingProxyType(
    {
        "diverging": "diverging",
        "energy": "energy",
        "tree_depth": "depth",
        "reached_max_treedepth": "maxdepth_reached",
        "n_steps": "n_steps",
        "lp": "logp",
        "acceptance_rate": "mean_tree_accept",
        "step_size": "step_size",
    }
)


def sample_nutpie(graph: pm.Model, settings: NutsSettings, seed: int, report: Report) -> Sampling:
    """Sample with nutpie; each leapfrog step evaluates the gradient once."""
    import nutpie

    latest: list[list[Any]] = []
    start = time.perf_counter()
    with quiet():
        compiled = compiled_for(graph)
        compiled_at = time.perf_counter()
        tree = _run(compiled, settings, seed, latest, report)
    return Sampling(
        posterior=values_of(tree),
        sample_stats=named_statistics(tree["sample_stats"].dataset, _STATISTICS),
        library="nutpie",
        version=nutpie.__version__,
        timings={"compile": compiled_at - start, "sample": time.perf_counter() - compiled_at},
        evaluations=sum(chain.evaluations for chain in _chains(latest, settings)),
    )


def _run(
    compiled: Any, settings: NutsSettings, seed: int, latest: list[list[Any]], report: Report
) -> xr.DataTree:
    """Sample; `latest` grows by nutpie's progress, the last time when all chains are complete."""
    import nutpie

    sampler = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, samplers.available_cores()),
        seed=seed,
        target_accept=settings.target_accept,
        maxdepth=settings.max_treedepth,
        save_warmup=False,
        progress_bar=False,
        progress_callback=latest.append,
        blocking=False,
    )
    try:
        return _wait(sampler, lambda: report(progress_text(_chains(latest, settings), settings)))
    except BaseException:
        sampler.cancel()  # its threads call back into Python: they must not outlive this call
        raise


def _wait(sampler: Any, report: Callable[[], None]) -> xr.DataTree:
    while True:
        try:
            tree: xr.DataTree = sampler.wait(timeout=samplers.REPORT_SECONDS)
        except TimeoutError:
            report()
        except RuntimeError as reason:
            raise failure(str(reason)) from None
        else:
            report()
            return tree


def _chains(latest: list[list[Any]], settings: NutsSettings) -> list[Chain]:
    return [
        Chain(
            iterations=chain.finished_draws,
            divergences=sum(draw >= settings.tune for draw in chain.divergent_draws),
            evaluations=chain.total_num_steps,
        )
        for chain in (latest[-1] if latest else [])
    ]
