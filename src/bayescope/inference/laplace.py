"""`laplace`: a Normal distribution at the mode of the posterior, in the unconstrained space.

    z* = argmax log p(z | y),   H = -d2 log p / dz2 at z*,   z | y ~ Normal(z*, H^-1),   theta = theta(z)
    log p(y) ~ log p(y, z*) + d/2 log(2 pi) - 1/2 log det H

z holds the logarithm of a positive parameter and the logit of a bounded one (`transforms`), and p(z) has
the Jacobian, so z* is not the MAP estimate, which is the mode of theta. Marginals and moments of
theta are exact push-forwards of the Normal. Sources: Tierney & Kadane (1986), JASA 81; MacKay (1998),
Choice of Basis for Laplace Approximation, Machine Learning 33; Gelman et al., Bayesian Data
Analysis (3rd ed.), sections 4.1 and 13.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError
from bayescope.inference.fit import Fit, Marginal
from bayescope.inference.level_draws import draws_in_order
from bayescope.inference.map import fit_map
from bayescope.inference.marginals import Normal
from bayescope.inference.method import Context, Method
from bayescope.inference.no_evidence import evidence_note
from bayescope.inference.normal_approximation import NormalApproximation, approximate, refuse
from bayescope.inference.pushforward import Pushforward, covariance, mean
from bayescope.inference.rounding import rounded_away
from bayescope.inference.settings import LaplaceSettings, MAPSettings, PointSettings
from bayescope.inference.transforms import Transform
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]

_MANY_MODES = "not computed: a network's posterior has many modes, and this is a Normal at one"


def fit(model: Model, settings: LaplaceSettings, context: Context) -> Fit:
    """Approximate the posterior by a Normal in the unconstrained space; shape (d,) mean, (d, d) covariance.

    Raises:
        NotApplicable: every parameter is fixed, one is a vector of probabilities, or the mode sits on the
            kink of a Laplace prior.
        FitError: the posterior is improper, has no mode, or the mode was not found.
    """
    found = approximate(model, settings, context)
    support = found.transform
    size = settings.chains * settings.draws
    rng = np.random.default_rng(context.seed)
    rising = draws_in_order(
        model,
        lambda: support.inverse(found.mode + rng.standard_normal((size, len(found.mode))) @ found.factor.T),
        size,
    )
    noted = _why_no_evidence(found)
    answer = pushed(found.mode, found.covariance, support, model)
    sds = [marginal.sd for marginal in answer["marginals"].values()]
    return Fit(
        name="laplace",
        method="laplace",
        kind="posterior",
        names=model.names,
        outcome=rising.outcome or found.outcome,
        **answer,
        draws=rising.draws.reshape(settings.chains, settings.draws, -1),
        log_evidence=None if noted else found.log_total,
        details={
            **describe(found),
            **rising.details,
            **_how_the_mode_moved(found, sds, settings, context),
            **noted,
        },
    )


def _why_no_evidence(found: NormalApproximation) -> dict[str, str]:
    model = found.problem.model
    if networks(model):
        return {"log_evidence": _MANY_MODES}
    return evidence_note(model) or rounded_away(found.rounding)


def describe(found: NormalApproximation) -> dict[str, Any]:
    """Say where the Normal sits and how its mode was found, JSON-able."""
    names = found.problem.model.names
    return {
        "scales": dict(zip(names, found.transform.names, strict=True)),
        "mode": dict(zip(names, found.transform.inverse(found.mode).tolist(), strict=True)),
        "kkt_residual": found.solution.kkt_residual,
        "iterations": found.solution.iterations,
        "modes": found.modes,
    }


def _how_the_mode_moved(
    found: NormalApproximation, sds: list[float], settings: PointSettings, context: Context
) -> Mapping[str, Any]:
    """Tell by how many sds theta(z*) is above the MAP estimate, the mode without the Jacobian."""
    model = found.problem.model
    mode = found.transform.inverse(found.mode)
    if networks(model):  # the two may be at different modes
        return {"mode_above_map_in_sd": None}
    if found.transform.is_identity:
        moved = np.zeros(len(mode))
    else:
        search = MAPSettings(tolerance=settings.tolerance, max_iterations=settings.max_iterations)
        try:
            point = fit_map(model, search, replace(context, report_progress=lambda _message: None))
        except FitError as failure:
            return {"mode_above_map_in_sd": None, "map": failure.message}
        moved = (mode - np.asarray(point.estimate)) / np.array(sds)
    return {"mode_above_map_in_sd": dict(zip(model.names, moved.tolist(), strict=True))}


def pushed(mean_z: Floats, covariance_z: Floats, transform: Transform, model: Model) -> dict[str, Any]:
    """Push Normal(mean, covariance) of z to theta: estimate, covariance and marginals of a fit."""
    ends = np.asarray(transform.lower), np.asarray(transform.upper)
    columns = np.column_stack([mean_z, np.sqrt(np.diag(covariance_z)), *ends])
    rows = [tuple(row) for row in columns.tolist()]
    return {
        "estimate": np.array([float(mean(*row)) for row in rows]),
        "covariance": covariance(mean_z, covariance_z, *ends),
        "marginals": dict(zip(model.names, (_marginal(*row) for row in rows), strict=True)),
    }


def _marginal(mu: float, sigma: float, lower: float, upper: float) -> Marginal:
    if math.isinf(lower) and math.isinf(upper):
        return Normal(mu, sigma)
    return Pushforward(mu, sigma, lower, upper)


LAPLACE = Method(
    name="laplace",
    summary="a Normal at the mode, in the unconstrained space",
    settings=LaplaceSettings,
    fit=fit,
    refuse=refuse,
)
