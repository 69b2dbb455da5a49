"""1e7 rows in a file: seconds and peak memory of whole runs, beside one plain pass by Arrow."""

from __future__ import annotations

import csv
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Row, Section, Target, attempt
from benchmarks.problems import Floats, size_of

_BATCH = 500_000
_D = 20
_CONFIG = """name: rows
data: rows.{ending}
model:
  likelihood: Normal
  formula: y ~ .
  priors: {{Intercept: "Normal(0, 10)", coefficients: "Normal(0, 1)", sigma: HalfNormal(2)}}
inference: [mle, map, exact, nuts]
seed: 1
"""


def section(*, quick: bool) -> Section:
    """A Parquet and a CSV file, each written, run and removed."""
    n = 100_000 if quick else 10_000_000
    rows: list[Row] = []
    for ending in ("parquet", "csv"):
        with tempfile.TemporaryDirectory() as name:
            rows += attempt(f"run of a {ending} file", lambda: (_of_file(Path(name), ending, n), []))[0]  # noqa: B023
    return Section(tuple(rows))


def _of_file(folder: Path, ending: str, n: int) -> list[Row]:
    path, size = folder / f"rows.{ending}", size_of(n, _D)
    least_squares = _write(path, n)
    (folder / "run.yaml").write_text(_CONFIG.format(ending=ending), encoding="utf-8")
    passing = [_pass(path) for _ in range(2)]
    command = [sys.executable, "-m", "bayescope", "run", "run.yaml", "--quiet", "--no-cache", "--out", "runs"]
    seconds, peak, code = _measured(command, folder)
    if code:
        return [
            Row(
                f"run of a {ending} file",
                size,
                agreed=False,
                agreement="no answer",
                note=f"ended with {code}",
            )
        ]
    off = _off(next((folder / "runs").glob("*/estimates.csv")), least_squares)
    agreement = {"agreed": bool(off < 1e-6), "agreement": f"mle within {off:.0e} of least squares"}
    shutil.rmtree(folder / "runs")
    return [
        Row(
            task=f"run (mle, map, exact, nuts, report) of {path.stat().st_size / 1e9:.1f} GB {ending}",
            size=size,
            peer="one pass by Arrow",
            ours=(seconds,),
            peers=(min(passing),),
            **agreement,  # type: ignore[arg-type]
        ),
        Row(
            task=f"peak memory of that run ({ending})",
            size=size,
            ours=(peak / 1e9,),
            unit="GB",
            target=Target(1.0, of="ours", unit="GB"),
            **agreement,  # type: ignore[arg-type]
        ),
    ]


def _batches(n: int) -> Iterator[tuple[Floats, Floats]]:
    rng = np.random.default_rng(11)
    slopes = np.where(np.arange(_D) < _D // 2, 0.3, 0.0)
    for start in range(0, n, _BATCH):
        X = rng.normal(size=(min(_BATCH, n - start), _D)).round(5)  # as many digits as CSV shall have
        yield X, (0.3 + X @ slopes + rng.normal(size=len(X))).round(5)


def _write(path: Path, n: int) -> Floats:
    """Write the rows in batches; return the least-squares coefficients, intercept first."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    names = [*(f"x{j}" for j in range(_D)), "y"]
    schema = pa.schema([(name, pa.float64()) for name in names])
    gram, cross = np.zeros((_D + 1, _D + 1)), np.zeros(_D + 1)
    open_writer = pa.csv.CSVWriter if path.suffix == ".csv" else pa.parquet.ParquetWriter
    with open_writer(path, schema) as writer:
        for X, y in _batches(n):
            columns = [*X.T, y]
            writer.write_table(pa.table([pa.array(column) for column in columns], schema=schema))
            ones = np.column_stack([np.ones(len(X)), X])
            gram += ones.T @ ones
            cross += ones.T @ y
    return np.asarray(np.linalg.solve(gram, cross))


def _pass(path: Path) -> float:
    """Seconds of reading the file once, in batches, and summing every column."""
    import pyarrow.csv
    import pyarrow.parquet

    started = time.perf_counter()
    batches: Any = (
        pyarrow.csv.open_csv(path)
        if path.suffix == ".csv"
        else pyarrow.parquet.ParquetFile(path).iter_batches()
    )
    for batch in batches:
        for column in batch.columns:
            np.from_dlpack(column).sum()
    return time.perf_counter() - started


# A process starts with the peak of the one that it is forked from: it is started by a small one.
_LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def _measured(command: list[str], folder: Path) -> tuple[float, float, int]:
    """Seconds, peak resident bytes and exit code of a process."""
    started = time.perf_counter()
    launcher = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    done = subprocess.run(launcher, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - started, int(done.stdout) * unit, done.returncode


def _off(estimates: Path, coefficients: Floats) -> float:
    """The largest difference of the mle from the coefficients."""
    with estimates.open(encoding="utf-8") as file:
        found = {row["parameter"]: row["estimate"] for row in csv.DictReader(file) if row["method"] == "mle"}
    names = ["Intercept", *(f"x{j}" for j in range(_D))]
    return max(
        (abs(float(found[name]) - value) for name, value in zip(names, coefficients, strict=True)),
        default=math.inf,
    )
