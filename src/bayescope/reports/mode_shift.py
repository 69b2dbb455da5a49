"""What the Jacobian does to the mode of a Laplace approximation, as a sentence with its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bayescope.inference.fit import Fit
from bayescope.reports.formatting import listing, number, plain, significant

_LEAST = 5e-4  # sds: what rounds to 0.000


def mode_shifts(fits: Sequence[Fit]) -> list[str]:
    """Say where the mode of each Laplace approximation is, beside map's, the mode without Jacobian."""
    return [sentence for fit in fits if fit.answered for sentence in _sentences(fit)]


def _sentences(fit: Fit) -> list[str]:
    moved = fit.details.get("mode_above_map_in_sd")
    if moved is None or fit.marginals is None:
        return []
    rows = {name: shift for name, shift in moved.items() if math.isfinite(shift) and abs(shift) >= _LEAST}
    if not rows:
        return [f"{fit.name}: its mode is that of map, as no Jacobian moves it (by 0.001 sds or more)."]
    ordered = sorted(rows, key=lambda name: -abs(rows[name]))
    texts = [_text(fit, name, rows[name]) for name in ordered]
    return [f"{fit.name}: with the Jacobian the mode, mapped back, is not that of map: {listing(texts, 4)}."]


def _text(fit: Fit, name: str, shift: float) -> str:
    mode, sd = fit.details["mode"][name], fit.posterior[name].sd
    scale = fit.details["scales"][name]
    how = "" if scale == "identity" else f" ({scale} scale)"
    point = significant(mode - shift * sd)
    return f"{plain(name)}{how} {significant(mode)}, not {point} ({number(shift, 3)} sds)"
