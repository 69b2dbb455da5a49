"""The registry of methods, and how one of them is run without endangering the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module

from pydantic import BaseModel

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.method import Context, Method, Settings, refuse_choice
from bayescope.models.blueprint import blueprint
from bayescope.models.model import Model

_NAMES = ("mle", "map", "exact", "grid", "laplace", "importance", "nuts", "hmc", "metropolis", "auto")


class _Registry[Row](Mapping[str, Row]):
    """What is known of each method, by its name; a method is imported when it is first asked for."""

    def __init__(self, row: Callable[[str], Row]) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Row:
        if name not in _NAMES:
            raise KeyError(name)
        return self._row(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


@cache
def _method(name: str) -> Method:
    """The constant in capitals of the module of the same name: `MLE` of `inference/mle.py`."""
    module = name.replace("-", "_")
    found: Method = getattr(import_module(f"bayescope.inference.{module}"), module.upper())
    return found


METHODS: Mapping[str, Method] = _Registry(_method)

SETTINGS: Mapping[str, type[Settings]] = _Registry(lambda name: _method(name).settings)


def run_method(name: str, method: Method, settings: BaseModel, model: Model, context: Context) -> Fit:
    """Fit `model` by one method; a method that cannot answer returns a Fit that says why.

    Only interrupts propagate: whatever goes wrong in one method, the others' answers stay.
    """
    start = time.perf_counter()
    try:
        refuse_choice(method, model)
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


def _no_answer(method: Method, model: Model, outcome: Outcome) -> Fit:
    return Fit(name=method.name, method=method.name, kind=method.kind, names=model.names, outcome=outcome)
