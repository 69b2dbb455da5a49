"""Variational inference (ADVI): the Normal nearest to the posterior in the unconstrained space.

    q = Normal(m, C C'),    ELBO = E_q [log p(y, z) - log q(z)] = log p(y) - KL(q || p(. | y))

m and C maximise the mean over fixed draws e of log p(y, m + C e) + log det C: a deterministic objective, with
an end that can be told (Giordano, Ingram and Broderick 2024, JMLR 25(18); Kucukelbir et al. 2017, JMLR 18(14)
for the family). The draws come in mirrored pairs whose second moments are exactly those of a standard Normal,
so that the nearest Normal to a Normal posterior is found without error. `advi` has a diagonal C, `fullrank` a
triangular one. The Pareto k of the weights p / q tells whether q can stand for the posterior (Yao et al.
2018, ICML); where q is so near that the weights hardly differ, their tail does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.gradients import posterior_gradients
from bayescope.inference.importance import quality
from bayescope.inference.improper import refuse_improper_spread
from bayescope.inference.laplace import pushed
from bayescope.inference.log_densities import log_likelihoods, log_priors
from bayescope.inference.map_refusals import refuse_improper, refuse_unbounded
from bayescope.inference.method import Context
from bayescope.inference.network_refusals import refuse_network
from bayescope.inference.no_evidence import is_proper
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.settings import VariationalSettings
from bayescope.inference.starts import plain_start
from bayescope.inference.transforms import Transform, on_real_line
from bayescope.inference.whitening import whiten_at_mode
from bayescope.models import prior_density
from bayescope.models.model import Model
from bayescope.sampling.importance import ImportanceWeights, importance_weights, pareto_k_limit

type Floats = NDArray[np.float64]

_ADVICE = "Use nuts."
_NEAR = 0.9  # of the draws are the weighted ones worth: chi-squared of p against q is at most 0.11
_TOLERANCE = 1e-4  # of the gradient of the ELBO, in coordinates whose scale is about 1


class _Coordinates(NamedTuple):
    """Where the search starts: z = mode + factor x at x = 0, with the scale that x = 1 has."""

    transform: Transform
    mode: Floats
    factor: Floats


def fit_variational(
    name: str, model: Model, settings: VariationalSettings, context: Context, *, full: bool
) -> Fit:
    """Find the nearest Normal, its covariance of z diagonal or full; shape (d,) mean, (d, d) covariance.

    Raises:
        NotApplicable: every parameter is fixed, one is a vector of probabilities, unknowns are ordered, or a
            response is a vector.
        FitError: the search does not start where the density is finite, or leaves where it is.
    """
    _refuse(name, model)
    context.report_progress("maximising the evidence lower bound")
    problem = PointProblem(model, prior=True)
    start = _coordinates(problem, context, full=full)
    rng = np.random.default_rng(context.seed)
    size = max(settings.samples, 4 * len(model.names))
    found, center, spread = _nearest(problem, start, _base_draws(size, len(model.names), rng), settings, full)
    mean, factor = start.mode + start.factor @ center, start.factor @ spread
    e = rng.standard_normal((settings.proposals, len(mean)))
    log_ratios = _log_ratios(problem, start.transform, mean, factor, e)
    weights = _weights(log_ratios)
    near = _hardly_differ(weights) and not weights.reliable
    normals = rng.standard_normal((settings.chains, settings.draws, len(mean)))
    return Fit(
        name=name,
        method=name,
        kind="posterior",
        names=model.names,
        outcome=_outcome(found, weights, settings),
        **pushed(mean, factor @ factor.T, start.transform, model),
        draws=start.transform.inverse(mean + normals @ factor.T),
        details={
            "scales": dict(zip(model.names, start.transform.names, strict=True)),
            **quality(weights),
            **({"pareto_k_note": "no tail that matters: the weights hardly differ"} if near else {}),
            "elbo": float(log_ratios.mean()) if is_proper(model) else None,
            "iterations": int(found.nit),
            "samples": size,
        },
    )


def _refuse(name: str, model: Model) -> None:
    if not model.names:
        raise NotApplicable("every parameter is fixed, so there is nothing to estimate.")
    refuse_network(model, name)
    if any(block.support.simplex for block in model.blocks) or model.likelihood.multivariate:
        raise NotApplicable(
            "a vector of probabilities, or of responses, has no Normal in its place.", _ADVICE
        )
    if model.likelihood.ordered:
        raise NotApplicable("cutpoints must rise, and those of a Normal do not always.", _ADVICE)
    if any(group.correlation is not None for group in model.groups):
        raise NotApplicable("correlations of effects have no gradient here.", _ADVICE)
    prior_density.refuse_open_priors(model)
    refuse_improper(model)
    refuse_unbounded(PointProblem(model, prior=True))
    refuse_improper_spread(PointProblem(model, prior=True))


def _coordinates(problem: PointProblem, context: Context, *, full: bool) -> _Coordinates:
    """Start at the mode with its curvature, where there is one, else from the data at a tenth."""
    white = whiten_at_mode(problem.model, context)
    if white is not None:
        factor = white.factor if full else np.diag(np.sqrt(np.square(white.factor).sum(axis=1)))
        return _Coordinates(white.transform, white.mode, factor)
    transform = Transform(*prior_density.prior_bounds(problem.model))
    start = transform.apply(plain_start(problem))
    return _Coordinates(transform, start, 0.1 * np.eye(len(start)))


def _base_draws(size: int, d: int, rng: np.random.Generator) -> Floats:
    """Draw mirrored pairs with mean 0 and covariance I exactly, shape (S, d)."""
    half = rng.standard_normal((size // 2, d))
    factor = np.linalg.cholesky(half.T @ half / len(half))
    white = np.linalg.solve(factor, half.T).T
    return np.concatenate([white, -white])


def _nearest(
    problem: PointProblem, start: _Coordinates, e: Floats, settings: VariationalSettings, full: bool
) -> tuple[Any, Floats, Floats]:
    """Maximise the ELBO over the center, shape (d,), and the factor, (d, d), of the Normal of x."""
    d = e.shape[1]
    rows, columns = np.tril_indices(d, -1) if full else (np.zeros(0, dtype=np.intp),) * 2
    log_density = _log_density(problem, start)

    def parts(free: Floats) -> tuple[Floats, Floats]:
        spread = np.diag(np.exp(free[d : 2 * d]))
        spread[rows, columns] = free[2 * d :]
        return free[:d], spread

    def negative_elbo(free: Floats) -> tuple[float, Floats]:
        center, spread = parts(free)
        with np.errstate(all="ignore"):
            values, slopes = log_density(center + e @ spread.T)
            outer = slopes.T @ e / len(e)
            gradient = [slopes.mean(axis=0), np.diag(outer) * np.diag(spread) + 1, outer[rows, columns]]
        value = float(values.mean() + free[d : 2 * d].sum())
        if not np.isfinite(value):
            return np.inf, np.zeros(len(free))
        return -value, -np.concatenate(gradient)

    free = np.zeros(2 * d + len(rows))
    if not np.isfinite(negative_elbo(free)[0]):
        raise FitError("the density is not finite around the start of the search.", _ADVICE)
    options = {"maxiter": settings.max_iterations, "gtol": _TOLERANCE, "ftol": 1e-12, "maxfun": 10**6}
    found = scipy.optimize.minimize(negative_elbo, free, jac=True, method="L-BFGS-B", options=options)
    return found, *parts(found.x)


def _log_density(problem: PointProblem, start: _Coordinates) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Return log p(y, z), Jacobian included, and its gradient in x, at x of shape (S, d)."""
    posterior = on_real_line(posterior_gradients(problem), start.transform)

    def log_density(x: Floats) -> tuple[Floats, Floats]:
        values, slopes = posterior(start.mode + x @ start.factor.T)
        return values, slopes @ start.factor

    return log_density


def _log_ratios(
    problem: PointProblem,
    transform: Transform,
    mean: Floats,
    factor: Floats,
    e: Floats,
) -> Floats:
    """Return log p(y, z) - log q(z) at z = mean + factor e, shape (S,); their mean is the ELBO."""
    z = mean + e @ factor.T
    theta = transform.inverse(z)
    log_q = -0.5 * (np.square(e).sum(axis=1) + len(mean) * np.log(2 * np.pi))
    log_q = log_q - float(np.linalg.slogdet(factor)[1])
    log_p = log_likelihoods(problem, theta) + log_priors(problem.model, theta)
    return np.asarray(log_p + transform.log_jacobian(z).sum(axis=1) - log_q)


def _weights(log_ratios: Floats) -> ImportanceWeights:
    try:
        return importance_weights(log_ratios)
    except ValueError as reason:
        raise FitError(f"the draws of the Normal cannot be weighted: {reason}", _ADVICE) from None


def _hardly_differ(weights: ImportanceWeights) -> bool:
    return weights.ess >= _NEAR * len(weights.log_weights)


def _outcome(found: Any, weights: ImportanceWeights, settings: VariationalSettings) -> Outcome:
    if not weights.reliable and not _hardly_differ(weights):
        limit = pareto_k_limit(len(weights.log_weights))
        return Outcome(
            "flagged",
            f"Pareto k is {weights.pareto_k:.2f}, above {limit:.2f}: the Normal is too far from the "
            "posterior to stand for it.",
            _ADVICE,
        )
    if found.status == 1:
        message = f"The search did not end in {settings.max_iterations} iterations."
        return Outcome("flagged", message, "Raise max_iterations.")
    return Outcome()
