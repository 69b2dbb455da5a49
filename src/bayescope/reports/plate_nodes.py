"""The unknowns and the data of a model as the nodes of its plate diagram."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bayescope.data.terms import INTERCEPT
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.ordinal import CUTPOINTS
from bayescope.models.network_bodies import network_names
from bayescope.reports.formatting import compact, plain, shorten
from bayescope.reports.record import RunRecord

GAP = 0.28
"""Inches between two nodes."""

CHARACTER = 0.082
"""Inches of one character of a node's label."""

_SMALL_CHARACTER = 0.068
_MOST_SLOPES = 5
_WIDEST = 8.2


@dataclass(frozen=True)
class Node:
    """A node with its label and, for an unknown, its prior; `kind` decides how it is drawn."""

    label: str
    kind: str  # "unknown", "fixed", "computed", "observed"
    prior: str = ""
    scale: str | None = None  # the unknown that the scale of the prior is a multiple of
    target: str | None = ""  # the parameter that it is a part of: "" the location, None none by itself

    @property
    def width(self) -> float:
        """The width of the frame, inches."""
        return max(0.6, len(self.label) * CHARACTER + 0.26)

    @property
    def room(self) -> float:
        """The width that the node takes with its prior above it, inches."""
        return max(self.width, len(self.prior) * _SMALL_CHARACTER)


def _is_head_parameter(record: RunRecord, name: str) -> bool:
    """Tell whether an unknown is a parameter of the likelihood itself, not a coefficient."""
    if record.hypotheses is not None:
        return True
    entry = LIKELIHOODS[record.model.likelihood]
    return any(name.partition("[")[0] in form.names for form in (entry, *entry.others))


def has_body(record: RunRecord) -> bool:
    """Tell whether the model has a formula."""
    return record.model.formula is not None


def head_parameters(record: RunRecord) -> list[Node]:
    """The parameters of the likelihood itself, or the hypothesis."""
    if record.hypotheses is not None:
        return [Node("hypothesis", "unknown", f"one of {len(record.hypotheses.rows)}")]
    unknown = [
        Node(label_of(p.parameter), "unknown", p.text, p.scale)
        for p in record.model.priors
        if _is_head_parameter(record, p.parameter)
    ]
    nodes = _as_one(unknown) if _has_cutpoints(record) else _vectors_as_one(unknown)
    return nodes + _fixed(record, head=True)


def _has_cutpoints(record: RunRecord) -> bool:
    entry = LIKELIHOODS.get(record.model.likelihood)
    return entry is not None and bool(entry.ordered)


def _as_one(cutpoints: list[Node]) -> list[Node]:
    """One node for all cutpoints, which have one prior."""
    first = cutpoints[0]
    return [replace(first, label=f"{CUTPOINTS} ({len(cutpoints)})", prior=f"{first.prior}, in order")]


def _vectors_as_one(nodes: list[Node]) -> list[Node]:
    """One node for the elements of each parameter that is a vector, where all of them have no room."""
    if not _too_wide(nodes):
        return nodes
    vectors: dict[str, list[Node]] = {}
    for node in nodes:
        vectors.setdefault(node.label.partition("[")[0], []).append(node)
    return [_together(name, each) if len(each) > 1 else each[0] for name, each in vectors.items()]


def _too_wide(nodes: list[Node]) -> bool:
    return sum(node.room + GAP for node in nodes) > _WIDEST


def _together(name: str, nodes: list[Node]) -> Node:
    """One node for several unknowns, with the prior that they share or what theirs are."""
    texts = {node.prior for node in nodes}
    distributions = {node.prior.partition("(")[0] for node in nodes}
    prior = texts.pop() if len(texts) == 1 else f"{' or '.join(sorted(distributions))}, scales differ"
    scale = next((node.scale for node in nodes if node.scale), None)
    return replace(nodes[0], label=f"{name} ({len(nodes)})", prior=prior, scale=scale)


def _fixed(record: RunRecord, *, head: bool) -> list[Node]:
    texts = {  # a known matrix is one node, whatever its elements
        f"{name.partition('[')[0]} known"
        if head and "[" in name
        else f"{label_of(name)} = {compact(value)}": None
        for name, value in record.model.fixed.items()
        if _is_head_parameter(record, name) == head
        and not (name == INTERCEPT and _has_cutpoints(record))  # these take its place
    }
    return [Node(text, "fixed") for text in texts]


def coefficients(record: RunRecord) -> list[Node]:
    """The unknowns of the bodies, of the location and of other parameters that have a formula."""
    found = [node for owner in ("", *modelled(record)) for node in _body_nodes(record, owner)]
    return found + _fixed(record, head=False)


def modelled(record: RunRecord) -> tuple[str, ...]:
    """The parameters beside the location that have a formula."""
    return tuple(record.model.blueprint.get("formulas", ()))


def _owner(record: RunRecord, name: str) -> str:
    return next((p for p in modelled(record) if name.startswith(f"{p}.")), "")


def _effects(record: RunRecord, owner: str) -> list[Node]:
    """The effects of groups, each kind one node."""
    effects = set(record.model.effects)
    blocks = [b for b in record.model.blueprint.get("blocks", ()) if effects.issuperset(b["labels"])]
    nodes = []
    for block in blocks:
        sigma = block["prior"]["arguments"]["sigma"]
        scale = sigma["parameter"] if isinstance(sigma, dict) else None
        text = f"Normal(0, {scale or compact(sigma)})"
        if _owner(record, block["name"]) == owner:
            label = label_of(f"{block['name']} ({len(block['labels'])})")
            nodes.append(Node(label, "unknown", text, scale, owner))
    return nodes


def _body_nodes(record: RunRecord, owner: str) -> list[Node]:
    """The intercept of a body, then the slopes, as one node if they are many, and the effects of groups."""
    effects = _effects(record, owner)
    scales = {node.scale for node in effects}
    priors = [
        p
        for p in record.model.priors
        if not _is_head_parameter(record, p.parameter)
        and _owner(record, p.parameter) == owner
        and p.parameter not in record.model.effects
    ]
    spreads = [p for p in priors if p.parameter in scales or p.distribution == "LKJ"]
    priors = [p for p in priors if p not in spreads]
    beside = [Node(label_of(p.parameter), "unknown", p.text, p.scale, None) for p in spreads]
    constant = f"{owner}.Intercept" if owner else "Intercept"
    slopes = [
        Node(label_of(p.parameter), "unknown", p.text, p.scale, owner)
        for p in priors
        if p.parameter != constant
    ]
    if len(slopes) > _MOST_SLOPES or _too_wide(slopes):
        weights = network_names(record.model.blueprint)
        kind = "weights" if any(p.parameter in weights for p in priors) else "coefficients"
        slopes = [_together(f"{owner}.{kind}" if owner else kind, slopes)]
    intercept = [Node(constant, "unknown", p.text, p.scale, owner) for p in priors if p.parameter == constant]
    return [*intercept, *slopes, *effects, *beside]


def label_of(name: str) -> str:
    """What a name is written as in a node."""
    return shorten(plain(name), 22)


def predictors_node(record: RunRecord) -> Node:
    """One node for all predictors, by name if there are few."""
    names = [f"{label_of(name)}[i]" for name in record.model.predictors]
    joined = ", ".join(names)
    label = joined if len(joined) <= 26 or len(names) == 1 else f"{len(names)} predictors [i]"
    return Node(label, "observed")
