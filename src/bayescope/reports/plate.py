"""The model as a plate diagram: unknowns above, what repeats for each row inside the plate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescope.config.counts import whole
from bayescope.reports.formatting import plain
from bayescope.reports.plate_nodes import (
    CHARACTER,
    GAP,
    Node,
    coefficients,
    has_body,
    head_parameters,
    label_of,
    modelled,
    predictors_node,
)
from bayescope.reports.record import RunRecord
from bayescope.reports.style import FAINT, INK, MUTED, Picture, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 0.34
_PRIOR_Y, _PARAMETER_Y, _BODY_Y, _RESPONSE_Y = 3.45, 3.08, 1.85, 0.95
_STYLE = {
    "arrowstyle": "-|>,head_length=0.45,head_width=0.18",
    "color": INK,
    "linewidth": 0.9,
    "shrinkA": 0,
    "shrinkB": 1,
}


def plate_picture(record: RunRecord) -> Picture:
    """Draw the plate diagram of a run's model; to be called within `house_style`.

    Open nodes are unknown, shaded ones observed, dashed ones computed; the frame is the plate, and
    what is inside repeats for each row. More than five slopes are drawn as one node.
    """
    body, head = coefficients(record), head_parameters(record)
    nodes = [*body, *head]
    positions = _spread(nodes)
    needed = positions[-1] + nodes[-1].room / 2 + 0.2 if nodes else 0.0
    width = max(needed, _plate_width(record))
    positions = [position + (width - needed) / 2 for position in positions]
    figure = new_figure(width, 3.75, None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, 3.75), aspect="equal")
    axes.axis("off")
    _draw(axes, record, width, list(zip(nodes, positions, strict=True)), len(body))
    return picture(figure, "model", "Plate diagram", _alt(record, nodes))


def _plate_width(record: RunRecord) -> float:
    """The width that the widest row of the plate asks for, its middle node in the middle."""
    response = Node(f"{label_of(record.model.response)}[i]", "observed")
    sides = [response.width / 2 + 0.3 + len(_head_text(record)) * CHARACTER]
    if record.model.predictors:
        sides.append(
            Node(f"{record.model.location}[i]", "computed").width / 2 + 0.5 + predictors_node(record).width
        )
    others = _other_places(record, 0.0, Node(f"{record.model.location}[i]", "computed")).values()
    sides += [place + node.width / 2 for place, node in others]
    return 2 * (max(sides) + 0.45)


def _spread(nodes: Sequence[Node]) -> list[float]:
    """Give the centre of each node of the top row."""
    centres, edge = [], 0.2
    for node in nodes:
        centres.append(edge + node.room / 2)
        edge += node.room + GAP
    return centres


def _draw(axes: Axes, record: RunRecord, width: float, top: list[tuple[Node, float]], body_size: int) -> None:
    response = Node(f"{label_of(record.model.response)}[i]", "observed")
    middle = width / 2
    _plate(axes, record, width)
    _draw_scales(axes, top)
    if not has_body(record):
        for node, x in top:
            _arrow(axes, (x, _PARAMETER_Y), (middle, _RESPONSE_Y + 0.45), node, response)
            _draw_node(axes, node, x, _PARAMETER_Y)
        _draw_node(axes, response, middle, _RESPONSE_Y + 0.45)
        axes.text(
            middle + response.width / 2 + 0.1,
            _RESPONSE_Y + 0.45,
            _head_text(record),
            va="center",
            color=MUTED,
        )
        return
    location = Node(f"{record.model.location}[i]", "computed")
    others = _other_places(record, middle, location)
    for k, (node, x) in enumerate(top):
        place, target, y = middle, location, _BODY_Y
        if k >= body_size:
            target, y = response, _RESPONSE_Y
        elif node.target in others:
            place, target = others[node.target]
        if k >= body_size or node.target is not None:
            _arrow(axes, (x, _PARAMETER_Y), (place, y), node, target)
        _draw_node(axes, node, x, _PARAMETER_Y)
    for place, node in others.values():
        _arrow(axes, (place, _BODY_Y), (middle, _RESPONSE_Y), node, response)
        _draw_node(axes, node, place, _BODY_Y)
    _arrow(axes, (middle, _BODY_Y), (middle, _RESPONSE_Y), location, response)
    if record.model.predictors:
        _draw_predictors(axes, record, middle, location)
    _draw_node(axes, location, middle, _BODY_Y)
    _draw_node(axes, response, middle, _RESPONSE_Y)
    axes.text(
        middle + response.width / 2 + 0.12, _RESPONSE_Y - 0.02, _head_text(record), va="center", color=MUTED
    )


def _other_places(record: RunRecord, middle: float, location: Node) -> dict[str | None, tuple[float, Node]]:
    """Place the computed nodes of other parameters with a formula to the right of the location's."""
    places: dict[str | None, tuple[float, Node]] = {}
    x = middle + location.width / 2
    for name in modelled(record):
        node = Node(f"{name}[i]", "computed")
        places[name] = (x + GAP + node.width / 2, node)
        x += GAP + node.width
    return places


def _draw_scales(axes: Axes, top: list[tuple[Node, float]]) -> None:
    """Draw an arc, below the row, from each unknown to those whose prior's scale is a multiple of it."""
    places = {node.label: x for node, x in top}
    low = _PARAMETER_Y - _HEIGHT / 2
    for node, x in top:
        if node.scale is not None and label_of(node.scale) in places:
            start = places[label_of(node.scale)]
            bend = np.sign(x - start) * min(0.25, 0.5 / abs(x - start))  # stays above the plate
            style = _STYLE | {"connectionstyle": f"arc3,rad={bend:.3f}"}
            axes.annotate("", xy=(x, low), xytext=(start, low), arrowprops=style, zorder=1)


def _head_text(record: RunRecord) -> str:
    if record.hypotheses is not None:
        return "~ as the hypothesis says"
    return f"~ {record.model.likelihood}"


def _draw_predictors(axes: Axes, record: RunRecord, middle: float, location: Node) -> None:
    node = predictors_node(record)
    x = middle - 0.5 - location.width / 2 - node.width / 2
    _arrow(axes, (x, _BODY_Y), (middle, _BODY_Y), node, location)
    _draw_node(axes, node, x, _BODY_Y)


def _plate(axes: Axes, record: RunRecord, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    frame: Any = FancyBboxPatch(
        (0.2, 0.3),
        width - 0.4,
        2.05,
        boxstyle="round,pad=0,rounding_size=0.12",
        fill=False,
        edgecolor=MUTED,
        linewidth=0.9,
    )
    axes.add_patch(frame)
    axes.text(
        width - 0.34,
        0.42,
        f"i = 1, ..., {whole(_size(record))}",
        ha="right",
        va="bottom",
        color=MUTED,
        fontsize=8,
    )


def _size(record: RunRecord) -> int:
    """How often the plate repeats: for each observation, or each row where a column has weights."""
    weights = record.model.blueprint.get("response", {}).get("weights")
    return record.data.observations if weights is None else record.data.rows


def _draw_node(axes: Axes, node: Node, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    if node.kind != "fixed":
        box: Any = FancyBboxPatch(
            (x - node.width / 2, y - _HEIGHT / 2),
            node.width,
            _HEIGHT,
            boxstyle=f"round,pad=0,rounding_size={_HEIGHT / 2}",
            facecolor=FAINT if node.kind == "observed" else "white",
            edgecolor=INK,
            linewidth=1.1,
            linestyle=(0, (3, 2)) if node.kind == "computed" else "-",
            zorder=3,
        )
        axes.add_patch(box)
    axes.text(x, y - 0.01, node.label, ha="center", va="center", fontsize=9, zorder=4)
    if node.prior:
        axes.text(
            x, y + _PRIOR_Y - _PARAMETER_Y, node.prior, ha="center", va="center", fontsize=7.5, color=MUTED
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], tail: Node, head: Node) -> None:
    """Draw an arrow from the rim of one node to the rim of another."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    leave, arrive = _rim(tail, dx, dy), _rim(head, dx, dy)
    axes.annotate(
        "",
        xy=(end[0] - dx * arrive, end[1] - dy * arrive),
        xytext=(start[0] + dx * leave, start[1] + dy * leave),
        arrowprops=_STYLE,
        zorder=2,
    )


def _rim(node: Node, dx: float, dy: float) -> float:
    """The part of the way (dx, dy) that lies inside a node centred at its end."""
    half_width, half_height = node.width / 2, _HEIGHT / 2
    ways = [half_width / abs(dx)] if dx else []
    ways += [half_height / abs(dy)] if dy else []
    return min(*ways, 0.49) if ways else 0.0


def _alt(record: RunRecord, nodes: Sequence[Node]) -> str:
    unknowns = "; ".join(f"{node.label} with prior {node.prior}" for node in nodes if node.prior)
    route = f"through {record.model.location} " if has_body(record) else ""
    repeated = "rows" if _size(record) == record.data.rows else "observations"
    return (
        f"Plate diagram: {unknowns or 'no unknowns'}, {route}to the observed {plain(record.model.response)}, "
        f"repeated for {whole(_size(record))} {repeated}."
    )
