from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from bayescope.config.load import load_config
from bayescope.errors import ConfigError


class PointSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    tolerance: float = 1e-8


class SamplerSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    draws: int = Field(default=1000, ge=1)
    step: float | None = None
    sampler: Literal["nutpie", "pymc"] = "nutpie"


METHODS = {"mle": PointSettings, "map": PointSettings, "nuts": SamplerSettings}

FILES = {
    "run.yaml": (
        "name: run\n"
        "data: data.csv\n"
        "model:\n"
        "  likelihood: Normal\n"
        "  formula: y ~ x\n"
        "  priors:\n"
        "    sigma: HalfNormal(1)\n"
        "inference: [point, {long: {draws: 500}}]\n"
    ),
    "inference/point.yaml": "method: mle\n",
    "inference/long.yaml": "method: nuts\ndraws: 5000\nstep: 0.5\n",
}


class Workspace:
    """A folder of YAML files and what loading one of them gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def load(self, *overrides: str, file: str = "run.yaml", **options):
        return load_config(self.folder / file, overrides=overrides, methods=METHODS, **options)

    def problems(self, *overrides: str, file: str = "run.yaml", **options) -> list[str]:
        with pytest.raises(ConfigError) as refusal:
            self.load(*overrides, file=file, **options)
        return str(refusal.value).replace(f"{self.folder}/", "").splitlines()


@pytest.fixture
def methods():
    """Settings of the methods, by name."""
    return METHODS


@pytest.fixture
def workspace(tmp_path):
    """A folder with a valid configuration, run.yaml, and two recipes."""
    space = Workspace(tmp_path)
    space.write(FILES)
    return space
