"""The regularisation path of a configuration: computed, and written to its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayescope.config.load import LoadedConfig
from bayescope.errors import FitError
from bayescope.inference.path import Path as RegularisationPath
from bayescope.inference.path import path_of
from bayescope.inference.registry import advised
from bayescope.pipeline import Progress, silent, versions
from bayescope.preparation import prepare, read_config
from bayescope.reports.beside import identity
from bayescope.reports.path_report import PathRecord, path_folder_name, write_path_folder
from bayescope.reports.summary import data_summary

if TYPE_CHECKING:
    import pandas as pd


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
        folds: of the cross-validated log score, drawn by the seed; 0 for none, and none of fewer than
            two rows each.
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
    progress: Progress = silent,
    command: str = "bayescope.regularisation_path(...)",
) -> PathRecord:
    """Compute a path and what its report says beside it; nothing is written."""
    config = loaded.config
    table, model = prepare(loaded, dataframe)
    try:
        found = path_of(model, prior, grid=grid, folds=folds, seed=config.seed, report_progress=progress)
    except FitError as failure:
        raise type(failure)(failure.message, advised(failure, model)) from None
    data = data_summary(table, (), model.response)
    return PathRecord(**identity(config, model, data, versions(), command), path=found)


def save_path(record: PathRecord, parent: str | Path = "runs") -> Path:
    """Write the folder of a path under `parent`, whole or not at all, and return its path."""
    destination = Path(parent) / path_folder_name(record)
    write_path_folder(record, destination)
    return destination
