"""`exact`: the posterior without sampling, for models that have a closed form or one integral to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import NotApplicable
from bayescope.inference import conjugate, regression
from bayescope.inference.exact_posterior import ExactPosterior, Solver
from bayescope.inference.fit import Fit
from bayescope.inference.method import Context, Method, Settings
from bayescope.models.model import Model

_ADVICE = "Use nuts for the posterior of this model, or map for its mode."


class ExactSettings(Settings):
    """Settings of `exact`.

    Attributes:
        draws: independent draws in each chain.
        chains: number of chains, so that draws have the shape of a sampler's.
        tolerance: relative error allowed in means and sds found by quadrature.
    """

    draws: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)
    tolerance: float = Field(default=1e-10, ge=1e-13, le=1e-2)


@dataclass(frozen=True)
class Recogniser:
    """One family of solvable models: its likelihoods, and a function to a solver or the reasons against."""

    likelihoods: tuple[str, ...]
    recognise: Callable[[Model], Solver | str]


RECOGNISERS = (
    Recogniser(tuple(LIKELIHOODS), conjugate.recognise),
    Recogniser(("Normal",), regression.recognise),
)


def fit(model: Model, settings: ExactSettings, context: Context) -> Fit:
    """Find the exact posterior, shape (d,) mean and (d, d) covariance, with independent draws.

    Raises:
        NotApplicable: no closed form; the message names the part of the model that stands in the way.
        FitError: the posterior is improper, or the tolerance is out of reach.
    """
    posterior = _recognise(model)(settings.tolerance)
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
        details=_details(model, posterior),
    )


def _recognise(model: Model) -> Solver:
    """Return the solver of the first family that the model belongs to."""
    reasons = []
    for row in RECOGNISERS:
        if model.likelihood.name in row.likelihoods:
            found = row.recognise(model)
            if not isinstance(found, str):
                return found
            reasons.append(found)
    reason = reasons[-1]  # of the widest family
    raise NotApplicable(f"{reason[0].upper()}{reason[1:]}.", _ADVICE)


def _details(model: Model, posterior: ExactPosterior) -> dict[str, object]:
    texts = {name: str(marginal) for name, marginal in zip(model.names, posterior.marginals, strict=True)}
    note = {} if posterior.log_evidence is not None else {
        "log_evidence": "undefined: a flat prior has no density to average the likelihood over"
    }  # fmt: skip
    return {"applies": posterior.applies, "posterior": texts, **posterior.details, **note}


EXACT = Method(
    name="exact",
    summary="the posterior in closed form, or by one integral over sigma",
    settings=ExactSettings,
    fit=fit,
)
