"""Build the wheel and check that only `bayescope` (with its library) would reach site-packages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NEEDED = (
    "bayescope/py.typed",
    "bayescope/_library/models/coin.yaml",
    "bayescope/_library/inference/nuts.yaml",
    "bayescope/_library/configs/kidiq.yaml",
    "bayescope/_library/configs/data/kidiq.csv",
    "bayescope/reports/templates/report.html.j2",
)


def main() -> int:
    """Return the number of complaints about the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, "."]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(folder).glob("*.whl")
        names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    complaints = [f"{top} would reach site-packages" for top in sorted(tops - {"bayescope"})]
    complaints += [f"{name} is missing from the wheel" for name in NEEDED if name not in names]
    print("\n".join(complaints) or f"wheel: {len(names)} files, only bayescope at the top")
    return len(complaints)


if __name__ == "__main__":
    sys.exit(main())
