"""The grammar of hypotheses: distributions of the response with every parameter known, and their prior.

    hypothesis = distribution ( arguments )            as text: Bernoulli(0.95)
               | Categorical: {category: probability}  as a mapping, for categories that have names
    arguments  = positional ones in PyMC's order, then name=value ones
    value      = number expression, or a list of them for the p of Categorical

Names, order and supports of the arguments come from the table of likelihoods.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bayescope.config.arithmetic import GrammarError, evaluate, source, syntax_tree
from bayescope.config.messages import shown
from bayescope.config.suggest import quoted, suggest
from bayescope.distributions.distributions import Argument
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import SIMPLEX_TOLERANCE, Support
from bayescope.errors import ConfigError, Problem

CATEGORICAL = "Categorical"

type Known = float | Mapping[str, float]

_EXAMPLE = "write one such as Bernoulli(0.95)"
_NAMED_CATEGORIES = "`Categorical: {offer: 0.8, meeting: 0.2}`"
_N = Argument("n", Support(lower=1.0, integer=True))


@dataclass(frozen=True)
class HypothesisSpec:
    """A distribution with all its arguments, in PyMC's order; those of Categorical are by category."""

    likelihood: str
    arguments: Mapping[str, Known]

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.likelihood, str(self)))

    def __str__(self) -> str:
        """Write it for reading: `Bernoulli(0.95)`, `Categorical(offer: 0.8, meeting: 0.2)`."""
        return f"{self.likelihood}({', '.join(map(_value_text, self.arguments.values()))})"


def _value_text(value: Known) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{category}: {_value_text(p)}" for category, p in value.items())
    return repr(value).removesuffix(".0")


def as_written(spec: HypothesisSpec) -> str | dict[str, dict[str, float]]:
    """Return the hypothesis as a configuration holds it: `parse_hypothesis` reads it back."""
    for value in spec.arguments.values():
        if isinstance(value, Mapping):
            return {spec.likelihood: dict(value)}
    return str(spec)


def arguments_of(likelihood: str) -> tuple[Argument, ...]:
    """Return the arguments of a likelihood in PyMC's order: its parameters, for Binomial after `n`."""
    entry = LIKELIHOODS[likelihood]
    own = tuple(Argument(p.name, p.support, vector=p.support.simplex) for p in entry.parameters)
    return (_N, *own) if entry.needs_trials else own


HEADS = tuple(name for name, entry in LIKELIHOODS.items() if not entry.multivariate and not entry.ordered)


def parse_hypothesis(written: object) -> HypothesisSpec:
    """Return the hypothesis that `written` says: a text, or a mapping for named categories.

    >>> str(parse_hypothesis("Normal(80, sigma=5 * 2)"))
    'Normal(80, 10)'
    >>> str(parse_hypothesis({"Categorical": {"offer": 0.8, "meeting": 0.2}}))
    'Categorical(offer: 0.8, meeting: 0.2)'

    Raises:
        ConfigError: it is no distribution of known parameters; the problems have the empty path.
    """
    if isinstance(written, HypothesisSpec):
        return written
    messages: list[str] = []
    try:
        spec = (
            _from_mapping(written, messages)
            if isinstance(written, Mapping)
            else _from_text(written, messages)
        )
    except GrammarError as error:
        messages.append(str(error))
    if messages:
        raise ConfigError(Problem((), message) for message in messages)
    return spec


def _from_mapping(written: Mapping[Any, Any], messages: list[str]) -> HypothesisSpec:
    (name, categories), *others = written.items() or [(None, None)]
    if name != CATEGORICAL or others or not isinstance(categories, Mapping) or not categories:
        raise GrammarError(f"expected a distribution such as Bernoulli(0.95), or {_NAMED_CATEGORIES}")
    values = {}
    for category, written_p in categories.items():
        try:
            values[category_label(category)] = parse_probability(written_p)
        except GrammarError as error:
            messages.append(f"Categorical: {category}: {error}")
    if not messages:
        messages.extend(wrong_sum("Categorical: the probabilities", values.values()))
    return HypothesisSpec(CATEGORICAL, MappingProxyType({"p": MappingProxyType(values)}))


def category_label(value: object) -> str:
    """Name a category as results show it: a whole number without its point, and text as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value)


def parse_probability(written: object) -> float:
    """Return a probability from a number or arithmetic of numbers (`1 / 3`), or raise `GrammarError`."""
    if isinstance(written, str):
        try:
            written = evaluate(syntax_tree(written))
        except GrammarError:
            raise GrammarError(f"expected a probability, not {shown(written)}") from None
    if isinstance(written, bool) or not isinstance(written, int | float) or not 0 <= written <= 1:
        raise GrammarError(f"expected a probability, a number from 0 to 1, not {shown(written)}")
    return float(written)


def wrong_sum(what: str, values: Iterable[float]) -> Iterator[str]:
    """Yield a message when probabilities do not sum to 1, up to 1e-8."""
    total = math.fsum(values)
    if not abs(total - 1.0) <= SIMPLEX_TOLERANCE:
        yield f"{what} sum to {total:.10g}, not 1"


def _from_text(written: object, messages: list[str]) -> HypothesisSpec:
    if not isinstance(written, str):
        raise GrammarError(f"expected a distribution such as Bernoulli(0.95), not {shown(written)}")
    try:
        tree = syntax_tree(written)
    except GrammarError:
        # the commonest cause: a comma inside { } ends a YAML value, so the text arrives cut short
        cut = "; inside { } put it in quotes" if written.count("(") > written.count(")") else ""
        raise GrammarError(f"{shown(written)} is not a distribution; {_EXAMPLE}{cut}") from None
    function = tree.func if isinstance(tree, ast.Call) else tree
    if not isinstance(function, ast.Name):
        raise GrammarError(f"{source(function)} is not a distribution; {_EXAMPLE}")
    if function.id not in HEADS:
        ending = suggest(function.id, HEADS, "distributions of a response")
        raise GrammarError(f"unknown distribution {quoted(function.id)}{ending}")
    if not isinstance(tree, ast.Call):
        raise GrammarError(f"'{function.id}' needs its arguments: {signature(function.id)}")
    return _checked(function.id, tree, messages)


def signature(likelihood: str) -> str:
    """Return how a hypothesis is written: "Normal(mu, sigma)"."""
    return f"{likelihood}({', '.join(argument.name for argument in arguments_of(likelihood))})"


def _checked(likelihood: str, call: ast.Call, messages: list[str]) -> HypothesisSpec:
    """Collect everything wrong with a call."""
    declared = {argument.name: argument for argument in arguments_of(likelihood)}
    values: dict[str, Known] = {}
    given: set[str] = set()
    for name, node in _bound(likelihood, tuple(declared), call, messages):
        if name in given:
            messages.append(f"{likelihood}: '{name}' is given twice")
        given.add(name)
        try:
            values[name] = _value(declared[name], node)
        except GrammarError as error:
            messages.append(f"{likelihood}: {error}")
    missing = [name for name in declared if name not in given]
    if missing and not messages:
        messages.append(f"{likelihood} lacks '{missing[0]}'; write {signature(likelihood)}")
    if not messages:
        messages.extend(_impossible(likelihood, values))
    return HypothesisSpec(likelihood, MappingProxyType({k: values[k] for k in declared if k in values}))


def _bound(
    likelihood: str, names: Sequence[str], call: ast.Call, messages: list[str]
) -> Iterator[tuple[str, ast.expr]]:
    """Pair the arguments of a call with their names; note those that have none."""
    if len(call.args) > len(names):
        messages.append(f"too many arguments ({len(call.args)}); write {signature(likelihood)}")
    yield from zip(names, call.args, strict=False)
    for keyword in call.keywords:
        if keyword.arg is not None and keyword.arg in names:
            yield keyword.arg, keyword.value
        else:
            ending = suggest(keyword.arg or "**", names, "its arguments are")
            messages.append(f"{likelihood} has no argument {quoted(keyword.arg or '**')}{ending}")


def _value(argument: Argument, node: ast.expr) -> Known:
    if argument.vector:
        return _probabilities(node)
    value = evaluate(node)
    if argument.support.violations(value):
        raise GrammarError(f"'{argument.name}' takes {argument.support}, not {_value_text(value)}")
    return value


def _probabilities(node: ast.expr) -> Mapping[str, float]:
    """Read the p of Categorical: a list for the categories 0, 1, ..."""
    if not isinstance(node, ast.List) or len(node.elts) < 2:
        wanted = f"a list such as [0.2, 0.8] for the categories 0 and 1; for names write {_NAMED_CATEGORIES}"
        raise GrammarError(f"'p' must be {wanted}")
    values = {str(k): parse_probability(evaluate(element)) for k, element in enumerate(node.elts)}
    for message in wrong_sum("the elements of 'p'", values.values()):
        raise GrammarError(message)
    return MappingProxyType(values)


def _impossible(likelihood: str, values: Mapping[str, Known]) -> Iterator[str]:
    """Yield a message when the arguments leave no room, as in Uniform(1, 0)."""
    lower, upper = values.get("lower"), values.get("upper")
    if isinstance(lower, float) and isinstance(upper, float) and not lower < upper:
        ends = f"{_value_text(lower)} and {_value_text(upper)}"
        yield f"{likelihood}: 'lower' must be less than 'upper', not {ends}"
