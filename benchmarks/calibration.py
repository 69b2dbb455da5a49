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
from types import MappingProxyType
from typing import Any

import numpy as np

import bayescope
from bayescope.diagnostics.calibration import BAND, LEVELS, Calibration
from bayescope.pipeline import fit_all, silent
from bayescope.preparation import prepare, read_config
from bayescope.reports.formatting import listing
from bayescope.reports.sbc_report import SBCRecord

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs" / "calibration-library.md"
_ROWS = 40
_SIMULATIONS = 200
_SEED = 20261120
_METHODS = ["exact", {"nuts": {"draws": 150, "tune": 500, "retries": 0}}, "laplace", "fullrank", "advi"]
_LINE = {"Intercept": "Normal(0, 0.5)", "coefficients": "Normal(0, 0.5)"}
_LASSO = {"Intercept": "Normal(0, 0.5)", "coefficients": "Laplace(0, 0.5)"}
_HORSESHOE = {"Intercept": "Normal(0, 0.5)", "coefficients": "RegularizedHorseshoe(0.1)"}
_SIZE = "Gamma(3, 3)"
_RNG = np.random.default_rng(_SEED)
_X = _RNG.normal(size=(_ROWS, 2))
_REAL, _POSITIVE = _RNG.normal(size=_ROWS), _RNG.gamma(2.0, size=_ROWS)
_COUNTS, _EVENTS = _RNG.poisson(2.0, size=_ROWS), np.arange(_ROWS) % 2
_SHARES, _CLASSES = _RNG.beta(2.0, 2.0, size=_ROWS), np.array(["a", "b", "c"])[np.arange(_ROWS) % 3]
_ALIKE = np.column_stack([_X[:, 0], _X @ [0.95, np.sqrt(1 - 0.95**2)]])
_THREE, _PAIRS = _RNG.multinomial(6, [0.2, 0.3, 0.5], size=_ROWS), _RNG.normal(size=(_ROWS, 2))

type Case = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The columns of the data, and what the model's section says."""


def _plain(use: str, y: Any, **priors: Any) -> Case:
    return {"y": y}, {"use": use, "response": "y", "priors": priors}


def _several(use: str, y: Any, **priors: Any) -> Case:
    columns = {f"y{k}": column for k, column in enumerate(y.T, start=1)}
    return columns, {"use": use, "response": list(columns), "priors": priors}


def _regression(use: str, y: Any, x: Any = _X, left: str = "y", **section: Any) -> Case:
    columns = {"y": y, "u": x[:, 0], "v": x[:, 1]}
    return columns, {"use": use, "formula": f"{left} ~ u + v", **section}


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "coin": _plain("coin", _EVENTS),
        "categories": _plain("categories", _CLASSES, p="Dirichlet([1, 1, 1])"),
        "multinomial-shares": _several("multinomial-shares", _THREE),
        "geometric-chance": _plain("geometric-chance", 1 + _COUNTS),
        "negative-binomial-chance": _plain("negative-binomial-chance", _COUNTS),
        "poisson-rate": _plain("poisson-rate", _COUNTS),
        "exponential-rate": _plain("exponential-rate", _POSITIVE),
        "gamma-rate": _plain("gamma-rate", _POSITIVE),
        "normal-mean": _plain("normal-mean", _REAL, mu="Normal(0, 2)"),
        "mv-normal-mean": _several("mv-normal-mean", _PAIRS, mu="Normal(0, 2)", cov=[[1, 0.5], [0.5, 2]]),
        "normal-precision": _plain("normal-precision", _REAL),
        "normal-inverse-gamma": _plain("normal-inverse-gamma", _REAL),
        "uniform-upper": _plain("uniform-upper", _SHARES),
        "linear": _regression("linear", _REAL, priors={**_LINE, "sigma": _SIZE}),
        "linear, u and v alike": _regression("linear", _REAL, _ALIKE, priors={**_LINE, "sigma": _SIZE}),
        "linear-conjugate": _regression(
            "linear-conjugate", _REAL, priors={"coefficients": "Normal(0, sigma)"}
        ),
        "linear-lasso": _regression("linear-lasso", _REAL, priors={**_LASSO, "sigma": _SIZE}),
        "linear-horseshoe": _regression("linear-horseshoe", _REAL, priors={**_HORSESHOE, "sigma": _SIZE}),
        "median": _regression("median", _REAL, priors={**_LINE, "b": _SIZE}),
        "robust": _regression("robust", _REAL, priors={**_LINE, "sigma": _SIZE, "nu": "Gamma(4, 0.2)"}),
        "log-normal": _regression("log-normal", _POSITIVE, priors={**_LINE, "sigma": _SIZE}),
        "logistic": _regression("logistic", _EVENTS, priors=_LINE),
        "logistic, u and v alike": _regression("logistic", _EVENTS, _ALIKE, priors=_LINE),
        "logistic-lasso": _regression("logistic-lasso", _EVENTS, priors=_LASSO),
        "probit": _regression("probit", _EVENTS, priors=_LINE),
        "binomial": _regression("binomial", _COUNTS.clip(0, 7), left="y / 7", priors=_LINE),
        "proportions": _regression("proportions", _SHARES, priors={**_LINE, "nu": "Gamma(4, 0.2)"}),
        "poisson": _regression("poisson", _COUNTS, priors=_LINE),
        "poisson, u and v alike": _regression("poisson", _COUNTS, _ALIKE, priors=_LINE),
        "negative-binomial": _regression("negative-binomial", _COUNTS, priors={**_LINE, "alpha": _SIZE}),
        "zero-inflated-poisson": _regression(
            "zero-inflated-poisson", _COUNTS, priors={**_LINE, "psi": "Beta(4, 2)"}
        ),
        "exponential": _regression("exponential", _POSITIVE, priors=_LINE),
        "gamma": _regression("gamma", _POSITIVE, priors={**_LINE, "alpha": _SIZE}),
        "softmax": _regression("softmax", _CLASSES, priors=_LINE),
        "softmax-lasso": _regression("softmax-lasso", _CLASSES, priors=_LASSO),
        "ordinal": _regression(
            "ordinal",
            _CLASSES,
            levels=["a", "b", "c"],
            priors={"coefficients": "Normal(0, 0.5)", "cutpoints": "Normal(0, 1)"},
        ),
    }
)
LEFT_OUT = ("linear-flat", "logistic-flat")
"""Models that no truth can be drawn from: their priors are flat."""

_TEXT = """# Calibration of the models in models/

Made by `make sbc`; do not edit. Truths are drawn from the prior and data from the model, and the ranks of the
truths among the draws are uniform if a method is right ([how](calibration.md)). The columns in percent say
how often the central intervals hold the truth, over {simulations} simulated data sets; `outside` counts the
unknowns whose ranks leave {band} bands, as one in a hundred does by chance. Left out are
{left_out}: nothing can be drawn from a flat prior.

## All models together

`exact` and `nuts` have the model's posterior, and must be right. `laplace` and `fullrank` put a Normal in its
place, and `advi` one of independent unknowns: the tables show where that does not hold.
"""

_ONE_BY_ONE = """
## One by one

Regressions have {rows} rows and two predictors, u and v, whose correlation is {alike:.2f} where they are
alike and {plain:.2f} elsewhere; priors are those of `benchmarks/calibration.py`. Coverage is that of the
unknowns with the least and the most. `flagged` counts the fits that the method itself warns of; `none` those
that it has no answer to: the others have uniform ranks all the same if it is right, for they are chosen by
their data. A method that declines a model, such as `laplace` noise with a kink, has no row.
"""


def main() -> int:
    """Calibrate the models that are named and print their rows, or all and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("models", nargs="*", help="rows of the table; all if none is given")
    parser.add_argument("--simulations", type=int, default=_SIMULATIONS)
    parser.add_argument("--methods", nargs="+", help="those that do not decline, if none is given")
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keeps what is finished there, and goes on from it")
    asked = parser.parse_args()
    records, started = dict[str, SBCRecord](), time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        for name in asked.models or CASES:
            records[name] = _calibrated(name, asked, asked.out or Path(temporary))
            print(*_rows(name, records[name]), sep="\n", flush=True)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
            if not asked.models:
                _PAGE.write_text("\n".join(_page(records, asked.simulations)) + "\n", encoding="utf-8")
    return 0


def _calibrated(name: str, asked: argparse.Namespace, out: Path) -> SBCRecord:
    config = configuration(name, asked.seed)
    methods = asked.methods or answering(config)
    return bayescope.sbc(
        config, simulations=asked.simulations, methods=methods, jobs=asked.jobs, out=out / name
    )


def _page(records: Mapping[str, SBCRecord], simulations: int) -> list[str]:
    text = _TEXT.format(
        simulations=simulations,
        band=f"{100 * BAND:.0f} %",
        left_out=listing([f"`{name}`" for name in LEFT_OUT]),
    )
    shares = [f"{100 * level:.0f} %" for level in LEVELS]
    return [
        text,
        *_table(["method", "unknowns", *shares, "outside"], _together(records)),
        _ONE_BY_ONE.format(rows=_ROWS, alike=_correlation(_ALIKE), plain=_correlation(_X)),
        *_table(["model", "method", "unknowns", "flagged", "none", *shares, "ranks"], []),
        *(row for name, record in records.items() for row in _rows(name, record)),
    ]


def _table(columns: Sequence[str], rows: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *rows]


def _together(records: Mapping[str, SBCRecord]) -> list[str]:
    """The rows of all models together: the mean of the coverage of their unknowns."""
    found: dict[str, list[Calibration]] = {}
    for row in (row for record in records.values() for row in record.rows):
        found.setdefault(row.method, []).append(row)
    return [
        f"| {method} | {len(rows)} | "
        + "".join(f"{100 * share:.1f} | " for share in np.mean([row.coverage for row in rows], axis=0))
        + f"{sum(not row.inside for row in rows)} |"
        for method, rows in found.items()
    ]


def _correlation(x: Any) -> float:
    return float(np.asarray(np.corrcoef(x, rowvar=False))[0, 1])


def _rows(name: str, record: SBCRecord) -> list[str]:
    return [_row(name, method, record) for method in record.methods]


def configuration(name: str, seed: int = _SEED) -> dict[str, Any]:
    """The configuration of one row of the table."""
    columns, model = CASES[name]
    return {
        "name": str(model["use"]),
        "data": {"columns": {column: np.asarray(values).tolist() for column, values in columns.items()}},
        "model": dict(model),
        "inference": _METHODS,
        "seed": seed,
    }


def answering(config: Mapping[str, Any]) -> list[str]:
    """Name the methods that do not decline the model, told by its made-up data."""
    loaded = read_config(config)
    fits = fit_all(loaded.config, prepare(loaded)[1], silent)
    return [fit.name for fit in fits if fit.outcome.status != "not applicable"]


def _row(name: str, method: str, record: SBCRecord) -> str:
    found: Sequence[Calibration] = [row for row in record.rows if row.method == method]
    shares = [[100 * row.coverage[k] for row in found] for k in range(len(LEVELS))]
    cells = [f"{min(each):.0f}" + (f" to {max(each):.0f}" if len(each) > 1 else "") for each in shares]
    left = [row.parameter for row in found if not row.inside]
    verdict = f"**outside**: {', '.join(left)}" if left else "inside"
    flagged = record.outcomes[method].get("flagged", 0)
    none = record.simulations - len(found[0].pit)
    return f"| {name} | {method} | {len(found)} | {flagged} | {none} | {' | '.join(cells)} | {verdict} |"


if __name__ == "__main__":
    sys.exit(main())
