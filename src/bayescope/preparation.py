"""From a configuration to its model: all that `validate` does, and the first stages of every run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayescope.config.load import ConfigSource, LoadedConfig, load_config, load_mapping
from bayescope.data.prepare import read_data
from bayescope.data.table import Table
from bayescope.errors import ConfigError, Problem
from bayescope.inference.registry import SETTINGS
from bayescope.models.build import build_model
from bayescope.models.model import Model

if TYPE_CHECKING:
    import pandas as pd


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
    path = as_path(source, "the path of a YAML file, or a mapping of the same shape")
    return load_config(path, methods=SETTINGS, seed=seed, overrides=overrides, needs_data=needs_data)


def as_path(argument: object, expected: str) -> Path:
    """Take an argument for a path, or refuse it by its type. Raises ConfigError."""
    if isinstance(argument, str | os.PathLike):
        return Path(argument)
    raise ConfigError([Problem((), f"expected {expected}, not {type(argument).__name__}")])


def prepare(
    loaded: LoadedConfig, dataframe: pd.DataFrame | None = None, *, in_batches: bool = False
) -> tuple[Table, Model]:
    """Read and check the data, and build the model: all that `validate` does.

    With `in_batches` a file larger than memory is a table of few rows of its moments (`table.whole`).
    """
    with located(loaded.source):
        formula, table = read_data(loaded.config, loaded.source.directory, dataframe, in_batches=in_batches)
        return table, build_model(loaded.config.model, formula, table)


@contextmanager
def located(source: ConfigSource) -> Iterator[None]:
    """Give problems found after the configuration stage their place in the file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(source.locate(problem) for problem in error.problems) from None
