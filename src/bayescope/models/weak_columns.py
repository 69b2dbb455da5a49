"""Columns of a design that the data cannot tell apart: refused, or noted where given priors settle them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bayescope.data.checks import DesignFinding, check_design
from bayescope.data.design import Design, Term
from bayescope.data.table import Table
from bayescope.data.terms import INTERCEPT
from bayescope.distributions.choices import PRIORS
from bayescope.errors import DataError, Finding
from bayescope.models.model import Block


def refuse_empty_terms(design: Design, table: Table) -> None:
    """Refuse a categorical predictor of one level: it has no coefficient that a prior could settle.

    Raises:
        DataError: so it is.
    """
    empty = {term.name for term in design.terms if term.start == term.stop}
    findings = check_design(design) if empty else ()
    refuse([Finding(f"{found.message}; leave it out") for found in findings if found.label in empty], table)


def weak_columns(
    design: Design, blocks: Sequence[Block], fixed: Mapping[str, float], table: Table, size: float = 1.0
) -> tuple[str, ...]:
    """Refuse columns that the data cannot tell apart, unless the user gave their coefficients proper priors.

    Returns notes on those that only the priors tell apart. `size` is that of the linear predictor.

    Raises:
        DataError: the posterior would be improper, or rest on a default prior alone.
    """
    findings = check_design(_free(design, fixed), size)
    if not findings:
        return ()
    slopes = [b for b in blocks if not b.name.endswith(INTERCEPT)]
    proper = {label for b in slopes if PRIORS[b.prior.distribution].proper for label in b.labels}
    refused = [
        found
        for found in findings
        # in few rows, flat coefficients must be determined by themselves
        if (
            check_design(_free(design, {*fixed, *proper}))
            if found.kind == "rows"
            else not _settled_by_priors(found, blocks)
        )
    ]
    refuse([Finding(f"{found.message}; {_ADVICE[found.kind]}") for found in refused], table)
    return tuple(
        f"{found.message}: only the priors tell them apart, and there is no MLE" for found in findings
    )


def _free(design: Design, fixed: Collection[str]) -> Design:
    """The columns whose coefficients are unknown; a fixed one can be collinear with nothing."""
    if not set(fixed) & set(design.labels):
        return design
    terms: list[Term] = []
    for term in design.terms:
        if design.labels[term.start] not in fixed:
            start = terms[-1].stop if terms else 0
            terms.append(replace(term, start=start, stop=start + term.stop - term.start))
    free = [i for i, label in enumerate(design.labels) if label not in fixed]
    labels = tuple(design.labels[i] for i in free)
    return Design(design.matrix[:, free], labels, tuple(terms), design.encoding)


_ADVICE = {
    "constant": "leave it out, or give its coefficient a proper prior",
    "distant": "subtract a constant: write `center()` around it, or `standardize: true`",
    "collinear": "leave one of them out, or give their coefficients proper priors",
    "units": "rescale one of them",
    "rows": "use more rows or fewer columns, or give the coefficients proper priors",
}


def _settled_by_priors(found: DesignFinding, blocks: Sequence[Block]) -> bool:
    """Whether proper priors that the user gave tell these columns apart; no prior gives digits back."""
    if found.kind in {"distant", "units"}:
        return False
    labels = {found.label, *found.involved}
    slopes = [b for b in blocks if not b.name.endswith(INTERCEPT) and labels & set(b.labels)]
    proper = all(PRIORS[block.prior.distribution].proper for block in slopes)
    return proper and all(block.origin == "given" for block in slopes)


def refuse(findings: Sequence[Finding], table: Table) -> None:
    """Raise what was found, if anything was, as one DataError."""
    if findings:
        raise DataError(findings, table.source)
