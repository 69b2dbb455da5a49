"""What the unknowns of a model are called in its PyMC graph and in a tree of draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Fresh = Callable[[str], str]
"""Makes a name that is not taken of one that is wanted."""

RESERVED = ("chain", "draw", "__sample__")
"""Names that mean something else in an ArviZ group."""


@dataclass(frozen=True)
class Variable:
    """What a block is called in the graph: its variable, and the dimension of a vector (None: scalar)."""

    name: str
    dim: str | None


def unique(wanted: str, taken: set[str]) -> str:
    """Take `wanted`, made a legal name of PyMC, xarray and netCDF, and followed by `_` until it is free."""
    name = wanted.replace("/", "÷").replace(",", ";")
    if name.endswith("__"):
        name += "."  # PyMC keeps a final `__` for transformed variables and leaves them out of traces
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def named_blocks(model: Model, taken: set[str]) -> dict[str, Variable]:
    """Name the variable and the dimension of each block; they are `taken` from then on."""
    names = {block.name: unique(block.name, taken) for block in model.blocks}
    dims = {
        block.name: unique("coefficient" if block.name == "coefficients" else f"{block.name}_dim", taken)
        for block in model.blocks
        if not block.scalar
    }
    return {block.name: Variable(names[block.name], dims.get(block.name)) for block in model.blocks}


def variables(model: Model) -> dict[str, Variable]:
    """Tell what each block, by name, is called in the graph and in a tree of draws.

    Names are the blocks' own, but for three signs with a meaning elsewhere: `/` becomes `÷`, `,` becomes `;`,
    and a name that is taken (`chain`, `draw`) gets a final `_`. Labels are coordinates, and stay as they are.
    """
    return named_blocks(model, set(RESERVED))


def split(model: Model, theta: Floats) -> dict[str, Floats]:
    """Cut theta, shape (..., d), into the graph's variables: name -> shape (...) or (..., k)."""
    named = variables(model)
    parts = {block.name: theta[..., block.start : block.stop] for block in model.blocks}
    return {
        variable.name: parts[block] if variable.dim else parts[block].squeeze(-1)
        for block, variable in named.items()
    }
