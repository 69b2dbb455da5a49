"""Numbers and dates that are text, because they were written for people: 1,200 or 12 % or 01/02/2024."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

_GROUPED = r"\d{1,3}(?:[,.'_ \u00a0\u202f]\d{3})+|\d+"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_PLAIN = re.compile(r"[-+]?\d+(\.\d+)?")
_KINDS: Mapping[str, re.Pattern[str]] = {
    "numbers": re.compile(
        rf"[-+\u2212(]?[$€£¥]? ?[-+\u2212]?(?:{_GROUPED})(?:[.,]\d+)?(?:[eE][-+]?\d+)? ?[%$€£¥]?\)?"
    ),
    "dates": re.compile(
        rf"\d{{1,4}}([-./])\d{{1,2}}\1\d{{1,4}}(?:[ T]{_TIME} ?(?:Z|[-+]\d{{2}}:?\d{{2}})?)?"
    ),
    "times": re.compile(_TIME),
}


def disguised(values: NDArray[Any]) -> str:
    """Say what more than half of an object column stands for, `numbers`, `dates` or `times`; "" for words.

    Text such as '12', which needs no rewriting to be a number, was put in quotes on purpose: a word.
    """
    counts = Counter(str(value) for value in values.tolist() if value is not None)
    half = sum(counts.values()) / 2
    for kind, form in _KINDS.items():
        of_kind = [text for text in counts if form.fullmatch(text)]
        if sum(counts[text] for text in of_kind) > half and not all(map(_PLAIN.fullmatch, of_kind)):
            return kind
    return ""


def examples(values: NDArray[Any]) -> str:
    """Quote the first three different values of a column."""
    different = list(dict.fromkeys(value for value in values[:100] if value is not None))
    return ", ".join(map(repr, different[:3])) + (", ..." if len(different) > 3 else "")
