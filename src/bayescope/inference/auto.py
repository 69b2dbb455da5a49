"""`auto`: the first of exact, importance and nuts whose answer certifies itself.

The exact posterior needs no check; importance weights have one, Pareto's k of their tail (Vehtari et al.
2024, JMLR 25(72)), and are worth a known number of independent draws. Where neither will do, nuts draws. The
fit is that of the method that answered, so that all checks of that method apply to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.exact import EXACT
from bayescope.inference.fit import Fit
from bayescope.inference.gates import MIN_ESS
from bayescope.inference.importance import IMPORTANCE
from bayescope.inference.method import Context, Method, refuse_choice
from bayescope.inference.nuts import NUTS
from bayescope.inference.settings import AutoSettings
from bayescope.models.model import Model

_ASKED = MappingProxyType({method.name: method for method in (EXACT, IMPORTANCE, NUTS)})


def fit(methods: Mapping[str, Method], model: Model, settings: AutoSettings, context: Context) -> Fit:
    """Return the first answer that certifies itself, or that of nuts, with `details["chosen"]`.

    Raises:
        NotApplicable: none of the methods applies to the model; the message says why of each.
        FitError: one of them does, but failed.
    """
    passed_over: dict[str, str] = {}
    ending: type[FitError] = NotApplicable
    for name in _ASKED:
        own = getattr(settings, name)
        try:
            refuse_choice(methods[name], model)
            found = methods[name].fit(model, own, context)
        except NotApplicable as reason:
            passed_over[name] = reason.message
            continue
        except FitError as reason:
            passed_over[name], ending = reason.message, FitError
            continue
        doubt = _doubt(found) if name == IMPORTANCE.name else ""
        if not doubt:
            chosen = {"method": name, "because": _because(found), "passed_over": passed_over}
            return replace(
                found,
                settings={**own.model_dump(), **found.settings},
                details={**found.details, "chosen": chosen},
            )
        passed_over[name] = doubt
    raise ending(
        "no method has an answer. " + " ".join(f"{name}: {why}" for name, why in passed_over.items()),
        grid="",
        laplace="",
        map="for the mode",
    )


def _doubt(found: Fit) -> str:
    """Say why weighted draws do not certify themselves; nothing where they do."""
    if found.outcome.status != "ok":
        return found.outcome.message
    ess = found.details["ess"]
    return f"The draws are worth {ess:.0f}, fewer than {MIN_ESS:.0f}." if ess < MIN_ESS else ""


def _because(found: Fit) -> str:
    if found.method == EXACT.name:
        return str(found.details["applies"])
    if found.method == IMPORTANCE.name:
        k, limit = found.details["pareto_k"], found.details["pareto_k_limit"]
        tail = "the weights have no tail" if k is None else f"Pareto k is {k:.2f}, at most {limit:.2f}"
        return f"{tail}, and the draws are worth {found.details['ess']:.0f}"
    return "it needs neither a closed form nor a Normal approximation"


def automatic(methods: Mapping[str, Method]) -> Method:
    """Return `auto` with what stands in for exact, importance and nuts, as in an update of a run."""
    return replace(AUTO, fit=partial(fit, methods))


AUTO = Method(
    name="auto",
    summary="exact, else importance if its Pareto k passes, else nuts",
    settings=AutoSettings,
    fit=partial(fit, _ASKED),
    chooses=True,
)
