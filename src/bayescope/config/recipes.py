"""The `inference` section: names of recipes, with settings of one's own, to checked `Recipe`s."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bayescope.config.files import find, is_name, unknown
from bayescope.config.messages import Sections, explain, shown
from bayescope.config.nodes import Document, without_echoes
from bayescope.config.overrides import recipe_name
from bayescope.config.schema import Recipe
from bayescope.config.suggest import suggest
from bayescope.errors import ConfigError, KeyPath, Problem, Where

MAX_RECIPES = 1_000

type Methods = Mapping[str, type[BaseModel]]

_ENTRY = "expected the name of a recipe, or one name with settings such as `nuts: {draws: 2000}`"


@dataclass
class Recipes:
    """What was read of `inference`: the recipes, the places of keys from recipe files, and problems."""

    directory: Path
    methods: Methods
    recipes: list[Recipe] = field(default_factory=list)
    positions: dict[KeyPath, Where] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_recipes(written: Any, directory: Path, methods: Methods) -> Recipes:
    """Read the `inference` section, a list of recipes or the name of one.

    `methods` maps the name of a method to its settings' model.
    """
    result = Recipes(directory, methods)
    written = [written] if isinstance(written, str) else written
    if not isinstance(written, list | tuple) or not written:
        message = f"expected a list of recipes such as [mle, map, nuts], not {_empty_or(written)}"
        result.problems.append(Problem(("inference",), message))
        return result
    if len(written) > MAX_RECIPES:
        message = f"expected at most {MAX_RECIPES:,} recipes, found {len(written):,}"
        result.problems.append(Problem(("inference",), message))
        return result
    names: set[str] = set()
    for index, entry in enumerate(written):
        name = recipe_name(entry)
        path: KeyPath = ("inference", index)
        if name is None or not is_name(name):
            result.problems.append(Problem(path, f"{_ENTRY}, not {shown(entry)}"))
        elif name.casefold() in names:
            result.problems.append(Problem(path, _repeated(name, methods)))
        else:
            names.add(name.casefold())
            _add(result, name, entry[name] if isinstance(entry, dict) else None, path)
    return result


def _sections(settings: type[BaseModel]) -> Sections:
    """The settings and those within them (`auto: {nuts: {draws: 2000}}`), by the path of their keys."""
    inner = {name: field.annotation for name, field in settings.model_fields.items()}
    return {(): settings} | {
        (name,): kind
        for name, kind in inner.items()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    }


def _empty_or(written: Any) -> str:
    return "an empty one" if isinstance(written, list | tuple) else shown(written)


def _repeated(name: str, methods: Methods) -> str:
    method = name if name in methods else "nuts"
    return f"'{name}' is there already; name the second one, as in `{name}-2: {{method: {method}}}`"


def _add(result: Recipes, name: str, settings: Any, path: KeyPath) -> None:
    """Read one entry into `result`; `settings` are those of the configuration, or None."""
    place = path if settings is None else (*path, name)
    if not isinstance(settings, dict | None):
        message = f"expected a mapping of settings, not {shown(settings)}"
        result.problems.append(Problem(place, message))
        return
    own = settings or {}
    if "method" in own:
        _check(result, name, own, (*path, name))
        return
    try:
        document = _recipe_file(name, place, result.directory)
    except ConfigError as error:
        result.problems.extend(error.problems)
        return
    path = (*path, name)
    result.positions.update(
        {(*path, *key): where for key, where in document.positions.items() if key and key[0] not in own}
    )
    result.problems.extend(Problem((*path, *p.path), p.message, p.where) for p in document.problems)
    refused = {key for key in document.refused if key[0] not in own}
    _check(result, name, {**document.data, **own}, path, refused)


def _recipe_file(name: str, place: KeyPath, directory: Path) -> Document:
    document = find(name, "inference", directory)
    if document is None:
        raise ConfigError([Problem(place, unknown(name, "inference", directory))])
    if not isinstance(document.data, dict) or "method" not in document.data:
        message = "a recipe file is a mapping with a `method`, such as `method: nuts`"
        raise ConfigError([Problem(place, message, document.positions[()]), *document.problems])
    return document


def _check(
    result: Recipes, name: str, merged: dict[Any, Any], path: KeyPath, refused: Collection[KeyPath] = ()
) -> None:
    """Check the settings of a recipe; values at `refused` paths were complained of before."""
    method, methods = merged["method"], result.methods
    if not isinstance(method, str) or method not in methods:
        ending = suggest(method, methods, "methods") if isinstance(method, str) else ""
        result.problems.append(Problem((*path, "method"), f"unknown method {shown(method)}{ending}"))
        return
    values = {key: value for key, value in merged.items() if key != "method"}
    try:
        settings = methods[method].model_validate(values)
    except ValidationError as error:
        found = explain(error, values, _sections(methods[method]), path)
        result.problems.extend(without_echoes(found, {(*path, *key) for key in refused}))
    else:
        result.recipes.append(Recipe(name=name, method=method, settings=settings))
