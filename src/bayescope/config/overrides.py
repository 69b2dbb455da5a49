"""`--set key.path=value`: changes to a configuration before it is checked."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from bayescope.config.nodes import parse_document, path_part
from bayescope.config.suggest import suggest
from bayescope.errors import ConfigError, KeyPath, Problem, Where

# new keys there may have dots, and no value has keys but the places of a matrix
_PRIORS = ("model", "priors")


class _PathError(Exception):
    """A key path that leads nowhere; its text is the message."""


def apply_overrides(
    data: Any, positions: dict[KeyPath, Where], overrides: Sequence[str]
) -> tuple[Any, dict[KeyPath, Where], list[Problem]]:
    """Return a changed copy of `data` and of the positions of its keys, and the problems of the overrides.

    A value is read as YAML. A part of a path is a key, the index of a list's element (from 0), or
    the name of a recipe: `inference.nuts.draws=500`. The dots of a key that is there, and of a line
    of priors, such as `model.priors.county.sd=1`, belong to it.
    """
    data, positions, problems = copy.deepcopy(data), dict(positions), []
    for override in [overrides] if isinstance(overrides, str) else overrides:
        dotted, equals, text = override.partition("=")
        where = Where(f"--set {dotted.strip()}")
        try:
            made, path = _assign(data, _parts(dotted, equals), _value(text, where))
        except _PathError as error:
            problems.append(Problem((), str(error), where))
        except ConfigError as error:
            problems.extend(Problem((), problem.message, where) for problem in error.problems)
        else:
            positions = {known: at for known, at in positions.items() if known[: len(path)] != path}
            positions |= {made: where, path: where}
    return data, positions, problems


def _parts(dotted: str, equals: str) -> list[str]:
    if not equals or not dotted.strip():
        raise _PathError("expected key.path=value, such as model.priors.sigma=HalfNormal(1)")
    return dotted.strip().split(".")


def _value(text: str, where: Where) -> Any:
    if text.strip().casefold() in {"", "~", "null"}:
        return None
    document = parse_document(text, where.file)
    if document.problems:
        raise ConfigError(document.problems)
    return document.data


def _assign(data: Any, parts: list[str], value: Any) -> tuple[KeyPath, KeyPath]:
    """Put `value` where `parts` lead; return the first key made on the way, and that place."""
    if not isinstance(data, dict):
        raise _PathError("the configuration is not a mapping")
    if parts[0] == "data" and isinstance(data.get("data"), str):
        data["data"] = {"path": data["data"]}  # the shorthand, written out
    if parts[0] == "inference" and len(parts) > 1:
        if isinstance(data.get("inference"), str):
            data["inference"] = [data["inference"]]  # likewise
        return _assign_recipe(data, parts[1:], value)
    return _assign_plain(data, parts, value)


def _assign_plain(
    container: Any, parts: list[str], value: Any, start: KeyPath = ()
) -> tuple[KeyPath, KeyPath]:
    path, made = start, None
    key, rest = _key(container, parts, path)
    while rest:
        if isinstance(container, dict) and container.get(key) is None:
            container[key] = {}
            made = made or (*path, path_part(key))
        container, path = container[key], (*path, path_part(key))
        key, rest = _key(container, rest, path)
    container[key] = value
    place: KeyPath = (*path, path_part(key))
    return made or place, place


def _key(container: Any, parts: list[str], path: KeyPath) -> tuple[Any, list[str]]:
    """Return the key or index that `parts` begin with in `container`, and the parts that are left."""
    here, part = ".".join(map(str, path)), parts[0]
    if isinstance(container, dict):
        return _key_of_mapping(container, parts, path)
    if isinstance(container, list):
        if re.fullmatch("[0-9]{1,9}", part) and int(part) < len(container):
            return int(part), parts[1:]
        raise _PathError(f"'{here}' has elements 0 to {len(container) - 1}; '{part}' is none of them")
    raise _PathError(f"'{here}' is not a mapping; it has no '{part}'")


def _key_of_mapping(container: dict[Any, Any], parts: list[str], path: KeyPath) -> tuple[Any, list[str]]:
    """Take the longest key that is there and may hold the parts that are left, else a new one."""
    keys, holders = {str(key): key for key in container}, list if path == _PRIORS else dict | list | None
    for length in range(len(parts), 0, -1):
        key, rest = keys.get(".".join(parts[:length])), parts[length:]
        if key is not None and (not rest or isinstance(container[key], holders)):
            return key, rest
    new = len(parts) if path == _PRIORS else 1
    return ".".join(parts[:new]), parts[new:]


def _assign_recipe(data: dict[str, Any], parts: list[str], value: Any) -> tuple[KeyPath, KeyPath]:
    """Assign to an entry of `inference`, or, for nuts.draws or 0.nuts.draws, to one of its settings."""
    entries = data.get("inference")
    if not isinstance(entries, list):
        raise _PathError("'inference' is not a list")
    names = [recipe_name(entry) for entry in entries]
    index = _recipe_index(names, parts[0])
    name, rest = names[index], parts[1:]
    if rest and parts[0] != name and rest[0] == name:
        rest = rest[1:]
    if not rest or name is None:
        if rest:
            raise _PathError(f"'inference.{index}' names no recipe")
        return _assign_plain(data, ["inference", str(index)], value)
    entry = entries[index]
    settings = entry[name] if isinstance(entry, dict) else None
    entries[index] = {name: {} if settings is None else settings}
    return _assign_plain(entries[index][name], rest, value, ("inference", index, name))


def recipe_name(entry: object) -> str | None:
    """Return the name in an entry of `inference`: `nuts`, or the one key of `{nuts: {...}}`."""
    if isinstance(entry, dict) and len(entry) == 1:
        entry = next(iter(entry))
    return entry if isinstance(entry, str) else None


def _recipe_index(names: list[str | None], part: str) -> int:
    if part in names:
        return names.index(part)
    if re.fullmatch("[0-9]{1,9}", part) and int(part) < len(names):
        return int(part)
    known = [name for name in names if name is not None]
    raise _PathError(f"no recipe '{part}' in `inference`{suggest(part, known, 'it has')}")
