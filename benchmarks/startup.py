"""The first second: whole processes of the command line, and draws of an exact posterior."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bayescope.inference.exact import recognise
from benchmarks.harness import Contender, Row, Section, Target, alternate
from benchmarks.problems import build, configuration, frame_of, problem, simulate

_ROOT = Path(__file__).resolve().parent.parent
_RUN = """name: benchmark
data: rows.csv
model:
  use: linear
  formula: y ~ x0 + x1 + x2 + x3 + x4
inference: [mle, map, exact]
seed: 1
"""
_BY_HAND = """
import pandas as pd, pymc as pm
frame = pd.read_csv("rows.csv")
X, y = frame.drop(columns="y").to_numpy(), frame["y"].to_numpy()
with pm.Model():
    sigma = pm.Exponential("sigma", 1 / y.std())
    eta = pm.Normal("Intercept", y.mean(), 2.5 * y.std()) + X @ pm.Normal("slopes", 0, 2.5 * y.std(), shape=5)
    pm.Normal("y", eta, sigma, observed=y)
    print(pm.find_MAP(progressbar=False))
"""


def section(*, quick: bool) -> Section:
    """`--help`, `validate`, a run to its table, its verdict and its report, PyMC by hand, exact draws."""
    repeats = 2 if quick else 7
    spent: list[tuple[float, float, float]] = []  # to the table, on to the verdict, on to the end
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame_of(*simulate("linear", 1_000, 5)).to_csv(folder / "rows.csv", index=False)
        (folder / "run.yaml").write_text(_RUN, encoding="utf-8")
        runs = alternate(
            [
                Contender("help", lambda _: _process(folder, "--help")),
                Contender("validate", lambda _: _process(folder, "validate", "run.yaml")),
                Contender("run", lambda _: spent.append(_stages(folder))),
                Contender("PyMC by hand", lambda _: _python(folder, "-c", _BY_HAND)),
            ],
            repeats,
            budget=120.0,
        )
    table, checks, report = zip(*spent[-repeats:], strict=True)
    peer = runs["PyMC by hand"]
    rows = (
        _own("bayescope --help", "", runs["help"].seconds, 0.3),
        _own("bayescope validate", "1e3 x 5", runs["validate"].seconds, 0.3),
        _own("bayescope run (mle, map, exact), to the table", "1e3 x 5", table, 0.8),
        _own("the checks of that run, from its table to its verdict", "1e3 x 5", checks),
        _own("the report of that run, after the verdict", "1e3 x 5", report, 2.5),
        Row(
            task="that run to its table, against find_MAP in a process",
            size="1e3 x 5",
            peer="PyMC by hand",
            ours=table[-len(peer.seconds) :] if peer.seconds else table,
            peers=peer.seconds,
            note=peer.error,
        ),
        _draws(),
    )
    return Section(rows)


def _own(task: str, size: str, seconds: Sequence[float], bound: float | None = None) -> Row:
    target = None if bound is None else Target(bound, of="ours", unit="s")
    return Row(task=task, size=size, ours=tuple(seconds), target=target)


def _environment() -> dict[str, str]:
    return os.environ | {"NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": ""}


def _python(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=_environment(), check=True, capture_output=True
    )


def _process(folder: Path, *arguments: str) -> None:
    _python(folder, "-m", "bayescope", *arguments)


def _stages(folder: Path) -> tuple[float, float, float]:
    """Seconds until the answers were printed, from there to the verdict, and on to the end of the process."""
    started = time.perf_counter()
    answered = judged = started
    command = [sys.executable, "-u", "-m", "bayescope", "run", "run.yaml", "--quiet", "--no-cache"]
    with subprocess.Popen(
        command, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout or ():
            if line.startswith(("PASS", "ATTENTION", "FAIL")):
                judged = time.perf_counter()
            elif judged == started:
                answered = time.perf_counter()
    if process.returncode:
        raise RuntimeError(f"bayescope run ended with {process.returncode}")
    return answered - started, judged - answered, time.perf_counter() - judged


def _draws() -> Row:
    """4,000 draws of an exact posterior that has been found."""
    config = configuration(problem("linear", "Normal", 1_000, 5), "exact")
    config["model"]["priors"]["sigma"] = "HalfNormal(2)"
    _, model = build(config, frame_of(*simulate("linear", 1_000, 5)))
    solvable = recognise(model)
    posterior = solvable.solve(solvable.statistics, 1e-10)
    drawn = alternate([Contender("draws", lambda _: posterior.draw(np.random.default_rng(1), 4_000))], 7)
    return _own("4,000 draws of an exact posterior", "1e3 x 5", drawn["draws"].seconds, 0.05)
