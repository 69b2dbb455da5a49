"""What a method is: a name, its settings, and a function from a model to a `Fit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bayescope.errors import NotApplicable
from bayescope.inference.fit import Fit
from bayescope.models.model import Model


class Settings(BaseModel):
    """Base of the settings of a method: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Context:
    """What a method may know beside the model: the seed, and whom to tell of its progress.

    `plain` asks for no shortcut: every row, the graph as declared.
    """

    seed: int
    report_progress: Callable[[str], None] = lambda _message: None
    plain: bool = False


@dataclass(frozen=True)
class Method:
    """One row of the registry.

    `fit(model, settings, context)` returns a `Fit` (its `name`, `settings` and total timing are
    filled in by the registry), or raises `NotApplicable` or `FitError`. `chooses` says that it answers
    which of a few hypotheses is true, where the unknown is no number. `refuse(model)` is what `fit` begins
    with: it raises these for a model that the method has no answer for, before anything is computed.
    """

    name: str
    summary: str
    settings: type[Settings]
    fit: Callable[[Model, Any, Context], Fit]
    kind: Literal["point", "posterior"] = "posterior"
    chooses: bool = False
    refuse: Callable[[Model], object] = lambda _model: None


def refuse_choice(method: Method, model: Model) -> None:
    """Refuse hypotheses to a method that does not choose between them. Raises NotApplicable."""
    if model.hypotheses and not method.chooses:
        message = f"the unknown is one of {len(model.hypotheses)} hypotheses, and no number."
        raise NotApplicable(message, "Use exact, which answers it, or mle or map for the choice alone.")
