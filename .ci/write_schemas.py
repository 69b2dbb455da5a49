"""Write the JSON Schemas for editors to docs/: `make schemas`."""

from __future__ import annotations

from pathlib import Path

from bayescope.project import write_schemas

if __name__ == "__main__":
    write_schemas(Path(__file__).parents[1] / "docs")
