"""What the methods are asked: the model on as few rows as have the same likelihood, and a note that says so.

The posterior depends on the rows only through their likelihood, so a run condenses them once: to
sufficient statistics where the likelihood has such (`sufficient`), else to its distinct rows (`repeated`).
Checks and reports see all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bayescope.inference import exact
from bayescope.inference.method import Method
from bayescope.inference.sufficient import Condensed, Sufficient, after
from bayescope.models.model import Model
from bayescope.models.repeated import merge_repeated


class Asked(NamedTuple):
    """The model that methods are asked about, methods that answer for all rows, and what was done."""

    model: Model
    methods: Mapping[str, Method]
    note: str = ""


def condense(model: Model, known: Sufficient | None, methods: Mapping[str, Method]) -> Asked:
    """Put `model` on few rows of the same likelihood, if half its rows or fewer will do.

    Args:
        model: the model on all rows.
        known: its sufficient statistics, from `sufficient`; None where it has none.
        methods: those that will be asked, by name.
    """
    if known is not None:
        solved = {"exact": exact.after(known.statistics)}
        few = known.condense(known.statistics)
        if model.hypotheses or not _is_worth_it(few, model):
            return Asked(model, {**methods, **solved})
        asked = {name: after(method, few.shift) for name, method in methods.items()}
        return Asked(few.model, {**asked, **solved}, _note(model, few.model, "sufficient statistics"))
    distinct = merge_repeated(model)
    if distinct is None:
        return Asked(model, methods)
    return Asked(distinct, methods, _note(model, distinct, "each distinct row once"))


def _is_worth_it(few: Condensed, model: Model) -> bool:
    return 2 * len(few.model.response.values) <= len(model.response.values)


def _note(model: Model, few: Model, how: str) -> str:
    before, now = len(model.response.values), len(few.response.values)
    return (
        f"{before:,} rows condensed to {now:,} for the methods ({how}, weighted), which have the same "
        "likelihood; compile: plain switches this off."
    )
