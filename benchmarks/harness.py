"""Alternating runs, ratios of what they took, and the rows that are made of them."""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"
_TURN, _MOST = 0.05, 20  # seconds and runs of one turn of a contender that takes milliseconds
_QUICK = 1.0  # seconds of a first run that may be mostly imports


@dataclass(frozen=True)
class Contender:
    """Who runs: `run` is timed, on what `prepare` gives, which is not."""

    name: str
    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Runs:
    """Seconds of each run of a contender, what the last one gave, or why there is nothing."""

    name: str
    seconds: tuple[float, ...] = ()
    result: Any = None
    error: str = ""


@dataclass(frozen=True)
class Target:
    """What a row should reach: a ratio to the peer, or a figure of our own (seconds, say) without a peer."""

    bound: float
    sense: Literal["<=", ">="] = "<="
    of: Literal["ratio", "ours"] = "ratio"
    unit: str = ""

    def __str__(self) -> str:
        """As in the table: `≤ 0.6`."""
        sense = {"<=": "≤", ">=": "≥"}[self.sense]
        return f"{sense} {self.bound:g}{f' {self.unit}' if self.unit else ''}"

    def met(self, value: float) -> bool:
        """Tell whether a value reaches the bound; nan never does."""
        return value <= self.bound if self.sense == "<=" else value >= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the table: what we took, what the best peer took, and whether the answers agree.

    `ours` and `peers` are in `unit`, one number a run; `agreed` is None where there is nothing to agree on.
    """

    task: str
    size: str
    peer: str = ""
    ours: tuple[float, ...] = ()
    peers: tuple[float, ...] = ()
    unit: str = "s"
    target: Target | None = None
    agreed: bool | None = None
    agreement: str = ""
    note: str = ""

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours over the peer's, run by run, as they alternated."""
        return tuple(a / b for a, b in zip(self.ours, self.peers, strict=False) if b > 0)

    @property
    def met(self) -> bool | None:
        """Tell whether the target is reached; a row whose answers disagree reaches nothing."""
        if self.target is None:
            return None
        values = self.ratios if self.target.of == "ratio" else self.ours
        return self.agreed is not False and bool(values) and self.target.met(median(values))


@dataclass(frozen=True)
class Section:
    """What a section found: rows, further facts (curves, bandwidth), and what could not be run."""

    rows: tuple[Row, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


def alternate(contenders: Sequence[Contender], repeats: int, budget: float = 120.0) -> dict[str, Runs]:
    """Run all contenders in turn, `repeats` times after one run each to warm up, or two.

    A contender that fails is left out from then on, and says why. One whose runs would take longer than
    `budget` seconds together runs less often; its warm-up counts as a run if it may run only once. One that
    takes milliseconds runs several times in a turn, which takes their median: the others' runs have put its
    code and data out of the processor's caches, where whoever fits one small model after another has them.
    """
    seconds: dict[str, list[float]] = {one.name: [] for one in contenders}
    results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    allowed: dict[str, int] = {}
    together: dict[str, int] = {}
    for turn in range(repeats + 1):
        for one in contenders:
            if one.name in errors or (turn and turn > allowed[one.name]):
                continue
            try:
                took, results[one.name] = timed(one, together.get(one.name, 1))
                if turn == 0 and took < _QUICK:  # most of it may have been imports
                    took, results[one.name] = timed(one)
            except Exception as error:  # noqa: BLE001  one contender that fails must not end the others
                errors[one.name] = (
                    f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                )
                print(f"  {one.name}: {errors[one.name]}", file=sys.stderr, flush=True)
                continue
            if turn == 0:
                allowed[one.name] = runs_within(took, repeats, budget)
                together[one.name] = runs_in_turn(took)
            if turn or not allowed[one.name]:
                seconds[one.name].append(took)
            print(f"  {one.name}: {took:.4g} s", file=sys.stderr, flush=True)
    return {
        one.name: Runs(one.name, tuple(seconds[one.name]), results.get(one.name), errors.get(one.name, ""))
        for one in contenders
    }


def attempt(task: str, make: Callable[[], tuple[list[Row], list[str]]]) -> tuple[list[Row], list[str]]:
    """Rows and what was skipped; if nothing comes of it, a row that says why, and the section goes on."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  the other rows of the section must not be lost
        why = f"{type(error).__name__}: {error}"
        print(f"  {task}: {why}", file=sys.stderr, flush=True)
        return [Row(task, "", agreed=False, agreement="no answer", note=why)], []


def calling(function: Callable[..., Any], *arguments: Any) -> Callable[[Any], Any]:
    """A `run` of fixed arguments, that needs nothing prepared."""
    return lambda _ready: function(*arguments)


def timed(one: Contender, times: int = 1) -> tuple[float, Any]:
    """Median seconds of some runs, and the result of the last; rubbish is collected before, not during."""
    gc.collect()
    gc.disable()
    try:
        runs = [_timed(one, one.prepare()) for _ in range(times)]
    finally:
        gc.enable()
    return median(seconds for seconds, _ in runs), runs[-1][1]


def _timed(one: Contender, ready: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    result = one.run(ready)
    return time.perf_counter() - started, result


def runs_within(seconds: float, repeats: int, budget: float) -> int:
    """How many further runs, at most `repeats`, fit into the budget that the first has begun."""
    return max(0, min(repeats, math.floor((budget - seconds) / max(seconds, 1e-9))))


def runs_in_turn(seconds: float) -> int:
    """How many runs, at most 20, make up a turn of what takes so long."""
    return min(max(math.floor(_TURN / max(seconds, 1e-9)), 1), _MOST)


def best(runs: Iterable[Runs]) -> Runs | None:
    """The contender with the least median time; None if none has run."""
    return min((one for one in runs if one.seconds), key=lambda one: median(one.seconds), default=None)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Least, median and largest."""
    return min(values), median(values), max(values)


def save(name: str, section: Section) -> Path:
    """Write what a section found, for the table to be rendered from."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps(asdict(section), indent=1, default=lambda number: number.item()) + "\n", encoding="utf-8"
    )
    return path


def load(name: str) -> Section | None:
    """Read what a section found; None if it has not been run."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    return Section(tuple(_row(row) for row in data["rows"]), data["facts"], tuple(data["skipped"]))


def _row(data: Mapping[str, Any]) -> Row:
    target = None if data["target"] is None else Target(**data["target"])
    return Row(**{**data, "target": target, "ours": tuple(data["ours"]), "peers": tuple(data["peers"])})
