"""Predictions as columns: the mean, intervals and draws of the responses of many new rows, a block at a time.

    mean                     E(y | x), of the predictive distribution
    mean_lower, mean_upper   the posterior interval of E(y | x, theta): how well the mean is known
    lower, upper             the predictive interval: where a response will be

A Bernoulli response has `p` in place of its mean; a categorical one has `p[level]`; one of several columns
has `mean[column]`. A block has at most half a million values of rows times draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bayescope.config.schema import DataConfig
from bayescope.data.read import read_table
from bayescope.data.table import Table
from bayescope.errors import BayescopeError, ConfigError, DataError, Finding, Problem
from bayescope.inference.fit import Fit
from bayescope.inference.predictive import Predictive, weighted_quantiles
from bayescope.inference.predictive_fit import predictor, response_draws, rows_to_predict
from bayescope.inference.predictive_vectors import VectorPredictive
from bayescope.models.model import Model
from bayescope.models.rows import take
from bayescope.sampling import categorical

type Floats = NDArray[np.float64]
type Columns = dict[str, NDArray[Any]]
type Kind = Literal["mean", "interval", "draws"]

_CELLS = 500_000  # rows times draws at a time
_ROWS = 50_000  # rows at a time, at most: of labels there are many


@dataclass(frozen=True)
class Wanted:
    """What to say about each new row.

    Attributes:
        kind: "mean", "interval" (with the mean), or "draws" of responses.
        probability: of the intervals, between 0 and 1; None: 0.89.
        draws: how many responses are drawn for each row; None: 100.
        seed: of the draws.
        temperature: of the labels that are drawn of a categorical response, as in
            `bayescope.sampling.categorical`.
        top_k: how many of the most probable labels may be drawn.
        top_p: the probability that the most probable labels which may be drawn reach.
    """

    kind: Kind = "mean"
    probability: float | None = None
    draws: int | None = None
    seed: int = 0
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None

    @property
    def within(self) -> float:
        """The probability of intervals."""
        return 0.89 if self.probability is None else self.probability

    @property
    def size(self) -> int:
        """The number of draws."""
        return 100 if self.draws is None else self.draws

    @property
    def reshaped(self) -> dict[str, Any]:
        """The settings that change the probabilities of labels, those that were given."""
        settings = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        return {name: value for name, value in settings.items() if value is not None}


@dataclass(frozen=True)
class Predictions:
    """The predictions of new rows.

    Attributes:
        table: the new rows, all columns that were given.
        names: the columns that the prediction adds, in their order.
        blocks: the predictions, a block at a time: the positions of rows in the table, shape (m,), and the
            columns that are added to these, each of shape (m,). To be gone through once.
        csv: the CSV file that the new rows were read from, if it was one.
    """

    table: Table | None
    names: tuple[str, ...]
    blocks: Iterator[tuple[NDArray[np.intp], Columns]]
    csv: Path | None = None


def predictions(fit: Fit, new_data: Any, wanted: Wanted, trials: Any = None) -> Predictions:
    """Predict new rows by a fit; all that is wrong is raised here, before a block is made.

    Args:
        fit: the answer of one method.
        new_data: the path of a file, a pandas DataFrame, a mapping of columns, or None for one new
            observation of a model without predictors.
        wanted: what to say about each row.
        trials: as of `Fit.predictive`.

    Raises:
        ConfigError: a setting is out of its range, or does not apply to the model's likelihood.
        DataError: the rows do not fit the model, or a column has the name of one that would be added.
        BayescopeError: the fit has no answer, or none of this kind.
    """
    _refuse_settings(wanted)
    table = _read(new_data)
    model = rows_to_predict(fit, table, trials=trials)
    levels = categories(model)
    if wanted.reshaped and not levels:
        _refuse_reshaped(model, wanted)
    first = next(_blocks(fit, take(model, slice(0, 1)), wanted, levels))
    names = tuple(first[1])
    _refuse_taken(names, table)
    return Predictions(table, names, _blocks(fit, model, wanted, levels), _csv_file(new_data))


def _csv_file(new_data: Any) -> Path | None:
    path = Path(new_data) if isinstance(new_data, str | Path) else Path()
    return path if path.suffix.lower() == ".csv" else None


def _read(new_data: Any) -> Table | None:
    """Read the new rows with all their columns, those that the model does not know included."""
    if new_data is None:
        return None
    if isinstance(new_data, str | Path):
        return read_table(DataConfig(path=Path(new_data)), Path())
    return read_table(None, Path(), None, new_data)


def categories(model: Model) -> tuple[str, ...]:
    """Return the levels of a categorical response; none of another."""
    return () if model.likelihood.multivariate else model.response.levels


def _blocks(
    fit: Fit, model: Model, wanted: Wanted, levels: tuple[str, ...]
) -> Iterator[tuple[NDArray[np.intp], Columns]]:
    if wanted.kind == "draws" and not wanted.reshaped:
        return _drawn(fit, model, wanted)
    return _by_rows(fit, model, wanted, levels)


def _by_rows(
    fit: Fit, model: Model, wanted: Wanted, levels: tuple[str, ...]
) -> Iterator[tuple[NDArray[np.intp], Columns]]:
    """Predict a block of rows at a time, from the distributions of their responses."""
    rows, predict = len(model.response.values), predictor(fit, model)
    components = 1000 if fit.draws is None else fit.draws.shape[0] * fit.draws.shape[1]
    step = max(1, min(_ROWS, _CELLS // max(components * max(1, len(levels)), wanted.size)))
    rng = np.random.default_rng(wanted.seed)
    for start in range(0, rows, step):
        block = slice(start, min(start + step, rows))
        predictive, places = predict(take(model, block)), np.arange(block.start, block.stop)
        if wanted.kind == "draws" and isinstance(predictive, Predictive):
            yield _labels(predictive, places, wanted, levels, rng)
        else:
            yield places, _columns(model, predictive, wanted, levels)


def _columns(
    model: Model, predictive: Predictive | VectorPredictive, wanted: Wanted, levels: tuple[str, ...]
) -> Columns:
    interval = wanted.kind == "interval"
    if isinstance(predictive, VectorPredictive):
        if interval:
            raise BayescopeError(
                f"{model.likelihood.name} has a response of several columns, and no intervals: ask for draws"
            )
        return _named("mean", predictive.mean, model.response.levels)
    if levels:
        return _category_columns(predictive, wanted.within if interval else None, levels)
    name = "p" if model.likelihood.name == "Bernoulli" else "mean"
    columns = {name: predictive.mean}
    if interval:
        ends = predictive.mean_interval(wanted.within)
        columns |= dict(zip((f"{name}_lower", f"{name}_upper"), ends, strict=True))
        if name == "mean":  # of 0 and 1 an interval says nothing
            columns |= dict(zip(("lower", "upper"), predictive.interval(wanted.within), strict=True))
    return columns


def _category_columns(predictive: Predictive, probability: float | None, levels: tuple[str, ...]) -> Columns:
    """The probability of each level, and the interval of what the posterior says that it may be."""
    columns = _named("p", label_probabilities(predictive, len(levels)), levels)
    if probability is None:
        return columns
    ends = _probability_intervals(predictive, 0.5 * (1.0 - probability), len(levels))
    return columns | _named("p_lower", ends[0], levels) | _named("p_upper", ends[1], levels)


def label_probabilities(predictive: Predictive, size: int) -> Floats:
    """Return the probability of each of `size` categories in each row, shape (n, size)."""
    return predictive.pdf(np.arange(size, dtype=np.float64)[:, np.newaxis]).T


def _probability_intervals(predictive: Predictive, tail: float, size: int) -> Floats:
    """Lower and upper ends, shape (2, n, k); nan for a point."""
    shape = (2, len(predictive), size)
    if predictive.expected is not None:
        quantiles = [predictive.expected.quantile(np.full(size, q)) for q in (tail, 1.0 - tail)]
        return np.broadcast_to(np.stack(quantiles)[:, np.newaxis, :], shape)
    if predictive.point:
        return np.full(shape, np.nan)
    codes = np.arange(size, dtype=np.float64)[:, np.newaxis, np.newaxis]
    each = np.moveaxis(np.exp(predictive.component.log_density(codes)), 0, -1)
    found = weighted_quantiles(each, predictive.weights, (tail, 1.0 - tail))
    return np.broadcast_to(found, shape)


def _labels(
    predictive: Predictive,
    places: NDArray[np.intp],
    wanted: Wanted,
    levels: tuple[str, ...],
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], Columns]:
    """Draw labels by probabilities that temperature, top-k and top-p have changed, each row on its own."""
    with np.errstate(divide="ignore"):
        logits = np.log(label_probabilities(predictive, len(levels)))
    drawn = categorical(logits, wanted.size, rng, **wanted.reshaped)
    return _long(places, 0, drawn.astype(np.float64), levels, whole=True)


def _drawn(fit: Fit, model: Model, wanted: Wanted) -> Iterator[tuple[NDArray[np.intp], Columns]]:
    """Draw responses of all rows, a block of draws at a time: the rows of one draw share one theta."""
    rows, draw = len(model.response.values), response_draws(fit, model)
    rng = np.random.default_rng(wanted.seed)
    step = max(1, _CELLS // rows)
    for start in range(0, wanted.size, step):
        found = draw(rng, min(step, wanted.size - start))
        yield _long(
            np.arange(rows), start, found, model.response.levels, whole=model.likelihood.response.integer
        )


def _long(
    places: NDArray[np.intp], before: int, values: Floats, names: tuple[str, ...], *, whole: bool
) -> tuple[NDArray[np.intp], Columns]:
    """Write draws, shape (size, n) or (size, n, columns), as one row for each draw and row.

    `names` are those of the columns, or of the categories that values number.
    """
    size, rows = values.shape[:2]
    number = np.repeat(np.arange(before + 1, before + 1 + size), rows)
    flat = values.reshape(size * rows, *values.shape[2:])
    drawn = flat.astype(np.int64) if whole and np.abs(flat).max(initial=0.0) < 2.0**63 else flat
    if drawn.ndim > 1:
        found = _named("prediction", drawn, names)
    else:
        found = {"prediction": np.array(names, dtype=object)[drawn] if names else drawn}
    every = np.tile(places, size)
    return every, {"row": every + 1, "draw": number, **found}


def _named(name: str, values: NDArray[Any], columns: tuple[str, ...]) -> Columns:
    return {f"{name}[{column}]": values[..., k] for k, column in enumerate(columns)}


def _refuse_settings(wanted: Wanted) -> None:
    checks: Mapping[str, tuple[bool, str]] = {
        "kind": (
            wanted.kind in get_args(Kind.__value__),
            f"is one of mean, interval, draws, not {wanted.kind!r}",
        ),
        "probability": (
            _is_number(wanted.within) and 0.0 < wanted.within < 1.0,
            f"is a number between 0 and 1, not {wanted.probability!r}",
        ),
        "draws": (_is_whole(wanted.size, 1), f"is a whole number of at least 1, not {wanted.draws!r}"),
        "seed": (_is_whole(wanted.seed, 0), f"is a whole number of at least 0, not {wanted.seed!r}"),
        "temperature": (
            wanted.temperature is None
            or (_is_number(wanted.temperature) and 0.0 <= wanted.temperature < np.inf),
            f"is a number of at least 0, not {wanted.temperature!r}",
        ),
        "top_k": (
            wanted.top_k is None or _is_whole(wanted.top_k, 1),
            f"is a whole number of at least 1, not {wanted.top_k!r}",
        ),
        "top_p": (
            wanted.top_p is None or (_is_number(wanted.top_p) and 0.0 < wanted.top_p <= 1.0),
            f"is above 0 and at most 1, not {wanted.top_p!r}",
        ),
    }
    problems = [Problem((name,), message) for name, (good, message) in checks.items() if not good]
    if not problems:
        problems = [Problem((name,), f"is for kind {kind}") for name, kind in _of_another_kind(wanted)]
    if problems:
        raise ConfigError(problems)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _of_another_kind(wanted: Wanted) -> Iterator[tuple[str, Kind]]:
    """The settings that were given though they say nothing about the kind wanted, with their own kind."""
    if wanted.probability is not None and wanted.kind != "interval":
        yield "probability", "interval"
    for name in ("draws", *wanted.reshaped):
        if getattr(wanted, name) is not None and wanted.kind != "draws":
            yield name, "draws"


def _refuse_reshaped(model: Model, wanted: Wanted) -> None:
    name = "finite hypotheses" if model.hypotheses else model.likelihood.name
    raise ConfigError(
        Problem((setting,), f"is for categorical responses; {name} has no labels to draw")
        for setting in wanted.reshaped
    )


def _refuse_taken(names: tuple[str, ...], table: Table | None) -> None:
    taken = [name for name in names if table is not None and name in table.columns]
    if table is not None and taken:
        findings = [
            Finding("the prediction would have a column of this name, too; rename it", name) for name in taken
        ]
        raise DataError(findings, table.source)
