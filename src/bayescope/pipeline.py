"""The pipeline: config -> table -> model -> fits -> comparison and checks -> record -> run folder."""

from __future__ import annotations

import functools
import hashlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bayescope import __version__
from bayescope.assembly import Show, make_record, run_folder_name, unseen
from bayescope.cache import Cache, default_folder
from bayescope.config.load import LoadedConfig, load_mapping
from bayescope.config.schema import RunConfig
from bayescope.data.table import Table, Whole
from bayescope.diagnostics.comparison import choose_reference
from bayescope.diagnostics.curve import curve_view
from bayescope.diagnostics.points import point_view
from bayescope.diagnostics.prior_predictive import check_prior_predictive, prior_predictive
from bayescope.inference.condense import Asked, condense
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context, Method
from bayescope.inference.registry import METHODS, SETTINGS, run_method
from bayescope.inference.sufficient import Sufficient, sufficient
from bayescope.models.blueprint import blueprint, rebuild
from bayescope.models.model import Model
from bayescope.models.on_disk import on_disk
from bayescope.preparation import prepare, read_config
from bayescope.reports.lineage import pool_data, steps_of, with_beliefs
from bayescope.reports.record import Lineage
from bayescope.reports.summary import data_of
from bayescope.runs import Run
from bayescope.updating import Source, plan, read_arrivals

if TYPE_CHECKING:
    import pandas as pd

_QUICK = ("mle", "map", "exact")

type Progress = Callable[[str], None]


def silent(_message: str) -> None:
    """Report nothing: the default of the Python API."""


def run(
    source: str | Path | Mapping[str, Any],
    data: pd.DataFrame | None = None,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    cache: bool = False,
) -> Run:
    """Run a configuration (a YAML file, or the same as a mapping) and return every method's answer.

    Args:
        source: path of a YAML file, or a mapping of the same shape.
        data: replaces the data that the configuration names.
        out: folder to make the run folder in; None writes nothing.
        seed: replaces the seed of the configuration.
        overrides: `key.path=value` texts, as for `--set`.
        cache: whether fits that take time are kept for a second run, and those of a first one are taken.

    Raises:
        ConfigError: the configuration is wrong; all problems are listed.
        DataError: the data were refused; all findings are listed.
    """
    loaded = read_config(source, seed=seed, overrides=overrides, needs_data=data is None)
    finished = execute(loaded, dataframe=data, cache=open_cache() if cache else None)
    return finished if out is None else replace(finished, folder=finished.save(out))


def execute(
    loaded: LoadedConfig,
    *,
    dataframe: pd.DataFrame | None = None,
    progress: Progress = silent,
    command: str = "",
    cache: Cache | None = None,
    show: Show = unseen,
    points: bool = True,
) -> Run:
    """Carry out a configuration, from the data to the record; nothing is written but to the cache.

    The answers are shown as soon as they are there, before they are checked. Without `points`, what the
    points hide is left to `with_points`, after the verdict is shown.
    """
    config = loaded.config
    started = time.perf_counter()
    table, model = prepare(loaded, dataframe, in_batches=True)
    prepared = time.perf_counter() - started
    known = sufficient(model)
    data = data_of(table, model)
    found = _Rows(model, model, table) if table.whole is None else _in_batches(model, table.whole, known)
    before = prior_predictive(found.rows, config.seed)
    for check in check_prior_predictive(before):
        if check.verdict != "pass":
            progress(f"{config.name}: {check.message} {check.advice}")
    asked = ask(config, found.model, known)
    kept = cache and cache.about(found.model)
    fits = fit_all(config, asked.model, progress, asked.methods, kept)
    record = make_record(
        config,
        found.model,
        fits,
        data,
        rows=found.rows,
        row_numbers=found.table.rows,
        before=before,
        timings={"data and model": prepared},
        command=command or "bayescope.run(...)",
        show=show,
        notes=tuple(note for note in (found.note, asked.note) if note),
        versions=versions(),
        directory=str(loaded.source.directory),
        statistics=None if known is None else known.statistics,
        curve=curve_view(found.rows, fits, found.table),
    )
    finished = Run(record, fits, None if table.whole else model)
    return with_points(finished) if points else finished


def with_points(finished: Run) -> Run:
    """Add what the point estimates of a run hide, which takes fits to parts of its rows, if it has them."""
    reference = choose_reference(finished.fits)
    if finished.model is None or reference is None:
        return finished
    view = point_view(finished.model, finished.fits, reference, finished.record.seed)
    return replace(finished, record=finished.record.model_copy(update={"points": view}))


class _Rows(NamedTuple):
    """The model that methods see, with rows and table that it is checked against and a note on them."""

    model: Model
    rows: Model
    table: Table
    note: str = ""


def _in_batches(model: Model, whole: Whole, known: Sufficient | None) -> _Rows:
    """Take the rows of a file that was read in batches: by their moments if these suffice, else from disk."""
    rows = rebuild(blueprint(model), whole.sample)
    how = "their moments have the likelihood of all" if known else "methods read them from a temporary file"
    note = (
        f"{whole.rows:,} rows, more than the memory for rows (data.memory), were read in batches: {how}. "
        "What is about single rows, such as the posterior predictive check and LOO, is about a random sample "
        f"of {len(whole.sample):,}."
    )
    return _Rows(model if known else on_disk(model, whole.batches), rows, whole.sample, note)


def ask(
    config: RunConfig, model: Model, known: Sufficient | None, methods: Mapping[str, Method] | None = None
) -> Asked:
    """Say what methods to ask about which rows: few of the same likelihood, or with `compile: plain` all.

    `methods` stand in for those of the registry.
    """
    methods = METHODS if methods is None else methods
    used = {recipe.method: methods[recipe.method] for recipe in config.inference}
    return Asked(model, used) if config.compile == "plain" else condense(model, known, used)


def fit_all(
    config: RunConfig,
    model: Model,
    progress: Progress,
    methods: Mapping[str, Method] | None = None,
    cache: Cache | None = None,
) -> tuple[Fit, ...]:
    """One fit a recipe, in the order of the configuration; `methods` stand in for those of the registry.

    Those of the registry may take the answers of `cache`.
    """
    methods = METHODS if methods is None else methods
    plain = config.compile == "plain"
    context = Context(seed=config.seed, report_progress=progress, plain=plain)
    causes = replace(context, report_progress=silent)
    fits = []
    for recipe in config.inference:
        progress(f"{config.name}: {recipe.name}")
        fit = functools.partial(
            run_method, recipe.name, methods[recipe.method], recipe.settings, model, context
        )
        fits.append(fit() if cache is None else cache.recall((recipe.model_dump(), causes), fit))
        if fits[-1].recalled:
            progress(f"{config.name}: {recipe.name}: taken from the cache")
    return tuple(fits)


def update(
    before: Run,
    sources: Sequence[Source],
    *,
    by_row: bool = False,
    seed: int | None = None,
    progress: Progress = silent,
    command: str = "",
    cache: Cache | None = None,
    show: Show = unseen,
) -> Run:
    """Add rows to a finished run, each source a step; nothing is written, and `before` stays as it is.

    After every step but the last only mle, map and exact are asked; after the last all methods.

    Raises:
        DataError: the new rows are refused, or old rows are needed and not at hand.
        ConfigError: more steps than a report can show.
    """
    record, started = before.record, time.perf_counter()
    config = load_mapping(
        record.config, record.directory, methods=SETTINGS, seed=seed, needs_data=False
    ).config
    pending, notes = plan(record, before.model, read_arrivals(record, sources, by_row=by_row), METHODS)
    prepared = time.perf_counter() - started
    data, steps, fits = record.data, steps_of(record, before.fits), before.fits
    for stage in pending:
        is_last = stage is pending[-1]
        asked, tell = (config, progress) if is_last else (_quick(config), silent)
        progress(f"{config.name}: {stage.step.source}")
        kept = cache.about(stage.model) if cache and stage.has_rows else None
        few = ask(config, stage.model, None, stage.methods)
        fits = fit_all(asked, few.model, tell, few.methods, kept)
        data = pool_data(data, stage.rows, len(steps))
        steps = (*steps, with_beliefs(stage.step, data.observations, fits))
    last = pending[-1]
    updated = make_record(
        config,
        last.model,
        fits,
        data,
        rows=last.model if last.has_rows else None,
        shift=last.shift,
        timings={"data and model": prepared},
        command=command or "run.update(...)",
        show=show,
        versions=versions(),
        directory=record.directory,
        statistics=last.statistics,
        lineage=Lineage(**_parent(before), notes=notes, steps=steps),
    )
    return Run(updated, fits, last.model if last.has_rows else None)


def _quick(config: RunConfig) -> RunConfig:
    """Ask only the methods that draw nothing, or nothing that takes time: between two steps of an update."""
    quick = tuple(recipe for recipe in config.inference if recipe.method in _QUICK)
    return config.model_copy(update={"inference": quick})


def _parent(run: Run) -> dict[str, str]:
    """Identify a run as the parent of another: by its folder and run.json, or by what would be there."""
    folder = run_folder_name(run.record) if run.folder is None else run.folder.name
    content = (
        run.record.model_dump_json().encode()
        if run.folder is None
        else (run.folder / "run.json").read_bytes()
    )
    return {"parent": folder, "parent_sha256": hashlib.sha256(content).hexdigest()}


def open_cache() -> Cache:
    """The cache of the user, for this version of everything that computes."""
    return Cache(default_folder(), versions())


_installed = functools.cache(version)  # reads a file of the installation for each library


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that the numbers depend on."""
    libraries = ("numpy", "scipy", "pymc", "pytensor", "nutpie", "arviz")
    return {"bayescope": __version__, "python": platform.python_version()} | {
        library: _installed(library) for library in libraries
    }
