"""Write the JSON Schemas for editors to docs/: `make schemas`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Literal

from bayescope.config.jsonschema import json_schema
from bayescope.inference.registry import SETTINGS

type Kind = Literal["run", "model", "recipe"]
FILES: Final[dict[Kind, str]] = {
    "run": "schema.json",
    "model": "model.schema.json",
    "recipe": "recipe.schema.json",
}

if __name__ == "__main__":
    for kind, name in FILES.items():
        text = json.dumps(json_schema(SETTINGS, kind), indent=2)
        (Path(__file__).parents[1] / "docs" / name).write_text(text + "\n", encoding="utf-8")
