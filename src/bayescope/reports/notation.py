"""A model in `~` notation: one line for the response, one for each predictor and each prior."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bayescope.config.counts import whole
from bayescope.config.priors import Scaled, Value
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.models.hypotheses import prior_probabilities
from bayescope.models.model import Block, Grouping, Model, Predictor, Response
from bayescope.models.networks import ACTIVATIONS, Network
from bayescope.reports.formatting import compact, listing, plain
from bayescope.reports.notation_levels import class_lines, class_terms, one_for_all, order_lines

_MOST_TERMS = 6
_WIDEST_LINE = 88


def model_notation(model: Model) -> tuple[str, ...]:
    """Write a model as a statistician would, one line a statement.

    `y[i] ~ Normal(mu[i], sigma)`, then the linear predictors, then the priors; elements that share
    a prior share a line, and a body of more than six terms is written as a sum over columns.
    """
    if model.hypotheses:
        return hypotheses_notation(model)
    lines = [_response_line(model), *class_lines(model)]
    bodies = (model.location,) if model.likelihood.one_design else model.predictors
    lines += [line for p in bodies if p.matrix is not None for line in _predictor_lines(p, model)]
    lines += [line for block in model.blocks for line in _prior_lines(block)]
    lines += order_lines(model)
    lines += [_correlation_line(group) for group in model.groups if group.correlation is not None]
    matrices = [p for p in model.predictors if np.ndim(p.offset) > 1]
    lines += [f"{p.parameter} = {number_text(_rows(p))}  (fixed)" for p in matrices]
    inside = {label for p in matrices for label in p.columns}
    lines += [
        f"{symbol(name)} = {compact(value, 6)}  (fixed)"
        for name, value in model.fixed.items()
        if name not in inside and not (name == INTERCEPT and model.likelihood.ordered)
    ]
    return tuple(lines)


def _rows(predictor: Predictor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in np.asarray(predictor.offset).tolist())


def hypotheses_notation(model: Model) -> tuple[str, ...]:
    """Write a choice between hypotheses: the prior of the choice, and the response under each."""
    response = symbol(model.response.name)
    prior = ", ".join(f"{symbol(block_name)}: {compact(p, 6)}" for block_name, p in _chances(model))
    lines = [
        f"{response}[i] | {symbol(name)} ~ {plain(str(spec))}" for name, spec in model.hypotheses.items()
    ]
    lines[0] += _index(model.response)
    return (f"hypothesis ~ Categorical({prior})", *lines)


def _chances(model: Model) -> list[tuple[str, float]]:
    return list(zip(model.names, np.ravel(prior_probabilities(model)).tolist(), strict=True))


def _response_line(model: Model) -> str:
    response = model.response
    prefix = "{} = " if model.likelihood.by_name else ""
    arguments = [prefix.format(p.parameter) + _argument(p) for p in model.predictors]
    if model.likelihood.by_level:
        arguments = ["p[i]"] if model.likelihood.one_design else ["eta[i]", CUTPOINTS]
    if response.trials is not None:
        arguments.insert(0, f"{symbol(response.trials_name or 'trials')}[i]")
    head = f"{symbol(response.name)}[i] ~ {model.likelihood.name}({', '.join(arguments)})"
    return head + _index(response)


def _index(response: Response) -> str:
    """Say what i runs over: observations, however few rows hold them, or rows that have weights."""
    if response.weights_name is not None:
        weight = f"{symbol(response.weights_name)}[i]"
        return f"    i = 1, ..., {whole(len(response.values))}, counted {weight} times"
    return f"    i = 1, ..., {whole(response.observations)}" if response.observations else ""


def _argument(predictor: Predictor) -> str:
    if predictor.matrix is not None:
        return f"{predictor.parameter}[i]"
    return {"precision": "1 / sqrt(tau)", "variance": "sqrt(variance)"}.get(
        predictor.link, predictor.parameter
    )


def _correlation_line(group: Grouping) -> str:
    """Say how the effects of one group depend on each other."""
    effects = " and ".join(symbol(name) for name in group.effects)
    return f"{effects} of one group have the correlation{'s'[: len(group.effects) > 2]} {group.correlation}"


def _predictor_lines(predictor: Predictor, model: Model) -> list[str]:
    """Write the body, broken before a plus where a line gets long."""
    left = f"{predictor.parameter}[i]"
    if model.likelihood.by_level:
        predictor, left = one_for_all(model)
    if predictor.link != "identity":
        left = f"{predictor.link}({left})"
    if predictor.network is not None:
        return _network_lines(left, predictor, predictor.network)
    terms = _terms(predictor, [group for group in model.groups if group.parameter == predictor.parameter])
    terms = class_terms(terms or ["0"]) if model.likelihood.one_design else terms or ["0"]
    lines = [f"{left} = {terms[0]}"]
    for term in terms[1:]:
        if len(lines[-1]) + len(term) + 3 > _WIDEST_LINE:
            lines.append(" " * (len(left) + 1) + f"+ {term}")
        else:
            lines[-1] += f" + {term}"
    return lines


def _network_lines(left: str, predictor: Predictor, network: Network) -> list[str]:
    """Write a network layer by layer: `mu[i] = b + w h[i]`, `h[i] = tanh(b1 + W1 x[i])`, x the columns."""
    names = [f"h{number}" if len(network.hidden) > 1 else "h" for number in range(1, len(network.hidden) + 1)]
    known = " + offset[i]" if _has_offset(predictor) else ""
    lines = [f"{left} = output.bias + output {names[-1]}[i]{known}"]
    for number in range(len(names), 0, -1):
        inside = f"layer{number}.bias + layer{number} {names[number - 2] if number > 1 else 'x'}[i]"
        value = ACTIVATIONS[network.activation].formula.replace("z", inside)
        lines.append(f"{names[number - 1]}[i] = {value}  ({network.hidden[number - 1]} hidden units)")
    columns = listing([symbol(name) for name in network.inputs], _MOST_TERMS)
    return [*lines, f"x[i] = ({columns}) of row i"]


def symbol(name: str) -> str:
    """Write a name so that it stands as one symbol: `{dist / 100}`."""
    text = plain(name)
    return text if re.fullmatch(r"\w+(\.\w+)*(\[.*\])?", text) else f"{{{text}}}"


def _terms(predictor: Predictor, groups: Sequence[Grouping]) -> list[str]:
    effects = sum(len(group.levels) * len(group.effects) for group in groups)
    columns = predictor.columns[: len(predictor.columns) - effects]
    intercept = [symbol(name) for name in columns if name.endswith("Intercept")]
    slopes = [name for name in columns if not name.endswith("Intercept")]
    if len(slopes) > _MOST_TERMS:
        terms = [f"sum over k = 1, ..., {len(slopes)} of coefficient[k] * x[i, k]"]
    else:
        prefix = f"{predictor.parameter}."
        terms = [f"{symbol(name)} * x_{symbol(name.removeprefix(prefix))}[i]" for name in slopes]
    terms += [term for group in groups for term in _effects(group)]
    known = ["offset[i]"] if _has_offset(predictor) and not _offset_is_fixed_column(predictor) else []
    return intercept + terms + known


def _effects(group: Grouping) -> list[str]:
    """Write the effects of a group term: `county[g(i)] + {floor:county}[g(i)] * x_floor[i]`."""
    factor = symbol(group.name.removeprefix(f"{group.parameter}."))
    return [
        f"{symbol(name)}[{factor}[i]]" + ("" if column == "Intercept" else f" * x_{symbol(column)}[i]")
        for name, column in zip(group.effects, group.columns, strict=True)
    ]


def _has_offset(predictor: Predictor) -> bool:
    return bool(np.any(np.asarray(predictor.offset) != 0))


def _offset_is_fixed_column(predictor: Predictor) -> bool:
    """A fixed coefficient lives in the offset but is listed among the columns already."""
    return len(predictor.columns) > len(predictor.index)


def _prior_lines(block: Block) -> list[str]:
    if not any(isinstance(value, tuple) for value in block.prior.arguments.values()):
        return [f"{_left_side(block)} ~ {block.prior}"]
    if len(block.labels) <= _MOST_TERMS and not DISTRIBUTIONS[block.prior.distribution].joint:
        return [
            f"{symbol(label)} ~ {text}"
            for label, text in zip(block.labels, element_texts(block), strict=True)
        ]
    if len(block.labels) <= _MOST_TERMS:
        return [f"{symbol(block.name)} ~ {block.prior}"]
    return [f"{_left_side(block)} ~ {block.prior.distribution}({_ranges(block)})"]


def _left_side(block: Block) -> str:
    if len(block.labels) > _MOST_TERMS:
        return f"{plain(block.name)}[k], each of {len(block.labels)},"
    return listing([symbol(label) for label in block.labels], _MOST_TERMS)


def element_texts(block: Block) -> list[str]:
    """Write the prior of each element of a block as PyMC would: `Normal(0, 2.5)`."""
    return [
        f"{block.prior.distribution}("
        + ", ".join(number_text(v[k] if isinstance(v, tuple) else v) for v in block.prior.arguments.values())
        + ")"
        for k in range(len(block.labels))
    ]


def number_text(value: Value) -> str:
    """Write an argument of a prior with six digits: `2.5`, or `10 * sigma`."""
    if isinstance(value, Scaled):
        return value.text(compact(value.factor, 6))
    if isinstance(value, tuple):
        return f"[{', '.join(map(number_text, value))}]"
    return compact(value, 6)


def _ranges(block: Block) -> str:
    """Arguments that differ between elements are given as their range."""
    return ", ".join(map(_range, block.prior.arguments.values()))


def _range(value: Value) -> str:
    if not isinstance(value, tuple):
        return number_text(value)
    low, high = float(np.min(value)), float(np.max(value))
    return compact(low, 6) if low == high else f"{compact(low, 4)} to {compact(high, 4)}"
