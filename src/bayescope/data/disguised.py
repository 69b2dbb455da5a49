"""Numbers and dates that are text, because they were written for people: 1,200 or 12 % or 01/02/2024."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

_GROUPED = r"\d{1,3}(?:[,.'_ \u00a0\u202f]\d{3})+|\d+"
_PLAIN = re.compile(r"[-+]?\d+(\.\d+)?")
_KINDS: Mapping[str, re.Pattern[str]] = {
    "numbers": re.compile(rf"[-+(]?[$€£¥]? ?[-+]?(?:{_GROUPED})(?:[.,]\d+)? ?[%$€£¥]?\)?"),
    "dates": re.compile(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?"),
}


def disguised(values: NDArray[Any]) -> str:
    """Say what all text of an object column stands for, `numbers` or `dates`; "" for words.

    Text such as '12', which needs no rewriting to be a number, was put in quotes on purpose: a word.
    """
    texts = {value for value in values if value is not None}
    if all(isinstance(text, str) and _PLAIN.fullmatch(text) for text in texts):
        return ""
    return next((kind for kind, form in _KINDS.items() if all(form.fullmatch(str(t)) for t in texts)), "")


def examples(values: NDArray[Any]) -> str:
    """Quote the first three different values of a column."""
    different = list(dict.fromkeys(value for value in values[:100] if value is not None))
    return ", ".join(map(repr, different[:3])) + (", ..." if len(different) > 3 else "")
