"""The `body:` key: what makes a linear predictor out of the columns of a formula, where it is not linear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bayescope.config.suggest import quoted, suggest
from bayescope.distributions.likelihood import Likelihood
from bayescope.errors import ConfigError, Problem

ACTIVATION_NAMES = ("tanh", "relu", "softplus", "logistic")
MOST_LAYERS = 3


class MLP(BaseModel):
    """A multilayer perceptron: units of each hidden layer, and what a unit does to its input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, max_length=MOST_LAYERS)
    ] = Field(description="The number of units of each hidden layer, such as [16].")
    activation: str = Field(
        default="tanh",
        description="What a hidden unit does to its input.",
        json_schema_extra={"enum": [*ACTIVATION_NAMES]},
    )


class Body(BaseModel):
    """The body of one parameter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mlp: MLP = Field(description="A neural network of the formula's columns.")


def parse_body(value: object) -> dict[str, Body]:
    """Read `{mlp: {...}}`, of the location under the name "", or one for each parameter by its name.

    Raises:
        ConfigError: everything that is wrong, one problem each.
    """
    if not isinstance(value, Mapping) or not value:
        wanted = (
            "expected {mlp: {hidden: [16], activation: tanh}}, or one for each parameter: {mu: {mlp: ...}}"
        )
        raise ConfigError([Problem((), wanted)])
    if all(isinstance(part, Body) for part in value.values()):
        return {str(name): part for name, part in value.items()}
    several = (
        {} if "mlp" in value else {name: part for name, part in value.items() if isinstance(part, Mapping)}
    )
    parts = several if several and len(several) == len(value) else {"": value}
    problems = [problem for name, part in parts.items() for problem in _problems(str(name), part)]
    if problems:
        raise ConfigError(problems)
    return {str(name): Body.model_validate(part) for name, part in parts.items()}


def _problems(name: str, part: Mapping[Any, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the body of one parameter."""
    place = f"{name}: " if name else ""
    if name and MLP.model_fields.keys() & part.keys():  # `mlp` itself misspelt
        yield Problem((), f"unknown body {quoted(name)}{suggest(name, ('mlp',), 'bodies')}")
        return
    for key in part:
        if key != "mlp":
            known = suggest(str(key), ("mlp",), "bodies")
            yield Problem((), f"{place}unknown body {quoted(key)}{known}")
    if "mlp" in part:
        yield from (Problem((), f"{place}mlp: {message}") for message in _mlp_messages(part["mlp"]))


def _mlp_messages(mlp: Any) -> Iterator[str]:
    if not isinstance(mlp, Mapping):
        yield "expected {hidden: [16], activation: tanh}"
        return
    for key in mlp:
        if key not in MLP.model_fields:
            yield f"unknown key {quoted(key)}{suggest(str(key), MLP.model_fields, 'keys here')}"
    hidden, activation = mlp.get("hidden"), mlp.get("activation", "tanh")
    if not isinstance(hidden, list | tuple) or not 1 <= len(hidden) <= MOST_LAYERS:
        yield f"`hidden` is a list of the units of 1 to {MOST_LAYERS} hidden layers, such as [16]"
    elif not all(isinstance(units, int) and not isinstance(units, bool) and units >= 1 for units in hidden):
        yield "`hidden` has whole numbers of at least 1, such as [16]"
    if activation not in ACTIVATION_NAMES:
        name = str(activation)
        yield f"unknown activation {quoted(name)}{suggest(name, ACTIVATION_NAMES, 'known')}"


def write_body(bodies: Mapping[str, Body]) -> dict[str, Any]:
    """Write bodies as in the configuration."""
    written = {name: part.model_dump(mode="json") for name, part in bodies.items()}
    return written.get("", written)


def body_rules(model: Mapping[Any, Any], likelihood: Likelihood) -> Iterator[Problem]:
    """Yield bodies of parameters that have no formula."""
    body, formula = model.get("body"), model.get("formula")
    if not isinstance(body, Mapping) or "mlp" in body or formula is None:
        return
    known = [str(name) for name in formula] if isinstance(formula, Mapping) else [likelihood.location]
    for name, part in body.items():
        if isinstance(part, Mapping) and name not in known:
            ending = suggest(str(name), known, "parameters with a formula")
            message = f"{quoted(name)} has no formula, and a body needs its columns{ending}"
            yield Problem(("model", "body", str(name)), message)
