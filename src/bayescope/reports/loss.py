"""What loss is this? The model as machine learning sees it: a loss, penalties, and who else computes it.

    -log p(theta | y) = -log p(y | theta) - log p(theta) + constant
                      =        loss       +   penalty    + constant

(Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd ed., sections 3.4 and 8.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bayescope.diagnostics.cross_entropy import cross_entropies
from bayescope.distributions.choices import PRIORS
from bayescope.distributions.likelihood import Loss
from bayescope.inference.fit import Fit, Floats
from bayescope.models.density import log_likelihood
from bayescope.models.model import Block, Model, Predictor
from bayescope.models.network_bodies import networks
from bayescope.models.prior_density import element_priors
from bayescope.models.scales import scaled_of
from bayescope.reports.equivalents import equivalents
from bayescope.reports.formatting import compact, plain
from bayescope.reports.hypotheses import hypotheses_loss
from bayescope.reports.notation import number_text
from bayescope.reports.penalties import SHAPES, center_text, formula_of, log_scale_term, penalty_of
from bayescope.reports.record import LossView, Penalty


def loss_view(model: Model, fits: Sequence[Fit]) -> LossView:
    """Describe the model as a loss and its penalties.

    Totals are in nats, at the point of each fit of kind "point" that has an answer: `nll` is the
    negative log-likelihood with its constants, `penalty` the sum of the penalties as written (the
    negative log prior without its constant), `total` their sum. A strength that depends on another unknown
    (`Normal(0, 10 * sigma)`) is its value at the MAP estimate, if there is one.
    """
    if model.hypotheses:
        return hypotheses_loss(model, fits)
    loss = _loss(model)
    return LossView(
        loss=loss.name,
        formula=loss.formula,
        penalties=tuple(_penalties(model, fits)),
        equivalents=equivalents(model, fits),
        totals={
            fit.name: totals_at(model, fit.estimate)
            for fit in fits
            if fit.kind == "point" and fit.estimate is not None
            if all(PRIORS[block.prior.distribution].closed for block in model.blocks)
        },
        cross_entropy=cross_entropies(model, fits),
    )


def totals_at(model: Model, theta: Floats) -> dict[str, float]:
    """Evaluate loss and penalty at `theta`, shape (d,), in nats."""
    nll = -float(log_likelihood(model, theta))
    rows = list(zip(theta, element_priors(model), element_priors(model, theta), strict=True))
    penalty = sum(
        penalty_of(distribution, arguments, float(value)) + log_scale_term(distribution, declared, arguments)
        for value, (distribution, declared), (_, arguments) in (rows[i] for i in _single(model))
    )
    for block in _vectors(model):
        part = theta[block.start : block.stop]
        penalty += penalty_of(block.prior.distribution, block.prior.arguments, part)
    return {"nll": nll, "penalty": float(penalty), "total": nll + float(penalty)}


def _vectors(model: Model) -> list[Block]:
    """The blocks whose prior is one of the whole vector, and not the product of its elements' penalties."""
    return [block for block in model.blocks if PRIORS[block.prior.distribution].marginal is not None]


def _single(model: Model) -> list[int]:
    """The positions of the other unknowns."""
    inside = {i for block in _vectors(model) for i in range(block.start, block.stop)}
    return [i for i in range(len(model.names)) if i not in inside]


def _loss(model: Model) -> Loss:
    """The name and the formula of the loss, then what the parameters in it are."""
    head = model.likelihood
    others = [p for p in model.predictors if p.parameter != head.location and not head.by_level]
    varying = [p for p in others if p.matrix is not None]
    values = {name: compact(value, 6) for name, value in model.fixed.items()}
    given = [name for name in head.loss_formula_given if name in values and not varying][:1]
    name, formula = head.loss_by_row if varying and head.loss_by_row else (head.loss, head.loss_formula)
    if given:
        formula = head.loss_formula_given[given[0]].format_map(values)
    left = [p.parameter for p in others if p.parameter in values and p.parameter not in given]
    return Loss(name, ",  ".join([formula, *_bodies(model, varying), *(f"{k} = {values[k]}" for k in left)]))


def _bodies(model: Model, varying: Sequence[Predictor]) -> list[str]:
    """Write what the location and the other parameters with a formula follow from, each by its own design."""
    location = model.location
    name = "eta" if model.likelihood.by_level else location.parameter
    first = [] if location.matrix is None else [f"{name} = {_body(location, 'X theta')}"]
    designs = ("Z gamma", "W delta")
    return first + [f"{p.parameter} = {_body(p, text)}" for p, text in zip(varying, designs, strict=False)]


def _body(predictor: Predictor, design: str) -> str:
    body = _inverse(predictor.link)
    if np.any(np.asarray(predictor.offset)):
        body = body.replace("X theta", "X theta - offset" if "-X theta" in body else "X theta + offset")
    return body.replace("X theta", predictor.network.text if predictor.network else design)


def _inverse(link: str) -> str:
    return {
        "identity": "X theta",
        "logit": "1 / (1 + exp(-X theta))",
        "probit": "Phi(X theta)",
        "cloglog": "1 - exp(-exp(X theta))",
        "log": "exp(X theta)",
        "inverse": "1 / (X theta)",
    }.get(link, f"{link}^-1(X theta)")


def _penalties(model: Model, fits: Sequence[Fit]) -> Iterable[Penalty]:
    """Yield one penalty for each run of unknowns that share a prior."""
    modes = [fit.estimate for fit in fits if fit.method == "map" and fit.estimate is not None]
    at_mode = element_priors(model, modes[0] if modes else None)
    groups: dict[tuple[str, tuple[tuple[str, Any], ...]], list[int]] = {}
    priors = element_priors(model)
    weights = {int(position) for predictor in networks(model) for position in predictor.index}
    for position in _single(model):
        distribution, arguments = priors[position]
        groups.setdefault((distribution, tuple(arguments.items())), []).append(position)
    for (distribution, items), positions in groups.items():
        names = [model.names[position] for position in positions]
        penalty = _penalty(names, distribution, dict(items), at_mode[positions[0]][1])
        decays = distribution == "Normal" and weights.issuperset(positions)
        yield _as_weight_decay(penalty) if decays else penalty
    for block in _vectors(model):
        yield _penalty(block.labels, block.prior.distribution, block.prior.arguments, block.prior.arguments)


def _as_weight_decay(penalty: Penalty) -> Penalty:
    """Call a Normal prior of a network's weights what it is called there (Krogh and Hertz 1992, NIPS 4)."""
    return penalty.model_copy(update={"name": penalty.name.replace("ridge", "weight decay")})


def _penalty(
    names: Sequence[str], distribution: str, declared: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Penalty:
    shape = SHAPES[distribution]
    return Penalty(
        parameters=tuple(plain(name) for name in names),
        prior=f"{distribution}({', '.join(map(number_text, declared.values()))})",
        name=shape.name + center_text(distribution, declared),
        formula=formula_of(distribution, declared),
        value=None if scaled_of(arguments) else shape.strength(*arguments.values()),
    )
