"""The scikit-learn call that gives the same answer as a point method, where there is one.

scikit-learn's objectives (its user guide, "Linear models") against ours, with noise sigma:

    Ridge(alpha)                 |y - X w|^2 + alpha |w|_2^2              alpha = sigma^2 / tau^2
    Lasso(alpha)                 |y - X w|^2 / (2 N) + alpha |w|_1        alpha = sigma^2 / (b N)
    LogisticRegression(C)        C * loss + |w|_2^2 / 2                   C = tau^2
    LogisticRegression(C, L1)    C * loss + |w|_1                         C = b

None of them penalises its intercept, so a call is given only where ours is not penalised either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescope.data.formula import known_terms, parse
from bayescope.data.syntax import Name
from bayescope.distributions.links import LINKS
from bayescope.inference.fit import Fit, Floats
from bayescope.models.model import Model
from bayescope.models.prior_density import element_priors
from bayescope.reports.equivalents_classes import class_equivalents
from bayescope.reports.formatting import compact, plain

_LINEAR_TOLERANCE = "tol=1e-12, max_iter=100_000"
_LOGISTIC_TOLERANCE = "tol=1e-10, max_iter=100_000"


@dataclass(frozen=True)
class _Penalised:
    """A regression whose slopes share one centred prior: "Normal" with tau, or "Laplace" with b."""

    distribution: str
    scale: float
    intercept: str  # "none", "free" or "penalised"


def equivalents(model: Model, fits: Sequence[Fit]) -> tuple[str, ...]:
    """Name the scikit-learn (>= 1.8) calls with the same coefficients, one sentence each.

    Empty for models that scikit-learn has no estimator for; where only the intercept's prior
    stands in the way, the sentence says so.
    """
    if model.likelihood.one_design:
        return tuple(sentence + _data_note(model) for sentence in class_equivalents(model, fits))
    if not _is_plain_regression(model):
        return ()
    sentences = [_unpenalised_sentence(model, fits), *_map_sentences(model, fits)]
    note = _data_note(model)
    return tuple(sentence + note for sentence in sentences if sentence)


def _is_plain_regression(model: Model) -> bool:
    """Every column of the design has a free coefficient, nothing is added, and the noise is constant."""
    location = model.location
    known = (model.likelihood.name, location.link) in _ESTIMATORS and location.network is None
    constant_others = all(p.matrix is None for p in model.predictors if p is not location)
    all_free = location.matrix is not None and len(location.columns) == len(location.index)
    return known and constant_others and all_free and not np.any(np.asarray(location.offset))


def _data_note(model: Model) -> str:
    """Say what to call it on, where that is not the rows and columns of the data as they are."""
    note = _columns_note(model)
    if model.response.trials is not None:
        note += " Fit it on one row for each trial."
    name = model.response.weights_name  # weights without a name are not the user's: rows made from statistics
    if name is None:
        return note
    to_both = ", to the scaler, too" if "StandardScaler" in note else ""
    return f"{note} Pass `{plain(name)}` as sample_weight{to_both}."


def _columns_note(model: Model) -> str:
    if model.formula is None or model.encodings is None:
        return ""
    encoding = model.encodings
    terms = known_terms(parse(model.formula), encoding["others"])
    plain_columns = {text for text, node in terms.factors.items() if isinstance(node, Name)}
    if any(len(term) > 1 or term[0] not in plain_columns - {*encoding["levels"]} for term in terms.terms):
        return " Fit it on the columns of the design."
    return " Scale the columns by `StandardScaler()` first." if encoding["standardize"] else ""


def _unpenalised_sentence(model: Model, fits: Sequence[Fit]) -> str:
    names = _point_fits(fits, "mle")
    flat = all(distribution == "Flat" for distribution, _ in _coefficient_priors(model))
    names += _point_fits(fits, "map") if flat else []
    if not names:
        return ""
    call = _call(model, None, 0.0, fit_intercept="Intercept" in model.location.columns)
    return f"{call} gives the coefficients of {' and '.join(names)}."


def _map_sentences(model: Model, fits: Sequence[Fit]) -> list[str]:
    maps = [(fit, fit.estimate) for fit in fits if fit.method == "map" and fit.estimate is not None]
    rows = [(fit, _penalised(model, theta)) for fit, theta in maps]
    return [_map_sentence(model, penalised, fit) for fit, penalised in rows if penalised is not None]


def _map_sentence(model: Model, penalised: _Penalised, fit: Fit) -> str:
    call = _call(
        model,
        penalised.distribution,
        _strength(model, penalised, fit),
        fit_intercept=penalised.intercept != "none",
    )
    meaning = _MEANINGS[model.likelihood.name == "Normal", penalised.distribution]
    if penalised.intercept == "penalised":
        return (
            f"{call} comes near the coefficients of {fit.name} ({meaning}) but is not equal: "
            "scikit-learn leaves the intercept free, and here it has a prior. "
            "With `Intercept: Flat()` they are the same."
        )
    return f"{call} gives the coefficients of {fit.name} ({meaning})."


_MEANINGS = {
    (True, "Normal"): "alpha = sigma^2 / tau^2",
    (True, "Laplace"): "alpha = sigma^2 / (b N)",
    (False, "Normal"): "C = tau^2",
    (False, "Laplace"): "C = b",
}


def _strength(model: Model, penalised: _Penalised, fit: Fit) -> float:
    """Alpha (linear regression) or C (logistic) with sigma fixed or at the mode."""
    scale = np.float64(penalised.scale)  # of Python, a square out of range is an error
    with np.errstate(over="ignore"):
        if model.likelihood.name != "Normal":
            return float(scale**2 if penalised.distribution == "Normal" else scale)
        sigma = _sigma(model, fit)
        if penalised.distribution == "Normal":
            return float((sigma / scale) ** 2)
        return float(sigma * (sigma / scale) / model.response.observations)


def _sigma(model: Model, fit: Fit) -> float:
    sigma = next(p for p in model.predictors if p.parameter == "sigma")
    eta = np.ravel(sigma.offset)[0] + (0.0 if fit.estimate is None else fit.estimate[sigma.index].sum())
    return float(LINKS[sigma.link].inverse(eta))


def _coefficient_priors(model: Model, theta: Floats | None = None) -> list[tuple[str, Any]]:
    priors = element_priors(model, theta)
    return [priors[position] for position in model.location.index]


def _penalised(model: Model, theta: Floats) -> _Penalised | None:
    """The shared prior of the slopes at theta, or None: slopes have several, or none that shrinks to zero."""
    names = [model.names[position] for position in model.location.index]
    priors = dict(zip(names, _coefficient_priors(model, theta), strict=True))
    intercept = priors.pop("Intercept", None)
    shared = {(distribution, tuple(arguments.values())) for distribution, arguments in priors.values()}
    if len(shared) != 1:
        return None
    distribution, arguments = shared.pop()
    if distribution not in {"Normal", "Laplace"} or arguments[0] != 0:
        return None
    state = "none" if intercept is None else "free" if intercept[0] == "Flat" else "penalised"
    return _Penalised(distribution, float(arguments[1]), state)


def _point_fits(fits: Sequence[Fit], method: str) -> list[str]:
    return [fit.name for fit in fits if fit.method == method and fit.estimate is not None]


_ESTIMATORS = {("Normal", "identity"): True, ("Bernoulli", "logit"): False, ("Binomial", "logit"): False}


def _call(model: Model, distribution: str | None, strength: float, *, fit_intercept: bool) -> str:
    """Write the constructor call; `distribution` None means no penalty."""
    intercept = "" if fit_intercept else "fit_intercept=False"
    value = compact(strength, 10)
    if _ESTIMATORS[model.likelihood.name, model.location.link]:
        name, arguments = {
            None: ("LinearRegression", ""),
            "Normal": ("Ridge", f"alpha={value}"),
            "Laplace": ("Lasso", f"alpha={value}, {_LINEAR_TOLERANCE}"),
        }[distribution]
    else:
        name = "LogisticRegression"
        arguments = {
            None: f"C=np.inf, {_LOGISTIC_TOLERANCE}",
            "Normal": f"C={value}, {_LOGISTIC_TOLERANCE}",
            "Laplace": f'C={value}, l1_ratio=1, solver="saga", {_LOGISTIC_TOLERANCE}',
        }[distribution]
    return f"`{name}({', '.join(part for part in (arguments, intercept) if part)})`"
