"""Constant and collinear columns of a design matrix, by name, with the relation between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.data.design import Design
from bayescope.data.terms import INTERCEPT
from bayescope.errors import Finding

type Floats = NDArray[np.float64]

TOLERANCE = 1e-9
FARTHEST = 1e6  # in sds: beyond, the squares and products of a column keep under four digits of how it varies
_EPS = float(np.finfo(np.float64).eps)
_NO_SHARE = 1e-7
_FAR = 1e-3  # a distance that a Gram matrix, good to 1e-12 of the squares, leaves no doubt of
_BLOCK = 2**15  # numbers
_EXTREME = 1e145  # the squares of what is within, summed over many rows, are doubles
_SHOWN_AT_MOST = 5


@dataclass(frozen=True)
class DesignFinding:
    """One thing that keeps coefficients of a design from being determined by the data alone.

    Attributes:
        kind: "constant": the column (or term) does not vary; "distant": it varies too little for its
            distance from 0; "collinear": it is a combination of others; "rows": there are fewer rows
            than coefficients; "units": its coefficient has no variance that is a double.
        label: the column of the design; for kind "rows", "".
        involved: the columns it depends on, "Intercept" among them where the constant is not zero.
        message: what a user is told.
    """

    kind: Literal["constant", "distant", "collinear", "rows", "units"]
    label: str
    involved: tuple[str, ...]
    message: str

    def finding(self) -> Finding:
        """Return it as a finding of the data."""
        return Finding(self.message)


def check_design(design: Design, size: float = 1.0) -> tuple[DesignFinding, ...]:
    """Find constant and collinear columns, the later column of a relation being the dependent one.

    `size` is that of the linear predictor; columns 1e145 times as large or small come first, and alone.

    Columns are centred (where the model has an intercept) and scaled to unit length; a column
    whose distance from the span of those before it is below 1e-9 (plus its own rounding error)
    is collinear. So neither a scale of 1e8 nor a mean far from zero (years) is an alarm; a mean that
    is a million sds away (milliseconds since 1970) is: doubles can hardly tell it from the intercept.
    """
    low, high = design.matrix.min(axis=0, initial=np.inf), design.matrix.max(axis=0, initial=-np.inf)
    largest = np.maximum(np.abs(low), np.abs(high))
    if units := _units(design, largest, size):
        return units
    constants = _constants(design, low, high)
    left_out = {finding.label for finding in constants}
    kept = [
        i
        for i, label in enumerate(design.labels)
        if label not in left_out and not (design.intercept and i == 0)
    ]
    rows, coefficients = design.matrix.shape[0], len(kept) + design.intercept
    if rows < coefficients:
        message = (
            f"there are {rows} rows for {coefficients} coefficients, so the data alone cannot determine them"
        )
        return (*constants, DesignFinding("rows", "", (), message))
    if not kept:
        return tuple(constants)
    columns = _columns(design, kept, low[kept], high[kept])
    return (*constants, *_distant(columns), *_collinear(columns))


def _units(design: Design, largest: Floats, size: float) -> tuple[DesignFinding, ...]:
    """Columns that have squares, or coefficients that have squares, beyond the range of doubles."""
    with np.errstate(over="ignore", divide="ignore"):
        extremes = np.maximum(np.maximum(largest, 1 / largest), np.maximum(size / largest, largest / size))
    return tuple(
        DesignFinding(
            "units",
            design.labels[j],
            (),
            f"`{design.labels[j]}` is of size {largest[j]:.0e}, what it is to predict of size {size:.0e}: "
            "the variance of its coefficient is beyond the range of doubles",
        )
        for j in np.flatnonzero((extremes > _EXTREME) & (largest > 0))
    )


def _constants(design: Design, low: Floats, high: Floats) -> list[DesignFinding]:
    found = [
        DesignFinding(
            "constant", term.name, (), f"`{term.name}` has a single level, so it has no effect to estimate"
        )
        for term in design.terms
        if term.start == term.stop
    ]
    for i, label in enumerate(design.labels):
        largest = max(abs(low[i]), abs(high[i]))
        constant = high[i] - low[i] <= 4 * _EPS * largest
        if design.intercept and i == 0:
            continue
        if constant and design.intercept:  # + 0.0: of a minus zero
            message = f"`{label}` is constant ({high[i] + 0.0:.6g} in every row), as the intercept is already"
            found.append(DesignFinding("constant", label, ("Intercept",), message))
        elif constant and largest == 0:
            found.append(DesignFinding("constant", label, (), f"`{label}` is zero in every row"))
    return found


class _Columns(NamedTuple):
    """The columns to be told apart: labels, means (0 without an intercept), sds, lengths, R of their QR."""

    labels: tuple[str, ...]
    means: Floats
    sds: Floats
    lengths: Floats
    triangle: Floats
    rounding: Floats
    intercept: bool


def _columns(design: Design, kept: list[int], low: Floats, high: Floats) -> _Columns:
    matrix = design.matrix
    means = matrix.mean(axis=0)[kept] if design.intercept else np.zeros(len(kept))
    peaks = np.maximum(high - means, means - low)  # of what is left: no overflow in the squares
    gram = _gram(matrix, kept, means, peaks)
    units = np.sqrt(np.diag(gram))
    lengths = peaks * units
    return _Columns(
        labels=tuple(design.labels[i] for i in kept),
        means=means,
        sds=lengths / np.sqrt(len(matrix)),
        lengths=lengths,
        triangle=_triangle(gram / np.outer(units, units), lambda: (matrix[:, kept] - means) / lengths),
        rounding=8 * _EPS * np.maximum(np.abs(low), np.abs(high)) * np.sqrt(len(matrix)) / lengths,
        intercept=design.intercept,
    )


def _gram(matrix: Floats, kept: list[int], means: Floats, peaks: Floats) -> Floats:
    """Z'Z of the centred and scaled columns, over blocks of rows that the cache holds."""
    total = np.zeros((len(kept), len(kept)))
    step = max(1, _BLOCK // len(kept))
    for start in range(0, len(matrix), step):
        block = (matrix[start : start + step, kept] - means) / peaks
        total += block.T @ block
    return total


def _triangle(correlations: Floats, columns: Callable[[], Floats]) -> Floats:
    """R of the QR of columns of length 1: from their Gram matrix, where none is close to the others' span."""
    try:
        triangle = np.linalg.cholesky(correlations).T
    except np.linalg.LinAlgError:
        return np.linalg.qr(columns(), mode="r")
    return triangle if np.diag(triangle).min() > _FAR else np.linalg.qr(columns(), mode="r")


def _distant(columns: _Columns) -> list[DesignFinding]:
    far = np.flatnonzero(np.abs(columns.means) / FARTHEST > columns.sds)
    return [
        DesignFinding(
            "distant",
            columns.labels[j],
            (INTERCEPT,),
            f"`{columns.labels[j]}` varies too little for its distance from 0 to be told from the intercept "
            f"(mean {columns.means[j]:.6g}, sd {columns.sds[j]:.3g})",
        )
        for j in far
    ]


def _collinear(columns: _Columns) -> list[DesignFinding]:
    """Work through the columns in order by Gram-Schmidt (twice, for accuracy) on the R of a QR."""
    triangle = columns.triangle
    independent: list[int] = []
    basis = np.empty((triangle.shape[0], 0))
    found = []
    for j in range(len(columns.labels)):
        rest = triangle[:, j].copy()
        for _ in range(2):
            rest -= basis @ (basis.T @ rest)
        distance = float(np.linalg.norm(rest))
        if distance > TOLERANCE + columns.rounding[j]:
            independent.append(j)
            basis = np.column_stack([basis, rest / distance])
            continue
        shares = np.linalg.lstsq(triangle[:, independent], triangle[:, j], rcond=None)[0]
        used = {
            i: float(share) for i, share in zip(independent, shares, strict=True) if abs(share) > _NO_SHARE
        }
        found.append(_relation(columns, j, used))
    return found


def _relation(columns: _Columns, dependent: int, shares: dict[int, float]) -> DesignFinding:
    """Write the dependent column as a combination of the others, in their own units."""
    label, length, mean = columns.labels[dependent], columns.lengths[dependent], columns.means[dependent]
    factors = {i: share * length / columns.lengths[i] for i, share in shares.items()}
    constant = mean - sum(factor * columns.means[i] for i, factor in factors.items())
    involved = [columns.labels[i] for i in factors]
    pieces = [_piece(factor, columns.labels[i]) for i, factor in factors.items()]
    if columns.intercept and abs(constant) > _NO_SHARE * max(abs(mean), length):
        involved.insert(0, INTERCEPT)
        pieces.append(f"{constant:.6g}")
    shown = " + ".join(pieces[:_SHOWN_AT_MOST]).replace("+ -", "- ")
    more = f" + ... ({len(pieces) - _SHOWN_AT_MOST} more)" if len(pieces) > _SHOWN_AT_MOST else ""
    message = f"`{label}` is collinear with other columns: {label} = {shown}{more}"
    return DesignFinding("collinear", label, tuple(involved), message)


def _piece(factor: float, label: str) -> str:
    if abs(factor - 1) < 1e-9:
        return label
    return f"-{label}" if abs(factor + 1) < 1e-9 else f"{factor:.6g} {label}"
