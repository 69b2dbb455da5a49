"""Did you mean ...? Endings for messages about a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED_AT_MOST = 16


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that `name` is most likely a slip of, or None.

    Letter case is ignored; likeness is `difflib`'s ratio, at least 0.65.
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.65)
    return by_folded[matches[0]] if matches else None


def quoted(name: object) -> str:
    """Return what was written as a message repeats it: in quotes, on one line, at most 40 characters of it.

    >>> quoted("sgima")
    "'sgima'"
    """
    text = str(name)
    return repr(text if len(text) <= 40 else text[:37] + "...")


def suggest(name: str, known: Iterable[str], kind: str = "known here") -> str:
    """Return the ending of a message: "; did you mean 'x'?", or the list of what there is.

    >>> suggest("sgima", ["mu", "sigma"])
    "; did you mean 'sigma'?"
    >>> suggest("zzz", ["mu", "sigma"])
    '; known here: mu, sigma'
    """
    candidates = tuple(known)
    match = closest(name, candidates)
    if match is not None:
        return f"; did you mean '{match}'?"
    if not candidates:
        return ""
    more = ", ..." if len(candidates) > _LISTED_AT_MOST else ""
    return f"; {kind}: {', '.join(candidates[:_LISTED_AT_MOST])}{more}"
