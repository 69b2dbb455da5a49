"""What diagnostics find, as plain data: rows of tables, checks, a predictive check, a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from bayescope.information import perplexity


def finite(value: float | None) -> float | None:
    """Return the number as a plain float, or None where it is undefined (None, nan, infinite)."""
    return float(value) if value is not None and math.isfinite(value) else None


class Record(BaseModel):
    """A part of run.json: frozen, no unknown fields.

    JSON has no nan and inf: they are the texts "NaN", "Infinity" and "-Infinity" there, and read back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def plain_json(value: Any) -> Any:
    """Return plain data with each number that JSON has not as {"float": "nan"}: no text can be taken for it.

    >>> plain_json({"y": [1.0, float("nan")]})
    {'y': [1.0, {'float': 'nan'}]}
    """
    if isinstance(value, Mapping):
        return {key: plain_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(part) for part in value]
    return {"float": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _from_plain_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        text = value.get("float") if len(value) == 1 else None
        if text in {"nan", "inf", "-inf"}:
            return float(text)
        return {key: _from_plain_json(part) for key, part in value.items()}
    return [_from_plain_json(part) for part in value] if isinstance(value, list) else value


PlainData = Annotated[
    dict[str, Any], BeforeValidator(_from_plain_json), PlainSerializer(plain_json, when_used="json")
]
"""What is in no record's own fields: a configuration, data, a model without its rows."""


class Estimate(Record):
    """A row of estimates.csv; None where undefined."""

    parameter: str
    method: str
    estimate: float | None
    sd: float | None = None
    lower: float | None = None
    upper: float | None = None
    median: float | None = None
    mode: float | None = None
    ess_bulk: float | None = None
    ess_tail: float | None = None
    r_hat: float | None = None
    mcse_mean: float | None = None
    mcse_lower: float | None = None
    mcse_median: float | None = None
    mcse_upper: float | None = None


class ComparisonRow(Record):
    """A row of comparison.csv; None where undefined."""

    parameter: str
    method: str
    reference: str
    mean_shift_in_sd: float | None = None
    sd_ratio: float | None = None
    wasserstein_1_in_sd: float | None = None
    kl_nats: float | None = None
    z: float | None = None
    z_sd: float | None = None
    kl_error: float | None = None
    kl_method: str = ""


class Learned(Record):
    """What the data taught about one unknown.

    `bits` is KL(posterior || prior), None under a flat prior; `positive` is P(slope > 0), None for
    what is no slope. Each with its numerical or Monte Carlo error.
    """

    parameter: str
    method: str
    bits: float | None = None
    bits_error: float | None = None
    positive: float | None = None
    positive_error: float | None = None


class CrossEntropy(Record):
    """One method's model against the data, nats per observation; None where undefined.

    `nll` is the mean negative log-likelihood, `kl` is KL(data || model), `above_mle` the difference to mle.
    """

    method: str
    nll: float | None
    kl: float | None
    above_mle: float | None

    @property
    def perplexity(self) -> float | None:
        """How many equally likely responses would surprise as much: e^nll."""
        return None if self.nll is None else finite(perplexity(self.nll))


class CrossEntropies(Record):
    """All methods' models against the data; `entropy` is that of the data, nats, where it is known."""

    observations: float
    entropy: float | None
    rows: tuple[CrossEntropy, ...]


class Check(Record):
    """One check of one method's answer.

    `verdict` "fail" makes `--strict` exit with 4; "note" is worth reading but no failure.
    """

    method: str
    name: str
    verdict: Literal["pass", "note", "fail"]
    value: float | None
    threshold: float | None
    parameter: str | None = None
    message: str = ""
    advice: str = ""


def make_check(
    method: str,
    name: str,
    verdict: Literal["pass", "note", "fail"],
    *,
    message: str,
    advice: str = "",
    value: float | None = None,
    threshold: float | None = None,
    parameter: str | None = None,
) -> Check:
    """Return a `Check`; advice is kept only where something calls for it, an undefined value is None."""
    return Check(
        method=method,
        name=name,
        verdict=verdict,
        value=finite(value),
        threshold=threshold,
        parameter=parameter,
        message=message,
        advice="" if verdict == "pass" else advice,
    )


class Zero(Record):
    """A coefficient that map puts at exactly 0: P(|beta| < size) and mean by a posterior, 89 % interval."""

    parameter: str
    method: str
    size: float
    probability: float
    mean: float | None = None
    lower: float | None = None
    upper: float | None = None


type PredictiveKind = Literal["amounts", "counts", "binary", "categories", "vectors"]


class PredictiveCheck(Record):
    """Posterior predictive check of one method: test statistics, and a histogram with bands.

    `statistics`: name -> {"observed", "mean", "lower", "upper", "p"}; `edges` has one more
    element than `observed`, `lower`, `median`, `upper` (89 % bands of replicated counts).
    `p` is P(replicated > observed) + P(replicated = observed) / 2. `note` says when the check
    used a sample of the observations only, `quantity` what is counted if not the response itself, and
    `labels` name the bins where each is a category; `kind` is the sort of response.
    """

    method: str
    kind: PredictiveKind = "amounts"
    replicates: int
    statistics: dict[str, dict[str, float]]
    edges: tuple[float, ...]
    observed: tuple[float, ...]
    lower: tuple[float, ...]
    median: tuple[float, ...]
    upper: tuple[float, ...]
    note: str = ""
    quantity: str = ""
    labels: tuple[str, ...] = ()


class PooledGroup(Record):
    """A group's coefficient: from its own rows alone, and by partial pooling (mean, sd, 89 % interval)."""

    group: str
    rows: float | None
    unpooled: float | None
    partial: float | None
    sd: float | None
    lower: float | None
    upper: float | None


class Pooling(Record):
    """One effect of a group term: the coefficient of each group, and that of all groups taken for one.

    `coefficient` is what the effect is added to (or multiplied by, where the population has no such
    coefficient); `note` says why there is no estimate without pooling, if there is none.
    """

    name: str
    effect: str
    coefficient: str
    method: str
    complete: float | None
    note: str = ""
    groups: tuple[PooledGroup, ...]


class Verdict(Record):
    """What a machine, or a hurried reader, needs: pass / attention / fail, and why in a sentence."""

    status: Literal["pass", "attention", "fail"]
    sentence: str
