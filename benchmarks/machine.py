"""The machine and the libraries: what the figures depend on, without names of hosts or folders."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LIBRARIES = (
    *("bayescope", "numpy", "scipy", "pymc", "pytensor", "nutpie", "arviz", "pyarrow"),
    *("scikit-learn", "statsmodels", "glum", "celer", "bambi", "numpyro", "jax"),
)


def one_thread() -> None:
    """Give BLAS one thread, in the processes that this one starts; it reads the number when it is loaded."""
    os.environ.update(dict.fromkeys(THREADS, "1"))


def facts() -> dict[str, Any]:
    """Processor, cores, memory, system, versions."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: found for name in _LIBRARIES if (found := _version(name))} | _of_r(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def bandwidth(megabytes: int = 400, repeats: int = 5) -> float:
    """Bytes a second that one core reads from memory: the best of some sums of an array beyond any cache."""
    array = np.ones(megabytes * 1_000_000 // 8)
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        array.sum()
        best = min(best, time.perf_counter() - started)
    return float(array.nbytes / best)


def has_rstanarm() -> str:
    """Why R's rstanarm cannot be run; empty if it can."""
    if shutil.which("Rscript") is None:
        return "rstanarm: there is no Rscript on the PATH"
    return "" if _of_r() else "rstanarm: R does not have it"


def _of_r() -> dict[str, str]:
    """The version of rstanarm, where R has it."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return {}
    asked = [rscript, "-e", "cat(as.character(packageVersion('rstanarm')))"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=120)
    return {"rstanarm": found.stdout} if found.returncode == 0 else {}
