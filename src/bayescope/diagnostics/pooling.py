"""Partial pooling: each group's coefficient by itself, as one with all others, and in between.

    no pooling         the MLE with a coefficient for every group and no distribution of them
    complete pooling   the MLE with one coefficient for all groups
    partial pooling    the posterior of the population's coefficient plus the group's effect

(Gelman and Hill, Data Analysis Using Regression and Multilevel/Hierarchical Models, 2007, chapter 12).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.estimates import INTERVAL
from bayescope.diagnostics.records import PooledGroup, Pooling, finite
from bayescope.errors import FitError, NotApplicable
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context
from bayescope.inference.mle import fit_mle
from bayescope.inference.settings import MLESettings
from bayescope.models.fixing import fix
from bayescope.models.model import Grouping, Model

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


def pooling(model: Model, fit: Fit | None) -> tuple[Pooling, ...]:
    """Compare the three estimates, one `Pooling` for each effect of each group term; () without draws."""
    if fit is None or fit.draws is None:
        return ()
    draws = fit.draws.reshape(-1, fit.draws.shape[2])
    return tuple(view for group in model.groups for view in _views(model, group, draws, fit.name))


def _views(model: Model, group: Grouping, draws: Floats, method: str) -> list[Pooling]:
    unpooled, note = _unpooled(model, group)
    pooled, _ = _estimates(model, _without_groups(model))
    weights = np.ones(len(group.codes)) if model.response.weights is None else model.response.weights
    known = group.codes >= 0
    sizes = np.bincount(group.codes[known], weights[known], minlength=len(group.levels))
    views = []
    for k, (effect, column) in enumerate(zip(group.effects, group.columns, strict=True)):
        population = _position(model, group, column)
        center = 0.0 if population is None else draws[:, population, np.newaxis]
        complete = pooled[population] if population is not None else 0.0
        partial = center + draws[:, _positions(model, effect)]
        views.append(
            Pooling(
                name=group.name,
                effect=effect,
                coefficient=column if population is None else model.names[population],
                method=method,
                complete=finite(complete),
                note=note,
                groups=_rows(group, sizes, unpooled[k], partial),
            )
        )
    return views


def _rows(group: Grouping, sizes: Floats, unpooled: Floats, partial: Floats) -> tuple[PooledGroup, ...]:
    lower, upper = np.quantile(partial, INTERVAL, axis=0)
    columns = (sizes, unpooled, partial.mean(axis=0), partial.std(axis=0, ddof=1), lower, upper)
    names = ("rows", "unpooled", "partial", "sd", "lower", "upper")
    return tuple(
        PooledGroup(
            group=level, **{name: finite(values[g]) for name, values in zip(names, columns, strict=True)}
        )
        for g, level in enumerate(group.levels)
    )


def _position(model: Model, group: Grouping, column: str) -> int | None:
    """Where the population's coefficient of an effect is in theta; None where the model has none."""
    prefix = "" if group.parameter == model.likelihood.location else f"{group.parameter}."
    label = prefix + column
    return model.names.index(label) if label in model.names else None


def _positions(model: Model, name: str) -> slice:
    block = next(block for block in model.blocks if block.name == name)
    return slice(block.start, block.stop)


def _without_groups(model: Model) -> Flags:
    """Mark the unknowns of a model that are left without any group term, shape (d,)."""
    free = np.ones(len(model.names), dtype=bool)
    for group in model.groups:
        for name in (*group.effects, *([group.correlation] if group.correlation else [])):
            free[_positions(model, name)] = False
        free[[model.names.index(label) for label in group.sds if label in model.names]] = False
    return free


def _unpooled(model: Model, group: Grouping) -> tuple[list[Floats], str]:
    """Estimate the coefficients of each group by themselves, (g,) for each effect; nan: not determined."""
    free = _without_groups(model)
    for column in group.columns:
        population = _position(model, group, column)
        if population is not None:
            free[population] = False
    determined = _determined(group)
    for effect, is_determined in zip(group.effects, determined, strict=True):
        free[_positions(model, effect)] = is_determined
    theta, note = _estimates(model, free)
    blocks = [theta[_positions(model, effect)] for effect in group.effects]
    return [np.where(known, block, np.nan) for known, block in zip(determined, blocks, strict=True)], note


def _determined(group: Grouping) -> list[Flags]:
    """Tell which groups determine each effect by their own rows: a slope needs values that differ."""
    flags = np.zeros((len(group.levels), len(group.columns)), dtype=bool)
    for g in range(len(group.levels)):
        own = group.matrix[group.codes == g]
        kept: list[int] = []
        for k in range(own.shape[1]):
            if np.linalg.matrix_rank(own[:, [*kept, k]]) > len(kept):
                kept.append(k)
        complete = len(kept) == np.count_nonzero(own.any(axis=0))
        flags[g, kept] = complete
    return list(flags.T)


def _estimates(model: Model, free: Flags) -> tuple[Floats, str]:
    """Maximise the likelihood over the `free` unknowns, the others 0: theta, shape (d,), or nan and why."""
    theta = np.zeros(len(model.names))
    fewer = replace(fix(model, free, theta), groups=())
    try:
        found = fit_mle(fewer, MLESettings(), Context(seed=0)).estimate
    except (FitError, NotApplicable) as reason:
        return np.full(len(theta), np.nan), reason.message
    theta[free] = found
    return theta, ""
