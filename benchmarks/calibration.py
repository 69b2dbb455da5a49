"""Simulation-based calibration of the models in models/: `make sbc` writes docs/calibration-library.md.

Each is given a small table of made-up rows, 40 with two predictors for a regression, and priors under which
data of a sane size are simulated.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import bayescope
from bayescope.diagnostics.calibration import BAND, LEVELS, Calibration

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs" / "calibration-library.md"
_ROWS = 40
_SIMULATIONS = 100
_LINE = {"Intercept": "Normal(0, 0.5)", "coefficients": "Normal(0, 0.5)"}
_LASSO = {"Intercept": "Normal(0, 0.5)", "coefficients": "Laplace(0, 0.5)"}
_SIZE = "Gamma(3, 3)"
_RNG = np.random.default_rng(20261120)
_X = _RNG.normal(size=(_ROWS, 2))
_REAL, _POSITIVE = _RNG.normal(size=_ROWS), _RNG.gamma(2.0, size=_ROWS)
_COUNTS, _EVENTS = _RNG.poisson(2.0, size=_ROWS), np.arange(_ROWS) % 2
_SHARES, _CLASSES = _RNG.beta(2.0, 2.0, size=_ROWS), np.array(["a", "b", "c"])[np.arange(_ROWS) % 3]

# model -> (response, the model's section beside `use`); a response of several columns is a table
_REGRESSIONS: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "linear": (_REAL, {"priors": {**_LINE, "sigma": _SIZE}}),
    "linear-conjugate": (_REAL, {"priors": {"coefficients": "Normal(0, sigma)"}}),
    "linear-lasso": (_REAL, {"priors": {**_LASSO, "sigma": _SIZE}}),
    "robust": (_REAL, {"priors": {**_LINE, "sigma": _SIZE, "nu": "Gamma(4, 0.2)"}}),
    "log-normal": (_POSITIVE, {"priors": {**_LINE, "sigma": _SIZE}}),
    "logistic": (_EVENTS, {"priors": _LINE}),
    "logistic-lasso": (_EVENTS, {"priors": _LASSO}),
    "probit": (_EVENTS, {"priors": _LINE}),
    "binomial": (_COUNTS.clip(0, 7), {"priors": _LINE, "formula": "y / 7 ~ u + v"}),
    "proportions": (_SHARES, {"priors": {**_LINE, "nu": "Gamma(4, 0.2)"}}),
    "poisson": (_COUNTS, {"priors": _LINE}),
    "negative-binomial": (_COUNTS, {"priors": {**_LINE, "alpha": _SIZE}}),
    "zero-inflated-poisson": (_COUNTS, {"priors": {**_LINE, "psi": "Beta(4, 2)"}}),
    "exponential": (_POSITIVE, {"priors": _LINE}),
    "gamma": (_POSITIVE, {"priors": {**_LINE, "alpha": _SIZE}}),
    "softmax": (_CLASSES, {"priors": _LINE}),
    "softmax-lasso": (_CLASSES, {"priors": _LASSO}),
    "ordinal": (
        _CLASSES,
        {
            "priors": {"coefficients": "Normal(0, 0.5)", "cutpoints": "Normal(0, 1)"},
            "levels": ["a", "b", "c"],
        },
    ),
}
_CONJUGATE: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "coin": (_EVENTS, {}),
    "categories": (_CLASSES, {"priors": {"p": "Dirichlet([1, 1, 1])"}}),
    "geometric-chance": (1 + _COUNTS, {}),
    "negative-binomial-chance": (_COUNTS, {}),
    "poisson-rate": (_COUNTS, {}),
    "exponential-rate": (_POSITIVE, {}),
    "gamma-rate": (_POSITIVE, {}),
    "normal-mean": (_REAL, {"priors": {"mu": "Normal(0, 2)"}}),
    "normal-precision": (_REAL, {}),
    "normal-inverse-gamma": (_REAL, {}),
    "uniform-upper": (_SHARES, {}),
}
# nuts is nutpie's there, which compiles for every data set; a vector that sums to 1 is not Normal,
# and where a mode is at its kink there is no Laplace approximation
_WITHOUT = {
    "categories": ("nuts", "laplace"),
    **dict.fromkeys(("linear-lasso", "logistic-lasso", "softmax-lasso"), ("laplace",)),
}

_TEXT = """# Calibration of the models in models/

Made by `make sbc`; do not edit. Truths are drawn from the prior and data from the model, and the ranks of the
truths among the draws are uniform if a method is right ([how](calibration.md)). The columns in percent say
how often the central intervals hold the truth, over {simulations} simulated data sets, least to most of all
unknowns; `ranks` says whether they stay inside of {band} bands, which one unknown in a hundred leaves by
chance. Regressions have {rows} rows and two predictors; priors are those of `benchmarks/calibration.py`.

Left out: models with a flat prior or the horseshoe, which have no draws from the prior; responses of several
columns; `median`, `ordinal`, and nuts for `categories`, which take long for so many data sets (`make
test-long` ranks the first two).
"""


def main() -> int:
    """Calibrate the models that are named, or all, and write the page of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("models", nargs="*", help="names of models; all if none is given")
    parser.add_argument("--simulations", type=int, default=_SIMULATIONS)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    cases = {**_CONJUGATE, **_REGRESSIONS}
    lines, started = _head(asked.simulations), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        for name in asked.models or cases:
            lines += _rows(name, *cases[name], (asked.simulations, asked.jobs), out)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
            _PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _head(simulations: int) -> list[str]:
    columns = ["model", "method", "unknowns", *(f"{100 * level:.0f} %" for level in LEVELS), "ranks"]
    text = _TEXT.format(simulations=simulations, band=f"{100 * BAND:.0f} %", rows=_ROWS)
    return [text, f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]


def _rows(name: str, response: Any, section: dict[str, Any], size: tuple[int, int], out: str) -> list[str]:
    """The rows of the methods that have the model's posterior, and of laplace, which nearly has it."""
    solved = name in _CONJUGATE or name == "linear"
    asked = [*(["exact"] if solved else []), "nuts", "laplace"]
    methods = [method for method in asked if method not in _WITHOUT.get(name, ())]
    config = _configuration(name, response, section)
    simulations, jobs = size
    found = bayescope.sbc(config, simulations=simulations, methods=methods, jobs=jobs, out=out).rows
    return [_row(name, method, [row for row in found if row.method == method]) for method in methods]


def _configuration(name: str, response: Any, section: dict[str, Any]) -> dict[str, Any]:
    columns = {"y": np.asarray(response).tolist()}
    model: dict[str, Any] = {"use": name, "response": "y"}
    if name in _REGRESSIONS:
        columns |= {"u": _X[:, 0].tolist(), "v": _X[:, 1].tolist()}
        model = {"use": name, "formula": "y ~ u + v"}
    return {
        "name": name,
        "data": {"columns": columns},
        "model": {**model, **section},
        "inference": ["exact", {"nuts": {"draws": 100, "tune": 500, "retries": 0}}, "laplace"],
        "seed": 20261120,
    }


def _row(name: str, method: str, found: Sequence[Calibration]) -> str:
    shares = [[100 * row.coverage[k] for row in found] for k in range(len(LEVELS))]
    cells = [f"{min(each):.0f}" + (f" to {max(each):.0f}" if len(each) > 1 else "") for each in shares]
    left = [row.parameter for row in found if not row.inside]
    verdict = f"**outside**: {', '.join(left)}" if left else "inside"
    return f"| {name} | {method} | {len(found)} | {' | '.join(cells)} | {verdict} |"


if __name__ == "__main__":
    sys.exit(main())
