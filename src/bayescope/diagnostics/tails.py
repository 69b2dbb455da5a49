"""Whether means and sds of draws settle: the shape of the tails, by Pareto's k.

Beyond a high threshold draws follow a generalised Pareto distribution of some shape k. A mean exists for
k < 1, a variance for k < 1/2; above the limit of `pareto_k_limit` an average over draws converges so slowly
that no number of them is enough. Source: Vehtari, Simpson, Gelman, Yao & Gabry (2024), Pareto Smoothed
Importance Sampling, JMLR 25(72), section 3.2.4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.records import Check, make_check
from bayescope.diagnostics.sampler_advice import LIGHTER
from bayescope.inference.fit import Fit
from bayescope.models.model import Model
from bayescope.sampling.importance import pareto_k_limit
from bayescope.sampling.pareto import fit_tails, tail_size

type Floats = NDArray[np.float64]

_FEWEST = 1000  # of fewer draws the shape is known to no better than 0.1
_NAMED = 5


def tail_shapes(draws: Floats) -> Floats:
    """Estimate k of the heavier tail of each unknown, shape (d,), from draws of shape (chain, draw, d).

    It is nan where there is none to fit: constant draws, or draws that are not finite.
    """
    size = tail_size(draws.shape[0] * draws.shape[1])
    with np.errstate(all="ignore"):
        flat = (draws / np.abs(draws).max(axis=(0, 1))).reshape(-1, draws.shape[2]).T
        ends = [np.sort(side, axis=1)[:, -size - 1 :] for side in (flat, -flat)]
        return np.fmax(*(fit_tails(end[:, 1:] - end[:, :1])[0] for end in ends))


def check_tails(fit: Fit, model: Model | None = None) -> tuple[Check, ...]:
    """Note unknowns with so heavy a tail that the mean of their draws does not settle; none of few draws."""
    draws = np.asarray(fit.draws)
    count = draws.shape[0] * draws.shape[1]
    if count < _FEWEST:
        return ()
    shapes, limit = tail_shapes(draws), pareto_k_limit(count)
    order = np.argsort(-np.nan_to_num(shapes, nan=-np.inf))
    heavy = [fit.names[i] for i in order if shapes[i] > limit]
    return (
        make_check(
            fit.name,
            "tails",
            "note" if heavy else "pass",
            value=float(shapes[order[0]]),
            threshold=limit,
            parameter=heavy[0] if heavy else None,
            message=_message(heavy, float(shapes[order[0]])),
            advice=_advice(heavy[0], model) if heavy else "",
        ),
    )


def _message(heavy: list[str], largest: float) -> str:
    if not heavy:
        return ""
    more = f" and {len(heavy) - _NAMED} more" if len(heavy) > _NAMED else ""
    return (
        f"The tail of {', '.join(heavy[:_NAMED])}{more} is so heavy (Pareto k {largest:.2f}) that mean and "
        "sd do not settle, however many draws there are."
    )


def _advice(name: str, model: Model | None) -> str:
    priors = [block.prior for block in model.blocks if name in block.labels] if model else []
    than = "".join(f" than {prior}" for prior in priors if prior.distribution in LIGHTER)
    return f"Read the median and the interval instead; or give {name} a prior with a lighter tail{than}."
