"""The log posterior density and its gradient at several points at once, without second derivatives.

What costs a pass over the data at one point costs little more at four: the rows are read once, a block at
a time that stays in the cache.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import Scaled, Value
from bayescope.distributions.choices import PRIORS
from bayescope.distributions.likelihood import Slopes
from bayescope.distributions.links import LINKS
from bayescope.inference.normal_statistics import NormalStatistics
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.samplers import available_cores
from bayescope.inference.transforms import Gradients, as_slice
from bayescope.models.density import evaluate
from bayescope.models.model import Block, Model, Predictor
from bayescope.models.order import log_constraints
from bayescope.models.rows import take
from bayescope.models.scales import in_scale, scaled_of, source_of, value_of

type Floats = NDArray[np.float64]

_NORMALS = ("Normal", "HalfNormal")  # inside of its support, the second is twice a Normal
_ROWS_AT_ONCE = 4096
_FEW = 3000

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


def posterior_gradients(problem: PointProblem) -> Gradients:
    """Return log p(y, theta) and its gradient as a function of several theta.

    They must be inside of the supports of the priors. Where the likelihood is zero the value is -inf and the
    gradient means nothing. At a kink, the gradient is that of neither side.
    """
    terms = [_likelihood(problem), *_priors(problem.model)]
    constant = log_constraints(problem.model)

    @_quiet
    def gradients(thetas: Floats) -> tuple[Floats, Floats]:
        values, slopes = np.full(len(thetas), constant), np.zeros(thetas.shape)
        for term in terms:
            values += term(thetas, slopes)
        return values, slopes

    return gradients


type _Term = Callable[[Floats, Floats], Floats]
# from theta, shape (c, d), to values, shape (c,); the gradient is added to the second argument, in place


def is_cheap(problem: PointProblem) -> bool:
    """Tell whether gradients here cost less than to compile them.

    They do for sufficient statistics, for heads that are written for speed, and where rows times second
    derivatives, which all other heads compute too, are few.
    """
    model = problem.model
    few = len(model.response.values) * len(model.predictors) ** 2 <= _FEW
    return problem.normal is not None or _fast_head(model) is not None or few


def _fast_head(model: Model) -> Callable[..., Slopes] | None:
    """What gives values and slopes at once, for a head of one parameter with a design."""
    location = model.location
    if len(model.predictors) > 1 or location.matrix is None:
        return None
    return model.likelihood.slopes.get(location.link)


def _likelihood(problem: PointProblem) -> _Term:
    if problem.normal is not None:
        return _normal(problem.normal)
    model = problem.model
    starts, make = range(0, len(model.response.values), _ROWS_AT_ONCE), _block(model)
    blocks = [make(slice(at, at + _ROWS_AT_ONCE)) for at in starts]
    pool = ThreadPoolExecutor(available_cores()) if len(blocks) > 1 else None

    def term(thetas: Floats, slopes: Floats) -> Floats:
        values = np.zeros(len(thetas))
        found = (map if pool is None else pool.map)(lambda block: block(thetas), blocks)
        for value, slope in found:  # in their order, so that the sum does not depend on the processors
            values += value
            slopes += slope
        return values

    return term


def _block(model: Model) -> Callable[[slice], Gradients]:
    """What makes the sum over some rows, with its gradient, by the fastest way that the head has."""
    if model.likelihood.multivariate:
        return partial(_vectors, model)
    head = _fast_head(model)
    return (lambda part: _rows(model, part).gradients) if head is None else partial(_fast, model, head)


def _vectors(model: Model, part: slice) -> Gradients:
    """Rows that are vectors, of which the mean alone is unknown: one point after the other."""
    rows = take(model, part)

    def gradients(thetas: Floats) -> tuple[Floats, Floats]:
        found = [evaluate(rows, theta, order=1) for theta in thetas]
        return np.array([each.value for each in found]), np.array([each.gradient for each in found])

    return gradients


def _fast(model: Model, head: Callable[..., Slopes], part: slice) -> Gradients:
    """Rows of a head that has `slopes`: two matrix products and a few passes over what stays in the cache."""
    location, response, rows = model.location, model.response, _that_occur(model, part)
    matrix, offset = np.asarray(location.matrix)[rows], _of_rows(location.offset, rows)
    index = as_slice(location.index)
    given = [None if x is None else x[rows] for x in (response.values, response.trials, response.weights)]
    slopes_at = head(*given)

    @_quiet
    def gradients(thetas: Floats) -> tuple[Floats, Floats]:
        slopes, eta = np.zeros(thetas.shape), thetas[:, index] @ matrix.T
        eta += offset
        values, first = slopes_at(eta)
        slopes[:, index] = first @ matrix
        return values, slopes

    return gradients


def _normal(normal: NormalStatistics) -> _Term:
    """`NormalStatistics.derivatives` at several points."""
    data, columns, at = normal.data, as_slice(normal.coefficients), normal.sigma_index
    factor = np.ascontiguousarray(data.factor)
    constant = 0.5 * data.observations * np.log(2 * np.pi)

    def term(thetas: Floats, slopes: Floats) -> Floats:
        sigma = np.full((len(thetas), 1), normal.sigma) if at is None else thetas[:, at, np.newaxis]
        rate = 1.0 / sigma
        misfit = data.projection - thetas[:, columns] @ factor.T
        misfit *= rate
        slopes[:, columns] += (misfit @ factor) * rate
        per = rate[:, 0]
        squares = data.residual * per * per + np.vecdot(misfit, misfit)
        if at is not None:
            slopes[:, at] += (squares - data.observations) * per
        value = data.observations * np.log(per) - constant - 0.5 * squares
        return np.where(np.isfinite(per), value, -np.inf)

    return term


@dataclass(frozen=True)
class _Rows:
    """Some rows of a model: y, trials and weights of shape (n, 1), and what makes the parameters."""

    log_density: Callable[..., Floats]
    derivatives: Callable[..., tuple[Floats, Floats]]
    y: Floats
    trials: Floats | None
    weights: Floats | None
    predictors: tuple[Predictor, ...]
    links: tuple[str, ...]

    @_quiet
    def gradients(self, thetas: Floats) -> tuple[Floats, Floats]:
        """Return the sum of the rows' log densities, shape (c,), and its gradient, shape (c, d)."""
        slopes = np.zeros(thetas.shape)
        etas = [_eta(predictor, thetas) for predictor in self.predictors]
        psi = tuple(
            eta if link == "identity" else LINKS[link].inverse(eta)
            for link, eta in zip(self.links, etas, strict=True)
        )
        shape = len(self.y), len(thetas)
        first = self.derivatives(self.y, self.trials, psi)[0]
        for predictor, link, eta, slope in zip(self.predictors, self.links, etas, first, strict=True):
            bend = slope if link == "identity" else slope * LINKS[link].slope(eta)
            _add(predictor, self._weigh(np.broadcast_to(bend, shape)), slopes)
        values = self._weigh(np.broadcast_to(self.log_density(self.y, self.trials, psi), shape))
        return values.sum(axis=0), slopes

    def _weigh(self, values: Floats) -> Floats:
        return values if self.weights is None else values * self.weights


def _rows(model: Model, part: slice) -> _Rows:
    """Cut rows out of a model, those that occur."""
    response, location, rows = model.response, model.location, _that_occur(model, part)

    def column(values: Floats | None) -> Floats | None:
        return None if values is None else values[rows, np.newaxis]

    direct = model.likelihood.on_link.get(location.link)
    log_density, derivatives = direct or (model.likelihood.log_density, model.likelihood.derivatives)
    predictors = tuple(_cut(predictor, rows) for predictor in model.predictors)
    links = tuple("identity" if direct and p is location else p.link for p in model.predictors)
    y = np.asarray(column(response.values))
    trials, weights = column(response.trials), column(response.weights)
    return _Rows(log_density, derivatives, y, trials, weights, predictors, links)


def _that_occur(model: Model, part: slice) -> Any:
    """The rows of a part whose weight is not 0: as they are where there are no weights, else by position."""
    weights = model.response.weights
    return part if weights is None else part.start + np.flatnonzero(weights[part] > 0)


def _cut(predictor: Predictor, rows: Any) -> Predictor:
    matrix, offset = predictor.matrix, _of_rows(predictor.offset, rows)
    return replace(
        predictor,
        matrix=None if matrix is None else matrix[rows],
        offset=offset[:, np.newaxis] if np.ndim(offset) else offset,
    )


def _of_rows(offset: Floats | float, rows: Any) -> Any:
    return offset[rows] if isinstance(offset, np.ndarray) and offset.ndim else offset


def _eta(predictor: Predictor, thetas: Floats) -> Floats:
    """The linear predictor of every row and point, shape (n, c) or (1, c)."""
    coefficients = thetas[:, predictor.index]
    if predictor.matrix is not None:
        return np.asarray(predictor.matrix @ coefficients.T + predictor.offset)
    return np.asarray(coefficients.sum(axis=1) + predictor.offset).reshape(-1, len(thetas))


def _add(predictor: Predictor, values: Floats, slopes: Floats) -> None:
    """Add X' values, shape (k, c), to the gradient."""
    if predictor.matrix is not None:
        slopes[:, predictor.index] += values.T @ predictor.matrix
    else:
        slopes[:, predictor.index] += values.sum(axis=0)[:, np.newaxis]


# Priors


def _priors(model: Model) -> list[_Term]:
    """One term for all Normal elements, and one for those of any other distribution; all of numbers only."""
    name = attrgetter("prior.distribution")
    plain = [block for block in model.blocks if not _is_special(block)]
    normals = [block for block in plain if name(block) in _NORMALS]
    others = sorted((block for block in plain if name(block) not in _NORMALS), key=name)
    return [
        *([_quadratic(normals)] if normals else []),
        *(_plain(distribution, list(blocks)) for distribution, blocks in groupby(others, key=name)),
        *(_special(model, block) for block in model.blocks if _is_special(block)),
    ]


def _is_special(block: Block) -> bool:
    return PRIORS[block.prior.distribution].joint or scaled_of(block.prior.arguments) is not None


def _plain(name: str, blocks: list[Block]) -> _Term:
    distribution = PRIORS[name]
    index = _positions(blocks)
    arguments = [
        np.concatenate([_elements(block, argument.name) for block in blocks])
        for argument in distribution.arguments
    ]

    # inside of the support, the formulas without what looks for the outside
    log_density, slope = inspect.unwrap(distribution.log_density), inspect.unwrap(distribution.slope)

    def term(thetas: Floats, slopes: Floats) -> Floats:
        x = thetas[:, index]
        slopes[:, index] += slope(x, *arguments)
        return np.asarray(log_density(x, *arguments).sum(axis=1))

    return term


def _quadratic(blocks: list[Block]) -> _Term:
    """All priors that are Normals inside of their supports: one square, written for speed."""
    index = _positions(blocks)
    mu = np.concatenate([_elements(block, "mu") for block in blocks])
    rate = 1.0 / np.concatenate([_elements(block, "sigma") for block in blocks])
    folds = sum(len(block.labels) for block in blocks if block.prior.distribution == "HalfNormal")
    constant = float(np.sum(np.log(rate))) - 0.5 * len(rate) * math.log(2 * math.pi) + folds * math.log(2.0)

    def term(thetas: Floats, slopes: Floats) -> Floats:
        z = (thetas[:, index] - mu) * rate
        slopes[:, index] -= z * rate
        return np.asarray(constant - 0.5 * np.vecdot(z, z))

    return term


def _positions(blocks: list[Block]) -> Any:
    return as_slice(np.concatenate([np.arange(block.start, block.stop) for block in blocks]))


def _elements(block: Block, argument: str) -> Floats:
    """An argument of a prior for each element of its block, shape (k,); 0 where the prior has no such."""
    value = np.asarray(block.prior.arguments.get(argument, 0.0), np.float64)
    return np.broadcast_to(value, len(block.labels))


def _special(model: Model, block: Block) -> _Term:
    """The prior of a block that is joint, or whose scale is a number times another unknown."""
    distribution, part = PRIORS[block.prior.distribution], slice(block.start, block.stop)
    given = [block.prior.arguments[argument.name] for argument in distribution.arguments]
    scaled = scaled_of(block.prior.arguments)

    def joint(thetas: Floats, slopes: Floats) -> Floats:
        slopes[:, part] += np.stack([distribution.slope(x, *given) for x in thetas[:, part]])
        return np.asarray(distribution.log_density(thetas[:, part], *given))

    if scaled is None:
        return joint
    (position, link), factor = source_of(model, scaled), scaled.factor

    def with_scale(thetas: Floats, slopes: Floats) -> Floats:
        x, arguments = thetas[:, part], [_at(model, value, thetas) for value in given]
        slopes[:, part] += distribution.slope(x, *arguments)
        rise = factor * LINKS[link].slope(thetas[:, position])
        slopes[:, position] += rise * in_scale(distribution, x, arguments)[0].sum(axis=1)
        return np.asarray(distribution.log_density(x, *arguments).sum(axis=1))

    return with_scale


def _at(model: Model, argument: Value, thetas: Floats) -> Floats:
    """An argument of a prior: as it is given, or at every point, shape (c, 1)."""
    if isinstance(argument, Scaled):
        return value_of(model, argument, thetas)[:, np.newaxis]
    return np.asarray(argument, dtype=np.float64)
