"""Levels that leave no mode: where all K classes have coefficients, or where one of an order has no row."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.point import observed_rows
from bayescope.models import prior_density
from bayescope.models.model import Model


def _every_class(model: Model) -> bool:
    return model.likelihood.one_design and len(model.predictors) == len(model.response.levels)


def refuse_all_classes(model: Model) -> None:
    """Refuse maximum likelihood where every class has coefficients. Raises NotApplicable."""
    if _every_class(model):
        raise NotApplicable(
            "the MLE is not unique: every class has coefficients, and the same added to those of all classes "
            "changes no probability.",
            "Leave out `reference: false`, so that one class has coefficients of 0.",
            map="with priors",
        )


def refuse_flat_classes(model: Model) -> None:
    """Refuse flat priors where every class has coefficients, as only proper ones settle. Raises FitError."""
    if not _every_class(model):
        return
    flat = [
        name
        for name, (prior, _) in zip(model.names, prior_density.element_priors(model), strict=True)
        if prior == "Flat"
    ]
    if flat:
        raise FitError(
            f"the posterior has no single mode: every class has coefficients, {', '.join(flat[:4])}"
            f"{', ...' if len(flat) > 4 else ''} have flat priors, and the same added to those of all "
            "classes changes no probability.",
            "Give them a proper prior, such as Normal(0, 10), or leave out `reference: false`.",
        )


def refuse_absent_level(model: Model, what: str) -> None:
    """Refuse the mode of cutpoints with no row between them, in a sample of the rows. Raises NotApplicable.

    The rows below the level pull the lower cutpoint up, those above it pull the upper one down, and a prior
    of one peak that both share cannot hold them apart: the density is highest where they meet.
    """
    response, ordered = model.response, model.likelihood.ordered
    cutpoints = [len(p.index) for p in model.predictors if p.parameter in ordered]
    for k, (below, above) in enumerate(pairwise(cutpoints), start=1):
        if below and above and not np.any(observed_rows(model) & (response.values == k)):
            raise NotApplicable(
                f"{what} does not exist: no row has {response.name} = {response.levels[k]}, and the density "
                "is highest where the cutpoints below and above that level meet.",
                "Put this level together with the next one.",
                nuts="to average over them",
            )
