"""What `bayescope compare` prints: models by what they predict, and by their evidence."""

from __future__ import annotations

from collections.abc import Sequence

from bayescope.diagnostics.evidence import ComparedModel
from bayescope.diagnostics.model_comparison import advice
from bayescope.reports.formatting import DASH, plain, wrapped


def comparison_text(rows: Sequence[ComparedModel]) -> str:
    """Write a comparison of models as aligned text; Bayes factors are of the best model against each."""
    scores = [_score(row) for row in rows if row.elpd is not None]
    evidence = [_evidence(row) for row in rows if row.log_evidence is not None]
    models = wrapped([f"{row.run}: {plain(row.model)}" for row in rows], indent="    ")
    parts = (
        _table(("run", "elpd", "difference", "its se", "weight", "p_loo"), scores),
        *wrapped(advice(rows)),
        _table(("run", "log evidence", "Bayes factor", "probability"), evidence),
        "\n".join(models),
    )
    return "\n\n".join(part for part in parts if part)


def _score(row: ComparedModel) -> tuple[str, ...]:
    best = row.elpd_difference == 0
    return (
        row.run,
        f"{row.elpd:.2f}",
        *((DASH, DASH) if best else (f"{row.elpd_difference:.2f}", f"{row.difference_se:.2f}")),
        f"{row.weight:.2f}",
        DASH if row.p_loo is None else f"{row.p_loo:.1f}",
    )


def _evidence(row: ComparedModel) -> tuple[str, ...]:
    return row.run, f"{row.log_evidence:.2f}", f"{row.bayes_factor:.4g}", f"{row.probability:.4f}"


def _table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    if not cells:
        return ""
    widths = [max(len(line[k]) for line in (head, *cells)) for k in range(len(head))]
    first, *others = [
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in (head, *cells)
    ]
    return "\n".join((first, "-" * len(first), *others))
