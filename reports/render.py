"""Render the sample reports of this folder from configs/: `make reports`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bayescope.pipeline import execute
from bayescope.preparation import read_config

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ("coin", "kidiq", "breast-cancer-lasso")
KEPT = ("report.html", "report.md", "estimates.csv", "comparison.csv")


def render(name: str, destination: Path) -> None:
    """Run configs/NAME.yaml and keep what a reader opens; draws and hashes are not kept."""
    config = Path("configs") / f"{name}.yaml"
    finished = execute(read_config(ROOT / config), command=f"bayescope run {config}")
    with tempfile.TemporaryDirectory() as folder:
        run_folder = finished.save(folder)
        destination.mkdir(parents=True, exist_ok=True)
        for file in KEPT:
            shutil.copy(run_folder / file, destination / file)
        only_svg = shutil.ignore_patterns("*.png")
        shutil.copytree(run_folder / "figures", destination / "figures", dirs_exist_ok=True, ignore=only_svg)


if __name__ == "__main__":
    for sample in SAMPLES:
        render(sample, ROOT / "reports" / sample)
        print(f"reports/{sample}")
