"""A report of many unknowns: those that are not zero, and a count of the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from bayescope.config.counts import whole
from bayescope.data.terms import INTERCEPT
from bayescope.reports.record import RunRecord

MOST = 100
"""As many unknowns as a report shows one by one; estimates.csv and run.json have all."""


def shortened(record: RunRecord) -> RunRecord:
    """Return the record with the unknowns that a report has room for, of every method.

    Beside what is no slope (the Intercept, sigma), those are the slopes whose estimate is farthest from 0 in
    standard errors by any method; a slope that every method puts at exactly 0 is left out first. The effects
    of groups are left out in any case: they have tables and figures of their own.
    """
    record = without_effects(record)
    if len(record.model.priors) <= MOST:
        return record
    kept = _kept(record)
    words = {word for name in kept for word in (name, *re.findall(r"\w+", name))} | {record.model.response}
    named = [prior for prior in record.model.priors if prior.parameter in kept]
    return record.model_copy(
        update={
            "model": record.model.model_copy(update={"priors": tuple(named)}),
            "data": record.data.model_copy(
                update={"columns": tuple(c for c in record.data.columns if c.name in words)}
            ),
            "estimates": tuple(row for row in record.estimates if row.parameter in kept),
            "comparison": tuple(row for row in record.comparison if row.parameter in kept),
            "learned": tuple(row for row in record.learned if row.parameter in kept),
        }
    )


def without_effects(record: RunRecord) -> RunRecord:
    """Leave the effects of groups out of the unknowns."""
    names = set(record.model.effects)
    if not names:
        return record
    priors = tuple(prior for prior in record.model.priors if prior.parameter not in names)
    return record.model_copy(
        update={
            "model": record.model.model_copy(update={"priors": priors}),
            "estimates": tuple(row for row in record.estimates if row.parameter not in names),
            "comparison": tuple(row for row in record.comparison if row.parameter not in names),
            "learned": tuple(row for row in record.learned if row.parameter not in names),
        }
    )


def left_out(record: RunRecord) -> list[str]:
    """Say how many unknowns `shortened` leaves out, and how many of them are exactly 0; nothing if none."""
    effects = len(record.model.effects)
    rest = f"{whole(effects)} effects of groups are under Partial pooling, and in estimates.csv."
    return [*([rest] if effects else []), *_not_shown(without_effects(record))]


def _not_shown(record: RunRecord) -> list[str]:
    total = len(record.model.priors)
    if total <= MOST:
        return []
    kept = _kept(record)
    others = {row.parameter for row in record.estimates if row.estimate != 0} | {*kept}
    zeros = sum(prior.parameter not in others for prior in record.model.priors) if record.estimates else 0
    exact = f", {whole(zeros)} of which are exactly 0 by every method" if zeros else ""
    count = f"{whole(total - len(kept))} of {whole(total)} unknowns are not shown"
    return [f"{count}{exact}; estimates.csv has them all."]


def _kept(record: RunRecord) -> Collection[str]:
    strength: dict[str, float] = {}
    for row in record.estimates:
        size = abs(row.estimate or 0.0)
        found = size / row.sd if row.sd else size
        strength[row.parameter] = max(strength.get(row.parameter, 0.0), found)
    names = [prior.parameter for prior in record.model.priors]
    slopes = set(_slopes(record))
    ranked = sorted(names, key=lambda name: (name in slopes, -strength.get(name, 0.0)))
    known = any(strength.values())
    return {name for name in ranked[:MOST] if name not in slopes or strength.get(name) or not known}


def _slopes(record: RunRecord) -> Iterator[str]:
    """Name the coefficients of all predictors but the constant ones."""
    for predictor in record.model.blueprint.get("predictors", ()):
        for name in predictor["columns"] if predictor["regression"] else ():
            if name.removeprefix(f"{predictor['parameter']}.").partition("[")[0] != INTERCEPT:
                yield name
