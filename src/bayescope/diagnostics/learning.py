"""What the data taught: how far each posterior is from its prior, KL(posterior || prior) in bits.

One bit is what a fair yes/no question about the parameter would have told (Lindley 1956, Ann. Math.
Statist. 27(4), 986-1005). A flat prior has no distribution to be far from, and no number.
"""

from __future__ import annotations

import numpy as np

from bayescope import information
from bayescope.data.terms import INTERCEPT
from bayescope.diagnostics.comparison import marginal_of
from bayescope.diagnostics.records import Learned
from bayescope.inference.fit import Fit
from bayescope.inference.statements import probability_positive
from bayescope.models.hypotheses import prior_probabilities
from bayescope.models.marginal_priors import MarginalPrior, marginal_priors
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks


def learned(model: Model, fit: Fit) -> tuple[Learned, ...]:
    """Tell what the data taught about each unknown, by a posterior method's answer; empty for a point.

    KL(posterior || prior) in bits for a proper prior, by `information.kl`: in closed form within a
    family, else by quadrature, and of draws by their nearest neighbours. For a slope also P(slope > 0).
    The weights of a network are not identified one by one, and have no rows.
    """
    if fit.marginals is None or fit.draws is None:
        return ()
    if model.hypotheses:
        return _learned_of_hypotheses(model, fit)
    slopes = _slopes(model)
    unidentified = {position for predictor in networks(model) for position in predictor.index.tolist()}
    return tuple(
        Learned(
            parameter=name,
            method=fit.name,
            **_bits(fit, index, prior),
            **(_sign(fit, name) if name in slopes else {}),
        )
        for index, (name, prior) in enumerate(zip(fit.names, marginal_priors(model), strict=True))
        if index not in unidentified
    )


def _slopes(model: Model) -> set[str]:
    """Name the coefficients of the location's formula, of every class where each has its own."""
    if model.formula is None:
        return set()
    bodies = model.predictors if model.likelihood.one_design else (model.location,)
    return {name for body in bodies for name in body.columns if not name.startswith(INTERCEPT)}


def _learned_of_hypotheses(model: Model, fit: Fit) -> tuple[Learned, ...]:
    """Tell how far the probability of each hypothesis moved; that of the choice is in `hypotheses_view`."""
    rows = zip(model.names, np.asarray(fit.estimate), prior_probabilities(model), strict=True)
    found = {name: information.kl([p, 1.0 - p], [q, 1.0 - q], base=2) for name, p, q in rows}
    return tuple(
        Learned(parameter=name, method=fit.name, bits=bits.value, bits_error=bits.error)
        for name, bits in found.items()
    )


def _sign(fit: Fit, name: str) -> dict[str, float]:
    above = probability_positive(fit, name)
    return {"positive": above.value, "positive_error": above.error}


def _bits(fit: Fit, index: int, prior: MarginalPrior | None) -> dict[str, float]:
    if prior is None:
        return {}
    seen = marginal_of(fit, index)
    if seen is None or prior[0] not in information.ARGUMENTS:
        return {}
    found = information.kl(seen, information.density(prior[0], *prior[1].values()), base=2)
    known = np.isfinite([found.value, found.error]).all()
    return {"bits": found.value, "bits_error": found.error} if known else {}
