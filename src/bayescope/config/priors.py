"""The grammar of priors: `Normal(0, 10)`, read as data and never evaluated.

    prior      = number expression | distribution ( arguments )
    arguments  = positional ones in PyMC's order, then name=value ones
    value      = number expression; [list of them] where the argument is a vector, list of rows for a matrix
    expression = numbers, + - * / **, parentheses; in a scale also one parameter, times or over numbers

Names, order, defaults and supports of the arguments come from the table of distributions, and so does
which of them is the scale.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bayescope.config.arithmetic import GrammarError, evaluate, multiple, names_in, source, syntax_tree
from bayescope.config.matrices import Matrix
from bayescope.config.messages import shown
from bayescope.config.suggest import closest, quoted, suggest
from bayescope.distributions.choices import WRITTEN
from bayescope.distributions.distributions import DISTRIBUTIONS, Argument, Distribution
from bayescope.distributions.supports import Support
from bayescope.distributions.vector_densities import covariance_fault
from bayescope.errors import ConfigError, Problem


@dataclass(frozen=True)
class Scaled:
    """A scale that is a positive number times a parameter of the likelihood: the `10 * sigma` of a prior."""

    factor: float
    parameter: str

    def __str__(self) -> str:
        """Return the shortest text that reads back as the same: `10 * sigma`."""
        return self.text(value_text(self.factor))

    def text(self, factor: str) -> str:
        """Write it with the factor as `factor` shows it."""
        return self.parameter if factor == "1" else f"{factor} * {self.parameter}"


type Value = float | tuple[float, ...] | Matrix | Scaled


@dataclass(frozen=True)
class PriorSpec:
    """A prior as the user wrote it: every argument of the distribution, in the table's order."""

    distribution: str
    arguments: Mapping[str, Value]

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.distribution, tuple(self.arguments.items())))

    def __str__(self) -> str:
        """Return the prior as a configuration writes it, every argument given."""
        return f"{self.distribution}({', '.join(map(value_text, self.arguments.values()))})"


def value_text(value: Value) -> str:
    """Return the shortest text that reads back as the same number, list of numbers, or scaled parameter."""
    if isinstance(value, Scaled):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return repr(value).removesuffix(".0")


def parse_prior(written: object) -> PriorSpec | float:
    """Return the prior that `written` says: a `PriorSpec`, or the number that a parameter is fixed at.

    >>> str(parse_prior("Normal(0, sigma=5 * 2)"))
    'Normal(0, 10)'
    >>> parse_prior("1 / 4")
    0.25
    >>> parse_prior("Normal(0, sigma * 5 * 2)").arguments["sigma"]
    Scaled(factor=10.0, parameter='sigma')

    Raises:
        ConfigError: `written` is no prior; the problems have the empty path.
    """
    if isinstance(written, int | float) and not isinstance(written, bool):
        return _fixed(written)
    if not isinstance(written, str):
        raise _config_error([f"expected a prior such as Normal(0, 10), or a number, not {shown(written)}"])
    try:
        tree = syntax_tree(written)
        if isinstance(tree, ast.Call | ast.Name):
            return _distribution_call(tree)
        return evaluate(tree)
    except GrammarError as error:
        raise _config_error([str(error)]) from None


def _config_error(messages: list[str]) -> ConfigError:
    return ConfigError(Problem((), message) for message in messages)


def _fixed(number: float) -> float:
    if not math.isfinite(number):
        raise _config_error([f"a parameter cannot be fixed at {number}"])
    return float(number)


def _distribution_call(tree: ast.Call | ast.Name) -> PriorSpec:
    function = tree.func if isinstance(tree, ast.Call) else tree
    if not isinstance(function, ast.Name):
        raise GrammarError(f"{source(function)} is not a distribution; write one such as Normal(0, 10)")
    distribution = WRITTEN.get(function.id)
    if distribution is None:
        ending = suggest(function.id, DISTRIBUTIONS, "distributions")
        raise GrammarError(f"unknown distribution {quoted(function.id)}{ending}")
    if not isinstance(tree, ast.Call):
        raise GrammarError(f"'{function.id}' needs its arguments: {signature(distribution)}")
    return _checked(distribution, tree)


def signature(distribution: Distribution) -> str:
    """Return how a distribution is written: "StudentT(nu, mu=0, sigma=1)"."""
    inner = ", ".join(
        a.name if a.default is None else f"{a.name}={value_text(float(a.default))}"
        for a in distribution.arguments
    )
    return f"{distribution.name}({inner})"


def _checked(distribution: Distribution, call: ast.Call) -> PriorSpec:
    """Collect everything wrong with a call; a call without fault becomes a `PriorSpec`."""
    messages: list[str] = []
    values = _defaults(distribution)
    given: set[str] = set()
    for name, node in _bound(distribution, call, messages):
        if name in given:
            messages.append(f"{distribution.name}: '{name}' is given twice")
        given.add(name)
        try:
            values[name] = _argument(distribution, _by_name(distribution)[name], node)
        except GrammarError as error:
            messages.append(f"{distribution.name}: {error}")
    missing = [name for name in _by_name(distribution) if name not in values and name not in given]
    if missing and not messages:
        messages.append(f"{distribution.name} lacks '{missing[0]}'; write {signature(distribution)}")
    if not messages:
        messages.extend(_empty_support(distribution, values))
    if messages:
        raise _config_error(messages)
    ordered = {argument.name: values[argument.name] for argument in distribution.arguments}
    return PriorSpec(distribution.name, MappingProxyType(ordered))


def _by_name(distribution: Distribution) -> dict[str, Argument]:
    return {argument.name: argument for argument in distribution.arguments}


def _defaults(distribution: Distribution) -> dict[str, Value]:
    return {a.name: float(a.default) for a in distribution.arguments if a.default is not None}


def _bound(distribution: Distribution, call: ast.Call, messages: list[str]) -> Iterator[tuple[str, ast.expr]]:
    """Pair the arguments of a call with their names; note those that have none."""
    names = tuple(_by_name(distribution))
    if len(call.args) > len(names):
        messages.append(f"too many arguments ({len(call.args)}); write {signature(distribution)}")
    yield from zip(names, call.args, strict=False)
    for keyword in call.keywords:
        if keyword.arg is None:
            messages.append(f"{distribution.name}: '**' is not supported; write {signature(distribution)}")
        elif keyword.arg not in names:
            messages.append(_unknown_argument(distribution, keyword.arg))
        else:
            yield keyword.arg, keyword.value


# What other libraries, and PyMC's alternative parametrisations, call an argument: the names here.
_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sd": ("sigma",),
        "std": ("sigma",),
        "scale": ("sigma", "b"),
        "mean": ("mu",),
        "loc": ("mu", "alpha"),
        "df": ("nu",),
        "rate": ("lam",),
        "lambda_": ("lam",),
        "shape": ("alpha",),
        "a": ("alpha",),
        "alpha": ("a",),
        "b": ("beta",),
        "beta": ("b",),
        "low": ("lower",),
        "min": ("lower",),
        "high": ("upper",),
        "max": ("upper",),
    }
)
# Arguments that say the same in another way, by (distribution, or any; argument).
_CONVERSIONS: Mapping[tuple[str | None, str], str] = MappingProxyType(
    {
        (None, "tau"): "sigma = 1 / sqrt(tau)",
        (None, "lam"): "sigma = 1 / sqrt(lam)",
        (None, "variance"): "sigma = sqrt(variance)",
        ("Exponential", "scale"): "lam = 1 / scale",
        ("Gamma", "scale"): "beta = 1 / scale",
        ("Gamma", "rate"): "beta",
        ("InverseGamma", "scale"): "beta",
        ("Cauchy", "scale"): "beta",
        ("HalfCauchy", "scale"): "beta",
    }
)


def _unknown_argument(distribution: Distribution, name: str) -> str:
    names = tuple(_by_name(distribution))
    same = _CONVERSIONS.get((distribution.name, name)) or _CONVERSIONS.get((None, name), "")
    meant = next((alias for alias in _ALIASES.get(name, ()) if alias in names), None)
    if same.split(" ")[0] in names:
        ending = f"; write {same}"
    elif meant is not None:
        ending = f"; write {meant}"
    elif closest(name, names):
        ending = suggest(name, names)
    else:
        ending = f"; write {signature(distribution)}"
    return f"{distribution.name} has no argument {quoted(name)}{ending}"


def _argument(distribution: Distribution, argument: Argument, node: ast.expr) -> Value:
    if argument.matrix:
        return _matrix(argument, node)
    if argument.vector:
        return _vector(argument, node)
    if isinstance(node, ast.List | ast.Tuple):
        raise GrammarError(f"'{argument.name}' must be a single number, not a list")
    if names_in(node):
        return _scaled(distribution, argument, node)
    return _supported(argument, evaluate(node))


def _scaled(distribution: Distribution, argument: Argument, node: ast.expr) -> Scaled:
    """Read a number times a parameter, which only a scale can be."""
    if argument.name != distribution.scale:
        only = f"only '{distribution.scale}' can be" if distribution.scale else "no argument of it is"
        raise GrammarError(
            f"'{argument.name}' must be a number, not {source(node)}; {only} a number times a parameter"
        )
    factor, parameter = multiple(node)
    if not factor > 0:
        raise GrammarError(f"'{argument.name}' must be positive: {source(node)} is not")
    return Scaled(factor, parameter)


def _vector(argument: Argument, node: ast.expr) -> tuple[float, ...]:
    if not isinstance(node, ast.List) or len(node.elts) < 2:
        raise GrammarError(f"'{argument.name}' must be a list of two or more numbers, such as [1, 1, 1]")
    return tuple(_supported(argument, evaluate(element)) for element in node.elts)


def _matrix(argument: Argument, node: ast.expr) -> Matrix:
    rows = node.elts if isinstance(node, ast.List) else []
    if len(rows) < 2 or not all(isinstance(row, ast.List) for row in rows):
        raise GrammarError(f"'{argument.name}' must be a list of rows, such as [[1, 0], [0, 1]]")
    found = tuple(
        tuple(evaluate(element) for element in row.elts) for row in rows if isinstance(row, ast.List)
    )
    if fault := covariance_fault(found):
        raise GrammarError(f"'{argument.name}' {fault}")
    return found


def _supported(argument: Argument, value: float) -> float:
    support: Support = argument.support
    if support.lower < value < support.upper:
        return value
    if math.isinf(support.upper):
        wanted = f"greater than {support.lower:g}"
    else:
        wanted = f"between {support.lower:g} and {support.upper:g}"
    raise GrammarError(f"'{argument.name}' must be {wanted}, not {value_text(value)}")


def _empty_support(distribution: Distribution, values: Mapping[str, Value]) -> Iterator[str]:
    """Yield a message when the arguments leave the distribution no room, as in Uniform(1, 0)."""
    scalars = {name: value for name, value in values.items() if isinstance(value, float)}
    if len(scalars) == len(values):
        support = distribution.support(scalars)
        if not support.lower < support.upper:
            ends = f"{value_text(float(support.lower))} and {value_text(float(support.upper))}"
            yield f"{distribution.name}: 'lower' must be less than 'upper', not {ends}"
    sizes = {name: len(value) for name, value in values.items() if isinstance(value, tuple)}
    if len(set(sizes.values())) > 1:
        given = " and ".join(f"'{name}' has {size}" for name, size in sizes.items())
        yield f"{distribution.name}: one row for each element is needed, and {given}"
