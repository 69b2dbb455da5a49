"""`RunRecord`: all that a report says beside the fits, as plain data; this is what run.json holds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bayescope.diagnostics.records import Check, ComparisonRow, Estimate, Learned, PredictiveCheck, Verdict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ColumnSummary(_Record):
    """One column of the data: numbers have mean, sd, minimum, maximum; text has levels with counts."""

    name: str
    kind: Literal["number", "text", "boolean"]
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    levels: dict[str, int] | None = None


class DataSummary(_Record):
    """Where the data came from and what is in the columns that the model uses."""

    source: str
    rows: int
    observations: int
    dropped: int
    fingerprint: str
    response_fingerprint: str = ""
    columns: tuple[ColumnSummary, ...]


class PriorSummary(_Record):
    """The prior of one scalar unknown; `arguments` are numbers, in PyMC's order."""

    parameter: str
    distribution: str
    arguments: dict[str, float]
    text: str
    origin: Literal["given", "default"]


class ModelSummary(_Record):
    """The model for reading: `notation` in `~` lines, one sentence a note."""

    likelihood: str
    link: str
    location: str
    response: str
    predictors: tuple[str, ...]
    formula: str | None
    notation: tuple[str, ...]
    priors: tuple[PriorSummary, ...]
    fixed: dict[str, float]
    notes: tuple[str, ...]


class Penalty(_Record):
    """The penalty that one prior amounts to, e.g. L2 with lambda = 1 / (2 tau^2) = 0.5."""

    parameters: tuple[str, ...]
    prior: str
    name: str
    formula: str
    value: float | None


class LossView(_Record):
    """The model as a loss with penalties. `totals`: method -> {"nll", "penalty", "total"}."""

    loss: str
    formula: str
    penalties: tuple[Penalty, ...]
    equivalents: tuple[str, ...]
    totals: dict[str, dict[str, float]]


class RunRecord(_Record):
    """A whole run but for its fits."""

    name: str
    title: str
    created: str
    command: str
    config: dict[str, Any]
    seed: int
    versions: dict[str, str]
    timings: dict[str, float]
    data: DataSummary
    model: ModelSummary
    loss: LossView
    estimates: tuple[Estimate, ...]
    comparison: tuple[ComparisonRow, ...]
    checks: tuple[Check, ...]
    predictive: PredictiveCheck | None
    learned: tuple[Learned, ...] = ()
    evidence: dict[str, float] = {}  # log evidence by method, nats
    verdict: Verdict
