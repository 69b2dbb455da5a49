"""Why a fit has no evidence: p(y) is the average of the likelihood over a prior that integrates to 1."""

from __future__ import annotations

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.models.model import Model
from bayescope.models.order import log_room
from bayescope.models.prior_density import element_priors

FLAT = {"log_evidence": "undefined: a flat prior has no density to average the likelihood over"}
_NO_ROOM = "not computed: how much of the prior has the lower end below the upper is not known"


def is_proper(model: Model) -> bool:
    """Tell whether every prior integrates to 1, so that there is an evidence."""
    return all(DISTRIBUTIONS[name].proper for name, _ in element_priors(model))


def evidence_note(model: Model) -> dict[str, str]:
    """Say why there is no evidence, where there is none."""
    if not is_proper(model):
        return FLAT
    return {"log_evidence": _NO_ROOM} if log_room(model) is None else {}
