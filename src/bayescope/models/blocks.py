"""From the lines under `priors:` to the blocks of a model: which prior each unknown gets, or which value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from bayescope.config.priors import PriorSpec, Scaled
from bayescope.config.suggest import suggest
from bayescope.data.checks import LARGEST
from bayescope.distributions.choices import CORRELATION, WRITTEN
from bayescope.distributions.supports import Support
from bayescope.errors import ConfigError, Problem
from bayescope.models.defaults import stack
from bayescope.models.model import Block, Prior
from bayescope.models.scales import PriorLines

SHARED = "coefficients"


@dataclass(frozen=True)
class Unknown:
    """What could become a block: its priors key, labels, support, and the default of each element.

    `shared` names the line that several unknowns fall back on, and are then one vector together (slopes:
    `coefficients`); "" for none. A
    `vector` is one unknown of several elements, which may have a joint prior and is not fixed by a number.
    """

    name: str
    labels: tuple[str, ...]
    support: Support
    defaults: Callable[[], Sequence[Prior]]
    shared: str = ""
    vector: bool = False


def assemble(
    unknowns: Sequence[Unknown],
    lines: PriorLines,
    idle: Collection[str] = (),
    problems: Sequence[Problem] = (),
) -> tuple[tuple[Block, ...], dict[str, float]]:
    """Give every unknown its prior: returns the blocks in theta's order, and the fixed values by label.

    Lines named in `idle` may be there without an unknown: a model of the library has a prior for
    the Intercept, and the formula of a run may have none. `problems` are what else is wrong with the lines.

    Raises:
        ConfigError: a line names no unknown, or its distribution does not fit the unknown's support.
    """
    wrong = _unknown_lines(unknowns, lines, idle) + _misfits(unknowns, lines) + _extremes(lines)
    if wrong or problems:
        raise ConfigError([*wrong, *problems])
    fixed: dict[str, float] = {}
    blocks: list[Block] = []
    for group in _groups(unknowns, lines):
        line = lines.get(group[0].name, lines.get(group[0].shared))
        if isinstance(line, float | int):
            fixed |= {label: float(line) for unknown in group for label in unknown.labels}
        else:
            blocks.append(_block(group, line, blocks[-1].stop if blocks else 0, lines))
    return tuple(blocks), fixed


def _groups(unknowns: Sequence[Unknown], lines: PriorLines) -> list[list[Unknown]]:
    """Unknowns that share a line: slopes without one of their own stand together at the first of them."""
    groups: list[list[Unknown]] = []
    together: dict[str, list[Unknown]] = {}
    for unknown in unknowns:
        if unknown.shared and unknown.name not in lines:
            if unknown.shared not in together:
                groups.append(together.setdefault(unknown.shared, []))
            together[unknown.shared].append(unknown)
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
        name=group[0].name if own_line else group[0].shared,
        labels=labels,
        scalar=own_line and labels == (group[0].name,),
        prior=prior,
        start=start,
        support=group[0].support,
        origin="default" if line is None else "given",
    )


def _unknown_lines(unknowns: Sequence[Unknown], lines: PriorLines, idle: Collection[str]) -> list[Problem]:
    names = [unknown.name for unknown in unknowns]
    known = [*names, *dict.fromkeys(unknown.shared for unknown in unknowns if unknown.shared)]
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
    values = (value.factor if isinstance(value, Scaled) else value for value in line.arguments.values())
    return [float(number) for value in values for number in np.ravel(value)]


def _misfits(unknowns: Sequence[Unknown], lines: PriorLines) -> list[Problem]:
    """Lines whose distribution (or fixed value) leaves the support of an unknown it is for."""
    problems = {}
    for unknown in unknowns:
        key = unknown.name if unknown.name in lines else unknown.shared
        line = lines.get(key)
        if unknown.vector and isinstance(line, float | int):
            message = f"'{unknown.name}' is a vector, which no number fixes: give it a prior"
            problems[key] = Problem(("model", "priors", key), message)
        elif line is not None and not _fits(unknown.support, line):
            problems[key] = _misfit(unknown, key, line)
        elif isinstance(line, PriorSpec) and WRITTEN[line.distribution].joint:
            problems |= _wrong_length(unknown, key, line)
    return list(problems.values())


def _wrong_length(unknown: Unknown, key: str, line: PriorSpec) -> dict[str, Problem]:
    if not (unknown.support.simplex or unknown.vector):
        message = f"{line} does not fit '{key}': it is the prior of a vector such as the mu of MvNormal"
        return {key: Problem(("model", "priors", key), message)}
    given = next(len(value) for value in line.arguments.values() if isinstance(value, tuple))
    if given == len(unknown.labels):
        return {}
    message = f"{line} has {given} elements, and there are {len(unknown.labels)}: {', '.join(unknown.labels)}"
    return {key: Problem(("model", "priors", key), message)}


def _fits(support: Support, line: PriorSpec | float) -> bool:
    if isinstance(line, PriorSpec):
        return support.contains(_support(line)) and (support == CORRELATION) == (line.distribution == "LKJ")
    return not support.violations(np.array([line])).any()


def _support(line: PriorSpec) -> Support:
    return WRITTEN[line.distribution].support(line.arguments)


def _misfit(unknown: Unknown, key: str, line: PriorSpec | float) -> Problem:
    fitting = [
        name
        for name, distribution in WRITTEN.items()
        if (unknown.support == CORRELATION) == (name == "LKJ")
        and (not distribution.joint or unknown.support.simplex or unknown.vector)
        and unknown.support.contains(
            distribution.support({a.name: a.default or 0.5 for a in distribution.arguments})
        )
    ]
    what = f"{line}, over {_support(line)}," if isinstance(line, PriorSpec) else f"{line:g}"
    return Problem(
        ("model", "priors", key),
        f"{what} does not fit '{unknown.name}', which takes {unknown.support}: use {', '.join(fitting)}",
    )
