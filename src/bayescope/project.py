"""`bayescope init`: a folder of one's own, laid out like this project's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from bayescope.config.jsonschema import Kind, json_schema
from bayescope.errors import BayescopeError
from bayescope.inference.registry import SETTINGS
from bayescope.library import Shelf, folder

SCHEMA_FILES: Final[Mapping[Kind, str]] = MappingProxyType(
    {"run": "schema.json", "model": "model.schema.json", "recipe": "recipe.schema.json"}
)

_README: Final = """# A bayescope project

    bayescope validate configs/coin.yaml    everything but the fit
    bayescope run configs/coin.yaml         fit, compare, check, report to runs/
    bayescope --help                        all commands

- `configs/`: runs, each with its data, model and methods; those that are here are examples
- `models/`: models without data, to start from: `model: {use: linear}`
- `inference/`: recipes, each a method with settings, for `inference: [map, nuts]`
- `docs/`: schemas; by the first line of a YAML file an editor completes and checks it
"""


def make_project(directory: Path) -> None:
    """Copy the shipped models, recipes and runs (with data) to `directory`, and the schemas for editors.

    Raises:
        BayescopeError: there is something in `directory`; nothing was written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise BayescopeError(f"{directory} is not empty: name a new folder")
    for shelf in get_args(Shelf.__value__):
        # their READMEs link to pages that a project does not have
        kept = shutil.ignore_patterns("__pycache__", "README.md")
        shutil.copytree(folder(shelf), directory / shelf, ignore=kept)
    (directory / "README.md").write_text(_README, encoding="utf-8")
    (directory / "reports").mkdir()
    (directory / "docs").mkdir()
    write_schemas(directory / "docs")


def write_schemas(directory: Path) -> None:
    """Write the schemas that the first line of every shipped YAML file names, for editors."""
    for kind, name in SCHEMA_FILES.items():
        schema = json.dumps(json_schema(SETTINGS, kind), indent=2)
        (directory / name).write_text(schema + "\n", encoding="utf-8")
