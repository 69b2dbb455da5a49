"""Lines of notation that only responses of levels have: the softmax, the order of the cutpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bayescope.data.terms import INTERCEPT
from bayescope.models.model import Model, Predictor
from bayescope.reports.formatting import plain

_MOST_LEVELS = 8


def class_lines(model: Model) -> tuple[str, ...]:
    """Write how the probabilities of classes follow from their predictors; nothing for other models."""
    if not model.likelihood.one_design:
        return ()
    levels = model.response.levels
    lines = [f"p[i] = softmax(eta[i])    over {_listed(levels)}"]
    reference = [level for level in levels if level not in _modelled(model)]
    return (*lines, *(f"eta[i, {plain(level)}] = 0  (reference)" for level in reference))


def one_for_all(model: Model) -> tuple[Predictor, str]:
    """Return the predictor as one line says it of all classes, or of ordered levels without the Intercept.

    With it comes the left side of that line.
    """
    body = model.location
    if not model.likelihood.one_design:
        columns = tuple(name for name in body.columns if name != INTERCEPT)
        return replace(body, columns=columns), "eta[i]"
    suffix = body.parameter.removeprefix("eta")
    columns = tuple(name.removesuffix(suffix) for name in body.columns)
    return replace(body, columns=columns), "eta[i, k]"


def class_terms(terms: Sequence[str]) -> list[str]:
    """Write the terms of class k: `Intercept[k]`, `x[k] * x_x[i]`."""
    found = []
    for term in terms:
        name, times, column = term.partition(" * ")
        if term.startswith("sum over k"):
            found.append(
                term.replace("[i, k]", "[i, j]").replace("over k", "over j").replace("t[k]", "t[j, k]")
            )
        else:
            found.append(f"{name}[k]{times}{column}")
    return found


def order_lines(model: Model) -> tuple[str, ...]:
    """Write the order of the cutpoints."""
    names = model.likelihood.ordered
    if len(names) < 2:
        return ()
    return (" < ".join(names if len(names) <= 3 else (names[0], "...", names[-1])),)


def _modelled(model: Model) -> list[str]:
    return [predictor.parameter.removeprefix("eta[")[:-1] for predictor in model.predictors]


def _listed(levels: tuple[str, ...]) -> str:
    shown = ", ".join(map(plain, levels[:_MOST_LEVELS]))
    return shown if len(levels) <= _MOST_LEVELS else f"{shown}, ... ({len(levels)} classes)"
