"""The YAML that ships with bayescope: models, inference recipes and example configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bayescope.errors import BayescopeError

type Shelf = Literal["models", "inference", "configs"]


def folder(shelf: Shelf) -> Path:
    """Return the folder of a shelf: inside the package in a wheel, else at the root of the checkout.

    Raises:
        BayescopeError: neither is there.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_library" / shelf, package.parents[1] / shelf):
        if candidate.is_dir():
            return candidate
    raise BayescopeError(f"the shipped {shelf} are missing from this installation; reinstall bayescope")


def models() -> dict[str, Path]:
    """Return the shipped model files by name."""
    return _files("models")


def recipes() -> dict[str, Path]:
    """Return the shipped inference recipes by name."""
    return _files("inference")


def configs() -> dict[str, Path]:
    """Return the shipped example configurations by name."""
    return _files("configs")


def _files(shelf: Shelf) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder(shelf).glob("*.yaml"))}
