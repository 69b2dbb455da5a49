"""Numbers and names as a reader sees them: the same rules in the terminal, HTML and Markdown."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from textwrap import fill

DASH = "—"
FIGURE_SPACE = "\u2007"  # as wide as a digit
POINT_SPACE = "\u2008"  # as wide as a full stop
_MOST_DECIMALS = 8


def significant(value: float | None, digits: int = 4) -> str:
    """Write a number with `digits` significant digits; undefined and infinite values as a dash.

    Numbers outside 1e-4 to 1e7 are written in scientific notation; an exact zero is "0".

    >>> significant(25.794114), significant(-0.0), significant(1.23456e-7), significant(None)
    ('25.79', '0', '1.235e-07', '—')
    """
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    return fixed(value, max(0, digits - 1 - _exponent(value, digits)))


def compact(value: float | None, digits: int = 4) -> str:
    """Write a number as `significant` does, without trailing zeros (for settings, edges and counts).

    >>> compact(0.5), compact(100.0)
    ('0.5', '100')
    """
    text = significant(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def fixed(value: float | None, decimals: int) -> str:
    """Write a number with so many decimals; an exact zero is "0" and a rounded one has no sign.

    >>> fixed(-0.0001, 2), fixed(0.0, 2), fixed(2.0, 2)
    ('0.00', '0', '2.00')
    """
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def decimals_for(estimates: Iterable[float | None], sds: Iterable[float | None]) -> int | None:
    """How many decimals show the largest estimate to four digits, and the smallest sd to two or three.

    None means that fixed decimals cannot show these numbers: use scientific notation.
    """
    points = [abs(value) for value in estimates if value is not None and math.isfinite(value) and value != 0]
    spreads = [value for value in sds if value is not None and math.isfinite(value) and value > 0]
    wanted = [3 - _exponent(max(points))] if points else [0]
    if spreads:
        finest = 2 - _exponent(min(spreads))
        wanted = [max(finest - 1, min(finest, *wanted))]
    largest = max(points, default=0.0)
    hidden = bool(spreads) and min(spreads) < 0.01 * largest < 1e13  # an sd that four digits would not show
    too_large = largest >= 1e7 and not hidden
    return None if wanted[0] > _MOST_DECIMALS or too_large else max(0, wanted[0])


def number(value: float | None, decimals: int | None) -> str:
    """Write a number with the decimals that `decimals_for` chose."""
    return significant(value) if decimals is None else fixed(value, decimals)


def _exponent(value: float, digits: int = 4) -> int:
    """The power of ten of the first digit, once rounded to so many digits: 9.99996 counts as 10."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def aligned(cells: Sequence[str]) -> list[str]:
    """Pad numbers on the right so that their decimal points meet in a right-aligned column.

    The padding is as wide as digits and a point in fonts with tabular figures.
    """
    fractions = [_fraction_width(cell) for cell in cells]
    widths = [have for have in fractions if have is not None]
    return [
        cell if have is None else cell + _padding(have, max(widths, default=0))
        for cell, have in zip(cells, fractions, strict=True)
    ]


def _padding(have: int, wanted: int) -> str:
    if have == wanted:
        return ""
    return FIGURE_SPACE * (wanted - have) if have else POINT_SPACE + FIGURE_SPACE * (wanted - 1)


def _fraction_width(cell: str) -> int | None:
    """Characters from the decimal point on; None for a cell that is not a plain number."""
    match = re.fullmatch(r"-?\d+(\.\d+)?", cell)
    return len(match.group(1) or "") if match else None


def duration(seconds: float) -> str:
    """Write a time with a fitting unit.

    >>> duration(0.00123), duration(0.0996), duration(2.5), duration(200)
    ('1.2 ms', '100 ms', '2.5 s', '3 min 20 s')
    """
    if seconds < 1:
        return f"{seconds * 1000:.2g} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def plain(text: str) -> str:
    """Text of the user on one line: control characters and line breaks become visible marks.

    >>> plain(chr(10).join("ab"))
    'a␤b'
    """
    marks = {"\n": "␤", "\r": "␍", "\t": "␉"}
    return "".join(
        marks.get(character, "\N{REPLACEMENT CHARACTER}" if _unprintable(character) else character)
        for character in text
    )


def printable(text: str) -> str:
    """Text of several lines in which no character commands a terminal.

    >>> printable(chr(27) + "[2Ja")
    '�[2Ja'
    """
    return "\n".join(map(plain, text.split("\n")))


def printable_json(text: str, encoding: str = "utf-8") -> str:
    """JSON with escapes for the characters that could command a terminal: the same to whoever reads it.

    If `encoding` cannot write it, all characters beyond ASCII are escaped.
    """
    ascii_only = not _writes(text, encoding)
    return "".join(
        json.dumps(c)[1:-1] if (c != "\n" and _unprintable(c)) or (ascii_only and not c.isascii()) else c
        for c in text
    )


_ASCII = str.maketrans({"±": "+/-", "—": "-", "…": "~", "·": "-", "─": "-", "␤": "~", "␍": "~", "␉": "~"})


def encodable(text: str, encoding: str) -> str:
    """Replace what the encoding of a stream cannot write (an ASCII terminal gets +/- for ±)."""
    if _writes(text, encoding):
        return text
    return text.translate(_ASCII).encode(encoding, errors="replace").decode(encoding)


def _writes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _unprintable(character: str) -> bool:
    # Format characters include the marks that reverse the direction of text.
    return not character.isprintable() and unicodedata.category(character) != "Zs"


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is longer than `width`.

    >>> shorten("a_very_long_name", 9)
    'a_ve…name'
    """
    if len(text) <= width:
        return text
    head = width // 2
    return text[:head] + "…" + text[len(text) - (width - head - 1) :]


def shorten_apart(texts: Sequence[str], width: int) -> list[str]:
    """Shorten texts so that those that differ still do: a little longer than `width`, or else numbered.

    >>> shorten_apart(["very dissatisfied", "very satisfied"], 9)
    ['very d…sfied', 'very s…sfied']
    >>> shorten_apart(["x" * 30 + "a" + "x" * 30, "x" * 30 + "b" + "x" * 30], 5)
    ['1: xx…xx', '2: xx…xx']
    """
    for longer in (width, width + width // 6, width + width // 3):
        short = [shorten(text, longer) for text in texts]
        if len(set(short)) == len(set(texts)):
            return short
    return [f"{place}: {shorten(text, width)}" for place, text in enumerate(texts, start=1)]


def wrapped(sentences: Iterable[str], width: int = 80, indent: str = "") -> list[str]:
    r"""Break sentences into lines of at most `width` columns; a word that is longer stays whole.

    `indent` stands before every line of a sentence but its first.

    >>> wrapped(["The ranks of all unknowns stay inside."], 20)
    ['The ranks of all\nunknowns stay\ninside.']
    """
    return [
        fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for text in sentences
    ]


def listing(items: Sequence[str], most: int = 8, total: int | None = None) -> str:
    """Join names for a sentence, the tail of a long list as a count; `total` if `items` lacks some of them.

    >>> listing(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {(total or len(items)) - most} more"


def code_spans(text: str) -> list[tuple[bool, str]]:
    """Split a sentence at its backticks: (whether it is code, the text).

    >>> code_spans("`f()` is it")
    [(True, 'f()'), (False, ' is it')]
    """
    parts = text.split("`")
    return [(position % 2 == 1, part) for position, part in enumerate(parts) if part]
