"""YAML text to plain data, with the place of every key; what plain data cannot say is refused.

The text is read as a stream of events by ruamel.yaml's pure parser (YAML 1.2), so that depth is
limited before anything recurses.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from bayescope.config.scalars import plain_scalar
from bayescope.config.suggest import closest
from bayescope.errors import ConfigError, KeyPath, Problem, Where

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_KEYS = 5_000  # but for those of `data`: each key may have its own problem and its own suggestion

# of YAML 1.2, section 5.1; a pattern of what may be printed instead takes ten times as long to compile
_NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Document:
    """One YAML document: plain data, where each key stands, and what was refused on the way.

    `positions` maps the path of a key, or of a list's element, to its place in the text. Values
    that could not be read are None in `data`, and their paths are in `refused`.
    """

    data: Any
    positions: dict[KeyPath, Where]
    problems: tuple[Problem, ...]
    text: str
    file: str
    refused: frozenset[KeyPath] = frozenset()

    @property
    def sha256(self) -> str:
        """Hexadecimal sha256 of the text, encoded as UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_document(path: Path) -> Document:
    """Read a YAML file of at most 1 MB.

    Raises:
        ConfigError: the file cannot be read, is not text in UTF-8, or is not one YAML document.
    """
    return parse_document(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Return the text of a configuration file, or raise `ConfigError` saying why that is impossible."""
    try:
        with path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            content = stream.read(MAX_BYTES + 1)
            changed = os.fstat(stream.fileno()).st_mtime_ns != before.st_mtime_ns
    except FileNotFoundError:
        raise _fatal("no such file" + _similar_file(path), Where(str(path))) from None
    except IsADirectoryError:
        raise _fatal("this is a folder; give the YAML file itself", Where(str(path))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _fatal(f"cannot be read: {reason}", Where(str(path))) from None
    if changed:
        raise _fatal("changed while it was read; try again when it is written", Where(str(path)))
    if len(content) > MAX_BYTES:
        raise _fatal("larger than 1 MB; put the data into a file of their own", Where(str(path)))
    return _decode(content, str(path))


def _similar_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in {".yaml", ".yml"}]
    except (OSError, ValueError):
        return ""
    match = closest(path.name, names)
    return f"; did you mean '{path.with_name(match)}'?" if match else ""


def _decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        raise _fatal("not text in UTF-8; save the file as UTF-8", _place(before, file)) from None


def _place(before: str, file: str) -> Where:
    """Return the position that follows the text `before`."""
    return Where(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _fatal(message: str, where: Where) -> ConfigError:
    return ConfigError([Problem((), message, where)])


@dataclass
class _Walk:
    """The state of reading one document; `complain` notes a problem and reading goes on."""

    events: Iterator[Event]
    file: str
    positions: dict[KeyPath, Where] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[KeyPath] = field(default_factory=set)
    keys: int = 0

    def where(self, event: Event) -> Where:
        return Where(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def count_key(self, path: KeyPath, event: Event) -> None:
        """Count a key of the mapping at `path`; too many of them are data in the wrong place."""
        self.keys += path[:1] != ("data",)
        if self.keys > MAX_KEYS:
            message = f"more than {MAX_KEYS:,} keys; put data under `data`, or into a file of their own"
            raise _fatal(message, self.where(event))

    def complain(self, path: KeyPath, message: str, event: Event) -> None:
        self.problems.append(Problem(path, message, self.where(event)))

    def refuse(self, path: KeyPath, message: str, event: Event) -> None:
        """Complain of a value that is nothing afterwards."""
        self.complain(path, message, event)
        self.refused.add(path)


def parse_document(text: str, file: str) -> Document:
    """Parse the text of one YAML document; `file` is what messages call it.

    Duplicate keys, aliases, anchors, tags, NaN, infinities and numbers out of range go to the
    document's `problems`.

    Raises:
        ConfigError: the text is not YAML, holds none or several documents, nests deeper than 50, or has more
            than 5,000 keys outside of `data`.
    """
    if (bad := _NOT_PRINTABLE.search(text)) is not None:
        message = f"character {bad.group()!r} is not allowed in YAML"
        raise _fatal(message, _place(text[: bad.start()], file))
    walk = _Walk(_events(text, file), file)
    data = _only_document(walk)
    return Document(data, walk.positions, tuple(walk.problems), text, file, frozenset(walk.refused))


def _events(text: str, file: str) -> Iterator[Event]:
    """Yield ruamel's events; its errors become ours, short and with their place."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file)
        raise _fatal(_syntax_message(error), where) from None
    except (YAMLError, ValueError, AttributeError, IndexError, TypeError):  # ruamel's own slips
        raise _fatal("not valid YAML", Where(file)) from None


_TRANSLATED = (
    ("\\t", "indent with spaces, not with tabs"),
    ("cannot start any token", "a value cannot begin with this character; put the text in quotes"),
    (
        "mapping values are not allowed",
        "a ':' where none can stand; check the indentation, or put text with ': ' in quotes",
    ),
    ("could not find expected ':'", "a key without its ':'"),
    ("expected <block end>", "the indentation does not fit the lines above"),
    ("expected ',' or ']'", "a list opened with '[' is not closed, or lacks a ','"),
    ("expected ',' or '}'", "a mapping opened with '{' is not closed, or lacks a ','"),
    ("unexpected end of stream", "a quoted text is not closed"),
)


def _syntax_message(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context or "").split())[:120]
    plain = next((plain for theirs, plain in _TRANSLATED if theirs in problem), problem)
    return f"not valid YAML: {plain}" if plain else "not valid YAML"


def _only_document(walk: _Walk) -> Any:
    next(walk.events)  # the start of the stream
    if isinstance(next(walk.events), StreamEndEvent):
        raise _fatal("the file is empty", Where(walk.file))
    root = next(walk.events)
    walk.positions[()] = walk.where(root)
    data = _value(walk, root, (), 0)
    if data is None and not walk.problems:
        raise _fatal("the file is empty", Where(walk.file))
    next(walk.events)  # the end of the document
    if isinstance(extra := next(walk.events), DocumentStartEvent):
        raise _fatal("several documents in one file; keep one and delete the '---'", walk.where(extra))
    return data


def _value(walk: _Walk, event: Any, path: KeyPath, depth: int) -> Any:
    """Return what `event` begins; `depth` lists and mappings are open around it."""
    if isinstance(event, AliasEvent):
        walk.refuse(path, f"aliases are not supported; write the value of '*{event.anchor}' out", event)
        return None
    if event.anchor is not None:
        walk.complain(path, f"anchors are not supported; remove '&{event.anchor}'", event)
    if event.tag is not None:
        walk.complain(path, f"tags are not supported; remove '{_tag_text(event.tag)}'", event)
    if isinstance(event, ScalarEvent):
        return _scalar(walk, event, path)
    if depth >= MAX_DEPTH:
        raise _fatal(f"nested deeper than {MAX_DEPTH} levels", walk.where(event))
    collect = _sequence if isinstance(event, SequenceStartEvent) else _mapping
    return collect(walk, path, depth + 1)


def _tag_text(tag: str) -> str:
    return str(tag).replace("tag:yaml.org,2002:", "!!")[:60]


def _sequence(walk: _Walk, path: KeyPath, depth: int) -> list[Any]:
    elements: list[Any] = []
    while not isinstance(event := next(walk.events), SequenceEndEvent):
        place: KeyPath = (*path, len(elements))
        walk.positions.setdefault(place, walk.where(event))
        elements.append(_value(walk, event, place, depth))
    return elements


def _mapping(walk: _Walk, path: KeyPath, depth: int) -> dict[Any, Any]:
    entries: dict[Any, Any] = {}
    lines: dict[Any, int] = {}
    while not isinstance(event := next(walk.events), MappingEndEvent):
        walk.count_key(path, event)
        key = _key(walk, event, path, depth)
        place: KeyPath = (*path, path_part(key))
        walk.positions.setdefault(place, walk.where(event))
        value = _value(walk, next(walk.events), place, depth)
        if key is None:
            continue
        if key in entries:
            walk.complain(place, f"duplicate key; it is already on line {lines[key]}", event)
            continue
        entries[key], lines[key] = value, walk.where(event).line
    return entries


def without_echoes(problems: Iterable[Problem], refused: Collection[KeyPath]) -> list[Problem]:
    """Leave out the problems of values that were refused before, and of what is in them."""
    return [
        problem
        for problem in problems
        if not any(problem.path[: length + 1] in refused for length in range(len(problem.path)))
    ]


def path_part(key: object) -> str | int:
    """Return a mapping's key as a part of a `KeyPath`."""
    return key if isinstance(key, str | int) and not isinstance(key, bool) else str(key)


def _key(walk: _Walk, event: Event, path: KeyPath, depth: int) -> str | int | float | None:
    """Return a key of a mapping, text or a number; None once another was complained of."""
    before = len(walk.problems)
    key = _value(walk, event, path, depth)
    if isinstance(key, str | int | float) and not isinstance(key, bool):
        return key
    if len(walk.problems) == before:
        written = f"; put '{event.value}' in quotes" if isinstance(event, ScalarEvent) and event.value else ""
        walk.complain(path, f"a key must be text or a number{written}", event)
    return None


def _scalar(walk: _Walk, event: ScalarEvent, path: KeyPath) -> Any:
    text: str = event.value
    if event.style is not None:
        return text
    try:
        return plain_scalar(text)
    except ValueError as error:
        walk.refuse(path, str(error), event)
        return None
