"""Covariance matrices as a configuration writes them: lists of rows, `[[4, 1], [1, 9]]`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

from bayescope.config.messages import shown
from bayescope.distributions.vector_densities import covariance_fault
from bayescope.errors import ConfigError, Problem

type Matrix = tuple[tuple[float, ...], ...]


def is_matrix(written: object) -> TypeGuard[Sequence[Sequence[object]]]:
    """Tell whether something is a list of lists, which only a matrix is."""
    rows = written if isinstance(written, list | tuple) else ()
    return len(rows) > 0 and all(isinstance(row, list | tuple) for row in rows)


def parse_matrix(written: Sequence[Sequence[object]]) -> Matrix:
    """Return the covariance matrix that a list of rows says.

    >>> parse_matrix([[4, 1], [1, 9]])
    ((4.0, 1.0), (1.0, 9.0))

    Raises:
        ConfigError: it holds what is no number, or is no covariance; the problems have the empty path.
    """
    problems = [
        Problem((), f"row {i + 1}, column {j + 1} must be a number, not {shown(value)}")
        for i, row in enumerate(written)
        for j, value in enumerate(row)
        if not _is_number(value)
    ]
    if problems:
        raise ConfigError(problems)
    matrix = tuple(tuple(float(value) for value in row if _is_number(value)) for row in written)
    if fault := covariance_fault(matrix):
        raise ConfigError([Problem((), f"the covariance matrix {fault}")])
    return matrix


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
