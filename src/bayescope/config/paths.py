"""Paths as text that can be written anywhere: the names of files need not be UTF-8."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path


def path_text(path: str | Path) -> str:
    r"""Write a path as text in which bytes that are not UTF-8 are escapes.

    >>> path_text("caf\udce9.csv")
    'caf\\xe9.csv'
    """
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def shell_line(words: Iterable[str]) -> str:
    r"""Write words as a line for a shell; those that are not UTF-8 as bash quotes them.

    >>> print(shell_line(["bayescope", "run", "my coin.yaml", "caf\udce9.yaml"]))
    bayescope run 'my coin.yaml' $'caf\xe9.yaml'
    """
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if path_text(word) == word:
        return shlex.quote(word)
    escaped = word.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{path_text(escaped)}'"
