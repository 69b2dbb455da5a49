"""From a checked configuration and a table to a `Model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bayescope.config.schema import ModelConfig
from bayescope.data.checks import DesignFinding, check_design, check_response
from bayescope.data.design import Design, Term, build_design, evaluate_response
from bayescope.data.formula import Formula
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.likelihoods import LIKELIHOODS, HeadParameter, Likelihood
from bayescope.distributions.supports import REAL
from bayescope.errors import ConfigError, DataError, Finding, Problem
from bayescope.models.blocks import SHARED, Unknown, assemble
from bayescope.models.defaults import intercept_prior, parameter_prior, response_scale, slope_priors
from bayescope.models.model import Block, Model, Predictor, Response

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Body:
    """The location's design matrix and its columns' labels; `design` is None for a `response:` model."""

    link: str
    matrix: Floats | None
    labels: tuple[str, ...]
    unknowns: tuple[Unknown, ...]
    design: Design | None = None


def build_model(spec: ModelConfig, formula: Formula | None, table: Table) -> Model:
    """Build the model that `spec` declares on the rows of `table`.

    Args:
        spec: the `model:` section; its names and priors were checked against the tables.
        formula: the parsed `formula:`, or None for a `response:` model.
        table: the columns that the model uses, numbers where numbers are needed.

    Raises:
        ConfigError: a prior names no unknown or does not fit its support.
        DataError: the response leaves the likelihood's support, or the rows cannot tell the unknowns apart.
    """
    likelihood = LIKELIHOODS[spec.likelihood]
    response = _response(spec, formula, table, likelihood)
    body = (
        _constant_body(likelihood, response)
        if formula is None
        else _regression_body(spec, formula, table, likelihood, response)
    )
    others = tuple(p for p in likelihood.parameters if p.name != likelihood.location)
    _refuse_clashes(body, [parameter.name for parameter in others])
    unknowns = body.unknowns + tuple(_constant(parameter, response) for parameter in others)
    blocks, fixed = assemble(unknowns, spec.priors, () if formula is None else (INTERCEPT, SHARED))
    return Model(
        likelihood=likelihood,
        response=response,
        predictors=tuple(_predictor(p, likelihood, body, blocks, fixed) for p in likelihood.parameters),
        blocks=blocks,
        fixed=fixed,
        formula=spec.formula,
        notes=(
            *_standardised(body),
            *_weak_columns(body, blocks, fixed, table),
            *_unused_lines(unknowns, spec.priors),
        ),
        columns=tuple(table.columns),
        encodings=None if body.design is None else body.design.encoding,
    )


def _response(spec: ModelConfig, formula: Formula | None, table: Table, likelihood: Likelihood) -> Response:
    if formula is None:
        name, trials_name, values, trials = (
            spec.response or "",
            None,
            table.columns[spec.response or ""],
            None,
        )
    else:
        name, trials_name = formula.response_name, formula.trials_name
        values, trials = evaluate_response(formula, table)
    if spec.trials is not None:
        trials_name, trials = spec.trials, table.columns[spec.trials].astype(np.float64)
    _refuse(
        check_response(
            values, likelihood.response, name, table.rows, trials, trials_name=trials_name or "trials"
        ),
        table,
    )
    return Response(name, values.astype(np.float64), trials, table.weights, trials_name)


def _constant(parameter: HeadParameter, response: Response) -> Unknown:
    """A parameter that is the same in every row."""
    location, scale = response_scale(response, "identity")
    return Unknown(
        parameter.name,
        (parameter.name,),
        parameter.support,
        lambda: [parameter_prior(parameter.support, location, scale)],
    )


def _constant_body(likelihood: Likelihood, response: Response) -> _Body:
    parameter = _parameter(likelihood, likelihood.location)
    return _Body("identity", None, (parameter.name,), (_constant(parameter, response),))


def _regression_body(
    spec: ModelConfig, formula: Formula, table: Table, likelihood: Likelihood, response: Response
) -> _Body:
    design = build_design(formula, table, standardize=spec.standardize)
    _refuse_empty_terms(design, table)
    link = spec.link or _parameter(likelihood, likelihood.location).links[0]
    location, scale = response_scale(response, link)
    unknowns = []
    for term in design.terms:
        columns = slice(term.start, term.stop)
        is_intercept = design.intercept and term.start == 0
        if is_intercept:
            slopes = np.delete(design.matrix, term.start, axis=1)
            defaults = lambda slopes=slopes: [intercept_prior(slopes, table.weights, location, scale)]  # noqa: E731
        else:
            own = design.matrix[:, columns]
            defaults = lambda own=own: slope_priors(own, table.weights, scale)  # noqa: E731
        unknowns.append(Unknown(term.name, design.labels[columns], REAL, defaults, shared=not is_intercept))
    return _Body(link, design.matrix, design.labels, tuple(unknowns), design)


def _parameter(likelihood: Likelihood, name: str) -> HeadParameter:
    return next(parameter for parameter in likelihood.parameters if parameter.name == name)


def _predictor(
    parameter: HeadParameter,
    likelihood: Likelihood,
    body: _Body,
    blocks: Sequence[Block],
    fixed: Mapping[str, float],
) -> Predictor:
    """The linear predictor of `parameter`; columns with fixed coefficients go to its offset."""
    index = {label: block.start + i for block in blocks for i, label in enumerate(block.labels)}
    is_location = parameter.name == likelihood.location
    labels = body.labels if is_location else (parameter.name,)
    matrix = body.matrix if is_location else None
    free = [i for i, label in enumerate(labels) if label not in fixed]
    known = [i for i, label in enumerate(labels) if label in fixed]
    values = np.array([fixed[labels[i]] for i in known])
    offset = float(values.sum()) if matrix is None else (matrix[:, known] @ values if known else 0.0)
    return Predictor(
        parameter=parameter.name,
        link=body.link if is_location else "identity",
        matrix=matrix if matrix is None or not known else np.ascontiguousarray(matrix[:, free]),
        index=np.array([index[labels[i]] for i in free], dtype=np.intp),
        columns=labels,
        offset=offset,
    )


def _refuse_clashes(body: _Body, parameters: Sequence[str]) -> None:
    """Refuse predictors whose coefficients would have the name of another unknown or of a line of priors."""
    if body.design is None:
        return
    predictors = body.design.terms[body.design.intercept :]
    taken = {INTERCEPT: "the constant term", SHARED: "the line of priors for all slopes"}
    taken |= dict.fromkeys(parameters, "a parameter of the likelihood")
    problems = [
        Problem(
            ("model", "formula"),
            f"'{term.name}' is also {taken[term.name]}: rename the column",
        )
        for term in predictors
        if term.name in taken
    ]
    if problems:
        raise ConfigError(problems)


def _refuse_empty_terms(design: Design, table: Table) -> None:
    """Refuse a categorical predictor of one level: it has no coefficient that a prior could settle."""
    empty = {term.name for term in design.terms if term.start == term.stop}
    findings = check_design(design) if empty else ()
    _refuse([Finding(f"{found.message}; leave it out") for found in findings if found.label in empty], table)


def _unused_lines(unknowns: Sequence[Unknown], lines: Mapping[str, object]) -> tuple[str, ...]:
    """Note the general lines of priors, perhaps of a model of the library, that no unknown takes."""
    takers = {unknown.name if unknown.name in lines or not unknown.shared else SHARED for unknown in unknowns}
    return tuple(
        f"the prior of `{name}` is not used: no unknown of the model takes it"
        for name in (INTERCEPT, SHARED)
        if name in lines and name not in takers
    )


def _standardised(body: _Body) -> tuple[str, ...]:
    if body.design is None or not body.design.encoding["standardize"]:
        return ()
    return ("Numeric predictors are standardised: a slope is the change for one standard deviation.",)


def _weak_columns(
    body: _Body, blocks: Sequence[Block], fixed: Mapping[str, float], table: Table
) -> tuple[str, ...]:
    """Refuse columns that the data cannot tell apart, unless the user gave their coefficients proper priors.

    Returns notes on those that only the priors tell apart.
    """
    if body.design is None:
        return ()
    findings = check_design(_free(body.design, fixed))
    refused = [found for found in findings if not _settled_by_priors(found, blocks)]
    _refuse([Finding(f"{found.message}; {_ADVICE[found.kind]}") for found in refused], table)
    return tuple(
        f"{found.message}: only the priors tell them apart, and there is no MLE" for found in findings
    )


def _free(design: Design, fixed: Mapping[str, float]) -> Design:
    """The columns whose coefficients are unknown; a fixed one can be collinear with nothing."""
    terms: list[Term] = []
    for term in design.terms:
        if design.labels[term.start] not in fixed:
            start = terms[-1].stop if terms else 0
            terms.append(replace(term, start=start, stop=start + term.stop - term.start))
    free = [i for i, label in enumerate(design.labels) if label not in fixed]
    labels = tuple(design.labels[i] for i in free)
    return Design(design.matrix[:, free], labels, tuple(terms), design.encoding)


_ADVICE = {
    "constant": "leave it out, or give its coefficient a proper prior",
    "collinear": "leave one of them out, or give their coefficients proper priors",
    "rows": "use more rows or fewer columns, or give the coefficients proper priors",
}


def _settled_by_priors(found: DesignFinding, blocks: Sequence[Block]) -> bool:
    """Whether proper priors make the posterior proper: where rows are few any will do, else given ones."""
    labels = {found.label, *found.involved}
    slopes = [b for b in blocks if b.name != INTERCEPT and (found.kind == "rows" or labels & set(b.labels))]
    proper = all(DISTRIBUTIONS[block.prior.distribution].proper for block in slopes)
    return proper and (found.kind == "rows" or all(block.origin == "given" for block in slopes))


def _refuse(findings: Sequence[Finding], table: Table) -> None:
    if findings:
        raise DataError(findings, table.source)
