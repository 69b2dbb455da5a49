"""A file too large for memory as a table of a few weighted rows that have its mean and its scatter.

    sum_i w_i (1, z_i)(1, z_i)'  is that of all rows z = (x, y),  w_i = n / (k + 1)

One pass over batches of rows makes it: checks, moments, a fingerprint and a sample. Whatever depends on
the rows by their means, standard deviations and linear relations only (defaults scaled to the data,
standardising, constant and collinear columns, a Normal linear regression) comes out as from all of them.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.paths import path_text
from bayescope.config.schema import ModelConfig
from bayescope.data.batches import NotInBatches, numeric_columns, size_in_memory, tables
from bayescope.data.checks import check_response
from bayescope.data.formula import Formula, FormulaError, expand_terms
from bayescope.data.syntax import Call, Name, Node
from bayescope.data.table import Digest, Moments, Table, Whole, fingerprint_of, make_table
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import DataError

type Floats = NDArray[np.float64]

SAMPLE = 10_000
_LIMIT = 10**9
# whether the response enters by its moments with the predictors, or by its mean alone
_JOINT = {"Normal": True, "Bernoulli": False, "Poisson": False}


def memory_limit(declared: int | None) -> int:
    """Return how many bytes rows may take: as declared, else 1 GB, or half of what is free if less."""
    if declared is not None:
        return declared
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # a system that does not say
        return _LIMIT
    return min(_LIMIT, max(free, 0) // 2)


def stream(config: Any, base_dir: Path, spec: ModelConfig, formula: Formula | None) -> Table | None:
    """Read a file in batches, if it is larger than the memory for its rows and the model lets it be.

    Args:
        config: the `data:` section.
        base_dir: the folder of the configuration.
        spec: the `model:` section.
        formula: its formula.

    Returns:
        Rows with the moments of the file, which they stand for (`whole`); None to read it whole.

    Raises:
        DataError: rows are refused: the findings of the first bad batch.
    """
    if getattr(config, "path", None) is None or formula is None or not _is_plain(spec, formula):
        return None
    path, limit = base_dir / config.path, memory_limit(config.memory)
    try:
        if not path.is_file() or 40 * path.stat().st_size < limit:  # the best that a file is ever compressed
            return None
        numeric = numeric_columns(path)
        columns = _columns(formula, tuple(numeric))
        if not all(numeric.get(name) for name in columns) or size_in_memory(path, len(columns)) < limit:
            return None
        shown = path_text(path.relative_to(base_dir) if path.is_relative_to(base_dir) else path)
        batches = partial(_batches, path, columns, shown, config.missing, spec)
        return _collected(columns, shown, spec, batches)
    except NotInBatches:
        return None


def _is_plain(spec: ModelConfig, formula: Formula) -> bool:
    """Tell whether the model is linear in the columns as they are, and every row counts once."""
    more = (
        spec.weights,
        spec.trials,
        spec.offset,
        spec.body,
        formula.trials,
        formula.offsets,
        formula.groups,
    )
    return (
        spec.likelihood in _JOINT
        and isinstance(formula.response, Name)
        and not any(more)
        and not formula.parameters
    )


def _columns(formula: Formula, known: Sequence[str]) -> tuple[str, ...]:
    """Name the predictors and, last, the response.

    Raises:
        NotInBatches: a term is no column, or one scaled or centred.
    """
    try:
        terms = expand_terms(formula, known)
    except FormulaError as error:
        raise NotInBatches from error
    response = formula.response
    names = [_column(terms.factors[term[0]]) if len(term) == 1 else None for term in terms.terms]
    if None in names or not isinstance(response, Name) or response.name in names:
        raise NotInBatches
    return (*dict.fromkeys(name for name in names if name is not None), response.name)


def _column(node: Node) -> str | None:
    match node:
        case Name(name) | Call("scale" | "center", (Name(name),)):
            return name
        case _:
            return None


def _batches(
    path: Path, columns: tuple[str, ...], source: str, missing: Any, spec: ModelConfig
) -> Iterator[Table]:
    support = LIKELIHOODS[str(spec.likelihood)].response
    for table in tables(path, columns, source, missing):
        findings = check_response(table.columns[columns[-1]], support, columns[-1], table.rows)
        if findings:
            raise DataError(findings, source)
        yield table


class _Sums:
    """What is kept of the batches so far; `triangle` is R of [1, z - origin] = QR."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.rows = self.dropped = 0
        self.origin: Floats | None = None
        self.triangle = np.zeros((0, len(columns) + 1))
        self.low, self.high = np.full(len(columns), np.inf), np.full(len(columns), -np.inf)
        self.hashes = [hashlib.sha256() for _ in columns]
        self.random = np.random.default_rng(0)
        self.keys, self.kept = np.zeros(0), np.zeros((0, len(columns) + 1))

    def add(self, table: Table) -> None:
        """Take one batch in."""
        self.dropped += table.dropped
        if not len(table):
            return
        values = np.column_stack([table.columns[name].astype(np.float64) for name in self.columns]) + 0.0
        for digest, column in zip(self.hashes, values.T, strict=True):
            digest.update(np.ascontiguousarray(column, dtype="<f8"))
        self.rows += len(values)
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))
        self._sample(np.column_stack([values, table.rows]))
        self.origin = values.mean(axis=0) if self.origin is None else self.origin
        block = np.column_stack([np.ones(len(values)), values - self.origin])
        self.triangle = np.linalg.qr(np.vstack([self.triangle, block]), mode="r")

    def _sample(self, values: Floats) -> None:
        """Keep the rows whose random keys are the least: any set of rows is as likely as any other."""
        keys = np.concatenate([self.keys, self.random.random(len(values))])
        kept = np.argpartition(keys, SAMPLE)[:SAMPLE] if len(keys) > SAMPLE else np.arange(len(keys))
        new = kept >= len(self.keys)
        rows = [self.kept[kept[~new]], values[kept[new] - len(self.keys)]]
        self.keys = np.concatenate([keys[kept[~new]], keys[kept[new]]])
        self.kept = np.concatenate(rows)

    @property
    def mean(self) -> Floats:
        """The mean of each column, shape (k,)."""
        return np.asarray(self.origin + self.triangle[0, 1:] / self.triangle[0, 0])

    @property
    def factor(self) -> Floats:
        """R of the columns about their means, shape (k, k): R'R is their scatter."""
        return self.triangle[1:, 1:]


def _collected(columns: tuple[str, ...], source: str, spec: ModelConfig, batches: Any) -> Table:
    sums = _Sums(columns)
    for table in batches():
        sums.add(table)
    if sums.rows <= 2 * len(columns) + 2:
        raise NotInBatches
    values, weights = _rows_like(sums, joint=_JOINT[str(spec.likelihood)])
    moments = dict(zip(columns, _moments(sums), strict=True))
    digests = {
        name: Digest("number", digest.hexdigest()) for name, digest in zip(columns, sums.hashes, strict=True)
    }
    arrays = dict(zip(columns, values.T.copy(), strict=True))
    order = (columns[-1], *columns[:-1])  # as the formula names them
    table = make_table({name: arrays[name] for name in order}, source, weights=weights)
    return replace(
        table,
        fingerprint=fingerprint_of(digests),
        dropped=sums.dropped,
        whole=Whole(
            rows=sums.rows,
            columns=MappingProxyType({name: moments[name] for name in order}),
            response=columns[-1],
            digests=MappingProxyType(digests),
            sample=_sampled(sums, source),
            batches=batches,
        ),
    )


def _rows_like(sums: _Sums, *, joint: bool) -> tuple[Floats, Floats]:
    """Make rows, shape (m, k), and weights, shape (m,), of the mean and scatter of the file.

    With Q orthonormal and orthogonal to a constant, the rows of mean + Q R / sqrt(w) have the scatter R'R.
    A response of few values apart from the predictors (not `joint`) is the two next to its mean.
    """
    size = len(sums.columns) - (not joint)
    apart = np.linalg.qr(np.column_stack([np.ones(size + 1), np.eye(size + 1)]))[0][:, 1:]
    weight = sums.rows / (size + 1)
    values = sums.mean[:size] + apart @ sums.factor[:size, :size] / math.sqrt(weight)
    if joint:
        return values, np.full(size + 1, weight)
    low = math.floor(sums.mean[-1])
    share = float(sums.mean[-1]) - low
    parts = [(low, 1.0 - share), *([(low + 1, share)] if share > 0 else [])]
    rows = [np.column_stack([values, np.full(size + 1, float(value))]) for value, _ in parts]
    return np.vstack(rows), np.concatenate([np.full(size + 1, weight * each) for _, each in parts])


def _moments(sums: _Sums) -> list[Moments]:
    sds = np.linalg.norm(sums.factor, axis=0) / math.sqrt(sums.rows - 1)
    each = zip(sums.mean, sds, sums.low, sums.high, strict=True)
    return [Moments(*map(float, found)) for found in each]


def _sampled(sums: _Sums, source: str) -> Table:
    kept = sums.kept[np.argsort(sums.kept[:, -1])]
    columns = dict(zip(sums.columns, kept[:, :-1].T.copy(), strict=True))
    return make_table(columns, source, rows=kept[:, -1].astype(np.int64), fingerprinted=())
