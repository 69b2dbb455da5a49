"""bayescope: one YAML file, every answer: MLE, MAP, exact posterior and NUTS side by side."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescope.calibration import sbc
    from bayescope.errors import BayescopeError, ConfigError, DataError
    from bayescope.inference.fit import Fit
    from bayescope.paths import regularisation_path
    from bayescope.pipeline import run
    from bayescope.recovery import recover
    from bayescope.runs import Run, load

__all__ = [
    "BayescopeError",
    "ConfigError",
    "DataError",
    "Fit",
    "Run",
    "__version__",
    "load",
    "recover",
    "regularisation_path",
    "run",
    "sbc",
]
__version__ = "0.1.0"

# Looked up on first use, so that `import bayescope` and the command line start at once.
_HOMES = {
    "BayescopeError": "bayescope.errors",
    "ConfigError": "bayescope.errors",
    "DataError": "bayescope.errors",
    "Fit": "bayescope.inference.fit",
    "Run": "bayescope.runs",
    "load": "bayescope.runs",
    "recover": "bayescope.recovery",
    "regularisation_path": "bayescope.paths",
    "run": "bayescope.pipeline",
    "sbc": "bayescope.calibration",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bayescope' has no attribute '{name}'")
