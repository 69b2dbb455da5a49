"""Recovery: one simulated data set with a known truth, and every method's answer beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescope.assembly import Show, make_record, unseen
from bayescope.config.load import LoadedConfig
from bayescope.inference.fit import Fit
from bayescope.inference.simulate import refuse_undrawn, simulate, simulated_table, written_out
from bayescope.models.blueprint import blueprint
from bayescope.models.model import Model
from bayescope.pipeline import Progress, fit_all, silent, versions
from bayescope.preparation import located, prepare, read_config
from bayescope.reports.summary import data_of
from bayescope.reports.tables import TRUTH
from bayescope.runs import Run

if TYPE_CHECKING:
    import pandas as pd


def recover(
    source: str | Path | Mapping[str, Any],
    data: pd.DataFrame | None = None,
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Run:
    """Draw a truth from the prior and data from the model, and fit them by every method of a configuration.

    Args:
        source: path of a YAML file, or a mapping of the same shape; its data give rows and predictors.
        data: replaces the data that the configuration names.
        seed: replaces the seed of the configuration.
        overrides: `key.path=value` texts, as for `--set`.

    Returns:
        A run whose first fit, "truth", is the theta that the data were drawn with.

    Raises:
        ConfigError: the configuration is wrong, or a prior is improper.
        DataError: the data were refused.
        FitError: the prior makes data that cannot be drawn.
    """
    loaded = read_config(source, seed=seed, overrides=overrides, needs_data=data is None)
    return recovered(loaded, dataframe=data)


def recovered(
    loaded: LoadedConfig,
    *,
    dataframe: pd.DataFrame | None = None,
    progress: Progress = silent,
    command: str = "bayescope.recover(...)",
    show: Show = unseen,
) -> Run:
    """Carry out `recover`; nothing is written."""
    config, started = loaded.config, time.perf_counter()
    table, model = prepare(loaded, dataframe)
    with located(loaded.source):
        refuse_undrawn(model)
    theta, simulated = simulate(written_out(model), np.random.default_rng(config.seed))
    prepared = time.perf_counter() - started
    fits = (_truth(simulated, theta), *fit_all(config, simulated, progress))
    record = make_record(
        config,
        simulated,
        fits,
        data_of(simulated_table(table, model, simulated), simulated),
        rows=simulated,
        timings={"data and model": prepared},
        command=command,
        show=show,
        versions=versions(),
        directory=str(loaded.source.directory),
    )
    return Run(record, fits, simulated)


def _truth(model: Model, theta: NDArray[np.float64]) -> Fit:
    """The truth as an answer beside the others: a point without an error."""
    return Fit(
        TRUTH, TRUTH, "point", model.names, estimate=theta, timings={"total": 0.0}, blueprint=blueprint(model)
    )
