"""Whole processes to 400 effective draws: `sampler: auto` against nutpie, PyMC and NumPyro on the same graph.

A process starts, reads its data, builds the model, compiles and samples four chains of 1,000 draws; what the
sampling took is scaled to 400 effective draws of the worst unknown. Cold is a process that finds no compiled
code of an earlier one, warm the one after it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Row, Section

_ROOT = Path(__file__).resolve().parent.parent
_MODELS = (
    "coin",
    "kidiq",
    "wells",
    "roaches-negative-binomial",
    "outliers-student-t",
    "iris-softmax",
    "radon",
)
_OTHERS = ("nutpie", "pymc", "numpyro")
_ENOUGH = 400
_CACHES = ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "PYTENSOR_DIRECTORY")


def section(*, quick: bool) -> Section:
    """A row for each model, other sampler, and cold or warm."""
    rows: list[Row] = []
    skipped: list[str] = []
    for name in _MODELS[:1] if quick else _MODELS:
        found: dict[str, tuple[float, float]] = {}
        for sampler in ("auto", *(_OTHERS[:1] if quick else _OTHERS)):
            try:
                found[sampler] = _cold_and_warm(name, sampler)
            except RuntimeError as error:
                skipped.append(f"{name} by {sampler}: {error}")
        rows += _rows(name, found)
    return Section(tuple(rows), skipped=tuple(skipped))


def _rows(name: str, found: dict[str, tuple[float, float]]) -> list[Row]:
    if "auto" not in found:
        return []
    return [
        Row(task=f"{name}, {state}", size="", peer=other, ours=(found["auto"][at],), peers=(seconds[at],))
        for other, seconds in found.items()
        if other != "auto"
        for at, state in enumerate(("cold", "warm"))
    ]


def _cold_and_warm(name: str, sampler: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as caches:
        return _process(name, sampler, Path(caches)), _process(name, sampler, Path(caches))


def _process(name: str, sampler: str, caches: Path) -> float:
    """Seconds of a process to 400 effective draws."""
    kept = {key: str(caches / key) for key in _CACHES}
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={kept['PYTENSOR_DIRECTORY']}"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.samplers", name, sampler],
        cwd=_ROOT,
        env=os.environ | kept | flags,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or "no message").splitlines()[-1])
    told = json.loads(done.stdout.splitlines()[-1])
    seconds = took - told["sampling"] * (1 - _ENOUGH / told["ess"])
    print(f"  {name}, {sampler}: {seconds:.1f} s, {told}", file=sys.stderr, flush=True)
    return float(seconds)


def sample(name: str, sampler: str) -> dict[str, float]:
    """Draw from the posterior of a shipped configuration; seconds of the sampling, and the least bulk ESS."""
    from bayescope.inference.method import Context
    from bayescope.inference.registry import METHODS
    from bayescope.preparation import prepare, read_config

    loaded = read_config(_ROOT / "configs" / f"{name}.yaml")
    model = prepare(loaded)[1]
    if sampler == "numpyro":
        return _numpyro(model)
    method = METHODS["nuts"]
    settings = method.settings.model_validate({"sampler": sampler, "retries": 0})
    fit = method.fit(model, settings, Context(seed=1))
    return {"sampling": fit.timings["sample"], "ess": _least_ess({"theta": np.asarray(fit.draws)})}


def _numpyro(model: Any) -> dict[str, float]:
    import jax
    import pymc as pm

    from bayescope.models.graph import compile_graph

    for key, value in {
        "jax_compilation_cache_dir": os.environ["JAX_COMPILATION_CACHE_DIR"],
        "jax_persistent_cache_min_compile_time_secs": 0,
    }.items():
        jax.config.update(key, value)
    logging.getLogger("pymc").setLevel(logging.ERROR)
    with compile_graph(model) as graph:
        started = time.perf_counter()
        tree = pm.sample(nuts_sampler="numpyro", chains=4, random_seed=1, progressbar=False)
        took = time.perf_counter() - started
    free = {one.name: np.asarray(tree["posterior"][one.name]) for one in graph.free_RVs}
    return {"sampling": float(tree["posterior"].attrs.get("sampling_time", took)), "ess": _least_ess(free)}


def _least_ess(draws: dict[str, Any]) -> float:
    import arviz

    found = arviz.ess(arviz.convert_to_datatree(draws), method="bulk")
    return min(float(found[name].min()) for name in draws)


if __name__ == "__main__":
    print(json.dumps(sample(*sys.argv[1:])))
