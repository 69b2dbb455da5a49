"""The pipeline: config -> table -> model -> fits -> comparison and checks -> record -> run folder."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bayescope import __version__
from bayescope.config.load import ConfigSource, LoadedConfig, load_config, load_mapping
from bayescope.config.schema import RunConfig
from bayescope.data.prepare import read_data
from bayescope.data.table import Table
from bayescope.diagnostics.checks import check_all
from bayescope.diagnostics.comparison import choose_reference, compare
from bayescope.diagnostics.estimates import summarise
from bayescope.diagnostics.evidence import ModelEvidence, compare_evidence, require_comparable
from bayescope.diagnostics.learning import learned
from bayescope.diagnostics.predictive import posterior_predictive_check
from bayescope.diagnostics.records import Check, ComparisonRow, Estimate
from bayescope.diagnostics.verdict import verdict
from bayescope.errors import ConfigError, RunFolderError
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context
from bayescope.inference.registry import METHODS, SETTINGS, run_method
from bayescope.models.build import build_model
from bayescope.models.model import Model
from bayescope.reports.loss import loss_view
from bayescope.reports.record import RunRecord
from bayescope.reports.summary import data_summary, model_summary

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

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
    models = {name: run.record.model.formula or run.record.model.notation[0] for name, run in runs.items()}
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
    comparison = compare(fits)
    reference = choose_reference(fits)
    predictive = None if reference is None else posterior_predictive_check(model, reference, config.seed)
    checks = check_all(fits, comparison, predictive)
    record = RunRecord(
        name=config.name,
        title=config.title or config.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command or "bayescope.run(...)",
        config=config.model_dump(mode="json", exclude_none=True),
        seed=config.seed,
        versions=versions(),
        timings={"data and model": prepared} | {fit.name: fit.timings["total"] for fit in fits},
        data=data_summary(table, model.columns, model.response),
        model=model_summary(model),
        loss=loss_view(model, fits),
        estimates=tuple(row for fit in fits for row in summarise(fit)),
        comparison=comparison,
        checks=checks,
        predictive=predictive,
        learned=() if reference is None else learned(model, reference),
        evidence={fit.name: fit.log_evidence for fit in fits if fit.log_evidence is not None},
        verdict=verdict(fits, checks, comparison),
    )
    return Run(record, fits, model)


def fit_all(config: RunConfig, model: Model, progress: Progress) -> tuple[Fit, ...]:
    """One fit a recipe, in the order of the configuration."""
    context = Context(seed=config.seed, report_progress=progress)
    fits = []
    for recipe in config.inference:
        progress(f"{config.name}: {recipe.name}")
        fits.append(run_method(recipe.name, METHODS[recipe.method], recipe.settings, model, context))
    return tuple(fits)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that the numbers depend on."""
    libraries = ("numpy", "scipy", "pymc", "pytensor", "nutpie", "arviz")
    return {"bayescope": __version__, "python": platform.python_version()} | {
        library: version(library) for library in libraries
    }


def run_folder_name(record: RunRecord) -> str:
    """`<name>-<hash>`: equal configuration, data, seed and version give an equal name."""
    identity = {
        "config": record.config,
        "data": record.data.fingerprint,
        "version": record.versions["bayescope"],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
    return f"{record.name}-{digest[:10]}"


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
