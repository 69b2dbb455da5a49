"""rstanarm as a peer, in a process of R: it takes part where Rscript finds it (`machine.has_rstanarm`)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.problems import Floats

_SCRIPT = """
suppressMessages(library(rstanarm))
family <- if (commandArgs(TRUE)[1] == "linear") gaussian() else binomial()
frame <- read.csv("rows.csv")
started <- proc.time()[["elapsed"]]
fit <- stan_glm(
  y ~ ., data = frame, family = family, prior = normal(0, 1, autoscale = FALSE),
  prior_intercept = normal(0, 5, autoscale = FALSE), prior_aux = normal(0, 1, autoscale = FALSE),
  cores = parallel::detectCores(), seed = 1, refresh = 0
)
took <- proc.time()[["elapsed"]] - started
draws <- as.array(fit)
writeLines(c(took, dim(draws), dimnames(draws)$parameters), "names.txt")
writeBin(as.vector(draws), "draws.bin")
"""
_NAMES = {"(Intercept)": "Intercept"}


def sample(kind: str, frame: pd.DataFrame) -> tuple[dict[str, Floats], float]:
    """Draw by `stan_glm` on all processors: draws of shape (chain, draw) of each unknown, and seconds.

    The seconds are those of `stan_glm` alone; the model has been compiled when the package was built.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_csv(folder / "rows.csv", index=False)
        (folder / "fit.R").write_text(_SCRIPT, encoding="utf-8")
        command = [shutil.which("Rscript") or "Rscript", "fit.R", kind]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        took, *rest = (folder / "names.txt").read_text(encoding="utf-8").split()
        shape, names = tuple(int(size) for size in rest[:3]), rest[3:]
        draws = np.fromfile(folder / "draws.bin").reshape(shape, order="F")
    found = {_NAMES.get(name, name): draws[:, :, at].T for at, name in enumerate(names)}
    return found, float(took)
