"""Coefficients that nothing determines: those of all K classes, with no prior to settle them."""

from __future__ import annotations

from bayescope.errors import FitError, NotApplicable
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
            "Leave out `reference: false`, so that one class has coefficients of 0, or use map with priors.",
        )


def refuse_flat_classes(model: Model) -> None:
    """Refuse flat priors where every class has coefficients, as only proper ones settle. Raises FitError."""
    flat = [
        name
        for name, (prior, _) in zip(model.names, prior_density.element_priors(model), strict=True)
        if prior == "Flat"
    ]
    if flat and _every_class(model):
        raise FitError(
            f"the posterior has no single mode: every class has coefficients, {', '.join(flat[:4])}"
            f"{', ...' if len(flat) > 4 else ''} have flat priors, and the same added to those of all "
            "classes changes no probability.",
            "Give them a proper prior, such as Normal(0, 10), or leave out `reference: false`.",
        )
