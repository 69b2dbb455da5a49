"""A model in `~` notation: one line for the response, one for each predictor and each prior."""

from __future__ import annotations

import re

import numpy as np

from bayescope.models.model import Block, Model, Predictor
from bayescope.reports.formatting import compact, listing, plain

_MOST_TERMS = 6
_WIDEST_LINE = 88


def model_notation(model: Model) -> tuple[str, ...]:
    """Write a model as a statistician would, one line a statement.

    `y[i] ~ Normal(mu[i], sigma)`, then the linear predictors, then the priors; elements that share
    a prior share a line, and a body of more than six terms is written as a sum over columns.
    """
    lines = [_response_line(model)]
    lines += [line for p in model.predictors if p.matrix is not None for line in _predictor_lines(p)]
    lines += [line for block in model.blocks for line in _prior_lines(block)]
    lines += [f"{symbol(name)} = {compact(value, 6)}  (fixed)" for name, value in model.fixed.items()]
    return tuple(lines)


def _response_line(model: Model) -> str:
    response = model.response
    arguments = [_argument(p) for p in model.predictors]
    if response.trials is not None:
        arguments.insert(0, f"{symbol(response.trials_name or 'trials')}[i]")
    rows = len(response.values)
    head = f"{symbol(response.name)}[i] ~ {model.likelihood.name}({', '.join(arguments)})"
    return f"{head}    i = 1, ..., {rows}" + (
        "  (repeated rows counted)" if response.weights is not None else ""
    )


def _argument(predictor: Predictor) -> str:
    if predictor.matrix is not None:
        return f"{predictor.parameter}[i]"
    return {"precision": "1 / sqrt(tau)", "variance": "sqrt(variance)"}.get(
        predictor.link, predictor.parameter
    )


def _predictor_lines(predictor: Predictor) -> list[str]:
    """Write the body, broken before a plus where a line gets long."""
    left = f"{predictor.parameter}[i]"
    if predictor.link != "identity":
        left = f"{predictor.link}({left})"
    terms = _terms(predictor) or ["0"]
    lines = [f"{left} = {terms[0]}"]
    for term in terms[1:]:
        if len(lines[-1]) + len(term) + 3 > _WIDEST_LINE:
            lines.append(" " * (len(left) + 1) + f"+ {term}")
        else:
            lines[-1] += f" + {term}"
    return lines


def symbol(name: str) -> str:
    """Write a name so that it stands as one symbol: `{dist / 100}`."""
    text = plain(name)
    return text if re.fullmatch(r"\w+(\[.*\])?", text) else f"{{{text}}}"


def _terms(predictor: Predictor) -> list[str]:
    columns = predictor.columns
    intercept = [name for name in columns if name == "Intercept"]
    slopes = [symbol(name) for name in columns if name != "Intercept"]
    if len(slopes) > _MOST_TERMS:
        terms = [f"sum over k = 1, ..., {len(slopes)} of coefficient[k] * x[i, k]"]
    else:
        terms = [f"{name} * x_{name}[i]" for name in slopes]
    known = ["offset[i]"] if _has_offset(predictor) and not _offset_is_fixed_column(predictor) else []
    return intercept + terms + known


def _has_offset(predictor: Predictor) -> bool:
    return bool(np.any(np.asarray(predictor.offset) != 0))


def _offset_is_fixed_column(predictor: Predictor) -> bool:
    """A fixed coefficient lives in the offset but is listed among the columns already."""
    return len(predictor.columns) > len(predictor.index)


def _prior_lines(block: Block) -> list[str]:
    if all(isinstance(value, float | int) for value in block.prior.arguments.values()):
        return [f"{_left_side(block)} ~ {block.prior}"]
    if len(block.labels) <= _MOST_TERMS and block.prior.distribution != "Dirichlet":
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
        + ", ".join(compact(v[k] if isinstance(v, tuple) else v, 6) for v in block.prior.arguments.values())
        + ")"
        for k in range(len(block.labels))
    ]


def _ranges(block: Block) -> str:
    """Arguments that differ between elements are given as their range."""
    return ", ".join(
        f"{compact(min(v), 4)} to {compact(max(v), 4)}" if isinstance(v, tuple) else compact(v, 6)
        for v in block.prior.arguments.values()
    )
