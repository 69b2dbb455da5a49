"""Whole processes to 400 effective draws: `sampler: auto` against nutpie, PyMC and NumPyro on the same graph.

The runs are shipped ones of `configs/` on their own data, and each model of `models/` on the made-up rows
that it is calibrated with. A process starts, reads its data, builds the model, compiles and samples four
chains of 1,000 draws; what the sampling took is scaled to 400 effective draws of the worst unknown. Cold is
a process that finds no compiled code of an earlier one, warm the one after it.
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

from benchmarks.calibration import CASES, configuration
from benchmarks.harness import Section

_ROOT = Path(__file__).resolve().parent.parent
_RUNS = (
    "configs/coin",
    "configs/kidiq",
    "configs/wells",
    "configs/roaches-negative-binomial",
    "configs/outliers-student-t",
    "configs/iris-softmax",
    "configs/radon",
)
_SAMPLERS = ("auto", "nutpie", "pymc", "numpyro")
_ENOUGH = 400
_CACHES = ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "PYTENSOR_DIRECTORY")


def section(*, quick: bool) -> Section:
    """Seconds, cold and warm, of every sampler: some shipped runs, and each model of the library."""
    names = _RUNS[:1] if quick else (*_RUNS, *(f"models/{name}" for name in CASES if "," not in name))
    seconds: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in names}
    skipped: list[str] = []
    for name in names:
        for sampler in _SAMPLERS[: 2 if quick else None]:
            try:
                seconds[name][sampler] = _cold_and_warm(name, sampler)
            except RuntimeError as error:
                skipped.append(f"{name} by {sampler}: {error}")
    return Section(facts={"seconds": seconds}, skipped=tuple(skipped))


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


def sample(name: str, sampler: str) -> dict[str, Any]:
    """Draw from the posterior; seconds of the sampling, and the least bulk ESS."""
    from bayescope.inference.method import Context
    from bayescope.inference.registry import METHODS
    from bayescope.preparation import prepare, read_config

    folder, _, of = name.partition("/")
    loaded = read_config(_ROOT / "configs" / f"{of}.yaml" if folder == "configs" else configuration(of))
    model = prepare(loaded)[1]
    if sampler == "numpyro":
        return _numpyro(model)
    method = METHODS["nuts"]
    settings = method.settings.model_validate({"sampler": sampler, "retries": 0})
    fit = method.fit(model, settings, Context(seed=1))
    return {
        "sampling": fit.timings["sample"],
        "ess": _least_ess({"theta": np.asarray(fit.draws)}),
        "sampler": fit.details["sampler"],
    }


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
