"""What an unquoted scalar of YAML means: the core schema of YAML 1.2.2, section 10.3.2.

`on` and `yes` are text, `1e3` is a number; what a double or a 64-bit integer cannot hold is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

MAX_INTEGER = 2**63 - 1

type Scalar = bool | int | float | str | None


def plain_scalar(text: str) -> Scalar:
    """Return the value of an unquoted scalar.

    >>> plain_scalar("1e3"), plain_scalar("on"), plain_scalar("~"), plain_scalar("0x1F")
    (1000.0, 'on', None, 31)

    Raises:
        ValueError: NaN, an infinity, or a number out of range; the text is a message for the user.
    """
    for pattern, construct in _CORE_SCHEMA:
        if pattern.fullmatch(text):
            return construct(text)
    return text


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _integer(text: str, base: int = 10) -> int:
    number = int(text, base) if len(text) <= 25 else MAX_INTEGER + 1
    if abs(number) > MAX_INTEGER:
        raise ValueError("the whole number is too large; write it like 1e30")
    return number


def _refuse_infinite(_text: str) -> float:
    raise ValueError("NaN and infinities are not supported; write null for a missing value")


# Tag resolution of YAML 1.2.2, section 10.3.2: the first pattern that matches all of a plain scalar.
_CORE_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda _text: None),
    (re.compile(r"true|True|TRUE"), lambda _text: True),
    (re.compile(r"false|False|FALSE"), lambda _text: False),
    (re.compile(r"[-+]?[0-9]+"), _integer),
    (re.compile(r"0o[0-7]+"), lambda text: _integer(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: _integer(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), _number),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), _refuse_infinite),
)
