"""bayescope: one YAML file, every answer: MLE, MAP, exact posterior and NUTS side by side."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescope.errors import BayescopeError, ConfigError, DataError
    from bayescope.inference.fit import Fit
    from bayescope.paths import regularisation_path
    from bayescope.pipeline import run
    from bayescope.runs import Run, load

__all__ = [
    "BayescopeError",
    "ConfigError",
    "DataError",
    "Fit",
    "Run",
    "__version__",
    "load",
    "regularisation_path",
    "run",
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
    "regularisation_path": "bayescope.paths",
    "run": "bayescope.pipeline",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bayescope' has no attribute '{name}'")
