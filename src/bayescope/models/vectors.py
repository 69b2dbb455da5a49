"""Responses of several columns: reading them, and the parameters that are vectors or known matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bayescope.config.matrices import Matrix
from bayescope.config.priors import PriorSpec
from bayescope.data.checks import check_response
from bayescope.data.table import Table
from bayescope.distributions.likelihoods import HeadParameter, Likelihood
from bayescope.errors import ConfigError, Problem
from bayescope.models.blocks import Unknown
from bayescope.models.defaults import moments, parameter_prior
from bayescope.models.model import Prior, Response
from bayescope.models.weak_columns import refuse

type Floats = NDArray[np.float64]
type Lines = Mapping[str, PriorSpec | float | Matrix]


def read_vectors(columns: Sequence[str], table: Table, likelihood: Likelihood) -> Response:
    """Read a response of k columns: values of shape (n, k), and of counts their sums as trials, shape (n,).

    Raises:
        DataError: a value leaves the likelihood's support; all findings of all columns.
    """
    findings = [
        finding
        for name in columns
        for finding in check_response(table.columns[name], likelihood.response, name, table.rows)
    ]
    refuse(findings, table)
    values = np.column_stack([table.columns[name].astype(np.float64) for name in columns])
    trials = values.sum(axis=1) if likelihood.response.integer else None
    return Response(", ".join(columns), values, trials, table.weights, levels=tuple(columns))


def unseen_vectors(name: str, columns: tuple[str, ...], table: Table, likelihood: Likelihood) -> Response:
    """A response of k columns that is still to come: nan, and of counts those of a single trial each."""
    trials = np.ones(len(table)) if likelihood.response.integer else None
    return Response(name, np.full((len(table), len(columns)), np.nan), trials, table.weights, levels=columns)


def labels_of(parameter: HeadParameter, levels: Sequence[str]) -> tuple[str, ...]:
    """Name the elements of a parameter: `p[red]`, `cov[x, y]`, a matrix row by row."""
    chosen = product(levels, repeat=parameter.dimensions)
    return tuple(f"{parameter.name}[{', '.join(each)}]" for each in chosen)


def vector_unknown(parameter: HeadParameter, response: Response) -> Unknown:
    """A vector on the real line with an element for each column: Normal(m, 2.5 s) of it by default."""
    means, sds = moments(response.values, response.weights)

    def defaults() -> list[Prior]:
        pairs = zip(means.tolist(), sds.tolist(), strict=True)
        return [parameter_prior(parameter, mean, sd) for mean, sd in pairs]

    labels = labels_of(parameter, response.levels)
    return Unknown(parameter.name, labels, parameter.support, defaults, vector=True)


def numbers_and_priors(lines: Lines) -> dict[str, PriorSpec | float]:
    """The lines of priors without those that are a matrix."""
    return {name: line for name, line in lines.items() if not isinstance(line, tuple)}


def known_matrices(likelihood: Likelihood, lines: Lines, response: Response) -> dict[str, float]:
    """Return the elements of the parameters that are matrices, by label.

    Raises:
        ConfigError: a matrix has not one row for each column of the response.
    """
    fixed: dict[str, float] = {}
    for parameter in likelihood.parameters:
        matrix = lines.get(parameter.name)
        if parameter.dimensions < 2 or not isinstance(matrix, tuple):
            continue
        if len(matrix) != len(response.levels):
            columns = f"{len(response.levels)} columns: {response.name}"
            message = f"{parameter.name} has {len(matrix)} rows, and the response has {columns}"
            raise ConfigError([Problem(("model", "priors", parameter.name), message)])
        elements = (value for row in matrix for value in row)
        fixed |= dict(zip(labels_of(parameter, response.levels), elements, strict=True))
    return fixed
