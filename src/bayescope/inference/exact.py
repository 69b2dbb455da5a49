"""`exact`: the posterior without sampling, for models that have a closed form or one integral to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import NotApplicable
from bayescope.inference import conjugate, hypotheses, normal_inverse_gamma, regression
from bayescope.inference.exact_posterior import ExactPosterior, Solvable, Statistics
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context, Method
from bayescope.inference.network_refusals import refuse_network
from bayescope.inference.no_evidence import FLAT
from bayescope.inference.settings import ExactSettings
from bayescope.models.hypotheses import HYPOTHESES
from bayescope.models.model import Model


@dataclass(frozen=True)
class Recogniser:
    """One family of solvable models: its likelihoods, and a function to `Solvable` or why not."""

    likelihoods: tuple[str, ...]
    recognise: Callable[[Model], Solvable | str]


RECOGNISERS = (
    Recogniser((HYPOTHESES,), hypotheses.recognise),
    Recogniser(tuple(LIKELIHOODS), conjugate.recognise),
    Recogniser(("Normal",), normal_inverse_gamma.recognise),
    Recogniser(("Normal",), regression.recognise),
)


def fit(model: Model, settings: ExactSettings, context: Context) -> Fit:
    """Find the exact posterior, shape (d,) mean and (d, d) covariance, with independent draws.

    Raises:
        NotApplicable: no closed form; the message names the part of the model that stands in the way.
        FitError: the posterior is improper, or the tolerance is out of reach.
    """
    solvable = recognise(model)
    return solve(model, solvable, solvable.statistics, settings, context)


def solve(
    model: Model, solvable: Solvable, statistics: Statistics, settings: ExactSettings, context: Context
) -> Fit:
    """Find the exact posterior of a recognised model after data with these statistics; see `fit`."""
    posterior = solvable.solve(statistics, settings.tolerance)
    shape = (settings.chains, settings.draws, len(model.names))
    draws = posterior.draw(np.random.default_rng(context.seed), settings.chains * settings.draws)
    return Fit(
        name="exact",
        method="exact",
        kind="posterior",
        names=model.names,
        outcome=posterior.outcome,
        estimate=posterior.mean,
        covariance=posterior.covariance,
        marginals=dict(zip(model.names, posterior.marginals, strict=True)),
        draws=draws.reshape(shape),
        log_evidence=posterior.log_evidence,
        details=_details(model, posterior, statistics),
    )


def recognise(model: Model) -> Solvable:
    """Return what solves the model: that of the first family that it belongs to.

    Raises:
        NotApplicable: no closed form; the message names the part of the model that stands in the way.
    """
    refuse_network(model, "exact")
    reasons = []
    for row in RECOGNISERS:
        if model.likelihood.name in row.likelihoods:
            found = row.recognise(model)
            if not isinstance(found, str):
                return found
            reasons.append(found)
    reason = reasons[-1]  # of the widest family
    raise NotApplicable(
        f"{reason[0].upper()}{reason[1:]}.", nuts="for the posterior of this model", map="for its mode"
    )


def _details(model: Model, posterior: ExactPosterior, statistics: Statistics) -> dict[str, object]:
    texts = {name: str(marginal) for name, marginal in zip(model.names, posterior.marginals, strict=True)}
    note = FLAT if posterior.log_evidence is None else {}
    return {
        "applies": posterior.applies,
        "posterior": texts,
        **note,
        **posterior.details,
        "statistics": statistics,
    }


EXACT = Method(
    name="exact",
    summary="the posterior in closed form, or by one integral over sigma",
    settings=ExactSettings,
    fit=fit,
    chooses=True,
    refuse=recognise,
)


def after(statistics: Statistics) -> Method:
    """`exact` of a model after all data with these statistics, whatever rows it is given: updating."""

    def fit_statistics(model: Model, settings: ExactSettings, context: Context) -> Fit:
        return solve(model, recognise(model), statistics, settings, context)

    return replace(EXACT, fit=fit_statistics)
