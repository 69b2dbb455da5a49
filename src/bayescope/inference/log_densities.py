"""The log-likelihood and log-prior of many draws at once, in blocks that bound the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bayescope.config.priors import Scaled, Value
from bayescope.distributions.choices import PRIORS
from bayescope.distributions.links import LINKS
from bayescope.inference.normal_statistics import NormalStatistics
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.samplers import available_cores
from bayescope.models.groups import log_coupling
from bayescope.models.model import Block, Model, Predictor, Response
from bayescope.models.networks import forward
from bayescope.models.order import log_constraints
from bayescope.models.rows import take
from bayescope.models.scales import value_of

type Floats = NDArray[np.float64]

_ROWS = 1000  # of a block
_ELEMENTS = 128_000  # rows x draws of a block: a megabyte, which the second cache holds

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


def log_likelihoods(problem: PointProblem, thetas: Floats) -> Floats:
    """Compute log p(y | theta), nats, of every draw: thetas shape (S, d), result shape (S,).

    A Normal likelihood with one sigma needs the compressed data only. Rows of a model without
    predictors are counted first. Blocks of rows are shared among the processors, and added up in order, so
    that the sum does not depend on how many there are.
    """
    if problem.normal is not None:
        return _in_blocks(partial(_normal, problem.normal), rows_of(problem), thetas, _ELEMENTS)
    model = _counted(problem.model)
    return over_rows(model, lambda rows: partial(_by_rows, rows), thetas, (_ROWS, _ELEMENTS))


def rows_of(problem: PointProblem) -> int:
    """How many rows the log-likelihood of a draw is a sum over, compressed where they can be."""
    if problem.normal is not None:
        return len(problem.normal.data.projection)
    return len(problem.model.response.values)


def over_rows(
    model: Model, each: Callable[[Model], Callable[[Floats], Floats]], thetas: Floats, size: tuple[int, int]
) -> Floats:
    """Add up what `each` makes of blocks of rows, at all draws: thetas shape (S, d), result shape (..., S).

    `size` is that of a block: its rows, and its rows x draws.
    """
    model, (rows, elements) = _occurring(model), size

    def block(start: int) -> Floats:
        part = take(model, slice(start, start + rows))
        return _in_blocks(each(part), len(part.response.values), thetas, elements)

    with threadpool_limits(limits=1), ThreadPoolExecutor(available_cores()) as pool:
        return np.asarray(sum(pool.map(block, range(0, len(model.response.values), rows))))


def _in_blocks(each: Callable[[Floats], Floats], rows: int, thetas: Floats, elements: int) -> Floats:
    step = max(1, elements // max(rows, 1))
    parts = [each(thetas[start : start + step]) for start in range(0, len(thetas), step)]
    return np.concatenate(parts, axis=-1)


@_quiet
def log_priors(model: Model, thetas: Floats) -> Floats:
    """Compute log p(theta), nats, of every draw: thetas shape (S, d), result shape (S,)."""
    total = np.sum([values for _, values in block_log_priors(model, thetas, model.blocks)], axis=0)
    return np.asarray(total + log_coupling(model, thetas) + log_constraints(model))


@_quiet
def block_log_priors(model: Model, thetas: Floats, blocks: Iterable[Block]) -> list[tuple[Block, Floats]]:
    """Compute the log prior of each block at every draw, shape (S,): what `log_priors` is the sum of."""
    found = []
    for block in blocks:
        distribution, given = PRIORS[block.prior.distribution], block.prior.arguments
        values = [_at(model, given[argument.name], thetas) for argument in distribution.arguments]
        log_density = distribution.log_density(thetas[:, block.start : block.stop], *values)
        found.append((block, log_density if distribution.joint else log_density.sum(axis=1)))
    return found


def _at(model: Model, argument: Value, thetas: Floats) -> Floats:
    """An argument of a prior: as it is given, or at every draw, shape (S, 1)."""
    if isinstance(argument, Scaled):
        return value_of(model, argument, thetas)[:, np.newaxis]
    return np.asarray(argument, dtype=np.float64)


@_quiet
def _normal(normal: NormalStatistics, thetas: Floats) -> Floats:
    """`NormalStatistics.log_likelihood`, row by row of `thetas`."""
    sigma = normal.sigma if normal.sigma_index is None else thetas[:, normal.sigma_index]
    misfit = normal.data.projection - thetas[:, normal.coefficients] @ normal.data.factor.T
    squares = (normal.data.residual + np.einsum("sk,sk->s", misfit, misfit)) / sigma / sigma
    value = -normal.data.observations * (0.5 * np.log(2 * np.pi) + np.log(sigma)) - 0.5 * squares
    return np.where(np.greater(sigma, 0), value, -np.inf)


def _counted(model: Model) -> Model:
    """The same likelihood with equal rows as one weighted row, where no predictor tells them apart."""
    by_row = any(p.matrix is not None or np.ndim(p.offset) for p in model.predictors)
    if by_row or model.likelihood.multivariate:
        return model
    y, trials, weights = model.response.values, model.response.trials, model.response.weights
    columns = np.column_stack([y] if trials is None else [y, trials])
    distinct, place = np.unique(columns, axis=0, return_inverse=True)
    counts = np.bincount(place.ravel(), weights=weights).astype(np.float64)
    found = Response(model.response.name, distinct[:, 0], None if trials is None else distinct[:, 1], counts)
    return replace(model, response=found)


def _occurring(model: Model) -> Model:
    """The model without rows of weight 0, which say nothing, not even that they are impossible."""
    weights = model.response.weights
    return model if weights is None or (weights > 0).all() else take(model, weights > 0)


@_quiet
def pointwise(model: Model, thetas: Floats) -> Floats:
    """Compute log p(y_i | theta), nats, of every row and draw: thetas shape (S, d), result shape (n, S).

    Row weights do not enter. The result is one array: give it a part of the rows or of the draws at a time.
    """
    response, location = model.response, model.location
    if model.likelihood.multivariate or model.likelihood.categorical:
        psi, log_density = _vectors(model, thetas), model.likelihood.log_density
    else:
        direct = model.likelihood.on_link.get(location.link)
        log_density = direct[0] if direct else model.likelihood.log_density
        psi = tuple(
            _predict(predictor, thetas, inverse=not (direct and predictor is location))
            for predictor in model.predictors
        )
    trials = None if response.trials is None else response.trials[:, np.newaxis]
    values = log_density(response.values[:, np.newaxis], trials, psi)
    return np.broadcast_to(values, (len(response.values), len(thetas)))


def _vectors(model: Model, thetas: Floats) -> tuple[Floats, ...]:
    """The parameters of rows that share them: a vector for each draw, shape (1, S, k), or a known matrix."""
    return tuple(
        thetas[np.newaxis, :, predictor.index] if len(predictor.index) else np.asarray(predictor.offset)
        for predictor in model.predictors
    )


@_quiet
def _by_rows(model: Model, thetas: Floats) -> Floats:
    """Sum of the rows' log densities, of every draw."""
    response, location = model.response, model.location
    total = model.likelihood.totals.get(location.link)
    if total is not None and location.matrix is not None:
        eta = _predict(location, thetas, inverse=False)
        return np.asarray(total(response.values, response.trials, response.weights, eta))
    values = pointwise(model, thetas)
    return np.asarray(values.sum(axis=0) if response.weights is None else response.weights @ values)


def _predict(predictor: Predictor, thetas: Floats, *, inverse: bool) -> Floats:
    """The predictor of every row and draw, shape (n, S) or (1, S), or the parameter itself (`inverse`)."""
    offset = np.atleast_1d(predictor.offset)[:, np.newaxis]
    coefficients = thetas[:, predictor.index]
    if predictor.network is not None and predictor.matrix is not None:
        eta = offset + forward(predictor.network, predictor.matrix, coefficients).T
    elif predictor.matrix is not None:
        eta = predictor.matrix @ coefficients.T
        if np.any(offset):
            eta += offset
    else:
        eta = offset + coefficients.sum(axis=1)
    return LINKS[predictor.link].inverse(eta) if inverse else np.asarray(eta)
