"""`importance` against NUTS, both bayescope's, on a logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayescope.inference.fit import Fit
from benchmarks.harness import Contender, Row, Section, Target, alternate, calling
from benchmarks.problems import answered, frame_of, simulate, size_of, whole_fit

_LARGEST_SHIFT = 0.05  # sds between the means
_LARGEST_K = 0.7


def section(*, quick: bool) -> Section:
    """One row: seconds from the data to the answer, k and the means as agreement."""
    n, d = (2_000, 5) if quick else (100_000, 20)
    frame = frame_of(*simulate("logistic", n, d))

    def fitted(method: str) -> Fit:
        return answered(whole_fit(_configuration(method), frame))

    runs = alternate(
        [Contender(method, calling(fitted, method)) for method in ("importance", "nuts")],
        2 if quick else 3,
        budget=120.0,
    )
    failures = tuple(f"{name}: {each.error}" for name, each in runs.items() if each.error)
    ours, peer = runs["importance"], runs["nuts"]
    agreed, agreement = _agreement(ours.result, peer.result) if not failures else (False, "no answer")
    row = Row(
        task="importance, logistic, against nuts",
        size=size_of(n, d),
        peer="bayescope's nuts",
        ours=ours.seconds,
        peers=peer.seconds,
        target=Target(1.0 / 50.0),
        agreed=agreed,
        agreement=agreement,
    )
    return Section((row,), skipped=failures)


def _configuration(method: str) -> dict[str, Any]:
    priors = {"Intercept": "Normal(0, 5)", "coefficients": "Normal(0, 1)"}
    return {
        "name": "benchmark",
        "model": {"likelihood": "Bernoulli", "formula": "y ~ .", "priors": priors},
        "inference": [method],
        "seed": 1,
    }


def _agreement(importance: Fit, nuts: Fit) -> tuple[bool, str]:
    sds = np.asarray(nuts.draws).reshape(-1, len(nuts.names)).std(axis=0)
    shift = float(np.max(np.abs(np.asarray(importance.estimate) - np.asarray(nuts.estimate)) / sds))
    k = float(importance.details.get("pareto_k", np.nan))
    return shift <= _LARGEST_SHIFT and k < _LARGEST_K, f"means within {shift:.3f} sd, k = {k:.2f}"
