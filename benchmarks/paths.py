"""The path of 100 Laplace priors of a linear regression, against scikit-learn's, glum's and celer's."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayescope.inference.path import path_of
from benchmarks.harness import Contender, Row, Section, Target, alternate, best, calling
from benchmarks.problems import MODERATE, Floats, Problem, build, configuration, fresh, problem


def section(*, quick: bool) -> Section:
    """One path, at 1e5 x 50."""
    one = problem("linear", "Laplace", *((2_000, 10) if quick else (100_000, 50)))
    _, model = build(configuration(one), one.frame)
    found = path_of(model, "coefficients", grid=100, folds=0)
    strengths = np.asarray(found.strength)
    ours = Contender("bayescope", _ours, lambda: fresh(model))
    peers = [Contender(name, calling(fit, one, strengths)) for name, fit in _PEERS.items()]
    runs = alternate([ours, *peers], 2 if quick else 5, budget=60.0)
    done = {name: each for name, each in runs.items() if each.seconds}
    worst = {name: _worst(one, strengths, each.result) for name, each in done.items()}
    least = min(worst.values(), key=lambda values: values.sum())
    gaps = {name: float(np.max(values - np.minimum(values, least))) for name, values in worst.items()}
    fastest = best(each for name, each in done.items() if name != "bayescope" and gaps[name] <= _LOOSE)
    own = done.get("bayescope")
    off = [f"{name} {gap:.1e} nats" for name, gap in gaps.items() if gap > _LOOSE]
    row = Row(
        task="lasso path, 100 penalties",
        size=one.size,
        peer=fastest.name if fastest else "",
        ours=own.seconds if own else (),
        peers=fastest.seconds if fastest else (),
        target=Target(1.0),
        agreed=own is not None and gaps["bayescope"] <= MODERATE and fastest is not None,
        agreement=f"{gaps.get('bayescope', np.nan):.0e} nats above the best at the worst penalty",
        note=f"not counted, for their answers differ: {', '.join(off)}" if off else "",
    )
    return Section(
        (row,), skipped=tuple(f"{name}: {each.error}" for name, each in runs.items() if each.error)
    )


_LOOSE = 1e-2  # nats: a path's peers stop earlier than we do, and are given the benefit


def _ours(model: Any) -> tuple[Floats, Floats]:
    found = path_of(model, "coefficients", grid=100, folds=0)
    intercept = found.names.index("Intercept")
    slopes = [j for j in range(len(found.names)) if j != intercept]
    return found.theta[:, intercept], found.theta[:, slopes]


def _worst(one: Problem, strengths: Floats, path: tuple[Floats, Floats]) -> Floats:
    """-log p(y | theta) + lambda sum |theta| at each penalty, nats."""
    X, y = one.X - one.X.mean(axis=0), one.y - one.y.mean()
    gram, cross, total = X.T @ X, X.T @ y, float(y @ y)
    slopes = path[1]
    loss = 0.5 * (total - 2.0 * slopes @ cross + np.einsum("gi,ij,gj->g", slopes, gram, slopes))
    intercepts = one.y.mean() - slopes @ one.X.mean(axis=0)
    off = 0.5 * len(y) * (path[0] - intercepts) ** 2
    return np.asarray(loss + off + strengths * np.abs(slopes).sum(axis=1))


def _with_intercepts(one: Problem, slopes: Floats) -> tuple[Floats, Floats]:
    return one.y.mean() - slopes @ one.X.mean(axis=0), slopes


def _sklearn(one: Problem, strengths: Floats) -> tuple[Floats, Floats]:
    from sklearn.linear_model import lasso_path

    X, y = one.X - one.X.mean(axis=0), one.y - one.y.mean()
    alphas = strengths / len(y)
    _, coefs, *_ = lasso_path(X, y, alphas=alphas, precompute=True, tol=1e-7)
    return _with_intercepts(one, _in_order(coefs.T, alphas))


def _celer(one: Problem, strengths: Floats) -> tuple[Floats, Floats]:
    from celer import celer_path

    X, y = np.asfortranarray(one.X - one.X.mean(axis=0)), one.y - one.y.mean()
    alphas = np.sort(strengths / len(y))[::-1]
    _, coefs, *_ = celer_path(X, y, "lasso", alphas=alphas, tol=1e-7)
    return _with_intercepts(one, _in_order(coefs.T, strengths))


def _glum(one: Problem, strengths: Floats) -> tuple[Floats, Floats]:
    from glum import GeneralizedLinearRegressor

    alphas = np.sort(strengths / len(one.y))[::-1]
    model = GeneralizedLinearRegressor(
        family="normal", alpha_search=True, alphas=alphas, l1_ratio=1.0, gradient_tol=1e-6
    )
    model.fit(one.X, one.y)
    return _in_order(np.asarray(model.intercept_path_), strengths), _in_order(
        np.asarray(model.coef_path_), strengths
    )


def _in_order(values: Floats, strengths: Floats) -> Floats:
    """Put what a peer gives for falling penalties in the order of ours."""
    order = np.argsort(-strengths, kind="stable")
    ordered = np.empty_like(values)
    ordered[order] = values
    return ordered


_PEERS = {"scikit-learn": _sklearn, "celer": _celer, "glum": _glum}
