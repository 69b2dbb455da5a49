"""`bayescope init`: a folder of one's own, laid out like this project's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

from bayescope.config.jsonschema import json_schema
from bayescope.errors import BayescopeError
from bayescope.inference.registry import SETTINGS
from bayescope.library import Shelf, folder


def make_project(directory: Path) -> None:
    """Copy the shipped models, recipes and runs (with their data) to `directory`, and the schema for editors.

    Raises:
        BayescopeError: there is something in `directory`; nothing was written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise BayescopeError(f"{directory} is not empty: name a new folder")
    for shelf in get_args(Shelf.__value__):
        shutil.copytree(folder(shelf), directory / shelf, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "reports").mkdir()
    (directory / "docs").mkdir()
    schema = json.dumps(json_schema(SETTINGS), indent=2)
    (directory / "docs" / "schema.json").write_text(schema + "\n", encoding="utf-8")
