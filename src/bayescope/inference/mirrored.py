"""The log-likelihood of draws on either side of a mode b, t = Lz away from it, by its power series there.

    log p(y | b + t) = log p(y | b) + g'z + z'Hz / 2 + odd(z) + even(z)
    log p(y | b - t) = log p(y | b) - g'z + z'Hz / 2 - odd(z) + even(z)

The first three are known of one pass over the rows in double precision. Where rows are many, the rest is so
small that single precision and a few terms do for it: their number follows from a bound of those that are
left out. Draws that are too far away for any number are computed as all draws are elsewhere. With L L' near
to the covariance of the posterior, nothing cancels in X L z, whatever the units of the predictors and however
they are correlated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.likelihood import Expansion
from bayescope.inference.log_densities import log_likelihoods, over_rows
from bayescope.inference.point_problem import PointProblem
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

_ERROR = 1e-10  # of a block's log-likelihood
_MOST = 14  # terms
_BLOCK = 4096, 2**18  # rows, and rows x draws: two such arrays in single precision stay in a core's cache
_SINGLE = float(np.finfo(np.float32).eps)

_quiet = np.errstate(all="ignore")


def mirrored_log_likelihoods(problem: PointProblem, centre: Floats, factor: Floats, z: Floats) -> Floats:
    """Compute log p(y | centre + L z), nats, of every z, and then log p(y | centre - L z), of every z.

    `centre` is of shape (d,), the `factor` L (d, d), `z` (S, d), the result (2S,), within 1e-10 of themselves
    of what `log_likelihoods` says.
    """
    model, location = problem.model, problem.model.location
    expansion = model.likelihood.expansion.get(location.link)
    if expansion is None or location.matrix is None or location.network is not None:
        deviations = z @ factor.T
        return log_likelihoods(problem, np.concatenate([centre + deviations, centre - deviations]))
    near_first = np.argsort(np.square(z).sum(axis=1))  # draws of one block then need as many terms
    sums = over_rows(model, partial(_expanded, expansion, centre, factor), z[near_first], _BLOCK)
    found = np.empty_like(sums)
    found[:, near_first] = sums
    return found.ravel()


@_quiet
def _expanded(
    expansion: Expansion, centre: Floats, factor: Floats, rows: Model
) -> Callable[[Floats], Floats]:
    """What makes the sums over some rows at draws on either side of the centre, shape (2, S)."""
    location, of, link = rows.location, rows.response, rows.location.link
    matrix, index = np.asarray(location.matrix), location.index
    eta, white = matrix @ centre[index] + location.offset, matrix @ factor[index]
    at_centre = rows.likelihood.together[link](of.values, of.trials, of.weights, eta)
    gradient, hessian = white.T @ at_centre.first, (white.T * at_centre.second) @ white
    times = np.ones(len(eta))
    for count in (of.trials, of.weights):
        times = times if count is None else times * count
    terms = (times * expansion.terms(eta, _MOST)).astype(np.float32)
    single = white.astype(np.float32)
    allowed = _ERROR * abs(at_centre.value)
    total = partial(rows.likelihood.totals[link], of.values, of.trials, of.weights)

    def known(largest: Any, spread: Any, degree: Any) -> Any:
        return (expansion.left_out(largest, degree) + _SINGLE * largest) * spread <= allowed

    @_quiet
    def sums(z: Floats) -> Floats:
        own = single @ z.T.astype(np.float32)
        power = own * own
        half = 0.5 * np.einsum("sd,sd->s", z @ hessian, z)
        spread = -2.0 * half
        worst = math.sqrt(power.max()), spread.max()  # of all draws: of each alone it takes longer
        near = np.full(len(z), bool(known(*worst, _MOST)))
        if not near.all():
            largest = np.sqrt(power.max(axis=0))
            near = known(largest, spread, _MOST)
            worst = largest[near].max(initial=0.0), spread[near].max(initial=0.0)
        degree = 2 + np.count_nonzero(~known(*worst, np.arange(2, _MOST)))
        odd, even = z @ gradient, at_centre.value + half
        for k in range(3, degree + 1):
            power *= own
            part = even if k % 2 == 0 else odd
            part += terms[k - 3] @ power
        found = np.stack([even + odd, even - odd])
        if not near.all():
            away = white @ z[~near].T
            found[:, ~near] = [total(eta[:, np.newaxis] + side) for side in (away, -away)]
        return found

    return sums
