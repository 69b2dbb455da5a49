"""The pipeline: config -> table -> model -> fits -> comparison and checks -> record -> run folder."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bayescope import __version__
from bayescope.assembly import make_record, run_folder_name
from bayescope.config.load import ConfigSource, LoadedConfig, load_config, load_mapping
from bayescope.config.schema import RunConfig
from bayescope.data.prepare import read_data
from bayescope.data.table import Table
from bayescope.diagnostics.comparison import choose_reference
from bayescope.diagnostics.curve import curve_view
from bayescope.diagnostics.evidence import ModelEvidence, compare_evidence, require_comparable
from bayescope.diagnostics.records import Check, ComparisonRow, Estimate
from bayescope.errors import ConfigError, RunFolderError
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context, Method
from bayescope.inference.path import Path as RegularisationPath
from bayescope.inference.path import path_of
from bayescope.inference.registry import METHODS, SETTINGS, run_method
from bayescope.inference.sufficient import shifted, sufficient
from bayescope.models.build import build_model
from bayescope.models.model import Model
from bayescope.reports.lineage import pool_data, steps_of, with_beliefs
from bayescope.reports.path_report import PathRecord, path_folder_name, write_path_folder
from bayescope.reports.record import Lineage, RunRecord
from bayescope.reports.summary import data_summary, told_apart
from bayescope.updating import Source, plan, read_arrivals

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from numpy.typing import ArrayLike

    from bayescope.inference.predictions import Kind
    from bayescope.inference.predictive import Predictive
    from bayescope.inference.predictive_vectors import VectorPredictive

_QUICK = ("mle", "map", "exact")

type Progress = Callable[[str], None]


def _silent(_message: str) -> None:
    """Report nothing: the default of the Python API."""


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        record: what run.json holds: estimates, comparison, checks, verdict, provenance.
        fits: one `Fit` a method, in the order of the configuration.
        model: the model with its data; None for a run loaded from a folder.
        folder: where the run is stored, if it is.
    """

    record: RunRecord
    fits: tuple[Fit, ...]
    model: Model | None = None
    folder: Path | None = None

    def __getitem__(self, name: str) -> Fit:
        """The fit of the recipe `name`."""
        for fit in self.fits:
            if fit.name == name:
                return fit
        raise KeyError(f"no method {name!r} in this run; there are {[fit.name for fit in self.fits]}")

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """estimates.csv as a DataFrame: one row a parameter and method."""
        return _frame(Estimate, self.record.estimates)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """comparison.csv as a DataFrame: every method against the reference."""
        return _frame(ComparisonRow, self.record.comparison)

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks of all methods."""
        return self.record.checks

    @cached_property
    def graph(self) -> pm.Model:
        """The model as an ordinary `pm.Model`, with named dims and coords.

        Raises:
            RunFolderError: the run was loaded from a folder, which holds no data.
        """
        if self.model is None:
            raise RunFolderError(
                "a run loaded from its folder has no data to build a graph on: run its config again"
            )
        from bayescope.models.graph import compile_graph

        return compile_graph(self.model)

    def report(self) -> str:
        """The report as one self-contained HTML page."""
        from bayescope.reports.figures import figures
        from bayescope.reports.html import render_html

        return render_html(self.record, self.fits, figures(self.record, self.fits))

    def predictive(
        self, new_data: Any = None, *, method: str | None = None, trials: ArrayLike | None = None
    ) -> Predictive | VectorPredictive:
        """The distribution of new responses by one method, the reference if none is named.

        Raises:
            KeyError: there is no such method in this run.
            DataError: the new rows do not fit the model.
            BayescopeError: no method has an answer, or the model needs new data or trials.
        """
        return self.answer_of(method).predictive(new_data, trials=trials)

    def answer_of(self, method: str | None = None) -> Fit:
        """The fit of the recipe `method`; if none is named the reference, else a posterior, else a point."""
        if method is not None:
            return self[method]
        posteriors_first = sorted(self.fits, key=lambda fit: (not fit.answered, fit.kind != "posterior"))
        return choose_reference(self.fits) or posteriors_first[0]

    def predict(
        self,
        new_data: Any = None,
        *,
        kind: Kind = "mean",
        method: str | None = None,
        probability: float = 0.89,
        draws: int = 100,
        seed: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        trials: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Predict new rows: these rows with the columns of docs/prediction.md, such as `mean`.

        Args:
            new_data: a pandas DataFrame, a mapping of columns, or the path of a file; it may have further
                columns. None: one new observation of a model without predictors.
            kind: "mean"; "interval": that of the mean and that of a response, too; "draws" of responses.
            method: the recipe to predict by; the reference if left out.
            probability: of the intervals.
            draws: how many responses of each row.
            seed: of the draws; that of the run if left out.
            temperature: of the labels that are drawn of a categorical response, as are `top_k` and `top_p`.
            top_k: draw of the k most probable labels.
            top_p: draw of the fewest labels that have this probability together.
            trials: in place of new data, as of `Fit.predictive`.

        Raises:
            KeyError: there is no such method in this run.
            ConfigError: a setting is out of its range, or not for this likelihood.
            DataError: the new rows do not fit the model.
            BayescopeError: no method has an answer.
        """
        from bayescope.inference.predictions import Wanted, predictions
        from bayescope.reports.predictions import to_frame

        wanted = Wanted(
            kind=kind,
            probability=probability,
            draws=draws,
            seed=self.record.seed if seed is None else seed,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        return to_frame(predictions(self.answer_of(method), new_data, wanted, trials), new_data)

    def update(
        self,
        *data: Source,
        by_row: bool = False,
        out: str | Path | None = None,
        seed: int | None = None,
    ) -> Run:
        """The run after more data have arrived: this posterior is the prior of what comes.

        Args:
            data: the new rows, each a step: a path, a pandas DataFrame, or a mapping of columns.
            by_row: make a step of every row.
            out: folder to make the run folder in; None writes nothing.
            seed: replaces the seed of this run.

        Raises:
            DataError: the rows are refused, or old rows are needed and not at hand.
            ConfigError: more steps than a report can show.
        """
        updated = update(self, data, by_row=by_row, seed=seed)
        return updated if out is None else replace(updated, folder=updated.save(out))

    def save(self, parent: str | Path = "runs") -> Path:
        """Write the run folder under `parent`, whole or not at all, and return its path."""
        from bayescope.reports.writer import write_run_folder

        destination = Path(parent) / run_folder_name(self.record)
        write_run_folder(self.record, self.fits, destination)
        return destination


def run(
    source: str | Path | Mapping[str, Any],
    data: pd.DataFrame | None = None,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Run:
    """Run a configuration (a YAML file, or the same as a mapping) and return every method's answer.

    Args:
        source: path of a YAML file, or a mapping of the same shape.
        data: replaces the data that the configuration names.
        out: folder to make the run folder in; None writes nothing.
        seed: replaces the seed of the configuration.
        overrides: `key.path=value` texts, as for `--set`.

    Raises:
        ConfigError: the configuration is wrong; all problems are listed.
        DataError: the data were refused; all findings are listed.
    """
    loaded = read_config(source, seed=seed, overrides=overrides, needs_data=data is None)
    finished = execute(loaded, dataframe=data)
    return finished if out is None else replace(finished, folder=finished.save(out))


def regularisation_path(
    source: str | Path | Mapping[str, Any],
    data: pd.DataFrame | None = None,
    *,
    prior: str = "coefficients",
    grid: int = 100,
    folds: int = 5,
    out: str | Path | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> RegularisationPath:
    """Follow the posterior mode as the Normal or Laplace prior of some coefficients gets wider.

    Args:
        source: path of a YAML file, or a mapping of the same shape.
        data: replaces the data that the configuration names.
        prior: the line of priors whose scale varies.
        grid: number of scales.
        folds: of the cross-validated log score, drawn by the seed; 0 for none.
        out: folder to make the path's folder in; None writes nothing.
        seed: replaces the seed of the configuration.
        overrides: `key.path=value` texts, as for `--set`.

    Raises:
        ConfigError: the configuration is wrong; all problems are listed.
        DataError: the data were refused; all findings are listed.
        NotApplicable: the prior is neither Normal nor Laplace, or its scale is not one number.
        FitError: the posterior has no mode for any scale.
    """
    loaded = read_config(source, seed=seed, overrides=overrides, needs_data=data is None)
    record = follow_path(loaded, dataframe=data, prior=prior, grid=grid, folds=folds)
    if out is not None:
        save_path(record, out)
    return record.path


def follow_path(
    loaded: LoadedConfig,
    *,
    dataframe: pd.DataFrame | None = None,
    prior: str = "coefficients",
    grid: int = 100,
    folds: int = 5,
    progress: Progress = _silent,
    command: str = "bayescope.regularisation_path(...)",
) -> PathRecord:
    """Compute a path and what its report says beside it; nothing is written."""
    config = loaded.config
    table, model = prepare(loaded, dataframe)
    found = path_of(model, prior, grid=grid, folds=folds, seed=config.seed, report_progress=progress)
    return PathRecord(
        name=config.name,
        title=config.title or config.name,
        command=command,
        config=config.model_dump(mode="json", exclude_none=True),
        seed=config.seed,
        versions=versions(),
        data=data_summary(table, (), model.response),
        likelihood=model.likelihood.name,
        response=model.response.name,
        formula=model.formula or "",
        path=found,
    )


def save_path(record: PathRecord, parent: str | Path = "runs") -> Path:
    """Write the folder of a path under `parent`, whole or not at all, and return its path."""
    destination = Path(parent) / path_folder_name(record)
    write_path_folder(record, destination)
    return destination


def load(folder: str | Path) -> Run:
    """Read a run folder back; every file is checked against the hashes in run.json.

    Raises:
        RunFolderError: it is not a run folder, or a file in it was changed.
    """
    from bayescope.reports.writer import read_run_folder

    record, fits = read_run_folder(Path(folder))
    return Run(record, fits, folder=Path(folder))


def compare_models(folders: Sequence[str | Path]) -> tuple[ModelEvidence, ...]:
    """Compare finished runs of one response by their exact evidence: Bayes factors and model probabilities.

    Raises:
        BayescopeError: the runs are of different data, or one has no exact evidence.
    """
    runs = {Path(folder).name: load(folder) for folder in folders}
    exact = {
        name: next((fit.log_evidence for fit in run.fits if fit.method == "exact"), None)
        for name, run in runs.items()
    }
    responses = {name: run.record.data.response_fingerprint for name, run in runs.items()}
    require_comparable(responses, exact)
    models = told_apart({name: run.record.model for name, run in runs.items()})
    return compare_evidence({name: value for name, value in exact.items() if value is not None}, models)


def read_config(
    source: str | Path | Mapping[str, Any],
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    needs_data: bool = True,
) -> LoadedConfig:
    """Validate a configuration against the schema, the settings of every method included."""
    if isinstance(source, Mapping):
        return load_mapping(source, methods=SETTINGS, seed=seed, overrides=overrides, needs_data=needs_data)
    return load_config(source, methods=SETTINGS, seed=seed, overrides=overrides, needs_data=needs_data)


def prepare(loaded: LoadedConfig, dataframe: pd.DataFrame | None = None) -> tuple[Table, Model]:
    """Read and check the data, and build the model: all that `validate` does."""
    with located(loaded.source):
        formula, table = read_data(loaded.config, loaded.source.directory, dataframe)
        return table, build_model(loaded.config.model, formula, table)


def execute(
    loaded: LoadedConfig,
    *,
    dataframe: pd.DataFrame | None = None,
    progress: Progress = _silent,
    command: str = "",
) -> Run:
    """Carry out a configuration, from the data to the record; nothing is written."""
    config = loaded.config
    started = time.perf_counter()
    table, model = prepare(loaded, dataframe)
    prepared = time.perf_counter() - started
    fits = fit_all(config, model, progress)
    known = sufficient(model)
    record = make_record(
        config,
        model,
        fits,
        data_summary(table, model.columns, model.response),
        timings={"data and model": prepared},
        command=command or "bayescope.run(...)",
        versions=versions(),
        directory=str(loaded.source.directory),
        statistics=None if known is None else known.statistics,
        curve=curve_view(model, fits, table),
    )
    return Run(record, fits, model)


def fit_all(
    config: RunConfig, model: Model, progress: Progress, methods: Mapping[str, Method] | None = None
) -> tuple[Fit, ...]:
    """One fit a recipe, in the order of the configuration; `methods` stand in for those of the registry."""
    methods = METHODS if methods is None else methods
    context = Context(seed=config.seed, report_progress=progress)
    fits = []
    for recipe in config.inference:
        progress(f"{config.name}: {recipe.name}")
        fits.append(run_method(recipe.name, methods[recipe.method], recipe.settings, model, context))
    return tuple(fits)


def update(
    before: Run,
    sources: Sequence[Source],
    *,
    by_row: bool = False,
    seed: int | None = None,
    progress: Progress = _silent,
    command: str = "",
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
        asked, tell = (config, progress) if is_last else (_quick(config), _silent)
        progress(f"{config.name}: {stage.step.source}")
        found = fit_all(asked, stage.model, tell, stage.methods)
        fits = tuple(shifted(fit, stage.shift) for fit in found)
        data = pool_data(data, stage.rows, len(steps))
        steps = (*steps, with_beliefs(stage.step, data.observations, fits))
    last = pending[-1]
    updated = make_record(
        config,
        last.model,
        fits,
        data,
        has_rows=last.has_rows,
        shift=last.shift,
        timings={"data and model": prepared},
        command=command or "run.update(...)",
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


_installed = cache(version)  # reads a file of the installation for each library


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that the numbers depend on."""
    libraries = ("numpy", "scipy", "pymc", "pytensor", "nutpie", "arviz")
    return {"bayescope": __version__, "python": platform.python_version()} | {
        library: _installed(library) for library in libraries
    }


@contextmanager
def located(source: ConfigSource) -> Iterator[None]:
    """Give problems found after the configuration stage their place in the file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(source.locate(problem) for problem in error.problems) from None


def _frame(row_type: type[BaseModel], rows: Sequence[BaseModel]) -> pd.DataFrame:
    """One row a record; columns of numbers are float64, nan where undefined, rows or none."""
    import pandas as pd

    frame = pd.DataFrame([row.model_dump() for row in rows], columns=list(row_type.model_fields))
    texts = {name for name, field in row_type.model_fields.items() if field.annotation is str}
    return frame.astype({name: "float64" for name in frame.columns if name not in texts})
