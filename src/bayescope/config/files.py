"""Finding what a configuration refers to by name: model files and inference recipes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
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
    return f"unknown {kind} '{name[:64]}'{suggest(name, known, f'known {kind}s')}"


def fill_model(
    model: Mapping[Any, Any], directory: Path, seen: frozenset[Path]
) -> tuple[dict[Any, Any], dict[KeyPath, Where]]:
    """Return the `model` section with the keys of the file that it starts from, and where those stand.

    Keys of the section override those of the file, `priors` key by key; a `formula` or a
    `response` replaces either. The file may itself start from another.

    Raises:
        ConfigError: the file is not there or is wrong; the problems have their full key path.
    """
    name = model.get("use")
    if not is_name(name):
        return dict(model), {}
    document = _model_file(str(name), directory, seen)
    base, positions = fill_model(document.data, directory, seen | {Path(document.file).resolve()})
    own = {("model", *path): where for path, where in document.positions.items()}
    return _merged(base, model), {**positions, **own}


def _model_file(name: str, directory: Path, seen: frozenset[Path]) -> Document:
    document = find(name, "models", directory, seen)
    if document is None:
        raise ConfigError([Problem(("model", "use"), unknown(name, "models", directory))])
    if not isinstance(document.data, dict):
        message = "a model file holds the keys of `model`, such as `likelihood: Normal`"
        raise ConfigError([Problem(("model", "use"), message, document.positions[()])])
    if document.problems:
        raise ConfigError(Problem(("model", *p.path), p.message, p.where) for p in document.problems)
    return document


def _merged(base: Mapping[Any, Any], own: Mapping[Any, Any]) -> dict[Any, Any]:
    if own.keys() & {"formula", "response"}:
        base = {key: value for key, value in base.items() if key not in {"formula", "response"}}
    merged = {**base, **own}
    priors = base.get("priors"), own.get("priors")
    if all(isinstance(lines, dict) for lines in priors):
        merged["priors"] = {**base["priors"], **own["priors"]}
    return merged
