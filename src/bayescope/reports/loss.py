"""What loss is this? The model as machine learning sees it: a loss, penalties, and who else computes it.

    -log p(theta | y) = -log p(y | theta) - log p(theta) + constant
                      =        loss       +   penalty    + constant

(Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd ed., sections 3.4 and 8.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayescope.inference.fit import Fit, Floats
from bayescope.models.density import element_priors, log_likelihood
from bayescope.models.model import Model
from bayescope.reports.equivalents import equivalents
from bayescope.reports.formatting import compact, plain
from bayescope.reports.penalties import SHAPES, center_text, penalty_of
from bayescope.reports.record import LossView, Penalty


def loss_view(model: Model, fits: Sequence[Fit]) -> LossView:
    """Describe the model as a loss and its penalties.

    Totals are in nats, at the point of each fit of kind "point" that has an answer: `nll` is the
    negative log-likelihood with its constants, `penalty` the sum of the penalties as written (the
    negative log prior without its constant), `total` their sum.
    """
    return LossView(
        loss=model.likelihood.loss,
        formula=_loss_formula(model),
        penalties=tuple(_penalties(model)),
        equivalents=equivalents(model, fits),
        totals={
            fit.name: totals_at(model, fit.estimate)
            for fit in fits
            if fit.kind == "point" and fit.estimate is not None
        },
    )


def totals_at(model: Model, theta: Floats) -> dict[str, float]:
    """Evaluate loss and penalty at `theta`, shape (d,), in nats."""
    nll = -float(log_likelihood(model, theta))
    penalty = sum(
        penalty_of(distribution, arguments, float(value))
        for value, (distribution, arguments) in zip(theta, element_priors(model), strict=True)
    )
    return {"nll": nll, "penalty": float(penalty), "total": nll + float(penalty)}


def _loss_formula(model: Model) -> str:
    head = model.likelihood
    given = [text for name, text in head.loss_formula_given.items() if name in model.fixed]
    values = {name: compact(value, 6) for name, value in model.fixed.items()}
    text = given[0].format_map(values) if given else head.loss_formula
    location = model.location
    body = "" if location.matrix is None else f",  {location.parameter} = {_inverse(location.link)}"
    return text + body


def _inverse(link: str) -> str:
    return {"identity": "X theta", "logit": "1 / (1 + exp(-X theta))", "log": "exp(X theta)"}.get(
        link, f"{link}^-1(X theta)"
    )


def _penalties(model: Model) -> Iterable[Penalty]:
    """Yield one penalty for each run of unknowns that share a prior."""
    groups: dict[tuple[str, tuple[tuple[str, Any], ...]], list[str]] = {}
    for name, (distribution, arguments) in zip(model.names, element_priors(model), strict=True):
        groups.setdefault((distribution, tuple(arguments.items())), []).append(name)
    for (distribution, items), names in groups.items():
        yield _penalty(names, distribution, dict(items))


def _penalty(names: Sequence[str], distribution: str, arguments: Mapping[str, Any]) -> Penalty:
    shape = SHAPES[distribution]
    values = tuple(float(value) for value in arguments.values())
    return Penalty(
        parameters=tuple(plain(name) for name in names),
        prior=f"{distribution}({', '.join(compact(value, 6) for value in values)})",
        name=shape.name + center_text(distribution, arguments),
        formula=shape.formula(*values),
        value=shape.strength(*values),
    )
