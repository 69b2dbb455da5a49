"""A model in `~` notation: one line for the response, one for each predictor and each prior."""

from __future__ import annotations

import numpy as np

from bayescope.models.model import Block, Model, Predictor
from bayescope.reports.formatting import compact, listing, plain

_MOST_TERMS = 6


def model_notation(model: Model) -> tuple[str, ...]:
    """Write a model as a statistician would, one line a statement.

    `y[i] ~ Normal(mu[i], sigma)`, then the linear predictors, then the priors; elements that share
    a prior share a line, and a body of more than six terms is written as a sum over columns.
    """
    lines = [_response_line(model)]
    lines += [_predictor_line(p) for p in model.predictors if p.matrix is not None]
    lines += [line for block in model.blocks for line in _prior_lines(block)]
    lines += [f"{plain(name)} = {compact(value, 6)}  (fixed)" for name, value in model.fixed.items()]
    return tuple(lines)


def _response_line(model: Model) -> str:
    response = model.response
    arguments = [_argument(p) for p in model.predictors]
    if response.trials is not None:
        arguments.insert(0, f"{plain(response.trials_name or 'trials')}[i]")
    rows = len(response.values)
    head = f"{plain(response.name)}[i] ~ {model.likelihood.name}({', '.join(arguments)})"
    return f"{head}    i = 1, ..., {rows}" + (
        "  (repeated rows counted)" if response.weights is not None else ""
    )


def _argument(predictor: Predictor) -> str:
    return predictor.parameter if predictor.matrix is None else f"{predictor.parameter}[i]"


def _predictor_line(predictor: Predictor) -> str:
    left = f"{predictor.parameter}[i]"
    if predictor.link != "identity":
        left = f"{predictor.link}({left})"
    return f"{left} = {_body(predictor)}"


def _body(predictor: Predictor) -> str:
    columns = predictor.columns
    intercept = [name for name in columns if name == "Intercept"]
    slopes = [plain(name) for name in columns if name != "Intercept"]
    if len(slopes) > _MOST_TERMS:
        terms = [f"sum over k = 1, ..., {len(slopes)} of coefficient[k] * x[i, k]"]
    else:
        terms = [f"{name} * x_{name}[i]" for name in slopes]
    known = ["offset[i]"] if _has_offset(predictor) and not _offset_is_fixed_column(predictor) else []
    return " + ".join(intercept + terms + known) or "0"


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
            f"{plain(label)} ~ {text}" for label, text in zip(block.labels, element_texts(block), strict=True)
        ]
    if len(block.labels) <= _MOST_TERMS:
        return [f"{plain(block.name)} ~ {block.prior}"]
    return [f"{_left_side(block)} ~ {block.prior.distribution}({_ranges(block)})"]


def _left_side(block: Block) -> str:
    if len(block.labels) > _MOST_TERMS:
        return f"{plain(block.name)}[k], each of {len(block.labels)},"
    return listing([plain(label) for label in block.labels], _MOST_TERMS)


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
