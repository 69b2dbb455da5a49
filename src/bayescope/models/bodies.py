"""Bodies: what each parameter of the likelihood is made of, one coefficient or a design matrix of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.config.schema import ModelConfig
from bayescope.data.design import Design, build_design
from bayescope.data.formula import Formula
from bayescope.data.groups import GroupDesign, build_groups
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.likelihoods import HeadParameter, Likelihood
from bayescope.distributions.supports import REAL
from bayescope.errors import ConfigError, Problem
from bayescope.models.blocks import SHARED, Unknown
from bayescope.models.defaults import (
    intercept_prior,
    link_scale,
    parameter_prior,
    response_scale,
    slope_priors,
)
from bayescope.models.groups import effect_columns, effect_labels, effect_names, group_unknowns
from bayescope.models.model import Prior, Response
from bayescope.models.network_bodies import network_labels, network_matrix, network_of, network_unknowns
from bayescope.models.networks import Network
from bayescope.models.vectors import labels_of, vector_unknown
from bayescope.models.weak_columns import refuse_empty_terms

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """What the linear predictor of one parameter is made of.

    Attributes:
        parameter: the parameter of the likelihood.
        link: its link.
        prefix: what the names of its unknowns start with: "" for the location, else "sigma.".
        labels: names of all its coefficients, effects of groups included.
        matrix: what they are multiplied by, shape (n, d); None where the parameter is the same in every row.
        unknowns: what could become blocks.
        design: the design without the effects of groups; None without a formula.
        groups: the designs of its group terms.
        network: what makes the linear predictor of the columns of `matrix`; None where it is their
            weighted sum.
    """

    parameter: str
    link: str
    prefix: str
    labels: tuple[str, ...]
    matrix: Floats | None
    unknowns: tuple[Unknown, ...]
    design: Design | None = None
    groups: tuple[GroupDesign, ...] = ()
    network: Network | None = None

    @property
    def added(self) -> Floats | None:
        """What is added to the linear predictor without a coefficient, shape (n,)."""
        return None if self.design is None else self.design.offset


def bodies_of(
    spec: ModelConfig, formula: Formula | None, table: Table, likelihood: Likelihood, response: Response
) -> tuple[Body, ...]:
    """Make the body of each parameter of the likelihood, in its order.

    Raises:
        ConfigError: two unknowns have one name.
        DataError: a column of a design cannot be computed, or a categorical predictor has one level.
    """
    formulas = formulas_of(formula, likelihood)
    bodies = tuple(
        regression_body(spec, formulas[parameter.name], table, likelihood, parameter, response=response)
        if parameter.name in formulas
        else _constant_body(spec, parameter, likelihood, response)
        for parameter in likelihood.parameters
    )
    _refuse_clashes(bodies)
    return bodies


def formulas_of(formula: Formula | None, likelihood: Likelihood) -> dict[str, Formula]:
    """Return the formula of each parameter that has one."""
    return {} if formula is None else {likelihood.location: formula, **formula.parameters}


def prefix_of(parameter: str, likelihood: Likelihood) -> str:
    """Return what the names of a parameter's coefficients start with: "" for the location, else "sigma."."""
    return "" if parameter == likelihood.location else f"{parameter}."


def _constant_body(
    spec: ModelConfig, parameter: HeadParameter, likelihood: Likelihood, response: Response
) -> Body:
    """The body of a parameter that is the same in every row, under the name that the priors give it."""
    name = next((name for name in parameter.spellings if name in spec.priors), parameter.name)
    labels = labels_of(parameter, response.levels) if parameter.dimensions else (name,)
    unknowns: tuple[Unknown, ...] = ()
    if parameter.dimensions < 2:
        unknowns = (_constant(parameter, likelihood, response, name),)
        labels = unknowns[0].labels
    return Body(parameter.name, parameter.spellings.get(name, "identity"), "", labels, None, unknowns)


def _constant(parameter: HeadParameter, likelihood: Likelihood, response: Response, name: str) -> Unknown:
    if parameter.support.simplex:
        labels = tuple(f"{parameter.name}[{level}]" for level in response.levels)
        flat = Prior("Dirichlet", {"a": (1.0,) * len(labels)})
        return Unknown(parameter.name, labels, parameter.support, lambda: [flat])
    if parameter.dimensions:
        return vector_unknown(parameter, response)
    default = parameter_prior(parameter, *response_scale(response, "identity", likelihood.seen))
    return Unknown(name, (name,), parameter.support, lambda: [default])


def regression_body(
    spec: ModelConfig,
    formula: Formula,
    table: Table,
    likelihood: Likelihood,
    parameter: HeadParameter,
    *,
    response: Response,
) -> Body:
    """Make the body of a parameter with a formula.

    Raises:
        DataError: a column of the design cannot be computed, or a categorical predictor has one level.
    """
    design = build_design(formula, table, standardize=spec.standardize)
    refuse_empty_terms(design, table)
    groups = build_groups(formula, table, standardize=spec.standardize)
    is_location = parameter.name == likelihood.location
    link = spec.links.get(parameter.name, spec.links.get("") if is_location else None) or parameter.links[0]
    if likelihood.by_level:
        location, scale = 0.0, 1.0  # levels have no unit, and log odds are of the size of 1
    elif is_location:
        location, scale = response_scale(response, link, likelihood.seen, design.offset)
    else:
        location, scale = link_scale(parameter, response, link, likelihood.seen, design.offset)
    prefix = prefix_of(parameter.name, likelihood)
    network = network_of(spec.body or {}, parameter.name, design, formula, is_location=is_location)
    if network is not None:
        inputs, center = network_matrix(design.matrix, network), (location, scale)
        labels = network_labels(network, prefix)
        unknowns = network_unknowns(network, prefix, inputs, table.weights, center)
        return Body(parameter.name, link, prefix, labels, inputs, unknowns, design, network=network)
    effects = [group_unknowns(group, prefix, table.weights, scale) for group in groups]
    return Body(
        parameter=parameter.name,
        link=link,
        prefix=prefix,
        labels=coefficient_labels(design, groups, prefix),
        matrix=design_with_groups(design.matrix, groups),
        unknowns=(
            *_coefficients(design, prefix, table.weights, location, scale),
            *(unknown for unknowns in effects for unknown in unknowns),
        ),
        design=design,
        groups=groups,
    )


def _coefficients(
    design: Design, prefix: str, weights: Floats | None, location: float, scale: float
) -> list[Unknown]:
    """The unknown coefficients of a design, one for each of its terms."""
    unknowns = []
    for term in design.terms:
        columns = slice(term.start, term.stop)
        is_intercept = design.intercept and term.start == 0
        if is_intercept:
            slopes = np.delete(design.matrix, term.start, axis=1)
            defaults = lambda slopes=slopes: [intercept_prior(slopes, weights, location, scale)]  # noqa: E731
        else:
            own = design.matrix[:, columns]
            defaults = lambda own=own: slope_priors(own, weights, scale)  # noqa: E731
        labels = tuple(prefix + label for label in design.labels[columns])
        shared = "" if is_intercept else prefix + SHARED
        unknowns.append(Unknown(prefix + term.name, labels, REAL, defaults, shared=shared))
    return unknowns


def coefficient_labels(design: Design, groups: Sequence[GroupDesign], prefix: str) -> tuple[str, ...]:
    """Name the coefficients of a design and the effects of its groups, in the order of their columns."""
    own = (prefix + label for label in design.labels)
    return (*own, *(label for group in groups for label in effect_labels(group, prefix)))


def design_with_groups(matrix: Floats, groups: Sequence[GroupDesign]) -> Floats:
    """Put the columns of the effects of groups beside those of a design, shape (n, d)."""
    if not groups:
        return matrix
    joined = np.concatenate([matrix, *(effect_columns(group) for group in groups)], axis=1)
    joined.setflags(write=False)
    return joined


def _refuse_clashes(bodies: Sequence[Body]) -> None:
    """Refuse predictors whose coefficients would have the name of another unknown or of a line of priors."""
    taken = {
        body.prefix + name: what
        for body in bodies
        if body.design is not None
        for name, what in ((INTERCEPT, "the constant term"), (SHARED, "the line of priors for all slopes"))
    }
    taken |= {
        unknown.name: "a parameter of the likelihood"
        for body in bodies
        if body.design is None
        for unknown in body.unknowns
    }
    problems = []
    for body in bodies:
        for name, what in _names(body):
            if name in taken:
                advice = "leave one of them out" if "predictor" in taken[name] else "rename the column"
                problems.append(Problem(("model", "formula"), f"'{name}' is also {taken[name]}: {advice}"))
            taken.setdefault(name, what)
    if problems:
        raise ConfigError(problems)


def _names(body: Body) -> list[tuple[str, str]]:
    """Name the terms and the effects of groups of a formula, each with what it is."""
    if body.design is None or body.network is not None:
        return []
    terms = body.design.terms[body.design.intercept :]
    found = [(body.prefix + term.name, "a predictor") for term in terms]
    groups = [name for group in body.groups for name in effect_names(group, body.prefix)]
    return [*found, *((name, "the effects of groups") for name in groups)]
