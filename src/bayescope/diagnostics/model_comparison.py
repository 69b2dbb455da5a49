"""Comparing models by what they predict: differences of elpd, and the weights that predict best together.

    elpd_a - elpd_b = sum_i d_i,    se = sqrt(N var(d_i)),    d_i = log p_a(y_i | y_-i) - log p_b(y_i | y_-i)
    stacking: maximise sum_i log sum_k w_k p_k(y_i | y_-i) over w_k >= 0, sum_k w_k = 1

Sources: Vehtari, Gelman and Gabry (2017), Statistics and Computing 27; Yao, Vehtari, Simpson and Gelman
(2018), Bayesian Analysis 13(3), for stacking; Sivula, Magnusson, Matamoros and Vehtari (2025), Bayesian
Analysis, for when the error of a difference can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.evidence import ComparedModel
from bayescope.diagnostics.loo import Loo
from bayescope.errors import BayescopeError

type Floats = NDArray[np.float64]

SMALL = 4.0
"""Differences of elpd below this are small whatever their error: the models predict alike."""


def compare_scores(scores: Mapping[str, Loo]) -> tuple[ComparedModel, ...]:
    """Compare models by their leave-one-out scores, by run; the best comes first.

    Raises:
        BayescopeError: the scores are of different rows, or one is no number.
    """
    _require_same_rows(scores)
    best = max(scores.values(), key=lambda score: score.elpd or 0.0)
    weights = stacking_weights(_densities(list(scores.values())), np.asarray(best.weight))
    rows = [
        ComparedModel(
            run=run,
            elpd=score.elpd,
            elpd_se=score.se,
            elpd_difference=(score.elpd or 0.0) - (best.elpd or 0.0),
            difference_se=_difference_se(score, best),
            p_loo=score.p_loo,
            weight=float(weight),
            influential_rows=score.beyond_limit,
        )
        for (run, score), weight in zip(scores.items(), weights, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -(row.elpd or 0.0)))


def _densities(scores: Sequence[Loo]) -> Floats:
    return np.array([score.log_density for score in scores]).T


def _difference_se(score: Loo, best: Loo) -> float:
    weights = np.asarray(best.weight)
    differences = np.subtract(score.log_density, best.log_density)
    deviations = np.square(differences - np.average(differences, weights=weights))
    return float(np.sqrt(best.observations * (weights @ deviations) / max(weights.sum() - 1.0, 1.0)))


def stacking_weights(log_densities: Floats, weights: Floats) -> Floats:
    """Return the weights w, shape (K,), from log p_k(y_i | y_-i), shape (n, K), and the rows' weights, (n,).

    The problem is concave; it is solved by sequential quadratic programming.
    """
    import scipy.optimize

    densities = np.exp(log_densities - log_densities.max(axis=1, keepdims=True))
    shares, count = weights / weights.sum(), densities.shape[1]
    found = scipy.optimize.minimize(
        lambda w: -shares @ np.log(densities @ w),
        np.full(count, 1.0 / count),
        jac=lambda w: -densities.T @ (shares / (densities @ w)),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    kept = np.clip(found.x, 0.0, 1.0)
    return np.asarray(kept / kept.sum())


def _require_same_rows(scores: Mapping[str, Loo]) -> None:
    first, *others = scores
    known = scores[first]
    for run in others:
        if (scores[run].row, scores[run].weight) != (known.row, known.weight):
            raise BayescopeError(f"{run} and {first} left out different rows: run both again")
    without = [run for run, score in scores.items() if score.elpd is None]
    if without:
        raise BayescopeError(f"{', '.join(without)}: the leave-one-out density of a row is 0")


def advice(rows: Sequence[ComparedModel]) -> list[str]:
    """Say what the differences mean: sentences, the first about the runner-up."""
    scored = [row for row in rows if row.elpd is not None]
    if len(scored) < 2:
        return []
    best, second = scored[:2]
    gap, error = abs(second.elpd_difference or 0.0), second.difference_se or 0.0
    sentences = [_of_the_gap(best.run, second.run, gap, error)]
    carried = [f"{row.run} ({row.influential_rows})" for row in scored if row.influential_rows]
    if carried:
        sentences.append(
            f"Rows with a Pareto k beyond the limit: {', '.join(carried)}. Their runs' elpd is too high."
        )
    return sentences


def _of_the_gap(best: str, second: str, gap: float, error: float) -> str:
    if gap < SMALL:
        return f"{best} and {second} predict alike: a difference of elpd below {SMALL:.0f} is small."
    if gap < 2.0 * error:
        return (
            f"{best} is ahead of {second} by less than two standard errors: which is better is not settled."
        )
    return f"{best} predicts better than {second}, by {gap / error:.1f} standard errors."
