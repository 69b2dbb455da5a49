"""Scales that are a number times a parameter of the likelihood, as in `Normal(0, 10 * sigma)`.

Which parameters a prior may name, what the scale is at a theta, and how its density changes with it:
with p(x) = g(u / s) / s, u = x - location, the derivatives in s follow from those in x,

    d log p / ds = -(1 + u l') / s      d2 log p / dx ds = -(l' + u l'') / s
    d2 log p / ds2 = (1 + 2 u l' + u^2 l'') / s^2,       l' = d log p / dx
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.config.priors import PriorSpec, Scaled
from bayescope.config.suggest import quoted, suggest
from bayescope.distributions.choices import PRIORS
from bayescope.distributions.distributions import DISTRIBUTIONS, Distribution
from bayescope.distributions.likelihoods import HeadParameter, Likelihood
from bayescope.distributions.links import LINKS
from bayescope.errors import Problem
from bayescope.models.model import Model, Prior

type Floats = NDArray[np.float64]
type PriorLines = Mapping[str, PriorSpec | float]


def resolve_scales(
    lines: PriorLines, likelihood: Likelihood, modelled: Collection[str] = ()
) -> tuple[PriorLines, list[Problem]]:
    """Check the parameters that scales name, and put the numbers of fixed ones in their place.

    `modelled` parameters have a formula.

    Returns the lines, in which every `Scaled` that is left names an unknown, and what is wrong with them.
    """
    problems = [
        Problem(("model", "priors", name), message)
        for name, scaled in _scaled_lines(lines)
        for message in _faults(name, scaled.parameter, lines, likelihood, modelled)
    ]
    if problems:
        return lines, problems
    values = {parameter.name: _fixed_value(parameter, lines) for parameter in likelihood.parameters}
    return {name: _with_numbers(line, values) for name, line in lines.items()}, []


def scaled_of(arguments: Mapping[str, Any]) -> Scaled | None:
    """Return the scale of a prior's arguments that is a number times a parameter, if one is."""
    return next((value for value in arguments.values() if isinstance(value, Scaled)), None)


def _scaled_lines(lines: PriorLines) -> Iterator[tuple[str, Scaled]]:
    for name, line in lines.items():
        scaled = scaled_of(line.arguments) if isinstance(line, PriorSpec) else None
        if scaled is not None:
            yield name, scaled


def _faults(
    name: str, wanted: str, lines: PriorLines, likelihood: Likelihood, modelled: Collection[str]
) -> Iterator[str]:
    """Say why `wanted` cannot scale the prior of `name`."""
    parameters = {parameter.name: parameter for parameter in likelihood.parameters}
    spelled = next((p.name for p in parameters.values() if wanted in p.spellings), None)
    if spelled is not None:
        yield f"a scale is a number times {spelled} itself: write 10 * {spelled}, whatever prior {wanted} has"
    elif wanted not in parameters:
        ending = suggest(wanted, parameters, f"parameters of {likelihood.name}")
        yield f"{quoted(wanted)} is no parameter of the likelihood{ending}"
    elif name in (wanted, *parameters[wanted].spellings):
        yield f"the prior of {name} cannot be scaled by {wanted} itself"
    elif wanted in modelled:
        yield f"{wanted} has a formula and differs between rows: it cannot scale a prior"
    elif not parameters[wanted].support.lower >= 0:
        yield f"{wanted} takes {parameters[wanted].support}, and a scale must be positive"
    elif _comes_back(name, wanted, dict(_scaled_lines(lines)), parameters):
        yield f"the priors of {name} and {wanted} cannot be scaled by each other"


def _comes_back(
    name: str, wanted: str, scaled: Mapping[str, Scaled], parameters: Mapping[str, HeadParameter]
) -> bool:
    """Tell whether the scale of the prior of `wanted` depends on `name` in turn."""
    seen: set[str] = set()
    while wanted in parameters and wanted not in seen:
        seen.add(wanted)
        keys = (wanted, *parameters[wanted].spellings)
        following = next((scaled[key].parameter for key in keys if key in scaled), "")
        if following in parameters and name in (following, *parameters[following].spellings):
            return True
        wanted = following
    return False


def _fixed_value(parameter: HeadParameter, lines: PriorLines) -> float | None:
    """The number that a parameter is fixed at, under any of its spellings; None where it is unknown."""
    for name in (parameter.name, *parameter.spellings):
        line = lines.get(name)
        if isinstance(line, int | float):
            return float(LINKS[parameter.spellings.get(name, "identity")].inverse(line))
    return None


def _with_numbers(line: PriorSpec | float, values: Mapping[str, float | None]) -> PriorSpec | float:
    if not isinstance(line, PriorSpec):
        return line
    arguments = {
        name: value.factor * number
        if isinstance(value, Scaled) and (number := values[value.parameter]) is not None
        else value
        for name, value in line.arguments.items()
    }
    return replace(line, arguments=MappingProxyType(arguments))


class Source(NamedTuple):
    """Where a scale comes from: link^-1(theta[position]) of an unknown."""

    position: int
    link: str


def source_of(model: Model, scaled: Scaled) -> Source:
    """Return the unknown that a scale is a multiple of: a parameter of the likelihood, or a label."""
    predictor = next((p for p in model.predictors if p.parameter == scaled.parameter), None)
    if predictor is None:
        return Source(model.names.index(scaled.parameter), "identity")
    [position] = predictor.index
    return Source(int(position), predictor.link)


def scales_with(arguments: Mapping[str, Any], parameter: str) -> bool:
    """Tell whether a prior's scale is a number times `parameter`."""
    scaled = scaled_of(arguments)
    return scaled is not None and scaled.parameter == parameter


def value_of(model: Model, scaled: Scaled, theta: Floats) -> Floats:
    """Compute factor times parameter at theta, shape (..., d); the result has shape (...)."""
    source = source_of(model, scaled)
    return np.asarray(scaled.factor * LINKS[source.link].inverse(theta[..., source.position]))


def arguments_at(model: Model, prior: Prior, theta: Floats) -> list[Floats]:
    """Return the arguments of a prior in the table's order, a scale at theta, shape (d,), as its number."""
    given = (prior.arguments[argument.name] for argument in PRIORS[prior.distribution].arguments)
    return [value_of(model, v, theta) if isinstance(v, Scaled) else np.asarray(v) for v in given]


class ScaleDerivatives(NamedTuple):
    """Derivatives of sum_j log p(x_j) in one unknown t that the scale s depends on: s = s(t).

    Attributes:
        position: of t in theta.
        slope: in t.
        curvature: twice in t.
        mixed: in x_j and t, shape (k,).
    """

    position: int
    slope: float
    curvature: float
    mixed: Floats


def scale_derivatives(model: Model, prior: Prior, theta: Floats, x: Floats) -> ScaleDerivatives | None:
    """Compute how the log prior of elements `x`, shape (k,), changes with its scale; None: by no unknown."""
    scaled = scaled_of(prior.arguments)
    if scaled is None:
        return None
    source, distribution = source_of(model, scaled), DISTRIBUTIONS[prior.distribution]
    position, link = source.position, LINKS[source.link]
    eta = theta[position]
    rise, bend = (scaled.factor * float(f(eta)) for f in (link.slope, link.curvature))
    first, mixed, second = in_scale(distribution, x, arguments_at(model, prior, theta))
    slope, curvature = float(np.sum(first)), float(np.sum(second))
    return ScaleDerivatives(position, slope * rise, curvature * rise**2 + slope * bend, mixed * rise)


def in_scale(distribution: Distribution, x: Floats, arguments: list[Floats]) -> tuple[Floats, ...]:
    """Return d log p / ds, d2 log p / dx ds and d2 log p / ds2, each of the shape of x."""
    named = dict(zip((a.name for a in distribution.arguments), arguments, strict=True))
    scale = named[distribution.scale or ""]
    u = x - named.get(distribution.location or "", np.zeros(()))
    slope, curvature = distribution.slope(x, *arguments), distribution.curvature(x, *arguments)
    return (
        -(1 + u * slope) / scale,
        -(slope + u * curvature) / scale,
        (1 + 2 * u * slope + u**2 * curvature) / scale**2,
    )
