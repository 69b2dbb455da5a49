"""Finding what a configuration refers to by name: model files and inference recipes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bayescope import library
from bayescope.config.nodes import Document, read_document
from bayescope.config.schema import NAME_PATTERN
from bayescope.config.suggest import suggest
from bayescope.errors import BayescopeError, ConfigError, KeyPath, Problem, Where

type Shelf = Literal["models", "inference"]

_KIND = MappingProxyType({"models": "model", "inference": "recipe"})
# Keys that tell a file of another kind: configs/coin.yaml is a run, not the model `coin` of its neighbours.
_FOREIGN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "models": frozenset({"data", "model", "inference", "method"}),
        "inference": frozenset({"data", "model", "likelihood", "use", "priors", "formula", "response"}),
    }
)


def is_name(text: object) -> bool:
    """Tell whether `text` can be the name of a run, a model or a recipe."""
    return isinstance(text, str) and re.fullmatch(NAME_PATTERN, text) is not None and not text.endswith("\n")


def find(name: str, shelf: Shelf, directory: Path, seen: Collection[Path] = ()) -> Document | None:
    """Read the model or recipe `name`: beside the configuration first, then in the shipped library.

    Looked at in turn: NAME.yaml and SHELF/NAME.yaml in `directory`, SHELF/NAME.yaml beside a
    directory called configs, and the library. Files in `seen` are passed over.

    Raises:
        ConfigError: the file that was found cannot be read or is not YAML.
    """
    for folder in _folders(shelf, directory):
        path = folder / f"{name}.yaml"
        if path.resolve() in seen or not path.is_file():
            continue
        document = read_document(path)
        if folder != directory or not _is_foreign(document.data, shelf):
            return document
    return None


def _folders(shelf: Shelf, directory: Path) -> Iterator[Path]:
    yield directory
    yield directory / shelf
    if directory.resolve().name == "configs":
        yield directory.parent / shelf if directory.name == "configs" else directory.resolve().parent / shelf
    try:
        yield library.folder(shelf)
    except BayescopeError:
        return  # an installation without its library still has the user's own files


def _is_foreign(data: Any, shelf: Shelf) -> bool:
    return isinstance(data, dict) and not _FOREIGN[shelf].isdisjoint(data)


def unknown(name: str, shelf: Shelf, directory: Path) -> str:
    """Return the message for a name that no file has."""
    folders = [folder for folder in _folders(shelf, directory) if folder != directory]
    known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    kind = _KIND[shelf]
    return f"unknown {kind} '{name}'{suggest(name, known, f'known {kind}s')}"


@dataclass(frozen=True)
class FilledModel:
    """A `model` section together with what it starts from.

    Attributes:
        model: the keys of both.
        positions: where the keys stand that came from files; paths begin with "model".
        problems: what is wrong with the files.
        refused: paths of values that the files have, but that could not be read.
        whole: whether all that was referred to was found.
    """

    model: Mapping[Any, Any]
    positions: Mapping[KeyPath, Where] = MappingProxyType({})
    problems: tuple[Problem, ...] = ()
    refused: frozenset[KeyPath] = frozenset()
    whole: bool = True


def fill_model(
    model: Mapping[Any, Any], directory: Path, seen: frozenset[Path], where: Where | None = None
) -> FilledModel:
    """Return the `model` section with the keys of the file that it starts from.

    Keys of the section override those of the file, `priors` key by key; a `formula` or a
    `response` replaces either. The file may itself start from another, but not from one in `seen`.
    `where` is the place of `use`, if it is not in the configuration itself.
    """
    if "use" not in model:
        return FilledModel(model)
    if not is_name(model["use"]):
        return FilledModel(model, whole=False)  # the schema says what is wrong with it
    try:
        document = _model_file(model["use"], directory, seen, where)
    except ConfigError as error:
        return FilledModel(model, problems=tuple(error.problems), whole=False)
    met = seen.union([Path(document.file).resolve()])
    base = fill_model(document.data, directory, met, document.positions.get(("use",)))
    own = {("model", *path): place for path, place in document.positions.items()}
    theirs = tuple(Problem(("model", *p.path), p.message, p.where) for p in document.problems)
    return FilledModel(
        model=_merged(base.model, model),
        positions={**base.positions, **own},
        problems=base.problems + theirs,
        refused=base.refused.union(("model", *path) for path in document.refused),
        whole=base.whole,
    )


def _model_file(name: str, directory: Path, seen: frozenset[Path], where: Where | None) -> Document:
    document = find(name, "models", directory, seen)
    if document is None and find(name, "models", directory) is not None:
        raise ConfigError([Problem(("model", "use"), f"'{name}' starts from itself, in a circle", where)])
    if document is None:
        raise ConfigError([Problem(("model", "use"), unknown(name, "models", directory), where)])
    if not isinstance(document.data, dict):
        message = "a model file holds the keys of `model`, such as `likelihood: Normal`"
        raise ConfigError([Problem(("model", "use"), message, document.positions[()])])
    return document


def _merged(base: Mapping[Any, Any], own: Mapping[Any, Any]) -> dict[Any, Any]:
    if own.keys() & {"formula", "response"}:
        base = {key: value for key, value in base.items() if key not in {"formula", "response"}}
    merged = {**base, **own}
    priors = base.get("priors"), own.get("priors")
    if all(isinstance(lines, dict) for lines in priors):
        merged["priors"] = {**base["priors"], **own["priors"]}
    return merged
