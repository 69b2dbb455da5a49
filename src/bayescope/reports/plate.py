"""The model as a plate diagram: unknowns above, what repeats for each row inside the plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.reports.formatting import compact, plain, shorten, whole
from bayescope.reports.record import RunRecord
from bayescope.reports.style import FAINT, INK, MUTED, Picture, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHARACTER = 0.082  # inches of one character of a node's label
_SMALL_CHARACTER = 0.068
_HEIGHT = 0.34
_GAP = 0.28
_MOST_SLOPES = 5
_WIDEST = 8.2
_PRIOR_Y, _PARAMETER_Y, _BODY_Y, _RESPONSE_Y = 3.45, 3.08, 1.85, 0.95


@dataclass(frozen=True)
class _Node:
    """A node with its label and, for an unknown, its prior; `kind` decides how it is drawn."""

    label: str
    kind: str  # "unknown", "fixed", "computed", "observed"
    prior: str = ""

    @property
    def width(self) -> float:
        return max(0.6, len(self.label) * _CHARACTER + 0.26)

    @property
    def room(self) -> float:
        return max(self.width, len(self.prior) * _SMALL_CHARACTER)


def plate_picture(record: RunRecord) -> Picture:
    """Draw the plate diagram of a run's model; to be called within `house_style`.

    Open nodes are unknown, shaded ones observed, dashed ones computed; the frame is the plate, and
    what is inside repeats for each row. More than five slopes are drawn as one node.
    """
    body, head = _coefficients(record), _head_parameters(record)
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
    response = _Node(f"{_label(record.model.response)}[i]", "observed")
    sides = [response.width / 2 + 0.3 + len(_head_text(record)) * _CHARACTER]
    if record.model.predictors:
        sides.append(
            _Node(f"{record.model.location}[i]", "computed").width / 2 + 0.5 + _predictors_node(record).width
        )
    return 2 * (max(sides) + 0.45)


def _spread(nodes: Sequence[_Node]) -> list[float]:
    """Give the centre of each node of the top row."""
    centres, edge = [], 0.2
    for node in nodes:
        centres.append(edge + node.room / 2)
        edge += node.room + _GAP
    return centres


def _is_head_parameter(record: RunRecord, name: str) -> bool:
    """Tell whether an unknown is a parameter of the likelihood itself, not a coefficient."""
    names = {parameter.name for parameter in LIKELIHOODS[record.model.likelihood].parameters}
    return name.partition("[")[0] in names


def _has_body(record: RunRecord) -> bool:
    return record.model.formula is not None


def _head_parameters(record: RunRecord) -> list[_Node]:
    unknown = [
        _Node(_label(p.parameter), "unknown", p.text)
        for p in record.model.priors
        if _is_head_parameter(record, p.parameter)
    ]
    return unknown + _fixed(record, head=True)


def _fixed(record: RunRecord, *, head: bool) -> list[_Node]:
    return [
        _Node(f"{_label(name)} = {compact(value)}", "fixed")
        for name, value in record.model.fixed.items()
        if _is_head_parameter(record, name) == head
    ]


def _coefficients(record: RunRecord) -> list[_Node]:
    """The unknowns of the body: the intercept, then the slopes, as one node if they are many."""
    priors = [p for p in record.model.priors if not _is_head_parameter(record, p.parameter)]
    slopes = [_Node(_label(p.parameter), "unknown", p.text) for p in priors if p.parameter != "Intercept"]
    if len(slopes) > _MOST_SLOPES or sum(node.room + _GAP for node in slopes) > _WIDEST:
        texts = {node.prior for node in slopes}
        distributions = {p.distribution for p in priors if p.parameter != "Intercept"}
        prior = texts.pop() if len(texts) == 1 else f"{' or '.join(sorted(distributions))}, scales differ"
        slopes = [_Node(f"coefficients ({len(slopes)})", "unknown", prior)]
    intercept = [_Node("Intercept", "unknown", p.text) for p in priors if p.parameter == "Intercept"]
    return intercept + slopes + _fixed(record, head=False)


def _label(name: str) -> str:
    return shorten(plain(name), 22)


def _draw(
    axes: Axes, record: RunRecord, width: float, top: list[tuple[_Node, float]], body_size: int
) -> None:
    response = _Node(f"{_label(record.model.response)}[i]", "observed")
    middle = width / 2
    _plate(axes, record, width)
    if not _has_body(record):
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
    location = _Node(f"{record.model.location}[i]", "computed")
    for k, (node, x) in enumerate(top):
        target, y = (location, _BODY_Y) if k < body_size else (response, _RESPONSE_Y)
        _arrow(axes, (x, _PARAMETER_Y), (middle, y), node, target)
        _draw_node(axes, node, x, _PARAMETER_Y)
    _arrow(axes, (middle, _BODY_Y), (middle, _RESPONSE_Y), location, response)
    if record.model.predictors:
        _draw_predictors(axes, record, middle, location)
    _draw_node(axes, location, middle, _BODY_Y)
    _draw_node(axes, response, middle, _RESPONSE_Y)
    axes.text(
        middle + response.width / 2 + 0.12, _RESPONSE_Y - 0.02, _head_text(record), va="center", color=MUTED
    )


def _head_text(record: RunRecord) -> str:
    return f"~ {record.model.likelihood}"


def _draw_predictors(axes: Axes, record: RunRecord, middle: float, location: _Node) -> None:
    node = _predictors_node(record)
    x = middle - 0.5 - location.width / 2 - node.width / 2
    _arrow(axes, (x, _BODY_Y), (middle, _BODY_Y), node, location)
    _draw_node(axes, node, x, _BODY_Y)


def _predictors_node(record: RunRecord) -> _Node:
    names = [f"{_label(name)}[i]" for name in record.model.predictors]
    joined = ", ".join(names)
    label = joined if len(joined) <= 26 or len(names) == 1 else f"{len(names)} predictors [i]"
    return _Node(label, "observed")


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
        f"i = 1, ..., {whole(record.data.rows)}",
        ha="right",
        va="bottom",
        color=MUTED,
        fontsize=8,
    )


def _draw_node(axes: Axes, node: _Node, x: float, y: float) -> None:
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


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], tail: _Node, head: _Node
) -> None:
    """Draw an arrow from the rim of one node to the rim of another."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    leave, arrive = _rim(tail, dx, dy), _rim(head, dx, dy)
    axes.annotate(
        "",
        xy=(end[0] - dx * arrive, end[1] - dy * arrive),
        xytext=(start[0] + dx * leave, start[1] + dy * leave),
        arrowprops={
            "arrowstyle": "-|>,head_length=0.45,head_width=0.18",
            "color": INK,
            "linewidth": 0.9,
            "shrinkA": 0,
            "shrinkB": 1,
        },
        zorder=2,
    )


def _rim(node: _Node, dx: float, dy: float) -> float:
    """The part of the way (dx, dy) that lies inside a node centred at its end."""
    half_width, half_height = node.width / 2, _HEIGHT / 2
    ways = [half_width / abs(dx)] if dx else []
    ways += [half_height / abs(dy)] if dy else []
    return min(*ways, 0.49) if ways else 0.0


def _alt(record: RunRecord, nodes: Sequence[_Node]) -> str:
    unknowns = "; ".join(f"{node.label} with prior {node.prior}" for node in nodes if node.prior)
    route = f"through {record.model.location} " if _has_body(record) else ""
    return (
        f"Plate diagram: {unknowns or 'no unknowns'}, {route}to the observed {plain(record.model.response)}, "
        f"repeated for {whole(record.data.rows)} rows."
    )
