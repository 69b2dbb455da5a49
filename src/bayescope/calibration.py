"""Calibration of the methods on a user's own model: simulated truths, and where they rank among the draws.

Simulation i depends on the configuration, the seed and i alone. Each one that is finished is a line of a
journal beside the folder to come, so that a run that was killed goes on where it was, with the same results
bit for bit, whatever the number of processes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescope.config.load import LoadedConfig
from bayescope.config.recipes import read_recipes
from bayescope.config.schema import Recipe, RunConfig
from bayescope.diagnostics.calibration import pit_of
from bayescope.errors import ConfigError, FitError, Problem, RunFolderError
from bayescope.inference.fit import Fit
from bayescope.inference.registry import METHODS, SETTINGS
from bayescope.inference.simulate import refuse_undrawn, simulate, written_out
from bayescope.models.model import Model
from bayescope.pipeline import Progress, fit_all, silent, versions
from bayescope.preparation import located, prepare, read_config
from bayescope.reports.sbc_report import SBCRecord, sbc_record, write_sbc_folder
from bayescope.reports.summary import data_of

if TYPE_CHECKING:
    import pandas as pd

type Simulated = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """What is calibrated: a configuration whose recipes are the methods asked about, and its model."""

    loaded: LoadedConfig
    config: RunConfig
    model: Model
    fingerprint: str
    data: Any

    @property
    def folder_name(self) -> str:
        """`<name>-sbc-<hash>`: equal configuration, methods, data, seed and version give an equal name."""
        identity = {
            "config": self.config.model_dump(mode="json", exclude_none=True),
            "data": self.fingerprint,
            "version": versions()["bayescope"],
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.config.name}-sbc-{digest[:10]}"


def sbc(
    source: str | Path | Mapping[str, Any],
    data: pd.DataFrame | None = None,
    *,
    simulations: int = 200,
    methods: Sequence[str] = (),
    jobs: int = 1,
    out: str | Path = "runs",
    seed: int | None = None,
    overrides: Sequence[str] = (),
    progress: Progress = silent,
    command: str = "bayescope.sbc(...)",
) -> SBCRecord:
    """Calibrate methods by simulation: truths from the prior, data from the model, ranks of the truths.

    What is finished is kept in `out` while it runs, and the same call goes on from there.

    Args:
        source: path of a YAML file, or a mapping of the same shape; its data give rows and predictors.
        data: replaces the data that the configuration names.
        simulations: how many data sets are simulated and fitted, at least 20.
        methods: recipes to calibrate; those of the configuration that have draws, if none are named.
        jobs: how many processes work at once.
        out: folder to make the study's folder in.
        seed: replaces the seed of the configuration.
        overrides: `key.path=value` texts, as for `--set`.
        progress: is told how far it is.
        command: what the report says that it was made by.

    Raises:
        ConfigError: the configuration is wrong, a prior is improper, or a method has no draws.
        DataError: the data were refused.
        FitError: no simulation could be fitted.
        RunFolderError: the folder cannot be written.
    """
    arguments = (source, data, tuple(methods), seed, tuple(overrides))
    study = _study(*arguments)
    destination = Path(out) / study.folder_name
    with _journal(destination, simulations) as (finished, keep):
        missing = [i for i in range(simulations) if i not in finished]
        for result in _simulate_all(study, arguments, missing, jobs, progress):
            keep(result)
            finished[result["simulation"]] = result
        results = [finished[i] for i in range(simulations)]
        record = sbc_record(
            config=study.config, model=study.model, data=study.data, versions=versions(), results=results,
            command=command, folder=destination,
        )  # fmt: skip
        write_sbc_folder(record, results, destination)
    return record


def _study(
    source: str | Path | Mapping[str, Any],
    data: pd.DataFrame | None,
    methods: Sequence[str],
    seed: int | None,
    overrides: Sequence[str],
) -> Study:
    loaded = read_config(source, seed=seed, overrides=overrides, needs_data=data is None)
    table, model = prepare(loaded, data)
    with located(loaded.source):
        refuse_undrawn(model)
    config = loaded.config.model_copy(update={"inference": _recipes(loaded, methods)})
    summary = data_of(table, model)
    return Study(loaded, config, written_out(model), table.fingerprint, summary)


def _recipes(loaded: LoadedConfig, names: Sequence[str]) -> tuple[Recipe, ...]:
    """Return the recipes of these names, with the settings of the configuration where it has them."""
    own = {recipe.name: recipe for recipe in loaded.config.inference}
    found = read_recipes([n for n in names if n not in own] or ["mle"], loaded.source.directory, SETTINGS)
    if found.problems:
        raise ConfigError(Problem(("method",), problem.message) for problem in found.problems)
    known = {recipe.name: recipe for recipe in found.recipes} | own
    asked = [known[name] for name in names] if names else list(own.values())
    chosen = tuple(recipe for recipe in asked if METHODS[recipe.method].kind == "posterior")
    points = [recipe.name for recipe in asked if recipe not in chosen]
    if (names and points) or not chosen:
        raise ConfigError(
            [Problem(("method",), f"{', '.join(points)}: a point has no draws to rank a truth among; "
                     "name methods with a posterior, such as exact, laplace or nuts")]
        )  # fmt: skip
    return chosen


def _simulate_all(
    study: Study, arguments: tuple[Any, ...], missing: Sequence[int], jobs: int, progress: Progress
) -> Iterator[Simulated]:
    """Simulate and fit, here or in processes of their own, in the order in which they finish."""
    tell = _counter(study.config.name, len(missing), progress)
    if jobs <= 1 or len(missing) < 2:
        for i in missing:
            yield tell(simulated(study, i))
        return
    with ProcessPoolExecutor(
        min(jobs, len(missing)), get_context("spawn"), initializer=_begin, initargs=(arguments,)
    ) as pool:
        futures = [pool.submit(_work, i) for i in missing]
        try:
            for future in as_completed(futures):
                yield tell(future.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _counter(name: str, size: int, progress: Progress) -> Callable[[Simulated], Simulated]:
    started, done = time.monotonic(), 0

    def tell(result: Simulated) -> Simulated:
        nonlocal done
        done += 1
        left = (time.monotonic() - started) / done * (size - done)
        ending = f", about {left:.0f} s left" if done < size else ""
        if 100 * done // size > 100 * (done - 1) // size:
            progress(f"{name}: {done} of {size} simulations{ending}")
        return result

    return tell


_here: list[Study] = []


def _begin(arguments: tuple[Any, ...]) -> None:
    """Make the study anew in a process of its own, with one BLAS thread."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)
    _here[:] = [_study(*arguments)]


def _work(i: int) -> Simulated:
    return simulated(_here[0], i)


def simulated(study: Study, i: int) -> Simulated:
    """Simulate data set i and fit it by every method: the truth, and its ranks by each, JSON-able."""
    rng = np.random.default_rng([study.config.seed, i])
    seed = int(rng.integers(2**31))
    try:
        theta, model = simulate(study.model, rng)
    except FitError as refusal:
        return {"simulation": i, "refused": refusal.message}
    config = study.config.model_copy(update={"seed": seed})
    fits = fit_all(config, model, silent)
    return {
        "simulation": i,
        "truth": theta.tolist(),
        "methods": {fit.name: _ranked(fit, theta, np.random.default_rng(seed)) for fit in fits},
    }


def _ranked(fit: Fit, theta: Any, rng: np.random.Generator) -> dict[str, Any]:
    if not fit.answered or fit.draws is None:
        return {"status": fit.outcome.status, "message": fit.outcome.message}
    flat = fit.draws.reshape(-1, len(theta))
    return {"status": fit.outcome.status, "pit": pit_of(theta, flat, rng).tolist()}


@contextmanager
def _journal(
    destination: Path, simulations: int
) -> Iterator[tuple[dict[int, Simulated], Callable[[Simulated], None]]]:
    """Give what was finished before, by its number, and a function that keeps one more for good.

    It is read from the folder of the study and from the journal beside it, which goes once the folder is
    there, unless it has simulations beyond those that are asked for now.
    """
    path = destination.with_name(f".{destination.name}.jsonl")
    try:
        before = _read(destination / "simulations.jsonl")
        finished = {result["simulation"]: result for result in (*before, *_read(path))}
        spare = [result for result in before if result["simulation"] >= simulations]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            whole = path.read_bytes()
            path.write_bytes(whole[: whole.rfind(b"\n") + 1])  # the line that a kill cut short
        with path.open("a", encoding="utf-8") as file:

            def keep(*results: Simulated) -> None:
                file.writelines(json.dumps(result) + "\n" for result in results)
                file.flush()
                os.fsync(file.fileno())

            keep(*spare)  # the folder is about to be replaced by one without them
            yield finished, keep
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror or error}") from error
    if all(i < simulations for i in finished):
        path.unlink(missing_ok=True)


def _read(path: Path) -> list[Simulated]:
    """Read the whole lines of a journal; none where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]
