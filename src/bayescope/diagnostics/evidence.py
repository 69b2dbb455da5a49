"""Comparing models by their evidence: Bayes factors and posterior model probabilities.

    BF_ab = p(y | a) / p(y | b)          p(a | y) = p(y | a) p(a) / sum_k p(y | k) p(k)

with equal prior probabilities of the models (Kass and Raftery 1995, JASA 90(430), 773-795). The evidence
is that of exact answers only, and of the same responses; both are checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from pydantic import BaseModel, ConfigDict

from bayescope.errors import BayescopeError


class ModelEvidence(BaseModel):
    """One model among those compared; `bayes_factor` is that of the best model against this one."""

    model_config = ConfigDict(frozen=True)

    run: str
    model: str
    log_evidence: float
    log_bayes_factor: float
    bayes_factor: float
    probability: float


def compare_evidence(
    log_evidence: Mapping[str, float], models: Mapping[str, str] = MappingProxyType({})
) -> tuple[ModelEvidence, ...]:
    """Compare models by their log evidence (nats), by run; the best comes first.

    `models` says for a reader what each run's model is, such as its formula.

    >>> [round(row.probability, 3) for row in compare_evidence({"a": -10.0, "b": -12.0})]
    [0.881, 0.119]
    """
    values = np.array(list(log_evidence.values()))
    best = values.max()
    weights = np.exp(values - best)
    with np.errstate(over="ignore"):
        factors = np.exp(best - values)
    rows = [
        ModelEvidence(
            run=run,
            model=models.get(run, ""),
            log_evidence=float(value),
            log_bayes_factor=float(best - value),
            bayes_factor=float(factor),
            probability=float(weight / weights.sum()),
        )
        for run, value, factor, weight in zip(log_evidence, values, factors, weights, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -row.log_evidence))


def require_comparable(responses: Mapping[str, str], exact: Mapping[str, float | None]) -> None:
    """Refuse a comparison of different data, or of runs without an exact evidence.

    Args:
        responses: fingerprint of the responses, by run.
        exact: the exact log evidence, by run; None where there is none.

    Raises:
        BayescopeError: naming the runs that stand in the way.
    """
    problems: list[str] = []
    first = next(iter(responses))
    others = [run for run, fingerprint in responses.items() if fingerprint != responses[first]]
    if others:
        problems.append(
            f"{_listed(others)} and {first} are of different data (the fingerprints of their responses "
            "differ): models can be compared on the same rows only"
        )
    without = [run for run, value in exact.items() if value is None]
    if without:
        problems.append(
            f"{_listed(without)}: no exact evidence; add `exact` to `inference:`, and give every parameter a "
            "proper prior (under a flat prior the evidence is not defined)"
        )
    if problems:
        raise BayescopeError("\n".join(problems))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
