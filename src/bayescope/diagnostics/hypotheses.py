"""The hypotheses side by side: prior, surprise of the data, posterior, odds and Bayes factors."""

from __future__ import annotations

import math

import numpy as np

from bayescope import information
from bayescope.diagnostics.records import Record, finite
from bayescope.inference.hypotheses import weigh
from bayescope.models.model import Model


class HypothesisRow(Record):
    """What the data say of one hypothesis; None where a number is infinite, or there is no posterior.

    `surprise_bits` is -log2 p(y | h), None where the data are impossible; `bayes_factor` is
    p(y | h) / p(y | best): 1 for the hypothesis that explains the data best; `posterior_odds` are those
    of this hypothesis against all the others together.
    """

    name: str
    distribution: str
    prior: float
    surprise_bits: float | None
    bayes_factor: float | None
    log_bayes_factor: float | None
    posterior: float | None
    posterior_odds: float | None


class HypothesesView(Record):
    """All hypotheses, and how uncertain the choice is before and after the data, in bits."""

    rows: tuple[HypothesisRow, ...]
    prior_entropy_bits: float
    posterior_entropy_bits: float | None = None
    bits_learned: float | None = None
    log_evidence: float | None = None


def hypotheses_view(model: Model) -> HypothesesView | None:
    """Lay the hypotheses of a model side by side; None for a model without hypotheses."""
    if not model.hypotheses:
        return None
    found = weigh(model)
    nothing = np.full(len(found.names), np.nan)
    posterior = found.posterior if found.possible else nothing
    with np.errstate(over="ignore", invalid="ignore"):
        odds = np.exp(found.log_posterior_odds) if found.possible else nothing
        factors = found.log_bayes_factors
    rows = tuple(
        HypothesisRow(
            name=name,
            distribution=str(model.hypotheses[name]),
            prior=float(found.prior[k]),
            surprise_bits=finite((0.0 - found.log_likelihood[k]) / math.log(2.0)),
            bayes_factor=finite(np.exp(factors[k])),
            log_bayes_factor=finite(factors[k]),
            posterior=finite(posterior[k]),
            posterior_odds=finite(odds[k]),
        )
        for k, name in enumerate(found.names)
    )
    return HypothesesView(
        rows=rows,
        prior_entropy_bits=information.entropy(found.prior, base=2).value,
        posterior_entropy_bits=information.entropy(posterior, base=2).value if found.possible else None,
        bits_learned=found.bits_learned if found.possible else None,
        log_evidence=finite(found.log_evidence),
    )
