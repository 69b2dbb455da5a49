"""From a YAML file, or a mapping, to a `RunConfig`; everything that is wrong is found at once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bayescope.config.files import FilledModel, fill_model
from bayescope.config.messages import explain
from bayescope.config.nodes import MAX_DEPTH, Document, path_part, read_document, without_echoes
from bayescope.config.overrides import apply_overrides
from bayescope.config.recipes import Methods, read_recipes
from bayescope.config.rules import broken_rules
from bayescope.config.scalars import MAX_INTEGER
from bayescope.config.schema import SECTIONS, DataConfig, RunConfig
from bayescope.errors import ConfigError, KeyPath, Problem, Where


@dataclass(frozen=True)
class ConfigSource:
    """Where a configuration came from.

    Attributes:
        file: the file as the user named it; None for a mapping.
        directory: the folder that relative paths start from, absolute.
        sha256: of the text of the file (for a mapping, of its JSON), hexadecimal.
        positions: the place of every key: in the file, in the model or recipe file that the key
            was taken from, or on the command line.
    """

    file: str | None
    directory: Path
    sha256: str
    positions: Mapping[KeyPath, Where]

    def locate(self, problem: Problem) -> Problem:
        """Return the problem with its place: that of its key, or of the nearest key above it."""
        if problem.where is not None:
            return problem
        for length in range(len(problem.path), -1, -1):
            if (where := self.positions.get(problem.path[:length])) is not None:
                return replace(problem, where=where)
        return problem


@dataclass(frozen=True)
class LoadedConfig:
    """A checked configuration and where it came from."""

    config: RunConfig
    source: ConfigSource


@dataclass(frozen=True)
class _Changes:
    """What the command line changes before a configuration is checked."""

    overrides: Sequence[str]
    seed: int | None


def load_config(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    methods: Methods,
    seed: int | None = None,
    needs_data: bool = True,
) -> LoadedConfig:
    """Read and check a configuration file.

    Args:
        path: the YAML file.
        overrides: changes such as "model.priors.sigma=HalfNormal(1)", made before checking.
        methods: the model of the settings of each method, by the method's name.
        seed: replaces the seed of the file.
        needs_data: whether the `data` section must be there.

    Raises:
        ConfigError: everything that is wrong, each problem with its place.
    """
    document = read_document(Path(path))
    directory = Path(path).parent
    changes = _Changes(overrides, seed)
    return _load(document, directory, document.sha256, changes, methods, needs_data=needs_data)


def load_mapping(
    mapping: Mapping[str, Any],
    base_dir: str | Path = ".",
    *,
    overrides: Sequence[str] = (),
    methods: Methods,
    seed: int | None = None,
    needs_data: bool = True,
) -> LoadedConfig:
    """Check a configuration given as a mapping; arguments as for `load_config`, paths start from `base_dir`.

    NumPy arrays and numbers, and anything else with a `tolist` method, stand for lists and numbers.

    Raises:
        ConfigError: everything that is wrong; the problems have key paths but no places.
    """
    problems: list[Problem] = []
    data = _plain(mapping, (), problems)
    digest = hashlib.sha256(json.dumps(data, default=str).encode()).hexdigest()
    refused = frozenset(problem.path for problem in problems)
    document = Document(data, {}, tuple(problems), "", "", refused)
    changes = _Changes(overrides, seed)
    return _load(document, Path(base_dir), digest, changes, methods, needs_data=needs_data)


def load_data(mapping: Mapping[str, Any]) -> DataConfig:
    """Check a `data` section given as a mapping, as `load_mapping` does one of a whole configuration.

    Raises:
        ConfigError: everything that is wrong; the problems have key paths from the section on.
    """
    problems: list[Problem] = []
    data = _plain(mapping, (), problems)
    try:
        section = DataConfig.model_validate(data)
    except ValidationError as error:
        refused = {problem.path for problem in problems}
        problems += without_echoes(explain(error, data, {(): DataConfig}), refused)
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return section


def _plain(value: Any, path: KeyPath, problems: list[Problem]) -> Any:
    """Return `value` as a YAML file would give it; note what a file could not say."""
    if len(path) > MAX_DEPTH:
        raise ConfigError([Problem(path[:3], f"nested deeper than {MAX_DEPTH} levels")])
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        keys = [_plain_key(key, path, problems) for key in value]
        items = zip(keys, value.values(), strict=True)
        return {key: _plain(item, (*path, path_part(key)), problems) for key, item in items}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, index), problems) for index, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if message := _refusal(value):
        problems.append(Problem(path, message))
        return None
    return value


def _plain_key(key: Any, path: KeyPath, problems: list[Problem]) -> Any:
    key = key.tolist() if hasattr(key, "tolist") else key
    if not isinstance(key, str | int | float | None):
        problems.append(Problem(path, f"a key must be text or a number, not a {type(key).__name__}"))
        return str(key)
    return key


def _refusal(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and infinities are not supported; give None for a missing value"
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "the whole number is too large; give a float"
    if value is None or isinstance(value, bool | int | float | str):
        return None
    return f"a {type(value).__name__} is not supported here"


def _load(
    document: Document,
    directory: Path,
    digest: str,
    changes: _Changes,
    methods: Methods,
    *,
    needs_data: bool,
) -> LoadedConfig:
    data, positions, problems = apply_overrides(document.data, document.positions, changes.overrides)
    if not isinstance(data, dict):
        message = "expected a mapping of keys: name, data, model, inference"
        raise ConfigError([Problem((), message, positions.get(())), *document.problems])
    if changes.seed is not None:
        data["seed"], positions[("seed",)] = _plain(changes.seed, ("seed",), problems), Where("argument")
    filled = _fill_in(data, positions, directory, document.file)
    more = list(filled.problems)
    recipes = read_recipes(data["inference"], directory, methods) if "inference" in data else None
    if recipes is not None:
        more.extend(recipes.problems)
        positions = recipes.positions | positions
    config, found = _validate(data | {"inference": tuple(recipes.recipes) if recipes else ()})
    more.extend(found)
    more.extend(broken_rules(data, needs_data=needs_data, whole_model=filled.whole))
    source = ConfigSource(document.file or None, directory.absolute(), digest, positions)
    problems += [*document.problems, *without_echoes(more, document.refused | filled.refused)]
    _raise_all(problems, source)
    return LoadedConfig(_checked(config), source)


def _fill_in(
    data: dict[Any, Any], positions: dict[KeyPath, Where], directory: Path, file: str
) -> FilledModel:
    """Put the model that `model.use` names into `data`, and the places of its keys into `positions`."""
    model = data.get("model")
    if not isinstance(model, dict):
        return FilledModel({})
    seen = frozenset({Path(file).resolve()} if file else ())
    filled = fill_model(model, directory, seen)
    data["model"] = filled.model
    for path, where in filled.positions.items():
        positions.setdefault(path, where)
    return filled


def _validate(data: dict[Any, Any]) -> tuple[RunConfig | None, list[Problem]]:
    try:
        return RunConfig.model_validate(data), []
    except ValidationError as error:
        # missing keys, and `prior` in place of `priors`, are the rules' business: they know what was meant
        required = {("likelihood",), ("name",), ("model",), ("inference",)}
        return None, [
            problem
            for problem in explain(error, data, SECTIONS)
            if not (problem.message == "this key is missing" and problem.path[-1:] in required)
            and not (problem.path[:2] == ("model", "prior") and not data["model"].get("hypotheses"))
        ]


def _raise_all(problems: Iterable[Problem], source: ConfigSource) -> None:
    """Raise all problems, each once, in the order of their places."""
    located = dict.fromkeys(source.locate(problem) for problem in problems)
    if located:
        raise ConfigError(sorted(located, key=lambda problem: _order(problem, source.file)))


def _order(problem: Problem, file: str | None) -> tuple[bool, str, int, int]:
    where = problem.where or Where("")
    return where.file != (file or ""), where.file, where.line, where.column


def _checked(config: RunConfig | None) -> RunConfig:
    if config is None:
        raise ConfigError([Problem((), "the configuration is not valid")])
    return config
