"""How far each method's model is from the data: cross-entropy, and KL from the empirical distribution.

    mean nll = -(1 / n) sum_i log p(y_i | theta) = H(data, model) = H(data) + KL(data || model)

so maximum likelihood is the minimiser of KL from the empirical distribution (Bishop, Pattern Recognition
and Machine Learning, 2006, section 1.6.1). The entropy of the data is known where every row has the same
discrete distribution; elsewhere only how much more KL a method has than mle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope import information
from bayescope.diagnostics.records import CrossEntropies, CrossEntropy, finite
from bayescope.inference.fit import Fit
from bayescope.models.density import pointwise_log_likelihood
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]


def cross_entropies(model: Model, fits: Sequence[Fit]) -> CrossEntropies:
    """Measure every method that answered at its estimate (the posterior mean, of a posterior), nats.

    `nll` is the mean over the n observations, `kl` the divergence of the model from the empirical
    distribution, `above_mle` the difference of `nll` to that of mle. The mean of a posterior of a network's
    weights says nothing of the data (it is near 0 where signs can flip), and is left out.
    """
    weights = _weights(model)
    total = float(weights.sum())
    measured = {"point"} if networks(model) else {"point", "posterior"}
    answered = [fit for fit in fits if fit.estimate is not None and fit.kind in measured]
    logs = {fit.name: pointwise_log_likelihood(model, np.asarray(fit.estimate)) for fit in answered}
    means = {name: _mean_nll(each, weights / total) for name, each in logs.items()}
    least = next((means[fit.name] for fit in answered if fit.method == "mle"), None)
    masses, first = _empirical(model, weights / total)
    return CrossEntropies(
        observations=total,
        entropy=None if masses is None else information.entropy(masses).value,
        rows=tuple(
            CrossEntropy(
                method=name,
                nll=finite(value),
                kl=None if masses is None else _divergence(masses, logs[name][first]),
                above_mle=None if least is None else finite(value - least),
            )
            for name, value in means.items()
        ),
    )


def _weights(model: Model) -> Floats:
    rows = len(model.response.values)
    return np.ones(rows) if model.response.weights is None else np.asarray(model.response.weights, float)


def _mean_nll(log_densities: Floats, shares: Floats) -> float:
    counted = shares > 0  # 0 times -inf is nothing
    return float(-(shares[counted] @ np.broadcast_to(log_densities, shares.shape)[counted]))


def _empirical(model: Model, shares: Floats) -> tuple[Floats | None, NDArray[np.intp]]:
    """Return the masses of the distinct responses and a row of each; None where rows differ in law."""
    response, head = model.response, model.likelihood
    same = all(predictor.matrix is None and not np.ndim(predictor.offset) for predictor in model.predictors)
    same = same and (response.trials is None or np.ptp(response.trials) == 0)
    if not same or not (head.response.integer or head.categorical):
        return None, np.empty(0, dtype=np.intp)
    distinct, first, place = np.unique(response.values, axis=0, return_index=True, return_inverse=True)
    return np.bincount(place.ravel(), weights=shares, minlength=len(distinct)), first


def _divergence(masses: Floats, log_model: Floats) -> float | None:
    """KL(data || model), nats; what the model gives to responses that did not occur is one more outcome."""
    model = np.exp(log_model)
    if not np.isfinite(model).all():
        return None
    rest = max(1.0 - float(model.sum()), 0.0)
    model = np.append(model, rest) / (float(model.sum()) + rest)  # masses of a large count round above 1
    return finite(information.kl(np.append(masses, 0.0), model).value)
