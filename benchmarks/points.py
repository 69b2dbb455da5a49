"""Point estimates: mle and map of linear and logistic regressions, on arrays that are in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Contender, Row, Runs, Section, Target, alternate, attempt, best
from benchmarks.problems import (
    MODERATE,
    Floats,
    Problem,
    answered,
    build,
    configuration,
    fresh,
    point_fit,
    point_of,
    problem,
)

type Point = tuple[float, Floats]
type Fitter = Callable[[Problem], Point]

_TIGHT = 1e-9  # the peers' tolerances: their defaults stop far from the mode
_CASES = (("linear", "Normal"), ("linear", "Laplace"), ("logistic", "Normal"), ("logistic", "Laplace"))
_SIZES = ((1_000, 5), (100_000, 20), (100_000, 50), (1_000_000, 20))
_QUICK = ((1_000, 5),)


def section(*, quick: bool) -> Section:
    """Every prior and head at every size, and the two MLEs at 1e5 x 20."""
    rows: list[Row] = []
    skipped: list[str] = []
    cases = [(kind, prior, size) for size in (_QUICK if quick else _SIZES) for kind, prior in _CASES]
    if not quick:
        cases += [("linear", "Flat", _SIZES[1]), ("logistic", "Flat", _SIZES[1])]
    for kind, prior, (n, d) in cases:
        one = problem(kind, prior, n, d)  # type: ignore[arg-type]
        found, failures = attempt(f"{kind}, {prior}, {one.size}", partial(_compared, one, 3 if quick else 7))
        rows += found
        skipped += [failure for failure in failures if failure not in skipped]
    return Section(tuple(rows), skipped=tuple(skipped))


def _compared(one: Problem, repeats: int) -> tuple[list[Row], list[str]]:
    row, failures = compare(one, repeats)
    return [row], failures


def compare(one: Problem, repeats: int) -> tuple[Row, list[str]]:
    """Run bayescope and its peers in turn on one problem."""
    method = "mle" if one.prior == "Flat" else "map"
    _, model = build(configuration(one, method), one.frame)
    ours = Contender(
        "bayescope", lambda ready: point_of(answered(point_fit(ready, method))), lambda: fresh(model)
    )
    peers = [Contender(name, _caller(fitter, one)) for name, fitter in peers_of(one).items()]
    runs = alternate([ours, *peers], repeats, budget=20.0)
    failures = [f"{name}: {each.error}" for name, each in runs.items() if each.error]
    return _row(one, method, runs), failures


def _caller(fitter: Fitter, one: Problem) -> Callable[[Any], Point]:
    def run(_ready: Any) -> Point:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fitter(one)

    return run


@dataclass(frozen=True)
class _Found:
    runs: Runs
    gap: float
    zeros: frozenset[int]


def _row(one: Problem, method: str, runs: Mapping[str, Runs]) -> Row:
    done = {name: each for name, each in runs.items() if each.seconds and each.result is not None}
    values = {name: one.objective(*each.result) for name, each in done.items()}
    least = min(values.values(), default=np.nan)
    found = {
        name: _Found(each, values[name] - least, frozenset(np.flatnonzero(each.result[1] == 0).tolist()))
        for name, each in done.items()
    }
    ours = found.pop("bayescope", None)
    good = {name: peer for name, peer in found.items() if ours and _agrees(one, peer, ours)}
    fastest = best(peer.runs for peer in good.values())
    off = [f"{name} {peer.gap:.1e} nats" for name, peer in found.items() if name not in good]
    agreed = ours is not None and ours.gap <= MODERATE and fastest is not None
    zeros = f"{len(ours.zeros)} zeros, " if ours and one.prior == "Laplace" else ""
    return Row(
        task=f"{method}, {one.kind}, {one.prior} prior",
        size=one.size,
        peer=fastest.name if fastest else "",
        ours=ours.runs.seconds if ours else (),
        peers=fastest.seconds if fastest else (),
        target=_target(one),
        agreed=agreed,
        agreement=f"{zeros}{ours.gap:.0e} nats above the best" if ours else "no answer",
        note=f"not counted, for their answers differ: {', '.join(off)}" if off else "",
    )


def _agrees(one: Problem, peer: _Found, ours: _Found) -> bool:
    return peer.gap <= MODERATE and (one.prior != "Laplace" or peer.zeros == ours.zeros)


def _target(one: Problem) -> Target:
    n = len(one.y)
    if n <= 1_000:
        return Target(1e-3, of="ours", unit="s")
    bounds = {"linear": (0.6, 0.5), "logistic": (1.0, 0.6)}[one.kind]
    return Target(bounds[n >= 1_000_000])


def peers_of(one: Problem) -> dict[str, Fitter]:
    """Everyone who can fit the problem, by name; who is not installed fails when called, and says so."""
    fitters: dict[str, Fitter] = {"scikit-learn": _SKLEARN[one.kind, one.prior], "glum": _glum}
    if (one.kind, one.prior) == ("linear", "Laplace"):
        fitters["celer"] = _celer
    if (one.kind, one.prior) == ("logistic", "Normal"):
        fitters["scikit-learn lbfgs"] = lambda one: _logistic(one, "lbfgs")
    if one.prior == "Flat":
        fitters["statsmodels"] = _statsmodels
    elif one.X.shape[1] == 20 and len(one.y) < 1_000_000:  # a fit by PyMC takes seconds: one size is enough
        fitters["pm.find_MAP"] = _find_map
    return fitters


def _ridge(one: Problem) -> Point:
    from sklearn.linear_model import Ridge

    return _coefficients(Ridge(alpha=1.0 / one.scale**2).fit(one.X, one.y))


def _least_squares(one: Problem) -> Point:
    from sklearn.linear_model import LinearRegression

    return _coefficients(LinearRegression().fit(one.X, one.y))


def _lasso(one: Problem) -> Point:
    from sklearn.linear_model import Lasso

    alpha = 1.0 / (len(one.y) * one.scale)
    return _coefficients(Lasso(alpha=alpha, precompute=True, tol=_TIGHT).fit(one.X, one.y))


def _logistic(one: Problem, solver: str) -> Point:
    from sklearn.linear_model import LogisticRegression

    strength = {"Flat": np.inf, "Normal": one.scale**2, "Laplace": one.scale}[one.prior]
    # liblinear comes no nearer than this, and goes on for minutes where it is asked to
    settings = {"tol": 1e-6, "max_iter": 100} if solver == "liblinear" else {"tol": _TIGHT, "max_iter": 1_000}
    if one.prior == "Laplace":
        settings |= {"l1_ratio": 1.0, "intercept_scaling": 1e3}
    model = LogisticRegression(C=strength, solver=solver, **settings)
    return _coefficients(model.fit(one.X, one.y))


_SKLEARN: Mapping[tuple[str, str], Fitter] = {
    ("linear", "Flat"): _least_squares,
    ("linear", "Normal"): _ridge,
    ("linear", "Laplace"): _lasso,
    ("logistic", "Flat"): lambda one: _logistic(one, "newton-cholesky"),
    ("logistic", "Normal"): lambda one: _logistic(one, "newton-cholesky"),
    ("logistic", "Laplace"): lambda one: _logistic(one, "liblinear"),
}


def _glum(one: Problem) -> Point:
    from glum import GeneralizedLinearRegressor

    strength = {"Flat": 0.0, "Normal": 1.0 / one.scale**2, "Laplace": 1.0 / one.scale}[one.prior]
    model = GeneralizedLinearRegressor(
        family="normal" if one.kind == "linear" else "binomial",
        alpha=strength / len(one.y),
        l1_ratio=1.0 if one.prior == "Laplace" else 0.0,
        gradient_tol=1e-8,
    )
    return _coefficients(model.fit(one.X, one.y))


def _celer(one: Problem) -> Point:
    from celer import Lasso

    return _coefficients(Lasso(alpha=1.0 / (len(one.y) * one.scale), tol=_TIGHT).fit(one.X, one.y))


def _statsmodels(one: Problem) -> Point:
    import statsmodels.api as sm

    X = sm.add_constant(one.X)
    found = sm.OLS(one.y, X).fit() if one.kind == "linear" else sm.Logit(one.y, X).fit(disp=0)
    return float(found.params[0]), np.asarray(found.params[1:])


def _find_map(one: Problem) -> Point:
    import pymc as pm

    with graph_by_hand(one):
        found = pm.find_MAP(progressbar=False, method="L-BFGS-B")
    return float(found["Intercept"]), np.asarray(found["slopes"])


def graph_by_hand(one: Problem) -> Any:
    """The model as one would write it in PyMC."""
    import pymc as pm

    with pm.Model() as graph:
        intercept = pm.Flat("Intercept")
        kind = pm.Normal if one.prior == "Normal" else pm.Laplace
        slopes = kind("slopes", 0.0, one.scale, shape=one.X.shape[1])
        eta = intercept + pm.Data("X", one.X) @ slopes
        y = pm.Data("y", one.y)
        if one.kind == "linear":
            pm.Normal("y_", eta, 1.0, observed=y)
        else:
            pm.Bernoulli("y_", logit_p=eta, observed=y)
    return graph


def _coefficients(model: Any) -> Point:
    return float(np.ravel(model.intercept_)[0]), np.ravel(model.coef_)
