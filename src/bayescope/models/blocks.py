"""From the lines under `priors:` to the blocks of a model: which prior each unknown gets, or which value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bayescope.config.priors import PriorSpec
from bayescope.config.suggest import suggest
from bayescope.data.checks import LARGEST
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.supports import Support
from bayescope.errors import ConfigError, Problem
from bayescope.models.defaults import stack
from bayescope.models.model import Block, Prior

type PriorLines = Mapping[str, PriorSpec | float]

SHARED = "coefficients"


@dataclass(frozen=True)
class Unknown:
    """What could become a block: its priors key, labels, support, and the default of each element.

    `shared` unknowns (slopes) fall back on the line `coefficients` and are then one vector together.
    """

    name: str
    labels: tuple[str, ...]
    support: Support
    defaults: Callable[[], Sequence[Prior]]
    shared: bool = False


def assemble(
    unknowns: Sequence[Unknown], lines: PriorLines, idle: Collection[str] = ()
) -> tuple[tuple[Block, ...], dict[str, float]]:
    """Give every unknown its prior: returns the blocks in theta's order, and the fixed values by label.

    Lines named in `idle` may be there without an unknown: a model of the library has a prior for
    the Intercept, and the formula of a run may have none.

    Raises:
        ConfigError: a line names no unknown, or its distribution does not fit the unknown's support.
    """
    problems = _unknown_lines(unknowns, lines, idle) + _misfits(unknowns, lines) + _extremes(lines)
    if problems:
        raise ConfigError(problems)
    fixed: dict[str, float] = {}
    blocks: list[Block] = []
    for group in _groups(unknowns, lines):
        line = lines.get(group[0].name, lines.get(SHARED) if group[0].shared else None)
        if isinstance(line, float | int):
            fixed |= {label: float(line) for unknown in group for label in unknown.labels}
        else:
            blocks.append(_block(group, line, blocks[-1].stop if blocks else 0, lines))
    return tuple(blocks), fixed


def _groups(unknowns: Sequence[Unknown], lines: PriorLines) -> list[list[Unknown]]:
    """Unknowns that share a line: slopes without one of their own stand together at the first of them."""
    groups: list[list[Unknown]] = []
    together: list[Unknown] = []
    for unknown in unknowns:
        if unknown.shared and unknown.name not in lines:
            if not together:
                groups.append(together)
            together.append(unknown)
        else:
            groups.append([unknown])
    return groups


def _block(group: Sequence[Unknown], line: PriorSpec | None, start: int, lines: PriorLines) -> Block:
    labels = tuple(label for unknown in group for label in unknown.labels)
    own_line = not group[0].shared or group[0].name in lines
    prior = (
        stack([prior for unknown in group for prior in unknown.defaults()])
        if line is None
        else Prior(line.distribution, line.arguments)
    )
    return Block(
        name=group[0].name if own_line else SHARED,
        labels=labels,
        scalar=own_line and labels == (group[0].name,),
        prior=prior,
        start=start,
        support=group[0].support,
        origin="default" if line is None else "given",
    )


def _unknown_lines(unknowns: Sequence[Unknown], lines: PriorLines, idle: Collection[str]) -> list[Problem]:
    names = [unknown.name for unknown in unknowns]
    known = names + ([SHARED] if any(unknown.shared for unknown in unknowns) else [])
    return [
        Problem(
            ("model", "priors", name),
            f"the model has no unknown named '{name}'{suggest(name, known, 'unknowns')}",
        )
        for name in lines
        if name not in known and name not in idle
    ]


def _extremes(lines: PriorLines) -> list[Problem]:
    """Numbers whose squares overflow or vanish, so that no density can be computed with them."""
    return [
        Problem(
            ("model", "priors", name),
            f"{number:g} is too {'large' if abs(number) > LARGEST else 'small'} to compute with; "
            "rescale the data so that numbers from 1e-100 to 1e100 do",
        )
        for name, line in lines.items()
        for number in _numbers(line)
        if number != 0 and not 1 / LARGEST <= abs(number) <= LARGEST
    ]


def _numbers(line: PriorSpec | float) -> list[float]:
    if not isinstance(line, PriorSpec):
        return [line]
    return [float(number) for value in line.arguments.values() for number in np.ravel(value)]


def _misfits(unknowns: Sequence[Unknown], lines: PriorLines) -> list[Problem]:
    """Lines whose distribution (or fixed value) leaves the support of an unknown it is for."""
    problems = {}
    for unknown in unknowns:
        key = unknown.name if unknown.name in lines else SHARED
        line = lines.get(key) if key == unknown.name or unknown.shared else None
        if line is not None and not _fits(unknown.support, line):
            problems[key] = _misfit(unknown, key, line)
        elif isinstance(line, PriorSpec) and unknown.support.simplex:
            problems |= _wrong_length(unknown, key, line)
    return list(problems.values())


def _wrong_length(unknown: Unknown, key: str, line: PriorSpec) -> dict[str, Problem]:
    [given] = [len(value) for value in line.arguments.values() if isinstance(value, tuple)]
    if given == len(unknown.labels):
        return {}
    message = f"{line} has {given} elements, and there are {len(unknown.labels)}: {', '.join(unknown.labels)}"
    return {key: Problem(("model", "priors", key), message)}


def _fits(support: Support, line: PriorSpec | float) -> bool:
    if isinstance(line, PriorSpec):
        return support.contains(_support(line))
    return not support.violations(np.array([line])).any()


def _support(line: PriorSpec) -> Support:
    return DISTRIBUTIONS[line.distribution].support(line.arguments)


def _misfit(unknown: Unknown, key: str, line: PriorSpec | float) -> Problem:
    fitting = [
        name
        for name, distribution in DISTRIBUTIONS.items()
        if any(argument.vector for argument in distribution.arguments) == unknown.support.simplex
        and unknown.support.contains(
            distribution.support({a.name: a.default or 0.5 for a in distribution.arguments})
        )
    ]
    what = f"{line}, over {_support(line)}," if isinstance(line, PriorSpec) else f"{line:g}"
    return Problem(
        ("model", "priors", key),
        f"{what} does not fit '{unknown.name}', which takes {unknown.support}: use {', '.join(fitting)}",
    )
