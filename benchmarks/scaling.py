"""Seconds of `map` against the number of rows and of predictors, for the log-log plot."""

from __future__ import annotations

from bayescope.inference.fit import Fit
from bayescope.models.model import Model
from benchmarks.harness import Contender, Section, alternate, calling
from benchmarks.points import peers_of
from benchmarks.problems import Kind, PriorKind, answered, build, configuration, point_fit, problem

_CASES: tuple[tuple[Kind, PriorKind], ...] = (
    ("linear", "Normal"),
    ("linear", "Laplace"),
    ("logistic", "Normal"),
)
_ROWS = tuple((10**power, 20) for power in range(3, 8))
_COLUMNS = tuple((20_000, d) for d in (5, 20, 50, 100, 200, 500))


def section(*, quick: bool) -> Section:
    """Curves: one for each model and contender, `points` of (n, d, seconds)."""
    sizes = _ROWS[:2] + _COLUMNS[:2] if quick else _ROWS + _COLUMNS
    curves: dict[str, list[tuple[int, int, float]]] = {}
    skipped: list[str] = []
    for kind, prior in _CASES:
        for n, d in sizes:
            one = problem(kind, prior, n, d)
            _, model = build(configuration(one), one.frame)
            peer = peers_of(one)["scikit-learn"]
            runs = alternate(
                [
                    Contender("bayescope", calling(_ours, model)),
                    Contender("scikit-learn", calling(peer, one)),
                ],
                2,
                budget=20.0,
            )
            for name, each in runs.items():
                if each.seconds:
                    curves.setdefault(f"{kind}, {prior} prior: {name}", []).append((n, d, min(each.seconds)))
                else:
                    skipped.append(f"{name} at {n} x {d}: {each.error}")
    return Section(facts={"curves": curves}, skipped=tuple(skipped))


def _ours(model: Model) -> Fit:
    return answered(point_fit(model, "map"))
