"""The words of formulas: names, numbers and operators, each with its position in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bayescope.errors import BayescopeError

MAX_CHARACTERS = 10_000


class FormulaError(BayescopeError):
    """A formula cannot be read; `position` is the 0-based offset of the offending text in it."""

    exit_code = 2

    def __init__(self, message: str, position: int) -> None:
        self.message = message
        self.position = position
        super().__init__(f"{message} (character {position + 1} of the formula)")


class Token(NamedTuple):
    """A piece of the text: its kind, what it says, where it starts."""

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | `(?P<quoted>[^`\n]+)`
      | (?P<operator>\*\*|\|\||[-+*/^:~(),.|=\[\]])""",
    re.VERBOSE,
)
_REFUSED = {
    "'": "text in quotes has no meaning in a formula; write column names plainly or in `backticks`",
    '"': "text in quotes has no meaning in a formula; write column names plainly or in `backticks`",
    "`": "this backtick is not closed",
}
_INDEXING = "brackets for indexing are not supported; name a column"
EQUALS = "`=` has no meaning here in a formula; separate the response from the predictors by `~`"


def tokens(text: str) -> tuple[Token, ...]:
    """Split a formula into tokens; the last one has the kind "end"."""
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(f"a formula may have {MAX_CHARACTERS:,} characters, this one has {len(text):,}", 0)
    return (*_scan(text), Token("end", "", len(text)))


def _scan(text: str) -> Iterator[Token]:
    position = 0
    before: Token | None = None
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            character = text[position]
            raise FormulaError(_REFUSED.get(character, f"unexpected character {character!r}"), position)
        token = Token(str(match.lastgroup), match[str(match.lastgroup)], position)
        if (token.kind, token.text) == ("operator", "[") and not _may_open_a_list(before):
            raise FormulaError(_INDEXING, position)
        if token.kind != "space":
            before = token
            yield token
        position = match.end()


def _may_open_a_list(before: Token | None) -> bool:
    """Tell whether a `[` begins a list (`knots=[1, 2]`), by the token before it; else it would index."""
    return before is not None and before.kind == "operator" and before.text in ("=", "[", ",", "(")
