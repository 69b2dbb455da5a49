"""How many: counts as sentences write them."""

from __future__ import annotations


def whole(count: float) -> str:
    """Write a count with commas between thousands."""
    return f"{count:,.0f}"


def counted(count: float, noun: str) -> str:
    """Write how many there are of what the noun names.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{whole(count)} {noun}{'' if count == 1 else 's'}"
