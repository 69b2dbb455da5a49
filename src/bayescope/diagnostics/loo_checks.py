"""Rows that carry the posterior by themselves, as a check with advice that fits the likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bayescope.diagnostics.loo import Loo
from bayescope.diagnostics.records import Check, make_check
from bayescope.models.model import Model

_HEAVIER: Mapping[str, str] = MappingProxyType(
    {
        "Normal": "StudentT",
        "LogNormal": "StudentT of the logarithm",
        "Poisson": "NegativeBinomial",
        "Exponential": "Gamma",
    }
)
"""A likelihood under which an extreme response is less of a surprise."""


def check_loo(found: Loo | None, model: Model) -> tuple[Check, ...]:
    """Note rows with a Pareto k beyond the limit: the posterior would be another without them."""
    if found is None:
        return ()
    one = found.beyond_limit == 1
    rows = ", ".join(f"{each.row} (k {each.pareto_k:.2f})" for each in found.influential)
    more = found.beyond_limit - len(found.influential)
    named = f"row{'' if one else 's'} {rows}{f' and {more} more' if more else ''}"
    uncertain = "its leave-one-out density is" if one else "their leave-one-out densities are"
    message = f"The posterior would be another without {named}; {uncertain} uncertain."
    return (
        make_check(
            found.method,
            "loo_pareto_k",
            "note" if found.beyond_limit else "pass",
            value=found.largest_k,
            threshold=found.k_limit,
            parameter=f"row {found.influential[0].row}" if found.influential else None,
            message=message if found.beyond_limit else "",
            advice=_advice(found, model),
        ),
    )


def _advice(found: Loo, model: Model) -> str:
    unknowns, heavier = len(model.names), _HEAVIER.get(model.likelihood.name)
    if found.observations < 5 * unknowns:
        return f"There are few observations for {unknowns} unknowns: each one counts for much."
    if found.p_loo is not None and found.p_loo > 2 * unknowns:
        cure = f"try {heavier}" if heavier else "reconsider the likelihood"
        return f"p_loo is {found.p_loo:.0f} with {unknowns} unknowns, so the model does not fit: {cure}."
    if found.beyond_limit == 1:
        look, cure = "See whether this row is right.", f"If it is, {heavier} lets it weigh less."
    else:
        look, cure = "See whether these rows are right.", f"If they are, {heavier} lets them weigh less."
    return f"{look} {cure}" if heavier else look
