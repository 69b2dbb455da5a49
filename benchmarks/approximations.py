"""`importance` against NUTS, bayescope's and Bambi's, on a logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayescope.inference.fit import Fit
from benchmarks.harness import Contender, Row, Runs, Section, Target, alternate, calling
from benchmarks.problems import Floats, answered, frame_of, simulate, size_of, whole_fit
from benchmarks.sampling import PEERS, PRIORS, Case, ours

_LARGEST_SHIFT = 0.05  # sds between the means
_LARGEST_K = 0.7
_PEERS = ("bayescope's nuts", "Bambi")


def section(*, quick: bool) -> Section:
    """A row for each NUTS: seconds from the data to the answer, k and the means as agreement."""
    n, d = (2_000, 5) if quick else (100_000, 20)
    case = Case("", "logistic", frame_of(*simulate("logistic", n, d)), size_of(n, d))
    runs = alternate(
        [
            Contender("importance", calling(_importance, case.frame)),
            Contender(_PEERS[0], calling(ours, case)),
            Contender(_PEERS[1], calling(PEERS["Bambi"], case)),
        ],
        2 if quick else 3,
        budget=240.0,
    )
    failures = tuple(f"{name}: {each.error}" for name, each in runs.items() if each.error)
    own = runs["importance"]
    rows = [_row(case, own, runs[name]) for name in _PEERS if own.seconds and runs[name].seconds]
    return Section(tuple(rows), skipped=failures)


def _row(case: Case, own: Runs, peer: Runs) -> Row:
    agreed, agreement = _agreement(own.result, peer.result.draws)
    return Row(
        task="importance, logistic, against nuts",
        size=case.size,
        peer=peer.name,
        ours=own.seconds,
        peers=peer.seconds,
        target=Target(1.0 / 50.0),
        agreed=agreed,
        agreement=agreement,
    )


def _importance(frame: pd.DataFrame) -> Fit:
    config: dict[str, Any] = {
        "name": "benchmark",
        "model": {"likelihood": "Bernoulli", "formula": "y ~ .", "priors": PRIORS},
        "inference": ["importance"],
        "seed": 1,
    }
    return answered(whole_fit(config, frame))


def _agreement(importance: Fit, draws: Mapping[str, Floats]) -> tuple[bool, str]:
    means = dict(zip(importance.names, np.asarray(importance.estimate), strict=True))
    shift = float(max(abs(means[name] - drawn.mean()) / drawn.std() for name, drawn in draws.items()))
    k = float(importance.details.get("pareto_k", np.nan))
    return shift <= _LARGEST_SHIFT and k < _LARGEST_K, f"means within {shift:.3f} sd, k = {k:.2f}"
