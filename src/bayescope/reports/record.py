"""`RunRecord`: all that a report says beside the fits, as plain data; this is what run.json holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bayescope.config.paths import path_text
from bayescope.diagnostics.curve import CurveView
from bayescope.diagnostics.event_calibration import EventCalibration
from bayescope.diagnostics.hypotheses import HypothesesView
from bayescope.diagnostics.loo import Loo
from bayescope.diagnostics.pit import Pit
from bayescope.diagnostics.points import PointView
from bayescope.diagnostics.prior_predictive import PriorPredictive
from bayescope.diagnostics.records import (
    Check,
    ComparisonRow,
    CrossEntropies,
    Estimate,
    Learned,
    PlainData,
    Pooling,
    PredictiveCheck,
    Record,
    Verdict,
    Zero,
)
from bayescope.diagnostics.sensitivity import Sensitivity
from bayescope.distributions.choices import PRIORS

type PathText = Annotated[str, BeforeValidator(path_text)]


class ColumnSummary(Record):
    """One column of the data: numbers have mean, sd, minimum, maximum; text has levels with counts.

    The tail of many levels is one entry of `levels`; `distinct` counts them all. A column of numbers that
    are names of groups is a `group`.
    """

    name: str
    kind: Literal["number", "text", "boolean", "group"]
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    levels: dict[str, int] | None = None
    distinct: int | None = None


class DataSummary(Record):
    """Where the data came from and what is in the columns that the model uses.

    `weight` is the sum of the rows' weights where one is no whole number; `observations` is it, rounded.
    """

    source: str
    rows: int
    observations: int
    weight: float | None = None
    dropped: int
    fingerprint: str
    response_fingerprint: str = ""
    columns: tuple[ColumnSummary, ...]


class PriorSummary(Record):
    """The prior of one scalar unknown: `text` as declared, the rest of the unknown on its own.

    `arguments` are numbers, in PyMC's order; none where the scale is a multiple of another unknown,
    `scale`, and the prior of this unknown alone is no distribution of the table.
    """

    parameter: str
    distribution: str
    arguments: dict[str, float]
    text: str
    origin: Literal["given", "default"]
    scale: str | None = None

    @property
    def has_density(self) -> bool:
        """Whether the density of this unknown alone is known: not of an improper prior."""
        entry = PRIORS[self.distribution]
        return entry.proper and entry.closed and len(self.arguments) == len(entry.arguments)


class ModelSummary(Record):
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
    effects: tuple[str, ...] = ()  # the unknowns that are effects of groups: they have tables of their own
    # the model without its rows: bayescope.models.blueprint
    blueprint: PlainData = Field(default_factory=dict)


class Penalty(Record):
    """The penalty that one prior amounts to, e.g. L2 with lambda = 1 / (2 tau^2) = 0.5."""

    parameters: tuple[str, ...]
    prior: str
    name: str
    formula: str
    value: float | None


class LossView(Record):
    """The model as a loss with penalties. `totals`: method -> {"nll", "penalty", "total"}."""

    loss: str
    formula: str
    penalties: tuple[Penalty, ...]
    equivalents: tuple[str, ...]
    totals: dict[str, dict[str, float]]
    cross_entropy: CrossEntropies | None = None


class Belief(Record):
    """What was known of one unknown after a step: points, the posterior's name, its density on a grid."""

    parameter: str
    mean: float | None = None
    map: float | None = None
    mle: float | None = None
    posterior: str = ""
    x: tuple[float, ...] = ()
    density: tuple[float, ...] = ()


class Step(Record):
    """One set of rows that arrived, and what was known after it.

    Attributes:
        source: what messages call the rows.
        rows, observations: how many they are; `total` counts the observations of all steps so far.
        fingerprint: of the rows.
        data: the `data:` section that they can be read by again; None where there is none.
        directory: the folder that its paths start from.
        row: the 0-based row of the data that the step is, when rows were taken one at a time.
        method: the posterior method that the means and densities are of; empty for none.
        beliefs: one for each unknown; none where no method was asked between two steps.
    """

    source: str
    rows: int
    observations: int
    total: int
    fingerprint: str
    data: PlainData | None = None
    directory: PathText = ""
    row: int | None = None
    method: str = ""
    beliefs: tuple[Belief, ...] = ()


class Lineage(Record):
    """Where an updated run comes from: its parent (folder and sha256 of run.json), and all data so far."""

    parent: PathText
    parent_sha256: str
    notes: tuple[str, ...]
    steps: tuple[Step, ...]


UNCHECKED = Verdict(status="attention", sentence="Not checked yet.")


class RunRecord(Record):
    """A whole run but for its fits; what compares and checks them is added after the answers.

    `directory` is the folder that the paths of the configuration start from; `statistics` are those
    that are sufficient for the model's rows, where there are any; `lineage` is that of an update; `recalled`
    are the fits that came from the cache, whose timings are those of the run that computed them.
    """

    name: str
    title: str
    created: str
    command: str
    config: PlainData
    seed: int
    versions: dict[str, str]
    timings: dict[str, float]
    data: DataSummary
    model: ModelSummary
    loss: LossView
    estimates: tuple[Estimate, ...]
    comparison: tuple[ComparisonRow, ...] = ()
    checks: tuple[Check, ...] = ()
    predictive: PredictiveCheck | None = None
    loo: Loo | None = None
    unchecked: str = ""  # why the model was not checked against the rows
    pit: Pit | None = None
    calibration: EventCalibration | None = None
    points: PointView | None = None
    prior_predictive: PriorPredictive | None = None
    sensitivity: tuple[Sensitivity, ...] = ()  # of the posterior to each line of priors
    learned: tuple[Learned, ...] = ()
    zeros: tuple[Zero, ...] = ()
    hypotheses: HypothesesView | None = None
    evidence: dict[str, float] = Field(default_factory=dict)  # log evidence by method, nats
    verdict: Verdict = UNCHECKED
    directory: PathText = ""
    statistics: PlainData | None = None
    lineage: Lineage | None = None
    curve: CurveView | None = None  # predictions along a single numeric predictor
    pooling: tuple[Pooling, ...] = ()
    recalled: tuple[str, ...] = ()
