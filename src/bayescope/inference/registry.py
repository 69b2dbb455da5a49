"""The registry of methods, and how one of them is run without endangering the others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pydantic import BaseModel

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.exact import EXACT
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.grid import GRID
from bayescope.inference.hmc import HMC
from bayescope.inference.importance import IMPORTANCE
from bayescope.inference.laplace import LAPLACE
from bayescope.inference.map import MAP
from bayescope.inference.method import Context, Method, Settings
from bayescope.inference.metropolis import METROPOLIS
from bayescope.inference.mle import MLE
from bayescope.inference.nuts import NUTS
from bayescope.models.blueprint import blueprint
from bayescope.models.model import Model

METHODS: Mapping[str, Method] = MappingProxyType(
    {method.name: method for method in (MLE, MAP, EXACT, GRID, LAPLACE, IMPORTANCE, NUTS, HMC, METROPOLIS)}
)

SETTINGS: Mapping[str, type[Settings]] = MappingProxyType(
    {method.name: method.settings for method in METHODS.values()}
)


def run_method(name: str, method: Method, settings: BaseModel, model: Model, context: Context) -> Fit:
    """Fit `model` by one method; a method that cannot answer returns a Fit that says why.

    Only interrupts propagate: whatever goes wrong in one method, the others' answers stay.
    """
    start = time.perf_counter()
    try:
        _refuse_choice(method, model)
        fit = method.fit(model, settings, context)
    except NotApplicable as reason:
        fit = _no_answer(method, model, Outcome("not applicable", reason.message, reason.advice))
    except FitError as failure:
        fit = _no_answer(method, model, Outcome("failed", failure.message, failure.advice))
    except Exception as bug:  # noqa: BLE001  an unforeseen failure of one method must not lose the others
        message = f"{type(bug).__name__}: {bug}"
        fit = _no_answer(
            method, model, Outcome("failed", message, "This is a bug in bayescope: please report it.")
        )
    total = time.perf_counter() - start
    return replace(
        fit,
        name=name,
        settings={**settings.model_dump(), **fit.settings},
        timings={**fit.timings, "total": total},
        blueprint=blueprint(model),
    )


def _refuse_choice(method: Method, model: Model) -> None:
    if model.hypotheses and not method.chooses:
        message = f"the unknown is one of {len(model.hypotheses)} hypotheses, and no number."
        raise NotApplicable(message, "Use exact, which answers it, or mle or map for the choice alone.")


def _no_answer(method: Method, model: Model, outcome: Outcome) -> Fit:
    return Fit(name=method.name, method=method.name, kind=method.kind, names=model.names, outcome=outcome)
