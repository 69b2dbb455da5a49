"""What pydantic finds wrong, said in plain English: one sentence for each type of error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from bayescope.config.nodes import path_part
from bayescope.config.suggest import suggest
from bayescope.errors import KeyPath, Problem

_ABSENT = object()

type Sections = Mapping[tuple[str, ...], type[BaseModel]]


def shown(value: object) -> str:
    """Return a short text for a value in a message.

    >>> shown("on"), shown(True), shown(None), shown([1, 2])
    ("'on'", 'true', 'nothing', 'a list')
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    text = repr(value)
    return text if len(text) <= 42 else f"{text[:38]}...{text[-1]}"


def _expected(what: str) -> Callable[[Any, Mapping[str, Any]], str]:
    """Return a function that makes a sentence of `what`, which may name the error's context in braces."""

    def sentence(value: Any, context: Mapping[str, Any]) -> str:
        named = {key: repr(item).removesuffix(".0") for key, item in context.items() if key != "expected"}
        wanted = what.format_map({"expected": context.get("expected"), **named})
        return f"expected {wanted}, not {shown(value)}"

    return sentence


_NAME = "a name of letters, digits, '_' and '-', at most 64 characters and not starting with '-'"
_SENTENCES: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = MappingProxyType(
    {
        "string_type": _expected("text"),
        "string_pattern_mismatch": _expected(_NAME),
        "string_too_short": lambda _value, _context: "must not be empty",
        "int_type": _expected("a whole number"),
        "int_from_float": _expected("a whole number"),
        "float_type": _expected("a number"),
        "finite_number": _expected("a finite number"),
        "bool_type": _expected("true or false"),
        "dict_type": _expected("a mapping of keys to values"),
        "model_type": _expected("a mapping of keys to values"),
        "model_attributes_type": _expected("a mapping of keys to values"),
        "list_type": _expected("a list"),
        "tuple_type": _expected("a list"),
        "too_short": lambda value, context: f"expected at least {context['min_length']}, found {len(value)}",
        "too_long": lambda value, context: f"expected at most {context['max_length']}, found {len(value)}",
        "literal_error": _expected("{expected}"),
        "greater_than": _expected("a number greater than {gt}"),
        "greater_than_equal": _expected("a number of at least {ge}"),
        "less_than": _expected("a number less than {lt}"),
        "less_than_equal": _expected("a number of at most {le}"),
        "cell": _expected("a number, text, true, false or null"),
        "counted": _expected("a number or text"),
        "path": _expected("the path of a data file"),
    }
)


def explain(error: ValidationError, data: Any, sections: Sections, prefix: KeyPath = ()) -> Iterator[Problem]:
    """Yield the problems that pydantic found in `data`, in our words.

    Args:
        error: what pydantic raised.
        data: what it was given.
        sections: the models by the path of the keys that they describe, for did-you-means.
        prefix: the path of `data` in the configuration.
    """
    for detail in error.errors(include_url=False):
        path, value, rest = follow(data, detail["loc"])
        if rest and rest[0] == "[key]":
            yield Problem((*prefix, *path), f"a key must be text here; put {path[-1]} in quotes")
        elif detail["type"] == "invalid_key":
            yield Problem((*prefix, *path), f"unknown key; keys here are text, not {path[-1]}")
        elif detail["type"] == "extra_forbidden":
            known = sections[parent].model_fields if (parent := _text_path(path[:-1])) in sections else ()
            yield Problem((*prefix, *path), f"unknown key{suggest(str(path[-1]), known, 'keys here')}")
        elif detail["type"] == "missing":
            yield Problem((*prefix, *path, *rest[:1]), "this key is missing")
        else:
            for message in _sentences(detail["type"], detail["msg"], value, detail.get("ctx", {})):
                yield Problem((*prefix, *path), message)


def _text_path(path: KeyPath) -> tuple[str, ...]:
    return tuple(str(part) for part in path)


def _sentences(kind: str, message: str, value: Any, context: Mapping[str, Any]) -> list[str]:
    if "messages" in context:
        return list(context["messages"])
    if kind in _SENTENCES:
        return [_SENTENCES[kind](value, context)]
    plain = message.removeprefix("Value error, ")
    return [plain[:1].lower() + plain[1:]]


def follow(data: Any, location: tuple[str | int, ...]) -> tuple[KeyPath, Any, tuple[str | int, ...]]:
    """Follow pydantic's location into plain data: the path that exists, its value, and what is left over."""
    path: KeyPath = ()
    for index, part in enumerate(location):
        step = _step(data, part)
        if step is None:
            return path, data, location[index:]
        key, data = step
        path = (*path, key)
    return path, data, ()


def _step(data: Any, part: str | int) -> tuple[str | int, Any] | None:
    if isinstance(data, dict):
        key = part if part in data else _written_as(data, str(part))
        return None if key is _ABSENT else (path_part(key), data[key])
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return part, data[part]
    return None


def _written_as(data: dict[Any, Any], text: str) -> Any:
    """Return the key of `data` that pydantic writes as `text`: at once for a number, by search for others."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if number in data and str(number) == text else _ABSENT
    return next((key for key in data if str(key) == text), _ABSENT)
