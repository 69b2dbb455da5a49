"""Finite hypotheses solved: posterior probabilities, evidence, the MLE's and the MAP's choice, surprise.

    log p(h_k | y) = log p(h_k) + log p(y | h_k) - log p(y)
    log p(y)       = log sum over k of exp(log p(h_k) + log p(y | h_k))

All in logarithms: the likelihood of a million rows is far below the smallest number, its logarithm is not.
The log likelihoods are sufficient and add up over rows, which is all that updating needs. Sources:
Jaynes 2003, Probability Theory, chapter 4; MacKay 2003, Information Theory, Inference, and Learning
Algorithms, chapters 2 and 28; Kass and Raftery 1995, JASA 90(430), 773-795 (Bayes factors).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope import information
from bayescope.errors import FitError
from bayescope.inference.choice_marginal import Bernoulli
from bayescope.inference.exact_posterior import ExactPosterior, Solvable, Statistics
from bayescope.inference.fit import Fit
from bayescope.inference.predictive_hypotheses import predict_hypotheses
from bayescope.models.hypotheses import log_likelihoods, prior_probabilities
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

KIND = "hypotheses"

_IMPOSSIBLE_ADVICE = "Check the data, or add a hypothesis that could have produced them."
# Sums of logarithms in two orders differ by rounding: 1e-16 of their size for each doubling of the rows.
_TIE = 1e-13


@dataclass(frozen=True, eq=False)
class Weighing:
    """What the data say of each hypothesis, every array of shape (K,), nats.

    Attributes:
        names: of the hypotheses.
        prior: probabilities before the data.
        log_likelihood: log p(y | h_k); -inf where the data are impossible.
    """

    names: tuple[str, ...]
    prior: Floats
    log_likelihood: Floats

    @property
    def log_joint(self) -> Floats:
        """Compute log p(h_k) + log p(y | h_k)."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.prior) + self.log_likelihood)

    @property
    def log_evidence(self) -> float:
        """Compute log p(y), nats; -inf where no hypothesis could have produced the data."""
        return float(scipy.special.logsumexp(self.log_joint))

    @property
    def possible(self) -> bool:
        """Whether some hypothesis of positive prior probability could have produced the data."""
        return math.isfinite(self.log_evidence)

    @property
    def posterior(self) -> Floats:
        """Compute p(h_k | y).

        Raises:
            FitError: the data are impossible under every hypothesis.
        """
        self.require_possible()
        weights = np.exp(self.log_joint - self.log_joint.max())
        return np.asarray(weights / weights.sum())

    @property
    def log_bayes_factors(self) -> Floats:
        """Compute log p(y | h_k) - max over j of log p(y | h_j): 0 for the best, negative for the others."""
        return np.asarray(self.log_likelihood - self.log_likelihood.max())

    @property
    def log_posterior_odds(self) -> Floats:
        """Compute log of p(h_k | y) over the probability of all the others."""
        terms = self.log_joint
        others = [scipy.special.logsumexp(np.delete(terms, k)) for k in range(len(terms))]
        with np.errstate(invalid="ignore"):
            return np.asarray(terms - np.array(others))

    @property
    def bits_learned(self) -> float:
        """Compute KL(posterior || prior) in bits: what the data taught about which hypothesis is true."""
        return information.kl(self.posterior, self.prior, base=2).value

    def require_possible(self) -> None:
        """Raise FitError where the data are impossible under every hypothesis."""
        if not self.possible:
            excluded = " of positive prior probability" if np.isfinite(self.log_likelihood).any() else ""
            raise FitError(f"the data are impossible under every hypothesis{excluded}.", _IMPOSSIBLE_ADVICE)


def weigh(model: Model, log_likelihood: Floats | None = None) -> Weighing:
    """Weigh the hypotheses of a model by its rows, or by log likelihoods, shape (K,), that are known."""
    found = log_likelihoods(model) if log_likelihood is None else log_likelihood
    return Weighing(model.names, prior_probabilities(model), found)


def recognise(model: Model) -> Solvable | str:
    """Return what solves a model of finite hypotheses; every one is solvable."""
    found = log_likelihoods(model).tolist()
    return Solvable(
        statistics={
            "kind": KIND,
            "observations": model.response.observations,
            # JSON has no infinity: null says that the data are impossible
            "log_likelihood": {
                name: value if math.isfinite(value) else None
                for name, value in zip(model.names, found, strict=True)
            },
        },
        pool=pool,
        solve=partial(_solve, model),
    )


def pool(parts: Sequence[Statistics]) -> Statistics:
    """Add the log likelihoods of parts of some data; one that is impossible stays so."""
    names = list(parts[0]["log_likelihood"])
    return {
        "kind": KIND,
        "observations": sum(part["observations"] for part in parts),
        "log_likelihood": {name: _total([part["log_likelihood"][name] for part in parts]) for name in names},
    }


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None


def condense(model: Model, statistics: Statistics) -> Model:
    """Return the model without rows that has seen rows with these statistics."""
    nothing = replace(model.response, values=model.response.values[:0], weights=None)
    return replace(model, response=nothing, seen=MappingProxyType(_stored(statistics)))


def _stored(statistics: Statistics) -> dict[str, float]:
    return {
        name: -math.inf if value is None else float(value)
        for name, value in statistics["log_likelihood"].items()
    }


def _solve(model: Model, statistics: Statistics, _tolerance: float) -> ExactPosterior:
    stored = _stored(statistics)
    found = weigh(model, np.array([stored[name] for name in model.names]))
    posterior = found.posterior
    return ExactPosterior(
        applies="finite hypotheses",
        mean=posterior,
        covariance=np.diag(posterior) - np.outer(posterior, posterior),
        marginals=tuple(Bernoulli(float(p)) for p in posterior),
        draw=lambda rng, size: rng.multinomial(1, posterior, size=size).astype(np.float64),
        log_evidence=found.log_evidence,
        predict=lambda rows: predict_hypotheses(rows, posterior),
        details={"hypotheses": describe(found)},
    )


def describe(found: Weighing) -> dict[str, Any]:
    """Write a weighing as JSON-able data, by hypothesis, and what was learned; null where infinite."""
    posterior = found.posterior
    columns = {
        "prior": found.prior,
        "log_likelihood": found.log_likelihood,
        "surprise_bits": (0.0 - found.log_likelihood) / math.log(2.0),
        "posterior": posterior,
        "log_bayes_factor_against_best": found.log_bayes_factors,
        "log_posterior_odds": found.log_posterior_odds,
    }
    return {
        **{key: dict(zip(found.names, map(_finite, values), strict=True)) for key, values in columns.items()},
        "prior_entropy_bits": information.entropy(found.prior, base=2).value,
        "posterior_entropy_bits": information.entropy(posterior, base=2).value,
        "bits_learned": found.bits_learned,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def choose(model: Model, method: Literal["mle", "map"]) -> Fit:
    """Return the hypothesis of the highest likelihood (mle) or posterior probability (map), as an indicator.

    A choice has no standard error: the covariance is nan.

    Raises:
        FitError: the data are impossible under every hypothesis, or several are best.
    """
    found = weigh(model)
    scores = found.log_likelihood if method == "mle" else found.log_joint
    if not np.isfinite(scores).any():
        found.require_possible()
    best = _best(scores, method, found)
    size = len(found.names)
    return Fit(
        name=method,
        method=method,
        kind="point",
        names=model.names,
        estimate=np.eye(size)[best],
        covariance=np.full((size, size), math.nan),
        details={
            "choice": found.names[best],
            "formula": f"argmax over h of p(y | h){' p(h)' if method == 'map' else ''}",
            "hypotheses": describe(found) if found.possible else {},
        },
    )


def _best(scores: Floats, method: str, found: Weighing) -> int:
    largest = float(scores.max())
    tied = np.flatnonzero(largest - scores <= _TIE * max(abs(largest), 1.0))
    if len(tied) > 1:
        names = " and ".join(found.names[k] for k in tied)
        what = "explain the data" if method == "mle" else "are"
        raise FitError(
            f"{names} {what} equally {'well' if method == 'mle' else 'probable'}: there is no single choice.",
            "Read the posterior probabilities (exact), or give more data.",
        )
    return int(tied[0])
