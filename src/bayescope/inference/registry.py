"""The registry of methods, and how one of them is run without endangering the others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType

from pydantic import BaseModel

from bayescope.errors import FitError, NotApplicable, interrupt_behind
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.method import Context, Method, Settings, refuse_choice
from bayescope.inference.settings import (
    AutoSettings,
    ExactSettings,
    GridSettings,
    HmcSettings,
    ImportanceSettings,
    LaplaceSettings,
    MAPSettings,
    MetropolisSettings,
    MLESettings,
    NutsSettings,
    VariationalSettings,
)
from bayescope.models.blueprint import blueprint
from bayescope.models.model import Model

SETTINGS: Mapping[str, type[Settings]] = MappingProxyType(
    {
        "mle": MLESettings,
        "map": MAPSettings,
        "exact": ExactSettings,
        "grid": GridSettings,
        "laplace": LaplaceSettings,
        "importance": ImportanceSettings,
        "nuts": NutsSettings,
        "hmc": HmcSettings,
        "metropolis": MetropolisSettings,
        "auto": AutoSettings,
        "advi": VariationalSettings,
        "fullrank": VariationalSettings,
    }
)


class _Methods(Mapping[str, Method]):
    """The methods by their names; the module of each is imported when it is first asked for."""

    def __getitem__(self, name: str) -> Method:
        """The constant in capitals of the module of the same name: `MLE` of `inference/mle.py`."""
        if name not in SETTINGS:
            raise KeyError(name)
        module = name.replace("-", "_")
        found: Method = getattr(import_module(f"bayescope.inference.{module}"), module.upper())
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(SETTINGS)

    def __len__(self) -> int:
        return len(SETTINGS)


METHODS: Mapping[str, Method] = _Methods()

_SIMPLER = "Write a simpler model: no other method has an answer for this one, either."


def run_method(name: str, method: Method, settings: BaseModel, model: Model, context: Context) -> Fit:
    """Fit `model` by one method; a method that cannot answer returns a Fit that says why.

    Only interrupts propagate: whatever goes wrong in one method, the others' answers stay.
    """
    start = time.perf_counter()
    try:
        refuse_choice(method, model)
        fit = method.fit(model, settings, context)
    except NotApplicable as reason:
        fit = _no_answer(method, model, Outcome("not applicable", reason.message, advised(reason, model)))
    except FitError as failure:
        fit = _no_answer(method, model, Outcome("failed", failure.message, advised(failure, model)))
    except Exception as bug:  # noqa: BLE001  an unforeseen failure of one method must not lose the others
        if (interrupt := interrupt_behind(bug)) is not None:
            raise interrupt from None
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


def applies(name: str, model: Model) -> bool:
    """Tell whether a method has an answer for a model, as far as it says so before it computes anything."""
    try:
        refuse_choice(METHODS[name], model)
        METHODS[name].refuse(model)
    except FitError:
        return False
    return True


def advised(failure: FitError, model: Model) -> str:
    """Write the advice of a failure: of the methods that it names, those that apply to the model."""
    able = [f"{name} {purpose}".rstrip() for name, purpose in failure.instead.items() if applies(name, model)]
    if not able:
        return failure.advice or (_SIMPLER if failure.instead else "")
    use = f"Use {' or '.join(filter(None, (', '.join(able[:-1]), able[-1])))}"
    return f"{use}; or {failure.advice[0].lower()}{failure.advice[1:]}" if failure.advice else f"{use}."


def _no_answer(method: Method, model: Model, outcome: Outcome) -> Fit:
    return Fit(name=method.name, method=method.name, kind=method.kind, names=model.names, outcome=outcome)
