"""Comparing models by their evidence: Bayes factors and posterior model probabilities.

    BF_ab = p(y | a) / p(y | b)          p(a | y) = p(y | a) p(a) / sum_k p(y | k) p(k)

with equal prior probabilities of the models (Kass and Raftery 1995, JASA 90(430), 773-795). The evidence
is that of exact answers only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict

from bayescope.config.hypothesis_rules import response_kind
from bayescope.errors import BayescopeError


class ComparedModel(BaseModel):
    """One model among those compared; None for what is not known of every one of them.

    Attributes:
        run: its run.
        model: what it is for a reader, such as its formula.
        elpd: sum of leave-one-out log predictive densities, nats, with its standard error `elpd_se`.
        elpd_difference: to the best model, 0 or below, with its standard error `difference_se`.
        p_loo: effective number of parameters.
        weight: in the mixture of all models that predicts best (stacking).
        influential_rows: how many rows have a Pareto k beyond the limit.
        log_evidence: log p(y), nats; exact.
        log_bayes_factor: of the model with the largest evidence against this one.
        bayes_factor: the same, not its logarithm.
        probability: of the model after the data, all being equally probable before.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    model: str = ""
    elpd: float | None = None
    elpd_se: float | None = None
    elpd_difference: float | None = None
    difference_se: float | None = None
    p_loo: float | None = None
    weight: float | None = None
    influential_rows: int | None = None
    log_evidence: float | None = None
    log_bayes_factor: float | None = None
    bayes_factor: float | None = None
    probability: float | None = None


def compare_evidence(log_evidence: Mapping[str, float]) -> tuple[ComparedModel, ...]:
    """Compare models by their log evidence (nats), by run; the best comes first.

    >>> [round(row.probability, 3) for row in compare_evidence({"a": -10.0, "b": -12.0})]
    [0.881, 0.119]
    """
    values = np.array(list(log_evidence.values()))
    best = values.max()
    weights = np.exp(values - best)
    with np.errstate(over="ignore"):
        factors = np.exp(best - values)
    rows = [
        ComparedModel(
            run=run,
            log_evidence=float(value),
            log_bayes_factor=float(best - value),
            bayes_factor=float(factor),
            probability=float(weight / weights.sum()),
        )
        for run, value, factor, weight in zip(log_evidence, values, factors, weights, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -(row.log_evidence or 0.0)))


def require_same_data(responses: Mapping[str, str]) -> None:
    """Refuse to compare models of different data; `responses` has the fingerprint of each run's.

    Raises:
        BayescopeError: naming the runs that stand in the way.
    """
    first = next(iter(responses))
    others = [run for run, fingerprint in responses.items() if fingerprint != responses[first]]
    if others:
        raise BayescopeError(
            f"{', '.join(others)} and {first} are of different data (the fingerprints of their responses "
            "differ): models can be compared on the same rows only"
        )


def require_same_measure(likelihoods: Mapping[str, str]) -> None:
    """Refuse to compare a density with a probability; `likelihoods` has the name of each run's.

    Raises:
        BayescopeError: naming the runs on either side.
    """
    densities = [run for run, name in likelihoods.items() if response_kind(name) == "numbers"]
    masses = [run for run in likelihoods if run not in densities]
    if densities and masses:
        raise BayescopeError(
            f"{', '.join(densities)}: a density of numbers; {', '.join(masses)}: a probability of whole "
            "numbers or categories: they have different units, and neither scores nor evidence compare them"
        )


def refuse_comparison(
    unscored: Sequence[str], without_evidence: Sequence[str], answered: Mapping[str, Mapping[str, bool]]
) -> NoReturn:
    """Say why models cannot be compared: some runs have no leave-one-out scores, and some no exact evidence.

    `answered` has the methods of each run, and whether they answered: what is there need not be added.

    Raises:
        BayescopeError: always.
    """
    scores = _by_reason(unscored, lambda run: _scores_advice(answered[run]))
    evidence = _by_reason(without_evidence, lambda run: _EVIDENCE_ADVICE[answered[run].get("exact")])
    raise BayescopeError(
        "\n".join(
            [
                *(f"{runs}: no leave-one-out scores, {reason}" for reason, runs in scores.items()),
                *(f"{runs}: no exact evidence{reason}" for reason, runs in evidence.items()),
            ]
        )
    )


_PROPER = "give every parameter a proper prior (under a flat one the evidence is not defined)"
_EVIDENCE_ADVICE = MappingProxyType(
    {
        None: f"; add `exact` to `inference:`, and {_PROPER}",
        True: f"; {_PROPER}",
        False: ", and `exact` has no answer for this model",
    }
)


def _scores_advice(present: Collection[str]) -> str:
    missing = [name for name in ("nuts", "exact") if name not in present]
    if not missing:
        return "which need a posterior with draws; see in its report why it has none"
    methods = " or ".join(f"`{name}`" for name in missing)
    return f"which need a posterior with draws; add {methods} to `inference:`"


def _by_reason(runs: Sequence[str], reason: Callable[[str], str]) -> dict[str, str]:
    """List the runs that have the same reason."""
    reasons = dict.fromkeys(map(reason, runs))
    return {each: ", ".join(run for run in runs if reason(run) == each) for each in reasons}
