"""Compiled graphs, kept while the process lasts: one that differs in its data alone is not compiled again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pymc as pm


class _Outline(NamedTuple):
    """What nutpie compiles: outputs as functions of inputs, all of them computed, and what has a name."""

    inputs: list[Any]
    outputs: list[Any]
    named: tuple[Any, ...]
    starts: list[Any]

    def same(self, other: _Outline) -> bool:
        """Tell whether the two compile to the same functions of values and data."""
        from pytensor.graph.basic import equal_computations

        return (
            self.named == other.named
            and all(map(_equal, self.starts, other.starts))
            and equal_computations(self.outputs, other.outputs, self.inputs, other.inputs)
        )


_KEPT: deque[tuple[_Outline, Any]] = deque(maxlen=4)


def compiled_for(graph: pm.Model) -> Any:
    """Compile a graph for nutpie, or give its data to what was compiled for one that is otherwise equal."""
    import nutpie

    outline = _outline(graph)
    for known, compiled in tuple(_KEPT):
        if known.same(outline):
            return compiled.with_data(**_data(graph, compiled.shared_var_keys))
    compiled = nutpie.compile_pymc_model(graph)
    _KEPT.append((outline, compiled))
    return compiled


def _data(graph: pm.Model, used: Iterable[Any]) -> dict[str, Any]:
    names = {variable.name for variable in used}
    return {data.name: data.get_value() for data in graph.data_vars if data.name in names}


def _outline(graph: pm.Model) -> _Outline:
    variables = [*graph.free_RVs, *graph.deterministics]
    return _Outline(
        inputs=[*graph.value_vars, *graph.data_vars, *graph.dim_lengths.values()],
        outputs=[graph.logp(), *graph.replace_rvs_by_values(variables)],
        named=(
            [variable.name for variable in (*graph.value_vars, *variables)],
            [(data.name, data.get_value(borrow=True).shape) for data in graph.data_vars],
            graph.named_vars_to_dims,
            graph.coords,
        ),
        starts=[graph.rvs_to_initial_values[variable] for variable in graph.free_RVs],
    )


def _equal(one: Any, other: Any) -> bool:
    return one is other or bool(np.array_equal(one, other))
